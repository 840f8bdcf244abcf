"""The training tasks of Eve against covert communication (Tang et al., Sec. III): her generators and her inverse networks."""

from typing import Any

from linksim.training.eigenfaces import EigenfacesTask
from linksim.training.generator import GeneratorTask
from linksim.training.linear_inverter import LinearInverterTask
from linksim.training.perceptual_inverter import PerceptualInverterTask
from linksim.training.task import TrainingTask

EIGENFACES: dict[str, object] = {"side": 128, "coarse": 48, "latents": 600}
INVERTER: dict[str, object] = {"layout": "residual", "side": 128, "channels": 8, "stem": 64, "width": 128, "inner": 96}
REGRESSION: dict[str, object] = {"layout": "linear", "side": 128, "channels": 8, "coarse": 48, "latents": 64}
QUERIES = (100, 1_000, 4_000)  # the paper: 100


def inverse(queries: int, **settings: Any) -> PerceptualInverterTask:
    """Return the task of an inverse network of the undefended codec; `settings` are further fields of `PerceptualInverterTask`."""
    return PerceptualInverterTask(
        "faces", INVERTER, codec="covert-codec", num_captured_frames=queries, peak_rate=2e-3, average=0.998, num_eval_images=300, **settings
    )


COVERT_EVE: dict[str, TrainingTask] = {
    "face-eigenfaces": EigenfacesTask("faces", {"layout": "eigenfaces", **EIGENFACES}, num_eval_images=300),
    "face-generator": GeneratorTask("faces", {"layout": "style", **EIGENFACES}, steps=8_000, kl_weight=0.3, num_eval_images=300),
    "covert-regression": LinearInverterTask("faces", REGRESSION, codec="covert-codec", num_captured_frames=4_000),
    **{f"covert-inverse-m{m}": inverse(m, steps=3_000, batch=16, part=64) for m in QUERIES},
    **{f"covert-generative-inverse-m{m}": inverse(m, steps=2_000, batch=8, generator="face-generator") for m in QUERIES},
}

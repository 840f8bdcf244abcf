"""The training tasks of covert communication: the codec of faces, and the hiders for it (docs/covert.md)."""

from typing import Any

from linksim.training.hider import HiderTask
from linksim.training.linear_hider import LinearHiderTask
from linksim.training.perceptual_codec import PerceptualCodecTask
from linksim.training.task import TrainingTask

# One twelfth of a channel use per value; the encoder is not given the SNR, so that an image has one channel input signal.
CODEC: dict[str, object] = {"side": 128, "channels": 8, "stem": 64, "width": 128, "inner": 96, "blocks": 4, "encoder_knows_snr": False}
FIRST_THOUSAND = (0.0, 1_000 / 9_525)  # share of the training images that the paper's hider is trained on


def codec(rayleigh: bool) -> PerceptualCodecTask:
    """Return the task of the codec, at 1/12 of a channel use per value (Tang et al., Sec. V-A).

    rayleigh  train over Rayleigh fading instead of AWGN
    """
    return PerceptualCodecTask(
        "faces", CODEC, steps=11_000, batch=16, crop=64, peak_rate=1.5e-3, snr_db=(0.0, 20.0), csi_error_std_db=0.0,
        scored_db=(0.0, 5.0, 10.0, 15.0, 20.0), average=0.999, perceptual_steps=4_500, rayleigh=rayleigh,
    )  # fmt: skip


def hider(layout: str, **settings: Any) -> HiderTask:
    """Return the task of a trained hider; `settings` are further fields of `HiderTask`."""
    return HiderTask("faces", {"layout": layout}, steps=3_000, codec="covert-codec", **settings)


COVERT: dict[str, TrainingTask] = {
    "covert-codec": codec(rayleigh=False),
    "covert-codec-rayleigh": codec(rayleigh=True),
    "covert-hider-paper": hider("invertible", share=FIRST_THOUSAND),
    "covert-hider-all": hider("invertible"),
    "covert-hider-paper-3": hider("invertible", share=FIRST_THOUSAND, weights=(1.0, 2.0, 3.0, 1.0, 1.0)),
    "covert-swap": LinearHiderTask("faces", {"layout": "linear", "share": 0.15}, "covert-codec"),
}

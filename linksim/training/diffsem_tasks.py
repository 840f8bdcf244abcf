"""The training tasks of DiffSem by name: encoder, denoiser, receivers and adversary for MNIST.

60 % of the training images are Alice's and Bob's, 40 % the adversary's (Sec. IV-A). Receivers that are compared with each other have equal
numbers of steps, equal batches and equal noise.
"""

from typing import Any

from linksim.training.adversary import FeatureInverterTask, StrongClassifierTask
from linksim.training.classifier import ClassifierTask
from linksim.training.feature_denoiser import FeatureDenoiserTask
from linksim.training.features import FeatureCodecTask, ReceiverTask
from linksim.training.ibal import IbalTask
from linksim.training.task import TrainingTask

PAIR, ADVERSARY = (0.0, 0.6), (0.6, 1.0)  # shares of the training images
CODEC, DENOISER, GUIDED, INVERTER = "diffsem-mnist", "diffsem-denoiser-mnist", "e-diffsem-denoiser-mnist", "diffsem-inverter-mnist"
MLP: dict[str, object] = {"layout": "mlp"}
U_NET: dict[str, object] = {"layout": "u-net", "width": 32}
IBAL: dict[str, dict[str, Any]] = {  # baselines: weights of the adversary, and the dynamic weight
    "ibal-mnist-0.5": {"adversary_weight": 0.5},
    "ibal-mnist-2": {"adversary_weight": 2.0},
    "ibal-mnist-8": {"adversary_weight": 8.0},
    "ibal-d-mnist": {"adversary_weight": 2.0, "dynamic": True},
}
FEW_LABELS = (50, 200, 1_000)


def receiver(**settings: Any) -> ReceiverTask:
    """Return the task of a receiver for MNIST; `settings` are further fields of `ReceiverTask`."""
    return ReceiverTask("mnist", settings.pop("config", {}), steps=600, codec=CODEC, share=settings.pop("share", PAIR), **settings)


# Receivers: with a denoiser, with the receiver's own label as guidance, and the controls without a denoiser.
RECEIVERS: dict[str, dict[str, Any]] = {
    "diffsem-receiver-mnist": {"denoiser": DENOISER},
    "e-diffsem-receiver-mnist": {"denoiser": GUIDED, "guidance": "label", "num_rounds": 2},
    "diffsem-bypass-mnist": {},
    "diffsem-wide-bypass-mnist": {"config": {"hidden": 512}},
    "diffsem-noiseless-mnist": {"max_step": 0},
    "diffsem-probe-mnist": {"share": ADVERSARY, "config": {"hidden": 512}},
}

DIFFSEM: dict[str, TrainingTask] = {
    CODEC: FeatureCodecTask("mnist", {}, steps=3_000, share=PAIR),
    DENOISER: FeatureDenoiserTask("mnist", MLP, steps=4_000, codec=CODEC, drop=1.0, share=PAIR),
    GUIDED: FeatureDenoiserTask("mnist", MLP, steps=4_000, codec=CODEC, drop=0.3, share=PAIR),
    f"{DENOISER}-unet": FeatureDenoiserTask("mnist", U_NET, steps=4_000, codec=CODEC, batch=256, drop=1.0, share=PAIR),
    **{name: receiver(**settings) for name, settings in RECEIVERS.items()},
    **{f"diffsem-bypass-mnist-{count}": receiver(num_labels=count, batch=50) for count in FEW_LABELS},
    **{f"diffsem-receiver-mnist-{count}": receiver(denoiser=DENOISER, num_labels=count, batch=50) for count in FEW_LABELS},
    **{name: IbalTask("mnist", {"adversarial": True}, steps=2_000, share=PAIR, **settings) for name, settings in IBAL.items()},
    **{f"{name}-inverter": FeatureInverterTask("mnist", {}, steps=3_000, codec=name, share=ADVERSARY) for name in IBAL},
    INVERTER: FeatureInverterTask("mnist", {}, steps=3_000, codec=CODEC, share=ADVERSARY),
    "classifier-mnist": StrongClassifierTask("mnist", {"layout": "mlp"}, steps=2_000),
    "classifier-mnist-tuned": StrongClassifierTask("mnist", {"layout": "mlp"}, steps=2_000, inverter=INVERTER, share=ADVERSARY),
    "diffsem-trunk-cifar10": ClassifierTask("cifar10", {"widths": (64, 192, 256)}, cycles=((840, 1.0),), share=PAIR),
}

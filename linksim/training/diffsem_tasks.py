"""The training tasks of DiffSem by name: encoder, denoiser, receivers and adversary for MNIST and CIFAR-10.

60 % of the training images are Alice's and Bob's, 40 % the adversary's (Sec. IV-A). Receivers that are compared with each other have equal
numbers of steps, equal batches and equal noise.
"""

from collections.abc import Mapping
from typing import Any

from linksim.nets.features import RECEIVER_WIDTH, TRUNK_WIDTHS
from linksim.training.accuracy_table import AccuracyTableMeasurement
from linksim.training.adversary import FeatureInverterTask, StrongClassifierTask
from linksim.training.classifier import ClassifierTask
from linksim.training.feature_denoiser import FeatureDenoiserTask
from linksim.training.feature_receiver import ReceiverTask
from linksim.training.features import FeatureCodecTask
from linksim.training.grid_measurement import GridMeasurement
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


def strong_classifier(codec: str, inverter: str) -> StrongClassifierTask:
    """Return the task of the strong classifier for MNIST that is tuned on the images of the adversary of a codec."""
    return StrongClassifierTask("mnist", {"layout": "mlp"}, steps=2_000, codec=codec, inverter=inverter, share=ADVERSARY)


# Receivers: with a denoiser, with the receiver's own label as guidance, and the controls without a denoiser.
RECEIVERS: dict[str, dict[str, Any]] = {
    "diffsem-receiver-mnist": {"denoiser": DENOISER},
    "e-diffsem-receiver-mnist": {"denoiser": GUIDED, "guidance": "label", "num_rounds": 2},
    "diffsem-bypass-mnist": {},
    "diffsem-wide-bypass-mnist": {"config": {"hidden": 512}},
    "diffsem-noiseless-mnist": {"max_step": 0},
    "diffsem-probe-mnist": {"share": ADVERSARY, "config": {"hidden": 512}},
}
SEEDED, OTHER_SEEDS = ("diffsem-receiver-mnist", "e-diffsem-receiver-mnist", "diffsem-bypass-mnist"), (2, 3)  # trained three times

MNIST: dict[str, TrainingTask] = {
    CODEC: FeatureCodecTask("mnist", {}, steps=3_000, share=PAIR),
    DENOISER: FeatureDenoiserTask("mnist", MLP, steps=4_000, codec=CODEC, drop=1.0, share=PAIR),
    GUIDED: FeatureDenoiserTask("mnist", MLP, steps=4_000, codec=CODEC, drop=0.3, share=PAIR),
    f"{DENOISER}-unet": FeatureDenoiserTask("mnist", U_NET, steps=4_000, codec=CODEC, batch=256, drop=1.0, share=PAIR),
    **{name: receiver(**settings) for name, settings in RECEIVERS.items()},
    **{f"{name}-seed-{seed}": receiver(**RECEIVERS[name], seed=seed) for name in SEEDED for seed in OTHER_SEEDS},
    **{f"diffsem-bypass-mnist-{count}": receiver(num_labels=count, batch=50) for count in FEW_LABELS},
    **{f"diffsem-receiver-mnist-{count}": receiver(denoiser=DENOISER, num_labels=count, batch=50) for count in FEW_LABELS},
    **{name: IbalTask("mnist", {"adversarial": True}, steps=2_000, share=PAIR, **settings) for name, settings in IBAL.items()},
    **{f"{name}-inverter": FeatureInverterTask("mnist", {}, steps=3_000, codec=name, share=ADVERSARY) for name in IBAL},
    INVERTER: FeatureInverterTask("mnist", {}, steps=3_000, codec=CODEC, share=ADVERSARY),
    "classifier-mnist": StrongClassifierTask("mnist", {"layout": "mlp"}, steps=2_000),
    "classifier-mnist-tuned": strong_classifier(CODEC, INVERTER),
    **{f"{name}-strong-classifier": strong_classifier(name, f"{name}-inverter") for name in IBAL},
}


TRUNK, STRONG, TABLE_II = "diffsem-trunk-cifar10", "diffsem-cifar10-strong", "diffsem-cifar10"
CHANNELS: dict[str, object] = {"channels": 3}
OF_THE_PAIR: dict[str, Any] = {"share": PAIR, "mirror": True}
OF_THE_ADVERSARY: dict[str, Any] = {"share": ADVERSARY, "mirror": True}
STRONG_DENOISER: dict[str, Any] = {"config": MLP | CHANNELS, "steps": 3_000, **OF_THE_PAIR}
STRONG_RECEIVER: dict[str, Any] = {"config": CHANNELS, "steps": 600, **OF_THE_PAIR}
TABLE_II_DENOISER: dict[str, Any] = {"config": U_NET | CHANNELS, "steps": 2_000, "batch": 256, **OF_THE_PAIR}
TABLE_II_RECEIVER: dict[str, Any] = {
    "config": {"layout": "conv", "width": RECEIVER_WIDTH},
    "steps": 300,
    "from_codec": True,
    "peak_rate": 3e-4,
    "average": 0.95,
    **OF_THE_PAIR,
}
INVERTER_CIFAR10: dict[str, Any] = {
    "config": {"layout": "conv", "width": 128},
    "steps": 800,
    "batch": 128,
    "average": 0.99,
    **OF_THE_ADVERSARY,
}
STRONG_CLASSIFIER: dict[str, Any] = {
    "config": {},
    "steps": 120,
    "start": "classifier-cifar10",
    "peak_rate": 3e-4,
    "average": 0.95,
    "num_eval_images": 2_000,
    **OF_THE_ADVERSARY,
}


def around(codec: str, denoiser: Mapping[str, Any], receiver: Mapping[str, Any]) -> dict[str, TrainingTask]:
    """Return the tasks of denoiser, receiver, fair control, adversary and strong classifier around a codec for CIFAR-10.

    codec               name of the codec, with which the names of the other models begin
    denoiser, receiver  fields of the tasks of the denoiser and of both receivers
    """
    return {
        f"{codec}-denoiser": FeatureDenoiserTask("cifar10", codec=codec, drop=1.0, **denoiser),
        f"{codec}-receiver": ReceiverTask("cifar10", codec=codec, denoiser=f"{codec}-denoiser", **receiver),
        f"{codec}-bypass": ReceiverTask("cifar10", codec=codec, **receiver),
        f"{codec}-inverter": FeatureInverterTask("cifar10", codec=codec, **INVERTER_CIFAR10),
        f"{codec}-strong-classifier": StrongClassifierTask("cifar10", codec=codec, inverter=f"{codec}-inverter", **STRONG_CLASSIFIER),
    }


CIFAR10: dict[str, TrainingTask] = {
    TRUNK: ClassifierTask("cifar10", {"widths": [*TRUNK_WIDTHS]}, cycles=((840, 1.0),), share=PAIR),
    STRONG: FeatureCodecTask("cifar10", {"layout": "trunk"}, steps=600, trunk=TRUNK, shift=2, average=0.99, **OF_THE_PAIR),
    **around(STRONG, STRONG_DENOISER, STRONG_RECEIVER),
    f"{STRONG}-guided": FeatureDenoiserTask("cifar10", codec=STRONG, drop=0.3, **STRONG_DENOISER),
    f"{STRONG}-e-receiver": ReceiverTask(
        "cifar10", codec=STRONG, denoiser=f"{STRONG}-guided", guidance="label", num_rounds=2, **STRONG_RECEIVER
    ),
    f"{STRONG}-noiseless": ReceiverTask("cifar10", codec=STRONG, max_step=0, **STRONG_RECEIVER),
    f"{STRONG}-probe": ReceiverTask("cifar10", codec=STRONG, **STRONG_RECEIVER | OF_THE_ADVERSARY),
    TABLE_II: FeatureCodecTask("cifar10", {"layout": "cifar10"}, steps=1_500, shift=2, average=0.995, **OF_THE_PAIR),
    **around(TABLE_II, TABLE_II_DENOISER, TABLE_II_RECEIVER),
}
DIFFSEM = MNIST | CIFAR10
ACCURACY_TABLES: dict[str, GridMeasurement] = {
    "diffsem-accuracy-mnist": AccuracyTableMeasurement("mnist", CODEC, "diffsem-receiver-mnist", DENOISER, share=ADVERSARY),
    "diffsem-accuracy-cifar10": AccuracyTableMeasurement("cifar10", STRONG, f"{STRONG}-receiver", f"{STRONG}-denoiser", share=ADVERSARY),
}

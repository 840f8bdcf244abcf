"""The training tasks by name. `linksim train NAME` runs one, `linksim models` lists them all.

The name of a task is that of the model that it makes, and scenarios refer to models by this name. Tasks that use another model name it; it
has to be trained first. Importing this module declares the tasks as components of kind "training-task"; a task from outside linksim is
declared in the same way (`linksim.register`). docs/training.md describes each task.
"""

from typing import Any, TypeAlias

from linksim.adapt.ddpg import DdpgConfig
from linksim.adapt.snr_process import SnrProcess
from linksim.registry import Component, add
from linksim.training.adversarial_training import AdversarialTask
from linksim.training.attack_table import AttackTableMeasurement
from linksim.training.blind_codec import BlindVitTask
from linksim.training.classifier import AVERAGED, CLEAN, ClassifierTask
from linksim.training.codec import CodecTask
from linksim.training.covert_detection_tasks import COVERT_DETECTION
from linksim.training.covert_eve_tasks import COVERT_EVE
from linksim.training.covert_tasks import COVERT
from linksim.training.ddpg import AttackDdpgTask, DdpgTask
from linksim.training.denoiser import DenoiserTask
from linksim.training.diffsem_tasks import ACCURACY_TABLES, DIFFSEM
from linksim.training.grid_measurement import GridMeasurement
from linksim.training.inverter import InverterTask
from linksim.training.link_denoiser import LinkDenoiserTask
from linksim.training.purified_classifier import PurifiedTask
from linksim.training.reward_table import RewardTableMeasurement
from linksim.training.task import TrainingTask
from linksim.training.vit import VitTask
from linksim.training.vqvae import VqvaeTask

# Complex channel uses per image value: channels * 8 * 8 / 2 over 3 * 32 * 32.
SIXTH: dict[str, object] = {"channels": 16}
TWELFTH: dict[str, object] = {"channels": 8}

FACES: dict[str, object] = {"side": 128, "channels": 32}  # one third of a channel use per value of 3 * 128 * 128, as in MIEA


def miea(snr_db: float, peak_rate: float = 2e-3) -> CodecTask:
    """Return the task of the MIEA codec for one SNR (MIEA Sec. IV-A), with the loss of Eq. (2).

    snr_db     SNR of training and evaluation in dB
    peak_rate  learning rate of AdamW at the peak of the cycle; at 20 dB, a rate of 2e-3 diverges
    """
    return CodecTask(
        "faces", {"layout": "miea", **FACES}, steps=16_000, batch=16, crop=64, peak_rate=peak_rate, weight_decay=0.0, tv_weight=1.0,
        snr_db=(snr_db, snr_db), csi_error_std_db=0.0, snr_weight_slope_db=0.0, scored_db=(snr_db,), average=0.999,
    )  # fmt: skip


# Defence of the link that an inverse network is trained against -> settings of the task (MIEA Sec. III-C).
DEFENCES: dict[str, dict[str, Any]] = {
    "open": {},
    "permuted": {"permute": True},
    "substituted": {"substitution_ratio": 0.5},
    "shuffled": {"permute": True, "substitution_ratio": 0.5},
}


# Suffix of the name of a residual inverse network -> settings of the task: the number of captured frames.
STRONG: dict[str, dict[str, Any]] = {"": {}, "-m100": {"num_captured_frames": 100}, "-m1000": {"num_captured_frames": 1000}}


def miea_inverse(snr_db: int, layout: str = "miea", **settings: Any) -> InverterTask:
    """Return the task of a closed-box inverse network for the MIEA codec of one SNR (MIEA Sec. IV-B).

    snr_db    SNR in dB of the codec under attack; Eve's own SNR is 0..20 dB
    layout    "miea" for the network of the paper, "residual" for a stronger one
    settings  further fields of `InverterTask`
    """
    return InverterTask(
        "faces", {"layout": layout, **FACES}, steps=1_000, num_eval_images=1_000, codec=f"miea-{snr_db}db", classifier=None, batch=16,
        peak_rate=3e-3, snr_db=(0.0, 20.0), average=0.99, **settings,
    )  # fmt: skip


BLIND: dict[str, Any] = {  # DiffuSeC with a codec that is given the same SNR everywhere
    "denoiser": "denoiser-cifar10", "classifier": "classifier-cifar10-large", "codec_snr_db": 12.0
}  # fmt: skip


def blind_rewards(split: str) -> RewardTableMeasurement:
    """Return the measurement of a reward table of DiffuSeC with a codec that is given the same SNR everywhere.

    split  split of the images: policies are chosen on training images, and evaluated on test images
    """
    return RewardTableMeasurement("cifar10", t_d=(1, 10, 20, 50), t_plus=(0, 10, 20, 35, 50), images=384, split=split, **BLIND)


AGENT: dict[str, Any] = {"ddpg": DdpgConfig(actor=1e-4, critic=1e-3), "snr_process": SnrProcess(low_db=-6.0, high_db=18.0)}


def actor(reward_table: str) -> DdpgTask:
    """Return the task of an actor for -6..18 dB that is trained on a reward table."""
    return DdpgTask(reward_table, **AGENT)


PAPER_SCALE: dict[str, TrainingTask] = {  # these tasks need a GPU
    "classifier-cifar10-wrn": ClassifierTask(
        "cifar10",
        {"layout": "wide-resnet"},
        cycles=((14_000, 1.0),),
        batch=256,
        rate_per_image=8e-4,
        bias_factor=1.0,
        decay_per_step=1e-4,
        momentum=0.9,
        smoothing=0.1,
        shift=4,
    ),
    "diffusec-codec-paper": VitTask(
        "cifar10", {"layout": "vit"}, phases=(2_000, 2_000, 8_000, 4_000, 30_000), batch=512, num_eval_images=2_000
    ),
    "denoiser-cifar10-paper": DenoiserTask("cifar10", {"widths": (128, 256, 256)}, cycles=((40_000, 1.0),), batch=256, average=0.9999),
    "diffusec-denoiser-paper": LinkDenoiserTask(
        "cifar10",
        {"widths": (128, 256, 256)},
        steps=12_000,
        codec="diffusec-codec-paper",
        init_from="denoiser-cifar10-paper",
        batch=256,
    ),
}

AnyTask: TypeAlias = TrainingTask | DdpgTask | GridMeasurement

TASKS: dict[str, AnyTask] = {
    "codec-cifar10-6": CodecTask("cifar10", SIXTH, steps=24_000),
    "codec-cifar10-12": CodecTask("cifar10", TWELFTH, steps=14_000),
    "classifier-cifar10": ClassifierTask("cifar10", {}, cycles=((1_300, 1.0), (450, 0.4))),
    "classifier-cifar10-large": ClassifierTask(
        "cifar10",
        {"widths": [128, 384, 384]},
        cycles=((850, 1.0),),
        batch=1000,
        rate_per_image=1.3e-3,
        decay_per_step=1.6e-3,
        shift=4,
        average=0.97,
        bfloat16=True,
        conditions=(CLEAN, AVERAGED),
    ),
    "inverter-cifar10-6": InverterTask("cifar10", SIXTH, steps=6_000, codec="codec-cifar10-6"),
    "inverter-cifar10-12": InverterTask("cifar10", TWELFTH, steps=6_000, codec="codec-cifar10-12"),
    "inverter-cifar10-6-shuffled": InverterTask(
        "cifar10", SIXTH, steps=6_000, codec="codec-cifar10-6", permute=True, substitution_ratio=0.5
    ),
    "miea-0db": miea(0.0),
    "miea-10db": miea(10.0),
    "miea-20db": miea(20.0, 1e-3),
    "miea-adaptive": CodecTask(
        "faces",
        FACES,
        steps=20_000,
        batch=16,
        crop=64,
        peak_rate=2e-3,
        weight_decay=0.0,
        final_cycle=(4_000, 0.3, 0.0),
        scored_db=(0.0, 5.0, 10.0, 15.0, 20.0),
    ),
    **COVERT,
    **COVERT_EVE,
    **COVERT_DETECTION,
    "diffusec-codec": VitTask("cifar10", {"layout": "vit"}, phases=(800, 600, 2_200, 600, 6_500), num_eval_images=2_000),
    "diffusec-codec-blind": BlindVitTask(
        "cifar10",
        {"layout": "vit", "snr_input": False},
        phases=(0, 0, 0, 0, 400),
        peak_rate=2e-4,
        average=0.98,
        num_eval_images=1_000,
    ),
    "denoiser-cifar10": DenoiserTask("cifar10", {}, cycles=((8_000, 1.0), (4_000, 0.7))),
    "denoiser-cifar10-large": DenoiserTask(
        "cifar10", {"widths": [96, 192, 320]}, cycles=((7_000, 1.0),), batch=128, max_diffusion_steps=150, focus=[50, 120]
    ),
    "diffusec-denoiser": LinkDenoiserTask("cifar10", {}, steps=1_100),
    **DIFFSEM,
    **ACCURACY_TABLES,
    "masked-vqvae": VqvaeTask("cifar10", {}, steps=3_000, num_eval_images=2_000),
    "masked-vqvae-coded": VqvaeTask(
        "cifar10",
        {"codes": 1, "channel_uses": 1280},
        steps=9_000,
        class_loss_weight=0.5,
        scored_db=(-6.0, -3.0, 0.0, 3.0, 10.0),
        num_eval_images=2_000,
    ),
    "classifier-cifar10-at": AdversarialTask("cifar10", {}, cycles=((160, 0.5),), num_eval_images=2_000),
    "classifier-cifar10-purified": PurifiedTask("cifar10", {}, cycles=((32, 0.05),), batch=240, num_eval_images=1_000),
    "diffusec-reward-table": RewardTableMeasurement("cifar10"),
    "ddpg-cifar10": actor("diffusec-reward-table"),
    "diffusec-blind-rewards": blind_rewards("train"),
    "diffusec-blind-rewards-test": blind_rewards("test"),
    "ddpg-diffusec-blind": actor("diffusec-blind-rewards"),
    "diffusec-attack-rewards": AttackTableMeasurement("cifar10", split="train", **BLIND),
    "diffusec-attack-rewards-test": AttackTableMeasurement("cifar10", split="test", **BLIND),
    "ddpg-diffusec-attack": AttackDdpgTask("diffusec-attack-rewards", **AGENT),
    **PAPER_SCALE,
    **{f"miea-inverse-{db}db-{name}": miea_inverse(db, **defence) for db in (0, 10, 20) for name, defence in DEFENCES.items()},
    **{f"miea-inverse-10db-open-m{m}": miea_inverse(10, num_captured_frames=m) for m in (100, 1000)},
    **{f"miea-inverse-10db-strong{tail}": miea_inverse(10, "residual", **settings) for tail, settings in STRONG.items()},
}

for name, task in TASKS.items():
    add(Component("training-task", name, None, lambda task=task: task, f"{task.kind}, {task.steps:,} steps"))

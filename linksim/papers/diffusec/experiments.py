"""The conditions of DiffuSeC Sec. VI-C as experiments: its six methods, with and without attack, at nine SNRs of an AWGN channel.

Beside the paper's digital links, which have one modulation and code rate, stand two that choose them by the measured SNR.

All experiments transmit the same images in the same order, because a link's image order and noise follow from its number alone. A link of
the proposal starts from random steps and sends three frames, each after one more round of the policy, as in the paper's test ("3 steps to
get the average").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linksim.adapt.mdp import SNR_DB
from linksim.enums import ImageOwner, Node
from linksim.errors import LinksimError
from linksim.reproduction.simulated import Simulated

SNRS_DB = tuple(range(int(SNR_DB[0]), int(SNR_DB[1]) + 1, 3))
TABLE_II_SNRS_DB = SNRS_DB[:-1]
TABLE_II: Mapping[str, tuple[float, ...]] = {  # the paper's robust accuracies at these SNRs, by method
    "vqvae": (0.808, 0.825, 0.834, 0.837, 0.843, 0.847, 0.847, 0.847),
    "proposal": (0.739, 0.833, 0.865, 0.876, 0.880, 0.880, 0.880, 0.880),
}
ROUNDS, IMAGES_PER_FRAME = 3, 8
PER_LINK = ROUNDS * IMAGES_PER_FRAME
CODEC, DENOISER, ACTOR, REWARD_TABLE = "diffusec-codec", "diffusec-denoiser", "ddpg-cifar10", "diffusec-reward-table"
CLASSIFIER, ROBUST_CLASSIFIER = "classifier-cifar10", "classifier-cifar10-at"
VQVAE, CODED_VQVAE = "masked-vqvae", "masked-vqvae-coded"
MAX_CALLS = 5  # calls of the denoiser per image, the scheme's default
CHANNEL_USES = 1280  # complex channel uses per image, of the paper's codec and of all other methods
PGD: Mapping[str, Any] = {"attack": "pgd", "epsilon": 8 / 255, "steps": 10, "step_size": 2 / 255}  # Sec. VI-A; the paper prints 8/256
SYMMETRIC_STEPS = (20, 0)  # t_D and t_plus of the symmetric form, Sec. VI-C
NUM_KEPT_IMAGES = 6  # of every experiment
ORIGINAL, ATTACKED = "original", "attacked"  # names of the images before and after the attack on the source
ROBUST, CLEAN = "robust", "clean"  # first parts of the keys
CLEAN_METRICS = ("correct", "ssim", "psnr_db")
ROBUST_METRICS = (*CLEAN_METRICS, "adv", "err", "clean_correct", "attacked_correct")


@dataclass(frozen=True)
class Setup:
    """What a user may choose.

    images  per experiment, a multiple of `PER_LINK`; the proposal has images / `PER_LINK` random starts
    seed    of all experiments
    """

    images: int = 384
    seed: int = 1

    def __post_init__(self) -> None:
        if self.images < PER_LINK or self.images % PER_LINK:
            raise LinksimError(f"a link sends {PER_LINK} images: got {self.images} images, allowed: multiples of {PER_LINK}")


@dataclass(frozen=True)
class Method:
    """One of the methods that the paper compares, or a stronger rival of the same kind.

    scheme      options of the scheme
    models      trained models that it uses
    classifier  classifies the received images, and is the target of the attack
    policy      options of Bob's policy; None where there are no steps to choose
    """

    name: str
    scheme: Mapping[str, Any]
    models: tuple[str, ...]
    classifier: str = CLASSIFIER
    policy: Mapping[str, Any] | None = None


def diffusec(steps: tuple[int, int], calls: int | None = MAX_CALLS) -> dict[str, Any]:
    """Options of the scheme with initial steps (t_D, t_plus)."""
    return {"name": "diffusec", "codec": CODEC, "denoiser": DENOISER, "num_denoiser_calls": calls, "t_d": steps[0], "t_plus": steps[1]}


DIGITAL = {"name": "digital", "channel_uses": CHANNEL_USES, "image_codec": "jpeg"}
ADAPTIVE = DIGITAL | {"name": "adaptive-digital"}
METHODS: Mapping[str, Method] = {
    "proposal": Method(
        "DiffuSeC (proposal)",
        diffusec(SYMMETRIC_STEPS),
        (CODEC, DENOISER, ACTOR),
        policy={"name": "ddpg", "actor": ACTOR, "reset_interval": ROUNDS},
    ),
    "symmetric": Method("DiffuSeC (plain)", diffusec(SYMMETRIC_STEPS), (CODEC, DENOISER)),
    "vqvae": Method("Masked VQ-VAE + AT", {"name": "masked-vqvae", "autoencoder": VQVAE}, (VQVAE,)),
    "vqvae-coded": Method("Masked VQ-VAE + AT, LDPC", {"name": "masked-vqvae", "autoencoder": CODED_VQVAE}, (CODED_VQVAE,)),
    "vit": Method("ViT-based", {"name": "deepjscc", "codec": CODEC}, (CODEC,)),
    "jpeg-at": Method("JPEG + LDPC + AT", DIGITAL, (), ROBUST_CLASSIFIER),
    "jpeg": Method("JPEG + LDPC", DIGITAL, ()),
    "jpeg-adaptive-at": Method("JPEG + LDPC + AT, mode by SNR", ADAPTIVE, (), ROBUST_CLASSIFIER, {"name": "link-adaptation"}),
    "jpeg-adaptive": Method("JPEG + LDPC, mode by SNR", ADAPTIVE, (), policy={"name": "link-adaptation"}),
}


def key(table: str, method: str, snr_db: int) -> str:
    """Key of an experiment.

    >>> key("robust", "proposal", -6)
    'robust/proposal/snr-6'
    """
    return f"{table}/{method}/snr{snr_db}"


def sweep(table: str, method: str, snrs_db: tuple[int, ...] = SNRS_DB) -> tuple[str, ...]:
    """Keys of a method over the SNRs."""
    return tuple(key(table, method, snr_db) for snr_db in snrs_db)


def options(setup: Setup, method: Method, snr_db: int, attacked: bool) -> dict[str, Any]:
    """The scenario: links of three frames each at a constant SNR; with a policy, a probe round before every frame."""
    adapts = method.policy is not None
    return {
        "name": "experiment",
        "seed": setup.seed,
        "frames": ROUNDS,
        "links": setup.images // PER_LINK,
        "dataset": "cifar10",
        "classifier": method.classifier,
        "trace": {"images": NUM_KEPT_IMAGES, "channel_samples": 0, "constellation_frames": 0},
        "scheme": dict(method.scheme),
        "channel": {"bob": {"snr": {"kind": "constant", "mean_db": snr_db}}},
        "radio": {"control_repeats": 16, "header_repeats": 8},  # control messages and headers are received at -6 dB
        "alice": {"images_per_frame": IMAGES_PER_FRAME, "assumed_snr_db": snr_db, "source_attack": dict(PGD) if attacked else "none"},
        "session": {"probe_interval_ms": 0.001 if adapts else 0},
    } | ({"bob": {"policy": dict(method.policy)}} if method.policy is not None else {})


def experiment(setup: Setup, name: str, kind: str, method: Method, snr_db: int, attacked: bool) -> Simulated:
    """One run of a method, with the key `name`."""
    images: dict[int, str] = {Node.BOB: name}
    if attacked:
        images |= {Node.ALICE: ORIGINAL, ImageOwner.SOURCE: f"{ATTACKED}-{method.classifier}"}
    return Simulated(
        key=name,
        kind=kind,
        options=options(setup, method, snr_db, attacked),
        receiver=Node.BOB,
        models=(*method.models, method.classifier),
        images=images,
        metrics=ROBUST_METRICS if attacked else CLEAN_METRICS,
    )


def paper_experiments(setup: Setup) -> list[Simulated]:
    """The experiments behind the paper's table and figures, with three more methods."""
    return [
        experiment(setup, key(table, name, snr_db), f"{name} {table}", method, snr_db, table == ROBUST)
        for name, method in METHODS.items()
        for table in (ROBUST, CLEAN)
        for snr_db in SNRS_DB
    ]

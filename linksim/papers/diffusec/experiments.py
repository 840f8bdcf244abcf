"""The conditions of DiffuSeC Sec. VI-C as cells: six methods, attacked and not, at nine SNRs of an AWGN channel.

All cells send the same images in the same order: a link's album and its noise follow from its number alone. A link of the proposal begins
at random steps and sends three frames, each after one more round of the policy: the paper's test, "3 steps to get the average".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linksim.adapt.mdp import SNR_DB
from linksim.errors import LinksimError
from linksim.records import ALICE, BOB, SOURCE
from linksim.reproduction.simulated import Simulated

SNRS_DB = tuple(range(int(SNR_DB[0]), int(SNR_DB[1]) + 1, 3))
TABLED_DB = SNRS_DB[:-1]  # of Table II
ROUNDS, IMAGES_PER_FRAME = 3, 8
PER_LINK = ROUNDS * IMAGES_PER_FRAME
CODEC, DENOISER, ACTOR, REWARD_TABLE = "diffusec-codec", "diffusec-denoiser", "ddpg-cifar10", "diffusec-reward-table"
EVALUATOR, TRAINED_EVALUATOR, VQVAE = "classifier-cifar10", "classifier-cifar10-at", "masked-vqvae"
CALLS = 5  # of the denoiser, at most, for an image: the scheme's own default
CHANNEL_USES = 1280  # complex channel uses per image, of the paper's codec and so of all
PGD: Mapping[str, Any] = {"attack": "pgd", "epsilon": 8 / 255, "steps": 10, "step_size": 2 / 255}  # Sec. VI-A; the paper prints 8/256
PLAIN_STEPS = (20, 0)  # t_D, t_plus of the symmetric form, Sec. VI-C
PICTURED = 6  # images whose images are kept of a cell
ORIGINAL, POLLUTED = "original", "attacked"  # names of their images as Alice has them, and as the attack leaves them
ROBUST, CLEAN = "robust", "clean"  # first words of the keys
SENT_METRICS = ("correct", "ssim", "psnr_db")
ATTACKED_METRICS = (*SENT_METRICS, "adv", "err", "clean_correct", "source_correct")


@dataclass(frozen=True)
class Setup:
    """What a user may choose.

    images  of each cell, a multiple of `PER_LINK`: so many random starts the proposal has, times `PER_LINK`
    seed    of all cells
    """

    images: int = 384
    seed: int = 1

    def __post_init__(self) -> None:
        if self.images < PER_LINK or self.images % PER_LINK:
            raise LinksimError(f"a link sends {PER_LINK} images: got {self.images} images, allowed: multiples of {PER_LINK}")


@dataclass(frozen=True)
class Method:
    """One of the paper's methods.

    scheme  in a scenario's words
    parts   trained models that it uses
    evaluator   classifier that tells what arrived, and is attacked
    policy  of Bob; None where there are no steps to choose
    """

    name: str
    scheme: Mapping[str, Any]
    parts: tuple[str, ...]
    evaluator: str = EVALUATOR
    policy: Mapping[str, Any] | None = None


def diffusec(steps: tuple[int, int], calls: int | None = CALLS) -> dict[str, Any]:
    """The scheme, with (t_D, t_plus) to begin with."""
    return {"name": "diffusec", "codec": CODEC, "denoiser": DENOISER, "num_denoiser_calls": calls, "t_d": steps[0], "t_plus": steps[1]}


DIGITAL = {"name": "digital", "channel_uses": CHANNEL_USES, "image_codec": "jpeg"}
METHODS: Mapping[str, Method] = {
    "proposal": Method(
        "DiffuSeC (proposal)",
        diffusec(PLAIN_STEPS),
        (CODEC, DENOISER, ACTOR),
        policy={"name": "ddpg", "actor": ACTOR, "reset_interval": ROUNDS},
    ),
    "deepjscc": Method("DiffuSeC (plain)", diffusec(PLAIN_STEPS), (CODEC, DENOISER)),
    "vqvae": Method("Masked VQ-VAE + AT", {"name": "masked-vqvae", "autoencoder": VQVAE}, (VQVAE,)),
    "vit": Method("ViT-based", {"name": "deepjscc", "codec": CODEC}, (CODEC,)),
    "jpeg-at": Method("JPEG + LDPC + AT", DIGITAL, (), TRAINED_EVALUATOR),
    "jpeg": Method("JPEG + LDPC", DIGITAL, ()),
}


def key(table: str, method: str, snr_db: int) -> str:
    """ "robust/proposal/snr-6"."""
    return f"{table}/{method}/snr{snr_db}"


def sweep(table: str, method: str, snrs_db: tuple[int, ...] = SNRS_DB) -> tuple[str, ...]:
    """Keys of a method over the SNRs."""
    return tuple(key(table, method, snr_db) for snr_db in snrs_db)


def words(setup: Setup, method: Method, snr_db: int, attacked: bool) -> dict[str, Any]:
    """A scenario: links of three frames each, constant SNR; where there is a policy, a probe round before every frame."""
    adapts = method.policy is not None
    return {
        "name": "cell",
        "seed": setup.seed,
        "frames": ROUNDS,
        "links": setup.images // PER_LINK,
        "dataset": "cifar10",
        "classifier": method.evaluator,
        "trace": {"images": PICTURED, "channel": 0, "constellation_frames": 0},
        "scheme": dict(method.scheme),
        "channel": {"bob": {"snr": {"kind": "constant", "mean_db": snr_db}}},
        "radio": {"control_repeats": 16},  # messages get through at -6 dB, in every cell at once
        "alice": {"images_per_frame": IMAGES_PER_FRAME, "assumed_snr_db": snr_db, "source_attack": dict(PGD) if attacked else "none"},
        "session": {"probe_interval_ms": 0.001 if adapts else 0},
    } | ({"bob": {"policy": dict(method.policy)}} if method.policy is not None else {})


def cell(setup: Setup, name: str, kind: str, method: Method, snr_db: int, attacked: bool) -> Simulated:
    """One run of a method under the key `name`."""
    own: dict[int, str] = {BOB: name} | ({ALICE: ORIGINAL, SOURCE: f"{POLLUTED}-{method.evaluator}"} if attacked else {})
    metrics = ATTACKED_METRICS if attacked else SENT_METRICS
    return Simulated(name, kind, words(setup, method, snr_db, attacked), BOB, (*method.parts, method.evaluator), own, metrics)


def paper_cells(setup: Setup) -> list[Simulated]:
    """All that the paper's table and figures need: 108 cells."""
    return [
        cell(setup, key(table, name, snr_db), f"{name} {table}", method, snr_db, table == ROBUST)
        for name, method in METHODS.items()
        for table in (ROBUST, CLEAN)
        for snr_db in SNRS_DB
    ]

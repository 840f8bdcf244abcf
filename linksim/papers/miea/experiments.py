"""The conditions of MIEA Sec. IV as experiments: three SNRs of the main channel, three of Eve's, four states of the defence, two attacks.

MC is the main channel from Alice to Bob, EC the eavesdropper's channel. Each MC has its own codec, trained for its SNR, and each pair of
codec and defence its own inverse network, trained on frames captured from exactly that link.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linksim.enums import Node
from linksim.errors import LinksimError
from linksim.reproduction.simulated import Simulated

SNRS_DB = (0, 10, 20)
ATTACKS = ("white", "black")
METRICS = ("psnr_db", "ssim")
# Sec. III-A, IV-B, except the step size, which is chosen on training images (see `white_box_choice`), and the number of steps.
WHITE_BOX: dict[str, Any] = {"attack": "white-box", "learning_rate": 0.03, "iterations": 300, "tv_weight": 1.0, "tolerance": 0.02}
ADAPTIVE_MC_DB = 10  # SNR of the main channel in the experiments on an adaptive Eve
PAIR = 2  # images per frame, which are each other's companion: "the transmitted features of the next image"
NUM_KEPT_IMAGES = 2  # faces whose images every experiment keeps
ORIGINAL = "original"  # name of their images as Alice has them


@dataclass(frozen=True)
class Setup:
    """What a user may choose.

    images  faces per experiment, an even number
    seed    of all experiments
    """

    images: int = 100
    seed: int = 1

    def __post_init__(self) -> None:
        if self.images < PAIR or self.images % PAIR:
            raise LinksimError(f"images are sent in pairs: got {self.images} images, allowed: an even number from {PAIR} on")


class OnFaces:
    """Mixin of experiments that are measured on the faces of a setup."""

    setup: Setup

    @property
    def seed(self) -> int:
        return self.setup.seed

    @property
    def size(self) -> int:
        return self.setup.images


@dataclass(frozen=True)
class Defence:
    """A state of the defence, with the table and the figure of the paper that show it.

    table    first part of the keys of its experiments
    layers   options of the schemes around the codec
    trained  last word of the names of the inverse networks trained on its captures
    claims   by attack: the claim that holds the table's values, and their name in the claim
    """

    table: str
    number: str
    figure: str
    name: str
    layers: tuple[Mapping[str, Any], ...]
    trained: str
    claims: Mapping[str, tuple[str, str]]


SHUFFLE = {"name": "permutation", "key_set_size": 256, "keys": "transmitted"}
OPEN = Defence("table1", "I", "fig3", "undefended", (), "open", {"white": ("miea-white", ""), "black": ("miea-black", "")})
BOTH = Defence(
    "table2", "II", "fig4", "permutation and substitution", ({**SHUFFLE, "substitution_ratio": 0.5},), "shuffled",
    {"white": ("miea-defended-white", ""), "black": ("miea-defended-black", "")},
)  # fmt: skip
PERMUTED = Defence(
    "table3", "III", "fig5", "permutation alone", ({**SHUFFLE, "substitution_ratio": 0.0},), "permuted",
    {attack: ("miea-perm-only", attack) for attack in ATTACKS},
)  # fmt: skip
SUBSTITUTED = Defence(
    "table4", "IV", "fig6", "substitution alone", ({**SHUFFLE, "permute": False, "substitution_ratio": 0.5},), "substituted",
    {attack: ("miea-subst-only", attack) for attack in ATTACKS},
)  # fmt: skip
DEFENCES = (OPEN, BOTH, PERMUTED, SUBSTITUTED)


def codec(mc: int) -> str:
    """Name of the codec trained for an SNR of the main channel."""
    return f"miea-{mc}db"


def inverter(mc: int, trained: str) -> str:
    """Name of an inverse network trained on captures of that codec."""
    return f"miea-inverse-{mc}db-{trained}"


def key(table: str, who: str, mc: int, ec: int | None = None) -> str:
    """Key of an experiment.

    >>> key("table2", "white", 10, 0), key("table2", "bob", 10)
    ('table2/white/mc10/ec0', 'table2/bob/mc10')
    """
    return "/".join([table, who, f"mc{mc}"] + ([] if ec is None else [f"ec{ec}"]))


def grid(table: str, attack: str) -> tuple[tuple[str, ...], ...]:
    """Keys of an attack's nine channel conditions: rows EC, columns MC, as in the paper's tables."""
    return tuple(tuple(key(table, attack, mc, ec) for mc in SNRS_DB) for ec in SNRS_DB)


def bobs(table: str) -> tuple[str, ...]:
    """Keys of Bob's experiments, one per MC."""
    return tuple(key(table, "bob", mc) for mc in SNRS_DB)


def options(setup: Setup, layers: tuple[Mapping[str, Any], ...], mc: int, codec_name: str) -> dict[str, Any]:
    """The scenario of one link without Eve: faces of the test people in pairs, constant SNR, no probes."""
    return {
        "name": "experiment",
        "seed": setup.seed,
        "frames": setup.images // PAIR,
        "dataset": "faces",
        "classifier": None,
        "compute": {"precision": "float32"},
        "trace": {"images": NUM_KEPT_IMAGES, "channel_samples": 0, "constellation_frames": 0},
        "scheme": [*map(dict, layers), {"name": "deepjscc", "codec": codec_name}],
        "channel": {"bob": {"snr": {"kind": "constant", "mean_db": mc}}},
        "alice": {"images_per_frame": PAIR, "assumed_snr_db": mc},
        "session": {"probe_interval_ms": 0},
    }


def at_bob(name: str, options: Mapping[str, Any], model: str, images: Mapping[int, str] | None = None) -> Simulated:
    """Experiment with key `name`: Bob's reconstructions. `images` names the images to keep, by node."""
    return Simulated(key=name, kind="bob", options=options, receiver=Node.BOB, models=(model,), images=images or {})


def bob(setup: Setup, defence: Defence, mc: int) -> Simulated:
    """Bob's reconstructions under a defence."""
    name = key(defence.table, "bob", mc)
    return at_bob(name, options(setup, defence.layers, mc, codec(mc)), codec(mc), {Node.BOB: name, Node.ALICE: ORIGINAL})


def eavesdropped(
    setup: Setup, defence: Defence, name: str, kind: str, mc: int, ec: int, attack: Mapping[str, Any], models: tuple[str, ...] = ()
) -> Simulated:
    """Eve's reconstructions with `attack`, the options of her block in a scenario.

    name    key of the experiment
    kind    of attack, which determines the duration
    models  trained models that she uses in addition to the codec
    """
    link = options(setup, defence.layers, mc, codec(mc))
    channel = link["channel"] | {"eve": {"snr": {"kind": "constant", "mean_db": ec}}}
    return Simulated(
        key=name,
        kind=kind,
        options=link | {"channel": channel, "eve": dict(attack)},
        receiver=Node.EVE,
        models=(codec(mc), *models),
        images={Node.EVE: name},
    )


def white(setup: Setup, defence: Defence, mc: int, ec: int) -> Simulated:
    """Reconstructions of an Eve who knows the encoder (Eq. 5)."""
    return eavesdropped(setup, defence, key(defence.table, "white", mc, ec), "white", mc, ec, WHITE_BOX)


def black(setup: Setup, defence: Defence, mc: int, ec: int) -> Simulated:
    """Reconstructions of an Eve with an inverse network (Eq. 6)."""
    model = inverter(mc, defence.trained)
    attack = {"attack": "inverse-network", "inverter": model}
    return eavesdropped(setup, defence, key(defence.table, "black", mc, ec), "black", mc, ec, attack, (model,))


def paper_experiments(setup: Setup) -> list[Simulated]:
    """The experiments behind the paper's tables and claims, the fast ones first."""
    fast = [bob(setup, defence, mc) for defence in DEFENCES for mc in SNRS_DB]
    attacks = [attack(setup, defence, mc, ec) for attack in (black, white) for defence in DEFENCES for ec in SNRS_DB for mc in SNRS_DB]
    return fast + attacks

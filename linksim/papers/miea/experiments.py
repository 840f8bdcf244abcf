"""The conditions of MIEA Sec. IV as cells: three SNRs of the main channel, three of Eve's, four states of the defence, two attacks.

MC is the main channel, Alice to Bob, EC the eavesdropper's. Each MC has a codec of its own, trained for its SNR, and each pair of codec and
defence an inverse network of its own, trained on captures of just that link.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linksim.errors import LinksimError
from linksim.records import ALICE, BOB, EVE
from linksim.reproduction.simulated import Simulated

SNRS_DB = (0, 10, 20)
ATTACKS = ("white", "black")
METRICS = ("psnr_db", "ssim")
# Sec. III-A, IV-B, but for the step size: the paper's 1e-3 takes about twenty times as many steps to the same end (see `descent`).
WHITE_BOX: dict[str, Any] = {"attack": "white-box", "rate": 0.03, "iterations": 300, "tv_weight": 1.0, "flat": 0.02}
PAIR = 2  # images of a frame, each other's companion: "the transmitted features of the next image"
PICTURED = 2  # faces whose images are kept of every cell
ORIGINAL = "original"  # name of their images as Alice has them


@dataclass(frozen=True)
class Setup:
    """What a user may choose.

    images  faces of each cell, an even number
    seed    of all cells
    """

    images: int = 100
    seed: int = 1

    def __post_init__(self) -> None:
        if self.images < PAIR or self.images % PAIR:
            raise LinksimError(f"images travel in pairs: got {self.images} images, allowed: an even number from {PAIR} on")


class OfFaces:
    """What cells have that are measured on the faces of a setup."""

    setup: Setup

    @property
    def seed(self) -> int:
        return self.setup.seed

    @property
    def size(self) -> int:
        return self.setup.images


@dataclass(frozen=True)
class Defence:
    """A state of the defence, and the table and the figure of the paper that show it.

    table   first word of its cells' keys
    layers  schemes around the codec
    learnt  last word of the inverse networks that were trained on its captures
    claims  by attack: the claim that holds the table's figures, and their name in it
    """

    table: str
    number: str
    figure: str
    name: str
    layers: tuple[Mapping[str, Any], ...]
    learnt: str
    claims: Mapping[str, tuple[str, str]]


SHUFFLE = {"name": "permutation", "schemes": 256, "keys": "table"}
OPEN = Defence("table1", "I", "fig3", "undefended", (), "open", {"white": ("miea-white", ""), "black": ("miea-black", "")})
BOTH = Defence(
    "table2", "II", "fig4", "permutation and substitution", ({**SHUFFLE, "substitution_ratio": 0.5},), "shuffled",
    {"white": ("miea-defended-white", ""), "black": ("miea-defended-black", "")},
)  # fmt: skip
PERMUTED = Defence(
    "table3", "III", "fig5", "permutation alone", ({**SHUFFLE, "substitution_ratio": 0.0},), "permute",
    {attack: ("miea-perm-only", attack) for attack in ATTACKS},
)  # fmt: skip
SUBSTITUTED = Defence(
    "table4", "IV", "fig6", "substitution alone", ({**SHUFFLE, "permute": False, "substitution_ratio": 0.5},), "substitution_ratio",
    {attack: ("miea-subst-only", attack) for attack in ATTACKS},
)  # fmt: skip
DEFENCES = (OPEN, BOTH, PERMUTED, SUBSTITUTED)


def codec(mc: int) -> str:
    """The codec trained for an SNR of the main channel."""
    return f"miea-{mc}db"


def inverter(mc: int, learnt: str) -> str:
    """The inverse network trained on captures of that codec."""
    return f"miea-inverse-{mc}db-{learnt}"


def key(table: str, who: str, mc: int, ec: int | None = None) -> str:
    """ "table2/white/mc10/ec0", or "table2/bob/mc10"."""
    return "/".join([table, who, f"mc{mc}"] + ([] if ec is None else [f"ec{ec}"]))


def grid(table: str, attack: str) -> tuple[tuple[str, ...], ...]:
    """Keys of an attack's nine channel conditions, rows EC, columns MC, as the paper's tables have them."""
    return tuple(tuple(key(table, attack, mc, ec) for mc in SNRS_DB) for ec in SNRS_DB)


def bobs(table: str) -> tuple[str, ...]:
    """Keys of Bob's cells, one per MC."""
    return tuple(key(table, "bob", mc) for mc in SNRS_DB)


def words(setup: Setup, layers: tuple[Mapping[str, Any], ...], mc: int, codec_name: str) -> dict[str, Any]:
    """A scenario of one link without Eve: faces of the test people in pairs, constant SNR, no probes."""
    return {
        "name": "cell",
        "seed": setup.seed,
        "frames": setup.images // PAIR,
        "dataset": "faces",
        "classifier": None,
        "compute": {"precision": "float32"},
        "trace": {"images": PICTURED, "channel": 0, "constellation_frames": 0},
        "scheme": [*map(dict, layers), {"name": "deepjscc", "codec": codec_name}],
        "channel": {"bob": {"snr": {"kind": "constant", "mean_db": mc}}},
        "alice": {"images_per_frame": PAIR, "assumed_snr_db": mc},
        "session": {"probe_interval_ms": 0},
    }


def bob(setup: Setup, defence: Defence, mc: int) -> Simulated:
    """What Bob sees."""
    name = key(defence.table, "bob", mc)
    return Simulated(name, "bob", words(setup, defence.layers, mc, codec(mc)), BOB, (codec(mc),), {BOB: name, ALICE: ORIGINAL})


def eavesdropped(
    setup: Setup, defence: Defence, name: str, kind: str, mc: int, ec: int, attack: Mapping[str, Any], parts: tuple[str, ...] = ()
) -> Simulated:
    """What Eve sees with `attack`, a scenario's words for her.

    name   key of the cell
    kind   of attack: how long it takes
    parts  trained models that she uses beyond the codec
    """
    options = words(setup, defence.layers, mc, codec(mc))
    channel = options["channel"] | {"eve": {"snr": {"kind": "constant", "mean_db": ec}}}
    return Simulated(name, kind, options | {"channel": channel, "eve": dict(attack)}, EVE, (codec(mc), *parts), {EVE: name})


def white(setup: Setup, defence: Defence, mc: int, ec: int) -> Simulated:
    """What Eve sees who knows the encoder (Eq. 5)."""
    return eavesdropped(setup, defence, key(defence.table, "white", mc, ec), "white", mc, ec, WHITE_BOX)


def black(setup: Setup, defence: Defence, mc: int, ec: int) -> Simulated:
    """What Eve sees who has trained an inverse network (Eq. 6)."""
    part = inverter(mc, defence.learnt)
    attack = {"attack": "inverse-network", "inverter": part}
    return eavesdropped(setup, defence, key(defence.table, "black", mc, ec), "black", mc, ec, attack, (part,))


def paper_cells(setup: Setup) -> list[Simulated]:
    """All that the paper's tables and claims need, the quick ones first."""
    quick = [bob(setup, defence, mc) for defence in DEFENCES for mc in SNRS_DB]
    attacks = [attack(setup, defence, mc, ec) for attack in (black, white) for defence in DEFENCES for ec in SNRS_DB for mc in SNRS_DB]
    return quick + attacks

"""The attacks of Eve on covert communication, as blocks of a scenario: those of Tang et al., Sec. III, and stronger ones beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Attack:
    """An attack of Eve.

    name      in tables and figures
    options   her block in a scenario
    models    trained models that she uses in addition to the codec
    searches  whether she searches for every image
    """

    name: str
    options: Mapping[str, Any]
    models: tuple[str, ...] = ()
    searches: bool = False


GENERATOR, EIGENFACES = "face-generator", "face-eigenfaces"
REGRESSION = "covert-regression"  # Eve's own regression, from whose image the searches with a prior start


def search(name: str, prior: str, generator: str = "", started: bool = False) -> Attack:
    """Return the glass-box attack with a prior, which starts from the image of a regression if it is `started`, else from the mean face."""
    block: dict[str, Any] = {"attack": "map-inversion", "prior": prior, "iterations": 100}
    block |= {"generator": generator, "learning_rate": 0.1} if generator else {}
    block |= {"start": "inverse-network", "inverter": REGRESSION} if started else {}
    return Attack(name, block, ((generator,) if generator else ()) + ((REGRESSION,) if started else ()), searches=True)


MORE_QUERIES = (1_000, 4_000)  # of closed-box networks beside the paper's 100
TV_WEIGHTS = {5: 1.0, 20: 3.0}  # by SNR in dB; of 1, 3, 10, 30 the best PSNR of four training people


def closed(name: str, inverter: str, generator: str = "") -> Attack:
    """Return the closed-box attack with an inverse network, and with a generator behind it."""
    if not generator:
        return Attack(name, {"attack": "inverse-network", "inverter": inverter}, (inverter,))
    return Attack(name, {"attack": "generative-inverse-network", "inverter": inverter, "generator": generator}, (inverter, generator))


ATTACKS: dict[str, Attack] = {
    "decoder": Attack("Bob's decoder", {"attack": "decoder"}),
    "glass": search("glass-box", "none"),
    "closed": closed("closed-box, 100 queries", "covert-inverse-m100"),
    "genai-glass": search("GenAI + glass-box", "generator", GENERATOR, started=True),
    "genai-closed": closed("GenAI + closed-box, 100 queries", "covert-generative-inverse-m100", GENERATOR),
    "glass-tv": search("glass-box, total variation", "total-variation", started=True),
    "glass-gaussian": search("glass-box, Gaussian prior", "generator", EIGENFACES, started=True),
    **{f"closed-m{m}": closed(f"closed-box, {m:,} queries", f"covert-inverse-m{m}") for m in MORE_QUERIES},
    **{
        f"genai-closed-m{m}": closed(f"GenAI + closed-box, {m:,} queries", f"covert-generative-inverse-m{m}", GENERATOR)
        for m in MORE_QUERIES
    },
}
PAPERS_ATTACKS = ("glass", "closed", "genai-glass", "genai-closed")
TABLE_ONE = ("decoder", *PAPERS_ATTACKS)  # the rows of Table I
SUPPLEMENTARY = tuple(name for name in ATTACKS if name not in TABLE_ONE)  # measured at the SNR of Fig. 6, and on the covert link

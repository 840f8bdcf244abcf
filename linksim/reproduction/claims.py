"""The claims of the four papers: `claims.yaml`, read strictly."""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from linksim.errors import LinksimError
from linksim.scenario.strict_yaml import Document, read_yaml

CLAIMS = Path(__file__).with_name("claims.yaml")
WORDS: dict[str, tuple[str | None, ...]] = {
    "kind": ("value", "order", "shape"),
    "direction": ("higher", "lower", "context", None),
    "data": ("same", "other"),
    "needs": ("gpu", None),
}

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Claim:
    """One claim, as `claims.yaml` words it.

    where      in the paper
    quantity   what is claimed
    value      of the paper: a figure, figures by metric, a table [row][column][metric], such tables by name, or a word; None for none
    tolerance  a figure, or one per metric
    data       "other" where the paper's images are not ours: what misses `value` is then not comparable
    needs      "gpu" where only one can measure it
    """

    id: str
    where: str
    kind: Literal["value", "order", "shape"]
    quantity: str
    value: Any = None
    tolerance: Any = None
    direction: Literal["higher", "lower", "context"] | None = None
    data: Literal["same", "other"] = "same"
    needs: Literal["gpu"] | None = None

    def values(self, name: str = "") -> Values:
        """The paper's figures as an array, of the table `name` where there are several."""
        return np.asarray(self.value[name] if name else self.value, np.float64)

    def tolerances(self, metrics: int) -> Values:
        """Tolerance of each of `metrics`, 0 where the claim has none."""
        return np.broadcast_to(np.asarray(self.tolerance or 0.0, np.float64), (metrics,))


@dataclass(frozen=True)
class PaperClaims:
    """A paper's title and what it claims."""

    name: str
    title: str
    claims: tuple[Claim, ...]


@cache
def read_claims(path: Path = CLAIMS) -> dict[str, PaperClaims]:
    """All papers by name. Raises LinksimError, naming file, line and key, for what is not a claim."""
    document = read_yaml(path)
    papers, seen = {}, set[str]()
    for name, block in _block(document, document.data, ()).items():
        entry = _block(document, block, (name,))
        _keys(document, entry, (name,), {"title", "claims"}, {"title", "claims"})
        claims = tuple(_claim(document, stored, (name, "claims", place)) for place, stored in enumerate(entry["claims"]))
        for place, claim in enumerate(claims):
            if claim.id in seen:
                raise _fault(document, (name, "claims", place, "id"), f"{claim.id!r} stands twice")
            seen.add(claim.id)
        papers[name] = PaperClaims(name, str(entry["title"]), claims)
    return papers


Place = tuple[str | int, ...]


def _claim(document: Document, stored: Any, place: Place) -> Claim:
    known = Claim.__dataclass_fields__
    block = _block(document, stored, place)
    _keys(document, block, place, set(known), {"id", "where", "kind", "quantity"})
    for name in ("id", "where", "quantity"):
        if not isinstance(block[name], str) or not block[name]:
            raise _fault(document, (*place, name), f"must be a text, got {block[name]!r:.40}")
    for name, allowed in WORDS.items():
        if block.get(name, known[name].default if name != "kind" else None) not in allowed:
            raise _fault(document, (*place, name), f"got {block[name]!r:.40}, allowed: {', '.join(str(word) for word in allowed if word)}")
    return Claim(**block)


def _keys(document: Document, block: dict[str, Any], place: Place, allowed: set[str], needed: set[str]) -> None:
    if unknown := sorted(block.keys() - allowed):
        raise _fault(document, (*place, unknown[0]), f"unknown key; allowed: {', '.join(sorted(allowed))}")
    if missing := sorted(needed - block.keys()):
        raise _fault(document, place, f"key {missing[0]!r} is missing")


def _block(document: Document, stored: Any, place: Place) -> dict[str, Any]:
    if not isinstance(stored, dict):
        raise _fault(document, place, f"must be a block of keys, got {stored!r:.40}")
    return stored


def _fault(document: Document, place: Place, message: str) -> LinksimError:
    return LinksimError(f"{document.place(place)}: {'.'.join(map(str, place))}: {message}")


def shown(values: Any) -> str:
    """Figures as a line of text: "30.02 / 0.70, 32.28 / 0.79", a word as it is, "" for none."""
    if values is None:
        return ""
    if isinstance(values, str):
        return values
    if isinstance(values, dict):
        return "; ".join(f"{name}: {shown(part)}" for name, part in values.items())
    array = np.asarray(values, np.float64)
    if array.ndim == 0:
        return figure(float(array))
    join = {1: " / ", 2: ", "}.get(array.ndim, "; ")
    return join.join(shown(part) for part in array)


def figure(value: float) -> str:
    """Two places after the point from 0.1 upwards, else three digits; "-" for none."""
    if math.isnan(value):
        return "-"
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3g}"

"""The claims of the four papers, read from `claims.yaml` and checked strictly."""

import math
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails

from linksim.errors import LinksimError
from linksim.scenario.strict_yaml import Document, dotted, read_yaml

CLAIMS = Path(__file__).with_name("claims.yaml")

Values = NDArray[np.float64]
Text = Annotated[str, Field(min_length=1)]


def _figures(value: Any) -> Any:
    """A number, a word, a rectangular table of numbers, or such tables by name. Raises ValueError for anything else."""
    for table in value.values() if isinstance(value, dict) else [value]:
        try:
            number = not isinstance(table, bool) and np.asarray(table, np.float64).size > 0
        except (ValueError, TypeError):
            number = False
        if not number and not (isinstance(table, str) and table and table is value):
            raise ValueError("allowed: a number, a word, a rectangular table of numbers, or such tables by name")
    return value


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Claim(_Block):
    """One claim as `claims.yaml` states it.

    where      place in the paper
    kind       value: a value is compared with `value`; order: quantities stand in a relation; shape: a trend over a swept variable
    quantity   what is claimed
    value      of the paper: a number, numbers by metric, a table [row][column][metric], such tables by name, a word, or None
    tolerance  a number, or one per metric, in the unit of `value`; stated for every number that is compared (`verdicts.compare`)
    direction  side of `value` that is better; context: no side is, the value is shown and not evaluated
    min_n      planned number of samples of each experiment that decides; with fewer the claim is undecided (`rules.verdict_of`)
    data       "other" where the paper's images differ from ours: no absolute value is then comparable
    needs      "gpu" where only a GPU can measure it
    """

    id: Text
    where: Text
    kind: Literal["value", "order", "shape"]
    quantity: Text
    value: Annotated[Any, AfterValidator(_figures)] = None
    tolerance: Annotated[float, Field(ge=0)] | list[Annotated[float, Field(ge=0)]] | None = None
    direction: Literal["higher", "lower", "context"] | None = None
    min_n: Annotated[int, Field(ge=2)] | None = None
    data: Literal["same", "other"] = "same"
    needs: Literal["gpu"] | None = None

    @model_validator(mode="after")
    def _states_a_tolerance(self) -> "Claim":
        compared = self.kind == "value" and self.value is not None and not isinstance(self.value, str) and self.direction != "context"
        if compared and self.tolerance is None:
            raise ValueError("a number that is compared needs a tolerance")
        return self

    def values(self, name: str = "") -> Values:
        """The paper's values as an array; of the table `name` where there are several."""
        return np.asarray(self.value[name] if name else self.value, np.float64)

    def tolerances(self, metrics: int) -> Values:
        """Tolerance of each of `metrics`, 0 where the claim has none. -> [metrics]"""
        return np.broadcast_to(np.asarray(self.tolerance or 0.0, np.float64), (metrics,))


class PaperClaims(_Block):
    """Title of a paper and its claims, in the order of the file."""

    title: Text
    claims: list[Claim]


class _ClaimsFile(_Block):
    papers: dict[str, PaperClaims]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "_ClaimsFile":
        seen = set[str]()
        for claim in (claim for paper in self.papers.values() for claim in paper.claims):
            if claim.id in seen:
                raise ValueError(f"two claims have the id {claim.id!r}")
            seen.add(claim.id)
        return self


@cache
def read_claims(path: Path = CLAIMS) -> dict[str, PaperClaims]:
    """The claims of all papers by the paper's name. Raises LinksimError, naming file, line and key, for the first invalid entry."""
    document = read_yaml(path)
    try:
        return TypeAdapter(_ClaimsFile).validate_python({"papers": document.data}).papers
    except ValidationError as raised:
        raise _error(document, raised.errors(include_url=False)[0]) from None


def _error(document: Document, error: ErrorDetails) -> LinksimError:
    """One message for an error that pydantic reports."""
    place = error["loc"][1:]  # without "papers"
    got = "" if error["type"] in ("missing", "extra_forbidden", "value_error") else f", got {error['input']!r:.40}"
    message = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
    return LinksimError(f"{document.place(place)}: {dotted(place)}: {message}{got}")


def shown(values: Any) -> str:
    """Values as one line of text.

    >>> shown([[30.02, 0.7], [32.28, 0.79]])
    '30.02 / 0.70, 32.28 / 0.79'
    >>> shown("exact"), shown(None)
    ('exact', '')
    """
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
    """A value as text: two decimals from 0.1 upwards, three significant digits below, "-" for NaN.

    >>> figure(31.578), figure(0.06771), figure(float("nan"))
    ('31.58', '0.0677', '-')
    """
    if math.isnan(value):
        return "-"
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3g}"

"""The points of a sweep: all combinations of the values of its axes, each a scenario of its own.

    channel.bob.snr.mean_db = 0, 10   x   scheme = deepjscc, digital   -->   4 cells   x   3 replications   -->   12 points

An axis is a key of the scenario with values, a name with variants, each of which sets several keys, or several keys whose values belong
together. The replications of a cell have other random streams; those of equal number have equal ones in all cells.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linksim.data.measured_snr import with_checksums
from linksim.errors import LinksimError, ScenarioError
from linksim.scenario.load import override_texts
from linksim.scenario.schema import Scenario
from linksim.scenario.strict_yaml import parse_yaml

Overrides = Mapping[str, Any]  # values by dotted key
Variant = Overrides | Callable[[Scenario], Overrides]  # overrides, or a function of the scenario that returns them


@dataclass(frozen=True)
class Zipped:
    """An axis of several keys: its n-th value sets each key to the n-th of its own values.

    values  the values of each key, of equal number
    """

    values: Mapping[str, Sequence[Any]]


Axis = Sequence[Any] | Mapping[str, Variant] | Zipped
Source = Callable[[Sequence[str]], Scenario]  # overrides "KEY=VALUE" -> the scenario with them
MAX_POINTS = 1_000_000
NUMBER = r"(-?\d+(?:\.\d+)?)"
RANGE = re.compile(rf"{NUMBER}\.\.{NUMBER}(?:\.\.{NUMBER})?")
TAKEN = ("group", "receiver", "runs", "trace", "images", "units", "decoded", "lost", "psnr_db", "ssim", "accuracy", "reward")  # columns
REPLICATED = ("seed", "replication")  # axes whose values are independent runs of the same cell


@dataclass(frozen=True)
class Point:
    """A point of a sweep.

    values    value of each key or name of each variant, by axis, and the number of the replication if a cell has several
    scenario  its scenario with all keys written out, as JSON, which is YAML and written fast
    digest    identifies the run: equal digests give equal results
    """

    values: Mapping[str, Any]
    scenario: str
    digest: str

    def text(self) -> str:
        """Return the values as one line."""
        return ", ".join(f"{axis}={shown(value)}" for axis, value in self.values.items())


def shown(value: Any) -> str:
    """Return a value as text in one line.

    >>> shown(3.5), shown("deepjscc"), shown({"name": "digital", "rate": "3/4"})
    ('3.5', 'deepjscc', '{"name": "digital", "rate": "3/4"}')
    """
    return value if isinstance(value, str) else json.dumps(value)


def parse_axis(text: str) -> tuple[str, list[Any]]:
    """Return key and values of an axis, which the command line has as KEY=VALUE,VALUE,... in YAML, or as KEY=FIRST..LAST..STEP.

    >>> parse_axis("channel.bob.snr.mean_db=0,5,10")
    ('channel.bob.snr.mean_db', [0, 5, 10])
    >>> parse_axis("scheme=deepjscc,{name: digital, rate: 3/4}")
    ('scheme', ['deepjscc', {'name': 'digital', 'rate': '3/4'}])
    >>> parse_axis("seed=1..3"), parse_axis("channel.bob.snr.mean_db=0..1..0.5")
    (('seed', [1, 2, 3]), ('channel.bob.snr.mean_db', [0.0, 0.5, 1.0]))

    Raises LinksimError for a text without key or values, and for values that are not YAML.
    """
    key, equals, values = text.partition("=")
    if not (key.strip() and equals and values.strip()):
        raise LinksimError(f"--axis {text}: got no values, allowed: KEY=VALUE,VALUE,... or KEY=FIRST..LAST..STEP")
    if found := RANGE.fullmatch(values.strip()):
        try:
            return key.strip(), steps(*(float(part) if "." in part else int(part) for part in found.groups("1")))
        except ValueError as fault:
            raise LinksimError(f"--axis {text}: {fault}") from fault
    try:
        return key.strip(), list(parse_yaml(f"values: [{values}]", f"--axis {key}").data["values"])
    except ScenarioError as fault:
        raise LinksimError(f"--axis {text}: {str(fault).splitlines()[0].split(': ', 1)[-1]}") from fault


def steps(first: float, last: float, step: float = 1) -> list[Any]:
    """Return the values of a range, both ends included; whole numbers if all three are. Raises ValueError for a range without values.

    >>> steps(0, 10, 5), steps(0.0, 0.3, 0.1)
    ([0, 5, 10], [0.0, 0.1, 0.2, 0.3])
    """
    count = int(np.floor((last - first) / step + 1e-9)) + 1 if step > 0 else 0
    if not 1 <= count <= MAX_POINTS:
        raise ValueError(f"the range has {max(count, 0):,} values, allowed: 1 to {MAX_POINTS:,}")
    whole = all(isinstance(part, int) for part in (first, last, step))
    return [first + i * step if whole else round(first + i * step, 12) for i in range(count)]


@dataclass(frozen=True)
class Cell:
    """A combination of values of the axes.

    values    value of each key, or name of each variant, by axis
    scenario  its scenario
    """

    values: Mapping[str, Any]
    scenario: Scenario

    def point(self, versions: Iterable[str] = (), replication: int | None = None) -> Point:
        """Return a replication of the cell, counted from that of its scenario; None for its only run.

        versions  what determines the results beside the scenario, such as the version of linksim
        """
        values, scenario = dict(self.values), self.scenario
        if replication is not None:
            values["replication"] = scenario.replication + replication
            scenario = scenario.model_copy(update={"replication": values["replication"]})
        resolved = json.dumps(scenario.model_dump(), allow_nan=False)
        digest = hashlib.sha256("\n".join([resolved, *versions]).encode()).hexdigest()[:32]
        return Point(values, resolved, digest)


def cells_of(source: Source, axes: Mapping[str, Axis]) -> list[Cell]:
    """Return all cells, the values of the last axis changing fastest.

    source  returns the scenario with overrides
    axes    by key of the scenario, values of that key; by any other name, variants: overrides, or functions of the scenario that return
            them, by name, or keys whose values belong together

    Raises LinksimError for an axis without values, with equal ones or with the name of a column of the table, for a key with two axes and
    for more than `MAX_POINTS` cells, and ScenarioError, which names the cell, for a cell that is no valid scenario.
    """
    base = source(())
    choices = [_choices(name, axis, base) for name, axis in axes.items()]
    columns = [name for axis in choices for name in axis[0][0]]
    if taken := [name for name in columns if name in TAKEN]:
        raise LinksimError(f"axis {taken[0]}: the table of results has a column of that name, allowed: another name")
    if repeated := [name for name in dict.fromkeys(columns) if columns.count(name) > 1]:
        raise LinksimError(f"axis {repeated[0]}: got a second one, allowed: one per key")
    count = int(np.prod([len(axis) for axis in choices], dtype=np.float64))
    if count > MAX_POINTS:
        raise LinksimError(f"the axes have {count:,} combinations, allowed: at most {MAX_POINTS:,}")
    found = list[Cell]()
    for combination in itertools.product(*choices):
        values = {name: value for own, _ in combination for name, value in own.items()}
        overrides = {key: value for _, own in combination for key, value in own.items()}
        found.append(Cell(values, _scenario_at(source, values, overrides)))
    return found


def _choices(name: str, axis: Axis, scenario: Scenario) -> list[tuple[Mapping[str, Any], Overrides]]:
    """The values of an axis by column of the table, each with the overrides that it stands for."""
    found: list[tuple[Mapping[str, Any], Overrides]]
    if isinstance(axis, Zipped):
        counts = {key: len(values) for key, values in axis.values.items()}
        if len(set(counts.values())) > 1:
            numbers = ", ".join(f"{count} of {key}" for key, count in counts.items())
            raise LinksimError(f"axis {name}: got {numbers}, allowed: as many values of each key")
        together = [dict(zip(axis.values, values, strict=True)) for values in zip(*axis.values.values(), strict=True)]
        found = [(values, values) for values in together]
    elif isinstance(axis, Mapping):
        found = [({name: label}, dict(variant(scenario) if callable(variant) else variant)) for label, variant in axis.items()]
    else:
        found = [({name: value}, {name: value}) for value in axis]
    labels = [", ".join(map(shown, values.values())) for values, _ in found]
    if not found:
        raise LinksimError(f"axis {name}: got no values, allowed: at least one")
    if repeated := [label for label in dict.fromkeys(labels) if labels.count(label) > 1]:
        raise LinksimError(f"axis {name}: got {repeated[0]} more than once, allowed: different values")
    return found


def _scenario_at(source: Source, values: Mapping[str, Any], overrides: Overrides) -> Scenario:
    """The scenario with overrides, with the checksums of its measured files."""
    try:
        return with_checksums(source(override_texts(overrides)))
    except LinksimError as fault:
        where = ", ".join(f"{axis}={shown(value)}" for axis, value in values.items())
        fault.add_note(f"This is the point {where} of the sweep.")
        raise

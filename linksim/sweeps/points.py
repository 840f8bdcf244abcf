"""The points of a sweep: all combinations of the values of its axes, each a scenario of its own.

    channel.bob.snr.mean_db = 0, 10   x   scheme = deepjscc, digital   -->   4 points

An axis is a key of the scenario with values, or a name with variants, each of which sets several keys.
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
from linksim.scenario.load import override_texts, resolved_yaml
from linksim.scenario.schema import Scenario
from linksim.scenario.strict_yaml import parse_yaml

Overrides = Mapping[str, Any]  # values by dotted key
Variant = Overrides | Callable[[Scenario], Overrides]  # overrides, or a function of the scenario that returns them
Axis = Sequence[Any] | Mapping[str, Variant]
Source = Callable[[Sequence[str]], Scenario]  # overrides "KEY=VALUE" -> the scenario with them
MAX_POINTS = 1_000_000
NUMBER = r"(-?\d+(?:\.\d+)?)"
RANGE = re.compile(rf"{NUMBER}\.\.{NUMBER}(?:\.\.{NUMBER})?")


@dataclass(frozen=True)
class Point:
    """A point of a sweep.

    values    value of each axis, or name of its variant, by axis
    scenario  its scenario as YAML, with all keys written out
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
        return key.strip(), _range(text, *found.groups())
    try:
        return key.strip(), list(parse_yaml(f"values: [{values}]", f"--axis {key}").data["values"])
    except ScenarioError as fault:
        raise LinksimError(f"--axis {text}: {str(fault).splitlines()[0].split(': ', 1)[-1]}") from fault


def _range(text: str, first: str, last: str, step: str | None) -> list[Any]:
    """The values of a range, both ends included; whole numbers if all three are."""
    low, high, by = (float(part) for part in (first, last, step or "1"))
    count = int(np.floor((high - low) / by + 1e-9)) + 1 if by > 0 else 0
    if not 1 <= count <= MAX_POINTS:
        raise LinksimError(f"--axis {text}: the range has {max(count, 0):,} values, allowed: 1 to {MAX_POINTS:,}")
    whole = not any("." in part for part in (first, last, step or "1"))
    return [int(low + i * by) if whole else round(low + i * by, 12) for i in range(count)]


def points_of(source: Source, axes: Mapping[str, Axis], versions: Iterable[str] = ()) -> list[Point]:
    """Return all points, the values of the last axis changing fastest.

    source    returns the scenario with overrides
    axes      by key of the scenario, values of that key; by any other name, variants: overrides, or functions of the scenario that return
              them, by name
    versions  what determines the results beside the scenario, such as the version of linksim

    Raises LinksimError for an axis without values or with equal ones and for more than `MAX_POINTS` points, and ScenarioError, which names
    the point, for a point that is no valid scenario.
    """
    base = source(())
    choices = {name: _choices(name, axis, base) for name, axis in axes.items()}
    count = int(np.prod([len(each) for each in choices.values()], dtype=np.float64))
    if count > MAX_POINTS:
        raise LinksimError(f"the axes have {count:,} combinations, allowed: at most {MAX_POINTS:,}")
    found = list[Point]()
    for combination in itertools.product(*choices.values()):
        values = {name: value for name, (value, _) in zip(choices, combination, strict=True)}
        overrides = {key: value for _, own in combination for key, value in own.items()}
        resolved = resolved_yaml(_scenario_at(source, values, overrides))
        digest = hashlib.sha256("\n".join([resolved, *versions]).encode()).hexdigest()[:32]
        found.append(Point(values, resolved, digest))
    return found


def _choices(name: str, axis: Axis, scenario: Scenario) -> list[tuple[Any, Overrides]]:
    """The values of an axis with the overrides that each stands for."""
    if isinstance(axis, Mapping):
        found = [(label, variant(scenario) if callable(variant) else variant) for label, variant in axis.items()]
    else:
        found = [(value, {name: value}) for value in axis]
    labels = [shown(value) for value, _ in found]
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

"""Study files: a scenario, the axes over which it is varied, how often it is replicated, and what is kept, in YAML.

    name: rates                                   scenario: awgn-baseline        # a name, a file beside the study, or a block
    set: {links: 4}                                                              # overrides of the scenario
    axes:
      channel.bob.snr.mean_db: {from: 0, to: 20, step: 5}
      scheme: [deepjscc, {name: digital, rate: 3/4}]
      load: {variants: {light: {links: 1}, heavy: {links: 8, frames: 5}}}
    zipped: [{frames: [40, 20], alice.images_per_frame: [4, 8]}]
    stop: {metric: psnr_db, width: 0.2, most: 50}

Every message names the line of the study where the wrong value stands, also for a value that the scenario refuses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, ValidationError

from linksim.errors import Problem, ScenarioError, quoted
from linksim.places import shipped_scenarios
from linksim.registry import suggest
from linksim.scenario.base import FileName, Options
from linksim.scenario.load import build_scenario, find_document, override_texts
from linksim.scenario.problems import explain, refuse
from linksim.scenario.schema import Scenario
from linksim.scenario.strict_yaml import Document, dotted, dump_yaml, parse_yaml, read_yaml
from linksim.scenario.tree import from_document
from linksim.sweeps.figure import FigureSpec
from linksim.sweeps.plan import WHOLE, Part, Plan
from linksim.sweeps.points import Axis, Zipped, steps
from linksim.sweeps.stop import StopRule

KEYS_OF_RANGE = {"from", "to", "step"}
Kept = Literal["tables", "figures", "traces"]


class FigureOptions(Options):
    """A figure of metrics over an axis."""

    name: FileName = Field(description="name of the file, without its suffix")
    metrics: list[str] = Field(min_length=1, max_length=8, description="columns of the table")
    over: str | None = Field(None, description="axis of numbers; null for the first one")
    by: list[str] = Field([], min_length=0, max_length=8, description="axes whose values have panels of their own, or group or receiver")


class StudyOptions(Options):
    """The keys of a study file."""

    name: FileName = Field(description="name of the study, and of its folder of results")
    description: str = Field("", max_length=1000, description="what the study is about")
    scenario: Any = Field(description="name of a shipped scenario, a file, whose path starts at the study's folder, or a block of keys")
    set: Any = Field({}, description="overrides of the scenario by dotted key")
    axes: Any = Field({}, description="values by dotted key: a list, a range or variants")
    zipped: Any = Field([], description="list of blocks, each of keys with lists of equal length, whose values belong together")
    replications: int = Field(1, ge=1, le=100_000, description="runs of each cell, or before the first decision of the stop rule")
    stop: StopRule | None = Field(None, description="when a cell has enough replications")
    keep: list[Kept] = Field(["tables", "figures"], min_length=1, max_length=3, description="what is kept beside the journal")
    figures: list[FigureOptions] = Field([], min_length=0, max_length=50, description="figures beside sweep.png")


@dataclass(frozen=True)
class Study:
    """A study.

    options    the keys of its file
    axes       its axes
    overrides  overrides of the scenario, as texts "KEY=VALUE"
    _base      the file of its scenario
    _places    place of each override and value of an axis in the file, by the text "KEY=VALUE", of a range by "KEY="
    """

    options: StudyOptions
    axes: Mapping[str, Axis]
    overrides: Sequence[str]
    _base: Document
    _places: Mapping[str, str]

    def scenario(self, texts: Sequence[str]) -> Scenario:
        """Return the scenario with the overrides of the study, then with others. Raises ScenarioError with the lines of the study."""
        try:
            return build_scenario(self._base, [*self.overrides, *texts])
        except ScenarioError as fault:
            raise ScenarioError([replace(problem, place=self._place(problem.place)) for problem in fault.problems]) from None

    def plan(
        self,
        axes: Mapping[str, Axis] = MappingProxyType({}),
        overrides: Sequence[str] = (),
        replications: int | None = None,
        stop: StopRule | None = None,
        part: Part = WHOLE,
    ) -> Plan:
        """Return what is run. Axes, replications and a rule that are given replace those of the study; overrides come after its own."""
        options = self.options
        every, count, rule = {**self.axes, **axes}, replications or options.replications, stop or options.stop
        return Plan(lambda texts: self.scenario([*overrides, *texts]), every, count, rule, part)

    def figures(self) -> dict[str, FigureSpec]:
        """Return what each figure shows, by name."""
        return {each.name: FigureSpec(each.metrics, each.over, each.by) for each in self.options.figures}

    def _place(self, place: str) -> str:
        """The place in the study of an override that a message calls "--set KEY=VALUE"; other places as they are."""
        text = place.removeprefix("--set ")
        return self._places.get(text, self._places.get(f"{text.partition('=')[0]}=", place)) if text != place else place


def shipped_studies() -> list[str]:
    """Return the names of the studies that come with linksim."""
    return sorted(file.stem for file in _shipped().glob("*.yaml"))


def study_file(name: str) -> Path | None:
    """Return the file of a study: a file that has the key `scenario`, or a study that comes with linksim. None for a scenario.

    Raises ScenarioError for a file that is not strict YAML.
    """
    if name in shipped_studies():
        return _shipped() / f"{name}.yaml"
    if not (name.endswith((".yaml", ".yml")) and Path(name).is_file()):
        return None
    data = read_yaml(name).data
    return Path(name) if isinstance(data, dict) and "scenario" in data else None


def _shipped() -> Path:
    return shipped_scenarios() / "studies"


def read_study(path: Path) -> Study:
    """Read a study file, and the file of its scenario.

    Raises ScenarioError with all errors of its own keys; those of the scenario's keys are found by its plan.
    """
    document = read_yaml(path)
    tree = from_document(document)
    try:
        options = StudyOptions.model_validate(document.data)
    except ValidationError as raised:
        refuse(explain(raised, StudyOptions, tree))
        raise
    reader = _Reader(document)
    overrides = reader.overrides(options.set)
    axes = reader.axes(options)
    if not isinstance(options.scenario, str | dict):
        reader.complain(("scenario",), options.scenario, "the name of a shipped scenario, a file, or a block of keys")
    if not axes and not reader.problems:
        reader.problems.append(Problem(document.place(()), "", "got no axis, allowed: at least one, under axes or zipped"))
    if reader.problems:
        raise ScenarioError(reader.problems)
    return Study(options, axes, overrides, _base(document, options.scenario), reader.places)


def _base(document: Document, named: str | dict[str, Any]) -> Document:
    """The scenario of a study: a block, a file beside the study, or one that comes with linksim."""
    if isinstance(named, dict):
        return parse_yaml(dump_yaml(named), f"{document.place(('scenario',))}: scenario")
    beside = "/" in named or named.endswith((".yaml", ".yml"))
    return find_document(str(Path(document.name).parent / named) if beside else named)


class _Reader:
    """Reads the axes of a study.

    document  the file
    problems  what was found to be wrong
    places    place of each override and value of an axis, by the text "KEY=VALUE", of a range by "KEY="
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self.problems: list[Problem] = []
        self.places: dict[str, str] = {}

    def complain(self, path: tuple[str | int, ...], found: object, allowed: str) -> None:
        """Note a problem of the value at a path."""
        self.problems.append(Problem(self._document.place(path), dotted(path), f"got {quoted(found)}, allowed: {allowed}"))

    def overrides(self, block: Any) -> list[str]:
        """The overrides of a block as texts."""
        if not isinstance(block, dict):
            self.complain(("set",), block, "a block of dotted keys with their values")
            return []
        return [self._text(key, value, ("set", key)) for key, value in block.items()]

    def axes(self, options: StudyOptions) -> dict[str, Axis]:
        """All axes of a study."""
        found: dict[str, Axis] = {}
        if isinstance(options.axes, dict):
            for name, axis in options.axes.items():
                variants = isinstance(axis, dict) and "variants" in axis
                found[name] = self._variants(axis, ("axes", name)) if variants else self._values(name, axis, ("axes", name))
        else:
            self.complain(("axes",), options.axes, "a block of dotted keys, each with a list, a range or variants")
        if isinstance(options.zipped, list) and all(isinstance(block, dict) and block for block in options.zipped):
            for number, block in enumerate(options.zipped):
                values = {key: self._values(key, axis, ("zipped", number, key)) for key, axis in block.items()}
                found[f"zipped.{number}"] = Zipped(values)
                if len({len(each) for each in values.values()}) > 1:
                    counts = ", ".join(f"{len(each)} of {key}" for key, each in values.items())
                    place = self._document.place(("zipped", number))
                    self.problems.append(Problem(place, f"zipped.{number}", f"got {counts}, allowed: as many values of each key"))
        else:
            self.complain(("zipped",), options.zipped, "a list of blocks, each of keys with their values")
        return found

    def _values(self, key: str, axis: Any, path: tuple[str | int, ...]) -> list[Any]:
        """The values of a key: a list, or a range."""
        if isinstance(axis, list) and axis:
            for number, value in enumerate(axis):
                self._text(key, value, (*path, number))
            return axis
        if isinstance(axis, dict) and {"from", "to"} <= axis.keys() <= KEYS_OF_RANGE and all(_is_number(each) for each in axis.values()):
            try:
                found = steps(axis["from"], axis["to"], axis.get("step", 1))
            except ValueError as fault:
                self.problems.append(Problem(self._document.place(path), dotted(path), str(fault)))
                return []
            self.places[f"{key}="] = self._document.place(path)  # of all its values, which may be many
            return found
        unknown = [each for each in axis if each not in KEYS_OF_RANGE] if isinstance(axis, dict) else []
        hint = f"; no key {unknown[0]!r}, {suggest(unknown[0], [*sorted(KEYS_OF_RANGE), 'variants'])}" if unknown else ""
        self.complain(path, axis, f"a list of values, or a range such as {{from: 0, to: 20, step: 5}}{hint}")
        return []

    def _variants(self, axis: Mapping[str, Any], path: tuple[str | int, ...]) -> dict[str, Any]:
        """The variants of a name, each a block of overrides."""
        variants = axis["variants"]
        if len(axis) > 1 or not (isinstance(variants, dict) and all(isinstance(own, dict) for own in variants.values())):
            self.complain(path, axis, "variants alone: names, each with a block of dotted keys")
            return {}
        for name, own in variants.items():
            for key, value in own.items():
                self._text(key, value, (*path, "variants", name, key))
        return dict(variants)

    def _text(self, key: str, value: Any, path: tuple[str | int, ...]) -> str:
        """The override of a key as text, whose place is noted."""
        (text,) = override_texts({key: value})
        self.places[text if len(text) <= 100 else f"{text[:100]}..."] = self._document.place(path)
        return text


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

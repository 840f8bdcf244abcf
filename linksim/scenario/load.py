"""Load a `Scenario` from a YAML file and overrides, and write it back. All problems of a file are reported at once.

Layers, in ascending priority: the defaults of `schema`, the top of the file, overrides of the top, a group's block, overrides of it.

    defaults <-- top of the file <-- --set KEY=VALUE <-- groups.NAME <-- --set groups.NAME.KEY=VALUE  =  options of the group NAME

The layers are merged as trees that know where each value was written, and only the result is validated. So a message names the line or the
override that holds the wrong value, also if a group has inherited it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from linksim import places
from linksim.errors import Problem, ScenarioError
from linksim.registry import suggest
from linksim.scenario.estimate import refuse_oversized
from linksim.scenario.path_resolution import resolve_paths
from linksim.scenario.problems import ConfigProblem, explain, refuse, show
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.strict_yaml import MAX_DEPTH, Document, dump_yaml, parse_yaml, read_yaml
from linksim.scenario.tree import DEFAULT, Node, Place, from_document, from_plain, merge, plain

ONLY_GROUP = "link"  # the group of a file without groups

Layer = dict[str, Node]


def load_scenario(name_or_path: str, overrides: Sequence[str] = ()) -> Scenario:
    """Read a scenario.

    name_or_path  a file, or the name of a scenario that comes with linksim: without a path separator and without .yaml
    overrides     "channel.bob.snr.mean_db=3", "groups.sealed.eve.attack=none": values in YAML, under the same checks

    Raises ScenarioError with all errors of the file and the overrides, also for a trace of more than 64 GiB.

    >>> load_scenario("quickstart", ["frames=5"]).frames
    5
    """
    return build_scenario(find_document(name_or_path), overrides)


def scenario_from_text(text: str, name: str = "<trace>", overrides: Sequence[str] = ()) -> Scenario:
    """The scenario of a YAML text; messages use `name` as the file name. Raises ScenarioError with all errors.

    >>> scenario_from_text("{name: short, frame: 10}", "short.yaml")
    Traceback (most recent call last):
        ...
    linksim.errors.ScenarioError: short.yaml:1:15: frame: unknown key; did you mean 'frames'?
    """
    return build_scenario(parse_yaml(text, name), overrides)


def override_texts(overrides: Mapping[str, Any]) -> list[str]:
    """Overrides as texts "KEY=VALUE" with the value in YAML, the form that `load_scenario` takes.

    >>> override_texts({"frames": 5, "eve": "none"})
    ['frames=5', 'eve=none']
    """
    return [f"{key}={dump_yaml(value).strip().removesuffix('...').strip()}" for key, value in overrides.items()]


def resolved_yaml(scenario: Scenario) -> str:
    """The scenario with every key written out, in the form with `groups:`. Reading it gives an equal scenario.

    >>> scenario = scenario_from_text("name: short")
    >>> scenario_from_text(resolved_yaml(scenario)) == scenario
    True
    """
    return dump_yaml(scenario.model_dump())


def shipped_names() -> list[str]:
    """Names of the scenarios that come with linksim."""
    return sorted(file.stem for file in places.shipped_scenarios().glob("*.yaml"))


def find_document(name: str) -> Document:
    """Read the file of a scenario, `name_or_path` of `load_scenario`.

    Raises ScenarioError for a name that no shipped scenario has, and as `strict_yaml.read_yaml` does.
    """
    if "/" in name or "\\" in name or name.endswith((".yaml", ".yml")):
        return read_yaml(FilePath(name))
    if name not in shipped_names():
        found = f"no scenario of that name comes with linksim; {suggest(name, shipped_names())} (a file is named {name}.yaml or ./{name})"
        raise ScenarioError([Problem(name[:100], "", found)])
    return read_yaml(places.shipped_scenarios() / f"{name}.yaml")


def build_scenario(document: Document, overrides: Sequence[str] = ()) -> Scenario:
    """Merge the layers of a file and its overrides, and validate the result; for many overrides of one file, which is then read once.

    The options at the top are validated by themselves too, so that an error there is reported where it was written and not once per group.
    """
    root = resolve_paths(from_document(document), FilePath(document.name).parent)
    if not isinstance(root.value, dict):
        refuse([ConfigProblem(root.place, (), f"got {show(root.value)}, allowed: a block of keys such as name, channel, groups")])
    faults: list[ConfigProblem] = []
    groups = _groups(root, faults)
    settings = [setting for setting in (_setting(text, list(groups), faults) for text in overrides) if setting]

    top = _over(_defaults(), {key: node for key, node in root.value.items() if key != "groups"})
    for setting in settings:
        top = _over(top, {key: node for key, node in setting.value.items() if key != "groups"})
    options = {key: node for key, node in top.items() if key in LinkOptions.model_fields}
    link_options = {}
    for name, body in groups.items():
        own = _over(options, body.value)
        for setting in settings:
            if "groups" in setting.value and name in setting.value["groups"].value:
                own = _over(own, _body(setting.value["groups"].value[name], faults))
        link_options[name] = Node(own, body.path, body.place, body.key)

    run = {key: node for key, node in top.items() if key not in LinkOptions.model_fields}
    held = root.value.get("groups", root)
    whole = Node({**run, "groups": Node(link_options, held.path, held.place, held.key)}, (), root.place, root.key)
    faults += _check(LinkOptions, Node(options, (), root.place, root.key))
    faults += _check(Scenario, whole)
    faults += [fault for setting in settings for fault in _without_effect(setting, options, link_options)]
    refuse(faults)
    scenario = Scenario.model_validate(plain(whole))
    refuse_oversized(scenario, document.name)
    return scenario


def _defaults() -> Layer:
    """The default of every key."""
    run = Scenario.model_construct(name="", groups={}).model_dump(exclude={"name", "groups"})
    return {key: from_plain(value, DEFAULT, (key,)) for key, value in {**run, **LinkOptions().model_dump()}.items()}


def _over(base: Layer, new: Layer) -> Layer:
    """Override one layer by another, key by key; the `name` of a run or link is not a discriminator."""
    return base | {key: merge(base[key], node) if key in base else node for key, node in new.items()}


def _groups(root: Node, faults: list[ConfigProblem]) -> dict[str, Node]:
    """The blocks of the groups by name."""
    if "groups" not in root.value:
        return {ONLY_GROUP: Node({}, (), root.place, root.key)}
    groups = root.value["groups"]
    if not isinstance(groups.value, dict):
        faults.append(ConfigProblem(groups.place, groups.path, f"got {show(groups.value)}, allowed: names of groups, each with a block"))
        return {ONLY_GROUP: Node({}, (), root.place, root.key)}
    return {name: Node(_body(node, faults), node.path, node.place, node.key) for name, node in groups.value.items()}


def _body(node: Node, faults: list[ConfigProblem]) -> Layer:
    """The keys of a group's block, which may be empty."""
    if node.value is not None and not isinstance(node.value, dict):
        faults.append(ConfigProblem(node.place, node.path, f"got {show(node.value)}, allowed: a block of a link's keys, or nothing"))
    return node.value if isinstance(node.value, dict) else {}


def _check(block: type[BaseModel], tree: Node) -> list[ConfigProblem]:
    """The problems of a tree under a model."""
    try:
        block.model_validate(plain(tree))
    except ValidationError as raised:
        return explain(raised, block, tree)
    return []


def _setting(text: str, groups: list[str], faults: list[ConfigProblem]) -> Node | None:
    """The tree of one "KEY=VALUE"; None and a fault if it cannot be parsed."""
    key, equals, value = text.partition("=")
    place = Place(f"--set {text}" if len(text) <= 100 else f"--set {text[:100]}...")
    parts = key.split(".")
    if not equals or "" in parts or len(parts) > MAX_DEPTH:
        faults.append(ConfigProblem(place, (), "write it as KEY=VALUE with a dotted key, for example channel.bob.snr.mean_db=3"))
        return None
    if parts[0] == "groups":
        longest_first = sorted(groups, key=len, reverse=True)  # a name may hold dots
        name = next((name for name in longest_first if f"{key}.".startswith(f"groups.{name}.")), None)
        if name is None:
            faults.append(ConfigProblem(place, tuple(parts), f"no such group; {suggest('.'.join(parts[1:2]), groups)}"))
            return None
        parts = ["groups", name, *key.removeprefix(f"groups.{name}").split(".")[1:]]
    try:
        data = parse_yaml(value, str(place)).data
    except ScenarioError as raised:
        faults.extend(ConfigProblem(place, tuple(parts), problem.message) for problem in raised.problems)
        return None
    for part in reversed(parts):
        data = {part: data}
    return resolve_paths(from_plain(data, place), FilePath())


def _without_effect(setting: Node, top: Layer, link_options: dict[str, Node]) -> list[ConfigProblem]:
    """Report an override at the top level that every group overrides again: it would silently have no effect.

    setting       tree of the override
    top           link options at the top level, overrides included
    link_options  options of each group by its name
    """
    hidden = [key for key, node in setting.value.items() if key in top and _holds(top[key], node.place)]
    seen = [key for key in hidden if any(_holds(options.value[key], setting.place) for options in link_options.values())]
    path = ", ".join(f"groups.{name}" for name in list(link_options)[:4])
    message = f"no effect: every group sets this itself; set it under {path}"
    return [ConfigProblem(setting.place, (key,), message) for key in hidden if key not in seen]


def _holds(node: Node, place: Place) -> bool:
    """Whether any value of the tree was written at `place`."""
    children = node.value.values() if isinstance(node.value, dict) else node.value if isinstance(node.value, list) else ()
    return node.place == place or any(_holds(child, place) for child in children)

"""Groups that are one kind of link at several SNRs: told by the scenario, in which they differ in nothing else."""

import json
from collections.abc import Mapping
from itertools import takewhile
from typing import Any

from linksim.errors import ScenarioError
from linksim.scenario.strict_yaml import parse_yaml

ENDS = "-_. 0123456789"  # what is left of "plain-02", "plain-04" when their SNRs are taken away


def snr_sweep_groups(scenario_yaml: str) -> Mapping[str, str]:
    """Name of each group -> a name for it and its kin; empty where the text cannot be read."""
    kinds: dict[str, list[str]] = {}
    for name, options in links_of(scenario_yaml).items():
        kinds.setdefault(json.dumps(without_snr(options), sort_keys=True), []).append(name)
    return {name: common(names) for names in kinds.values() for name in names}


def links_of(scenario_yaml: str) -> Mapping[str, Any]:
    """Name of each group -> what the scenario says of its link; empty where the text cannot be read."""
    try:
        data = parse_yaml(scenario_yaml, "<trace>").data
    except ScenarioError:
        return {}
    groups = data.get("groups") if isinstance(data, dict) else None
    return groups if isinstance(groups, dict) else {}


def without_snr(options: Any) -> Any:
    """A group's link without its paths' SNR, what Alice takes it for, and the number of links."""
    if not isinstance(options, dict):
        return options
    bare = {key: value for key, value in options.items() if key != "links"}
    for block, gone in (("channel", ("snr",)), ("alice", ("assumed_snr_db",))):
        if isinstance(bare.get(block), dict):
            bare[block] = _pruned(bare[block], gone)
    return bare


def _pruned(block: Mapping[str, Any], gone: tuple[str, ...]) -> dict[str, Any]:
    kept = {key: value for key, value in block.items() if key not in gone}
    return {key: _pruned(value, gone) if isinstance(value, dict) else value for key, value in kept.items()}


def common(names: list[str]) -> str:
    """What names begin with alike, without a number and dashes at its end; all of them, where that is nothing."""
    if len(names) == 1:
        return names[0]
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in alike).rstrip(ENDS) or ", ".join(names)

"""Sets of groups whose options differ only in the SNR: one kind of link in an SNR sweep.

A sweep over constant SNRs is a scenario with a group per SNR and scheme. The figure `compare` draws the groups of one scheme as one line,
which it finds here from the resolved scenario in the trace.
"""

import json
from collections.abc import Mapping
from itertools import takewhile
from typing import Any

from linksim.errors import ScenarioError
from linksim.scenario.strict_yaml import parse_yaml

ENDS = "-_. 0123456789"  # removed from the end of a common prefix: "jpeg-02" and "jpeg-04" become "jpeg"


def snr_sweep_groups(scenario_yaml: str) -> Mapping[str, str]:
    """Return the name of the sweep that each group belongs to, by group; empty if the text is not a valid scenario.

    scenario_yaml  resolved scenario of a trace

    A group that no other group resembles is a sweep of its own and has its own name.

    >>> snr_sweep_groups("groups: {jpeg-02: {channel: {bob: {snr: 2}}}, jpeg-04: {channel: {bob: {snr: 4}}}}")
    {'jpeg-02': 'jpeg', 'jpeg-04': 'jpeg'}
    """
    kinds: dict[str, list[str]] = {}
    for name, options in links_of(scenario_yaml).items():
        kinds.setdefault(json.dumps(without_snr(options), sort_keys=True), []).append(name)
    return {name: common_prefix(names) for names in kinds.values() for name in names}


def links_of(scenario_yaml: str) -> Mapping[str, Any]:
    """Return the options of each group; empty if the text is not a valid scenario."""
    try:
        data = parse_yaml(scenario_yaml, "<trace>").data
    except ScenarioError:
        return {}
    groups = data.get("groups") if isinstance(data, dict) else None
    return groups if isinstance(groups, dict) else {}


def without_snr(options: Any) -> Any:
    """Return the options of a group without the SNR of its paths, Alice's assumed SNR and the number of links.

    >>> without_snr({"links": 4, "alice": {"assumed_snr_db": 3, "images": 2}})
    {'alice': {'images': 2}}
    """
    if not isinstance(options, dict):
        return options
    bare = {key: value for key, value in options.items() if key != "links"}
    for block, gone in (("channel", ("snr",)), ("alice", ("assumed_snr_db",))):
        if isinstance(bare.get(block), dict):
            bare[block] = _pruned(bare[block], gone)
    return bare


def _pruned(block: Mapping[str, Any], gone: tuple[str, ...]) -> dict[str, Any]:
    """Return a block of options without some keys, at any depth."""
    kept = {key: value for key, value in block.items() if key not in gone}
    return {key: _pruned(value, gone) if isinstance(value, dict) else value for key, value in kept.items()}


def common_prefix(names: list[str]) -> str:
    """Return the common prefix of names without numbers and dashes at its end, or all names if they have none.

    >>> common_prefix(["jpeg-02", "jpeg-04"])
    'jpeg'
    >>> common_prefix(["one", "two"])
    'one, two'
    """
    if len(names) == 1:
        return names[0]
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in alike).rstrip(ENDS) or ", ".join(names)

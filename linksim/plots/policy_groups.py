"""Groups that differ in nothing but how Bob chooses the diffusion steps: told by the scenario, and so met by equal conditions."""

import json
from dataclasses import dataclass
from typing import Any

from linksim.plots.snr_sweep_groups import links_of

ORACLE = "oracle"
FIRST_STEPS = ("t_d", "t_plus")  # of a scheme; those that a policy begins with belong to it


@dataclass(frozen=True)
class PolicyGroups:
    """Groups under equal conditions, of which at least two choose differently.

    groups     their names, in the scenario's order
    reference  the one that the others are held against: an oracle where there is one, else the first
    """

    groups: tuple[str, ...]
    reference: str


def policy_groups_of(scenario_yaml: str) -> tuple[PolicyGroups, ...]:
    """All sets of rivals; none where the text cannot be read."""
    met: dict[str, list[tuple[str, str, bool]]] = {}
    for name, options in links_of(scenario_yaml).items():
        conditions, choice = split_policy(options)
        met.setdefault(json.dumps(conditions, sort_keys=True), []).append((name, json.dumps(choice, sort_keys=True), is_oracle(choice)))
    found = []
    for groups in met.values():
        if len({choice for _, choice, _ in groups}) > 1:
            reference = next((name for name, _, told in groups if told), groups[0][0])
            found.append(PolicyGroups(tuple(name for name, _, _ in groups), reference))
    return tuple(found)


def split_policy(options: Any) -> tuple[Any, Any]:
    """A group's link -> (all but how steps are chosen and how many links there are, how steps are chosen)."""
    if not isinstance(options, dict):
        return options, None
    rest = {key: value for key, value in options.items() if key != "links"}
    choice: dict[str, Any] = {}
    if isinstance(rest.get("bob"), dict):
        choice["policy"] = rest["bob"].get("policy")
        rest["bob"] = {key: value for key, value in rest["bob"].items() if key != "policy"}
    if isinstance(rest.get("scheme"), list):
        layers = [layer if isinstance(layer, dict) else {"name": layer} for layer in rest["scheme"]]
        choice["first"] = [[layer.get(key) for key in FIRST_STEPS] for layer in layers]
        rest["scheme"] = [{key: value for key, value in layer.items() if key not in FIRST_STEPS} for layer in layers]
    return rest, choice


def is_oracle(choice: Any) -> bool:
    """Whether steps are chosen by one who knows the SNR as it is."""
    policy = choice.get("policy") if isinstance(choice, dict) else None
    return (policy.get("name") if isinstance(policy, dict) else policy) == ORACLE

"""Sets of groups whose options differ only in how Bob chooses the negotiated parameters, so that they have equal conditions."""

import json
from dataclasses import dataclass
from typing import Any

from linksim import registry
from linksim.negotiation import names
from linksim.plots.snr_sweep_groups import links_of

ORACLE = "oracle"


@dataclass(frozen=True)
class PolicyGroups:
    """A set of groups under equal conditions with at least two different policies.

    groups     names of the groups, in the order of the scenario
    reference  group that the others are compared with: an oracle if there is one, else the first
    """

    groups: tuple[str, ...]
    reference: str


def policy_groups_of(scenario_yaml: str) -> tuple[PolicyGroups, ...]:
    """Return all sets of groups to compare; none if the text is not a valid scenario."""
    met: dict[str, list[tuple[str, str, bool]]] = {}
    for name, options in links_of(scenario_yaml).items():
        conditions, choice = split_policy(options)
        met.setdefault(json.dumps(conditions, sort_keys=True), []).append((name, json.dumps(choice, sort_keys=True), is_oracle(choice)))
    found = []
    for groups in met.values():
        if len({choice for _, choice, _ in groups}) > 1:
            reference = next((name for name, _, oracle in groups if oracle), groups[0][0])
            found.append(PolicyGroups(tuple(name for name, _, _ in groups), reference))
    return tuple(found)


def split_policy(options: Any) -> tuple[Any, Any]:
    """Split the options of a group into (all others, those that choose the parameters); the number of links is left out."""
    if not isinstance(options, dict):
        return options, None
    rest = {key: value for key, value in options.items() if key != "links"}
    choice: dict[str, Any] = {}
    if isinstance(rest.get("bob"), dict):
        choice["policy"] = rest["bob"].get("policy")
        rest["bob"] = {key: value for key, value in rest["bob"].items() if key != "policy"}
    if isinstance(rest.get("scheme"), list):
        layers = [layer if isinstance(layer, dict) else {"name": layer} for layer in rest["scheme"]]
        choice["initial"] = [[layer.get(key) for key in initial_values(layer)] for layer in layers]
        rest["scheme"] = [{key: value for key, value in layer.items() if key not in initial_values(layer)} for layer in layers]
    return rest, choice


def initial_values(layer: dict[str, Any]) -> tuple[str, ...]:
    """Return the options of a scheme with the initial values of its negotiated parameters, which count as part of the policy."""
    scheme = next((component for component in registry.components("scheme") if component.name == layer.get("name")), None)
    return names(scheme.options.Parameters) if scheme is not None else ()


def is_oracle(choice: Any) -> bool:
    """Return whether the policy is an oracle, which knows the true SNR."""
    policy = choice.get("policy") if isinstance(choice, dict) else None
    return (policy.get("name") if isinstance(policy, dict) else policy) == ORACLE

"""Sets of groups whose options differ only in how Bob chooses the negotiated parameters, so that they have equal conditions.

Link n of every group has the same channel, jamming and images, so policies of such groups can be compared link by link. The sets follow
from the resolved scenario in the trace; a scenario need not declare them. `plots.snr_sweep_groups` finds the groups of an SNR sweep in the
same way.
"""

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
    """Return all sets of groups to compare; none if the text is not a valid scenario.

    scenario_yaml  resolved scenario of a trace, in which all groups have all options

    >>> policy_groups_of("groups: {a: {bob: {policy: oracle}}, b: {bob: {policy: random}}, c: {frames: 3}}")
    (PolicyGroups(groups=('a', 'b'), reference='a'),)
    """
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
    """Split the options of a group into (all others, those that choose the parameters).

    The second part is Bob's policy and the initial values of the parameters of each scheme, which a fixed policy keeps. The number of links
    is in neither part, because links that only one group has are left out of a comparison.
    """
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
    """Return the names of the options of a scheme that are initial values of its negotiated parameters; () for an unknown scheme.

    >>> initial_values({"name": "diffusec"})
    ('t_d', 't_plus')
    """
    scheme = next((component for component in registry.components("scheme") if component.name == layer.get("name")), None)
    return names(scheme.options.Parameters) if scheme is not None else ()


def is_oracle(choice: Any) -> bool:
    """Return whether the policy is an oracle, which knows the true SNR."""
    policy = choice.get("policy") if isinstance(choice, dict) else None
    return (policy.get("name") if isinstance(policy, dict) else policy) == ORACLE

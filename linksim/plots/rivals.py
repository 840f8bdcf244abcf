"""Groups that differ in nothing but how Bob chooses the diffusion steps: told by the scenario, and so met by equal conditions."""

import json
from dataclasses import dataclass
from typing import Any

from linksim.plots.kin import links_of

ORACLE = "oracle"
FIRST_STEPS = ("t_d", "t_plus")  # of a scheme; those that a policy begins with belong to it


@dataclass(frozen=True)
class Rivals:
    """Groups under equal conditions, of which at least two choose differently.

    groups     their names, in the scenario's order
    reference  the one that the others are held against: an oracle where there is one, else the first
    """

    groups: tuple[str, ...]
    reference: str


def rivals_of(scenario_yaml: str) -> tuple[Rivals, ...]:
    """All sets of rivals; none where the text cannot be read."""
    met: dict[str, list[tuple[str, str, bool]]] = {}
    for name, link in links_of(scenario_yaml).items():
        conditions, choice = parted(link)
        met.setdefault(json.dumps(conditions, sort_keys=True), []).append((name, json.dumps(choice, sort_keys=True), is_oracle(choice)))
    found = []
    for groups in met.values():
        if len({choice for _, choice, _ in groups}) > 1:
            reference = next((name for name, _, told in groups if told), groups[0][0])
            found.append(Rivals(tuple(name for name, _, _ in groups), reference))
    return tuple(found)


def parted(link: Any) -> tuple[Any, Any]:
    """A group's link -> (all but how steps are chosen and how many lanes there are, how steps are chosen)."""
    if not isinstance(link, dict):
        return link, None
    rest = {key: value for key, value in link.items() if key != "lanes"}
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

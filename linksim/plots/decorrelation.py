"""Length of the blocks of time after which the reconstructions of a receiver are independent, from the resolved scenario in a trace."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from linksim.errors import ScenarioError
from linksim.scenario.load import scenario_from_text
from linksim.units import NS_PER_S

NS_PER_MS = NS_PER_S / 1e3


@dataclass(frozen=True)
class BlockLengths:
    """Decorrelation times of one group in ns, for `statistics.independent_units`; infinite if they are not known.

    bob_ns  at Bob: of his SNR, his gain and the jamming
    eve_ns  at Eve: of these as well, because Alice encodes for Bob's SNR, and of Eve's SNR and gain
    """

    bob_ns: float = math.inf
    eve_ns: float = math.inf


def block_lengths(scenario_yaml: str) -> Mapping[str, BlockLengths]:
    """Return the block lengths of each group; empty if the text is not a valid scenario or has components that are not loaded.

    scenario_yaml  resolved scenario of a trace

    >>> block_lengths("{name: s, channel: {bob: {snr: {kind: gauss-markov, coherence_ms: 20}}}}")["link"].bob_ns
    100000000.0
    """
    try:
        groups = scenario_from_text(scenario_yaml).groups
    except ScenarioError:
        return {}
    found = {}
    for name, options in groups.items():
        bob_ms = max(options.channel.bob.decorrelation_ms, options.jammer.decorrelation_ms)
        eve_ms = max(bob_ms, options.channel.eve.decorrelation_ms)
        found[name] = BlockLengths(bob_ms * NS_PER_MS, eve_ms * NS_PER_MS)
    return found

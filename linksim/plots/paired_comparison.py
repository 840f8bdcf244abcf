"""Paired comparison of policies on the same images, channels and noise: the first group of each set against every other group."""

import numpy as np

from linksim.plots.rewards import adaptive_groups, grouped_sums, mean_reward, paired, reward_windows
from linksim.plots.trace_view import TraceView
from linksim.rng import Streams
from linksim.statistics import bootstrap_weights


def paired_comparison(view: TraceView) -> list[str]:
    """Return a line per pair of groups with known rewards: the difference and its 95 % interval over pairs of links."""
    windows = reward_windows(view)
    sums_by_group = {group.name: grouped_sums(group, windows) for group in adaptive_groups(view)}
    lines = []
    for policy_groups in view.policy_groups:
        names = [name for name in policy_groups.groups if name in sums_by_group and sums_by_group[name].rewarded]
        for other in names[1:]:
            found, reference = sums_by_group[names[0]], sums_by_group[other]
            weights = bootstrap_weights(min(len(found.images), len(reference.images)), Streams(0)("plots/policies"))
            excess = paired(mean_reward, found, reference, weights)
            if not np.isnan(excess.value):
                lines.append(f"{names[0]} against {other}: reward {excess.value:+.4f} [{excess.low:+.4f}, {excess.high:+.4f}]")
    return lines

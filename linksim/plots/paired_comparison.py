"""Paired comparison of policies on the same images, channels and noise: the first group of each set against every other group.

The figure `plots.policies` compares with the oracle instead, and both take the differences from `rewards.paired`.
"""

import math

from linksim.plots.number_text import difference_text
from linksim.plots.rewards import adaptive_groups, grouped_sums, mean_reward, paired, reward_windows
from linksim.plots.trace_view import TraceView


def paired_comparison(view: TraceView) -> list[str]:
    """Return a line per pair of groups with known rewards, for the terminal and the report.

    A line has the names, the mean reward of the first group minus that of the other, and the 95 % interval of this difference over pairs
    of links, or the remark that there are too few of them:

        DDPG against fixed: reward +0.0123 [+0.0101, +0.0144] (64 independent pairs)
        DDPG against fixed: reward +0.0123 (no interval: only 2 independent pairs)

    The list is empty if no source is attacked, or if no two groups differ only in Bob's policy.
    """
    windows = reward_windows(view)
    sums_by_group = {group.name: grouped_sums(group, windows) for group in adaptive_groups(view)}
    lines = []
    for policy_groups in view.policy_groups:
        names = [name for name in policy_groups.groups if name in sums_by_group and sums_by_group[name].rewarded]
        for other in names[1:]:
            excess = paired(mean_reward, sums_by_group[names[0]], sums_by_group[other])
            if not math.isnan(excess.value):
                lines.append(f"{names[0]} against {other}: reward {difference_text(excess, 4)}")
    return lines

"""Policies in pairs: the first of each set of rivals against every other, on the same images, channels and noise. No matplotlib here."""

import numpy as np

from linksim.plots.intervals import resamples
from linksim.plots.rewards import adapting, grid, mean_reward, paired, tally
from linksim.plots.trace_view import View
from linksim.rng import Streams


def paired_comparison(view: View) -> list[str]:
    """A line for each pair whose rewards are known: their difference, and its 95 % interval over pairs of links (see `plots.rewards`)."""
    cut = grid(view)
    tallies = {group.name: tally(group, cut) for group in adapting(view)}
    lines = []
    for policy_groups in view.policy_groups:
        names = [name for name in policy_groups.groups if name in tallies and tallies[name].attacked]
        for other in names[1:]:
            found, reference = tallies[names[0]], tallies[other]
            weights = resamples(min(len(found.images), len(reference.images)), Streams(0)("plots/policies"))
            excess = paired(mean_reward, found, reference, weights)
            if not np.isnan(excess.value):
                lines.append(f"{names[0]} against {other}: reward {excess.value:+.4f} [{excess.low:+.4f}, {excess.high:+.4f}]")
    return lines

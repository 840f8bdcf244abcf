"""Comparison of groups of links image by image: of one trace, or of several whose groups have equal names.

Links of equal number in two groups of one run, or of two runs with equal seeds, have equal images, and equal channels and noise as far as
their options are equal. The difference of a pair of images is then less random than either: its interval is over the independent units of
the first group. Pairs with other images are not compared.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from linksim.plots.image_roles import split_roles
from linksim.plots.tables import Floats, ScoreRows
from linksim.plots.trace_view import GroupView, TraceView
from linksim.statistics import MIN_PAIRS, Interval, cluster_mean


@dataclass(frozen=True)
class Difference:
    """A metric of two groups at one receiver.

    first, second  names of what is compared
    receiver       "bob" or "eve"
    metric         name of the metric
    of_first       mean over the images that both groups have
    of_second      the same of the second group
    difference     mean of second minus first, with its interval; the bounds are NaN below `MIN_PAIRS` units
    images         number of pairs of images
    """

    first: str
    second: str
    receiver: str
    metric: str
    of_first: float
    of_second: float
    difference: Interval
    images: int


def compare_views(views: Mapping[str, TraceView]) -> list[Difference]:
    """Return the differences of the traces to the first one, for all groups of equal name; of one trace, of its groups to the first one.

    views  traces by the names that they get in the result
    """
    names, groups = list(views), [split_roles(view).groups for view in views.values()]
    if len(names) == 1:
        (own,) = groups
        return [each for other in own[1:] for each in compare_groups(own[0], other, own[0].name, other.name)]
    found = list[Difference]()
    for name, others in zip(names[1:], groups[1:], strict=True):
        only = len(others) == len(groups[0]) == 1
        for first, second in ((first, second) for first in groups[0] for second in others if only or first.name == second.name):
            suffix = "" if only else f": {first.name}"
            found += compare_groups(first, second, names[0] + suffix, name + suffix)
    return found


def compare_groups(first: GroupView, second: GroupView, first_name: str, second_name: str) -> Iterator[Difference]:
    """Yield the differences of all metrics at both receivers that have equal images in both groups."""
    for receiver, one, other in (("bob", first.bob, second.bob), ("eve", first.eve, second.eve)):
        rows, matched = _pairs(_keys(first, one.scores), _keys(second, other.scores))
        before, after, unit = _metrics(one.scores), _metrics(other.scores), one.units()[rows]
        for metric in [name for name in before if name in after]:
            values, changed = before[metric][rows], after[metric][matched]
            known = np.isfinite(values) & np.isfinite(changed)
            if known.any():
                found = cluster_mean((changed - values)[known], unit[known])
                if found.n < MIN_PAIRS:
                    found = Interval(found.value, math.nan, math.nan, found.n)
                means = float(values[known].mean()), float(changed[known].mean())
                yield Difference(first_name, second_name, receiver, metric, *means, found, int(known.sum()))


def _keys(group: GroupView, scores: ScoreRows) -> Sequence[tuple[int, ...]]:
    """What identifies an image in a group: place of its link, frame, place in the frame, and its index in the dataset."""
    place = np.searchsorted(group.links, scores.link)
    columns = (place, scores.frame, scores.image, scores.dataset_index, scores.label)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _pairs(first: Sequence[tuple[int, ...]], second: Sequence[tuple[int, ...]]) -> tuple[list[int], list[int]]:
    """The rows of both sides with equal keys."""
    place = {key: row for row, key in enumerate(second)}
    rows = [row for row, key in enumerate(first) if key in place]
    return rows, [place[first[row]] for row in rows]


def _metrics(scores: ScoreRows) -> dict[str, Floats]:
    """The values of each metric, NaN where an image has none."""
    correct = np.where(scores.classified(), scores.class_received == scores.label, np.nan)
    found = {"psnr_db": scores.psnr_db, "ssim": scores.ssim, "accuracy": correct, **scores.metrics}
    return {name: np.asarray(values, np.float64) for name, values in found.items()}

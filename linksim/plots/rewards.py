"""Rewards (DiffuSeC, Eq. (31)) of the groups in which Bob chooses diffusion steps: over time and on the whole. No matplotlib here.

A reward belongs to many images: it takes roots of shares. Those of one frame are too few, so it is taken over the images of all links of
a group that were sent in the same window of time. Roots of a share of few images are kinder than those of many: the whole has windows of a
batch of the paper's size. And where links meet different SNRs at a time, a window's reward is at most the mean of what each would earn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.reward import adv_share, err_share, reward
from linksim.plots.intervals import Interval, bin_of, bootstrap
from linksim.plots.tables import NOT_SENT, ImageScore, seconds
from linksim.plots.trace_view import GroupView, View

BATCH = 256  # images of a group that a window holds on average, at least; the paper's B (Sec. VI-A)
MOST_WINDOWS = 60
ENOUGH_LINKS = 8  # so many are resampled as they are; fewer are cut into blocks
BLOCKS = 32

GroupedSums = NDArray[np.float64]  # [units, windows], of resamples [resamples, windows]


@dataclass(frozen=True)
class Grid:
    """How the images of all adapting groups are put together.

    end_s    of the last window; the first begins at 0 s, and all are of one length
    windows  how many
    blocks   units that the frames of each link are cut into; a unit is taken as independent of the others
    frames   of a link, at most
    """

    end_s: float
    windows: int
    blocks: int
    frames: int

    @property
    def centres_s(self) -> NDArray[np.float64]:
        """Middle of each window in s."""
        return (np.arange(self.windows) + 0.5) * self.end_s / self.windows


@dataclass(frozen=True)
class RewardAccumulator:
    """Sums over the images of each unit and window. Link by link the units of two groups meet the same channel and the same images.

    attacked  whether Alice's source was; else nothing is known of `adv` and `err`
    images    how many
    ssim      sum of their SSIM
    judged    how many a classifier looked at
    right     of these, whose class is the label
    adv, err  images that count for Eq. (28) and Eq. (30)
    """

    attacked: bool
    images: GroupedSums
    ssim: GroupedSums
    judged: GroupedSums
    right: GroupedSums
    adv: GroupedSums
    err: GroupedSums

    def each(self, change: Callable[[GroupedSums], GroupedSums]) -> "RewardAccumulator":
        """The same change of all sums."""
        sums = (self.images, self.ssim, self.judged, self.right, self.adv, self.err)
        return RewardAccumulator(self.attacked, *(change(part) for part in sums))

    def weighted(self, weights: NDArray[np.float64]) -> "RewardAccumulator":
        """Over units that count as often as `weights` [resamples, units] say -> sums [resamples, windows]."""
        return self.each(lambda part: weights @ part)


def adapting(view: View) -> list[GroupView]:
    """The groups in which Bob chose."""
    return [group for group in view.groups if len(group.adaptation)]


def grid(view: View, batch: int = BATCH) -> Grid:
    """The finest windows of `batch` images of the group that has fewest, on average; at least one, at most `MOST_WINDOWS`."""
    groups = adapting(view)
    images = min((len(scored(group)) for group in groups), default=0)
    frames = max((int(group.bob.quality.frame.max()) + 1 for group in groups if len(group.bob.quality)), default=1)
    few = min((len(group.links) for group in groups), default=1) < ENOUGH_LINKS
    return Grid(view.end_s, int(np.clip(images // batch, 1, MOST_WINDOWS)), min(BLOCKS, frames) if few else 1, frames)


def scored(group: GroupView) -> ImageScore:
    """Bob's estimates of attacked images, where a classifier judged some; else all that he has."""
    attacked = group.bob.quality.attacked()
    return group.bob.quality.take(attacked) if attacked.any() else group.bob.quality


def tally(group: GroupView, cut: Grid) -> RewardAccumulator:
    """The sums of one group."""
    quality = scored(group)
    units = len(group.links) * cut.blocks
    unit = np.searchsorted(group.links, quality.link) * cut.blocks + quality.frame * cut.blocks // cut.frames
    cell = unit * cut.windows + bin_of(seconds(quality.time_ns), 0.0, cut.end_s, cut.windows)

    def total(value: NDArray[Any]) -> GroupedSums:
        sums: GroupedSums = np.bincount(cell, value.astype(np.float64), units * cut.windows).astype(np.float64)
        return sums.reshape(units, cut.windows)

    each = [classes[:, None] for classes in (quality.class_clean, quality.class_attacked, quality.class_received)]
    judged, attacked = quality.judged(), quality.attacked()
    right = judged & (quality.class_received == quality.label)
    parts = (np.ones(len(cell)), quality.ssim, judged, right, attacked * adv_share(*each), attacked * err_share(*each))
    return RewardAccumulator(bool(attacked.any()), *(total(part) for part in parts))


def rewards(found: RewardAccumulator) -> NDArray[np.float64]:
    """Eq. (31) of each window. -> [..., windows], NaN where no image was sent or none was attacked."""
    if not found.attacked:
        return np.full(found.images.shape, np.nan)
    return reward(*(ratio(part, found.images) for part in (found.ssim, found.adv, found.err)))


def mean_reward(found: RewardAccumulator) -> NDArray[np.float64]:
    """Mean over the windows, each counting as its images. -> [...]"""
    return ratio((found.images * np.nan_to_num(rewards(found))).sum(-1), found.images.sum(-1) * found.attacked)


def mean_ssim(found: RewardAccumulator) -> NDArray[np.float64]:
    """Mean over the images. -> [...]"""
    return ratio(found.ssim.sum(-1), found.images.sum(-1))


def accuracy(found: RewardAccumulator) -> NDArray[np.float64]:
    """Share of the judged images whose class is right, 0..1; under attack the robust accuracy. -> [...], NaN where none was judged."""
    return ratio(found.right.sum(-1), found.judged.sum(-1))


Measure = Callable[[RewardAccumulator], NDArray[np.float64]]


def measured(measure: Measure, found: RewardAccumulator, weights: NDArray[np.float64]) -> Interval:
    """A measure with its interval over units; `weights` are those of `intervals.resamples`."""
    return bootstrap(measure(found.weighted(weights)), weights.shape[1])


def paired(measure: Measure, found: RewardAccumulator, reference: RewardAccumulator, weights: NDArray[np.float64]) -> Interval:
    """How far a measure exceeds that of a reference, over the first units of both: they met the same, so much of what varies cancels."""
    ours, theirs = (part.each(lambda sums: sums[: weights.shape[1]]).weighted(weights) for part in (found, reference))
    return bootstrap(measure(ours) - measure(theirs), weights.shape[1])


def ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """part / whole, NaN where the whole is 0."""
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole != 0))


def mean_steps(group: GroupView) -> tuple[float, float]:
    """Mean t_D and t_plus of the frames that were sent; NaN where none was."""
    sent = group.frames.take(group.frames.outcome != NOT_SENT)
    return (float(sent.t_d.mean()), float(sent.t_plus.mean())) if len(sent) else (np.nan, np.nan)

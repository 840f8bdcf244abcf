"""Rewards (DiffuSeC, Eq. (31)) of the groups in which Bob chooses parameters, over time and on average, without matplotlib.

The reward contains square roots of error rates, so it is defined for a batch of images. One frame has too few images; the batch consists
of the images of all links of a group in one window of simulated time. The root of a rate that is estimated from few images is biased, so
the mean of a run uses windows with as many images as a batch of the paper. If the links of a group have different SNRs at the same time,
the reward of a window is at most the mean of the rewards of the links.

    scores of a group --grouped_sums--> sums [units, windows] --weighted--> sums [resamples, windows] --mean_reward--> [resamples]

Sums, not means, are kept per unit, so that every bootstrap resample is a matrix product, whatever the measure (`measured`, `paired`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.reward import adv_share, err_share, reward
from linksim.enums import Outcome
from linksim.plots.binning import bin_index
from linksim.plots.tables import ScoreRows, seconds
from linksim.plots.trace_view import GroupView, TraceView
from linksim.records import FILL
from linksim.rng import Streams
from linksim.statistics import ENOUGH_LINKS, Interval, bootstrap, bootstrap_weights, paired_difference
from linksim.units import NS_PER_S

BATCH = 256  # minimum mean number of images of a group in a window; B in the paper (Sec. VI-A)
MAX_WINDOWS = 60
BLOCKS = 32  # largest number of blocks per link

Sums = NDArray[np.float64]  # [units, windows], of resamples [resamples, windows]


@dataclass(frozen=True)
class RewardWindows:
    """The division of the images of all adaptive groups into windows of time and resampling units.

    end_s   end of the last window; the first begins at 0 s, and all have the same length
    count   number of windows
    blocks  number of units per link, of consecutive frames; units are treated as independent
    frames  maximum number of frames of a link
    """

    end_s: float
    count: int
    blocks: int
    frames: int

    @property
    def centres_s(self) -> NDArray[np.float64]:
        """Centre of each window in s, [count]."""
        return (np.arange(self.count) + 0.5) * self.end_s / self.count


@dataclass(frozen=True)
class GroupedSums:
    """Sums over the images of each unit and window. Units of equal index in two groups have the same channel and images.

    links       number of links; unit n belongs to link n // (units / links)
    attacked    whether Alice's source was attacked; otherwise `adv` and `err` are undefined
    images      number of images
    compared    number of images whose reconstruction is an image
    ssim        sum of SSIM over these
    classified  number of classified images
    correct     number of images whose class is the label
    adv, err    number of images that count in Eq. (28) and Eq. (30)
    """

    links: int
    attacked: bool
    images: Sums
    compared: Sums
    ssim: Sums
    classified: Sums
    correct: Sums
    adv: Sums
    err: Sums

    @property
    def rewarded(self) -> bool:
        """Whether there are rewards, which need an attack on the source and an SSIM."""
        return self.attacked and bool(self.compared.any())

    def map(self, change: Callable[[Sums], Sums]) -> "GroupedSums":
        """Apply a function to all sums."""
        sums = (self.images, self.compared, self.ssim, self.classified, self.correct, self.adv, self.err)
        return GroupedSums(self.links, self.attacked, *(change(part) for part in sums))

    def by_link(self, links: int) -> "GroupedSums":
        """Return the sums of the first links, [links, windows]: their blocks together."""
        return self.map(lambda part: part.reshape(self.links, -1, part.shape[-1])[:links].sum(axis=1))

    def weighted(self, weights: NDArray[np.float64]) -> "GroupedSums":
        """Return the weighted sums over the units. `weights` is [resamples, units] -> sums [resamples, windows]."""
        return self.map(lambda part: weights @ part)


def adaptive_groups(view: TraceView) -> list[GroupView]:
    """Return the groups in which Bob chooses the negotiated parameters, in the order of the scenario."""
    return [group for group in view.groups if len(group.decisions)]


def reward_windows(view: TraceView, batch: int = BATCH) -> RewardWindows:
    """Return the shortest windows that hold `batch` images on average in every adaptive group; 1 to `MAX_WINDOWS` windows.

    All groups have the same windows and the same blocks of frames, so that unit n of one group can be paired with unit n of another. As in
    `statistics.independent_units`, at least `ENOUGH_LINKS` links are the units; fewer are divided into blocks of the decorrelation time.
    """
    groups = adaptive_groups(view)
    images = min((len(scored(group)) for group in groups), default=0)
    frames = max((int(group.bob.scores.frame.max()) + 1 for group in groups if len(group.bob.scores)), default=1)
    few = min((len(group.links) for group in groups), default=1) < ENOUGH_LINKS
    block_ns = max((group.bob.block_ns for group in groups), default=0.0)
    blocks = int(np.clip(round(view.end_s * NS_PER_S / block_ns) if block_ns else BLOCKS, 1, min(BLOCKS, frames)))
    return RewardWindows(view.end_s, int(np.clip(images // batch, 1, MAX_WINDOWS)), blocks if few else 1, frames)


def scored(group: GroupView) -> ScoreRows:
    """Return Bob's scores of attacked images if there are any, else all of his scores."""
    attacked = group.bob.scores.attacked()
    return group.bob.scores.take(attacked) if attacked.any() else group.bob.scores


def grouped_sums(group: GroupView, windows: RewardWindows) -> GroupedSums:
    """Return the sums of one adaptive group over its images, by unit (link and block of frames) and window of time."""
    scores = scored(group)
    units = len(group.links) * windows.blocks
    unit = np.searchsorted(group.links, scores.link) * windows.blocks + scores.frame * windows.blocks // windows.frames
    cell = unit * windows.count + bin_index(seconds(scores.time_ns), 0.0, windows.end_s, windows.count)

    def total(value: NDArray[Any]) -> Sums:
        sums: Sums = np.bincount(cell, value.astype(np.float64), units * windows.count).astype(np.float64)
        return sums.reshape(units, windows.count)

    classes = [column[:, None] for column in (scores.class_clean, scores.class_attacked, scores.class_received)]
    compared, classified, attacked = scores.compared(), scores.classified(), scores.attacked()
    correct = classified & (scores.class_received == scores.label)
    images, ssim = np.ones(len(cell)), np.where(compared, scores.ssim, 0.0)
    parts = (images, compared, ssim, classified, correct, attacked * adv_share(*classes), attacked * err_share(*classes))
    return GroupedSums(len(group.links), bool(attacked.any()), *(total(part) for part in parts))


def rewards(found: GroupedSums) -> NDArray[np.float64]:
    """Return the reward of each window, Eq. (31), from the window's mean SSIM and its shares of Eq. (28) and (30).

    Sums [..., windows] -> [..., windows]; NaN for windows without an SSIM or an attack on the source.
    """
    if not found.attacked:
        return np.full(found.images.shape, np.nan)
    return reward(ratio(found.ssim, found.compared), ratio(found.adv, found.images), ratio(found.err, found.images))


def mean_reward(found: GroupedSums) -> NDArray[np.float64]:
    """Return the mean reward over the windows, weighted by their numbers of images. -> [...], NaN without rewards"""
    each = rewards(found)
    images = found.images * np.isfinite(each)
    return ratio((images * np.nan_to_num(each)).sum(-1), images.sum(-1))


def mean_ssim(found: GroupedSums) -> NDArray[np.float64]:
    """Return the mean SSIM over the images. -> [...], NaN without an SSIM"""
    return ratio(found.ssim.sum(-1), found.compared.sum(-1))


def accuracy(found: GroupedSums) -> NDArray[np.float64]:
    """Return the accuracy, 0..1, under attack the robust accuracy. -> [...], NaN without classified images."""
    return ratio(found.correct.sum(-1), found.classified.sum(-1))


Measure = Callable[[GroupedSums], NDArray[np.float64]]


def measured(measure: Measure, found: GroupedSums, weights: NDArray[np.float64]) -> Interval:
    """Return a measure of one group with its bootstrap interval over units.

    measure  a function of sums [resamples, windows] that returns [resamples], such as `mean_reward` or `accuracy`
    weights  result of `statistics.bootstrap_weights` for the number of units of the group
    """
    return bootstrap(measure(found.weighted(weights)), weights.shape[1])


def paired(measure: Measure, found: GroupedSums, reference: GroupedSums) -> Interval:
    """Return the paired difference of a measure, a group minus a reference, with its bootstrap interval over pairs of links.

    Link n of both groups has the same channel and images, so the interval is narrower than that of either mean. Links that only one group
    has are left out. The blocks of a link are one unit here, because a slow channel makes them depend on each other; with fewer than
    `statistics.MIN_PAIRS` pairs there is no interval. `Interval.n` is the number of pairs.
    """
    links = min(found.links, reference.links)
    weights = bootstrap_weights(links, Streams(0)("plots/policies"))
    ours, theirs = (measure(part.by_link(links).weighted(weights)) for part in (found, reference))
    return paired_difference(ours, theirs, links)


def ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return part / whole, NaN where the whole is 0.

    >>> ratio(np.array([1.0, 0.0]), np.array([4.0, 0.0])).tolist()
    [0.25, nan]
    """
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole != 0))


def mean_parameters(group: GroupView) -> dict[str, float]:
    """Return the mean of each negotiated parameter over the frames that were sent, by name; NaN without frames."""
    sent = group.frames.take(group.frames.outcome != Outcome.NOT_SENT)
    known = {name: values[values != FILL] for name, values in sent.parameters.items()}
    return {name: float(values.mean()) if len(values) else np.nan for name, values in known.items()}

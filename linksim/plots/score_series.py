"""The series of the figures of image quality: the images of one receiver in jammed or in other frames, and their mean quality.

Images of jammed frames are a series of their own, because jamming may hit a part of a frame, so that frames of equal SINR differ.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.plots.plot_style import BOB, EVE, Role, sanitise
from linksim.plots.summary import accuracy, metric_mean
from linksim.plots.tables import Floats, Ints, ScoreRows, match
from linksim.plots.trace_view import GroupView, ReceiverView
from linksim.statistics import Interval, cluster_mean, cluster_share

PSNR, ACCURACY, ERASED = "mean PSNR (dB)", "accuracy (%)", "images erased (%)"
CONSTANT_DB = 0.5  # an SNR that varies by less is constant


@dataclass(frozen=True)
class ScoreSeries:
    """One receiver's images in jammed or in other frames.

    role     name and colour of the receiver
    jammed   whether a jammer was on during a part of each frame; otherwise it was off
    scores   scores of the images [n]
    unit     independent unit of each image [n]
    snr_db   true SNR of each image's frame in dB, without jamming [n]
    sinr_db  true SINR of each image's frame in dB [n]
    """

    role: Role
    jammed: bool
    scores: ScoreRows
    unit: Ints
    snr_db: Floats
    sinr_db: Floats

    @property
    def name(self) -> str:
        """Name in legends."""
        return self.role.name + (", jammed" if self.jammed else "")

    def take(self, rows: NDArray[np.bool_]) -> "ScoreSeries":
        """Return the images that a mask [n] selects."""
        return ScoreSeries(self.role, self.jammed, self.scores.take(rows), self.unit[rows], self.snr_db[rows], self.sinr_db[rows])


def series_of(group: GroupView) -> list[ScoreSeries]:
    """Return the series of both receivers of a group, without empty ones."""
    return [*split_by_jamming(BOB, group.bob), *split_by_jamming(EVE, group.eve)]


def split_by_jamming(role: Role, receiver: ReceiverView) -> list[ScoreSeries]:
    """Split a receiver's images into those of unjammed and of jammed frames; images without a reception in the trace are left out."""
    place = match(receiver.scores, receiver.receptions)
    known = place >= 0
    scores, unit, received = receiver.scores.take(known), receiver.units()[known], receiver.receptions.take(place[known])
    parts = []
    for jammed in (False, True):
        mine = ((received.jammed_fraction > 0) == jammed) & np.isfinite(received.snr_db) & np.isfinite(received.sinr_db)
        if mine.any():
            parts.append(ScoreSeries(role, jammed, scores.take(mine), unit[mine], received.snr_db[mine], received.sinr_db[mine]))
    return parts


def constant_snr(parts: list[ScoreSeries], role: Role) -> bool:
    """Return whether the SNR without jamming is constant at a receiver; True if there are no images.

    parts  series of one group, of any receiver
    role   the receiver
    """
    snr_db = np.concatenate([np.empty(0), *(part.snr_db for part in parts if part.role is role)])
    return not len(snr_db) or float(np.ptp(snr_db)) <= CONSTANT_DB


def quality(quantity: str, scores: ScoreRows, unit: Ints) -> Interval:
    """Return the mean of a quantity over images with its interval over units; n = 0 if the images do not have it.

    quantity  `PSNR` in dB, `ACCURACY` or `ERASED` in percent, or the name of a metric
    scores    scores of the images [n]
    unit      independent unit of each image [n]
    """
    if quantity == PSNR:
        return cluster_mean(scores.psnr_db, unit)
    if quantity == ACCURACY:
        return accuracy(scores, unit).scaled(100)
    if quantity in scores.metrics:
        return metric_mean(scores.metrics[quantity], unit)
    known = scores.erased >= 0
    return cluster_share((scores.erased == 1)[known], unit[known]).scaled(100)


def quantities(every: list[ScoreRows]) -> list[str]:
    """Return `PSNR`, the names of the metrics, and `ACCURACY`, each if any of the images has it."""
    metrics = dict.fromkeys(name for scores in every for name, values in scores.metrics.items() if np.isfinite(values).any())
    classified = any(scores.classified().any() for scores in every)
    return [PSNR] * any(scores.compared().any() for scores in every) + [*metrics] + [ACCURACY] * classified


def axis_label(quantity: str) -> str:
    """Return the label of the axis of a quantity.

    >>> axis_label(PSNR), axis_label("lpips")
    ('mean PSNR (dB)', 'mean lpips')
    """
    return quantity if quantity in (PSNR, ACCURACY, ERASED) else f"mean {sanitise(quantity)}"


def num_classes(parts: list[ScoreSeries]) -> int:
    """Return the number of classes among the classified images of some series."""
    labels = [part.scores.label[part.scores.classified()] for part in parts]
    return len(np.unique(np.concatenate([np.empty(0, np.int64), *labels])))

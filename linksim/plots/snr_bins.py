"""Bins of SNR for figures over SNR: a bin per distinct SNR if they are few, otherwise bins with equal numbers of samples.

Bins of equal width are empty at the ends of a distribution and crowded in its middle. With equal numbers all points of a line are about
equally certain, and the line is fine where there is much data.
"""

import numpy as np
from numpy.typing import NDArray

from linksim.plots.tables import Floats

MAX_LEVELS = 24  # up to so many distinct SNRs are bins of their own
SAME_DB = 0.05  # SNRs with a smaller difference are one level
MIN_BINS, MAX_BINS = 4, 12
MIN_WIDTH_DB = 0.5  # minimum width of a bin, unless it is that of a level
MIN_SAMPLES = 5  # minimum number of samples of a point that is drawn, unless all bins have fewer


def snr_edges(series: list[Floats], per_bin: int, per_level: int) -> Floats:
    """Return the inner edges of bins of SNR in dB, ascending [bins - 1]; the first and the last bin are open.

    series     SNR of each sample in dB, an array per line that is drawn with these bins
    per_bin    required number of samples of a line in a bin, on average; `MIN_BINS` bins are allowed with fewer, down to `MIN_SAMPLES`
    per_level  required number of samples of a line at each of at most `MAX_LEVELS` distinct SNRs, on average; each is then a bin

    No edge separates samples of equal SNR.

    >>> snr_edges([np.array([0.0, 0.0, 5.0]), np.array([5.01, 10.0])], per_bin=60, per_level=1).round(3).tolist()
    [2.5, 7.505]
    >>> snr_edges([np.linspace(0.0, 10.0, 401)], per_bin=100, per_level=60).round(1).tolist()
    [2.5, 5.0, 7.5]
    """
    snr_db = np.sort(np.concatenate([np.empty(0), *series]))
    if len(snr_db) < 2:
        return np.empty(0)
    gaps = np.flatnonzero(np.diff(snr_db) > SAME_DB)
    widths = snr_db[[*gaps, len(snr_db) - 1]] - snr_db[[0, *(gaps + 1)]]  # of the levels, if these are levels
    between = np.asarray((snr_db[gaps] + snr_db[gaps + 1]) / 2)
    levels = sum(len(np.unique(bin_of(part, between))) for part in series)  # of all lines
    if len(gaps) < MAX_LEVELS and len(snr_db) >= per_level * levels and widths.max() <= MIN_WIDTH_DB:
        return between
    mean_count = len(snr_db) // len(series)
    count = int(np.clip(mean_count // per_bin, min(MIN_BINS, mean_count // MIN_SAMPLES), MAX_BINS))
    edges: list[float] = []
    for k in range(1, max(count, 1)):
        last = round(k * len(snr_db) / count) - 1  # of the samples below the edge
        above = np.searchsorted(snr_db, snr_db[last], side="right")
        if above < len(snr_db):
            edge = float(snr_db[last] + snr_db[above]) / 2
            if edge - (edges[-1] if edges else snr_db[0]) >= MIN_WIDTH_DB and snr_db[-1] - edge >= MIN_WIDTH_DB:
                edges.append(edge)
    return np.array(edges)


def bin_of(snr_db: Floats, edges_db: Floats) -> NDArray[np.intp]:
    """Return the bin 0..len(edges) of each SNR. [n] -> [n]

    >>> bin_of(np.array([-3.0, 2.0, 9.0]), np.array([0.0, 5.0])).tolist()
    [0, 1, 2]
    """
    return np.searchsorted(edges_db, snr_db, side="right")

"""The reward table: what each choice of diffusion steps is worth at each SNR, measured once on many images and interpolated from then on.

    (t_D, t_plus, SNR) -> mean SSIM, Adv share, Err share -> reward, Eq. (31)

With it a policy trains in seconds, and the best that any policy could do is known.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.mdp import LEAST, MOST, T_D, T_PLUS, Steps
from linksim.adapt.reward import reward

RESOLUTION_DB = 0.1  # of the SNRs for which the best steps are sought
MOST_NODES = 1024  # of an axis
MOST_DB = 60.0  # either way; the finer the SNRs between, the more room the best steps take

Cells = NDArray[np.float64]  # [t_d, t_plus, snr_db]


class Components(NamedTuple):
    """What a reward is made of, and accuracy, float64 [n] each.

    ssim    mean structural similarity of Bob's images with the originals
    adv     share of images that arrive as the attack wants; its root is Adv (27)
    err     share of images that arrive as a third class; its root is Err (29)
    robust  accuracy under attack
    """

    ssim: NDArray[np.float64]
    adv: NDArray[np.float64]
    err: NDArray[np.float64]
    robust: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RewardTable:
    """Measurements on a grid of diffusion steps and SNR.

    t_d, t_plus  int64 [a], [b], rising, two or more of each
    snr_db       float64 [c], rising, two or more, within `MOST_DB`
    ssim         mean structural similarity, float64 [a, b, c] like all that follow
    adv, err     shares of Eq. (28) and (30), before the roots
    robust       accuracy under attack
    clean        accuracy without one; all NaN where it was not measured
    images       behind each cell

    Raises ValueError for axes or values that are not such.
    """

    t_d: NDArray[np.int64]
    t_plus: NDArray[np.int64]
    snr_db: NDArray[np.float64]
    ssim: Cells
    adv: Cells
    err: Cells
    robust: Cells
    clean: Cells
    images: int

    def __post_init__(self) -> None:
        for name in ("t_d", "t_plus", "snr_db"):
            axis = getattr(self, name)
            if axis.ndim != 1 or not 2 <= len(axis) <= MOST_NODES or not np.isfinite(axis).all() or not (np.diff(axis) > 0).all():
                raise ValueError(f"{name} must be 2 to {MOST_NODES} rising numbers")
        if np.abs(self.snr_db).max() > MOST_DB:
            raise ValueError(f"snr_db must lie within {-MOST_DB:g}..{MOST_DB:g}")
        shape = len(self.t_d), len(self.t_plus), len(self.snr_db)
        for name, least in (("ssim", -1.0), ("adv", 0.0), ("err", 0.0), ("robust", 0.0), ("clean", 0.0)):
            values = getattr(self, name)
            if values.shape != shape:
                raise ValueError(f"{name} must be of shape {shape}, got {values.shape}")
            unmeasured = name == "clean" and np.isnan(values).all()
            if not unmeasured and not ((values >= least) & (values <= 1.0)).all():
                raise ValueError(f"{name} must lie within {least:g}..1 in every cell")
        if self.images < 1:
            raise ValueError(f"images must be at least 1, got {self.images}")

    def components(self, steps: Steps, snr_db: NDArray[np.float64]) -> Components:
        """Interpolated linearly in all three directions; beyond the grid, what holds at its edge. steps [n, 2], snr_db [n] -> [n] each."""
        place, share = located(self.snr_db, snr_db)
        t_d, t_plus = (np.clip(steps, LEAST, MOST) - LEAST).T
        below, above = self._whole[:, t_d, t_plus, place], self._whole[:, t_d, t_plus, place + 1]
        return Components(*(below + (above - below) * share))

    def reward(self, steps: Steps, snr_db: NDArray[np.float64]) -> NDArray[np.float64]:
        """Eq. (31) of interpolated shares: steps [n, 2], snr_db [n] -> [n]."""
        found = self.components(steps, snr_db)
        return reward(found.ssim, found.adv, found.err)

    def best(self, snr_db: NDArray[np.float64]) -> Steps:
        """Steps of highest reward among all whole-numbered pairs in range, for SNRs to within half of `RESOLUTION_DB`. [n] -> [n, 2]"""
        return self._best[self._nearest(snr_db)]

    def best_fixed(self, snr_db: NDArray[np.float64]) -> tuple[int, int]:
        """The pair (t_D, t_plus) whose mean reward over these SNRs [n] is highest; SNRs as `best` takes them."""
        counts = np.bincount(self._nearest(snr_db), minlength=len(self._fine_db))
        t_d, t_plus = _pair((self._rewards @ counts).argmax()).tolist()
        return t_d, t_plus

    def spread(self, low_db: float, high_db: float) -> float:
        """Range of reward: the highest less the lowest over all pairs of steps and all SNRs of a range."""
        first, last = self._nearest(np.array([low_db, high_db]))
        return float(np.ptp(self._rewards[:, first : last + 1]))

    @cached_property
    def _whole(self) -> NDArray[np.float64]:
        """The components at every whole-numbered pair of steps: float64 [4, t_D, t_plus, c], interpolated over the first two axes."""
        cells = np.stack([self.ssim, self.adv, self.err, self.robust])
        for axis, nodes, (least, most) in ((1, self.t_d, T_D), (2, self.t_plus, T_PLUS)):
            place, share = located(nodes, np.arange(least, most + 1))
            below, above = cells.take(place, axis), cells.take(place + 1, axis)
            cells = below + (above - below) * share[(..., *[None] * (3 - axis))]
        return cells

    @cached_property
    def _fine_db(self) -> NDArray[np.float64]:
        """SNRs for which the best steps are known, `RESOLUTION_DB` apart or a little less."""
        low_db, high_db = self.snr_db[[0, -1]]
        grid: NDArray[np.float64] = np.linspace(low_db, high_db, int(np.ceil((high_db - low_db) / RESOLUTION_DB)) + 1)
        return grid

    @cached_property
    def _rewards(self) -> NDArray[np.float64]:
        """Of all pairs of steps at all of `_fine_db`: float64 [pairs, SNRs]."""
        place, share = located(self.snr_db, self._fine_db)
        below, above = self._whole[..., place], self._whole[..., place + 1]
        ssim, adv, err, _ = below + (above - below) * share
        rewards: NDArray[np.float64] = reward(ssim, adv, err)
        return rewards.reshape(-1, len(self._fine_db))

    @cached_property
    def _best(self) -> Steps:
        """Of highest reward at each of `_fine_db`: int64 [SNRs, 2]."""
        return _pair(self._rewards.argmax(axis=0))

    def _nearest(self, snr_db: NDArray[np.float64]) -> NDArray[np.int64]:
        """Which of `_fine_db` is nearest."""
        low_db, high_db = self.snr_db[[0, -1]]
        share = (np.clip(snr_db, low_db, high_db) - low_db) / (high_db - low_db)
        places: NDArray[np.int64] = np.rint(share * (len(self._fine_db) - 1)).astype(np.int64)
        return places


def located(nodes: NDArray[np.number], at: NDArray[np.number]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where values lie among rising nodes: the node below, and the share 0..1 of the way to the next; ends hold beyond the ends."""
    place = np.clip(np.searchsorted(nodes, at, side="right") - 1, 0, len(nodes) - 2)
    share = (at - nodes[place]) / (nodes[place + 1] - nodes[place])
    return place, np.clip(share, 0.0, 1.0)


def _pair(number: NDArray[np.int64] | np.int64) -> Steps:
    """Pairs of steps by their number, t_D changing last: [...] -> [..., 2]."""
    pairs: Steps = np.stack(np.divmod(number, MOST[1] - LEAST[1] + 1), axis=-1) + LEAST
    return pairs

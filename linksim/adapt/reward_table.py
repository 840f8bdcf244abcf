"""The reward table: the reward of diffusion steps, measured on a grid of t_D x t_plus x SNR and interpolated between its nodes.

    (t_D, t_plus, SNR) -> mean SSIM, Adv share, Err share -> reward, Eq. (31)

It lets a policy be trained within seconds, and its optimum is an upper bound for all policies. The components are interpolated and not the
reward, because the reward has infinite slope where a share reaches 0 (its square root), while SSIM and the shares are smooth.

`training.reward_table` measures a table with the networks of a link, and `adapt.reward_table_file` stores it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.interpolation import interpolation_weights
from linksim.adapt.mdp import MAX_STEPS, MIN_STEPS, T_D, T_PLUS, StepPairs
from linksim.adapt.reward import reward

RESOLUTION_DB = 0.1  # spacing of the SNRs at which the best steps are computed
MAX_NODES = 1024  # largest number of nodes on an axis
MAX_ABS_DB = 60.0  # limits the memory that the best steps at a spacing of `RESOLUTION_DB` take

Cells = NDArray[np.float64]  # [t_d, t_plus, snr_db]


class Components(NamedTuple):
    """The components of the reward, and the accuracy, float64 [n] each.

    ssim    mean structural similarity of Bob's images and the originals
    adv     share of images on which the attack succeeds; its square root is Adv (27)
    err     share of images that Bob's classifier puts into a third class; its square root is Err (29)
    robust  accuracy under attack
    """

    ssim: NDArray[np.float64]
    adv: NDArray[np.float64]
    err: NDArray[np.float64]
    robust: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RewardTable:
    """Measurements on a grid of diffusion steps and SNR.

    t_d, t_plus  nodes in steps, int64 [a] and [b], increasing, at least two
    snr_db       nodes in dB, float64 [c], increasing, at least two, within +-`MAX_ABS_DB`
    ssim         mean structural similarity, -1..1, float64 [a, b, c] like all components below
    adv, err     shares of Eq. (28) and (30), before the square roots, 0..1
    robust       accuracy under attack, 0..1
    clean        accuracy without attack, 0..1; all NaN if it was not measured
    images       number of images measured in each cell

    Raises ValueError if axes or values violate these conditions.
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
            if axis.ndim != 1 or not 2 <= len(axis) <= MAX_NODES or not np.isfinite(axis).all() or not (np.diff(axis) > 0).all():
                raise ValueError(f"{name} must be 2 to {MAX_NODES} increasing numbers")
        if np.abs(self.snr_db).max() > MAX_ABS_DB:
            raise ValueError(f"snr_db must lie within {-MAX_ABS_DB:g}..{MAX_ABS_DB:g}")
        shape = len(self.t_d), len(self.t_plus), len(self.snr_db)
        for name, minimum in (("ssim", -1.0), ("adv", 0.0), ("err", 0.0), ("robust", 0.0), ("clean", 0.0)):
            values = getattr(self, name)
            if values.shape != shape:
                raise ValueError(f"{name} must be of shape {shape}, got {values.shape}")
            unmeasured = name == "clean" and np.isnan(values).all()
            if not unmeasured and not ((values >= minimum) & (values <= 1.0)).all():
                raise ValueError(f"{name} must lie within {minimum:g}..1 in every cell")
        if self.images < 1:
            raise ValueError(f"images must be at least 1, got {self.images}")

    def components(self, steps: StepPairs, snr_db: NDArray[np.float64]) -> Components:
        """Components at steps [n, 2] and SNRs [n], by trilinear interpolation; beyond the grid, the value at its edge. -> [n] each"""
        index, weight = interpolation_weights(self.snr_db, snr_db)
        t_d, t_plus = (np.clip(steps, MIN_STEPS, MAX_STEPS) - MIN_STEPS).T
        below, above = self._all_pairs[:, t_d, t_plus, index], self._all_pairs[:, t_d, t_plus, index + 1]
        return Components(*(below + (above - below) * weight))

    def reward(self, steps: StepPairs, snr_db: NDArray[np.float64]) -> NDArray[np.float64]:
        """Eq. (31) of the interpolated components: steps [n, 2], SNRs in dB [n] -> float64 [n], at most 0."""
        found = self.components(steps, snr_db)
        return reward(found.ssim, found.adv, found.err)

    def best(self, snr_db: NDArray[np.float64]) -> StepPairs:
        """The steps of highest reward over all pairs in range: SNRs in dB [n], rounded to about `RESOLUTION_DB` -> int64 [n, 2]."""
        return self._best[self._nearest(snr_db)]

    def best_fixed(self, snr_db: NDArray[np.float64]) -> tuple[int, int]:
        """The pair (t_D, t_plus) of highest mean reward over SNRs in dB [n], which are rounded as in `best`.

        With the SNRs of all rounds of a channel, it is the best that a link without adaptation could have done in hindsight.
        """
        counts = np.bincount(self._nearest(snr_db), minlength=len(self._fine_db))
        t_d, t_plus = _pair((self._rewards @ counts).argmax()).tolist()
        return t_d, t_plus

    def reward_range(self, low_db: float, high_db: float) -> float:
        """Maximum minus minimum of the reward over all pairs of steps and all SNRs from `low_db` to `high_db`.

        Regrets divided by it can be compared between channels of different SNR.
        """
        first, last = self._nearest(np.array([low_db, high_db]))
        return float(np.ptp(self._rewards[:, first : last + 1]))

    @cached_property
    def _all_pairs(self) -> NDArray[np.float64]:
        """The components at every integer pair of steps: float64 [4, t_D, t_plus, c], interpolated over t_D and t_plus."""
        cells = np.stack([self.ssim, self.adv, self.err, self.robust])
        for axis, nodes, (low, high) in ((1, self.t_d, T_D), (2, self.t_plus, T_PLUS)):
            index, weight = interpolation_weights(nodes, np.arange(low, high + 1))
            below, above = cells.take(index, axis), cells.take(index + 1, axis)
            cells = below + (above - below) * weight[(..., *[None] * (3 - axis))]
        return cells

    @cached_property
    def _fine_db(self) -> NDArray[np.float64]:
        """The SNRs in dB at which the best steps are computed, at most `RESOLUTION_DB` apart."""
        low_db, high_db = self.snr_db[[0, -1]]
        grid: NDArray[np.float64] = np.linspace(low_db, high_db, int(np.ceil((high_db - low_db) / RESOLUTION_DB)) + 1)
        return grid

    @cached_property
    def _rewards(self) -> NDArray[np.float64]:
        """Rewards of all pairs of steps at all SNRs of `_fine_db`: float64 [pairs, SNRs]."""
        index, weight = interpolation_weights(self.snr_db, self._fine_db)
        below, above = self._all_pairs[..., index], self._all_pairs[..., index + 1]
        ssim, adv, err, _ = below + (above - below) * weight
        rewards: NDArray[np.float64] = reward(ssim, adv, err)
        return rewards.reshape(-1, len(self._fine_db))

    @cached_property
    def _best(self) -> StepPairs:
        """The steps of highest reward at each SNR of `_fine_db`: int64 [SNRs, 2]."""
        return _pair(self._rewards.argmax(axis=0))

    def _nearest(self, snr_db: NDArray[np.float64]) -> NDArray[np.int64]:
        """Index into `_fine_db` of the nearest SNR."""
        low_db, high_db = self.snr_db[[0, -1]]
        position = (np.clip(snr_db, low_db, high_db) - low_db) / (high_db - low_db)
        indices: NDArray[np.int64] = np.rint(position * (len(self._fine_db) - 1)).astype(np.int64)
        return indices


def _pair(number: NDArray[np.int64] | np.int64) -> StepPairs:
    """Pairs of steps by their index in row-major order (t_plus varies fastest): [...] -> [..., 2]."""
    pairs: StepPairs = np.stack(np.divmod(number, MAX_STEPS[1] - MIN_STEPS[1] + 1), axis=-1) + MIN_STEPS
    return pairs

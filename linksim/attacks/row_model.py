"""What Eve knows of rows of features: how likely each is in its place, and how likely each is below another. Learnt from open frames.

A frame of n rows is taken for a Gauss-Markov chain from top to bottom. Each place has a mean, a covariance and a covariance with the place
below of its own, all in the k directions in which rows vary most:

    x_0 ~ N(m_0, C_0)        x_{r+1} | x_r ~ N(m_{r+1} + A_r (x_r - m_r), C_{r+1} - A_r K_r),  A_r = K_r^T C_r^-1,  K_r = cov(x_r, x_{r+1})

White noise on the symbols adds its power to every C_r, so the same knowledge serves at every SNR. All here is numpy.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]  # [..., width], a row of features each

POOLED = 0.05  # share of all places' mean in the covariance of each, and none of it with the place below: few frames say little
FLOOR = 1e-6  # of a variance, relative to the mean one


@dataclass(frozen=True, eq=False)
class Scores:
    """Log-likelihoods of n rows, up to a constant of each row.

    first    [n], in the first place of a frame
    follows  [rows - 1, n, n]: of row b in place r + 1 below row a at [r, a, b]
    """

    first: NDArray[np.float32]
    follows: NDArray[np.float32]

    def of(self, lines: NDArray[np.int64]) -> NDArray[np.float64]:
        """Log-likelihood of frames laid of these rows. int64 [..., rows] -> [...]."""
        places = np.arange(len(self.follows))
        steps: NDArray[np.float64] = self.follows[places, lines[..., :-1], lines[..., 1:]].sum(axis=-1, dtype=np.float64)
        return steps + self.first[lines[..., 0]]


class GaussMarkovRowModel:
    """The chain of this file's head.

    frames      undefended frames [captures, rows, width], with next to no noise
    components  k, at most; never more than a third of the captures
    """

    def __init__(self, frames: Rows, components: int = 128) -> None:
        captures, self.rows, width = frames.shape
        apart = (frames - frames.mean(axis=0)).reshape(-1, width)
        power, directions = np.linalg.eigh(apart.T @ apart / len(apart))
        self.basis = np.ascontiguousarray(directions[:, ::-1][:, : max(1, min(components, captures // 3))])
        self.mean = frames.mean(axis=0) @ self.basis
        seen = (apart @ self.basis).reshape(captures, self.rows, -1).swapaxes(0, 1).astype(np.float64)
        own, below = seen.swapaxes(1, 2) @ seen / captures, seen[:-1].swapaxes(1, 2) @ seen[1:] / captures
        self._own = own + POOLED * (own.mean(axis=0) - own) + FLOOR * power.mean() * np.eye(own.shape[-1])
        self._below = (1 - POOLED) * below
        self._at = lru_cache(maxsize=64)(self._whitened)

    def scores(self, pool: Rows, noise: float) -> Scores:
        """Scores of rows received [n, width], under white noise of power `noise` in each real value."""
        first, before, after, scale = self._at(round(10.0 * np.log10(max(noise, 1e-9))))
        apart = pool @ self.basis - self.mean[:, None]  # [rows, n, k]
        foreseen, found = apart[:-1] @ before.swapaxes(1, 2), apart[1:] @ after.swapaxes(1, 2)
        square = (foreseen**2).sum(-1)[:, :, None] + (found**2).sum(-1)[:, None, :]
        follows = foreseen @ found.swapaxes(1, 2) - 0.5 * square + scale[1:, None, None]
        return Scores(scale[0] - 0.5 * ((apart[0] @ first.T) ** 2).sum(-1), follows)

    def _whitened(self, noise_db: int) -> tuple[NDArray[np.float32], ...]:
        """Matrices that make the surprise of the first row, and of every other one below its neighbour, white: first [k, k],
        before and after [rows - 1, k, k]; and log-determinants [rows]."""
        own = self._own + 10 ** (noise_db / 10) * np.eye(self._own.shape[-1])
        foreseen = np.linalg.solve(own[:-1], self._below).swapaxes(1, 2)  # A_r
        left = own[1:] - foreseen @ self._below
        white = np.linalg.inv(np.linalg.cholesky(np.concatenate([own[:1], (left + left.swapaxes(1, 2)) / 2])))
        scale = np.log(np.diagonal(white, axis1=1, axis2=2)).sum(axis=1)
        return tuple(part.astype(np.float32) for part in (white[0], white[1:] @ foreseen, white[1:], scale))


def real_rows(symbols: NDArray[np.complex64], rows: int) -> Rows:
    """Symbols complex [..., uses] -> rows of real features float [..., rows, 2 * uses / rows]."""
    return np.ascontiguousarray(symbols).view(np.float32).reshape(*symbols.shape[:-1], rows, -1)

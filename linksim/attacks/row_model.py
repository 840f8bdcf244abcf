"""Eve's statistical model of feature rows: how likely a row is at its place, and how likely it is below another row.

The model is fitted to undefended frames. A frame of n rows is a Gauss-Markov chain from top to bottom. Each place has its own mean,
covariance and cross-covariance with the place below, all in the space of the k leading principal components of the rows:

    x_0 ~ N(m_0, C_0)        x_{r+1} | x_r ~ N(m_{r+1} + A_r (x_r - m_r), C_{r+1} - A_r K_r),  A_r = K_r^T C_r^-1,  K_r = cov(x_r, x_{r+1})

White noise on the symbols adds its power to every C_r, so one model serves at every SNR. The principal components keep the covariances
small enough to be estimated from a few hundred captured frames. `attacks.jigsaw` and `attacks.key_learning` search for the order of rows
that is most likely under this model. This module uses numpy only.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FeatureRows = NDArray[np.float32]  # [..., width]

# Shrinkage for small samples: weight of the mean covariance of all places in each place's covariance; the same share of every
# cross-covariance is removed.
SHRINKAGE = 0.05
MIN_VARIANCE = 1e-6  # added to each variance, relative to the mean variance
MIN_NOISE = 1e-9  # lower bound of the noise power


@dataclass(frozen=True, eq=False)
class RowScores:
    """Log-likelihoods of n rows, up to a constant for each row.

    first    float [n], of each row at the first place of a frame
    follows  float [rows - 1, n, n], of row b at place r + 1 below row a at index [r, a, b]
    """

    first: NDArray[np.float32]
    follows: NDArray[np.float32]

    def log_likelihood(self, frames: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the log-likelihood of frames given as row indices from top to bottom. int64 [..., rows] -> float [...].

        >>> scores = RowScores(np.array([1, 2], np.float32), np.array([[[0, 10], [20, 0]]], np.float32))
        >>> scores.log_likelihood(np.array([[0, 1], [1, 0]])).tolist()
        [11.0, 22.0]
        """
        places = np.arange(len(self.follows))
        steps: NDArray[np.float64] = self.follows[places, frames[..., :-1], frames[..., 1:]].sum(axis=-1, dtype=np.float64)
        return steps + self.first[frames[..., 0]]


class GaussMarkovRowModel:
    """The Gauss-Markov chain of rows; see the module's docstring.

    frames      undefended frames with negligible noise, float [captures, rows, width]
    components  largest number k of principal components; at most a third of the captures is used

    rows   number of rows of a frame
    basis  principal components, float [width, k]
    mean   mean of the rows at each place in the space of the components, float [rows, k]
    """

    def __init__(self, frames: FeatureRows, components: int = 128) -> None:
        captures, self.rows, width = frames.shape
        centred = (frames - frames.mean(axis=0)).reshape(-1, width)
        power, directions = np.linalg.eigh(centred.T @ centred / len(centred))
        self.basis = np.ascontiguousarray(directions[:, ::-1][:, : max(1, min(components, captures // 3))])
        self.mean = frames.mean(axis=0) @ self.basis
        projected = (centred @ self.basis).reshape(captures, self.rows, -1).swapaxes(0, 1).astype(np.float64)
        own = projected.swapaxes(1, 2) @ projected / captures
        below = projected[:-1].swapaxes(1, 2) @ projected[1:] / captures
        self._own = own + SHRINKAGE * (own.mean(axis=0) - own) + MIN_VARIANCE * power.mean() * np.eye(own.shape[-1])
        self._below = (1 - SHRINKAGE) * below
        self._whitening_at = lru_cache(maxsize=64)(self._whitening)

    def scores(self, pool: FeatureRows, noise: float) -> RowScores:
        """Return the scores of received rows.

        pool   float [n, width]
        noise  power of the white noise per real value; rounded to whole dB, so that the matrices for a noise power are computed once
        """
        first, before, after, log_det = self._whitening_at(round(10.0 * np.log10(max(noise, MIN_NOISE))))
        centred = pool @ self.basis - self.mean[:, None]  # [rows, n, k]
        predicted, observed = centred[:-1] @ before.swapaxes(1, 2), centred[1:] @ after.swapaxes(1, 2)
        square = (predicted**2).sum(-1)[:, :, None] + (observed**2).sum(-1)[:, None, :]
        follows = predicted @ observed.swapaxes(1, 2) - 0.5 * square + log_det[1:, None, None]
        return RowScores(log_det[0] - 0.5 * ((centred[0] @ first.T) ** 2).sum(-1), follows)

    def _whitening(self, noise_db: int) -> tuple[NDArray[np.float32], ...]:
        """Return the matrices that whiten the first row and the prediction error of every other row, and their log-determinants.

        The matrices are first [k, k], and before and after [rows - 1, k, k], which apply to the row above and to the row itself. The
        log-determinants have shape [rows].
        """
        own = self._own + 10 ** (noise_db / 10) * np.eye(self._own.shape[-1])
        predictor = np.linalg.solve(own[:-1], self._below).swapaxes(1, 2)  # A_r
        residual = own[1:] - predictor @ self._below
        white = np.linalg.inv(np.linalg.cholesky(np.concatenate([own[:1], (residual + residual.swapaxes(1, 2)) / 2])))
        log_det = np.log(np.diagonal(white, axis1=1, axis2=2)).sum(axis=1)
        return tuple(part.astype(np.float32) for part in (white[0], white[1:] @ predictor, white[1:], log_det))


def real_rows(symbols: NDArray[np.complex64], rows: int) -> FeatureRows:
    """Split symbols into rows of real features. Complex [..., channel_uses] -> float [..., rows, 2 * channel_uses / rows].

    >>> real_rows(np.array([1 + 2j, 3 + 4j], np.complex64), 2).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    return np.ascontiguousarray(symbols).view(np.float32).reshape(*symbols.shape[:-1], rows, -1)

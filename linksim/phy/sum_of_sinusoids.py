"""A sum of plane waves with individual Doppler shifts: the gain between moving ends at any instant.

    h(t) = sum over n of a_n exp(j 2 pi f_n t)

Clarke's model is such a sum: waves of equal power with angles of arrival from all directions, f_n = f_d cos(angle_n). The angles are
stratified (one is drawn in each of N equal sectors) and the phases are independent. The ensemble autocorrelation is then exactly that of
isotropic scattering, J0(2 pi f_d lag), and the autocorrelation of a single realisation is close to it.

Sources: Clarke, "A Statistical Theory of Mobile-Radio Reception", 1968; Jakes, Microwave Mobile Communications, 1974.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from linksim.rng import StreamKey, generator


class SumOfSinusoids:
    """Superposition of plane waves.

    amplitudes  complex128 [..., waves], with the initial phases; the mean power is the sum of the squared magnitudes
    shifts_hz   float64 [..., waves], the Doppler shift of each

    >>> wave = SumOfSinusoids(np.array([1.0 + 0j]), np.array([250.0]))  # one turn in 4 ms
    >>> wave.gains(start_ns=0, channel_uses=3, use_ns=1e6).round(6).tolist()
    [(1+0j), 1j, (-1+0j)]
    """

    def __init__(self, amplitudes: NDArray[np.complex128], shifts_hz: NDArray[np.float64]) -> None:
        self._amplitudes, self._shifts_hz = amplitudes, shifts_hz
        self._static = not shifts_hz.any()

    def gains(self, start_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.complex64]:
        """Gain at `channel_uses` instants, `use_ns` apart, from `start_ns` on: complex64 [..., channel_uses], or [..., 1] without motion.

        With the instants written as start + (i columns + k) use, all gains are one matrix product over the waves, rows i by columns k.
        Only its two factors need phasors, which are computed in double precision. The product is torch's, with one thread in a run: the
        last bits of numpy's depend on its number of threads.
        """
        now = self._amplitudes * self._phasors(start_ns)
        if self._static:
            static: NDArray[np.complex64] = now.sum(axis=-1, keepdims=True).astype(np.complex64)
            return static
        columns = int(np.ceil(np.sqrt(channel_uses)))
        rows = -(-channel_uses // columns)
        fine = powers(self._phasors(use_ns), columns).astype(np.complex64)
        coarse = (powers(self._phasors(columns * use_ns), rows) * now[..., None]).astype(np.complex64)
        table: NDArray[np.complex64] = torch.matmul(torch.from_numpy(coarse).mT, torch.from_numpy(fine)).numpy()
        return table.reshape(*now.shape[:-1], rows * columns)[..., :channel_uses]

    def narrowband(self) -> "SumOfSinusoids":
        """The waves of all taps as those of a single tap."""
        return SumOfSinusoids(self._amplitudes.ravel(), self._shifts_hz.ravel())

    def _phasors(self, span_ns: float) -> NDArray[np.complex128]:
        """Phase rotation of each wave over a time span, complex128 [..., waves]."""
        phasors: NDArray[np.complex128] = np.exp(2j * np.pi * (span_ns * 1e-9) * self._shifts_hz)
        return phasors


def powers(base: NDArray[np.complex128], count: int) -> NDArray[np.complex128]:
    """base^0 .. base^(count - 1), by repeated doubling: [...] -> [..., count].

    >>> powers(np.array([2j]), 4).tolist()
    [[(1+0j), 2j, (-4+0j), (-0-8j)]]
    """
    result = np.ones((*base.shape, count), np.complex128)
    filled, power = 1, base
    while filled < count:
        more = min(filled, count - filled)
        result[..., filled : filled + more] = result[..., :more] * power[..., None]
        filled, power = filled + more, power * power
    return result


def isotropic_waves(key: StreamKey, shift_hz: float, waves: int, tap_powers: NDArray[np.float64]) -> SumOfSinusoids:
    """Clarke's model for each of several independent taps.

    key         stream of the angles and phases
    shift_hz    maximum Doppler shift
    waves       number of waves per tap
    tap_powers  float64 [taps], mean power of each tap

    The gains of the result are complex64 [taps, channel_uses], or [taps, 1] without motion.
    """
    draw = generator(key).random((2, len(tap_powers), waves))
    angles = 2 * np.pi * (np.arange(waves) + draw[0]) / waves
    amplitudes = np.sqrt(tap_powers / waves)[:, None] * np.exp(2j * np.pi * draw[1])
    return SumOfSinusoids(amplitudes, shift_hz * np.cos(angles))

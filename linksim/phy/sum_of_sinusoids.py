"""A sum of plane waves, each with its own Doppler shift: the gain between moving ends, at any instant.

    h(t) = sum over n of a_n exp(j 2 pi f_n t)

Clarke's model is such a sum: waves of equal power from angles all around, f_n = f_d cos(angle_n). The angles are stratified (one drawn in
each of N equal sectors) and the phases independent, so that over realisations the autocorrelation is exactly that of waves from all sides,
J0(2 pi f_d lag), and within one realisation already near it.
"""

import numpy as np
from numpy.typing import NDArray

from linksim.rng import Key, generator


class SumOfSinusoids:
    """SumOfSinusoids that add up.

    amplitudes  complex128 [..., waves]
    shifts_hz   float64 [..., waves], the Doppler shift of each
    """

    def __init__(self, amplitudes: NDArray[np.complex128], shifts_hz: NDArray[np.float64]) -> None:
        self._amplitudes, self._shifts_hz = amplitudes, shifts_hz
        self._still = not shifts_hz.any()

    def gains(self, start_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.complex64]:
        """Their sum at `uses` instants, `use_ns` apart, from `start_ns` on: complex64 [..., uses], or [..., 1] where nothing moves.

        An instant is start + (i columns + k) use, so all of them are one matrix product over the waves, rows i by columns k, and only its
        two factors need phasors, which are computed in double precision.
        """
        now = self._amplitudes * self._turn(start_ns)
        if self._still:
            still: NDArray[np.complex64] = now.sum(axis=-1, keepdims=True).astype(np.complex64)
            return still
        columns = int(np.ceil(np.sqrt(channel_uses)))
        rows = -(-channel_uses // columns)
        fine = powers(self._turn(use_ns), columns).astype(np.complex64)
        coarse = (powers(self._turn(columns * use_ns), rows) * now[..., None]).astype(np.complex64)
        table: NDArray[np.complex64] = coarse.swapaxes(-1, -2) @ fine
        return table.reshape(*now.shape[:-1], rows * columns)[..., :channel_uses]

    def narrowband(self) -> "SumOfSinusoids":
        """The waves of all taps as those of one."""
        return SumOfSinusoids(self._amplitudes.ravel(), self._shifts_hz.ravel())

    def _turn(self, span_ns: float) -> NDArray[np.complex128]:
        """By how much each wave turns in a span of time."""
        turned: NDArray[np.complex128] = np.exp(2j * np.pi * (span_ns * 1e-9) * self._shifts_hz)
        return turned


def powers(base: NDArray[np.complex128], count: int) -> NDArray[np.complex128]:
    """base^0 .. base^(count - 1), by doubling: [...] -> [..., count]."""
    made = np.ones((*base.shape, count), np.complex128)
    filled, power = 1, base
    while filled < count:
        more = min(filled, count - filled)
        made[..., filled : filled + more] = made[..., :more] * power[..., None]
        filled, power = filled + more, power * power
    return made


def from_all_sides(key: Key, shift_hz: float, waves: int, tap_powers: NDArray[np.float64]) -> SumOfSinusoids:
    """Clarke's waves for each of several taps, all independent.

    shift_hz    largest Doppler shift
    waves       for each tap
    tap_powers  float64 [taps], mean power of each
    """
    draw = generator(key).random((2, len(tap_powers), waves))
    angles = 2 * np.pi * (np.arange(waves) + draw[0]) / waves
    amplitudes = np.sqrt(tap_powers / waves)[:, None] * np.exp(2j * np.pi * draw[1])
    return SumOfSinusoids(amplitudes, shift_hz * np.cos(angles))

"""Tapped delay lines of 3GPP TR 38.901 without a line of sight, on a single narrowband carrier or over the subcarriers of OFDM.

Every tap fades independently by Clarke's model (`phy.sum_of_sinusoids`) with the mean power of its profile. Symbols are multiplied by the
gain of their subcarrier, which is exact for OFDM whose cyclic prefix covers all delays and whose channel is constant over a symbol.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from linksim.phy.sum_of_sinusoids import SumOfSinusoids, isotropic_waves
from linksim.rng import StreamKey
from linksim.scenario.fading import TdlFading

NUM_WAVES = 16  # per tap; a profile has more than twenty taps

# (delay normalised by the root-mean-square delay spread, power in dB) of each tap: Tables 7.7.2-1 and 7.7.2-3.
PROFILES = {
    "A": (
        (0.0000, -13.4), (0.3819, 0.0), (0.4025, -2.2), (0.5868, -4.0), (0.4610, -6.0), (0.5375, -8.2), (0.6708, -9.9), (0.5750, -10.5),
        (0.7618, -7.5), (1.5375, -15.9), (1.8978, -6.6), (2.2242, -16.7), (2.1718, -12.4), (2.4942, -15.2), (2.5119, -10.8),
        (3.0582, -11.3), (4.0810, -12.7), (4.4579, -16.2), (4.5695, -18.3), (4.7966, -18.9), (5.0066, -16.6), (5.3043, -19.9),
        (9.6586, -29.7),
    ),
    "C": (
        (0.0000, -4.4), (0.2099, -1.2), (0.2219, -3.5), (0.2329, -5.2), (0.2176, -2.5), (0.6366, 0.0), (0.6448, -2.2), (0.6560, -3.9),
        (0.6584, -7.4), (0.7935, -7.1), (0.8213, -10.7), (0.9336, -11.1), (1.2285, -5.1), (1.3083, -6.8), (2.1704, -8.7),
        (2.7105, -13.2), (4.2589, -13.9), (4.6003, -13.9), (5.4902, -15.8), (5.6077, -17.1), (6.3065, -16.0), (6.6374, -15.7),
        (7.0427, -21.6), (8.6523, -22.8),
    ),
}  # fmt: skip


def taps(profile: str, spread_ns: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Delays in ns and mean powers of the taps of a profile, float64 [taps] each. The powers add up to one.

    profile    "A" or "C"
    spread_ns  root-mean-square delay spread in ns

    >>> delays_ns, powers = taps("A", 100.0)
    >>> len(powers), round(float(powers.sum()), 9), round(float(delays_ns.max()), 2)
    (23, 1.0, 965.86)
    """
    delays, powers_db = np.array(PROFILES[profile]).T
    powers = 10.0 ** (powers_db / 10.0)
    return delays * spread_ns, powers / powers.sum()


def flat(spec: TdlFading, key: StreamKey) -> SumOfSinusoids:
    """Fading of all taps at one carrier, for a signal whose bandwidth is small compared with the inverse of the delay spread.

    In the narrowband case a tap's delay only adds a phase, which is already uniform, so delays are omitted.

    spec  options of the path; profile and Doppler shift are used
    key   stream of all waves
    """
    return isotropic_waves(key, spec.shift_hz, NUM_WAVES, taps(spec.profile, spec.delay_spread_ns)[1]).narrowband()


class Ofdm:
    """Fading over the subcarriers of OFDM: H(f_k, t) = sum over l of h_l(t) exp(-j 2 pi f_k tau_l).

    Channel use u of a frame is subcarrier k = u mod K of OFDM symbol u // K. An OFDM symbol lasts K channel uses, including its cyclic
    prefix, which is assumed to be longer than all delays. The gain is sampled at the start of the OFDM symbol. The subcarriers are
    symmetric about the carrier.

    spec  options of the path: profile, delay spread, Doppler shift, number K and spacing of the subcarriers
    key   stream of all waves
    """

    def __init__(self, spec: TdlFading, key: StreamKey) -> None:
        delays_ns, powers = taps(spec.profile, spec.delay_spread_ns)
        self._waves: SumOfSinusoids = isotropic_waves(key, spec.shift_hz, NUM_WAVES, powers)
        self._subcarriers = spec.subcarriers
        offsets_hz = (np.arange(spec.subcarriers) - (spec.subcarriers - 1) / 2) * spec.spacing_khz * 1e3
        self._delay_phasors = np.exp(-2j * np.pi * np.outer(delays_ns * 1e-9, offsets_hz)).astype(np.complex64)

    def gains(self, start_ns: int, channel_uses: int, use_ns: float) -> NDArray[np.complex64]:
        """See `phy.fading.Fading.gains`."""
        symbols = -(-channel_uses // self._subcarriers)
        found = self._waves.gains(start_ns, symbols, self._subcarriers * use_ns)
        response: NDArray[np.complex64] = torch.matmul(torch.from_numpy(found).mT, torch.from_numpy(self._delay_phasors)).numpy()
        return np.broadcast_to(response, (symbols, self._subcarriers)).reshape(-1)[:channel_uses]

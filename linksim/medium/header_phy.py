"""Physical layer of the header of a data frame: its channel uses, and whether a receiver decodes it.

    data frame   pilots (with csi: pilots) | header, `radio.header_repeats` copies | payload

The header has the modulation and code of a control message (`radio.control_coding`). Its symbols have unit power and travel over the gain,
noise and interference of their own channel uses. A receiver that estimates the channel from pilots assumes the estimated gain and noise
power for all of them; any other receiver knows gain and interference of every channel use. `phy.header_error` has the probability of a
loss. A lost header is delivered as no bytes, because a checksum detects it.
"""

import numpy as np
from numpy.typing import NDArray

from linksim.phy.header_error import coded_loss, mismatched_snr, uncoded_loss
from linksim.phy.pilots import PilotEstimate
from linksim.rng import Draws, StreamKey
from linksim.scenario.control_size import header_channel_uses
from linksim.scenario.nodes import Radio

NEGLIGIBLE = 1e-12  # a smaller probability of loss draws no number


class HeaderPhy:
    """The headers of one path.

    radio  options of the radio
    key    stream of the draws, indexed by transmission of a data frame
    """

    def __init__(self, radio: Radio, key: StreamKey) -> None:
        self._radio, self._draws = radio, Draws(key)
        self._uncoded = radio.control_coding == "none"
        self._loss = uncoded_loss if self._uncoded else coded_loss

    def channel_uses(self, size: int) -> int:
        """Channel uses of a header of `size` bytes."""
        return header_channel_uses(self._radio, size)

    def receive(
        self,
        raw: bytes,
        gain: NDArray[np.complex64],
        level: float | NDArray[np.floating],
        estimate: PilotEstimate | None,
        index: int,
    ) -> bytes:
        """Received bytes of a header: those that were sent, or none if it is lost.

        raw       bytes that were sent
        gain      gain of its channel uses, complex64 [channel_uses] or [1]
        level     power of noise and interference of its channel uses, float or [channel_uses]
        estimate  what the receiver estimated from pilots, None if it knows the channel
        index     number of the draw, a different one for each transmission
        """
        return self.draw(raw, self.loss_probability(len(raw), gain, level, estimate), index)

    def loss_probability(
        self, size: int, gain: NDArray[np.complex64], level: float | NDArray[np.floating], estimate: PilotEstimate | None
    ) -> float:
        """Probability that a header of `size` bytes is lost, 0..1; the other arguments are those of `receive`."""
        return self._loss(size, self._snr(gain, level, estimate))

    def draw(self, raw: bytes, probability: float, index: int) -> bytes:
        """Received bytes of a header that is lost with a probability; `index` is the number of the draw."""
        return b"" if probability > NEGLIGIBLE and self._draws(index).random() < probability else raw

    def _snr(
        self, gain: NDArray[np.complex64], level: float | NDArray[np.floating], estimate: PilotEstimate | None
    ) -> float | NDArray[np.floating]:
        """SNR of the symbols after combining of the copies, linear: float, or [symbols of one copy] if it is known and changes."""
        repeats = self._radio.header_repeats
        if estimate is not None:
            return mismatched_snr(gain, level, estimate.gain, repeats, self._uncoded)
        if gain.size == 1 and isinstance(level, float):
            return repeats * abs(complex(gain[0])) ** 2 / level
        snr: NDArray[np.floating] = (np.abs(gain) ** 2 / level).reshape(repeats, -1).sum(axis=0)
        return snr

"""Control frames of one link as symbols, and what their hearer makes of what came.

The path between Alice and Bob is the same both ways. What is sent and received is computed at once: the world needs the bytes.
"""

import numpy as np
from numpy.typing import NDArray

from linksim.frames import ControlFrame
from linksim.phy import pilots
from linksim.phy.control import Coding, UncodedBpsk, combine
from linksim.phy.control_code import LdpcQpsk
from linksim.phy.noise import unit_noise
from linksim.phy.path import ChannelRealisation
from linksim.rng import Draws, Key
from linksim.scenario.channel import Path
from linksim.scenario.control_size import control_channel_uses
from linksim.scenario.nodes import Radio

NAN = float("nan")


class ControlPhy:
    """How a link sends control frames.

    Pilots stand in front of a frame that measures the channel (`ControlFrame.probe`), and in front of all where receivers know the channel
    by pilots only; the message is then taken with the gain and noise power that the pilots told. A receiver with perfect knowledge of the
    channel knows the interference too, use by use.

    path   between Alice and Bob
    noise  key of the noise on control frames
    """

    def __init__(self, radio: Radio, path: Path, noise: Key) -> None:
        self._radio, self._estimated, self._noise = radio, path.csi == "pilots", Draws(noise)
        self._pilots = pilots.pilots(radio.pilots)
        self._coding: Coding = LdpcQpsk() if radio.control_coding == "ldpc" else UncodedBpsk()

    def symbols(self, frame: ControlFrame) -> NDArray[np.complex64]:
        """All that goes on the air, complex64 [uses]."""
        copy = self._coding.modulate(frame.raw)
        return np.concatenate([self._pilots[: self._front(frame.probe)], *[copy] * self._radio.control_repeats])

    def channel_uses(self, size: int) -> int:
        """Channel uses of a message of `size` bytes that is no probe."""
        return self._front(False) + control_channel_uses(self._radio, size)

    def receive(
        self,
        frame: ControlFrame,
        sent: NDArray[np.complex64],
        realisation: ChannelRealisation,
        jam: NDArray[np.float32] | None,
        number: int,
    ) -> tuple[bytes, float]:
        """Bytes, which may be wrong, and the SNR in dB measured on the pilots (NaN without) of control frame `number` of the link."""
        channel_uses, front = len(sent), self._front(frame.probe)
        level = realisation.noise_power if jam is None else realisation.noise_power + jam
        received = realisation.gain * sent + unit_noise(self._noise(number), channel_uses) * np.sqrt(level)
        measured = pilots.estimate(received[:front], self._pilots) if front else None
        payload, copies = received[front:], self._radio.control_repeats
        if measured is not None and self._estimated:
            trust = combine(payload, measured.gain, measured.noise_power, copies)
        else:
            gain = realisation.gain if len(realisation.gain) == 1 else realisation.gain[front:]
            trust = combine(payload, gain, level if isinstance(level, float) else level[front:], copies)
        return self._coding.demodulate(trust, len(frame.raw)), measured.snr_db if measured else NAN

    def _front(self, probe: bool) -> int:
        """Pilots in front of a message."""
        return len(self._pilots) if probe or self._estimated else 0

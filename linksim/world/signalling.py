"""Control frames of one lane as symbols, and what their hearer makes of what came.

The path between Alice and Bob is the same both ways. What is sent and heard is computed at once: the world needs the bytes.
"""

import numpy as np
from numpy.typing import NDArray

from linksim.phy import pilots
from linksim.phy.control import Bare, Coding, combine
from linksim.phy.control_code import Coded
from linksim.phy.noise import unit_noise
from linksim.phy.path import Stretch
from linksim.rng import Draws, Key
from linksim.scenario.channel import Path
from linksim.scenario.control_size import control_uses
from linksim.scenario.nodes import Radio
from linksim.world.frames import ControlFrame

NAN = float("nan")


class Signalling:
    """How a lane sends control frames.

    Pilots stand in front of a frame that measures the channel (`ControlFrame.probe`), and in front of all where receivers know the channel
    by pilots only; the message is then taken with the gain and noise power that the pilots told. A receiver with perfect knowledge of the
    channel knows the interference too, use by use.

    path   between Alice and Bob
    noise  key of the noise on control frames
    """

    def __init__(self, radio: Radio, path: Path, noise: Key) -> None:
        self._radio, self._estimated, self._noise = radio, path.csi == "pilots", Draws(noise)
        self._pilots = pilots.pilots(radio.pilots)
        self._coding: Coding = Coded() if radio.control_coding == "ldpc" else Bare()

    def symbols(self, frame: ControlFrame) -> NDArray[np.complex64]:
        """All that goes on the air, complex64 [uses]."""
        copy = self._coding.modulate(frame.raw)
        return np.concatenate([self._pilots[: self._front(frame.probe)], *[copy] * self._radio.control_repeats])

    def uses(self, size: int) -> int:
        """Channel uses of a message of `size` bytes that is no probe."""
        return self._front(False) + control_uses(self._radio, size)

    def receive(
        self, frame: ControlFrame, sent: NDArray[np.complex64], stretch: Stretch, jam: NDArray[np.float32] | None, number: int
    ) -> tuple[bytes, float]:
        """Bytes, which may be wrong, and the SNR in dB measured on the pilots (NaN without) of control frame `number` of the lane."""
        uses, front = len(sent), self._front(frame.probe)
        level = stretch.noise_power if jam is None else stretch.noise_power + jam
        heard = stretch.gain * sent + unit_noise(self._noise(number), uses) * np.sqrt(level)
        measured = pilots.estimate(heard[:front], self._pilots) if front else None
        payload, copies = heard[front:], self._radio.control_repeats
        if measured is not None and self._estimated:
            trust = combine(payload, measured.gain, measured.noise_power, copies)
        else:
            gain = stretch.gain if len(stretch.gain) == 1 else stretch.gain[front:]
            trust = combine(payload, gain, level if isinstance(level, float) else level[front:], copies)
        return self._coding.demodulate(trust, len(frame.raw)), measured.snr_db if measured else NAN

    def _front(self, probe: bool) -> int:
        """Pilots in front of a message."""
        return len(self._pilots) if probe or self._estimated else 0

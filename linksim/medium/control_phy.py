"""Physical layer of the control frames of one link: bytes to symbols, and received symbols to bytes and a measured SNR.

    bytes --> code, QPSK or BPSK --> repeats --> [pilots] ~ gain, noise, interference ~ [estimate] --> combine --> decode --> bytes

The path between Alice and Bob is reciprocal. The SNR is measured when a frame ends. Its bytes are a function, which is called when it is
delivered: blocks that need the iterative decoder are promises until then. Eve, if her attack observes control frames, has a physical layer
of her own with her own noise; one path stands for those from both senders.

The decoded bytes may contain errors, which their checksum detects. Their number follows from the length of the transmission.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from linksim.frames import ControlFrame
from linksim.phy import pilots
from linksim.phy.control import Coding, UncodedBpsk, combine
from linksim.phy.control_code import LdpcQpsk
from linksim.phy.noise import unit_noise
from linksim.phy.path import ChannelRealisation
from linksim.rng import Draws, StreamKey
from linksim.scenario.channel import Path
from linksim.scenario.control_size import control_channel_uses
from linksim.scenario.nodes import Radio
from linksim.worker import Worker

NAN = float("nan")


class ControlPhy:
    """Modulator and demodulator of a link's control frames.

    A frame that measures the channel (`ControlFrame.probe`) begins with pilots. If receivers know the channel only from pilots, all control
    frames begin with pilots, and messages are demodulated with the gain and noise power estimated from them. A receiver with perfect
    channel knowledge also knows the interference power of every channel use.

    radio     options of the radio
    path      options of the path between Alice and Bob, which determine the pilots
    noise     stream of the noise on control frames
    worker    worker of the run
    receiver  options of the receiver's path, if it differs; without pilots in a frame, its receiver knows the channel
    """

    def __init__(self, radio: Radio, path: Path, noise: StreamKey, worker: Worker, receiver: Path | None = None) -> None:
        self._radio, self._piloted, self._noise, self._worker = radio, path.csi == "pilots", Draws(noise), worker
        self._estimated = (receiver or path).csi == "pilots"
        self._pilots, self._estimator = pilots.pilots(radio.pilots), radio.snr_estimator
        self._coding: Coding = LdpcQpsk() if radio.control_coding == "ldpc" else UncodedBpsk()

    def symbols(self, frame: ControlFrame) -> NDArray[np.complex64]:
        """Transmitted symbols of a frame, pilots and all copies: complex64 [channel_uses]."""
        copy = self._coding.modulate(frame.raw)
        return np.concatenate([self._pilots[: self._pilots_of(frame.probe)], *[copy] * self._radio.control_repeats])

    def channel_uses(self, size: int) -> int:
        """Channel uses of a message of `size` bytes that is not a probe."""
        return self._pilots_of(False) + control_channel_uses(self._radio, size)

    def receive(
        self,
        frame: ControlFrame,
        sent: NDArray[np.complex64],
        realisation: ChannelRealisation,
        jamming_power: NDArray[np.float32] | None,
        number: int,
    ) -> tuple[Callable[[], bytes], float]:
        """Demodulate a control frame: a function that returns its bytes, which may contain errors, and its SNR.

        The SNR in dB is measured on its pilots, NaN without pilots.

        sent           transmitted symbols, complex64 [channel_uses]
        jamming_power  interference power, float32 [channel_uses], or None
        number         number of the control frame in the link, which selects its noise
        """
        channel_uses, num_pilots = len(sent), self._pilots_of(frame.probe)
        level = realisation.noise_power if jamming_power is None else realisation.noise_power + jamming_power
        received = realisation.gain * sent + unit_noise(self._noise(number), channel_uses) * np.sqrt(level)
        estimate = pilots.estimate(received[:num_pilots], self._pilots, self._estimator) if num_pilots else None
        payload, copies = received[num_pilots:], self._radio.control_repeats
        if estimate is not None and self._estimated:
            combined = combine(payload, estimate.gain, estimate.noise_power, copies)
        else:
            gain = realisation.gain if len(realisation.gain) == 1 else realisation.gain[num_pilots:]
            combined = combine(payload, gain, level if isinstance(level, float) else level[num_pilots:], copies)
        return self._coding.demodulate(combined, len(frame.raw), self._worker), estimate.snr_db if estimate else NAN

    def _pilots_of(self, probe: bool) -> int:
        """Number of pilots in front of a message."""
        return len(self._pilots) if probe or self._piloted else 0

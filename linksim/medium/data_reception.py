"""Reception of a data frame: what one receiver of a link gets of pilots, header and payload.

    frame   pilots | header | payload          one path, one interval of jamming for all three
    copy    channel estimate   bytes, or lost   promise of symbols

Gain and interference of the whole frame are determined at its end. The channel estimate and the fate of the header are computed then,
because the simulation depends on them. The received symbols of the payload are a promise of the worker.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from linksim.enums import HeaderOutcome
from linksim.frames import DataFrame, ReceivedFrame, ReceivedMessage
from linksim.jammers.jammer import Jammer
from linksim.medium.header_phy import HeaderPhy
from linksim.phy import pilots
from linksim.phy.noise import ItemKeys, unit_noise
from linksim.phy.path import ChannelRealisation, RadioPath
from linksim.rng import StreamKey, generator
from linksim.scenario.channel import Path
from linksim.scenario.nodes import Radio
from linksim.schemes.parameters import per_item_float
from linksim.units import NS_PER_S, airtime_ns, linear_to_db
from linksim.worker import Operation, Promise, Worker

Deliver = Callable[[ReceivedFrame | ReceivedMessage], HeaderOutcome | None]  # returns what became of the header of a data frame


@dataclass(frozen=True)
class Receiver:
    """One receiver of data frames.

    number    Node.BOB or Node.EVE
    path      radio path from Alice
    spec      options of the path
    delay_ns  propagation delay in ns
    header    physical layer of the headers on this path
    noise     stream of the noise on data frames, drawn by the worker
    jamming   stream of the interference on data frames
    pilots    stream of the noise on the pilots of data frames, drawn immediately
    deliver   callback that takes received frames
    """

    number: int
    path: RadioPath
    spec: Path
    delay_ns: int
    header: HeaderPhy
    noise: StreamKey
    jamming: StreamKey
    pilots: StreamKey
    deliver: Deliver


@dataclass(frozen=True, slots=True)
class ReceptionLevels:
    """SNR and jamming of a reception for symbols of unit power.

    mean_snr_db, snr_db  SNR of the path without and with fading, in dB
    sinr_db              SNR with fading and with the mean interference power added to the noise power, in dB
    jammed_fraction      fraction of the channel uses of the frame with interference, 0..1
    mean_jsr             mean interference power over the power of a signal of unit power, linear
    """

    mean_snr_db: float
    snr_db: float
    sinr_db: float
    jammed_fraction: float
    mean_jsr: float


@dataclass(frozen=True, slots=True)
class _Undisturbed:
    """What the frames of a link have in common at a receiver that knows the channel, as long as the channel stays the same.

    realisation  the channel
    gain         complex64 [items, 1] or [items, payload / items]
    noise_power  float32 [items]
    levels       SNR at unit power, without interference
    loss         probability that a header is lost
    airtime_ns   duration of a transmission
    """

    realisation: ChannelRealisation
    gain: NDArray[np.complex64]
    noise_power: NDArray[np.float32]
    levels: ReceptionLevels
    loss: float
    airtime_ns: int


class DataReception:
    """Computes the copies of the data frames of one link.

    worker                               worker of the run
    radio                                options of the radio
    num_pilots                           pilots in front of every data frame, 0 if no receiver needs them
    apply_channel, apply_jammed_channel  operations that compute received symbols, without and with interference
    """

    def __init__(self, worker: Worker, radio: Radio, num_pilots: int, apply_channel: Operation, apply_jammed_channel: Operation) -> None:
        self._worker, self._symbol_rate_hz = worker, radio.symbol_rate_hz
        self._use_ns = NS_PER_S / radio.symbol_rate_hz
        self._pilots, self._num_pilots = pilots.pilots(radio.pilots), num_pilots
        self._estimator = radio.snr_estimator
        self._apply_channel, self._apply_jammed_channel = apply_channel, apply_jammed_channel
        self._undisturbed: dict[int, _Undisturbed] = {}

    def receive(
        self, receiver: Receiver, frame: DataFrame, start_ns: int, header_uses: int, jammer: Jammer | None
    ) -> tuple[ReceivedFrame, ReceptionLevels]:
        """Return a receiver's copy of a data frame that has just ended, and the levels of its record.

        start_ns     start of the transmission
        header_uses  channel uses of the header
        """
        channel_uses = self._num_pilots + header_uses + frame.channel_uses
        realisation = receiver.path.during(start_ns, channel_uses, self._use_ns)
        power = jammer.power(receiver.number, start_ns, channel_uses, self._use_ns) if jammer else None
        if power is None and receiver.spec.csi != "pilots":
            return self._receive_undisturbed(receiver, frame, start_ns, header_uses, realisation)
        items, first = frame.items, self._num_pilots + header_uses
        received = self._received_symbols(receiver, frame, realisation, first, power, jammer)
        gain, noise_power, snr_db = realisation.gain, per_item_float(realisation.noise_power, items), realisation.snr_db
        estimate = self._estimate_channel(receiver, frame, realisation, power) if receiver.spec.csi == "pilots" else None
        if estimate is not None:
            gain, noise_power, snr_db = (
                np.array([estimate.gain], np.complex64),
                per_item_float(estimate.noise_power, items),
                estimate.snr_db,
            )
        elif power is not None:  # with perfect channel knowledge the receiver also knows the interference
            noise_power = noise_power + power[first:].reshape(items, -1).mean(axis=1)
            snr_db = sinr_db(realisation, power)
        copy = ReceivedFrame(
            frame=frame,
            header=self._received_header(receiver, frame, realisation, header_uses, power, estimate),
            start_ns=start_ns,
            airtime_ns=airtime_ns(channel_uses, self._symbol_rate_hz),
            channel_uses=channel_uses,
            header_channel_uses=header_uses,
            received=received,
            gain=per_item(gain, items, first),
            noise_power=noise_power,
            snr_db=snr_db,
            equaliser=receiver.spec.equaliser,
        )
        jammed_fraction = 0.0 if power is None else float(np.count_nonzero(power)) / channel_uses
        mean_jsr = 0.0 if power is None else float(power.mean())
        return copy, ReceptionLevels(realisation.mean_snr_db, realisation.snr_db, sinr_db(realisation, power), jammed_fraction, mean_jsr)

    def _receive_undisturbed(
        self, receiver: Receiver, frame: DataFrame, start_ns: int, header_uses: int, realisation: ChannelRealisation
    ) -> tuple[ReceivedFrame, ReceptionLevels]:
        """Return the copy of a receiver that knows the channel, without interference. All frames of a link have the same layout."""
        shared = self._undisturbed.get(receiver.number)
        channel_uses = self._num_pilots + header_uses + frame.channel_uses
        if shared is None or shared.realisation is not realisation:
            first, snr_db = self._num_pilots + header_uses, realisation.snr_db
            uses = realisation.gain if len(realisation.gain) == 1 else realisation.gain[self._num_pilots : first]
            shared = self._undisturbed[receiver.number] = _Undisturbed(
                realisation,
                per_item(realisation.gain, frame.items, first),
                per_item_float(realisation.noise_power, frame.items),
                ReceptionLevels(realisation.mean_snr_db, snr_db, snr_db, 0.0, 0.0),
                receiver.header.loss_probability(len(frame.header), uses, realisation.noise_power, None),
                airtime_ns(channel_uses, self._symbol_rate_hz),
            )
        gain, noise_power = shared.gain, shared.noise_power
        keys = ItemKeys(receiver.noise, frame.draw, frame.items)
        received = self._worker.promise(self._apply_channel, frame.symbols, gain, noise_power, keys)
        header = receiver.header.draw(frame.header, shared.loss, frame.transmission)
        copy = ReceivedFrame(
            frame,
            header,
            start_ns,
            shared.airtime_ns,
            channel_uses,
            header_uses,
            received,
            gain,
            noise_power,
            realisation.snr_db,
            receiver.spec.equaliser,
        )
        return copy, shared.levels

    def _received_header(
        self,
        receiver: Receiver,
        frame: DataFrame,
        realisation: ChannelRealisation,
        header_uses: int,
        jamming_power: NDArray[np.float32] | None,
        estimate: pilots.PilotEstimate | None,
    ) -> bytes:
        """The bytes of the header as a receiver decodes them, over the gain and interference of the header's channel uses.

        header_uses    number of its channel uses, which follow the pilots
        jamming_power  interference power of each channel use of the frame, float32 [channel_uses], or None
        estimate       the receiver's estimate from pilots, None with perfect channel knowledge
        """
        uses = slice(self._num_pilots, self._num_pilots + header_uses)
        gain = realisation.gain if len(realisation.gain) == 1 else realisation.gain[uses]
        level = realisation.noise_power if jamming_power is None else realisation.noise_power + jamming_power[uses]
        return receiver.header.receive(frame.header, gain, level, estimate, frame.transmission)

    def _received_symbols(
        self,
        receiver: Receiver,
        frame: DataFrame,
        realisation: ChannelRealisation,
        first: int,
        jamming_power: NDArray[np.float32] | None,
        jammer: Jammer | None,
    ) -> Promise:
        """Promise of the received symbols of the payload, which begins at channel use `first`: complex [items, payload / items]."""
        items = frame.items
        inputs = (
            frame.symbols,
            per_item(realisation.gain, items, first),
            per_item_float(realisation.noise_power, items),
            ItemKeys(receiver.noise, frame.draw, items),
        )
        if jamming_power is None:
            return self._worker.promise(self._apply_channel, *inputs)
        assert jammer is not None
        power, jamming_keys = jamming_power[first:].reshape(items, -1), ItemKeys(receiver.jamming, frame.draw, items)
        jamming = jammer.interference(receiver.number, frame, inputs[1], realisation.noise_power, power, jamming_keys)
        return self._worker.promise(self._apply_jammed_channel, *inputs, jamming)

    def _estimate_channel(
        self, receiver: Receiver, frame: DataFrame, realisation: ChannelRealisation, jamming_power: NDArray[np.float32] | None
    ) -> pilots.PilotEstimate:
        """The receiver's channel estimate from the pilots of a data frame, which see the first gains and interference of the frame.

        The noise of the pilots has a stream of its own and is drawn immediately, because the session depends on the estimate.
        """
        count = self._num_pilots
        draw = generator(receiver.pilots, frame.draw)
        level = realisation.noise_power if jamming_power is None else realisation.noise_power + jamming_power[:count]
        gain = realisation.gain if len(realisation.gain) == 1 else realisation.gain[:count]
        return pilots.estimate(gain * self._pilots + unit_noise(draw, count) * np.sqrt(level), self._pilots, self._estimator)


def sinr_db(realisation: ChannelRealisation, jamming_power: NDArray[np.float32] | None) -> float:
    """Signal-to-interference-and-noise ratio of a frame in dB, including fading; the mean interference power adds to the noise power."""
    if jamming_power is None:
        return realisation.snr_db
    return realisation.snr_db - linear_to_db(1.0 + float(jamming_power.mean()) / realisation.noise_power)


def per_item(gain: NDArray[np.complex64], items: int, first: int) -> NDArray[np.complex64]:
    """Gain of a payload that begins at channel use `first`, per item.

    gain  complex64 [1] or [channel_uses] of the frame; the result is [items, 1] or [items, payload / items]
    """
    return repeat(complex(gain[0]), items)[:, None] if len(gain) == 1 else gain[first:].reshape(items, -1)


@lru_cache(maxsize=4096)
def repeat(value: complex, items: int) -> NDArray[np.complex64]:
    """Cached complex64 [items] of equal values; callers must not modify it."""
    return np.full(items, value, np.complex64)

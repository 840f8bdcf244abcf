"""The reactive jammer of a link: it detects the start of a frame, responds after a delay, and radiates for a dwell time.

Its energy goes into frames instead of silence, so at equal energy it hits more frames than a jammer that follows the clock; what limits it
are its receiver (SNR, threshold, missed frames) and its delay, which leaves the start of every frame undisturbed.
"""

from collections.abc import Generator
from typing import Any

from linksim.context import Simulation
from linksim.frames import Transmission
from linksim.jammers.jammer import Jammer
from linksim.phy.jamming import EnergyBudget
from linksim.rng import StreamKey, generator
from linksim.scenario.jammers import ReactiveJammer
from linksim.units import seconds_to_ns
from linksim.worker import Operation


class Reactive(Jammer):
    """Gaussian interference in response to frames.

    The jammer detects the start of a target frame if
        it is not radiating (a frame that starts while it radiates is not detected later),
        the SNR at which it receives the frame is at or above its threshold,
        and the frame is not missed, which an independent draw per frame of the link decides.
    After its delay it radiates if the detected frame is still on the air, so a frame that is not longer than the delay is not jammed.
    There are no false alarms.

    simulation  shared state of the run
    link        number of the link in the run
    spec        options of the jammer
    waveform    operation of the worker that computes the interference on data frames: `operations.gaussian_jamming`
    draws       stream of the detection draws; draw n decides about frame n of the link, data or control
    """

    def __init__(self, simulation: Simulation, link: int, spec: ReactiveJammer, waveform: Operation, draws: StreamKey) -> None:
        super().__init__(simulation, link, spec, waveform)
        self._spec, self._draws, self._budget = spec, draws, EnergyBudget(spec)
        self._start_ns, self._delay_ns = seconds_to_ns(spec.start_ms / 1e3), seconds_to_ns(spec.delay_us / 1e6)
        self._on_until_ns = 0
        self._num_frames = self._num_targets = self._num_detected = 0

    def on_frame_start(self, frame: Transmission) -> None:
        """Start the response to a target frame. See `Jammer.on_frame_start`."""
        super().on_frame_start(frame)
        if self._spec.target in ("both", "data" if frame.data else "control"):
            self._simulation.env.process(self._respond(frame, self._num_frames))
        self._num_frames += 1

    def _respond(self, frame: Transmission, number: int) -> Generator[Any, Any, None]:
        """SimPy process: detect a target frame at its start and respond to it."""
        env = self._simulation.env
        yield env.timeout(frame.start_ns - self._simulation.now)
        self._num_targets += 1
        if not self._detects(number):
            return
        self._num_detected += 1
        yield env.timeout(self._delay_ns)
        now = self._simulation.now
        if now >= frame.end_ns:
            return
        dwell_us = self._spec.dwell_us
        end = self._budget.spend(now, frame.end_ns if dwell_us is None else now + seconds_to_ns(dwell_us / 1e6))
        self.exhausted = self._budget.remaining_ns < 1
        if end > now:
            self._on_until_ns = end
            yield from self.radiate(end)

    def _detects(self, number: int) -> bool:
        """Whether the jammer detects frame `number` of the link, which starts now; see the class."""
        spec, now = self._spec, self._simulation.now
        if now < max(self._start_ns, self._on_until_ns) or spec.sensing_snr_db < spec.threshold_db:
            return False
        return generator(self._draws, number).random() >= spec.miss_probability

    def idle_reason(self) -> str:
        """Reason why the jammer hit no frame: the first condition for a hit that was never met. See `Jammer.idle_reason`."""
        spec = self._spec
        if spec.sensing_snr_db < spec.threshold_db:
            return f"receives frames at {spec.sensing_snr_db:g} dB, below its threshold of {spec.threshold_db:g} dB"
        if not self._num_targets:
            return f"received no {'' if spec.target == 'both' else spec.target + ' '}frame"
        if not self._num_detected:
            return "detected no frame"
        return super().idle_reason() if self.exhausted else f"responds after {spec.delay_us:g} us, when every detected frame had ended"

"""The reactive jammer of a link: hears a frame start, answers after its delay, stays on for its dwell."""

from collections.abc import Generator
from typing import Any

from linksim.context import Simulation
from linksim.frames import Transmission
from linksim.jammers.jammer import Jammer
from linksim.phy.jamming import Budget
from linksim.rng import Key, generator
from linksim.scenario.jammers import ReactiveJammer
from linksim.units import seconds_to_ns
from linksim.worker import Operation


class Reactive(Jammer):
    """Gaussian interference in answer to frames.

    It notices the start of a frame of its target when
        it is not radiating (it is deaf meanwhile, and what it did not hear start it does not notice later),
        the frame's level at its antenna is at or above its threshold,
        and a coin of its own, one for every frame of the link, does not come down on the side of `misses`.
    When its delay has passed it radiates if the frame that it noticed is still on the air, else it keeps quiet: a frame that is not
    longer than the delay escapes. There are no false alarms.

    coin  key of its stream
    """

    def __init__(self, simulation: Simulation, link: int, spec: ReactiveJammer, emit: Operation, coin: Key) -> None:
        super().__init__(simulation, link, spec, emit)
        self._spec, self._coin, self._budget = spec, coin, Budget(spec)
        self._begins_ns, self._delay_ns = seconds_to_ns(spec.start_ms / 1e3), seconds_to_ns(spec.delay_us / 1e6)
        self._on_until_ns = 0
        self._frames = self._targets = self._noticed = 0

    def on_frame_start(self, frame: Transmission) -> None:
        super().on_frame_start(frame)
        if self._spec.target in ("both", "data" if frame.data else "control"):
            self._simulation.env.process(self._meet(frame, self._frames))
        self._frames += 1

    def _meet(self, frame: Transmission, number: int) -> Generator[Any, Any, None]:
        """One frame of its target, from its start on."""
        env = self._simulation.env
        yield env.timeout(frame.start_ns - self._simulation.now)
        self._targets += 1
        if not self._notices(number):
            return
        self._noticed += 1
        yield env.timeout(self._delay_ns)
        now = self._simulation.now
        if now >= frame.end_ns:
            return
        dwell_us = self._spec.dwell_us
        end = self._budget.spend(now, frame.end_ns if dwell_us is None else now + seconds_to_ns(dwell_us / 1e6))
        self.spent = self._budget.left_ns < 1
        if end > now:
            self._on_until_ns = end
            yield from self.radiate(end)

    def _notices(self, number: int) -> bool:
        spec, now = self._spec, self._simulation.now
        if now < max(self._begins_ns, self._on_until_ns) or spec.sensing_snr_db < spec.threshold_db:
            return False
        return generator(self._coin, number).random() >= spec.miss_probability

    def idle_reason(self) -> str:
        """Why it met no frame, where it met none."""
        spec = self._spec
        if spec.sensing_snr_db < spec.threshold_db:
            return f"hears frames at {spec.sensing_snr_db:g} dB, below its threshold of {spec.threshold_db:g} dB"
        if not self._targets:
            return f"received no {'' if spec.target == 'both' else spec.target + ' '}frame"
        if not self._noticed:
            return "noticed no frame"
        return super().idle_reason() if self.spent else f"answers after {spec.delay_us:g} us, when every frame it noticed was over"

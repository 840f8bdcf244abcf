"""The semantic jammer of a link: a perturbation with the symbols of every data frame that it can pay for."""

import math
from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.context import Simulation
from linksim.frames import DataFrame, Transmission
from linksim.jammers.jammer import Jammer, Symbols
from linksim.phy.jamming import Budget
from linksim.records import BOB
from linksim.rng import Key, generator
from linksim.scenario.jammers import AdversarialJammer
from linksim.schemes.parameters import rows_of
from linksim.units import seconds_to_ns
from linksim.worker import Operation, Promise


class Adversarial(Jammer):
    """A perturbation in place of noise: it is on while the payload of a data frame is on the air, pilots and control frames are spared.

    Its mean power over every item is exactly that of the scenario, so it takes whole frames or none. At Bob it arrives in phase with the
    signal, or turned by a phase of its own for each frame; at Eve, for whose receiver it is not meant, always the latter.

    emit     the operation `simulation.operations.semantic`
    perturb  an operation of `simulation.perturb`
    draws    key of its stream
    """

    def __init__(self, simulation: Simulation, link: int, spec: AdversarialJammer, emit: Operation, perturb: Operation, draws: Key) -> None:
        super().__init__(simulation, link, spec, emit)
        self._perturb, self._draws, self._budget = perturb, draws, Budget(spec)
        self._aligned, self._begins_ns = spec.phase == "aligned", seconds_to_ns(spec.start_ms / 1e3)
        self._current: Promise | None = None  # the perturbation of the last frame that Bob was asked for

    def on_frame_start(self, frame: Transmission) -> None:
        super().on_frame_start(frame)
        if not frame.data or frame.payload_ns < self._begins_ns:
            return
        if self._budget.left_ns >= frame.end_ns - frame.payload_ns:
            self._budget.spend(frame.payload_ns, frame.end_ns)
            self._simulation.env.process(self._accompany(frame))
        else:
            self.spent = True

    def _accompany(self, frame: Transmission) -> Generator[Any, Any, None]:
        yield self._simulation.env.timeout(frame.payload_ns - self._simulation.now)
        yield from self.radiate(frame.end_ns)

    def interference(
        self, receiver: int, frame: DataFrame, gain: Symbols, noise_power: float, power: NDArray[np.float32], keys: NDArray[np.int64]
    ) -> Promise:
        """What arrives at a receiver with the payload of a data frame, see `Jammer.interference`."""
        promise = self._simulation.worker.promise
        if receiver == BOB:
            level = power.mean(axis=1)
            self._current = promise(self._perturb, frame.symbols, gain, rows_of(noise_power, len(level)), level, keys)
        assert self._current is not None
        return promise(self._emit, self._current, power, self._phasor(receiver, frame.draw, gain))

    def _phasor(self, receiver: int, draw: int, gain: Symbols) -> Symbols:
        """The phase with which it arrives, as a number of magnitude one; `draw` is that of the frame."""
        if receiver == BOB and self._aligned:
            return np.asarray(np.exp(1j * np.angle(gain)), np.complex64)
        turn = generator(self._draws, 2 * draw + receiver).random()
        return np.full((len(gain), 1), np.exp(2j * math.pi * turn), np.complex64)

    def idle_reason(self) -> str:
        """Why it met no frame, where it met none."""
        return "cannot pay for a frame" if self.spent else "met no data frame"

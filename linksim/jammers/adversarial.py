"""The adversarial jammer of a link: a perturbation of the symbols of every data frame that its energy budget allows.

    frame starts   spend the energy of its payload, or stay silent
    at Bob         perturb: symbols, gain, noise and jamming power --> perturbation of unit power (`jammers.perturb`)
    at Bob, Eve    waveform: perturbation --> scaled to the jamming power and rotated to the phase at the receiver

The jammer knows the symbols of the frame before it jams them. This is an upper bound of what an attacker could do; a universal perturbation
(option `universal`) needs only symbols of other images.
"""

import math
from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.context import Simulation
from linksim.enums import Node
from linksim.frames import DataFrame, Transmission
from linksim.jammers.jammer import Jammer, Symbols
from linksim.phy.jamming import EnergyBudget
from linksim.phy.noise import ItemKeys
from linksim.rng import StreamKey, generator
from linksim.scenario.jammers import AdversarialJammer
from linksim.schemes.parameters import per_item_float
from linksim.units import seconds_to_ns
from linksim.worker import Operation, Promise


class Adversarial(Jammer):
    """Adversarial perturbations in place of noise.

    The jammer radiates during the payload of data frames; it does not jam pilots and control frames. The mean power over every item is
    exactly that of the scenario, so it jams whole frames or none. At Bob the perturbation arrives in phase with the signal, or with a
    random phase per frame. At Eve, for whose receiver it is not designed, the phase is always random.

    simulation  shared state of the run
    link        number of the link in the run
    spec        options of the jammer
    waveform    operation of the worker that scales and rotates a perturbation: `operations.adversarial_jamming`
    perturb     operation of the worker that computes perturbations, see `jammers.perturb`
    draws       stream of the phases
    """

    def __init__(
        self, simulation: Simulation, link: int, spec: AdversarialJammer, waveform: Operation, perturb: Operation, draws: StreamKey
    ) -> None:
        super().__init__(simulation, link, spec, waveform)
        self._perturb, self._draws, self._budget = perturb, draws, EnergyBudget(spec)
        self._aligned, self._start_ns = spec.phase == "aligned", seconds_to_ns(spec.start_ms / 1e3)
        self._current: Promise | None = None  # perturbation of the latest frame at Bob

    def on_frame_start(self, frame: Transmission) -> None:
        """Reserve the energy for the payload of a data frame, and radiate during it. See `Jammer.on_frame_start`."""
        super().on_frame_start(frame)
        if not frame.data or frame.payload_ns < self._start_ns:
            return
        if self._budget.remaining_ns >= frame.end_ns - frame.payload_ns:
            self._budget.spend(frame.payload_ns, frame.end_ns)
            self._simulation.env.process(self._radiate_with(frame))
        else:
            self.exhausted = True

    def _radiate_with(self, frame: Transmission) -> Generator[Any, Any, None]:
        """SimPy process: radiate during the payload of a data frame."""
        yield self._simulation.env.timeout(frame.payload_ns - self._simulation.now)
        yield from self.radiate(frame.end_ns)

    def interference(
        self, receiver: int, frame: DataFrame, gain: Symbols, noise_power: float, power: NDArray[np.float32], keys: ItemKeys
    ) -> Promise:
        """Perturbation of the frame at a receiver; that at Eve is the one computed for Bob. See `Jammer.interference`."""
        promise = self._simulation.worker.promise
        if receiver == Node.BOB:
            level = power.mean(axis=1)
            self._current = promise(self._perturb, frame.symbols, gain, per_item_float(noise_power, len(level)), level, keys)
        assert self._current is not None
        return promise(self._waveform, self._current, power, self._phasor(receiver, frame.draw, gain))

    def _phasor(self, receiver: int, draw: int, gain: Symbols) -> Symbols:
        """Phase of the perturbation at a receiver, as complex numbers of magnitude one, [items, 1] or of the shape of the gain.

        receiver  Node.BOB, where the phase is that of the gain if it is aligned, or Node.EVE
        draw      number of the frame's random draws, from which a random phase follows
        gain      complex gain of the path from Alice
        """
        if receiver == Node.BOB and self._aligned:
            return np.asarray(np.exp(1j * np.angle(gain)), np.complex64)
        turn = generator(self._draws, 2 * draw + receiver).random()
        return np.full((len(gain), 1), np.exp(2j * math.pi * turn), np.complex64)

    def idle_reason(self) -> str:
        """See `Jammer.idle_reason`."""
        return "has too small an energy budget for a frame" if self.exhausted else "hit no data frame"

"""Keeps symbols of the first frames of a link, as they were radiated, as a receiver received them and as it equalised them."""

from functools import partial

import torch
from torch import Tensor

from linksim.context import Simulation
from linksim.frames import ReceivedFrame
from linksim.phy.baseband import ReceivedSymbols, equalise
from linksim.records import ConstellationPoint

KEPT = 256  # symbols of a frame, spread evenly over it


class Constellation:
    """One link's.

    frames  how many transmissions of frames, from the first on
    """

    def __init__(self, simulation: Simulation, link: int, frames: int) -> None:
        self._simulation, self._link, self._frames = simulation, link, frames
        self._kept: set[tuple[int, int]] = set()

    def hear(self, receiver: int, copy: ReceivedFrame) -> None:
        """An receiver has a frame. Its symbols are told once they are known."""
        sent = copy.frame.number, copy.frame.attempt
        if sent not in self._kept:
            if len(self._kept) == self._frames:
                return
            self._kept.add(sent)
        self._simulation.worker.then(copy.received, partial(self._tell, receiver, copy))

    def _tell(self, receiver: int, copy: ReceivedFrame, received: Tensor) -> None:
        sent = self._simulation.worker.value(copy.frame.symbols)  # known: it was needed for what was received
        gain, noise_power = (torch.from_numpy(known.copy()).to(received.device) for known in (copy.gain, copy.noise_power))
        equalised = equalise(ReceivedSymbols(received, gain, noise_power, copy.equaliser))
        every = -(-received.numel() // KEPT)
        columns = [torch.view_as_real(symbols.flatten()[::every]).cpu().tolist() for symbols in (sent, received, equalised)]
        for place, (radiated, arrived, undone) in enumerate(zip(*columns, strict=True)):
            row = (copy.start_ns, self._link, copy.frame.number, receiver, place * every)
            self._simulation.emit(ConstellationPoint(*row, *radiated, *arrived, *undone))

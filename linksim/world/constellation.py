"""Keeps symbols of the first frames of a lane, as they were radiated, as an ear heard them and as it equalised them."""

from functools import partial

import torch
from torch import Tensor

from linksim.phy.link import Heard, equalise
from linksim.records import Symbol
from linksim.world.clock import World
from linksim.world.frames import DataCopy

KEPT = 256  # symbols of a frame, spread evenly over it


class Constellation:
    """One lane's.

    frames  how many transmissions of frames, from the first on
    """

    def __init__(self, world: World, lane: int, frames: int) -> None:
        self._world, self._lane, self._frames = world, lane, frames
        self._kept: set[tuple[int, int]] = set()

    def hear(self, ear: int, copy: DataCopy) -> None:
        """An ear has a frame. Its symbols are told once they are known."""
        sent = copy.frame.number, copy.frame.attempt
        if sent not in self._kept:
            if len(self._kept) == self._frames:
                return
            self._kept.add(sent)
        self._world.worker.listen(copy.heard, partial(self._tell, ear, copy))

    def _tell(self, ear: int, copy: DataCopy, heard: Tensor) -> None:
        sent = self._world.worker.value(copy.frame.symbols)  # known: it was needed for what was heard
        gain, noise_power = (torch.from_numpy(known.copy()).to(heard.device) for known in (copy.gain, copy.noise_power))
        equalised = equalise(Heard(heard, gain, noise_power, copy.equaliser))
        every = -(-heard.numel() // KEPT)
        columns = [torch.view_as_real(symbols.flatten()[::every]).cpu().tolist() for symbols in (sent, heard, equalised)]
        for place, (radiated, arrived, undone) in enumerate(zip(*columns, strict=True)):
            row = (copy.start_ns, self._lane, copy.frame.number, ear, place * every)
            self._world.announce(Symbol(*row, *radiated, *arrived, *undone))

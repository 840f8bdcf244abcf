"""Records symbols of the first frames of a link: as transmitted, as received and after equalisation."""

from functools import partial

import torch
from torch import Tensor

from linksim.context import Simulation
from linksim.frames import ReceivedFrame
from linksim.phy.baseband import ReceivedSymbols, equalise
from linksim.records import ConstellationPoint

MAX_SYMBOLS = 256  # largest number of recorded symbols of a frame, evenly spaced


class Constellation:
    """Records the symbols of one link.

    frames  number of recorded transmissions, from the first on
    """

    def __init__(self, simulation: Simulation, link: int, frames: int) -> None:
        self._simulation, self._link, self._frames = simulation, link, frames
        self._kept: set[tuple[int, int]] = set()

    def record(self, receiver: int, copy: ReceivedFrame) -> None:
        """Record the symbols of a received frame as soon as they are known."""
        sent = copy.frame.number, copy.frame.attempt
        if sent not in self._kept:
            if len(self._kept) == self._frames:
                return
            self._kept.add(sent)
        self._simulation.worker.then(copy.received, partial(self._emit, receiver, copy))

    def _emit(self, receiver: int, copy: ReceivedFrame, received: Tensor) -> None:
        sent = self._simulation.worker.value(copy.frame.symbols)["symbols"]  # known already, because the received symbols depend on it
        gain, noise_power = (torch.from_numpy(array.copy()).to(received.device) for array in (copy.gain, copy.noise_power))
        equalised = equalise(ReceivedSymbols(received, gain, noise_power, copy.equaliser))
        spacing = -(-received.numel() // MAX_SYMBOLS)
        columns = [torch.view_as_real(symbols.flatten()[::spacing]).cpu().tolist() for symbols in (sent, received, equalised)]
        for number, (tx, rx, equalised_symbol) in enumerate(zip(*columns, strict=True)):
            self._simulation.emit(
                ConstellationPoint(
                    time_ns=copy.start_ns,
                    link=self._link,
                    frame=copy.frame.number,
                    receiver=receiver,
                    symbol=number * spacing,
                    tx_re=tx[0],
                    tx_im=tx[1],
                    rx_re=rx[0],
                    rx_im=rx[1],
                    equalised_re=equalised_symbol[0],
                    equalised_im=equalised_symbol[1],
                )
            )

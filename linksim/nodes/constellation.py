"""Records symbols of the first frames of a link: as transmitted, as received and after equalisation.

The evaluator calls `Constellation.record` for every copy that a receiver has processed. The records (table `constellation` of the trace)
follow when the worker has computed the received symbols; no promise is computed earlier for their sake.
"""

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

    simulation  shared state of the run
    link        number of the link in the run
    frames      number of recorded transmissions, from the first on, with the copies of all receivers; 0 for none
    """

    def __init__(self, simulation: Simulation, link: int, frames: int) -> None:
        self._simulation, self._link, self._frames = simulation, link, frames
        self._kept: set[tuple[int, int]] = set()

    def record(self, receiver: int, copy: ReceivedFrame) -> None:
        """Record the symbols of a received frame as soon as they are known.

        receiver  Node.BOB or Node.EVE
        copy      the receiver's copy; its gain and noise power are the estimates with which the symbols are equalised
        """
        sent = copy.frame.number, copy.frame.attempt
        if sent not in self._kept:
            if len(self._kept) == self._frames:
                return
            self._kept.add(sent)
        self._simulation.worker.then(copy.received, partial(self._emit, receiver, copy))

    def _emit(self, receiver: int, copy: ReceivedFrame, received: Tensor) -> None:
        """Emit at most `MAX_SYMBOLS` evenly spaced symbols of a frame; `received` is complex [items, channel_uses / items]."""
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

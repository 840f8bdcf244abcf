"""An attack of Eve from outside, with memory: she decodes with the public codec and shows the running mean of all that she has seen.

linksim run my-scenario.yaml --plugin examples/averaging_eve.py        # with eve: averaging
"""

import torch
from torch import Tensor

import linksim
from linksim.attacks.attack import Attack
from linksim.frames import OverheardMessage, ReceivedFrame
from linksim.simulate.eve_factory import EveContext
from linksim.worker import Operation, Promise


class Averaging(Attack):
    def __init__(self, context: EveContext) -> None:
        self._context, self._sum, self._count = context, torch.zeros(()), 0
        self._codec = context.load(context.options.scheme[-1].codec, "codec").network

    def observe(self, copy: ReceivedFrame | OverheardMessage) -> None:
        assert isinstance(copy, ReceivedFrame)  # it does not ask for control frames
        symbols = self._context.worker.value(copy.received).reshape(-1, self._codec.channel_uses)
        with torch.inference_mode():
            images = self._codec.decode(symbols, torch.full((len(symbols),), copy.snr_db))
        self._sum, self._count = self._sum + images.sum(dim=0), self._count + len(images)

    def reconstruct(self, copy: ReceivedFrame) -> Promise:
        mean, images = self._sum / self._count, self._context.stack.scheme.images_per_item

        def run(symbols: Tensor) -> dict[str, Tensor]:
            return {"images": mean.expand(len(symbols), images, *mean.shape)}

        return self._context.worker.promise(Operation("averaging", run, 64), copy.received)


@linksim.register("eve", "averaging")
def make(options: linksim.Options, context: EveContext) -> Averaging:
    return Averaging(context)

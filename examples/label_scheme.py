"""A scheme from outside whose receiver outputs labels: Alice sends a random projection of the image, Bob matches ten class templates.

linksim run my-scenario.yaml --plugin examples/label_scheme.py        # with scheme: projection
"""

import torch
from pydantic import Field
from torch import Tensor

import linksim
from linksim.cost import Cost, Traffic
from linksim.negotiation import NegotiatedParameters
from linksim.phy.baseband import ReceivedSymbols, equalise, normalise_power
from linksim.reconstruction import Reconstruction


class ProjectionOptions(linksim.Options):
    """Random projection of the image, classified by templates."""

    symbols: int = Field(64, ge=8, le=512, description="complex symbols per image")

    def cost(self, traffic: Traffic) -> Cost:
        return Cost(channel_uses=traffic.images * self.symbols)


@linksim.register("scheme", "projection", ProjectionOptions)
class Projection:
    Parameters, images_per_item, detects_erasures = NegotiatedParameters, 1, False

    def __init__(self, options: ProjectionOptions, context: object) -> None:
        self.channel_uses, draw = options.symbols, torch.Generator().manual_seed(1)
        self.matrix = torch.randn(3 * 32 * 32, 2 * options.symbols, generator=draw) / 55.0
        self.templates = torch.randn(2 * options.symbols, 10, generator=draw)

    def send(self, images: Tensor, parameters: object, noise: object) -> Tensor:
        projected = (images[:, 0].flatten(1) - 0.5) @ self.matrix
        return normalise_power(torch.view_as_complex(projected.reshape(len(images), -1, 2).contiguous()))

    def receive(self, received: ReceivedSymbols, parameters: object, noise: object) -> Reconstruction:
        return Reconstruction(logits=(torch.view_as_real(equalise(received)).flatten(1) @ self.templates)[:, None])

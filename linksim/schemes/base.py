"""The contract of a scheme: `send` encodes, `receive` decodes, and both stand side by side in one file.

Both are pure functions of (input, parameters, noise, weights). Items are independent of each other, which makes batching exact. An item
is one image, or `images_per_item` images where a scheme processes several images jointly.
"""

from typing import Protocol

from torch import Tensor

from linksim.negotiation import NegotiatedParameters
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise
from linksim.reconstruction import Reconstruction
from linksim.schemes.parameters import FrameParameters


class Scheme(Protocol):
    """A transmitter and receiver for images.

    Parameters         negotiated parameters: what both ends must agree on before a frame, `NegotiatedParameters` for nothing
    images_per_item    number of images in one item
    channel_uses       complex channel uses per item
    detects_erasures   True if `receive` knows which images were not decoded, for example by a checksum
    """

    Parameters: type[NegotiatedParameters]
    images_per_item: int
    channel_uses: int
    detects_erasures: bool

    def send(self, images: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        """Return the symbols, complex [items, channel_uses], at the power with which they are radiated.

        images      float [items, images_per_item, c, h, w] in 0..1
        parameters  one row per item
        noise       one random stream per item
        """

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Reconstruction:
        """Return the reconstruction of the items: images, class logits, or both.

        A scheme with `detects_erasures` marks the images that it could not decode as erased.

        received    symbols, gain and noise power of the items at Bob
        parameters  one row per item, equal to those of `send`
        noise       one random stream per item
        """

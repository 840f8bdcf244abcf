"""The contract of a scheme: `send` encodes, `receive` decodes, and both stand side by side in one file.

Both are pure functions of (input, parameters, noise, weights). Items are independent of each other, which makes batching exact: the worker
may put items of any frames and links into one call. An item is one image, or `images_per_item` images where a scheme processes several
images jointly.

What both ends must know arrives as `parameters`, and every random draw comes from `noise`, which has one stream per item. A scheme
therefore keeps no state between frames and has no generator of its own.
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

    Parameters         class of the negotiated parameters: what both ends must agree on before a frame; `NegotiatedParameters` for nothing
    images_per_item    number of images in one item, at least 1
    channel_uses       complex channel uses per item, the same for every item
    detects_erasures   True if `receive` knows which images were not decoded, for example by a checksum, and marks them as erased
    """

    Parameters: type[NegotiatedParameters]
    images_per_item: int
    channel_uses: int
    detects_erasures: bool

    def send(self, images: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        """Return the symbols, complex [items, channel_uses], at the power with which they are radiated.

        Nothing normalises them afterwards: a scheme may radiate less than unit power, and its SNR falls accordingly.

        images      float [items, images_per_item, c, h, w] in 0..1
        parameters  one row per item
        noise       one random stream per item, of Alice; a scheme that draws nothing ignores it
        """

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Reconstruction:
        """Return the reconstruction of the items: images, class logits, or both.

        A scheme with `detects_erasures` marks the images that it could not decode as erased.

        received    symbols, complex [items, channel_uses], with the receiver's estimates of gain and noise power
        parameters  one row per item; equal to those of `send`, except for `snr_db`, which is the receiver's own estimate
        noise       one random stream per item, of Bob
        """

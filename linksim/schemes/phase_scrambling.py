"""Keyed phase scrambling: each symbol is rotated by 0, 90, 180 or 270 degrees according to a keystream.

    symbols --> [times i^q] --> air --> [times i^-q] --> symbols          q in 0..3 per symbol, from the session key and the frame number

The layer wraps any scheme. Channel gain and rotation both multiply the symbol, so the receiver undoes the rotation exactly on every
channel, without knowing the gain. The magnitude and the position of every symbol stay unchanged: the layer does not hide the information
that magnitudes carry. An attack that reads them is in `papers.miea.magnitude_attack`.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise
from linksim.reconstruction import Reconstruction
from linksim.schemes.base import Scheme
from linksim.schemes.parameters import FrameParameters, ItemArray
from linksim.secrecy import SessionKeys, keystream

ROTATIONS = (1, 1j, -1, -1j)  # i^q for q = 0..3


@dataclass(frozen=True, eq=False)
class PhaseKey(FrameParameters):
    """Frame parameters of phase scrambling.

    quarter_turns  uint8 [items, channel_uses], 0..3: rotation of each symbol in units of 90 degrees
    inner          parameters of the inner scheme
    """

    quarter_turns: ItemArray
    inner: FrameParameters


def rotate(symbols: Tensor, quarter_turns: Tensor) -> Tensor:
    """Rotate each symbol, complex [items, channel_uses], by its number of quarter turns, without rounding errors.

    >>> rotate(torch.tensor([[1 + 0j, 1 + 0j]]), torch.tensor([[1, 2]])).tolist()
    [[1j, (-1+0j)]]
    """
    return symbols * torch.tensor(ROTATIONS, dtype=symbols.dtype, device=symbols.device)[quarter_turns.long()]


class PhaseScrambling:
    """Rotates the symbols of the inner scheme. It implements `Scheme`, with the items, channel uses and noise of the inner scheme.

    inner  scheme whose symbols are rotated
    """

    def __init__(self, inner: Scheme) -> None:
        self._inner, self.Parameters = inner, inner.Parameters
        self.channel_uses, self.images_per_item, self.detects_erasures = inner.channel_uses, inner.images_per_item, inner.detects_erasures

    def send(self, images: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        assert isinstance(parameters, PhaseKey)
        return rotate(self._inner.send(images, parameters.inner, noise), torch.as_tensor(parameters.quarter_turns))

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Reconstruction:
        assert isinstance(parameters, PhaseKey)
        inverse = (4 - torch.as_tensor(parameters.quarter_turns)) % 4
        return self._inner.receive(replace(received, symbols=rotate(received.symbols, inverse)), parameters.inner, noise)


def draw_quarter_turns(keys: SessionKeys, layer: int, frame: int, items: int, channel_uses: int) -> NDArray[np.uint8]:
    """Return the rotations of the items of a frame, uint8 [items, channel_uses] in 0..3.

    keys          session keys, of which `parameters` is the key of the keystream
    layer         position of the phase-scrambling layer in the stack, 0 for the outermost layer
    frame         number of the frame on its link; item `i` of it uses the keystream number `frame * items + i`
    items         number of items in every frame of the link
    channel_uses  symbols of an item; a byte of the keystream serves four of them
    """
    label, size = f"turns {layer}".encode(), -(-channel_uses // 4)  # a byte of the keystream holds four symbols
    stream = b"".join(keystream(keys.parameters, label, number, size) for number in range(frame * items, (frame + 1) * items))
    two_bit_groups = np.frombuffer(stream, np.uint8).reshape(items, size, 1) >> np.array([0, 2, 4, 6], np.uint8)
    quarter_turns: NDArray[np.uint8] = (two_bit_groups & np.uint8(3)).reshape(items, -1)[:, :channel_uses]
    return quarter_turns

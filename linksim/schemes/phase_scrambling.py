"""Keyed phase scrambling: every symbol is turned by a quarter turn or two or three or none, as a keystream says.

    symbols --> [times i^q] --> air --> [times i^-q] --> symbols          q from the session key and the frame number, 0..3 per symbol

Wraps any scheme. A gain multiplies and so does a turn, hence it is undone exactly on every channel; magnitudes, and with them the power of
every symbol, stay as they are and where they are: what they tell, it does not hide.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise
from linksim.schemes.base import Scheme
from linksim.schemes.parameters import FrameParameters, Rows
from linksim.secrecy import SessionKeys, keystream

TURNS = (1, 1j, -1, -1j)


@dataclass(frozen=True, eq=False)
class PhaseKey(FrameParameters):
    """What both ends must know before a scrambled item makes sense.

    quarters  uint8 [items, uses], 0..3: how far each symbol is turned
    inner     terms of the scheme inside
    """

    quarter_turns: Rows
    inner: FrameParameters


def rotate(symbols: Tensor, quarter_turns: Tensor) -> Tensor:
    """Symbols complex [items, uses], each turned by so many quarters, exactly."""
    return symbols * torch.tensor(TURNS, dtype=symbols.dtype, device=symbols.device)[quarter_turns.long()]


class PhaseScrambling:
    """Turns the symbols of the scheme inside.

    inner  the scheme whose symbols are turned
    """

    agrees: type[FrameParameters] = PhaseKey

    def __init__(self, inner: Scheme) -> None:
        self._inner, self.channel_uses, self.images_per_item, self.checked = inner, inner.channel_uses, inner.images_per_item, inner.checked

    def send(self, source: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        assert isinstance(parameters, PhaseKey)
        return rotate(self._inner.send(source, parameters.inner, noise), torch.as_tensor(parameters.quarter_turns))

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Tensor:
        assert isinstance(parameters, PhaseKey)
        back = (4 - torch.as_tensor(parameters.quarter_turns)) % 4
        return self._inner.receive(replace(received, symbols=rotate(received.symbols, back)), parameters.inner, noise)


def draw_quarter_turns(keys: SessionKeys, layer: int, frame: int, items: int, channel_uses: int) -> NDArray[np.uint8]:
    """The quarters of a frame's items under the scrambling that is layer number `layer` of a stack. -> uint8 [items, uses]"""
    label, size = f"turns {layer}".encode(), -(-channel_uses // 4)
    stream = b"".join(keystream(keys.parameters, label, number, size) for number in range(frame * items, (frame + 1) * items))
    fourfold = np.frombuffer(stream, np.uint8).reshape(items, size, 1) >> np.array([0, 2, 4, 6], np.uint8)
    quarter_turns: NDArray[np.uint8] = (fourfold & np.uint8(3)).reshape(items, -1)[:, :channel_uses]
    return quarter_turns

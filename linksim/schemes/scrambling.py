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

from linksim.phy.link import Heard
from linksim.phy.noise import Noise
from linksim.schemes.base import Scheme
from linksim.schemes.terms import Rows, Terms
from linksim.secrecy import SessionKeys, keystream

TURNS = (1, 1j, -1, -1j)


@dataclass(frozen=True, eq=False)
class Turn(Terms):
    """What both ends must know before a scrambled item makes sense.

    quarters  uint8 [items, uses], 0..3: how far each symbol is turned
    inner     terms of the scheme inside
    """

    quarters: Rows
    inner: Terms


def turned(symbols: Tensor, quarters: Tensor) -> Tensor:
    """Symbols complex [items, uses], each turned by so many quarters, exactly."""
    return symbols * torch.tensor(TURNS, dtype=symbols.dtype, device=symbols.device)[quarters.long()]


class Scrambling:
    """Turns the symbols of the scheme inside.

    inner  the scheme whose symbols are turned
    """

    agrees: type[Terms] = Turn

    def __init__(self, inner: Scheme) -> None:
        self._inner, self.uses, self.images_per_item, self.checked = inner, inner.uses, inner.images_per_item, inner.checked

    def send(self, source: Tensor, terms: Terms, noise: Noise) -> Tensor:
        assert isinstance(terms, Turn)
        return turned(self._inner.send(source, terms.inner, noise), torch.as_tensor(terms.quarters))

    def receive(self, heard: Heard, terms: Terms, noise: Noise) -> Tensor:
        assert isinstance(terms, Turn)
        back = (4 - torch.as_tensor(terms.quarters)) % 4
        return self._inner.receive(replace(heard, symbols=turned(heard.symbols, back)), terms.inner, noise)


def draw_quarters(keys: SessionKeys, layer: int, frame: int, items: int, uses: int) -> NDArray[np.uint8]:
    """The quarters of a frame's items under the scrambling that is layer number `layer` of a stack. -> uint8 [items, uses]"""
    label, size = f"turns {layer}".encode(), -(-uses // 4)
    stream = b"".join(keystream(keys.terms, label, number, size) for number in range(frame * items, (frame + 1) * items))
    fourfold = np.frombuffer(stream, np.uint8).reshape(items, size, 1) >> np.array([0, 2, 4, 6], np.uint8)
    quarters: NDArray[np.uint8] = (fourfold & np.uint8(3)).reshape(items, -1)[:, :uses]
    return quarters

"""The keyed layers of a stack: what each takes from the session at every frame, and how it enters the terms."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.scenario.schemes import KeyedScheme, PermutationScheme
from linksim.schemes.permutation import Shuffle
from linksim.schemes.scrambling import Turn, draw_quarters
from linksim.schemes.shuffles import ShuffleBook, Shuffles
from linksim.schemes.terms import Terms, bundled
from linksim.secrecy import SessionKeys

Chosen = tuple[tuple[int, int], ...]  # (p, s) of each pair of a layer whose keys are told, () of any other


@dataclass(frozen=True, eq=False)
class Turns:
    """Keys of several items of a scrambling: quarters uint8 [items, uses]."""

    quarters: NDArray[np.uint8]


FrameKeys = Shuffles | Turns


@dataclass(frozen=True)
class KeyedLayer:
    """A layer of a stack that both ends key alike.

    spec    its words
    place   in the stack, 0 for the outermost
    items   of it in a frame: pairs of a permutation
    width   what it keys: rows or symbols of an image of a permutation, symbols of an item of a scrambling
    single  whether an item's companion is a frame of noise
    """

    spec: KeyedScheme
    place: int
    items: int
    width: int
    single: bool

    @property
    def told(self) -> int:
        """Pairs (p, s) of a frame that KEY tells of."""
        return self.items if isinstance(self.spec, PermutationScheme) and self.spec.keys == "table" else 0

    def book(self, keys: SessionKeys) -> "Book":
        """Where its keys come from in a session."""
        if isinstance(self.spec, PermutationScheme):
            return _Shuffling(self, keys, self.spec)
        return _Turning(self, keys)

    def zeros(self) -> FrameKeys:
        """Keys of the right shape, all zero."""
        if isinstance(self.spec, PermutationScheme):
            return Shuffles(np.zeros((self.items, 2, self.width), np.int64), np.zeros((self.items, self.width), np.bool_))
        return Turns(np.zeros((self.items, self.width), np.uint8))

    def terms(self, keys: FrameKeys, inner: Terms) -> Terms:
        """Its terms around those of the scheme inside."""
        if isinstance(keys, Turns):
            return Turn(keys.quarters, inner)
        return Shuffle(keys.order, keys.swapped, inner if self.single else bundled(inner, 2))


class Book(Protocol):
    """The keys of one layer in one session.

    size  of the sets that a told (p, s) chooses from, 0 where none is told
    """

    size: int

    def keys(self, frame: int, chosen: Chosen) -> FrameKeys:
        """Of a frame: those that `chosen` chooses, or, where nothing is told, those that follow from the frame number."""


class _Shuffling:
    def __init__(self, layer: KeyedLayer, keys: SessionKeys, spec: PermutationScheme) -> None:
        self._layer, self.size = layer, spec.schemes if layer.told else 0
        swapped = round(spec.substituted * layer.width)
        self._book = ShuffleBook(keys, layer.place, layer.width, spec.schemes, spec.permuted, swapped)

    def keys(self, frame: int, chosen: Chosen) -> FrameKeys:
        return self._book.chosen(chosen) if self._layer.told else self._book.derived(frame, self._layer.items)


class _Turning:
    def __init__(self, layer: KeyedLayer, keys: SessionKeys) -> None:
        self._layer, self._keys, self.size = layer, keys, 0

    def keys(self, frame: int, chosen: Chosen) -> FrameKeys:
        return Turns(draw_quarters(self._keys, self._layer.place, frame, self._layer.items, self._layer.width))

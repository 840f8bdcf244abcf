"""Where shuffles come from: the two sets of schemes that a sealed (p, s) chooses from (MIEA Sec. III-C, "Scheme Selection"), or the
session key and the frame number. Both ends make them from what the handshake gave them; nothing of it goes over the air."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.secrecy import SessionKeys, draw_permutation, draw_subset


@dataclass(frozen=True)
class PermutationKeyBatch:
    """Keys of several pairs.

    order    int64 [pairs, 2, rows]
    swapped  bool [pairs, rows]
    """

    order: NDArray[np.int64]
    swapped: NDArray[np.bool_]


class PermutationKeySource:
    """The shuffles of one permutation of a session's stack.

    layer        which of the stack's permutations, 0 for the outermost
    rows         of one image's features
    size         of the set of permutations and of the set of substitutions
    permuted     whether rows are permuted at all
    substituted  rows of a pair that are exchanged
    """

    def __init__(self, keys: SessionKeys, layer: int, rows: int, size: int, permuted: bool, substituted: int) -> None:
        self._keys, self._rows, self.size, self._permuted, self._substituted = keys, rows, size, permuted, substituted
        self._labels = tuple(f"{purpose} {layer}".encode() for purpose in ("first", "second", "swapped"))
        self._orders: dict[int, NDArray[np.int64]] = {}
        self._subsets: dict[int, NDArray[np.bool_]] = {}

    def chosen(self, pairs: tuple[tuple[int, int], ...]) -> PermutationKeyBatch:
        """The shuffle of each (p, s): the p-th permutations, one for each image of the pair, and the s-th substitution, of the shared sets.

        Raises ValueError for a number beyond the sets.
        """
        for number in (n for pair in pairs for n in pair):
            if number >= self.size:
                raise ValueError(f"the sets hold {self.size} schemes, got number {number}")
        for p, s in pairs:
            if p not in self._orders:
                self._orders[p] = self._order(self._keys.schemes, p)
            if s not in self._subsets:
                self._subsets[s] = self._subset(self._keys.schemes, s)
        return PermutationKeyBatch(np.stack([self._orders[p] for p, _ in pairs]), np.stack([self._subsets[s] for _, s in pairs]))

    def derived(self, frame: int, pairs: int) -> PermutationKeyBatch:
        """The shuffles of a frame's pairs, from the session key and the frame number alone."""
        numbers = range(frame * pairs, (frame + 1) * pairs)
        return PermutationKeyBatch(
            np.stack([self._order(self._keys.parameters, n) for n in numbers]),
            np.stack([self._subset(self._keys.parameters, n) for n in numbers]),
        )

    def _order(self, key: bytes, number: int) -> NDArray[np.int64]:
        if not self._permuted:
            return np.tile(np.arange(self._rows), (2, 1))
        return np.stack([draw_permutation(key, label, number, self._rows) for label in self._labels[:2]])

    def _subset(self, key: bytes, number: int) -> NDArray[np.bool_]:
        swapped = np.zeros(self._rows, np.bool_)
        swapped[draw_subset(key, self._labels[2], number, self._rows, self._substituted)] = True
        return swapped

"""Sources of permutation keys.

A key is selected by a sealed pair of indices (p, s) from two shared sets (MIEA Sec. III-C, "Scheme Selection"), or derived from the session
key and the frame number. Both ends compute sets and keys from the session keys; the keys themselves are never transmitted.

A selected key repeats when its indices repeat, so an attacker may learn it from one frame and use it for another
(`attacks.key_learning`). A derived key never repeats within a session.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.secrecy import SessionKeys, draw_permutation, draw_subset


@dataclass(frozen=True)
class PermutationKeyBatch:
    """Keys of several pairs of images; see `permutation.PermutationKey`.

    order    int64 [pairs, 2, rows], a permutation of 0..rows-1 for each image of a pair
    swapped  bool [pairs, rows], True for the rows that the two images exchange
    """

    order: NDArray[np.int64]
    swapped: NDArray[np.bool_]


class PermutationKeySource:
    """The keys of one permutation layer in one session.

    keys             session keys; `keys.schemes` determines the two sets, `keys.parameters` the derived keys
    layer            position of the layer in the stack, 0 for the outermost layer
    rows             number of rows of one image
    size             size of the set of permutations and of the set of substitutions, 2..65536
    permute          False to leave the rows in their order
    num_substituted  number of rows that the two images of a pair exchange, 0..rows

    >>> from dataclasses import fields
    >>> keys = SessionKeys(*(bytes(32) for _ in fields(SessionKeys)))
    >>> alice, bob = (PermutationKeySource(keys, layer=0, rows=8, size=256, permute=True, num_substituted=4) for _ in range(2))
    >>> chosen = alice.select(((17, 3), (200, 3)))
    >>> chosen.order.shape, chosen.swapped.sum(axis=1).tolist()
    ((2, 2, 8), [4, 4])
    >>> bool((chosen.order == bob.select(((17, 3), (200, 3))).order).all())
    True
    """

    def __init__(self, keys: SessionKeys, layer: int, rows: int, size: int, permute: bool, num_substituted: int) -> None:
        self._keys, self._rows, self.size, self._permute, self._num_substituted = keys, rows, size, permute, num_substituted
        self._labels = tuple(f"{purpose} {layer}".encode() for purpose in ("first", "second", "swapped"))
        self._orders: dict[int, NDArray[np.int64]] = {}
        self._subsets: dict[int, NDArray[np.bool_]] = {}

    def select(self, pairs: tuple[tuple[int, int], ...]) -> PermutationKeyBatch:
        """Return the key of each (p, s): the p-th permutations, one for each image of a pair, and the s-th substitution of the sets.

        pairs  (p, s) of each pair of images, both in 0..size-1. Members of the sets are computed when they are first selected and kept

        Raises ValueError if an index is not below `size`.
        """
        for number in (n for pair in pairs for n in pair):
            if number >= self.size:
                raise ValueError(f"the key sets have {self.size} entries, got index {number}")
        for p, s in pairs:
            if p not in self._orders:
                self._orders[p] = self._order(self._keys.schemes, p)
            if s not in self._subsets:
                self._subsets[s] = self._subset(self._keys.schemes, s)
        return PermutationKeyBatch(np.stack([self._orders[p] for p, _ in pairs]), np.stack([self._subsets[s] for _, s in pairs]))

    def derive(self, frame: int, num_pairs: int) -> PermutationKeyBatch:
        """Return the keys of a frame's pairs, derived from the session key and the frame number.

        frame      number of the frame on its link; pair `i` of it has the key number `frame * num_pairs + i`
        num_pairs  number of pairs in every frame of the link
        """
        numbers = range(frame * num_pairs, (frame + 1) * num_pairs)
        return PermutationKeyBatch(
            np.stack([self._order(self._keys.parameters, n) for n in numbers]),
            np.stack([self._subset(self._keys.parameters, n) for n in numbers]),
        )

    def _order(self, key: bytes, number: int) -> NDArray[np.int64]:
        """Return the permutations of both images, int64 [2, rows]."""
        if not self._permute:
            return np.tile(np.arange(self._rows), (2, 1))
        return np.stack([draw_permutation(key, label, number, self._rows) for label in self._labels[:2]])

    def _subset(self, key: bytes, number: int) -> NDArray[np.bool_]:
        """Return which rows are exchanged, bool [rows]."""
        swapped = np.zeros(self._rows, np.bool_)
        swapped[draw_subset(key, self._labels[2], number, self._rows, self._num_substituted)] = True
        return swapped

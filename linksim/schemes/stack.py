"""A stack of schemes as a scenario lists them, from the outermost to the innermost, and the terms that the whole stack needs."""

from dataclasses import dataclass

import numpy as np

from linksim.errors import LinksimError
from linksim.scenario.schemes import PermutationScheme, SchemeLayer
from linksim.schemes.base import Scheme
from linksim.schemes.cores import Core
from linksim.schemes.permutation import Permutation, Shuffle
from linksim.schemes.shuffles import Shuffles
from linksim.schemes.terms import Belief, Terms, bundled, rows_of


@dataclass(frozen=True)
class Stack:
    """The outermost scheme and how to make its terms.

    scheme   sends and receives
    items    per frame
    single   whether an item is one image with a frame of noise as its companion
    layers   the permutations around the innermost scheme, outermost first
    rows     that they shuffle
    attempts  transmissions of a frame in which Bob lacks an image
    """

    scheme: Scheme
    items: int
    single: bool
    layers: tuple[PermutationScheme, ...]
    rows: int
    attempts: int

    def pairs_at(self, layer: int) -> int:
        """Pairs that permutation `layer` shuffles in a frame."""
        return self.items * (1 if self.single else 2**layer)

    def terms(self, snr_db: float, shuffles: list[Shuffles]) -> Terms:
        """Terms of one frame: Alice's belief of the SNR, and the shuffles of each permutation."""
        inner = self.pairs_at(len(self.layers))
        terms: Terms = Belief(rows_of(snr_db, inner))
        for keys in reversed(shuffles):
            terms = Shuffle(keys.order, keys.swapped, terms if self.single else bundled(terms, 2))
        return terms

    def example(self) -> Terms:
        """Terms of the right tree, for who wants to know their shape."""
        rows = self.rows
        counts = [self.pairs_at(layer) for layer in range(len(self.layers))]
        return self.terms(0.0, [Shuffles(np.zeros((n, 2, rows), np.int64), np.zeros((n, rows), np.bool_)) for n in counts])


def build_stack(layers: list[SchemeLayer], core: Core, images: int) -> Stack:
    """The stack for frames of `images` images. Where they cannot be paired off, every image gets a companion of noise.

    Raises LinksimError where the core's symbols do not split into rows.
    """
    permutations = tuple(layer for layer in layers if isinstance(layer, PermutationScheme))
    single = bool(permutations) and images % 2 ** len(permutations) != 0
    scheme = core.scheme
    if permutations and scheme.uses % core.rows:
        raise LinksimError(
            f"scheme 'permutation' shuffles {core.rows} rows; the {scheme.uses} symbols of an image "
            f"in {layers[-1].name!r} do not split into them"
        )
    for _ in permutations:
        scheme = Permutation(scheme, core.rows, single)
    return Stack(scheme, images // scheme.images_per_item, single, permutations, core.rows, core.attempts)

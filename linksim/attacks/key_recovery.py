"""An eavesdropper who learns keys: from frames whose content she knows, or by trying all schemes of sets that she knows.

Schemes are those of `schemes.permutation`: an order of the rows of each image of a pair, and the places at which the two are exchanged.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.attacks.jigsaw import Assignment
from linksim.attacks.row_model import Rows, Scores


@dataclass(frozen=True, eq=False)
class Schemes:
    """Sets of schemes, or one of each.

    orders   int64 [permutations, 2, rows]: row i of the frame is row orders[p, image, i] of the features
    subsets  bool [substitutions, rows]
    """

    orders: NDArray[np.int64]
    subsets: NDArray[np.bool_]

    def line(self, p: int, s: int) -> Assignment:
        """Where the rows of both images are received under (p, s)."""
        place = self.orders[p].argsort(axis=1)
        other = self.subsets[s][place] ^ np.array([False, True])[:, None]
        line: Assignment = place + self.orders.shape[-1] * other
        return line


def decode_key(line: Assignment) -> Schemes:
    """Undo `Schemes.line`: the one order and the one subset behind a line. -> int64 [1, 2, rows], bool [1, rows]."""
    rows = line.shape[1]
    subset = np.zeros(rows, np.bool_)
    subset[line[0] % rows] = line[0] >= rows
    return Schemes((line % rows).argsort(axis=1)[None], subset[None])


def max_likelihood_key(scores: Scores, known: Schemes) -> tuple[int, int]:
    """The (p, s) of known sets under which a pair makes the most likely two frames.

    Between two neighbouring rows it matters only whether either is exchanged: four sums of scores for each p and place, from which every s
    picks one.
    """
    rows = known.orders.shape[-1]
    place = known.orders.argsort(axis=-1)  # [p, 2, rows]
    best, found = -np.inf, (0, 0)
    step = np.arange(rows - 1)
    for p, (one, two) in enumerate(place):
        total = np.zeros(len(known.subsets))
        for image, where in enumerate((one, two)):
            swap = known.subsets[:, where] ^ bool(image)  # [s, rows]
            line = where + rows * swap
            total += scores.first[line[:, 0]] + scores.follows[step, line[:, :-1], line[:, 1:]].sum(axis=1)
        s = int(total.argmax())
        if total[s] > best:
            best, found = float(total[s]), (p, s)
    return found


def known_plaintext(pair: Rows, sent: Rows) -> Assignment | None:
    """Where the rows of a pair are received whose content Eve knows, or None where noise makes two of them claim one place.

    pair  [2, rows, width], as received
    sent  [2, rows, width], what the encoder makes of the two images
    """
    rows = pair.shape[1]
    received, known = (x.reshape(2 * rows, -1) for x in (pair, sent))
    source = (received @ known.T - 0.5 * (known**2).sum(axis=1)).argmax(axis=1)  # of each row received, the row that it most likely is
    line = source.argsort().reshape(2, rows)
    whole = (np.sort(source) == np.arange(2 * rows)).all() and (np.sort(line % rows, axis=1) == np.arange(rows)).all()
    return line if whole else None

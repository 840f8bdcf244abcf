"""Key recovery: Eve learns permutation keys from frames with known content, or tests all keys of key sets that she knows.

A key is that of `schemes.permutation`: an order of the rows of each image of a pair, and the set of places at which the two images
exchange their rows.

Received rows, and not symbols, are compared: a row has enough values to be identified in noise, and the defence moves rows as a whole.
`attacks.key_learning` keeps what is found over many frames.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.attacks.jigsaw import Assignment
from linksim.attacks.row_model import FeatureRows, RowScores


@dataclass(frozen=True, eq=False)
class KeySets:
    """A set of permutations and a set of substitutions; a single key is represented by sets of one.

    orders   int64 [permutations, 2, rows]: row i of the frame is row orders[p, image, i] of the features
    subsets  bool [substitutions, rows]: rows that the two images exchange

    MIEA (Sec. III-C) draws the two indices independently for every transmission, so p orders and s subsets make p * s keys.
    """

    orders: NDArray[np.int64]
    subsets: NDArray[np.bool_]

    def assignment(self, p: int, s: int) -> Assignment:
        """Return where the rows of both images are received under the key (p, s), int64 [2, rows] (see `jigsaw.Assignment`).

        p, s  indices into `orders` and `subsets`

        >>> keys = KeySets(np.array([[[2, 0, 1], [0, 1, 2]]]), np.array([[True, False, False]]))
        >>> keys.assignment(0, 0).tolist()
        [[1, 2, 3], [0, 4, 5]]
        """
        place = self.orders[p].argsort(axis=1)
        other = self.subsets[s][place] ^ np.array([False, True])[:, None]
        assignment: Assignment = place + self.orders.shape[-1] * other
        return assignment

    def has_order(self, order: NDArray[np.int64]) -> bool:
        """Return whether a permutation int64 [2, rows] is in the set, with the images in either order."""
        return any(bool((self.orders == images).all(axis=(1, 2)).any()) for images in (order, order[::-1]))

    def has_subset(self, subset: NDArray[np.bool_]) -> bool:
        """Return whether a substitution bool [rows] is in the set."""
        return bool((self.subsets == subset).all(axis=1).any())


def decode_key(assignment: Assignment) -> KeySets:
    """Return the key that produces an assignment, as sets of one: int64 [1, 2, rows] and bool [1, rows].

    Inverse of `KeySets.assignment`.

    >>> decode_key(np.array([[1, 2, 3], [0, 4, 5]])).orders.tolist()
    [[[2, 0, 1], [0, 1, 2]]]
    """
    rows = assignment.shape[1]
    subset = np.zeros(rows, np.bool_)
    subset[assignment[0] % rows] = assignment[0] >= rows
    return KeySets((assignment % rows).argsort(axis=1)[None], subset[None])


def max_likelihood_key(scores: RowScores, known: KeySets) -> tuple[int, int]:
    """Return the (p, s) of known sets under which a received pair is most likely.

    scores  log-likelihoods of the received rows, from `GaussMarkovRowModel.scores`
    known   the sets that she tries

    The score of two adjacent rows depends on the substitution only through whether each of the two is exchanged. For each p and place there
    are therefore four scores, from which each s selects one.
    """
    rows = known.orders.shape[-1]
    place = known.orders.argsort(axis=-1)  # [p, 2, rows]
    best, found = -np.inf, (0, 0)
    step = np.arange(rows - 1)
    for p, (one, two) in enumerate(place):
        total = np.zeros(len(known.subsets))
        for image, where in enumerate((one, two)):
            swap = known.subsets[:, where] ^ bool(image)  # [s, rows]
            received_at = where + rows * swap
            total += scores.first[received_at[:, 0]] + scores.follows[step, received_at[:, :-1], received_at[:, 1:]].sum(axis=1)
        s = int(total.argmax())
        if total[s] > best:
            best, found = float(total[s]), (p, s)
    return found


def known_plaintext(pair: FeatureRows, sent: FeatureRows) -> Assignment | None:
    """Return where the rows of a pair with known content are received.

    The result is None if noise makes the nearest rows inconsistent, that is, if two received rows match the same row or place.

    pair  float [2, rows, width], as received
    sent  float [2, rows, width], output of the encoder for the two images

    >>> sent = np.array([[[1.0], [2.0]], [[3.0], [4.0]]], np.float32)
    >>> known_plaintext(sent[:, ::-1] + 0.1, sent).tolist()  # the rows of both images in reverse order, with an error of 0.1
    [[1, 0], [3, 2]]
    """
    rows = pair.shape[1]
    received, known = (x.reshape(2 * rows, -1) for x in (pair, sent))
    nearest = (received @ known.T - 0.5 * (known**2).sum(axis=1)).argmax(axis=1)  # the most likely row for each received row
    assignment = nearest.argsort().reshape(2, rows)
    consistent = (np.sort(nearest) == np.arange(2 * rows)).all() and (np.sort(assignment % rows, axis=1) == np.arange(rows)).all()
    return assignment if consistent else None

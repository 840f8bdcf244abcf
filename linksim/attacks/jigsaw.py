"""An eavesdropper who fights back: neighbouring rows of features belong together, so a shuffled pair is a jigsaw puzzle.

A defended pair (see `schemes.permutation`) is two frames of rows; the two rows received at one place are of different images. Eve knows how
rows follow each other in open frames (`attacks.rows`) and lays both images at once from top to bottom, keeping at every place the `BEAM`
most likely ways:

    2n rows received --> [first row of each image] --> [next row of each] --> ... --> two frames in order
                       best BEAM of all pairs        BEAM * NEXT^2 ways, best BEAM kept

An image takes no second row from one place, and one that is missing in an image always has a row left for it, so no way is a dead end.
Which of the two images Alice meant as the first Eve cannot tell: it changes nothing in what she sees.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.attacks.row_model import GaussMarkovRowModel, Rows, Scores

Assignment = NDArray[
    np.int64
]  # [2, rows]: of each image, from top to bottom, where its rows were received: 0..n-1 in the first frame, then n..2n-1

BEAM = 256  # ways that are kept
NEXT = 6  # rows that each image may take next


def reorder_pair(pair: Rows, model: GaussMarkovRowModel, noise: float) -> Rows:
    """Two shuffled frames [2, rows, width], as received under white noise of power `noise` per real value -> two frames in order."""
    pool = pair.reshape(-1, pair.shape[-1])
    return pool[beam_search(model.scores(pool, noise))]


@dataclass(eq=False)
class _Ways:
    """The ways that are kept, the most likely first.

    score  log-likelihood of each [ways]
    taken  bool [ways, 2, 2n]: rows that each image has
    mark   [ways]: equal for two ways in which both images have the same rows
    last   int64 [ways, 2]: the newest row of each image
    """

    score: NDArray[np.float64]
    taken: NDArray[np.bool_]
    mark: NDArray[np.uint64]
    last: Assignment


def beam_search(scores: Scores) -> Assignment:
    """The most likely two images that can be laid of all rows, as far as the beam finds them; the likelier one first."""
    count = len(scores.first)
    # What a row is worth at its best place, taken from its score everywhere: a sum over all rows, so no whole changes its rank, but a
    # beginning is no longer better for having taken the rows that are likely anywhere.
    usual = np.maximum(scores.first, scores.follows.max(axis=(0, 1)))
    marks = np.random.Philox(key=1).random_raw(2 * count).reshape(2, count)
    ways = _begun(scores.first - usual, marks)
    trail = [(np.zeros(len(ways.score), np.int64), ways.last)]
    for follows in scores.follows:
        ways, origin = _continued(ways, follows - usual, marks)
        trail.append((origin, ways.last))
    line, way = np.empty((2, len(trail)), np.int64), 0
    for place, (origin, last) in reversed(list(enumerate(trail))):
        line[:, place], way = last[way], origin[way]
    return line[np.argsort(-scores.of(line), kind="stable")]


def _begun(first: NDArray[np.float32], marks: NDArray[np.uint64]) -> _Ways:
    a, b = np.triu_indices(len(first), 1)  # which image is called the first is nobody's business
    score = (first[a] + first[b]).astype(np.float64)
    best = np.argsort(-score, kind="stable")[:BEAM]
    last = np.stack([a[best], b[best]], axis=1)
    taken = last[:, :, None] == np.arange(len(first))
    return _Ways(score[best], taken, marks[0, last[:, 0]] ^ marks[1, last[:, 1]], last)


def _continued(ways: _Ways, follows: NDArray[np.float32], marks: NDArray[np.uint64]) -> tuple[_Ways, NDArray[np.int64]]:
    """Give both images their next row -> the ways kept, and of which older way each is a continuation."""
    rows, values = zip(*(_candidates(ways, follows, image) for image in (0, 1)), strict=True)
    score = ways.score[:, None, None] + values[0][:, :, None] + values[1][:, None, :]
    score[rows[0][:, :, None] == rows[1][:, None, :]] = -np.inf
    order = np.argpartition(-score.ravel(), min(4 * BEAM, score.size - 1))[: 4 * BEAM]
    order = order[np.argsort(-score.ravel()[order], kind="stable")]
    order = order[np.isfinite(score.ravel()[order])]
    origin, a, b = np.unravel_index(order, score.shape)
    last = np.stack([rows[0][origin, a], rows[1][origin, b]], axis=1)
    mark = ways.mark[origin] ^ marks[0, last[:, 0]] ^ marks[1, last[:, 1]]
    # of ways with the same rows and the same ends, only the likeliest can win
    same = np.stack([mark, (last[:, 0] * len(usable := ways.taken[0, 0]) + last[:, 1]).astype(np.uint64)], axis=1)
    kept = np.sort(np.unique(same, axis=0, return_index=True)[1])[:BEAM]
    origin, last = origin[kept], last[kept]
    taken = ways.taken[origin] | (last[:, :, None] == np.arange(len(usable)))
    return _Ways(score.ravel()[order[kept]], taken, mark[kept], last), origin


def _candidates(ways: _Ways, follows: NDArray[np.float32], image: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The `NEXT` likeliest rows below the newest of an image, and their scores; [ways, NEXT] each."""
    own = ways.taken[:, image]
    elsewhere = np.roll(own, own.shape[1] // 2, axis=1)  # received at the same place as a row it has
    value = np.where(ways.taken.any(axis=1) | elsewhere, -np.inf, follows[ways.last[:, image]])
    rows = np.argpartition(-value, min(NEXT, value.shape[1] - 1), axis=1)[:, :NEXT]
    return rows, np.take_along_axis(value, rows, axis=1)

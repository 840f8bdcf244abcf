"""Reordering of permuted pairs without the key: adjacent feature rows are correlated, so a permuted pair is a jigsaw puzzle.

A defended pair (see `schemes.permutation`) consists of two frames of n rows. The two rows received at one place belong to different images.
Eve knows the statistics of adjacent rows from undefended frames (`attacks.row_model`). A beam search assigns rows to both images jointly
from top to bottom and keeps the `BEAM_WIDTH` most likely partial assignments at every place:

    2n received rows --> [first row of each image] --> [next row of each image]            --> ... --> two frames in order
                         best BEAM_WIDTH of all pairs  BEAM_WIDTH * CANDIDATES^2 extensions, best BEAM_WIDTH kept

An image takes at most one row from each place. A row that one image still needs is always left by the other, so every partial assignment
can be completed. Eve cannot tell which of the two images Alice meant as the first; this does not change the content that she recovers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.attacks.row_model import FeatureRows, GaussMarkovRowModel, RowScores

# [2, rows]: for each image, from top to bottom, where its rows were received: 0..n-1 in the first frame, n..2n-1 in the second
Assignment = NDArray[np.int64]

BEAM_WIDTH = 256  # partial assignments that are kept
CANDIDATES = 6  # candidates for the next row of each image


def reorder_pair(pair: FeatureRows, model: GaussMarkovRowModel, noise: float) -> FeatureRows:
    """Return two permuted frames in their most likely order, float [2, rows, width].

    pair   float [2, rows, width], as received: equalised, real and imaginary parts side by side (`row_model.real_rows`)
    model  statistics of adjacent rows of undefended frames
    noise  power of the white noise per real value, half of that per complex symbol

    The likelier image comes first, whichever Alice sent first.
    """
    pool = pair.reshape(-1, pair.shape[-1])
    return pool[beam_search(model.scores(pool, noise))]


@dataclass(eq=False)
class _Hypotheses:
    """Partial assignments of the beam, the most likely first.

    score    log-likelihood [hypotheses]
    taken    bool [hypotheses, 2, 2n]: rows that each image has
    row_set  uint64 [hypotheses]: hash of the rows of both images, equal for hypotheses whose images have the same rows
    last     int64 [hypotheses, 2]: the last row of each image
    """

    score: NDArray[np.float64]
    taken: NDArray[np.bool_]
    row_set: NDArray[np.uint64]
    last: Assignment


def beam_search(scores: RowScores) -> Assignment:
    """Return the most likely assignment of all rows to two images that the beam finds, the more likely image first.

    scores  log-likelihoods of all 2n received rows at every place; n is the number of rows of an image

    The search is not exhaustive: with a beam of `BEAM_WIDTH` it takes 40 ms for a pair, and it may miss the best assignment in noise.

    >>> first = np.array([5, 0, 0, 4], np.float32)
    >>> follows = np.zeros((1, 4, 4), np.float32)
    >>> follows[0, 0, 1] = follows[0, 3, 2] = 9  # row 1 follows row 0, row 2 follows row 3
    >>> beam_search(RowScores(first, follows)).tolist()
    [[0, 1], [3, 2]]
    """
    count = len(scores.first)
    # The best score of each row over all places is subtracted from its score everywhere. Every complete assignment loses the same sum, so
    # the ranking of complete assignments does not change, but a partial one gains nothing from rows that are likely at any place.
    best_scores = np.maximum(scores.first, scores.follows.max(axis=(0, 1)))
    hashes = np.random.Philox(key=1).random_raw(2 * count).reshape(2, count)
    beam = _initial_beam(scores.first - best_scores, hashes)
    trail = [(np.zeros(len(beam.score), np.int64), beam.last)]
    for follows in scores.follows:
        beam, origin = _extend(beam, follows - best_scores, hashes)
        trail.append((origin, beam.last))
    assignment, hypothesis = np.empty((2, len(trail)), np.int64), 0
    for place, (origin, last) in reversed(list(enumerate(trail))):
        assignment[:, place], hypothesis = last[hypothesis], origin[hypothesis]
    return assignment[np.argsort(-scores.log_likelihood(assignment), kind="stable")]


def _initial_beam(first: NDArray[np.float32], hashes: NDArray[np.uint64]) -> _Hypotheses:
    """Return the most likely pairs of first rows. The order of the two images is arbitrary, so each pair occurs once."""
    a, b = np.triu_indices(len(first), 1)
    score = (first[a] + first[b]).astype(np.float64)
    best = np.argsort(-score, kind="stable")[:BEAM_WIDTH]
    last = np.stack([a[best], b[best]], axis=1)
    taken = last[:, :, None] == np.arange(len(first))
    return _Hypotheses(score[best], taken, hashes[0, last[:, 0]] ^ hashes[1, last[:, 1]], last)


def _extend(beam: _Hypotheses, follows: NDArray[np.float32], hashes: NDArray[np.uint64]) -> tuple[_Hypotheses, NDArray[np.int64]]:
    """Extend both images by one row. Return the new beam, and the index of the hypothesis that each new one extends."""
    rows, values = zip(*(_candidates(beam, follows, image) for image in (0, 1)), strict=True)
    score = beam.score[:, None, None] + values[0][:, :, None] + values[1][:, None, :]
    score[rows[0][:, :, None] == rows[1][:, None, :]] = -np.inf
    order = np.argpartition(-score.ravel(), min(4 * BEAM_WIDTH, score.size - 1))[: 4 * BEAM_WIDTH]
    order = order[np.argsort(-score.ravel()[order], kind="stable")]
    order = order[np.isfinite(score.ravel()[order])]
    origin, a, b = np.unravel_index(order, score.shape)
    last = np.stack([rows[0][origin, a], rows[1][origin, b]], axis=1)
    row_set = beam.row_set[origin] ^ hashes[0, last[:, 0]] ^ hashes[1, last[:, 1]]
    # Of hypotheses with the same rows and the same last rows, only the most likely one can become the best.
    num_rows = beam.taken.shape[-1]
    state = np.stack([row_set, (last[:, 0] * num_rows + last[:, 1]).astype(np.uint64)], axis=1)
    kept = np.sort(np.unique(state, axis=0, return_index=True)[1])[:BEAM_WIDTH]
    origin, last = origin[kept], last[kept]
    taken = beam.taken[origin] | (last[:, :, None] == np.arange(num_rows))
    return _Hypotheses(score.ravel()[order[kept]], taken, row_set[kept], last), origin


def _candidates(beam: _Hypotheses, follows: NDArray[np.float32], image: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the `CANDIDATES` most likely next rows of an image, and their scores; [hypotheses, CANDIDATES] each."""
    own = beam.taken[:, image]
    elsewhere = np.roll(own, own.shape[1] // 2, axis=1)  # received at the same place as a row that the image has
    value = np.where(beam.taken.any(axis=1) | elsewhere, -np.inf, follows[beam.last[:, image]])
    rows = np.argpartition(-value, min(CANDIDATES, value.shape[1] - 1), axis=1)[:, :CANDIDATES]
    return rows, np.take_along_axis(value, rows, axis=1)

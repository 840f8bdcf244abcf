"""An eavesdropper who fights back: neighbouring rows of features look alike, so a shuffled pair is a jigsaw puzzle.

A defended pair (see `schemes.permutation`) is two frames of rows, each row from one of two images. Eve lays all of them in a line in
which neighbours are as alike as can be (seriation: the shortest path through all rows), cuts the line in the middle, and turns each half
the right way up by what the rows of an undefended frame look like on average.

    two shuffled frames --> [distances of rows] --> [shortest path] --> [cut in two] --> [right way up] --> two frames in order

Knowing the finite sets that a session's schemes are chosen from, she need not puzzle: she tries each and keeps the smoothest (`by_sets`).
All here is numpy on one pair at a time: 64 rows or so.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]  # [n, width]: rows of features, real
Line = NDArray[np.int64]  # places of rows, in the order in which they are laid


@dataclass(frozen=True)
class Profile:
    """What Eve knows of undefended frames: how a row looks on average, by its place. From captures of any undefended link with this codec.

    mean      float [rows, width]
    variance  float [rows, width]
    """

    mean: Rows
    variance: Rows

    @classmethod
    def of(cls, frames: NDArray[np.float32]) -> "Profile":
        """From undefended frames [n, rows, width]."""
        return cls(frames.mean(axis=0), frames.var(axis=0) + 1e-6)

    def unlikelihood(self, frame: Rows) -> float:
        """How little a frame in this order looks like an undefended one: minus its log-likelihood, rows independent, up to a constant."""
        return float(((frame - self.mean) ** 2 / self.variance).sum())


def real_rows(symbols: NDArray[np.complex64], rows: int) -> NDArray[np.float32]:
    """Symbols complex [..., uses] -> rows of real features float [..., rows, 2 * uses / rows]."""
    return np.ascontiguousarray(symbols).view(np.float32).reshape(*symbols.shape[:-1], rows, -1)


def distances(rows: Rows) -> NDArray[np.float64]:
    """Squared distance of every two rows [n, n]; infinite from a row to itself."""
    square = (rows.astype(np.float64) ** 2).sum(axis=1)
    apart = square[:, None] + square - 2.0 * rows.astype(np.float64) @ rows.T.astype(np.float64)
    np.fill_diagonal(apart, np.inf)
    return apart


def shortest_path(apart: NDArray[np.float64]) -> Line:
    """A short path through all of n points: shortest edges first, then 2-opt until no exchange helps. -> int64 [n]"""
    return _improved(_greedy(apart), apart)


def reassembled(pair: NDArray[np.float32], profile: Profile) -> NDArray[np.float32]:
    """Two shuffled frames [2, rows, width] -> two frames in order, as far as Eve can tell. Which of them came first she cannot."""
    pool = pair.reshape(-1, pair.shape[-1])
    line = shortest_path(distances(pool))
    return np.stack([_upright(pool[half], profile) for half in np.split(line, 2)])


def by_sets(
    pair: NDArray[np.float32], orders: NDArray[np.int64], subsets: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], tuple[int, int], float]:
    """Try every permutation with every substitution of known sets.

    pair     [2, rows, width]
    orders   int64 [permutations, 2, rows]
    subsets  bool [substitutions, rows]

    -> the smoothest two frames [2, rows, width], their (p, s), and their roughness: the mean squared distance of neighbouring rows over
    that of any two.
    """
    rows = pair.shape[1]
    apart = distances(pair.reshape(2 * rows, -1))
    usual = apart[np.isfinite(apart)].mean()
    best, found = np.inf, (0, 0)
    for p, order in enumerate(orders):
        lines = _lines(order, subsets)  # [substitutions, 2, rows]
        length = apart[lines[..., :-1], lines[..., 1:]].sum(axis=(1, 2))
        s = int(length.argmin())
        if length[s] < best:
            best, found = float(length[s]), (p, s)
    line = _lines(orders[found[0]], subsets[found[1]][None])[0]
    return pair.reshape(2 * rows, -1)[line], found, best / (2 * (rows - 1)) / usual


def known_plaintext(pair: NDArray[np.float32], sent: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The keys of a pair whose content Eve knows: each row heard is the row sent that it is most like.

    pair  [2, rows, width], as heard
    sent  [2, rows, width], what the encoder makes of the two images

    -> order int64 [2, rows], swapped bool [rows], as `schemes.permutation.Shuffle` has them. Where noise makes two rows claim the same
    place the order is no permutation; whoever uses it finds out.
    """
    rows = pair.shape[1]
    heard, known = (x.reshape(2 * rows, -1) for x in (pair, sent))
    likeness = known @ heard.T - 0.5 * (known**2).sum(axis=1)[:, None]
    source = likeness.argmax(axis=0).reshape(2, rows)  # which row of which image each place holds
    swapped = source[0] >= rows
    first, second = np.where(swapped, source[1], source[0]), np.where(swapped, source[0], source[1]) - rows
    return np.stack([first, second]), swapped


def _lines(order: NDArray[np.int64], subsets: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Where the rows of both images lie among 2 * rows places, under one permutation and each substitution: [substitutions, 2, rows]."""
    rows = order.shape[1]
    place = order.argsort(axis=1)  # of row r in the permuted frame
    other = subsets[:, place] ^ np.array([False, True])[:, None]  # [substitutions, 2, rows]: whether it travels in the second frame
    return place + rows * other


def _upright(frame: Rows, profile: Profile) -> Rows:
    return min(frame, frame[::-1], key=profile.unlikelihood)


def _greedy(apart: NDArray[np.float64]) -> Line:
    """Take the shortest edges that leave every point at most two and close no circle; the pieces make one path in the end."""
    n = len(apart)
    upper = np.triu_indices(n, 1)
    pieces: dict[int, list[int]] = {i: [i] for i in range(n)}  # by either end
    for place in apart[upper].argsort():
        a, b = int(upper[0][place]), int(upper[1][place])
        if a in pieces and b in pieces and pieces[a] is not pieces[b]:
            left, right = pieces[a], pieces[b]
            left = left if left[-1] == a else left[::-1]
            right = right if right[0] == b else right[::-1]
            joined = left + right
            for end in (left[0], left[-1], right[0], right[-1]):
                pieces.pop(end, None)
            pieces[joined[0]] = pieces[joined[-1]] = joined
            if len(joined) == n:
                break
    return np.array(next(iter(pieces.values())), np.int64)


def _improved(line: Line, apart: NDArray[np.float64]) -> Line:
    """2-opt: turn the stretch i..j round wherever that shortens the path, the best one first."""
    line, n = line.copy(), len(line)
    i, j = np.triu_indices(n, 1)
    far = np.where(np.isfinite(apart), apart, 0.0)
    for _ in range(4 * n):
        before = np.where(i > 0, far[line[i - 1], line[i]], 0.0) + np.where(j < n - 1, far[line[j], line[(j + 1) % n]], 0.0)
        after = np.where(i > 0, far[line[i - 1], line[j]], 0.0) + np.where(j < n - 1, far[line[i], line[(j + 1) % n]], 0.0)
        gain = before - after
        best = int(gain.argmax())
        if gain[best] <= 1e-9:
            break
        a, b = i[best], j[best]
        line[a : b + 1] = line[a : b + 1][::-1]
    return line

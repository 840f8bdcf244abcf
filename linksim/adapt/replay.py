"""The replay buffer of DDPG: a ring of transitions in which the newest overwrite the oldest.

Training on random transitions of the past instead of the latest ones makes the samples of a batch nearly independent (Mnih et al. 2015).
The buffer is one array with a row per transition, which a checkpoint stores as it is.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Transitions(NamedTuple):
    """n transitions (s, a, r, s') of Ren et al., Algorithm 1, float32.

    state       [n, 3], as returned by `mdp.state`
    action      [n, 2], in steps
    reward      [n]
    next_state  [n, 3]
    """

    state: Floats
    action: Floats
    reward: Floats
    next_state: Floats


COLUMNS = 3 + 2 + 1 + 3


class ReplayBuffer:
    """The last `capacity` transitions, one per row. The operating system allocates memory as rows are written.

    capacity  largest number of transitions held

    added  number of transitions ever added

    >>> buffer, zeros = ReplayBuffer(capacity=2), np.zeros((3, 3), np.float32)
    >>> buffer.add(Transitions(zeros, np.zeros((3, 2), np.float32), np.array([1, 2, 3], np.float32), zeros))
    >>> len(buffer), buffer.added, sorted(set(buffer.sample(np.random.default_rng(1), 9).reward.tolist()))
    (2, 3, [2.0, 3.0])
    """

    def __init__(self, capacity: int = 1_000_000) -> None:
        self._rows = np.empty((capacity, COLUMNS), np.float32)
        self.added = 0

    def __len__(self) -> int:
        """Number of transitions held, at most `capacity`."""
        return min(self.added, len(self._rows))

    def add(self, transitions: Transitions) -> None:
        """Store n transitions, the oldest first; a full buffer drops its n oldest."""
        indices = (self.added + np.arange(len(transitions.reward))) % len(self._rows)
        self._rows[indices] = np.column_stack(transitions)
        self.added += len(indices)

    def sample(self, draw: np.random.Generator, n: int) -> Transitions:
        """n transitions, drawn uniformly with replacement from those that are held. The buffer must not be empty."""
        rows = self._rows[draw.integers(0, len(self), n)]
        return Transitions(rows[:, :3], rows[:, 3:5], rows[:, 5], rows[:, 6:])

    def rows(self) -> Floats:
        """The content as a checkpoint stores it: [len, 9]."""
        return self._rows[: len(self)]

    def restore(self, rows: Floats, added: int) -> None:
        """Set the content to `rows` [len, 9] of a buffer to which `added` transitions had been added."""
        self._rows[: len(rows)] = rows
        self.added = added

"""The replay buffer of DDPG: a ring of transitions in which the newest overwrite the oldest.

Training on random transitions of the past instead of the latest ones makes the samples of a batch nearly independent (Mnih et al. 2015).
The buffer is one array with a row per transition, which a checkpoint stores as it is.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.mdp import STATE_SIZE

Floats = NDArray[np.float32]


class Transitions(NamedTuple):
    """n transitions (s, a, r, s') of Ren et al., Algorithm 1, float32.

    state       [n, inputs], as returned by `mdp.state`
    action      [n, 2], in steps
    reward      [n]
    next_state  [n, inputs]
    """

    state: Floats
    action: Floats
    reward: Floats
    next_state: Floats


class ReplayBuffer:
    """The last `capacity` transitions, one per row. The operating system allocates memory as rows are written.

    capacity  largest number of transitions held
    inputs    number of values of a state

    added  number of transitions ever added

    >>> buffer, zeros = ReplayBuffer(capacity=2), np.zeros((3, 3), np.float32)
    >>> buffer.add(Transitions(zeros, np.zeros((3, 2), np.float32), np.array([1, 2, 3], np.float32), zeros))
    >>> len(buffer), buffer.added, sorted(set(buffer.sample(np.random.default_rng(1), 9).reward.tolist()))
    (2, 3, [2.0, 3.0])
    """

    def __init__(self, capacity: int = 1_000_000, inputs: int = STATE_SIZE) -> None:
        self._ends = np.cumsum([inputs, 2, 1])  # of state, action and reward in a row
        self._rows = np.empty((capacity, 2 * inputs + 3), np.float32)
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
        state, action, reward, next_state = np.split(rows, self._ends, axis=1)
        return Transitions(state, action, reward[:, 0], next_state)

    def rows(self) -> Floats:
        """The content as a checkpoint stores it: [len, 2 inputs + 3]."""
        return self._rows[: len(self)]

    def restore(self, rows: Floats, added: int) -> None:
        """Set the content to `rows` [len, 2 inputs + 3] of a buffer to which `added` transitions had been added."""
        self._rows[: len(rows)] = rows
        self.added = added

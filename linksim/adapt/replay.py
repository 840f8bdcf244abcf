"""The replay buffer of DDPG: what was done and what came of it, the oldest overwritten first."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Transitions(NamedTuple):
    """What happened n times, float32: (s, a, r, s') of Ren et al., Algorithm 1.

    state       [n, 3], as `mdp.state` gives it
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
    """The last `capacity` transitions, one a row. Memory is taken as rows are written.

    added  how many there ever were
    """

    def __init__(self, capacity: int = 1_000_000) -> None:
        self._rows = np.empty((capacity, COLUMNS), np.float32)
        self.added = 0

    def __len__(self) -> int:
        return min(self.added, len(self._rows))

    def add(self, happened: Transitions) -> None:
        """Keep n transitions; once the buffer is full, in the place of the n oldest."""
        places = (self.added + np.arange(len(happened.reward))) % len(self._rows)
        self._rows[places] = np.column_stack(happened)
        self.added += len(places)

    def sample(self, draw: np.random.Generator, n: int) -> Transitions:
        """n of them, drawn uniformly and with replacement."""
        rows = self._rows[draw.integers(0, len(self), n)]
        return Transitions(rows[:, :3], rows[:, 3:5], rows[:, 5], rows[:, 6:])

    def rows(self) -> Floats:
        """All that is held, as a checkpoint keeps it: [len, 9]."""
        return self._rows[: len(self)]

    def restore(self, rows: Floats, added: int) -> None:
        """Hold what `rows` gave when there had been `added` transitions."""
        self._rows[: len(rows)] = rows
        self.added = added

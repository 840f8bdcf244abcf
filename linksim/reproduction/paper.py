"""What a paper's module offers: the cells it wants measured, its tables, its verdicts and its figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.reproduction.claims import PaperClaims
from linksim.reproduction.results import ResultStore, Samples
from linksim.reproduction.tables import Table
from linksim.reproduction.verdicts import ClaimVerdict

Tell = Callable[[int], None]  # takes how many samples there are so far


@dataclass(frozen=True, eq=False)
class Measurement:
    """What measuring a cell gives.

    samples   by metric, float64 [n]
    images  to be kept by name, uint8 [k, colours, h, w]
    """

    samples: Mapping[str, Samples]
    pictures: Mapping[str, NDArray[np.uint8]]


class Experiment(Protocol):
    """A cell that a paper wants measured.

    key   such as "table2/white/mc10/ec0"; the words between the strokes can be asked for (`linksim papers miea --only white`)
    kind  cells of one kind take about the same time
    seed  of its run
    """

    @property
    def key(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def size(self) -> int:
        """How many samples it will have."""
        ...

    def digest(self) -> str:
        """Stands for all that decides its figures."""
        ...

    def measure(self, tell: Tell) -> Measurement:
        """Raises LinksimError where a part or the data is missing."""
        ...


class Paper(Protocol):
    """One paper, held against measurements."""

    @property
    def claims(self) -> PaperClaims: ...

    def notes(self) -> Sequence[str]:
        """How it was measured, one sentence a line, for the top of its tables."""
        ...

    def experiments(self) -> Sequence[Experiment]:
        """All cells, in the order in which they are to be measured."""
        ...

    def tables(self) -> Sequence[Table]:
        """The paper's own, then ours beyond it."""
        ...

    def evaluator(self, results: ResultStore) -> Sequence[ClaimVerdict]:
        """A verdict on each claim, in their order, from the cells of `shelf`."""
        ...

    def figures(self, results: ResultStore) -> Sequence[Path]:
        """Draw what can be drawn from kept images into the shelf's folder."""
        ...

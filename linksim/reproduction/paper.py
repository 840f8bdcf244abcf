"""Interfaces of a paper under reproduction: its experiments, tables, verdicts and figures."""

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

ProgressCallback = Callable[[int], None]  # receives the number of samples measured so far


@dataclass(frozen=True, eq=False)
class Measurement:
    """Outcome of measuring an experiment.

    samples  by metric, float64 [n]
    images   to be written to the paper's image folder, by name, uint8 [k, channels, h, w]
    """

    samples: Mapping[str, Samples]
    images: Mapping[str, NDArray[np.uint8]]


class Experiment(Protocol):
    """One condition that a paper measures.

    key   such as "table2/white/mc10/ec0"; `linksim papers miea --only white` selects by its parts
    kind  experiments of one kind take about the same time
    seed  of the run
    """

    @property
    def key(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def size(self) -> int:
        """Number of samples of the complete measurement."""
        ...

    def digest(self) -> str:
        """Digest of everything that determines the values."""
        ...

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        """Measure. Raises LinksimError where a trained model or the data is missing."""
        ...


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Figures of a paper.

    drawn    files written from the kept results
    skipped  files left as they are, because images that they show are not in the image folder or have different random draws
    """

    drawn: tuple[Path, ...] = ()
    skipped: tuple[Path, ...] = ()

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(drawn=(*self.drawn, *other.drawn), skipped=(*self.skipped, *other.skipped))


class Paper(Protocol):
    """One paper under reproduction."""

    @property
    def claims(self) -> PaperClaims: ...

    def notes(self) -> Sequence[str]:
        """How the paper is measured, one sentence per item, for the head of its tables."""
        ...

    def experiments(self) -> Sequence[Experiment]:
        """All experiments in the order of measurement."""
        ...

    def tables(self) -> Sequence[Table]:
        """The paper's tables, then the supplementary ones."""
        ...

    def verdicts(self, results: ResultStore) -> Sequence[ClaimVerdict]:
        """A verdict on each claim, in the order of the claims."""
        ...

    def figures(self, results: ResultStore) -> Figures:
        """Draw the figures whose results and images are available into the folder of the results."""
        ...

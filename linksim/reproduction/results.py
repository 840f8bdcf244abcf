"""Kept cells: a cell is one measured condition of a paper, and once measured it is not measured again.

`cells.csv` has a row per cell and metric: mean, 95 % interval, number of images, seed, a digest of all that decides the figures, and every
image's own figure, from which the rest follows. After each cell a new file takes the place of the old one, so a killed run loses the cell
under way.
"""

import csv
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linksim.errors import LinksimError
from linksim.plots.intervals import Interval, mean_interval

COLUMNS = ("cell", "metric", "mean", "low", "high", "n", "seed", "digest", "samples")

Samples = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExperimentResult:
    """A measured condition.

    key      of the cell, such as "table2/white/mc10/ec0"
    digest   of what decided the figures
    seed     of the run that measured it
    samples  by metric, float64 [n]: one figure per image in the order of sending, so that cells can be compared image by image
    """

    key: str
    digest: str
    seed: int
    samples: Mapping[str, Samples]

    def interval(self, metric: str) -> Interval:
        """Mean over the images, each of which was sent once, with its 95 % interval."""
        return mean_interval(self.samples[metric])


def written(value: float) -> str:
    """A figure as it is kept: six digits."""
    return f"{value:.6g}"


class ResultStore:
    """The kept cells of one paper.

    folder  of the paper's results; it need not exist yet
    cells   to show in the place of those kept there
    """

    def __init__(self, folder: Path, cells: Iterable[ExperimentResult] | None = None) -> None:
        self.folder, self.path = folder, folder / "cells.csv"
        self._cells = self._read() if cells is None else {cell.key: cell for cell in cells}

    def __getitem__(self, key: str) -> ExperimentResult:
        return self._cells[key]

    def __contains__(self, key: str) -> bool:
        return key in self._cells

    def cells(self) -> tuple[ExperimentResult, ...]:
        """All that is kept, by key."""
        return tuple(self._cells[key] for key in sorted(self._cells))

    def has(self, key: str, digest: str) -> bool:
        """Whether the cell is kept, and was measured under what `digest` stands for."""
        return key in self._cells and self._cells[key].digest == digest

    def only(self, digests: Mapping[str, str]) -> "ResultStore":
        """The same shelf, for reading, without the cells that `digests` does not name or that were measured under another one."""
        return ResultStore(self.folder, (cell for cell in self._cells.values() if digests.get(cell.key) == cell.digest))

    def put(self, cell: ExperimentResult) -> None:
        """Keep a cell, in the place of an older one of its key. What another process has kept meanwhile stays."""
        self._cells = self._read() | {cell.key: _as_kept(cell)}
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(f".{os.getpid()}.part")  # another process may be writing, too
        with fresh.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(row for kept in self.cells() for row in _rows(kept))
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self.path)

    def _read(self) -> dict[str, ExperimentResult]:
        """Raises LinksimError, naming file and line, for what was not written here."""
        if not self.path.exists():
            return {}
        found: dict[str, tuple[str, int, dict[str, Samples]]] = {}
        with self.path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            try:
                if tuple(next(reader, ())) != COLUMNS:
                    raise ValueError(f"columns must be {','.join(COLUMNS)}")
                for key, metric, _mean, _low, _high, n, seed, digest, samples in reader:
                    values = np.array([float(value) for value in samples.split()])
                    if len(values) != int(n):
                        raise ValueError(f"n is {n}, but there are {len(values)} samples")
                    found.setdefault(key, (digest, int(seed), {}))[2][metric] = values
            except (ValueError, csv.Error) as fault:
                raise LinksimError(f"{self.path}:{reader.line_num}: damaged ({fault}); mend or delete it") from fault
        return {key: ExperimentResult(key, digest, seed, samples) for key, (digest, seed, samples) in found.items()}


def _as_kept(cell: ExperimentResult) -> ExperimentResult:
    """With the figures that reading it again will give."""
    return ExperimentResult(
        cell.key, cell.digest, cell.seed, {m: np.array([float(written(v)) for v in s]) for m, s in cell.samples.items()}
    )


def _rows(cell: ExperimentResult) -> list[tuple[str | int, ...]]:
    rows: list[tuple[str | int, ...]] = []
    for metric, samples in cell.samples.items():
        about = cell.interval(metric)
        three = (written(value) for value in (about.value, about.low, about.high))
        rows.append((cell.key, metric, *three, about.n, cell.seed, cell.digest, " ".join(written(value) for value in samples)))
    return rows

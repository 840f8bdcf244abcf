"""Grid measurements: tables that are measured cell by cell instead of trained.

A reward table is the mean over many transmissions at each node of a grid. This takes long, but needs no optimiser: the cells are
independent, and each is a function of its index. Completed cells are stored, so an interruption loses only the cell in progress.

The file of cells is text: the fingerprint of the recipe in the first line, then one JSON list per cell with its time in seconds and its
values. A line is written and flushed to the disk at once; a last line that an interruption has cut off is measured again.
"""

import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from linksim.errors import ModelError
from linksim.files import atomic_write
from linksim.nets.cards import Score
from linksim.training.loop import ProgressCallback, TrainingProgress, fingerprint

CellValues = tuple[float, ...]  # the values of a cell, as many as in every other cell of its grid


class GridMeasurement(ABC):
    """Base class of the grid measurements: a `Recipe` whose steps are the cells of a grid. All random values are functions of the seed.

    kind  kind of the resulting model (`cards.TABLE_SUFFIXES`)
    seed  seed of all random streams
    """

    kind: str
    seed: int

    @property
    @abstractmethod
    def steps(self) -> int:
        """Number of cells."""

    @property
    @abstractmethod
    def config(self) -> dict[str, object]:
        """Axes of the table, for the card."""

    @property
    @abstractmethod
    def recipe(self) -> dict[str, object]:
        """All other settings that determine the values; they are written to the card. Stored cells are valid only for the same recipe."""

    @property
    @abstractmethod
    def conditions(self) -> tuple[str, ...]:
        """Names of the conditions whose scores are written to the card."""

    @abstractmethod
    def prepare(self, device: torch.device) -> Callable[[int], CellValues]:
        """Return a function that measures the cell with a given index, 0..steps - 1. It is called in order and must be deterministic.

        device  device of the computation

        Raises ModelError if a model that the measurement uses is missing.
        """

    @abstractmethod
    def finalise(self, values: NDArray[np.float64], path: Path) -> tuple[Score, ...]:
        """Write the table and return the scores for the card.

        values  values of all cells, [cells, values per cell]
        path    file of the table
        """


def run_grid(
    grid: GridMeasurement, device: torch.device, store: Path, report: ProgressCallback, fresh: bool = False
) -> tuple[NDArray[np.float64], float]:
    """Measure all cells that are not stored yet. Returns the values of all cells [cells, values per cell] and the total time in seconds.

    grid    the measurement
    device  device of the computation
    store   file of the completed cells
    report  callback, called after every cell
    fresh   discard stored cells

    Raises ModelError if the stored cells belong to another recipe or the file is damaged.
    """
    recipe = fingerprint(grid)
    lines = read_cells(store, recipe) if store.exists() and not fresh else []
    write_lines(store, [recipe, *map(json.dumps, lines)])
    if len(lines) < grid.steps:
        measure = grid.prepare(device)
        with store.open("a", encoding="utf-8") as file:
            for cell in range(len(lines), grid.steps):
                started = time.monotonic()
                values = measure(cell)
                lines.append([time.monotonic() - started, *values])
                file.write(f"{json.dumps(lines[-1])}\n")
                file.flush()
                os.fsync(file.fileno())
                report(TrainingProgress("grid", cell + 1, grid.steps, 0.0, sum(line[0] for line in lines)))
    table = np.array(lines, np.float64)
    return table[:, 1:], float(table[:, 0].sum())


def read_cells(path: Path, recipe: str) -> list[list[float]]:
    """Read stored cells in order, each with its time in seconds and its values. An incomplete last line is ignored.

    path    file of the completed cells
    recipe  fingerprint that its first line must contain

    Raises ModelError if the cells belong to another recipe or a line is damaged.
    """
    first, *lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    if first != recipe:
        raise ModelError(f"{path}: stored cells belong to another recipe than the current one; delete it to measure from the start")
    try:
        cells = [[float(value) for value in json.loads(line)] for line in lines[:-1]]
        np.array(cells, np.float64)
    except (ValueError, TypeError) as fault:
        raise ModelError(f"{path}: damaged ({fault}); delete it to measure from the start") from fault
    return cells


def write_lines(path: Path, lines: list[str]) -> None:
    """Write lines to a file, which is replaced atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

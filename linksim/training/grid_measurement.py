"""Surveys: what is measured rather than trained, cell by cell. Those that are through are kept: a killed survey loses the one under way."""

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
from linksim.nets.cards import Score
from linksim.training.loop import Progress, Report, fingerprint

Figures = tuple[float, ...]


class GridMeasurement(ABC):
    """What to measure: a `Recipe` whose steps are cells. Everything random in a cell is a function of the seed.

    kind  of part that it makes (`cards.MEASURED`)
    """

    kind: str
    seed: int

    @property
    @abstractmethod
    def steps(self) -> int:
        """How many cells there are."""

    @property
    @abstractmethod
    def config(self) -> dict[str, object]:
        """Axes of the table."""

    @property
    @abstractmethod
    def recipe(self) -> dict[str, object]:
        """What else decides the figures, and the card should tell. Kept cells are of use under the same recipe only."""

    @property
    @abstractmethod
    def conditions(self) -> tuple[str, ...]:
        """What its card tells figures of."""

    @abstractmethod
    def begin(self, device: torch.device) -> Callable[[int], Figures]:
        """Make ready -> what measures a cell by its number, 0 .. steps - 1, always to the same figures. Cells are asked for in order."""

    @abstractmethod
    def finalise(self, figures: NDArray[np.float64], path: Path) -> tuple[Score, ...]:
        """Write the table of all figures, [cells, figures], to `path` -> what its card says of it."""


def run_grid(
    grid: GridMeasurement, device: torch.device, kept: Path, report: Report, fresh: bool = False
) -> tuple[NDArray[np.float64], float]:
    """Measure what is not kept yet -> the figures of all cells [cells, figures], and the seconds that they took.

    kept    file of the cells that are through
    report  hears of every cell
    fresh   measure all cells anew

    Raises ModelError for kept cells of another recipe, or a damaged file.
    """
    recipe = fingerprint(grid)
    lines = read_cells(kept, recipe) if kept.exists() and not fresh else []
    write_lines(kept, [recipe, *map(json.dumps, lines)])
    if len(lines) < grid.steps:
        measure = grid.begin(device)
        with kept.open("a", encoding="utf-8") as file:
            for cell in range(len(lines), grid.steps):
                started = time.monotonic()
                figures = measure(cell)
                lines.append([time.monotonic() - started, *figures])
                file.write(f"{json.dumps(lines[-1])}\n")
                file.flush()
                os.fsync(file.fileno())
                report(Progress("surveying", cell + 1, grid.steps, 0.0, sum(line[0] for line in lines)))
    table = np.array(lines, np.float64)
    return table[:, 1:], float(table[:, 0].sum())


def read_cells(path: Path, recipe: str) -> list[list[float]]:
    """Kept cells in their order: seconds and figures of each. A last line that a kill cut short is left out."""
    first, *lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    if first != recipe:
        raise ModelError(f"{path}: kept cells of another recipe than today's; delete it to measure from the start")
    try:
        cells = [[float(value) for value in json.loads(line)] for line in lines[:-1]]
        np.array(cells, np.float64)
    except (ValueError, TypeError) as fault:
        raise ModelError(f"{path}: damaged ({fault}); delete it to measure from the start") from fault
    return cells


def write_lines(path: Path, lines: list[str]) -> None:
    """Write them whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".part")
    fresh.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    os.replace(fresh, path)

"""Picture grids of a paper's conditions, and the pictures they are made of, kept as PNG files beside the paper's cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread, imsave
from numpy.typing import NDArray

from linksim.plots.pictures import Cell, pixels, show
from linksim.plots.style import house_style, settled

ACROSS = 1.15  # inches of a panel
DOWN = 1.4  # with the line below it


@dataclass(frozen=True)
class Grid:
    """Pictures in rows and columns.

    heads  above the columns, of one or two lines
    sides  left of the rows
    cells  [row][column]
    """

    title: str
    heads: tuple[str, ...]
    sides: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]

    @property
    def whole(self) -> bool:
        """Whether all of its pictures are there."""
        return all(cell.image is not None for row in self.cells for cell in row)


def picture_path(folder: Path, name: str) -> Path:
    """Where the pictures `name` of the paper whose results lie in `folder` are kept."""
    return folder / "pictures" / f"{name.replace('/', '-')}.png"


def keep_pictures(folder: Path, name: str, pictures: NDArray[np.uint8]) -> None:
    """Write pictures uint8 [k, colours, h, w], side by side."""
    path = picture_path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    strip = np.concatenate([pixels(picture) for picture in pictures], axis=1)
    imsave(path, strip if strip.ndim == 3 else np.stack([strip] * 3, axis=-1), format="png", metadata={"Software": None})


def kept_pictures(folder: Path, name: str) -> tuple[NDArray[np.uint8], ...]:
    """The square pictures `name`, uint8 [h, h, 3] each; none where they were not kept."""
    path = picture_path(folder, name)
    if not path.exists():
        return ()
    strip = (imread(path)[..., :3] * 255.0).round().astype(np.uint8)
    side = strip.shape[0]
    return tuple(strip[:, first : first + side] for first in range(0, strip.shape[1], side))


@house_style()
def grid_figure(grid: Grid) -> Figure:
    """The grid, each picture with its PSNR and SSIM below."""
    rows, columns = len(grid.sides), len(grid.heads)
    figure = Figure(figsize=(columns * ACROSS + 0.9, rows * DOWN + 0.7))
    figure.suptitle(grid.title)
    panels = figure.subplots(rows, columns, squeeze=False)
    for line, cells, side in zip(panels, grid.cells, grid.sides, strict=True):
        for panel, cell in zip(line, cells, strict=True):
            show(panel, cell)
        line[0].set_ylabel(side, rotation=0, horizontalalignment="right", verticalalignment="center", labelpad=8)
    for panel, head in zip(panels[0], grid.heads, strict=True):
        panel.set_title(head, fontsize=8, loc="center")
    return settled(figure)


def find_cell(pictures: Sequence[NDArray[np.uint8]], place: int, scores: tuple[float, float] = (np.nan, np.nan)) -> Cell:
    """Picture `place` of a strip, with its PSNR in dB and SSIM; an empty cell where the strip has none."""
    return Cell(pictures[place] if place < len(pictures) else None, *scores)

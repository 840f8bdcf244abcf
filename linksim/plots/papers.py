"""Image grids of a paper's conditions, and the images they are made of, kept as PNG files beside the paper's cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread
from numpy.typing import NDArray

from linksim.plots.images import Cell, pixels, png
from linksim.plots.plot_style import plot_style

SIDE, GAP, BELOW = 1.0, 0.06, 0.2  # of an image, beside it and below it, in inches
LEFT, ABOVE = 0.8, 0.72  # of all images


@dataclass(frozen=True)
class Grid:
    """Images in rows and columns.

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
        """Whether all of its images are there."""
        return all(cell.image is not None for row in self.cells for cell in row)


def picture_path(folder: Path, name: str) -> Path:
    """Where the images `name` of the paper whose results lie in `folder` are kept."""
    return folder / "images" / f"{name.replace('/', '-')}.png"


def keep_pictures(folder: Path, name: str, pictures: NDArray[np.uint8]) -> None:
    """Write images uint8 [k, colours, h, w], side by side."""
    path = picture_path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(np.concatenate([pixels(picture) for picture in pictures], axis=1)))


def kept_pictures(folder: Path, name: str) -> tuple[NDArray[np.uint8], ...]:
    """The square images `name`, uint8 [h, h, 3] each; none where they were not kept."""
    path = picture_path(folder, name)
    if not path.exists():
        return ()
    strip = (imread(path)[..., :3] * 255.0).round().astype(np.uint8)
    side = strip.shape[0]
    return tuple(strip[:, first : first + side] for first in range(0, strip.shape[1], side))


@plot_style()
def grid_figure(grid: Grid) -> Figure:
    """The grid, each image with its PSNR and SSIM below. All are in one panel: one each takes matplotlib fifty times as long."""
    rows, columns = len(grid.sides), len(grid.heads)
    width, height = columns * (SIDE + GAP) + LEFT, rows * (SIDE + BELOW) + ABOVE
    figure = Figure(figsize=(width, height))
    figure.set_layout_engine("none")
    figure.suptitle(grid.title, y=1 - 0.08 / height, verticalalignment="top")
    panel = figure.add_axes((0, 0, 1, 1))
    panel.set_axis_off()
    for column, head in enumerate(grid.heads):
        panel.text(column * (SIDE + GAP) + SIDE / 2, -0.05, head, horizontalalignment="center", verticalalignment="bottom", fontsize=8)
    for row, (side, cells) in enumerate(zip(grid.sides, grid.cells, strict=True)):
        top = row * (SIDE + BELOW)
        panel.text(-0.08, top + SIDE / 2, side, horizontalalignment="right", verticalalignment="center")
        for column, cell in enumerate(cells):
            left = column * (SIDE + GAP)
            if cell.image is not None:
                panel.imshow(cell.image, extent=(left, left + SIDE, top + SIDE, top), aspect="auto")
            panel.text(left + SIDE / 2, top + SIDE + 0.03, cell.score, horizontalalignment="center", verticalalignment="top", fontsize=7)
    panel.set(xlim=(-LEFT, width - LEFT), ylim=(height - ABOVE, -ABOVE))  # places are inches
    return figure


def find_cell(pictures: Sequence[NDArray[np.uint8]], place: int, scores: tuple[float, float] = (np.nan, np.nan)) -> Cell:
    """Image `place` of a strip, with its PSNR in dB and SSIM; an empty cell where the strip has none."""
    return Cell(pictures[place] if place < len(pictures) else None, *scores)

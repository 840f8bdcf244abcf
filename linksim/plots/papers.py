"""Grids of images of a paper's experiments, and storage of their images as PNG files beside the paper's results.

An experiment takes minutes, a figure of many experiments is drawn again whenever one of them changes. Therefore every experiment keeps its
first images in a file of its own, and the figures are made from these files. The folder `images` is not under version control, because
some data sets show people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread
from numpy.typing import NDArray

from linksim.files import atomic_write
from linksim.plots.images import ScoredImage, display_pixels, png
from linksim.plots.plot_style import plot_style

SIDE, GAP, BELOW = 1.0, 0.06, 0.2  # inches: side of an image, gap beside it, space below it
LEFT, ABOVE = 0.8, 0.72  # inches: space left of and above all images


@dataclass(frozen=True)
class ImageGrid:
    """Images in rows and columns.

    title          title of the figure
    column_titles  titles of the columns, of one or two lines
    row_titles     titles of the rows, "" for none
    cells          images [row][column]
    """

    title: str
    column_titles: tuple[str, ...]
    row_titles: tuple[str, ...]
    cells: tuple[tuple[ScoredImage, ...], ...]

    @property
    def complete(self) -> bool:
        """Whether all images are present."""
        return all(cell.image is not None for row in self.cells for cell in row)


def image_path(folder: Path, name: str) -> Path:
    """Return the path of the images of an experiment in the folder of a paper's results; slashes in its name become hyphens.

    >>> image_path(Path("results"), "white/ec10").as_posix()
    'results/images/white-ec10.png'
    """
    return folder / "images" / f"{name.replace('/', '-')}.png"


def save_images(folder: Path, name: str, images: NDArray[np.uint8]) -> None:
    """Write the images of an experiment side by side to one file, whose folder is created if necessary.

    folder  folder of the paper's results
    name    name of the experiment
    images  uint8 [k, colours, h, h]
    """
    path = image_path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_bytes(png(np.concatenate([display_pixels(pixels) for pixels in images], axis=1)))


def load_saved_images(folder: Path, name: str) -> tuple[NDArray[np.uint8], ...]:
    """Return the square images that `save_images` wrote, uint8 [h, h, 3] each; () if the file does not exist."""
    path = image_path(folder, name)
    if not path.exists():
        return ()
    strip = (imread(path)[..., :3] * 255.0).round().astype(np.uint8)
    side = strip.shape[0]
    return tuple(strip[:, first : first + side] for first in range(0, strip.shape[1], side))


@plot_style()
def image_grid_figure(grid: ImageGrid) -> Figure:
    """Draw a grid of images with PSNR and SSIM below each.

    All images share one panel whose coordinates are inches, which is fifty times as fast as one panel each.
    """
    rows, columns = len(grid.row_titles), len(grid.column_titles)
    width, height = columns * (SIDE + GAP) + LEFT, rows * (SIDE + BELOW) + ABOVE
    figure = Figure(figsize=(width, height))
    figure.set_layout_engine("none")
    figure.suptitle(grid.title, y=1 - 0.08 / height, verticalalignment="top")
    panel = figure.add_axes((0, 0, 1, 1))
    panel.set_axis_off()
    for column, title in enumerate(grid.column_titles):
        panel.text(column * (SIDE + GAP) + SIDE / 2, -0.05, title, horizontalalignment="center", verticalalignment="bottom", fontsize=8)
    for row, (title, cells) in enumerate(zip(grid.row_titles, grid.cells, strict=True)):
        top = row * (SIDE + BELOW)
        panel.text(-0.08, top + SIDE / 2, title, horizontalalignment="right", verticalalignment="center")
        for column, cell in enumerate(cells):
            left = column * (SIDE + GAP)
            if cell.image is not None:
                panel.imshow(cell.image, extent=(left, left + SIDE, top + SIDE, top), aspect="auto")
            panel.text(left + SIDE / 2, top + SIDE + 0.03, cell.score, horizontalalignment="center", verticalalignment="top", fontsize=7)
    panel.set(xlim=(-LEFT, width - LEFT), ylim=(height - ABOVE, -ABOVE))  # data coordinates are inches
    return figure


def scored_image(images: Sequence[NDArray[np.uint8]], index: int, scores: tuple[float, float] = (np.nan, np.nan)) -> ScoredImage:
    """Return image `index` with its scores (PSNR in dB, SSIM); without an image if there are fewer images."""
    return ScoredImage(images[index] if index < len(images) else None, *scores)

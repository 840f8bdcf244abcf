"""Figure of the stored images side by side: originals, attacked images, and the reconstructions of Bob and Eve.

`image_rows` selects and arranges the images; the figure and the report's table (`plots.figure_section`) both draw its result. A column
is one image, so that a reader compares reconstructions with the original above them.
"""

import io
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave
from numpy.typing import NDArray

from linksim.enums import ImageOwner
from linksim.plots.figure_shape import new_figure, set_title
from linksim.plots.plot_style import MAX_GROUPS, freeze_layout, plot_style, sanitise, shown
from linksim.plots.tables import ScoreRows
from linksim.plots.trace_view import GroupView, TraceView

MAX_IMAGES = 8  # images in a row
CELL, MIN_WIDTH = 1.15, 3.0  # inches: side of an image with its space, and minimum width of the figure
ATTACKED = "attacked source"


@dataclass(frozen=True)
class ScoredImage:
    """An image with its scores.

    image    uint8 [height, width] or [height, width, 3]; None if the trace does not have it
    psnr_db  PSNR in dB against the original; NaN for images that were sent
    ssim     structural similarity to the original, -1..1; NaN for images that were sent
    """

    image: NDArray[np.uint8] | None
    psnr_db: float
    ssim: float

    @property
    def score(self) -> str:
        """The scores as text, "29.3 dB, 0.92", or ""."""
        return "" if np.isnan(self.psnr_db) else f"{self.psnr_db:.1f} dB, {self.ssim:.2f}"


@dataclass(frozen=True)
class ImageRow:
    """The images of one owner, in the order of the originals.

    name   "original" or "sent", "attacked source", "Bob" or "Eve"
    cells  an image, or a placeholder, for each original
    """

    name: str
    cells: tuple[ScoredImage, ...]


def image_rows(group: GroupView) -> tuple[ImageRow, ...]:
    """Return the rows original, attacked source, Bob and Eve with up to `MAX_IMAGES` images each.

    The columns are the first stored originals, by link, frame and number. Rows without images are left out. Returns () if no original is
    stored.
    """
    images = group.images
    sent = images.take(images.node == ImageOwner.ALICE)
    sent = sent.take(np.lexsort((sent.image, sent.frame, sent.link))[:MAX_IMAGES])
    wanted = list(zip(sent.link.tolist(), sent.frame.tolist(), sent.image.tolist(), strict=True))
    if not wanted:
        return ()
    unscored, others = group.bob.scores.take(np.empty(0, np.int64)), []
    for name, node, scores in (
        (ATTACKED, ImageOwner.SOURCE, unscored),
        ("Bob", ImageOwner.BOB, group.bob.scores),
        ("Eve", ImageOwner.EVE, group.eve.scores),
    ):
        own = images.take(images.node == node)
        kept = dict(zip(zip(own.link.tolist(), own.frame.tolist(), own.image.tolist(), strict=True), own.pixels, strict=True))
        scored = [(kept.get(place), scores_of(scores, *place)) for place in wanted]
        if any(image is not None for image, _ in scored):
            others.append(
                ImageRow(name, tuple(ScoredImage(None if image is None else display_pixels(image), *score) for image, score in scored))
            )
    name = "original" if any(row.name == ATTACKED for row in others) else "sent"
    return ImageRow(name, tuple(ScoredImage(display_pixels(image), np.nan, np.nan) for image in sent.pixels)), *others


def scores_of(scores: ScoreRows, link: int, frame: int, image: int) -> tuple[float, float]:
    """Return PSNR in dB and SSIM of one reconstruction; NaN if it was not scored."""
    place = np.flatnonzero((scores.link == link) & (scores.frame == frame) & (scores.image == image))
    return (float(scores.psnr_db[place[0]]), float(scores.ssim[place[0]])) if len(place) else (np.nan, np.nan)


def display_pixels(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert an image [colours, height, width] for display: [height, width, 3] for 3 colours, else their mean [height, width].

    >>> display_pixels(np.zeros((3, 32, 48), np.uint8)).shape, display_pixels(np.zeros((1, 32, 48), np.uint8)).shape
    ((32, 48, 3), (32, 48))
    """
    return np.moveaxis(image, 0, -1) if len(image) == 3 else image.mean(axis=0).astype(np.uint8)


def png(image: NDArray[np.uint8]) -> bytes:
    """Return an image, uint8 [height, width] or [height, width, 3], as the bytes of a PNG file."""
    buffer = io.BytesIO()
    imsave(buffer, image if image.ndim == 3 else np.stack([image] * 3, axis=-1), format="png")
    return buffer.getvalue()


@plot_style()
def images_figure(view: TraceView) -> Figure | None:
    """Draw one block per group with stored images, with PSNR and SSIM below each reconstruction. Returns None without stored images."""
    stored = [(group, rows) for group in view.groups if (rows := image_rows(group))]
    drawn = stored[:MAX_GROUPS]
    if not drawn:
        return None
    lines = [(group.name if place == 0 else "", row) for group, rows in drawn for place, row in enumerate(rows)]
    across = max(len(row.cells) for _, row in lines)
    figure = new_figure(max(across * CELL + 0.8, MIN_WIDTH), len(lines) * (CELL + 0.16) + 0.25 * len(drawn) + 0.35)
    set_title(figure, "Images as sent and as received: PSNR, SSIM" + shown(len(stored)))
    for (name, row), panels in zip(lines, figure.subplots(len(lines), across, squeeze=False), strict=True):
        for panel in panels[len(row.cells) :]:
            panel.set_axis_off()
        for cell, panel in zip(row.cells, panels, strict=False):
            show(panel, cell)
        panels[0].set_ylabel(row.name.replace(" ", "\n"), rotation=0, horizontalalignment="right", verticalalignment="center", labelpad=8)
        panels[0].set_title(sanitise(name), fontweight="bold")
    return freeze_layout(figure)


def show(panel: Axes, cell: ScoredImage) -> None:
    """Draw one image without interpolation, so that its pixels stay visible, with its scores below it."""
    panel.set(xticks=[], yticks=[])
    panel.grid(False)
    panel.spines[:].set_visible(False)
    if cell.image is None:
        panel.text(0.5, 0.5, "not stored", transform=panel.transAxes, horizontalalignment="center", fontsize=7)
    else:
        panel.imshow(cell.image, interpolation="nearest", cmap="gray", vmin=0, vmax=255)
    panel.set_xlabel(cell.score, fontsize=7, labelpad=2)

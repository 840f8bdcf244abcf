"""The kept images side by side: Alice's, what an attack left of them, what Bob got, what Eve made of it."""

import io
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave
from numpy.typing import NDArray

from linksim.plots.plot_style import MAX_GROUPS, freeze_layout, plot_style, sanitise, shown
from linksim.plots.tables import ImageScore
from linksim.plots.trace_view import GroupView, View
from linksim.records import ALICE, BOB, EVE, SOURCE

ACROSS = 8
CELL = 1.15  # inches
ATTACKED = "attacked source"


@dataclass(frozen=True)
class Cell:
    """One image: uint8 [height, width] or [height, width, 3], or None where it was not kept; its scores, NaN for what was sent."""

    image: NDArray[np.uint8] | None
    psnr_db: float
    ssim: float

    @property
    def score(self) -> str:
        """ "29.3 dB, 0.92", or nothing."""
        return "" if np.isnan(self.psnr_db) else f"{self.psnr_db:.1f} dB, {self.ssim:.2f}"


@dataclass(frozen=True)
class Row:
    """The images of one node, in the order of the originals."""

    name: str
    cells: tuple[Cell, ...]


def picture_rows(group: GroupView) -> tuple[Row, ...]:
    """Original, attacked source, Bob, Eve: up to `ACROSS` images each, those of an owner without any left out. Nothing where no original
    was kept."""
    pictures = group.pictures
    sent = pictures.take(pictures.node == ALICE)
    sent = sent.take(np.lexsort((sent.item, sent.frame, sent.link))[:ACROSS])
    wanted = list(zip(sent.link.tolist(), sent.frame.tolist(), sent.item.tolist(), strict=True))
    if not wanted:
        return ()
    unscored, others = group.bob.quality.take(np.empty(0, np.int64)), []
    for name, node, quality in ((ATTACKED, SOURCE, unscored), ("Bob", BOB, group.bob.quality), ("Eve", EVE, group.eve.quality)):
        own = pictures.take(pictures.node == node)
        kept = dict(zip(zip(own.link.tolist(), own.frame.tolist(), own.item.tolist(), strict=True), own.image, strict=True))
        scored = [(kept.get(place), scores(quality, *place)) for place in wanted]
        if any(image is not None for image, _ in scored):
            others.append(Row(name, tuple(Cell(None if image is None else pixels(image), *score) for image, score in scored)))
    name = "original" if any(row.name == ATTACKED for row in others) else "sent"
    return Row(name, tuple(Cell(pixels(image), np.nan, np.nan) for image in sent.image)), *others


def scores(quality: ImageScore, link: int, frame: int, item: int) -> tuple[float, float]:
    """PSNR in dB and SSIM of one estimate, NaN where it was not scored."""
    place = np.flatnonzero((quality.link == link) & (quality.frame == frame) & (quality.item == item))
    return (float(quality.psnr_db[place[0]]), float(quality.ssim[place[0]])) if len(place) else (np.nan, np.nan)


def pixels(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colour first, as stored, to red, green, blue last, as shown; any other number of colours becomes one plane of grey."""
    return np.moveaxis(image, 0, -1) if len(image) == 3 else image.mean(axis=0).astype(np.uint8)


def png(image: NDArray[np.uint8]) -> bytes:
    """One image as a PNG file, pixel for pixel."""
    buffer = io.BytesIO()
    imsave(buffer, image if image.ndim == 3 else np.stack([image] * 3, axis=-1), format="png")
    return buffer.getvalue()


@plot_style()
def pictures_figure(view: View) -> Figure | None:
    """One block per group that kept images, each estimate with its PSNR and SSIM below; None where no group did."""
    kept = [(group, rows) for group in view.groups if (rows := picture_rows(group))]
    drawn = kept[:MAX_GROUPS]
    if not drawn:
        return None
    lines = [(group.name if place == 0 else "", row) for group, rows in drawn for place, row in enumerate(rows)]
    across = max(3, *(len(row.cells) for _, row in lines))
    figure = Figure(figsize=(across * CELL + 0.8, len(lines) * (CELL + 0.16) + 0.25 * len(drawn) + 0.35))
    figure.suptitle("Images as sent and as received: PSNR, SSIM" + shown(len(kept)))
    for (name, row), panels in zip(lines, figure.subplots(len(lines), across, squeeze=False), strict=True):
        for panel in panels[len(row.cells) :]:
            panel.set_axis_off()
        for cell, panel in zip(row.cells, panels, strict=False):
            show(panel, cell)
        panels[0].set_ylabel(row.name.replace(" ", "\n"), rotation=0, horizontalalignment="right", verticalalignment="center", labelpad=8)
        panels[0].set_title(sanitise(name), fontweight="bold")
    return freeze_layout(figure)


def show(panel: Axes, cell: Cell) -> None:
    """One image, its pixels left as they are."""
    panel.set(xticks=[], yticks=[])
    panel.grid(False)
    panel.spines[:].set_visible(False)
    if cell.image is None:
        panel.text(0.5, 0.5, "not kept", transform=panel.transAxes, horizontalalignment="center", fontsize=7)
    else:
        panel.imshow(cell.image, interpolation="nearest", cmap="gray", vmin=0, vmax=255)
    panel.set_xlabel(cell.score, fontsize=7, labelpad=2)

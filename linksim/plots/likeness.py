"""Figure of recognition against likeness: how often a classifier recognises images, over their SSIM and over their PSNR."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from linksim.plots.plot_style import LINE_STYLES, error_bars, freeze_layout, plot_style, shared_legend
from linksim.statistics import Interval


@dataclass(frozen=True)
class LikenessLine:
    """One line; its points are conditions, in order.

    label     name in the legend
    ssim      mean SSIM of the images of each condition [points]
    psnr_db   mean PSNR in dB [points]
    accuracy  share of recognised images with its 95 % interval [points]
    """

    label: str
    ssim: tuple[float, ...]
    psnr_db: tuple[float, ...]
    accuracy: tuple[Interval, ...]


@plot_style()
def likeness_figure(title: str, lines: Sequence[LikenessLine]) -> Figure:
    """Draw two panels over a common y axis of 0..1: accuracy over SSIM, and over PSNR."""
    figure = Figure(figsize=(10.4, 4.3))
    figure.suptitle(title)
    axes = figure.subplots(1, 2, sharey=True)
    for line, (colour, mark, dashes) in zip(lines, LINE_STYLES, strict=False):
        for axis, values in zip(axes, (line.ssim, line.psnr_db), strict=True):
            error_bars(axis, values, line.accuracy, label=line.label, color=colour, marker=mark, linestyle=dashes, capsize=2)
    axes[0].set(xlabel="mean SSIM", ylabel="accuracy of the classifier", ylim=(0, 1))
    axes[1].set(xlabel="mean PSNR (dB)")
    shared_legend(figure, [list(axes)])
    return freeze_layout(figure)

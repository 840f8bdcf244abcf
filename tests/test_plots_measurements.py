"""Figures of measurements: axes have labels, legends cross no lines, and a learning curve states its seeds."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from linksim.adapt.learning_curve import PolicyEvaluation
from linksim.plots.attack_learning import LearningLine, LearningPanel, attack_learning_figure
from linksim.plots.convergence import ConvergenceCurve, convergence_figure
from linksim.plots.error_rates import ErrorRateCurve, error_rate_figure
from linksim.plots.learning_curve import learning_curve_figure
from linksim.statistics import Interval, wilson

STEPS, SNRS_DB = (100, 200, 300), (-3.0, 3.0, 9.0, 15.0)


def curve(seed: int) -> list[PolicyEvaluation]:
    """A learning curve with random values."""
    draw = np.random.default_rng(seed)
    return [PolicyEvaluation(step, snr_db, *draw.random(8).tolist()) for step in STEPS for snr_db in SNRS_DB]


def convergence() -> Figure:
    iterations = np.array([0, 50, 100, 3000])
    metrics = {"loss": iterations[::-1] + 1.0, "psnr_db": iterations / 100, "ssim": iterations / 3000}
    curves = [ConvergenceCurve(name, iterations, metrics) for name in ("slow", "fast")]
    return convergence_figure("Convergence", curves, {"ssim": 0.4, "psnr_db": 17.0}, "the paper's values")


def attack_learning() -> Figure:
    known = Interval(0.5, 0.4, 0.6, 8)
    panels = [
        LearningPanel(title, tuple(LearningLine(name, frames, (known,) * len(frames)) for name in ("a", "b")), (("open", 0.9),))
        for title, frames in (("known", (1, 10, 1000)), ("unknown", (0, 100, 1000)))
    ]
    return attack_learning_figure("Learning", "SSIM", panels)


def error_rates() -> Figure:
    found = tuple(wilson(errors, 1000) for errors in (100, 10, 0))
    curves = tuple(ErrorRateCurve(f"curve {i}", np.arange(3.0), found, limit_db=-1.0) for i in range(4))
    return error_rate_figure(curves, curves)


@pytest.mark.parametrize("figure", [convergence(), attack_learning(), error_rates(), learning_curve_figure("Learning", [curve(1)])],
                         ids=["convergence", "attack learning", "error rates", "learning curve"])  # fmt: skip
def test_legends_lie_outside_of_all_panels_and_every_axis_has_a_label(figure: Figure) -> None:
    legends = [*figure.legends, *(legend for panel in figure.axes if (legend := panel.get_legend()))]
    assert legends
    figure.canvas.draw()  # type: ignore[attr-defined]
    for box in (legend.get_window_extent() for legend in legends):
        for panel in figure.axes:
            assert not panel.bbox.overlaps(box)
            around = [axis.get_tightbbox() for axis in (panel.xaxis, panel.yaxis)]
            assert not any(labels is not None and labels.overlaps(box) for labels in around)
    shared_y = len({panel.get_ylim() for panel in figure.axes}) == 1
    assert all(panel.get_ylabel() for panel in figure.axes[: 1 if shared_y else None])
    bottom = min(panel.get_position().y0 for panel in figure.axes)
    assert all(panel.get_xlabel() for panel in figure.axes if panel.get_position().y0 < bottom + 0.01)
    assert len({panel.get_xlim() for panel in figure.axes}) == 1 or figure.axes[0].get_yscale() == "log"


def test_a_learning_curve_of_one_seed_says_so_and_has_no_band() -> None:
    figure = learning_curve_figure("Learning", [curve(1)])
    assert figure.get_suptitle() == "Learning, one seed"
    assert [panel.get_ylabel() for panel in figure.axes] == ["mean reward", "SSIM", "Adv", "Err"]
    assert not any(panel.collections for panel in figure.axes)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["mean over the SNRs", "-3 dB", "3 dB", "9 dB", "15 dB"]


def test_a_learning_curve_of_several_seeds_has_means_and_bands() -> None:
    curves = [curve(seed) for seed in (1, 2, 3)]
    figure = learning_curve_figure("Learning", curves)
    assert figure.get_suptitle() == "Learning, means and ranges of 3 seeds"
    reward, ssim, *_ = figure.axes
    values = np.array([[row.ssim for row in each if row.snr_db == 3.0] for each in curves])
    line, band = ssim.get_lines()[1], ssim.collections[1]
    np.testing.assert_allclose(line.get_ydata(), values.mean(axis=0))
    vertices = band.get_paths()[0].vertices
    for place, step in enumerate(STEPS):
        reached = vertices[vertices[:, 0] == step, 1]
        assert (reached.min(), reached.max()) == pytest.approx((values[:, place].min(), values[:, place].max()))
    mean_reward = np.mean([[np.mean([row.reward for row in each if row.step == step]) for step in STEPS] for each in curves], axis=0)
    np.testing.assert_allclose(reward.get_lines()[0].get_ydata(), mean_reward)
    same = [[replace(row, ssim=0.5) for row in each] for each in curves]
    flat = learning_curve_figure("Learning", same).axes[1].collections[0].get_paths()[0].vertices
    assert set(np.round(flat[:, 1], 9)) == {0.5}

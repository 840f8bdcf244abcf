"""Figures of image quality: bins are chosen by count, groups are compared in one panel, and a constant SNR has bars."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from plot_tables import FRAMES, Given, Tables, one_group

from linksim.enums import Node
from linksim.plots.compare import compare_figure
from linksim.plots.plot_style import BOB, EVE
from linksim.plots.score_series import series_of
from linksim.plots.scores import scores_figure, split_into_bins
from linksim.plots.snr_bins import MAX_BINS, MIN_WIDTH_DB, bin_of, snr_edges
from linksim.plots.time_series import MAX_LINES, MIN_SPAN_DB, time_series_figure
from linksim.plots.trace_view import TraceView, read_view

GROUPS = ("open", "sealed")


def drawn(figure: Figure | None) -> Figure:
    assert figure is not None
    return figure


def in_two_groups(given: Given) -> Given:
    """The first half of the links in one group, the others in another."""
    links = np.asarray(given["links"]["link"])
    return given | {"links": {"link": links, "group": (links >= len(links) / 2).astype(int)}}


def constant(frames: int = 20, **more: Any) -> Given:
    """Two groups of two links at a constant SNR of 10 dB at Bob and 6 dB at Eve."""
    given = one_group(frames, links=4, **more)
    received = given["receptions"]
    received["snr_db"] = np.where(np.asarray(received["receiver"]) == Node.BOB, 10.0, 6.0)
    received["sinr_db"] = received["snr_db"] - 6 * np.asarray(received["jammed_fraction"])
    return in_two_groups(given)


def view_of(given: Given) -> TraceView:
    return read_view(Tables(given, GROUPS), block_lengths=FRAMES | {"sealed": FRAMES["open"]})


def same(limits: list[tuple[float, float]]) -> bool:
    return len(set(limits)) == 1


values = st.lists(st.floats(-60, 60).map(lambda value: round(value, 1)), min_size=1, max_size=300)


@settings(max_examples=100)
@given(values, st.integers(1, 100), st.integers(1, 100))
def test_bins_separate_no_equal_snrs_and_are_wide_enough(snr_db: list[float], per_bin: int, per_level: int) -> None:
    samples = np.array(snr_db)
    edges = snr_edges([samples], per_bin, per_level)
    assert (np.diff(edges) > 0).all()
    assert set(edges.tolist()).isdisjoint(snr_db)
    levels = len(np.unique(samples))
    if len(edges) + 1 < levels or len(samples) < per_level * levels:  # bins by count
        assert len(edges) < MAX_BINS
        assert (np.diff([samples.min(), *edges, samples.max()]) >= MIN_WIDTH_DB - 1e-9).all() or not len(edges)


def test_bins_by_count_hold_equal_numbers_of_samples() -> None:
    samples = np.random.default_rng(0).normal(10, 3, 1000)
    counts = np.bincount(bin_of(samples, snr_edges([samples], per_bin=100, per_level=100)))
    assert counts.tolist() == [100] * 10
    assert len(snr_edges([samples, samples], per_bin=100, per_level=100)) == 9  # the number is that of each series
    assert len(snr_edges([samples[:30]], per_bin=100, per_level=100)) == 3  # at least four bins
    assert len(snr_edges([samples[:4]], per_bin=100, per_level=100)) == 0


def test_few_levels_with_many_samples_are_bins_of_their_own() -> None:
    levels = np.repeat([0.0, 1.0, 8.0], 100)
    assert snr_edges([levels], per_bin=80, per_level=80).tolist() == [0.5, 4.5]
    assert len(snr_edges([np.repeat(np.arange(20.0), 3)], per_bin=30, per_level=80)) == 3  # too few for points of their own


def test_the_points_of_a_line_are_means_of_nearly_equal_numbers_of_images() -> None:
    view = view_of(in_two_groups(one_group(300, links=4, images=1, jam=False)))
    figure = drawn(scores_figure(view))
    assert len(figure.axes) == 4
    for group, panel in zip(view.groups, figure.axes[:2], strict=True):
        lines = {str(container.get_label()): container for container in panel.containers}
        assert set(lines) == {"Bob", "Eve"}
        assert all(len(container.lines[0].get_xdata()) >= 4 for container in lines.values())
        assert panel.get_title(loc="left").startswith(f"{group.name}: ")
    (bob, _) = series_of(view.groups[0])
    points = split_into_bins(bob, snr_edges([bob.sinr_db], 128, 128))
    sizes = [len(point.scores) for point in points]
    assert sum(sizes) == 600
    assert max(sizes) - min(sizes) <= 2


def test_panels_of_all_groups_have_the_same_axes() -> None:
    given = in_two_groups(one_group(60, links=4))
    given["scores"]["psnr_db"] = np.asarray(given["scores"]["psnr_db"]) + 10 * (np.asarray(given["scores"]["link"]) > 1)
    view = view_of(given)
    for figure, by_receiver in ((scores_figure(view), False), (time_series_figure(view), False), (compare_figure(view), True)):
        upper, lower = drawn(figure).axes[:2], drawn(figure).axes[2:]
        for row in (upper, lower):
            assert same([panel.get_ylim() for panel in row])
            assert same([panel.get_xlim() for panel in row]) != by_receiver  # the SNR at Bob and at Eve are two quantities
        assert [panel.get_xlim() for panel in upper] == [panel.get_xlim() for panel in lower]


def test_a_constant_snr_has_a_bar_for_each_series_in_one_panel() -> None:
    view = view_of(constant())
    figure = drawn(scores_figure(view))
    psnr, accuracy = figure.axes
    assert [psnr.get_xlabel(), accuracy.get_xlabel()] == ["mean PSNR (dB)", "accuracy (%)"]
    parts = [part for group in view.groups for part in series_of(group)]
    assert [(part.role, part.jammed) for part in parts] == [(BOB, False), (BOB, True), (EVE, False), (EVE, True)] * 2
    assert [bar.get_width() for bar in psnr.patches] == pytest.approx([part.scores.psnr_db.mean() for part in parts])
    correct = [100 * (part.scores.class_received == part.scores.label).mean() for part in parts]
    assert [bar.get_width() for bar in accuracy.patches] == pytest.approx(correct)
    assert [bool(bar.get_hatch()) for bar in psnr.patches] == [part.jammed for part in parts]
    assert [text.get_text() for text in psnr.texts] == [f"{part.scores.psnr_db.mean():.1f}" for part in parts]
    labels = [label.get_text() for label in psnr.get_yticklabels()]
    assert labels[:3] == ["open", "Bob, 10 dB: 76 images in 38 units", "Bob, jammed, 10 dB: 4 images in 2 units"]
    assert labels[5] == "sealed"
    assert psnr.get_xlim()[0] == 0
    assert not [line for panel in figure.axes for line in panel.get_lines() if line.get_marker() in ("o", "^")]  # no isolated dots
    assert "constant SNR" in figure.get_suptitle()
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[:4] == ["Bob", "Bob, jammed", "Eve", "Eve, jammed"]


def test_the_intervals_of_bars_are_those_of_the_series() -> None:
    view = view_of(constant(jam=False))
    psnr = drawn(scores_figure(view)).axes[0]
    reach = [bars.lines[2][0].get_segments()[0][:, 0] for bars in psnr.containers if hasattr(bars, "has_xerr") and bars.has_xerr]
    widths = [bar.get_width() for bar in psnr.patches]
    assert len(reach) == len(widths) == 4
    assert all(low < width < high for (low, high), width in zip(reach, widths, strict=True))


def test_an_snr_that_varies_in_one_group_gives_lines_for_all() -> None:
    given = constant()
    received = given["receptions"]
    moving = np.asarray(received["link"]) > 1
    received["snr_db"] = received["sinr_db"] = np.where(moving, np.asarray(received["snr_db"]) + np.asarray(received["frame"]), 10.0)
    assert len(drawn(scores_figure(view_of(given))).axes) == 4


def eve_constant() -> TraceView:
    """Two groups in which only Bob's SNR varies; Eve's is 15 dB."""
    given = in_two_groups(one_group(60, links=4, jam=False))
    received = given["receptions"]
    received["snr_db"] = received["sinr_db"] = np.where(np.asarray(received["receiver"]) == Node.EVE, 15.0, received["snr_db"])
    return view_of(given)


def test_a_constant_snr_at_one_receiver_is_a_line_over_the_whole_panel() -> None:
    view = eve_constant()
    figure = drawn(scores_figure(view))
    for group, panel in zip(view.groups, figure.axes[:2], strict=True):
        (level,) = [line for line in panel.get_lines() if line.get_label() == "Eve, constant SNR"]
        assert level.get_ydata()[0] == pytest.approx(float(group.eve.scores.psnr_db.mean()))
        assert {str(container.get_label()) for container in panel.containers} == {"Bob"}
        assert panel.get_xlim()[1] < 25  # that of Bob's points


def test_kinds_of_link_are_compared_by_bars_at_a_receiver_of_constant_snr() -> None:
    view = eve_constant()
    bob, eve, *_, lowest = drawn(compare_figure(view)).axes
    assert not bob.patches
    assert [bar.get_height() for bar in eve.patches] == pytest.approx([group.eve.scores.psnr_db.mean() for group in view.groups])
    assert eve.get_ylim() == bob.get_ylim()
    assert [label.get_text() for label in lowest.get_xticklabels()] == ["15", "15"]
    assert [line.get_color() for line in (container.lines[0] for container in bob.containers)] == [
        to_hex(bar.get_facecolor()).upper() for bar in eve.patches
    ]


def test_scores_without_receptions_have_no_panels() -> None:
    given = one_group(5)
    del given["receptions"]
    assert scores_figure(view_of(given)) is None


def test_groups_are_compared_at_both_receivers_in_one_panel_each() -> None:
    view = view_of(in_two_groups(one_group(60, links=4, jam=False)))
    figure = drawn(compare_figure(view))
    titles = [panel.get_title(loc="left").split(":")[0] for panel in figure.axes]
    assert titles == ["Bob", "Eve", "", ""]
    for panel in figure.axes:
        assert {str(container.get_label()) for container in panel.containers} == set(GROUPS)
    assert [panel.get_xlabel() for panel in figure.axes[2:]] == ["SNR at Bob during the frame (dB)", "SNR at Eve during the frame (dB)"]


@pytest.mark.parametrize(("links", "lines"), [(1, 1), (2, 2), (MAX_LINES, MAX_LINES), (MAX_LINES + 1, 1)])
def test_few_links_have_a_line_each_and_many_a_band(links: int, lines: int) -> None:
    given = one_group(40, links=links, jam=False)
    figure = time_series_figure(read_view(Tables(given)))
    for panel in figure.axes:
        of_bob = [line for line in panel.get_lines() if line.get_color() == BOB.colour and line.get_linestyle() == "-"]
        assert len(of_bob) == lines
        assert bool(panel.collections) == (links > MAX_LINES)
    if lines > 1:
        snr, received = figure.axes[0], given["receptions"]
        own = (np.asarray(received["link"]) == 1) & (np.asarray(received["receiver"]) == Node.BOB)
        second = [line for line in snr.get_lines() if line.get_color() == BOB.colour and line.get_linestyle() == "-"][1]
        np.testing.assert_allclose(second.get_ydata(), np.asarray(received["snr_db"])[own])
    assert [text.get_text() for text in figure.legends[0].get_texts()].count("Bob") == 1


def test_a_long_run_of_few_links_has_lines_of_medians_without_bands() -> None:
    figure = time_series_figure(read_view(Tables(one_group(2000, images=1, links=2, jam=False))))
    for panel in figure.axes:
        assert not panel.collections
        of_bob = [line for line in panel.get_lines() if line.get_color() == BOB.colour and line.get_linestyle() == "-"]
        assert [len(line.get_xdata()) for line in of_bob] == [120, 120]


def test_the_estimates_of_few_links_are_dots_and_that_of_one_is_a_line() -> None:
    for links, dash in ((1, "--"), (2, "None")):
        snr = time_series_figure(read_view(Tables(one_group(20, links=links, jam=False)))).axes[0]
        (estimate,) = [line for line in snr.get_lines() if line.get_label() == "Bob's estimate"]
        assert estimate.get_linestyle() == dash
        assert len(estimate.get_xdata()) == 20 * links


def test_a_constant_snr_does_not_look_like_noise() -> None:
    given = constant(jam=False)
    received = given["receptions"]
    received["snr_db"] = 10 + 1e-6 * (np.asarray(received["frame"]) % 2)
    received["estimated_snr_db"] = received["snr_db"]
    given["frames"]["assumed_snr_db"] = np.full(len(given["frames"]["link"]), 10.0)
    low, high = time_series_figure(view_of(given)).axes[0].get_ylim()
    assert high - low >= MIN_SPAN_DB

"""Figures show the contents of the trace, also of an incomplete one, and their files are reproducible."""

import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from plot_tables import MS, Given, Tables, one_group

from linksim.enums import MessageKind, Node
from linksim.errors import LinksimError, TraceError
from linksim.plots import plot_style, scores, timeline
from linksim.plots.figures import draw_all, plot_trace
from linksim.plots.images import image_rows, images_figure
from linksim.plots.score_series import split_by_jamming
from linksim.plots.scores import scores_figure
from linksim.plots.time_series import elapsed_since, time_series_figure
from linksim.plots.timeline import timeline_figure
from linksim.plots.trace_view import read_view


def lines(panel: Axes, name: str) -> list[Any]:
    return [line for line in panel.get_lines() if line.get_label() == name]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 5)), max_size=20), st.integers(1, 30))
def test_jamming_is_shaded_in_proportion_to_its_time(intervals: list[tuple[float, float]], bins: int) -> None:
    start = np.array([a for a, _ in intervals])
    end = np.array([a + length for a, length in intervals])
    edges = np.linspace(0, 10, bins + 1)
    expected = [np.maximum(np.minimum(end, b) - np.maximum(start, a), 0).sum() for a, b in pairwise(edges)]
    np.testing.assert_allclose(np.diff(elapsed_since(edges, np.sort(start)) - elapsed_since(edges, np.sort(end))), expected, atol=1e-9)


def test_a_short_run_of_one_link_shows_every_frame() -> None:
    view = read_view(Tables(one_group(6)))
    snr, psnr = time_series_figure(view).axes
    bob = view.groups[0].bob
    (line,) = lines(snr, "Bob")
    np.testing.assert_allclose(line.get_xdata(), bob.receptions.time_ns / MS)
    np.testing.assert_allclose(line.get_ydata(), bob.receptions.snr_db)
    np.testing.assert_allclose(lines(snr, "Eve's estimate")[0].get_ydata(), view.groups[0].eve.receptions.estimated_snr_db)
    np.testing.assert_allclose(lines(psnr, "Bob")[0].get_ydata(), bob.scores.psnr_db.reshape(6, 2).mean(axis=1), rtol=1e-6)


def test_an_estimate_equal_to_the_true_snr_is_not_drawn() -> None:
    given = one_group(6)
    given["receptions"]["estimated_snr_db"] = given["receptions"]["snr_db"]
    snr = time_series_figure(read_view(Tables(given))).axes[0]
    assert lines(snr, "Bob")
    assert not lines(snr, "Bob's estimate")


def test_a_long_run_shows_medians() -> None:
    view = read_view(Tables(one_group(3000, images=1)))
    (line,) = lines(time_series_figure(view).axes[0], "Bob")
    received = view.groups[0].bob.receptions
    width = view.end_s * 1e9 / len(line.get_ydata())
    first = received.snr_db[received.time_ns < width]
    assert line.get_ydata()[0] == pytest.approx(np.median(first))
    assert len(line.get_ydata()) == 120


def test_points_over_snr_are_means_of_bins_for_jammed_and_unjammed_frames() -> None:
    view = read_view(Tables(one_group(200)))
    figure = scores_figure(view)
    assert figure is not None
    parts = split_by_jamming(plot_style.BOB, view.groups[0].bob)
    assert [(part.jammed, len(part.scores)) for part in parts] == [(False, 398), (True, 2)]
    drawn = {container.get_label(): container.lines[0].get_ydata() for container in figure.axes[0].containers}
    assert drawn["Bob, jammed"] == pytest.approx([parts[1].scores.psnr_db.mean()])
    received = view.groups[0].bob.receptions
    (jammed,) = np.flatnonzero(received.jammed_fraction > 0)
    (at,) = next(part.lines[0].get_xdata() for part in figure.axes[0].containers if part.get_label() == "Bob, jammed")
    assert at == pytest.approx(received.sinr_db[jammed]) == pytest.approx(received.snr_db[jammed] - 6)  # not at the SNR without jamming
    assert figure.axes[-1].get_xlabel() == "SINR at the receiver during the frame (dB)"
    points = scores.split_into_bins(parts[0], scores.edges_of(plot_style.BOB, False, [parts]))
    assert len(points) > 3
    np.testing.assert_allclose(drawn["Bob"], [point.scores.psnr_db.mean() for point in points], rtol=1e-6)


def test_images_are_below_their_originals_with_their_scores() -> None:
    given = one_group(6)
    tables = Tables(given)
    view = read_view(tables)
    sent, bob, eve = image_rows(view.groups[0])
    images, scored = tables.table("images"), view.groups[0].eve.scores
    place = np.flatnonzero((images["frame"] == 1) & (images["image"] == 0))
    for row, node in ((sent, Node.ALICE), (bob, Node.BOB), (eve, Node.EVE)):
        (pixels,) = images["pixels"][place][images["node"][place] == node]
        np.testing.assert_array_equal(row.cells[2].image, pixels.transpose(1, 2, 0))
    third = (scored.frame == 1) & (scored.image == 0)
    assert eve.cells[2].score == f"{scored.psnr_db[third][0]:.1f} dB, {scored.ssim[third][0]:.2f}"
    assert sent.cells[2].score == ""
    figure = images_figure(view)
    assert figure is not None
    assert sum(bool(panel.get_images()) for panel in figure.axes) == 12


def test_the_timeline_shows_the_first_transmissions_and_hatches_lost_ones() -> None:
    view = read_view(Tables(one_group(60)))
    figure = timeline_figure(view)
    assert figure is not None
    found = timeline.transmissions(view.groups[0], 0)
    assert len(found) == timeline.EVENTS
    assert [bar.kind for bar in found[:3]] == ["PROBE", "data frame", "data frame"]
    assert found[0].start_s == pytest.approx(0.0005)
    patches = [patch for panel in figure.axes for patch in panel.patches if isinstance(patch, Rectangle) and patch.zorder == 3]
    assert sorted({patch.get_x() for patch in patches}) == pytest.approx([bar.start_s * 1e3 for bar in found])
    hatched = sorted({patch.get_x() for patch in patches if patch.get_hatch()})
    assert hatched == pytest.approx([bar.start_s * 1e3 for bar in found if bar.lost])


def drop(given: Given, *names: str) -> Given:
    return {name: values for name, values in given.items() if name not in names}


ALL = ["time-series", "scores", "images", "channel", "constellation", "timeline", "session"]


def without(*names: str) -> list[str]:
    return [name for name in ALL if name not in names]


INCOMPLETE = {
    "all but one frame": (Tables(one_group(1, images=1)), ALL),
    "Eve and jammer": (Tables(one_group(5, receivers=(Node.BOB,), jam=False)), ALL),
    "nothing, with 40 links": (Tables(one_group(5, links=40)), ALL),
    "rows of images and jamming": (Tables(drop(one_group(5), "images", "jamming")), without("images")),
    "complete tables": (Tables(one_group(5), missing=("images", "jamming", "control")), without("images")),
    "rows of channel and constellation": (Tables(drop(one_group(5), "channel", "constellation")), without("channel", "constellation")),
    "the tables channel and constellation": (
        Tables(one_group(5), missing=("channel", "constellation")),
        without("channel", "constellation"),
    ),
    "scores": (Tables(drop(one_group(5), "scores", "receptions")), without("scores")),
    "all but control": (Tables({name: one_group(5)[name] for name in ("links", "control")}), ["time-series", "timeline", "session"]),
    "receptions": (Tables(drop(one_group(5), "receptions")), without("scores")),
    "printable names": (Tables(one_group(5), ("open", "$\\frac{", "never\nused")), ALL),
}


@pytest.mark.parametrize(("tables", "figures"), INCOMPLETE.values(), ids=INCOMPLETE.keys())
def test_figures_without_data_are_left_out(tables: Tables, figures: list[str]) -> None:
    assert [name for name, _ in draw_all(read_view(tables))] == figures


def test_nan_snr_and_missing_classes_are_skipped() -> None:
    given = one_group(8)
    given["receptions"]["estimated_snr_db"][:] = np.nan
    given["receptions"]["snr_db"][:3] = -np.inf
    given["scores"]["class_received"][:] = -1
    assert [plot_style.svg(figure)[:5] for _, figure in draw_all(read_view(Tables(given)))] == [b"<?xml"] * len(ALL)


def test_the_title_states_how_many_groups_are_shown() -> None:
    groups = tuple(f"g{i}" for i in range(30))
    given = one_group(3, links=30)
    given["links"]["group"] = np.arange(30)
    figure = time_series_figure(read_view(Tables(given, groups)))
    assert len(figure.axes) == 2 * plot_style.MAX_GROUPS
    assert "first 12 of 30 groups" in figure.get_suptitle()


@pytest.mark.parametrize(("count", "across"), [(1, 1), (2, 2), (3, 3), (4, 2), (5, 3), (7, 3), (12, 3)])
def test_rows_of_blocks_have_similar_lengths(count: int, across: int) -> None:
    assert plot_style.side_by_side(count) == across


def test_200_000_rows_are_drawn_within_three_seconds() -> None:
    view = read_view(Tables(one_group(1500, images=1, links=64)))
    begun = time.process_time()
    time_series_figure(view), scores_figure(view), timeline_figure(view)
    assert sum(len(receiver.scores) for receiver in (view.groups[0].bob, view.groups[0].eve)) == 192_000
    assert time.process_time() - begun < 3


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return Tables(one_group(4)).write(tmp_path / "run.h5")


@pytest.mark.slow
def test_files_are_reproducible_and_ignore_the_users_settings(trace: Path, tmp_path: Path) -> None:
    first = plot_trace(trace, tmp_path / "new" / "folder", ("png", "svg"))
    with matplotlib.rc_context({"font.size": 20, "axes.grid": False, "savefig.dpi": 33}):
        second = plot_trace(trace, tmp_path / "b", ("png", "svg"))
        assert matplotlib.rcParams["font.size"] == 20
    names = tuple(ALL)
    assert [path.name for path in first] == [f"{name}.{kind}" for name in names for kind in ("png", "svg")]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert b"<dc:date>" not in first[1].read_bytes()


def test_a_pdf_has_no_date(tmp_path: Path) -> None:
    written = plot_style.save(time_series_figure(read_view(Tables(one_group(2)))), tmp_path / "time-series.pdf").read_bytes()
    assert written.startswith(b"%PDF")
    assert b"CreationDate" not in written


def test_a_trace_without_rows_is_rejected(tmp_path: Path) -> None:
    empty = Tables({"links": {"link": [0]}}).write(tmp_path / "empty.h5")
    with pytest.raises(TraceError, match=r"empty\.h5: nothing to show"):
        plot_trace(empty, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["empty.h5"]


def test_write_errors_have_one_line(trace: Path, tmp_path: Path) -> None:
    with pytest.raises(LinksimError, match="unknown figure format 'pngg'; did you mean 'png'"):
        plot_trace(trace, tmp_path / "out", ("pngg",))
    (tmp_path / "file").write_text("")
    with pytest.raises(LinksimError, match=r"file.* cannot be written"):
        plot_trace(trace, tmp_path / "file" / "out")


def test_the_summary_does_not_import_matplotlib_and_figures_import_neither_pyplot_nor_torch(trace: Path) -> None:
    script = f"""
import sys
from pathlib import Path
import linksim.plots.summary, linksim.plots.figures, linksim.plots.report
assert "matplotlib" not in sys.modules
linksim.plots.figures.plot_trace(Path({str(trace)!r}), Path({str(trace.parent)!r}))
assert "matplotlib.figure" in sys.modules
assert not {{"matplotlib.pyplot", "torch"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def confirmed() -> Given:
    """A probe, its report and a short CONFIRM before data frames of 2 ms, and a jammer that is on after the shown transmissions."""
    given = one_group(60, jam=False)
    kinds = [MessageKind.PROBE, MessageKind.REPORT, MessageKind.CONFIRM]
    given["control"] = {"time_ns": np.array([0, 250, 500]) * MS // 1000, "airtime_ns": np.array([200, 200, 40]) * MS // 1000} | {
        "sender": [Node.ALICE, Node.BOB, Node.ALICE],
        "message": kinds,
        "link": [0, 0, 0],
    }
    given["jamming"] = {"time_ns": np.array([160 * MS]), "end_ns": np.array([170 * MS]), "link": np.array([0])}
    return given


def test_the_timeline_names_a_jammer_only_where_it_shows_one() -> None:
    given = confirmed()
    late = timeline_figure(read_view(Tables(given)))
    given["jamming"]["time_ns"] = np.array([4 * MS])
    shown = timeline_figure(read_view(Tables(given)))
    for figure, jammed in ((late, False), (shown, True)):
        assert figure is not None
        assert ("jammer on" in [text.get_text() for text in figure.legends[0].get_texts()]) is jammed


def test_short_messages_of_the_timeline_have_labels_beside_them() -> None:
    figure = timeline_figure(read_view(Tables(confirmed())))
    assert figure is not None
    first = figure.axes[0]
    labels = {text.get_text(): text for text in first.texts if text.get_text()}
    assert {"PROBE", "REPORT", "CONFIRM"} <= set(labels)
    assert labels["CONFIRM"].get_position()[1] > 1 + timeline.HALF  # above Alice's bars
    assert labels["REPORT"].get_position()[1] < -timeline.HALF  # below Bob's bars
    boxes = [labels[name].get_window_extent() for name in ("PROBE", "CONFIRM")]
    assert not boxes[0].overlaps(boxes[1])


def test_all_kinds_of_message_have_colours_of_their_own() -> None:
    assert len(set(timeline.COLOURS)) == len(timeline.COLOURS) >= len(MessageKind)

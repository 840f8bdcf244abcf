"""Image quality over SNR by kind of link: groups of one kind share a line, and its points match the trace."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from plot_tables import Given, Tables, one_group

from linksim.plots.compare import compare_figure, comparison_lines
from linksim.plots.plot_style import LINE_STYLES, svg
from linksim.plots.snr_bins import MAX_LEVELS, snr_edges
from linksim.plots.snr_sweep_groups import snr_sweep_groups
from linksim.plots.trace_view import read_view

YAML = """
name: x
groups:
  jscc-low: {links: 2, scheme: [{name: deepjscc}], channel: {bob: {snr: {mean_db: 1}, csi: perfect}}, alice: {assumed_snr_db: 1}}
  jscc-high: {links: 1, scheme: [{name: deepjscc}], channel: {bob: {snr: {mean_db: 9}, csi: perfect}}, alice: {assumed_snr_db: 9}}
  one: {links: 1, scheme: [{name: digital}], channel: {bob: {snr: {kind: constant, mean_db: 1}, csi: perfect}}}
  two: {links: 1, scheme: [{name: digital}], channel: {bob: {snr: {kind: constant, mean_db: 3}, csi: perfect}}}
  piloted: {links: 1, scheme: [{name: digital}], channel: {bob: {snr: {kind: constant, mean_db: 3}, csi: pilots}}}
"""


def at(snr_db: list[float], groups: list[int], lost_below_db: float = -np.inf) -> Given:
    """One link per group, with six frames of two images at each SNR."""
    given = one_group(6 * len(snr_db), links=len(groups), jam=False)
    given["links"]["group"] = np.array(groups)
    level = np.asarray(snr_db)[np.asarray(given["receptions"]["frame"]) // 6]
    given["receptions"]["snr_db"] = level
    scores = given["scores"]
    received = np.asarray(snr_db)[np.asarray(scores["frame"]) // 6]
    scores["erased"] = ((received < lost_below_db) & (np.asarray(scores["link"]) == 1)).astype(int)
    return given


def drawn(figure: Figure | None) -> list[dict[str, np.ndarray]]:
    assert figure is not None
    return [{str(c.get_label()): np.array(c.lines[0].get_xydata()) for c in panel.containers} for panel in figure.axes]


def test_groups_that_differ_only_in_snr_share_a_name() -> None:
    assert snr_sweep_groups(YAML) == {
        "jscc-low": "jscc",
        "jscc-high": "jscc",
        "one": "one, two",
        "two": "one, two",
        "piloted": "piloted",
    }


@pytest.mark.parametrize("text", ["", "{", "a: 1", "groups: 3", "groups: {a: 1, b: [2]}", "groups: {a: {channel: 3, alice: null}}"])
def test_a_text_that_is_not_a_scenario_has_no_sweeps(text: str) -> None:
    assert set(snr_sweep_groups(text).values()) <= {"a", "b"}


def test_points_are_means_at_each_snr_and_erased_images_have_a_panel() -> None:
    view = read_view(Tables(at([0.0, 5.0, 10.0], [0, 1], lost_below_db=6.0), ("slide", "cliff")))
    psnr, accuracy, lost = drawn(compare_figure(view))[::2]  # those of Bob
    for place, name in enumerate(("slide", "cliff")):
        scores = view.groups[place].bob.scores
        means = [scores.psnr_db[scores.frame // 6 == level].mean() for level in range(3)]
        np.testing.assert_allclose(psnr[name], np.stack([[0.0, 5.0, 10.0], means], axis=1), rtol=1e-6)
    assert set(accuracy) == {"slide", "cliff"}
    assert {name: xy.tolist() for name, xy in lost.items()} == {"cliff": [[0.0, 100.0], [5.0, 100.0], [10.0, 0.0]]}


def test_groups_of_one_sweep_share_a_line() -> None:
    tables = Tables(at([0.0], [0, 1, 2, 3]), ("a-1", "a-2", "b-1", "b-2"))
    received = np.asarray(tables.table("receptions")["link"])
    tables.table("receptions")["snr_db"][:] = np.where(received % 2, 8.0, 2.0)
    assert compare_figure(read_view(tables)) is None  # every group has one SNR
    view = read_view(tables, {"a-1": "a", "a-2": "a", "b-1": "b", "b-2": "b"})
    assert [(line.name, [point.snr_db for point in line.points]) for line in comparison_lines(view)] == [
        ("a", [2.0, 8.0]),
        ("b", [2.0, 8.0]),
    ]
    assert set(drawn(compare_figure(view))[0]) == {"a", "b"}


def test_many_snrs_are_binned_and_few_are_not() -> None:
    few, many = np.linspace(0, 20, MAX_LEVELS), np.linspace(0, 20, 500)
    assert len(snr_edges([few, few], per_bin=80, per_level=1)) == MAX_LEVELS - 1
    assert len(snr_edges([many, many], per_bin=80, per_level=1)) == 500 // 80 - 1
    assert len(snr_edges([], per_bin=80, per_level=1)) == 0


def test_jammed_images_and_images_without_a_reception_are_left_out() -> None:
    given = at([0.0, 5.0], [0, 1])
    given["receptions"]["jammed_fraction"] = (np.asarray(given["receptions"]["frame"]) % 2).astype(float)
    given["receptions"]["snr_db"] = np.where(np.asarray(given["receptions"]["frame"]) == 0, np.nan, given["receptions"]["snr_db"])
    found = comparison_lines(read_view(Tables(given, ("a", "b"))))
    # three frames of two images remain at 5 dB, and two images at 0 dB, which are too few
    assert [[(point.snr_db, len(point.scores)) for point in line.points] for line in found] == [[(5.0, 6)], [(5.0, 6)]]


def test_the_title_states_how_many_kinds_of_link_are_shown() -> None:
    count = len(LINE_STYLES) + 2
    view = read_view(Tables(at([0.0, 5.0], list(range(count))), tuple(f"g{i}" for i in range(count))))
    figure = compare_figure(view)
    assert figure is not None
    assert len(drawn(figure)[0]) == len(LINE_STYLES)
    assert f"first {len(LINE_STYLES)} of {count} kinds of links" in figure.get_suptitle()
    assert svg(figure) == svg(compare_figure(view))  # type: ignore[arg-type]

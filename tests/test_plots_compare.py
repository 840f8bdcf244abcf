"""Quality over SNR by kind of link: groups that are one kind are one line, and its points are what the trace holds."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from plot_tables import Given, Tables, options

from linksim.plots.compare import LEVELS, compare_figure, levels, lines
from linksim.plots.plot_style import LINES, svg
from linksim.plots.snr_sweep_groups import snr_sweep_groups
from linksim.plots.trace_view import read_view

YAML = """
name: x
groups:
  plain-low: {links: 2, scheme: [{name: deepjscc}], channel: {bob: {snr: {mean_db: 1}, csi: perfect}}, alice: {assumed_snr_db: 1}}
  plain-high: {links: 1, scheme: [{name: deepjscc}], channel: {bob: {snr: {mean_db: 9}, csi: perfect}}, alice: {assumed_snr_db: 9}}
  one: {links: 1, scheme: [{name: digital}], channel: {bob: {snr: {kind: constant, mean_db: 1}, csi: perfect}}}
  two: {links: 1, scheme: [{name: digital}], channel: {bob: {snr: {kind: constant, mean_db: 3}, csi: perfect}}}
  piloted: {links: 1, scheme: [{name: digital}], channel: {bob: {snr: {kind: constant, mean_db: 3}, csi: pilots}}}
"""


def at(snr_db: list[float], groups: list[int], lost_below_db: float = -np.inf) -> Given:
    """A link for each group; every link has six frames of two images at each SNR."""
    given = options(6 * len(snr_db), links=len(groups), jam=False)
    given["links"]["group"] = np.array(groups)
    level = np.asarray(snr_db)[np.asarray(given["receptions"]["frame"]) // 6]
    given["receptions"]["snr_db"] = level
    quality = given["scores"]
    received = np.asarray(snr_db)[np.asarray(quality["frame"]) // 6]
    quality["erased"] = ((received < lost_below_db) & (np.asarray(quality["link"]) == 1)).astype(int)
    return given


def drawn(figure: Figure | None) -> list[dict[str, np.ndarray]]:
    assert figure is not None
    return [{str(c.get_label()): np.array(c.lines[0].get_xydata()) for c in panel.containers} for panel in figure.axes]


def test_groups_that_differ_in_snr_alone_are_kin() -> None:
    assert snr_sweep_groups(YAML) == {
        "plain-low": "deepjscc",
        "plain-high": "deepjscc",
        "one": "one, two",
        "two": "one, two",
        "piloted": "piloted",
    }


@pytest.mark.parametrize("text", ["", "{", "a: 1", "groups: 3", "groups: {a: 1, b: [2]}", "groups: {a: {channel: 3, alice: null}}"])
def test_a_text_that_is_no_scenario_names_no_kin(text: str) -> None:
    assert set(snr_sweep_groups(text).values()) <= {"a", "b"}


def test_points_are_the_means_at_each_snr_and_what_was_lost_has_a_panel() -> None:
    view = read_view(Tables(at([0.0, 5.0, 10.0], [0, 1], lost_below_db=6.0), ("slide", "cliff")))
    psnr, accuracy, lost = drawn(compare_figure(view))
    for place, name in enumerate(("slide", "cliff")):
        quality = view.groups[place].bob.quality
        means = [quality.psnr_db[quality.frame // 6 == level].mean() for level in range(3)]
        np.testing.assert_allclose(psnr[name], np.stack([[0.0, 5.0, 10.0], means], axis=1), rtol=1e-6)
    assert set(accuracy) == {"slide", "cliff"}
    assert {name: xy.tolist() for name, xy in lost.items()} == {"cliff": [[0.0, 100.0], [5.0, 100.0], [10.0, 0.0]]}


def test_kin_are_one_line() -> None:
    tables = Tables(at([0.0], [0, 1, 2, 3]), ("a-1", "a-2", "b-1", "b-2"))
    received = np.asarray(tables.table("receptions")["link"])
    tables.table("receptions")["snr_db"][:] = np.where(received % 2, 8.0, 2.0)
    assert compare_figure(read_view(tables)) is None  # every group has one SNR
    view = read_view(tables, {"a-1": "a", "a-2": "a", "b-1": "b", "b-2": "b"})
    assert [(line.name, [point.snr_db for point in line.points]) for line in lines(view)] == [("a", [2.0, 8.0]), ("b", [2.0, 8.0])]
    assert set(drawn(compare_figure(view))[0]) == {"a", "b"}


def test_many_snrs_are_put_into_bins_and_few_are_not() -> None:
    few, many = np.linspace(0, 20, LEVELS), np.linspace(0, 20, 500)
    assert len(levels([few, few])) == LEVELS - 1
    assert len(levels([many, many])) < LEVELS
    assert len(levels([])) == 0


def test_jammed_images_and_those_without_a_reception_are_left_out() -> None:
    given = at([0.0, 5.0], [0, 1])
    given["receptions"]["jammed_fraction"] = (np.asarray(given["receptions"]["frame"]) % 2).astype(float)
    given["receptions"]["snr_db"] = np.where(np.asarray(given["receptions"]["frame"]) == 0, np.nan, given["receptions"]["snr_db"])
    found = lines(read_view(Tables(given, ("a", "b"))))
    # three frames of two images remain at 5 dB; at 0 dB two of them, which are too few beside the others
    assert [[(point.snr_db, len(point.quality)) for point in line.points] for line in found] == [[(5.0, 6)], [(5.0, 6)]]


def test_more_lines_than_can_be_told_apart_are_cut_and_the_title_says_so() -> None:
    count = len(LINES) + 2
    view = read_view(Tables(at([0.0, 5.0], list(range(count))), tuple(f"g{i}" for i in range(count))))
    figure = compare_figure(view)
    assert figure is not None
    assert len(drawn(figure)[0]) == len(LINES)
    assert f"first {len(LINES)} of {count} kinds of links" in figure.get_suptitle()
    assert svg(figure) == svg(compare_figure(view))  # type: ignore[arg-type]

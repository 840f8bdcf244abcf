"""Summary, figures and report of a trace state if the run is unfinished or its groups are of unequal length."""

from pathlib import Path

import numpy as np
import pytest
from plot_tables import Given, Tables, one_group

from linksim.plots.figures import draw, draw_all, figure_functions, plot_trace
from linksim.plots.notice_strip import add_notices
from linksim.plots.notices import notices
from linksim.plots.plot_style import svg
from linksim.plots.report import write_report
from linksim.plots.summary import read_summary
from linksim.plots.trace_view import read_view

UNFINISHED = "unfinished: the run did not end normally, 12 data frames are in the trace"


def two_groups(second: int) -> Given:
    """Link 0 of one group with 8 frames, and link 1 of another with the given number."""
    given = one_group(8, links=2)
    kept = {"frames", "receptions", "scores"}
    return {
        name: {column: values[keep] for column, values in table.items()} if name in kept else table
        for name, table in given.items()
        for keep in [(table["link"] == 0) | (table["frame"] < second) if name in kept else slice(None)]
    } | {"links": {"link": [0, 1], "group": [0, 1]}}


def test_a_complete_trace_of_equal_groups_has_no_notice() -> None:
    for tables in (Tables(one_group(6, links=2)), Tables(two_groups(8), ("open", "sealed")), Tables({"links": {"link": []}})):
        assert notices(read_view(tables)) == ()


def test_an_unfinished_trace_and_unequal_groups_are_stated() -> None:
    assert notices(read_view(Tables(one_group(6, links=2)), complete=False)) == (UNFINISHED,)
    assert notices(read_view(Tables(two_groups(5), ("open", "sealed")))) == (
        "unequal groups: from 5 data frames per link (sealed) to 8 (open); their means are over different frames",
    )


def test_summary_and_report_of_an_unfinished_trace_say_so(tmp_path: Path) -> None:
    cut, whole = (Tables(one_group(6, links=2)).write(tmp_path / f"{complete}.h5", complete=complete) for complete in (False, True))
    assert read_summary(cut).text() == f"{read_summary(whole).text()}\n{UNFINISHED}"
    assert f'<p class="poor">{UNFINISHED}</p>' in write_report(cut, tmp_path / "cut.html").read_text()
    assert "unfinished" not in write_report(whole, tmp_path / "whole.html").read_text()


@pytest.mark.parametrize("name", figure_functions())
def test_every_figure_of_an_unfinished_trace_has_a_strip_and_is_as_before_below_it(name: str) -> None:
    tables, function = Tables(two_groups(5), ("open", "sealed")), figure_functions()[name]
    plain, marked = function(read_view(tables)), draw(function, read_view(tables, complete=False))
    if plain is None:
        assert marked is None
        return
    assert marked is not None
    said = [text.get_text() for text in marked.texts[len(plain.texts) :]]
    assert said[0].startswith("unfinished: the run did not end normally")
    assert " ".join(said).endswith("their means are over different frames")
    (width, height), (wide, high) = plain.get_size_inches(), marked.get_size_inches()
    assert wide == width
    assert 0.2 < high - height < 1.2
    for before, after in zip(plain.axes, marked.axes, strict=True):
        below = np.array(before.get_position().bounds) * (width, height, width, height)
        above = np.array(after.get_position().bounds) * (wide, high, wide, high)
        np.testing.assert_allclose(above, below, atol=1e-4)  # in inches
    highest = max(text.get_window_extent().y1 for text in marked.texts[: len(plain.texts)])
    assert highest < min(text.get_window_extent().y0 for text in marked.texts[len(plain.texts) :])
    assert svg(marked) == svg(marked)


def test_a_figure_without_notices_stays_as_it_is() -> None:
    ((_, figure), *_) = draw_all(read_view(Tables(one_group(6))))
    before = svg(figure)
    assert svg(add_notices(figure, ())) == before


def test_names_that_a_font_lacks_are_replaced(tmp_path: Path) -> None:
    trace = Tables(two_groups(5), ("open", "\u4e2d" * 30)).write(tmp_path / "cut.h5", complete=False)
    for path in plot_trace(trace, tmp_path, ("svg",)):  # a missing character would be a warning, which is an error in tests
        assert path.stat().st_size > 1000

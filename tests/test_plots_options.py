"""Options of `linksim plot` and `Run.plot` select figures, groups and links, and set title and size; wrong ones have one clear message."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adaptive_tables import adaptive, scenario
from click.testing import CliRunner, Result
from matplotlib.figure import Figure
from plot_tables import Given, Tables, one_group

import linksim
from linksim import registry
from linksim.cli import main
from linksim.errors import LinksimError
from linksim.plots.figure_options import FigureOptions, parse_size, select_view
from linksim.plots.figures import draw_all, plot_trace
from linksim.plots.policy_groups import policy_groups_of
from linksim.plots.trace_view import TraceView, read_view

PATH = Path("run.h5")
GROUPS = ("open", "sealed")


def two_groups() -> Given:
    """Six links: 0 to 3 in the first group, 4 and 5 in the second."""
    return one_group(8, links=6) | {"links": {"link": np.arange(6), "group": [0, 0, 0, 0, 1, 1]}}


@pytest.fixture
def view() -> TraceView:
    return read_view(Tables(two_groups(), GROUPS))


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return Tables(two_groups(), GROUPS).write(tmp_path / "run.h5")


def plot(*words: str) -> Result:
    return CliRunner().invoke(main, ["plot", *words], catch_exceptions=False)


def adaptive_view() -> TraceView:
    policies = ("oracle", "lookup")
    return read_view(Tables(adaptive(policies, 2, 8), policies), policy_groups=policy_groups_of(scenario(policies)))


def every_figure(view: TraceView, **options: Any) -> dict[str, Figure]:
    """All figures of a trace with data for the general ones, and of one with adaptive groups."""
    chosen = FigureOptions(**options)
    return dict(draw_all(view, chosen)) | dict(draw_all(adaptive_view(), chosen))


def test_only_the_named_figures_are_drawn(trace: Path, tmp_path: Path) -> None:
    result = plot(str(trace), "--only", "timeline", "--only", "scores", "--only", "scores", "--format", "svg")
    assert result.exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] != []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.h5", "scores.svg", "timeline.svg"]
    assert len(result.stdout.splitlines()) == 2


def test_groups_and_links_restrict_the_view(view: TraceView) -> None:
    whole = select_view(view, FigureOptions(), PATH)
    assert whole is view
    sealed = select_view(view, FigureOptions(groups=("sealed",)), PATH)
    assert [(group.name, group.links.tolist()) for group in sealed.groups] == [("sealed", [4, 5])]
    assert len(sealed.groups[0].frames) == 16
    some = select_view(view, FigureOptions(links=(5, 1)), PATH)
    assert [(group.name, group.links.tolist()) for group in some.groups] == [("open", [1]), ("sealed", [5])]
    for group, link in zip(some.groups, (1, 5), strict=True):
        tables = (group.frames, group.control, group.jamming, group.bob.scores, group.bob.receptions, group.eve.scores)
        assert all(set(rows.link.tolist()) == {link} for rows in tables)
        assert len(group.bob.scores) == 16
    assert [group.name for group in select_view(view, FigureOptions(groups=("open",), links=(2,)), PATH).groups] == ["open"]


def test_the_time_axis_ends_with_the_chosen_links() -> None:
    given = two_groups()
    early = {name: {column: np.asarray(values)[np.asarray(table["link"]) < 4] for column, values in table.items()} for name, table in
             given.items() if "link" in table and name != "links"}  # fmt: skip
    late = {name: {column: np.asarray(values)[np.asarray(table["link"]) >= 4] for column, values in table.items()} for name, table in
            given.items() if "link" in table and name != "links"}  # fmt: skip
    for table in late.values():
        for column in table.keys() & {"time_ns", "end_ns"}:
            table[column] = table[column] + 10**9
    both: Given = {name: {column: np.concatenate([early[name][column], late[name][column]]) for column in early[name]} for name in early}
    view = read_view(Tables({"links": given["links"]} | both, GROUPS))
    assert view.end_s > 1
    assert select_view(view, FigureOptions(groups=("open",)), PATH).end_s < 0.1


def test_figures_show_the_chosen_part(view: TraceView, trace: Path, tmp_path: Path) -> None:
    chosen = select_view(view, FigureOptions(groups=("sealed",)), PATH)
    ((_, figure),) = draw_all(chosen, FigureOptions(only=("time-series",)))
    assert len(figure.axes) == 2
    assert figure.axes[0].get_title(loc="left").startswith("sealed: 2 links")
    assert plot(str(trace), "--only", "timeline", "--link", "5", "--format", "svg").exit_code == 0
    assert (tmp_path / "timeline.svg").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--only", "scors"), "linksim: no figure 'scors'; did you mean 'scores'?"),
        (("--only", "scors", "--only", "sesion"), "no figure 'sesion'; did you mean 'session'?"),
        (("--group", "seled"), "run.h5: no group 'seled'; did you mean 'sealed'?"),
        (("--group", "x"), "run.h5: no group 'x'; allowed: open, sealed"),
        (("--link", "9"), "run.h5: no link 9; allowed: 0-5"),
        (("--link", "-1"), "run.h5: no link -1; allowed: 0-5"),
        (("--group", "open", "--link", "5"), "run.h5: link 5 belongs to the group 'open', which".replace("open", "sealed")),
        (("--only", "policies"), "run.h5: no data for the figure 'policies': It needs two groups that differ only in Bob's policy"),
        (("--only", "channel", "--link", "3"), "run.h5: no data for the figure 'channel' on the chosen groups and links: No path"),
        (("--size", "7by4"), "--size '7by4'; allowed: width and height in inches with an x between them, such as 7x4.5"),
        (("--size", "0x4"), "a figure of 0 x 4 inches; allowed: width and height from 1 to 40 inches"),
        (("--size", "7x400"), "a figure of 7 x 400 inches; allowed: width and height from 1 to 40 inches"),
        (("--only", "scores", "--size", "1x1"), "the labels of the figure 'scores' do not fit 1 x 1 inches; choose a larger size"),
        (("--title", "\u4e2d"), "the title '\u4e2d' has characters that the font DejaVu Sans lacks: '\u4e2d'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_options_have_one_message_and_write_nothing(trace: Path, tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    result = plot(str(trace), *words)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.startswith("linksim: ")
    assert len(result.stderr.splitlines()) == len([word for word in words if word == "--only"]) or "--only" not in words
    assert [path.name for path in tmp_path.iterdir()] == ["run.h5"]


def test_a_title_and_no_title_exclude_each_other(trace: Path) -> None:
    result = plot(str(trace), "--title", "Mine", "--no-title")
    assert result.exit_code == 2
    assert "give either --title or --no-title" in result.stderr


def test_a_link_without_transmissions_is_refused() -> None:
    given = one_group(4, links=2)
    for name in ("frames", "control", "receptions", "scores", "jamming"):
        own = np.asarray(given[name]["link"]) == 0
        given[name] = {column: np.asarray(values)[own] for column, values in given[name].items()}
    with pytest.raises(LinksimError, match=r"run\.h5: nothing to show: nothing was sent on the chosen links"):
        select_view(read_view(Tables(given)), FigureOptions(links=(1,)), PATH)


@pytest.mark.slow
def test_every_figure_has_the_given_title_or_none(view: TraceView) -> None:
    own, mine, none = every_figure(view), every_figure(view, title="Mine: \u00b1 3 dB"), every_figure(view, title="")
    assert set(own) == set(mine) == set(none) == {component.name for component in registry.components("figure")}
    assert all(figure.get_suptitle() for figure in own.values())
    assert {figure.get_suptitle() for figure in mine.values()} == {"Mine: \u00b1 3 dB"}
    assert {figure.get_suptitle() for figure in none.values()} == {""}
    for name, figure in none.items():  # the space of the title goes to the panels, unless these are square
        if name == "constellation":
            continue
        assert max(panel.get_position().y1 for panel in figure.axes) > max(panel.get_position().y1 for panel in own[name].axes), name


@pytest.mark.slow
def test_every_figure_has_the_given_size_and_its_panels_lie_within(view: TraceView) -> None:
    for name, figure in every_figure(view, size=(7.0, 6.0)).items():
        assert figure.get_size_inches().tolist() == [7.0, 6.0], name
        for panel in figure.axes:
            box = panel.get_position()
            assert 0 <= box.x0 < box.x1 <= 1, name
            assert 0 <= box.y0 < box.y1 <= 1, name


def test_a_narrow_figure_has_fewer_blocks_in_a_row(view: TraceView) -> None:
    options = {"only": ("time-series",)}
    ((_, wide),) = draw_all(view, FigureOptions(**options, size=(10.0, 6.0)))  # type: ignore[arg-type]
    ((_, narrow),) = draw_all(view, FigureOptions(**options, size=(3.5, 6.0)))  # type: ignore[arg-type]
    assert [len({round(panel.get_position().x0, 3) for panel in figure.axes}) for figure in (wide, narrow)] == [2, 1]


def test_the_given_size_includes_the_notices(view: TraceView) -> None:
    for name, figure in draw_all(replace(view, complete=False), FigureOptions(size=(7.0, 6.0))):
        assert figure.get_size_inches() == pytest.approx([7.0, 6.0]), name
        assert any(text.get_text().startswith("unfinished") for text in figure.texts)


def test_the_notice_of_an_unfinished_run_counts_the_frames_of_the_whole_trace(tmp_path: Path) -> None:
    trace = Tables(two_groups(), GROUPS).write(tmp_path / "cut.h5", complete=False)
    (path,) = plot_trace(trace, tmp_path, ("svg",), FigureOptions(only=("timeline",), groups=("sealed",)))
    assert path.is_file()
    whole, part = (dict(draw_all(read_view(Tables(two_groups(), GROUPS)), lines=lines)) for lines in (("a",), ()))
    assert len(whole["timeline"].texts) == len(part["timeline"].texts) + 1


def test_a_figure_from_outside_has_title_and_size(view: TraceView) -> None:
    def draw(view: TraceView) -> Figure:
        figure = Figure(figsize=(3, 3))
        figure.suptitle("own")
        figure.subplots()
        return figure

    linksim.register("figure", "outside")(draw)
    try:
        ((_, figure),) = draw_all(view, FigureOptions(only=("outside",), title="Mine", size=(5.0, 4.0)))
        assert (figure.get_suptitle(), figure.get_size_inches().tolist()) == ("Mine", [5.0, 4.0])
        ((_, figure),) = draw_all(view, FigureOptions(only=("outside",)))
        assert (figure.get_suptitle(), figure.get_size_inches().tolist()) == ("own", [3.0, 3.0])
    finally:
        registry.remove("figure", "outside")


def test_the_python_interface_takes_the_same_options(trace: Path, tmp_path: Path) -> None:
    with linksim.open_trace(trace) as run:
        paths = run.plot(tmp_path / "out", ["svg"], only=["scores"], groups=["open"], links=[0, 1], title="", size=(6.0, 4.0))
        assert [path.name for path in paths] == ["scores.svg"]
        assert b'width="432pt" height="288pt"' in paths[0].read_bytes()
        with pytest.raises(LinksimError, match="no group 'opn'; did you mean 'open'"):
            run.plot(tmp_path / "out", groups=["opn"])


@pytest.mark.parametrize("text", ["", "7", "7x", "x7", "7x4x2", "-7x4", "7x4in", "1e2x4", "nanx4", "\u0667x4"])
def test_other_texts_are_no_sizes(text: str) -> None:
    with pytest.raises(LinksimError, match="allowed: width and height in inches"):
        parse_size(text)

"""The report is a well-formed, self-contained page, and names in a trace cannot inject markup."""

import base64
from html.parser import HTMLParser
from pathlib import Path

import pytest
from plot_tables import FRAMES, SCENARIO, Tables, one_group, two_small_groups

from linksim.errors import LinksimError, TraceError
from linksim.plots.html import Markup, element
from linksim.plots.report import run_section, summary_section, title_of, write_report
from linksim.plots.summary import summarise
from linksim.plots.trace_view import read_view
from linksim.trace.reader import open_trace


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return Tables(one_group(4)).write(tmp_path / "run.h5")


class Page(HTMLParser):
    """A strict parser of a page: every element must be closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_text_in_an_element_is_escaped() -> None:
    assert element("p", '<b>"&', title='">') == '<p title="&quot;&gt;">&lt;b&gt;&quot;&amp;</p>'
    assert element("p", element("b", "x"), Markup("<hr>")) == "<p><b>x</b><hr></p>"


def test_the_page_is_well_formed_and_self_contained(trace: Path, tmp_path: Path) -> None:
    written = write_report(trace, tmp_path / "deep" / "report.html")
    html = written.read_text(encoding="utf-8")
    page = Page(html)
    sources = [str(image["src"]) for image in page.named("img")]
    assert sum(source.startswith("data:image/svg+xml;base64,") for source in sources) == 6
    assert sum(source.startswith("data:image/png;base64,") for source in sources) == 12
    assert all(image["alt"] for image in page.named("img"))
    assert not page.named("script") + page.named("link") + page.named("iframe")
    assert not [1 for _, attributes in page.elements if "href" in attributes]
    assert "http:" not in html
    assert "https:" not in html
    drawings = [base64.b64decode(source.split(",")[1]) for source in sources if "svg" in source]
    assert not [1 for drawing in drawings if b'href="http' in drawing or b"<script" in drawing]
    text = " ".join(page.texts)
    for shown in (
        "example",
        "a description",
        "complete",
        "beef",
        "linksim 0.1.0",
        "ab" * 32,
        "Resolved scenario",
        SCENARIO.splitlines()[0],
    ):
        assert shown in text
    assert write_report(trace, tmp_path / "again.html").read_bytes() == written.read_bytes()


def test_errors_have_one_line(trace: Path, tmp_path: Path) -> None:
    with pytest.raises(LinksimError, match=r"run\.h5.* cannot be written"):
        write_report(trace, trace / "report.html")
    empty = Tables({"links": {"link": [0]}}).write(tmp_path / "empty.h5")
    with pytest.raises(TraceError, match=r"empty\.h5: nothing to show"):
        write_report(empty, tmp_path / "out" / "report.html")
    assert not (tmp_path / "out").exists()


def test_the_page_marks_an_unfinished_run(tmp_path: Path) -> None:
    with open_trace(Tables(one_group(2)).write(tmp_path / "cut.h5", complete=False)) as cut:
        assert "unfinished: the run did not end normally" in Page(run_section(cut)).texts


def test_the_page_has_the_numbers_of_the_summary() -> None:
    shown = set(Page(summary_section(summarise(read_view(two_small_groups(), block_lengths=FRAMES)), ["a against b: reward +0.1"])).texts)
    assert {
        "a against b: reward +0.1",
        "20.00 ± 26.89",
        "3 (2 distinct)",
        "14.32",
        "0.500 ± 0.672",
        "66.7 % [4.9, 98.7]",
        "16.7 %",
        "33.3 %",
        "10.00 ± 0.00",
    } <= shown


def test_a_hostile_trace_cannot_inject_markup(tmp_path: Path) -> None:
    nasty = """</style></title><script>alert(1)</script>"><img/src=x/onerror=alert(1)><svg/onload=alert(1)>&amp;"""
    scenario = f"name: '{nasty}'\ndescription: '{nasty}'\n"
    hostile = Tables(one_group(3), (nasty,)).write(tmp_path / "h.h5", scenario, names=(nasty, nasty))
    page = Page(write_report(hostile, tmp_path / "r.html").read_text(encoding="utf-8"))
    assert not page.named("script") + page.named("svg")
    assert not [1 for _, attributes in page.elements for key, value in attributes.items() if key.startswith("on") or value == "x"]
    assert page.texts.count(nasty) == 4  # heading, description, group in the table, group above its images
    assert {f"{nasty}: linksim report", f"model {nasty}", f"{nasty} 0.1.0", scenario} <= set(page.texts)


@pytest.mark.parametrize(
    ("scenario", "title"),
    [
        (SCENARIO, ("example", "a description")),
        ("name: 3", ("3", "")),
        ("- 1", ("run", "")),
        ("name: [", ("run", "")),
        ("a: &a 1\nb: *a", ("run", "")),
    ],
)
def test_the_file_name_is_the_title_without_a_readable_scenario(scenario: str, title: tuple[str, str]) -> None:
    assert title_of(scenario, Path("some/run.h5")) == title

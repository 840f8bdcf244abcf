"""Tables of cells beside the paper's figures, as plain text for a terminal and as Markdown for a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from linksim.plots.intervals import Interval
from linksim.reproduction.claims import figure
from linksim.reproduction.results import ResultStore

UNITS = {"psnr_db": " dB", "ssim": ""}
NONE = "-"


@dataclass(frozen=True)
class Entry:
    """One place of a table.

    key    of the cell
    paper  the paper's figures by metric, in the order of the table's; empty where it has none
    """

    key: str
    paper: tuple[float, ...] = ()


@dataclass(frozen=True)
class Row:
    """A row: its name, and an entry per column."""

    name: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Table:
    """A table of cells. One that no paper has is made of entries without the paper's figures.

    name     of its cells: the first word of their keys
    metrics  of each entry, in order
    remarks  what follows from its cells, a sentence each; empty where cells are missing
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    metrics: tuple[str, ...] = ("psnr_db", "ssim")
    remarks: tuple[Callable[[ResultStore], str], ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(entry for row in self.rows for entry in row.entries)


def text(table: Table, results: ResultStore) -> str:
    """Aligned columns: ours, then the paper's in brackets; below, the widest intervals."""
    head = ["", *table.columns]
    body = [[row.name, *(_text_entry(table, entry, results) for entry in row.entries)] for row in table.rows]
    widths = [max(len(line[place]) for line in [head, *body]) for place in range(len(head))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in [head, *body]]
    return "\n".join([table.title, *lines, *_sureness(table, results), *_remarks(table, results)])


def markdown(table: Table, results: ResultStore) -> str:
    """Ours with its interval, then the paper's in brackets."""
    head = ["", *table.columns]
    body = [[row.name, *(_markdown_entry(table, entry, results) for entry in row.entries)] for row in table.rows]
    lines = [head, ["---"] * len(head), *body]
    said = [f"- {remark}" for remark in _remarks(table, results)]
    return "\n".join([f"## {table.title}", "", *("| " + " | ".join(line) + " |" for line in lines), "", *said, *[""][: len(said)]])


def _remarks(table: Table, results: ResultStore) -> list[str]:
    return [said for remark in table.remarks if (said := remark(results))]


def _text_entry(table: Table, entry: Entry, results: ResultStore) -> str:
    ours = [figure(about.value) for about in _intervals(table, entry, results)] or [NONE]
    paper = f"  ({_joined(table, [figure(value) for value in entry.paper])})" if entry.paper else ""
    return _joined(table, ours) + paper


def _markdown_entry(table: Table, entry: Entry, results: ResultStore) -> str:
    ours = [f"{figure(about.value)} ± {about.high - about.value:.2g}" for about in _intervals(table, entry, results)] or [NONE]
    paper = f" ({_joined(table, [figure(value) for value in entry.paper])})" if entry.paper else ""
    return _joined(table, ours) + paper


def _joined(table: Table, figures: Sequence[str]) -> str:
    units = [UNITS.get(metric, "") if figures != [NONE] else "" for metric in table.metrics]
    return " / ".join(word + unit for word, unit in zip(figures, units, strict=False))


def _intervals(table: Table, entry: Entry, results: ResultStore) -> list[Interval]:
    return [results[entry.key].interval(metric) for metric in table.metrics] if entry.key in results else []


def _sureness(table: Table, results: ResultStore) -> list[str]:
    """The widest 95 % interval of each metric, and over how many images."""
    measured = [found for entry in table.entries if (found := _intervals(table, entry, results))]
    if not measured:
        return []
    widest = [max(about.high - about.value for about in column) for column in zip(*measured, strict=True)]
    halves = [f"{half:.2g}{UNITS.get(metric, '')}" for half, metric in zip(widest, table.metrics, strict=True)]
    counts = sorted({about.n for found in measured for about in found})
    return [f"95 % intervals are within +- {' and +- '.join(halves)}; {' or '.join(f'{n:,}' for n in counts)} images a cell"]

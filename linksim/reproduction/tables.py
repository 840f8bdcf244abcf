"""Tables of results beside the paper's values, as plain text for a terminal and as Markdown for a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from linksim.reproduction.claims import figure
from linksim.reproduction.results import DifferentDrawsError, ResultStore
from linksim.statistics import Interval

UNITS = {"psnr_db": " dB", "ssim": ""}
NONE = "-"


@dataclass(frozen=True)
class Entry:
    """One entry of a table.

    key    of the experiment
    paper  the paper's values, in the order of the table's metrics; empty where it has none
    note   function of the results: a word that follows the values, such as "failed"; empty where there is nothing to note
    """

    key: str
    paper: tuple[float, ...] = ()
    note: Callable[[ResultStore], str] | None = None


@dataclass(frozen=True)
class Row:
    """A row of a table.

    name     text of its first column
    entries  one per column of the table
    """

    name: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Table:
    """A table of results. A supplementary table has entries without the paper's values.

    name     first part of the keys of its experiments
    title    heading, with the quantities of an entry in the order of `metrics`
    columns  heads of the columns, without the first
    metrics  of each entry, in order
    remarks  conclusions from the table's results, one sentence each; empty where results are missing
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
    """The table as aligned text: measured values, the paper's in brackets; the widest intervals below."""
    head = ["", *table.columns]
    body = [[row.name, *(_text_entry(table, entry, results) for entry in row.entries)] for row in table.rows]
    widths = [max(len(line[place]) for line in [head, *body]) for place in range(len(head))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in [head, *body]]
    return "\n".join([table.title, *lines, *_widest_intervals(table, results), *_remarks(table, results)])


def markdown(table: Table, results: ResultStore) -> str:
    """The table as Markdown: measured values with their intervals, the paper's in brackets."""
    head = ["", *table.columns]
    body = [[row.name, *(_markdown_entry(table, entry, results) for entry in row.entries)] for row in table.rows]
    lines = [head, ["---"] * len(head), *body]
    remarks = [f"- {remark}" for remark in _remarks(table, results)]
    return "\n".join([f"## {table.title}", "", *("| " + " | ".join(line) + " |" for line in lines), "", *remarks, *[""][: len(remarks)]])


def _remarks(table: Table, results: ResultStore) -> list[str]:
    return [sentence for remark in table.remarks if (sentence := _remark(remark, results))]


def _remark(remark: Callable[[ResultStore], str], results: ResultStore) -> str:
    try:
        return remark(results)
    except DifferentDrawsError as error:
        return f"not comparable: {error}"


def _text_entry(table: Table, entry: Entry, results: ResultStore) -> str:
    ours = [figure(interval.value) for interval in _intervals(table, entry, results)] or [NONE]
    paper = f"  ({_joined(table, [figure(value) for value in entry.paper])})" if entry.paper else ""
    return _joined(table, ours) + paper + _note(entry, results, " {}")


def _markdown_entry(table: Table, entry: Entry, results: ResultStore) -> str:
    ours = [f"{figure(i.value)} ± {i.high - i.value:.2g}" for i in _intervals(table, entry, results)] or [NONE]
    paper = f" ({_joined(table, [figure(value) for value in entry.paper])})" if entry.paper else ""
    return _joined(table, ours) + paper + _note(entry, results, " **{}**")


def _note(entry: Entry, results: ResultStore, form: str) -> str:
    """The note of an entry that has a result, in a form such as " **{}**"; empty without a note."""
    word = entry.note(results) if entry.note and entry.key in results else ""
    return form.format(word) if word else ""


def _joined(table: Table, figures: Sequence[str]) -> str:
    units = [UNITS.get(metric, "") if figures != [NONE] else "" for metric in table.metrics]
    return " / ".join(word + unit for word, unit in zip(figures, units, strict=False))


def _intervals(table: Table, entry: Entry, results: ResultStore) -> list[Interval]:
    return [results[entry.key].interval(metric) for metric in table.metrics] if entry.key in results else []


def _widest_intervals(table: Table, results: ResultStore) -> list[str]:
    """The widest 95 % interval of each metric, and the number of images."""
    measured = [found for entry in table.entries if (found := _intervals(table, entry, results))]
    if not measured:
        return []
    widest = [max(interval.high - interval.value for interval in column) for column in zip(*measured, strict=True)]
    halves = [f"{half:.2g}{UNITS.get(metric, '')}" for half, metric in zip(widest, table.metrics, strict=True)]
    counts = sorted({interval.n for found in measured for interval in found})
    return [f"95 % intervals are within +- {' and +- '.join(halves)}; {' or '.join(f'{n:,}' for n in counts)} images per experiment"]

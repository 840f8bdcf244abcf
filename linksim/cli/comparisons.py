"""The command `compare`: paired differences between runs, between the groups of a run, or between the values of an axis of a sweep."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from linksim.cli.json_output import AS_JSON, print_json
from linksim.cli.main import PATH, main
from linksim.cli.tables import SHOWN, aligned, is_sweep, table_at
from linksim.errors import LinksimError

if TYPE_CHECKING:
    from linksim.statistics import Interval


@main.command()
@click.argument("results", nargs=-1, required=True, type=PATH)
@click.option("--by", metavar="AXIS", help="Of a sweep: compare the values of this axis.  [default: the first axis that is not of numbers]")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Compare this metric only; repeatable.")
@AS_JSON
def compare(results: tuple[Path, ...], by: str | None, metrics: tuple[str, ...], as_json: bool) -> None:
    """Compare RESULTS: traces or folders of runs with the first one, the groups of one run with its first group, or a sweep's values.

    Images are compared in pairs, at equal links, frames and images of the dataset, and the replications of a sweep at equal numbers. A
    difference is that of the second minus the first, with its 95 % interval over independent units or replications.
    """
    if is_sweep(results[0]):
        if len(results) > 1:
            raise click.UsageError("give one sweep, or several traces")
        found, lines = _of_sweep(results[0], by, metrics)
    elif by is not None:
        raise click.UsageError("--by compares the values of an axis of a sweep; these are traces")
    else:
        found, lines = _of_traces(results, metrics)
    if as_json:
        print_json({"differences": found})
        return
    for line in aligned(lines):
        click.echo(line)


def _of_traces(paths: Sequence[Path], metrics: Sequence[str]) -> tuple[list[object], list[list[str]]]:
    """The differences between traces, and the cells of their table."""
    from linksim.cli.run_folder import trace_at
    from linksim.plots.decorrelation import block_lengths
    from linksim.plots.number_text import count, no_interval_remark
    from linksim.plots.trace_comparison import compare_views
    from linksim.plots.trace_view import TraceView, read_view
    from linksim.registry import suggest
    from linksim.trace.reader import open_trace

    views: dict[str, TraceView] = {}
    for path in paths:
        with open_trace(trace_at(path)) as trace:
            views[str(path)] = read_view(trace, block_lengths=block_lengths(trace.scenario_yaml))
    if len(views) < len(paths):
        raise LinksimError(f"got {paths[0]} and others more than once, allowed: different traces")
    everything = compare_views(views)
    if not everything:
        raise LinksimError("nothing to compare: the results have no two groups with the same images on the same links and frames")
    found = [each for each in everything if not metrics or each.metric in metrics]
    if unknown := set(metrics) - {each.metric for each in everything}:
        raise LinksimError(f"no metric {min(unknown)!r}; {suggest(min(unknown), {each.metric for each in everything})}")
    lines = [["first", "second", "receiver", "metric", "of first", "of second", "difference", ""]]
    for each in found:
        remark = no_interval_remark(each.difference) or count(each.difference.n, "independent pair")
        means = f"{each.of_first:.3f}", f"{each.of_second:.3f}"
        cells = [each.first, each.second, each.receiver, each.metric, *means, _signed(each.difference)]
        lines.append([*cells, f"{each.images:,} images, {remark}"])
    return list(found), lines


def _of_sweep(folder: Path, by: str | None, metrics: Sequence[str]) -> tuple[list[object], list[list[str]]]:
    """The differences between the values of an axis of a sweep, and the cells of their table."""
    from linksim.plots.number_text import count
    from linksim.sweeps.comparison import compare_values
    from linksim.sweeps.figure import is_number
    from linksim.sweeps.points import REPLICATED, shown

    table = table_at(folder)
    if by is None:
        words = [name for name in table.axes if name not in REPLICATED and not all(is_number(value) for value in table.column(name))]
        groups = ["group"] if len(set(table.column("group"))) > 1 else []
        by = next(iter([*words, *groups]), None)
    if by is None:
        raise LinksimError(f"{folder}: all axes are of numbers; name one with --by: {', '.join(table.axes)}")
    found = compare_values(table, by, metrics or [name for name in SHOWN if any(value is not None for value in table.column(name))])
    if not found:
        raise LinksimError(f"{folder}: no metric {', '.join(metrics)} at two values of {by}")
    others = list(found[0].cell)
    lines = [[*others, by, "metric", "of first", "of second", "difference", ""]]
    for each in found:
        cell = [shown(each.cell[name]) for name in others]
        means = f"{each.of_first:.3f}", f"{each.of_second:.3f}"
        pairs = count(each.difference.n, "pair")
        lines.append([*cell, f"{each.second} - {each.first}", each.metric, *means, _signed(each.difference), pairs])
    return list(found), lines


def _signed(difference: "Interval") -> str:
    """A difference with its sign, and its interval if it has one."""
    bounds = "" if math.isnan(difference.low) else f" [{difference.low:+.3f}, {difference.high:+.3f}]"
    return f"{difference.value:+.3f}{bounds}"

"""The command `sweep`: one scenario at every point of a grid of options.

scenario, axes --> sweep --> DIR/sweep.csv, DIR/sweep.png
                             DIR/journal.sqlite    finished points, with which the same command continues
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from linksim.cli.json_output import AS_JSON, print_json
from linksim.cli.main import OVERRIDES, PATH, PLUGINS, draw_line, main
from linksim.cli.scenarios import ScenarioName
from linksim.cli.termination import keeping
from linksim.cli.workers import PartOfN, Workers
from linksim.errors import LinksimError
from linksim.progress import progress_line, times

if TYPE_CHECKING:
    from linksim.sweeps.table import SweepTable

SHOWN = ("psnr_db", "ssim", "accuracy")  # columns that are printed, with those of the axes


@main.command()
@click.argument("scenario", type=ScenarioName())
@click.option(
    "--axis",
    "axes",
    multiple=True,
    required=True,
    metavar="KEY=VALUES",
    help="Values of a key, as in channel.bob.snr.mean_db=0,5,10 or seed=1..5 or snr=0..20..2.5; repeatable: all combinations are run.",
)
@OVERRIDES
@click.option("--workers", type=Workers(), default="auto", show_default=True, help="Number of processes, or auto.")
@click.option("--out", type=PATH, metavar="DIR", help="Folder of the table, the figure and the journal.  [default: results/sweeps/NAME]")
@click.option("--traces", is_flag=True, help="Keep the trace of every point, in DIR/points.")
@click.option(
    "--engine",
    type=click.Choice(["local", "dask", "ray", "slurm"]),
    default="local",
    show_default=True,
    help="What runs the points: processes of this machine, Dask, Ray, or a job array of Slurm with a task per worker.",
)
@click.option("--address", metavar="ADDRESS", help="Scheduler of Dask or Ray.  [default: processes of this machine]")
@click.option("--dry-run", is_flag=True, help="Write the script of the job array, DIR/sweep.sbatch, and do not submit it.")
@click.option("--part", type=PartOfN(), metavar="I/N", help="Run the I-th of N parts of the points only, as a task of a job array does.")
@AS_JSON
@click.pass_context
def sweep(
    context: click.Context,
    scenario: str,
    axes: tuple[str, ...],
    overrides: tuple[str, ...],
    workers: int,
    out: Path | None,
    traces: bool,
    engine: str,
    address: str | None,
    dry_run: bool,
    part: tuple[int, int] | None,
    as_json: bool,
) -> None:
    """Run SCENARIO at every combination of the values of the axes, and write one table of all results.

    Finished points are kept: a sweep that was ended, also by kill -9, continues with the others. Further values of an axis can be added.
    A point that fails does not end the sweep; its error is printed at the end, with exit status 1.
    """
    from linksim.plugins import load_entry_points
    from linksim.scenario.load import load_scenario
    from linksim.sweeps import driver
    from linksim.sweeps.engines import open_engine

    load_entry_points()
    parsed = parse_axes(axes)
    name, started = load_scenario(scenario, overrides).name, time.monotonic()
    folder = out or Path("results/sweeps") / name
    if engine == "slurm":
        command = command_of(scenario, axes, overrides, folder, traces, context.meta[PLUGINS])
        _submit(command, folder, name, workers, dry_run, as_json)
        return

    def report(done: int, total: int) -> None:
        draw_line(progress_line(done, total, "points", "", (times(time.monotonic() - started, done, total),)))

    with ExitStack() as stack:
        stack.enter_context(keeping(lambda: f"Finished points are kept in {folder}; the same command continues with the others."))
        execute = None if engine == "local" else stack.enter_context(open_engine(engine, workers, address))
        table = driver.sweep(
            lambda texts: load_scenario(scenario, [*overrides, *texts]),
            parsed,
            folder,
            workers,
            traces,
            context.meta[PLUGINS],
            report,
            execute,
            part or driver.WHOLE,
        )
    draw_line("", end="\n")
    if part is None:
        _write(table, folder, name, as_json)
    if table.errors:
        raise LinksimError("\n".join(f"{point}: {error}" for point, error in table.errors.items()))


def parse_axes(texts: Sequence[str]) -> dict[str, list[object]]:
    """Return the values of each axis. Raises LinksimError for a text that is no axis, and for a second axis of a key."""
    from linksim.sweeps.points import parse_axis

    parsed: dict[str, list[object]] = {}
    for text in texts:
        key, values = parse_axis(text)
        if key in parsed:
            raise LinksimError(f"--axis {text}: got a second axis {key}, allowed: one per key")
        parsed[key] = values
    return parsed


def _write(table: "SweepTable", folder: Path, name: str, as_json: bool) -> None:
    """Write and print the table of a sweep, and draw its figure."""
    from linksim.sweeps import driver, figure

    csv = folder / "sweep.csv"
    driver.write_table(table, csv)
    drawn = figure.draw(table, folder / "sweep.png", f"Sweep of {name}")
    if as_json:
        print_json({"table": csv, "figure": drawn, "rows": list(table.rows), "errors": table.errors})
    else:
        for line in lines_of(table):
            click.echo(line)
        click.echo(f"table    {csv}")
        if drawn is not None:
            click.echo(f"figure   {drawn}")


def command_of(
    scenario: str, axes: Sequence[str], overrides: Sequence[str], folder: Path, traces: bool, plugins: Sequence[str]
) -> list[str]:
    """Return the words of the command that runs points of a sweep."""
    options = [*(("--axis", text) for text in axes), *(("--set", text) for text in overrides), *(("--plugin", text) for text in plugins)]
    return ["sweep", scenario, *(word for option in options for word in option), "--out", str(folder), *(["--traces"] if traces else [])]


def _submit(command: list[str], folder: Path, name: str, tasks: int, dry_run: bool, as_json: bool) -> None:
    """Write the script of a job array, submit it unless it is a dry run, and say how to collect its points."""
    from linksim.sweeps import slurm

    script = slurm.write_script(command, folder, name, tasks)
    answer = None if dry_run else slurm.submit(script)
    if as_json:
        print_json({"script": script, "submitted": answer})
        return
    click.echo(f"script   {script}")
    click.echo(f"{answer or f'submit it with `sbatch {script}`'}; afterwards the same command without --engine collects all points")


def lines_of(table: "SweepTable") -> list[str]:
    """Return the table as lines of aligned columns: axes, group, receiver, and the numbers of `SHOWN`."""
    from linksim.sweeps.points import shown

    names = [*table.axes, "group", "receiver", *(name for name in SHOWN if any(row.get(name) is not None for row in table.rows))]

    def cell(row: dict[str, object], name: str) -> str:
        value = row.get(name)
        return "" if value is None else f"{value:.3f}" if name in SHOWN and isinstance(value, float) else shown(value)

    cells = [names, *([cell(row, name) for name in names] for row in table.rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(names))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]

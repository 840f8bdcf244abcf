"""The command `sweep`: a study, or one scenario at every point of a grid of options.

study --> sweep --> DIR/sweep.csv         a row per point, group and receiver
                    DIR/means.csv         the means over replications
                    DIR/sweep.png, ...
                    DIR/journal.sqlite    finished points, with which the same command continues
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from linksim.cli.json_output import AS_JSON, print_json
from linksim.cli.main import OVERRIDES, PATH, PLUGINS, QUIET, draw_line, main
from linksim.cli.scenarios import ScenarioName
from linksim.cli.tables import lines_of, table_at
from linksim.cli.termination import keeping
from linksim.cli.workers import PartOfN, Workers
from linksim.errors import LinksimError
from linksim.progress import progress_line, times

if TYPE_CHECKING:
    from linksim.sweeps.figure import FigureSpec
    from linksim.sweeps.plan import Plan
    from linksim.sweeps.points import Point
    from linksim.sweeps.table import SweepTable


@main.command()
@click.argument("study", metavar="STUDY|SCENARIO", type=ScenarioName())
@click.option(
    "--axis",
    "axes",
    multiple=True,
    metavar="KEY=VALUES",
    help="Values of a key, as in channel.bob.snr.mean_db=0,5,10 or seed=1..5 or snr=0..20..2.5; repeatable: all combinations are run.",
)
@OVERRIDES
@click.option(
    "--replications", type=click.IntRange(1, 100_000), metavar="N", help="Runs of each combination.  [default: that of STUDY, or 1]"
)
@click.option("--workers", type=Workers(), default="auto", show_default=True, help="Number of processes, or auto.")
@click.option("--out", type=PATH, metavar="DIR", help="Folder of the table, the figures and the journal.  [default: results/sweeps/NAME]")
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
    study: str,
    axes: tuple[str, ...],
    overrides: tuple[str, ...],
    replications: int | None,
    workers: int,
    out: Path | None,
    traces: bool,
    engine: str,
    address: str | None,
    dry_run: bool,
    part: tuple[int, int] | None,
    as_json: bool,
) -> None:
    """Run a STUDY, or a SCENARIO at every combination of the values of the axes, and write one table of all results.

    A study is a YAML file that names scenario, axes, replications or a stop rule, and figures. Finished points are kept: a sweep that was
    ended, also by kill -9, continues with the others. Further values of an axis can be added. A point that fails does not end the sweep;
    its error is printed at the end, with exit status 1.
    """
    from linksim.plugins import load_entry_points
    from linksim.sweeps import driver
    from linksim.sweeps.engines import open_engine

    load_entry_points()
    asked = asked_for(study, axes, overrides, replications, traces, part)
    folder = out or Path("results/sweeps") / asked.name
    if engine == "slurm":
        command = command_of(study, axes, overrides, replications, folder, traces, context.meta[PLUGINS])
        _submit(command, folder, asked.name, workers, dry_run, as_json)
        return
    started = time.monotonic()

    def report(done: int, total: int) -> None:
        draw_line(progress_line(done, total, "points", "", (times(time.monotonic() - started, done, total),)))

    def announce(missing: "Sequence[Point]") -> None:
        if not context.meta.get(QUIET):
            draw_line(f"study    {asked.plan.size()}; {_expected(missing, workers, engine)}", end="\n")

    with ExitStack() as stack:
        stack.enter_context(keeping(lambda: f"Finished points are kept in {folder}; the same command continues with the others."))
        execute = None if engine == "local" else stack.enter_context(open_engine(engine, workers, address))
        traced = "traces" in asked.keep
        table = driver.sweep(asked.plan, folder, workers, traced, context.meta[PLUGINS], report, execute, announce)
    draw_line("", end="\n")
    if part is None:
        _write(table, folder, asked, as_json)
    if table.errors:
        raise LinksimError("\n".join(f"{point}: {error}" for point, error in table.errors.items()))


@dataclass(frozen=True)
class Asked:
    """What a sweep was asked for.

    name     name of the study or scenario
    plan     the points
    keep     "tables", "figures", "traces": what is kept beside the journal
    figures  figures beside sweep.png, by name
    """

    name: str
    plan: "Plan"
    keep: "Sequence[str]"
    figures: "Mapping[str, FigureSpec]"


def asked_for(
    study: str, axes: Sequence[str], overrides: Sequence[str], replications: int | None, traces: bool, part: tuple[int, int] | None
) -> Asked:
    """Return what the arguments of a sweep ask for. Raises ScenarioError, and LinksimError for axes that cannot be read."""
    from linksim.scenario.load import build_scenario, find_document
    from linksim.sweeps.plan import WHOLE, Plan
    from linksim.sweeps.study import read_study, study_file

    parsed, more = parse_axes(axes), ["traces"] if traces else []
    if file := study_file(study):
        found = read_study(file)
        plan = found.plan(parsed, overrides, replications, part=part or WHOLE)
        return Asked(found.options.name, plan, [*found.options.keep, *more], found.figures())
    document = find_document(study)
    name = build_scenario(document, overrides).name
    if not axes:
        raise click.UsageError(f"{study} is no study, which has the key 'scenario'; give a study, or at least one --axis")
    plan = Plan(lambda texts: build_scenario(document, [*overrides, *texts]), parsed, replications or 1, None, part or WHOLE)
    return Asked(name, plan, ["tables", "figures", *more], {})


def _expected(missing: "Sequence[Point]", workers: int, engine: str) -> str:
    """What the missing points come to, in words; measured on this machine if it runs them."""
    from linksim.computation import computation
    from linksim.cost import USUAL_MACHINE
    from linksim.nets.speed import machine_speed
    from linksim.sweeps.forecast import forecast

    if not missing:
        return "all are finished"
    with computation(1):
        speed = machine_speed() if engine == "local" else USUAL_MACHINE
    return f"{len(missing):,} to run: {forecast(missing, workers, speed)}"


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


def _write(table: "SweepTable", folder: Path, asked: Asked, as_json: bool) -> None:
    """Write and print the tables of a sweep, and draw its figures."""
    from importlib.util import find_spec

    from linksim.sweeps import figure
    from linksim.sweeps.points import REPLICATED
    from linksim.sweeps.table_file import write_table

    means, suffixes = table.means(), [".csv", *([".parquet"] if find_spec("pyarrow") else [])]
    tables = {"sweep": table} | ({"means": means} if set(REPLICATED) & set(table.axes) else {})
    made, drawn = list[Path](), list[Path]()
    if "tables" in asked.keep:
        made = [write_table(each, folder / f"{name}{suffix}") for name, each in tables.items() for suffix in suffixes]
    if "figures" in asked.keep:
        found = [figure.draw(table, folder / "sweep.png", f"Sweep of {asked.name}")]
        found += [figure.draw(table, folder / f"{name}.png", name, spec) for name, spec in asked.figures.items()]
        drawn = [path for path in found if path is not None]
    if as_json:
        print_json({"tables": made, "figures": drawn, "rows": list(table.rows), "means": list(means.rows), "errors": table.errors})
        return
    for line in lines_of(means):
        click.echo(line)
    for path in made:
        click.echo(f"table    {path}")
    for path in drawn:
        click.echo(f"figure   {path}")


def command_of(
    study: str,
    axes: Sequence[str],
    overrides: Sequence[str],
    replications: int | None,
    folder: Path,
    traces: bool,
    plugins: Sequence[str],
) -> list[str]:
    """Return the words of the command that runs points of a sweep."""
    more = [("--replications", str(replications))] if replications else []
    options = [
        *more,
        *(("--axis", text) for text in axes),
        *(("--set", text) for text in overrides),
        *(("--plugin", text) for text in plugins),
    ]
    return ["sweep", study, *(word for option in options for word in option), "--out", str(folder), *(["--traces"] if traces else [])]


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


def plot_sweep(
    path: Path, out: Path, formats: Sequence[str], metrics: Sequence[str], over: str | None, by: Sequence[str], title: str | None
) -> None:
    """Draw a figure of a sweep in some formats, and print the paths of the files.

    path     folder of the sweep, or its table
    out      folder of the files
    title    title of the figure, "" for none; None for the names of metrics and axis
    formats, metrics, over, by  as the options of `linksim plot`
    """
    from linksim.plots.figures import wrap_write_errors
    from linksim.sweeps import figure

    spec = figure.FigureSpec(metrics, over, by)
    shown = [*(metrics or ["sweep"]), *(["over", over] if over else []), *(["by", *by] if by else [])]
    with wrap_write_errors(out):
        folder = out.parent if out.suffix == ".csv" else out
        folder.mkdir(parents=True, exist_ok=True)
        for kind in formats:
            drawn = figure.draw(table_at(path), folder / f"{'-'.join(shown)}.{kind}", " ".join(shown) if title is None else title, spec)
            if drawn is None:
                raise LinksimError(f"{path}: no axis with two numbers, or more than {figure.MAX_LINES} lines; choose with --over and --by")
            click.echo(f"figure   {drawn}")

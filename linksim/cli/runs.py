"""Commands for runs and traces: run, check, show, plot, report, repair.

    scenario --> run --> DIR/trace.h5 --> show, plot, report
                         DIR/profile.json    wall-clock times, which are not part of the trace

`run` draws figures and writes the report by the functions of the other commands, so they can be repeated from the trace at any time.
"""

from pathlib import Path

import click

from linksim.cli.json_output import AS_JSON, print_json
from linksim.cli.main import OVERRIDES, PATH, PLUGINS, draw_line, main
from linksim.cli.scenarios import ScenarioName
from linksim.cli.sweeps import plot_sweep
from linksim.cli.tables import is_sweep, lines_of, table_at
from linksim.cli.workers import Workers
from linksim.errors import LinksimError


@main.command()
@click.argument("scenario", required=False, type=ScenarioName())
@OVERRIDES
@click.option("--from", "source", type=PATH, metavar="TRACE", help="Run the scenario that TRACE stores.")
@click.option("--out", type=PATH, metavar="DIR", help="Folder of the trace, figures and report.  [default: results/NAME]")
@click.option("--overwrite", is_flag=True, help="Replace the outputs of an earlier run, when the new trace is complete.")
@click.option("--workers", type=Workers(), metavar="N", help="Number of processes, or auto.  [default: 1, or that of TRACE]")
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw figures and write the report after the run.")
@AS_JSON
@click.pass_context
def run(
    context: click.Context,
    scenario: str | None,
    overrides: tuple[str, ...],
    source: Path | None,
    out: Path | None,
    overwrite: bool,
    workers: int | None,
    figures: bool,
    as_json: bool,
) -> None:
    """Run SCENARIO: a YAML file, or the name of a shipped scenario such as quickstart.

    Writes the trace (trace.h5), figures and a report (report.html) into a folder, and prints a table of results. Equal scenario, versions
    and class of processor give an equal trace. With several workers its rows are in the order of time and link, and what networks compute
    may differ in the last bits.

    Ctrl-C, SIGTERM and SIGHUP end a run with exit status 130, 143 and 129; its trace keeps all rows up to then.
    """
    from linksim.cli.run_folder import RunFolder
    from linksim.plugins import load_entry_points
    from linksim.provenance import require_components
    from linksim.scenario.load import load_scenario, scenario_from_text
    from linksim.trace.merge import shards_of
    from linksim.trace.reader import open_trace

    if (scenario is None) == (source is None):
        raise click.UsageError("give either SCENARIO or --from TRACE")
    load_entry_points()
    if scenario is not None:
        chosen = load_scenario(scenario, overrides)
    else:
        assert source is not None
        with open_trace(source) as trace:
            require_components(trace.metadata.components)
            chosen = scenario_from_text(trace.scenario_yaml, str(source), overrides)
            workers = workers or shards_of(trace)
    folder = out or Path("results") / chosen.name
    if source is not None and (folder / "trace.h5").exists() and (folder / "trace.h5").samefile(source):
        raise LinksimError(f"{folder / 'trace.h5'}: this trace is the one to run again; name another folder with --out")
    outputs = RunFolder(folder, overwrite)

    from linksim.shards.driver import run_divided
    from linksim.simulate.run_progress import RunProgress

    bar, workers = RunProgress(chosen.frames * chosen.links, draw_line), min(workers or 1, chosen.links)
    with outputs.building() as path:
        result = run_divided(chosen, path, False, workers, (bar,) if workers == 1 else (), {}, context.meta[PLUGINS], bar.update)
    draw_line(bar.line(), end="\n")
    for warning in result.warnings:
        click.echo(f"warning: {warning}", err=True)
    made = outputs.complete(result, figures, (lambda _: None) if as_json else click.echo)
    if as_json:
        print_json(made | {"result": result})


@main.command()
@click.argument("scenario", type=ScenarioName())
@OVERRIDES
@click.option("--full", is_flag=True, help="Print the scenario with all defaults filled in, too; the output is a valid scenario itself.")
@click.option("--build/--no-build", default=True, show_default=True, help="Load models and dataset, and test that they fit together.")
@AS_JSON
def check(scenario: str, overrides: tuple[str, ...], full: bool, build: bool, as_json: bool) -> None:
    """Check SCENARIO and estimate its run: time, frames, memory, size of the trace, and the range of the SNR.

    All errors are reported at once, with file, line and key. What `run` would refuse is refused: missing models and data, and models that
    do not fit the images, the channel uses or each other.
    """
    from linksim.data.measured_snr import with_checksums
    from linksim.phy.snr_preview import snr_preview
    from linksim.plugins import load_entry_points
    from linksim.scenario.estimate import estimate, estimate_lines
    from linksim.scenario.load import load_scenario, resolved_yaml

    load_entry_points()
    chosen = with_checksums(load_scenario(scenario, overrides))
    if build:
        from linksim.computation import computation
        from linksim.nets.speed import machine_speed
        from linksim.simulate.run import require_runnable

        require_runnable(chosen)
        with computation(1):
            found = estimate(chosen, machine_speed())
    else:
        found = estimate(chosen)
    snr = list(snr_preview(chosen, found.simulated_s))
    if as_json:
        print_json({"estimate": found, "snr": snr, "scenario": chosen.model_dump()})
        return
    lines = ["Estimate, where no control message is lost", *(f"  {line}" for line in estimate_lines(chosen, found, build))]
    lines += ["SNR of the first link of each group over that time, without fading", *(f"  {line}" for line in snr)]
    for line in lines:
        click.echo(f"# {line}" if full else line)
    if full:
        click.echo(f"\n{resolved_yaml(chosen)}", nl=False)


@main.command()
@click.argument("trace", type=PATH)
@click.option("--out", type=PATH, metavar="DIR", help="Folder of the figures.  [default: folder of the trace]")
@click.option("--format", "formats", multiple=True, default=("png",), show_default=True, help="png, svg or pdf; repeatable.")
@click.option("--only", multiple=True, metavar="NAME", help="Draw this figure only; repeatable. `linksim components figure` lists them.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="Show this group of links only; repeatable.")
@click.option("--link", "links", multiple=True, type=int, metavar="NUMBER", help="Show this link of the run only; repeatable.")
@click.option("--title", metavar="TEXT", help="Title of the figures.  [default: that of each figure]")
@click.option("--no-title", is_flag=True, help="Draw no titles, as for a figure with a caption.")
@click.option("--size", metavar="WIDTHxHEIGHT", help="Size of the figures in inches, such as 7x4.5.  [default: that of each figure]")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Of a sweep: a column of its table; repeatable.")
@click.option("--over", metavar="AXIS", help="Of a sweep: the axis of numbers.  [default: the first one]")
@click.option("--by", multiple=True, metavar="AXIS", help="Of a sweep: an axis whose values have panels, or group or receiver; repeatable.")
def plot(
    trace: Path,
    out: Path | None,
    formats: tuple[str, ...],
    only: tuple[str, ...],
    groups: tuple[str, ...],
    links: tuple[int, ...],
    title: str | None,
    no_title: bool,
    size: str | None,
    metrics: tuple[str, ...],
    over: str | None,
    by: tuple[str, ...],
) -> None:
    """Draw the figures of TRACE: all those for which it has data. The trace may be of a run that is still going on.

    TRACE may also be the folder of a sweep: metrics over an axis, a line for each combination of the other axes, group and receiver.
    """
    if is_sweep(trace):
        if only or groups or links or size is not None:
            raise click.UsageError("--only, --group, --link and --size choose figures of a trace; this is a sweep")
        plot_sweep(trace, out or trace, formats, metrics, over, by, "" if no_title else title)
        return
    if metrics or over is not None or by:
        raise click.UsageError("--metric, --over and --by choose a figure of a sweep; this is a trace")
    from linksim.cli.run_folder import draw, trace_at
    from linksim.plots.figure_options import FigureOptions, parse_size

    if no_title and title is not None:
        raise click.UsageError("give either --title or --no-title")
    options = FigureOptions(
        only=only, groups=groups, links=links, title="" if no_title else title, size=None if size is None else parse_size(size)
    )
    draw(trace_at(trace), out or trace_at(trace).parent, formats, options=options)


@main.command()
@click.argument("trace", type=PATH)
@click.option("--out", type=PATH, metavar="FILE", help="File of the page.  [default: report.html beside the trace]")
def report(trace: Path, out: Path | None) -> None:
    """Write a self-contained HTML report about TRACE."""
    from linksim.cli.run_folder import trace_at, write_report_of

    write_report_of(trace_at(trace), out or trace_at(trace).parent / "report.html")


@main.command()
@click.argument("results", nargs=-1, required=True, type=PATH)
@AS_JSON
def show(results: tuple[Path, ...], as_json: bool) -> None:
    """Print the tables of RESULTS: traces, folders of runs or folders of sweeps. Of a sweep, the means over replications."""
    from linksim.cli.run_folder import show_summary, trace_at

    found = list[dict[str, object]]()
    for path in results:
        sweep = is_sweep(path)
        where = path if sweep else trace_at(path)
        if len(results) > 1 and not as_json:
            click.echo(f"{where}")
        if sweep:
            means = table_at(path).means()
            found.append({"sweep": where, "means": list(means.rows)})
            for line in lines_of(means) if not as_json else ():
                click.echo(line)
        else:
            found.append({"trace": where, "summary": show_summary(where, (lambda _: None) if as_json else click.echo)})
    if as_json:
        print_json(found[0] if len(found) == 1 else {"results": found})


@main.command()
@click.argument("trace", type=PATH)
@click.option("--out", type=PATH, metavar="FILE", help="File for the recovered trace.  [default: in place]")
def repair(trace: Path, out: Path | None) -> None:
    """Recover a trace whose run was interrupted: all committed rows are kept.

    A table loses at most its last 255 rows by an interruption. The recovered file opens in any HDF5 tool and is marked as repaired.
    """
    from linksim.trace.repair import repair as repair_trace

    kept = repair_trace(trace, out)
    click.echo(f"{kept.path}: kept " + ", ".join(f"{count:,} {table}" for table, count in kept.rows.items()))

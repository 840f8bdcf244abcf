"""Commands for runs and traces: run, check, show, plot, report, repair."""

from pathlib import Path

import click

from linksim.cli.main import OVERRIDES, PATH, draw_line, main
from linksim.errors import LinksimError


@main.command()
@click.argument("scenario", required=False)
@OVERRIDES
@click.option("--from", "source", type=PATH, metavar="TRACE", help="Run the scenario that TRACE stores.")
@click.option("--out", type=PATH, metavar="DIR", help="Folder of the trace, figures and report.  [default: results/NAME]")
@click.option("--overwrite", is_flag=True, help="Replace an existing trace.")
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw figures and write the report after the run.")
def run(scenario: str | None, overrides: tuple[str, ...], source: Path | None, out: Path | None, overwrite: bool, figures: bool) -> None:
    """Run SCENARIO: a YAML file, or the name of a shipped scenario such as quickstart."""
    from linksim.plugins import load_entry_points
    from linksim.provenance import require_components
    from linksim.scenario.load import load_scenario, scenario_from_text
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
    folder = out or Path("results") / chosen.name
    path = folder / "trace.h5"
    if source is not None and path.exists() and path.samefile(source):
        raise LinksimError(f"{path}: this trace is the one to run again; name another folder with --out")

    from linksim.simulate.run import run as run_scenario
    from linksim.simulate.run_progress import RunProgress

    bar = RunProgress(chosen.frames * chosen.links, draw_line)
    result = run_scenario(chosen, (bar,), path, overwrite)
    draw_line(bar.line(), end="\n")
    result.write_profile(folder / "profile.json")
    for warning in result.warnings:
        click.echo(f"warning: {warning}", err=True)
    print_summary(path)
    if figures:
        draw(path, folder)
        write_report_of(path, folder / "report.html")
    click.echo(f"trace    {path}")


def print_summary(path: Path) -> None:
    """Print the table of results of a trace."""
    from linksim.plots.summary import summary_of

    click.echo(summary_of(path))


def draw(path: Path, folder: Path, formats: tuple[str, ...] = ("png",)) -> None:
    """Draw the figures of a trace and print their paths."""
    from linksim.plots.figures import plot_trace

    for figure in plot_trace(path, folder, formats):
        click.echo(f"figure   {figure}")


def write_report_of(path: Path, out: Path) -> None:
    """Write the HTML report of a trace and print its path."""
    from linksim.plots.report import write_report

    click.echo(f"report   {write_report(path, out)}")


@main.command()
@click.argument("scenario")
@OVERRIDES
def check(scenario: str, overrides: tuple[str, ...]) -> None:
    """Check SCENARIO and print it with all defaults filled in, followed by an estimate of the run."""
    from linksim.data.measured_snr import with_checksums
    from linksim.phy.snr_preview import snr_preview
    from linksim.plugins import load_entry_points
    from linksim.scenario.estimate import describe, estimate
    from linksim.scenario.load import load_scenario

    load_entry_points()
    chosen = with_checksums(load_scenario(scenario, overrides))
    click.echo(describe(chosen))
    click.echo("# SNR of the first link of each group over that time, without fading")
    for line in snr_preview(chosen, estimate(chosen).simulated_s):
        click.echo(f"#   {line}")


@main.command()
@click.argument("trace", type=PATH)
@click.option("--out", type=PATH, metavar="DIR", help="Folder of the figures.  [default: folder of the trace]")
@click.option("--format", "formats", multiple=True, default=("png",), show_default=True, help="png, svg or pdf; repeatable.")
def plot(trace: Path, out: Path | None, formats: tuple[str, ...]) -> None:
    """Draw the figures of TRACE."""
    draw(trace, out or trace.parent, formats)


@main.command()
@click.argument("trace", type=PATH)
@click.option("--out", type=PATH, metavar="FILE", help="File of the page.  [default: report.html beside the trace]")
def report(trace: Path, out: Path | None) -> None:
    """Write a self-contained HTML report about TRACE."""
    write_report_of(trace, out or trace.parent / "report.html")


@main.command()
@click.argument("trace", type=PATH)
def show(trace: Path) -> None:
    """Print the table of results of TRACE."""
    print_summary(trace)


@main.command()
@click.argument("trace", type=PATH)
@click.option("--out", type=PATH, metavar="FILE", help="File for the recovered trace.  [default: in place]")
def repair(trace: Path, out: Path | None) -> None:
    """Recover a trace whose run was interrupted: all committed rows are kept."""
    from linksim.trace.repair import repair as repair_trace

    kept = repair_trace(trace, out)
    click.echo(f"{kept.path}: kept " + ", ".join(f"{count:,} {table}" for table, count in kept.rows.items()))

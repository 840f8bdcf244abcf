"""The command line: a thin door per task. Heavy rooms are imported inside the commands, so that `linksim --help` answers at once."""

import sys
from pathlib import Path
from typing import Any

import click

from linksim.errors import LinksimError

OVERRIDES = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key, as in channel.bob.snr.mean_db=3; may be given again."
)
PATH = click.Path(path_type=Path)


class House(click.Group):
    """Prints what the user can mend as one message, without a traceback, and leaves with status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LinksimError as fault:
            click.echo(f"linksim: {fault}", err=True)
            ctx.exit(1)


@click.group(cls=House, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="linksim", message="linksim %(version)s")
def main() -> None:
    """Simulate secured semantic radio links, event by event, with trained networks in the nodes."""


@main.command()
@click.argument("scenario", required=False)
@OVERRIDES
@click.option("--from", "dataset", type=PATH, metavar="TRACE", help="Run the scenario that TRACE holds, instead.")
@click.option("--out", type=PATH, metavar="DIR", help="Where trace, figures and report go.  [default: results/NAME]")
@click.option("--overwrite", is_flag=True, help="Replace a trace that is there.")
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw figures and write the report after the run.")
def run(scenario: str | None, overrides: tuple[str, ...], source: Path | None, out: Path | None, overwrite: bool, figures: bool) -> None:
    """Run SCENARIO: a YAML file, or the name of a shipped one, such as quickstart."""
    from linksim.progress import Bar
    from linksim.scenario.load import load_scenario, scenario_from_text
    from linksim.trace.reader import open_trace

    if (scenario is None) == (source is None):
        raise click.UsageError("give either SCENARIO or --from TRACE")
    if scenario is not None:
        chosen = load_scenario(scenario, overrides)
    else:
        assert source is not None
        with open_trace(source) as trace:
            chosen = scenario_from_text(trace.scenario_yaml, str(source), overrides)
    folder = out or Path("results") / chosen.name
    path = folder / "trace.h5"
    if source is not None and path.exists() and path.samefile(source):
        raise LinksimError(f"{path}: this is the trace to be run again; name another folder with --out")

    from linksim.simulate.run import run as run_scenario

    bar = Bar(chosen.frames * chosen.links, draw_line)
    result = run_scenario(chosen, (bar,), path, overwrite)
    draw_line(bar.line(), end="\n")
    result.write_profile(folder / "profile.json")
    for warning in result.warnings:
        click.echo(f"warning: {warning}", err=True)
    summary(path)
    if figures:
        draw(path, folder)
        report_on(path, folder / "report.html")
    click.echo(f"trace    {path}")


def draw_line(line: str, end: str = "") -> None:
    """Show progress where somebody watches: over the last line on a terminal, and only the last line elsewhere."""
    if sys.stderr.isatty():
        click.echo(f"\r{line}\x1b[K{end}", nl=False, err=True)
    elif end:
        click.echo(line, err=True)


def summary(path: Path) -> None:
    from linksim.plots.paired_comparison import paired_comparison
    from linksim.plots.policy_groups import policy_groups_of
    from linksim.plots.summary import summarise, summary_text
    from linksim.plots.trace_view import read_view
    from linksim.trace.reader import open_trace

    with open_trace(path) as trace:
        view = read_view(trace, policy_groups=policy_groups_of(trace.scenario_yaml))
    click.echo("\n".join([summary_text(summarise(view)), *paired_comparison(view)]))


def draw(path: Path, folder: Path, formats: tuple[str, ...] = ("png",)) -> None:
    from linksim.plots.figures import plot_trace

    for figure in plot_trace(path, folder, formats):
        click.echo(f"figure   {figure}")


def report_on(path: Path, out: Path) -> None:
    from linksim.plots.report import write_report

    click.echo(f"report   {write_report(path, out)}")


@main.command()
@click.argument("scenario")
@OVERRIDES
def check(scenario: str, overrides: tuple[str, ...]) -> None:
    """Check SCENARIO; print it fully resolved, with an estimate of what it will take."""
    from linksim.data.recorded import with_checksums
    from linksim.phy.snr_preview import snr_preview
    from linksim.scenario.estimate import describe, estimate
    from linksim.scenario.load import load_scenario

    chosen = with_checksums(load_scenario(scenario, overrides))
    click.echo(describe(chosen))
    click.echo("# SNR of the first link of each group over that time, fading averaged out")
    for line in snr_preview(chosen, estimate(chosen).simulated_s):
        click.echo(f"#   {line}")


@main.command()
@click.argument("trace", type=PATH)
@click.option("--out", type=PATH, metavar="DIR", help="Where the figures go.  [default: beside the trace]")
@click.option("--format", "formats", multiple=True, default=("png",), show_default=True, help="png, svg or pdf; may be given again.")
def plot(trace: Path, out: Path | None, formats: tuple[str, ...]) -> None:
    """Draw the figures of TRACE."""
    draw(trace, out or trace.parent, formats)


@main.command()
@click.argument("trace", type=PATH)
@click.option("--out", type=PATH, metavar="FILE", help="The page to write.  [default: report.html beside the trace]")
def report(trace: Path, out: Path | None) -> None:
    """Write a self-contained HTML page about TRACE."""
    report_on(trace, out or trace.parent / "report.html")


@main.command()
@click.option("--out", type=PATH, default=Path("results/curves"), show_default=True, metavar="DIR", help="Where table and figure go.")
@click.option("--blocks", type=click.IntRange(10, 1_000_000), default=1000, show_default=True, help="Codewords for each point of a code.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True, help="Of all draws.")
def curves(out: Path, blocks: int, seed: int) -> None:
    """Measure error rates of modulation and code over SNR, and hold them against theory."""
    import torch

    from linksim.curves import write_curves

    torch.set_num_threads(1)  # as in a run
    written = write_curves(out, blocks, seed, draw_line)
    draw_line("", end="\n")
    for path in written:
        click.echo(f"wrote    {path}")


@main.command()
@click.argument("trace", type=PATH)
def show(trace: Path) -> None:
    """Print the table of results of TRACE."""
    summary(trace)


@main.command()
@click.argument("trace", type=PATH)
@click.option("--out", type=PATH, metavar="FILE", help="Write the whole rows there.  [default: in place]")
def repair(trace: Path, out: Path | None) -> None:
    """Make a plain file of TRACE whose run was killed: all committed rows, nothing else."""
    from linksim.trace.repair import repair as repair_trace

    kept = repair_trace(trace, out)
    click.echo(f"{kept.path}: kept " + ", ".join(f"{count:,} {table}" for table, count in kept.rows.items()))


@main.command()
@click.argument("name")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 1024), help="More than one pays on a quiet machine only.")
@click.option("--fresh", is_flag=True, help="Start anew, though there is a checkpoint.")
@click.option("--models", type=PATH, metavar="DIR", help="Where weights and card go.  [default: where linksim looks for them]")
@click.option("--work", type=PATH, default=Path("results/training"), show_default=True, metavar="DIR", help="Where checkpoints are kept.")
def train(name: str, device: str, threads: int, fresh: bool, models: Path | None, work: Path) -> None:
    """Train the part NAME, or go on where a checkpoint left off."""
    import torch

    from linksim.nets.weights import models_folder
    from linksim.training.pipeline import train_model

    torch.set_num_threads(threads)
    card = train_model(name, device, work, models or models_folder(), lambda p: draw_line(p.line()), fresh)
    draw_line("", end="\n")
    click.echo(card.text())
    curve = work / f"{name}.csv"
    if curve.exists():
        from linksim.plots.learning_curve import draw_curve

        click.echo(f"figure   {draw_curve(curve)}")


@main.command()
@click.argument("name")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
def tune(name: str, device: str) -> None:
    """Find the batch size and precision that run the part NAME fastest here, and write them to its card."""
    import torch

    from linksim.training.tune import tune as tune_model

    torch.set_num_threads(1)  # as in a run
    card = tune_model(name, device, lambda t: click.echo(t.line()))
    click.echo(f"best: {card.runtime}")


@main.command()
def models() -> None:
    """List the trained models, verified, and those that are missing."""
    from linksim.nets.weights import list_models
    from linksim.training.tasks import TASKS

    parts = list_models(TASKS)
    for part in parts:
        size = f"{part.size_mb:.1f} MB" if part.size_mb else ""
        click.echo(f"{part.name:28} {part.kind:10} {part.state:8} {size:>8} {part.dtype:8} {part.headline}")
        if part.note:
            click.echo(f"{'':28} {part.note}")
    if any(part.state == "damaged" for part in parts):
        raise LinksimError("a part is damaged")


@main.group()
def data() -> None:
    """Image sources: which there are, and how to get them."""


@data.command("list")
def data_list() -> None:
    """List the sources, where each was found, and under what terms it may be used."""
    from linksim.data.sources import describe_sources

    for source in describe_sources():
        click.echo(f"{source.name:14} {source.where if source.present else 'not here: linksim data fetch ' + source.name}")
        click.echo(f"{'':14} {source.images:,} images; {source.about}; {source.licence}")


@data.command("fetch")
@click.argument("name")
@click.option("--origin", metavar="URL", help="A mirror of the public folder.")
def data_fetch(name: str, origin: str | None) -> None:
    """Fetch the source NAME from its public origin into the cache, checksums verified."""
    from linksim.data.fetch import fetch

    for path in fetch(name, origin, lambda p: draw_line(f"{p.file}  {p.done_bytes / 1e6:,.1f} MB")):
        draw_line("", end="\n")
        click.echo(path)


@main.command()
@click.argument("paper", required=False)
@click.option("--only", multiple=True, metavar="WORD", help="Measure the cells named so: white, 'table2/*', mc10; may be given again.")
@click.option("--images", type=click.IntRange(1, 10_000), help="Of each cell.  [default: as kept, else 384 for diffusec, 100 for miea]")
@click.option("--measure/--no-measure", default=True, show_default=True, help="Measure what is missing, or take what is kept.")
@click.option("--out", type=PATH, default=Path("results/papers"), show_default=True, metavar="DIR", help="Where results are kept.")
def papers(paper: str | None, only: tuple[str, ...], images: int | None, measure: bool, out: Path) -> None:
    """Hold PAPER's claims against measurements; without PAPER, list the papers."""
    from linksim.reproduction import page
    from linksim.reproduction.reproduction import Reproduction, overview

    if paper is None:
        for line in overview(out):
            click.echo(line)
        return
    reproduction = Reproduction(paper, out, images)
    faults = reproduction.measure(only, lambda line: draw_line(line, end="\n"), draw_line) if measure else []
    results, verdicts = reproduction.verdicts()
    for text in (page.tables_text(reproduction.paper, results), page.verdicts_text(verdicts), page.summary(verdicts)):
        click.echo(f"{text}\n")
    for path in page.write(reproduction.paper, results, verdicts):
        click.echo(f"wrote    {path}")
    for line in (*faults, *reproduction.remarks()):
        click.echo(f"warning: {line}", err=True)


@main.command()
def schema() -> None:
    """Print the JSON schema of a scenario file, for editors."""
    from linksim.scenario.editor_schema import editor_schema

    click.echo(editor_schema(), nl=False)

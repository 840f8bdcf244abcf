"""Commands that measure: papers, curves."""

from pathlib import Path

import click

from linksim.cli.main import PATH, draw_line, main


@main.command()
@click.argument("paper", required=False)
@click.option("--only", multiple=True, metavar="WORD", help="Run only matching experiments: white, 'table2/*', mc10; repeatable.")
@click.option(
    "--images",
    type=click.IntRange(1, 10_000),
    help="Number of images per experiment.  [default: as kept, else 384 for diffusec, 100 for miea]",
)
@click.option(
    "--measure/--no-measure", default=True, show_default=True, help="Run experiments without kept results, or use kept results only."
)
@click.option("--remeasure", is_flag=True, help="Also replace kept results that have other random draws than new ones.")
@click.option("--out", type=PATH, default=Path("results/papers"), show_default=True, metavar="DIR", help="Folder of kept results.")
def papers(paper: str | None, only: tuple[str, ...], images: int | None, measure: bool, remeasure: bool, out: Path) -> None:
    """Compare the claims of PAPER with measurements; without PAPER, list the papers."""
    from linksim.reproduction import page
    from linksim.reproduction.reproduction import Reproduction, overview

    if remeasure and not measure:
        raise click.UsageError("give either --remeasure or --no-measure")
    if paper is None:
        for line in overview(out):
            click.echo(line)
        return
    reproduction = Reproduction(paper, out, images)
    warnings = reproduction.measure(only, lambda line: draw_line(line, end="\n"), draw_line, remeasure) if measure else []
    results, verdicts = reproduction.verdicts()
    for text in (page.tables_text(reproduction.paper, results), page.verdicts_text(verdicts), page.summary(verdicts)):
        click.echo(f"{text}\n")
    for line in page.write(reproduction.paper, results, verdicts):
        click.echo(line)
    for line in (*warnings, *reproduction.remarks()):
        click.echo(f"warning: {line}", err=True)


@main.command()
@click.option("--out", type=PATH, default=Path("results/curves"), show_default=True, metavar="DIR", help="Folder of table and figure.")
@click.option("--blocks", type=click.IntRange(10, 1_000_000), default=1000, show_default=True, help="Codewords per point of a coded curve.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True, help="Seed of all random streams.")
def curves(out: Path, blocks: int, seed: int) -> None:
    """Measure error rates of modulation and coding over SNR and compare them with theory."""
    from linksim.curves import write_curves
    from linksim.threads import torch_threads

    with torch_threads(1):
        written = write_curves(out, blocks, seed, draw_line)
    draw_line("", end="\n")
    for path in written:
        click.echo(f"wrote    {path}")

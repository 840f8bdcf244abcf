"""Commands that measure: papers, curves. They run many simulations or evaluations and compare them with published values or with theory."""

from pathlib import Path

import click

from linksim.cli.json_output import AS_JSON, print_json, to_json
from linksim.cli.main import PATH, draw_line, main
from linksim.cli.termination import keeping


@main.command()
@click.argument("paper", required=False)
@click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="Measure only experiments whose key, or a part of it between slashes, matches: mc10, 'table2/*'; repeatable.",
)
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
@AS_JSON
def papers(paper: str | None, only: tuple[str, ...], images: int | None, measure: bool, remeasure: bool, out: Path, as_json: bool) -> None:
    """Compare the claims of PAPER with measurements; without PAPER, list the papers.

    Every experiment is a simulation of its own. Its result is kept, so an interrupted command continues where it stopped, and a second
    one only evaluates. Tables, figures and a verdict on each claim are written to the folder of kept results.
    """
    from linksim.reproduction import page
    from linksim.reproduction.reproduction import Reproduction, overview

    if remeasure and not measure:
        raise click.UsageError("give either --remeasure or --no-measure")
    if paper is None:
        lines = list(overview(out))
        if as_json:
            print_json({"papers": lines})
        for line in lines if not as_json else ():
            click.echo(line)
        return
    reproduction = Reproduction(paper, out, images)
    with keeping(lambda: f"The results of finished experiments are kept in {out / paper}; the same command measures the others."):
        warnings = reproduction.measure(only, lambda line: draw_line(line, end="\n"), draw_line, remeasure) if measure else []
    results, verdicts = reproduction.verdicts()
    written = page.write(reproduction.paper, results, verdicts)
    if as_json:
        print_json({"paper": paper, "verdicts": [{"id": v.claim.id, "kind": v.claim.kind} | to_json(v.finding) for v in verdicts]})
    else:
        for text in (page.tables_text(reproduction.paper, results), page.verdicts_text(verdicts), page.summary(verdicts)):
            click.echo(f"{text}\n")
        for line in written:
            click.echo(line)
    for line in (*warnings, *reproduction.remarks()):
        click.echo(f"warning: {line}", err=True)


@main.command()
@click.option("--out", type=PATH, default=Path("results/curves"), show_default=True, metavar="DIR", help="Folder of table and figure.")
@click.option("--blocks", type=click.IntRange(10, 1_000_000), default=1000, show_default=True, help="Codewords per point of a coded curve.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True, help="Seed of all random streams.")
def curves(out: Path, blocks: int, seed: int) -> None:
    """Measure error rates of modulation and coding over SNR and compare them with theory.

    Writes a table (CSV) and a figure: bit error rates of the constellations against closed forms, and block error rates of the LDPC codes.
    """
    from linksim.computation import computation
    from linksim.curves import write_curves

    with computation(1), keeping(lambda: "Nothing was written."):
        written = write_curves(out, blocks, seed, draw_line)
    draw_line("", end="\n")
    for path in written:
        click.echo(f"wrote    {path}")

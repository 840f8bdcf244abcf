"""Commands for image datasets: data list, data fetch."""

import click

from linksim.cli.main import draw_line, main


@main.group()
def data() -> None:
    """List and download image datasets."""


@data.command("list")
def data_list() -> None:
    """List the datasets, their location and their terms of use."""
    from linksim.data.sources import describe_sources

    for source in describe_sources():
        click.echo(f"{source.name:14} {source.where if source.present else 'not found: linksim data fetch ' + source.name}")
        click.echo(f"{'':14} {source.images:,} images; {source.description}; {source.licence}")


@data.command("fetch")
@click.argument("name")
@click.option("--origin", metavar="URL", help="Mirror of the public folder.")
def data_fetch(name: str, origin: str | None) -> None:
    """Download the dataset NAME into the cache and verify its checksums."""
    from linksim.data.fetch import fetch

    for path in fetch(name, origin, lambda p: draw_line(p.line())):
        draw_line("", end="\n")
        click.echo(path)

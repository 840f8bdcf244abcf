"""Commands for image datasets: data list, data fetch."""

import click

from linksim.cli.main import draw_line, main
from linksim.cli.termination import keeping


@main.group()
def data() -> None:
    """List and download image datasets."""


@data.command("list")
def data_list() -> None:
    """List the datasets, their location and their terms of use.

    A dataset is searched in the folder LINKSIM_DATA of your own copies and in the cache, which data fetch fills.
    """
    from linksim.data.sources import describe_sources

    for source in describe_sources():
        click.echo(f"{source.name:14} {source.where if source.present else 'not found: linksim data fetch ' + source.name}")
        click.echo(f"{'':14} {source.images:,} images; {source.description}; {source.licence}")


@data.command("fetch")
@click.argument("name")
@click.option("--origin", metavar="URL", help="Address of a mirror of the public files (http or https).")
def data_fetch(name: str, origin: str | None) -> None:
    """Download the dataset NAME into the cache and verify its checksums.

    An interrupted download is resumed. Files that are complete are not downloaded again.
    """
    from linksim.data.fetch import fetch

    with keeping(lambda: "Incomplete files are kept; the same command resumes the download."):
        paths = fetch(name, origin, lambda p: draw_line(p.line()))
    for path in paths:
        draw_line("", end="\n")
        click.echo(path)

"""Commands about what there is to choose from: components, schema."""

import click

from linksim.cli.main import main


@main.command()
@click.argument("kind", required=False)
def components(kind: str | None) -> None:
    """List the components of KIND, or of all kinds, and where each comes from."""
    from linksim import catalogue

    for line in catalogue.lines(kind):
        click.echo(line)


@main.command()
def schema() -> None:
    """Print the JSON schema of a scenario file, for editors."""
    from linksim.plugins import load_entry_points
    from linksim.scenario.editor_schema import editor_schema

    load_entry_points()
    click.echo(editor_schema(), nl=False)

"""Commands about what there is to choose from: components, schema. Both include the components from outside that are loaded."""

import click

from linksim.cli.main import main


@main.command()
@click.argument("kind", required=False)
def components(kind: str | None) -> None:
    """List the components of KIND, or of all kinds, and where each comes from.

    A component is what a scenario or a command can name: a scheme, a jammer, a model, a figure. KIND is the word before the colon in the
    list of all kinds, for example jammer.
    """
    from linksim import catalogue

    for line in catalogue.lines(kind):
        click.echo(line)


@main.command()
def schema() -> None:
    """Print the JSON schema of a scenario file, for editors.

    An editor with JSON schema for YAML completes the keys of a scenario whose first line names the schema:

    # yaml-language-server: $schema=scenario.schema.json
    """
    from linksim.plugins import load_entry_points
    from linksim.scenario.editor_schema import editor_schema

    load_entry_points()
    click.echo(editor_schema(), nl=False)

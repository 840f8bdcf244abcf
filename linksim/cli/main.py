"""The command group, the options that all commands share, and the printing of errors and progress."""

import sys
from pathlib import Path
from typing import Any

import click

from linksim.errors import LinksimError

OVERRIDES = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key, as in channel.bob.snr.mean_db=3; repeatable."
)
PATH = click.Path(path_type=Path)


def _load_plugins(context: click.Context, option: click.Parameter, sources: tuple[str, ...]) -> None:
    if sources:
        from linksim.plugins import load_plugin

        for source in sources:
            load_plugin(source)


class Command(click.Command):
    """A command that also takes `--plugin`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params.append(
            click.Option(
                ["--plugin"],
                multiple=True,
                metavar="FILE_OR_MODULE",
                expose_value=False,
                is_eager=True,
                callback=_load_plugins,
                help="Load components from a Python file or module; repeatable.",
            )
        )


class Commands(click.Group):
    """Prints errors that the user can correct as one message, without a traceback, and exits with status 1."""

    command_class = Command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LinksimError as fault:
            click.echo(f"linksim: {fault}", err=True)
            ctx.exit(1)


Commands.group_class = Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="linksim-radio", message="linksim %(version)s")
def main() -> None:
    """Simulate secured semantic radio links, event by event, with trained networks in the nodes."""


def draw_line(line: str, end: str = "") -> None:
    """Print progress: over the previous line on a terminal, and only the last line elsewhere."""
    if sys.stderr.isatty():
        click.echo(f"\r{line}\x1b[K{end}", nl=False, err=True)
    elif end:
        click.echo(line, err=True)

"""The command group, the options that all commands share, and the printing of errors and progress.

Exit status: 0 for success, 1 for an error that the user can correct (one message, no traceback) and for output that could not be written,
2 for wrong arguments, as in click, 130 after Ctrl-C, 143 after SIGTERM and 129 after SIGHUP.
"""

import errno
import os
import sys
import time
from pathlib import Path
from typing import Any

import click

from linksim.cli.streams import guarded_streams
from linksim.cli.termination import INTERRUPTED, exit_status, leave, message, prompt_termination
from linksim.errors import LinksimError

OVERRIDES = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key, as in channel.bob.snr.mean_db=3; repeatable."
)
PATH = click.Path(path_type=Path, readable=False)  # a file that cannot be read is an error of its reader, with status 1
STORAGE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)  # the user can correct them
PATH_ERRORS = (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EEXIST)  # no such file or folder can be made
EVERY_S = 30.0  # time between two lines of progress where stderr is not a terminal
QUIET, PRINTED = "linksim.quiet", "linksim.printed"  # in the context of a command: no progress; when progress was printed last, in s
PLUGINS = "linksim.plugins"  # in the context of a command: files and modules that were given with --plugin


def _load_plugins(context: click.Context, option: click.Parameter, sources: tuple[str, ...]) -> None:
    """Load the plugins of `--plugin` while the arguments are parsed, so that the command knows their components."""
    context.meta[PLUGINS] = sources
    if sources:
        from linksim.plugins import load_plugin

        for source in sources:
            load_plugin(source)


def _silence(context: click.Context, option: click.Parameter, quiet: bool) -> None:
    """Note that the command prints no progress."""
    context.meta[QUIET] = quiet


def _require_directory() -> None:
    """Raise LinksimError if the working directory was removed, where some libraries end the process."""
    try:
        os.getcwd()
    except OSError as fault:
        raise LinksimError(f"the working directory cannot be used: {fault.strerror}; change to another one") from fault


class Command(click.Command):
    """A command that also takes `--plugin` and `--quiet`."""

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
        self.params.append(click.Option(["-q", "--quiet"], is_flag=True, expose_value=False, callback=_silence, help="Print no progress."))


class Commands(click.Group):
    """Prints errors that the user can correct, and interruptions, as one message without a traceback, and exits with their status."""

    command_class = Command

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command with guarded streams and prompt termination. Ends with SystemExit in click's standalone mode."""
        with guarded_streams() as (out, _), prompt_termination():
            try:
                return super().main(*args, **options)
            except SystemExit as end:
                if end.code in INTERRUPTED and not (args or options):  # the program, not a call from Python
                    leave(int(end.code))
                if out.lost and not end.code:
                    click.echo(f"linksim: the output cannot be written: {out.lost}", err=True)
                    raise SystemExit(1) from None
                raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            _require_directory()
            return super().invoke(ctx)
        except LinksimError as fault:
            click.echo(f"linksim: {message(fault)}", err=True)
            ctx.exit(1)
        except OSError as fault:
            if fault.errno not in (*STORAGE_ERRORS, *PATH_ERRORS):
                raise
            what = "is no usable path" if fault.errno in PATH_ERRORS else "cannot be written"
            shown = LinksimError(f"{fault.filename or 'a file'} {what}: {fault.strerror}")
            click.echo(f"linksim: {shown}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt as interruption:
            end_line()
            click.echo(f"linksim: {message(interruption)}", err=True)
            raise SystemExit(exit_status(interruption)) from None


Commands.group_class = Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(None, "-V", "--version", package_name="linksim-radio", message="linksim %(version)s")
def main() -> None:
    """Simulate secured semantic radio links, event by event, with trained networks in the nodes.

    A first run: linksim run quickstart. Its results are in results/quickstart.
    """


def end_line() -> None:
    """End a line of progress on a terminal, so that the next text begins on a line of its own."""
    if sys.stderr.isatty():
        click.echo("", err=True)


def draw_line(line: str, end: str = "") -> None:
    """Print progress to stderr: over the previous line on a terminal; elsewhere a line every 30 s, and the last one. Nothing with --quiet.

    end  "\n" for the last line
    """
    context = click.get_current_context(silent=True)
    meta = context.meta if context else {}
    if meta.get(QUIET):
        return
    if sys.stderr.isatty():
        click.echo(f"\r{line}\x1b[K{end}", nl=False, err=True)
        return
    now = time.monotonic()
    if end or now - meta.setdefault(PRINTED, now) >= EVERY_S:
        meta[PRINTED] = now
        if line:
            click.echo(line, err=True)

"""The command line. Modules that need torch are imported inside the commands, so that `linksim --help` answers at once."""

from linksim.cli import components, datasets, models, runs, studies  # noqa: F401  # they add their commands to the group `main`
from linksim.cli.main import main

__all__ = ["main"]

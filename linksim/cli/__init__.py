"""The command line. Modules that need torch are imported inside the commands, so that `linksim --help` answers at once.

    runs        run, check, show, plot, report, repair
    models      train, tune, models
    studies     papers, curves
    sweeps      sweep
    comparisons compare
    datasets    data list, data fetch
    components  components, schema
    scenarios   scenarios, new

A command parses its arguments, calls one function of the package, and prints what that returns: what it does can also be done from Python.
Results go to stdout, progress and warnings to stderr. The docstring of a command is its help text.
"""

from linksim.cli import comparisons, components, datasets, models, runs, scenarios, studies, sweeps  # noqa: F401  # they add their commands
from linksim.cli.main import main

__all__ = ["main"]

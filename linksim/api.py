"""The Python interface: load a scenario, run it, open a trace, train a model. `import linksim` gives these names.

>>> import linksim
>>> run = linksim.run("awgn-baseline", {"frames": 2, "links": 1, "dataset": "samples"})
>>> sorted(run.table("frames"))[:3]
['airtime_ns', 'assumed_snr_db', 'attempt']
>>> run.table("frames")["outcome"].tolist()
['decoded', 'decoded']

No call changes the state of the process: thread counts are restored, nothing is written to the working directory unless a path is given.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from linksim import plugins
from linksim.errors import LinksimError
from linksim.records import FILL, Column, Listener
from linksim.scenario import load
from linksim.scenario.schema import Scenario
from linksim.scenario.strict_yaml import dump_yaml
from linksim.trace import reader

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from linksim.adapt.policy import Policy
    from linksim.nets.cards import Card
    from linksim.simulate.run import RunResult
    from linksim.sweeps.points import Axis
    from linksim.sweeps.table import SweepTable

Overrides = Mapping[str, Any] | Sequence[str]


class Run:
    """The results of a run: its trace, opened for reading. A context manager.

    path      file of the trace
    trace     the open trace, for reading rows in parts (`linksim.trace.reader.Trace`)
    scenario  the scenario that was run, with all defaults filled in
    result    fingerprint, times, operations and warnings of the run; None for a trace that was opened

    >>> with run("awgn-baseline", {"frames": 2, "links": 1}) as results:
    ...     results.tables()[:3], len(results.table("scores")["psnr_db"])
    (('links', 'frames', 'receptions'), 8)
    """

    def __init__(
        self, trace: reader.Trace, result: "RunResult | None" = None, folder: "tempfile.TemporaryDirectory[str] | None" = None
    ) -> None:
        self.trace, self.result, self._folder = trace, result, folder
        self.path = trace.path

    @property
    def scenario(self) -> Scenario:
        """The scenario that was run."""
        return load.scenario_from_text(self.trace.scenario_yaml, str(self.path))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings of the run; () for a trace that was opened."""
        return self.result.warnings if self.result else ()

    def tables(self) -> tuple[str, ...]:
        """Names of the tables of the trace."""
        return self.trace.tables()

    def table(self, name: str) -> dict[str, NDArray[Any]]:
        """Columns of a table by name, arrays [rows]; `pixels` of the table `images` is [rows, colours, height, width].

        name  a table of the trace, or a view that is joined from several of them: "image_rows", a row per image and receiver with scores,
              reception, parameters and group, or "decision_rewards", a row per decision of Bob with its reward

        Codes are decoded to words. Where values may be absent, integers are a masked array (`numpy.ma`) and floats NaN. The page
        docs/trace-format.md lists tables, views and columns with their units. Raises TraceError for an unknown table.
        """
        return decoded_columns(self._rows(name))

    def _rows(self, name: str) -> reader.TraceTable:
        """A table or a view as stored, without decoding."""
        from linksim.views import VIEWS

        return VIEWS[name](self.trace) if name in VIEWS else self.trace.table(name)

    def summary(self) -> str:
        """The table of results that `linksim show` prints: one line per group and receiver, means with 95 % intervals."""
        from linksim.plots.summary import read_summary

        return read_summary(self.path).text()

    def to_pandas(self, name: str) -> "pd.DataFrame":
        """A table or a view as a pandas data frame, without columns of arrays; masked integers have the type Int64. Needs pandas."""
        import pandas as pd

        columns = {column: values for column, values in self.table(name).items() if values.ndim == 1}
        nullable = {
            column: pd.arrays.IntegerArray(values.data.astype(np.int64), np.ma.getmaskarray(values))
            for column, values in columns.items()
            if isinstance(values, np.ma.MaskedArray)
        }
        return pd.DataFrame(columns | nullable)

    def to_xarray(self, name: str) -> "xr.Dataset":
        """A table or a view as an xarray data set, with units and descriptions as attributes; absent values are NaN. Needs xarray."""
        import xarray as xr

        found, variables = self._rows(name), {}
        for column, values in decoded_columns(found).items():
            about = found.descriptions[column]
            dims = ("row", *(f"{column}_{axis}" for axis in range(1, values.ndim)))
            plain = np.ma.filled(values.astype(np.float64), np.nan) if isinstance(values, np.ma.MaskedArray) else values
            variables[column] = (dims, plain, {"units": about.unit, "long_name": about.description})
        return xr.Dataset(variables)

    def plot(
        self,
        folder: str | Path,
        formats: Iterable[str] = ("png",),
        *,
        only: Iterable[str] = (),
        groups: Iterable[str] = (),
        links: Iterable[int] = (),
        title: str | None = None,
        size: tuple[float, float] | None = None,
    ) -> list[Path]:
        """Draw figures for which the trace has data, and return their paths.

        folder   folder of the figures, created if it is missing
        formats  "png", "svg" or "pdf"
        only     names of figures, () for all
        groups   names of groups to show, () for all
        links    numbers of links in the run to show, () for all
        title    title of every figure; "" for none, None for the title that each figure has
        size     width and height of every figure in inches; None for the size that each figure has

        Raises LinksimError for an unknown figure, group or link, a figure of `only` without data, and a size that is not possible.
        """
        from linksim.plots.figure_options import FigureOptions
        from linksim.plots.figures import plot_trace

        options = FigureOptions(only=tuple(only), groups=tuple(groups), links=tuple(links), title=title, size=size)
        return plot_trace(self.path, Path(folder), tuple(formats), options)

    def close(self) -> None:
        """Close the trace, and delete it where it was written to a temporary folder."""
        self.trace.close()
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        rows = ", ".join(f"{self.trace.rows(name):,} {name}" for name in self.tables() if self.trace.rows(name))
        return f"Run({str(self.path)!r}: {rows})"


def decoded_columns(table: reader.TraceTable) -> dict[str, NDArray[Any]]:
    """All columns of a table by name, each as `decoded` returns it."""
    return {name: decoded(values, table.descriptions[name]) for name, values in table.columns.items()}


def decoded(values: NDArray[Any], about: Column) -> NDArray[Any]:
    """Values of a column: codes as words, integers that may be absent as a masked array, and others unchanged.

    values  as stored, [rows] or [rows, ...]
    about   description of the column

    >>> decoded(np.array([1, 0], np.uint8), Column("receiver", "1", "", np.dtype("uint8"), ("bob", "eve"))).tolist()
    ['eve', 'bob']
    >>> decoded(np.array([1, FILL], np.int16), Column("erased", "1", "", np.dtype("int16"), (), optional=True)).tolist()
    [1, None]
    """
    if about.meanings:
        words: NDArray[Any] = np.array(about.meanings, dtype=object)[values]
        return words
    if about.optional and values.dtype.kind == "i":
        return np.ma.MaskedArray(values, mask=values == FILL, fill_value=FILL)
    return values


def load_scenario(scenario: str | Path | Mapping[str, Any] | Scenario, overrides: Overrides = ()) -> Scenario:
    """A validated scenario.

    scenario   name of a shipped scenario, path of a YAML file, the content of such a file as a mapping, or a `Scenario`
    overrides  {"channel.bob.snr.mean_db": 3} or ["channel.bob.snr.mean_db=3"], under the same checks as the file

    Raises ScenarioError with all problems at once, each with file, line, key, value and what is allowed.

    >>> load_scenario({"name": "mine", "frames": 3}).links
    1
    >>> load_scenario("quickstart", {"links": 0})
    Traceback (most recent call last):
        ...
    linksim.errors.ScenarioError: --set links=0: links: got 0, allowed: a whole number from 1 to 4096
    """
    plugins.load_entry_points()
    texts = _override_texts(overrides)
    if isinstance(scenario, Scenario):
        return load.scenario_from_text(load.resolved_yaml(scenario), scenario.name, texts) if texts else scenario
    if isinstance(scenario, Mapping):
        return load.scenario_from_text(dump_yaml(dict(scenario)), "<mapping>", texts)
    return load.load_scenario(str(scenario), texts)


def _override_texts(overrides: Overrides) -> list[str]:
    """Overrides as "KEY=VALUE" with the value in YAML, the form of `--set`."""
    if not isinstance(overrides, Mapping):
        return list(overrides)
    return load.override_texts(overrides)


def run(
    scenario: str | Path | Mapping[str, Any] | Scenario,
    overrides: Overrides = (),
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    listeners: Sequence[Listener] = (),
    policies: "Mapping[str, Policy]" = MappingProxyType({}),
    plugin: Sequence[str] = (),
) -> Run:
    """Run a scenario and return its results.

    scenario   as in `load_scenario`
    out        file of the trace; None for a temporary file that is deleted when the result is closed or discarded
    overwrite  replace an existing trace, when the new one is complete; a file that is not a trace is never replaced
    listeners  callables that receive every record during the run
    policies   policies by group, instead of those that the scenario names; the trace records them as components from outside
    plugin     files or modules with components from outside, as `--plugin` of the command line

    Raises LinksimError where models or data are missing or do not fit, TraceError where the trace exists.
    """
    from linksim.simulate.run import run as simulate

    for source in plugin:
        plugins.load_plugin(source)
    chosen = load_scenario(scenario, overrides)
    folder = None if out else tempfile.TemporaryDirectory(prefix="linksim-")
    path = Path(out) if out else Path(folder.name if folder else "") / "trace.h5"
    result = simulate(chosen, tuple(listeners), path, overwrite, policies)
    return Run(reader.open_trace(path), result, folder)


def sweep(
    scenario: str | Path | Mapping[str, Any] | Scenario,
    axes: "Mapping[str, Axis]",
    overrides: Overrides = (),
    *,
    out: str | Path | None = None,
    workers: int = 1,
    traces: bool = False,
    plugin: Sequence[str] = (),
    report: Callable[[int, int], object] = lambda done, total: None,
) -> "SweepTable":
    """Run a scenario at every combination of the values of some axes, in worker processes, and return the table of results.

    scenario, overrides  as in `load_scenario`
    axes                 {"channel.bob.snr.mean_db": [0, 5, 10], "seed": range(3)}: values of keys; or, under any other name, variants by
                         name, each of which is a mapping of overrides or a function of the scenario that returns one
    out                  folder of the journal, in which later calls find the points that are finished; None for a temporary one
    workers              number of processes, each with one thread
    traces               keep the trace of every point in the folder; the table has its file in the column "trace"
    plugin               files or modules with components from outside, which every worker loads
    report               receives the numbers of finished and of all points, at the start and after every point

    A point that fails is in `errors` of the table and does not end the sweep. Raises ScenarioError, with the point in a note, where a point
    is no valid scenario, and LinksimError where another sweep works in the folder.
    """
    from linksim.sweeps.driver import sweep as run_sweep

    for source in plugin:
        plugins.load_plugin(source)
    base = _override_texts(overrides)
    with tempfile.TemporaryDirectory(prefix="linksim-") as temporary:
        folder = Path(out) if out else Path(temporary)
        return run_sweep(
            lambda texts: load_scenario(scenario, [*base, *texts]), axes, folder, workers, traces and bool(out), plugin, report
        )


def open_trace(path: str | Path) -> Run:
    """Open the trace of an earlier run, also one that is still being written or that was interrupted.

    Raises TraceError where it is missing or damaged, or not a trace.
    """
    return Run(reader.open_trace(path))


def train(
    name: str,
    *,
    models: str | Path | None = None,
    work: str | Path,
    device: str = "auto",
    fresh: bool = False,
    report: Callable[[Any], None] = lambda progress: None,
) -> "Card":
    """Train a model, resuming from its checkpoint, and return its card.

    name    of a training task, as `linksim models` lists them
    models  folder of weights and card; None for the first folder of the model search path
    work    folder of checkpoints
    device  "auto", "cpu" or "cuda"
    fresh   start from the first step even if a checkpoint exists
    report  receives the progress, whose `line()` is one line of text

    Training runs in one thread, because the order of sums then is the same everywhere, and takes minutes to hours. An interrupted training
    continues from its checkpoint bit for bit. Raises ModelError for an unknown name.
    """
    from linksim.nets.weights import models_folder
    from linksim.threads import torch_threads
    from linksim.training.pipeline import train_model

    with torch_threads(1):
        return train_model(name, device, Path(work), Path(models) if models else models_folder(), report, fresh)


__all__ = ["LinksimError", "Run", "load_scenario", "open_trace", "run", "sweep", "train"]

"""The results of a run, as `linksim.run` and `linksim.open_trace` return them: tables, views, summary and figures of its trace."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from linksim.records import FILL, Column
from linksim.scenario import load
from linksim.scenario.schema import Scenario
from linksim.trace import reader

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from linksim.simulate.run_result import RunResult


class Run:
    """The results of a run: its trace, opened for reading. A context manager.

    path      file of the trace
    trace     the open trace, for reading rows in parts (`linksim.trace.reader.Trace`)
    scenario  the scenario that was run, with all defaults filled in
    result    fingerprint, times, operations and warnings of the run; None for a trace that was opened

    >>> import linksim
    >>> with linksim.run("awgn-baseline", {"frames": 2, "links": 1}) as results:
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

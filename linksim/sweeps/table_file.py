"""Files of the table of a sweep: CSV, and Parquet where the package pyarrow is installed.

Values of axes that are no numbers, such as a block with the options of a scheme, are text in both: a word, or JSON.
"""

import csv
import json
from pathlib import Path
from typing import Any

from linksim.errors import LinksimError
from linksim.files import atomic_write
from linksim.sweeps.points import shown
from linksim.sweeps.table import SweepTable


def write_table(table: SweepTable, path: Path) -> Path:
    """Write the table in the format of the suffix of a file, .csv or .parquet, and return the file.

    Raises LinksimError if it cannot be written, or if Parquet needs the package pyarrow, which is not installed.
    """
    try:
        with atomic_write(path) as staged:
            if path.suffix == ".parquet":
                _write_parquet(table, staged)
            else:
                staged.write_text(table.csv(), encoding="utf-8")
    except OSError as fault:
        raise LinksimError(f"{path} cannot be written: {fault.strerror or fault}") from fault
    except ImportError as fault:
        raise LinksimError(f"{path}: Parquet needs the package pyarrow: pip install pyarrow") from fault
    return path


def _write_parquet(table: SweepTable, path: Path) -> None:
    """Write a column per column of the table; one that does not only have numbers has text."""
    import pyarrow
    from pyarrow import parquet

    columns = dict[str, list[Any]]()
    for name in table.columns:
        values = table.column(name)
        numbers = all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)
        columns[name] = values if numbers else [None if value is None else shown(value) for value in values]
    parquet.write_table(pyarrow.table(columns), path)


def read_table(path: Path) -> SweepTable:
    """Read a table that `write_table` wrote as CSV. Raises LinksimError if it cannot be read, or is no table of a sweep."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            rows = [{name: _value(text) for name, text in row.items() if text} for row in reader]
    except (OSError, ValueError, csv.Error) as fault:
        raise LinksimError(f"{path}: cannot be read ({getattr(fault, 'strerror', None) or fault})") from fault
    if not {"group", "receiver"} <= set(columns) or any(name not in row for row in rows for name in ("group", "receiver")):
        raise LinksimError(f"{path}: no table of a sweep, which has the columns of its axes, group and receiver")
    return SweepTable(columns[: columns.index("group")], rows, {})


def _value(text: str) -> Any:
    """A value as `shown` wrote it: a number, a list or a block in JSON, or a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text

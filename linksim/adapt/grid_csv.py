"""Tables on a grid as CSV files: a line per node, first its place on each axis, then the values that were measured there.

t_prime,snr_db,accuracy
0,-5,0.9870
0,-2,0.9885
...                       the last axis changes fastest
"""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linksim.errors import ModelError
from linksim.files import atomic_write

MAX_FILE_BYTES = 1 << 20

Arrays = dict[str, NDArray[np.float64]]  # by name: the nodes of each axis, increasing; or values with a dimension per axis


def write_grid(path: Path, axes: Arrays, cells: Arrays, digits: int) -> None:
    """Write a table. An existing file is replaced only once the new one is complete.

    path    file to write
    axes    nodes of each axis
    cells   values at the nodes
    digits  decimal places of the values
    """
    places = np.stack(np.meshgrid(*axes.values(), indexing="ij"), axis=-1).reshape(-1, len(axes))
    columns = np.stack([values.ravel() for values in cells.values()], axis=-1)
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow((*axes, *cells))
        for place, values in zip(places.tolist(), columns.tolist(), strict=True):
            lines.writerow([*(f"{node:g}" for node in place), *(f"{value:.{digits}f}" for value in values)])


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Convert the errors of a damaged file, or of values that are not valid, into one ModelError.

    path  the file
    kind  what it should be, for the message
    """
    try:
        yield
    except (ValueError, OSError, csv.Error) as fault:
        raise ModelError(f"{path}: cannot be read as an {kind} ({' '.join(str(fault).split())[:200]})") from fault


def read_grid(path: Path, axes: Sequence[str], values: Sequence[str]) -> tuple[Arrays, Arrays]:
    """Return the nodes of each axis and the values at the nodes. Raises errors that `reading` converts.

    path    the file
    axes    names of the axes, in the order of the columns
    values  names of the values
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
    header, *lines = csv.reader(path.read_text(encoding="utf-8").splitlines())
    if tuple(header) != (*axes, *values):
        raise ValueError(f"the first line must be {','.join((*axes, *values))}")
    columns = np.array(lines, np.float64).T
    places, measured = columns[: len(axes)], columns[len(axes) :]
    nodes = [np.unique(column) for column in places]
    if not np.array_equal(np.stack(np.meshgrid(*nodes, indexing="ij")).reshape(len(axes), -1), places):
        raise ValueError("the lines must be those of a grid, in order")
    shape = [len(axis) for axis in nodes]
    return dict(zip(axes, nodes, strict=True)), {name: column.reshape(shape) for name, column in zip(values, measured, strict=True)}

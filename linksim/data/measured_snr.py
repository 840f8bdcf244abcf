"""Measured SNR: files of measurements, validated on reading, and identified by their checksum so that a run can be repeated.

A file is CSV (a header with `time_s` and `snr_db`, in any order and among other columns) or HDF5 (one-dimensional datasets with these
names at the root). Times increase from row to row. A file with a known checksum is read once per process.

The module validates files; `linksim.phy.snr_deterministic` interpolates between the rows. A scenario names a file by path, which does not
identify its content, so `with_checksums` adds the SHA-256 digest when a run starts, and the trace stores both.
"""

import csv
import hashlib
import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from linksim.data.validation import reading, validate
from linksim.errors import DataError, quoted
from linksim.files import read_input
from linksim.scenario.channel import Path
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.snr import MeasuredSnr

COLUMNS = ("time_s", "snr_db")
MAX_FILE_BYTES = 64 << 20
MAX_ROWS = 1_000_000
LIMIT_DB = 100.0
LATEST_S = 1e9  # upper bound on times; larger values are not relative to the start of the run, e.g. seconds since 1970
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, eq=False)
class SnrMeasurement:
    """SNR measurements of one path. The arrays are read-only because all callers share them.

    time_s  times in seconds from the start of the run, float64 [rows], increasing, within 0..1e9
    snr_db  SNR in dB, float64 [rows], within -100..100
    sha256  digest of the bytes of the file
    """

    time_s: NDArray[np.float64]
    snr_db: NDArray[np.float64]
    sha256: str


def read_measured_snr(file: str, sha256: str | None) -> SnrMeasurement:
    """Read the measurements in `file`, whose checksum must be `sha256`.

    file    path of a CSV or HDF5 file of at most 64 MiB and a million rows; the content decides between the formats, not the name
    sha256  SHA-256 digest of the file, 64 hexadecimal digits

    If `sha256` is None, any checksum is accepted, and the file is read again by every call because it may have changed.

    Raises DataError, with file, row and value, if the file is missing, damaged, has another checksum, or contains invalid values.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = FilePath(folder) / "drive.csv"
    ...     _ = file.write_text("time_s,snr_db\\n0,13.2\\n0.05,12.9\\n")
    ...     read_measured_snr(str(file), None).snr_db.tolist()
    [13.2, 12.9]
    """
    return _read(file, None) if sha256 is None else _read_cached(file, sha256)


@lru_cache(maxsize=16)
def _read_cached(file: str, sha256: str) -> SnrMeasurement:
    return _read(file, sha256)


def _read(file: str, sha256: str | None) -> SnrMeasurement:
    path = FilePath(file)
    try:
        raw = read_input(path, MAX_FILE_BYTES)
    except FileNotFoundError:
        expected = f"; the repeated run used a file with sha256 {sha256}" if sha256 else ""
        raise DataError(f"{path}: no such file of measured SNR{expected}") from None
    except (OSError, ValueError) as fault:
        raise DataError(f"{path} cannot be read: {getattr(fault, 'strerror', None) or fault}") from fault
    validate(len(raw) <= MAX_FILE_BYTES, path, f"is larger than {MAX_FILE_BYTES >> 20} MiB")
    found = hashlib.sha256(raw).hexdigest()
    mismatch = f"is not the expected file: its sha256 is {found}, expected {sha256}; sha256: null accepts any file"
    validate(sha256 in (None, found), path, mismatch)
    with reading(path):
        time_s, snr_db, first = _hdf5(raw, path) if raw.startswith(HDF5_MAGIC) else _csv(raw, path)
    _check(path, time_s, snr_db, first)
    for column in (time_s, snr_db):
        column.setflags(write=False)
    return SnrMeasurement(time_s, snr_db, found)


def with_checksums(scenario: Scenario) -> Scenario:
    """Return the scenario with the checksum of every file of measured SNR filled in. Raises DataError as `read_measured_snr` does.

    All files are read and validated, so a defect is reported before the run begins. A scenario without such files is returned as it is.
    """
    groups = {name: _link_with_checksums(options) for name, options in scenario.groups.items()}
    return scenario if groups == scenario.groups else scenario.model_copy(update={"groups": groups})


def _link_with_checksums(options: LinkOptions) -> LinkOptions:
    receivers = {"bob": _path_with_checksums(options.channel.bob), "eve": _path_with_checksums(options.channel.eve)}
    return options.model_copy(update={"channel": options.channel.model_copy(update=receivers)})


def _path_with_checksums(path: Path) -> Path:
    if not isinstance(path.snr, MeasuredSnr):
        return path
    found = read_measured_snr(path.snr.file, path.snr.sha256).sha256
    return path.model_copy(update={"snr": path.snr.model_copy(update={"sha256": found})})


def _csv(raw: bytes, path: FilePath) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Return both columns and the line number of the first row, for messages. Raises DataError for a row that is not two numbers.

    raw   content of the file, UTF-8
    path  file, for messages
    """
    lines = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    header = [name.strip() for name in next(lines, [])]
    # The header of a file without these columns is not shown: it may be any file that a scenario names.
    validate(set(COLUMNS) <= set(header), path, f"has a header without {_missing(header)}, expected {' and '.join(COLUMNS)}")
    indices = [header.index(name) for name in COLUMNS]
    rows = []
    for row in lines:
        if not row:
            raise DataError(f"{path}: line {lines.line_num} is empty")
        try:
            rows.append([float(row[index]) for index in indices])
        except (ValueError, IndexError):
            shown = quoted(",".join(row), limit=60)
            raise DataError(f"{path}: line {lines.line_num}: got {shown}, expected numbers for {' and '.join(COLUMNS)}") from None
        validate(len(rows) <= MAX_ROWS, path, f"has more than {MAX_ROWS:,} rows")
    table = np.array(rows, np.float64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy(), 2


def _missing(header: list[str]) -> str:
    """Return the required columns that a header lacks."""
    return " and ".join(name for name in COLUMNS if name not in header)


def _hdf5(raw: bytes, path: FilePath) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Return both columns, and 0: rows are counted as HDF5 does."""
    with h5py.File(io.BytesIO(raw), "r") as file:
        time_s, snr_db = (_dataset(file, name, path) for name in COLUMNS)
    validate(len(time_s) == len(snr_db), path, f"holds {len(time_s):,} times and {len(snr_db):,} SNRs")
    return time_s, snr_db, 0


def _dataset(file: Any, name: str, path: FilePath) -> NDArray[np.float64]:
    """Return a plain column of numbers. External, virtual and linked datasets are rejected."""
    plain = isinstance(file.get(name, getlink=True), h5py.HardLink) and isinstance(file[name], h5py.Dataset)
    validate(plain, path, f"has no dataset {name!r} at its root, expected {' and '.join(COLUMNS)}")
    data = file[name]
    numbers = data.ndim == 1 and data.dtype.kind in "fiu"
    validate(numbers, path, f"holds {name!r} of {data.ndim} dimensions and type {data.dtype.kind!r}, expected one dimension of numbers")
    validate(not data.is_virtual and not data.external, path, f"keeps {name!r} in other files")
    validate(len(data) <= MAX_ROWS, path, f"has more than {MAX_ROWS:,} rows")
    return np.asarray(data[:], np.float64)


def _check(path: FilePath, time_s: NDArray[np.float64], snr_db: NDArray[np.float64], first: int) -> None:
    """Raise DataError for invalid values. It names a row by its CSV line, counted from `first`, or by its HDF5 index if `first` is 0."""
    validate(len(time_s) > 0, path, "has no rows")
    row = "line" if first else "row"
    early = ~(np.diff(time_s, prepend=-np.inf) > 0) | ~np.isfinite(time_s) | (time_s < 0)
    if early.any():
        at = int(early.argmax())
        before = f" after {time_s[at - 1]:g}" if at else ""
        raise DataError(
            f"{path}: {row} {at + first}: time_s is {time_s[at]:g}{before}; times must be at least 0 and increase from row to row"
        )
    if time_s[-1] > LATEST_S:
        at = int((time_s > LATEST_S).argmax())
        raise DataError(f"{path}: {row} {at + first}: time_s is {time_s[at]:g}, allowed: up to {LATEST_S:g} s after the start of the run")
    wild = ~(np.abs(snr_db) <= LIMIT_DB)
    if wild.any():
        at = int(wild.argmax())
        raise DataError(f"{path}: {row} {at + first}: snr_db is {snr_db[at]:g}, allowed: -{LIMIT_DB:g} to {LIMIT_DB:g} dB")

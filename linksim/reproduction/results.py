"""Kept results of a paper's experiments, so that each experiment is measured once.

`results.sqlite` in the paper's folder holds, for every experiment, the digest of everything that determines its distribution, the seed, the
number of the random draws, and every metric as one compressed float32 array with a value per image. Means, intervals and paired comparisons
follow from these arrays. Each result is stored in a transaction of its own: a run that is killed loses only the experiment in progress, and
processes that write at the same time keep each other's results.

An experiment that scores several receivers names its metrics "RECEIVER:METRIC", such as "black:psnr_db".

Two results can be compared image by image only if both had the same random draws: then the images and the noise at equal positions are the
same. When the random streams change, equal seeds give other images and noise, and `DRAWS` is raised. The older results remain valid samples
of the same distribution, but they are never paired with new ones (`ResultStore.aligned`).

`results.csv` beside it is an export for review: mean, 95 % interval, number of samples, seed, draws and digest of every metric, without
samples.
"""

import csv
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linksim.errors import LinksimError
from linksim.files import atomic_write
from linksim.statistics import Interval, mean_interval

DRAWS = 3  # raise it when the random streams give other images or noise for the same seed
COLUMNS = ("experiment", "metric", "mean", "low", "high", "n", "seed", "draws", "digest")
STORED = np.dtype("<f4")  # type of the stored samples
LOCK_TIMEOUT_S = 60.0  # how long a process waits for another one's transaction
FORMAT = 3  # `PRAGMA user_version` of the database
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS experiments (key TEXT PRIMARY KEY, digest TEXT NOT NULL, seed INTEGER NOT NULL, draws INTEGER NOT NULL) "
    "WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS samples (key TEXT NOT NULL, metric TEXT NOT NULL, position INTEGER NOT NULL, "
    "n INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (key, metric))",
    f"PRAGMA user_version = {FORMAT}",
)

Samples = NDArray[np.float64]


class DifferentDrawsError(LinksimError):
    """Results of different random draws, which cannot be compared image by image."""

    def __init__(self) -> None:
        super().__init__("different random draws, remeasure")


@dataclass(frozen=True, eq=False, kw_only=True)
class ExperimentResult:
    """The result of one experiment.

    key      of the experiment, such as "table2/white/mc10/ec0"
    digest   of everything that determines the values, apart from the random streams
    seed     of the run
    draws    number of the random draws (`DRAWS`) with which it was measured
    samples  by metric, float64 [n]: one value per image in the order of transmission, so that experiments of the same draws can be
             compared image by image
    """

    key: str
    digest: str
    seed: int
    samples: Mapping[str, Samples]
    draws: int = DRAWS

    def interval(self, metric: str) -> Interval:
        """Mean of a metric over the images, with its 95 % interval. Each image is transmitted once."""
        return mean_interval(self.samples[metric])


class ResultStore:
    """The kept results of one paper.

    folder   of the paper's results; it is created by the first `put`
    results  to hold instead of those in the database: the store is then a view for reading

    Raises LinksimError, naming the file, for a database that is damaged, locked or not readable.
    """

    def __init__(self, folder: Path, results: Iterable[ExperimentResult] | None = None) -> None:
        self.folder, self.path, self.export_path = folder, folder / "results.sqlite", folder / "results.csv"
        self._results = self._read() if results is None else {result.key: result for result in results}

    def __getitem__(self, key: str) -> ExperimentResult:
        return self._results[key]

    def __contains__(self, key: str) -> bool:
        return key in self._results

    def results(self) -> tuple[ExperimentResult, ...]:
        """All results, sorted by key."""
        return tuple(self._results[key] for key in sorted(self._results))

    def has(self, key: str, digest: str) -> bool:
        """Whether the experiment has a result with this digest."""
        return key in self._results and self._results[key].digest == digest

    def aligned(self, keys: Sequence[str], metric: str) -> list[Samples]:
        """The values of several experiments for comparison image by image: equal positions belong to the same image and noise. [n] each.

        All pairs that a caller compares must be in one call. Raises DifferentDrawsError unless all experiments had the same random draws.
        """
        if not self.same_draws(keys):
            raise DifferentDrawsError
        return [self[key].samples[metric] for key in keys]

    def same_draws(self, keys: Iterable[str]) -> bool:
        """Whether the results of these experiments had the same random draws."""
        return len({self[key].draws for key in keys}) < 2

    def only(self, digests: Mapping[str, str]) -> "ResultStore":
        """A view, for reading, of those results whose digest equals the one that `digests` has for their key."""
        return ResultStore(self.folder, (result for result in self._results.values() if digests.get(result.key) == result.digest))

    def replaced(self, results: Iterable[ExperimentResult]) -> "ResultStore":
        """A view, for reading, in which `results` stand in place of those of the same keys."""
        return ResultStore(self.folder, (self._results | {result.key: result for result in results}).values())

    def put(self, result: ExperimentResult) -> None:
        """Store a result in place of an older one of the same key. Results that other processes have stored meanwhile are read again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        identity = (result.key, result.digest, result.seed, result.draws)
        arrays = [
            (m, position, len(s), zlib.compress(np.asarray(s, STORED).tobytes(), 9))
            for position, (m, s) in enumerate(result.samples.items())
        ]
        with self._connection("rwc") as database:
            database.execute("BEGIN IMMEDIATE")
            for statement in SCHEMA:
                database.execute(statement)
            database.execute("DELETE FROM samples WHERE key = ?", (result.key,))
            database.execute("INSERT OR REPLACE INTO experiments VALUES (?, ?, ?, ?)", identity)
            database.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?)", [(result.key, *array) for array in arrays])
            database.execute("COMMIT")
        self.export()

    def export(self) -> Path | None:
        """Write `results.csv` from the database and read the database again. -> the file, None where there is no database."""
        if not self.path.exists():
            return None
        with self._connection("rw") as database:
            database.execute("BEGIN IMMEDIATE")  # of two processes, the one that exports last has seen the results of both
            self._results = _load(database)
            with atomic_write(self.export_path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(COLUMNS)
                writer.writerows(row for result in self.results() for row in _rows(result))
            database.execute("ROLLBACK")
        return self.export_path

    def _read(self) -> dict[str, ExperimentResult]:
        if not self.path.exists():
            return {}
        with self._connection("rw") as database:
            return _load(database)

    @contextmanager
    def _connection(self, mode: str) -> Iterator[sqlite3.Connection]:
        """A connection in autocommit mode, with SQLite's and the format's errors translated."""
        try:
            uri = f"{self.path.absolute().as_uri()}?mode={mode}"
            with closing(sqlite3.connect(uri, uri=True, timeout=LOCK_TIMEOUT_S, isolation_level=None)) as database:
                yield database
        except sqlite3.OperationalError as error:
            raise LinksimError(f"{self.path}: cannot be used ({error})") from error
        except (sqlite3.DatabaseError, ValueError) as error:
            raise LinksimError(f"{self.path}: damaged ({error}); delete it, or restore it from version control") from error


def quantity(metric: str) -> str:
    """The quantity that a metric measures: its name without the prefix "RECEIVER:" of an experiment that scores several receivers.

    >>> quantity("black:psnr_db"), quantity("psnr_db")
    ('psnr_db', 'psnr_db')
    """
    return metric.rpartition(":")[2]


def _load(database: sqlite3.Connection) -> dict[str, ExperimentResult]:
    """All results of a database. Raises ValueError for another format and for arrays of another length than stated."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version != FORMAT:
        raise ValueError(f"format {version}, expected {FORMAT}")
    found: dict[str, dict[str, Samples]] = {}
    for key, metric, n, data in database.execute("SELECT key, metric, n, data FROM samples ORDER BY key, position"):
        found.setdefault(key, {})[metric] = _unpack(data, n, f"{metric} of {key}")
    rows = database.execute("SELECT key, digest, seed, draws FROM experiments")
    return {
        key: ExperimentResult(key=key, digest=digest, seed=seed, draws=draws, samples=found.get(key, {}))
        for key, digest, seed, draws in rows
    }


def _unpack(data: bytes, n: int, what: str) -> Samples:
    """The `n` samples of a compressed array. Raises ValueError, with `what` it is, for damaged data and for another length."""
    unpacker, expected = zlib.decompressobj(), n * STORED.itemsize
    try:
        found = unpacker.decompress(data, expected + 1)  # one byte more than expected shows that there are more
    except zlib.error as fault:
        raise ValueError(f"{what}: {fault}") from fault
    if len(found) != expected or not unpacker.eof:
        raise ValueError(f"{what} has another length than {expected} bytes")
    return np.frombuffer(found, STORED).astype(np.float64)


def _rows(result: ExperimentResult) -> Iterator[tuple[str | int, ...]]:
    for metric in result.samples:
        interval = result.interval(metric)
        values = (f"{value:.6g}" for value in (interval.value, interval.low, interval.high))
        yield result.key, metric, *values, interval.n, result.seed, result.draws, result.digest

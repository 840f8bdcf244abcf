"""The journal of a sweep: what every finished point gave. A SQLite database, to which several processes write.

    points   digest, seconds, rows: one JSON object per group and receiver; or the message of the error with which it ended

A point is committed in one transaction by the process that ran it, so a kill at any time leaves it finished or missing.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linksim.errors import LinksimError

FORMAT = 1  # `PRAGMA user_version` of the database
TIMEOUT_S = 60.0  # how long a process waits for the transaction of another one
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS points (digest TEXT PRIMARY KEY, seconds REAL NOT NULL, rows TEXT NOT NULL, error TEXT NOT NULL) "
    "WITHOUT ROWID"
)

Row = dict[str, Any]  # values of one group and receiver, by column


@dataclass(frozen=True)
class Outcome:
    """What a point gave.

    seconds  wall-clock time in seconds
    rows     results, one per group and receiver; empty for a point that failed
    error    message of the error; "" for a point that finished
    """

    seconds: float
    rows: Sequence[Row]
    error: str = ""


class Journal:
    """The journal in a file, which is created when it is missing.

    Raises LinksimError, which names the file, where it cannot be used, is damaged or of another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._connection() as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version not in (0, FORMAT):
                raise LinksimError(f"{path}: a journal of format {version}, this version of linksim writes {FORMAT}; use another folder")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(SCHEMA)
            database.execute(f"PRAGMA user_version = {FORMAT}")

    def put(self, digest: str, outcome: Outcome) -> None:
        """Commit the outcome of a point, in place of an earlier one."""
        values = digest, outcome.seconds, json.dumps(outcome.rows), outcome.error
        with self._connection() as database:
            database.execute("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?)", values)

    def remove_failures(self) -> None:
        """Remove the outcomes of points that failed, so that they are run again."""
        with self._connection() as database:
            database.execute("DELETE FROM points WHERE error != ''")

    def outcomes(self) -> dict[str, Outcome]:
        """Return all outcomes by the digest of the point."""
        with self._connection() as database:
            found = database.execute("SELECT digest, seconds, rows, error FROM points").fetchall()
        return {digest: Outcome(seconds, json.loads(rows), error) for digest, seconds, rows, error in found}

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection in autocommit mode, with the errors of SQLite translated."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=TIMEOUT_S, isolation_level=None)) as database:
                yield database
        except sqlite3.OperationalError as fault:
            raise LinksimError(f"{self.path}: cannot be used ({fault})") from fault
        except (sqlite3.DatabaseError, ValueError) as fault:
            raise LinksimError(f"{self.path}: damaged ({fault}); delete it, and the sweep starts from the beginning") from fault
        except OSError as fault:
            raise LinksimError(f"{self.path}: cannot be used ({fault.strerror or fault})") from fault


def lock(folder: Path) -> int:
    """Take the lock of a sweep's folder, and return its file descriptor.

    The lock is held until the descriptor is closed in this process and in all that inherit it, so workers that outlive a killed sweep keep
    it until they have committed their points. Raises LinksimError if another sweep has it.
    """
    import fcntl

    path = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as fault:
        raise LinksimError(f"{path}: cannot be written ({fault.strerror})") from fault
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise LinksimError(f"{folder}: another sweep works in this folder, or its workers are about to end; name another folder") from None
    return descriptor

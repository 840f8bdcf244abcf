"""Download of the public files of a dataset. It resumes after an interruption, bounds the size, and verifies the checksum.

The bytes so far are in a private folder (`data.partial_download`) and become the file once their checksum is right. A later attempt
requests the remaining bytes with `Range` and the validator with `If-Range` (RFC 9110, 13.1.5 and 14.2). A server that has another file by
then, or does not know ranges, sends the whole file, and the download starts over.
"""

import http.client
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request

from linksim.data.downloads import ORIGINS, RemoteFile, download_folder
from linksim.data.http_requests import BLOCK, InterruptedTransferError, check_address, content_length, open_address, read_block
from linksim.data.partial_download import PartialDownload, partial_download
from linksim.data.validation import md5_of
from linksim.errors import DataError
from linksim.progress import duration, progress_line, rate, times
from linksim.registry import suggest

MAX_ATTEMPTS = 5  # consecutive attempts that transfer less than a block


@dataclass(frozen=True)
class FetchProgress:
    """Download progress of one file.

    file            name of the file
    done_bytes      bytes on the disk
    total_bytes     size of the file, None if the server does not report it
    received_bytes  bytes that this call has received, without those of an earlier one that it resumes
    elapsed_s       time since this call began with the file, in s
    """

    file: str
    done_bytes: int
    total_bytes: int | None
    received_bytes: int = 0
    elapsed_s: float = 0.0

    def line(self) -> str:
        """Return one line for a terminal: size, rate, elapsed time, and bar and remaining time if the size is known. MB are 10^6 bytes.

        >>> FetchProgress("a.gz", 2_500_000, 10_000_000, received_bytes=1_500_000, elapsed_s=3.0).line()
        'a.gz  [######..................]  25%  2.5/10.0 MB  500 kB/s  3 s so far, 15 s left'
        """
        total_mb = None if self.total_bytes is None else self.total_bytes / 1e6
        details: tuple[str, ...] = ()
        if self.elapsed_s:
            unit, size = ("MB", 1e6) if self.received_bytes >= 1e6 * self.elapsed_s else ("kB", 1e3)
            missing = 0 if self.total_bytes is None else self.total_bytes - self.done_bytes
            clock = times(self.elapsed_s, self.received_bytes, self.received_bytes + missing)
            so_far = f"{duration(self.elapsed_s)} so far"
            details = rate(self.received_bytes / size, self.elapsed_s, unit), so_far if total_mb is None else clock
        return progress_line(self.done_bytes / 1e6, total_mb, "MB", f"{self.file}  ", details, digits=1)


Report = Callable[[FetchProgress], None]


class _Meter:
    """Counts the bytes that arrive of one file, and reports the progress.

    file    name of the file
    report  callback
    """

    def __init__(self, file: str, report: Report) -> None:
        self._file, self._report = file, report
        self._started, self._received = time.monotonic(), 0

    def add(self, count: int, done: int, total: int | None) -> None:
        """Report that `count` bytes have arrived, after which the file has `done` bytes of `total`."""
        self._received += count
        self._report(FetchProgress(self._file, done, total, self._received, time.monotonic() - self._started))


def fetch(
    name: str,
    origin: str | None = None,
    report: Report = lambda progress: None,
    pause: Callable[[float], None] = time.sleep,
) -> list[Path]:
    """Download the public files of dataset `name` to the cache folder and return their paths. Files that are already verified are kept.

    origin  address (http, https) of a mirror of the folder that holds the files; the expected checksums do not change
    report  callback, called after every block
    pause   waits the given number of seconds before another attempt: 1, 2, 4, 8 s, until one transfers at least a block

    Raises DataError if the dataset has no public files, or if the server refuses a file, a transfer fails too often, a file is too large,
    or its checksum differs. An incomplete file is kept, and the next call resumes it.
    """
    if name not in ORIGINS:
        raise DataError(f"dataset {name!r} cannot be downloaded; {suggest(name, ORIGINS)}")
    base = origin or ORIGINS[name].url
    check_address(base)
    folder = download_folder(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [
            _fetch_file(f"{base.rstrip('/')}/{wanted.name}", folder / wanted.name, wanted, report, pause) for wanted in ORIGINS[name].files
        ]
    except OSError as fault:  # network errors are converted to DataError at a lower level
        raise DataError(f"cannot write to {folder}: {fault}") from fault


def _fetch_file(url: str, path: Path, wanted: RemoteFile, report: Report, pause: Callable[[float], None]) -> Path:
    """Download one file unless it is there, and return its path. A file with a wrong checksum is removed, and DataError is raised."""
    if path.is_file() and md5_of(path) == wanted.md5:
        report(FetchProgress(wanted.name, path.stat().st_size, path.stat().st_size))
        return path
    with partial_download(path) as partial:
        if partial.size == 0 or md5_of(partial.path) != wanted.md5:
            _complete(url, partial, wanted, _Meter(wanted.name, report), pause)
        found = md5_of(partial.path)
        if found != wanted.md5:
            partial.discard()
            raise DataError(f"{url} has the md5 {found}, the public file has {wanted.md5}; the download was removed")
        partial.publish(path)
    return path


def _complete(url: str, partial: PartialDownload, wanted: RemoteFile, meter: _Meter, pause: Callable[[float], None]) -> None:
    """Download until `partial` is complete. Raises DataError after MAX_ATTEMPTS consecutive attempts without progress."""
    attempts_left, furthest = MAX_ATTEMPTS, partial.size
    while True:
        try:
            return _download(url, partial, wanted, meter)
        except InterruptedTransferError as fault:
            attempts_left -= 1
            if partial.size >= furthest + BLOCK:
                attempts_left, furthest = MAX_ATTEMPTS - 1, partial.size
            if attempts_left == 0:
                raise DataError(f"{url}: {fault}. {partial.size:,} bytes are kept; the same command resumes the download") from fault
            pause(2.0 ** (MAX_ATTEMPTS - 1 - attempts_left))


def _download(url: str, partial: PartialDownload, wanted: RemoteFile, meter: _Meter) -> None:
    """Make one attempt: append the missing bytes, or start over if the server sends the whole file.

    Raises InterruptedTransferError if the end of the file was not reached, and DataError if the file is too large.
    """
    request = Request(url, headers={"User-Agent": "linksim", "Accept-Encoding": "identity", **partial.headers()})
    with _answer(request, partial) as answer:
        start = partial.size if answer.status == http.HTTPStatus.PARTIAL_CONTENT else 0
        if start and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            partial.discard()
            raise InterruptedTransferError("the server sent another range than the requested one")
        length = content_length(answer)
        total = None if length is None else start + length
        done = start
        with partial.path.open("ab" if start else "wb") as file:
            partial.store_validator(answer.headers)
            while block := read_block(answer, None if total is None else total - done):
                done += len(block)
                if max(done, total or 0) > wanted.max_bytes:
                    partial.discard()
                    raise DataError(f"{url} is larger than the public file ({wanted.max_bytes:,} bytes); the download was removed")
                file.write(block)
                meter.add(len(block), done, total)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and done < total:
        raise InterruptedTransferError(f"the connection ended after {done:,} of {total:,} bytes")


def _answer(request: Request, partial: PartialDownload) -> http.client.HTTPResponse:
    """Send a request and return the response; raises as `open_address` does. A partial file that is longer than the file is removed."""
    try:
        return open_address(request)
    except InterruptedTransferError as fault:
        if fault.status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            partial.discard()
        raise

"""Download of the public files of a dataset. It resumes after an interruption, bounds the size, and verifies the checksum."""

import http.client
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from linksim.data.downloads import ORIGINS, RemoteFile, download_folder
from linksim.data.validation import md5_of
from linksim.errors import DataError
from linksim.progress import progress_line
from linksim.registry import suggest

BLOCK = 1 << 18  # bytes per read and per progress report
MAX_ATTEMPTS = 5  # consecutive attempts that transfer less than a block
TIMEOUT_S = 30.0
RETRYABLE_STATUSES = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class FetchProgress:
    """Download progress of one file.

    file         name of the file
    done_bytes   bytes on the disk
    total_bytes  size of the file, None if the server does not report it
    """

    file: str
    done_bytes: int
    total_bytes: int | None

    def line(self) -> str:
        """Return one line for a terminal, with a progress bar if the size is known."""
        return progress_line(self.done_bytes / 1e6, self.total_bytes and self.total_bytes / 1e6, "MB", f"{self.file}  ", digits=1)


class _InterruptedTransferError(Exception):
    """A transfer failed in a way that another attempt may fix."""


def fetch(
    name: str,
    origin: str | None = None,
    report: Callable[[FetchProgress], None] = lambda progress: None,
    pause: Callable[[float], None] = time.sleep,
) -> list[Path]:
    """Download the public files of dataset `name` to the cache folder and return their paths. Files that are already verified are kept.

    origin  address (http, https) of a mirror of the folder that holds the files; the expected checksums do not change
    report  callback, called after every block
    pause   waits the given number of seconds before another attempt

    Raises DataError if the dataset has no public files, or if the server refuses a file, a transfer fails too often, a file is too large,
    or its checksum differs. An incomplete file is kept, and the next call resumes it.
    """
    if name not in ORIGINS:
        raise DataError(f"dataset {name!r} cannot be downloaded; {suggest(name, ORIGINS)}")
    base = origin or ORIGINS[name].url
    if urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).netloc:
        raise DataError(f"origin {base!r} is not an address; allowed: http://... or https://...")
    folder = download_folder(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [
            _fetch_file(f"{base.rstrip('/')}/{wanted.name}", folder / wanted.name, wanted, report, pause) for wanted in ORIGINS[name].files
        ]
    except OSError as fault:  # network errors are converted to DataError at a lower level
        raise DataError(f"cannot write to {folder}: {fault}") from fault


def _fetch_file(url: str, path: Path, wanted: RemoteFile, report: Callable[[FetchProgress], None], pause: Callable[[float], None]) -> Path:
    if path.is_file() and md5_of(path) == wanted.md5:
        report(FetchProgress(wanted.name, path.stat().st_size, path.stat().st_size))
        return path
    partial = _PartialDownload(path.with_name(path.name + ".part"))
    if partial.size == 0 or md5_of(partial.path) != wanted.md5:
        _complete(url, partial, wanted, report, pause)
    found = md5_of(partial.path)
    if found != wanted.md5:
        partial.discard()
        raise DataError(f"{url} has the md5 {found}, the public file has {wanted.md5}; the download was removed")
    os.replace(partial.path, path)
    partial.discard()
    return path


def _complete(
    url: str, partial: "_PartialDownload", wanted: RemoteFile, report: Callable[[FetchProgress], None], pause: Callable[[float], None]
) -> None:
    """Download until `partial` is complete. Raises DataError after MAX_ATTEMPTS consecutive attempts without progress."""
    attempts_left, furthest = MAX_ATTEMPTS, partial.size
    while True:
        try:
            return _download(url, partial, wanted, report)
        except _InterruptedTransferError as fault:
            attempts_left -= 1
            if partial.size >= furthest + BLOCK:
                attempts_left, furthest = MAX_ATTEMPTS - 1, partial.size
            if attempts_left == 0:
                raise DataError(f"{url}: {fault}. {partial.size:,} bytes are kept; the same command resumes the download") from fault
            pause(2.0 ** (MAX_ATTEMPTS - 1 - attempts_left))


class _PartialDownload:
    """An incomplete file, with the validator (ETag or date) that lets the server detect whether the file has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._validator = path.with_name(path.name + ".mark")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._validator.unlink(missing_ok=True)

    def store_validator(self, headers: http.client.HTTPMessage) -> None:
        """Store the strong ETag of the response, or the modification date if there is none."""
        tag = headers.get("ETag", "")
        self._validator.write_text(tag if tag.startswith('"') else headers.get("Last-Modified", ""))

    def headers(self) -> dict[str, str]:
        """Request headers for the remaining bytes, or for the whole file if it has changed on the server."""
        if not self.size:
            return {}
        validator = self._validator.read_text() if self._validator.is_file() else ""
        return {"Range": f"bytes={self.size}-"} | ({"If-Range": validator} if validator else {})


def _download(url: str, partial: _PartialDownload, wanted: RemoteFile, report: Callable[[FetchProgress], None]) -> None:
    """Make one attempt: append the missing bytes, or start over if the server sends the whole file.

    Raises _InterruptedTransferError if the end of the file was not reached, and DataError if the file is too large.
    """
    request = Request(url, headers={"User-Agent": "linksim", "Accept-Encoding": "identity", **partial.headers()})
    with _answer(request, partial) as answer:
        start = partial.size if answer.status == http.HTTPStatus.PARTIAL_CONTENT else 0
        if start and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            partial.discard()
            raise _InterruptedTransferError("the server sent another range than the requested one")
        length = answer.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        done = start
        with partial.path.open("ab" if start else "wb") as file:
            partial.store_validator(answer.headers)
            while block := _block(answer):
                done += len(block)
                if max(done, total or 0) > wanted.max_bytes:
                    partial.discard()
                    raise DataError(f"{url} is larger than the public file ({wanted.max_bytes:,} bytes); the download was removed")
                file.write(block)
                report(FetchProgress(wanted.name, done, total))
            file.flush()
            os.fsync(file.fileno())
    if total is not None and done < total:
        raise _InterruptedTransferError(f"the connection ended after {done:,} of {total:,} bytes")


def _answer(request: Request, partial: _PartialDownload) -> http.client.HTTPResponse:
    try:
        answer: http.client.HTTPResponse = urlopen(request, timeout=TIMEOUT_S)
    except HTTPError as refusal:
        refusal.close()
        if refusal.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            partial.discard()  # the partial file is longer than the file on the server
        elif refusal.code not in RETRYABLE_STATUSES:
            message = f"{request.full_url}: the server answers {refusal.code} {refusal.reason}; use --origin for a mirror"
            raise DataError(message) from refusal
        raise _InterruptedTransferError(f"the server answers {refusal.code} {refusal.reason}") from refusal
    except (OSError, http.client.HTTPException) as fault:
        raise _InterruptedTransferError(str(fault) or type(fault).__name__) from fault
    return answer


def _block(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read(BLOCK)
    except (OSError, http.client.HTTPException) as fault:
        raise _InterruptedTransferError(str(fault) or type(fault).__name__) from fault

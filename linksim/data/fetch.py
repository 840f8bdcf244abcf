"""Fetches the public files of a dataset: resumed after a break, bounded in size, and kept only once their checksum is right."""

import http.client
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from linksim.data.downloads import ORIGINS, RemoteFile, fetched
from linksim.data.validation import md5_of
from linksim.errors import DataError
from linksim.registry import suggest

BLOCK = 1 << 18  # bytes read and reported at a time
TRIES = 5  # in a row that bring less than a block
TIMEOUT_S = 30.0
WORTH_ANOTHER_TRY = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class FetchProgress:
    """How far one file is.

    total_bytes  None where the server does not tell
    """

    file: str
    done_bytes: int
    total_bytes: int | None


class _BrokenOffError(Exception):
    """A fault that another try may mend."""


def fetch(
    name: str,
    origin: str | None = None,
    report: Callable[[FetchProgress], None] = lambda progress: None,
    pause: Callable[[float], None] = time.sleep,
) -> list[Path]:
    """Fill the cache folder with the public files of source `name`; what is there and right is left alone.

    origin  another address (http, https) of the folder that holds the files: a mirror; checksums stay those of the public files
    report  is told of every block
    pause   waits that many seconds before another try

    Raises DataError where the source has no public files, a file is refused, breaks off too often, is too large, or has another checksum.
    A part that broke off stays, and the next call goes on from there.
    """
    if name not in ORIGINS:
        raise DataError(f"source {name!r} is not to be fetched; {suggest(name, ORIGINS)}")
    base = origin or ORIGINS[name].url
    if urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).netloc:
        raise DataError(f"origin {base!r} is no address; allowed: http://... or https://...")
    folder = fetched(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [
            _fetch_file(f"{base.rstrip('/')}/{wanted.name}", folder / wanted.name, wanted, report, pause) for wanted in ORIGINS[name].files
        ]
    except OSError as fault:  # faults of the network have become DataErrors further down
        raise DataError(f"cannot write to {folder}: {fault}") from fault


def _fetch_file(url: str, path: Path, wanted: RemoteFile, report: Callable[[FetchProgress], None], pause: Callable[[float], None]) -> Path:
    if path.is_file() and md5_of(path) == wanted.md5:
        report(FetchProgress(wanted.name, path.stat().st_size, path.stat().st_size))
        return path
    part = _Part(path.with_name(path.name + ".part"))
    if part.size == 0 or md5_of(part.path) != wanted.md5:
        _complete(url, part, wanted, report, pause)
    found = md5_of(part.path)
    if found != wanted.md5:
        part.discard()
        raise DataError(f"{url} has the md5 {found}, the public file has {wanted.md5}; what was fetched has been removed")
    os.replace(part.path, path)
    part.discard()
    return path


def _complete(url: str, part: "_Part", wanted: RemoteFile, report: Callable[[FetchProgress], None], pause: Callable[[float], None]) -> None:
    """Try until `part` is whole, or TRIES in a row have brought next to nothing."""
    tries, furthest = TRIES, part.size
    while True:
        try:
            return _download(url, part, wanted, report)
        except _BrokenOffError as fault:
            tries -= 1
            if part.size >= furthest + BLOCK:
                tries, furthest = TRIES - 1, part.size
            if tries == 0:
                raise DataError(f"{url}: {fault}. {part.size:,} bytes are kept; the same command goes on from there") from fault
            pause(2.0 ** (TRIES - 1 - tries))


class _Part:
    """A file on its way, and beside it the mark by which its server tells whether it is still the same file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark = path.with_name(path.name + ".mark")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._mark.unlink(missing_ok=True)

    def remember(self, headers: http.client.HTTPMessage) -> None:
        """Keep the strong ETag, or else the date of the file that `headers` announce."""
        tag = headers.get("ETag", "")
        self._mark.write_text(tag if tag.startswith('"') else headers.get("Last-Modified", ""))

    def headers(self) -> dict[str, str]:
        """What asks for the rest of this part, or for all if the file has changed since."""
        if not self.size:
            return {}
        mark = self._mark.read_text() if self._mark.is_file() else ""
        return {"Range": f"bytes={self.size}-"} | ({"If-Range": mark} if mark else {})


def _download(url: str, part: _Part, wanted: RemoteFile, report: Callable[[FetchProgress], None]) -> None:
    """One try: add what `part` lacks, or start over where the server sends all. Raises _BrokenOffError where the end was not reached."""
    request = Request(url, headers={"User-Agent": "linksim", "Accept-Encoding": "identity", **part.headers()})
    with _answer(request, part) as answer:
        start = part.size if answer.status == http.HTTPStatus.PARTIAL_CONTENT else 0
        if start and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            part.discard()
            raise _BrokenOffError("the server sent another range than it was asked for")
        length = answer.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        done = start
        with part.path.open("ab" if start else "wb") as file:
            part.remember(answer.headers)
            while block := _block(answer):
                done += len(block)
                if max(done, total or 0) > wanted.most_bytes:
                    part.discard()
                    raise DataError(
                        f"{url} is larger than the public file ({wanted.most_bytes:,} bytes); what was fetched has been removed"
                    )
                file.write(block)
                report(FetchProgress(wanted.name, done, total))
            file.flush()
            os.fsync(file.fileno())
    if total is not None and done < total:
        raise _BrokenOffError(f"the connection ended after {done:,} of {total:,} bytes")


def _answer(request: Request, part: _Part) -> http.client.HTTPResponse:
    try:
        answer: http.client.HTTPResponse = urlopen(request, timeout=TIMEOUT_S)
    except HTTPError as refusal:
        refusal.close()
        if refusal.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.discard()  # longer than the file: start over
        elif refusal.code not in WORTH_ANOTHER_TRY:
            message = f"{request.full_url}: the server answers {refusal.code} {refusal.reason}; --origin names a mirror"
            raise DataError(message) from refusal
        raise _BrokenOffError(f"the server answers {refusal.code} {refusal.reason}") from refusal
    except (OSError, http.client.HTTPException) as fault:
        raise _BrokenOffError(str(fault) or type(fault).__name__) from fault
    return answer


def _block(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read(BLOCK)
    except (OSError, http.client.HTTPException) as fault:
        raise _BrokenOffError(str(fault) or type(fault).__name__) from fault

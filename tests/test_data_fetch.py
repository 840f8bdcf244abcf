"""Tests of the downloader against a local server."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from linksim.data.downloads import ORIGINS, Origin, RemoteFile
from linksim.data.fetch import BLOCK, MAX_ATTEMPTS, FetchProgress, fetch
from linksim.errors import DataError

LARGE = os.urandom(3 * BLOCK + 12_345)
SMALL = b"only a few bytes"


@dataclass
class Behaviour:
    """Behaviour of the server for the next requests, and the requests that it received.

    cuts     number of body bytes after which each response is cut off, one per request, then none
    refuses  error status of each response, one per request, then none
    """

    files: dict[str, bytes]
    ranges: bool = True
    tag: str | None = '"first"'
    tells_length: bool = True
    shift: int = 0
    cuts: list[int] = field(default_factory=list)
    refuses: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    how: Behaviour

    def log_message(self, *args: object) -> None:
        """Suppress the log."""

    def do_GET(self) -> None:
        how, name, wants = self.how, self.path.rpartition("/")[2], self.headers["Range"]
        how.asked.append((name, wants, self.headers["If-Range"]))
        status = how.refuses.pop(0) if how.refuses else 200 if name in how.files else 404
        if status != 200:
            self.send_error(status)
            return
        body, start = how.files[name], 0
        if how.ranges and wants and self.headers["If-Range"] in (None, how.tag):
            start = int(wants.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start + how.shift}-{len(body) - 1}/{len(body)}")
        if how.tells_length:
            self.send_header("Content-Length", str(len(body) - start))
        if how.tag:
            self.send_header("ETag", how.tag)
        self.end_headers()
        self.wfile.write(body[start:][: how.cuts.pop(0) if how.cuts else None])


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Behaviour]:
    """Replace the origin of MNIST by a server with two files, and the cache folder by an empty one."""
    how = Behaviour({"large.gz": LARGE, "small.gz": SMALL})
    files = tuple(RemoteFile(name, hashlib.md5(body).hexdigest(), len(body)) for name, body in how.files.items())
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"how": how}))
    how.url = f"http://127.0.0.1:{http.server_port}/folder/"
    monkeypatch.setitem(ORIGINS, "mnist", Origin(how.url, files))
    monkeypatch.setenv("LINKSIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield how
    http.shutdown()
    http.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "data" / "mnist"


def holds(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def never(seconds: float) -> None:
    raise AssertionError("unexpected pause")


def test_all_files_arrive_and_a_second_fetch_sends_no_request(server: Behaviour, folder: Path) -> None:
    reports: list[FetchProgress] = []
    assert fetch("mnist", report=reports.append, pause=never) == [folder / "large.gz", folder / "small.gz"]
    assert holds(folder) == server.files
    large = [progress.done_bytes for progress in reports if progress.file == "large.gz"]
    assert large == [BLOCK, 2 * BLOCK, 3 * BLOCK, len(LARGE)]
    assert {(progress.file, progress.total_bytes) for progress in reports} == {("large.gz", len(LARGE)), ("small.gz", len(SMALL))}
    server.asked.clear()
    fetch("mnist", report=reports.append, pause=never)
    assert (server.asked, reports[-1]) == ([], FetchProgress("small.gz", len(SMALL), len(SMALL)))


@pytest.mark.parametrize("tag", ['"first"', None])
@pytest.mark.parametrize("cuts", [[1], [BLOCK], [BLOCK + 7, 2 * BLOCK - 1], [5, 5, 5], [0, 0]])
def test_an_interrupted_download_resumes(server: Behaviour, folder: Path, cuts: list[int], tag: str | None) -> None:
    server.cuts, server.tag, waits = list(cuts), tag, []
    fetch("mnist", pause=waits.append)
    assert holds(folder) == server.files
    got = [sum(cuts[: i + 1]) for i in range(len(cuts))]
    resumed = [("large.gz", f"bytes={size}-", tag) if size else ("large.gz", None, None) for size in got]
    assert server.asked == [("large.gz", None, None), *resumed, ("small.gz", None, None)]
    assert len(waits) == len(cuts)


def test_the_next_call_completes_an_unfinished_download(server: Behaviour, folder: Path) -> None:
    server.cuts, waits = [1000] + [0] * (MAX_ATTEMPTS - 1), []
    with pytest.raises(DataError, match=r"ended after 1,000 of .* bytes\. 1,000 bytes are kept"):
        fetch("mnist", pause=waits.append)
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert holds(folder)["large.gz.part"] == LARGE[:1000]
    server.asked.clear()
    fetch("mnist", pause=never)
    assert server.asked[0] == ("large.gz", "bytes=1000-", '"first"')
    assert holds(folder) == server.files


def test_attempts_with_progress_do_not_count(server: Behaviour, folder: Path) -> None:
    server.files["large.gz"] = body = os.urandom((MAX_ATTEMPTS + 3) * BLOCK)
    ORIGINS["mnist"] = Origin(server.url, (RemoteFile("large.gz", hashlib.md5(body).hexdigest(), len(body)),))
    server.cuts = [BLOCK] * (MAX_ATTEMPTS + 2)
    fetch("mnist", pause=lambda seconds: None)
    assert holds(folder) == {"large.gz": body}


@pytest.mark.parametrize("tag", ['"first"', None])
def test_a_server_without_ranges_starts_over(server: Behaviour, folder: Path, tag: str | None) -> None:
    server.ranges, server.tag, server.cuts = False, tag, [BLOCK + 1, 2 * BLOCK]
    fetch("mnist", pause=lambda seconds: None)
    assert holds(folder) == server.files


def test_a_file_without_content_length_is_verified_by_checksum(server: Behaviour, folder: Path) -> None:
    server.tells_length, reports = False, []
    fetch("mnist", report=reports.append, pause=never)
    assert holds(folder) == server.files
    assert {progress.total_bytes for progress in reports} == {None}


def test_a_file_that_changed_on_the_server_is_downloaded_again(server: Behaviour, folder: Path) -> None:
    server.files["large.gz"], server.cuts = bytes(len(LARGE)), [1000] + [0] * (MAX_ATTEMPTS - 1)
    with pytest.raises(DataError, match="are kept"):
        fetch("mnist", pause=lambda seconds: None)
    server.files["large.gz"], server.tag = LARGE, '"second"'
    fetch("mnist", pause=never)
    assert holds(folder) == server.files


def test_a_wrong_range_is_discarded(server: Behaviour, folder: Path) -> None:
    server.cuts, server.shift = [1000], 3
    fetch("mnist", pause=lambda seconds: None)
    assert holds(folder) == server.files
    assert [wants for name, wants, _ in server.asked if name == "large.gz"] == [None, "bytes=1000-", None]


def test_a_wrong_checksum_names_both_sums_and_leaves_nothing(server: Behaviour, folder: Path) -> None:
    right, wrong = hashlib.md5(LARGE).hexdigest(), bytes(len(LARGE))
    server.files["large.gz"] = wrong
    with pytest.raises(DataError, match=f"md5 {hashlib.md5(wrong).hexdigest()}, the public file has {right}"):
        fetch("mnist", pause=never)
    assert holds(folder) == {}


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_file_beyond_its_size_bound_is_aborted(server: Behaviour, folder: Path, tells_length: bool) -> None:
    server.files["large.gz"], server.tells_length = LARGE + b"x", tells_length
    with pytest.raises(DataError, match=rf"larger than the public file \({len(LARGE):,} bytes\)"):
        fetch("mnist", pause=never)
    assert holds(folder) == {}


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_refusal_is_reported_without_retry(server: Behaviour, folder: Path, status: int) -> None:
    server.refuses = [status]
    with pytest.raises(DataError, match=f"large.gz: the server answers {status} .*--origin"):
        fetch("mnist", pause=never)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_retried(server: Behaviour, folder: Path, status: int) -> None:
    server.refuses, waits = [status, status], []
    fetch("mnist", pause=waits.append)
    assert (holds(folder), waits) == (server.files, [1.0, 2.0])


def test_an_unreachable_server_is_retried_and_reported(server: Behaviour, folder: Path) -> None:
    waits: list[float] = []
    with pytest.raises(DataError, match="0 bytes are kept"):
        fetch("mnist", origin="http://127.0.0.1:9/", pause=waits.append)
    assert len(waits) == MAX_ATTEMPTS - 1


def test_a_mirror_must_match_the_public_checksum(server: Behaviour, folder: Path) -> None:
    ORIGINS["mnist"] = Origin("http://127.0.0.1:9/", ORIGINS["mnist"].files)
    fetch("mnist", origin=server.url.rstrip("/"), pause=never)
    assert holds(folder) == server.files


def test_a_damaged_file_is_downloaded_again(server: Behaviour, folder: Path) -> None:
    fetch("mnist", pause=never)
    (folder / "large.gz").write_bytes(LARGE[:-1])
    server.asked.clear()
    fetch("mnist", pause=never)
    assert (holds(folder), server.asked) == (server.files, [("large.gz", None, None)])


def test_a_complete_partial_file_is_renamed_without_request(server: Behaviour, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "large.gz.part").write_bytes(LARGE)
    fetch("mnist", pause=never)
    assert (holds(folder), server.asked) == (server.files, [("small.gz", None, None)])


def test_a_partial_file_that_is_too_long_starts_over(server: Behaviour, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "large.gz.part").write_bytes(LARGE + b"and more")
    fetch("mnist", pause=lambda seconds: None)
    assert holds(folder) == server.files


def test_an_unwritable_folder_is_reported(server: Behaviour, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(DataError, match="cannot write to"):
        fetch("mnist", pause=never)


@pytest.mark.parametrize("name", ["samples", "cifar", "../x"])
def test_a_dataset_without_public_files_is_reported(name: str) -> None:
    with pytest.raises(DataError, match=r"cannot be downloaded; (did you mean 'cifar10'|allowed: cifar10, faces)"):
        fetch(name, pause=never)


@pytest.mark.parametrize("origin", ["file:///etc/", "ftp://127.0.0.1/", "folder", "http://"])
def test_an_origin_must_be_an_address(origin: str) -> None:
    with pytest.raises(DataError, match="is not an address"):
        fetch("mnist", origin=origin, pause=never)


def test_every_public_file_has_a_checksum_and_a_bound() -> None:
    files = [file for origin in ORIGINS.values() for file in origin.files]
    assert all(len(file.md5) == 32 and set(file.md5) <= set("0123456789abcdef") and 0 < file.max_bytes < 2**28 for file in files)
    assert len({file.md5 for file in files}) == len(files) == 12
    assert all(origin.url.endswith("/") for origin in ORIGINS.values())

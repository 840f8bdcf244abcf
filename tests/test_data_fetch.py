"""Tests of the downloader against a local server."""

import hashlib
import os
import re
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from linksim.cli import main
from linksim.data import http_requests
from linksim.data.downloads import ORIGINS, Origin, RemoteFile
from linksim.data.fetch import MAX_ATTEMPTS, FetchProgress, fetch
from linksim.data.http_requests import BLOCK
from linksim.data.partial_download import partial_download
from linksim.errors import DataError
from linksim.files import stage

LARGE = os.urandom(3 * BLOCK + 12_345)
SMALL = b"only a few bytes"


@dataclass
class Behaviour:
    """Behaviour of the server for the next requests, and the requests that it received.

    cuts      number of body bytes after which each response is cut off, one per request, then none
    refuses   error status of each response, one per request, then none
    reason    reason phrase of these responses, None for the usual one
    redirect  address to which every request is redirected, None for no redirect
    drip_s    time between two bytes of a body, None to send it at once
    """

    files: dict[str, bytes]
    ranges: bool = True
    tag: str | None = '"first"'
    tells_length: bool = True
    shift: int = 0
    cuts: list[int] = field(default_factory=list)
    refuses: list[int] = field(default_factory=list)
    reason: str | None = None
    redirect: str | None = None
    drip_s: float | None = None
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
            self.send_error(status, how.reason)
            return
        if how.redirect is not None:
            self.send_response(302)
            self.send_header("Location", how.redirect)
            self.end_headers()
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
        body = body[start:][: how.cuts.pop(0) if how.cuts else None]
        if how.drip_s is None:
            self.wfile.write(body)
        else:
            self.send_slowly(body, how.drip_s)

    def send_slowly(self, body: bytes, pause_s: float) -> None:
        """Send a byte at a time, until the client leaves."""
        with suppress(ConnectionError):
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(pause_s)


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


def leave_partial(folder: Path, content: bytes) -> Path:
    """Leave an incomplete download of the first file and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = stage(folder / "large.gz")
    path.write_bytes(content)
    return path


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


def test_a_resumed_download_reports_what_it_has_received_and_its_time(
    server: Behaviour, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linksim.data.fetch.time", SimpleNamespace(monotonic=count(50.0, 2.0).__next__))
    server.cuts, reports = [BLOCK] + [0] * (MAX_ATTEMPTS - 1), list[FetchProgress]()
    with pytest.raises(DataError, match="are kept"):
        fetch("mnist", report=reports.append, pause=lambda seconds: None)
    reports.clear()
    fetch("mnist", report=reports.append, pause=never)
    large = [(progress.done_bytes, progress.received_bytes, progress.elapsed_s) for progress in reports if progress.file == "large.gz"]
    assert large == [(2 * BLOCK, BLOCK, 2.0), (3 * BLOCK, 2 * BLOCK, 4.0), (len(LARGE), len(LARGE) - BLOCK, 6.0)]


def test_a_download_without_a_terminal_prints_a_line_every_30_s(server: Behaviour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["linksim.cli.main"], "time", SimpleNamespace(monotonic=count(0.0, 11.0).__next__))
    done = CliRunner().invoke(main, ["data", "fetch", "mnist", "--origin", server.url], catch_exceptions=False)
    assert done.exit_code == 0
    lines = done.stderr.splitlines()
    assert len(lines) == 1  # of five reports, 11 s apart
    assert re.fullmatch(r"large\.gz  \[#+\.*\] +\d+%  [\d.]+/[\d.]+ MB  [\d,.]+ [kM]B/s  \d+ s so far, \d+ s left", lines[0])


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
    (kept,) = folder.glob("large.gz.*.part/large.gz")
    assert kept.read_bytes() == LARGE[:1000]
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
    leave_partial(folder, LARGE)
    fetch("mnist", pause=never)
    assert (holds(folder), server.asked) == (server.files, [("small.gz", None, None)])


def test_a_partial_file_that_is_too_long_starts_over(server: Behaviour, folder: Path) -> None:
    leave_partial(folder, LARGE + b"and more")
    fetch("mnist", pause=lambda seconds: None)
    assert holds(folder) == server.files


@pytest.mark.parametrize("name", ["large.gz", "large.gz.part", "large.gz.mark", "large.gz.part.mark", "large.gz.x.part"])
def test_no_symbolic_link_is_followed(server: Behaviour, folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "foreign").mkdir()
    for foreign in ("large.gz", "validator"):
        (tmp_path / "foreign" / foreign).write_bytes(LARGE[:1000])
    folder.mkdir(parents=True)
    (folder / name).symlink_to(tmp_path / "foreign" / ("" if name.endswith("x.part") else "large.gz"))
    fetch("mnist", pause=never)
    assert (folder / "large.gz").read_bytes() == LARGE
    assert not (folder / "large.gz").is_symlink()
    assert [path.read_bytes() for path in (tmp_path / "foreign").iterdir()] == [LARGE[:1000]] * 2
    assert server.asked[0] == ("large.gz", None, None)


def test_a_folder_that_others_may_enter_is_not_continued(server: Behaviour, folder: Path) -> None:
    leave_partial(folder, b"planted").parent.chmod(0o755)
    fetch("mnist", pause=never)
    assert server.asked[0] == ("large.gz", None, None)
    assert (folder / "large.gz").read_bytes() == LARGE


def test_the_longest_download_is_continued_unless_another_process_does(server: Behaviour, folder: Path) -> None:
    for length in (10, 2000, 500):
        leave_partial(folder, LARGE[:length])
    with partial_download(folder / "large.gz") as held:
        assert held.size == 2000
        fetch("mnist", pause=never)
        assert held.size == 2000
    assert server.asked[0] == ("large.gz", "bytes=500-", None)
    assert (folder / "large.gz").read_bytes() == LARGE


def test_a_full_disk_is_one_clear_error(server: Behaviour, folder: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(DataError, match=r"cannot write to .*File too large"):
            fetch("mnist", pause=never)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
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


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/large.gz", "file:///etc/hostname", "data:,x"])
def test_a_redirect_to_another_scheme_is_not_followed(server: Behaviour, folder: Path, address: str) -> None:
    server.redirect = address
    with pytest.raises(DataError, match=f"large.gz: the server answers 302 .*{address}"):
        fetch("mnist", pause=never)
    assert len(server.asked) == 1


@pytest.mark.parametrize("address", ["http://[", "http://127.0.0.1:x/"])
def test_a_redirect_to_no_address_is_reported(server: Behaviour, folder: Path, address: str) -> None:
    server.redirect = address
    with pytest.raises(DataError, match=r"large\.gz(: .*port| cannot be requested: .*IPv6)"):
        fetch("mnist", pause=lambda seconds: None)


def test_a_redirect_on_the_server_is_followed(server: Behaviour, folder: Path) -> None:
    other = Behaviour(server.files)
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"how": other}))
    Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    server.redirect = f"http://127.0.0.1:{http.server_port}/large.gz"
    ORIGINS["mnist"] = Origin(server.url, ORIGINS["mnist"].files[:1])
    try:
        fetch("mnist", pause=never)
    finally:
        http.shutdown()
        http.server_close()
    assert holds(folder) == {"large.gz": LARGE}


@pytest.mark.parametrize("status", [404, 503])
def test_a_reason_phrase_is_quoted_and_cut(server: Behaviour, folder: Path, status: int) -> None:
    server.refuses, server.reason = [status] * MAX_ATTEMPTS, "\x1b[2J" + "x" * 5000
    with pytest.raises(DataError) as raised:
        fetch("mnist", pause=lambda seconds: None)
    assert f"the server answers {status} '\\x1b[2Jxxx" in str(raised.value)
    assert len(str(raised.value)) < 400
    assert str(raised.value).isprintable()


def test_a_server_that_stalls_is_left(server: Behaviour, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_requests, "BLOCK_S", 0.1)
    server.drip_s, started = 0.02, time.monotonic()
    with pytest.raises(DataError, match=r"large.gz: the server has sent only \d+ bytes in 0.1 s"):
        fetch("mnist", pause=lambda seconds: None)
    assert len(server.asked) == MAX_ATTEMPTS
    assert time.monotonic() - started < 20


BAD_ORIGINS = ["file:///etc/", "ftp://127.0.0.1/", "folder", "http://", "http://[::1/", "http://h:99999/", "http://h:x/", "http://a b/"]
BAD_ORIGINS += ["http://h/?x=", "http://h/#x", "http://user@h/", "http://h\u00e9/", "http://..//", "http://h\n/", f"http://{'x' * 64}/"]


@pytest.mark.parametrize("origin", BAD_ORIGINS)
def test_an_origin_must_be_an_address(origin: str) -> None:
    with pytest.raises(DataError, match="is not an address"):
        fetch("mnist", origin=origin, pause=never)


def test_every_public_file_has_a_checksum_and_a_bound() -> None:
    files = [file for origin in ORIGINS.values() for file in origin.files]
    assert all(len(file.md5) == 32 and set(file.md5) <= set("0123456789abcdef") and 0 < file.max_bytes < 2**28 for file in files)
    assert len({file.md5 for file in files}) == len(files) == 12
    assert all(origin.url.endswith("/") for origin in ORIGINS.values())

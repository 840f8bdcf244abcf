"""A command finishes its work although its output cannot be written."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import click
import pytest
from cli_process import TINY, ended, limit_file_size, started

from linksim.cli.streams import GuardedStream, guarded_streams
from linksim.trace.reader import open_trace

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")


@pytest.fixture
def folder(tmp_path: Path, small_models: None) -> Path:
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path


def onto(path: Path, *descriptors: int) -> Callable[[], None]:
    """Return a function that redirects descriptors to a file."""

    def redirect() -> None:
        for descriptor in descriptors:
            os.dup2(os.open(path, os.O_WRONLY), descriptor)

    return redirect


def check_outputs(folder: Path, figures: bool) -> None:
    with open_trace(folder / "trace.h5") as trace:
        assert trace.complete
    names = {path.name for path in folder.iterdir()}
    assert names >= {"trace.h5", "profile.json"} | ({"report.html", "scores.png"} if figures else set())


@needs_full
def test_a_full_device_as_standard_output_costs_no_result(folder: Path) -> None:
    code, _, err = ended(started(folder, "run", "tiny.yaml", "--out", "out", prepare=onto(FULL, 1)))
    assert code == 1
    assert err.splitlines()[-1] == "linksim: the output cannot be written: No space left on device"
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    check_outputs(folder / "out", figures=True)


@needs_full
def test_a_full_device_as_both_outputs_costs_no_result(folder: Path) -> None:
    code, out, err = ended(started(folder, "run", "tiny.yaml", "--out", "out", "--no-figures", prepare=onto(FULL, 1, 2)))
    assert (code, out, err) == (1, "", "")
    check_outputs(folder / "out", figures=False)


@pytest.mark.parametrize("closed", [(2,), (1, 2), (0, 1, 2)])
def test_closed_streams_cost_no_result(folder: Path, closed: tuple[int, ...]) -> None:
    def close() -> None:
        for descriptor in closed:
            os.close(descriptor)

    code, out, err = ended(started(folder, "run", "tiny.yaml", "--out", "out", "--no-figures", prepare=close))
    assert (code, err) == (0, "")
    assert ("Bob" in out) == (1 not in closed)
    check_outputs(folder / "out", figures=False)


def test_a_reader_that_wants_no_more_is_no_error(folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = started(folder, "run", "tiny.yaml", "--out", "out", "--no-figures", stdout=writer)
    os.close(writer)
    code, _, err = ended(process)
    assert code == 0
    assert "Traceback" not in err
    check_outputs(folder / "out", figures=False)


def test_a_disk_without_space_for_the_report_keeps_the_rest(folder: Path) -> None:
    words = ("run", "tiny.yaml", "--out", "out", "--set", "trace.compression=gzip")  # the trace is smaller than the report
    code, out, err = ended(started(folder, *words, prepare=limit_file_size(500_000)))
    assert code == 1
    assert err.splitlines()[-1] == "linksim: out/report.html cannot be written: File too large"
    assert "Traceback" not in err
    assert "trace    out/trace.h5" in out
    check_outputs(folder / "out", figures=False)
    assert {path.suffix for path in (folder / "out").iterdir()} == {".h5", ".json", ".png"}


def test_a_disk_without_space_for_the_trace_is_one_clear_error(folder: Path) -> None:
    words = ("run", "tiny.yaml", "--out", "out", "--set", "frames=4000")
    code, out, err = ended(started(folder, *words, prepare=limit_file_size(300_000)))
    assert (code, out) == (1, "")
    said = err.splitlines()
    assert said[0] == "linksim: out/trace.h5 cannot be written: File too large"
    assert said[1].startswith("Kept ")
    assert len(said) == 3
    assert [path.name for path in (folder / "out").iterdir()] == ["trace.h5"]


class Broken:
    """A stream that fails with an error."""

    encoding = "ascii"

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.texts = error, list[str]()

    def write(self, text: str) -> int:
        if self.error:
            raise self.error
        self.texts.append(text.encode("ascii").decode())
        return len(text)

    def flush(self) -> None:
        if self.error:
            raise self.error

    def fileno(self) -> int:
        raise OSError("no descriptor")

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (ValueError("I/O operation on closed file"), "I/O operation on closed file"),
        (BrokenPipeError(32, "Broken pipe"), ""),
    ],
)
def test_a_guarded_stream_never_raises(error: Exception, lost: str) -> None:
    broken = Broken(error)
    stream = GuardedStream(broken)  # type: ignore[arg-type]
    assert stream.isatty()
    assert stream.write("text") == 4
    stream.flush()
    assert (stream.failure, stream.lost) == (error, lost)
    assert not stream.isatty()
    broken.error = None
    stream.write("more")
    assert broken.texts == []


def test_characters_that_the_encoding_lacks_are_replaced() -> None:
    plain = Broken()
    stream = GuardedStream(plain)  # type: ignore[arg-type]
    stream.write("20.0 ± 0.1 dB")
    assert plain.texts == ["20.0 ? 0.1 dB"]
    assert stream.failure is None


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("ascii", "20.0 ? 0.1 dB"),
        ("cp1252", "20.0 ± 0.1 dB"),
        *((name, "20.0 ± 0.1 dB") for name in ("latin-1", "utf-16", "cp037", "utf-8")),
    ],
)
def test_text_is_written_in_the_encoding_of_the_stream(encoding: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by click, which takes a stream that accepts bytes for a binary one, and writes bytes for the completion of shells."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    with guarded_streams() as (out, _):
        click.echo("20.0 ± 0.1 dB")
        click.echo("20.0 ± 0.1 dB".encode())
        assert out.failure is None
        with pytest.raises(TypeError, match="got bytes, allowed: str"):
            out.write(b"")  # type: ignore[arg-type]
        assert not out.buffer.isatty()
    assert written.getvalue().decode(encoding) == f"{text}\n{text}\n"


def test_a_closed_stream_discards_text() -> None:
    closed: TextIO | None = None
    stream = GuardedStream(closed)
    assert stream.write("text") == 4
    stream.flush()
    assert (stream.failure, stream.isatty(), stream.encoding) == (None, False, "utf-8")
    with pytest.raises(OSError, match="Bad file descriptor"):
        stream.fileno()
    assert sys.stdout is not None

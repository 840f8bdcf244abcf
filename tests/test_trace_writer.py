"""The trace writer: equal runs give equal bytes, no file is lost, growing files are readable, and memory is bounded."""

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import time
import tracemalloc
from dataclasses import fields
from pathlib import Path

import h5py
import pytest
from trace_files import frame, writer, written

from linksim.errors import TraceError
from linksim.interrupts import Terminated
from linksim.records import FrameSent, ImageScore, LinkCreated
from linksim.trace.destination import Destination
from linksim.trace.layout import BLOCK
from linksim.trace.reader import open_trace
from linksim.trace.writer import TableWriter


def test_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    one, two = (written(tmp_path / name, rows=3000).read_bytes() for name in ("a.h5", "b.h5"))
    time.sleep(1.1)  # HDF5 would store times in whole seconds
    child = f"""
    import sys
    sys.path[:0] = {sys.path}
    from pathlib import Path
    from trace_files import written
    written(Path(sys.argv[1]), rows=3000)
    """
    environment = {**os.environ, "PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", textwrap.dedent(child), str(tmp_path / "c.h5")], check=True, env=environment)
    assert hashlib.sha256(one).digest() == hashlib.sha256(two).digest() == hashlib.sha256((tmp_path / "c.h5").read_bytes()).digest()


def test_records_in_blocks_and_single_records_give_the_same_rows(tmp_path: Path) -> None:
    records = [frame(i) for i in range(700)]
    with writer(tmp_path / "blocks.h5") as trace:
        for first in range(0, 700, 100):
            trace(records[first])
            block = records[first + 1 : first + 100]
            trace.block(FrameSent, {f.name: [getattr(record, f.name) for record in block] for f in fields(FrameSent)})
        trace.block(ImageScore, {f.name: [0, 1] for f in fields(ImageScore) if f.name not in ("role", "metrics", "ssim")})
        trace.close("f00d")
    with open_trace(tmp_path / "blocks.h5") as blocks, open_trace(written(tmp_path / "single.h5")) as single:
        columns = blocks.table("frames"), single.table("frames")
        assert all((columns[0][name] == columns[1][name]).all() for name in ("time_ns", "link", "frame", "steps", "guard_us"))
        scores = blocks.table("scores")
        assert (scores["mse"].tolist(), scores["role"].tolist()) == ([0.0, 1.0], [-1, -1])


def test_a_trace_is_replaced_only_on_request_and_only_when_the_new_one_is_closed(tmp_path: Path) -> None:
    path = written(tmp_path / "run.h5", rows=3)
    with pytest.raises(TraceError, match=r"run\.h5 exists.*--overwrite"):
        writer(path)
    with writer(path, overwrite=True) as trace:
        trace(frame(0))
        trace.flush()
        with open_trace(path) as former, open_trace(trace.location) as new:
            assert (former.rows("frames"), former.complete) == (3, True)
            assert (new.rows("frames"), new.complete) == (1, False)
        trace.close("f00d")
        assert trace.location == path
    with open_trace(path) as read:
        assert (read.rows("frames"), read.complete) == (1, True)
    assert list(tmp_path.iterdir()) == [path]


def test_an_unfinished_trace_replaces_none_and_is_kept(tmp_path: Path) -> None:
    path = written(tmp_path / "run.h5", rows=3)
    trace = writer(path, overwrite=True)
    with pytest.raises(ZeroDivisionError), trace:  # noqa: PT012
        trace(frame(0))
        raise ZeroDivisionError
    with open_trace(path) as former, open_trace(trace.location) as new:
        assert (former.rows("frames"), former.complete) == (3, True)
        assert (new.rows("frames"), new.complete) == (1, False)


@pytest.mark.parametrize("content", [b"precious", b"", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_a_file_that_is_no_trace_is_not_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.h5"
    path.write_bytes(content)
    with pytest.raises(TraceError, match=r"run\.h5"):
        writer(path, overwrite=True)
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other.attrs["format"] = "other"
    with pytest.raises(TraceError, match=r"other\.h5"):
        writer(tmp_path / "other.h5", overwrite=True)
    assert path.read_bytes() == content
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["run.h5", "run.h5.new", "run.h5.part"])
def test_no_symbolic_link_is_followed(tmp_path: Path, name: str) -> None:
    foreign = written(tmp_path / "foreign.h5", rows=3)
    before = foreign.read_bytes()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(foreign)
    if name == "run.h5":
        with pytest.raises(TraceError, match="is a symbolic link"):
            written(tmp_path / "out" / "run.h5", overwrite=True)
    else:
        written(tmp_path / "out" / "run.h5", overwrite=True)
    assert foreign.read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_rows_are_written_waits_until_they_are_committed(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(number: int, frame: object) -> None:
        raise Terminated

    def write_rows_and_raise_signal(table: TableWriter) -> None:
        write_rows(table)
        signal.raise_signal(number)

    write_rows, handler = TableWriter.write_rows, signal.signal(number, interrupt)
    monkeypatch.setattr(TableWriter, "write_rows", write_rows_and_raise_signal)
    try:
        with pytest.raises(Terminated), writer(tmp_path / "run.h5") as trace:  # noqa: PT012
            for i in range(10):
                trace(frame(i))
            trace.flush()
    finally:
        signal.signal(number, handler)
    with open_trace(tmp_path / "run.h5") as read:
        assert (read.rows("frames"), read.complete) == (10, False)


def test_a_file_created_in_the_meantime_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    destination = Destination(path, overwrite=False)
    destination.current.write_text("new")
    path.write_text("precious")
    with pytest.raises(FileExistsError):
        destination.publish()
    destination.discard()
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unwritable_path_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "run.h5", Path("/proc/nowhere/run.h5"), tmp_path / ("x" * 300)):
        with pytest.raises(TraceError, match="cannot be written") as error:
            writer(path)
        assert "\n" not in str(error.value)


def test_an_exception_keeps_all_rows_in_an_incomplete_trace(tmp_path: Path) -> None:
    def run() -> None:
        with writer(tmp_path / "run.h5") as trace:
            trace(frame(3))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    with open_trace(tmp_path / "run.h5") as read:
        assert (read.complete, read.rows("frames")) == (False, 1)


def test_a_growing_trace_is_readable(tmp_path: Path) -> None:
    """The reader runs in the same process and in another one, which holds the file open while it grows."""
    path = tmp_path / "run.h5"
    follow = f"""
    import sys
    sys.path[:0] = {sys.path}
    from linksim.trace.reader import open_trace
    with open_trace(sys.argv[1]) as trace:
        for line in sys.stdin:
            trace.refresh()
            print(trace.rows("frames"), int(trace.table("frames")["frame"].sum()), trace.complete, flush=True)
    """
    with writer(path) as trace:
        child = [sys.executable, "-c", textwrap.dedent(follow), str(path)]
        with open_trace(path) as here, subprocess.Popen(child, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as there:
            assert there.stdin is not None
            assert there.stdout is not None
            for i in range(5 * 200):
                trace(frame(i))
                if i % 200 == 199:
                    rows = (i + 1) // BLOCK * BLOCK
                    there.stdin.write("look\n")
                    there.stdin.flush()
                    assert there.stdout.readline().split() == [str(rows), str(rows * (rows - 1) // 2), "False"]
                    here.refresh()
                    assert here.table("frames")["frame"].tolist() == list(range(rows))
            there.stdin.close()
            trace.close("f00d")
            assert not here.complete
            here.refresh()
            assert (here.complete, here.fingerprint, here.rows("frames")) == (True, "f00d", 1000)


def test_rows_are_committed_block_by_block(tmp_path: Path) -> None:
    with writer(tmp_path / "run.h5") as trace:
        seen = []
        for i in range(600):
            trace(frame(i))
            seen.append(trace.committed(FrameSent))
        assert seen == [(i + 1) // BLOCK * BLOCK for i in range(600)]
        trace.flush()
        assert trace.committed(FrameSent) == 600


def test_memory_of_python_does_not_grow_with_the_run(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        tracemalloc.start()
        written(tmp_path / "run.h5", rows, overwrite=True)
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held

    short, long = (min(peak(rows) for _ in range(3)) for rows in (2_000, 15_000))  # what else the process allocates is not in all of them
    assert long < 1.1 * short


def test_memory_of_hdf5_does_not_grow_with_the_run(tmp_path: Path) -> None:
    child = f"""
    import resource, sys
    sys.path[:0] = {sys.path}
    from pathlib import Path
    from trace_files import frame, writer
    frames = [frame(i) for i in range(1000)]
    for rows in (10_000, 200_000):
        with writer(Path(sys.argv[1]), overwrite=True) as trace:
            for i in range(rows):
                trace(frames[i % 1000])
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(child), str(tmp_path / "run.h5")], capture_output=True, text=True, check=True
    )
    short, long = map(int, done.stdout.split())
    assert long - short < 4_000  # KiB; the rows in between are 8,000 KiB in the file


def test_a_full_block_of_one_table_commits_the_pending_rows_of_all(tmp_path: Path) -> None:
    """A killed run can be plotted because its frames are committed together with their links."""
    with writer(tmp_path / "run.h5") as trace:
        trace(LinkCreated(link=0, group=1))
        for i in range(BLOCK):
            assert trace.committed(LinkCreated) == 0
            trace(frame(i))
        assert (trace.committed(LinkCreated), trace.committed(FrameSent)) == (1, BLOCK)

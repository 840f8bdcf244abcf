"""The trace writer: equal runs give equal bytes, no file is lost, growing files are readable, and memory is bounded."""

import hashlib
import os
import subprocess
import sys
import textwrap
import time
import tracemalloc
from pathlib import Path

import pytest
from trace_files import frame, writer, written

from linksim.errors import TraceError
from linksim.records import FrameSent, LinkCreated
from linksim.trace import layout
from linksim.trace.layout import BLOCK
from linksim.trace.reader import open_trace


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


def test_a_file_is_replaced_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    path.write_text("precious")
    with pytest.raises(TraceError, match=r"run\.h5 exists.*--overwrite"):
        writer(path)
    assert path.read_text() == "precious"
    written(path, overwrite=True)
    with open_trace(path) as trace:
        assert trace.complete
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_created_in_the_meantime_is_not_replaced(tmp_path: Path) -> None:
    path, temporary = tmp_path / "run.h5", tmp_path / "run.h5.new"
    path.write_text("precious")
    temporary.write_text("new")
    with pytest.raises(FileExistsError):
        layout.publish(temporary, path, overwrite=False)
    assert path.read_text() == "precious"


def test_an_unwritable_path_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "run.h5", Path("/proc/nowhere/run.h5"), tmp_path / ("x" * 300)):
        with pytest.raises(TraceError, match="cannot be written") as error:
            writer(path)
        assert "\n" not in str(error.value)


def test_a_full_disk_raises_trace_error_and_committed_rows_stay(tmp_path: Path) -> None:
    child = f"""
    import resource, sys
    sys.path[:0] = {sys.path}
    from pathlib import Path
    from trace_files import frame, writer
    from linksim.errors import TraceError
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    try:
        with writer(Path(sys.argv[1])) as trace:
            for i in range(100_000):
                trace(frame(i))
    except TraceError as error:
        sys.exit(f"refused: {{error}}")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(child), str(tmp_path / "run.h5")], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("refused: ")
    assert "cannot be written" in done.stderr
    with open_trace(tmp_path / "run.h5") as trace:
        frames = trace.table("frames")
        assert not trace.complete
        assert len(frames) >= BLOCK
        assert frames["frame"].tolist() == list(range(len(frames)))


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

    short = peak(2_000)
    assert peak(15_000) < 1.1 * short


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

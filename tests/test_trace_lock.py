"""A trace that is being written is neither repaired nor replaced, and the writer notices if another file took its place."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import pytest
from trace_files import frame, left_open, writer, written

from linksim.errors import TraceError
from linksim.trace.layout import BLOCK
from linksim.trace.lock import locked
from linksim.trace.reader import open_trace
from linksim.trace.repair import repair

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has locks of open file descriptions")
HELD = r"run\.h5 is being written, repaired or replaced by another process"

CHILD = f"""
    import sys
    sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]}
    from pathlib import Path
    from trace_files import frame, writer
    trace = writer(Path(sys.argv[1]), overwrite=True)
    for i in range({BLOCK}):
        trace(frame(i))
    print("ready", flush=True)
    for line in sys.stdin:
        for i in range({BLOCK}, {2 * BLOCK}):
            trace(frame(i))
    trace.close("f00d")
"""


def started(path: Path) -> "subprocess.Popen[str]":
    """A process that writes a trace, has committed a block of rows, and ends when its input is closed."""
    command = [sys.executable, "-c", textwrap.dedent(CHILD), str(path)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_a_running_trace_is_not_repaired_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with started(path) as child:
        for out in (None, tmp_path / "clean.h5"):
            with pytest.raises(TraceError, match=HELD):
                repair(path, out)
        child.communicate("more\n")
    assert child.returncode == 0
    with open_trace(path) as trace:
        assert (trace.rows("frames"), trace.complete) == (2 * BLOCK, True)
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_holds_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with started(path) as child:
        child.kill()
    assert repair(path).rows["frames"] == BLOCK


def test_two_runs_do_not_replace_the_same_trace(tmp_path: Path) -> None:
    path = written(tmp_path / "run.h5", rows=3)
    for _ in range(2):  # the running writer replaces a trace, then writes a new one
        with started(path) as child:
            with pytest.raises(TraceError, match=HELD):
                writer(path, overwrite=True)
            child.communicate("more\n")
        assert child.returncode == 0
        with open_trace(path) as trace:
            assert (trace.rows("frames"), trace.complete) == (2 * BLOCK, True)
        assert list(tmp_path.iterdir()) == [path]
        path.unlink()


def test_readers_take_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with writer(path) as trace:
        for i in range(BLOCK + 44):
            trace(frame(i))
        with open_trace(path) as one, open_trace(path) as other, h5py.File(path, "r", swmr=True) as plain:
            assert one.rows("frames") == other.rows("frames") == int(plain["committed/frames"][()]) == BLOCK
        with pytest.raises(TraceError, match=HELD):  # closing a reader does not release the lock of the writer
            repair(path)
        trace.close("f00d")
    with open_trace(path):
        written(path, rows=3, overwrite=True)
    with open_trace(path) as read:
        assert read.rows("frames") == 3


def test_shared_locks_exclude_writers_only(tmp_path: Path) -> None:
    path = written(tmp_path / "run.h5")
    with locked(path, shared=True), locked(path, shared=True), pytest.raises(TraceError, match=HELD):
        written(path, overwrite=True)
    with locked(path), pytest.raises(TraceError, match=HELD), locked(path, shared=True):
        pass


def replace(path: Path) -> None:
    other = written(path.with_name("other.h5"), rows=3)
    os.replace(other, path)


@pytest.mark.parametrize("interfere", [Path.unlink, replace, lambda path: path.rename(path.with_name("moved.h5"))])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_writer_whose_file_is_gone_reports_it_and_touches_no_other(tmp_path: Path, interfere: object, overwrite: bool) -> None:
    path = tmp_path / "run.h5"
    if overwrite:
        written(path, rows=5)
    trace = writer(path, overwrite=overwrite)
    assert callable(interfere)
    interfere(trace.location)
    with pytest.raises(TraceError, match="was removed, moved or replaced while it was being written"):
        trace.close("f00d")
    if overwrite:
        with open_trace(path) as former:
            assert former.rows("frames") == 5
    elif path.exists():
        with open_trace(path) as other:
            assert other.rows("frames") == 3


def test_a_trace_replaced_during_its_repair_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = left_open(tmp_path / "run.h5")
    other = written(tmp_path / "other.h5", rows=3)
    monkeypatch.setattr("linksim.trace.repair._check_columns", lambda trace: os.replace(other, path))
    with pytest.raises(TraceError, match="replaced by another process in the meantime; nothing was changed"):
        repair(path)
    with open_trace(path) as trace:
        assert (trace.rows("frames"), trace.complete) == (3, True)
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_removed_while_a_trace_is_written_is_reported(tmp_path: Path) -> None:
    trace = writer(tmp_path / "out" / "run.h5")
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(TraceError, match="was removed"):
        trace.close("f00d")

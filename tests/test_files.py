"""Atomic writing: the new file appears complete, and an error or a kill leaves the old one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from linksim import files
from linksim.files import atomic_write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with old content."""
    path = tmp_path / "table.csv"
    path.write_text("old")
    return path


def test_the_file_is_replaced_when_the_block_ends(path: Path) -> None:
    with atomic_write(path) as temporary:
        assert temporary.parent == path.parent
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_new_file_is_created(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "fresh") as temporary:
        temporary.write_bytes(b"\0\1")
    assert (tmp_path / "fresh").read_bytes() == b"\0\1"


@pytest.mark.parametrize("error", [ValueError("half"), KeyboardInterrupt()])
def test_an_exception_inside_leaves_the_old_file(path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), atomic_write(path) as temporary:  # noqa: PT012
        temporary.write_text("half of the n")
        raise error
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_of_the_disk_leaves_the_old_file(path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(OSError, match="no space left"), atomic_write(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_block_that_writes_nothing_leaves_the_old_file(path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_write(path):
        pass
    assert path.read_text() == "old"


KILLED = """
import os, signal, sys
from pathlib import Path
from linksim.files import atomic_write
with atomic_write(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_the_old_file(path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_text() == "old"


def test_processes_have_temporary_files_of_their_own(path: Path) -> None:
    with atomic_write(path) as temporary:
        assert str(os.getpid()) in temporary.name
        temporary.write_text("new")

"""Atomic writing: the new file appears complete, and an error or a kill leaves the old one."""

import os
import signal
import stat
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
        assert temporary.parent.parent == path.parent  # the same file system
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_new_file_is_created_with_the_usual_permissions(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "fresh") as temporary:
        temporary.write_bytes(b"\0\1")
    (tmp_path / "usual").write_bytes(b"\0\1")
    assert (tmp_path / "fresh").read_bytes() == b"\0\1"
    assert (tmp_path / "fresh").stat().st_mode == (tmp_path / "usual").stat().st_mode


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


def test_an_error_names_the_file_and_not_the_place_where_it_is_built(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "table.csv", tmp_path / ("x" * 300)):
        with pytest.raises(OSError, match=r"table|xxx") as error, atomic_write(path) as temporary:
            temporary.write_text("new")
        assert error.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []


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


def test_files_are_built_in_private_folders_of_unpredictable_names(path: Path) -> None:
    with atomic_write(path) as one, atomic_write(path) as other:
        assert one.parent != other.parent
        for temporary in (one, other):
            assert temporary.parent.name.startswith("table.csv.")
            assert temporary.parent.name.endswith(".part")
            assert stat.S_IMODE(temporary.parent.stat().st_mode) == 0o700
            temporary.write_text(temporary.parent.name)
    assert path.read_text() == one.parent.name  # the last one to finish wins


@pytest.mark.parametrize("name", ["table.csv", "table.csv.new", "table.csv.part", "table.csv.0.part", "table.csv.PID.part"])
def test_no_symbolic_link_is_followed(tmp_path: Path, name: str) -> None:
    name, foreign = name.replace("PID", str(os.getpid())), tmp_path / "foreign"
    foreign.write_text("precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(foreign)
    with atomic_write(tmp_path / "out" / "table.csv") as temporary:
        temporary.write_text("new")
    assert foreign.read_text() == "precious"
    assert (tmp_path / "out" / "table.csv").read_text() == "new"
    assert not (tmp_path / "out" / "table.csv").is_symlink()

"""Odd paths as arguments of every command: one message without a traceback, and no hang on what is no file."""

import os
from pathlib import Path

import pytest
from cli_process import TINY
from click.testing import CliRunner
from trace_files import written

from hostile.scale import Campaign, scale
from linksim.cli import main

LIMIT_S = 60.0  # CPU time of a command
PATHS = [
    *("x" * 300, "a/" * 3000, "loop", "\udcff", "fifo", "dangling", "run.h5/x", "tiny.yaml/x", "loop/x", "folder", "empty"),
    *("/dev/null", "/dev/zero", "/dev/full", "/proc/self/mem", "/proc/self/environ", "/proc/1/root/x", "/", ".."),
    *("", " ", "a\nb", "-", "~", "é", "\x1b[2J"),
]
READ = [("show",), ("report",), ("plot",), ("repair",), ("run", "--from"), ("run",), ("check", "--no-build"), ("components", "--plugin")]
WRITTEN = [
    *(("report", "run.h5", "--out"), ("repair", "cut.h5", "--out"), ("new", "study", "--out"), ("new",)),
    ("papers", "miea", "--no-measure", "--out"),
]
UNUSABLE = PATHS[:9]  # no folder can be made there


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with traces, a scenario and what is no file."""
    monkeypatch.chdir(tmp_path)
    written(Path("run.h5"))
    written(Path("cut.h5"), complete=False)
    Path("tiny.yaml").write_text(TINY)
    Path("empty").touch()
    Path("folder").mkdir()
    Path("dangling").symlink_to("nowhere/else")
    Path("loop").symlink_to("loop")
    os.mkfifo("fifo")
    return tmp_path


@pytest.mark.parametrize("words", [*READ, *WRITTEN[: scale(-1, 5)]], ids=" ".join)
def test_an_odd_path_is_one_message(words: tuple[str, ...], place: Path, campaign: Campaign) -> None:
    paths = PATHS if words not in WRITTEN[-1:] else UNUSABLE
    for number, path in enumerate(paths[: scale(4, len(paths))]):

        def case(path: str = path) -> str:
            result = CliRunner().invoke(main, [*words, path])
            assert result.exception is None or isinstance(result.exception, SystemExit), f"{path[:40]!r}: {result.exception!r}"
            assert result.exit_code in (0, 1, 2)
            assert "Traceback" not in result.output
            assert len(result.stderr) < 4000
            return "succeeded" if result.exit_code == 0 else "refused"

        campaign.check(number, LIMIT_S, case)
    campaign.finish()


@pytest.mark.parametrize("words", [("run", "tiny.yaml", "--out"), ("plot", "run.h5", "--out")], ids=" ".join)
def test_a_folder_that_cannot_be_made_is_one_message(words: tuple[str, ...], place: Path, campaign: Campaign) -> None:
    for path in [*UNUSABLE[:3], *UNUSABLE[4:], "/dev/null", "/dev/full", "/proc/linksim", "/sys/linksim"][: scale(3, 20)]:
        result = CliRunner().invoke(main, [*words, path])
        assert result.exit_code == 1, f"{path[:40]!r}: {result.exception!r}"
        assert result.stderr.startswith("linksim: ")
        assert "Traceback" not in result.output
        campaign.counts["refused"] += 1

"""A disk that is full at any point gives one clear message, keeps every committed row, and leaves nothing else behind.

A limit on the size of files (RLIMIT_FSIZE) makes writes fail at any chosen byte without privileges; where file systems can be mounted,
small ones in memory are filled, too.
"""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import ROOT, TINY, ended, limit_file_size, started
from tiny_tasks import tiny_codec, trainer_of
from trace_files import left_open, writer

from hostile.scale import Campaign, scale
from linksim.trace.layout import BLOCK
from linksim.trace.reader import open_trace

CHILD = f"""
    import resource, sys
    sys.path[:0] = {[str(ROOT / "tests"), str(ROOT)]}
    from pathlib import Path
    from trace_files import frame, writer
    from linksim.errors import TraceError
    from linksim.trace.repair import repair
    folder, task, source, *limits = sys.argv[1:]
    for limit in limits:
        path = Path(folder) / f"{{limit}}.h5"
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit) or resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        try:
            if task == "repair":
                repair(source, path)
            else:
                with writer(path, compression=task) as trace:
                    for i in range(30_000):
                        trace(frame(i))
                    trace.close("f00d")
        except TraceError as error:
            print(error, flush=True)
        else:
            print("written", flush=True)
"""


def messages(folder: Path, task: str, *limits: int, source: Path | None = None) -> list[str]:
    """Write or repair a trace for each limit in bytes, 0 for none, in one process, and return what it prints for each."""
    command = [sys.executable, "-c", textwrap.dedent(CHILD), str(folder), task, str(source), *map(str, limits)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def check_rows(path: Path) -> int:
    """Check that an unfinished trace has all rows up to some block, and return their number."""
    with open_trace(path) as trace:
        frames = trace.table("frames")
        assert not trace.complete
        assert len(frames) % BLOCK == 0
        assert frames["frame"].tolist() == list(range(len(frames)))
        return len(frames)


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_limit_on_the_size_of_files(tmp_path: Path, compression: str, campaign: Campaign) -> None:
    with writer(tmp_path / "empty.h5", compression=compression) as trace:
        trace.close("f00d")
    empty = (tmp_path / "empty.h5").stat().st_size
    folder = tmp_path / "out"
    folder.mkdir()
    draw = campaign.draw(0)
    limits = [50, 2_000, empty // 2, empty - 8_000, empty + 8_000, empty + 20_001, empty + 50_000, empty + 123_456]
    limits = sorted({*limits, *(draw.randrange(50, empty + 123_456) for _ in range(scale(0, 100)))} - {empty})
    for limit, message in zip(limits, messages(folder, compression, *limits), strict=True):
        assert message == f"{folder / f'{limit}.h5'} cannot be written: File too large"
    assert {int(path.stem) for path in folder.iterdir()} == {limit for limit in limits if limit > empty}
    rows = [check_rows(folder / f"{limit}.h5") for limit in limits if limit > empty]
    assert rows == sorted(rows)
    assert rows[-1] > 0 or compression == "none"
    campaign.counts["limits"] = len(limits)


def test_committed_rows_stay(tmp_path: Path) -> None:
    assert "cannot be written" in messages(tmp_path, "none", 1_000_000)[0]
    assert check_rows(tmp_path / "1000000.h5") >= 4 * BLOCK


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system in memory of the given number of bytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system requires privileges")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


SIZES = [4_000, 60_000, 90_000, 400_000]


@pytest.mark.parametrize("small_disk", scale(SIZES, [*SIZES, *range(100_000, 2_000_000, 100_000)]), indirect=True)
def test_a_small_disk(small_disk: Path) -> None:
    assert messages(small_disk, "none", 0) == [f"{small_disk / '0.h5'} cannot be written: No space left on device"]
    for path in small_disk.iterdir():
        assert path.name == "0.h5"
        check_rows(path)


def test_a_repair_that_does_not_fit_leaves_nothing(tmp_path: Path, campaign: Campaign) -> None:
    killed, folder = left_open(tmp_path / "killed.h5"), tmp_path / "out"
    before = killed.read_bytes()
    folder.mkdir()
    limits = scale([2_000, 60_000, 85_000, 100_000, 120_000], list(range(2_000, 122_000, 2_000)))
    for limit, message in zip(limits, messages(folder, "repair", *limits, source=killed), strict=True):
        assert message == f"{folder / f'{limit}.h5'} cannot be written: File too large"
    assert list(folder.iterdir()) == []
    assert killed.read_bytes() == before
    assert messages(folder, "repair", 0, source=killed) == ["written"]
    campaign.counts["limits"] = len(limits)


def test_a_run_with_a_limit(tmp_path: Path, small_models: None, campaign: Campaign) -> None:
    """The command line runs a scenario with figures and report. It keeps what was written and says what was not, without a traceback."""
    (tmp_path / "tiny.yaml").write_text(TINY)
    for number in campaign.numbers(1, 16):
        limit, out = round(1_000 * 2000 ** campaign.draw(number).random()), tmp_path / f"out-{number}"
        words = ("run", "tiny.yaml", "--out", str(out), "--set", "trace.compression=gzip", "--set", "frames=8")
        code, said, err = ended(started(tmp_path, *words, prepare=limit_file_size(limit)))
        if code == 0:
            assert (out / "report.html").stat().st_size <= limit
            campaign.counts["limits above all outputs"] += 1
            continue
        lines = err.splitlines()
        assert code == 1, f"{limit} bytes: {err}"
        assert "Traceback" not in err + said
        assert len(lines) <= 6 + sum(line.endswith("File too large") for line in lines), err
        assert any(line.endswith("cannot be written: File too large") for line in lines), err
        assert not [*out.rglob("*.part")]
        assert all(path.stat().st_size <= limit for path in out.rglob("*"))
        if "trace    " in said:
            with open_trace(out / "trace.h5") as trace:
                assert trace.complete
            campaign.counts["limits above the trace"] += 1
        else:
            campaign.counts["limits below the trace"] += 1


def test_a_checkpoint_that_does_not_fit_leaves_the_former_one(tmp_path: Path, campaign: Campaign) -> None:
    trainer, path = trainer_of(tiny_codec(60)), tmp_path / "c.safetensors"
    trainer.train_step()
    trainer.save(path)
    before = path.read_bytes()
    child = f"""
    import resource, sys
    sys.path[:0] = {[str(ROOT / "tests"), str(ROOT)]}
    from pathlib import Path
    from linksim.errors import LinksimError
    from tiny_tasks import tiny_codec, trainer_of
    trainer = trainer_of(tiny_codec(60))
    trainer.train_step()
    trainer.train_step()
    for limit in map(int, sys.argv[2:]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            trainer.save(Path(sys.argv[1]))
        except (OSError, LinksimError) as error:
            print(error, flush=True)
        else:
            print("written", flush=True)
    """
    limits = sorted(campaign.draw(0).randrange(len(before)) for _ in range(scale(4, 100)))
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(child), str(path), *map(str, limits)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert len(said) == len(limits)
    assert all("File too large" in line for line in said), said
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    campaign.counts["limits"] = len(limits)

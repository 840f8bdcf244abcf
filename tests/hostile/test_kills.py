"""SIGKILL while a trace is written, at random times: every file opens, holds every acknowledged row, and can be repaired."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from cli_process import ROOT, TINY, ended, started, wait_for_rows

from hostile.scale import Campaign, scale
from linksim.records import FrameSent, ImageScore, KeptImage, columns
from linksim.trace.reader import Trace, open_trace
from linksim.trace.repair import repair

ROWS = 1500  # rows of `scores` in each trace; the child process writes one trace after the other
BLOCKS = {"scores": 1, "frames": 3, "images": 20}  # rows of `scores` per row of the table

CHILD = f"""
    import os, sys
    from pathlib import Path
    import numpy as np
    from linksim.records import FrameSent, ImageScore, KeptImage, columns
    from linksim.trace.layout import RunMetadata
    from linksim.trace.writer import TraceWriter

    folder, shape = Path(sys.argv[1]), (3, 8, 8)
    score, image = ({{c.name: 0 for c in columns(table)}} for table in (ImageScore, KeptImage))
    frame = {{c.name: 0 for c in columns(FrameSent)}} | {{"parameters": {{}}}}
    os.write(1, b"ready\\n")
    for number in range(10_000):
        metadata = RunMetadata("a: 1", number, {{}}, {{}})
        with TraceWriter(folder / f"{{number}}.h5", metadata, {{("images", "pixels"): shape}}, {{}}, compression=sys.argv[2]) as trace:
            acknowledged = 0
            for i in range({ROWS}):
                now = {{"time_ns": 1000 * i, "frame": i}}
                trace(ImageScore(**(score | now | {{"link": i % 64, "receiver": i % 2, "mse": i / 4096, "psnr_db": i / 2}})))
                if i % {BLOCKS["frames"]} == 0:
                    trace(FrameSent(**(frame | now)))
                if i % {BLOCKS["images"]} == 0:
                    trace(KeptImage(**(image | now | {{"pixels": np.full(shape, i % 251, np.uint8)}})))
                if i % 700 == 0:
                    trace.flush()
                known = [trace.committed(table) for table in (ImageScore, FrameSent, KeptImage)]
                if sum(known) != acknowledged:
                    acknowledged = sum(known)
                    os.write(1, f"{{number}} {{known[0]}} {{known[1]}} {{known[2]}}\\n".encode())
            trace.close("f00d")
        os.write(1, f"{{number}} closed\\n".encode())
"""


def killed_after(folder: Path, lines: int, seconds: float, compression: str = "none") -> list[list[str]]:
    """Kill the child process `seconds` after its acknowledgement number `lines`; return all of its acknowledgements, in order."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", textwrap.dedent(CHILD), str(folder), compression]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        received = [child.stdout.readline() for _ in range(lines)]
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)
        received += child.stdout.readlines()
    assert child.returncode == -signal.SIGKILL
    return [line.decode().split() for line in received if line.endswith(b"\n")]  # the last line may be incomplete


def check_values(trace: Trace) -> None:
    scores, frames, images = (trace.table(name) for name in BLOCKS)
    for table, name in ((scores, "scores"), (frames, "frames"), (images, "images")):
        counted = np.arange(len(table)) * BLOCKS[name]
        np.testing.assert_array_equal(table["frame"], counted)
        np.testing.assert_array_equal(table["time_ns"], 1000 * counted)
    n = np.arange(len(scores))
    np.testing.assert_array_equal(scores["psnr_db"], n / 2)
    np.testing.assert_array_equal(scores["mse"], n / 4096)
    np.testing.assert_array_equal(scores["receiver"], n % 2)
    np.testing.assert_array_equal(scores["link"], n % 64)
    np.testing.assert_array_equal(images["pixels"], np.ones((1, 3, 8, 8)) * (images["frame"] % 251)[:, None, None, None])


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_kill_loses_no_committed_row(tmp_path: Path, campaign: Campaign, compression: str) -> None:
    kills = scale({"none": 5, "gzip": 3}[compression], 100)
    for kill in range(4 * kills):  # on a busy machine more kills fall before a file is created or after it is closed
        if kill >= kills and campaign.counts["kills within a trace"] >= kills / 2:
            break
        draw, folder = campaign.draw(kill), tmp_path / str(kill)
        folder.mkdir()
        acknowledged = killed_after(folder, draw.randrange(24), draw.uniform(0.0, 0.02), compression)
        campaign.counts["kills"] += 1
        closed = {number for number, *rest in acknowledged if rest == ["closed"]}
        known = {number: [int(x) for x in rest] for number, *rest in acknowledged if rest != ["closed"]}
        assert known.keys() | closed <= {path.stem for path in folder.glob("*.h5")}
        for path in folder.glob("*.h5"):
            check_killed(path, known.get(path.stem, [0, 0, 0]), path.stem in closed, campaign)
    assert campaign.counts["kills within a trace"] >= kills / 2
    assert campaign.counts["acknowledged rows"] > 20 * kills
    assert campaign.counts["acknowledged rows lost"] == 0


def check_killed(path: Path, known: list[int], closed: bool, campaign: Campaign) -> None:
    """Check a trace with this number of acknowledged rows in each table, and repair it if it is unfinished."""
    with open_trace(path) as trace:
        assert trace.seed == int(path.stem)
        for name, rows in zip(BLOCKS, known, strict=True):
            campaign.counts["acknowledged rows"] += rows
            campaign.counts["acknowledged rows lost"] += max(0, rows - trace.rows(name))
        assert trace.complete >= closed
        assert not trace.complete or trace.rows("scores") == ROWS
        check_values(trace)
        unfinished = not trace.complete
    campaign.counts["traces"] += 1
    if unfinished:
        campaign.counts["kills within a trace"] += 1
        check_repaired(path)


def check_repaired(path: Path) -> None:
    with open_trace(path) as trace:
        rows = {name: trace.rows(name) for name in trace.tables()}
    with h5py.File(path, "r", swmr=True) as plain:  # the unrepaired file is valid for HDF5 in SWMR mode
        assert int(plain["committed/scores"][()]) == rows["scores"] <= len(plain["scores/psnr_db"])
        np.testing.assert_array_equal(plain["scores/frame"][: rows["scores"]], np.arange(rows["scores"]))
    report = repair(path)
    assert report.rows == rows
    with h5py.File(path) as clean:
        assert {name: len(clean[name]["row"]) for name in rows} == rows
        assert all(len(clean["frames"][column.name]) == rows["frames"] for column in columns(FrameSent))
    with open_trace(path) as trace:
        check_values(trace)


def test_xarray_opens_a_repaired_trace(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    pytest.importorskip("h5netcdf", reason="h5netcdf is not installed")
    for _ in range(10):  # until a kill falls between creation and end of a file
        killed_after(tmp_path, lines=5, seconds=0)
        last = max(tmp_path.glob("*.h5"), key=lambda path: int(path.stem))
        with open_trace(last) as trace:
            rows = {table.table: trace.rows(table.table) for table in (ImageScore, FrameSent, KeptImage)}
            unfinished = not trace.complete
        if unfinished:
            break
        for path in tmp_path.glob("*.h5"):
            path.unlink()
    assert unfinished
    repair(last)
    for name, count in rows.items():
        with xarray.open_dataset(last, group=name) as opened:
            assert opened.sizes["row"] == count
            np.testing.assert_array_equal(opened["frame"], np.arange(count) * BLOCKS[name])


def test_a_killed_run_leaves_the_beginning_of_its_trace(tmp_path: Path, small_models: None, campaign: Campaign) -> None:
    """The command line is killed. Every trace that it leaves is the beginning of the longest one, and so is its repaired copy."""
    (tmp_path / "tiny.yaml").write_text(TINY)
    longest: dict[str, dict[str, np.ndarray]] = {}
    for kill in range(scale(1, 10)):
        compression = ("none", "gzip")[kill % 2]
        words = ("run", "tiny.yaml", "--out", f"out-{kill}", "--set", "frames=100000", "--set", f"trace.compression={compression}")
        process = started(tmp_path, *words)
        path = wait_for_rows(process, f"out-{kill}/trace.h5", tmp_path)
        time.sleep(campaign.draw(kill).uniform(0, 2))
        process.kill()
        assert ended(process)[0] == -signal.SIGKILL
        assert [found.name for found in path.parent.iterdir()] == ["trace.h5"]
        rows = {name: check_beginning(path, name, longest.setdefault(name, {})) for name in ("frames", "control", "scores", "receptions")}
        assert repair(path).rows.items() >= rows.items()
        for name, count in rows.items():
            assert check_beginning(path, name, longest[name]) == count
        campaign.counts["runs killed"] += 1
        campaign.counts["rows compared"] += sum(rows.values())
    assert campaign.counts["rows compared"] > 0


def check_beginning(path: Path, name: str, longest: dict[str, np.ndarray]) -> int:
    """Check that a table begins like `longest`, or extends it, which then becomes this table. Returns the number of rows."""
    with open_trace(path) as trace:
        table = trace.table(name)
    common = min(len(table), len(next(iter(longest.values()), ())))
    for column, values in longest.items():
        np.testing.assert_array_equal(table[column][:common], values[:common])
    if len(table) > common or not longest:
        longest.update(table.columns)
    return len(table)

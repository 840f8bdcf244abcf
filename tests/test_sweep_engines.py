"""Tests of the engines of sweeps: Dask, Ray and job arrays of Slurm give the results of worker processes, and lose and repeat nothing."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from cli_process import ROOT
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sweep import BASE, SNR, logged, marks, plugin

import linksim
from linksim.cli import main
from linksim.errors import LinksimError
from linksim.sweeps import slurm
from linksim.sweeps.driver import sweep
from linksim.sweeps.journal import Journal
from linksim.sweeps.plan import WHOLE, Plan

__all__ = ["plugin"]  # a fixture
AXES: dict[str, Any] = {SNR: [0, 10], "seed": [1, 2]}
ENGINES = [
    pytest.param(name, marks=pytest.mark.skipif(find_spec(package) is None, reason=f"the package {package} is not installed"))
    for name, package in (("dask", "distributed"), ("ray", "ray"))
]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of an engine import linksim from here."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_gives_what_worker_processes_give(engine: str, tmp_path: Path, plugin: Path, small_models: None) -> None:
    points = {"a": logged("a"), "b": logged("b", dies="once"), "c": logged("c"), "d": {"classifier": "no-such-model"}}
    counts: list[tuple[int, int]] = []
    settings = {"plugin": [str(plugin)], "report": lambda *found: counts.append(found)}
    table = linksim.sweep(BASE, {"point": points}, out=tmp_path / "out", engine=engine, workers=2, traces=True, **settings)
    assert [row["point"] for row in table.rows] == ["a", "b", "c"]
    assert sorted(marks(tmp_path)) == ["a", "b", "b", "c"]  # a process that is killed runs its point once more
    ((failed, error),) = table.errors.items()
    assert (failed, error.startswith("no trained model 'no-such-model'")) == ("point=d", True)
    assert counts[0] == (0, 4)
    assert counts[-1] == (4, 4)
    for row in table.rows:
        with linksim.open_trace(row["trace"]) as kept:
            assert row["images"] == len(kept.table("scores")["psnr_db"])
    local = linksim.sweep(BASE, {"point": points}, out=tmp_path / "local", workers=2, traces=True, plugin=[str(plugin)])
    assert [row | {"trace": ""} for row in table.rows] == [row | {"trace": ""} for row in local.rows]
    counts.clear()
    linksim.sweep(BASE, {"point": points}, out=tmp_path / "out", engine=engine, workers=2, **settings)
    assert counts[0] == (3, 4)  # only the point that failed is run again


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_process_that_always_ends_fails_alone(engine: str, tmp_path: Path, plugin: Path, small_models: None) -> None:
    points = {"a": logged("a"), "b": logged("b", dies="always")}
    table = linksim.sweep(BASE, {"point": points}, out=tmp_path / "out", engine=engine, workers=1, plugin=[str(plugin)])
    assert [row["point"] for row in table.rows] == ["a"]
    assert list(table.errors) == ["point=b"]
    assert "\n" not in table.errors["point=b"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_scheduler_that_cannot_be_reached_is_one_message(engine: str, tmp_path: Path) -> None:
    words = ("sweep", "awgn-baseline", "--axis", "seed=1", "--engine", engine, "--address", "127.0.0.1:9", "--out", str(tmp_path / "out"))
    environment = {**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s", "RAY_gcs_rpc_server_reconnect_timeout_s": "2"}
    done = subprocess.run([sys.executable, "-m", "linksim", *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "--address 127.0.0.1:9: no " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_engine_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(LinksimError, match="engine 'ray' needs the package ray: pip install ray"):
        linksim.sweep(BASE, {"seed": [1]}, engine="ray")
    with pytest.raises(LinksimError, match="no engine 'dusk'; did you mean 'dask'"):
        linksim.sweep(BASE, {"seed": [1]}, engine="dusk")


# Parts, and job arrays


@settings(max_examples=100, deadline=None)
@given(points=st.integers(0, 60), parts=st.integers(1, 70))
def test_parts_hold_every_point_once(points: int, parts: int) -> None:
    held = [point for part in range(1, parts + 1) for point in range(points)[part - 1 :: parts]]
    assert sorted(held) == list(range(points))


def test_the_points_of_parts_are_collected(tmp_path: Path, small_models: None) -> None:
    def swept(part: tuple[int, int], counts: list[tuple[int, int]]) -> linksim.sweeps.table.SweepTable:
        load = lambda texts: linksim.load_scenario(BASE, list(texts))  # noqa: E731
        return sweep(Plan(load, AXES, part=part), tmp_path, report=lambda *found: counts.append(found))

    counts: list[tuple[int, int]] = []
    assert [len(swept((part, 3), counts).rows) for part in (1, 2, 3)] == [2, 1, 1]
    assert sorted(path.name for path in tmp_path.glob("part-*")) == [f"part-{part}-of-3" for part in (1, 2, 3)]
    counts.clear()
    collected = swept(WHOLE, counts)
    assert counts == [(4, 4)]
    assert collected.rows == linksim.sweep(BASE, AXES).rows


def invoked(*words: str) -> Result:
    return CliRunner().invoke(main, words, catch_exceptions=False)


def test_the_tasks_of_a_job_array_run_all_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a study.yaml").write_text("name: swept\nframes: 1\ndataset: samples\nclassifier: null\n")
    words = ("sweep", "a study.yaml", "--axis", f"{SNR}=0,10,20", "--set", "frames=2", "--out", "out dir")
    done = invoked(*words, "--engine", "slurm", "--workers", "2", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "sbatch 'out dir/sweep.sbatch'" in done.stdout or "sbatch out dir/sweep.sbatch" in done.stdout
    script = tmp_path / "out dir/sweep.sbatch"
    assert "#SBATCH --array=1-2\n" in script.read_text()
    for task in ("1", "2"):
        environment = {**os.environ, "SLURM_ARRAY_TASK_ID": task}
        subprocess.run(["bash", str(script)], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert [len(Journal(tmp_path / f"out dir/part-{task}-of-2/journal.sqlite").outcomes()) for task in (1, 2)] == [2, 1]
    collected = invoked(*words)
    assert collected.exit_code == 0, collected.output
    assert (tmp_path / "out dir/sweep.csv").read_text().count("\n") == 4


def test_a_script_is_submitted_where_there_is_a_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("sweep", "awgn-baseline", "--axis", "seed=1..3", "--engine", "slurm", "--workers", "2", "--out", "out")
    monkeypatch.setattr(slurm.shutil, "which", lambda name: None)
    missing = invoked(*words)
    assert missing.exit_code == 1
    assert "there is no sbatch on this machine; --dry-run only writes the script out/sweep.sbatch" in missing.stderr
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    program = tmp_path / "bin/sbatch"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\n[ -f "$1" ] && echo Submitted batch job 7 || { echo no such script >&2; exit 3; }\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    assert shutil.which("sbatch") == str(program)
    assert "Submitted batch job 7; afterwards" in invoked(*words).stdout
    with pytest.raises(LinksimError, match="sbatch nowhere: no such script"):
        slurm.submit(Path("nowhere"))


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/0", "x", "1/2/3", "-1/3"])
def test_a_part_that_is_none_is_one_message(text: str) -> None:
    done = invoked("sweep", "awgn-baseline", "--axis", "seed=1", f"--part={text}")
    assert done.exit_code == 2
    assert "allowed: I/N with I from 1 to N" in done.stderr

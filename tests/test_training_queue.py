"""Tests of several trainings in one command: order, models that tasks need, failures, and an interruption."""

import signal
import subprocess
import time
from pathlib import Path

import pytest
from cli_process import ROOT, ended, started

from linksim.nets.cards import read_card
from linksim.training.checkpoint import read_checkpoint
from linksim.training.loop import fingerprint

PLUGIN = f"""
import sys
sys.path[:0] = {[str(ROOT / "tests")]}
from dataclasses import dataclass
import linksim
from tiny_tasks import TinyCodec, tiny_codec, tiny_inverter

@linksim.register("training-task", "codec")
def codec():
    return tiny_codec(40)

@linksim.register("training-task", "inverter")
def inverter():
    return tiny_inverter()

@linksim.register("training-task", "endless")
def endless():
    return tiny_codec(1_000_000)

@linksim.register("training-task", "other-endless")
def other():
    return tiny_codec(1_000_001)

class Broken(TinyCodec):
    def load_dataset(self, split):
        from linksim.errors import DataError
        raise DataError("no such images")

@linksim.register("training-task", "broken")
def broken():
    return Broken("samples", dict(tiny_codec(12).config), 12, batch=8)
"""


def queue(folder: Path, *names: str, jobs: int = 2) -> "subprocess.Popen[str]":
    (folder / "tasks.py").write_text(PLUGIN)
    words = ("train", *names, "--jobs", str(jobs), "--work", "work", "--models", "models", "--plugin", "tasks.py")
    return started(folder, *words, environment={"LINKSIM_MODELS": str(folder / "models")})


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_task_waits_for_the_model_that_it_needs(jobs: int, tmp_path: Path) -> None:
    """The inverter needs the codec, so it waits although a second task could run. A task that fails ends nothing."""
    names = ("codec", "inverter") if jobs == 1 else ("broken", "codec", "inverter")
    code, out, err = ended(queue(tmp_path, *names, jobs=jobs))
    assert {name: read_card(tmp_path / "models" / f"{name}.yaml").kind for name in ("codec", "inverter")} == {
        "codec": "codec", "inverter": "inverter",
    }  # fmt: skip
    lines = out.splitlines()
    assert lines.index("codec: finished") < lines.index("inverter: begins")
    assert (code, err) == (0, "") if jobs == 1 else (code, err) == (1, "linksim: not trained: broken; see work/NAME.log\n")
    if jobs == 2:
        assert "no such images" in (tmp_path / "work/broken.log").read_text()
    assert (tmp_path / "work/codec.losses.csv").read_text().startswith("step,loss,seconds\n20,")


def test_an_interruption_reaches_every_task_once(tmp_path: Path) -> None:
    process, names = queue(tmp_path, "endless", "other-endless"), ("endless", "other-endless")
    limit = time.monotonic() + 60
    losses = [tmp_path / f"work/{name}.losses.csv" for name in names]
    while not all(path.exists() and path.read_text().count("\n") > 1 for path in losses):
        assert time.monotonic() < limit
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == 130
    assert err.splitlines()[-1] == "The state of each training is kept in work; the same command continues from there."
    for name, steps in zip(names, (1_000_000, 1_000_001), strict=True):
        kept = read_checkpoint(tmp_path / f"work/{name}.safetensors", fingerprint(endless(steps)))
        assert kept.step >= 20


def endless(steps: int) -> object:
    from tiny_tasks import tiny_codec

    return tiny_codec(steps)


def test_equal_names_are_refused(tmp_path: Path) -> None:
    code, out, err = ended(queue(tmp_path, "codec", "codec"))
    assert (code, out, err) == (1, "", "linksim: got codec more than once, allowed: different names\n")

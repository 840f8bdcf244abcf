"""Ctrl-C, SIGTERM and SIGHUP end every command soon, with exit status 130, 143 and 129, and say what is kept and how to go on."""

import ctypes
import signal
import sys
import textwrap
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from cli_process import PROGRAM, ROOT, TINY, ended, interrupted, started, wait_for_rows
from click.testing import CliRunner
from tiny_tasks import tiny_codec, trainer_of

from linksim.cli import main
from linksim.cli.termination import prompt_termination
from linksim.interrupts import SIGNALS, Terminated, deferred
from linksim.trace.reader import open_trace
from linksim.training.loop import TrainingProgress, train

PROMPT_S = 5.0  # 2 s on a machine that does nothing else
CASES = pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
LONG = ("run", "tiny.yaml", "--set", "frames=1000000", "--out", "out")


@pytest.fixture
def folder(tmp_path: Path, small_models: None) -> Path:
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path


@CASES
def test_an_interrupted_run_keeps_its_rows_and_says_so(folder: Path, number: int, status: int) -> None:
    process = started(folder, *LONG)
    path = wait_for_rows(process, "out/trace.h5", folder)
    code, out, err, took = interrupted(process, number)
    assert (code, out) == (status, "")
    assert took < PROMPT_S
    with open_trace(path) as trace:
        assert not trace.complete
        frames, scores = trace.rows("frames"), trace.rows("scores")
    cause = {130: "interrupted by Ctrl-C", 143: "terminated by SIGTERM", 129: "terminated by SIGHUP"}[status]
    said = [line for line in err.splitlines() if not line.startswith("[")]  # without progress
    assert said == [
        f"linksim: {cause}",
        f"Kept {frames:,} transmissions of data frames and {scores:,} scores of images in out/trace.h5, an unfinished trace.",
        "`linksim show out/trace.h5` reads it as it is, `linksim repair out/trace.h5` makes it readable for other tools; "
        "the same command with --overwrite runs the scenario from the start.",
    ]
    assert [found.name for found in (folder / "out").iterdir()] == ["trace.h5"]
    shown = CliRunner().invoke(main, ["show", str(path)])
    assert shown.exit_code == 0
    assert f"unfinished: the run did not end normally, {frames:,} data frames" in shown.stdout
    assert CliRunner().invoke(main, ["repair", str(path)]).exit_code == 0


def test_an_interrupted_run_that_was_to_replace_another_leaves_that_one(folder: Path) -> None:
    assert ended(started(folder, "run", "tiny.yaml", "--no-figures", "--out", "out"))[0] == 0
    before = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    process = started(folder, *LONG, "--overwrite")
    path = wait_for_rows(process, "out/*.part/trace.h5", folder)
    code, _, err, _ = interrupted(process, signal.SIGTERM)
    assert code == 143
    assert "The former outputs in out are unchanged." in err
    assert f"in {path.relative_to(folder)}, an unfinished trace" in err
    assert {name: (folder / "out" / name).read_bytes() for name in before} == before
    with open_trace(path) as trace:
        assert trace.rows("scores")


@pytest.mark.parametrize("delay_s", [0.2, 2.0])
def test_an_early_interruption_has_no_traceback(folder: Path, delay_s: float) -> None:
    process = started(folder, *LONG)
    time.sleep(delay_s)
    code, _, err, took = interrupted(process, signal.SIGTERM)
    assert code in (143, -signal.SIGTERM)  # the latter before the program has begun
    assert "Traceback" not in err
    assert took < PROMPT_S


STUCK = """
import hashlib
from linksim.cli.termination import prompt_termination
with prompt_termination():
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
"""


@CASES
def test_a_computation_that_does_not_return_is_ended(tmp_path: Path, number: int, status: int) -> None:
    process = started(tmp_path, program=(PROGRAM[0], "-c", STUCK))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(1.0)  # the computation has begun
    code, _, err, took = interrupted(process, number)
    assert code == status, err
    assert took < PROMPT_S
    assert err == (
        f"linksim: {signal.Signals(number).name}: ended in the middle of a computation; "
        "traces and checkpoints keep what they hold, see linksim show and linksim repair\n"
    )


class Referent:
    """An object that may have a weak reference, and that calls a function when it is deleted."""

    def __init__(self, on_delete: Callable[[], object] = lambda: None) -> None:
        self.on_delete = on_delete

    def __del__(self) -> None:
        self.on_delete()


def in_a_weak_reference(call: Callable[[], object]) -> None:
    """Call a function from the callback of a weak reference."""
    referent = Referent()
    reference = weakref.ref(referent, lambda reference: call())
    del referent
    assert reference() is None


def in_a_deletion(call: Callable[[], object]) -> None:
    """Call a function from `__del__`."""
    Referent(call)


def in_a_c_library(call: Callable[[], object]) -> None:
    """Call a function from C."""
    ctypes.CFUNCTYPE(None)(call)()


@CASES
@pytest.mark.parametrize("dropped_in", [in_a_weak_reference, in_a_deletion, in_a_c_library])
def test_an_interruption_that_python_drops_is_raised_once_more(
    dropped_in: Callable[[Callable[[], object]], None], number: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", reported.append)
    hook, handlers = sys.unraisablehook, [signal.getsignal(each) for each in SIGNALS]
    reached = []
    with pytest.raises(KeyboardInterrupt) as raised, prompt_termination():  # noqa: PT012
        dropped_in(lambda: signal.raise_signal(number))
        reached.append("dropped")
        time.sleep(1.0)
        reached.append("not raised")
    assert 128 + getattr(raised.value, "number", signal.SIGINT) == status
    assert reached == ["dropped"]
    assert reported == []
    assert (sys.unraisablehook, [signal.getsignal(each) for each in SIGNALS]) == (hook, handlers)


def test_an_interruption_that_python_drops_ends_a_deferral_only_once() -> None:
    """A second signal would end the block in the middle."""
    reached = []
    with pytest.raises(Terminated), prompt_termination():  # noqa: PT012
        in_a_weak_reference(lambda: signal.raise_signal(signal.SIGTERM))
        with deferred(second_ends=True) as waiting:
            while not waiting():
                time.sleep(0.01)
            time.sleep(0.2)
            reached.append("end of the block")
        reached.append("not raised")
    assert reached == ["end of the block"]


def test_other_exceptions_that_python_drops_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if a signal arrives while they are reported."""
    reported: list[type[BaseException] | None] = []

    def report(found: Any) -> None:
        reported.append(found.exc_type)
        signal.raise_signal(signal.SIGTERM)
        reported.append(None)

    monkeypatch.setattr(sys, "unraisablehook", report)
    with pytest.raises(Terminated), prompt_termination():  # noqa: PT012
        in_a_weak_reference(lambda: 1 / 0)
        time.sleep(1.0)
        reported.append(KeyboardInterrupt)
    assert reported == [ZeroDivisionError, None]


DROPPING = f"""
import signal, sys
sys.path[:0] = {[str(ROOT / "tests")]}
from test_cli_interruption import in_a_weak_reference
in_a_weak_reference(lambda: signal.raise_signal({{number:d}}))
"""


@CASES
def test_a_command_whose_interruption_python_drops_is_ended(folder: Path, number: int, status: int) -> None:
    (folder / "dropping.py").write_text(DROPPING.format(number=number))
    code, out, err = ended(started(folder, *LONG, "--plugin", "dropping.py"))
    cause = {130: "interrupted by Ctrl-C", 143: "terminated by SIGTERM", 129: "terminated by SIGHUP"}[status]
    assert (code, out, err) == (status, "", f"linksim: {cause}\n")


TRAIN = f"""
import sys
sys.path[:0] = {[str(ROOT / "tests")]}
from tiny_tasks import tiny_codec
from linksim import registry
from linksim.training import pipeline
from linksim.__main__ import run
from linksim.training.loop import Trainer

class Announced(Trainer):
    "A trainer that prints a line after some steps."
    def train_step(self):
        loss, self.done = super().train_step(), getattr(self, "done", 0) + 1
        if self.done == 30:
            print("ready", flush=True)
        return loss

pipeline.Trainer = Announced
registry.components("training-task")
registry._components["training-task"]["tiny"] = registry.Component("training-task", "tiny", None, lambda: tiny_codec(1_000_000), "")
run()
"""


@pytest.mark.slow
@CASES
def test_an_interrupted_training_writes_a_checkpoint_and_the_same_command_continues(tmp_path: Path, number: int, status: int) -> None:
    words, program = ("train", "tiny", "--work", "work", "--models", "models"), (PROGRAM[0], "-c", textwrap.dedent(TRAIN))
    checkpoint, steps = tmp_path / "work" / "tiny.safetensors", []
    for _ in range(2):
        process = started(tmp_path, *words, program=program)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"  # long before a regular checkpoint
        code, _, err, took = interrupted(process, number)
        assert code == status, err
        assert took < PROMPT_S
        assert err.splitlines()[-1] == "The state is kept in work/tiny.safetensors; the same command continues from there."
        resumed = trainer_of(tiny_codec(1_000_000))
        resumed.load(checkpoint)
        steps.append(resumed.step)
    assert 30 <= steps[0] <= steps[1] - 30
    assert {path.name for path in checkpoint.parent.iterdir()} == {"tiny.safetensors", "tiny.losses.csv"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_training_that_was_interrupted_resumes_bit_for_bit(tmp_path: Path, number: int) -> None:
    def terminate(number: int, frame: object) -> None:
        raise Terminated

    def interrupt(progress: TrainingProgress) -> None:
        if progress.step == 40:
            signal.raise_signal(number)

    resumed, whole = trainer_of(tiny_codec(60)), trainer_of(tiny_codec(60))
    before = signal.signal(number, terminate)
    try:
        with pytest.raises(Terminated):
            train(trainer_of(tiny_codec(60)), tmp_path / "c.safetensors", interrupt)
    finally:
        signal.signal(number, before)
    resumed.load(tmp_path / "c.safetensors")
    assert resumed.step == 40
    train(resumed, tmp_path / "c.safetensors", lambda progress: None)
    train(whole, tmp_path / "whole.safetensors", lambda progress: None)
    for name, value in whole.result().items():
        assert torch.equal(value, resumed.result()[name]), name

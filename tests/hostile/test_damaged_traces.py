"""Hostile and damaged traces: each is read or refused with one message, without a crash, a hang or excessive memory."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import h5py
import pytest
from cli_process import ROOT
from test_trace_hostile import HOSTILE
from tiny_models import use_models
from trace_files import left_open, written

from hostile.damage import damaged
from hostile.scale import Campaign, scale
from linksim.nets.weights import clear_model_cache
from linksim.scenario.load import scenario_from_text
from linksim.simulate.run import run
from linksim.trace.reader import open_trace

MOST_MIB = 1500  # resident memory of the reading process
WITH_REPORT = scale(100, 10)  # every such case also writes a report
WHOLE_RUN = """
name: whole
frames: 6
channel:
  bob: {snr: {kind: gauss-markov, mean_db: 10}, csi: pilots}
  eve: {snr: {kind: constant, mean_db: 12}, fading: {kind: rayleigh}}
eve: inverse-network
jammer: {kind: pulsed, period_ms: 30, on_ms: 10}
trace: {images: 4, channel_samples: 20, constellation_frames: 1}
groups:
  open: {scheme: deepjscc, links: 2}
  sealed: {scheme: [permutation, deepjscc]}
"""


class Reader:
    """A child process that reads traces (`read_traces`), started again after a crash."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None

    def answer(self, path: Path, with_report: bool) -> tuple[str, int]:
        """Return what became of a trace, and the peak memory of the process so far in MiB."""
        if self._child is None:
            command = [sys.executable, "-m", "hostile.read_traces"]
            environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
            self._child = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        with suppress(BrokenPipeError):
            self._child.stdin.write(f"{path} {int(with_report)}\n")
            self._child.stdin.flush()
        line = self._child.stdout.readline()
        if not line:
            _, error = self._child.communicate()
            code, self._child = self._child.returncode, None
            return f"violation: the process ended with {code}: {error[-1000:]}", 0
        answer, _, mebibytes = line.rstrip("\n").rpartition("\t")
        return answer, int(mebibytes)

    def close(self) -> None:
        """End the process."""
        if self._child is not None:
            self._child.communicate()


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, small_model_files: Path) -> list[Path]:
    """Traces without damage: complete ones, unfinished ones, those of a killed writer and of a run."""
    tmp_path = tmp_path_factory.mktemp("sound")
    made = [
        written(tmp_path / "complete.h5"),
        written(tmp_path / "gzip.h5", compression="gzip"),
        written(tmp_path / "unfinished.h5", complete=False),
        left_open(tmp_path / "killed.h5"),
    ]
    clear_model_cache()
    with pytest.MonkeyPatch.context() as patch:
        use_models(patch, small_model_files)
        for compression in ("none", "gzip"):
            made.append(tmp_path / f"run-{compression}.h5")
            run(scenario_from_text(WHOLE_RUN, "whole.yaml", [f"trace.compression={compression}"]), (), made[-1])
    clear_model_cache()
    return made


def test_damaged_bytes(campaign: Campaign, tmp_path: Path, sound: list[Path], reader: Reader) -> None:
    """Random damage of a medium, and object headers that were changed on purpose."""
    contents = [path.read_bytes() for path in sound]
    for number in campaign.numbers(10, 400):
        draw = campaign.draw(number)
        path = tmp_path / f"damaged-{number}.h5"
        path.write_bytes(damaged(draw.choice(contents), draw))
        use(campaign, number, path, reader)
    campaign.finish()


def test_hostile_objects(campaign: Campaign, tmp_path: Path, reader: Reader) -> None:
    """Two or three of the changes that `test_trace_hostile` makes one by one, in one file."""
    written(tmp_path / "other.h5")
    for number in campaign.numbers(5, 100):
        path = written(tmp_path / f"hostile-{number}.h5", complete=number % 2 == 0)
        change(path, campaign.draw(number))
        use(campaign, number, path, reader)
    campaign.finish()
    assert campaign.counts["refused"] == campaign.counts.total()


def change(path: Path, draw: random.Random) -> None:
    """Make changes of a trace, of which a later one may find that an earlier one has removed what it is about."""
    changes = draw.sample([change for change, _ in HOSTILE], draw.choice([2, 3]))
    with h5py.File(path, "r+") as file:
        changes[0](file)
        for later in changes[1:]:
            with suppress(KeyError, ValueError, AttributeError, RuntimeError, TypeError, OSError):
                later(file)


def use(campaign: Campaign, number: int, path: Path, reader: Reader) -> None:
    """Let the child process use a trace, and count what became of it."""
    answer, mebibytes = reader.answer(path, with_report=number % WITH_REPORT == WITH_REPORT - 1)
    if answer.startswith("violation"):
        campaign.violation(number, answer)
    elif mebibytes > MOST_MIB:
        campaign.violation(number, f"{mebibytes} MiB of memory")
    else:
        campaign.counts[answer] += 1
        campaign.measure("peak memory in MiB", mebibytes)
    for left in path.parent.glob(f"{path.stem}.*"):
        left.unlink()


def test_the_sound_traces_are_read(sound: list[Path], reader: Reader) -> None:
    answers = [reader.answer(path, with_report=False)[0] for path in sound]
    assert answers == ["read in part"] * 4 + ["read"] * 2  # the scenario of the first four has no name
    with open_trace(sound[-1]) as trace:
        assert all(trace.rows(name) for name in ("scores", "images", "channel", "constellation", "control", "jamming"))

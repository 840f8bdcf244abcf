"""Signals at random times: a command ends soon and without a traceback, and what it leaves is readable and not half a file."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli_process import TINY, ended, interrupted, started, wait_for_rows

from hostile.scale import Campaign, scale
from linksim.trace.reader import open_trace
from linksim.trace.repair import repair

PROMPT_S = 6.0  # 2 s on a machine that does nothing else
HANDLED = {signal.SIGHUP: 129, signal.SIGTERM: 143, signal.SIGINT: 130}  # signal -> exit status
FATAL = (signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM, signal.SIGXCPU)  # the system ends the process
HARMLESS = (signal.SIGWINCH, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGCONT, signal.SIGURG)
COMMAND = ("run", "tiny.yaml", "--set", "frames=200", *scale(("--no-figures",), ()), "--out")
UNDISTURBED = "undisturbed"  # folder of the outputs of a run that no signal disturbs


class Place:
    """A folder with a scenario and the outputs of an undisturbed run.

    folder      the folder
    duration_s  time that the undisturbed run took, in s
    """

    def __init__(self, folder: Path, models: Path) -> None:
        self.folder, self._models = folder, models
        (folder / "tiny.yaml").write_text(TINY)
        began = time.monotonic()
        assert ended(self.start(UNDISTURBED))[0] == 0
        self.duration_s = time.monotonic() - began

    def start(self, out: str, prepare: Callable[[], None] = lambda: None) -> "subprocess.Popen[str]":
        """Start the same run into another folder."""
        return started(self.folder, *COMMAND, out, prepare=prepare, environment={"LINKSIM_MODELS": str(self._models)})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, small_model_files: Path) -> Place:
    return Place(tmp_path_factory.mktemp("signals"), small_model_files)


def check_left(out: Path, campaign: Campaign) -> None:
    """Check the outputs of a command that was ended at any time: none is half a file, and the trace is the beginning of the whole one."""
    for path in out.iterdir() if out.exists() else ():
        if path.suffix == ".part":
            campaign.counts["private folders left"] += 1
        elif path.name == "trace.h5":
            check_trace(path, campaign)
        elif path.name != "profile.json":
            whole = path.parent.parent / UNDISTURBED / path.name
            assert path.read_bytes() == whole.read_bytes(), f"{path.name} is not that of a whole run"


def check_trace(path: Path, campaign: Campaign) -> None:
    """Check that a trace opens, that it begins like that of the whole run, and that it can be repaired if it is unfinished."""
    with open_trace(path) as trace, open_trace(path.parent.parent / UNDISTURBED / "trace.h5") as whole:
        for name in ("frames", "control", "scores", "receptions"):
            rows = trace.rows(name)
            for column, values in trace.table(name).columns.items():
                np.testing.assert_array_equal(values, whole.table(name)[column][:rows])
            campaign.counts["rows compared"] += rows
        complete = trace.complete
    if complete:
        campaign.counts["traces complete"] += 1
    else:
        campaign.counts["traces unfinished"] += 1
        repair(path)


def test_a_run_is_ended_at_any_time(place: Place, campaign: Campaign) -> None:
    """SIGHUP, SIGTERM and SIGINT between the start of the program and the end of its figures."""
    for number in campaign.numbers(2, 45):
        out, sent = place.folder / f"out-{number}", list(HANDLED)[number % len(HANDLED)]
        process = place.start(out.name)
        time.sleep(campaign.draw(number).uniform(0, place.duration_s))
        code, _, err, took = interrupted(process, sent)
        assert "Traceback" not in err, f"case {number}: {err}"
        assert code in (0, HANDLED[sent], -sent), f"case {number}: {code} {err}"  # before the program has begun the system ends it
        assert took < PROMPT_S
        campaign.counts[f"ended with {code}"] += 1
        campaign.measure("slowest end in s", took)
        check_left(out, campaign)
        assert code < 0 or not [*out.glob("*.part")]


@pytest.mark.parametrize("sent", scale(FATAL[:1], FATAL))
def test_a_signal_without_a_handler_loses_no_committed_row(place: Place, campaign: Campaign, sent: int) -> None:
    process = place.start(f"fatal-{sent}")
    wait_for_rows(process, f"fatal-{sent}/trace.h5", place.folder)
    code, _, err, _ = interrupted(process, sent)
    assert code in (0, -sent), err
    check_left(place.folder / f"fatal-{sent}", campaign)


def test_other_signals_change_nothing(place: Place, campaign: Campaign) -> None:
    """Signals that are harmless, a pause, and signals that a run must ignore because they were ignored when it began, as by `nohup`."""

    def ignore() -> None:
        for number in HANDLED:
            signal.signal(number, signal.SIG_IGN)

    process = place.start("harmless", ignore)
    for sent in (*HANDLED, *HARMLESS, signal.SIGSTOP, signal.SIGCONT, *HANDLED, *HARMLESS):
        time.sleep(place.duration_s / 20)
        if process.poll() is None:
            process.send_signal(sent)
            campaign.counts["signals"] += 1
    code, _, err = ended(process)
    assert code == 0, err
    check_left(place.folder / "harmless", campaign)
    names = [{path.name for path in (place.folder / name).iterdir()} for name in ("harmless", UNDISTURBED)]
    assert names[0] == names[1]

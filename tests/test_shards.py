"""Tests of runs whose links are divided among processes: they hold what one process writes, whatever ends a process or the run."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_process import PROGRAM, ended, started
from click.testing import CliRunner
from test_scenarios import MAX_LINKS, SLOW, has_faces, skip_if_missing

import linksim
from linksim.cli import main
from linksim.errors import LinksimError, TraceError
from linksim.plugins import unload
from linksim.registry import components, remove
from linksim.scenario import schema
from linksim.scenario.load import load_scenario, scenario_from_text, shipped_names
from linksim.scenario.schema import Scenario
from linksim.shards.driver import run_sharded
from linksim.simulate.run import Part, run, run_some
from linksim.simulate.run_result import RunResult, result_of
from linksim.trace.merge import ORDER, SHARDS, merge
from linksim.trace.reader import Trace, open_trace

__all__ = ["has_faces"]  # a fixture

ONCE = {"covert-awgn", "diffusec-jammed", "miea-jigsaw"}  # of the slow scenarios, whose attacks know one link at a time
FAST = {"awgn-baseline", "desynchronisation", "faults", "jammers", "moving", "quickstart", "snr-paths"}
UNEVEN = """
name: uneven
frames: 5
dataset: samples
trace: {channel_samples: 40, images: 5, constellation_frames: 3}
groups:
  swept: {links: 3, jammer: {kind: sweep, dwell_ms: 2, jsr_bob_db: 0}, alice: {images_per_frame: 1}}
  slow: {links: 1, alice: {frame_interval_ms: 12, images_per_frame: 1}}
  endless: {links: 2, alice: {frame_interval_ms: 40, images_per_frame: 1}, channel: {bob: {fading: {kind: rayleigh}}}}
"""


def in_parts(scenario: Scenario, parts: int, whole: RunResult, folder: Path) -> RunResult:
    """Run a scenario in parts, one after the other in this process, and merge their traces to parts.h5."""
    ends, results, traces = [], [], []

    def common_end(end_ns: int) -> int:
        ends.append(end_ns)
        return whole.simulated_ns

    for first in range(parts):
        traces.append(folder / f"part-{first}.h5")
        results.append(run_some(scenario, Part(range(first, scenario.links, parts), common_end), (), traces[-1]))
    assert max(ends) == whole.simulated_ns
    result = result_of(results)
    merge(traces, folder / "parts.h5", False, result.fingerprint)
    return result


def assert_equal_rows(one: Trace, other: Trace, exact: bool = False) -> None:
    """Assert that two traces have the same rows, up to their order and, unless `exact`, to the last bits of what networks computed."""
    assert one.tables() == other.tables()
    for name in one.tables():
        here, there = one.table(name), other.table(name)
        assert len(here) == len(there), name
        keys = [column for column in reversed(ORDER) if column in here.columns]
        orders = [np.lexsort([table[key] for key in keys]) for table in (here, there)]
        for column in here.columns:
            mine, others = here[column][orders[0]], there[column][orders[1]]
            if exact or (mine.dtype.kind != "f" and column != "pixels"):
                np.testing.assert_array_equal(mine, others, f"{name}.{column}")
            else:
                tolerance = 1.0 if column == "pixels" else 1e-3
                np.testing.assert_allclose(mine.astype(float), others.astype(float), 0.0, tolerance, err_msg=f"{name}.{column}")


def assert_parity(scenario: Scenario, parts: int, folder: Path) -> None:
    """Assert that a scenario has the same result in parts as in one run."""
    whole = run(scenario, (), folder / "whole.h5")
    divided = in_parts(scenario, parts, whole, folder)
    assert (divided.fingerprint, divided.simulated_ns, divided.warnings) == (whole.fingerprint, whole.simulated_ns, whole.warnings)
    items = [{name: items for name, _, items in result.operations} for result in (whole, divided)]
    assert items[0] == items[1]
    with open_trace(folder / "whole.h5") as one, open_trace(folder / "parts.h5") as other:
        assert other.complete
        assert other.versions == {**one.versions, SHARDS: str(parts)}
        assert (one.models, one.scenario_yaml, one.fingerprint) == (other.models, other.scenario_yaml, other.fingerprint)
        assert_equal_rows(one, other)
        for name in other.tables():
            table = other.table(name)
            order = np.lexsort([table[key] for key in reversed(ORDER) if key in table.columns])
            assert (np.diff(order) == 1).all(), f"{name} is not in order"


NAMES = [name for name in shipped_names() if name not in SLOW - ONCE]


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in NAMES])
def test_links_do_in_parts_what_they_do_in_one_run(name: str, tmp_path: Path, has_faces: bool) -> None:
    keys = f"frames={1 if name in SLOW else 3}", "compute.precision=float32"  # the last bits of bfloat16 are a thousandth of a dB
    scenario = load_scenario(name, keys)
    if not 1 < scenario.links <= MAX_LINKS:
        scenario = load_scenario(name, [*keys, "links=2"])
    skip_if_missing(scenario)
    assert_parity(scenario, 2, tmp_path)


@pytest.mark.parametrize("parts", [2, 3, 6])
@pytest.mark.parametrize("limit", ["", "max_time_s: 0.1"])
def test_groups_of_unequal_speed_end_together(parts: int, limit: str, tmp_path: Path, small_models: None) -> None:
    assert_parity(scenario_from_text(f"{UNEVEN}{limit}"), parts, tmp_path)
    with open_trace(tmp_path / "parts.h5") as trace:
        frames, channel = trace.table("frames"), trace.table("channel")
        swept = [trace.table(name)["time_ns"][trace.table(name)["link"] == 0].max() for name in ("channel", "frames")]
        assert swept[0] > 2 * swept[1]  # the jammer and the samples of short links go on to the end
        assert len(np.unique(trace.table("jamming")["link"])) == 3  # it sweeps over the links of all parts
        assert (len(frames) < 30) is bool(limit)
        assert channel["time_ns"].max() <= (100_000_000 if limit else 250_000_000)


def test_no_part_may_be_missing_a_link(tmp_path: Path, small_models: None) -> None:
    scenario = scenario_from_text(UNEVEN)
    for numbers in (range(0, 6, 5), range(2, 3)):
        run_some(scenario, Part(numbers, lambda end_ns: end_ns), (), tmp_path / "some.h5")
        with open_trace(tmp_path / "some.h5") as trace:
            for name in trace.tables():
                assert set(trace.table(name)["link"]) <= set(numbers), name
            assert trace.table("links")["link"].tolist() == list(numbers)


# Processes

PLUGIN = """
import os, signal
from pathlib import Path
from pydantic import Field
import linksim
from linksim.scenario.source_attacks import SourceAttackOptions

HERE = Path(__file__).parent

class Options(SourceAttackOptions):
    dies: str = Field("never", description="never, once or always")

@linksim.register("source-attack", "ends", Options)
def make(options, classifier):
    (HERE / f"{os.getpid()}.pid").touch()
    def attack(images, labels):
        if options.dies == "always" or options.dies == "once" and not (HERE / "died").exists():
            (HERE / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return images
    return attack
"""
SOURCE = {"name": "divided", "frames": 4, "links": 3, "dataset": "samples", "compute": {"evaluation": "eager"}}


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Path]:
    """A plugin whose attack on the source leaves the numbers of its processes, and may kill them."""
    path = tmp_path / "ending_plugin.py"
    path.write_text(PLUGIN)
    yield path
    if any(component.name == "ends" for component in components("source-attack")):
        remove("source-attack", "ends")
        schema.refresh()
    unload()


def attacked(**options: Any) -> dict[str, Any]:
    return SOURCE | {"alice": {"source_attack": {"attack": "ends", **options}}}


def processes(folder: Path) -> set[int]:
    """Numbers of the processes that the plugin has seen."""
    return {int(path.stem) for path in folder.glob("*.pid")}


def test_a_process_that_is_killed_is_started_once_more(tmp_path: Path, plugin: Path) -> None:
    with linksim.run(attacked(dies="once"), workers=2, plugin=[str(plugin)]) as divided:
        assert len(processes(tmp_path) - {os.getpid()}) == 3
        with linksim.run(attacked()) as whole:
            assert divided.result.fingerprint == whole.result.fingerprint
            assert_equal_rows(whole.trace, divided.trace)
    assert not list(tmp_path.glob("*.part"))


def test_a_process_that_is_always_killed_ends_the_run(tmp_path: Path, plugin: Path) -> None:
    with pytest.raises(LinksimError, match="a process of the run ended by signal 9, 2 times; with one worker"):
        linksim.run(attacked(dies="always"), workers=2, plugin=[str(plugin)], out=tmp_path / "trace.h5")
    with open_trace(tmp_path / "trace.h5") as trace:
        assert not trace.complete
    assert not list(tmp_path.glob("*.part"))
    assert not [number for number in processes(tmp_path) - {os.getpid()} if runs(number)]


def runs(number: int) -> bool:
    """Whether a process still runs."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{number}/stat").read_text().rpartition(")")[2] if Path(f"/proc/{number}/stat").exists() else False


SLOW_RUN = {"name": "slow", "frames": 40_000, "links": 2, "dataset": "samples", "classifier": None, "compute": {"evaluation": "eager"}}


def children(process: "subprocess.Popen[str]") -> set[int]:
    """Numbers of the processes that a process has started."""
    return {int(number) for number in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()}


def has_rows(folder: Path, rows: int) -> bool:
    """Whether two processes have committed that many rows each of the table `frames`."""
    found = list(folder.glob("*.part/*.h5"))
    try:
        return len(found) == 2 and all(open_trace(path).rows("frames") >= rows for path in found)
    except TraceError:
        return False


def wait_until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait for a condition."""
    limit = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)


@contextmanager
def divided_run(folder: Path, program: tuple[str, ...], *words: str) -> Iterator[tuple["subprocess.Popen[str]", set[int]]]:
    """A process that divides a run, and those that it has started, when they have written rows. None is left afterwards."""
    process, theirs = started(folder, *words, program=program), set[int]()
    try:
        wait_until(lambda: process.poll() is not None or has_rows(folder / "out", 512))
        assert process.poll() is None, ended(process)
        theirs = children(process)
        assert len(theirs) == 2
        yield process, theirs
        wait_until(lambda: not [number for number in theirs if runs(number)], 10.0)
    finally:
        process.kill()
        for number in theirs:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)])
def test_an_interrupted_run_keeps_what_its_processes_have_written(number: int, status: int, tmp_path: Path) -> None:
    (tmp_path / "slow.yaml").write_text(json.dumps(SLOW_RUN))
    with divided_run(tmp_path, PROGRAM, "run", "slow.yaml", "--workers", "2", "--out", "out", "--no-figures") as (process, _):
        begun = time.monotonic()
        process.send_signal(number)
        found, _, err = ended(process)
        assert found == status
        assert time.monotonic() - begun < 5.0
        assert "Kept " in err
    with open_trace(tmp_path / "out/trace.h5") as trace:
        assert not trace.complete
        assert trace.rows("frames") >= 1024
        assert set(trace.table("frames")["link"]) == {0, 1}
    assert not list((tmp_path / "out").glob("*.part"))


@pytest.mark.slow
def test_processes_end_when_the_driver_is_killed(tmp_path: Path) -> None:
    code = f"import linksim\nlinksim.run({SLOW_RUN}, workers=2, out='out/trace.h5')"
    with divided_run(tmp_path, (sys.executable, "-c", code)) as (process, _):
        process.kill()
        process.wait()
    for path in (tmp_path / "out").glob("*.part/*.h5"):  # what they had written is still there
        with open_trace(path) as trace:
            assert trace.rows("frames") >= 512
            assert not trace.complete


def test_what_a_process_refuses_is_the_message_of_the_run(tmp_path: Path) -> None:
    scenario = scenario_from_text("{name: lacking, links: 2, dataset: samples, scheme: {name: deepjscc, codec: no-such-codec}}")
    with pytest.raises(LinksimError, match="no-such-codec") as caught:
        run_sharded(scenario, tmp_path / "trace.h5", False, 2)
    with pytest.raises(LinksimError) as alone:
        run(scenario)
    assert str(caught.value) == str(alone.value)
    assert not list(tmp_path.iterdir())


def test_an_existing_trace_is_replaced_only_on_request_and_by_a_complete_one(tmp_path: Path, plugin: Path) -> None:
    path = tmp_path / "trace.h5"
    path.touch()
    with pytest.raises(TraceError, match="exists; choose another name"):
        linksim.run(SOURCE, workers=2, out=path)
    with pytest.raises(TraceError, match="not replaced, because only traces are"):
        linksim.run(SOURCE, workers=2, out=path, overwrite=True)
    path.unlink()
    with linksim.run(SOURCE, {"frames": 1, "links": 1}, out=path) as first:
        fingerprint = first.result.fingerprint
    with pytest.raises(LinksimError, match="ended by signal 9"):
        linksim.run(attacked(dies="always"), workers=2, plugin=[str(plugin)], out=path, overwrite=True)
    with open_trace(path) as trace:
        assert trace.fingerprint == fingerprint
    with linksim.run(SOURCE, workers=2, out=path, overwrite=True) as second:
        assert second.trace.versions[SHARDS] == "2"


def test_listeners_and_policies_of_this_process_need_one_worker() -> None:
    with pytest.raises(LinksimError, match="neither listeners nor policies"):
        linksim.run(SOURCE, workers=2, listeners=[lambda record: None])
    with linksim.run(SOURCE, {"links": 1, "frames": 1}, workers=2, listeners=[lambda record: None]) as alone:  # one link is not divided
        assert SHARDS not in alone.trace.versions


def test_the_command_divides_a_run_and_counts_its_frames(tmp_path: Path) -> None:
    (tmp_path / "many.yaml").write_text("{name: many, frames: 3, links: 4, dataset: samples}")
    outs = []
    for workers in ("2", "1"):
        out = str(tmp_path / f"out-{workers}")
        done = CliRunner().invoke(main, ["run", str(tmp_path / "many.yaml"), "--workers", workers, "--out", out, "--no-figures"])
        assert done.exit_code == 0, done.output
        assert "12/12 frames" in done.output
        outs.append([line for line in done.output.splitlines() if line.startswith("many") or "Bob" in line])
    assert outs[0] == outs[1] != []
    again = CliRunner().invoke(main, ["run", "--from", f"{tmp_path}/out-2/trace.h5", "--out", f"{tmp_path}/again", "--no-figures"])
    assert again.exit_code == 0, again.output
    assert (tmp_path / "again/trace.h5").read_bytes() == (tmp_path / "out-2/trace.h5").read_bytes()

"""Tests of the benchmarks: every workload runs, and compared workloads do the same work."""

import json
import time
from collections.abc import Callable

import pytest
import torch
from conftest import RecordCollector

from benchmarks import air, bare_simpy, gpu, growth, measure
from benchmarks.measure import BenchmarkResult
from benchmarks.plain_loop import plain_loop
from benchmarks.runs import CODEC, NullWorker, bare_codec, bare_networks, bare_simulation, codec_only, run_without_payload
from linksim.nets.weights import clear_model_cache
from linksim.places import shipped_models
from linksim.records import ImageScore
from linksim.scenario.load import load_scenario
from linksim.simulate.assembly import build
from linksim.simulate.execution import run_until_done
from linksim.simulate.run import run

pytestmark = pytest.mark.usefixtures("small_models")


def test_a_run_without_payloads_has_the_same_events() -> None:
    scenario = bare_simulation(3, 4)
    assert run_until_done(build(scenario, NullWorker()), scenario).fingerprint == run(scenario).fingerprint


def test_every_workload_runs() -> None:
    items = {name: count for name, _, count in run(codec_only(4, 3)).operations}
    assert items == dict.fromkeys(("load_images", "send", "apply_channel", "receive", "score"), 12)
    run_without_payload(bare_simulation(2, 2))()
    bare_codec(64)()
    bare_networks(load_scenario("quickstart", ["frames=1"]))()
    bare_simpy.loop(10)


def test_both_libraries_add_the_same_noise_power_to_the_same_symbols() -> None:
    """With and without unit-power gains, the mean square of the added noise is 0.1 within 5 % (5 standard errors)."""
    symbols = torch.ones(air.LINKS, 512, dtype=torch.complex64)
    for transmit in (air.linksim_awgn(symbols), air.library_awgn(symbols)):
        assert (transmit() - symbols).abs().square().mean().item() == pytest.approx(air.NOISE_POWER, rel=0.05)
    for transmit in (air.linksim_flat(symbols), air.library_flat(symbols)):
        received = transmit().reshape(air.LINKS, 512)
        deviation = received - received.mean(dim=1, keepdim=True)
        assert deviation.abs().square().mean().item() == pytest.approx(air.NOISE_POWER, rel=0.05)


def test_a_result_compares_its_value_with_the_target() -> None:
    for comparison, value, reached in (("at least", 3.1, True), ("at least", 2.9, False), ("at most", 2.9, True), ("at most", 3.1, False)):
        result = BenchmarkResult("a", "codec", value, comparison, 3, "x", "31 over 10")
        assert result.reached is reached
        assert result.line().split() == [
            "(a)",
            "codec",
            f"{value:.3f}x",
            *comparison.split(),
            "3x",
            "reached" if reached else "MISSED",
            "31",
            "over",
            "10",
        ]


def test_best_of_interleaves_the_functions_and_takes_the_minimum_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, seconds = [], iter([3.0, 5.0, 2.0, 7.0, 4.0, 6.0])

    def timed(work: Callable[[], object]) -> float:
        work()
        return next(seconds)

    monkeypatch.setattr(measure, "cpu_s", timed)
    assert measure.best_of(3, lambda: calls.append("first"), lambda: calls.append("second")) == [2.0, 5.0]
    assert calls == ["first", "second"] * 3


def test_cpu_time_counts_computation_and_not_waiting() -> None:
    def compute() -> None:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass

    assert measure.cpu_s(compute) >= 0.05
    assert measure.cpu_s(lambda: time.sleep(0.05)) < 0.025


def test_the_plain_loop_gives_the_scores_of_the_run() -> None:
    """Over the same images the mean PSNR of both is equal, up to the noise."""
    collector = RecordCollector()
    run(codec_only(4, 50), (collector,))
    simulated = [score.psnr_db for score in collector.of(ImageScore)]
    looped = [psnr_db for psnr_db, _ in plain_loop(CODEC, 200)()]
    assert sum(looped) / 200 == pytest.approx(sum(simulated) / 200, abs=1.0)


@pytest.mark.parametrize("device", ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"])
def test_the_benchmarks_of_a_gpu_run(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"REPEATS": 1, "FEATURES": 4}.items():
        monkeypatch.setattr(gpu, name, value)
    found = list(gpu.run_benchmarks(torch.device(device), links=2, frames=2))
    assert [result.letter for result in found] == ["ga", "gb", "ge"]
    assert all(result.value >= 0 for result in found)
    assert found[2].value < 0.5


def test_the_receivers_of_a_gpu_run(monkeypatch: pytest.MonkeyPatch, shipped: None) -> None:
    for name, value in {"REPEATS": 1, "FEATURES": 4}.items():
        monkeypatch.setattr(gpu, name, value)
    found = list(gpu.receiver_benchmarks(torch.device("cpu"), images=2))
    assert [result.letter for result in found] == ["gc", "gd"]
    assert all(result.value > 0 for result in found)


@pytest.fixture
def shipped(small_models: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped models, also where a run of the module has replaced them by small ones."""
    monkeypatch.delenv("LINKSIM_MODELS", raising=False)
    monkeypatch.setattr("linksim.places.shipped_models", shipped_models)
    clear_model_cache()


@pytest.mark.parametrize("unit", growth.WORKLOADS)
def test_the_workloads_of_growth_run_their_units(unit: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(growth, "GROUP", 3)
    growth.main(unit, 128 if unit == "frames" else 7)
    seconds, size = json.loads(capsys.readouterr().out)
    assert seconds > 0
    assert size > 100 << 20


def test_growth_is_per_unit_and_without_the_process_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {64: (1.0, 100), 10: (3.0, 300), 100: (23.0, 4100)}
    monkeypatch.setattr(growth, "_process", lambda unit, count: found[count])
    time_each, memory_each = growth._grown("r", "links", "links", 10, 100)
    assert (time_each.value, memory_each.value) == (pytest.approx(22 / 100 / (2 / 10)), pytest.approx(4000 / 100 / (200 / 10)))
    assert (time_each.reached, memory_each.reached) == (True, False)

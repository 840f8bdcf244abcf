"""The benchmarks measure what they say: the same events with and without payloads, and the least loop that SimPy can do."""

import pytest
import torch

from benchmarks import air, bare_simpy
from benchmarks.measure import Figure, best_of
from benchmarks.runs import Never, bare_codec, bare_networks, bare_simulation, codec_only, pass_without_payload
from linksim.scenario.load import load_scenario
from linksim.simulate.assembly import build
from linksim.simulate.run import run

pytestmark = pytest.mark.usefixtures("small_models")


def test_a_world_without_payloads_has_the_same_events() -> None:
    from linksim.simulate.run import run_until_done

    scenario = bare_simulation(3, 4)
    assert run_until_done(build(scenario, Never()), scenario).fingerprint == run(scenario).fingerprint


def test_every_measured_run_runs() -> None:
    items = {name: count for name, _, count in run(codec_only(4, 3)).operations}
    assert items == dict.fromkeys(("dataset", "send", "carry", "receive", "score"), 12)
    pass_without_payload(bare_simulation(2, 2))()
    bare_codec(64)()
    bare_networks(load_scenario("quickstart", ["frames=1"]))()
    bare_simpy.loop(10)


def test_both_airs_carry_the_same_symbols_with_the_same_noise_power() -> None:
    """Over Gaussian noise of 0.1, and over gains of unit power besides: mean square of what was added, within 5 % (5 standard errors)."""
    symbols = torch.ones(air.LINKS, 512, dtype=torch.complex64)
    for carry in (air.here(symbols), air.awgn(symbols)):
        assert (carry() - symbols).abs().square().mean().item() == pytest.approx(air.NOISE_POWER, rel=0.05)
    for carry in (air.here_flat(symbols), air.flat(symbols)):
        received = carry().reshape(air.LINKS, 512)
        scattered = received - received.mean(dim=1, keepdim=True)
        assert scattered.abs().square().mean().item() == pytest.approx(air.NOISE_POWER, rel=0.05)


def test_a_figure_knows_whether_it_reached_its_target() -> None:
    at_least = Figure("a", "x", 3.1, "at least", 3, "x", "")
    assert at_least.reached
    assert not Figure("g", "x", 1.06, "at most", 1.05, "x", "").reached
    assert "reached" in at_least.line()
    assert len(best_of(2, lambda: None, lambda: None)) == 2

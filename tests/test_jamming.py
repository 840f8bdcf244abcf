"""Jammers that follow the clock: their on-intervals, their energy budget, and the symbols that they hit."""

import math
from itertools import islice, pairwise, takewhile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linksim.enums import Node
from linksim.phy.jamming import EnergyBudget, channel_uses_hit, intervals, within_budget
from linksim.records import ConstellationPoint, ImageScore, JammingInterval, Reception
from linksim.rng import Streams
from linksim.scenario.jammers import BarrageJammer, MarkovJammer, PlannedJammer, PulsedJammer, SweepJammer
from linksim.scenario.schema import LinkOptions
from linksim.units import db_to_linear

MS = 1_000_000
KEY = Streams(1).key("jammer/link-0")
PLANNED: list[PlannedJammer] = [
    BarrageJammer(kind="barrage", start_ms=2),
    PulsedJammer(kind="pulsed", period_ms=10, on_ms=3, start_ms=5),
    MarkovJammer(kind="markov", mean_on_ms=2, mean_off_ms=8, start_ms=2),
    SweepJammer(kind="sweep", dwell_ms=3, start_ms=2),
]


def test_a_pulsed_jammer_has_its_period() -> None:
    assert list(islice(intervals(PLANNED[1], KEY), 3)) == [(5 * MS, 8 * MS), (15 * MS, 18 * MS), (25 * MS, 28 * MS)]


@pytest.mark.parametrize("spec", [PLANNED[0], PLANNED[3]])
def test_a_barrage_and_a_sweep_have_no_gaps(spec: PlannedJammer) -> None:
    found = list(islice(intervals(spec, KEY), 5))
    assert found[0][0] == 2 * MS
    assert all(a[1] == b[0] for a, b in pairwise(found))


def test_a_markov_jammer_has_exponential_sojourn_times() -> None:
    """20,000 of each: means within 3.5 standard errors, Kolmogorov-Smirnov test at 0.1 %, and uncorrelated successive sojourns."""
    spec = MarkovJammer(kind="markov", mean_on_ms=2, mean_off_ms=8)
    times = np.array(list(islice(intervals(spec, KEY), 20_001)))
    on, off = np.diff(times).ravel()[:-1] / MS, (times[1:, 0] - times[:-1, 1]) / MS
    for sojourns, mean in ((on, 2.0), (off, 8.0)):
        assert sojourns.mean() == pytest.approx(mean, abs=3.5 * mean / math.sqrt(20_000))
        share = np.arange(1, 20_001) / 20_000
        assert np.abs(1 - np.exp(-np.sort(sojourns) / mean) - share).max() < 1.95 / math.sqrt(20_000)
    assert abs(np.corrcoef(on[1:], on[:-1])[0, 1]) < 0.03
    assert abs(np.corrcoef(on, off)[0, 1]) < 0.03


def test_a_markov_jammer_is_stationary_from_the_start() -> None:
    """At the start and 3 ms later it is on in 20 % of 4,000 streams; 4 standard deviations are 2.5 %."""
    spec = MarkovJammer(kind="markov", mean_on_ms=2, mean_off_ms=8)
    horizon = 3 * MS
    runs = [list(takewhile(lambda one: one[0] <= horizon, intervals(spec, Streams(seed).key("x")))) for seed in range(4000)]
    for instant in (0, horizon):
        on = [any(start <= instant < end for start, end in run) for run in runs]
        assert np.mean(on) == pytest.approx(0.2, abs=0.025)


@given(st.sampled_from(PLANNED), st.floats(-20, 20), st.floats(1e-4, 0.1))
def test_exactly_the_energy_budget_is_spent(spec: PlannedJammer, jsr_db: float, energy_budget_s: float) -> None:
    spec = spec.model_copy(update={"jsr_bob_db": jsr_db, "energy_budget_s": energy_budget_s})
    power, on = db_to_linear(jsr_db), list(within_budget(spec, KEY))
    spent = sum(end - start for start, end in on) / 1e9 * power
    assert energy_budget_s - power * 1e-9 - 1e-12 <= spent <= energy_budget_s * (1 + 1e-12)
    assert all(start < end for start, end in on)
    assert [start for start, _ in on] == [start for start, _ in islice(intervals(spec, KEY), len(on))]


@given(st.floats(1e-9, 1e-3), st.floats(-60, 60), st.lists(st.integers(0, 1_000_000), max_size=20))
def test_no_sequence_of_intervals_exceeds_the_energy_budget(energy_budget_s: float, jsr_db: float, lengths: list[int]) -> None:
    budget = EnergyBudget(BarrageJammer(kind="barrage", energy_budget_s=energy_budget_s, jsr_bob_db=jsr_db))
    paid = [budget.spend(7, 7 + length) - 7 for length in lengths]
    assert sum(paid) / 1e9 * db_to_linear(jsr_db) <= energy_budget_s * (1 + 1e-12)
    assert all(0 <= part <= length for part, length in zip(paid, lengths, strict=True))


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.integers(0, 10_000), st.sampled_from([1.0, 10.0, 333.3]), st.integers(1, 200))
def test_a_symbol_is_hit_if_its_midpoint_is(start: int, length: int, frame: int, use_ns: float, channel_uses: int) -> None:
    first, last = channel_uses_hit(start, start + length, frame, use_ns, channel_uses)
    hit = {i for i in range(channel_uses) if start <= frame + (i + 0.5) * use_ns < start + length}
    assert set(range(first, last)) == hit


def options(jammer: Any, **keys: Any) -> dict[str, LinkOptions]:
    return {"one": LinkOptions(**{"jammer": jammer, "session": {"probe_interval_ms": 0}} | keys)}


def test_the_trace_records_intervals_power_and_energy(simulate: Any) -> None:
    spec = PulsedJammer(kind="pulsed", period_ms=5, on_ms=2, jsr_bob_db=3, jsr_eve_db=-3)
    result, kept = simulate(options(spec), frames=8)
    jams = kept.of(JammingInterval)
    assert [(j.time_ns, j.end_ns) for j in jams[:2]] == [(0, 2 * MS), (5 * MS, 7 * MS)]
    assert jams[0].energy == pytest.approx(10**0.3 * 0.002)
    assert result.warnings == ()
    received = kept.of(Reception)
    assert any(r.jammed_fraction > 0 for r in received)
    for r in received:
        assert r.mean_jsr == pytest.approx(r.jammed_fraction * 10**0.3, rel=1e-4)


@pytest.mark.parametrize("fading", ["none", "rayleigh"])
def test_the_sinr_of_a_reception_adds_the_mean_jamming_power_to_the_noise(simulate: Any, fading: str) -> None:
    """P G / (N0 + J) with the radiated power P, N0 of the mean SNR, the gain G from the SNR, and the jamming power J = P mean_jsr."""
    spec = PulsedJammer(kind="pulsed", period_ms=10, on_ms=3, jsr_bob_db=3, jsr_eve_db=-3)
    path = {"snr": {"kind": "constant", "mean_db": 7}, "fading": {"kind": fading}}
    _, kept = simulate(options(spec, channel={"bob": path}), frames=8)
    received = kept.of(Reception)
    assert {r.jammed_fraction > 0 for r in received} == {True, False}
    for r in received:
        gain, noise = 10 ** ((r.snr_db - r.mean_snr_db) / 10) / r.power, 10 ** (-r.mean_snr_db / 10)
        assert r.sinr_db == pytest.approx(10 * math.log10(r.power * gain / (noise + r.mean_jsr * r.power)), abs=1e-4)
        assert (r.sinr_db == r.snr_db) == (r.jammed_fraction == 0)
        assert r.sinr_db - 10 * math.log10(r.power) == pytest.approx(r.estimated_snr_db, abs=1e-4)  # perfect channel knowledge


@pytest.mark.parametrize("period_ms", [0.01, 0.02, 1.0, 100.0])
def test_every_pulse_during_a_frame_counts(simulate: Any, period_ms: float) -> None:
    """This holds for hundreds of pulses within one frame, too. 109 frames last three periods of the slowest jammer."""
    spec = PulsedJammer(kind="pulsed", period_ms=period_ms, on_ms=period_ms / 2)
    _, kept = simulate(options(spec), frames=109)
    total = sum(r.jammed_fraction for r in kept.of(Reception))
    assert total / 109 == pytest.approx(0.5, abs=0.07)


def test_a_sweep_dwells_on_each_link_in_turn(simulate: Any) -> None:
    """With 3 links and 4 ms each, each link is jammed every 12 ms, and the jammed part of a frame is its overlap with these intervals."""
    _, kept = simulate(options(SweepJammer(kind="sweep", dwell_ms=4, start_ms=1), links=3), frames=12)
    jams = kept.of(JammingInterval)
    assert [j.link for j in jams] == [n % 3 for n in range(len(jams))]
    assert [j.time_ns for j in jams] == [MS + 4 * MS * n for n in range(len(jams))]
    assert all(j.end_ns - j.time_ns == 4 * MS for j in jams[:-1])
    for r in kept.of(Reception):
        end = r.time_ns + 2468 * 1000  # four images of 512 uses and a header of 420, at 1 MHz
        overlap = sum(max(0, min(end, j.end_ns) - max(r.time_ns, j.time_ns)) for j in jams if j.link == r.link)
        assert r.jammed_fraction * 2468 == pytest.approx(overlap / 1000, abs=1)


def test_a_sweep_spends_one_budget_on_all_links(simulate: Any) -> None:
    _, kept = simulate(options(SweepJammer(kind="sweep", dwell_ms=2, energy_budget_s=0.0115), links=3), frames=12)
    assert sum(j.energy for j in kept.of(JammingInterval)) == pytest.approx(0.0115)
    assert [j.link for j in kept.of(JammingInterval)] == [0, 1, 2, 0, 1, 2]


def test_markov_jammers_differ_between_links_and_agree_between_groups(simulate: Any) -> None:
    spec = options(MarkovJammer(kind="markov", mean_on_ms=2, mean_off_ms=4), links=2)["one"]
    _, kept = simulate({"a": spec, "b": spec}, frames=10)
    on = [[(j.time_ns, j.end_ns) for j in kept.of(JammingInterval) if j.link == link] for link in range(4)]
    assert on[:2] == on[2:]
    assert not set(on[0]) & set(on[1])


@pytest.mark.parametrize("jsr_db", [-20.0, 6.0])
def test_interference_has_the_set_power(jsr_db: float, simulate: Any) -> None:
    """Measured on 256 symbols of each of 250 frames at both receivers; 0.05 dB are 2.9 standard deviations of the mean power."""
    clear = {"snr": {"kind": "constant", "mean_db": 60.0}}
    jammer = {"kind": "barrage", "jsr_bob_db": jsr_db, "jsr_eve_db": jsr_db - 5}
    groups = options(jammer, eve={"attack": "inverse-network"}, channel={"bob": clear, "eve": clear}, alice={"images_per_frame": 1})
    _, kept = simulate(groups, frames=250, trace={"constellation_frames": 250, "images": 0}, classifier=None)
    symbols = kept.of(ConstellationPoint)
    jamming = np.array([[s.receiver, (s.rx_re - s.tx_re) ** 2 + (s.rx_im - s.tx_im) ** 2] for s in symbols])
    for receiver, set_db in ((Node.BOB, jsr_db), (Node.EVE, jsr_db - 5)):
        measured = jamming[jamming[:, 0] == receiver, 1]
        assert len(measured) == 250 * 256
        assert 10 * math.log10(measured.mean()) == pytest.approx(set_db, abs=0.05)
    for r in kept.of(Reception):
        assert 10 * math.log10(r.mean_jsr) == pytest.approx(jsr_db - 5 * r.receiver, abs=1e-3)


def test_perfect_channel_knowledge_includes_the_interference(simulate: Any) -> None:
    spec = {"channel": {"bob": {"snr": {"kind": "constant", "mean_db": 20.0}}}}
    _, kept = simulate({"one": LinkOptions.model_validate(spec | {"jammer": {"kind": "barrage", "jsr_bob_db": -10.0}})}, frames=2)
    for r in kept.of(Reception):
        assert r.snr_db == pytest.approx(20.0)
        assert r.estimated_snr_db == pytest.approx(-10 * math.log10(0.01 + 0.1), abs=1e-4)


@pytest.mark.parametrize(
    ("jammer", "why"),
    [
        ({"kind": "pulsed", "start_ms": 1e6}, "hit no frame"),
        ({"kind": "sweep", "start_ms": 1e6}, "hit no frame"),
        ({"kind": "barrage", "energy_budget_s": 1e-5}, "spent its energy budget before the first frame"),
        ({"kind": "markov", "energy_budget_s": 1e-9, "mean_off_ms": 1e-3}, "spent its energy budget before the first frame"),
    ],
)
def test_a_jammer_without_effect_is_reported(simulate: Any, jammer: dict[str, Any], why: str) -> None:
    result, _ = simulate(options(jammer, links=2, alice={"processing": {"fixed_us": 1000.0}}))
    assert result.warnings == (f"group 'one': its jammer {why}; it changed nothing in this run",)


@pytest.mark.parametrize("spec", [{"kind": "pulsed", "period_ms": 1000.0, "on_ms": 3.0}, {"kind": "sweep", "dwell_ms": 3.0}])
def test_jamming_does_not_change_the_noise_of_the_channel(simulate: Any, spec: dict[str, Any]) -> None:
    """A frame whose payload is outside the pulses is received exactly as without a jammer. The header has 420 of 2,468 channel uses."""
    jammed, free = (simulate(options(s, links=2), frames=6)[1] for s in (spec, "none"))
    intervals = {(j.link, j.time_ns, j.end_ns) for j in jammed.of(JammingInterval)}
    payloads = {(r.link, r.frame): (r.time_ns + 420_000, r.time_ns + 2_468_000) for r in jammed.of(Reception)}
    hit = {key for key, (a, b) in payloads.items() if any(key[0] == link and begin < b and end > a for link, begin, end in intervals)}
    one, other = ({(q.link, q.frame, q.image): q.mse for q in kept.of(ImageScore)} for kept in (jammed, free))
    assert 0 < len(hit) < 12
    assert {(link, frame) for link, frame, item in one if one[link, frame, item] != other[link, frame, item]} == hit

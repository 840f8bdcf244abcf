"""Facts of the jammers: when they are on, what they spend, and which symbols they hit."""

import math
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linksim.phy.jamming import affordable, intervals, uses_hit
from linksim.records import Jam, Quality, Reception
from linksim.scenario.jammers import BarrageJammer, PulsedJammer
from linksim.scenario.schema import Link

MS = 1_000_000


def test_a_pulsed_jammer_keeps_its_period() -> None:
    spec = PulsedJammer(kind="pulsed", period_ms=10, on_ms=3, start_ms=5)
    assert list(islice(intervals(spec), 3)) == [(5 * MS, 8 * MS), (15 * MS, 18 * MS), (25 * MS, 28 * MS)]


def test_a_barrage_has_no_gaps() -> None:
    found = list(islice(intervals(BarrageJammer(kind="barrage", start_ms=2)), 5))
    assert found[0][0] == 2 * MS
    assert all(a[1] == b[0] for a, b in pairwise(found))


@given(st.floats(-20, 20), st.floats(1e-4, 0.5))
def test_what_is_spent_is_the_budget(jsr_db: float, budget_s: float) -> None:
    spec = BarrageJammer(kind="barrage", jsr_bob_db=jsr_db, budget_s=budget_s)
    spent = sum((end - start) / 1e9 for start, end in affordable(spec)) * 10 ** (jsr_db / 10)
    assert spent == pytest.approx(budget_s, rel=1e-6, abs=10 ** (jsr_db / 10) * 1e-9)


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.integers(0, 10_000), st.sampled_from([1.0, 10.0, 333.3]), st.integers(1, 200))
def test_a_symbol_is_hit_when_its_middle_is(start: int, length: int, frame: int, use_ns: float, uses: int) -> None:
    first, last = uses_hit(start, start + length, frame, use_ns, uses)
    hit = {i for i in range(uses) if start <= frame + (i + 0.5) * use_ns < start + length}
    assert set(range(first, last)) == hit


def link(jammer: Any, **keys: Any) -> dict[str, Link]:
    return {"one": Link(**{"jammer": jammer, "session": {"probe_interval_ms": 0}} | keys)}


def test_the_trace_tells_on_times_power_and_energy(simulate: Any) -> None:
    spec = PulsedJammer(kind="pulsed", period_ms=5, on_ms=2, jsr_bob_db=3, jsr_eve_db=-3)
    result, kept = simulate(link(spec), frames=8)
    jams = kept.of(Jam)
    assert [(j.time_ns, j.end_ns) for j in jams[:2]] == [(0, 2 * MS), (5 * MS, 7 * MS)]
    assert jams[0].energy == pytest.approx(10**0.3 * 0.002)
    assert result.warnings == ()
    heard = kept.of(Reception)
    assert any(r.jammed > 0 for r in heard)
    for r in heard:
        assert r.jam_power == pytest.approx(r.jammed * 10**0.3, rel=1e-4)


@pytest.mark.parametrize("period_ms", [0.01, 0.02, 1.0, 100.0])
def test_a_frame_remembers_every_pulse_it_met(simulate: Any, period_ms: float) -> None:
    """Also hundreds of them within one frame. A barrage-long frame would be the same."""
    spec = PulsedJammer(kind="pulsed", period_ms=period_ms, on_ms=period_ms / 2)
    _, kept = simulate(link(spec), frames=100)
    total = sum(r.jammed for r in kept.of(Reception))
    assert total / 100 == pytest.approx(0.5, abs=0.07)


def test_perfect_knowledge_includes_the_interference(simulate: Any) -> None:
    spec = {"channel": {"bob": {"snr": {"kind": "constant", "mean_db": 20.0}}}}
    _, kept = simulate({"one": Link.model_validate(spec | {"jammer": {"kind": "barrage", "jsr_bob_db": -10.0}})}, frames=2)
    for r in kept.of(Reception):
        assert r.snr_db == pytest.approx(20.0)
        assert r.estimated_snr_db == pytest.approx(-10 * math.log10(0.01 + 0.1), abs=1e-4)


def test_a_jammer_that_changes_nothing_is_reported(simulate: Any) -> None:
    result, _ = simulate(link(PulsedJammer(kind="pulsed", start_ms=1e6)))
    assert result.warnings == ("group 'one': its jammer met no frame; it changed nothing in this run",)


def test_jamming_leaves_the_noise_of_the_channel_as_it_was(simulate: Any) -> None:
    """A frame outside the pulses is heard bit for bit as without a jammer."""
    spec = PulsedJammer(kind="pulsed", period_ms=1000, on_ms=3, jsr_bob_db=10)
    jammed, free = (simulate(link(s), frames=6)[1] for s in (spec, "none"))
    hit = {r.frame for r in jammed.of(Reception) if r.jammed}
    one, other = ({(q.frame, q.item): q.mse for q in kept.of(Quality)} for kept in (jammed, free))
    assert 0 < len(hit) < 6
    assert {frame for frame, item in one if one[frame, item] != other[frame, item]} == hit

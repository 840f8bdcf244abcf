"""Facts of the reactive jammer: what it hears, when it answers to the use, and what escapes it."""

import math
from typing import Any

import pytest

from linksim.records import ControlSent, FrameSent, JammingInterval, Reception
from linksim.scenario.schema import LinkOptions

US = 1000
CHANNEL_USES = 2048  # of a frame of four images


def options(sessions: bool = False, **jammer: Any) -> dict[str, LinkOptions]:
    session = {"probe_interval_ms": 5.0 if sessions else 0}
    return {"one": LinkOptions.model_validate({"jammer": {"kind": "reactive", **jammer}, "session": session})}


def on(kept: Any) -> list[tuple[int, int]]:
    return [(j.time_ns, j.end_ns) for j in kept.of(JammingInterval)]


@pytest.mark.parametrize(("delay_us", "dwell_us"), [(0.0, 100.0), (7.0, 1.0), (333.0, 512.0), (2047.0, 1.0), (100.0, None)])
def test_it_answers_to_the_use(simulate: Any, delay_us: float, dwell_us: float | None) -> None:
    """At 1 MHz a use is 1 us long."""
    _, kept = simulate(options(delay_us=delay_us, dwell_us=dwell_us), frames=5)
    frames, dwell = kept.of(FrameSent), CHANNEL_USES - delay_us if dwell_us is None else dwell_us
    assert on(kept) == [(f.time_ns + round(delay_us * US), f.time_ns + round((delay_us + dwell) * US)) for f in frames]
    assert [r.jammed * CHANNEL_USES for r in kept.of(Reception)] == [pytest.approx(dwell)] * 5


@pytest.mark.parametrize("delay_us", [2048.0, 5000.0])
def test_a_frame_that_is_not_longer_than_the_delay_escapes(simulate: Any, delay_us: float) -> None:
    result, kept = simulate(options(delay_us=delay_us, dwell_us=50.0))
    assert not on(kept)
    why = f"answers after {delay_us:g} us, when every frame it noticed was over"
    assert result.warnings == (f"group 'one': its jammer {why}; it changed nothing in this run",)


@pytest.mark.parametrize(("level_db", "fires"), [(2.99, False), (3.0, True), (-40.0, False)])
def test_it_hears_nothing_below_its_threshold(simulate: Any, level_db: float, fires: bool) -> None:
    result, kept = simulate(options(sensing_snr_db=level_db, threshold_db=3.0), frames=6)
    assert len(on(kept)) == (6 if fires else 0)
    if not fires:
        assert f"hears frames at {level_db:g} dB, below its threshold of 3 dB" in result.warnings[0]


def test_it_is_deaf_while_it_radiates(simulate: Any) -> None:
    """It stays on for two and a half frames, so it answers every third or fourth one; frames follow each other without a pause but for
    the encoder's."""
    _, kept = simulate(options(delay_us=10.0, dwell_us=5120.0), frames=40)
    times, starts = on(kept), [f.time_ns for f in kept.of(FrameSent)]
    answered, until = [], 0
    for start in starts:
        if start >= until:
            answered.append(start + 10 * US)
            until = start + (10 + 5120) * US
    assert [begin for begin, _ in times] == answered
    assert 5 < len(times) < 20


@pytest.mark.parametrize("miss_probability", [0.0, 0.3, 1.0])
def test_it_misses_its_share(simulate: Any, misses: float) -> None:
    """Of 400 frames; 4 standard deviations of a share of 0.3 are 9.2 %. Whom it misses does not depend on its other words."""
    _, kept = simulate(options(misses=misses), frames=400, classifier=None, trace={"images": 0})
    jammed = [r.jammed > 0 for r in kept.of(Reception)]
    split_evenly = 4 * math.sqrt(misses * (1 - misses) / 400)
    assert sum(jammed) / 400 == pytest.approx(1 - misses, abs=split_evenly)
    other = simulate(options(misses=misses, delay_us=90.0, dwell_us=5.0), frames=20)[1]
    assert [r.jammed > 0 for r in other.of(Reception)] == jammed[:20]


@pytest.mark.parametrize("target", ["data", "control", "both"])
def test_it_hits_its_target_alone(simulate: Any, target: str) -> None:
    """A jammer of control frames leaves every data frame as it is, and the other way round."""
    _, kept = simulate(options(True, target=target, delay_us=20.0, jsr_bob_db=-20.0), frames=10)
    data, control = ([r.time_ns for r in kept.of(kind)] for kind in (FrameSent, ControlSent))
    wanted = {"data": data, "control": control, "both": data + control}[target]
    assert [begin for begin, _ in on(kept)] == [start + 20 * US for start in sorted(wanted)]
    assert all((r.jammed > 0) == (target != "control") for r in kept.of(Reception))


def test_a_strong_jammer_of_control_frames_stops_the_session(simulate: Any) -> None:
    """Nothing is agreed, so no frame is sent."""
    _, kept = simulate(options(True, target="control", delay_us=0.0, jsr_bob_db=40.0), frames=2)
    assert {c.outcome for c in kept.of(ControlSent)} == {1}
    assert {f.outcome for f in kept.of(FrameSent)} == {2}


def test_its_budget_ends_it(simulate: Any) -> None:
    """2.5 answers of 1 ms at power 2."""
    _, kept = simulate(options(delay_us=10.0, dwell_us=1000.0, jsr_bob_db=10 * math.log10(2), energy_budget_s=0.005), frames=8)
    assert [end - begin for begin, end in on(kept)] == [1000 * US, 1000 * US, 500 * US]
    assert sum(j.energy for j in kept.of(JammingInterval)) == pytest.approx(0.005)


def test_one_that_has_no_target_says_so(simulate: Any) -> None:
    result, kept = simulate(options(target="control"))
    assert not on(kept)
    assert result.warnings == ("group 'one': its jammer received no control frame; it changed nothing in this run",)


def test_it_listens_from_its_start_on(simulate: Any) -> None:
    _, kept = simulate(options(start_ms=5.0), frames=8)
    later = [f.time_ns for f in kept.of(FrameSent) if f.time_ns >= 5_000_000]
    assert [begin for begin, _ in on(kept)] == [start + 20 * US for start in later]
    assert 0 < len(later) < 8

"""The reactive jammer: the frames that it detects, the timing of its response, and the frames that it misses."""

import math
from typing import Any

import pytest

from linksim.records import ControlSent, FrameSent, JammingInterval, Reception
from linksim.scenario.schema import LinkOptions

US = 1000
CHANNEL_USES = 2048 + 420  # of a frame of four images, and of its header without a session


def options(sessions: bool = False, **jammer: Any) -> dict[str, LinkOptions]:
    session = {"probe_interval_ms": 5.0 if sessions else 0}
    return {"one": LinkOptions.model_validate({"jammer": {"kind": "reactive", **jammer}, "session": session})}


def intervals(kept: Any) -> list[tuple[int, int]]:
    return [(j.time_ns, j.end_ns) for j in kept.of(JammingInterval)]


@pytest.mark.parametrize(("delay_us", "dwell_us"), [(0.0, 100.0), (7.0, 1.0), (333.0, 512.0), (CHANNEL_USES - 1.0, 1.0), (100.0, None)])
def test_the_response_is_accurate_to_the_channel_use(simulate: Any, delay_us: float, dwell_us: float | None) -> None:
    """At 1 MHz a channel use lasts 1 us."""
    _, kept = simulate(options(delay_us=delay_us, dwell_us=dwell_us), frames=5)
    frames, dwell = kept.of(FrameSent), CHANNEL_USES - delay_us if dwell_us is None else dwell_us
    assert intervals(kept) == [(f.time_ns + round(delay_us * US), f.time_ns + round((delay_us + dwell) * US)) for f in frames]
    assert [r.jammed_fraction * CHANNEL_USES for r in kept.of(Reception)] == [pytest.approx(dwell)] * 5


@pytest.mark.parametrize("delay_us", [float(CHANNEL_USES), 5000.0])
def test_a_frame_not_longer_than_the_delay_is_not_jammed(simulate: Any, delay_us: float) -> None:
    result, kept = simulate(options(delay_us=delay_us, dwell_us=50.0))
    assert not intervals(kept)
    why = f"responds after {delay_us:g} us, when every detected frame had ended"
    assert result.warnings == (f"group 'one': its jammer {why}; it changed nothing in this run",)


@pytest.mark.parametrize(("level_db", "fires"), [(2.99, False), (3.0, True), (-40.0, False)])
def test_no_frame_is_detected_below_the_threshold(simulate: Any, level_db: float, fires: bool) -> None:
    result, kept = simulate(options(sensing_snr_db=level_db, threshold_db=3.0), frames=6)
    assert len(intervals(kept)) == (6 if fires else 0)
    if not fires:
        assert f"receives frames at {level_db:g} dB, below its threshold of 3 dB" in result.warnings[0]


def test_no_frame_is_detected_while_the_jammer_radiates(simulate: Any) -> None:
    """Its dwell time is two and a half frames, so it responds to every third or fourth frame; frames follow each other almost directly."""
    _, kept = simulate(options(delay_us=10.0, dwell_us=6170.0), frames=40)
    times, starts = intervals(kept), [f.time_ns for f in kept.of(FrameSent)]
    expected, until = [], 0
    for start in starts:
        if start >= until:
            expected.append(start + 10 * US)
            until = start + (10 + 6170) * US
    assert [begin for begin, _ in times] == expected
    assert 5 < len(times) < 20


@pytest.mark.parametrize("miss_probability", [0.0, 0.3, 1.0])
def test_frames_are_missed_with_the_set_probability(simulate: Any, miss_probability: float) -> None:
    """Share of 400 frames within 4 standard deviations (9.2 % at 0.3). The missed frames do not depend on its other options."""
    _, kept = simulate(options(miss_probability=miss_probability), frames=400, classifier=None, trace={"images": 0})
    jammed = [r.jammed_fraction > 0 for r in kept.of(Reception)]
    tolerance = 4 * math.sqrt(miss_probability * (1 - miss_probability) / 400)
    assert sum(jammed) / 400 == pytest.approx(1 - miss_probability, abs=tolerance)
    other = simulate(options(miss_probability=miss_probability, delay_us=90.0, dwell_us=5.0), frames=20)[1]
    assert [r.jammed_fraction > 0 for r in other.of(Reception)] == jammed[:20]


@pytest.mark.parametrize("target", ["data", "control", "both"])
def test_only_target_frames_are_jammed(simulate: Any, target: str) -> None:
    """A jammer of control frames does not change any data frame, and vice versa."""
    _, kept = simulate(options(True, target=target, delay_us=20.0, jsr_bob_db=-20.0), frames=10)
    data, control = ([r.time_ns for r in kept.of(kind)] for kind in (FrameSent, ControlSent))
    wanted = {"data": data, "control": control, "both": data + control}[target]
    assert [begin for begin, _ in intervals(kept)] == [start + 20 * US for start in sorted(wanted)]
    assert all((r.jammed_fraction > 0) == (target != "control") for r in kept.of(Reception))


def test_strong_jamming_of_control_frames_stops_the_session(simulate: Any) -> None:
    """The session agrees on no parameters, so no frame is sent."""
    _, kept = simulate(options(True, target="control", delay_us=0.0, jsr_bob_db=40.0), frames=2)
    assert {c.outcome for c in kept.of(ControlSent)} == {1}
    assert {f.outcome for f in kept.of(FrameSent)} == {2}


def test_jamming_ends_with_the_energy_budget(simulate: Any) -> None:
    """The budget allows 2.5 responses of 1 ms at power 2."""
    _, kept = simulate(options(delay_us=10.0, dwell_us=1000.0, jsr_bob_db=10 * math.log10(2), energy_budget_s=0.005), frames=8)
    assert [end - begin for begin, end in intervals(kept)] == [1000 * US, 1000 * US, 500 * US]
    assert sum(j.energy for j in kept.of(JammingInterval)) == pytest.approx(0.005)


def test_a_jammer_without_target_frames_is_reported(simulate: Any) -> None:
    result, kept = simulate(options(target="control"))
    assert not intervals(kept)
    assert result.warnings == ("group 'one': its jammer received no control frame; it changed nothing in this run",)


def test_frames_are_detected_from_the_start_time_on(simulate: Any) -> None:
    _, kept = simulate(options(start_ms=5.0), frames=8)
    later = [f.time_ns for f in kept.of(FrameSent) if f.time_ns >= 5_000_000]
    assert [begin for begin, _ in intervals(kept)] == [start + 20 * US for start in later]
    assert 0 < len(later) < 8

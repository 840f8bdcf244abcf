"""SNR processes: the measured SNR equals the set SNR, every process has its statistics, and queries do not change it."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from linksim.errors import ScenarioError
from linksim.phy.baseband import transmit
from linksim.phy.path import RadioPath, mean_power
from linksim.phy.path_loss import DEFAULT_GEOMETRY, LinkGeometry
from linksim.phy.snr import SnrPath, snr_path
from linksim.phy.snr_deterministic import TOLERANCE_DB, Piecewise, Sine
from linksim.phy.snr_stochastic import RandomWalk, TwoStateMarkov
from linksim.places import shipped_scenarios
from linksim.rng import Streams
from linksim.scenario.channel import Path
from linksim.scenario.fading import Fading
from linksim.scenario.field_spec import field_spec_of
from linksim.scenario.geometry import Motion
from linksim.scenario.load import scenario_from_text
from linksim.scenario.snr import PiecewiseSnr, Snr, SnrOptions, SnrStep, TwoStateSnr
from linksim.units import FOREVER_NS, db_to_linear

MS = 1_000_000
CHANGING = ("sine", "measured", "path-loss")  # kinds that vary continuously
GEOMETRY = LinkGeometry(Motion(), Motion(position_m=[80.0, 0.0], velocity_mps=[20.0, 5.0]), 1e6)
MEASURED_FILE = str(shipped_scenarios() / "measured-snr.csv")
NEEDED = {"measured": {"file": MEASURED_FILE, "at_end": "repeat"}, "path-loss": {"shadowing_std_db": 4.0}}
KINDS: list[SnrOptions] = [block(kind=kind, **NEEDED.get(kind, {})) for kind, block in field_spec_of(Snr).blocks.items()]


def default_fading(kind: str) -> Fading:
    """Fading of a kind with its default options; fading by motion has no default Doppler shift."""
    block = field_spec_of(Fading).blocks[kind]
    try:
        return block(kind=kind)
    except ValidationError:
        return block(kind=kind, doppler_hz=50.0)


FADING_KINDS = list(field_spec_of(Fading).blocks)


def path_of(spec: SnrOptions, name: str = "snr", geometry: LinkGeometry = GEOMETRY) -> SnrPath:
    return snr_path(spec, Streams(5).key(name), geometry)


def unit_noise(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: spec.kind)
def test_measured_snr_is_the_set_snr_at_every_instant(spec: SnrOptions) -> None:
    """Known symbols yield gain and noise power of a frame: within 0.05 dB, at least 4 standard errors for SNRs above 0 dB."""
    radio, alone, channel_uses = RadioPath(Path(snr=spec), Streams(5), "p", geometry=GEOMETRY), path_of(spec, "p/snr"), 400_000
    instants = [0, 37 * MS, 160 * MS, 333 * MS, 980 * MS]
    sent = torch.ones(1, channel_uses, dtype=torch.complex64)
    for number, now in enumerate(instants):
        realisation = radio.during(now, channel_uses, 1e-4)
        received = transmit(
            sent,
            torch.from_numpy(realisation.gain)[None],
            torch.tensor([realisation.noise_power]),
            unit_noise(1, channel_uses, seed=number),
        )
        gain = received.mean()
        noise = (received - gain).abs().square().mean()
        measured = 10 * math.log10((float(gain.abs()) ** 2 - float(noise) / channel_uses) / float(noise))
        assert alone.at(now) > 0
        assert measured == pytest.approx(alone.at(now), abs=0.05)
        assert realisation.mean_snr_db == pytest.approx(alone.at(now), abs=1e-6)


@pytest.mark.parametrize("kind", FADING_KINDS)
def test_measured_snr_is_the_set_snr_under_every_fading(kind: str) -> None:
    """Power with and without a signal over 3,000 s: within 0.05 dB, which is 4 standard errors for independent Rayleigh gains.

    Gains of moving nodes are sums of waves, whose mean power over time is closer to one than that.
    """
    channel_uses = 300_000
    realisation = RadioPath(Path(fading=default_fading(kind)), Streams(5), kind).during(0, channel_uses, 10.0 * MS)
    gain, noise_power = torch.from_numpy(realisation.gain)[None], torch.tensor([realisation.noise_power])
    signal, silence = torch.ones(1, channel_uses, dtype=torch.complex64), torch.zeros(1, channel_uses, dtype=torch.complex64)
    received, noise = (
        float(transmit(sent, gain, noise_power, unit_noise(1, channel_uses, seed=seed)).abs().double().square().mean())
        for seed, sent in enumerate((signal, silence))
    )
    assert 10 * math.log10((received - noise) / noise) == pytest.approx(10.0, abs=0.05)


@pytest.mark.parametrize("kind", FADING_KINDS)
@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: spec.kind)
def test_every_snr_process_combines_with_every_fading(spec: SnrOptions, kind: str) -> None:
    """At every channel use of a long frame, |gain|^2 / N0 is the SNR of the path at that instant times the power of the fading."""
    channel_uses, use_ns = 60, 4.0 * MS
    alone = RadioPath(Path(fading=default_fading(kind)), Streams(5), "p").during(0, channel_uses, use_ns)
    both = RadioPath(Path(snr=spec, fading=default_fading(kind)), Streams(5), "p", geometry=GEOMETRY).during(0, channel_uses, use_ns)
    path = path_of(spec, "p/snr")
    expected = np.array([db_to_linear(path.at(int(use * use_ns))) for use in range(channel_uses)]) * np.abs(alone.gain) ** 2
    tolerance = 5e-3 if spec.kind in CHANGING else 1e-5  # 0.02 dB
    np.testing.assert_allclose(np.abs(both.gain) ** 2 / both.noise_power * np.ones(channel_uses), expected, rtol=tolerance)
    assert both.snr_db == pytest.approx(10 * np.log10(expected.mean()), abs=5 * tolerance)


def test_the_snr_of_a_frame_changes_within_it() -> None:
    """Half of a frame is at 20 dB and half at 0 dB: there are one noise power, two gains, and the mean of both SNRs."""
    spec = Path(snr=PiecewiseSnr(kind="piecewise", steps=[SnrStep(at_ms=0, snr_db=20), SnrStep(at_ms=7, snr_db=0)]))
    realisation = RadioPath(spec, Streams(1), "p").during(6 * MS, 2000, 1000.0)
    snr = np.abs(realisation.gain) ** 2 / realisation.noise_power
    np.testing.assert_allclose(snr[:1000], 100, rtol=1e-5)
    np.testing.assert_allclose(snr[1000:], 1, rtol=1e-5)
    assert realisation.mean_snr_db == pytest.approx(10 * math.log10(50.5)) == pytest.approx(realisation.snr_db)
    assert mean_power(realisation.gain) == pytest.approx(1)
    assert len(RadioPath(spec, Streams(1), "p").during(8 * MS, 2000, 1000.0).gain) == 1


def test_an_snr_with_many_changes_per_frame_is_sampled() -> None:
    spec = Path(snr=TwoStateSnr(kind="two-state", good_ms=0.001, bad_ms=0.001))
    realisation = RadioPath(spec, Streams(1), "p").during(0, 6400, 1000.0)
    assert 2 <= np.count_nonzero(np.diff(np.abs(realisation.gain))) < 64
    assert mean_power(realisation.gain) == pytest.approx(1, rel=1e-5)


INSTANT = st.integers(0, 3_000 * MS)


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: spec.kind)
@settings(max_examples=15, deadline=None)
@given(instants=st.lists(INSTANT, min_size=1, max_size=12))
def test_values_do_not_depend_on_order_and_number_of_queries(spec: SnrOptions, instants: list[int]) -> None:
    def ask(order: list[int]) -> dict[int, tuple[float, int]]:
        path = path_of(spec)
        return {now: (path.at(now), path.constant_until(now)) for now in order}

    assert ask(instants) == ask(sorted(instants, reverse=True)) == ask(sorted(instants * 2))


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: spec.kind)
@settings(max_examples=15, deadline=None)
@given(now=INSTANT)
def test_the_snr_is_constant_until_the_stated_instant(spec: SnrOptions, now: int) -> None:
    path = path_of(spec)
    until = path.constant_until(now)
    assert until > now
    tolerance = TOLERANCE_DB * 1.001 if spec.kind in CHANGING else 0.0
    for later in (until - 1, (now + until) // 2):
        assert abs(path.at(min(later, now + 10**10)) - path.at(now)) <= tolerance


@given(st.sets(st.integers(1, 1000), min_size=1, max_size=6), st.none() | st.integers(1001, 3000), st.integers(0, 9999))
def test_a_piecewise_snr_is_exact(turns: set[int], repeat: int | None, now: int) -> None:
    starts = [0, *sorted(turns)]
    path = Piecewise(starts, [float(i) for i in range(len(starts))], repeat)
    since = now % repeat if repeat else now
    assert path.at(now) == max(i for i, start in enumerate(starts) if start <= since)
    until = path.constant_until(now)
    assert until == FOREVER_NS if repeat is None and now >= starts[-1] else path.at(until) != path.at(until - 1)


def test_a_sine_is_exact() -> None:
    path = Sine(10.0, 5.0, 400 * MS, 0.25)
    now = np.arange(0, 1000) * 7 * MS
    np.testing.assert_allclose([path.at(int(t)) for t in now], 10 + 5 * np.cos(2 * np.pi * now / (400 * MS)), atol=1e-9)
    assert path.at(10**9 * 400 * MS + 100 * MS) == pytest.approx(path.at(100 * MS), abs=1e-12)


def test_two_state_markov_is_stationary_from_time_0() -> None:
    """For 3,000 independent paths the share of good states is within 4 standard errors, at time 0 and later."""
    paths = [TwoStateMarkov((15.0, 2.0), (30 * MS, 10 * MS), Streams(2).key(f"{i}")) for i in range(3_000)]
    for now in (0, 5 * MS, 40 * MS):
        share = np.mean([path.at(now) == 15.0 for path in paths])
        assert share == pytest.approx(0.75, abs=4 * (0.75 * 0.25 / len(paths)) ** 0.5)


def test_two_state_markov_has_exponential_sojourn_times() -> None:
    """4,000 sojourns of one path: the p-value of a Kolmogorov-Smirnov test against the exponential law exceeds 1e-3 in both states."""
    path, now, stays = TwoStateMarkov((15.0, 2.0), (30 * MS, 10 * MS), Streams(2).key("stays")), 0, []
    for _ in range(4_000):
        stays.append((path.at(now), path.constant_until(now) - now))
        now = path.constant_until(now)
    assert all(a[0] != b[0] for a, b in pairwise(stays))
    for state, mean_ns in ((15.0, 30 * MS), (2.0, 10 * MS)):
        lengths = [length for found, length in stays if found == state]
        assert stats.kstest(lengths, stats.expon(scale=mean_ns).cdf).pvalue > 1e-3
        assert np.mean(lengths) == pytest.approx(mean_ns, rel=4 / len(lengths) ** 0.5)


def test_a_random_walk_has_the_set_start_and_steps() -> None:
    """Far from its bounds, mean, standard deviation and lag-one correlation of 2,000 steps are within 4 standard errors."""
    path = RandomWalk(15.0, 0.3, 10 * MS, (-300.0, 300.0), Streams(2).key("walk"))
    walk = np.array([path.at(k * 10 * MS) for k in range(2_001)])
    steps, n = np.diff(walk), 2_000
    assert walk[0] == pytest.approx(15.0)
    assert steps.mean() == pytest.approx(0, abs=4 * 0.3 / n**0.5)
    assert steps.std() == pytest.approx(0.3, rel=4 / (2 * n) ** 0.5)
    assert np.corrcoef(steps[1:], steps[:-1])[0, 1] == pytest.approx(0, abs=4 / n**0.5)
    assert path.at(10 * MS - 1) == walk[0]


def test_a_random_walk_is_reflected_at_its_bounds() -> None:
    """Its law equals that of a walk reflected step by step, and its limit is uniform. Kolmogorov-Smirnov, p > 1e-3."""
    paths = [RandomWalk(9.0, 1.5, MS, (0.0, 10.0), Streams(2).key(f"{i}")) for i in range(2_000)]
    found = np.array([[path.at(k * MS) for k in (*range(100), 250)] for path in paths])
    assert found.min() >= 0
    assert found.max() <= 10
    walker = np.full(20_000, 9.0)
    for steps in np.random.default_rng(1).standard_normal((3, 20_000)) * 1.5:
        walker = np.abs(walker + steps)
        walker = np.where(walker > 10, 20 - walker, walker)
    assert stats.ks_2samp(found[:, 3], walker).pvalue > 1e-3
    assert stats.kstest(found[:, -1], stats.uniform(0, 10).cdf).pvalue > 1e-3


def test_a_query_far_ahead_keeps_one_state_per_chunk() -> None:
    path = RandomWalk(9.0, 1.5, MS, (0.0, 10.0), Streams(2).key("far"))
    early = path.at(5 * MS)
    path.at(1_000_000 * MS)
    assert len(path._chunks.start_states) == 1_000_000 // 256 + 2
    assert path.at(5 * MS) == early


REJECTED = {
    "{kind: piecewise, steps: [{at_ms: 5, snr_db: 3}]}": "the first of the steps must be at_ms: 0, got 5",
    "{kind: piecewise, steps: [{at_ms: 0}, {at_ms: 9}, {at_ms: 9}]}": "at_ms must rise from step to step, got 9 after 9 in steps.2",
    "{kind: piecewise, steps: [{at_ms: 0}, {at_ms: 9}], repeat_ms: 9}": r"repeat_ms must be above the last at_ms \(9\), got 9",
    "{kind: piecewise, steps: [3, 4]}": "snr.steps.0: got 3, allowed: a block with keys at_ms, snr_db",
    "{kind: random-walk, low_db: 20}": r"low_db must be below high_db \(20\), got 20",
    "{kind: random-walk, start_db: 25}": r"start_db must lie within low_db..high_db \(0..20\), got 25",
    "{kind: measured}": "snr.file: missing key, allowed: a text of at most 4096 characters",
    "{kind: two-state, good_ms: 0}": "good_ms: got 0, allowed: a number from 0.001 to 1000000 ms",
    "{kind: path-loss, transmit_power_dbm: 20 dBm}": "got '20 dBm', allowed: a number from -60 to 80 dBm; did you mean 20?",
}


@pytest.mark.parametrize("block", REJECTED)
def test_invalid_options_are_rejected(block: str) -> None:
    with pytest.raises(ScenarioError, match=REJECTED[block]):
        scenario_from_text(f"{{name: x, channel: {{bob: {{snr: {block}}}}}}}")


def test_a_bare_kind_selects_the_defaults() -> None:
    for spec in KINDS:
        if spec.kind != "measured":
            options = scenario_from_text(f"{{name: x, channel: {{bob: {{snr: {spec.kind}}}}}}}").groups["link"]
            assert options.channel.bob.snr == type(spec)(kind=spec.kind)
            assert math.isfinite(snr_path(options.channel.bob.snr, Streams(1).key("x"), DEFAULT_GEOMETRY).at(0))

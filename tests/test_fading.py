"""Fading: unit mean power, envelopes and correlations in closed form, and gains that are functions of the instant."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import special, stats

from linksim.phy.fading import fading
from linksim.phy.sum_of_sinusoids import powers
from linksim.phy.tdl import taps
from linksim.rng import Streams
from linksim.scenario.fading import Fading, JakesFading, NakagamiFading, NoFading, RayleighFading, RicianFading, TdlFading

MS, S = 1_000_000, 1_000_000_000
LINKS = 4000
RAYLEIGH, RICIAN = RayleighFading(kind="rayleigh", coherence_ms=10), RicianFading(kind="rician", k_db=4)
JAKES = JakesFading(kind="jakes", doppler_hz=100)
TDL = TdlFading(kind="tdl", profile="C", delay_spread_ns=300, doppler_hz=100)
OFDM = TDL.model_copy(update={"bandwidth": "ofdm", "subcarriers": 32, "spacing_khz": 60.0})
KINDS: list[Fading] = [
    NoFading(),
    RAYLEIGH,
    RICIAN,
    NakagamiFading(kind="nakagami", m=0.7),
    JAKES,
    JAKES.model_copy(update={"k_db": 3.0}),
    TDL,
    OFDM,
]
every_kind = pytest.mark.parametrize("spec", KINDS, ids=lambda s: f"{s.kind} {getattr(s, 'bandwidth', '')} {getattr(s, 'k_db', '')}")


def realisations(
    spec: Fading, start_ns: int = 3 * S, channel_uses: int = 1, use_ns: float = 1e3, links: int = LINKS
) -> NDArray[np.complex64]:
    """Gains of independent paths: complex64 [links, channel_uses]."""
    streams = Streams(11)
    found = [fading(spec, streams, f"link-{i}").gains(start_ns, channel_uses, use_ns) for i in range(links)]
    return np.stack([np.broadcast_to(gain, channel_uses) for gain in found])


def correlation(a: NDArray[np.complex64], b: NDArray[np.complex64]) -> NDArray[np.complex128]:
    """E[a conj(b)] over the first dimension."""
    return np.mean(a.astype(np.complex128) * b.conj(), axis=0)


@every_kind
def test_mean_power_is_one(spec: Fading) -> None:
    """The mean over independent realisations is within four sample standard errors of one."""
    power = np.abs(realisations(spec)[:, 0]) ** 2
    assert power.mean() == pytest.approx(1.0, abs=float(4 * power.std() / LINKS**0.5 + 1e-5))


def rice(k_db: float) -> Callable[..., object]:
    k = 10 ** (k_db / 10)
    return stats.rice((2 * k) ** 0.5, scale=(0.5 / (1 + k)) ** 0.5).cdf


ENVELOPES: list[tuple[Fading, Callable[..., object]]] = [
    *((spec, stats.rayleigh(scale=0.5**0.5).cdf) for spec in (RAYLEIGH, JAKES, TDL)),
    *((RICIAN.model_copy(update={"k_db": k_db}), rice(k_db)) for k_db in (-5.0, 4.0, 12.0)),
    (JAKES.model_copy(update={"k_db": 4.0}), rice(4.0)),
    *((NakagamiFading(kind="nakagami", m=m), stats.nakagami(m).cdf) for m in (0.5, 1.0, 3.5)),
]


@pytest.mark.parametrize(("spec", "cdf"), ENVELOPES, ids=lambda x: f"{x.kind} {getattr(x, 'k_db', '')}" if hasattr(x, "kind") else "")
def test_envelopes_follow_their_distributions(spec: Fading, cdf: Callable[..., object]) -> None:
    """Kolmogorov-Smirnov test at 99.9 % on independent realisations; the phases are uniform by the same test."""
    gains = realisations(spec)[:, 0]
    assert stats.kstest(np.abs(gains), cdf).pvalue > 1e-3
    assert stats.kstest(np.angle(gains), stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3


@pytest.mark.parametrize("spec", [RAYLEIGH, RICIAN, NakagamiFading(kind="nakagami", m=2.0)], ids=lambda s: s.kind)
def test_block_gains_are_constant_and_independent(spec: Fading) -> None:
    """1,000 blocks of one path are constant within a block and uncorrelated between blocks (4 standard errors)."""
    path = fading(spec, Streams(1), "x")
    gains = path.gains(0, 20_000, 0.5 * MS).reshape(1000, 20)
    assert (gains == gains[:, :1]).all()
    scattered = gains[:, 0] - gains[:, 0].mean()
    assert abs(np.mean(scattered[1:] * scattered[:-1].conj())) < 4 / 1000**0.5
    assert path.gains(30 * MS, 1000, 1e3).shape == (1,)
    across = path.gains(9_500_000, 1000, 1e3)  # from 9.5 to 10.5 ms
    assert (across[:500] == path.gains(0, 1, 1.0)).all()
    assert (across[500:] == path.gains(10 * MS, 1, 1.0)).all()


@pytest.mark.parametrize("spec", [JAKES, TDL], ids=lambda s: s.kind)
def test_the_autocorrelation_is_that_of_isotropic_scattering(spec: Fading) -> None:
    """It equals J0(2 pi f_d lag) within 0.02 up to its second zero, over 4,000 realisations of five Doppler periods each."""
    lags = 30
    zero = special.jn_zeros(0, 2)[1] / (2 * np.pi * 100)
    gains = realisations(spec, channel_uses=6 * lags, use_ns=zero / lags * 1e9).astype(np.complex128)
    for lag in range(lags):
        measured = np.mean(gains[:, : 5 * lags] * gains[:, lag : lag + 5 * lags].conj())
        assert measured == pytest.approx(special.j0(2 * np.pi * 100 * lag * zero / lags), abs=0.02)


def test_a_single_path_has_nearly_the_same_autocorrelation() -> None:
    """Owing to stratified angles, 500 s of a single path agree within 0.02 up to the second zero."""
    gains = fading(JAKES, Streams(2), "x").gains(0, 1_000_000, 0.5 * MS).astype(np.complex128)
    for lag in range(18):
        measured = np.mean(gains[: len(gains) - lag] * gains[lag:].conj())
        assert measured == pytest.approx(special.j0(2 * np.pi * 100 * lag * 0.5e-3), abs=0.02)


@pytest.mark.parametrize("level", [0.1, 0.3, 0.7, 1.0, 1.5])
def test_level_crossing_rate_and_fade_duration_equal_their_closed_forms(level: float) -> None:
    """Rate sqrt(2 pi) f_d r exp(-r^2), duration (exp(r^2) - 1) / (r f_d sqrt(2 pi)): 40 paths of 50 s, within 4 standard errors and 3 %."""
    rates, below = np.empty(40), np.empty(40)
    for i in range(40):
        envelope = np.abs(fading(JAKES, Streams(5), f"link-{i}").gains(0, 500_000, 0.1 * MS))
        rates[i] = np.count_nonzero((envelope[1:] >= level) & (envelope[:-1] < level)) / 50
        below[i] = np.mean(envelope < level)
    rate = (2 * np.pi) ** 0.5 * 100 * level * np.exp(-(level**2))
    duration = (np.exp(level**2) - 1) / (level * 100 * (2 * np.pi) ** 0.5)
    assert rates.mean() == pytest.approx(rate, abs=4 * rates.std() / 40**0.5 + 0.03 * rate)
    tolerance = 4 * (below.std() / below.mean() + rates.std() / rates.mean()) / 40**0.5
    assert below.mean() / rates.mean() == pytest.approx(duration, rel=tolerance + 0.03)


def test_the_correlation_of_two_frames_follows_from_the_doppler_shift() -> None:
    """The shift follows from speed and carrier: 20 m/s at 3.5 GHz are 233.5 Hz. The correlation is within 4 standard errors."""
    moving = JakesFading(kind="jakes", speed_mps=20, carrier_ghz=3.5)
    assert moving.shift_hz == pytest.approx(233.5, abs=0.01)
    first, second = (realisations(moving, start_ns=7 * S + later)[:, 0] for later in (0, MS))
    expected = special.j0(2 * np.pi * moving.shift_hz * 1e-3)
    assert correlation(first, second) == pytest.approx(expected, abs=4 / LINKS**0.5)


GAUSSIAN = [RAYLEIGH, RICIAN, JAKES, TDL, OFDM]


@pytest.mark.parametrize("rho", [0.3, 0.8, 1.0])
@pytest.mark.parametrize("spec", GAUSSIAN, ids=lambda s: f"{s.kind} {getattr(s, 'bandwidth', '')}")
def test_bob_and_eve_have_the_set_correlation(spec: Fading, rho: float) -> None:
    """Scattered parts, 1 / (1 + K) of the power of a Rician path, correlate by `rho` within 4 standard errors; Eve's law is unchanged."""
    streams = Streams(3)
    pairs = [(fading(spec, streams, f"b{i}"), fading(spec, streams, f"e{i}", f"b{i}", rho)) for i in range(2000)]
    bob, eve = (np.array([pair[receiver].gains(5 * S, 8, MS)[-1] for pair in pairs]) for receiver in (0, 1))
    share = 1 / (1 + 10 ** (spec.k_db / 10)) if isinstance(spec, RicianFading) else 1.0
    assert correlation(bob, eve) == pytest.approx(rho * share, abs=4 / 2000**0.5)
    assert np.mean(np.abs(eve) ** 2) == pytest.approx(1.0, abs=4 / 2000**0.5)
    if rho == 1 and share == 1:
        assert np.allclose(bob, eve, atol=1e-6)


def test_a_correlated_path_keeps_its_doppler_spectrum() -> None:
    """Correlation of Eve's gain, and of Bob's and Eve's gain, at two instants 2 ms apart."""
    streams = Streams(4)
    made = [(fading(JAKES, streams, f"b{i}"), fading(JAKES, streams, f"e{i}", f"b{i}", 0.6)) for i in range(LINKS)]
    bob, eve = (np.stack([pair[receiver].gains(0, 2, 2 * MS) for pair in made]) for receiver in (0, 1))
    expected = special.j0(2 * np.pi * 0.2)
    assert correlation(eve[:, 0], eve[:, 1]) == pytest.approx(expected, abs=4 / LINKS**0.5)
    assert correlation(bob[:, 0], eve[:, 1]) == pytest.approx(0.6 * expected, abs=4 / LINKS**0.5)


@pytest.mark.parametrize("profile", ["A", "C"])
def test_tap_tables_equal_the_published_ones(profile: str) -> None:
    """They have unit delay spread, as TR 38.901 specifies, and equal those of a public library."""
    delays, tap_powers = taps(profile, 1.0)
    assert tap_powers.sum() == pytest.approx(1.0)
    mean = np.sum(tap_powers * delays)
    assert np.sqrt(np.sum(tap_powers * delays**2) - mean**2) == pytest.approx(1.0, abs=1e-2)
    library = pytest.importorskip("sionna.phy.channel.tr38901")
    peer = library.TDL(profile, 100e-9, 3.5e9)
    assert np.allclose(np.sort(delays) * 100e-9, np.sort(np.asarray(peer.delays.cpu())), rtol=1e-5)
    assert np.allclose(np.sort(tap_powers), np.sort(np.asarray(peer.mean_powers.cpu())), rtol=1e-4)


@pytest.mark.parametrize("profile", ["A", "C"])
def test_frequency_correlation_and_power_delay_profile_follow_from_the_taps(profile: str) -> None:
    """R(f) = sum of P_l exp(-j 2 pi f tau_l), and its transform is the power delay profile. Within 4 standard errors."""
    spec = OFDM.model_copy(update={"profile": profile})
    gains = realisations(spec, channel_uses=32, links=2 * LINKS)
    delays_ns, tap_powers = taps(profile, spec.delay_spread_ns)
    offsets_hz = np.arange(32) * spec.spacing_khz * 1e3
    expected = (tap_powers * np.exp(-2j * np.pi * np.outer(offsets_hz, delays_ns * 1e-9))).sum(axis=1)
    measured = correlation(gains, gains[:, :1])
    assert np.abs(measured - expected).max() < 4 / (2 * LINKS) ** 0.5
    delay_power = np.mean(np.abs(np.fft.ifft(gains, axis=1)) ** 2, axis=0)
    window = np.exp(2j * np.pi * np.outer(np.arange(32) / 32, np.arange(32)))
    leaked = window[:, :, None] * np.exp(-2j * np.pi * np.outer(np.arange(32) * spec.spacing_khz * 1e3, delays_ns * 1e-9))
    profile_expected = (np.abs(leaked.mean(axis=1)) ** 2 * tap_powers).sum(axis=1)
    assert np.abs(delay_power - profile_expected).max() < 4 * profile_expected.max() / (2 * LINKS) ** 0.5


def test_ofdm_maps_symbols_to_subcarriers_in_order() -> None:
    path, flat = fading(OFDM, Streams(1), "x"), OFDM.model_copy(update={"delay_spread_ns": 0.0})
    gains = path.gains(0, 100, 1e6)
    assert gains.shape == (100,)
    assert np.allclose(gains[32:64], path.gains(32 * MS, 32, 1e6), atol=1e-5)
    even = fading(flat, Streams(1), "x").gains(0, 64, 1e6).reshape(2, 32)
    assert np.allclose(even, even[:, :1], atol=1e-6)
    still = OFDM.model_copy(update={"doppler_hz": 0.0})
    frozen = fading(still, Streams(1), "x").gains(S, 70, 1e3)
    assert np.array_equal(frozen[:32], frozen[32:64])


def test_the_gain_is_constant_without_motion() -> None:
    path = fading(JAKES.model_copy(update={"doppler_hz": 0.0, "k_db": 2.0}), Streams(1), "x")
    assert path.gains(0, 500, 1e3).shape == (1,)
    assert path.gains(0, 5, 1e3) == path.gains(10**15, 700, 1e3)


@every_kind
@settings(max_examples=12, deadline=None)
@given(queries=st.lists(st.tuples(st.integers(0, 10**12), st.integers(1, 200)), min_size=1, max_size=8))
def test_gains_do_not_depend_on_order_and_number_of_queries(spec: Fading, queries: list[tuple[int, int]]) -> None:
    def query(order: list[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        path = fading(spec, Streams(9), "p")
        return {(start, channel_uses): path.gains(start, channel_uses, 5e3).tobytes() for start, channel_uses in order}

    assert query(queries) == query(sorted(queries, reverse=True)) | query(queries + queries)


@every_kind
def test_two_halves_of_a_frame_have_the_gains_of_the_whole(spec: Fading) -> None:
    """They agree up to float32 rounding; with OFDM the second part starts at an OFDM symbol."""
    path = fading(spec, Streams(9), "p")
    whole = np.broadcast_to(path.gains(S, 6400, 4e3), 6400)
    late = path.gains(S + 3200 * 4000, 3200, 4e3)
    assert np.allclose(whole[3200:], late, atol=2e-6)


def test_powers_equal_elementwise_powers() -> None:
    base = np.exp(1j * np.array([0.1, 2.0]))
    assert np.allclose(powers(base, 77), base[:, None] ** np.arange(77), atol=1e-13)
    assert powers(base, 1).tolist() == [[1], [1]]

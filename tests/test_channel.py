"""The channel over time: it is a function of the simulated instant, with the statistics of its closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim.phy.fading import UnitGain
from linksim.phy.noise import Noise, item_keys
from linksim.phy.path import RadioPath
from linksim.phy.snr_stochastic import STEPS_PER_COHERENCE, GaussMarkov
from linksim.rng import Streams
from linksim.scenario.channel import Path
from linksim.scenario.fading import RayleighFading
from linksim.scenario.snr import ConstantSnr, GaussMarkovSnr

MS = 1_000_000


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_the_channel_does_not_depend_on_order_and_number_of_queries(instants: list[int], random: object) -> None:
    def query(order: list[int]) -> dict[int, tuple[float, complex]]:
        spec = Path(
            snr=GaussMarkovSnr(kind="gauss-markov", mean_db=5, std_db=4, coherence_ms=2),
            fading=RayleighFading(kind="rayleigh", coherence_ms=3),
        )
        path = RadioPath(spec, Streams(9), "p")
        found = {}
        for t in order:
            realisation = path.during(t, 1, 1.0)
            found[t] = (realisation.mean_snr_db, complex(realisation.gain[0]))
        return found

    assert query(instants) == query(sorted(instants, reverse=True)) | query(instants + instants)


def test_gauss_markov_has_its_mean_variance_and_correlation_time() -> None:
    """Over 2,000 independent paths each statistic is within 4 standard errors of its closed form."""
    coherence, lag = 16 * MS, 16 * MS
    paths = [GaussMarkov(7.0, 3.0, coherence, Streams(2).key(f"{i}")) for i in range(2_000)]
    early, late = (np.array([p.at(t) for p in paths]) for t in (5 * MS, 5 * MS + lag))
    n = len(paths)
    assert early.mean() == pytest.approx(7.0, abs=4 * 3 / n**0.5)
    assert early.std() == pytest.approx(3.0, abs=4 * 3 / (2 * n) ** 0.5)
    expected = np.exp(-1)
    assert np.corrcoef(early, late)[0, 1] == pytest.approx(expected, abs=4 * (1 - expected**2) / n**0.5)


def test_gauss_markov_is_constant_between_grid_points() -> None:
    path = GaussMarkov(0.0, 1.0, STEPS_PER_COHERENCE * MS, Streams(1).key("x"))
    assert path.at(5 * MS) == path.at(6 * MS - 1) != path.at(6 * MS)


def test_without_fading_the_gain_is_one() -> None:
    assert UnitGain().gains(0, 1000, 1.0).tolist() == [1.0]


def test_snr_of_a_realisation_is_mean_snr_times_gain_power() -> None:
    spec = Path(snr=ConstantSnr(mean_db=12), fading=RayleighFading(kind="rayleigh", coherence_ms=1))
    realisation = RadioPath(spec, Streams(4), "p").during(0, 2500, 1000.0)
    assert len(realisation.gain) == 2500
    assert realisation.snr_db == pytest.approx(12 + 10 * np.log10(np.mean(np.abs(realisation.gain) ** 2)), abs=1e-4)
    assert realisation.noise_power == pytest.approx(10**-1.2)


def test_noise_has_unit_power_and_depends_on_its_item_only() -> None:
    import torch

    key = Streams(1).key("noise")
    noise = Noise(torch.from_numpy(item_keys(key, 0, 64).copy())).complex(4096)
    assert noise.abs().square().mean().item() == pytest.approx(1.0, abs=4 / (64 * 4096) ** 0.5)
    alone = Noise(torch.from_numpy(item_keys(key, 17, 1).copy()))
    assert torch.equal(alone.complex(4096)[0], noise[17])


def test_branches_of_noise_are_all_different() -> None:
    """This includes nested branches in any order."""
    import torch

    root = Noise(torch.from_numpy(item_keys(Streams(1).key("noise"), 0, 1).copy()))
    paths = [(), (1,), (2,), (3,), (1, 1), (1, 2), (2, 1), (2, 2), (1, 1, 1)]
    drawn = set()
    for path in paths:
        noise = root
        for step in path:
            noise = noise.branch(step)
        drawn.add(float(noise.real(1)))
    assert len(drawn) == len(paths)

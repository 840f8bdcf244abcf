"""Facts of path loss and shadowing: the formula, the geometry, and Gudmundson's correlation over the way travelled."""

import math

import numpy as np
import pytest

from linksim.phy.path_loss import LinkGeometry, PathLoss
from linksim.phy.snr_preview import snr_preview
from linksim.records import LinkCreated, Reception
from linksim.rng import Streams
from linksim.scenario.geometry import Motion
from linksim.scenario.load import load_scenario
from linksim.scenario.snr import PathLossSnr

S = 1_000_000_000
STILL = Motion()
LINKS = 1_500


def path(sender: Motion = STILL, receiver: Motion = STILL, name: str = "p", rate_hz: float = 1e6, **words: float) -> PathLoss:
    return PathLoss(PathLossSnr(kind="path-loss", **words), LinkGeometry(sender, receiver, rate_hz), Streams(7).key(name))


def at(x: float, y: float = 0.0, vx: float = 0.0, vy: float = 0.0) -> Motion:
    return Motion(position_m=[x, y], velocity_mps=[vx, vy])


@pytest.mark.parametrize("distance_m", [1.0, 10.0, 123.0, 5e3])
def test_in_free_space_it_is_friis_over_thermal_noise(distance_m: float) -> None:
    """In watts: P (lambda / 4 pi d)^2 over k T B F."""
    wavelength_m, boltzmann = 299_792_458 / 5.9e9, 1.380649e-23
    received_w = 0.1 * (wavelength_m / (4 * math.pi * distance_m)) ** 2
    noise_w = boltzmann * 290 * 2e6 * 10**0.5
    found = path(receiver=at(distance_m), rate_hz=2e6, carrier_ghz=5.9, exponent=2.0, noise_figure_db=5.0, transmit_power_dbm=20.0)
    assert found.at(0) == pytest.approx(10 * math.log10(received_w / noise_w), abs=1e-9)


def test_beyond_the_reference_it_falls_with_the_exponent() -> None:
    near, far = path(receiver=at(50), exponent=3.5, reference_m=10), path(receiver=at(100), exponent=3.5, reference_m=10)
    assert near.at(0) - far.at(0) == pytest.approx(35 * math.log10(2))
    free = path(receiver=at(10), exponent=2)
    assert path(receiver=at(10), exponent=3.5, reference_m=10).at(0) == pytest.approx(free.at(0))
    assert path(receiver=at(2), reference_m=10).at(0) == path(receiver=at(10), reference_m=10).at(0)


def test_power_gain_figure_and_bandwidth_count_in_full() -> None:
    usual = path(receiver=at(100)).at(0)
    assert path(receiver=at(100), transmit_power_dbm=23).at(0) == pytest.approx(usual + 3)
    assert path(receiver=at(100), antenna_gain_db=6).at(0) == pytest.approx(usual + 6)
    assert path(receiver=at(100), noise_figure_db=9).at(0) == pytest.approx(usual - 2)
    assert path(receiver=at(100), rate_hz=2e6).at(0) == pytest.approx(usual - 10 * math.log10(2))


def test_distance_is_that_of_two_straight_lines() -> None:
    found = path(at(0, 0, 1, 0), at(30, 40, -2, 0))
    assert found.distance_m(0) == pytest.approx(50)
    assert found.distance_m(10 * S) == pytest.approx(40)  # both at x = 10
    assert found.at(9 * S) == pytest.approx(found.at(11 * S))
    assert max(found.at(t * S) for t in range(20)) == found.at(10 * S)


def test_who_meets_and_who_is_lost_stays_within_what_can_be_reported() -> None:
    assert path(receiver=at(0), antenna_gain_db=120, reference_m=0.01, transmit_power_dbm=80).at(0) == 100
    assert path(receiver=at(1e6, 1e6), exponent=8).at(0) == -100


def shadowing(instants: list[int], sender: Motion, receiver: Motion) -> np.ndarray:
    """Shadowing in dB of independent links, [instants, links]."""
    links = [path(sender, receiver, f"{i}", shadowing_std_db=6, shadowing_distance_m=20) for i in range(LINKS)]
    bare = path(sender, receiver)
    return np.array([[bare.at(t) - link.at(t) for link in links] for t in instants])


@pytest.mark.parametrize(("sender", "receiver", "way_mps"), [(STILL, at(50, 0, 0, 5), 5.0), (at(0, 0, 3, 0), at(50, 0, 0, -5), 8.0)])
def test_shadowing_forgets_exponentially_with_the_way(sender: Motion, receiver: Motion, way_mps: float) -> None:
    """1,500 independent links; mean, deviation and correlation at four ways within 4 standard errors. Where both move, both ways count."""
    ways_m = np.array([0, 5, 10, 20, 40])
    found = shadowing([round(S * (3 + way / way_mps)) for way in ways_m], sender, receiver)
    assert found.mean(axis=1) == pytest.approx(0, abs=4 * 6 / LINKS**0.5)
    assert found.std(axis=1) == pytest.approx(6, rel=4 / (2 * LINKS) ** 0.5)
    for way, later in zip(ways_m[1:], found[1:], strict=True):
        expected = math.exp(-way / 20)
        assert np.corrcoef(found[0], later)[0, 1] == pytest.approx(expected, abs=4 * (1 - expected**2) / LINKS**0.5)


def test_who_stands_still_stays_in_the_shadow() -> None:
    found = shadowing([0, 3600 * S], STILL, at(50))
    assert found.std() == pytest.approx(6, rel=4 / (2 * LINKS) ** 0.5)
    assert (found[0] == found[1]).all()


def test_who_hardly_moves_is_where_he_was() -> None:
    """However slow: the times that follow from a speed are cut off where no run goes."""
    crawling = at(50, 0, 1e-300)
    assert path(receiver=crawling, shadowing_std_db=6).at(3600 * S) == path(receiver=crawling, shadowing_std_db=6).at(0)
    assert path(receiver=crawling, shadowing_std_db=6).until(0) > 1e6 * S


def test_bob_and_eve_have_shadows_of_their_own(simulate) -> None:
    """The shipped scenario of moving nodes, Bob and Eve at one place: the links' means differ, and so do the receivers'."""
    options = load_scenario("moving", ["channel.geometry.eve={position_m: [150, 0], velocity_mps: [0, 0]}"]).groups["streets"]
    _, kept = simulate({"x": options.model_copy(update={"links": 4})}, frames=1)
    levels = {(r.link, r.receiver): round(r.mean_snr_db, 3) for r in kept.of(Reception)}
    assert len(levels) == len(set(levels.values())) == 8


def test_the_outlook_is_what_a_run_meets(simulate) -> None:
    """Every reception of the first link lies within what was foretold, and Eve's span most of it."""
    scenario = load_scenario("moving", ["frames=60", "links=1", "alice.interval_ms=200"])
    result, kept = simulate(dict(scenario.groups), frames=60)
    foretold = {(line.group, line.receiver): line for line in snr_preview(scenario, result.simulated_ns / S)}
    names = {link.link: list(scenario.groups)[link.group] for link in kept.of(LinkCreated)}
    for (group, receiver), line in foretold.items():
        met = [r.mean_snr_db for r in kept.of(Reception) if names[r.link] == group and ("bob", "eve")[r.receiver] == receiver]
        assert line.low_db - 0.1 <= min(met) <= max(met) <= line.high_db + 0.1
        assert max(met) - min(met) > 0.7 * (line.high_db - line.low_db) or receiver == "bob"
    far = math.hypot(35 * result.simulated_ns / S - 200, 40)
    assert str(foretold["open-field", "eve"]).endswith(f" dB, path-loss, 40.0 to {far:.1f} m from Alice")

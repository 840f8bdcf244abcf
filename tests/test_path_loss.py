"""Path loss and shadowing: the formula, the geometry, and Gudmundson's correlation over the travelled distance."""

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
STATIC = Motion()
LINKS = 1_500


def path(sender: Motion = STATIC, receiver: Motion = STATIC, name: str = "p", rate_hz: float = 1e6, **options: float) -> PathLoss:
    return PathLoss(PathLossSnr(kind="path-loss", **options), LinkGeometry(sender, receiver, rate_hz), Streams(7).key(name))


def at(x: float, y: float = 0.0, vx: float = 0.0, vy: float = 0.0) -> Motion:
    return Motion(position_m=[x, y], velocity_mps=[vx, vy])


@pytest.mark.parametrize("distance_m", [1.0, 10.0, 123.0, 5e3])
def test_in_free_space_the_snr_is_friis_over_thermal_noise(distance_m: float) -> None:
    """The SNR is P (lambda / 4 pi d)^2 / (k T B F) in watts."""
    wavelength_m, boltzmann = 299_792_458 / 5.9e9, 1.380649e-23
    received_w = 0.1 * (wavelength_m / (4 * math.pi * distance_m)) ** 2
    noise_w = boltzmann * 290 * 2e6 * 10**0.5
    found = path(receiver=at(distance_m), rate_hz=2e6, carrier_ghz=5.9, exponent=2.0, noise_figure_db=5.0, transmit_power_dbm=20.0)
    assert found.at(0) == pytest.approx(10 * math.log10(received_w / noise_w), abs=1e-9)


def test_beyond_the_reference_distance_the_loss_has_the_exponent() -> None:
    near, far = path(receiver=at(50), exponent=3.5, reference_m=10), path(receiver=at(100), exponent=3.5, reference_m=10)
    assert near.at(0) - far.at(0) == pytest.approx(35 * math.log10(2))
    free = path(receiver=at(10), exponent=2)
    assert path(receiver=at(10), exponent=3.5, reference_m=10).at(0) == pytest.approx(free.at(0))
    assert path(receiver=at(2), reference_m=10).at(0) == path(receiver=at(10), reference_m=10).at(0)


def test_power_gain_noise_figure_and_bandwidth_add_up_in_db() -> None:
    default = path(receiver=at(100)).at(0)
    assert path(receiver=at(100), transmit_power_dbm=23).at(0) == pytest.approx(default + 3)
    assert path(receiver=at(100), antenna_gain_db=6).at(0) == pytest.approx(default + 6)
    assert path(receiver=at(100), noise_figure_db=9).at(0) == pytest.approx(default - 2)
    assert path(receiver=at(100), rate_hz=2e6).at(0) == pytest.approx(default - 10 * math.log10(2))


def test_the_distance_follows_from_straight_motion() -> None:
    found = path(at(0, 0, 1, 0), at(30, 40, -2, 0))
    assert found.distance_m(0) == pytest.approx(50)
    assert found.distance_m(10 * S) == pytest.approx(40)  # both at x = 10
    assert found.at(9 * S) == pytest.approx(found.at(11 * S))
    assert max(found.at(t * S) for t in range(20)) == found.at(10 * S)


def test_the_snr_is_limited_to_100_db() -> None:
    assert path(receiver=at(0), antenna_gain_db=120, reference_m=0.01, transmit_power_dbm=80).at(0) == 100
    assert path(receiver=at(1e6, 1e6), exponent=8).at(0) == -100


def shadowing(instants: list[int], sender: Motion, receiver: Motion) -> np.ndarray:
    """Shadowing in dB of independent links, [instants, links]."""
    links = [path(sender, receiver, f"{i}", shadowing_std_db=6, shadowing_distance_m=20) for i in range(LINKS)]
    unshadowed = path(sender, receiver)
    return np.array([[unshadowed.at(t) - link.at(t) for link in links] for t in instants])


@pytest.mark.parametrize(
    ("sender", "receiver", "total_speed_mps"), [(STATIC, at(50, 0, 0, 5), 5.0), (at(0, 0, 3, 0), at(50, 0, 0, -5), 8.0)]
)
def test_the_correlation_of_shadowing_decays_exponentially_with_distance(sender: Motion, receiver: Motion, total_speed_mps: float) -> None:
    """Mean, deviation and correlation at four distances are within 4 standard errors. If both ends move, their speeds add up."""
    distances_m = np.array([0, 5, 10, 20, 40])
    found = shadowing([round(S * (3 + distance_m / total_speed_mps)) for distance_m in distances_m], sender, receiver)
    assert found.mean(axis=1) == pytest.approx(0, abs=4 * 6 / LINKS**0.5)
    assert found.std(axis=1) == pytest.approx(6, rel=4 / (2 * LINKS) ** 0.5)
    for distance_m, later in zip(distances_m[1:], found[1:], strict=True):
        expected = math.exp(-distance_m / 20)
        assert np.corrcoef(found[0], later)[0, 1] == pytest.approx(expected, abs=4 * (1 - expected**2) / LINKS**0.5)


def test_shadowing_is_constant_without_motion() -> None:
    found = shadowing([0, 3600 * S], STATIC, at(50))
    assert found.std() == pytest.approx(6, rel=4 / (2 * LINKS) ** 0.5)
    assert (found[0] == found[1]).all()


def test_a_very_slow_node_has_a_constant_snr() -> None:
    """Times that follow from a very small speed are limited to the largest simulated time."""
    slow = at(50, 0, 1e-300)
    assert path(receiver=slow, shadowing_std_db=6).at(3600 * S) == path(receiver=slow, shadowing_std_db=6).at(0)
    assert path(receiver=slow, shadowing_std_db=6).constant_until(0) > 1e6 * S


def test_bob_and_eve_have_independent_shadowing(simulate) -> None:
    """In the shipped scenario of moving nodes with Bob and Eve at one position, the mean SNRs of links and receivers differ."""
    options = load_scenario("moving", ["channel.geometry.eve={position_m: [150, 0], velocity_mps: [0, 0]}"]).groups["streets"]
    _, kept = simulate({"x": options.model_copy(update={"links": 4})}, frames=1)
    levels = {(r.link, r.receiver): round(r.mean_snr_db, 3) for r in kept.of(Reception)}
    assert len(levels) == len(set(levels.values())) == 8


def test_the_preview_agrees_with_a_run(simulate) -> None:
    """Every reception of the first link lies within the preview, and those of Eve span most of it."""
    scenario = load_scenario("moving", ["frames=60", "links=1", "alice.frame_interval_ms=200"])
    result, kept = simulate(dict(scenario.groups), frames=60)
    previews = {(line.group, line.receiver): line for line in snr_preview(scenario, result.simulated_ns / S)}
    names = {link.link: list(scenario.groups)[link.group] for link in kept.of(LinkCreated)}
    for (group, receiver), line in previews.items():
        measured = [r.mean_snr_db for r in kept.of(Reception) if names[r.link] == group and ("bob", "eve")[r.receiver] == receiver]
        assert line.low_db - 0.1 <= min(measured) <= max(measured) <= line.high_db + 0.1
        assert max(measured) - min(measured) > 0.7 * (line.high_db - line.low_db) or receiver == "bob"
    far = math.hypot(35 * result.simulated_ns / S - 200, 40)
    assert str(previews["open-field", "eve"]).endswith(f" dB, path-loss, 40.0 to {far:.1f} m from Alice")

"""Fading in a simulation: Eve does not change Bob's channel, correlated receivers fade together, and equalisers are per receiver."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from linksim.records import ImageScore, Reception
from linksim.scenario.schema import LinkOptions
from linksim.simulate.run_result import RunResult

Simulate = Callable[..., tuple[RunResult, Any]]


def options(**keys: Any) -> LinkOptions:
    base: dict[str, Any] = {"session": {"probe_interval_ms": 0}, "alice": {"images_per_frame": 2, "frame_interval_ms": 40.0}}
    return LinkOptions.model_validate(base | keys)


def both_paths(fading: dict[str, Any], **channel: Any) -> dict[str, Any]:
    return {"bob": {"fading": fading}, "eve": {"fading": fading}} | channel


RAYLEIGH, JAKES = {"kind": "rayleigh", "coherence_ms": 20.0}, {"kind": "jakes", "doppler_hz": 30.0}


@pytest.mark.parametrize("fading", [RAYLEIGH, JAKES], ids=lambda f: f["kind"])
def test_eve_and_her_correlation_leave_bobs_channel_unchanged(simulate: Simulate, fading: dict[str, Any]) -> None:
    alone, beside, tied = (
        options(channel=both_paths(fading, correlation=rho), eve=eve)
        for eve, rho in (("none", 0.0), ({"attack": "inverse-network"}, 0.0), ({"attack": "inverse-network"}, 0.9))
    )
    found = [[r for r in simulate({"g": each})[1].of(Reception) if r.receiver == 0] for each in (alone, beside, tied)]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("fading", [RAYLEIGH, JAKES, {"kind": "tdl", "doppler_hz": 30.0, "bandwidth": "ofdm"}], ids=lambda f: f["kind"])
def test_fully_correlated_receivers_have_the_same_snr(simulate: Simulate, fading: dict[str, Any]) -> None:
    tied = options(links=2, channel=both_paths(fading, correlation=1.0), eve={"attack": "inverse-network"})
    receptions = simulate({"g": tied})[1].of(Reception)
    bob, eve = ({(r.link, r.frame): r.snr_db for r in receptions if r.receiver == receiver} for receiver in (0, 1))
    assert len({round(snr, 3) for snr in bob.values()}) > 3
    assert bob == pytest.approx(eve, abs=1e-3)


def test_each_receiver_has_its_own_equaliser(simulate: Simulate) -> None:
    """With a gain that varies within an image, Bob's equaliser changes his images and leaves Eve's unchanged."""
    fading = {"kind": "tdl", "doppler_hz": 30.0, "delay_spread_ns": 2000.0, "bandwidth": "ofdm"}
    groups = {}
    for word in ("zero-forcing", "mmse"):
        channel = both_paths(fading)
        channel["bob"] = channel["bob"] | {"equaliser": word}
        groups[word] = options(channel=channel, eve={"attack": "inverse-network"})
    rows = simulate(groups)[1].of(ImageScore)
    mse = np.array([[[q.mse for q in rows if (q.link, q.receiver) == (link, receiver)] for receiver in (0, 1)] for link in (0, 1)])
    assert (mse[0, 0] != mse[1, 0]).all()
    assert (mse[0, 1] == mse[1, 1]).all()

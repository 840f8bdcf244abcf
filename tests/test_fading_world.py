"""Fading in a running world: who listens changes nobody's channel, correlated receivers fade together, equalisers reach their receivers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from linksim.records import ImageScore, Reception
from linksim.scenario.schema import LinkOptions
from linksim.simulate.run import RunResult

Simulate = Callable[..., tuple[RunResult, Any]]


def options(**keys: Any) -> LinkOptions:
    base: dict[str, Any] = {"session": {"probe_interval_ms": 0}, "alice": {"images_per_frame": 2, "frame_interval_ms": 40.0}}
    return LinkOptions.model_validate(base | keys)


def faded(fading: dict[str, Any], **channel: Any) -> dict[str, Any]:
    return {"bob": {"fading": fading}, "eve": {"fading": fading}} | channel


RAYLEIGH, JAKES = {"kind": "rayleigh", "coherence_ms": 20.0}, {"kind": "jakes", "doppler_hz": 30.0}


@pytest.mark.parametrize("fading", [RAYLEIGH, JAKES], ids=lambda f: f["kind"])
def test_a_listening_and_correlated_eve_leaves_bobs_channel_as_it_was(simulate: Simulate, fading: dict[str, Any]) -> None:
    alone, beside, tied = (
        options(channel=faded(fading, correlation=rho), eve=eve)
        for eve, rho in (("none", 0.0), ({"attack": "inverse-network"}, 0.0), ({"attack": "inverse-network"}, 0.9))
    )
    found = [[r for r in simulate({"g": each})[1].of(Reception) if r.receiver == 0] for each in (alone, beside, tied)]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("fading", [RAYLEIGH, JAKES, {"kind": "tdl", "doppler_hz": 30.0, "view": "ofdm"}], ids=lambda f: f["kind"])
def test_fully_correlated_receivers_have_the_same_snr(simulate: Simulate, fading: dict[str, Any]) -> None:
    tied = options(links=2, channel=faded(fading, correlation=1.0), eve={"attack": "inverse-network"})
    receptions = simulate({"g": tied})[1].of(Reception)
    bob, eve = ({(r.link, r.frame): r.snr_db for r in receptions if r.receiver == receiver} for receiver in (0, 1))
    assert len({round(snr, 3) for snr in bob.values()}) > 3
    assert bob == pytest.approx(eve, abs=1e-3)


def test_the_equaliser_of_an_receiver_is_its_own(simulate: Simulate) -> None:
    """Where the gain changes within an image; Eve's images stay what they were."""
    fading = {"kind": "tdl", "doppler_hz": 30.0, "delay_spread_ns": 2000.0, "view": "ofdm"}
    groups = {}
    for word in ("zero-forcing", "mmse"):
        channel = faded(fading)
        channel["bob"] = channel["bob"] | {"equaliser": word}
        groups[word] = options(channel=channel, eve={"attack": "inverse-network"})
    rows = simulate(groups)[1].of(ImageScore)
    mse = np.array([[[q.mse for q in rows if (q.link, q.receiver) == (link, receiver)] for receiver in (0, 1)] for link in (0, 1)])
    assert (mse[0, 0] != mse[1, 0]).all()
    assert (mse[0, 1] == mse[1, 1]).all()

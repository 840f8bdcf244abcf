"""Recorded channel samples and constellation points. Recording them does not change a run."""

from typing import Any

import numpy as np
import pytest

from linksim.enums import Node
from linksim.nodes.channel_sampler import changes_ns, coherence_ns
from linksim.nodes.constellation import MAX_SYMBOLS
from linksim.phy.path import RadioPath
from linksim.records import ChannelSample, ConstellationPoint, FrameSent, ImageScore, Reception
from linksim.rng import Streams
from linksim.scenario.fading import JakesFading, NoFading, RayleighFading
from linksim.scenario.schema import LinkOptions

MS = 1_000_000
FADED: dict[str, Any] = {
    "channel": {
        "bob": {
            "snr": {"kind": "gauss-markov", "mean_db": 20.0, "coherence_ms": 20.0},
            "fading": {"kind": "rayleigh", "coherence_ms": 4.0},
        },
        "eve": {"snr": {"kind": "constant", "mean_db": 12.0}, "fading": {"kind": "jakes", "doppler_hz": 40.0}, "propagation_us": 7.0},
    },
    "eve": {"attack": "inverse-network"},
    "session": {"probe_interval_ms": 10.0},
    "links": 3,
}


def options(**more: Any) -> LinkOptions:
    return LinkOptions.model_validate(FADED | more)


def test_recorded_samples_equal_the_path(simulate: Any) -> None:
    """The path of the link, queried at the same instants in another order, has the same values."""
    _, kept = simulate({"one": options()})
    rows = kept.of(ChannelSample)
    assert {(row.link, row.receiver) for row in rows} == {(0, Node.BOB), (0, Node.EVE)}
    for receiver, name, spec in ((Node.BOB, "bob", options().channel.bob), (Node.EVE, "eve", options().channel.eve)):
        own = [row for row in rows if row.receiver == receiver]
        assert np.ptp(np.diff([row.time_ns for row in own])) == 0
        path = RadioPath(spec, Streams(1), f"air/link-0/{name}")
        for row in reversed(own):
            realisation = path.during(row.time_ns, 1, 0.0)
            gain = complex(realisation.gain[0])
            assert row.mean_snr_db == realisation.mean_snr_db
            assert 10 ** (row.gain_db / 20) * np.exp(1j * row.phase) == pytest.approx(gain, rel=1e-6)
    assert {(row.coherence_ns, row.delay_ns) for row in rows} == {(4 * MS, 1000), (0, 7000)}


def test_a_frame_within_one_coherence_block_has_the_recorded_snr(simulate: Any) -> None:
    spec = FADED["channel"]["bob"] | {"snr": {"kind": "constant", "mean_db": 20.0}}
    _, kept = simulate({"one": options(channel={"bob": spec})}, frames=30)
    blocks = {row.time_ns // (4 * MS): row.mean_snr_db + row.gain_db for row in kept.of(ChannelSample) if row.receiver == Node.BOB}
    airtimes = {row.frame: row.airtime_ns for row in kept.of(FrameSent) if row.link == 0}
    whole = [
        row
        for row in kept.of(Reception)
        if (row.link, row.receiver) == (0, Node.BOB) and row.time_ns // (4 * MS) == (row.time_ns + airtimes[row.frame] - 1) // (4 * MS)
    ]
    assert len(whole) > 10
    for row in whole:
        assert blocks[row.time_ns // (4 * MS)] == pytest.approx(row.snr_db, abs=1e-4)


def test_recorded_symbols_are_those_of_the_frame(simulate: Any) -> None:
    """Their noise has the power of the path, within 4 standard errors per frame."""
    _, kept = simulate({"one": options()}, trace={"constellation_frames": 4})
    rows = kept.of(ConstellationPoint)
    frames = {(row.link, row.frame) for row in rows}
    assert frames == {(0, 0), (0, 1), (1, 0), (2, 0)}  # the links share the number of frames
    assert len(rows) == len(frames) * 2 * MAX_SYMBOLS
    sizes = {(row.link, row.frame): (row.channel_uses, row.header_channel_uses) for row in kept.of(FrameSent)}
    ends = (Node.BOB, "bob", options().channel.bob), (Node.EVE, "eve", options().channel.eve)
    paths = {(link, node): RadioPath(spec, Streams(1), f"air/link-{link}/{name}") for link in range(3) for node, name, spec in ends}
    for link, frame in sorted(frames):
        sent, received = {}, {}
        for receiver in (Node.BOB, Node.EVE):
            own = [row for row in rows if (row.link, row.frame, row.receiver) == (link, frame, receiver)]
            assert [row.symbol for row in own] == sorted({row.symbol for row in own})
            sent[receiver] = np.array([row.tx_re + 1j * row.tx_im for row in own])
            received[receiver] = np.array([row.rx_re + 1j * row.rx_im for row in own])
            equalised = np.array([row.equalised_re + 1j * row.equalised_im for row in own])
            (reception,) = [row for row in kept.of(Reception) if (row.link, row.frame, row.receiver) == (link, frame, receiver)]
            channel_uses, header = sizes[link, frame]
            realisation = paths[link, receiver].during(reception.time_ns, channel_uses, 1e3)
            gain = realisation.gain[[header + row.symbol for row in own]] if len(realisation.gain) > 1 else realisation.gain
            noise = np.abs(equalised - sent[receiver]) ** 2 * np.abs(gain) ** 2  # zero-forcing with the known gain leaves N0 / |gain|^2
            assert np.mean(noise) == pytest.approx(realisation.noise_power, rel=4 / MAX_SYMBOLS**0.5)
        np.testing.assert_array_equal(sent[Node.BOB], sent[Node.EVE])
        assert not np.allclose(received[Node.BOB], received[Node.EVE])


def test_recording_does_not_change_the_run(simulate: Any) -> None:
    (much, all_kept), (none, none_kept) = (
        simulate({"one": options()}, trace={"channel_samples": points, "constellation_frames": frames})
        for points, frames in ((1000, 50), (0, 0))
    )
    assert much.fingerprint == none.fingerprint
    assert not none_kept.of(ChannelSample) + none_kept.of(ConstellationPoint)
    kinds = (FrameSent, Reception, ImageScore)
    assert [repr(r) for r in all_kept.records if isinstance(r, kinds)] == [repr(r) for r in none_kept.records if isinstance(r, kinds)]


def test_the_coherence_time_is_that_of_the_fading() -> None:
    blocky, smooth = RayleighFading(kind="rayleigh", coherence_ms=3.0), JakesFading(kind="jakes", doppler_hz=50.0)
    assert (coherence_ns(blocky), changes_ns(blocky)) == (3 * MS, 3 * MS)
    assert (coherence_ns(smooth), changes_ns(smooth)) == (0, 10 * MS)
    assert (coherence_ns(NoFading()), changes_ns(NoFading())) == (0, float("inf"))


def test_the_recorded_gain_of_subcarriers_is_their_mean_power(simulate: Any) -> None:
    spec = {"fading": {"kind": "tdl", "doppler_hz": 20.0, "delay_spread_ns": 3000.0, "bandwidth": "ofdm", "subcarriers": 64}}
    group = LinkOptions.model_validate({"channel": {"bob": spec}})
    rows = simulate({"one": group}, frames=2)[1].of(ChannelSample)
    path = RadioPath(group.channel.bob, Streams(1), "air/link-0/bob")
    for row in rows[:5]:
        gains = path.during(row.time_ns, 64, 0.0).gain
        assert np.ptp(np.abs(gains)) > 0.1
        assert 10 ** (row.gain_db / 10) == pytest.approx(np.mean(np.abs(gains) ** 2), rel=1e-5)

"""Tests of the digital baseline: images are decoded exactly or marked as erased, at mean power one, on both sides of the cliff."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from linksim.data.image_codec import ImageCodec
from linksim.data.sources import load
from linksim.enums import Node, Outcome
from linksim.errors import LinksimError
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise, item_keys
from linksim.phy.qam import bits_per_symbol
from linksim.reconstruction import FILL_VALUE, Reconstruction
from linksim.records import MESSAGES, ControlSent, FrameSent, ImageScore, Reception
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.schemes.digital import Digital, pack, unpack
from linksim.schemes.parameters import SnrEstimate, per_item_float

PIXELS = load("samples", "test").images


def scheme(channel_uses: int = 512, order: int = 4, rate: str = "1/2", image_codec: ImageCodec | None = None) -> Digital:
    return Digital(image_codec or ImageCodec("jpeg", "known", 32, 32, 3), channel_uses, order, rate, 20)


def images(count: int) -> Tensor:
    return torch.from_numpy(PIXELS[:count].copy()).permute(0, 3, 1, 2)[:, None].float() / 255.0


def lost(received: Reconstruction) -> Tensor:
    """Return which images are erased, bool [items, 1]."""
    assert received.erased is not None
    return received.erased


def estimate(count: int) -> tuple[SnrEstimate, Noise]:
    return SnrEstimate(per_item_float(0.0, count)), Noise(torch.from_numpy(item_keys(Streams(1).key("n"), 0, count).copy()))


def over_air(of: Digital, sent: Tensor, snr_db: float, equaliser: Any = "zero-forcing", gain: Tensor | None = None) -> Reconstruction:
    """Return what is received over an AWGN channel; the receiver knows gain and noise power."""
    noise_power = 10 ** (-snr_db / 10)
    noise = torch.view_as_complex(torch.randn(*sent.shape, 2, generator=torch.Generator().manual_seed(1))) * (noise_power / 2) ** 0.5
    gain = torch.ones(len(sent), 1, dtype=torch.complex64) if gain is None else gain
    received = ReceivedSymbols(gain * sent + noise, gain, torch.full((len(sent),), noise_power), equaliser)
    return of.receive(received, *estimate(len(sent)))


def as_compressed(of: Digital, image_codec: ImageCodec, count: int) -> Tensor:
    """Return the images after compression and decompression alone."""
    pixels = np.stack([image_codec.decompress(image_codec.compress(image, of.budget)) for image in PIXELS[:count]])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)[:, None].float() / 255.0


@settings(max_examples=25, deadline=None)
@given(st.integers(150, 1500), st.sampled_from([4, 16]), st.sampled_from(["1/2", "2/3", "3/4", "5/6"]), st.sampled_from(["jpeg", "webp"]))
def test_without_noise_the_received_image_equals_the_compressed_image(channel_uses: int, order: int, rate: str, kind: Any) -> None:
    image_codec = ImageCodec(kind, "known", 32, 32, 3)
    assume(channel_uses * bits_per_symbol(order) * as_number(rate) / 8 - 6 >= image_codec.min_bytes)
    of = scheme(channel_uses, order, rate, image_codec)
    sent = of.send(images(2), *estimate(2))
    received = of.receive(ReceivedSymbols(sent, torch.ones(2, 1, dtype=torch.complex64), torch.zeros(2)), *estimate(2))
    assert not lost(received).any()
    assert torch.equal(received.shown(), as_compressed(of, image_codec, 2))


def as_number(rate: str) -> float:
    numerator, denominator = rate.split("/")
    return int(numerator) / int(denominator)


@given(st.binary(max_size=300), st.integers(0, 50))
def test_unpack_inverts_pack(data: bytes, spare: int) -> None:
    packed = pack(data, len(data) + 6 + spare)
    assert len(packed) == len(data) + 6 + spare
    assert unpack(packed.tobytes()) == data


@given(st.binary(min_size=1, max_size=60), st.data())
def test_the_checksum_detects_any_burst_of_up_to_32_bits(data: bytes, draw: st.DataObject) -> None:
    packed = bytearray(pack(data, len(data) + 8).tobytes())
    burst, place = draw.draw(st.integers(1, 2**32 - 1)), draw.draw(st.integers(0, len(packed) - 4))
    packed[place : place + 4] = (int.from_bytes(packed[place : place + 4], "big") ^ burst).to_bytes(4, "big")
    assert unpack(bytes(packed)) is None


@settings(max_examples=15, deadline=None)
@given(st.integers(170, 2000), st.sampled_from([4, 16]), st.sampled_from(["1/2", "2/3", "3/4", "5/6"]))
def test_a_payload_never_exceeds_the_rate(channel_uses: int, order: int, rate: str) -> None:
    of = scheme(channel_uses, order, rate)
    assert 8 * (of.budget + 6) <= channel_uses * bits_per_symbol(order) * as_number(rate)
    assert of.send(images(1), *estimate(1)).shape == (1, channel_uses)


def test_power_is_one_per_frame() -> None:
    """The power is exactly one in QPSK. In 16-QAM |s|^2 has a variance of 0.32, so the mean of 512 symbols lies within 5 * 0.025 of one."""
    black = torch.zeros(4, 1, 3, 32, 32)  # compresses to a few bytes, so almost all of the payload is zero
    for batch in (images(32), black):
        power = {order: scheme(order=order).send(batch, *estimate(len(batch))).abs().square().mean(dim=1) for order in (4, 16)}
        torch.testing.assert_close(power[4], torch.ones(len(batch)))
        assert (power[16] - 1).abs().max() < 5 * (0.32 / 512) ** 0.5


# SNRs in dB at which all images are lost and at which none is. The Shannon limit at b bits per channel use is 10 log10(2^b - 1):
# 0.0, 2.6, 4.8 and 8.5 dB
CLIFFS = [(4, "1/2", -1.0, 3.5), (4, "3/4", 3.0, 6.0), (16, "1/2", 5.5, 8.5), (16, "3/4", 9.0, 12.0)]


@pytest.mark.parametrize(("order", "rate", "below_db", "above_db"), CLIFFS)
def test_all_images_are_lost_below_the_cliff_and_none_above(order: int, rate: str, below_db: float, above_db: float) -> None:
    of, count = scheme(order=order, rate=rate), 48
    sent = of.send(images(count), *estimate(count))
    shares = [lost(over_air(of, sent, snr_db)).float().mean().item() for snr_db in np.linspace(below_db, above_db, 5)]
    assert shares[0] == 1.0
    assert shares[-1] == 0.0
    assert all(one >= other for one, other in pairwise(shares))


def test_above_the_cliff_the_image_does_not_depend_on_the_snr() -> None:
    of, image_codec = scheme(), ImageCodec("jpeg", "known", 32, 32, 3)
    sent, expected = of.send(images(8), *estimate(8)), as_compressed(scheme(), image_codec, 8)
    assert all(torch.equal(over_air(of, sent, snr_db).shown(), expected) for snr_db in (5.0, 20.0, 60.0))


def test_a_lost_image_is_marked_and_replaced_by_grey() -> None:
    of = scheme()
    received = over_air(of, of.send(images(4), *estimate(4)), -10.0)
    assert lost(received).shape == (4, 1)
    assert lost(received).all()
    assert torch.equal(received.shown(), torch.full((4, 1, 3, 32, 32), FILL_VALUE))


@pytest.mark.parametrize("equaliser", ["zero-forcing", "mmse"])
def test_faded_symbols_have_low_reliability_with_either_equaliser(equaliser: str) -> None:
    """About a sixth of each frame fades completely. Its soft bits are near zero, so the code recovers these symbols."""
    of = scheme()
    gain = torch.ones(24, 512, dtype=torch.complex64)
    gain[:, 128:192] = 1e-4
    gain[:, 200:220] = 0.0
    received = over_air(of, of.send(images(24), *estimate(24)), 9.0, equaliser, gain)
    assert not lost(received).any()


def test_the_result_for_an_image_does_not_depend_on_the_batch() -> None:
    of = scheme(order=16)
    sent = of.send(images(6), *estimate(6))
    symbols, gain, noise_power = sent + 0.3 * torch.randn(6, 512), torch.ones(6, 1, dtype=torch.complex64), torch.full((6,), 0.09)
    together = of.receive(ReceivedSymbols(symbols, gain, noise_power), *estimate(6))
    for one in (slice(n, n + 1) for n in range(6)):
        alone = of.receive(ReceivedSymbols(symbols[one], gain[one], noise_power[one]), *estimate(1))
        assert torch.equal(lost(alone), lost(together)[one])
        assert torch.equal(alone.shown(), together.shown()[one])


def options(mean_db: float, scheme: Any, **more: Any) -> LinkOptions:
    path = {"snr": {"kind": "constant", "mean_db": mean_db}, "csi": "perfect"}
    return LinkOptions.model_validate({"channel": {"bob": path}, "session": {"probe_interval_ms": 0.0}, "scheme": scheme} | more)


def test_a_link_below_the_cliff_reports_every_image_as_erased(simulate: Any) -> None:
    _, records = simulate({"low": options(-2.0, "digital"), "high": options(6.0, "digital")})
    assert {(q.link, q.erased) for q in records.of(ImageScore)} == {(0, 1), (1, 0)}
    assert {(f.link, f.outcome) for f in records.of(FrameSent)} == {(0, Outcome.DAMAGED), (1, Outcome.DECODED)}
    assert not records.of(ControlSent)


ARQ = {"name": "digital", "arq": {"max_transmissions": 6}}


@pytest.mark.parametrize("scheme", [[ARQ], ["permutation", ARQ]])
def test_arq_retransmits_until_all_images_are_decoded(simulate: Any, scheme: Any) -> None:
    """At 1.5 dB each transmission loses about half of the images; Bob keeps the decoded ones."""
    _, records = simulate({"arq": options(1.5, scheme, links=2)}, frames=6)
    frames: dict[tuple[int, int], list[FrameSent]] = {}
    for row in sorted(records.of(FrameSent), key=lambda row: row.time_ns):
        frames.setdefault((row.link, row.frame), []).append(row)
    assert len(frames) == 12
    for rows in frames.values():
        assert [row.attempt for row in rows] == list(range(len(rows)))
        assert [row.outcome for row in rows] == [Outcome.DAMAGED] * (len(rows) - 1) + [Outcome.DECODED]
        assert {row.channel_uses for row in rows} == {4 * 512 + 2 * 226}  # payload and header
    assert max(map(len, frames.values())) > 1
    assert sorted((q.link, q.frame, q.image) for q in records.of(ImageScore)) == [
        (link, f, i) for link in (0, 1) for f in range(6) for i in range(4)
    ]
    assert not any(q.erased for q in records.of(ImageScore))
    nacks = [row for row in records.of(ControlSent) if MESSAGES[row.message] == "nack"]
    assert len(nacks) == sum(len(rows) - 1 for rows in frames.values())


def test_arq_gives_up_after_max_transmissions(simulate: Any) -> None:
    _, records = simulate({"arq": options(-1.0, {"name": "digital", "arq": {"max_transmissions": 3}})}, frames=3)
    assert sorted((f.frame, f.attempt, f.outcome) for f in records.of(FrameSent)) == [
        (n, a, Outcome.DAMAGED) for n in range(3) for a in range(3)
    ]
    assert [q.erased for q in records.of(ImageScore)] == [1] * 12


@pytest.mark.parametrize("end", ["alice", "bob"])
def test_a_frame_that_alice_does_not_finish_is_scored_with_the_images_received(simulate: Any, end: str) -> None:
    """An end loses the session during the last frame, so no retransmission comes, or none that Bob can decode. The run still ends."""
    spec = options(-1.0, {"name": "digital", "arq": {"max_transmissions": 64}})
    faults = spec.session.faults.model_copy(update={f"{end}_restart_ms": 19.0})
    result, records = simulate({"arq": spec.model_copy(update={"session": spec.session.model_copy(update={"faults": faults})})}, frames=2)
    assert result.simulated_ns < 100_000_000
    assert {f.outcome for f in records.of(FrameSent)} == ({Outcome.DAMAGED} if end == "alice" else {Outcome.DAMAGED, Outcome.NO_PARAMETERS})
    assert len({f.attempt for f in records.of(FrameSent)}) < 64
    assert [(q.frame, q.image, q.erased) for q in records.of(ImageScore)] == [(frame, item, 1) for frame in (0, 1) for item in range(4)]


def test_each_transmission_has_its_own_noise(simulate: Any) -> None:
    spec = {"channel": {"bob": {"snr": {"kind": "constant", "mean_db": -1.0}, "csi": "pilots"}}}
    _, records = simulate(
        {"arq": LinkOptions.model_validate(spec | {"scheme": {"name": "digital", "arq": {"max_transmissions": 4}}})}, frames=2
    )
    measured = [r.estimated_snr_db for r in records.of(Reception)]
    assert len(measured) == len(set(measured)) == 8


def test_eve_is_scored_on_the_first_transmission(simulate: Any) -> None:
    spec = options(-1.0, {"name": "digital", "arq": {"max_transmissions": 3}}, eve={"attack": "inverse-network"})
    _, records = simulate({"arq": spec}, frames=2)
    assert len([r for r in records.of(Reception) if r.receiver == Node.EVE]) == 6
    for receiver in (Node.BOB, Node.EVE):
        assert sorted((q.frame, q.image) for q in records.of(ImageScore) if q.receiver == receiver) == [
            (n, i) for n in range(2) for i in range(4)
        ]


def test_invalid_combinations_raise_errors_that_name_the_cause(simulate: Any) -> None:
    with pytest.raises(LinksimError, match=r"group 'a': .*64 channel uses of qpsk at rate 1/2 leave 2 bytes for an image; jpeg with"):
        simulate({"a": options(10.0, {"name": "digital", "channel_uses": 64})})
    with pytest.raises(LinksimError, match="jpeg with header_mode sent needs at least 639 bytes"):
        simulate({"a": options(10.0, {"name": "digital", "header_mode": "sent"})})
    with pytest.raises(
        LinksimError, match="layer 'permutation' permutes 8 rows, but the 509 symbols of an image cannot be divided into 8 rows"
    ):
        simulate({"a": options(10.0, ["permutation", {"name": "digital", "channel_uses": 509}])})
    with pytest.raises(LinksimError, match="takes 512 symbols per image, the link sends 640"):
        simulate({"a": options(10.0, {"name": "digital", "channel_uses": 640}, eve={"attack": "inverse-network"})})
    with pytest.raises(
        ValueError, match=r"got \[digital, deepjscc\], allowed: one of 'deepjscc', .* as the last of the list, and only there"
    ):
        options(10.0, ["digital", "deepjscc"])

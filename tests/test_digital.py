"""The digital baseline: what is sent comes back or is known to be lost, at mean power one, on both sides of its cliff."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from linksim.data.image_codec import ImageCodec
from linksim.data.sources import load
from linksim.errors import LinksimError
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise, item_keys
from linksim.phy.qam import bits_per_symbol
from linksim.records import BOB, EVE, MESSAGES, ControlSent, FrameSent, ImageScore, Reception
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.schemes.base import GREY, is_erased, shown
from linksim.schemes.digital import Digital, pack, unpack
from linksim.schemes.parameters import SnrEstimate, rows_of

PIXELS = load("samples", "test").images
DECODED, NO_PARAMETERS, DAMAGED = 0, 1, 4


def scheme(channel_uses: int = 512, order: int = 4, rate: str = "1/2", coding: ImageCodec | None = None) -> Digital:
    return Digital(coding or ImageCodec("jpeg", "known", 32, 32, 3), channel_uses, order, rate, 20)


def images(count: int) -> Tensor:
    return torch.from_numpy(PIXELS[:count].copy()).permute(0, 3, 1, 2)[:, None].float() / 255.0


def estimate(count: int) -> tuple[SnrEstimate, Noise]:
    return SnrEstimate(rows_of(0.0, count)), Noise(torch.from_numpy(item_keys(Streams(1).key("n"), 0, count).copy()))


def over_air(of: Digital, sent: Tensor, snr_db: float, equaliser: Any = "zero-forcing", gain: Tensor | None = None) -> Tensor:
    """Received after Gaussian noise; the receiver knows gain and noise power."""
    noise_power = 10 ** (-snr_db / 10)
    noise = torch.view_as_complex(torch.randn(*sent.shape, 2, generator=torch.Generator().manual_seed(1))) * (noise_power / 2) ** 0.5
    gain = torch.ones(len(sent), 1, dtype=torch.complex64) if gain is None else gain
    received = ReceivedSymbols(gain * sent + noise, gain, torch.full((len(sent),), noise_power), equaliser)
    return of.receive(received, *estimate(len(sent)))


def as_compressed(of: Digital, coding: ImageCodec, count: int) -> Tensor:
    """What the image coding alone leaves of the images."""
    pixels = np.stack([coding.decompress(coding.compress(image, of.budget)) for image in PIXELS[:count]])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)[:, None].float() / 255.0


@settings(max_examples=25, deadline=None)
@given(st.integers(150, 1500), st.sampled_from([4, 16]), st.sampled_from(["1/2", "2/3", "3/4", "5/6"]), st.sampled_from(["jpeg", "webp"]))
def test_without_noise_the_image_is_that_of_its_file(channel_uses: int, order: int, rate: str, kind: Any) -> None:
    coding = ImageCodec(kind, "known", 32, 32, 3)
    if channel_uses * bits_per_symbol(order) * eval_rate(rate) / 8 - 6 < coding.least:
        return
    of = scheme(channel_uses, order, rate, coding)
    sent = of.send(images(2), *estimate(2))
    back = of.receive(ReceivedSymbols(sent, torch.ones(2, 1, dtype=torch.complex64), torch.zeros(2)), *estimate(2))
    assert torch.equal(back, as_compressed(of, coding, 2))


def eval_rate(rate: str) -> float:
    over, under = rate.split("/")
    return int(over) / int(under)


@given(st.binary(max_size=300), st.integers(0, 50))
def test_data_come_out_of_a_payload_as_they_went_in(data: bytes, spare: int) -> None:
    packed = pack(data, len(data) + 6 + spare)
    assert len(packed) == len(data) + 6 + spare
    assert unpack(packed.tobytes()) == data


@given(st.binary(min_size=1, max_size=60), st.data())
def test_the_checksum_catches_any_burst_of_up_to_32_bits(data: bytes, draw: st.DataObject) -> None:
    packed = bytearray(pack(data, len(data) + 8).tobytes())
    burst, place = draw.draw(st.integers(1, 2**32 - 1)), draw.draw(st.integers(0, len(packed) - 4))
    packed[place : place + 4] = (int.from_bytes(packed[place : place + 4], "big") ^ burst).to_bytes(4, "big")
    assert unpack(bytes(packed)) is None


@settings(max_examples=15, deadline=None)
@given(st.integers(170, 2000), st.sampled_from([4, 16]), st.sampled_from(["1/2", "2/3", "3/4", "5/6"]))
def test_a_payload_never_exceeds_the_rate(channel_uses: int, order: int, rate: str) -> None:
    of = scheme(channel_uses, order, rate)
    assert 8 * (of.budget + 6) <= channel_uses * bits_per_symbol(order) * eval_rate(rate)
    assert of.send(images(1), *estimate(1)).shape == (1, channel_uses)


def test_power_is_one_per_frame() -> None:
    """Exactly in QPSK; in 16-QAM |s|^2 has a variance of 0.32, so the mean of 512 symbols lies within 5 * 0.025 of one. Zeros included."""
    flat = torch.zeros(4, 1, 3, 32, 32)  # compresses to almost nothing: the payload is nearly all zeros
    for source in (images(32), flat):
        power = {order: scheme(order=order).send(source, *estimate(len(source))).abs().square().mean(dim=1) for order in (4, 16)}
        torch.testing.assert_close(power[4], torch.ones(len(source)))
        assert (power[16] - 1).abs().max() < 5 * (0.32 / 512) ** 0.5


# SNR in dB at which all is lost and at which nothing is. Long codes cannot do better than 10 log10(2^b - 1) at b bits a use (Shannon):
# 0.0, 2.6, 4.8 and 8.5 dB
CLIFFS = [(4, "1/2", -1.0, 3.5), (4, "3/4", 3.0, 6.0), (16, "1/2", 5.5, 8.5), (16, "3/4", 9.0, 12.0)]


@pytest.mark.parametrize(("order", "rate", "below_db", "above_db"), CLIFFS)
def test_below_the_cliff_all_is_lost_and_above_nothing(order: int, rate: str, below_db: float, above_db: float) -> None:
    of, count = scheme(order=order, rate=rate), 48
    sent = of.send(images(count), *estimate(count))
    lost = [is_erased(over_air(of, sent, snr_db)).float().mean().item() for snr_db in np.linspace(below_db, above_db, 5)]
    assert lost[0] == 1.0
    assert lost[-1] == 0.0
    assert all(one >= other for one, other in pairwise(lost))


def test_above_the_cliff_no_better_snr_makes_better_pictures() -> None:
    of, coding = scheme(), ImageCodec("jpeg", "known", 32, 32, 3)
    sent, expected = of.send(images(8), *estimate(8)), as_compressed(scheme(), coding, 8)
    assert all(torch.equal(over_air(of, sent, snr_db), expected) for snr_db in (5.0, 20.0, 60.0))


def test_what_is_lost_is_marked_and_shown_in_grey() -> None:
    of = scheme()
    back = over_air(of, of.send(images(4), *estimate(4)), -10.0)
    assert back.shape == (4, 1, 3, 32, 32)
    assert is_erased(back).all()
    assert back.isnan().all()
    assert torch.equal(shown(back), torch.full_like(back, GREY))


@pytest.mark.parametrize("equaliser", ["zero-forcing", "mmse"])
def test_faded_symbols_are_trusted_less_whatever_equaliser_the_path_names(equaliser: str) -> None:
    """A quarter of each frame fades to nothing; the code fills it in, since its bits say that they know nothing."""
    of = scheme()
    gain = torch.ones(24, 512, dtype=torch.complex64)
    gain[:, 128:192] = 1e-4
    gain[:, 200:220] = 0.0
    back = over_air(of, of.send(images(24), *estimate(24)), 9.0, equaliser, gain)
    assert not is_erased(back).any()


def test_an_image_is_decoded_alike_alone_and_in_a_batch() -> None:
    of = scheme(order=16)
    sent = of.send(images(6), *estimate(6))
    received = ReceivedSymbols(sent + 0.3 * torch.randn(6, 512), torch.ones(6, 1, dtype=torch.complex64), torch.full((6,), 0.09))
    together = of.receive(received, *estimate(6))
    for place in range(6):
        alone = of.receive(
            ReceivedSymbols(*(part[place : place + 1] for part in (received.symbols, received.gain, received.noise_power))), *estimate(1)
        )
        assert torch.equal(alone.nan_to_num(-1), together[place : place + 1].nan_to_num(-1))


def options(mean_db: float, scheme: Any, **more: Any) -> LinkOptions:
    path = {"snr": {"kind": "constant", "mean_db": mean_db}, "csi": "perfect"}
    return LinkOptions.model_validate({"channel": {"bob": path}, "session": {"probe_interval_ms": 0.0}, "scheme": scheme} | more)


def test_a_link_loses_all_or_nothing_and_says_so(simulate: Any) -> None:
    _, kept = simulate({"low": options(-2.0, "digital"), "high": options(6.0, "digital")})
    assert {(q.link, q.shown) for q in kept.of(ImageScore)} == {(0, 1), (1, 0)}
    assert {(f.link, f.outcome) for f in kept.of(FrameSent)} == {(0, DAMAGED), (1, DECODED)}
    assert not kept.of(ControlSent)


ARQ = {"name": "digital", "arq": {"max_transmissions": 6}}


@pytest.mark.parametrize("scheme", [[ARQ], ["permutation", ARQ]])
def test_arq_sends_again_until_all_images_are_there(simulate: Any, scheme: Any) -> None:
    """At 1.5 dB about half of the images are lost each time; Bob keeps those that he has."""
    _, kept = simulate({"arq": options(1.5, scheme, links=2)}, frames=6)
    frames: dict[tuple[int, int], list[FrameSent]] = {}
    for row in sorted(kept.of(FrameSent), key=lambda row: row.time_ns):
        frames.setdefault((row.link, row.frame), []).append(row)
    assert len(frames) == 12
    for rows in frames.values():
        assert [row.attempt for row in rows] == list(range(len(rows)))
        assert [row.outcome for row in rows] == [DAMAGED] * (len(rows) - 1) + [DECODED]
        assert {row.channel_uses for row in rows} == {4 * 512}
    assert max(map(len, frames.values())) > 1
    assert sorted((q.link, q.frame, q.item) for q in kept.of(ImageScore)) == [
        (link, f, i) for link in (0, 1) for f in range(6) for i in range(4)
    ]
    assert not any(q.shown for q in kept.of(ImageScore))
    nacks = [row for row in kept.of(ControlSent) if MESSAGES[row.message] == "nack"]
    assert len(nacks) == sum(len(rows) - 1 for rows in frames.values())


def test_arq_gives_up_after_its_attempts(simulate: Any) -> None:
    _, kept = simulate({"arq": options(-1.0, {"name": "digital", "arq": {"max_transmissions": 3}})}, frames=3)
    assert sorted((f.frame, f.attempt, f.outcome) for f in kept.of(FrameSent)) == [(n, a, DAMAGED) for n in range(3) for a in range(3)]
    assert [q.shown for q in kept.of(ImageScore)] == [1] * 12


@pytest.mark.parametrize("end", ["alice", "bob"])
def test_a_frame_that_alice_leaves_unfinished_is_scored_as_it_is(simulate: Any, end: str) -> None:
    """An end forgets the session amid the last frame, so no other copy comes, or none that Bob can read: the run ends all the same."""
    spec = options(-1.0, {"name": "digital", "arq": {"max_transmissions": 64}})
    faults = spec.session.faults.model_copy(update={f"{end}_restart_ms": 19.0})
    result, kept = simulate({"arq": spec.model_copy(update={"session": spec.session.model_copy(update={"faults": faults})})}, frames=2)
    assert result.simulated_ns < 100_000_000
    assert {f.outcome for f in kept.of(FrameSent)} == ({DAMAGED} if end == "alice" else {DAMAGED, NO_PARAMETERS})
    assert len({f.attempt for f in kept.of(FrameSent)}) < 64
    assert [(q.frame, q.item, q.shown) for q in kept.of(ImageScore)] == [(frame, item, 1) for frame in (0, 1) for item in range(4)]


def test_each_transmission_meets_noise_of_its_own(simulate: Any) -> None:
    spec = {"channel": {"bob": {"snr": {"kind": "constant", "mean_db": -1.0}, "csi": "pilots"}}}
    _, kept = simulate(
        {"arq": LinkOptions.model_validate(spec | {"scheme": {"name": "digital", "arq": {"max_transmissions": 4}}})}, frames=2
    )
    measured = [r.estimated_snr_db for r in kept.of(Reception)]
    assert len(measured) == len(set(measured)) == 8


def test_eve_takes_the_first_transmission(simulate: Any) -> None:
    spec = options(-1.0, {"name": "digital", "arq": {"max_transmissions": 3}}, eve={"attack": "inverse-network"})
    _, kept = simulate({"arq": spec}, frames=2)
    assert len([r for r in kept.of(Reception) if r.receiver == EVE]) == 6
    for receiver in (BOB, EVE):
        assert sorted((q.frame, q.item) for q in kept.of(ImageScore) if q.receiver == receiver) == [
            (n, i) for n in range(2) for i in range(4)
        ]


def test_what_does_not_fit_is_refused_in_words(simulate: Any) -> None:
    with pytest.raises(
        LinksimError, match=r"group 'a': .*64 uses of qpsk at rate 1/2 leave 2 bytes for an image; jpeg with headers known needs"
    ):
        simulate({"a": options(10.0, {"name": "digital", "channel_uses": 64})})
    with pytest.raises(LinksimError, match="jpeg with headers sent needs 639 for as little as one pixel"):
        simulate({"a": options(10.0, {"name": "digital", "header_mode": "sent"})})
    with pytest.raises(LinksimError, match="shuffles 8 rows; the 509 symbols of an image in 'separation' do not split"):
        simulate({"a": options(10.0, ["permutation", {"name": "digital", "channel_uses": 509}])})
    with pytest.raises(LinksimError, match="takes 512 symbols per image, the link sends 640"):
        simulate({"a": options(10.0, {"name": "digital", "channel_uses": 640}, eve={"attack": "inverse-network"})})
    with pytest.raises(ValueError, match=r"got \[separation, plain\], allowed: one of 'plain', 'separation', 'diffusec'"):
        options(10.0, ["digital", "deepjscc"])

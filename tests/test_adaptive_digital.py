"""Tests of the adaptive digital link: repetition, modes in one batch, the SNR that a mode requires, and a run that changes its mode."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_digital import PIXELS, images, lost, over_air, scheme

from linksim.adapt.link_adaptation import LinkAdaptation
from linksim.adapt.observation import of_snr
from linksim.data.image_codec import ImageCodec
from linksim.errors import LinksimError
from linksim.negotiation import bounds
from linksim.phy import qam, ratematch
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise, item_keys
from linksim.records import ImageScore, ParameterDecision
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.scenario.schemes import AdaptiveDigitalOptions, CodingMode
from linksim.schemes.adaptive_digital import MODES, AdaptiveDigital
from linksim.schemes.digital import Digital
from linksim.schemes.parameters import NegotiatedValues

JPEG = ImageCodec("jpeg", "known", 32, 32, 3)


def agreed(*modes: int) -> tuple[NegotiatedValues, Noise]:
    noise = Noise(torch.from_numpy(item_keys(Streams(1).key("n"), 0, len(modes)).copy()))
    return NegotiatedValues(torch.zeros(len(modes)), torch.tensor(modes)[:, None]), noise


def link_of(mode: int, channel_uses: int = 1280) -> Digital:
    chosen = MODES[mode]
    return Digital(JPEG, channel_uses, chosen.order, chosen.rate, 20, chosen.repetition)


# Repetition


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 200), st.integers(1, 9), st.integers(0, 8), st.integers(0, 2**32))
def test_the_sum_over_all_copies_is_what_a_receiver_of_single_copies_has(capacity: int, copies: int, rest: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    bits = torch.randint(0, 2, (3, capacity), generator=draw, dtype=torch.uint8)
    count = copies * capacity + min(rest, capacity - 1)
    sent = ratematch.repeat(bits, count)
    llr = torch.randn(3, count, generator=draw)
    expected = torch.zeros(3, capacity)
    for place in range(count):
        assert torch.equal(sent[:, place], bits[:, place % capacity])
        expected[:, place % capacity] += llr[:, place]
    torch.testing.assert_close(ratematch.combine(llr, capacity), expected)


def test_repetition_gains_its_energy() -> None:
    """Of 4 copies the error rate of single bits is that of one copy at 6.02 dB more, up to chance."""
    draw = torch.Generator().manual_seed(1)
    bits = torch.randint(0, 2, (100, 400), generator=draw, dtype=torch.uint8)

    def errors(copies: int, snr_db: float) -> float:
        symbols = qam.modulate(ratematch.repeat(bits, 400 * copies), 4)
        power = 10 ** (-snr_db / 10)
        noise = torch.view_as_complex(torch.randn(*symbols.shape, 2, generator=draw)) * (power / 2) ** 0.5
        llr = ratematch.combine(qam.demodulate(symbols + noise, torch.full((100,), power), 4), 400)
        return float(((llr < 0) != bits).float().mean())

    assert errors(4, -2.0) == pytest.approx(errors(1, -2.0 + 10 * np.log10(4)), abs=4 * (0.02 / 40_000) ** 0.5)
    assert errors(4, -2.0) < errors(1, -2.0) / 3


# Modes


def test_the_modes_are_those_that_can_be_negotiated_and_carry_ever_more() -> None:
    (bound,) = bounds(CodingMode)
    assert (bound.lowest, bound.highest) == (0, len(MODES) - 1)
    assert AdaptiveDigitalOptions().mode == CodingMode().mode
    assert all(low.required_db < high.required_db for low, high in pairwise(MODES))
    budgets = [link_of(mode).budget for mode in range(len(MODES))]
    assert all(low < high for low, high in pairwise(budgets))
    assert budgets[0] >= JPEG.min_bytes


def test_items_of_all_modes_share_a_batch_and_equal_those_of_their_own_link() -> None:
    of, order = AdaptiveDigital(JPEG, 1280, 20), (5, 0, 8, 3, 3, 1, 7, 2, 6, 4)
    sent = of.send(images(len(order)), *agreed(*order))
    for item, mode in enumerate(order):
        alone = link_of(mode).send(images(len(order))[item : item + 1], *agreed(mode))
        assert torch.equal(sent[item : item + 1], alone)
    clean = ReceivedSymbols(sent, torch.ones(len(order), 1, dtype=torch.complex64), torch.full((len(order),), 1e-6))
    received = of.receive(clean, *agreed(*order))
    assert not lost(received).any()
    error = (received.shown() - images(len(order))).square().mean(dim=(1, 2, 3, 4))
    assert error[2] < error[3] < error[1]  # modes 8, 3 and 0, of images of about the same difficulty


def test_a_mode_that_holds_no_image_is_replaced_by_the_next_one() -> None:
    of = AdaptiveDigital(JPEG, 512, 20)
    sent = of.send(images(3), *agreed(0, 1, 2))
    assert torch.equal(sent, of.send(images(3), *agreed(2, 2, 2)))


@pytest.mark.parametrize("mode", range(len(MODES)))
def test_a_mode_works_at_the_snr_that_it_requires_and_fails_well_below(mode: int) -> None:
    of, required_db = link_of(mode), MODES[mode].required_db
    count = min(200, len(PIXELS))
    sent = of.send(images(count), *agreed(*[mode] * count))
    assert lost(over_air(of, sent, required_db)).float().mean() <= 0.03
    assert lost(over_air(of, sent, required_db - 2.0)).float().mean() >= 0.3


def test_repetition_is_an_option_of_the_fixed_digital_link() -> None:
    of = Digital(JPEG, 1280, 4, "1/2", 20, repetition=4)
    sent = of.send(images(8), *agreed(*[0] * 8))
    assert not lost(over_air(of, sent, -3.0)).any()
    assert lost(over_air(scheme(1280), scheme(1280).send(images(8), *agreed(*[0] * 8)), -3.0)).all()


# The policy, in a run


def test_the_policy_keeps_its_margin() -> None:
    required_db = [mode.required_db for mode in MODES]
    measured_db = np.linspace(-10, 20, 301)
    before = np.zeros((len(measured_db), 1), np.int64)
    for margin_db in (0.0, 1.5):
        modes = LinkAdaptation(required_db, margin_db).choose(of_snr(before, measured_db), np.random.default_rng(1))[:, 0]
        assert all(modes[1:] >= modes[:-1])
        higher = modes > 0
        assert all(np.array(required_db)[modes[higher]] <= measured_db[higher] - margin_db + 1e-9)


def options(**more: Any) -> LinkOptions:
    steps = [{"at_ms": 0, "snr_db": 15}, {"at_ms": 60, "snr_db": 3}]
    path = {"snr": {"kind": "piecewise", "steps": steps}, "csi": "perfect"}
    block: dict[str, Any] = {"channel": {"bob": path}, "scheme": "adaptive-digital", "session": {"probe_interval_ms": 8}}
    return LinkOptions.model_validate(block | more)


def test_a_link_that_adapts_loses_less_than_a_fixed_one_and_shows_more(simulate: Any) -> None:
    fixed = {"bob": {"policy": "fixed"}}
    groups = {
        "adaptive": options(bob={"policy": "link-adaptation"}),
        "low": options(scheme={"name": "adaptive-digital", "mode": 3}, **fixed),
        "high": options(scheme={"name": "adaptive-digital", "mode": 7}, **fixed),
    }
    _, records = simulate(groups, frames=40)
    chosen = [decision.parameters["mode"] for decision in records.of(ParameterDecision) if decision.link == 0]
    assert chosen[0] == 8
    assert chosen[-1] in (2, 3)  # the measured SNR has an error
    scores = [[q for q in records.of(ImageScore) if q.link == link] for link in range(3)]
    erased = [np.mean([q.erased for q in of]) for of in scores]
    early = [np.mean([q.psnr_db for q in of if q.frame in range(8, 12)]) for of in scores]
    assert erased[0] < 0.1 < 0.4 < erased[2]
    assert early[0] > early[1] + 2


def test_a_policy_of_other_parameters_is_refused(simulate: Any) -> None:
    with pytest.raises(LinksimError, match="ddpg"):
        simulate({"a": options(bob={"policy": "ddpg"})})


def test_arq_repeats_the_images_that_were_lost(simulate: Any) -> None:
    spec = options(scheme={"name": "adaptive-digital", "mode": 6, "arq": {"max_transmissions": 3}}, bob={"policy": "link-adaptation"})
    _, records = simulate({"a": spec}, frames=30)
    assert np.mean([q.erased for q in records.of(ImageScore)]) < 0.05


def test_too_few_channel_uses_are_refused(simulate: Any) -> None:
    with pytest.raises(
        LinksimError, match=r"32 channel uses of the highest mode leave \d+ bytes for an image; jpeg with header_mode known"
    ):
        simulate({"a": options(scheme={"name": "adaptive-digital", "channel_uses": 32})})

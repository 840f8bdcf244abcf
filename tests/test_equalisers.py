"""Both equalisers: their mean square error equals its closed form and the prediction of `post_equalisation_snr`."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from linksim.phy.baseband import ReceivedSymbols, equalise, mmse, normalise_power, post_equalisation_snr, transmit
from linksim.scenario.channel import Equaliser

BOTH: tuple[Equaliser, Equaliser] = ("zero-forcing", "mmse")
ITEMS, CHANNEL_USES = 64, 8192


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


def rayleigh(noise_power: float, equaliser: Equaliser) -> tuple[torch.Tensor, ReceivedSymbols]:
    """Symbols over an independent gain per symbol."""
    symbols, gain = normalise_power(draw(ITEMS, CHANNEL_USES)), draw(ITEMS, CHANNEL_USES, seed=2)
    levels = torch.full((ITEMS,), noise_power)
    return symbols, ReceivedSymbols(transmit(symbols, gain, levels, draw(ITEMS, CHANNEL_USES, seed=1)), gain, levels, equaliser)


def error(symbols: torch.Tensor, received: ReceivedSymbols) -> torch.Tensor:
    return (equalise(received) - symbols).abs().square()


@pytest.mark.parametrize("equaliser", BOTH)
@pytest.mark.parametrize("snr_db", [-5.0, 5.0, 20.0])
def test_for_a_constant_gain_both_preserve_the_snr(equaliser: Equaliser, snr_db: float) -> None:
    """Both are the same unbiased estimate. For 500,000 symbols 1 % is seven standard errors."""
    symbols, noise_power = normalise_power(draw(ITEMS, CHANNEL_USES)), torch.full((ITEMS,), 10 ** (-snr_db / 10))
    gain = torch.polar(torch.tensor(0.7), torch.tensor(2.0)).expand(ITEMS, 1)
    received = ReceivedSymbols(transmit(symbols, gain, noise_power, draw(ITEMS, CHANNEL_USES, seed=1)), gain, noise_power, equaliser)
    expected = 0.49 * 10 ** (snr_db / 10)
    assert 1 / error(symbols, received).mean().item() == pytest.approx(expected, rel=0.01)
    assert post_equalisation_snr(received)[:, 0].tolist() == pytest.approx([expected] * ITEMS, rel=1e-4)
    torch.testing.assert_close(equalise(received), equalise(replace(received, equaliser="zero-forcing")), rtol=1e-4, atol=1e-5)
    assert (symbols.conj() * equalise(received)).mean().item() == pytest.approx(1.0, abs=0.01 * (1 + expected**-0.5))


@pytest.mark.parametrize("equaliser", BOTH)
def test_post_equalisation_snr_is_the_inverse_error_of_a_symbol(equaliser: Equaliser) -> None:
    """Symbols in eight classes by gain, 65,000 each: 3 % is more than seven standard errors of the mean error of a class."""
    symbols, received = rayleigh(0.3, equaliser)
    order = received.gain.abs().flatten().argsort()
    measured, predicted = (x.flatten()[order].view(8, -1) for x in (error(symbols, received), 1 / post_equalisation_snr(received)))
    if equaliser == "zero-forcing":  # the error of the weakest class has no finite variance
        measured, predicted = measured[1:], predicted[1:]
    torch.testing.assert_close(measured.mean(dim=1), predicted.mean(dim=1), rtol=0.03, atol=0)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_the_mmse_over_rayleigh_gains_equals_its_closed_form(snr_db: float) -> None:
    """E[1 / (1 + s)] = exp(1/S) E1(1/S) / S at mean SNR S; the SNR of an item after equalisation is its inverse minus one. Within 2 %."""
    symbols, received = rayleigh(10 ** (-snr_db / 10), "mmse")
    mean_snr = 10 ** (snr_db / 10)
    least = math.exp(1 / mean_snr) * special.exp1(1 / mean_snr) / mean_snr
    assert mmse(received).mean().item() == pytest.approx(least, rel=0.02)
    assert 1 / error(symbols, received).mean().item() == pytest.approx(1 / least - 1, rel=0.02)
    assert (1 / (1 / post_equalisation_snr(received)).mean()).item() == pytest.approx(1 / least - 1, rel=0.02)
    textbook = equalise(received) * (1 - mmse(received).mean(dim=1, keepdim=True))
    assert (textbook - symbols).abs().square().mean().item() == pytest.approx(least, rel=0.02)
    closer = [(scale * textbook - symbols).abs().square().mean().item() for scale in (0.95, 1.0, 1.05)]
    assert min(closer) == closer[1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.03, 30), min_size=1, max_size=12), st.floats(1e-3, 10))
def test_mmse_never_has_more_error_than_zero_forcing(magnitudes: list[float], noise_power: float) -> None:
    gain = torch.tensor([magnitudes], dtype=torch.complex64)
    forced, least = (
        (1 / post_equalisation_snr(ReceivedSymbols(gain, gain, torch.tensor([noise_power]), equaliser))).mean() for equaliser in BOTH
    )
    assert least <= forced * 1.001
    assert least.isfinite()


@pytest.mark.parametrize("equaliser", BOTH)
def test_items_are_independent(equaliser: Equaliser) -> None:
    _, received = rayleigh(0.1, equaliser)
    alone = ReceivedSymbols(received.symbols[3:4], received.gain[3:4], received.noise_power[3:4], equaliser)
    torch.testing.assert_close(equalise(received)[3:4], equalise(alone))
    torch.testing.assert_close(post_equalisation_snr(received)[3:4], post_equalisation_snr(alone))


@pytest.mark.parametrize("equaliser", BOTH)
def test_symbols_and_items_of_zero_gain_become_zero(equaliser: Equaliser) -> None:
    gain = draw(2, 16)
    gain[0, 5] = 0
    gain[1] = 0
    received = ReceivedSymbols(draw(2, 16, seed=1), gain, torch.tensor([0.1, 0.1]), equaliser)
    assert equalise(received)[0, 5] == 0
    assert (equalise(received)[1] == 0).all()
    assert equalise(received).isfinite().all()
    assert (post_equalisation_snr(received)[1] == 0).all()

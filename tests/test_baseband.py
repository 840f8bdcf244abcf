"""Transmission over one path: the definition of SNR, power per frame, and equalisation."""

import math

import pytest
import torch

from linksim.phy.baseband import ReceivedSymbols, equalise, normalise_power, post_equalisation_snr, transmit


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("snr_db", [-6.0, 0.0, 10.0, 20.0])
def test_measured_snr_equals_the_set_snr(snr_db: float) -> None:
    symbols = normalise_power(draw(64, 4096))
    noise_power = torch.full((64,), 10 ** (-snr_db / 10))
    received = transmit(symbols, torch.ones(64, 1), noise_power, draw(64, 4096, seed=1))
    measured_db = 10 * math.log10(1 / (received - symbols).abs().square().mean().item())
    assert measured_db == pytest.approx(snr_db, abs=0.05)


def test_power_of_a_frame_does_not_depend_on_its_batch() -> None:
    frames = draw(8, 256) * torch.logspace(-3, 3, 8)[:, None]
    torch.testing.assert_close(normalise_power(frames)[3:4], normalise_power(frames[3:4]))
    torch.testing.assert_close(normalise_power(frames).abs().square().mean(1), torch.ones(8))
    assert (normalise_power(torch.zeros(2, 8, dtype=torch.complex64)) == 0).all()


def test_equalisation_inverts_a_noiseless_path_and_handles_zero_gain() -> None:
    symbols, gain = draw(4, 128), draw(4, 128, seed=2)
    gain[:, 7] = 0
    received = transmit(symbols, gain, torch.zeros(4), draw(4, 128, seed=3))
    estimate = equalise(ReceivedSymbols(received, gain, torch.zeros(4)))
    alive = gain.abs() > 0
    torch.testing.assert_close(estimate[alive], symbols[alive], rtol=1e-4, atol=1e-4)
    assert (estimate[:, 7] == 0).all()


def test_noise_after_equalisation_agrees_with_post_equalisation_snr() -> None:
    gain, noise_power = draw(1, 1, seed=4).expand(64, 1), torch.full((64,), 0.2)
    symbols = normalise_power(draw(64, 4096))
    received = ReceivedSymbols(transmit(symbols, gain, noise_power, draw(64, 4096, seed=5)), gain, noise_power)
    measured = 1 / (equalise(received) - symbols).abs().square().mean()
    assert measured.item() == pytest.approx(post_equalisation_snr(received)[0, 0].item(), rel=0.01)


def test_jamming_adds_its_power() -> None:
    silence = torch.zeros(16, 4096, dtype=torch.complex64)
    received = transmit(silence, torch.ones(16, 1), torch.full((16,), 0.5), draw(16, 4096), 2.0 * draw(16, 4096, seed=1))
    assert received.abs().square().mean().item() == pytest.approx(0.5 + 4.0, rel=0.02)

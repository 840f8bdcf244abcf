"""Tests of the hiders: exact inversion, unit power, closed forms of the linear estimates, and keys."""

from typing import Any

import pytest
import torch
from torch import Tensor

from linksim.nets.hiders import HidingKey, fold, permuted, unfold, unpermuted
from linksim.nets.invertible import InvertibleHider, ZeroConv2d
from linksim.nets.linear_hiders import LinearHider
from linksim.nets.natural_swap import NaturalSwap
from linksim.phy.baseband import normalise_power

USES = 512


def signals(count: int, seed: int = 1) -> Tensor:
    """Complex signals of unit mean power whose real values have very different variances, as those of codecs have."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(2 * USES, 2 * USES, generator=torch.Generator().manual_seed(99)) / (2 * USES) ** 0.5
    spread = torch.logspace(1, -2, 2 * USES)
    values = (torch.randn(count, 2 * USES, generator=generator) * spread.sqrt()) @ torch.linalg.qr(mixing).Q
    symbols = torch.view_as_complex(values.view(count, USES, 2).contiguous())
    return symbols / symbols.abs().square().mean().sqrt()


def noisy(symbols: Tensor, snr_db: float) -> Tensor:
    noise = torch.randn(symbols.shape, dtype=symbols.dtype, generator=torch.Generator().manual_seed(5))
    return symbols + 10 ** (-snr_db / 20) * noise


def randomised(hider: InvertibleHider) -> InvertibleHider:
    """The network with random weights in the layers that begin at zero."""
    for layer in hider.modules():
        if isinstance(layer, ZeroConv2d):
            torch.nn.init.normal_(layer.weight, std=0.1, generator=torch.Generator().manual_seed(1))
    return hider.requires_grad_(requires_grad=False)


# The invertible network


@pytest.mark.parametrize(("dtype", "largest"), [(torch.float64, 1e-12), (torch.float32, 1e-3)], ids=str)
def test_the_network_inverts_itself(dtype: torch.dtype, largest: float) -> None:
    hider = randomised(InvertibleHider(channels=4, side=64)).to(dtype)
    host, private = (fold(signals(4, seed), 4).to(dtype) for seed in (1, 2))
    container, lost = hider(host, private)
    assert (container - host).abs().mean() > 0.05  # the network is not the identity
    for found, sent in zip(hider.inverse(container, lost), (host, private), strict=True):
        assert (found - sent).abs().max() < largest


def test_an_untrained_network_sends_the_host() -> None:
    host, private = signals(3, 1), signals(3, 2)
    hider = InvertibleHider(channels=4, side=64)
    with torch.inference_mode():
        container = hider.hide(host, private)
    torch.testing.assert_close(container, host / host.abs().square().mean(1, keepdim=True).sqrt())


def test_containers_have_unit_power_at_every_size_of_image() -> None:
    hider = randomised(InvertibleHider(channels=4, side=64))
    for uses in (USES, 4 * USES):
        host, private = torch.randn(2, 3, uses, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
        container = hider.hide(host, private)
        torch.testing.assert_close(container.abs().square().mean(dim=1), torch.ones(3))
        assert hider.reveal(container, torch.zeros(3)).private.shape == private.shape


def test_folding_keeps_every_value() -> None:
    symbols = signals(2)
    assert torch.equal(unfold(fold(symbols, 4)), symbols)


# Linear hiders, and their refinement


def fitted(**config: Any) -> LinearHider:
    hider = LinearHider(channels=4, side=64, tile=16, **config)
    hider.fit(signals(20_000))
    return hider


def test_components_are_orthonormal_and_sorted_by_variance() -> None:
    hider = fitted()
    torch.testing.assert_close(hider.components.basis.T @ hider.components.basis, torch.eye(hider.components.size), atol=1e-4, rtol=0)
    assert bool((hider.components.variance.diff() <= 0).all())
    assert hider.components.variance.sum().item() == pytest.approx(hider.components.size / 2, rel=0.01)  # of symbols of unit power


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_the_private_signal_takes_its_share_of_the_power(share: float) -> None:
    hider = fitted(share=share)
    container = hider.hide(signals(500, 3), signals(500, 4))
    torch.testing.assert_close(container.abs().square().mean(dim=1), torch.ones(500))
    strong, weak = hider.components.analyse(container)
    hidden = weak.square().sum() / (weak.square().sum() + strong.square().sum())
    assert hidden.item() == pytest.approx(share, rel=0.1)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 30.0])
@pytest.mark.parametrize("precoded_host", [False, True])
def test_the_error_of_the_private_signal_is_that_of_the_linear_estimate(snr_db: float, precoded_host: bool) -> None:
    """The SNR that the decoder is given is the one that is measured on the recovered signal, but for the power that varies by container."""
    hider = fitted(share=0.3, precoded_host=precoded_host)
    host, private = signals(2_000, 3), signals(2_000, 4)
    found = hider.reveal(noisy(hider.hide(host, private), snr_db), torch.full((2_000,), snr_db))
    error = (found.private - private).abs().square().mean()
    assert -10 * error.log10().item() == pytest.approx(found.private_snr_db[0].item(), abs=0.5)
    if not precoded_host:
        return
    error = (found.host - host).abs().square().mean()
    assert -10 * error.log10().item() == pytest.approx(found.host_snr_db[0].item(), abs=0.5)


def test_the_host_of_a_swap_loses_its_weakest_components_only() -> None:
    hider = fitted(share=0.1)
    host, private = signals(1_000, 3), signals(1_000, 4)
    found = hider.reveal(hider.hide(host, private), torch.full((1_000,), 60.0))
    lost = hider.components.variance[hider.components.kept :].sum() / hider.components.variance.sum()
    error = (found.host - host).abs().square().mean()
    assert error.item() == pytest.approx(lost.item(), rel=0.3)


def key_of(seed: int, items: int, places: int) -> HidingKey:
    generator = torch.Generator().manual_seed(seed)
    order = torch.stack([torch.randperm(places, generator=generator) for _ in range(items)])
    return HidingKey(order, torch.randint(0, 2, (items, places), generator=generator) * 2.0 - 1.0)


def test_only_the_right_key_recovers_the_private_signal() -> None:
    hider = fitted(share=0.3)
    host, private, right, wrong = signals(50, 3), signals(50, 4), key_of(1, 50, hider.places), key_of(2, 50, hider.places)
    container = hider.hide(host, private, right)
    snr_db = torch.full((50,), 40.0)
    found, other = (hider.reveal(container, snr_db, key).private for key in (right, wrong))
    assert (found - private).abs().square().mean() < 0.1
    assert (other - private).abs().square().mean() > 0.8


# A swap with natural energies


@pytest.mark.parametrize("keyed", [False, True])
def test_the_energies_of_natural_containers_are_those_of_hosts(keyed: bool) -> None:
    hider = NaturalSwap.of(fitted(share=0.3))
    host, private = signals(4_000, 3), signals(4_000, 4)
    container = hider.hide(host, private, key_of(1, 4_000, hider.places) if keyed else None)
    torch.testing.assert_close(container.abs().square().mean(1), torch.ones(4_000), atol=1e-5, rtol=0)
    (strong, hidden), (same, replaced) = (hider.components.analyse(part) for part in (container, normalise_power(host)))
    torch.testing.assert_close(strong, same, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(hidden.square().mean((1, 2)), replaced.square().mean((1, 2)), atol=1e-5, rtol=1e-3)  # of each image
    torch.testing.assert_close(hidden.square().mean((0, 1)), replaced.square().mean((0, 1)), atol=0, rtol=0.15)  # of each component


@pytest.mark.parametrize("snr_db", [10.0, 30.0])
@pytest.mark.parametrize("keyed", [False, True])
def test_the_snr_of_a_natural_private_signal_is_that_of_its_error(keyed: bool, snr_db: float) -> None:
    hider = NaturalSwap.of(fitted())
    host, private, key = signals(2_000, 3), signals(2_000, 4), key_of(1, 2_000, hider.places) if keyed else None
    found = hider.reveal(noisy(hider.hide(host, private, key), snr_db), torch.full((2_000,), snr_db), key)
    error = (found.private - private).abs().square().mean()
    assert -10 * error.log10().item() == pytest.approx(found.private_snr_db.mean().item(), abs=0.5)  # the energy of a private signal varies
    assert torch.equal(found.host_snr_db, torch.full((2_000,), snr_db))


def test_only_the_right_key_recovers_a_natural_private_signal() -> None:
    hider = NaturalSwap.of(fitted())
    host, private, right, wrong = signals(50, 3), signals(50, 4), key_of(1, 50, hider.places), key_of(2, 50, hider.places)
    container, snr_db = hider.hide(host, private, right), torch.full((50,), 50.0)
    found, other = (hider.reveal(container, snr_db, key).private for key in (right, wrong))
    assert (found - private).abs().square().mean() < 0.2
    assert (other - private).abs().square().mean() > 0.8


def test_time_sharing_gives_both_signals_half_of_the_power() -> None:
    swap = fitted(share=0.1)
    hider = swap.time_sharing()
    container = hider.hide(signals(500, 3), signals(500, 4))
    strong, weak = hider.components.analyse(container)
    assert (weak.square().sum() / strong.square().sum()).item() == pytest.approx(1.0, rel=0.1)
    assert hider.components is swap.components
    assert (hider.channel_uses, hider.places) == (swap.channel_uses, swap.places)


# Keys


def test_a_key_is_undone() -> None:
    key, values = key_of(3, 4, 30), torch.randn(4, 3, 10)
    assert torch.equal(unpermuted(permuted(values, key), key), values)
    found = permuted(values, key)
    assert torch.equal(found.abs().flatten(1).sort().values, values.abs().flatten(1).sort().values)


def test_components_are_exact_under_autocast() -> None:
    swap = fitted()
    host, key = signals(4, 3), key_of(1, 4, swap.places)
    with torch.autocast("cpu", torch.bfloat16):
        strong, weak = swap.components.analyse(host)
        restored = swap.components.synthesise(strong, weak)
        container = swap.hide(host, signals(4, 4), key)
    torch.testing.assert_close(restored, host, atol=1e-4, rtol=0)
    assert container.dtype == torch.complex64

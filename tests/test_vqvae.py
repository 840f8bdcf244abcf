"""Tests of the masked VQ-VAE: its quantiser, the transmission of its indices, and its training task."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import write_model
from tiny_tasks import CPU, SyntheticData, assert_resumes, trainer_of
from torch import Tensor

from linksim.nets.layers import draw_weights
from linksim.nets.vqvae import CELL, Codebook, VqVae
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise, item_keys
from linksim.phy.theory import ber_qpsk_awgn
from linksim.rng import Streams
from linksim.schemes.parameters import SnrEstimate, per_item_float
from linksim.schemes.vqvae import MaskedVqVae, demodulate_indices, modulate_indices
from linksim.training.vqvae import VqvaeTask

SMALL: dict[str, Any] = {"codes": 2, "bits": 4, "depth": 3, "stem": 4, "width": 8, "inner": 4, "blocks": 1}


def drawn(number: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def small() -> VqVae:
    """Return an untrained network whose codewords are initialised from its features."""
    network = VqVae(**SMALL)
    draw_weights(network, drawn())
    network.initialise_from(torch.rand(8, 3, 32, 32, generator=drawn(2)), torch.arange(16) * 31)
    return network.requires_grad_(False).eval()


def modem(**config: Any) -> VqVae:
    """Return a network of which only the number of bits and the channel code matter."""
    return VqVae(**{**SMALL, **config})


def at_snr(symbols: Tensor, snr_db: float) -> ReceivedSymbols:
    """Return symbols as received at unit gain, with noise of this power already in them."""
    return ReceivedSymbols(symbols, torch.ones(len(symbols), 1), torch.full((len(symbols),), 10 ** (-snr_db / 10)))


def images(count: int) -> Tensor:
    return torch.rand(count, 1, 3, 32, 32, generator=drawn(3))


def agreed(count: int) -> tuple[SnrEstimate, Noise]:
    return SnrEstimate(per_item_float(0.0, count)), Noise(torch.from_numpy(item_keys(Streams(1).key("n"), 0, count).copy()))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 5), st.integers(0, 2**31))
def test_the_quantiser_picks_the_nearest_codeword(codes: int, words: int, depth: int, seed: int) -> None:
    """The reference computes all distances directly from the features."""
    codebook, draw = Codebook(codes, words, depth), drawn(seed)
    with torch.no_grad():
        codebook.words.copy_(torch.randn(codes, words, depth, generator=draw))
    features = torch.randn(2, codes * depth, 3, 3, generator=draw)
    found = codebook.nearest(features)
    for item, cell, code in np.ndindex(2, 9, codes):
        vector = features[item, code * depth : (code + 1) * depth, cell // 3, cell % 3]
        distances = (codebook.words[code] - vector).square().sum(dim=1)
        assert distances[found[item, cell, code]] <= distances.min() + 1e-5


def test_lookup_inverts_nearest_for_codewords() -> None:
    """Features that are codewords are their own nearest codewords."""
    codebook = Codebook(3, 8, 4)
    with torch.no_grad():
        codebook.words.copy_(torch.randn(3, 8, 4, generator=drawn()))
    indices = torch.randint(0, 8, (2, 25, 3), generator=drawn(2))
    assert torch.equal(codebook.nearest(codebook.lookup(indices, 5)), indices)


def test_unused_codewords_become_vectors_of_the_batch_and_the_others_stay() -> None:
    codebook, draw = Codebook(2, 8, 3), drawn()
    with torch.no_grad():
        codebook.words.copy_(torch.randn(2, 8, 3, generator=draw))
        codebook.words[0, 5] += 1e3  # out of reach
    features, before, chosen = torch.randn(4, 6, 8, 8, generator=draw), codebook.words.detach().clone(), torch.arange(8) * 30
    found = codebook.nearest(features)
    codebook.reset_dead_codes(features, found, chosen)
    for code, word in np.ndindex(2, 8):
        unused = not (found[..., code] == word).any()
        cell = chosen[word] % 64
        vector = features[chosen[word] // 64, 3 * code : 3 * code + 3, cell // 8, cell % 8]
        assert torch.equal(codebook.words[code, word], vector if unused else before[code, word])
    assert not (found[..., 0] == 5).any()


def test_masking_replaces_exactly_the_masked_cells() -> None:
    network, cells = small(), torch.zeros(2, 8, 8, dtype=torch.bool)
    cells[1, 2, 5] = True
    source = images(2)[:, 0]
    seen = network.mask_cells(source, cells)
    expected = source.clone()
    expected[1, :, 2 * CELL : 3 * CELL, 5 * CELL : 6 * CELL] = 0.5
    assert torch.equal(seen, expected)


@settings(deadline=None)
@given(st.integers(1, 10), st.integers(1, 4), st.integers(0, 2**31))
def test_demodulation_inverts_modulation(bits: int, codes: int, seed: int) -> None:
    indices, uncoded = torch.randint(0, 2**bits, (3, 4, codes), generator=drawn(seed)), 2 * codes * bits
    for channel_code, channel_uses in ((None, uncoded), (2 * uncoded, 2 * uncoded), (5 * uncoded + 1, 5 * uncoded + 1)):
        network = modem(side=8, bits=bits, codes=codes, channel_uses=channel_code)
        symbols = modulate_indices(network, indices)
        assert symbols.shape == (3, channel_uses)
        torch.testing.assert_close(symbols.abs(), torch.ones(symbols.shape))
        assert torch.equal(demodulate_indices(network, at_snr(symbols, 30.0)), indices)


def test_a_channel_code_needs_room_for_two_bits_of_each() -> None:
    with pytest.raises(ValueError, match="a channel code for 512 bits needs as many channel uses, got 511"):
        modem(codes=1, bits=8, channel_uses=511)


def test_without_noise_the_scheme_equals_the_autoencoder() -> None:
    network, source = small(), images(3)
    scheme = MaskedVqVae(network)
    sent = scheme.send(source, *agreed(3))
    assert sent.shape == (3, scheme.channel_uses) == (3, 64 * 2 * 4 // 2)
    torch.testing.assert_close(sent.abs().square().mean(dim=1), torch.ones(3))
    gain = torch.tensor([[1.0 + 0j], [-2j], [0.3 + 0.4j]])
    back = scheme.receive(ReceivedSymbols(gain * sent, gain, torch.full((3,), 1e-2)), *agreed(3)).shown()
    snr_db = 10 * (gain[:, 0].abs().square() / 1e-2).log10()
    torch.testing.assert_close(back[:, 0], network.decode(network.encode(source[:, 0]), snr_db), rtol=0, atol=1e-5)


def test_an_image_does_not_depend_on_the_rest_of_the_batch() -> None:
    scheme, source = MaskedVqVae(small()), images(4)
    noise = torch.view_as_complex(torch.randn(4, scheme.channel_uses, 2, generator=drawn(4)))
    together, alone = scheme.send(source, *agreed(4)), scheme.send(source[2:3], *agreed(1))
    assert torch.equal(together[2:3], alone)
    gain, power = torch.ones(4, 1, dtype=torch.complex64), torch.full((4,), 2.0)
    backs = scheme.receive(ReceivedSymbols(together + noise, gain, power), *agreed(4)).shown()
    back = scheme.receive(ReceivedSymbols(alone + noise[2:3], gain[:1], power[:1]), *agreed(1)).shown()
    torch.testing.assert_close(backs[2:3], back, rtol=0, atol=1e-5)


@pytest.mark.parametrize("snr_db", [-3.0, 4.0])
def test_the_bit_error_rate_is_that_of_qpsk(snr_db: float) -> None:
    """Bit errors are counted in the indices; the tolerance is five standard errors."""
    indices = torch.randint(0, 256, (40, 64, 5), generator=drawn(5))
    network, snr = modem(codes=5, bits=8), 10 ** (snr_db / 10)
    sent = modulate_indices(network, indices)
    noise = torch.view_as_complex(torch.randn(*sent.shape, 2, generator=drawn(6))) * (0.5 / snr) ** 0.5
    wrong = indices ^ demodulate_indices(network, at_snr(sent + noise, snr_db))
    count, expected = indices.numel() * 8, float(ber_qpsk_awgn(snr))
    found = sum(int(((wrong >> place) & 1).sum()) for place in range(8)) / count
    assert found == pytest.approx(expected, abs=5 * (expected * (1 - expected) / count) ** 0.5)


def test_the_channel_code_removes_the_errors_of_a_weak_signal() -> None:
    """512 bits in 1,280 channel uses at 1 dB: 5 dB per bit. QPSK without a code has 13 % wrong bits at this SNR."""
    network, indices = modem(codes=1, bits=8, channel_uses=1_280), torch.randint(0, 256, (40, 64, 1), generator=drawn(7))
    sent = modulate_indices(network, indices)
    noise = torch.view_as_complex(torch.randn(*sent.shape, 2, generator=drawn(8))) * (0.5 * 10**-0.1) ** 0.5
    assert torch.equal(demodulate_indices(network, at_snr(sent + noise, 1.0)), indices)


@dataclass(frozen=True)
class TinyVqvae(SyntheticData, VqvaeTask):
    """The VQ-VAE task on `DATASET`."""


@pytest.fixture
def task(own_models: Path) -> VqvaeTask:
    write_model(own_models, "evaluator", "classifier", {"widths": [24, 24, 24]})
    return TinyVqvae("samples", SMALL, 40, classifier="evaluator", batch=8, average=None, bfloat16=False)


def test_gradients_go_straight_through_to_the_encoder_and_to_the_codewords(task: VqvaeTask) -> None:
    """Encoder and codewords receive gradients without the codebook and commitment losses."""
    trainer = trainer_of(task)
    network = trainer.network
    assert isinstance(network, VqVae)
    features = network.encoder(images(2)[:, 0])
    sent = network.codebook.nearest(features)
    through = network.codebook.straight_through(features, sent)
    downstream = torch.randn(through.shape, generator=drawn(7))
    to_features, to_words = torch.autograd.grad((through * downstream).sum(), (features, network.codebook.words))
    torch.testing.assert_close(to_features, downstream)
    expected = torch.zeros_like(to_words)
    for item, cell, code in np.ndindex(*sent.shape):
        expected[code, sent[item, cell, code]] += downstream[item, 3 * code : 3 * code + 3, cell // 8, cell % 8]
    torch.testing.assert_close(to_words, expected, rtol=1e-4, atol=1e-5)


def test_the_task_lowers_its_loss_and_is_reproducible(task: VqvaeTask, tmp_path: Path) -> None:
    """The loss is compared at a step that resets no codewords."""
    trainer = trainer_of(task)
    before = task.loss(trainer.network, 1, CPU)
    for _ in range(40):
        trainer.train_step()
    assert task.loss(trainer.network, 1, CPU) < 0.9 * before
    assert_resumes(task, tmp_path, steps=8)


def test_half_of_the_batch_is_attacked_within_the_bound(task: VqvaeTask) -> None:
    evaluator = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 10))
    source = images(8)[:, 0]
    seen = replace(task)._attacked(evaluator, source, torch.arange(8), 0)
    moved = (seen - source).abs().amax(dim=(1, 2, 3))
    assert (moved[1::2] == 0).all()
    assert ((moved[::2] > 4 / 255) & (moved[::2] < 8.01 / 255)).all()


def test_measured_scores_equal_those_of_the_scheme(task: VqvaeTask) -> None:
    """At 30 dB there are no symbol errors, so the score is that of the autoencoder alone."""
    network, tried = small(), replace(task, scored_db=(30.0,))
    source = images(6)[:, 0]
    (error, _) = tried.measure(network, "AWGN at 30 dB", source, torch.zeros(6, dtype=torch.long), CPU)
    alone = network.decode(network.encode(source), torch.full((6,), 30.0))
    assert error.value == pytest.approx(-10 * float((alone - source).square().mean().log10()), abs=0.01)

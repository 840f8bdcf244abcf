"""Tests of the defence of MIEA Sec. III-C: its worked example, exact inversion, and stacking over any scheme."""

import numpy as np
import pytest
import torch
from torch import Tensor

from linksim.negotiation import NegotiatedParameters
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise, item_keys
from linksim.reconstruction import Reconstruction
from linksim.rng import Streams
from linksim.schemes.parameters import FrameParameters, SnrEstimate, merge_bundles
from linksim.schemes.permutation import Permutation, PermutationKey, shuffle, unshuffle
from linksim.schemes.permutation_keys import PermutationKeySource
from linksim.secrecy import SessionKeys

KEYS = SessionKeys(*(bytes([i]) * 32 for i in range(6)))
SOURCE = PermutationKeySource(KEYS, 0, rows=8, size=16, permute=True, num_substituted=3)


class Identity:
    """A scheme that sends the pixel values as symbols, so that every change by a layer is visible."""

    Parameters: type[NegotiatedParameters] = NegotiatedParameters
    images_per_item = 1
    channel_uses = 24
    detects_erasures = False

    def send(self, images: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        assert isinstance(parameters, SnrEstimate)
        assert len(parameters.snr_db) == len(images) == len(noise.keys)
        return torch.complex(images.flatten(1), torch.as_tensor(parameters.snr_db)[:, None].expand(-1, 24))

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Reconstruction:
        return Reconstruction((received.symbols / received.gain).real.view(-1, 1, 1, 4, 6))


def items(count: int, seed: int = 0) -> tuple[Tensor, Noise]:
    images = torch.rand(count, 1, 1, 4, 6, generator=torch.Generator().manual_seed(seed))
    return images, Noise(torch.from_numpy(item_keys(Streams(1).key("n"), 0, count).copy()))


def test_the_papers_worked_example() -> None:
    """Fig. 2: P = [4,2,1,0,3], P' = [0,3,4,1,2], S = [0,2]."""
    pair = torch.tensor([[[[0.0], [1], [2], [3], [4]], [[10], [11], [12], [13], [14]]]])
    order, swapped = torch.tensor([[[4, 2, 1, 0, 3], [0, 3, 4, 1, 2]]]), torch.tensor([[True, False, True, False, False]])
    assert shuffle(pair, order, swapped).squeeze(-1).tolist() == [[[10, 2, 14, 0, 3], [4, 13, 1, 11, 12]]]


def test_unshuffle_is_bit_exact() -> None:
    keys = SOURCE.derive(5, 6)
    order, swapped = torch.from_numpy(keys.order), torch.from_numpy(keys.swapped)
    features = torch.randn(6, 2, 8, 32)
    assert not torch.equal(shuffle(features, order, swapped), features)
    assert torch.equal(unshuffle(shuffle(features, order, swapped), order, swapped), features)


def test_the_result_for_a_pair_does_not_depend_on_the_batch() -> None:
    keys = SOURCE.derive(1, 6)
    order, swapped = torch.from_numpy(keys.order), torch.from_numpy(keys.swapped)
    features = torch.randn(6, 2, 8, 32)
    assert torch.equal(shuffle(features, order, swapped)[2:3], shuffle(features[2:3], order[2:3], swapped[2:3]))


@pytest.mark.parametrize("flat", [True, False])
def test_the_inner_scheme_receives_its_own_symbols(flat: bool) -> None:
    """This holds with one gain per symbol too: each gain is reordered with its symbol."""
    scheme, pairs = Permutation(Identity(), rows=8, noise_companion=False), 5
    images, noise = items(2 * pairs)
    paired = images.view(pairs, 2, 1, 4, 6)
    keys = SOURCE.derive(3, pairs)
    parameters = PermutationKey(keys.order, keys.swapped, SnrEstimate(np.ones((pairs, 2), np.float32)))
    sent = scheme.send(paired, parameters, Noise(noise.keys[:pairs]))
    assert sent.shape == (pairs, scheme.channel_uses)
    assert not torch.equal(sent.real.flatten().sort().values, sent.real.flatten())
    gain = torch.full((pairs, 1), 2j) if flat else torch.randn(pairs, scheme.channel_uses, dtype=torch.complex64)
    back = scheme.receive(ReceivedSymbols(sent * gain, gain, torch.zeros(pairs)), parameters, Noise(noise.keys[:pairs])).shown()
    torch.testing.assert_close(back, paired, rtol=1e-4, atol=1e-5)


def test_a_single_image_is_sent_with_a_frame_of_noise() -> None:
    scheme, count = Permutation(Identity(), rows=8, noise_companion=True), 400
    images, noise = items(count)
    keys = SOURCE.derive(3, count)
    parameters = PermutationKey(keys.order, keys.swapped, SnrEstimate(np.zeros(count, np.float32)))
    sent = scheme.send(images, parameters, noise)
    gain = torch.ones(count, 1)
    back = scheme.receive(ReceivedSymbols(sent, gain, torch.zeros(count)), parameters, noise).shown()
    assert torch.equal(back, images)
    companion = unshuffle(sent.view(count, 2, 8, -1), torch.from_numpy(keys.order), torch.from_numpy(keys.swapped))[:, 1]
    assert companion.abs().square().mean().item() == pytest.approx(1.0, abs=4 / companion.numel() ** 0.5)


def test_stacked_permutations_are_inverted() -> None:
    outer = Permutation(Permutation(Identity(), rows=8, noise_companion=False), rows=8, noise_companion=False)
    images, noise = items(12)
    paired = images.view(3, 4, 1, 4, 6)
    first, second = SOURCE.derive(0, 6), SOURCE.derive(1, 3)
    inner = PermutationKey(first.order, first.swapped, merge_bundles(SnrEstimate(np.zeros(12, np.float32)), 2))
    parameters = PermutationKey(second.order, second.swapped, merge_bundles(inner, 2))
    sent = outer.send(paired, parameters, Noise(noise.keys[:3]))
    back = outer.receive(ReceivedSymbols(sent, torch.ones(3, 1), torch.zeros(3)), parameters, Noise(noise.keys[:3])).shown()
    assert outer.images_per_item == 4
    assert torch.equal(back, paired)


def test_both_ends_compute_the_same_sets_and_other_keys_give_other_sets() -> None:
    here, there = SOURCE.select(((3, 7), (0, 15))), PermutationKeySource(KEYS, 0, 8, 16, True, 3).select(((3, 7), (0, 15)))
    assert np.array_equal(here.order, there.order)
    assert np.array_equal(here.swapped, there.swapped)
    eve = PermutationKeySource(SessionKeys(*(bytes([9]) * 32 for _ in range(6))), 0, 8, 16, True, 3).select(((3, 7), (0, 15)))
    assert not np.array_equal(here.order, eve.order)
    assert (here.swapped.sum(axis=1) == 3).all()
    assert (np.sort(here.order, axis=2) == np.arange(8)).all()


def test_derived_keys_differ_from_frame_to_frame() -> None:
    frames = [SOURCE.derive(frame, 2).order.tobytes() for frame in range(50)]
    assert len(set(frames)) == 50


def test_an_index_outside_the_sets_raises() -> None:
    with pytest.raises(ValueError, match="the key sets have 16 entries, got index 16"):
        SOURCE.select(((0, 16),))


def test_rows_must_divide_the_symbols() -> None:
    with pytest.raises(ValueError, match="24 symbols cannot be divided into 5 rows"):
        Permutation(Identity(), rows=5, noise_companion=False)


@pytest.mark.parametrize(("permute", "num_substituted"), [(True, 0), (False, 3)])
def test_permutation_and_substitution_can_be_used_alone(permute: bool, num_substituted: int) -> None:
    source = PermutationKeySource(KEYS, 0, 8, 16, permute, num_substituted)
    for keys in (source.select(((3, 7), (0, 15))), source.derive(5, 2)):
        assert bool((keys.order == np.arange(8)).all()) is not permute
        assert (keys.swapped.sum(axis=1) == num_substituted).all()

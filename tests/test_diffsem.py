"""The scheme DiffSem on small networks: symbols, margin for the channel, guidance, and Eve's attacks on the features."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from linksim.feature_diffusion import ABAR, noise_steps_for
from linksim.link import LinkNoise, OfflineLink
from linksim.nets.feature_mlp import FeatureMlp
from linksim.nets.feature_receivers import LinearReceiver
from linksim.nets.feature_symbols import to_features, to_symbols
from linksim.nets.feature_unet import FeatureUNet
from linksim.nets.features import FeatureCodec
from linksim.nets.layers import draw_weights
from linksim.phy.baseband import ReceivedSymbols
from linksim.rng import Streams
from linksim.schemes.diffsem import DiffSem, Receiver
from linksim.schemes.parameters import uniform_parameters


def drawn(network: nn.Module, seed: int = 1) -> nn.Module:
    draw_weights(network, torch.Generator().manual_seed(seed))
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def codec() -> FeatureCodec:
    network = drawn(FeatureCodec())
    assert isinstance(network, FeatureCodec)
    return network


def digits(count: int) -> Tensor:
    return torch.rand(count, 1, 1, 28, 28, generator=torch.Generator().manual_seed(3))


def link_noise(count: int) -> LinkNoise:
    return LinkNoise.keyed(map(Streams(seed=1).key, ("alice", "air", "bob")), first=0, count=count)


def test_features_and_symbols_are_inverse_and_of_unit_power(codec: FeatureCodec) -> None:
    features = codec.features(digits(16)[:, 0])
    symbols = to_symbols(features)
    assert symbols.shape == (16, codec.channel_uses)
    assert torch.allclose(symbols.abs().square().mean(dim=1), torch.ones(16), atol=1e-5)
    assert torch.allclose(to_features(symbols, 1), features, atol=1e-6)


@pytest.mark.parametrize(("snr_db", "step"), [(15.0, 300), (5.0, 300), (10.0, 150), (40.0, 400)])
def test_the_radiated_power_leaves_the_margin(codec: FeatureCodec, snr_db: float, step: int) -> None:
    """Alice radiates abar_T' + 1 - abar_T'', which is 1 - N0, and nothing normalises it."""
    scheme = DiffSem(codec, Receiver(codec, codec.classifier, None))
    sent = scheme.send(digits(400), uniform_parameters(snr_db, 400, (step,)), link_noise(400).alice)
    assert sent.abs().square().mean().item() == pytest.approx(1.0 - 10 ** (-snr_db / 10), abs=0.02)


def test_bob_receives_the_noise_of_the_agreed_step(codec: FeatureCodec) -> None:
    """Own noise and channel noise of the offline link add up to step T', Eq. (22)."""
    inputs: list[Tensor] = []

    def classifier(received: Tensor, denoised: Tensor, steps: Tensor) -> Tensor:
        inputs.append(received)
        return torch.zeros(len(received), 10)

    scheme = DiffSem(codec, Receiver(codec, as_module(classifier), None))
    images = digits(400)
    OfflineLink(scheme)(images, uniform_parameters(10.0, 400, (300,)), 10.0, link_noise(400))
    noise = inputs[0] - ABAR[300].sqrt() * codec.features(images[:, 0])
    assert noise.square().mean().item() == pytest.approx(1.0 - ABAR[300].item(), rel=0.02)


class Called(nn.Module):
    """A network that is a function."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


def as_module(function: Callable[..., Tensor]) -> nn.Module:
    return Called(function)


def test_without_self_noise_and_channel_noise_the_denoiser_is_never_called(codec: FeatureCodec) -> None:
    def never(*inputs: Tensor) -> Tensor:
        raise AssertionError("called")

    scheme = DiffSem(codec, Receiver(codec, codec.classifier, as_module(lambda x, *_: never(x) if len(x) else x)))
    found = OfflineLink(scheme)(digits(3), uniform_parameters(100.0, 3, (0,)), 100.0, link_noise(3))
    features = codec.features(digits(3)[:, 0])
    assert found.logits is not None
    assert torch.allclose(found.logits[:, 0], codec.classifier(features, features, torch.zeros(3, dtype=torch.int64)), atol=1e-3)


def test_guidance_starts_with_the_codecs_own_label_and_feeds_back(codec: FeatureCodec) -> None:
    """Round 1 is guided by the classifier without denoiser, round 2 by the label of round 1."""
    guides: list[Tensor] = []

    def denoiser(x: Tensor, steps: Tensor, label: Tensor) -> Tensor:
        guides.append(label)
        return x

    receiver = Receiver(codec, drawn(LinearReceiver(), seed=5), as_module(denoiser), "label", num_rounds=2, num_calls=1)
    received, steps = torch.randn(4, 1, 8, 8), torch.tensor([300, 300, 20, 20])
    receiver.classify(received, steps)
    assert len(guides) == 2
    assert torch.allclose(guides[0], codec.classifier(received, received, steps).softmax(dim=1))
    assert not torch.allclose(guides[0], guides[1])
    assert torch.allclose(guides[1].sum(dim=1), torch.ones(4))


@pytest.mark.parametrize("denoiser", [FeatureMlp(width=16, num_blocks=1), FeatureUNet(width=8)], ids=["mlp", "u-net"])
def test_an_item_does_not_depend_on_its_batch(codec: FeatureCodec, denoiser: nn.Module) -> None:
    scheme = DiffSem(codec, Receiver(codec, codec.classifier, drawn(denoiser), "label", num_rounds=2))
    link, images, noise = OfflineLink(scheme), digits(6), link_noise(6)
    together = link(images, uniform_parameters(8.0, 6, (250,)), 8.0, noise).logits
    assert together is not None
    for row in range(6):
        own = noise.map(lambda keys, row=row: keys[row : row + 1])
        alone = link(images[row : row + 1], uniform_parameters(8.0, 1, (250,)), 8.0, own).logits
        assert alone is not None
        assert torch.allclose(together[row], alone[0], atol=1e-4)


def test_a_matched_receiver_denoises_more_where_the_channel_is_worse_than_reported(codec: FeatureCodec) -> None:
    scheme = DiffSem(codec, Receiver(codec, codec.classifier, None), matched=True)

    def found(noise_power: float) -> int:
        received = ReceivedSymbols(torch.zeros(1, 32, dtype=torch.complex64), torch.ones(1, 1), torch.tensor([noise_power]))
        return int(scheme.match(received, torch.tensor([200]), torch.tensor([10.0]))[0])

    assert abs(found(0.1) - 200) <= 1  # the channel that Alice left a margin for
    assert found(1.0) > 230
    assert found(0.001) < 200


def test_a_scale_of_one_belongs_to_the_agreed_step(codec: FeatureCodec) -> None:
    scheme = DiffSem(codec, Receiver(codec, codec.classifier, None), matched=True)
    received = ReceivedSymbols(torch.zeros(1, 32, dtype=torch.complex64), torch.ones(1, 1), torch.tensor([0.1]))
    _, scale = scheme.match(received, torch.tensor([300]), torch.tensor([10.0]))
    assert scale.item() == pytest.approx(1.0, abs=0.01)
    assert math.isclose(ABAR[int(noise_steps_for(torch.tensor([300]), torch.tensor([10.0])))].item(), ABAR[300].item() + 0.1, abs_tol=0.01)

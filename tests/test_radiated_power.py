"""Radiated power: for every scheme each item has unit power, and its symbols do not depend on the rest of the batch."""

from typing import Any

import pytest
import torch

from linksim.nets.weights import load_model
from linksim.phy.noise import Noise, item_keys
from linksim.registry import components
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.schemes.base_schemes import build_base
from linksim.schemes.stack import build_stack
from linksim.secrecy import SessionKeys

BASE_SCHEMES = [component.name for component in components("scheme")]
STACKS: list[Any] = [*BASE_SCHEMES, *(["permutation", base] for base in BASE_SCHEMES), ["permutation", "permutation", "deepjscc"]]
STACKS += [["phase-scrambling", "deepjscc"], ["phase-scrambling", "permutation", "phase-scrambling", "deepjscc"]]
STACKS.append([{"name": "permutation", "granularity": "symbol"}, "deepjscc"])
STACKS.append({"name": "digital", "modulation": "16-qam", "rate": "3/4"})
SESSION = SessionKeys(*(bytes([i]) * 32 for i in range(5)))


@pytest.mark.parametrize("images", [4, 3], ids=["pairs", "singles"])
@pytest.mark.parametrize("spec", STACKS, ids=str)
@pytest.mark.usefixtures("small_models")
def test_every_item_has_unit_power_independently_of_its_batch(spec: Any, images: int) -> None:
    """Images from black to white. Random constellation points and noise companions are within 5 standard errors, other power is exact."""
    layers = LinkOptions.model_validate({"scheme": spec}).scheme
    base = build_base(layers[-1], load_model, (32, 32, 3))
    stack = build_stack(layers, base, images)
    items, channel_uses = stack.items, stack.scheme.channel_uses
    assert len(layers) == len(stack.layers) + 1

    draw = torch.Generator().manual_seed(3)
    brightness = torch.linspace(0, 1, images)[:, None, None, None]
    images_ = (brightness * torch.rand(images, 3, 32, 32, generator=draw)).view(items, -1, 3, 32, 32)
    frame_keys = [layer.for_session(SESSION).frame_keys(3, ((1, 2),) * layer.num_transmitted) for layer in stack.layers]
    keys = torch.from_numpy(item_keys(Streams(1).key("n"), 0, items).copy())
    with torch.inference_mode():
        sent = stack.scheme.send(images_, stack.parameters(10.0, (0, 0), frame_keys), Noise(keys))
    assert sent.shape == (items, channel_uses)
    random = stack.noise_companion or "16-qam" in str(spec)
    power = sent.abs().square().mean(dim=1)
    torch.testing.assert_close(power, torch.ones(items), rtol=0, atol=5 / channel_uses**0.5 if random else 1e-4)
    if not frame_keys:
        with torch.inference_mode():
            alone = stack.scheme.send(images_[-1:], build_stack(layers, base, 1).parameters(10.0, (0, 0), []), Noise(keys[-1:]))
        torch.testing.assert_close(alone, sent[-1:], rtol=1e-4, atol=1e-4)

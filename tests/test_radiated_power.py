"""Power belongs to a frame: whatever the scheme, each item is radiated at power one, and its symbols do not depend on its batch mates."""

from typing import Any, get_args

import pytest
import torch

from linksim.nets.weights import load_model
from linksim.phy.noise import Noise, item_keys
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.scenario.schemes import BaseSchemeOptions
from linksim.schemes.base_schemes import build_base
from linksim.schemes.stack import build_stack
from linksim.secrecy import SessionKeys

BASE_SCHEMES = [core.model_fields["name"].default for core in get_args(BaseSchemeOptions)]
STACKS: list[Any] = [*BASE_SCHEMES, *(["permutation", core] for core in BASE_SCHEMES), ["permutation", "permutation", "deepjscc"]]
STACKS += [["phase-scrambling", "deepjscc"], ["phase-scrambling", "permutation", "phase-scrambling", "deepjscc"]]
STACKS.append([{"name": "permutation", "granularity": "symbol"}, "deepjscc"])
STACKS.append({"name": "digital", "modulation": "16-qam", "rate": "3/4"})
SESSION = SessionKeys(*(bytes([i]) * 32 for i in range(5)))


@pytest.mark.parametrize("images", [4, 3], ids=["pairs", "singles"])
@pytest.mark.parametrize("words", STACKS, ids=str)
@pytest.mark.usefixtures("small_models")
def test_every_item_has_power_one_whatever_travels_beside_it(words: Any, images: int) -> None:
    """Images from black to white. Exact but for what is random by nature: points of 16-QAM and a companion of noise, 5 standard errors."""
    layers = LinkOptions.model_validate({"scheme": words}).scheme
    core = build_base(layers[-1], load_model, (32, 32, 3))
    stack = build_stack(layers, core, images)
    items, channel_uses = stack.items, stack.scheme.channel_uses
    assert len(layers) == len(stack.layers) + 1

    draw = torch.Generator().manual_seed(3)
    brightness = torch.linspace(0, 1, images)[:, None, None, None]
    source = (brightness * torch.rand(images, 3, 32, 32, generator=draw)).view(items, -1, 3, 32, 32)
    shuffles = [layer.book(SESSION).keys(3, ((1, 2),) * layer.told) for layer in stack.layers]
    keys = torch.from_numpy(item_keys(Streams(1).key("n"), 0, items).copy())
    with torch.inference_mode():
        sent = stack.scheme.send(source, stack.parameters(10.0, (0, 0), shuffles), Noise(keys))
    assert sent.shape == (items, channel_uses)
    random = stack.single or "16-qam" in str(words)
    power = sent.abs().square().mean(dim=1)
    torch.testing.assert_close(power, torch.ones(items), rtol=0, atol=5 / channel_uses**0.5 if random else 1e-4)
    if not shuffles:
        with torch.inference_mode():
            alone = stack.scheme.send(source[-1:], build_stack(layers, core, 1).parameters(10.0, (0, 0), []), Noise(keys[-1:]))
        torch.testing.assert_close(alone, sent[-1:], rtol=1e-4, atol=1e-4)

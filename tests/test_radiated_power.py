"""Radiated power: the shipped schemes radiate unit power per item whatever the batch, and SNR refers to the power that was radiated."""

from typing import Any

import pytest
import torch

import linksim
from linksim.negotiation import NegotiatedParameters
from linksim.nets.weights import load_model
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise, item_keys
from linksim.reconstruction import Reconstruction
from linksim.records import Reception
from linksim.registry import components, remove
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions, refresh
from linksim.scenario.schemes import DeepJsccOptions
from linksim.schemes.base import Scheme
from linksim.schemes.base_schemes import SchemeContext, build_base
from linksim.schemes.parameters import FrameParameters
from linksim.schemes.stack import build_stack
from linksim.secrecy import SessionKeys

# `diffsem` radiates less than unit power on purpose, and its codec takes other images: tests/test_diffsem.py
BASE_SCHEMES = [component.name for component in components("scheme") if component.name != "diffsem"]
STACKS: list[Any] = [*BASE_SCHEMES, *(["permutation", base] for base in BASE_SCHEMES), ["permutation", "permutation", "deepjscc"]]
STACKS += [["phase-scrambling", "deepjscc"], ["phase-scrambling", "permutation", "phase-scrambling", "deepjscc"]]
STACKS.append([{"name": "permutation", "granularity": "symbol"}, "deepjscc"])
STACKS.append({"name": "digital", "modulation": "16-qam", "rate": "3/4"})
SESSION = SessionKeys(*(bytes([i]) * 32 for i in range(6)))


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
        sent = stack.scheme.send(images_, stack.parameters(10.0, stack.negotiated, frame_keys), Noise(keys))
    assert sent.shape == (items, channel_uses)
    random = stack.noise_companion or "16-qam" in str(spec)
    power = sent.abs().square().mean(dim=1)
    torch.testing.assert_close(power, torch.ones(items), rtol=0, atol=5 / channel_uses**0.5 if random else 1e-4)
    if not frame_keys:
        with torch.inference_mode():
            alone = stack.scheme.send(images_[-1:], build_stack(layers, base, 1).parameters(10.0, stack.negotiated, []), Noise(keys[-1:]))
        torch.testing.assert_close(alone, sent[-1:], rtol=1e-4, atol=1e-4)


class HalfPower:
    """DeepJSCC that radiates half the power, as a scheme may."""

    Parameters: type[NegotiatedParameters] = NegotiatedParameters
    images_per_item, detects_erasures = 1, False

    def __init__(self, inner: Scheme) -> None:
        self._inner, self.channel_uses = inner, inner.channel_uses

    def send(self, images: torch.Tensor, parameters: FrameParameters, noise: Noise) -> torch.Tensor:
        return self._inner.send(images, parameters, noise) * 0.5**0.5

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Reconstruction:
        return self._inner.receive(received, parameters, noise)


class HalfPowerOptions(linksim.Options):
    """Half the power."""


def test_snr_and_jamming_to_signal_ratio_refer_to_the_radiated_power(simulate: Any) -> None:
    """The same link with half the power: 3.01 dB less SNR at Bob, and twice the jamming-to-signal ratio."""

    @linksim.register("scheme", "half-power", HalfPowerOptions)
    def make(options: HalfPowerOptions, context: SchemeContext) -> HalfPower:
        return HalfPower(build_base(DeepJsccOptions(), context.load, context.image).scheme)

    jammer = {"kind": "barrage", "jsr_bob_db": 0.0}
    try:
        links = {name: LinkOptions.model_validate({"scheme": name, "jammer": jammer}) for name in ("deepjscc", "half-power")}
        _, kept = simulate(links)
    finally:
        remove("scheme", "half-power")
        refresh()
    full, half = ([row for row in kept.of(Reception) if row.link == link] for link in (0, 1))
    assert [row.power for row in full] == pytest.approx([1.0] * 4, abs=1e-4)
    assert [row.power for row in half] == pytest.approx([0.5] * 4, abs=1e-4)
    for one, other in zip(full, half, strict=True):
        assert other.snr_db - one.snr_db == pytest.approx(-3.0103, abs=1e-3)
        assert other.mean_jsr / one.mean_jsr == pytest.approx(2.0, rel=1e-3)

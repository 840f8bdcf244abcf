"""Tests of phase scrambling: it is inverted exactly on every channel, new for every frame, uniform, and stacks with permutations."""

from typing import Any

import numpy as np
import pytest
import torch

from linksim.enums import ControlOutcome, Outcome
from linksim.nets.weights import load_model
from linksim.phy.baseband import ReceivedSymbols, transmit
from linksim.phy.noise import Noise, item_keys
from linksim.records import ControlSent, FrameSent
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.scenario.schemes import SchemeOptions
from linksim.schemes.base_schemes import NOTHING, build_base
from linksim.schemes.phase_scrambling import draw_quarter_turns, rotate
from linksim.schemes.stack import build_stack
from linksim.secrecy import SessionKeys

STACKS: dict[str, list[Any]] = {
    "phase": ["phase-scrambling", "deepjscc"],
    "derived": ["phase-scrambling", {"name": "permutation", "keys": "derived"}, "deepjscc"],
    "transmitted": ["phase-scrambling", "permutation", "deepjscc"],
}
KEYS = SessionKeys(*(bytes([i]) * 32 for i in range(6)))


def test_rotation_is_inverted_exactly_and_preserves_magnitudes() -> None:
    symbols = torch.randn(3, 50, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    quarter_turns = torch.from_numpy(draw_quarter_turns(KEYS, 0, 7, 3, 50).copy())
    sent = rotate(symbols, quarter_turns)
    assert not torch.equal(sent, symbols)
    assert torch.equal(sent.abs(), symbols.abs())
    assert torch.equal(rotate(sent, (4 - quarter_turns) % 4), symbols)


def test_rotations_are_uniform_and_new_for_every_frame_item_and_layer() -> None:
    """A chi-square variable with 3 degrees of freedom exceeds 21.1 with probability 1e-4."""
    drawn = draw_quarter_turns(KEYS, 0, 3, 4, 10_001)
    counts = np.bincount(drawn.ravel(), minlength=4)
    assert ((counts - drawn.size / 4) ** 2 / (drawn.size / 4)).sum() < 21.1
    others = [drawn[0], drawn[1], draw_quarter_turns(KEYS, 0, 4, 4, 10_001)[0], draw_quarter_turns(KEYS, 1, 3, 4, 10_001)[0]]
    same = [(a == b).mean() for n, a in enumerate(others) for b in others[:n]]
    assert max(abs(share - 0.25) for share in same) < 5 * (0.25 * 0.75 / 10_001) ** 0.5
    assert np.array_equal(draw_quarter_turns(KEYS, 0, 3, 4, 10_001), drawn)


@pytest.mark.parametrize("images", [4, 3], ids=["pairs", "singles"])
@pytest.mark.parametrize(
    "outer",
    [
        ["phase-scrambling"],
        ["phase-scrambling", "permutation"],
        ["permutation", "phase-scrambling"],
        ["phase-scrambling", {"name": "permutation", "granularity": "symbol"}, {"name": "permutation", "keys": "derived"}],
    ],
    ids=str,
)
@pytest.mark.usefixtures("small_models")
def test_bob_receives_the_same_images_with_and_without_layers_under_fading(outer: list[Any], images: int) -> None:
    """Every symbol has its own gain, and every layer inverts its own transformation."""
    layers = LinkOptions.model_validate({"scheme": [*outer, "deepjscc"]}).scheme
    assert isinstance(layers[-1], SchemeOptions)
    base = build_base(layers[-1], load_model, (32, 32, 3))
    stack, undefended = build_stack(layers, base, images), base.scheme
    generator = torch.Generator().manual_seed(4)
    sent_images = torch.rand(images, 1, 3, 32, 32, generator=generator)
    keys = [layer.for_session(KEYS).frame_keys(5, ((1, 2),) * layer.num_transmitted) for layer in stack.layers]
    parameters = stack.parameters(10.0, NOTHING, keys)
    noise = Noise(torch.from_numpy(item_keys(Streams(1).key("n"), 0, stack.items).copy()))
    with torch.inference_mode():
        sent = stack.scheme.send(sent_images.reshape(stack.items, -1, 3, 32, 32), parameters, noise)
        gain = torch.randn(sent.shape, dtype=torch.complex64, generator=generator) + 2.0
        noise_power = torch.full((stack.items,), 1e-9)
        found = stack.scheme.receive(
            ReceivedSymbols(transmit(sent, gain, noise_power, torch.zeros_like(sent)), gain, noise_power), parameters, noise
        ).shown()
        base_stack = build_stack(layers[-1:], base, images)
        expected = undefended.receive(
            ReceivedSymbols(
                undefended.send(sent_images, base_stack.parameters(10.0, NOTHING, []), noise),
                torch.ones(images, 1),
                torch.full((images,), 1e-9),
            ),
            base_stack.parameters(10.0, NOTHING, []),
            noise,
        ).shown()
    torch.testing.assert_close(found.reshape(expected.shape), expected, rtol=0, atol=2e-3)


def test_phase_scrambling_sends_no_control_messages(simulate: Any) -> None:
    """Scrambling adds no message to those that other layers need, and both ends agree on every frame."""
    spec = {"session": {"probe_interval_ms": 0}}
    link_options = {name: LinkOptions.model_validate(spec | {"scheme": stack}) for name, stack in STACKS.items()}
    _, records = simulate(link_options, frames=6)
    assert [record.outcome for record in records.of(FrameSent)] == [Outcome.DECODED] * 18
    sent = [
        sum(record.link == link and record.outcome == ControlOutcome.ACCEPTED for record in records.of(ControlSent)) for link in range(3)
    ]
    assert sent == [4, 4, 2 + 2 * 6]  # a handshake with key confirmation, or a handshake and a KEY with its ACK per frame

"""Keyed quarter turns: undone exactly on every channel, fresh at every frame, uniform, and stacked with permutations."""

from typing import Any

import numpy as np
import pytest
import torch

from linksim.nets.weights import load_model
from linksim.phy.baseband import ReceivedSymbols, transmit
from linksim.phy.noise import Noise, item_keys
from linksim.records import ControlSent, FrameSent
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.schemes.base_schemes import build_base
from linksim.schemes.phase_scrambling import draw_quarter_turns, rotate
from linksim.schemes.stack import build_stack
from linksim.secrecy import SessionKeys

STACKS: dict[str, list[Any]] = {
    "scrambled": ["phase-scrambling", "deepjscc"],
    "both": ["phase-scrambling", {"name": "permutation", "keys": "derived"}, "deepjscc"],
    "table": ["phase-scrambling", "permutation", "deepjscc"],
}
KEYS = SessionKeys(*(bytes([i]) * 32 for i in range(5)))


def test_turning_back_is_exact_and_keeps_every_magnitude() -> None:
    symbols = torch.randn(3, 50, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    quarter_turns = torch.from_numpy(draw_quarter_turns(KEYS, 0, 7, 3, 50).copy())
    sent = rotate(symbols, quarter_turns)
    assert not torch.equal(sent, symbols)
    assert torch.equal(sent.abs(), symbols.abs())
    assert torch.equal(rotate(sent, (4 - quarter_turns) % 4), symbols)


def test_turns_are_uniform_and_new_for_every_frame_item_and_layer() -> None:
    """Chi-square of 3 degrees of freedom: beyond 21.1 once in ten thousand."""
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
def test_bob_sees_what_he_would_without_under_fading_too(outer: list[Any], images: int) -> None:
    """Every symbol has a gain of its own, and every layer undoes what the same layer did."""
    layers = LinkOptions.model_validate({"scheme": [*outer, "deepjscc"]}).scheme
    base = build_base(layers[-1], load_model, (32, 32, 3))
    stack, bare = build_stack(layers, base, images), base.scheme
    draw = torch.Generator().manual_seed(4)
    source = torch.rand(images, 1, 3, 32, 32, generator=draw)
    parameters = stack.parameters(10.0, (0, 0), [layer.layer_keys(KEYS).keys(5, ((1, 2),) * layer.told) for layer in stack.layers])
    noise = Noise(torch.from_numpy(item_keys(Streams(1).key("n"), 0, stack.items).copy()))
    with torch.inference_mode():
        sent = stack.scheme.send(source.reshape(stack.items, -1, 3, 32, 32), parameters, noise)
        gain = torch.randn(sent.shape, dtype=torch.complex64, generator=draw) + 2.0
        quiet = torch.full((stack.items,), 1e-9)
        seen = stack.scheme.receive(ReceivedSymbols(transmit(sent, gain, quiet, torch.zeros_like(sent)), gain, quiet), parameters, noise)
        plain = build_stack(layers[-1:], base, images)
        alone = bare.receive(
            ReceivedSymbols(
                bare.send(source, plain.parameters(10.0, (0, 0), []), noise), torch.ones(images, 1), torch.full((images,), 1e-9)
            ),
            plain.parameters(10.0, (0, 0), []),
            noise,
        )
    torch.testing.assert_close(seen.reshape(alone.shape), alone, rtol=0, atol=2e-3)


def test_nothing_of_it_goes_over_the_air(simulate: Any) -> None:
    """Scrambling adds no message to what the layers beside it need, and the ends agree on every frame."""
    spec = {"session": {"probe_interval_ms": 0}}
    link_options = {name: LinkOptions.model_validate(spec | {"scheme": stack}) for name, stack in STACKS.items()}
    _, kept = simulate(link_options, frames=6)
    assert [record.outcome for record in kept.of(FrameSent)] == [0] * 18
    sent = [sum(record.link == link and record.outcome == 0 for record in kept.of(ControlSent)) for link in range(3)]
    assert sent == [4, 4, 2 + 2 * 6]  # a handshake and the proof of its keys, or a handshake and a KEY with its ACK per frame

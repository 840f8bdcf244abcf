"""What a semantic jammer adds to symbols, as operations: one perturbation for every item, or the same one for all.

Both take (symbols complex [items, uses], gain, noise power [items], jamming power [items], keys [items, 3]) and give a perturbation complex
[items, uses] of unit mean power per item. A receiver is what the jammer takes Bob for: he decodes each image of an item by itself, so to
the jammer, who has no keys, a shuffled item is what an undefended one would be.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from linksim.attacks.model_inversion import invert_frames
from linksim.attacks.perturbation import perturbation
from linksim.nets.inverters import Inverter
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise
from linksim.scenario.channel import Equaliser
from linksim.schemes.base import Scheme
from linksim.schemes.parameters import SnrEstimate, rows_of
from linksim.worker import Operation

Receiver = Callable[[ReceivedSymbols], Tensor]  # Received of items -> images [items, ...]


def peeling(scheme: Scheme) -> Receiver:
    """Bob's own: the core of his stack."""

    def receive(received: ReceivedSymbols) -> Tensor:
        items, channel_uses = received.symbols.shape
        images = channel_uses // scheme.channel_uses
        symbols, gain = (
            part.expand(items, channel_uses).reshape(items * images, scheme.channel_uses) for part in (received.symbols, received.gain)
        )
        one_by_one = replace(received, symbols=symbols, gain=gain, noise_power=received.noise_power.repeat_interleave(images))
        nothing = torch.zeros(items * images, 3, dtype=torch.int64)  # a core that is peeled draws no noise
        pictures = scheme.receive(one_by_one, SnrEstimate(rows_of(0.0, items * images)), Noise(nothing))
        return pictures.reshape(items, images, *pictures.shape[1:])

    return receive


def inverting(inverter: Inverter) -> Receiver:
    """A network that was trained on captured pairs, in Bob's place."""
    return lambda received: invert_frames(
        inverter.invert, inverter.channel_uses, received, received.symbols.shape[1] // inverter.channel_uses
    )


@dataclass(frozen=True)
class PerturbationOptimiser:
    """What the jammer takes Bob for, and how long he climbs."""

    receive: Receiver
    equaliser: Equaliser
    steps: int

    def __call__(self, symbols: Tensor, gain: Tensor, noise_power: Tensor, power: Tensor, start: Tensor) -> Tensor:
        """`perturbation` against a Bob who knows gain, noise and jamming power, the jamming arriving in phase with the signal."""
        with torch.inference_mode(False):  # what a gradient flows through must not come from there
            gain, told = gain.clone(), noise_power + power
            arrives = power.sqrt()[:, None] * gain.sgn()  # of a complex number: gain / |gain|

            def receive(received: Tensor) -> Tensor:
                return self.receive(ReceivedSymbols(received, gain, told, self.equaliser))

            return perturbation(receive, gain * symbols, arrives, start, self.steps)


def per_frame(ascent: PerturbationOptimiser, batch: int) -> Operation:
    """A perturbation of its own for every item."""

    def run(symbols: Tensor, gain: Tensor, noise_power: Tensor, power: Tensor, keys: Tensor) -> Tensor:
        return ascent(symbols, gain, noise_power, power, Noise(keys).complex(symbols.shape[1]))

    return Operation("perturb", run, batch)


def universal_perturbation(
    ascent: PerturbationOptimiser, captured: Tensor, noise_power: float, power: float, start: Tensor, batch: int
) -> Operation:
    """One perturbation for all images, made now.

    captured            symbols complex [n, uses] of single images
    noise_power, power  those to expect
    start               where the ascent begins, complex [1, uses]
    """
    gain, levels = torch.ones_like(captured[:, :1]), torch.ones(len(captured), device=captured.device)
    pattern = ascent(captured, gain, noise_power * levels, power * levels, start)

    def run(symbols: Tensor, gain: Tensor, noise_power: Tensor, power: Tensor, keys: Tensor) -> Tensor:
        return pattern.repeat(len(symbols), symbols.shape[1] // pattern.shape[1])

    return Operation("perturb", run, batch)

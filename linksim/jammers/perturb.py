"""Operations that compute the perturbations of an adversarial jammer: one perturbation per item, or a universal one.

Both take (named tensors with symbols complex [items, channel_uses], gain, noise power [items], jamming power [items], keys [items, 3])
and return perturbations, complex [items, channel_uses], of unit mean power per item. The jammer attacks an assumed receiver, which
decodes each image of an item separately. The jammer has no keys, so it treats a permuted item like an undefended one.

The receiver is an argument, because the threat model decides it: Bob's own decoder (`undefended_receiver`) or an inverse network that the
attacker has trained on captured pairs of images and symbols (`surrogate_receiver`). `attacks.perturbation` has the ascent and its source.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from linksim.attacks.model_inversion import invert_frames
from linksim.attacks.perturbation import perturbation
from linksim.link import OfflineLink
from linksim.nets.inverters import Inverter
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise
from linksim.scenario.channel import Equaliser
from linksim.schemes.parameters import uniform_parameters
from linksim.worker import Named, Operation

Receiver = Callable[[ReceivedSymbols], Tensor]  # received symbols of items -> images [items, ...]


def undefended_receiver(link: OfflineLink) -> Receiver:
    """Bob's own receiver without the layers of his stack: the jammer knows his codec but not his keys.

    link  undefended link, whose scheme negotiates nothing and draws no noise
    """
    length = link.scheme.channel_uses

    def receive(received: ReceivedSymbols) -> Tensor:
        items, channel_uses = received.symbols.shape
        count = items * channel_uses // length
        symbols, gain = (part.expand(items, channel_uses).reshape(count, length) for part in (received.symbols, received.gain))
        separate = replace(received, symbols=symbols, gain=gain, noise_power=received.noise_power.repeat_interleave(count // items))
        decoded = link.receive(separate, uniform_parameters(0.0, count, device=symbols.device)).shown()
        return decoded.reshape(items, -1, *decoded.shape[1:])

    return receive


def surrogate_receiver(inverter: Inverter) -> Receiver:
    """Surrogate of Bob's receiver: an inverse network that was trained on captured pairs."""
    return lambda received: invert_frames(
        inverter.invert, inverter.channel_uses, received, received.symbols.shape[1] // inverter.channel_uses
    )


@dataclass(frozen=True)
class PerturbationOptimiser:
    """Gradient ascent on the error of an assumed receiver.

    receive    assumed receiver, differentiable
    equaliser  equaliser of the assumed receiver
    steps      number of ascent steps, at least 1
    """

    receive: Receiver
    equaliser: Equaliser
    steps: int

    def __call__(self, symbols: Tensor, gain: Tensor, noise_power: Tensor, power: Tensor, start: Tensor) -> Tensor:
        """Perturbations of unit mean power, complex [items, channel_uses], see `attacks.perturbation.perturbation`.

        The assumed receiver knows gain, noise power and jamming power, and the perturbation arrives in phase with the signal.

        symbols             transmitted symbols, complex [items, channel_uses]
        gain                complex [items, 1] or [items, channel_uses]
        noise_power, power  noise and jamming power, real [items]
        start               initial perturbations, complex [items or 1, channel_uses]
        """
        with torch.inference_mode(False):  # tensors that require gradients must not be created in inference mode
            gain, level = gain.clone(), noise_power + power
            jamming_gain = power.sqrt()[:, None] * gain.sgn()  # sgn of a complex number is gain / |gain|

            def receive(received: Tensor) -> Tensor:
                return self.receive(ReceivedSymbols(received, gain, level, self.equaliser))

            return perturbation(receive, gain * symbols, jamming_gain, start, self.steps)


def per_frame(optimiser: PerturbationOptimiser, batch: int) -> Operation:
    """Operation that computes a separate perturbation for every item, from a random start.

    optimiser  ascent against the assumed receiver
    batch      number of items per call of the operation
    """

    def run(sent: Named, gain: Tensor, noise_power: Tensor, power: Tensor, keys: Tensor) -> Tensor:
        symbols = sent["symbols"]
        return optimiser(symbols, gain, noise_power, power, Noise(keys).complex(symbols.shape[1]))

    return Operation("perturb", run, batch)


def universal_perturbation(
    optimiser: PerturbationOptimiser, captured: Tensor, noise_power: float, power: float, start: Tensor, batch: int
) -> Operation:
    """Operation that applies one perturbation to all images. The perturbation is computed by this call.

    optimiser           ascent against the assumed receiver
    captured            symbols of single images, complex [n, channel_uses]
    noise_power, power  expected noise and jamming power, relative to unit signal power
    start               initial perturbation, complex [1, channel_uses]
    batch               number of items per call of the operation

    The perturbation maximises the error summed over the captured images. It is repeated for every image of an item.
    """
    gain, levels = torch.ones_like(captured[:, :1]), torch.ones(len(captured), device=captured.device)
    pattern = optimiser(captured, gain, noise_power * levels, power * levels, start)

    def run(sent: Named, gain: Tensor, noise_power: Tensor, power: Tensor, keys: Tensor) -> Tensor:
        symbols = sent["symbols"]
        return pattern.repeat(len(symbols), symbols.shape[1] // pattern.shape[1])

    return Operation("perturb", run, batch)

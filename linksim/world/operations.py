"""What the nodes of a group of lanes have the worker do: each node's pure function, with its batch size, as an operation."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from linksim.attacks.inversion import closed_box
from linksim.metrics import mse, ssim
from linksim.nets.classifiers import Classifier
from linksim.nets.inverters import InverseNet
from linksim.phy.link import Heard, transmit
from linksim.phy.noise import Noise
from linksim.schemes.base import Scheme
from linksim.schemes.terms import Terms, rebuilt
from linksim.worker import Operation

AIR_BATCH = 256  # the air's arithmetic is light: any large batch will do
SCORE_BATCH = 64  # images; with more, what SSIM holds at a time no longer fits a core's cache (measured: 36 against 64 us per image)


@dataclass(frozen=True)
class Precision:
    """How an operation's networks are run: torch's autocast to bfloat16, or float32 as the weights are."""

    bfloat16: bool
    device: torch.device

    def __call__(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, torch.bfloat16) if self.bfloat16 else nullcontext()


def source(pictures: Tensor, batch: int) -> Operation:
    """indices int64 [items, k] -> images float [items, k, c, h, w] in 0..1, from uint8 pictures [n, h, w, c]."""

    def run(indices: Tensor) -> Tensor:
        # the memory stays colour-last, which is what convolutions on a CPU like best
        return (pictures[indices].float() / 255.0).permute(0, 1, 4, 2, 3)

    return Operation("source", run, batch)


def send(scheme: Scheme, terms: Terms, batch: int, precision: Precision) -> Operation:
    """(images [items, k, c, h, w], noise keys [items, 3], leaves of terms) -> symbols complex [items, uses]."""

    def run(images: Tensor, keys: Tensor, *leaves: Tensor) -> Tensor:
        with precision():
            return scheme.send(images, rebuilt(terms, iter(leaves)), Noise(keys))

    return Operation("send", run, batch)


def receive(scheme: Scheme, terms: Terms, batch: int, precision: Precision) -> Operation:
    """(heard complex [items, uses], gain, noise power [items], noise keys [items, 3], leaves of terms) -> images [items, k, c, h, w]."""

    def run(symbols: Tensor, gain: Tensor, noise_power: Tensor, keys: Tensor, *leaves: Tensor) -> Tensor:
        with precision():
            return scheme.receive(Heard(symbols, gain, noise_power), rebuilt(terms, iter(leaves)), Noise(keys))

    return Operation("receive", run, batch)


def carry() -> Operation:
    """(symbols complex [items, uses], gain, noise power [items], noise keys [items, 3]) -> heard complex [items, uses]."""

    def run(symbols: Tensor, gain: Tensor, noise_power: Tensor, keys: Tensor) -> Tensor:
        return transmit(symbols, gain, noise_power, Noise(keys).complex(symbols.shape[1]))

    return Operation("carry", run, AIR_BATCH)


def carry_jammed() -> Operation:
    """As `carry`, and (jamming power [items, uses], jamming keys [items, 3])."""

    def run(symbols: Tensor, gain: Tensor, noise_power: Tensor, keys: Tensor, jam_power: Tensor, jam_keys: Tensor) -> Tensor:
        uses = symbols.shape[1]
        jamming = jam_power.sqrt() * Noise(jam_keys).complex(uses)
        return transmit(symbols, gain, noise_power, Noise(keys).complex(uses), jamming)

    return Operation("carry jammed", run, AIR_BATCH)


def invert(inverter: InverseNet, images: int, batch: int, precision: Precision) -> Operation:
    """(heard complex [items, uses], gain, noise power [items]) -> Eve's pictures [items, images, c, h, w]."""

    def run(symbols: Tensor, gain: Tensor, noise_power: Tensor) -> Tensor:
        with precision():
            return closed_box(inverter, Heard(symbols, gain, noise_power), images)

    return Operation("invert", run, batch)


def score(classifier: Classifier | None, batch: int, precision: Precision) -> Operation:
    """(estimates, images), both [items, k, c, h, w] in 0..1 -> [items, k, 3]: mse, ssim, predicted class (-1 without a classifier)."""

    def run(estimates: Tensor, images: Tensor) -> Tensor:
        shape = estimates.shape[:2]
        estimates, images = estimates.flatten(0, 1), images.flatten(0, 1)
        if classifier is None:
            predicted = torch.full((len(images),), -1.0, device=images.device)
        else:
            with precision():
                predicted = classifier(estimates).argmax(dim=1).float()
        return torch.stack([mse(estimates, images), ssim(estimates, images), predicted], dim=1).view(*shape, 3)

    return Operation("score", run, batch)

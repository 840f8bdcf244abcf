"""What the nodes of a group of links have the worker do: each node's pure function, with its batch size, as an operation."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import permutations

import torch
from torch import Tensor

from linksim.attacks.model_inversion import Reassemble, SymbolDecoder, invert_frames
from linksim.metrics import mse, ssim
from linksim.nets.classifiers import Classifier
from linksim.phy.baseband import ReceivedSymbols, transmit
from linksim.phy.noise import Noise
from linksim.scenario.channel import Equaliser
from linksim.schemes.base import Scheme, fill_erasures, is_erased
from linksim.schemes.parameters import FrameParameters, unflatten
from linksim.worker import Operation

AIR_BATCH = 256  # the air's arithmetic is light: any large batch will do
SCORE_BATCH = 64  # images; with more, what SSIM holds at a time no longer fits a core's cache (measured: 36 against 64 us per image)


@dataclass(frozen=True)
class Precision:
    """How an operation's networks are replication: torch's autocast to bfloat16, or float32 as the weights are."""

    bfloat16: bool
    device: torch.device

    def __call__(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, torch.bfloat16) if self.bfloat16 else nullcontext()


def source(pictures: Tensor, batch: int) -> Operation:
    """indices int64 [items, k] -> images float [items, k, c, h, w] in 0..1, from uint8 images [n, h, w, c]."""

    def run(indices: Tensor) -> Tensor:
        # the memory stays colour-last, which is what convolutions on a CPU like best
        return (pictures[indices].float() / 255.0).permute(0, 1, 4, 2, 3)

    return Operation("dataset", run, batch)


def send(scheme: Scheme, parameters: FrameParameters, batch: int, precision: Precision) -> Operation:
    """(images [items, k, c, h, w], noise keys [items, 3], leaves of terms) -> symbols complex [items, uses]."""

    def run(images: Tensor, keys: Tensor, *flatten: Tensor) -> Tensor:
        with precision():
            return scheme.send(images, unflatten(parameters, iter(flatten)), Noise(keys))

    return Operation("send", run, batch)


def receive(scheme: Scheme, parameters: FrameParameters, equaliser: Equaliser, batch: int, precision: Precision) -> Operation:
    """(received complex [items, uses], gain, noise power [items], noise keys [items, 3], leaves of terms) -> images [items, k, c, h, w]."""

    def run(symbols: Tensor, gain: Tensor, noise_power: Tensor, keys: Tensor, *flatten: Tensor) -> Tensor:
        with precision():
            return scheme.receive(ReceivedSymbols(symbols, gain, noise_power, equaliser), unflatten(parameters, iter(flatten)), Noise(keys))

    return Operation("receive", run, batch)


def carry() -> Operation:
    """(symbols complex [items, uses], gain, noise power [items], noise keys [items, 3]) -> received complex [items, uses]."""

    def run(symbols: Tensor, gain: Tensor, noise_power: Tensor, keys: Tensor) -> Tensor:
        return transmit(symbols, gain, noise_power, Noise(keys).complex(symbols.shape[1]))

    return Operation("carry", run, AIR_BATCH)


def carry_jammed() -> Operation:
    """As `carry`, and (jamming complex [items, uses], as it arrives)."""

    def run(symbols: Tensor, gain: Tensor, noise_power: Tensor, keys: Tensor, jamming: Tensor) -> Tensor:
        return transmit(symbols, gain, noise_power, Noise(keys).complex(symbols.shape[1]), jamming)

    return Operation("carry jammed", run, AIR_BATCH)


def gaussian() -> Operation:
    """(jamming power [items, uses], keys [items, 3]) -> Gaussian jamming complex [items, uses]."""

    def run(power: Tensor, keys: Tensor) -> Tensor:
        return power.sqrt() * Noise(keys).complex(power.shape[1])

    return Operation("gaussian jamming", run, AIR_BATCH)


def semantic() -> Operation:
    """(perturbation complex [items, uses], jamming power [items, uses], phasor [items, uses] or [items, 1]) -> jamming, as it arrives."""

    def run(pattern: Tensor, power: Tensor, phasor: Tensor) -> Tensor:
        return power.sqrt() * phasor * pattern

    return Operation("semantic jamming", run, AIR_BATCH)


def fill_in() -> Operation:
    """(images, what an earlier transmission left of them), both [items, k, c, h, w] and NaN where lacking -> all that there are."""

    def run(images: Tensor, earlier: Tensor) -> Tensor:
        return torch.where(images.isnan(), earlier, images)

    return Operation("fill in", run, AIR_BATCH)


def invert(
    undo: SymbolDecoder,
    channel_uses: int,
    images: int,
    reassemble: Reassemble | None,
    equaliser: Equaliser,
    batch: int,
    precision: Precision,
) -> Operation:
    """(received complex [items, n * uses], gain, noise power [items]) -> Eve's images [items, images, c, h, w]."""

    def run(symbols: Tensor, gain: Tensor, noise_power: Tensor) -> Tensor:
        with precision():
            return invert_frames(undo, channel_uses, ReceivedSymbols(symbols, gain, noise_power, equaliser), images, reassemble)

    return Operation("invert", run, batch)


def match() -> Operation:
    """(estimates, images), both [items, k, c, h, w] in 0..1 -> the estimates of each item in the order that fits the images best."""

    def run(estimates: Tensor, images: Tensor) -> Tensor:
        error = (estimates[:, :, None] - images[:, None]).square().flatten(3).mean(dim=3)  # [items, estimate, image]
        orders = torch.tensor(list(permutations(range(images.shape[1]))), device=images.device)
        total = error[:, orders, torch.arange(images.shape[1], device=images.device)].sum(dim=2)  # [items, orders]
        best = orders[total.argmin(dim=1)]
        return estimates[torch.arange(len(images), device=images.device)[:, None], best]

    return Operation("match", run, SCORE_BATCH)


def classes(classifier: Classifier, batch: int, precision: Precision) -> Operation:
    """(images, what was sent in their place), both [items, k, c, h, w] in 0..1 -> the class of either, int64 [items, k, 2]."""

    def run(images: Tensor, sent: Tensor) -> Tensor:
        both = torch.stack([images, sent], dim=2)
        with precision():
            logits: Tensor = classifier(both.flatten(0, 2))
        return logits.argmax(dim=1).view(both.shape[:3])

    return Operation("classes", run, batch)


def score(classifier: Classifier | None, batch: int, precision: Precision) -> Operation:
    """(estimates, images, both [items, k, c, h, w] in 0..1, their `classes`) -> [items, k, 6]: mse, ssim, predicted class (-1 without a
    classifier), the `classes`, and 1 where the estimate is lacking, for which grey is scored."""

    def run(estimates: Tensor, images: Tensor, classes: Tensor) -> Tensor:
        shape = estimates.shape[:2]
        estimates, images = estimates.flatten(0, 1), images.flatten(0, 1)
        grey = is_erased(estimates).float()
        estimates = fill_erasures(estimates)
        if classifier is None:
            predicted = torch.full((len(images),), -1.0, device=images.device)
        else:
            with precision():
                predicted = classifier(estimates).argmax(dim=1).float()
        clean, source = classes.flatten(0, 1).float().unbind(dim=1)
        scores = mse(estimates, images), ssim(estimates, images), predicted, clean, source, grey
        return torch.stack(scores, dim=1).view(*shape, len(scores))

    return Operation("score", run, batch)

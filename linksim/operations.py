"""The operations that the nodes of a group of links submit to the worker: each is a pure function of batches with its batch size.

    Alice       load_images --> [attack on the source] --> send
    air         apply_channel, or apply_jammed_channel with gaussian_jamming or adversarial_jamming
    Bob         receive, merge_transmissions
    Eve         eve_decode, eve_encode

`scoring` has the operations that classify and score images.

The functions here make an `Operation` from the networks and options of a group, once per group (`linksim.simulate`). Their first lines
state the inputs and the result of the operation; all arrays have one row per item. `k` is the number of images per item, and noise keys are
int64 [items, 3] from `phy.noise.item_keys`: a draw depends on the key of its item only, so it is the same in every batch. The arguments
`batch` and `precision` are the number of items per call and the precision of the networks.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from linksim.attacks.model_inversion import Reassemble, SymbolDecoder, SymbolEncoder, invert_frames
from linksim.phy.baseband import ReceivedSymbols, transmit
from linksim.phy.noise import Noise
from linksim.reconstruction import Reconstruction
from linksim.scenario.channel import Equaliser
from linksim.schemes.base import Scheme
from linksim.schemes.parameters import FrameParameters, unflatten
from linksim.worker import Named, Operation

DecodedAs = Literal["images", "logits"]  # what an attack decodes symbols to
CHANNEL_BATCH = 256  # items; the arithmetic of the channel is cheap, so any large batch size is fast


@dataclass(frozen=True)
class Precision:
    """The precision of an operation's networks. Each call returns a new context in which they run.

    bfloat16  True for autocast of torch to bfloat16, False for float32 like the weights
    device    device of the networks

    >>> with Precision(True, torch.device("cpu"))():
    ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    torch.bfloat16
    """

    bfloat16: bool
    device: torch.device

    def __call__(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, torch.bfloat16) if self.bfloat16 else nullcontext()


def load_images(dataset: Tensor, batch: int) -> Operation:
    """Indices int64 [items, k] -> images float [items, k, c, h, w] in 0..1.

    dataset  all images, uint8 [n, c, h, w], on the device of the run

    >>> load_images(torch.full((5, 3, 2, 2), 51, dtype=torch.uint8), 8).run(torch.tensor([[4]])).shape
    torch.Size([1, 1, 3, 2, 2])
    """

    def run(indices: Tensor) -> Tensor:
        return dataset[indices].float().div_(255.0)

    return Operation("load_images", run, batch)


def send(scheme: Scheme, parameters: FrameParameters, batch: int, precision: Precision) -> Operation:
    """(images [items, k, c, h, w], noise keys [items, 3], flattened parameters) -> symbols complex [items, channel_uses] and power.

    The power, float [items], is the mean radiated power per complex symbol, to which SNR and jamming-to-signal ratio refer.

    scheme      the outermost scheme of the group's stack
    parameters  any parameters with the nesting of the scheme's own, such as `Stack.example_parameters()`
    """

    def run(images: Tensor, keys: Tensor, *arrays: Tensor) -> Named:
        with precision():
            symbols = scheme.send(images, unflatten(parameters, iter(arrays)), Noise(keys))
        return {"symbols": symbols, "power": torch.view_as_real(symbols).square().sum(dim=2).mean(dim=1)}

    return Operation("send", run, batch)


def receive(
    scheme: Scheme, parameters: FrameParameters, equaliser: Equaliser, batch: int, precision: Precision, keep_undenoised: bool = False
) -> Operation:
    """(received symbols complex [items, channel_uses], gain, noise power [items], noise keys [items, 3], flattened parameters) -> parts.

    The result is the named tensors of a reconstruction, see `Reconstruction.tensors`. The gain is complex [items, channel_uses], or
    [items, 1] if it is constant; gain and noise power are the receiver's estimates, which may differ from those of the channel.

    scheme           the outermost scheme of the group's stack
    parameters       any parameters with the nesting of the scheme's own
    equaliser        Bob's equaliser
    keep_undenoised  keep the images before denoising, if the scheme has them, for `disagree`
    """

    def run(symbols: Tensor, gain: Tensor, noise_power: Tensor, keys: Tensor, *arrays: Tensor) -> Named:
        received = ReceivedSymbols(symbols, gain, noise_power, equaliser)
        with precision():
            found = scheme.receive(received, unflatten(parameters, iter(arrays)), Noise(keys))
        return (found if keep_undenoised else replace(found, undenoised=None)).tensors()

    return Operation("receive", run, batch)


def apply_channel() -> Operation:
    """(result of `send`, gain, noise power [items], noise keys [items, 3]) -> received symbols complex [items, channel_uses].

    The gain is that of the channel, complex [items, channel_uses] or [items, 1]; the noise power is N0 per complex symbol, linear.

    >>> sent = {"symbols": torch.ones(1, 3, dtype=torch.complex64), "power": torch.ones(1)}
    >>> apply_channel().run(sent, torch.tensor([[2j]]), torch.zeros(1), torch.zeros(1, 3, dtype=torch.int64)).tolist()
    [[2j, 2j, 2j]]
    """

    def run(sent: Named, gain: Tensor, noise_power: Tensor, keys: Tensor) -> Tensor:
        symbols = sent["symbols"]
        return transmit(symbols, gain, noise_power, Noise(keys).complex(symbols.shape[1]))

    return Operation("apply_channel", run, CHANNEL_BATCH)


def apply_jammed_channel() -> Operation:
    """As `apply_channel`, with the jamming at the receiver, complex [items, channel_uses], as an additional input."""

    def run(sent: Named, gain: Tensor, noise_power: Tensor, keys: Tensor, jamming: Tensor) -> Tensor:
        symbols = sent["symbols"]
        return transmit(symbols, gain, noise_power, Noise(keys).complex(symbols.shape[1]), jamming)

    return Operation("apply_jammed_channel", run, CHANNEL_BATCH)


def gaussian_jamming() -> Operation:
    """(jamming power [items, channel_uses], noise keys [items, 3]) -> Gaussian jamming complex [items, channel_uses].

    The power is that at the receiver, linear, of each channel use; 0 where the jammer is silent.
    """

    def run(power: Tensor, keys: Tensor) -> Tensor:
        return power.sqrt() * Noise(keys).complex(power.shape[1])

    return Operation("gaussian_jamming", run, CHANNEL_BATCH)


def adversarial_jamming() -> Operation:
    """(perturbation, jamming power, phasor [items, channel_uses] or [items, 1]) -> jamming at the receiver.

    Perturbation, power and result are [items, channel_uses]; perturbation, phasor and result are complex. The perturbation has unit mean
    power over the item, and the phasor has magnitude one: it is the phase with which the perturbation arrives.
    """

    def run(perturbation: Tensor, power: Tensor, phasor: Tensor) -> Tensor:
        return power.sqrt() * phasor * perturbation

    return Operation("adversarial_jamming", run, CHANNEL_BATCH)


def merge_transmissions() -> Operation:
    """(reconstruction from the newest transmission, merged reconstruction from earlier ones) -> merged reconstruction.

    Images that are erased in the newest transmission are taken from the earlier ones; see `Reconstruction.merge`.

    >>> newest = {"logits": torch.tensor([[[1.0], [1.0]]]), "erased": torch.tensor([[False, True]])}
    >>> earlier = {"logits": torch.tensor([[[2.0], [2.0]]]), "erased": torch.tensor([[True, False]])}
    >>> {name: part.flatten().tolist() for name, part in merge_transmissions().run(newest, earlier).items()}
    {'logits': [1.0, 2.0], 'erased': [False, False]}
    """

    def run(newest: Named, earlier: Named) -> Named:
        return Reconstruction.of(newest).merge(Reconstruction.of(earlier)).tensors()

    return Operation("merge_transmissions", run, CHANNEL_BATCH)


def eve_decode(
    decode: SymbolDecoder,
    channel_uses: int,
    images: int,
    reassemble: Reassemble | None,
    equaliser: Equaliser,
    batch: int,
    precision: Precision,
    result: DecodedAs = "images",
) -> Operation:
    """(received symbols complex [items, n * channel_uses], gain, noise power [items]) -> Eve's reconstruction.

    decode        her inversion of the encoder: symbols complex [images, channel_uses] -> images [images, c, h, w] in 0..1, or logits
    channel_uses  symbols per image that `decode` takes
    images        images per item; further symbols of an item belong to a companion of noise and are dropped, n >= images
    reassemble    restores the order of permuted rows first, None to leave the symbols in the received order
    equaliser     Eve's equaliser
    result        what `decode` returns
    """

    def run(symbols: Tensor, gain: Tensor, noise_power: Tensor) -> Named:
        received = ReceivedSymbols(symbols, gain, noise_power, equaliser)
        with precision():
            return {result: invert_frames(decode, channel_uses, received, images, reassemble)}

    return Operation("eve_decode", run, batch)


def eve_encode(encode: SymbolEncoder, batch: int, precision: Precision) -> Operation:
    """(images [items, k, c, h, w] in 0..1) -> the symbols that Eve expects for them, complex [items, k * channel_uses].

    encode     her copy of Alice's encoder: images [n, c, h, w] -> symbols complex [n, channel_uses]
    """

    def run(images: Tensor) -> Tensor:
        with precision():
            return encode(images.flatten(0, 1)).reshape(len(images), -1)

    return Operation("eve_encode", run, batch)

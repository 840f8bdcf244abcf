"""Factories of Eve's attacks. An attack is declared in `linksim.scenario.attacks`, with the import path of its factory here.

    inverse-network   black box (MIEA Sec. III-B)   symbols --> trained inverse network --> images
    white-box         white box (MIEA Sec. III-A)   symbols --> search through a copy of Alice's encoder --> images
    key-learning      permutation keys of earlier frames, then an inverse network

The first two invert frame by frame: one operation of the worker, shared by all links with equal options. They may restore the order of
permuted rows first (`reassembly: jigsaw`). Key learning has memory, so every link has an attack object of its own. The attacks with a prior
of images have their factories in `simulate.prior_attacks`.

What an attacker knows is decided here. The factories give an attack only what its options grant: the codec for a white-box attack, or the
row statistics of unprotected frames for a jigsaw. They never give it keys or parameters of a session.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from linksim import operations
from linksim.attacks.attack import Attack, OperationAttack
from linksim.attacks.jigsaw import reorder_pair
from linksim.attacks.key_learning import KeyLearning, KeyLearningTools
from linksim.attacks.model_inversion import Reassemble, SymbolDecoder, SymbolEncoder
from linksim.attacks.row_model import GaussMarkovRowModel, real_rows
from linksim.attacks.white_box import WhiteBoxSettings, white_box
from linksim.data.sources import load
from linksim.errors import LinksimError
from linksim.link import OfflineLink
from linksim.nets.cards import RuntimeSettings
from linksim.nets.codecs import Codec
from linksim.nets.inverters import Inverter
from linksim.nets.weights import TrainedModel
from linksim.operations import Precision
from linksim.rng import StreamKey, Streams, generator
from linksim.scenario.attacks import (
    WHITE_BOX_BATCH,
    InverseNetworkAttack,
    KeyLearningAttack,
    MapInversionAttack,
    ReorderingOptions,
    WhiteBoxAttack,
)
from linksim.scenario.base import component_of
from linksim.scenario.layers import PermutationOptions
from linksim.scenario.schema import LinkOptions
from linksim.scenario.schemes import CodecSchemeOptions
from linksim.schemes.base_schemes import BaseScheme
from linksim.schemes.deepjscc import DeepJscc
from linksim.schemes.stack import Stack
from linksim.worker import Operation, Worker

CAPTURE_BATCH = 50  # images that are encoded at a time


@dataclass(frozen=True)
class EveContext:
    """What Eve's attack on a link is built from. A factory must use only what its options grant.

    worker     runs the attack's operations
    options    options of the link; `options.eve` are those of the attack
    base       base scheme of the link
    stack      stack of the link
    dataset    name of the dataset, whose training images Eve may have; the run sends images of the test split
    streams    random streams of the run; an attack takes streams with names of its own, such as "eve/captured"
    load       (name, kind) -> trained model; raises LinksimError if it is missing or does not fit the images
    precision  runtime settings -> precision of an operation
    cached     (key, make) -> operation that all links with an equal key share; the key must contain every option that `make` uses
    place      number of the link in its group, for streams that differ between links
    """

    worker: Worker
    options: LinkOptions
    base: BaseScheme
    stack: Stack
    dataset: str
    streams: Streams
    load: Callable[[str, str], TrainedModel]
    precision: Callable[[RuntimeSettings], Precision]
    cached: Callable[[tuple[object, ...], Callable[[], Operation]], Operation]
    place: int


def make_attack(context: EveContext) -> Attack:
    """Return a new attack of Eve on one link, of any declared component, also one from outside the package.

    Raises LinksimError if the attack does not fit the link, or if its factory returns something else than an `Attack`.
    """
    made = component_of(context.options.eve).load()(context.options.eve, context)
    if not isinstance(made, Attack):
        attack = context.options.eve.attack
        raise LinksimError(f"the factory of attack {attack!r} must return a linksim.attacks.attack.Attack, got {type(made).__name__}")
    return made


def make_inverse_network(options: InverseNetworkAttack, context: EveContext) -> Attack:
    """Factory of the attack `inverse-network`, Eq. (6). Batch size and precision are those of the inverse network's card.

    Raises LinksimError if the network takes another number of symbols per image than the link sends.
    """
    model = context.load(options.inverter, "inverter")
    assert isinstance(model.network, Inverter)
    return inversion(options, context, model.network.invert, model.network.channel_uses, model.runtime)


def make_white_box(options: WhiteBoxAttack, context: EveContext) -> Attack:
    """Factory of the attack `white-box`. Raises LinksimError if the scheme has no codec or the start's inverse network does not fit it."""
    codec = codec_of(context)
    if codec is None:
        raise LinksimError(f"attack 'white-box' needs the encoder of a codec; scheme {context.options.scheme[-1].name!r} has none")
    settings = WhiteBoxSettings(options.learning_rate, options.iterations, options.tv_weight, options.tolerance)
    encode, first_images = alices_encoder(codec, options.assumed_snr_db), search_start(options, context, codec)

    def decode(received: Tensor) -> Tensor:
        return white_box(encode, received, first_images(received), settings)

    return inversion(options, context, decode, codec.channel_uses, RuntimeSettings(WHITE_BOX_BATCH, "float32"))


def search_start(options: WhiteBoxAttack | MapInversionAttack, context: EveContext, codec: Codec) -> SymbolDecoder:
    """Return the function from equalised symbols to the images at which a white-box search starts.

    Raises LinksimError if the start is an inverse network for another number of symbols or another size of images than the codec's.
    """
    image = (codec.colours, codec.side, codec.side)
    if options.start == "inverse-network":
        inverter = context.load(options.inverter, "inverter").network
        assert isinstance(inverter, Inverter)
        if inverter.channel_uses != codec.channel_uses:
            raise LinksimError(
                f"start 'inverse-network': {options.inverter!r} takes {inverter.channel_uses} symbols per image, the link sends "
                f"{codec.channel_uses}"
            )
        return inverter.invert
    mean = torch.zeros(image)
    if options.start == "mean":
        pixels = load(context.dataset, "train").images
        mean = torch.from_numpy(pixels.mean(axis=0, dtype=np.float64) / 255.0).float().permute(2, 0, 1)
    return lambda received: mean.to(received.device).expand(len(received), *image)


def inversion(
    options: ReorderingOptions, context: EveContext, decode: SymbolDecoder, channel_uses: int, runtime: RuntimeSettings
) -> Attack:
    """Return the attack that inverts the encoder, after an optional reordering of permuted pairs.

    decode        symbols complex [images, channel_uses] -> images [images, c, h, w] in 0..1
    channel_uses  symbols per image that `decode` takes
    runtime       batch size in images, and precision of `decode`
    """
    link, base, images = context.options, context.base, context.stack.scheme.images_per_item
    if channel_uses != base.scheme.channel_uses:
        raise LinksimError(f"Eve's attack takes {channel_uses} symbols per image, the link sends {base.scheme.channel_uses}")
    jigsaw, equaliser = options.reassembly == "jigsaw", link.channel.eve.equaliser
    batch, precision = max(1, runtime.batch // images), context.precision(runtime)

    def make() -> Operation:
        reassemble = _jigsaw(options, context) if jigsaw else None
        return operations.eve_decode(decode, channel_uses, images, reassemble, equaliser, batch, precision)

    key: tuple[object, ...] = ("eve_decode", options, link.scheme[-1], images, context.stack.scheme.channel_uses, equaliser)
    if jigsaw:
        key = (*key, context.stack.identity, link.alice.assumed_snr_db)
    return OperationAttack(context.worker, context.cached(key, make), ambiguous_order=jigsaw and images > 1)


def make_key_learning(options: KeyLearningAttack, context: EveContext) -> Attack:
    """Factory of the attack `key-learning`.

    Eve has a copy of Alice's encoder, which runs in float32 at any precision of the run, an inverse network, and row statistics of
    unprotected frames.

    Raises LinksimError if the link does not permute the rows of pairs of images from a codec, or if the network does not fit the codec.
    """
    stack, codec, inverter = context.stack, codec_of(context), context.load(options.inverter, "inverter")
    layers = context.options.scheme[:-1]
    rows_only = len(layers) == 1 and isinstance(layers[0], PermutationOptions) and layers[0].granularity == "row"
    if codec is None or not rows_only or stack.noise_companion or stack.scheme.images_per_item != 2:
        raise LinksimError("attack 'key-learning' needs pairs of images from a codec under one layer 'permutation' of granularity 'row'")
    assert isinstance(inverter.network, Inverter)
    if inverter.network.channel_uses != codec.channel_uses:
        raise LinksimError(f"Eve's attack takes {inverter.network.channel_uses} symbols per image, the link sends {codec.channel_uses}")
    invert, batch, precision = inverter.network.invert, max(1, inverter.runtime.batch // 2), context.precision(inverter.runtime)
    encode = alices_encoder(codec, options.assumed_snr_db)

    def make_decode() -> Operation:
        return operations.eve_decode(invert, codec.channel_uses, 2, None, "zero-forcing", batch, precision)

    def make_encode() -> Operation:
        return operations.eve_encode(encode, CAPTURE_BATCH // 2, Precision(False, precision.device))

    captured = context.streams.key("eve/captured")
    tools = KeyLearningTools(
        model=row_model(codec, context.dataset, options.num_captured_frames, captured, options.assumed_snr_db),
        encode=context.cached(("eve_encode", context.options.scheme[-1], options.assumed_snr_db), make_encode),
        decode=context.cached(("eve_decode_rows", options.inverter), make_decode),
    )
    return KeyLearning(context.worker, tools, options.knowledge, options.num_learning_frames, options.memory_size)


def codec_of(context: EveContext) -> Codec | None:
    """Return the codec of the link's base scheme, None if it has none."""
    base = context.options.scheme[-1]
    if not isinstance(base, CodecSchemeOptions):
        return None
    codec = context.load(base.codec, "codec").network
    assert isinstance(codec, Codec)
    return codec


def _jigsaw(options: ReorderingOptions, context: EveContext) -> Reassemble | None:
    """Return Eve's function that restores the row order of pairs, None if every item is one image without a companion."""
    stack, images, codec = context.stack, context.stack.scheme.images_per_item, codec_of(context)
    if not stack.noise_companion and images == 1:
        return None
    if stack.noise_companion or images > 2 or codec is None:
        raise LinksimError("reassembly 'jigsaw' needs pairs of images from a codec, without a companion of noise")
    draw = context.streams.key("eve/captured")
    model = row_model(codec, context.dataset, options.num_captured_frames, draw, context.options.alice.assumed_snr_db)

    def reassemble(pairs: Tensor, noise_power: Tensor) -> Tensor:
        received = real_rows(pairs.cpu().numpy(), codec.rows)
        reordered = [reorder_pair(pair, model, noise / 2.0) for pair, noise in zip(received, noise_power.tolist(), strict=True)]
        return torch.from_numpy(np.stack(reordered).view(np.complex64).reshape(pairs.shape)).to(pairs.device)

    return reassemble


@lru_cache(maxsize=4)
def row_model(codec: Codec, dataset: str, num_captured: int, draw: StreamKey, assumed_snr_db: float) -> GaussMarkovRowModel:
    """Return the row model that Eve fits to unprotected frames of training images. Equal arguments return the same object.

    The frames are captured without noise: the model describes the encoder's rows, and the attack adds the noise of each received frame.

    codec           Alice's codec
    dataset         name of the dataset; captured images come from its training split
    num_captured    number of captured images
    draw            key of the stream that selects them
    assumed_snr_db  SNR in dB for which Alice encodes them
    """
    pixels = load(dataset, "train").images
    device = next(codec.parameters()).device
    chosen = np.sort(generator(draw).permutation(len(pixels))[:num_captured])
    encode, frames = alices_encoder(codec, assumed_snr_db), []
    for indices in np.array_split(chosen, -(-len(chosen) // CAPTURE_BATCH)):
        images = torch.from_numpy(pixels[indices]).to(device).permute(0, 3, 1, 2).float() / 255.0
        with torch.inference_mode():
            frames.append(real_rows(encode(images).cpu().numpy(), codec.rows))
    return GaussMarkovRowModel(np.concatenate(frames))


def alices_encoder(codec: Codec, snr_db: float) -> SymbolEncoder:
    """Return Eve's copy of Alice's encoder without layers: images [n, c, h, w] in 0..1 -> symbols complex [n, channel_uses].

    codec   Alice's codec
    snr_db  SNR in dB for which Eve assumes that Alice encodes
    """
    link = OfflineLink(DeepJscc(codec))
    return lambda images: link.encode(images, snr_db)

"""Factories of Eve's attacks. An attack is declared in `linksim.scenario.nodes`, with the import path of its factory here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

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
from linksim.scenario.base import component_of
from linksim.scenario.nodes import InverseNetworkAttack, KeyLearningAttack, ReorderingOptions, WhiteBoxAttack
from linksim.scenario.schema import LinkOptions
from linksim.scenario.schemes import CodecSchemeOptions, PermutationOptions
from linksim.schemes.base_schemes import BaseScheme
from linksim.schemes.deepjscc import DeepJscc
from linksim.schemes.stack import Stack
from linksim.worker import Operation, Worker

CAPTURE_BATCH = 50  # images that are encoded at a time
WHITE_BOX_BATCH = 16  # images; more images of 128 x 128 pixels exceed a core's cache


@dataclass(frozen=True)
class EveContext:
    """What Eve's attack on a link is built from. A factory must use only what its options grant.

    worker     runs the attack's operations
    options    options of the link
    base       base scheme of the link
    stack      stack of the link
    dataset    name of the dataset, whose training images Eve may have
    streams    random streams of the run
    load       (name, kind) -> trained model
    precision  runtime settings -> precision of an operation
    cached     (key, make) -> operation that all links with an equal key share
    place      index of the link in its group
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
    """Return Eve's attack on a link. Raises LinksimError if it does not fit the link or is no `Attack`."""
    made = component_of(context.options.eve).load()(context.options.eve, context)
    if not isinstance(made, Attack):
        attack = context.options.eve.attack
        raise LinksimError(f"the factory of attack {attack!r} must return a linksim.attacks.attack.Attack, got {type(made).__name__}")
    return made


def make_inverse_network(options: InverseNetworkAttack, context: EveContext) -> Attack:
    """Factory of the attack `inverse-network`."""
    model = context.load(options.inverter, "inverter")
    assert isinstance(model.network, Inverter)
    return _inversion(options, context, model.network.invert, model.network.channel_uses, model.runtime)


def make_white_box(options: WhiteBoxAttack, context: EveContext) -> Attack:
    """Factory of the attack `white-box`. Raises LinksimError if the scheme has no codec."""
    codec = _codec(context)
    if codec is None:
        raise LinksimError(f"attack 'white-box' needs the encoder of a codec; scheme {context.options.scheme[-1].name!r} has none")
    settings = WhiteBoxSettings(options.learning_rate, options.iterations, options.tv_weight, options.tolerance)
    image = (codec.colours, codec.side, codec.side)
    decode = partial(white_box, alices_encoder(codec, options.assumed_snr_db), image=image, settings=settings)
    return _inversion(options, context, decode, codec.channel_uses, RuntimeSettings(WHITE_BOX_BATCH, "float32"))


def _inversion(
    options: ReorderingOptions, context: EveContext, decode: SymbolDecoder, channel_uses: int, runtime: RuntimeSettings
) -> Attack:
    """Return the attack that inverts the encoder, after an optional reordering of permuted pairs."""
    link, base, images = context.options, context.base, context.stack.scheme.images_per_item
    if channel_uses != base.scheme.channel_uses:
        raise LinksimError(f"Eve's attack takes {channel_uses} symbols per image, the link sends {base.scheme.channel_uses}")
    jigsaw, equaliser = options.reassembly == "jigsaw", link.channel.eve.equaliser
    batch, precision = max(1, runtime.batch // images), context.precision(runtime)

    def make() -> Operation:
        reassemble = _jigsaw(options, context) if jigsaw else None
        return operations.eve_decode(decode, channel_uses, images, reassemble, equaliser, batch, precision)

    key: tuple[object, ...] = ("eve_decode", options, link.scheme[-1], images, equaliser)
    if jigsaw:
        key = (*key, context.stack.identity, link.alice.assumed_snr_db)
    return OperationAttack(context.worker, context.cached(key, make), ambiguous_order=jigsaw and images > 1)


def make_key_learning(options: KeyLearningAttack, context: EveContext) -> Attack:
    """Factory of the attack `key-learning`. Raises LinksimError if the link does not permute the rows of pairs of images from a codec."""
    stack, codec, inverter = context.stack, _codec(context), context.load(options.inverter, "inverter")
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


def _codec(context: EveContext) -> Codec | None:
    """Return the codec of the link's base scheme, None if it has none."""
    base = context.options.scheme[-1]
    if not isinstance(base, CodecSchemeOptions):
        return None
    codec = context.load(base.codec, "codec").network
    assert isinstance(codec, Codec)
    return codec


def _jigsaw(options: ReorderingOptions, context: EveContext) -> Reassemble | None:
    """Return Eve's function that restores the row order of pairs, None if every item is one image without a companion."""
    stack, images, codec = context.stack, context.stack.scheme.images_per_item, _codec(context)
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

    dataset         name of the dataset
    num_captured    number of captured images
    draw            key of the stream that selects them
    assumed_snr_db  SNR for which Alice encodes them
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
    """Return Eve's copy of Alice's encoder without layers, for an assumed SNR: images [n, c, h, w] in 0..1 -> symbols [n, channel_uses]."""
    link = OfflineLink(DeepJscc(codec))
    return lambda images: link.encode(images, snr_db)

"""What Eve does with a frame, made from the words of a scenario: the one place to add another attack."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import torch
from torch import Tensor

from linksim.attacks.jigsaw import reorder_pair
from linksim.attacks.model_inversion import Reassemble, SymbolDecoder
from linksim.attacks.row_model import GaussMarkovRowModel, real_rows
from linksim.attacks.white_box import WhiteBoxSettings, white_box
from linksim.data.sources import load
from linksim.errors import LinksimError
from linksim.nets.cards import RuntimeSettings
from linksim.nets.codecs import Codec
from linksim.nets.inverters import Inverter
from linksim.nets.weights import TrainedModel
from linksim.rng import Key, generator
from linksim.scenario.nodes import InverseNetworkAttack, WhiteBoxAttack
from linksim.scenario.schemes import BaseSchemeOptions, CodecSchemeOptions

LoadModel = Callable[[str, str], TrainedModel]
CAPTURED_AT_ONCE = 50
SEARCHED_AT_ONCE = 16  # images; more of 128 x 128 pixels no longer fit a core's cache


@dataclass(frozen=True)
class Attack:
    """How Eve undoes the encoder.

    undo  symbols of one image -> its image
    uses  symbols per image that it takes
    best  batch size and precision
    """

    undo: SymbolDecoder
    channel_uses: int
    best: RuntimeSettings


def attack(spec: InverseNetworkAttack | WhiteBoxAttack, options: BaseSchemeOptions, load: LoadModel) -> Attack:
    """The attack that `spec` describes on a link whose core scheme is `link`. Raises LinksimError where she has nothing to go by."""
    match spec:
        case InverseNetworkAttack():
            part = load(spec.inverter, "inverter")
            assert isinstance(part.network, Inverter)
            return Attack(part.network.invert, part.network.channel_uses, part.best)
        case WhiteBoxAttack():
            if not isinstance(options, CodecSchemeOptions):
                raise LinksimError(f"attack 'white-box' searches through a codec's encoder; scheme {options.name!r} has none")
            codec = load(options.codec, "codec").network
            assert isinstance(codec, Codec)
            how = WhiteBoxSettings(spec.learning_rate, spec.iterations, spec.tv_weight, spec.tolerance)
            image = (codec.colours, codec.side, codec.side)
            undo = partial(white_box, partial(encoded, codec, spec.assumed_snr_db), image=image, how=how)
            return Attack(undo, codec.channel_uses, RuntimeSettings(SEARCHED_AT_ONCE, "float32"))


def jigsaw(codec: Codec, source: str, captures: int, draw: Key, assumed_snr_db: float) -> Reassemble:
    """How Eve puts pairs together, see `row_model`."""
    model = row_model(codec, source, captures, draw, assumed_snr_db)

    def reassemble(pairs: Tensor, noise_power: Tensor) -> Tensor:
        received = real_rows(pairs.cpu().numpy(), codec.rows)
        beam_search = [reorder_pair(pair, model, noise / 2.0) for pair, noise in zip(received, noise_power.tolist(), strict=True)]
        return torch.from_numpy(np.stack(beam_search).view(np.complex64).reshape(pairs.shape)).to(pairs.device)

    return reassemble


@lru_cache(maxsize=4)
def row_model(codec: Codec, source: str, captures: int, draw: Key, assumed_snr_db: float) -> GaussMarkovRowModel:
    """What Eve has learnt from the open frames of so many training images of `source`, drawn by `draw`. Same arguments, same model."""
    pixels = load(source, "train").images
    device = next(codec.parameters()).device
    chosen = np.sort(generator(draw).permutation(len(pixels))[:captures])
    frames = []
    for some in np.array_split(chosen, -(-len(chosen) // CAPTURED_AT_ONCE)):
        images = torch.from_numpy(pixels[some]).to(device).permute(0, 3, 1, 2).float() / 255.0
        with torch.inference_mode():
            frames.append(real_rows(encoded(codec, assumed_snr_db, images).cpu().numpy(), codec.rows))
    return GaussMarkovRowModel(np.concatenate(frames))


def encoded(codec: Codec, snr_db: float, images: Tensor) -> Tensor:
    """Images [n, c, h, w] -> symbols complex [n, uses], as Alice would encode them for `snr_db`."""
    assumed = torch.full((len(images),), snr_db, device=images.device)
    return codec.encode(images.contiguous(memory_format=torch.channels_last), assumed)

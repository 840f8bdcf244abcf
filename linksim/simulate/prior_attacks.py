"""Factories of Eve's attacks with a prior of images (Tang et al., Sec. III), declared in `linksim.scenario.attacks`.

    map-inversion               white box   symbols --> search for the most probable image, or latent code --> images
    generative-inverse-network  black box   symbols --> trained inverse network --> frozen generator --> images

The search uses gain and noise power as Eve knows them and the symbols before equalisation; only the inverse network of its start takes
equalised symbols. What an attacker knows is decided as in `simulate.eve_factory`.
"""

from collections.abc import Callable

from torch import Tensor

from linksim.attacks.attack import Attack, OperationAttack
from linksim.attacks.map_inversion import per_image, search_latents, search_pixels
from linksim.attacks.search import SearchSettings
from linksim.errors import LinksimError
from linksim.nets.cards import RuntimeSettings
from linksim.nets.codecs import Codec
from linksim.nets.generator import Generator
from linksim.nets.inverters import Inverter
from linksim.phy.baseband import ReceivedSymbols, equalise
from linksim.scenario.attacks import WHITE_BOX_BATCH, GenerativeInverseNetworkAttack, MapInversionAttack
from linksim.simulate.eve_factory import EveContext, alices_encoder, codec_of, inversion, search_start
from linksim.worker import Named, Operation


def make_map_inversion(options: MapInversionAttack, context: EveContext) -> Attack:
    """Factory of the attack `map-inversion`.

    Raises LinksimError if the scheme has no codec, or if the start's inverse network does not fit it.
    """
    codec, link = codec_of(context), context.options
    if codec is None:
        raise LinksimError(f"attack 'map-inversion' needs the encoder of a codec; scheme {link.scheme[-1].name!r} has none")
    images, search = context.stack.scheme.images_per_item, _search(options, context, codec)
    equaliser = link.channel.eve.equaliser
    precision = context.precision(RuntimeSettings(WHITE_BOX_BATCH, "float32"))

    def run(symbols: Tensor, gain: Tensor, noise_power: Tensor) -> Named:
        received = per_image(ReceivedSymbols(symbols, gain, noise_power, equaliser), codec.channel_uses, images)
        with precision():
            found = search(received)
        found = found.view(len(symbols), -1, *found.shape[1:])
        return {"images": found.repeat_interleave(images // found.shape[1], dim=1)}

    key = ("map-inversion", options, link.scheme[-1], images, context.stack.scheme.channel_uses, equaliser)
    batch = max(1, WHITE_BOX_BATCH // images)
    return OperationAttack(context.worker, context.cached(key, lambda: Operation("map_inversion", run, batch)))


def _search(options: MapInversionAttack, context: EveContext, codec: Codec) -> Callable[[ReceivedSymbols], Tensor]:
    """Return the function from the received symbols of single images to Eve's images."""
    encode, start = alices_encoder(codec, options.assumed_snr_db), search_start(options, context, codec)
    settings = SearchSettings(options.learning_rate, options.iterations, options.tolerance)
    if options.prior == "generator":
        generator = _generator(options.generator, context)
        return lambda received: search_latents(encode, received, start(equalise(received)), generator, options.noise, settings)
    weight = options.tv_weight if options.prior == "total-variation" else 0.0
    return lambda received: search_pixels(encode, received, start(equalise(received)), weight, settings)


def make_generative_inverse_network(options: GenerativeInverseNetworkAttack, context: EveContext) -> Attack:
    """Factory of the attack `generative-inverse-network`. Batch size and precision are those of the inverse network's card.

    Raises LinksimError if the network takes another number of symbols per image than the link sends, or was trained with another generator.
    """
    model = context.load(options.inverter, "inverter")
    if (trained_with := model.card.training.get("generator")) != options.generator:
        raise LinksimError(f"inverse network {options.inverter!r} was trained with generator {trained_with!r}, not {options.generator!r}")
    network, generator = model.network, _generator(options.generator, context)
    assert isinstance(network, Inverter)

    def decode(symbols: Tensor) -> Tensor:
        return generator.regenerate(network(symbols).float()).clamp(0.0, 1.0)

    return inversion(options, context, decode, network.channel_uses, model.runtime)


def _generator(name: str, context: EveContext) -> Generator:
    generator = context.load(name, "generator").network
    assert isinstance(generator, Generator)
    return generator

"""The base schemes, which stand innermost in a stack, and their factories.

A base scheme is declared in `linksim.scenario.schemes`, with the import path of its factory here, so that a scenario can be checked without
torch. `build_base` calls the factory once per group of links, when a simulation is assembled (`linksim.simulate.link_factory`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from linksim.data.image_codec import ImageCodec
from linksim.errors import LinksimError
from linksim.negotiation import NegotiatedParameters
from linksim.nets.cards import RuntimeSettings
from linksim.nets.codecs import Codec
from linksim.nets.feature_symbols import SIDE
from linksim.nets.features import FeatureCodec
from linksim.nets.unet import UNet
from linksim.nets.vqvae import VqVae
from linksim.nets.weights import TrainedModel
from linksim.scenario.base import component_of
from linksim.scenario.schemes import (
    AdaptiveDigitalOptions,
    DeepJsccOptions,
    DiffsemOptions,
    DiffusecOptions,
    DigitalOptions,
    SchemeOptions,
    SeparateCodingOptions,
    VqvaeOptions,
)
from linksim.schemes.adaptive_digital import AdaptiveDigital
from linksim.schemes.base import Scheme
from linksim.schemes.deepjscc import DeepJscc
from linksim.schemes.diffsem import DiffSem, Receiver
from linksim.schemes.diffusec import Diffusec
from linksim.schemes.digital import Digital
from linksim.schemes.vqvae import MaskedVqVae

# (name, kind) -> the model, checked against the shape of the data set's images
LoadModel = Callable[[str, str], TrainedModel]
CONSTELLATION_SIZES = {"qpsk": 4, "16-qam": 16}
NOTHING = NegotiatedParameters()  # the negotiated parameters of a scheme that negotiates nothing
DIGITAL_ROWS = 8  # rows of a digital frame, as many as a codec for 32 x 32 pixels has
DIGITAL_BATCH = 64  # images per call of the digital scheme; the LDPC decoder splits their codewords into groups that fit the cache


@dataclass(frozen=True)
class BaseScheme:
    """The innermost scheme of a stack, with what the assembly of a link needs to know about it.

    scheme             the scheme; an item is one image
    rows               number of equal slices of an image's symbols that a permutation reorders: the rows of the codec's features, or
                       `DIGITAL_ROWS` for a scheme without features; divides `scheme.channel_uses` if the scheme is to be permuted
    runtime            batch size in images, and precision of the networks
    max_transmissions  largest number of transmissions of a frame with erased images; 1 without ARQ
    negotiated         initial values of the negotiated parameters
    undefended         DeepJSCC with the same codec, which an adversarial jammer or Eve assumes; None for a scheme without codec
    """

    scheme: Scheme
    rows: int
    runtime: RuntimeSettings
    max_transmissions: int = 1
    negotiated: NegotiatedParameters = NOTHING
    undefended: DeepJscc | None = None


@dataclass(frozen=True)
class SchemeContext:
    """What a base scheme is built from.

    load   (name, kind) -> trained model, checked against the shape of the images; raises LinksimError if it is missing or does not fit
    image  (height, width, colours) of the images of the dataset, in pixels
    """

    load: LoadModel
    image: tuple[int, int, int]


def build_base(options: SchemeOptions, load: LoadModel, image: tuple[int, int, int]) -> BaseScheme:
    """Return the base scheme that `options` describe.

    A factory may return a bare `Scheme`, which then runs in float32 in batches of `DIGITAL_BATCH` and has `DIGITAL_ROWS` rows.

    options  options of the scheme, of any declared component, also one from outside the package
    load     loads trained models, see `SchemeContext`
    image    (height, width, colours) of the images

    Raises LinksimError if a model cannot be loaded or the scheme does not support images of this shape.
    """
    built = component_of(options).load()(options, SchemeContext(load, image))
    if isinstance(built, BaseScheme):
        return built
    return BaseScheme(built, DIGITAL_ROWS, RuntimeSettings(DIGITAL_BATCH, "float32"), options.transmissions(), options.initial_parameters())


def make_deepjscc(options: DeepJsccOptions, context: SchemeContext) -> BaseScheme:
    """Factory of the scheme `deepjscc`. Batch size and precision are those of the codec's card."""
    model = context.load(options.codec, "codec")
    assert isinstance(model.network, Codec)
    deepjscc = DeepJscc(model.network)
    return BaseScheme(deepjscc, model.network.rows, model.runtime, undefended=deepjscc)


def make_diffusec(options: DiffusecOptions, context: SchemeContext) -> BaseScheme:
    """Factory of the scheme `diffusec`.

    Batch size and precision are those of the denoiser's card, because its repeated calls dominate the time.
    """
    model, denoiser = context.load(options.codec, "codec"), context.load(options.denoiser, "denoiser")
    assert isinstance(model.network, Codec)
    assert isinstance(denoiser.network, UNet)
    scheme = Diffusec(model.network, denoiser.network, options.num_denoiser_calls, options.codec_snr_db)
    negotiated, undefended = options.initial_parameters(), DeepJscc(model.network)
    return BaseScheme(scheme, model.network.rows, denoiser.runtime, negotiated=negotiated, undefended=undefended)


def make_diffsem(options: DiffsemOptions, context: SchemeContext) -> BaseScheme:
    """Factory of the schemes DiffSem and E-DiffSem.

    Batch size and precision are those of the denoiser's card if there is one. The features of an image are rows of 8 values.

    Raises LinksimError if guidance by labels is requested without a denoiser.
    """
    if options.guidance == "label" and options.denoiser is None:
        raise LinksimError("scheme 'diffsem': guidance 'label' needs a denoiser")
    model = context.load(options.codec, "feature-codec")
    assert isinstance(model.network, FeatureCodec)
    classifier = model.network.classifier if options.receiver is None else context.load(options.receiver, "feature-receiver").network
    denoiser = None if options.denoiser is None else context.load(options.denoiser, "feature-denoiser")
    receiver = Receiver(
        model.network,
        classifier,
        None if denoiser is None else denoiser.network,
        options.guidance,
        options.num_rounds,
        options.num_denoiser_calls,
    )
    scheme = DiffSem(model.network, receiver, options.denoised_from == "measured")
    rows, runtime = model.network.channels * SIDE, (denoiser or model).runtime
    return BaseScheme(scheme, rows, runtime, negotiated=options.initial_parameters())


def make_masked_vqvae(options: VqvaeOptions, context: SchemeContext) -> BaseScheme:
    """Factory of the scheme `masked-vqvae`. It has rows to permute but no codec that an attacker could assume."""
    model = context.load(options.autoencoder, "vqvae")
    assert isinstance(model.network, VqVae)
    return BaseScheme(MaskedVqVae(model.network), model.network.rows, model.runtime)


def make_digital(options: DigitalOptions, context: SchemeContext) -> BaseScheme:
    """Factory of the scheme `digital`, which needs no trained model.

    Raises LinksimError if its byte budget does not hold even a single-pixel image.
    """
    image_codec = ImageCodec(options.image_codec, options.header_mode, *context.image)
    order = CONSTELLATION_SIZES[options.modulation]
    scheme = Digital(image_codec, options.channel_uses, order, options.rate, options.iterations, options.repetition)
    sent = f"{options.modulation} at rate {options.rate}" + (f", sent {options.repetition} times," if options.repetition > 1 else "")
    _check_budget(options, scheme.budget, image_codec, sent)
    return BaseScheme(scheme, DIGITAL_ROWS, RuntimeSettings(DIGITAL_BATCH, "float32"), options.transmissions())


def make_adaptive_digital(options: AdaptiveDigitalOptions, context: SchemeContext) -> BaseScheme:
    """Factory of the scheme `adaptive-digital`. Raises LinksimError if not even its highest mode holds a single-pixel image."""
    image_codec = ImageCodec(options.image_codec, options.header_mode, *context.image)
    scheme = AdaptiveDigital(image_codec, options.channel_uses, options.iterations)
    _check_budget(options, scheme.budget, image_codec, "the highest mode")
    runtime, negotiated = RuntimeSettings(DIGITAL_BATCH, "float32"), options.initial_parameters()
    return BaseScheme(scheme, DIGITAL_ROWS, runtime, options.transmissions(), negotiated)


def _check_budget(options: SeparateCodingOptions, budget: int, image_codec: ImageCodec, sent: str) -> None:
    """Raise LinksimError if a budget of bytes does not hold even a single-pixel image. `sent` names what is sent in the channel uses."""
    if budget < image_codec.min_bytes:
        raise LinksimError(
            f"scheme {options.name!r}: {options.channel_uses} channel uses of {sent} leave {budget} bytes for an image; "
            f"{options.image_codec} with header_mode {options.header_mode} needs at least {image_codec.min_bytes} bytes"
        )

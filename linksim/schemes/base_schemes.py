"""The schemes that can stand at the core of a stack, and how each is made from its words: the one place to add another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from linksim.data.image_codec import ImageCodec
from linksim.errors import LinksimError
from linksim.nets.cards import RuntimeSettings
from linksim.nets.codecs import Codec
from linksim.nets.unet import UNet
from linksim.nets.vqvae import VqVae
from linksim.nets.weights import TrainedModel
from linksim.scenario.schemes import BaseSchemeOptions, DeepJsccOptions, DiffusecOptions, DigitalOptions, VqvaeOptions
from linksim.schemes.base import Scheme
from linksim.schemes.deepjscc import DeepJscc
from linksim.schemes.diffusec import Diffusec
from linksim.schemes.digital import Digital
from linksim.schemes.vqvae import MaskedVqVae

LoadModel = Callable[
    [str, Literal["codec", "denoiser", "vqvae"]], TrainedModel
]  # name, kind -> the part, checked against the source's images
POINTS = {"qpsk": 4, "16-qam": 16}
NO_STEPS = (0, 0)  # of a scheme that does not diffuse
ROWS = 8  # of a digital frame: as a codec for 32 x 32 pixels has
IMAGES_AT_ONCE = 64  # the decoder takes its codewords in parts that a cache holds


@dataclass(frozen=True)
class BaseScheme:
    """The innermost scheme of a stack.

    rows      equal slices of its symbols that a permutation shuffles: an image's rows of features, or as many for a scheme that has none
    best      batch size and precision
    attempts  transmissions of a frame in which Bob lacks an image
    steps     diffusion steps (t_D, t_plus) to begin with
    bare      the undefended link of the same codec, which attackers take this one for; None where there is no codec
    """

    scheme: Scheme
    rows: int
    best: RuntimeSettings
    max_transmissions: int = 1
    steps: tuple[int, int] = NO_STEPS
    bare: DeepJscc | None = None


def build_base(spec: BaseSchemeOptions, load: LoadModel, image: tuple[int, int, int]) -> BaseScheme:
    """The core that `spec` describes, for images of (height, width, colours). Raises LinksimError where it does not fit them."""
    match spec:
        case DeepJsccOptions():
            part = load(spec.codec, "codec")
            assert isinstance(part.network, Codec)
            deepjscc = DeepJscc(part.network)
            return BaseScheme(deepjscc, part.network.rows, part.best, bare=deepjscc)
        case DiffusecOptions():
            part, cleaner = load(spec.codec, "codec"), load(spec.denoiser, "denoiser")
            assert isinstance(part.network, Codec)
            assert isinstance(cleaner.network, UNet)
            scheme, steps = Diffusec(part.network, cleaner.network, spec.num_denoiser_calls), (spec.t_d, spec.t_plus)
            return BaseScheme(scheme, part.network.rows, cleaner.best, steps=steps, bare=DeepJscc(part.network))
        case VqvaeOptions():
            part = load(spec.autoencoder, "vqvae")
            assert isinstance(part.network, VqVae)
            return BaseScheme(MaskedVqVae(part.network), part.network.rows, part.best)
        case DigitalOptions():
            return BaseScheme(_separation(spec, image), ROWS, RuntimeSettings(IMAGES_AT_ONCE, "float32"), spec.arq.max_transmissions)


def _separation(spec: DigitalOptions, image: tuple[int, int, int]) -> Digital:
    image_codec = ImageCodec(spec.image_codec, spec.header_mode, *image)
    scheme = Digital(image_codec, spec.channel_uses, POINTS[spec.modulation], spec.rate, spec.iterations)
    if scheme.budget < image_codec.least:
        raise LinksimError(
            f"scheme 'separation': {spec.channel_uses} uses of {spec.modulation} at rate {spec.rate} leave {scheme.budget} bytes for an image; "
            f"{spec.image_codec} with headers {spec.header_mode} needs {image_codec.least} for as little as one pixel"
        )
    return scheme

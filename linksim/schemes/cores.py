"""The schemes that can stand at the core of a stack, and how each is made from its words: the one place to add another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from linksim.data.compressed import Coding
from linksim.errors import LinksimError
from linksim.nets.cards import Best
from linksim.nets.codecs import Codec
from linksim.nets.unet import UNet
from linksim.nets.vqvae import VqVae
from linksim.nets.weights import Part
from linksim.scenario.schemes import CoreScheme, DiffusecScheme, PlainScheme, SeparationScheme, VqvaeScheme
from linksim.schemes.base import Scheme
from linksim.schemes.diffusec import Diffusec
from linksim.schemes.plain import Plain
from linksim.schemes.separation import Separation
from linksim.schemes.vqvae import MaskedVqVae

LoadPart = Callable[[str, Literal["codec", "denoiser", "vqvae"]], Part]  # name, kind -> the part, checked against the source's images
POINTS = {"qpsk": 4, "16-qam": 16}
NO_STEPS = (0, 0)  # of a scheme that does not diffuse
ROWS = 8  # of a digital frame: as a codec for 32 x 32 pixels has
IMAGES_AT_ONCE = 64  # the decoder takes its codewords in parts that a cache holds


@dataclass(frozen=True)
class Core:
    """The innermost scheme of a stack.

    rows      equal slices of its symbols that a permutation shuffles: an image's rows of features, or as many for a scheme that has none
    best      batch size and precision
    attempts  transmissions of a frame in which Bob lacks an image
    steps     diffusion steps (t_D, t_plus) to begin with
    bare      the undefended link of the same codec, which attackers take this one for; None where there is no codec
    """

    scheme: Scheme
    rows: int
    best: Best
    attempts: int = 1
    steps: tuple[int, int] = NO_STEPS
    bare: Plain | None = None


def build_core(spec: CoreScheme, load: LoadPart, image: tuple[int, int, int]) -> Core:
    """The core that `spec` describes, for images of (height, width, colours). Raises LinksimError where it does not fit them."""
    match spec:
        case PlainScheme():
            part = load(spec.codec, "codec")
            assert isinstance(part.network, Codec)
            plain = Plain(part.network)
            return Core(plain, part.network.rows, part.best, bare=plain)
        case DiffusecScheme():
            part, cleaner = load(spec.codec, "codec"), load(spec.denoiser, "denoiser")
            assert isinstance(part.network, Codec)
            assert isinstance(cleaner.network, UNet)
            scheme, steps = Diffusec(part.network, cleaner.network, spec.calls), (spec.t_d, spec.t_plus)
            return Core(scheme, part.network.rows, cleaner.best, steps=steps, bare=Plain(part.network))
        case VqvaeScheme():
            part = load(spec.autoencoder, "vqvae")
            assert isinstance(part.network, VqVae)
            return Core(MaskedVqVae(part.network), part.network.rows, part.best)
        case SeparationScheme():
            return Core(_separation(spec, image), ROWS, Best(IMAGES_AT_ONCE, "float32"), spec.arq.attempts)


def _separation(spec: SeparationScheme, image: tuple[int, int, int]) -> Separation:
    coding = Coding(spec.coding, spec.headers, *image)
    scheme = Separation(coding, spec.uses, POINTS[spec.modulation], spec.rate, spec.iterations)
    if scheme.budget < coding.least:
        raise LinksimError(
            f"scheme 'separation': {spec.uses} uses of {spec.modulation} at rate {spec.rate} leave {scheme.budget} bytes for an image; "
            f"{spec.coding} with headers {spec.headers} needs {coding.least} for as little as one pixel"
        )
    return scheme

"""Options of the schemes and of the layers around them, what they cost, and what they negotiate."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from linksim.negotiation import NegotiatedParameters, bounded
from linksim.scenario.base import NAME, ComponentOf, Options, base_of, component

ModelFact = Callable[[str, str], Any]  # (model, key of its card's `cost`) -> value, None where there is no such card or key
CHANNEL_USES_PER_VALUE = 1 / 6  # complex channel uses per image value, assumed for a codec without a card


@base_of("scheme")
class SchemeOptions(Options):
    """Base of the options of every base scheme, with its cost and its negotiated parameters."""

    name: str
    Parameters: ClassVar[type[NegotiatedParameters]] = NegotiatedParameters

    def symbols_per_image(self, image_values: int, fact: ModelFact) -> int:
        """Complex channel uses per image of `image_values` numbers."""
        return math.ceil(image_values * CHANNEL_USES_PER_VALUE)

    def initial_parameters(self) -> NegotiatedParameters:
        """The negotiated parameters in force until a policy changes them."""
        return self.Parameters()

    def models(self) -> tuple[tuple[str, str], ...]:
        """Name and kind of every trained model that the scheme uses."""
        return ()

    def transmissions(self) -> int:
        """Maximum number of transmissions of a data frame; 1 without ARQ."""
        return 1


class CodecSchemeOptions(SchemeOptions):
    """Base of the options of schemes whose symbols come from a trained codec."""

    codec: str = Field("codec-cifar10-6", pattern=NAME, description="trained codec")

    def symbols_per_image(self, image_values: int, fact: ModelFact) -> int:
        known = fact(self.codec, "channel_uses")
        return int(known) if known is not None else super().symbols_per_image(image_values, fact)

    def models(self) -> tuple[tuple[str, str], ...]:
        return ((self.codec, "codec"),)


@component("scheme", "linksim.schemes.base_schemes:make_deepjscc")
class DeepJsccOptions(CodecSchemeOptions):
    """DeepJSCC: encode, transmit, equalise, decode."""

    name: Literal["deepjscc"] = "deepjscc"


@dataclass(frozen=True, slots=True)
class DiffusionSteps(NegotiatedParameters):
    """What DiffuSeC negotiates (Sec. VI-A): Alice's steps of diffusion, and the additional steps of denoising at Bob."""

    t_d: int = bounded(1, 50, "diffusion steps of Alice")
    t_plus: int = bounded(0, 50, "denoising steps that Bob adds to them")


@component("scheme", "linksim.schemes.base_schemes:make_diffusec")
class DiffusecOptions(CodecSchemeOptions):
    """DiffuSeC: Alice diffuses the image by t_d steps and encodes it, Bob decodes it and denoises t_d + t_plus steps."""

    Parameters: ClassVar[type[NegotiatedParameters]] = DiffusionSteps
    name: Literal["diffusec"] = "diffusec"
    codec: str = Field("diffusec-codec", pattern=NAME, description="trained codec")
    denoiser: str = Field("diffusec-denoiser", pattern=NAME, description="trained denoiser")
    num_denoiser_calls: int | None = Field(
        5, ge=1, le=1000, description="maximum calls of the denoiser per image, evenly spaced in step; null for DDPM with one call per step"
    )
    t_d: int = Field(20, ge=1, le=50, description="initial diffusion steps of Alice")
    t_plus: int = Field(0, ge=0, le=50, description="initial denoising steps that Bob adds to them")

    def initial_parameters(self) -> DiffusionSteps:
        return DiffusionSteps(t_d=self.t_d, t_plus=self.t_plus)

    def models(self) -> tuple[tuple[str, str], ...]:
        return (*super().models(), (self.denoiser, "denoiser"))


@component("scheme", "linksim.schemes.base_schemes:make_masked_vqvae")
class VqvaeOptions(SchemeOptions):
    """Masked VQ-VAE: indices of codewords from a shared codebook, in QPSK without a channel code."""

    name: Literal["masked-vqvae"] = "masked-vqvae"
    autoencoder: str = Field("masked-vqvae", pattern=NAME, description="trained autoencoder")

    def symbols_per_image(self, image_values: int, fact: ModelFact) -> int:
        known = fact(self.autoencoder, "channel_uses")
        return int(known) if known is not None else super().symbols_per_image(image_values, fact)

    def models(self) -> tuple[tuple[str, str], ...]:
        return ((self.autoencoder, "vqvae"),)


class ArqOptions(Options):
    """Stop-and-wait ARQ: Bob requests a frame again in which the checksum of an image failed, and keeps the images that passed."""

    max_transmissions: int = Field(1, ge=1, le=64, description="maximum transmissions of a frame; 1 needs no acknowledgements")


@component("scheme", "linksim.schemes.base_schemes:make_digital")
class DigitalOptions(SchemeOptions):
    """Separate source and channel coding: each image compressed, protected by a checksum and an LDPC code, sent in QPSK or 16-QAM."""

    name: Literal["digital"] = "digital"
    channel_uses: int = Field(512, ge=32, le=65536, description="complex channel uses per image; codec-cifar10-6 takes 512")
    image_codec: Literal["jpeg", "webp"] = Field("jpeg", description="image format, at the highest quality that fits")
    header_mode: Literal["known", "sent"] = Field(
        "known", description="known: file headers are shared beforehand and not sent; sent: whole files, in JPEG 600 bytes of header"
    )
    rate: Literal["1/2", "2/3", "3/4", "5/6"] = Field("1/2", description="rate of the LDPC code (IEEE 802.11n)")
    modulation: Literal["qpsk", "16-qam"] = Field("qpsk", description="constellation")
    iterations: int = Field(20, ge=1, le=200, description="maximum iterations of the LDPC decoder")
    arq: ArqOptions = ArqOptions()

    def symbols_per_image(self, image_values: int, fact: ModelFact) -> int:
        return self.channel_uses

    def transmissions(self) -> int:
        return self.arq.max_transmissions


@base_of("layer")
class LayerOptions(Options):
    """Base of the options of every layer, with its cost."""

    name: str
    images_per_item: ClassVar[int] = 1  # inner items that the layer processes jointly

    def symbols_per_frame(self, inner: int, images: int) -> int:
        """Complex channel uses of a frame of `images` images whose inner scheme takes `inner`."""
        return inner

    def num_transmitted_keys(self, images: int) -> int:
        """Sealed pairs (p, s) that a KEY message carries for a frame of `images` images; 0 where no key is sent."""
        return 0


@component("layer", "linksim.schemes.layers:make_permutation")
class PermutationOptions(LayerOptions):
    """Random permutation and substitution of feature rows (MIEA Sec. III-C), or of symbols, around the next scheme of the list."""

    images_per_item: ClassVar[int] = 2
    name: Literal["permutation"] = "permutation"
    key_set_size: int = Field(256, ge=2, le=65536, description="size of the shared sets of permutations and of substitutions")
    granularity: Literal["row", "symbol"] = Field("row", description="unit of permutation: feature rows as in the paper, or single symbols")
    permute: bool = Field(True, description="permute rows (or symbols); false for substitution only")
    substitution_ratio: float = Field(
        0.5, ge=0, le=1, description="share of the rows (or symbols) that two images of a pair exchange; 0 for permutation only"
    )
    keys: Literal["transmitted", "derived"] = Field(
        "transmitted",
        description="transmitted: a sealed (p, s) per pair of images before each frame; derived: from the session key and the frame number",
    )

    def symbols_per_frame(self, inner: int, images: int) -> int:
        return inner if images % 2 == 0 else 2 * inner  # an image without a partner is paired with noise

    def num_transmitted_keys(self, images: int) -> int:
        return 0 if self.keys == "derived" else images // 2 if images % 2 == 0 else images


@component("layer", "linksim.schemes.layers:make_phase_scrambling")
class PhaseScramblingOptions(LayerOptions):
    """Keyed rotation of every symbol of the next scheme of the list by a multiple of 90 degrees."""

    name: Literal["phase-scrambling"] = "phase-scrambling"


SchemeLayer = Annotated[SchemeOptions | LayerOptions, ComponentOf(("scheme", "layer"))]


def as_list(value: Any) -> Any:
    """One scheme stands for a list of one."""
    return value if isinstance(value, list) else [value]


def ends_in_base_scheme(stack: list[SchemeOptions | LayerOptions]) -> list[SchemeOptions | LayerOptions]:
    """Check that a stack ends in its only base scheme. Raises ValueError otherwise."""
    if not isinstance(stack[-1], SchemeOptions) or any(isinstance(layer, SchemeOptions) for layer in stack[:-1]):
        names = ", ".join(repr(name) for name in ComponentOf(("scheme",)).blocks)
        raise ValueError(
            f"got [{', '.join(layer.name for layer in stack)}], allowed: one of {names} as the last of the list, and only there"
        )
    return stack


Stack = Annotated[list[SchemeLayer], BeforeValidator(as_list), Field(min_length=1, max_length=4), AfterValidator(ends_in_base_scheme)]


def base_options(stack: Sequence[SchemeOptions | LayerOptions]) -> SchemeOptions:
    """Options of the base scheme of a stack."""
    base = stack[-1]
    assert isinstance(base, SchemeOptions)
    return base

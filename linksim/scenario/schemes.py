"""Options of the schemes and of the layers around them, what they cost, and what they negotiate.

A stack is a list of layers with a base scheme at its end. Alice's images pass through the base scheme first and through the layers from the
last to the first; Bob goes the other way. `linksim.schemes` implements them. What the rest of linksim must know about a scheme before it is
built (its length in channel uses, its negotiated parameters, its models, its keys) is declared here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from linksim.cost import Cost, NetworkUse, Traffic
from linksim.negotiation import NegotiatedParameters, bounded
from linksim.scenario.base import NAME, ComponentOf, ComponentOptions, Options, base_of, component

CHANNEL_USES_PER_VALUE = 1 / 6  # complex channel uses per image value, assumed for a codec without a card
ROWS = 64  # feature rows of an image of a codec
KEY_ROW_BYTES = 17  # of a key in memory, per row: a place of 8 bytes in each of two permutations, and one flag
PERMUTED_SYMBOL_S = 1.2e-6  # CPU time of drawing the place of one symbol at both ends
DIGITAL_IMAGE_S = 0.012  # CPU time of compression, coding and decoding of an image of 32 x 32 pixels in 512 channel uses


@base_of("scheme")
class SchemeOptions(ComponentOptions):
    """Base of the options of every base scheme, with its cost and its negotiated parameters.

    name        name of the component
    Parameters  class of the negotiated parameters
    """

    name: str
    Parameters: ClassVar[type[NegotiatedParameters]] = NegotiatedParameters

    def cost(self, traffic: Traffic) -> Cost:
        """Return the cost of the scheme; a sixth of a channel use per image value unless overridden.

        >>> SchemeOptions(name="own").cost(Traffic(image_values=3 * 32 * 32, images=4)).channel_uses
        2048
        """
        return Cost(channel_uses=traffic.images * math.ceil(traffic.image_values * CHANNEL_USES_PER_VALUE))

    def initial_parameters(self) -> NegotiatedParameters:
        """The negotiated parameters in force until a policy changes them."""
        return self.Parameters()

    def models(self) -> tuple[tuple[str, str], ...]:
        """(name, kind) of every trained model that the scheme uses. The models are loaded when a run starts, and the trace names them."""
        return ()

    def transmissions(self) -> int:
        """Maximum number of transmissions of a data frame; 1 without ARQ."""
        return 1


def cost_of_codec(model: str, traffic: Traffic) -> Cost:
    """Return the cost of sending images as the symbols of a trained network; its card has the channel uses per image.

    >>> from linksim.cost import ModelFacts
    >>> cost_of_codec("codec-cifar10-6", Traffic(image_values=3072, images=4, model=lambda name: ModelFacts(channel_uses=256))).channel_uses
    1024
    """
    known = traffic.model(model)
    per_image = known.channel_uses if known else None
    if per_image is None:
        per_image = math.ceil(traffic.image_values * CHANNEL_USES_PER_VALUE)
    return Cost(channel_uses=traffic.images * per_image, networks=(NetworkUse(model),))


class CodecSchemeOptions(SchemeOptions):
    """Base of the options of schemes whose symbols come from a trained codec."""

    codec: str = Field("codec-cifar10-6", pattern=NAME, description="trained codec")

    def cost(self, traffic: Traffic) -> Cost:
        return cost_of_codec(self.codec, traffic)

    def models(self) -> tuple[tuple[str, str], ...]:
        return ((self.codec, "codec"),)


@component("scheme", "linksim.schemes.base_schemes:make_deepjscc")
class DeepJsccOptions(CodecSchemeOptions):
    """DeepJSCC: encode, transmit, equalise, decode.

    Deep joint source-channel coding (Bourtsoulatze et al., IEEE TCCN 2019): an encoder maps an image to complex symbols directly, without
    bits, and the quality falls gradually with the SNR.
    """

    name: Literal["deepjscc"] = "deepjscc"


@dataclass(frozen=True, slots=True)
class DiffusionSteps(NegotiatedParameters):
    """What DiffuSeC negotiates (Sec. VI-A): Alice's steps of diffusion, and the additional steps of denoising at Bob."""

    t_d: int = bounded(1, 50, "diffusion steps of Alice")
    t_plus: int = bounded(0, 50, "denoising steps that Bob adds to them")


@component("scheme", "linksim.schemes.base_schemes:make_diffusec")
class DiffusecOptions(CodecSchemeOptions):
    """DiffuSeC: Alice diffuses the image by t_d steps and encodes it, Bob decodes it and denoises t_d + t_plus steps.

    The noise drowns the perturbation of an attacked image. docs/diffusec.md describes the system.
    """

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

    def cost(self, traffic: Traffic) -> Cost:
        steps = self.t_d + self.t_plus
        calls = steps if self.num_denoiser_calls is None else min(steps, self.num_denoiser_calls)
        return super().cost(traffic) + Cost(networks=(NetworkUse(self.denoiser, per_image=calls),))

    def models(self) -> tuple[tuple[str, str], ...]:
        return (*super().models(), (self.denoiser, "denoiser"))


@component("scheme", "linksim.schemes.base_schemes:make_masked_vqvae")
class VqvaeOptions(SchemeOptions):
    """Masked VQ-VAE: indices of codewords from a shared codebook, in QPSK without a channel code.

    A wrong index decodes to another codeword; the decoder is trained with masked and wrong indices.
    """

    name: Literal["masked-vqvae"] = "masked-vqvae"
    autoencoder: str = Field("masked-vqvae", pattern=NAME, description="trained autoencoder")

    def cost(self, traffic: Traffic) -> Cost:
        return cost_of_codec(self.autoencoder, traffic)

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

    def cost(self, traffic: Traffic) -> Cost:
        size = traffic.image_values / (3 * 32 * 32) + self.channel_uses / 512
        return Cost(channel_uses=traffic.images * self.channel_uses, cpu_s=traffic.images * DIGITAL_IMAGE_S * size / 2)

    def transmissions(self) -> int:
        return self.arq.max_transmissions


@base_of("layer")
class LayerOptions(ComponentOptions):
    """Base of the options of every layer, with its cost.

    name             name of the component
    images_per_item  inner items that the layer processes jointly
    """

    name: str
    images_per_item: ClassVar[int] = 1  # inner items that the layer processes jointly

    def cost(self, traffic: Traffic) -> Cost:
        """Return the cost of the layer; the channel uses of the scheme inside unless overridden."""
        return Cost(channel_uses=traffic.channel_uses)


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

    def cost(self, traffic: Traffic) -> Cost:
        pairs = traffic.items if traffic.noise_companion else traffic.items // 2
        rows = ROWS if self.granularity == "row" else traffic.channel_uses // traffic.images
        kept = 0 if self.keys == "derived" else min(self.key_set_size, pairs * traffic.frames)
        return Cost(
            channel_uses=traffic.channel_uses * (1 + traffic.noise_companion),
            pairs=0 if self.keys == "derived" else pairs,
            cpu_s=2 * pairs * rows * PERMUTED_SYMBOL_S,
            link_bytes=2 * kept * rows * KEY_ROW_BYTES,  # at both ends
        )


@component("layer", "linksim.schemes.layers:make_phase_scrambling")
class PhaseScramblingOptions(LayerOptions):
    """Keyed rotation of every symbol of the next scheme of the list by a multiple of 90 degrees.

    Both ends derive the rotations from the session key and the frame number; magnitudes and positions of the symbols stay visible.
    """

    name: Literal["phase-scrambling"] = "phase-scrambling"


SchemeLayer = Annotated[SchemeOptions | LayerOptions, ComponentOf(("scheme", "layer"))]


def as_list(value: Any) -> Any:
    """One scheme stands for a list of one.

    >>> as_list("deepjscc")
    ['deepjscc']
    """
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
    """Options of the base scheme of a stack.

    >>> base_options([PermutationOptions(), DeepJsccOptions()]).name
    'deepjscc'
    """
    base = stack[-1]
    assert isinstance(base, SchemeOptions)
    return base

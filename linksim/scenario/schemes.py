"""Options of the schemes, what they cost, and what they negotiate; a stack is a list of layers with a scheme at its end.

Alice's images pass through the base scheme first and through the layers from the last to the first; Bob goes the other way. What the rest
of linksim must know about a scheme before it is built (its length in channel uses, its negotiated parameters, its models, its keys) is
declared here. `linksim.schemes` implements schemes and layers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from linksim.cost import Cost, NetworkUse, Traffic
from linksim.negotiation import NegotiatedParameters, bounded
from linksim.scenario.base import NAME, ComponentOf, ComponentOptions, Options, base_of, component
from linksim.scenario.layers import LayerOptions

CHANNEL_USES_PER_VALUE = 1 / 6  # complex channel uses per image value, assumed for a codec without a card
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
    codec_snr_db: float | None = Field(
        None, ge=-10, le=30, description="SNR in dB that encoder and decoder are given at every SNR; null: the measured SNR"
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


@dataclass(frozen=True, slots=True)
class SelfNoiseStep(NegotiatedParameters):
    """What DiffSem negotiates (Sec. III-B): the step T' of Alice's self-noising."""

    t_prime: int = bounded(0, 500, "step of Alice's self-noising", default=150)


@component("scheme", "linksim.schemes.base_schemes:make_diffsem")
class DiffsemOptions(SchemeOptions):
    """DiffSem: Alice adds noise to the features of an image, Bob removes it by diffusion and classifies the features.

    Bob's result is a label and not an image. docs/diffsem.md describes the system.
    """

    Parameters: ClassVar[type[NegotiatedParameters]] = SelfNoiseStep
    name: Literal["diffsem"] = "diffsem"
    codec: str = Field("diffsem-mnist", pattern=NAME, description="trained encoder with its classifier")
    denoiser: str | None = Field("diffsem-denoiser-mnist", pattern=NAME, description="trained denoiser; null to bypass it")
    receiver: str | None = Field(
        "diffsem-receiver-mnist", pattern=NAME, description="trained classifier of Bob; null for the one that was trained with the encoder"
    )
    guidance: Literal["none", "label"] = Field(
        "none", description="none: DiffSem; label: E-DiffSem, in which Bob's own soft label guides the denoiser"
    )
    num_rounds: int = Field(2, ge=1, le=10, description="rounds of E-DiffSem's feedback")
    num_denoiser_calls: int | None = Field(
        5, ge=1, le=500, description="maximum calls of the denoiser per image and round, evenly spaced in step; null for one per step"
    )
    denoised_from: Literal["agreed", "measured"] = Field(
        "agreed", description="step at which the denoiser starts; agreed: T'; measured: the step that fits the noise that Bob measures"
    )
    t_prime: int = Field(150, ge=0, le=500, description="initial step of Alice's self-noising")

    def initial_parameters(self) -> SelfNoiseStep:
        return SelfNoiseStep(t_prime=self.t_prime)

    def cost(self, traffic: Traffic) -> Cost:
        found = cost_of_codec(self.codec, traffic)
        if self.denoiser is None:
            return found
        calls = self.t_prime if self.num_denoiser_calls is None else min(self.t_prime, self.num_denoiser_calls)
        return found + Cost(networks=(NetworkUse(self.denoiser, per_image=calls * (self.num_rounds if self.guidance == "label" else 1)),))

    def models(self) -> tuple[tuple[str, str], ...]:
        optional = ((self.denoiser, "feature-denoiser"), (self.receiver, "feature-receiver"))
        return ((self.codec, "feature-codec"), *((name, kind) for name, kind in optional if name is not None))


@component("scheme", "linksim.schemes.base_schemes:make_masked_vqvae")
class VqvaeOptions(SchemeOptions):
    """Masked VQ-VAE: indices of codewords from a shared codebook, in QPSK, with or without a channel code.

    A wrong index decodes to another codeword; the decoder is trained with masked and wrong indices. The autoencoder fixes the channel uses
    and whether an LDPC code protects the indices: `masked-vqvae` has none, `masked-vqvae-coded` has one.
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


class SeparateCodingOptions(SchemeOptions):
    """Base of the options of schemes with separate source and channel coding."""

    channel_uses: int = Field(512, ge=32, le=65536, description="complex channel uses per image; codec-cifar10-6 takes 512")
    image_codec: Literal["jpeg", "webp"] = Field("jpeg", description="image format, at the highest quality that fits")
    header_mode: Literal["known", "sent"] = Field(
        "known", description="known: file headers are shared beforehand and not sent; sent: whole files, in JPEG 600 bytes of header"
    )
    iterations: int = Field(20, ge=1, le=200, description="maximum iterations of the LDPC decoder")
    arq: ArqOptions = ArqOptions()

    def cost(self, traffic: Traffic) -> Cost:
        size = traffic.image_values / (3 * 32 * 32) + self.channel_uses / 512
        return Cost(channel_uses=traffic.images * self.channel_uses, cpu_s=traffic.images * DIGITAL_IMAGE_S * size / 2)

    def transmissions(self) -> int:
        return self.arq.max_transmissions


@component("scheme", "linksim.schemes.base_schemes:make_digital")
class DigitalOptions(SeparateCodingOptions):
    """Separate source and channel coding: each image compressed, protected by a checksum and an LDPC code, sent in QPSK or 16-QAM."""

    name: Literal["digital"] = "digital"
    rate: Literal["1/2", "2/3", "3/4", "5/6"] = Field("1/2", description="rate of the LDPC code (IEEE 802.11n)")
    modulation: Literal["qpsk", "16-qam"] = Field("qpsk", description="constellation")
    repetition: int = Field(1, ge=1, le=64, description="number of times that every coded bit is sent, for a low SNR")


@dataclass(frozen=True, slots=True)
class CodingMode(NegotiatedParameters):
    """What an adaptive digital link negotiates: the number of its mode, in ascending order of the rate."""

    mode: int = bounded(0, 8, "mode of modulation and coding", default=3)


@component("scheme", "linksim.schemes.base_schemes:make_adaptive_digital")
class AdaptiveDigitalOptions(SeparateCodingOptions):
    """The digital link in one of nine modes, from QPSK 1/2 sent seven times to 16-QAM 5/6, which Bob's policy chooses by the SNR."""

    Parameters: ClassVar[type[NegotiatedParameters]] = CodingMode
    name: Literal["adaptive-digital"] = "adaptive-digital"
    mode: int = Field(3, ge=0, le=8, description="initial mode; 3 is QPSK 1/2")

    def initial_parameters(self) -> CodingMode:
        return CodingMode(mode=self.mode)


SchemeLayer = Annotated[SchemeOptions | LayerOptions, ComponentOf(("scheme", "layer"))]


def as_list(value: Any) -> Any:
    """One component stands for a list of one.

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

    >>> from linksim.scenario.layers import PermutationOptions
    >>> base_options([PermutationOptions(), DeepJsccOptions()]).name
    'deepjscc'
    """
    base = stack[-1]
    assert isinstance(base, SchemeOptions)
    return base

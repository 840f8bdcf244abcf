"""Words for the schemes, and which of them make a stack."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from linksim.scenario.base import NAME, Options


class DeepJsccOptions(Options):
    """Encode, radiate, equalise, decode."""

    name: Literal["deepjscc"] = "deepjscc"
    codec: str = Field("codec-cifar10-6", pattern=NAME, description="trained model to encode and decode with")


class DiffusecOptions(Options):
    """DiffuSeC: Alice diffuses the image by t_D steps and encodes it, Bob decodes it and denoises t_D + t_plus steps."""

    name: Literal["diffusec"] = "diffusec"
    codec: str = Field("diffusec-codec", pattern=NAME, description="trained model to encode and decode with")
    denoiser: str = Field("diffusec-denoiser", pattern=NAME, description="trained model to denoise with")
    num_denoiser_calls: int | None = Field(
        5, ge=1, le=1000, description="most calls of the denoiser for an image, in even strides; null for DDPM, one call per step"
    )
    t_d: int = Field(20, ge=1, le=50, description="steps that Alice diffuses until Bob's policy says otherwise")
    t_plus: int = Field(0, ge=0, le=50, description="steps that Bob denoises beyond these until his policy says otherwise")


class VqvaeOptions(Options):
    """Masked VQ-VAE: the indices of codewords that both ends share, in QPSK without a channel code."""

    name: Literal["masked-vqvae"] = "masked-vqvae"
    autoencoder: str = Field("masked-vqvae", pattern=NAME, description="trained model to encode and decode with")


class ArqOptions(Options):
    """Stop and wait: Bob asks again for a frame in which the checksum of an image failed, and keeps those images that he has."""

    max_transmissions: int = Field(
        1, ge=1, le=64, description="transmissions of a frame before it is given up; 1 needs no acknowledgements"
    )


class DigitalOptions(Options):
    """The digital baseline: each image compressed, protected by a checksum and an LDPC code, and sent in QPSK or 16-QAM."""

    name: Literal["digital"] = "digital"
    channel_uses: int = Field(512, ge=32, le=65536, description="complex channel uses per image; 512 are those of codec-cifar10-6")
    image_codec: Literal["jpeg", "webp"] = Field("jpeg", description="image format, at the largest quality that fits")
    header_mode: Literal["known", "sent"] = Field(
        "known", description="known: what both ends know beforehand stays at home; sent: whole files travel, in a JPEG 600 bytes of header"
    )
    rate: Literal["1/2", "2/3", "3/4", "5/6"] = Field("1/2", description="of the LDPC code (IEEE 802.11n)")
    modulation: Literal["qpsk", "16-qam"] = Field("qpsk", description="constellation")
    iterations: int = Field(20, ge=1, le=200, description="most sweeps of the LDPC decoder")
    arq: ArqOptions = ArqOptions()


class PermutationOptions(Options):
    """Random permutation and substitution of feature rows (MIEA Sec. III-C), or of symbols, around the next scheme of the list."""

    name: Literal["permutation"] = "permutation"
    key_set_size: int = Field(256, ge=2, le=65536, description="size of the shared sets of permutations and of substitutions")
    granularity: Literal["row", "symbol"] = Field(
        "row", description="what is permuted and exchanged: rows of features, as the paper has it, or every symbol by itself"
    )
    permute: bool = Field(True, description="whether rows (or symbols) are permuted; false leaves substitution alone")
    substitution_ratio: float = Field(
        0.5, ge=0, le=1, description="share of the rows (or symbols) that two images of a pair exchange; 0 leaves permutation alone"
    )
    keys: Literal["transmitted", "derived"] = Field(
        "transmitted",
        description="transmitted: a sealed (p, s) per pair of images, sent before each frame; derived: from the session key and the frame number",
    )


class PhaseScramblingOptions(Options):
    """Every symbol of the next scheme of the list is turned by a keyed quarter turn, from the session key and the frame number."""

    name: Literal["phase-scrambling"] = "phase-scrambling"


def scheme_named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


BaseSchemeOptions = (
    DeepJsccOptions | DigitalOptions | DiffusecOptions | VqvaeOptions
)  # those that make symbols of images; all others wrap another
CodecSchemeOptions = DeepJsccOptions | DiffusecOptions  # those that a trained codec makes symbols for
BASE_SCHEMES = "'plain', 'separation', 'diffusec', 'masked-vqvae'"
KeyedSchemeOptions = PermutationOptions | PhaseScramblingOptions
SchemeLayer = Annotated[
    DeepJsccOptions | DigitalOptions | DiffusecOptions | VqvaeOptions | PermutationOptions | PhaseScramblingOptions,
    Field(discriminator="name"),
    BeforeValidator(scheme_named),
]


def listed(value: Any) -> Any:
    """One scheme stands for a list of one."""
    return value if isinstance(value, list) else [value]


def one_core_at_the_end(layers: list[SchemeLayer]) -> list[SchemeLayer]:
    """A stack ends in a scheme that makes symbols of images. Raises ValueError for any other."""
    if not isinstance(layers[-1], BaseSchemeOptions) or any(isinstance(layer, BaseSchemeOptions) for layer in layers[:-1]):
        raise ValueError(
            f"got [{', '.join(layer.name for layer in layers)}], allowed: one of {BASE_SCHEMES} as the last of the list, and only there"
        )
    return layers

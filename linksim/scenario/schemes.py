"""Words for the schemes, and which of them make a stack."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from linksim.scenario.base import NAME, Model


class PlainScheme(Model):
    """Encode, radiate, equalise, decode."""

    name: Literal["plain"] = "plain"
    codec: str = Field("codec-cifar10-6", pattern=NAME, description="trained part to encode and decode with")


class DiffusecScheme(Model):
    """DiffuSeC: Alice diffuses the image by t_D steps and encodes it, Bob decodes it and denoises t_D + t_plus steps."""

    name: Literal["diffusec"] = "diffusec"
    codec: str = Field("diffusec-codec", pattern=NAME, description="trained part to encode and decode with")
    denoiser: str = Field("diffusec-denoiser", pattern=NAME, description="trained part to denoise with")
    calls: int | None = Field(
        5, ge=1, le=1000, description="most calls of the denoiser for an image, in even strides; null for DDPM, one call per step"
    )
    t_d: int = Field(20, ge=1, le=50, description="steps that Alice diffuses until Bob's policy says otherwise")
    t_plus: int = Field(0, ge=0, le=50, description="steps that Bob denoises beyond these until his policy says otherwise")


class VqvaeScheme(Model):
    """Masked VQ-VAE: the indices of codewords that both ends share, in QPSK without a channel code."""

    name: Literal["masked-vqvae"] = "masked-vqvae"
    autoencoder: str = Field("masked-vqvae", pattern=NAME, description="trained part to encode and decode with")


class Arq(Model):
    """Stop and wait: Bob asks again for a frame in which the checksum of an image failed, and keeps those images that he has."""

    attempts: int = Field(1, ge=1, le=64, description="transmissions of a frame before it is given up; 1 needs no acknowledgements")


class SeparationScheme(Model):
    """The digital baseline: each image compressed, protected by a checksum and an LDPC code, and sent in QPSK or 16-QAM."""

    name: Literal["separation"] = "separation"
    uses: int = Field(512, ge=32, le=65536, description="complex channel uses per image; 512 are those of codec-cifar10-6")
    coding: Literal["jpeg", "webp"] = Field("jpeg", description="image format, at the largest quality that fits")
    headers: Literal["known", "sent"] = Field(
        "known", description="known: what both ends know beforehand stays at home; sent: whole files travel, in a JPEG 600 bytes of header"
    )
    rate: Literal["1/2", "2/3", "3/4", "5/6"] = Field("1/2", description="of the LDPC code (IEEE 802.11n)")
    modulation: Literal["qpsk", "16-qam"] = Field("qpsk", description="constellation")
    iterations: int = Field(20, ge=1, le=200, description="most sweeps of the LDPC decoder")
    arq: Arq = Arq()


class PermutationScheme(Model):
    """Random permutation and substitution of feature rows (MIEA Sec. III-C), or of symbols, around the next scheme of the list."""

    name: Literal["permutation"] = "permutation"
    schemes: int = Field(256, ge=2, le=65536, description="size of the shared sets of permutations and of substitutions")
    grain: Literal["row", "symbol"] = Field(
        "row", description="what is permuted and exchanged: rows of features, as the paper has it, or every symbol by itself"
    )
    permuted: bool = Field(True, description="whether rows (or symbols) are permuted; false leaves substitution alone")
    substituted: float = Field(
        0.5, ge=0, le=1, description="share of the rows (or symbols) that two images of a pair exchange; 0 leaves permutation alone"
    )
    keys: Literal["table", "derived"] = Field(
        "table",
        description="table: a sealed (p, s) per pair of images, sent before each frame; derived: from the session key and the frame number",
    )


class ScramblingScheme(Model):
    """Every symbol of the next scheme of the list is turned by a keyed quarter turn, from the session key and the frame number."""

    name: Literal["scrambling"] = "scrambling"


def scheme_named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


CoreScheme = PlainScheme | SeparationScheme | DiffusecScheme | VqvaeScheme  # those that make symbols of images; all others wrap another
CodecScheme = PlainScheme | DiffusecScheme  # those that a trained codec makes symbols for
CORES = "'plain', 'separation', 'diffusec', 'masked-vqvae'"
KeyedScheme = PermutationScheme | ScramblingScheme
SchemeLayer = Annotated[
    PlainScheme | SeparationScheme | DiffusecScheme | VqvaeScheme | PermutationScheme | ScramblingScheme,
    Field(discriminator="name"),
    BeforeValidator(scheme_named),
]


def listed(value: Any) -> Any:
    """One scheme stands for a list of one."""
    return value if isinstance(value, list) else [value]


def one_core_at_the_end(layers: list[SchemeLayer]) -> list[SchemeLayer]:
    """A stack ends in a scheme that makes symbols of images. Raises ValueError for any other."""
    if not isinstance(layers[-1], CoreScheme) or any(isinstance(layer, CoreScheme) for layer in layers[:-1]):
        raise ValueError(
            f"got [{', '.join(layer.name for layer in layers)}], allowed: one of {CORES} as the last of the list, and only there"
        )
    return layers

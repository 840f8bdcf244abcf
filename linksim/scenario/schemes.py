"""Words for the schemes, and which of them make a stack."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from linksim.scenario.base import NAME, Model


class PlainScheme(Model):
    """Encode, radiate, equalise, decode."""

    name: Literal["plain"] = "plain"
    codec: str = Field("codec-cifar10-6", pattern=NAME, description="trained part to encode and decode with")


class PermutationScheme(Model):
    """Random permutation and substitution of feature rows (MIEA Sec. III-C), around the next scheme of the list."""

    name: Literal["permutation"] = "permutation"
    schemes: int = Field(256, ge=2, le=65536, description="size of the shared sets of permutations and of substitutions")
    substituted: float = Field(0.5, ge=0, le=1, description="share of the rows that two images of a pair exchange")
    keys: Literal["table", "derived"] = Field(
        "table",
        description="table: a sealed (p, s) per pair of images, sent before each frame; derived: from the session key and the frame number",
    )


def scheme_named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


SchemeLayer = Annotated[PlainScheme | PermutationScheme, Field(discriminator="name"), BeforeValidator(scheme_named)]


def listed(value: Any) -> Any:
    """One scheme stands for a list of one."""
    return value if isinstance(value, list) else [value]


def one_codec_at_the_core(layers: list[SchemeLayer]) -> list[SchemeLayer]:
    """A stack ends in the scheme that has the codec. Raises ValueError for any other."""
    if not isinstance(layers[-1], PlainScheme) or any(isinstance(layer, PlainScheme) for layer in layers[:-1]):
        raise ValueError(f"got [{', '.join(layer.name for layer in layers)}], allowed: 'plain' as the last of the list, and only there")
    return layers

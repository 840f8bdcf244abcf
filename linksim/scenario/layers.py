"""Options of the layers around a scheme, and what they cost. `linksim.schemes.layers` implements them.

A layer transforms the symbols of the scheme inside it; Alice applies the layers of a stack from the last to the first, Bob the other way.
"""

from typing import ClassVar, Literal

from pydantic import Field

from linksim.cost import Cost, NetworkUse, Traffic
from linksim.scenario.base import NAME, ComponentOptions, base_of, component

ROWS = 64  # feature rows of an image of a codec
KEY_ROW_BYTES = 17  # of a key in memory, per row: a place of 8 bytes in each of two permutations, and one flag
PERMUTED_SYMBOL_S = 1.2e-6  # CPU time of drawing the place of one symbol at both ends


@base_of("layer")
class LayerOptions(ComponentOptions):
    """Base of the options of every layer, with its cost.

    name              name of the component
    images_per_item   inner items that the layer processes jointly
    takes_companions  whether an image may have a frame of noise as its companion, where the images of a frame do not fit the layers
    innermost         whether the layer must stand directly around the base scheme
    """

    name: str
    images_per_item: ClassVar[int] = 1
    takes_companions: ClassVar[bool] = True
    innermost: ClassVar[bool] = False

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


@component("layer", "linksim.schemes.covert_layer:make_covert")
class CovertOptions(LayerOptions):
    """Semantic covert communication: of each pair of images, the second is hidden in the symbols of the first, the host.

    A pair takes the channel uses of one image. An eavesdropper who decodes the frame sees the host. docs/covert.md describes the system.
    """

    images_per_item: ClassVar[int] = 2
    takes_companions: ClassVar[bool] = False
    innermost: ClassVar[bool] = True
    name: Literal["covert"] = "covert"
    hider: str = Field("covert-swap", pattern=NAME, description="trained hider, for the codec of the scheme")
    keys: Literal["none", "derived"] = Field(
        "none",
        description="none: as in the paper; derived: the session key and the frame number give each pair a permutation and signs of its "
        "private components",
    )
    energies: Literal["fitted", "natural", "shared"] = Field(
        "fitted",
        description="fitted: as the hider was fitted; natural: each private component has the energy of the host's component that it "
        "replaces, so that a test of energies finds few of them; shared: host and private image have half of the power each "
        "(time-sharing), so that nothing is hidden. natural and shared only for linear hiders",
    )

    num_hosts: int | None = Field(
        None, ge=1, description="number of different host images that a link sends, in turn; null: every host is another image"
    )

    def cost(self, traffic: Traffic) -> Cost:
        drawn = 0.0 if self.keys == "none" else traffic.channel_uses * PERMUTED_SYMBOL_S
        return Cost(channel_uses=traffic.channel_uses // 2, networks=(NetworkUse(self.hider, per_image=0.5),), cpu_s=drawn)

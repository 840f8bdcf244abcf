"""A stack of schemes as a scenario lists them, from the outermost to the innermost, and the terms that the whole stack needs."""

from dataclasses import dataclass

from linksim.errors import LinksimError
from linksim.scenario.schemes import BaseSchemeOptions, PermutationOptions, SchemeLayer
from linksim.schemes.base import Scheme
from linksim.schemes.base_schemes import NO_STEPS, BaseScheme
from linksim.schemes.layer_keys import FrameKeys, KeyedLayer
from linksim.schemes.parameters import FrameParameters, SnrEstimate, Steps, rows_of, steps_of
from linksim.schemes.permutation import Permutation
from linksim.schemes.phase_scrambling import PhaseScrambling


@dataclass(frozen=True)
class Stack:
    """The outermost scheme and how to make its terms.

    scheme   sends and receives
    items    per frame
    single   whether an item is one image with a frame of noise as its companion
    layers   the keyed layers around the innermost scheme, outermost first
    inner    items of the innermost scheme in a frame
    attempts  transmissions of a frame in which Bob lacks an image
    steps     diffusion steps (t_D, t_plus) to begin with
    """

    scheme: Scheme
    items: int
    single: bool
    layers: tuple[KeyedLayer, ...]
    inner: int
    max_transmissions: int
    steps: tuple[int, int]

    @property
    def stepped(self) -> bool:
        """Whether the innermost scheme takes diffusion steps."""
        return self.steps != NO_STEPS

    def parameters(self, snr_db: float, steps: tuple[int, int], keys: list[FrameKeys]) -> FrameParameters:
        """Terms of one frame: Alice's belief of the SNR, the diffusion steps (t_D, t_plus), and the keys of each keyed layer."""
        estimate = rows_of(snr_db, self.inner)
        parameters: FrameParameters = SnrEstimate(estimate)
        if self.stepped:
            parameters = Steps(estimate, *(steps_of(number, self.inner) for number in steps))
        for layer, own in zip(reversed(self.layers), reversed(keys), strict=False):
            parameters = layer.parameters(own, parameters)
        return parameters

    def example(self) -> FrameParameters:
        """Terms of the right tree, for who wants to know their shape."""
        return self.parameters(0.0, self.steps, [layer.zeros() for layer in self.layers])


def build_stack(layers: list[SchemeLayer], base: BaseScheme, images: int) -> Stack:
    """The stack for frames of `images` images. Where they cannot be paired off, every image gets a companion of noise.

    Raises LinksimError where the core's symbols do not split into rows.
    """
    outer = [layer for layer in layers if not isinstance(layer, BaseSchemeOptions)]
    permutations = sum(isinstance(layer, PermutationOptions) for layer in outer)
    single = permutations > 0 and images % 2**permutations != 0
    scheme, items, keyed = base.scheme, images, list[KeyedLayer]()
    for place, spec in reversed(list(enumerate(outer))):
        if isinstance(spec, PermutationOptions):
            rows = base.rows if spec.granularity == "row" else scheme.channel_uses
            if scheme.channel_uses % rows:
                raise LinksimError(
                    f"scheme 'permutation' shuffles {rows} rows; the {scheme.channel_uses} symbols of an image "
                    f"in {layers[-1].name!r} do not split into them"
                )
            items = items if single else items // 2
            keyed.append(KeyedLayer(spec, place, items, rows, single))
            scheme = Permutation(scheme, rows, single)
        else:
            keyed.append(KeyedLayer(spec, place, items, scheme.channel_uses, single))
            scheme = PhaseScrambling(scheme)
    return Stack(scheme, items, single, tuple(reversed(keyed)), images, base.max_transmissions, base.steps)

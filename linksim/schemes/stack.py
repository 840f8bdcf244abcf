"""A stack of schemes as a scenario lists them, from the outermost to the innermost, and the terms that the whole stack needs."""

from dataclasses import dataclass

from linksim.errors import LinksimError
from linksim.scenario.schemes import CoreScheme, PermutationScheme, SchemeLayer
from linksim.schemes.base import Scheme
from linksim.schemes.cores import NO_STEPS, Core
from linksim.schemes.layers import FrameKeys, KeyedLayer
from linksim.schemes.permutation import Permutation
from linksim.schemes.scrambling import Scrambling
from linksim.schemes.terms import Belief, Steps, Terms, rows_of, steps_of


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
    attempts: int
    steps: tuple[int, int]

    @property
    def stepped(self) -> bool:
        """Whether the innermost scheme takes diffusion steps."""
        return self.steps != NO_STEPS

    def terms(self, snr_db: float, steps: tuple[int, int], keys: list[FrameKeys]) -> Terms:
        """Terms of one frame: Alice's belief of the SNR, the diffusion steps (t_D, t_plus), and the keys of each keyed layer."""
        belief = rows_of(snr_db, self.inner)
        terms: Terms = Belief(belief)
        if self.stepped:
            terms = Steps(belief, *(steps_of(number, self.inner) for number in steps))
        for layer, own in zip(reversed(self.layers), reversed(keys), strict=False):
            terms = layer.terms(own, terms)
        return terms

    def example(self) -> Terms:
        """Terms of the right tree, for who wants to know their shape."""
        return self.terms(0.0, self.steps, [layer.zeros() for layer in self.layers])


def build_stack(layers: list[SchemeLayer], core: Core, images: int) -> Stack:
    """The stack for frames of `images` images. Where they cannot be paired off, every image gets a companion of noise.

    Raises LinksimError where the core's symbols do not split into rows.
    """
    outer = [layer for layer in layers if not isinstance(layer, CoreScheme)]
    permutations = sum(isinstance(layer, PermutationScheme) for layer in outer)
    single = permutations > 0 and images % 2**permutations != 0
    scheme, items, keyed = core.scheme, images, list[KeyedLayer]()
    for place, spec in reversed(list(enumerate(outer))):
        if isinstance(spec, PermutationScheme):
            rows = core.rows if spec.grain == "row" else scheme.uses
            if scheme.uses % rows:
                raise LinksimError(
                    f"scheme 'permutation' shuffles {rows} rows; the {scheme.uses} symbols of an image "
                    f"in {layers[-1].name!r} do not split into them"
                )
            items = items if single else items // 2
            keyed.append(KeyedLayer(spec, place, items, rows, single))
            scheme = Permutation(scheme, rows, single)
        else:
            keyed.append(KeyedLayer(spec, place, items, scheme.uses, single))
            scheme = Scrambling(scheme)
    return Stack(scheme, items, single, tuple(reversed(keyed)), images, core.attempts, core.steps)

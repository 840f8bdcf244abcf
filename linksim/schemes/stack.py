"""A stack of schemes as a scenario lists them, from the outermost to the innermost, and the frame parameters of the whole stack.

    scheme: [phase-scrambling, permutation, deepjscc]
             layers[0]         layers[1]    base scheme

    send      images --> deepjscc --> permutation --> phase-scrambling --> symbols
    receive   images <-- deepjscc <-- permutation <-- phase-scrambling <-- symbols

All links of a group share one stack. Each end of a link calls `Stack.parameters` for every frame, with the keys of its session.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from linksim.enums import ImageRole
from linksim.negotiation import NegotiatedParameters, names, values
from linksim.nets.weights import load_model
from linksim.scenario.base import component_of
from linksim.scenario.layers import LayerOptions
from linksim.scenario.schemes import SchemeOptions
from linksim.schemes.base import Scheme
from linksim.schemes.base_schemes import BaseScheme, LoadModel
from linksim.schemes.layers import FrameKeys, Layer, LayerContext
from linksim.schemes.parameters import FrameParameters, NegotiatedValues, SnrEstimate, per_item_float, per_item_values


@dataclass(frozen=True)
class Stack:
    """A base scheme with the keyed layers around it.

    scheme             the outermost scheme, which sends and receives
    items              number of its items in a frame
    noise_companion    True if an item is one image with a frame of noise as its companion
    layers             the keyed layers around the base scheme, outermost first
    base_items         number of the base scheme's items in a frame, which is the number of its images
    max_transmissions  largest number of transmissions of a frame with erased images; 1 without ARQ
    negotiated         initial values of the negotiated parameters
    identity           equal for stacks that compute the same, whatever the frame: groups with equal identity share operations and batches
    """

    scheme: Scheme
    items: int
    noise_companion: bool
    layers: tuple[Layer, ...]
    base_items: int
    max_transmissions: int
    negotiated: NegotiatedParameters
    identity: tuple[object, ...] = ()

    @property
    def negotiates(self) -> bool:
        """Whether both ends must agree on parameters or keys before a frame."""
        return bool(self.layers) or bool(names(type(self.negotiated)))

    @property
    def roles(self) -> tuple[ImageRole, ...]:
        """Roles of the images of a frame in turn, empty without a layer that gives them roles."""
        return next((layer.roles for layer in self.layers if layer.roles), ())

    def parameters(self, snr_db: float, negotiated: NegotiatedParameters, keys: list[FrameKeys]) -> FrameParameters:
        """Return the parameters of one frame, nested as the stack is: those of a layer contain those of the scheme inside it.

        snr_db      at Alice, the SNR in dB for which she encodes; at Bob, his estimate for the frame
        negotiated  values of the negotiated parameters in force
        keys        keys of each layer, in the order of `layers`
        """
        estimate = per_item_float(snr_db, self.base_items)
        parameters: FrameParameters = SnrEstimate(estimate)
        numbers = values(negotiated)
        if numbers:
            parameters = NegotiatedValues(estimate, per_item_values(numbers, self.base_items))
        for layer, own in zip(reversed(self.layers), reversed(keys), strict=False):
            parameters = layer.parameters(own, parameters)
        return parameters

    def example_parameters(self) -> FrameParameters:
        """Return parameters with the nesting and the shapes of this stack's frames and arbitrary values.

        Operations use them to rebuild nested parameters from plain arrays (`schemes.parameters.unflatten`).
        """
        return self.parameters(0.0, self.negotiated, [layer.zeros() for layer in self.layers])


def build_stack(options: Sequence[SchemeOptions | LayerOptions], base: BaseScheme, images: int, load: LoadModel = load_model) -> Stack:
    """Return the stack for frames of `images` images.

    If the images cannot be divided into the groups that the layers need, each image has a frame of noise as its companion, which is
    transmitted as well and doubles the channel uses (MIEA Sec. III-C: "a random-noise tensor, which will also be sent").

    options  options of all schemes of the stack, outermost first; the last are those of the base scheme
    base     the base scheme
    images   number of images in a frame, at least 1
    load     loads the trained models of layers, see `LayerContext`

    Raises LinksimError if a layer cannot wrap the scheme inside it.
    """
    outer = [each for each in options if isinstance(each, LayerOptions)]
    group = math.prod(each.images_per_item for each in outer)
    noise_companion = group > 1 and images % group != 0
    scheme, items, layers = base.scheme, images, list[Layer]()
    for place, each in reversed(list(enumerate(outer))):
        layer: Layer = component_of(each).load()(each, LayerContext(scheme, base.rows, items, place, noise_companion, load))
        scheme, items = layer.scheme, layer.items
        layers.append(layer)
    identity = tuple(options), noise_companion
    return Stack(scheme, items, noise_companion, tuple(reversed(layers)), images, base.max_transmissions, base.negotiated, identity)

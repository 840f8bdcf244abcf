"""The layer `covert`: it loads the hider, and derives its keys from the session keys."""

import numpy as np

from linksim.enums import ImageRole
from linksim.errors import LinksimError
from linksim.nets.hiders import Hider
from linksim.nets.linear_hiders import LinearHider
from linksim.nets.natural_swap import NaturalSwap
from linksim.scenario.layers import CovertOptions
from linksim.schemes.base_schemes import LoadModel
from linksim.schemes.covert import PAIR, Covert, CovertKey, CovertParameters, draw_hiding_keys
from linksim.schemes.layers import FrameKeys, KeyIndices, Layer, LayerContext, LayerKeys
from linksim.schemes.parameters import FrameParameters, merge_bundles
from linksim.secrecy import SessionKeys


class CovertLayer(Layer):
    """Covert communication around a base scheme, with keys derived from the frame number or without keys.

    hider    embeds the private signal
    keyed    whether a key of each item permutes its private components
    context  what the layer is built from
    """

    roles = (ImageRole.HOST, ImageRole.PRIVATE)

    def __init__(self, hider: Hider, keyed: bool, context: LayerContext) -> None:
        super().__init__(Covert(context.inner, hider), context.items // PAIR)
        self.place, self.places = context.place, hider.places if keyed else 0

    def for_session(self, keys: SessionKeys) -> LayerKeys:
        return _CovertLayerKeys(self, keys) if self.places else LayerKeys()

    def zeros(self) -> FrameKeys:
        shape = self.items, self.places
        return (np.zeros(shape, np.int64), np.zeros(shape, np.float32)) if self.places else None

    def parameters(self, keys: FrameKeys, inner: FrameParameters) -> FrameParameters:
        pairs = merge_bundles(inner, PAIR)
        return CovertParameters(pairs) if keys is None else CovertKey(pairs, *keys)


class _CovertLayerKeys(LayerKeys):
    """Keys of a covert layer in a session."""

    def __init__(self, layer: CovertLayer, keys: SessionKeys) -> None:
        self._layer, self._keys = layer, keys

    def frame_keys(self, frame: int, chosen: KeyIndices) -> FrameKeys:
        return draw_hiding_keys(self._keys, self._layer.place, frame, self._layer.items, self._layer.places)


def make_covert(options: CovertOptions, context: LayerContext) -> Layer:
    """Factory of the layer `covert`.

    Raises LinksimError if the hider is missing, takes another number of symbols than the scheme inside sends, or takes no keys or has no
    principal components where the options require them.
    """
    hider = hider_of(options, context.load)
    if hider.channel_uses != context.inner.channel_uses:
        sent = context.inner.channel_uses
        raise LinksimError(
            f"layer 'covert': hider {options.hider!r} takes {hider.channel_uses} symbols per image, the scheme inside sends {sent}"
        )
    if options.keys == "derived" and not hider.places:
        raise LinksimError(f"layer 'covert': hider {options.hider!r} takes no keys, set keys: none")
    return CovertLayer(hider, options.keys == "derived", context)


def hider_of(options: CovertOptions, load: LoadModel) -> Hider:
    """Return the hider of a layer.

    load  returns the trained model of a name and a kind

    Raises LinksimError if the model is missing, or if it has no principal components where the options require them.
    """
    hider = load(options.hider, "hider").network
    assert isinstance(hider, Hider)
    if options.energies == "fitted":
        return hider
    if not isinstance(hider, LinearHider):
        raise LinksimError(f"layer 'covert': hider {options.hider!r} is not a linear one, set energies: fitted")
    return NaturalSwap.of(hider) if options.energies == "natural" else hider.time_sharing()

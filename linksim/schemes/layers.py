"""Layers around a scheme: how each wraps the scheme, derives its keys for a frame from the session keys, and builds its frame parameters.

    assembly   make_permutation(options, context)    -> Layer       its `scheme` takes the place of the inner one in the stack
    session    layer.for_session(session keys)       -> LayerKeys   at both ends, after every handshake
    frame      layer_keys.frame_keys(frame, (p, s))  -> keys        at both ends, equal if the session keys and (p, s) are equal
    frame      layer.parameters(keys, inner)         -> FrameParameters, the input of `send` and `receive`

The transformation of symbols is in a module of its own (`permutation`, `phase_scrambling`, `covert`): a pure function of tensors, which
gets its keys as parameters and has no access to the session. A layer component is declared in `linksim.scenario.schemes` and built here,
or in `covert_layer`. One from outside the package subclasses `Layer`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.enums import ImageRole
from linksim.errors import LinksimError
from linksim.scenario.layers import PermutationOptions, PhaseScramblingOptions
from linksim.schemes.base import Scheme
from linksim.schemes.base_schemes import LoadModel
from linksim.schemes.parameters import FrameParameters, merge_bundles
from linksim.schemes.permutation import Permutation, PermutationKey
from linksim.schemes.permutation_keys import PermutationKeyBatch, PermutationKeySource
from linksim.schemes.phase_scrambling import PhaseKey, PhaseScrambling, draw_quarter_turns
from linksim.secrecy import SessionKeys

FrameKeys = Any  # keys of one layer for one frame; only the layer knows their type
KeyIndices = tuple[tuple[int, int], ...]  # (p, s) of each pair of a layer with transmitted keys, () for a layer with derived keys


@dataclass(frozen=True)
class LayerContext:
    """What a layer is built from.

    inner            scheme that it wraps: the base scheme, or the scheme of the next inner layer
    rows             number of feature rows of one image of the base scheme
    items            number of items of the inner scheme in a frame
    place            position in the stack, 0 for the outermost layer; it enters the labels under which keys are derived, so that two
                     layers of one kind have different keys
    noise_companion  True if each image of a frame is paired with a frame of noise
    load             (name, kind) -> trained model; raises LinksimError if it is missing
    """

    inner: Scheme
    rows: int
    items: int
    place: int
    noise_companion: bool
    load: LoadModel


class LayerKeys:
    """Keys of one layer in one session; this base class is that of a layer without keys.

    size  size of the sets that a transmitted (p, s) refers to, p and s in 0..size-1; 0 for a layer without transmitted keys
    """

    size = 0

    def frame_keys(self, frame: int, chosen: KeyIndices) -> FrameKeys:
        """Return the keys of a frame: those that `chosen` selects or, for derived keys, those that follow from the frame number.

        frame   number of the data frame on its link
        chosen  the layer's own part of the (p, s) that KEY transmitted, `num_transmitted` pairs; ignored by a layer with derived keys

        Equal session keys and arguments give equal keys, which is how both ends agree without transmitting any key. Raises ValueError for
        an index that is not below `size`.
        """
        return None

    def key_sets(self) -> FrameKeys:
        """Return all keys of the sets that a transmitted (p, s) refers to; None for a layer without such sets.

        The evaluator hands them to an attack that the scenario grants the key sets (`knowledge: key-sets`).
        """
        return None


class Layer:
    """A layer of a stack; this base class is that of a layer without keys and without frame parameters of its own.

    scheme           the layer's scheme around the inner one
    items            number of its items in a frame, for example half of the inner items if an item is a pair
    num_transmitted  number of pairs (p, s) per frame that a KEY message carries for it; 0 for derived keys
    roles            roles of the images of a frame in turn; empty for a layer that treats all images alike
    """

    roles: tuple[ImageRole, ...] = ()

    def __init__(self, scheme: Scheme, items: int, num_transmitted: int = 0) -> None:
        self.scheme, self.items, self.num_transmitted = scheme, items, num_transmitted

    def for_session(self, keys: SessionKeys) -> LayerKeys:
        """Return the source of the layer's keys in a session. Both ends call it once per session, with equal `keys`."""
        return LayerKeys()

    def zeros(self) -> FrameKeys:
        """Return keys of the right shapes and dtypes, filled with zeros, from which an operation learns how its inputs are nested."""
        return None

    def parameters(self, keys: FrameKeys, inner: FrameParameters) -> FrameParameters:
        """Return the frame parameters of the layer's scheme, one row per item, which contain those of the scheme inside it.

        keys   keys of the frame, from `LayerKeys.frame_keys`
        inner  parameters of the inner scheme, one row per inner item
        """
        return inner


class PermutationLayer(Layer):
    """Permutation and substitution, with keys selected by transmitted indices or derived from the frame number.

    An item is a pair of images, or one image with a frame of noise; each item has a key of its own. `rows` is the number of rows of an
    image: the feature rows of the codec, or every symbol as a row of its own with `granularity: symbol`.

    Raises LinksimError if the symbols of an image cannot be divided into rows.
    """

    def __init__(self, options: PermutationOptions, context: LayerContext) -> None:
        symbols = context.inner.channel_uses
        rows = context.rows if options.granularity == "row" else symbols
        if symbols % rows:
            raise LinksimError(
                f"layer 'permutation' permutes {rows} rows, but the {symbols} symbols of an image cannot be divided into {rows} rows"
            )
        items = context.items if context.noise_companion else context.items // 2
        scheme = Permutation(context.inner, rows, context.noise_companion)
        super().__init__(scheme, items, items if options.keys == "transmitted" else 0)
        self.options, self.context, self.rows = options, context, rows

    def for_session(self, keys: SessionKeys) -> LayerKeys:
        return _PermutationLayerKeys(self, keys)

    def zeros(self) -> PermutationKeyBatch:
        return PermutationKeyBatch(np.zeros((self.items, 2, self.rows), np.int64), np.zeros((self.items, self.rows), np.bool_))

    def parameters(self, keys: PermutationKeyBatch, inner: FrameParameters) -> FrameParameters:
        return PermutationKey(keys.order, keys.swapped, inner if self.context.noise_companion else merge_bundles(inner, 2))


class _PermutationLayerKeys(LayerKeys):
    """Keys of a permutation layer in a session; a share of `substitution_ratio` of the rows, rounded, is exchanged within a pair."""

    def __init__(self, layer: PermutationLayer, keys: SessionKeys) -> None:
        options = layer.options
        self._layer, self.size = layer, options.key_set_size if layer.num_transmitted else 0
        num_substituted = round(options.substitution_ratio * layer.rows)
        self._source = PermutationKeySource(keys, layer.context.place, layer.rows, options.key_set_size, options.permute, num_substituted)

    def frame_keys(self, frame: int, chosen: KeyIndices) -> PermutationKeyBatch:
        return self._source.select(chosen) if self._layer.num_transmitted else self._source.derive(frame, self._layer.items)

    def key_sets(self) -> PermutationKeyBatch | None:
        return self._source.select(tuple((number, number) for number in range(self.size))) if self.size else None


class PhaseScramblingLayer(Layer):
    """Phase scrambling, with keys derived from the frame number: quarter turns, uint8 [items, channel_uses] in 0..3."""

    def __init__(self, context: LayerContext) -> None:
        super().__init__(PhaseScrambling(context.inner), context.items)
        self.place, self.symbols = context.place, context.inner.channel_uses

    def for_session(self, keys: SessionKeys) -> LayerKeys:
        return _PhaseLayerKeys(self, keys)

    def zeros(self) -> NDArray[np.uint8]:
        return np.zeros((self.items, self.symbols), np.uint8)

    def parameters(self, keys: NDArray[np.uint8], inner: FrameParameters) -> FrameParameters:
        return PhaseKey(keys, inner)


class _PhaseLayerKeys(LayerKeys):
    """Keys of a phase-scrambling layer in a session."""

    def __init__(self, layer: PhaseScramblingLayer, keys: SessionKeys) -> None:
        self._layer, self._keys = layer, keys

    def frame_keys(self, frame: int, chosen: KeyIndices) -> NDArray[np.uint8]:
        layer = self._layer
        return draw_quarter_turns(self._keys, layer.place, frame, layer.items, layer.symbols)


def make_permutation(options: PermutationOptions, context: LayerContext) -> Layer:
    """Factory of the layer `permutation`.

    Raises LinksimError if the symbols of an image cannot be divided into rows, as for a base scheme whose channel uses are no multiple of
    its rows.
    """
    return PermutationLayer(options, context)


def make_phase_scrambling(options: PhaseScramblingOptions, context: LayerContext) -> Layer:
    """Factory of the layer `phase-scrambling`, which fits every scheme."""
    return PhaseScramblingLayer(context)

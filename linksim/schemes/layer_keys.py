"""The keyed layers of a stack: what each takes from the session at every frame, and how it enters the terms."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.scenario.schemes import KeyedSchemeOptions, PermutationOptions
from linksim.schemes.parameters import FrameParameters, merge_bundles
from linksim.schemes.permutation import PermutationKey
from linksim.schemes.permutation_keys import PermutationKeyBatch, PermutationKeySource
from linksim.schemes.phase_scrambling import PhaseKey, draw_quarter_turns
from linksim.secrecy import SessionKeys

Chosen = tuple[tuple[int, int], ...]  # (p, s) of each pair of a layer whose keys are told, () of any other


@dataclass(frozen=True, eq=False)
class PhaseKeyBatch:
    """Keys of several items of a scrambling: quarters uint8 [items, uses]."""

    quarter_turns: NDArray[np.uint8]


FrameKeys = PermutationKeyBatch | PhaseKeyBatch


@dataclass(frozen=True)
class KeyedLayer:
    """A layer of a stack that both ends key alike.

    spec    its words
    place   in the stack, 0 for the outermost
    items   of it in a frame: pairs of a permutation
    width   what it keys: rows or symbols of an image of a permutation, symbols of an item of a scrambling
    single  whether an item's companion is a frame of noise
    """

    spec: KeyedSchemeOptions
    place: int
    items: int
    width: int
    single: bool

    @property
    def told(self) -> int:
        """Pairs (p, s) of a frame that KEY tells of."""
        return self.items if isinstance(self.spec, PermutationOptions) and self.spec.keys == "transmitted" else 0

    def layer_keys(self, keys: SessionKeys) -> "LayerKeys":
        """Where its keys come from in a session."""
        if isinstance(self.spec, PermutationOptions):
            return _Shuffling(self, keys, self.spec)
        return _Turning(self, keys)

    def zeros(self) -> FrameKeys:
        """Keys of the right shape, all zero."""
        if isinstance(self.spec, PermutationOptions):
            return PermutationKeyBatch(np.zeros((self.items, 2, self.width), np.int64), np.zeros((self.items, self.width), np.bool_))
        return PhaseKeyBatch(np.zeros((self.items, self.width), np.uint8))

    def parameters(self, keys: FrameKeys, inner: FrameParameters) -> FrameParameters:
        """Its terms around those of the scheme inside."""
        if isinstance(keys, PhaseKeyBatch):
            return PhaseKey(keys.quarter_turns, inner)
        return PermutationKey(keys.order, keys.swapped, inner if self.single else merge_bundles(inner, 2))


class LayerKeys(Protocol):
    """The keys of one layer in one session.

    size  of the sets that a told (p, s) chooses from, 0 where none is told
    """

    size: int

    def keys(self, frame: int, chosen: Chosen) -> FrameKeys:
        """Of a frame: those that `chosen` chooses, or, where nothing is told, those that follow from the frame number."""


class _Shuffling:
    def __init__(self, layer: KeyedLayer, keys: SessionKeys, spec: PermutationOptions) -> None:
        self._layer, self.size = layer, spec.key_set_size if layer.told else 0
        swapped = round(spec.substitution_ratio * layer.width)
        self._layer_keys = PermutationKeySource(keys, layer.place, layer.width, spec.key_set_size, spec.permute, swapped)

    def keys(self, frame: int, chosen: Chosen) -> FrameKeys:
        return self._layer_keys.chosen(chosen) if self._layer.told else self._layer_keys.derived(frame, self._layer.items)


class _Turning:
    def __init__(self, layer: KeyedLayer, keys: SessionKeys) -> None:
        self._layer, self._keys, self.size = layer, keys, 0

    def keys(self, frame: int, chosen: Chosen) -> FrameKeys:
        return PhaseKeyBatch(draw_quarter_turns(self._keys, self._layer.place, frame, self._layer.items, self._layer.width))

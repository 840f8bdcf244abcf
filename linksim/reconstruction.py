"""Reconstructions: what a receiver makes of the items of a frame.

A reconstruction holds images, class logits, or both; what a receiver does not produce is absent. Between the operations of the worker it
travels as named tensors (`Reconstruction.tensors`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

FILL_VALUE = 0.5  # mid-grey, in pixel values of 0..1, shown for an erased image


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Reconstruction of a batch of items.

    images      float [items, k, c, h, w] in 0..1, or None
    logits      float [items, k, classes], or None
    erased      bool [items, k], True for an image that the receiver knows it did not decode; None if it cannot know
    undenoised  images before the receiver's denoising, float [items, k, c, h, w], about 0..1; None if it does not denoise or if they
                are not needed

    Raises ValueError if both images and logits are absent.
    """

    images: Tensor | None = None
    logits: Tensor | None = None
    erased: Tensor | None = None
    undenoised: Tensor | None = None

    def __post_init__(self) -> None:
        if self.images is None and self.logits is None:
            raise ValueError("a reconstruction needs images or logits")

    def tensors(self) -> dict[str, Tensor]:
        """Return the parts that exist, by name.

        >>> sorted(Reconstruction(logits=torch.zeros(1, 1, 10)).tensors())
        ['logits']
        """
        parts = {"images": self.images, "logits": self.logits, "erased": self.erased, "undenoised": self.undenoised}
        return {name: part for name, part in parts.items() if part is not None}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Self:
        """Return the reconstruction of named tensors, the inverse of `tensors`."""
        return cls(**tensors)

    def map(self, change: Callable[[Tensor], Tensor]) -> "Reconstruction":
        """Return the reconstruction with `change` applied to each part that exists, such as a reshape of the item dimensions."""
        return replace(self, **{name: change(part) for name, part in self.tensors().items()})

    def regroup(self, items: int, images_per_item: int) -> "Reconstruction":
        """Return the same images grouped into `items` items of `images_per_item` images, in the same order.

        A layer that processes images jointly has other items than the scheme inside it. The number of images must not change.

        >>> pairs = Reconstruction(logits=torch.arange(4.0).reshape(2, 2, 1))
        >>> pairs.regroup(4, 1).logits.flatten().tolist()
        [0.0, 1.0, 2.0, 3.0]
        """
        return self.map(lambda part: part.reshape(items, images_per_item, *part.shape[2:]))

    def shown(self) -> Tensor:
        """Return the images with every erased one replaced by uniform grey. Raises ValueError without images.

        Images that are not erased stay as they are, NaN included.

        >>> grey = Reconstruction(torch.ones(1, 2, 1, 1, 1), erased=torch.tensor([[False, True]]))
        >>> grey.shown().flatten().tolist()
        [1.0, 0.5]
        """
        if self.images is None:
            raise ValueError("this receiver reconstructs no images")
        return self.images if self.erased is None else torch.where(self.erased[..., None, None, None], FILL_VALUE, self.images)

    def merge(self, earlier: "Reconstruction") -> "Reconstruction":
        """Return this reconstruction with the images that it lacks taken from an earlier transmission of the same frame (ARQ).

        An image stays erased if both transmissions lack it. A receiver that cannot detect erasures keeps its newest reconstruction.

        >>> first = Reconstruction(logits=torch.tensor([[[1.0], [2.0]]]), erased=torch.tensor([[False, True]]))
        >>> second = Reconstruction(logits=torch.tensor([[[0.0], [3.0]]]), erased=torch.tensor([[True, False]]))
        >>> second.merge(first).logits.flatten().tolist()
        [1.0, 3.0]
        """
        if self.erased is None or earlier.erased is None:
            return self
        merged = {
            name: _where(self.erased, old, new) for (name, new), old in zip(self.tensors().items(), earlier.tensors().values(), strict=True)
        }
        return Reconstruction.of(merged | {"erased": self.erased & earlier.erased})


def _where(condition: Tensor, then: Tensor, other: Tensor) -> Tensor:
    return torch.where(condition.reshape(*condition.shape, *(1 for _ in then.shape[condition.dim() :])), then, other)

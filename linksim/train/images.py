"""What lessons that learn from the images of a source share: the order in which they are seen, and named random streams."""

from functools import cached_property

from torch import nn

from linksim.data.sources import Pictures, load
from linksim.rng import Streams
from linksim.train.order import Batches, first


class FromImages:
    """Base of such lessons.

    source  name of the image source
    batch   images per step
    seed    of the lesson's streams
    shift   largest translation of an image in pixels; see `train.order`
    crop    side of the squares that it learns from, None for whole images
    scored  how many of the test images it is measured on, None for all
    """

    source: str
    batch: int
    seed: int
    shift: int = 0
    crop: int | None = None
    scored: int | None = None
    bfloat16: bool = False

    @cached_property
    def _streams(self) -> Streams:
        return Streams(self.seed)

    @cached_property
    def _batches(self) -> Batches:
        return Batches(self.pictures("train"), self.batch, self.shift, self.crop, self._streams)

    def pictures(self, split: str) -> Pictures:
        found = load(self.source, split)
        return found if split == "train" or self.scored is None else first(found, self.scored)

    def prepare(self, network: nn.Module) -> None:
        """Nothing is fitted beforehand, unless a lesson says otherwise."""

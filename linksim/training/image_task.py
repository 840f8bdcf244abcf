"""What training tasks that learn from the images of a source share: the order in which they are seen, and named random streams."""

from functools import cached_property

from torch import nn

from linksim.data.sources import ImageDataset, load
from linksim.rng import Streams
from linksim.training.order import Batches, first


class FromImages:
    """Base of such training tasks.

    source  name of the image source
    batch   images per step
    seed    of the training task's streams
    shift   largest translation of an image in pixels; see `train.order`
    crop    side of the squares that it learns from, None for whole images
    scored  how many of the test images it is measured on, None for all
    """

    dataset: str
    batch: int
    seed: int
    shift: int = 0
    crop: int | None = None
    num_eval_images: int | None = None
    bfloat16: bool = False

    @cached_property
    def _streams(self) -> Streams:
        return Streams(self.seed)

    @cached_property
    def _batches(self) -> Batches:
        return Batches(self.pictures("train"), self.batch, self.shift, self.crop, self._streams)

    def pictures(self, split: str) -> ImageDataset:
        found = load(self.dataset, split)
        return found if split == "train" or self.num_eval_images is None else first(found, self.num_eval_images)

    def prepare(self, network: nn.Module) -> None:
        """Nothing is fitted beforehand, unless a training task says otherwise."""

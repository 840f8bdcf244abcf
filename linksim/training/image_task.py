"""Base class of the training tasks on the images of a dataset: batches in a reproducible order, and named random streams.

A subclass is a frozen dataclass that adds the loss, the optimiser, the schedule and the scores (`training.task.TrainingTask`). Streams and
batches are created when they are first used, so that the tasks of `training.tasks` can be listed without reading a dataset.
"""

from functools import cached_property

from torch import nn

from linksim.data.sources import ImageDataset, load
from linksim.rng import Streams
from linksim.training.order import Batches, take_first, take_share


class ImageTask:
    """Base class of training tasks on images.

    dataset          name of the dataset (`linksim data list`)
    batch            images per step
    seed             seed of the random streams
    shift            largest translation of an image in pixels; see `training.order`
    crop             side of random square crops, None for whole images
    num_eval_images  number of test images for the evaluation, None for all
    bfloat16         compute in bfloat16 on a CPU that has it, too
    mirror           mirror the images in every other epoch
    clip_norm        largest norm of the gradient, None for no limit
    share            part of the training images that the task uses: from and up to these shares of them, 0..1
    """

    dataset: str
    batch: int
    seed: int
    shift: int = 0
    crop: int | None = None
    num_eval_images: int | None = None
    bfloat16: bool = False
    mirror: bool = True
    clip_norm: float | None = None
    share: tuple[float, float] = (0.0, 1.0)

    @cached_property
    def _streams(self) -> Streams:
        """Random streams of the training. A subclass names each purpose and uses the step as index."""
        return Streams(self.seed)

    @cached_property
    def _batches(self) -> Batches:
        """Batches of the training images, by step."""
        return Batches(self.load_dataset("train"), self.batch, self.shift, self.crop, self._streams, self.mirror)

    def load_dataset(self, split: str) -> ImageDataset:
        """Load the split "train", limited to the `share` of the task, or "test", limited to its first `num_eval_images` images.

        Raises DataError if the dataset is missing or damaged.
        """
        found = load(self.dataset, split)
        if split == "train":
            return take_share(found, self.share)
        return found if self.num_eval_images is None else take_first(found, self.num_eval_images)

    def prepare(self, network: nn.Module) -> None:
        """Prepare the network before the first step: fit or copy weights. Does nothing unless overridden."""

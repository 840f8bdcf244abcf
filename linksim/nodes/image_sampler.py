"""Which images the links of a run send: disjoint images of the test split until all of them have been sent.

    one random permutation of the split after the other, from the stream "images" of the replication

        place  0  1  2  3  4  5  6  7  8  ...
        link   0  0  0  1  1  1  2  2  2  ...      where each link sends three images

Links divide the places into equal parts, so that images are distinct within a link and between links as long as there are unsent ones. Link
n of every group has the same part. An additional link does not change the images of the others, but a longer run does, or a group whose
links send more images.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from linksim.enums import ImageRole
from linksim.rng import StreamKey, generator


class ImageOrder:
    """The sequence of images of a run: random permutations of all images, one after the other.

    key   stream of the permutations, with one draw for each
    size  number of images of the dataset
    part  number of places of each link
    """

    def __init__(self, key: StreamKey, size: int, part: int) -> None:
        self.size, self.part = size, part
        self.permutation = lru_cache(maxsize=16)(lambda number: generator(key, number).permutation(size))  # neighbouring links share one


class ImageSampler:
    """The images that one link sends.

    order       sequence of images that all links share
    link        number of the link in its group
    labels      classes of all images of the dataset, int64
    num_images  number of different images that the link sends in turn, always in the same order; None for its whole part

    >>> order = ImageOrder(StreamKey(1, 2), size=6, part=3)
    >>> first, second = (ImageSampler(order, link, np.zeros(6, np.int64), None).batch_indices(frame=0, images=3) for link in (0, 1))
    >>> sorted([*first.tolist(), *second.tolist()])
    [0, 1, 2, 3, 4, 5]
    """

    def __init__(self, order: ImageOrder, link: int, labels: NDArray[np.int64], num_images: int | None) -> None:
        self.labels = labels
        self._order, self._first = order, link * order.part
        self._different = order.part if num_images is None else min(num_images, order.part, order.size)
        self._number, self._permutation = -1, np.empty(0, np.int64)  # the newest permutation, which its next frame needs most likely

    def batch_indices(self, frame: int, images: int) -> NDArray[np.int64]:
        """Return the indices into the dataset of the images of a frame, int64 [images].

        frame   number of the frame on its link, from 0
        images  number of images in every frame of the link
        """
        first = frame * images % self._different
        number, start = divmod(self._first + first, self._order.size)
        if number == self._number and first + images <= self._different and start + images <= self._order.size:
            return self._permutation[start : start + images]
        return self._across_permutations(frame, images)

    def _across_permutations(self, frame: int, images: int) -> NDArray[np.int64]:
        """Indices of a frame that needs another permutation than the newest, or several of them."""
        places = self._first + np.arange(frame * images, (frame + 1) * images) % self._different
        number, within = np.divmod(places, self._order.size)
        found = np.empty_like(places)
        for self._number in sorted(set(number.tolist())):
            self._permutation = self._order.permutation(self._number)
            found[number == self._number] = self._permutation[within[number == self._number]]
        return found


class HostSampler(ImageSampler):
    """The images of a link that hides images in few hosts: the first hosts in turn, and private images as those of an `ImageSampler`.

    num_hosts  number of different hosts, at least 1
    roles      roles of the images of a frame in turn; others are `ImageSampler`'s arguments

    >>> order, roles = ImageOrder(StreamKey(1, 2), size=12, part=12), (ImageRole.HOST, ImageRole.PRIVATE)
    >>> hosts = HostSampler(order, 0, np.zeros(12, np.int64), None, num_hosts=2, roles=roles)
    >>> sent = np.concatenate([hosts.batch_indices(frame, images=4) for frame in range(3)])
    >>> len(set(sent[::2].tolist())), len(set(sent[1::2].tolist()))
    (2, 6)
    """

    def __init__(
        self,
        order: ImageOrder,
        link: int,
        labels: NDArray[np.int64],
        num_images: int | None,
        num_hosts: int,
        roles: tuple[ImageRole, ...],
    ) -> None:
        super().__init__(order, link, labels, num_images)
        self._num_hosts, self._roles = num_hosts, roles

    def batch_indices(self, frame: int, images: int) -> NDArray[np.int64]:
        """See `ImageSampler.batch_indices`."""
        found = super().batch_indices(frame, images).copy()
        places = [place for place in range(images) if self._roles[place % len(self._roles)] is ImageRole.HOST]
        for number, place in enumerate(places, start=frame * len(places)):
            earlier, which = divmod(number % self._num_hosts, len(places))
            found[place] = super().batch_indices(earlier, images)[places[which]]
        return found

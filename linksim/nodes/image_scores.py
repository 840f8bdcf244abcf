"""The records of the scores of a reconstruction."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from linksim.enums import Node
from linksim.errors import ModelError
from linksim.records import ImageScore
from linksim.worker import Named


def image_scores(
    scores: Named, indices: NDArray[np.int64], labels: NDArray[np.int64], *, time_ns: int, link: int, frame: int, receiver: int
) -> Iterator[ImageScore]:
    """Yield the scores of a reconstruction, image by image.

    scores                          scores by name, each [items, k], from `operations.score`
    indices, labels                 indices in the dataset and classes of the images, int64 [items, k]
    time_ns, link, frame, receiver  as in the records

    Raises ModelError if an image contains NaN. Only an image that the receiver declares as erased is shown and scored as grey; one without
    a score would be missing in every mean, as if it had not been received.
    """
    columns = {name: part.flatten().tolist() for name, part in scores.items()}
    if spoilt := [image for image, error in enumerate(columns.get("mse", ())) if not math.isfinite(error)]:
        place = f"link {link}, frame {frame}, image {spoilt[0]}"
        raise ModelError(f"{place}: the reconstruction of {Node(receiver).word} contains NaN; a network or an attack has diverged")
    columns |= {"dataset_index": indices.ravel().tolist(), "label": labels.ravel().tolist()}
    for image in range(labels.size):
        found = {name: column[image] for name, column in columns.items()}
        yield ImageScore(time_ns=time_ns, link=link, frame=frame, image=image, receiver=receiver, **found)

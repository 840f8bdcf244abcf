"""The records of the scores of a reconstruction."""

import math
from collections.abc import Iterator
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from linksim.enums import ImageRole, Node
from linksim.errors import ModelError
from linksim.records import ImageScore
from linksim.worker import Named

FIELDS = {f.name for f in fields(ImageScore)}  # scores of other names are metrics of the scenario


def image_scores(
    scores: Named,
    indices: NDArray[np.int64],
    labels: NDArray[np.int64],
    roles: tuple[ImageRole, ...] = (),
    *,
    time_ns: int,
    link: int,
    frame: int,
    receiver: int,
) -> Iterator[ImageScore]:
    """Yield the scores of a reconstruction, image by image.

    scores                          scores by name, each [items, k], from `scoring.score`
    indices, labels                 indices in the dataset and classes of the images, int64 [items, k]
    roles                           roles of the images of a frame in turn, empty if they have none
    time_ns, link, frame, receiver  as in the records

    Raises ModelError if an image contains NaN. Only an image that the receiver declares as erased is shown and scored as grey; one without
    a score would be missing in every mean, as if it had not been received.
    """
    columns = {name: part.flatten().tolist() for name, part in scores.items()}
    if spoilt := [image for image, error in enumerate(columns.get("mse", ())) if not math.isfinite(error)]:
        place = f"link {link}, frame {frame}, image {spoilt[0]}"
        raise ModelError(f"{place}: the reconstruction of {Node(receiver).word} contains NaN; a network or an attack has diverged")
    metrics = {name: column for name, column in columns.items() if name not in FIELDS}
    columns = {name: column for name, column in columns.items() if name in FIELDS}
    columns |= {"dataset_index": indices.ravel().tolist(), "label": labels.ravel().tolist()}
    for image in range(labels.size):
        found = {name: column[image] for name, column in columns.items()}
        measured = {name: column[image] for name, column in metrics.items()}
        role = roles[image % len(roles)] if roles else None
        yield ImageScore(role=role, time_ns=time_ns, link=link, frame=frame, image=image, receiver=receiver, metrics=measured, **found)

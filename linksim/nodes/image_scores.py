"""The records of the scores of reconstructions, image by image, for all frames of a batch at once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linksim.context import Simulation
from linksim.enums import ImageRole, Node
from linksim.errors import ModelError
from linksim.records import ImageScore
from linksim.worker import Named, Promise

FIELDS = {f.name for f in fields(ImageScore)}  # scores of other names are metrics of the scenario


class ScoredFrame(NamedTuple):
    """A receiver's reconstruction of a frame, whose scores are announced to a `ScoreRecorder`.

    time_ns, link, frame, receiver  as in the records
    indices                         indices of the images in the dataset, int64 [items, k]
    """

    time_ns: int
    link: int
    frame: int
    receiver: int
    indices: NDArray[np.int64]


class ScoreRecorder:
    """A block listener of the worker that emits one `ImageScore` per image; the frames of links with equal roles share one.

    simulation  shared state of the run
    labels      classes of all images of the dataset, int64
    roles       roles of the images of a frame in turn, empty if they have none

    Raises ModelError if an image contains NaN. Only an image that the receiver declares as erased is shown and scored as grey; one without
    a score would be missing in every mean, as if it had not been received.
    """

    def __init__(self, simulation: Simulation, labels: NDArray[np.int64], roles: tuple[ImageRole, ...] = ()) -> None:
        self._simulation, self._labels, self._roles = simulation, labels, roles

    def __call__(self, block: Sequence[tuple[ScoredFrame, Promise]], scores: Named) -> None:
        """Emit the scores of a batch: by name, each [items, k], from `operations.score`."""
        columns: dict[str, list[Any]] = {name: [] for name in ("time_ns", "link", "frame", "image", "receiver")}
        indices, rows = list[int](), list[int]()
        for scored, promise in block:
            count, first = scored.indices.size, promise.first * scored.indices.shape[1]
            columns["image"].extend(range(count))
            for name in ("time_ns", "link", "frame", "receiver"):
                columns[name].extend([getattr(scored, name)] * count)
            indices.extend(scored.indices.ravel().tolist())
            rows.extend(range(first, first + count))
        columns |= {"dataset_index": indices, "label": self._labels[indices].tolist()}
        if self._roles:
            columns["role"] = [self._roles[image % len(self._roles)] for image in columns["image"]]
        flat = {name: part.flatten().tolist() for name, part in scores.items()}
        found = {name: [values[row] for row in rows] for name, values in flat.items()}
        self._require_finite(columns, found.get("mse", []))
        columns |= {name: found.pop(name) for name in list(found) if name in FIELDS}
        if found:
            columns["metrics"] = [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]
        self._simulation.emit_block(ImageScore, columns)

    def _require_finite(self, columns: Mapping[str, list[Any]], errors: list[float]) -> None:
        """Raise ModelError for the first image with an error that is no number."""
        for row, error in enumerate(errors):
            if not math.isfinite(error):
                link, frame, image, receiver = (columns[name][row] for name in ("link", "frame", "image", "receiver"))
                raise ModelError(
                    f"link {link}, frame {frame}, image {image}: the reconstruction of {Node(receiver).word} contains NaN; a network or an "
                    "attack has diverged"
                )

"""Cells that a run of the simulator measures: one constant-SNR link each, one ear's estimates of images of the test split.

A cell is a scenario as a user would write it. All cells of a paper have one seed, and streams are named by lanes and nodes, so they meet
the same images in the same order and the same noise; figures of two cells can be compared image by image.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.errors import LinksimError
from linksim.nets.cards import read_card
from linksim.nets.weights import has_part, parts_folder
from linksim.papers.paper import Measurement, Tell
from linksim.records import NODES, Picture, Quality, Record
from linksim.run import run
from linksim.scenario.load import scenario_from_text
from linksim.scenario.strict_yaml import dump_yaml

MEASURING = 1  # raise it when the simulator's own figures change for the same words and weights: all kept cells are then measured anew
PASSING = ("name", "about", "trace")  # words of a scenario that decide no figure


@dataclass(frozen=True)
class Simulated:
    """One condition.

    key, kind  as `paper.Want` has them
    words      the scenario; one group, one lane, constant SNR
    ear        BOB or EVE: whose estimates are scored
    parts      trained parts that the scenario uses
    pictures   name under which the kept pictures of a node are stored, by node
    """

    key: str
    kind: str
    words: Mapping[str, Any]
    ear: int
    parts: tuple[str, ...]
    pictures: Mapping[int, str] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        return int(self.words["seed"])

    @property
    def size(self) -> int:
        return int(self.words["frames"] * self.words["alice"]["images_per_frame"])

    def digest(self) -> str:
        """Of the scenario's words, the weights of its parts and `MEASURING`."""
        words = {key: value for key, value in self.words.items() if key not in PASSING}
        weights = {name: weights_of(name) for name in self.parts}
        about = {"measuring": MEASURING, "words": words, "ear": NODES[self.ear], "weights": weights}
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]

    def measure(self, tell: Tell) -> Measurement:
        """Run it. Raises LinksimError where parts, data or words are missing, or images did not get through."""
        hearing = Hearing(self.ear, tell)
        result = run(scenario_from_text(dump_yaml(dict(self.words)), "the cell's scenario"), (hearing,))
        if len(hearing.scores) != self.size:
            lost = f"{NODES[self.ear]} got {len(hearing.scores)} of {self.size} images"
            raise LinksimError("; ".join([lost, *result.warnings]))
        return Measurement(hearing.samples(), {name: hearing.kept(node) for node, name in self.pictures.items()})


def weights_of(part: str) -> str:
    """sha256 of a trained part's weights as its card has it, or "missing"."""
    return read_card(parts_folder() / f"{part}.yaml").sha256 if has_part(part) else "missing"


class Hearing:
    """A listener that keeps what one ear made of every image, and the pictures of all nodes.

    tell  is told how many images have been scored
    """

    def __init__(self, ear: int, tell: Tell) -> None:
        self._ear, self._tell = ear, tell
        self.scores: dict[tuple[int, int], tuple[float, float, float]] = {}
        self._pictures: dict[int, dict[tuple[int, int], NDArray[np.uint8]]] = {}

    def __call__(self, record: Record) -> None:
        if isinstance(record, Quality) and record.ear == self._ear:
            self.scores[record.frame, record.item] = record.psnr_db, record.ssim, record.mse
            self._tell(len(self.scores))
        elif isinstance(record, Picture):
            self._pictures.setdefault(record.node, {})[record.frame, record.item] = record.image

    def samples(self) -> dict[str, NDArray[np.float64]]:
        """Figures of each image in the order of sending."""
        rows = np.array([self.scores[place] for place in sorted(self.scores)], np.float64)
        return dict(zip(("psnr_db", "ssim", "mse"), rows.T, strict=True))

    def kept(self, node: int) -> NDArray[np.uint8]:
        """Pictures of a node, uint8 [k, colours, h, w], in the order of sending."""
        pictures = self._pictures[node]
        return np.stack([pictures[place] for place in sorted(pictures)])

"""Cells that a run of the simulator measures: one constant-SNR link each, one ear's estimates of images of the test split.

A cell is a scenario as a user would write it. All cells of a paper have one seed, and streams are named by lanes and nodes, so they meet
the same images in the same order and the same noise; figures of two cells can be compared image by image.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.reward import Classes, adv_share, err_share
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
PIXELS = ("psnr_db", "ssim", "mse")  # metrics of a cell where nothing is said
Outcome = Callable[[Classes, Classes, Classes, Classes], NDArray[Any]]

# Of true class, class seen in the image, in what an attack made of it, and in the estimate, each [n] -> a figure each.
OUTCOMES: Mapping[str, Outcome] = {
    "correct": lambda truth, clean, source, final: final == truth,
    "clean_correct": lambda truth, clean, source, final: clean == truth,
    "source_correct": lambda truth, clean, source, final: source == truth,
    "adv": lambda truth, clean, source, final: adv_share(*(of[:, None] for of in (clean, source, final))),
    "err": lambda truth, clean, source, final: err_share(*(of[:, None] for of in (clean, source, final))),
}


@dataclass(frozen=True)
class Simulated:
    """One condition.

    key, kind  as `paper.Want` has them
    words      the scenario; one group, constant SNR
    ear        BOB or EVE: whose estimates are scored
    parts      trained parts that the scenario uses
    pictures   name under which the kept pictures of a node are stored, by node
    metrics    of each image: of `PIXELS` and of `OUTCOMES`
    """

    key: str
    kind: str
    words: Mapping[str, Any]
    ear: int
    parts: tuple[str, ...]
    pictures: Mapping[int, str] = field(default_factory=dict)
    metrics: tuple[str, ...] = PIXELS

    @property
    def seed(self) -> int:
        return int(self.words["seed"])

    @property
    def size(self) -> int:
        return int(self.words["frames"] * self.words["alice"]["images_per_frame"] * self.words.get("lanes", 1))

    def digest(self) -> str:
        """Of the scenario's words, the weights of its parts, `MEASURING`, and metrics that are not the usual ones."""
        words = {key: value for key, value in self.words.items() if key not in PASSING}
        weights = {name: weights_of(name) for name in self.parts}
        about = {"measuring": MEASURING, "words": words, "ear": NODES[self.ear], "weights": weights}
        about |= {"metrics": self.metrics} if self.metrics != PIXELS else {}
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]

    def measure(self, tell: Tell) -> Measurement:
        """Run it. Raises LinksimError where parts, data or words are missing, or images did not get through."""
        hearing = Hearing(self.ear, tell)
        result = run(scenario_from_text(dump_yaml(dict(self.words)), "the cell's scenario"), (hearing,))
        if len(hearing.scores) != self.size:
            lost = f"{NODES[self.ear]} got {len(hearing.scores)} of {self.size} images"
            raise LinksimError("; ".join([lost, *result.warnings]))
        return Measurement(hearing.samples(self.metrics), {name: hearing.kept(node) for node, name in self.pictures.items()})


def weights_of(part: str) -> str:
    """sha256 of a trained part's weights as its card has it, or "missing"."""
    return read_card(parts_folder() / f"{part}.yaml").sha256 if has_part(part) else "missing"


class Hearing:
    """A listener that keeps what one ear made of every image, and the pictures of all nodes.

    tell    is told how many images have been scored
    scores  by lane, frame and place in the frame
    """

    def __init__(self, ear: int, tell: Tell) -> None:
        self._ear, self._tell = ear, tell
        self.scores: dict[tuple[int, int, int], Quality] = {}
        self._pictures: dict[int, dict[tuple[int, int, int], NDArray[np.uint8]]] = {}

    def __call__(self, record: Record) -> None:
        if isinstance(record, Quality) and record.ear == self._ear:
            self.scores[record.lane, record.frame, record.item] = record
            self._tell(len(self.scores))
        elif isinstance(record, Picture):
            self._pictures.setdefault(record.node, {})[record.lane, record.frame, record.item] = record.image

    def samples(self, metrics: tuple[str, ...] = PIXELS) -> dict[str, NDArray[np.float64]]:
        """Figures of each image, lane by lane in the order of sending."""
        rows = [self.scores[place] for place in sorted(self.scores)]
        seen = [np.array([getattr(row, name) for row in rows]) for name in ("label", "clean_class", "source_class", "predicted")]
        found = (OUTCOMES[name](*seen) if name in OUTCOMES else [getattr(row, name) for row in rows] for name in metrics)
        return {name: np.array(values, np.float64) for name, values in zip(metrics, found, strict=True)}

    def kept(self, node: int) -> NDArray[np.uint8]:
        """Pictures of a node, uint8 [k, colours, h, w], lane by lane in the order of sending."""
        pictures = self._pictures[node]
        return np.stack([pictures[place] for place in sorted(pictures)])

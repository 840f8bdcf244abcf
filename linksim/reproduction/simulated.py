"""Cells that a run of the simulator measures: one constant-SNR link each, one receiver's estimates of images of the test split.

A cell is a scenario as a user would write it. All cells of a paper have one seed, and streams are named by links and nodes, so they meet
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
from linksim.nets.weights import has_model, models_folder
from linksim.records import NODES, ImageScore, KeptImage, Record
from linksim.reproduction.paper import Measurement, Tell
from linksim.scenario.load import scenario_from_text
from linksim.scenario.strict_yaml import dump_yaml
from linksim.simulate.run import run

MEASURING = 1  # raise it when the simulator's own figures change for the same words and weights: all kept cells are then measured anew
PASSING = ("name", "description", "trace")  # words of a scenario that decide no figure
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

    key, kind  as `paper.Experiment` has them
    words      the scenario; one group, constant SNR
    receiver        BOB or EVE: whose estimates are scored
    parts      trained models that the scenario uses
    images   name under which the kept images of a node are stored, by node
    metrics    of each image: of `PIXELS` and of `OUTCOMES`
    """

    key: str
    kind: str
    words: Mapping[str, Any]
    receiver: int
    parts: tuple[str, ...]
    pictures: Mapping[int, str] = field(default_factory=dict)
    metrics: tuple[str, ...] = PIXELS

    @property
    def seed(self) -> int:
        return int(self.words["seed"])

    @property
    def size(self) -> int:
        return int(self.words["frames"] * self.words["alice"]["images_per_frame"] * self.words.get("links", 1))

    def digest(self) -> str:
        """Of the scenario's words, the weights of its parts, `MEASURING`, and metrics that are not the usual ones."""
        words = {key: value for key, value in self.words.items() if key not in PASSING}
        weights = {name: weights_of(name) for name in self.parts}
        about = {"measuring": MEASURING, "words": words, "receiver": NODES[self.receiver], "weights": weights}
        about |= {"metrics": self.metrics} if self.metrics != PIXELS else {}
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]

    def measure(self, tell: Tell) -> Measurement:
        """Run it. Raises LinksimError where parts, data or words are missing, or images did not get through."""
        hearing = ScoreCollector(self.receiver, tell)
        result = run(scenario_from_text(dump_yaml(dict(self.words)), "the cell's scenario"), (hearing,))
        if len(hearing.scores) != self.size:
            lost = f"{NODES[self.receiver]} got {len(hearing.scores)} of {self.size} images"
            raise LinksimError("; ".join([lost, *result.warnings]))
        return Measurement(hearing.samples(self.metrics), {name: hearing.kept(node) for node, name in self.pictures.items()})


def weights_of(part: str) -> str:
    """sha256 of a trained model's weights as its card has it, or "missing"."""
    return read_card(models_folder() / f"{part}.yaml").sha256 if has_model(part) else "missing"


class ScoreCollector:
    """A listener that keeps what one receiver made of every image, and the images of all nodes.

    tell    is told how many images have been scored
    scores  by link, frame and place in the frame
    """

    def __init__(self, receiver: int, tell: Tell) -> None:
        self._receiver, self._tell = receiver, tell
        self.scores: dict[tuple[int, int, int], ImageScore] = {}
        self._pictures: dict[int, dict[tuple[int, int, int], NDArray[np.uint8]]] = {}

    def __call__(self, record: Record) -> None:
        if isinstance(record, ImageScore) and record.receiver == self._receiver:
            self.scores[record.link, record.frame, record.item] = record
            self._tell(len(self.scores))
        elif isinstance(record, KeptImage):
            self._pictures.setdefault(record.node, {})[record.link, record.frame, record.item] = record.image

    def samples(self, metrics: tuple[str, ...] = PIXELS) -> dict[str, NDArray[np.float64]]:
        """Figures of each image, link by link in the order of sending."""
        rows = [self.scores[place] for place in sorted(self.scores)]
        seen = [np.array([getattr(row, name) for row in rows]) for name in ("label", "class_clean", "class_attacked", "class_received")]
        found = (OUTCOMES[name](*seen) if name in OUTCOMES else [getattr(row, name) for row in rows] for name in metrics)
        return {name: np.array(values, np.float64) for name, values in zip(metrics, found, strict=True)}

    def kept(self, node: int) -> NDArray[np.uint8]:
        """Images of a node, uint8 [k, colours, h, w], link by link in the order of sending."""
        pictures = self._pictures[node]
        return np.stack([pictures[place] for place in sorted(pictures)])

"""Experiments that a run of the simulator measures: links at a constant SNR, and the reconstructions of one receiver.

Each experiment is a scenario as a user would write it. All experiments of a paper share one seed, and random streams are named after links
and nodes, so that all experiments transmit the same images in the same order under the same noise. Results of two experiments can therefore
be compared image by image.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim import places
from linksim.adapt.reward import Classes, adv_share, err_share
from linksim.enums import Node
from linksim.errors import LinksimError
from linksim.nets.cards import read_card
from linksim.nets.weights import folder_of, has_model
from linksim.records import ImageScore, KeptImage, KeyKnowledge, Record
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.scenario.load import scenario_from_text
from linksim.scenario.strict_yaml import dump_yaml
from linksim.simulate.run import run

MEASUREMENT_VERSION = 1  # raise it when the simulator gives other values for the same options and weights: all results are then stale
UNSHIPPED = "unshipped"  # folder in that of the shipped models: cards of models whose weights are not shipped
NOT_IN_DIGEST = ("name", "description", "trace")  # scenario keys that do not affect the values
PIXEL_METRICS = ("psnr_db", "ssim", "mse")  # the default metrics of an experiment
KEY_METRICS = {"orders": "order_known", "subsets": "subset_known"}  # metrics per pair of images, by column of the table `keys`
Outcome = Callable[[Classes, Classes, Classes, Classes], NDArray[Any]]

# From the label, and the classes of the clean image, of the attacked image and of the reconstruction, [n] each -> one value per image.
OUTCOMES: Mapping[str, Outcome] = {
    "correct": lambda label, clean, attacked, received: received == label,
    "clean_correct": lambda label, clean, attacked, received: clean == label,
    "attacked_correct": lambda label, clean, attacked, received: attacked == label,
    "adv": lambda label, clean, attacked, received: adv_share(*(of[:, None] for of in (clean, attacked, received))),
    "err": lambda label, clean, attacked, received: err_share(*(of[:, None] for of in (clean, attacked, received))),
}


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One condition, measured by the simulator.

    key, kind  as in `paper.Experiment`
    options    the scenario: one group of links at a constant SNR
    receiver   node whose reconstructions are scored
    models     trained models that the scenario uses
    images     names under which images are kept, by node
    metrics    per image, from `PIXEL_METRICS`, `OUTCOMES` and the metrics of the scenario; per pair of images, from `KEY_METRICS`
    unscored   number of first frames of a link that are not scored
    """

    key: str
    kind: str
    options: Mapping[str, Any]
    receiver: Node
    models: tuple[str, ...]
    images: Mapping[int, str] = field(default_factory=dict)
    metrics: tuple[str, ...] = PIXEL_METRICS
    unscored: int = 0

    @property
    def seed(self) -> int:
        return int(self.options["seed"])

    @property
    def size(self) -> int:
        return int((self.options["frames"] - self.unscored) * self.options["alice"]["images_per_frame"] * self.options.get("links", 1))

    def digest(self) -> str:
        """Digest of the scenario, the weights of its models, `MEASUREMENT_VERSION`, and other fields that differ from their defaults."""
        determining = {
            "version": MEASUREMENT_VERSION,
            "options": {key: value for key, value in self.options.items() if key not in NOT_IN_DIGEST},
            "receiver": self.receiver.name.lower(),
            "weights": {name: weights_of(name) for name in self.models},
        }
        determining |= {"metrics": self.metrics} if self.metrics != PIXEL_METRICS else {}
        determining |= {"unscored": self.unscored} if self.unscored else {}
        return hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        """Run the scenario. Raises LinksimError where models or data are missing, an option is invalid, or not all images were received."""
        collector = ScoreCollector(self.receiver, on_progress, self.unscored)
        result = run(scenario_from_text(dump_yaml(dict(self.options)), f"scenario of {self.key}"), (collector,))
        if len(collector.scores) != self.size:
            lost = f"{self.receiver.name.lower()} received {len(collector.scores)} of {self.size} images"
            raise LinksimError("; ".join([lost, *result.warnings]))
        return Measurement(collector.samples(self.metrics), {name: collector.images(node) for node, name in self.images.items()})


def weights_of(model: str) -> str:
    """sha256 of a trained model's weights according to its card; "missing" without a card.

    A model that is not shipped may have its card in the folder `UNSHIPPED`, so that the results which were measured with it stay valid.
    """
    folder = folder_of(model) if has_model(model) else places.shipped_models() / UNSHIPPED
    path = folder / f"{model}.yaml"
    return read_card(path).sha256 if path.is_file() else "missing"


class ScoreCollector:
    """A listener that collects the scores of one receiver and the kept images of all nodes.

    on_progress  receives the number of images scored so far
    unscored     number of first frames of a link whose scores are not collected
    scores       by link, frame and position in the frame
    """

    def __init__(self, receiver: Node, on_progress: ProgressCallback, unscored: int = 0) -> None:
        self._receiver, self._on_progress, self._unscored = receiver, on_progress, unscored
        self.scores: dict[tuple[int, int, int], ImageScore] = {}
        self._keys: dict[tuple[int, int, int], KeyKnowledge] = {}
        self._images: dict[int, dict[tuple[int, int, int], NDArray[np.uint8]]] = {}

    def __call__(self, record: Record) -> None:
        if isinstance(record, ImageScore) and record.receiver == self._receiver and record.frame >= self._unscored:
            self.scores[record.link, record.frame, record.image] = record
            self._on_progress(len(self.scores))
        elif isinstance(record, KeyKnowledge) and record.frame >= self._unscored:
            self._keys[record.link, record.frame, record.item] = record
        elif isinstance(record, KeptImage):
            self._images.setdefault(record.node, {})[record.link, record.frame, record.image] = record.pixels

    def samples(self, metrics: tuple[str, ...] = PIXEL_METRICS) -> dict[str, NDArray[np.float64]]:
        """Values per image, or per pair of images for `KEY_METRICS`, by metric, float64 [n]: link by link in the order of transmission."""
        rows = [self.scores[place] for place in sorted(self.scores)]
        keys = [self._keys[place] for place in sorted(self._keys)]
        classes = [np.array([getattr(row, name) for row in rows]) for name in ("label", "class_clean", "class_attacked", "class_received")]

        def values(name: str) -> Any:
            if name in OUTCOMES:
                return OUTCOMES[name](*classes)
            if name in KEY_METRICS:
                return [getattr(key, KEY_METRICS[name]) for key in keys]
            return [row.metrics[name] if name in row.metrics else getattr(row, name) for row in rows]

        return {name: np.array(values(name), np.float64) for name in metrics}

    def images(self, node: int) -> NDArray[np.uint8]:
        """Kept images of a node, uint8 [k, channels, h, w]: link by link in the order of transmission."""
        images = self._images[node]
        return np.stack([images[place] for place in sorted(images)])

"""Measurement of the accuracy table of a receiver of DiffSem: its accuracy over the step T' and the SNR, on training images.

    images of the adversary's share -> [encoder] -> [self-noise with the margin of Eq. (24)] -> AWGN -> [receiver] -> accuracy

The receiver was trained on other images, so the table does not overstate its accuracy; and no test image is used to choose T'.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from linksim.adapt.accuracy_table import KIND, AccuracyTable, write_accuracy_table
from linksim.data.sources import ImageDataset, load
from linksim.feature_diffusion import noise_steps_for, self_noise
from linksim.nets.cards import Score
from linksim.nets.features import FeatureCodec
from linksim.nets.weights import load_model
from linksim.rng import Streams
from linksim.schemes.diffsem import Guidance, Receiver
from linksim.training.grid_measurement import CellValues, GridMeasurement
from linksim.training.order import take_first, take_share, to_images

BATCH = 500
SCORED_STEPS, SCORED_DB = (100, 200, 300), 15.0  # nodes whose accuracy is on the card


def condition_at(step: int) -> str:
    """Return the name of the condition of a score.

    >>> condition_at(100)
    "T' = 100, 15 dB"
    """
    return f"T' = {step}, {SCORED_DB:g} dB"


@dataclass(frozen=True)
class AccuracyTableMeasurement(GridMeasurement):
    """Measures an `AccuracyTable`.

    dataset     name of the dataset
    codec       name of the trained codec
    receiver    name of the trained classifier of Bob
    denoiser    name of the trained denoiser, None for a receiver without one
    guidance    "none", or "label" for E-DiffSem
    num_rounds  rounds of E-DiffSem's feedback
    num_calls   largest number of denoiser calls per image and round
    t_prime     nodes of T', increasing
    snr_db      nodes of the SNR at unit power in dB, increasing
    share       part of the training images, which the receiver was not trained on
    images      number of images, the first of the share
    seed        seed of all noise

    >>> AccuracyTableMeasurement("mnist", "codec", "receiver", None).steps
    77
    """

    dataset: str
    codec: str
    receiver: str
    denoiser: str | None
    guidance: Guidance = "none"
    num_rounds: int = 1
    num_calls: int = 5
    t_prime: tuple[int, ...] = (0, 50, 100, 150, 200, 250, 300, 350, 400, 450, 500)
    snr_db: tuple[float, ...] = (-5.0, -2.0, 0.0, 3.0, 6.0, 10.0, 15.0)
    share: tuple[float, float] = (0.6, 1.0)
    images: int = 4_000
    seed: int = 1
    kind: str = field(default=KIND, init=False)
    conditions: tuple[str, ...] = field(default=tuple(map(condition_at, SCORED_STEPS)), init=False)

    @property
    def steps(self) -> int:
        """Number of cells."""
        return len(self.t_prime) * len(self.snr_db)

    @property
    def config(self) -> dict[str, object]:
        """Axes of the table, and number of images per node."""
        return {"t_prime": [*self.t_prime], "snr_db": [*self.snr_db], "images": self.images}

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe. It contains the digests of the models. Raises ModelError if a model is missing."""
        names = ("dataset", "codec", "receiver", "denoiser", "guidance", "num_rounds", "num_calls", "share")
        kinds = {"codec": "feature-codec", "receiver": "feature-receiver", "denoiser": "feature-denoiser"}
        used = {role: getattr(self, role) for role in kinds if getattr(self, role) is not None}
        digests = {f"{role}_sha256": load_model(name, kinds[role]).card.sha256 for role, name in used.items()}
        return {name: getattr(self, name) for name in names} | digests

    def load_dataset(self) -> ImageDataset:
        """Return the images to send. Raises DataError if the dataset is missing."""
        return take_first(take_share(load(self.dataset, "train"), self.share), self.images)

    def prepare(self, device: torch.device) -> Callable[[int], CellValues]:
        """Return the function from the index of a cell to its accuracy. T' is the slower axis. Raises ModelError if a model is missing."""
        codec = load_model(self.codec, "feature-codec", device.type).network
        classifier = load_model(self.receiver, "feature-receiver", device.type).network
        denoiser = None if self.denoiser is None else load_model(self.denoiser, "feature-denoiser", device.type).network
        assert isinstance(codec, FeatureCodec)
        receiver = Receiver(codec, classifier, denoiser, self.guidance, self.num_rounds, self.num_calls)
        dataset = self.load_dataset()
        with torch.inference_mode():
            features = torch.cat([codec.features(chunk.to(device)) for chunk in torch.split(to_images(dataset.images), BATCH)])
        labels, streams = torch.tensor(dataset.labels, device=device), Streams(self.seed)

        @torch.inference_mode()
        def measure(cell: int) -> CellValues:
            row, column = divmod(cell, len(self.snr_db))
            snr, correct = 10 ** (self.snr_db[column] / 10), 0
            for index, (sent, expected) in enumerate(zip(torch.split(features, BATCH), torch.split(labels, BATCH), strict=True)):
                own, channel = streams(f"accuracy-table/{cell}", index).standard_normal((2, *sent.shape), dtype="float32")
                steps = torch.full((len(sent),), self.t_prime[row], device=device)
                noise_steps = noise_steps_for(steps, torch.full((len(sent),), snr, device=device))
                received = self_noise(sent, steps, noise_steps, torch.from_numpy(own).to(device))
                received = received + torch.from_numpy(channel).to(device) * snr**-0.5
                correct += int((receiver.classify(received, steps).argmax(dim=1) == expected).sum())
            return (correct / len(labels),)

        return measure

    def finalise(self, values: NDArray[np.float64], path: Path) -> tuple[Score, ...]:
        """Write the table and return its scores."""
        accuracy = values.reshape(len(self.t_prime), len(self.snr_db))
        table = AccuracyTable(np.array(self.t_prime), np.array(self.snr_db), accuracy)
        write_accuracy_table(table, path)
        return self.scores(table, len(self.load_dataset().images))

    def scores(self, table: AccuracyTable, images: int) -> tuple[Score, ...]:
        """Return the accuracy at the steps of `SCORED_STEPS`, measured on a number of images."""
        column = self.snr_db.index(SCORED_DB)
        found = {step: round(float(table.accuracy[self.t_prime.index(step), column]), 4) for step in SCORED_STEPS}
        return tuple(Score("accuracy", condition_at(step), value, images) for step, value in found.items())

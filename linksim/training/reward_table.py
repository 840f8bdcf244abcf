"""Measurement of the reward table: the reward of all diffusion steps on a grid of t_D, t_plus and SNR, on the attacked DiffuSeC link.

The table replaces the link in the training and comparison of policies (`linksim.adapt`), because a reward of one transmission is too noisy
and too slow to compute. The decoded images depend on t_D and SNR alone, so the cells of one such pair are measured consecutively
(`training.attacked_link`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from linksim.adapt.reward_table import RewardTable
from linksim.adapt.reward_table_file import COMPONENTS, write_reward_table
from linksim.attacks import source as attack
from linksim.data.sources import ImageDataset, load
from linksim.nets.cards import Score
from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.unet import UNet
from linksim.nets.weights import load_model
from linksim.rng import Streams
from linksim.schemes.diffusec import Diffusec
from linksim.training.attacked_link import AttackedLink
from linksim.training.grid_measurement import CellValues, GridMeasurement

MODEL_KINDS = ("codec", "denoiser", "classifier")  # models that the measurement uses; also fields of the measurement
SCORED_DB = (-3.0, 0.0, 5.0, 10.0, 15.0)  # SNRs of the scores in dB


@dataclass(frozen=True)
class RewardTableMeasurement(GridMeasurement):
    """Measures a `RewardTable`.

    dataset                      dataset whose images are sent
    codec, denoiser, classifier  names of trained models; the classifier is the target of the attack and the evaluator
    t_d, t_plus, snr_db          nodes of the grid, each increasing; the SNR in dB
    images                       number of images, selected by the seed
    split                        split of the dataset that the images are of; a table by which policies are chosen needs "train"
    num_denoiser_calls           upper bound on the denoiser calls per image, None for one per step
    codec_snr_db                 SNR in dB that the codec is given at every SNR, None for the true one
    clean                        measure the accuracy without attack, too, which doubles the time
    bfloat16                     run codec and denoiser in bfloat16 where the processor has it
    batch                        images per batch
    seed                         seed of the selection of images and of all noise

    >>> grid = RewardTableMeasurement("cifar10")
    >>> grid.steps, grid.node(7)  # 6 x 8 x 6 cells; (t_D, SNR, t_plus)
    (288, (1, -3.0, 5))
    """

    dataset: str
    codec: str = "diffusec-codec"
    denoiser: str = "diffusec-denoiser"
    classifier: str = "classifier-cifar10"
    t_d: tuple[int, ...] = (1, 10, 20, 30, 40, 50)
    t_plus: tuple[int, ...] = (0, 5, 10, 20, 35, 50)
    snr_db: tuple[float, ...] = (-6.0, -3.0, 0.0, 3.0, 6.0, 9.0, 12.0, 18.0)
    images: int = 768
    split: str = "train"
    num_denoiser_calls: int | None = 5
    codec_snr_db: float | None = None
    clean: bool = False
    bfloat16: bool = True
    batch: int = 64
    seed: int = 1
    kind: str = field(default="reward-table", init=False)
    conditions: tuple[str, ...] = field(default=tuple(f"best steps, AWGN at {snr_db:g} dB" for snr_db in SCORED_DB), init=False)

    @property
    def steps(self) -> int:
        """Number of cells."""
        return len(self.t_d) * len(self.snr_db) * len(self.t_plus)

    @property
    def config(self) -> dict[str, object]:
        """Axes of the table, and number of images per cell."""
        return {"t_d": [*self.t_d], "t_plus": [*self.t_plus], "snr_db": [*self.snr_db], "images": self.images}

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe. It contains the digests of the models and the settings of PGD. Raises ModelError if a model is missing."""
        names = ("dataset", "split", "codec", "denoiser", "classifier", "num_denoiser_calls", "codec_snr_db", "clean", "bfloat16", "batch")
        digests = {f"{kind}_sha256": load_model(getattr(self, kind), kind).card.sha256 for kind in MODEL_KINDS}
        pgd = {"epsilon": attack.EPSILON, "step_size": attack.STEP_SIZE, "steps": attack.STEPS}
        return {name: getattr(self, name) for name in names} | digests | {"pgd": pgd}

    def load_dataset(self) -> ImageDataset:
        """Return the images to send, in random order. Raises DataError if the dataset is missing."""
        found = load(self.dataset, self.split)
        chosen = Streams(self.seed)("reward-table/images").permutation(len(found.images))[: self.images]
        return ImageDataset(found.images[chosen], found.labels[chosen], found.classes)

    def prepare(self, device: torch.device) -> Callable[[int], CellValues]:
        """Return the function from the index of a cell to the five values of `COMPONENTS`. Raises ModelError if a model is missing."""
        link = self.link_factory(device)(1.0)
        return lambda cell: link(*self.node(cell))[: len(COMPONENTS)]

    def link_factory(self, device: torch.device) -> Callable[[float], AttackedLink]:
        """Return the function from the strength of the attack to the link under it. Raises ModelError if a model is missing."""
        codec, denoiser, evaluator = (load_model(getattr(self, kind), kind, device.type).network for kind in MODEL_KINDS)
        assert isinstance(codec, Codec)
        assert isinstance(denoiser, UNet)
        assert isinstance(evaluator, Classifier)
        scheme = Diffusec(codec, denoiser, self.num_denoiser_calls, self.codec_snr_db)
        shared = self.load_dataset(), Streams(self.seed), self.batch, self.bfloat16, self.clean, device
        return lambda strength: AttackedLink(scheme, evaluator, *shared, strength)

    def node(self, cell: int) -> tuple[int, float, int]:
        """Return (t_D, SNR in dB, t_plus) of a cell; t_plus changes fastest."""
        rest, j = divmod(cell, len(self.t_plus))
        i, k = divmod(rest, len(self.snr_db))
        return self.t_d[i], self.snr_db[k], self.t_plus[j]

    def finalise(self, values: NDArray[np.float64], path: Path) -> tuple[Score, ...]:
        """Write the reward table and return its scores; the axes of the file are (t_D, t_plus, SNR)."""
        shape = len(self.t_d), len(self.snr_db), len(self.t_plus)
        cells = {name: column.reshape(shape).transpose(0, 2, 1) for name, column in zip(COMPONENTS, values.T, strict=True)}
        sent = len(self.load_dataset().images)
        reward_table = RewardTable(np.array(self.t_d), np.array(self.t_plus), np.array(self.snr_db), **cells, images=sent)
        write_reward_table(reward_table, path)
        return self.scores(reward_table)

    def scores(self, reward_table: RewardTable) -> tuple[Score, ...]:
        """Return the reward and the robust accuracy of the best steps at each SNR of `SCORED_DB`."""
        snr_db = np.array(SCORED_DB)
        best = reward_table.best(snr_db)
        scores = {"reward": reward_table.reward(best, snr_db), "accuracy": reward_table.components(best, snr_db).robust}
        return tuple(
            Score(metric, condition, round(float(value), 4), reward_table.images)
            for metric, values in scores.items()
            for condition, value in zip(self.conditions, values, strict=True)
        )

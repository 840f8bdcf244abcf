"""Survey for the reward table: what each choice of diffusion steps is worth at each SNR on DiffuSeC's link, under attack (`train.attacked_link`).

What is decoded depends on t_D and SNR alone, so the cells of one such pair follow each other.
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
from linksim.training.grid_measurement import Figures, GridMeasurement
from linksim.training.offline_link import AttackedLink

PARTS = ("codec", "denoiser", "classifier")
SCORED_DB = (-3.0, 0.0, 5.0, 10.0, 15.0)


@dataclass(frozen=True)
class RewardTableMeasurement(GridMeasurement):
    """Measures an `Reward table`.

    source    whose test images are sent: `images` of them, chosen by the seed
    codec, denoiser, classifier  trained models; the classifier is attacked, and judges
    t_d, t_plus, snr_db          nodes of the grid
    calls     most calls of the denoiser for an image, None for one per step
    clean     measure accuracy without attack too, which takes twice as long
    bfloat16  codec and denoiser in bfloat16
    batch     images at a time
    """

    dataset: str
    codec: str = "diffusec-codec"
    denoiser: str = "diffusec-denoiser"
    classifier: str = "classifier-cifar10"
    t_d: tuple[int, ...] = (1, 10, 20, 30, 40, 50)
    t_plus: tuple[int, ...] = (0, 5, 10, 20, 35, 50)
    snr_db: tuple[float, ...] = (-6.0, -3.0, 0.0, 3.0, 6.0, 9.0, 12.0, 18.0)
    images: int = 768
    num_denoiser_calls: int | None = 5
    clean: bool = False
    bfloat16: bool = True
    batch: int = 64
    seed: int = 1
    kind: str = field(default="reward-table", init=False)
    conditions: tuple[str, ...] = field(default=tuple(f"best steps, AWGN at {snr_db:g} dB" for snr_db in SCORED_DB), init=False)

    @property
    def steps(self) -> int:
        return len(self.t_d) * len(self.snr_db) * len(self.t_plus)

    @property
    def config(self) -> dict[str, object]:
        return {"t_d": [*self.t_d], "t_plus": [*self.t_plus], "snr_db": [*self.snr_db], "images": self.images}

    @property
    def recipe(self) -> dict[str, object]:
        names = ("dataset", "codec", "denoiser", "classifier", "num_denoiser_calls", "clean", "bfloat16", "batch")
        parts = {f"{kind}_sha256": load_model(getattr(self, kind), kind).card.sha256 for kind in PARTS}
        pgd = {"epsilon": attack.BOUND, "step_size": attack.STEP_SIZE, "steps": attack.STEPS}
        return {name: getattr(self, name) for name in names} | parts | {"pgd": pgd}

    def pictures(self) -> ImageDataset:
        found = load(self.dataset, "test")
        chosen = Streams(self.seed)("reward-table/images").permutation(len(found.images))[: self.images]
        return ImageDataset(found.images[chosen], found.labels[chosen], found.classes)

    def begin(self, device: torch.device) -> Callable[[int], Figures]:
        codec, denoiser, evaluator = (load_model(getattr(self, kind), kind, device.type).network for kind in PARTS)
        assert isinstance(codec, Codec)
        assert isinstance(denoiser, UNet)
        assert isinstance(evaluator, Classifier)
        scheme = Diffusec(codec, denoiser, self.num_denoiser_calls)
        options = AttackedLink(scheme, evaluator, self.pictures(), Streams(self.seed), self.batch, self.bfloat16, self.clean, device)
        return lambda cell: options(*self.place(cell))

    def place(self, cell: int) -> tuple[int, float, int]:
        """(t_D, SNR in dB, t_plus) of a cell; t_plus changes first."""
        rest, j = divmod(cell, len(self.t_plus))
        i, k = divmod(rest, len(self.snr_db))
        return self.t_d[i], self.snr_db[k], self.t_plus[j]

    def finalise(self, figures: NDArray[np.float64], path: Path) -> tuple[Score, ...]:
        shape = len(self.t_d), len(self.snr_db), len(self.t_plus)
        cells = {name: column.reshape(shape).transpose(0, 2, 1) for name, column in zip(COMPONENTS, figures.T, strict=True)}
        sent = len(self.pictures().images)
        reward_table = RewardTable(np.array(self.t_d), np.array(self.t_plus), np.array(self.snr_db), **cells, images=sent)
        write_reward_table(reward_table, path)
        return self.scores(reward_table)

    def scores(self, reward_table: RewardTable) -> tuple[Score, ...]:
        """What the best steps earn, and how many images they save."""
        snr_db = np.array(SCORED_DB)
        best = reward_table.best(snr_db)
        figures = {"reward": reward_table.reward(best, snr_db), "accuracy": reward_table.components(best, snr_db).robust}
        return tuple(
            Score(metric, condition, round(float(value), 4), reward_table.images)
            for metric, values in figures.items()
            for condition, value in zip(self.conditions, values, strict=True)
        )

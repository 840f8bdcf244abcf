"""Supplementary tables, which the paper does not have: each entry of `TABLES` adds a table and the experiments that fill it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from linksim.data.sources import load
from linksim.enums import Node
from linksim.metrics import mse, psnr, ssim
from linksim.papers.miea.experiments import OPEN, SNRS_DB, OnFaces, Setup, at_bob, codec, eavesdropped, inverter, key, options
from linksim.reproduction.paper import Experiment, Measurement, ProgressCallback
from linksim.reproduction.simulated import Simulated
from linksim.reproduction.tables import Entry, Row, Table

ADAPTIVE_CODEC = "miea-adaptive"


@dataclass(frozen=True)
class SupplementaryTable:
    """A table that the paper does not have.

    table        as it is printed
    experiments  that it shows beyond those of the paper's tables
    """

    table: Table
    experiments: tuple[Experiment, ...]


def adaptive_codec(setup: Setup) -> SupplementaryTable:
    """Bob with one codec for all SNRs, beside the paper's three codecs."""
    name = "adaptive-codec"
    experiments = tuple(at_bob(key(name, "bob", mc), options(setup, (), mc, ADAPTIVE_CODEC), ADAPTIVE_CODEC) for mc in SNRS_DB)
    rows = (
        Row("one codec per SNR", tuple(Entry(key(OPEN.table, "bob", mc)) for mc in SNRS_DB)),
        Row("one codec for all", tuple(Entry(experiment.key) for experiment in experiments)),
    )
    columns = tuple(f"MC {mc} dB" for mc in SNRS_DB)
    return SupplementaryTable(Table(name, "Bob with one SNR-adaptive codec", columns, rows), experiments)


def captures(setup: Setup) -> SupplementaryTable:
    """The black box against m, the number of captured pairs that trained it, and with a stronger inverse network; MC 10 dB.

    The paper does not say how many pairs its inverse network is trained on. All faces are those of the training people.
    """
    name, mc, columns = "captures", 10, {"m = 100": "-m100", "m = 1,000": "-m1000", "all faces of training people": ""}
    rows, experiments = [], []
    for network, trained in (("the paper's network", "open"), ("a stronger network", "strong")):
        for ec in SNRS_DB:
            models = {f"{name}/{trained}{tail}/ec{ec}": f"{inverter(mc, trained)}{tail}" for tail in columns.values()}
            keys = list(models)
            if trained == OPEN.trained:  # with all captures this is an experiment of Table I
                del models[keys[-1]]
                keys[-1] = key(OPEN.table, "black", mc, ec)
            experiments += [_captured(setup, found, mc, ec, model) for found, model in models.items()]
            rows.append(Row(f"EC {ec} dB  {network}", tuple(map(Entry, keys))))
    title = f"Black box against captured pairs m, undefended, MC {mc} dB"
    return SupplementaryTable(Table(name, title, tuple(columns), tuple(rows)), tuple(experiments))


def _captured(setup: Setup, name: str, mc: int, ec: int, model: str) -> Simulated:
    """An experiment that keeps no images."""
    experiment = eavesdropped(setup, OPEN, name, "black", mc, ec, {"attack": "inverse-network", "inverter": model}, (model,))
    return replace(experiment, images={})


@dataclass(frozen=True)
class MeanFace(OnFaces):
    """Experiment: the mean face of the training people as reconstruction of every image.

    An attack whose scores are no better has learnt nothing from the received signal.
    """

    setup: Setup
    key: str = "baseline/mean-face"
    kind: str = "baseline"

    @property
    def _link(self) -> Simulated:
        """A link that sends the images of all other experiments; Alice's images are all kept."""
        mc = SNRS_DB[0]
        scenario = options(self.setup, (), mc, codec(mc)) | {"trace": {"images": self.size}}
        return at_bob(self.key, scenario, codec(mc), {Node.ALICE: self.key})

    def digest(self) -> str:
        return self._link.digest()

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        sent = torch.from_numpy(self._link.measure(on_progress).images[self.key]).float() / 255.0
        faces = mean_face().expand_as(sent)
        samples = {"psnr_db": psnr(mse(faces, sent)), "ssim": ssim(faces, sent), "mse": mse(faces, sent)}
        return Measurement({name: values.double().numpy() for name, values in samples.items()}, {})


def mean_face() -> Tensor:
    """Mean of the training people's images, float [channels, h, w] in 0..1."""
    return torch.from_numpy(load("faces", "train").images.mean(axis=0, dtype=np.float64) / 255.0).float().permute(2, 0, 1)


def mean_image_baseline(setup: Setup) -> SupplementaryTable:
    """The scores of the mean face."""
    experiment = MeanFace(setup)
    table = Table("baseline", "Baseline without reception", ("any MC, any EC",), (Row("the mean face", (Entry(experiment.key),)),))
    return SupplementaryTable(table, (experiment,))


TABLES: tuple[Callable[[Setup], SupplementaryTable], ...] = (adaptive_codec, captures, mean_image_baseline)

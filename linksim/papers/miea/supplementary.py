"""What is measured beyond the paper's tables: each entry of `BEYOND` adds a table of its own and the cells that fill it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from linksim.data.sources import load
from linksim.metrics import mse, psnr, ssim
from linksim.papers.miea.experiments import OPEN, SNRS_DB, OfFaces, Setup, codec, eavesdropped, inverter, key, words
from linksim.records import ALICE, BOB
from linksim.reproduction.paper import Experiment, Measurement, Tell
from linksim.reproduction.simulated import Simulated
from linksim.reproduction.tables import Entry, Row, Table

ADAPTIVE = "miea-adaptive"


@dataclass(frozen=True)
class SupplementaryTable:
    """A table that the paper does not have, and the cells that it shows."""

    table: Table
    experiments: tuple[Experiment, ...]


def adaptive(setup: Setup) -> SupplementaryTable:
    """Bob with one codec for all SNRs, beside the paper's three."""
    name = "adaptive"
    cells = tuple(Simulated(key(name, "bob", mc), "bob", words(setup, (), mc, ADAPTIVE), BOB, (ADAPTIVE,)) for mc in SNRS_DB)
    rows = (
        Row("one codec per SNR", tuple(Entry(key(OPEN.table, "bob", mc)) for mc in SNRS_DB)),
        Row("one codec for all", tuple(Entry(cell.key) for cell in cells)),
    )
    return SupplementaryTable(Table(name, "Bob with one SNR-adaptive codec", tuple(f"MC {mc} dB" for mc in SNRS_DB), rows), cells)


def captures(setup: Setup) -> SupplementaryTable:
    """The closed box against m, the captured pairs that Eve has learnt from, and against a stronger inverse network; MC 10 dB."""
    name, mc, columns = "num_captured_frames", 10, {"m = 100": "-m100", "m = 1,000": "-m1000", "all faces of training people": ""}
    rows, cells = [], []
    for network, learnt in (("the paper's network", "open"), ("a stronger network", "strong")):
        for ec in SNRS_DB:
            parts = {f"{name}/{learnt}{tail}/ec{ec}": f"{inverter(mc, learnt)}{tail}" for tail in columns.values()}
            keys = list(parts)
            if learnt == OPEN.learnt:  # all captures: a cell of Table I
                del parts[keys[-1]]
                keys[-1] = key(OPEN.table, "black", mc, ec)
            cells += [_captured(setup, cell, mc, ec, part) for cell, part in parts.items()]
            rows.append(Row(f"EC {ec} dB  {network}", tuple(map(Entry, keys))))
    return SupplementaryTable(
        Table(name, f"Black box against captured pairs m, undefended, MC {mc} dB", tuple(columns), tuple(rows)), tuple(cells)
    )


def _captured(setup: Setup, name: str, mc: int, ec: int, part: str) -> Simulated:
    """Without images."""
    cell = eavesdropped(setup, OPEN, name, "black", mc, ec, {"attack": "inverse-network", "inverter": part}, (part,))
    return replace(cell, pictures={})


@dataclass(frozen=True)
class MeanFace(OfFaces):
    """Somebody who hears nothing and answers with the mean face of the training people: an attack that is no better has learnt nothing."""

    setup: Setup
    key: str = "blind/mean-face"
    kind: str = "blind"

    @property
    def _sender(self) -> Simulated:
        """A link that sends the images of all other cells; all are kept as Alice has them."""
        mc = SNRS_DB[0]
        options = words(self.setup, (), mc, codec(mc)) | {"trace": {"images": self.size}}
        return Simulated(self.key, self.kind, options, BOB, (codec(mc),), {ALICE: self.key})

    def digest(self) -> str:
        return self._sender.digest()

    def measure(self, tell: Tell) -> Measurement:
        sent = torch.from_numpy(self._sender.measure(tell).pictures[self.key]).float() / 255.0
        faces = mean_face().expand_as(sent)
        samples = {"psnr_db": psnr(mse(faces, sent)), "ssim": ssim(faces, sent), "mse": mse(faces, sent)}
        return Measurement({name: values.double().numpy() for name, values in samples.items()}, {})


def mean_face() -> Tensor:
    """Mean of the training people's images, float [colours, h, w] in 0..1."""
    return torch.from_numpy(load("faces", "train").images.mean(axis=0, dtype=np.float64) / 255.0).float().permute(2, 0, 1)


def blind(setup: Setup) -> SupplementaryTable:
    """The mean face."""
    cell = MeanFace(setup)
    return SupplementaryTable(
        Table("blind", "Who hears nothing", ("any MC, any EC",), (Row("the mean face", (Entry(cell.key),)),)), (cell,)
    )


BEYOND: tuple[Callable[[Setup], SupplementaryTable], ...] = (adaptive, captures, blind)

"""How the policy learnt (Fig. 4): the learning curve that its training task leaves behind, kept as a cell and drawn as the paper's figure."""

import hashlib
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from linksim.adapt.learning_curve import COLUMNS, PolicyEvaluation, read_curve
from linksim.errors import LinksimError
from linksim.papers.diffusec.experiments import ACTOR
from linksim.plots.learning_curve import learning_curve_figure
from linksim.plots.plot_style import save
from linksim.reproduction.paper import Measurement, Tell
from linksim.reproduction.results import ExperimentResult, ResultStore
from linksim.reproduction.simulated import weights_of

KEY = "curve/ddpg"
TABLE = Path("results/training") / f"{ACTOR}.csv"  # where `linksim train` leaves it


@dataclass(frozen=True)
class Curve:
    """A cell whose samples are the rows of the table, one metric a column (`adapt.curve.PolicyEvaluation`)."""

    key: str = KEY
    kind: str = "curve"
    seed: int = 0
    size: int = 1

    def digest(self) -> str:
        return hashlib.sha256(repr([1, weights_of(ACTOR)]).encode()).hexdigest()[:16]

    def measure(self, tell: Tell) -> Measurement:
        if not TABLE.exists():
            raise LinksimError(f"{TABLE}: missing; `linksim train {ACTOR}` leaves it there")
        rows = np.array([astuple(row) for row in read_curve(TABLE)], np.float64)
        return Measurement(dict(zip(COLUMNS, rows.T, strict=True)), {})


def kept_curve(cell: ExperimentResult) -> list[PolicyEvaluation]:
    """The rows of the table as they are kept."""
    columns = (cell.samples[name].tolist() for name in COLUMNS)
    return [PolicyEvaluation(int(step), *rest) for step, *rest in zip(*columns, strict=True)]


def figure(results: ResultStore) -> list[Path]:
    """fig4.png, where the curve is kept."""
    if KEY not in results:
        return []
    title = "Learning to choose diffusion steps: means over the rounds of an episode (DiffuSeC Fig. 4)"
    return [save(learning_curve_figure(title, kept_curve(results[KEY])), results.folder / "fig4.png")]

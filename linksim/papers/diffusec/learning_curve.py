"""The learning curve of the policy (Fig. 4): the table that its training task writes, kept as a result and drawn as the paper's figure.

The policy is evaluated every 100 training steps at -3, 3, 9 and 15 dB, the SNRs of Sec. VI-B, from random steps. The curve is that of one
training run, as in the paper: it says nothing about the spread over seeds.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from linksim.adapt.learning_curve import COLUMNS, PolicyEvaluation, read_curve
from linksim.errors import LinksimError
from linksim.papers.diffusec.experiments import ACTOR
from linksim.plots.learning_curve import learning_curve_figure
from linksim.plots.plot_style import save
from linksim.reproduction.paper import Figures, Measurement, ProgressCallback
from linksim.reproduction.results import ExperimentResult, ResultStore, Samples
from linksim.reproduction.simulated import weights_of

KEY = "curve/ddpg"
TABLE = Path("results/training") / f"{ACTOR}.csv"  # written by `linksim train`


@dataclass(frozen=True)
class LearningCurve:
    """Experiment whose samples are the rows of the table, one metric per column of `adapt.learning_curve.PolicyEvaluation`.

    Nothing is measured: the table is read. Its digest is that of the actor's weights, so a newly trained actor needs its own table.
    """

    key: str = KEY
    kind: str = "curve"
    seed: int = 0
    size: int = 1

    def digest(self) -> str:
        return hashlib.sha256(repr([1, weights_of(ACTOR)]).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        if not TABLE.exists():
            raise LinksimError(f"{TABLE}: missing; `linksim train {ACTOR}` writes it")
        return Measurement(samples_of(read_curve(TABLE)), {})


def samples_of(curve: Sequence[PolicyEvaluation]) -> dict[str, Samples]:
    """The columns of a curve by name, float64 [rows] each; the inverse of `kept_curve`."""
    rows = np.array([astuple(row) for row in curve], np.float64)
    return dict(zip(COLUMNS, rows.T, strict=True))


def kept_curve(result: ExperimentResult) -> list[PolicyEvaluation]:
    """The rows of the table from its kept result, in the order of the table: by training step, then by SNR."""
    rows = (dict(zip(COLUMNS, row, strict=True)) for row in zip(*(result.samples[name].tolist() for name in COLUMNS), strict=True))
    return [PolicyEvaluation(**row | {"step": int(row["step"])}) for row in rows]


def figure(results: ResultStore) -> Figures:
    """fig4.png, where the curve has a result."""
    if KEY not in results:
        return Figures()
    title = "Learning to choose diffusion steps (DiffuSeC Fig. 4), means over the rounds of an episode"
    return Figures(drawn=(save(learning_curve_figure(title, [kept_curve(results[KEY])]), results.folder / "fig4.png"),))

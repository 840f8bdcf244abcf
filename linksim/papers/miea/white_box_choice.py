"""The choice of the white box's step size, on faces of training people: no face of the tables takes part in it.

Each step size searches for the same faces from zeros, without a test of convergence, on the codec for 10 dB, where that start works. The
tables take the step size that comes first within `NEAR` of the lowest loss of Eq. (5) that any of them reaches: a larger one stays above
it, a smaller one needs more iterations. Eve can choose so herself, because it takes only her copy of the encoder and faces of her own.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from linksim.attacks.search import WINDOW
from linksim.attacks.white_box import WhiteBoxSettings
from linksim.data.sources import load
from linksim.papers.miea.experiments import WHITE_BOX, Setup
from linksim.papers.miea.supplementary import SupplementaryTable
from linksim.papers.miea.white_box_convergence import CODEC, SNR_DB, watched_search
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.results import ResultStore
from linksim.reproduction.simulated import weights_of
from linksim.reproduction.tables import Entry, Row, Table
from linksim.rng import Streams
from linksim.training.order import to_images

LEARNING_RATES = (1e-3, 1e-2, 3e-2, 1e-1)  # candidates, in pixel values of 0..1; the first is the paper's
FACES = 4  # faces of training people
ITERATIONS = 300  # of every search, the largest number that the tables allow
NEAR = 0.02  # of the loss; the searches of the tables end when the loss falls by less than this share in 50 iterations


@dataclass(frozen=True)
class StepSizeTrial:
    """Experiment: the search with one step size for some faces of training people.

    learning_rate  step size of Adam, one of `LEARNING_RATES`

    Metrics per face as in `watched_search`: "loss@300", "psnr_db@300" and "ssim@300", and every 50 iterations before.
    """

    learning_rate: float
    seed: int
    kind: str = "step size"

    @property
    def key(self) -> str:
        return key(self.learning_rate)

    @property
    def size(self) -> int:
        return FACES

    def digest(self) -> str:
        determining = [1, weights_of(CODEC), SNR_DB, FACES, self.learning_rate, ITERATIONS, WHITE_BOX["tv_weight"], self.seed]
        return hashlib.sha256(repr(determining).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        pixels = load("faces", "train").images
        faces = to_images(pixels[Streams(self.seed)("white-box/choice/faces").permutation(len(pixels))[:FACES]])
        settings = WhiteBoxSettings(self.learning_rate, ITERATIONS, WHITE_BOX["tv_weight"], tolerance=-np.inf)
        return Measurement(watched_search(CODEC, SNR_DB, faces, settings, self.seed, on_progress), {})


def key(learning_rate: float) -> str:
    """Key of an experiment.

    >>> key(0.03)
    'step-size/rate0.03'
    """
    return f"step-size/rate{learning_rate:g}"


def chosen_step_size(results: ResultStore) -> tuple[float, int] | None:
    """The step size whose mean loss comes first within `NEAR` of the lowest one, and its iterations until then; None without results.

    Of several that are equally fast it is the smallest.
    """
    if any(key(learning_rate) not in results for learning_rate in LEARNING_RATES):
        return None
    watched = range(WINDOW, ITERATIONS + 1, WINDOW)
    losses = {(n, rate): results[key(rate)].samples[f"loss@{n}"].mean() for n in watched for rate in LEARNING_RATES}
    near = min(losses.values()) * (1 + NEAR)
    iterations, learning_rate = min(place for place, loss in losses.items() if loss <= near)
    return learning_rate, iterations


def remark(results: ResultStore) -> str:
    """One sentence that states the choice; empty where results are missing."""
    if (choice := chosen_step_size(results)) is None:
        return ""
    learning_rate, iterations = choice
    found = f"{learning_rate:g} comes first within {NEAR:.0%} of the lowest loss, after {iterations} iterations"
    return f"{found}; the step size of the tables is {WHITE_BOX['learning_rate']:g}"


def step_sizes(setup: Setup) -> SupplementaryTable:
    """Loss and image quality of every step size at the end of the search."""
    experiments = tuple(StepSizeTrial(learning_rate, setup.seed) for learning_rate in LEARNING_RATES)
    rows = tuple(Row(f"Adam at {trial.learning_rate:g}", (Entry(trial.key),)) for trial in experiments)
    title = f"Choice of the white box's step size on {FACES} faces of training people: loss / PSNR / SSIM after {ITERATIONS} iterations"
    metrics = tuple(f"{name}@{ITERATIONS}" for name in ("loss", "psnr_db", "ssim"))
    return SupplementaryTable(Table("step-size", title, (f"MC and EC {SNR_DB:g} dB",), rows, metrics, (remark,)), experiments)

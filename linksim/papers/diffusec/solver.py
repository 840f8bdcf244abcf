"""Comparison of two solvers of the reverse process: few calls of the denoiser in strides, and DDPM with one call per step."""

from dataclasses import replace

from linksim.papers.diffusec.experiments import CODEC, DENOISER, MAX_CALLS, PER_LINK, Method, Setup, diffusec, experiment
from linksim.reproduction.results import ResultStore
from linksim.reproduction.simulated import Simulated
from linksim.reproduction.statements import difference
from linksim.reproduction.tables import Entry, Row, Table

SNR_DB, STEPS, LINKS = 6, (20, 20), 4
SOLVERS = {"ddpm": None, "strided": MAX_CALLS}  # largest number of calls
NAMES = {"ddpm": f"DDPM, {sum(STEPS)} calls", "strided": f"in strides, {MAX_CALLS} calls"}
EQUAL_WITHIN = {"ssim": 0.02, "correct": 0.05}  # differences up to these values count as none


def key(solver: str) -> str:
    """Key of an experiment.

    >>> key("ddpm")
    'solver/ddpm/snr6'
    """
    return f"solver/{solver}/snr{SNR_DB}"


def solver_experiments(setup: Setup) -> list[Simulated]:
    """Both solvers on the same attacked images, those of the first links. No images are kept: they would replace those of Fig. 6."""
    few = Setup(min(setup.images, LINKS * PER_LINK), setup.seed)
    methods = {name: Method(NAMES[name], diffusec(STEPS, calls), (CODEC, DENOISER)) for name, calls in SOLVERS.items()}
    return [replace(experiment(few, key(n), f"solver {n}", method, SNR_DB, attacked=True), images={}) for n, method in methods.items()]


def table() -> Table:
    """Accuracy and SSIM of both solvers."""
    rows = tuple(Row(NAMES[name], (Entry(key(name)),)) for name in SOLVERS)
    title = f"Reverse process, attacked images, {SNR_DB} dB, t_D {STEPS[0]}, t_plus {STEPS[1]}: accuracy / SSIM"
    return Table("solver", title, (f"{SNR_DB} dB",), rows, ("correct", "ssim"), (equality,))


def equality(results: ResultStore) -> str:
    """One sentence on the difference, image by image; empty where a result is missing."""
    if any(key(name) not in results for name in SOLVERS):
        return ""
    pair = [key("strided"), key("ddpm")]
    found = {metric: difference(*results.aligned(pair, metric)) for metric in EQUAL_WITHIN}
    values = ", ".join(f"{metric} {interval.value:+.3f} ({interval.low:+.3f}..{interval.high:+.3f})" for metric, interval in found.items())
    same = all(max(abs(interval.low), abs(interval.high)) <= EQUAL_WITHIN[metric] for metric, interval in found.items())
    limits = ", ".join(f"{limit:g} in {metric}" for metric, limit in EQUAL_WITHIN.items())
    return f"strides minus DDPM: {values}; the intervals are {'within' if same else 'not within'} {limits}"

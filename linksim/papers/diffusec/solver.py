"""The way back in strides against the way back step by step: whether a few calls of the denoiser do what DDPM does with one per step."""

from dataclasses import replace

from linksim.papers.diffusec.experiments import CALLS, CODEC, DENOISER, PER_LINK, Method, Setup, cell, diffusec
from linksim.reproduction.results import ResultStore
from linksim.reproduction.simulated import Simulated
from linksim.reproduction.tables import Entry, Row, Table
from linksim.reproduction.verdicts import difference

SNR_DB, STEPS, LINKS = 6, (20, 20), 4
SOLVERS = {"ddpm": None, "strided": CALLS}  # most calls of each
NAMES = {"ddpm": f"DDPM, {sum(STEPS)} calls", "strided": f"in strides, {CALLS} calls"}
CLOSE = {"ssim": 0.02, "correct": 0.05}  # differences that are none


def key(solver: str) -> str:
    """ "solver/ddpm/snr6"."""
    return f"solver/{solver}/snr{SNR_DB}"


def solver_cells(setup: Setup) -> list[Simulated]:
    """Both on the same attacked images: those of the first links. Their images would be others than Fig. 6's."""
    few = Setup(min(setup.images, LINKS * PER_LINK), setup.seed)
    methods = {name: Method(NAMES[name], diffusec(STEPS, calls), (CODEC, DENOISER)) for name, calls in SOLVERS.items()}
    return [replace(cell(few, key(name), f"solver {name}", method, SNR_DB, attacked=True), pictures={}) for name, method in methods.items()]


def table() -> Table:
    """Accuracy and SSIM of either."""
    rows = tuple(Row(NAMES[name], (Entry(key(name)),)) for name in SOLVERS)
    title = f"The way back, attacked images, {SNR_DB} dB, t_D {STEPS[0]}, t_plus {STEPS[1]}: accuracy / SSIM"
    return Table("solver", title, (f"{SNR_DB} dB",), rows, ("correct", "ssim"), (equality,))


def equality(results: ResultStore) -> str:
    """One sentence on the difference, image by image; empty where a cell is missing."""
    if any(key(name) not in results for name in SOLVERS):
        return ""
    ddpm, strided = (results[key(name)].samples for name in SOLVERS)
    found = {metric: difference(strided[metric], ddpm[metric]) for metric in CLOSE}
    said = ", ".join(f"{metric} {about.value:+.3f} ({about.low:+.3f}..{about.high:+.3f})" for metric, about in found.items())
    same = all(max(abs(about.low), abs(about.high)) <= CLOSE[metric] for metric, about in found.items())
    limits = ", ".join(f"{limit:g} in {metric}" for metric, limit in CLOSE.items())
    return f"strides less DDPM: {said}; {'within' if same else 'not surely within'} {limits}"

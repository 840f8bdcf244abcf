"""The papers by name: those that are measured have a module, of the others only the claims are known."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from linksim.errors import LinksimError
from linksim.papers.diffusec.experiments import CLEAN, ROBUST
from linksim.papers.diffusec.experiments import Setup as DiffuSecSetup
from linksim.papers.diffusec.paper import DiffuSec
from linksim.papers.miea.experiments import Setup
from linksim.papers.miea.paper import Miea
from linksim.registry import suggest
from linksim.reproduction.claims import PaperClaims, read_claims
from linksim.reproduction.paper import Experiment, Paper
from linksim.reproduction.results import ResultStore
from linksim.reproduction.tables import Table
from linksim.reproduction.verdicts import UNMEASURED, ClaimVerdict, Finding


class Unmeasured:
    """A paper whose claims are written down and not yet measured."""

    def __init__(self, claims: PaperClaims) -> None:
        self.claims = claims

    def notes(self) -> Sequence[str]:
        return ()

    def experiments(self) -> Sequence[Experiment]:
        return ()

    def tables(self) -> Sequence[Table]:
        return ()

    def evaluator(self, results: ResultStore) -> Sequence[ClaimVerdict]:
        return [ClaimVerdict(claim, "", Finding(UNMEASURED, "", 0, "nothing measures it yet")) for claim in self.claims.claims]

    def figures(self, results: ResultStore) -> Sequence[Path]:
        return ()


@dataclass(frozen=True)
class Module:
    """A paper that is measured.

    open    for so many images a cell
    images  unless told or kept otherwise
    sized   first words of the keys of those cells that have so many; empty for all
    """

    open: Callable[[int], Paper]
    images: int
    sized: tuple[str, ...] = ()

    def kept(self, results: ResultStore) -> int:
        """Images that most kept cells have, or as many as there are to be where none is kept."""
        cells = [cell for cell in results.cells() if not self.sized or cell.key.split("/")[0] in self.sized]
        kept = Counter(len(samples) for cell in cells for samples in cell.samples.values()).most_common(1)
        return kept[0][0] if kept else self.images


MODULES: dict[str, Module] = {
    "diffusec": Module(lambda images: DiffuSec(DiffuSecSetup(images)), 384, (ROBUST, CLEAN)),
    "miea": Module(lambda images: Miea(Setup(images)), 100),
}


def open_paper(name: str, results: ResultStore, images: int | None = None) -> Paper:
    """The paper `name`, to be measured on `images` images a cell, by default as many as most kept cells have.

    Raises LinksimError for an unknown name and a number of images that the paper cannot use.
    """
    known = read_claims()
    if name not in known:
        raise LinksimError(f"no paper {name!r}; {suggest(name, known)}")
    if name not in MODULES:
        return Unmeasured(known[name])
    module = MODULES[name]
    return module.open(images or module.kept(results))

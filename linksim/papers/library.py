"""The papers by name: those that are measured have a module, of the others only the claims are known."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from linksim.errors import LinksimError
from linksim.papers.cells import Shelf
from linksim.papers.claims import PaperClaims, read_claims
from linksim.papers.miea.conditions import Setup
from linksim.papers.miea.paper import Miea
from linksim.papers.paper import Paper, Want
from linksim.papers.tables import Table
from linksim.papers.verdicts import UNMEASURED, Finding, Judged
from linksim.registry import suggest

IMAGES = 100  # of a cell, unless told or kept otherwise


class Unmeasured:
    """A paper whose claims are written down and not yet measured."""

    def __init__(self, claims: PaperClaims) -> None:
        self.claims = claims

    def notes(self) -> Sequence[str]:
        return ()

    def wants(self) -> Sequence[Want]:
        return ()

    def tables(self) -> Sequence[Table]:
        return ()

    def judge(self, shelf: Shelf) -> Sequence[Judged]:
        return [Judged(claim, "", Finding(UNMEASURED, "", 0, "nothing measures it yet")) for claim in self.claims.claims]

    def figures(self, shelf: Shelf) -> Sequence[Path]:
        return ()


MODULES: dict[str, Callable[[int], Paper]] = {"miea": lambda images: Miea(Setup(images))}


def open_paper(name: str, shelf: Shelf, images: int | None = None) -> Paper:
    """The paper `name`, to be measured on `images` images a cell, by default as many as most kept cells have.

    Raises LinksimError for an unknown name and a number of images that the paper cannot use.
    """
    known = read_claims()
    if name not in known:
        raise LinksimError(f"no paper {name!r}; {suggest(name, known)}")
    if name not in MODULES:
        return Unmeasured(known[name])
    kept = Counter(len(samples) for cell in shelf.cells() for samples in cell.samples.values()).most_common(1)
    return MODULES[name](images or (kept[0][0] if kept else IMAGES))

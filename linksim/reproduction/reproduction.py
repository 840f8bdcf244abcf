"""Where a paper and its kept cells meet: measures what is missing, and judges what is there."""

from collections.abc import Sequence
from pathlib import Path

from linksim.papers.library import open_paper
from linksim.reproduction import page
from linksim.reproduction.claims import read_claims
from linksim.reproduction.measurement import Progress, Say, chosen, measure
from linksim.reproduction.results import ResultStore
from linksim.reproduction.verdicts import ClaimVerdict


class Reproduction:
    """One paper at work.

    name    of the paper
    out     folder of all papers' results
    images  of each cell, None for as many as kept cells have
    """

    def __init__(self, name: str, out: Path, images: int | None = None) -> None:
        self._kept = ResultStore(out / name)
        self.paper = open_paper(name, self._kept, images)
        self._wants = self.paper.experiments()
        self._digests = {experiment.key: experiment.digest() for experiment in self._wants}

    def measure(self, only: Sequence[str], say: Say, draw: Say) -> list[str]:
        """Measure what is missing of the cells that `only` names -> a line for each thing that stood in the way."""
        faults = measure(chosen(self._wants, only), self._digests, self._kept, Progress(say, draw))
        return [f"{fault}: {len(keys)} cells not measured, the first {keys[0]}" for fault, keys in faults.items()]

    def verdicts(self) -> tuple[ResultStore, Sequence[ClaimVerdict]]:
        """The cells that were measured under today's weights and words, and the verdicts that they give."""
        results = self._kept.only(self._digests)
        return results, self.paper.evaluator(results)

    def remarks(self) -> list[str]:
        """What a reader of the verdicts should know of the kept cells."""
        stale = [cell.key for cell in self._kept.cells() if not self._kept.has(cell.key, self._digests.get(cell.key, ""))]
        return [f"{len(stale)} kept cells are of other weights, words or images and are left out, the first {stale[0]}"] if stale else []


def overview(out: Path) -> list[str]:
    """A line for each paper, and one for what came of its claims."""
    lines = []
    for name, claims in read_claims().items():
        lines += [f"{name:10}{claims.title}", f"{'':10}{page.summary(Reproduction(name, out).verdicts()[1])}"]
    return lines

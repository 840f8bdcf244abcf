"""Reproduction of one paper: measures its missing experiments, and derives the verdicts from the kept results."""

from collections.abc import Sequence
from pathlib import Path

from linksim.reproduction import page
from linksim.reproduction.library import open_paper, paper_names
from linksim.reproduction.measurement import MeasurementProgress, Say, chosen, measure
from linksim.reproduction.results import DRAWS, ResultStore
from linksim.reproduction.verdicts import ClaimVerdict


class Reproduction:
    """A paper with its kept results.

    name    of the paper
    out     folder that holds a folder of results for each paper
    images  per experiment; None for the number that the kept results have
    """

    def __init__(self, name: str, out: Path, images: int | None = None) -> None:
        self._kept = ResultStore(out / name)
        self.paper = open_paper(name, self._kept, images)
        self._experiments = self.paper.experiments()
        self._digests = {experiment.key: experiment.digest() for experiment in self._experiments}

    def measure(self, only: Sequence[str], say: Say, draw: Say, remeasure: bool = False) -> list[str]:
        """Measure the missing experiments that `only` selects, and with `remeasure` also those whose results have other random draws.

        -> a line for each reason why experiments could not be measured, and one about results with other random draws that are left
        """
        failures = measure(chosen(self._experiments, only), self._digests, self._kept, MeasurementProgress(say, draw), remeasure)
        lines = [f"{reason}: {len(keys)} experiments not measured, the first is {keys[0]}" for reason, keys in failures.items()]
        other = [result.key for result in self._kept.only(self._digests).results() if result.draws != DRAWS]
        if other:
            lines.append(
                f"{len(other)} kept results have other random draws than new ones and are not compared with them image by image, "
                f"the first is {other[0]}; --remeasure replaces them"
            )
        return lines

    def verdicts(self) -> tuple[ResultStore, Sequence[ClaimVerdict]]:
        """The results that belong to the current experiments and weights, and the verdicts that follow from them."""
        results = self._kept.only(self._digests)
        return results, self.paper.verdicts(results)

    def remarks(self) -> list[str]:
        """Warnings about the kept results: those that are stale, and therefore ignored."""
        stale = [r.key for r in self._kept.results() if not self._kept.has(r.key, self._digests.get(r.key, ""))]
        if not stale:
            return []
        return [f"{len(stale)} kept results belong to other weights, options or images and are ignored, the first is {stale[0]}"]


def overview(out: Path) -> list[str]:
    """Two lines per paper: its title, and the counts of its verdicts."""
    lines = []
    for name in paper_names():
        reproduction = Reproduction(name, out)
        lines += [f"{name:10}{reproduction.paper.claims.title}", f"{'':10}{page.summary(reproduction.verdicts()[1])}"]
    return lines

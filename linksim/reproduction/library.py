"""The papers by name: the components of kind "paper", and the papers of which only the claims are known."""

from collections import Counter
from collections.abc import Collection, Sequence

from linksim import registry
from linksim.errors import LinksimError
from linksim.reproduction.claims import PaperClaims, read_claims
from linksim.reproduction.paper import Experiment, Figures, Paper
from linksim.reproduction.results import ResultStore
from linksim.reproduction.tables import Table
from linksim.reproduction.verdicts import UNMEASURED, ClaimVerdict, Finding


class Unmeasured:
    """A paper whose claims are known and for which there are no experiments: every verdict is "not measured yet".

    claims  of the paper, from `claims.yaml`
    """

    def __init__(self, claims: PaperClaims) -> None:
        self.claims = claims

    def notes(self) -> Sequence[str]:
        return ()

    def experiments(self) -> Sequence[Experiment]:
        return ()

    def tables(self) -> Sequence[Table]:
        return ()

    def verdicts(self, results: ResultStore) -> Sequence[ClaimVerdict]:
        return [ClaimVerdict(claim, "", Finding(UNMEASURED, "", 0, "no experiment measures it")) for claim in self.claims.claims]

    def figures(self, results: ResultStore) -> Figures:
        return Figures()


def paper_names() -> tuple[str, ...]:
    """Names of all papers: those with claims in `claims.yaml`, then the other components of kind "paper"."""
    return tuple(dict.fromkeys([*read_claims(), *(component.name for component in registry.components("paper"))]))


def open_paper(name: str, results: ResultStore, images: int | None = None) -> Paper:
    """The paper `name`, measured on `images` images per experiment, by default as many as most kept results have.

    The factory of a paper takes `results` and `images`. Raises LinksimError for an unknown name and for a number of images that the paper
    cannot use.
    """
    known = {component.name: component for component in registry.components("paper")}
    if name in known:
        paper: Paper = known[name].load()(results, images)
        return paper
    if name not in read_claims():
        raise LinksimError(f"no paper {name!r}; {registry.suggest(name, paper_names())}")
    return Unmeasured(read_claims()[name])


def kept_images(results: ResultStore, tables: Collection[str] = ()) -> int | None:
    """The number of images that most kept results have; None where there are no results.

    tables  first parts of the keys of the experiments that count; all experiments where it is empty
    """
    counted = [result for result in results.results() if not tables or result.key.split("/")[0] in tables]
    counts = Counter(len(samples) for result in counted for samples in result.samples.values()).most_common(1)
    return counts[0][0] if counts else None

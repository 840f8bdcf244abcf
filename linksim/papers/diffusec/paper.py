"""DiffuSeC held against its Table II and its Figs. 4 to 6: cells, tables, verdicts, figures, and what the paper does not ask."""

from collections.abc import Sequence
from pathlib import Path

from linksim.papers.diffusec import adaptive_attack, figures, learning_curve, policies, solver
from linksim.papers.diffusec.claim_checks import ACTING, RULES
from linksim.papers.diffusec.classifier_accuracy import ClassifierAccuracy
from linksim.papers.diffusec.experiments import (
    CLEAN,
    EVALUATOR,
    METHODS,
    PER_LINK,
    ROBUST,
    SNRS_DB,
    TABLED_DB,
    TRAINED_EVALUATOR,
    Setup,
    key,
    paper_cells,
)
from linksim.papers.diffusec.policy_rollout import LONG, STARTS, acting_cells
from linksim.reproduction.claims import read_claims
from linksim.reproduction.paper import Experiment
from linksim.reproduction.results import ResultStore
from linksim.reproduction.tables import Entry, Row, Table
from linksim.reproduction.verdicts import ClaimVerdict, verdicts

CLAIMS = read_claims()["diffusec"]
TABLE_II = {  # robust accuracy at -6 .. 15 dB, and standard accuracy
    "vqvae": ((0.808, 0.825, 0.834, 0.837, 0.843, 0.847, 0.847, 0.847), 0.979),
    "proposal": ((0.739, 0.833, 0.865, 0.876, 0.880, 0.880, 0.880, 0.880), 0.953),
}
JUDGES = {EVALUATOR: "the evaluation classifier", TRAINED_EVALUATOR: "the same, adversarially trained"}
PLAIN_JUDGED = {EVALUATOR: "vit", TRAINED_EVALUATOR: "jpeg-at"}  # methods whose attacked cells tell what PGD does to each


class DiffuSec:
    """The paper under one setup."""

    claims = CLAIMS

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    def notes(self) -> list[str]:
        images, starts = self._setup.images, self._setup.images // PER_LINK
        return [
            f"{images} test images of CIFAR-10 a cell, the same in the same order in all, each sent once; seed {self._setup.seed}.",
            "Attacked: PGD on the classifier that judges the method, l_inf 8/255, 10 steps of 2/255, by one who does not know the link.",
            "The evaluation classifier is a small convolutional network, the paper's a WRN-28-10: 95.3 %. Accuracies are held against the "
            "paper's all the same; ours on clean images stands in the table of classifiers.",
            f"The proposal begins at {starts} random pairs of steps, and sends a third of the images after each of three rounds.",
            "All methods have 1,280 complex channel uses an image. JPEG is protected at rate 1/2 on QPSK.",
            "95 % intervals take images for independent; those of shares are Wilson's in verdicts and figures. In brackets: the paper's.",
        ]

    def experiments(self) -> list[Experiment]:
        seed = self._setup.seed
        quick: list[Experiment] = [
            learning_curve.Curve(),
            *acting_cells(seed),
            *policies.contest_cells(seed),
            *(ClassifierAccuracy(evaluator) for evaluator in JUDGES),
        ]
        return [*quick, *paper_cells(self._setup), *solver.solver_cells(self._setup), *adaptive_attack.adaptive_cells(seed)]

    def tables(self) -> list[Table]:
        return [
            table_two(),
            sweep_table(ROBUST, "Fig. 5a. Robust accuracy"),
            sweep_table(CLEAN, "Fig. 5b. Accuracy without attack"),
            ssim_table(),
            *classifier_tables(),
            acting_table(),
            adaptive_attack.table(),
            *policies.contest_tables(),
            solver.table(),
        ]

    def evaluator(self, results: ResultStore) -> list[ClaimVerdict]:
        return [verdicts(claim, RULES[claim.id], results) for claim in CLAIMS.claims]

    def figures(self, results: ResultStore) -> list[Path]:
        paper = {name: robust for name, (robust, _) in TABLE_II.items()}
        return [*learning_curve.figure(results), *figures.accuracy_figure(results, paper), *figures.picture_figure(results)]


def columns(snrs_db: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"{snr_db} dB" for snr_db in snrs_db)


def table_two() -> Table:
    """Both robust methods beside the paper's figures."""
    rows = tuple(
        Row(METHODS[name].name, tuple(Entry(key(ROBUST, name, snr_db), (value,)) for snr_db, value in zip(TABLED_DB, robust, strict=True)))
        for name, (robust, _) in TABLE_II.items()
    )
    return Table("table2", "Table II. Robust accuracy: ours (the paper's)", columns(TABLED_DB), rows, ("correct",))


def sweep_table(table: str, title: str) -> Table:
    """All methods over all SNRs."""
    rows = tuple(Row(method.name, tuple(Entry(key(table, name, snr_db)) for snr_db in SNRS_DB)) for name, method in METHODS.items())
    return Table(table, title, columns(SNRS_DB), rows, ("correct",))


def ssim_table() -> Table:
    """What Fig. 4b says of the trained policy, over all SNRs."""
    known = {-3: 0.78, 3: 0.91, 9: 0.91, 15: 0.91}
    entries = tuple(Entry(key(ROBUST, "proposal", snr_db), (known[snr_db],) if snr_db in known else ()) for snr_db in SNRS_DB)
    title = "Fig. 4b. SSIM of attacked images as they arrive, trained policy: ours (the paper's)"
    return Table("ssim", title, columns(SNRS_DB), (Row(METHODS["proposal"].name, entries),), ("ssim",))


def classifier_tables() -> list[Table]:
    """What the classifiers make of images that no link has touched: clean ones, and those attacked for them."""
    clean = tuple(
        Row(name, (Entry(ClassifierAccuracy(evaluator).key, (0.953,) if evaluator == EVALUATOR else ()),))
        for evaluator, name in JUDGES.items()
    )
    paper, head = {EVALUATOR: (0.0,)}, ("accuracy",)
    attacked = tuple(
        Row(JUDGES[evaluator], (Entry(key(ROBUST, method, SNRS_DB[-1]), paper.get(evaluator, ())),))
        for evaluator, method in PLAIN_JUDGED.items()
    )
    return [
        Table("evaluator", "Classifiers on all clean test images: ours (the paper's)", head, clean, ("correct",)),
        Table("evaluator-pgd", "Classifiers on images attacked for them, no link: ours (the paper's)", head, attacked, ("source_correct",)),
    ]


def acting_table() -> Table:
    """Rewards round by round, and where the policy comes to rest."""
    rows = (Row(f"mean over {STARTS} random starts", tuple(Entry(name) for name in ACTING)),)
    metrics = ("reward1", "reward2", "reward3", "final", "runtime", "t_d", "t_plus")
    title = f"The policy by the reward table: reward after rounds 1 / 2 / 3 / {LONG} / of the best steps, and t_D / t_plus in the end"
    return Table("policy", title, columns(SNRS_DB), rows, metrics)

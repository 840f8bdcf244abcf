"""DiffuSeC compared with its Table II and its Figs. 4 to 6: experiments, tables, verdicts, figures and supplementary tables."""

from collections.abc import Sequence

from linksim.adapt.reward_table_file import split_of
from linksim.nets.weights import has_model
from linksim.papers.diffusec import (
    adaptive_attack,
    attack_study,
    classifiers,
    codec_accuracy,
    codecs,
    figures,
    learning_curve,
    policies,
    purification,
    solver,
    study,
)
from linksim.papers.diffusec.claim_checks import ROLLOUT_KEYS, RULES
from linksim.papers.diffusec.classifier_accuracy import ClassifierAccuracy
from linksim.papers.diffusec.experiments import (
    CLASSIFIER,
    CLEAN,
    METHODS,
    PER_LINK,
    REWARD_TABLE,
    ROBUST,
    ROBUST_CLASSIFIER,
    SNRS_DB,
    TABLE_II,
    TABLE_II_SNRS_DB,
    Setup,
    key,
    paper_experiments,
)
from linksim.papers.diffusec.policy_rollout import CONTROLS, FINAL_ROUND, STARTS, PolicyRollout, rollout_experiments
from linksim.papers.diffusec.study_figures import study_figures
from linksim.reproduction.claims import read_claims
from linksim.reproduction.library import kept_images
from linksim.reproduction.paper import Experiment, Figures
from linksim.reproduction.results import ResultStore
from linksim.reproduction.rules import verdict_of
from linksim.reproduction.tables import Entry, Row, Table
from linksim.reproduction.verdicts import ClaimVerdict

CLAIMS = read_claims()["diffusec"]
CLASSIFIERS = {CLASSIFIER: "the evaluation classifier", ROBUST_CLASSIFIER: "the same, adversarially trained"}
ATTACKED_METHODS = {CLASSIFIER: "vit", ROBUST_CLASSIFIER: "jpeg-at"}  # methods whose robust experiments attack each classifier


class DiffuSec:
    """The paper under one setup; it implements `linksim.reproduction.paper.Paper`.

    The learning curve, the rollouts, the regret and the classifiers take seconds. The experiments of the methods take minutes each, the
    attacks through the whole link longer: they come last.
    """

    claims = CLAIMS

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    def notes(self) -> list[str]:
        images, starts = self._setup.images, self._setup.images // PER_LINK
        return [
            f"{images} test images of CIFAR-10 per experiment, the same in the same order in all, each sent once; seed {self._setup.seed}. "
            "In results with draws 1 or 2 the links drew them independently, so that a few are sent twice (`draws` in results.csv).",
            "Attacked: PGD on the method's classifier, l_inf 8/255, 10 steps of 2/255, by an attacker who does not know the link. "
            "Attackers who know it have a table of their own.",
            "The evaluation classifier is a small convolutional network, the paper's a WRN-28-10: 95.3 %. Accuracies are compared with the "
            "paper's nevertheless; the table of classifiers has the accuracy of ours on clean images.",
            f"The proposal starts from {starts} random pairs of steps, and sends a third of the images after each of three rounds.",
            "All methods have 1,280 complex channel uses per image. JPEG is protected at rate 1/2 on QPSK, or in the mode that fits the "
            "SNR which Bob measures before each frame.",
            "95 % intervals take images as independent; those of shares are Wilson's in verdicts and figures. In brackets: the paper's.",
            *chosen_on(),
        ]

    def experiments(self) -> list[Experiment]:
        seed = self._setup.seed
        fast: list[Experiment] = [
            learning_curve.LearningCurve(),
            *rollout_experiments(seed),
            *policies.regret_experiments(seed),
            *study.study_experiments(seed),
            *attack_study.attack_experiments(seed),
            *(ClassifierAccuracy(classifier) for classifier in CLASSIFIERS),
            *purification.purification_experiments(seed),
            *codecs.codec_experiments(seed),
            *codec_accuracy.link_experiments(seed),
            *classifiers.classifier_experiments(seed),
        ]
        solvers, attacks = solver.solver_experiments(self._setup), adaptive_attack.adaptive_experiments(seed)
        return [*fast, *paper_experiments(self._setup), *solvers, *attacks]

    def tables(self) -> list[Table]:
        return [
            table_two(),
            sweep_table(ROBUST, "Fig. 5a. Robust accuracy"),
            sweep_table(CLEAN, "Fig. 5b. Accuracy without attack"),
            ssim_table(),
            *classifier_tables(),
            purification.table(),
            codecs.table(),
            codec_accuracy.table(),
            classifiers.table(),
            rollout_table(),
            adaptive_attack.table(),
            *policies.regret_tables(),
            *study.study_tables(),
            *attack_study.attack_tables(),
            solver.table(),
        ]

    def verdicts(self, results: ResultStore) -> list[ClaimVerdict]:
        return [verdict_of(claim, RULES[claim.id], results) for claim in CLAIMS.claims]

    def figures(self, results: ResultStore) -> Figures:
        own = learning_curve.figure(results) + figures.accuracy_figure(results, TABLE_II) + figures.image_figure(results)
        return own + study_figures(results) + attack_study.attack_figure(results)


def make(results: ResultStore, images: int | None = None) -> DiffuSec:
    """Factory of the paper `diffusec`. `images` is the number per experiment of Fig. 5; None for that of the kept results."""
    images = images or kept_images(results, (ROBUST, CLEAN))
    return DiffuSec(Setup(images) if images else Setup())


def chosen_on() -> list[str]:
    """A note on the images by which policies are chosen, according to the card of the reward table; empty where the table is missing."""
    if not has_model(REWARD_TABLE):
        return []
    split = {"train": "training", "test": "test"}.get(split_of(REWARD_TABLE), "unknown")
    return [f"The trained policy, the best fixed pair and the lookup are chosen by a reward table that was measured on {split} images."]


def columns(snrs_db: Sequence[int]) -> tuple[str, ...]:
    """Heads of the columns of a sweep over SNR."""
    return tuple(f"{snr_db} dB" for snr_db in snrs_db)


def table_two() -> Table:
    """Table II: robust accuracy of both robust methods at -6 to 15 dB, beside the paper's values."""
    rows = tuple(
        Row(METHODS[name].name, tuple(Entry(key(ROBUST, name, snr), (value,)) for snr, value in zip(TABLE_II_SNRS_DB, robust, strict=True)))
        for name, robust in TABLE_II.items()
    )
    return Table("table2", "Table II. Robust accuracy: ours (the paper's)", columns(TABLE_II_SNRS_DB), rows, ("correct",))


def sweep_table(table: str, title: str) -> Table:
    """Fig. 5 as a table: accuracy of all methods at all SNRs. Under attack, each row names the classifier that the attacker knows.

    table  `ROBUST` (Fig. 5a) or `CLEAN` (Fig. 5b), the first part of the keys
    """
    threats = {name: f", attacked for {method.classifier}" if table == ROBUST else "" for name, method in METHODS.items()}
    rows = tuple(
        Row(method.name + threats[name], tuple(Entry(key(table, name, snr_db)) for snr_db in SNRS_DB)) for name, method in METHODS.items()
    )
    return Table(table, title, columns(SNRS_DB), rows, ("correct",))


def ssim_table() -> Table:
    """The SSIM that Fig. 4b shows for the trained policy, over all SNRs."""
    known = {-3: 0.78, 3: 0.91, 9: 0.91, 15: 0.91}
    entries = tuple(Entry(key(ROBUST, "proposal", snr_db), (known[snr_db],) if snr_db in known else ()) for snr_db in SNRS_DB)
    title = "Fig. 4b. SSIM of attacked images as received, trained policy: ours (the paper's)"
    return Table("ssim", title, columns(SNRS_DB), (Row(METHODS["proposal"].name, entries),), ("ssim",))


def classifier_tables() -> list[Table]:
    """Accuracy of the classifiers without a link: on all clean test images, and on the images of the experiments attacked for them.

    The paper has 95.3 % and 0 % for its WRN-28-10 (Sec. VI-C).
    """
    clean = tuple(
        Row(name, (Entry(ClassifierAccuracy(classifier).key, (0.953,) if classifier == CLASSIFIER else ()),))
        for classifier, name in CLASSIFIERS.items()
    )
    paper, head = {CLASSIFIER: (0.0,)}, ("accuracy",)
    attacked = tuple(
        Row(CLASSIFIERS[classifier], (Entry(key(ROBUST, method, SNRS_DB[-1]), paper.get(classifier, ())),))
        for classifier, method in ATTACKED_METHODS.items()
    )
    attacked_title = "Classifiers on images attacked for them, no link: ours (the paper's)"
    return [
        Table("classifier", "Classifiers on all clean test images: ours (the paper's)", head, clean, ("correct",)),
        Table("classifier-pgd", attacked_title, head, attacked, ("attacked_correct",)),
    ]


def rollout_table() -> Table:
    """Rewards of Eq. (31) round by round, and the steps to which the policy converges; below, the same of each control."""
    rows = (
        Row(f"mean over {STARTS} random starts", tuple(Entry(name) for name in ROLLOUT_KEYS)),
        *(Row(f"control: {about}", tuple(Entry(PolicyRollout(s, 0, name).key) for s in SNRS_DB)) for name, about in CONTROLS.items()),
    )
    metrics = ("reward1", "reward2", "reward3", "final", "best", "t_d", "t_plus")
    title = f"The policy by the reward table: reward after rounds 1 / 2 / 3 / {FINAL_ROUND} / of the best steps, and final t_D / t_plus"
    return Table("policy", title, columns(SNRS_DB), rows, metrics)

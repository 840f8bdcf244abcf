"""DiffSem compared with its Figs. 3 to 11: the experiments on MNIST, and the tables, verdicts and figures of all."""

from functools import partial

from linksim.papers.diffsem import cifar, figures
from linksim.papers.diffsem.adversaries import SYSTEMS, Inversion, NoisyPixels, Probing
from linksim.papers.diffsem.claim_checks import FLAT_WITHIN, PAPER_SNR_DB, RULES, SNRS_DB, STEPS, bob, eve, gain
from linksim.papers.diffsem.received import OperatingPoint
from linksim.papers.diffsem.receivers import BAYES, RECEIVERS, SEEDED, SINGLE, Reception
from linksim.reproduction.claims import read_claims
from linksim.reproduction.paper import Experiment, Figures
from linksim.reproduction.results import DifferentDrawsError, ResultStore
from linksim.reproduction.rules import verdict_of
from linksim.reproduction.tables import Entry, Row, Table
from linksim.reproduction.verdicts import ClaimVerdict
from linksim.training.diffsem_tasks import FEW_LABELS, OTHER_SEEDS

CLAIMS = read_claims()["diffsem"]
SWEPT_RECEIVERS = ("diffsem", "bypass")  # at all SNRs; the others at 15 dB
MISMATCH_SNR_DB, MISMATCH_STEP, ERRORS_DB = 5, 200, (-6, -3, 0, 3, 6)  # where the cost of a wrong T'' is measured
MISMATCHED = ("diffsem", "measured", "bypass")
FEW = tuple(f"{kind}-{count}" for count in FEW_LABELS for kind in ("bypass", "diffsem"))
FEW_STEPS = (200, 300, 400)  # at which FEW and the leak are measured
PAPER_AT_300 = {"bypass": 0.84, "diffsem": 0.8735, "e-diffsem": 0.9403}  # read off Fig. 4, and the gains of Sec. IV-B added to it


class DiffSem:
    """The paper; it implements `linksim.reproduction.paper.Paper`.

    images  number of test images per experiment
    """

    claims = CLAIMS

    def __init__(self, images: int) -> None:
        self._images = images

    def notes(self) -> list[str]:
        return [
            f"The first {self._images:,} test images in every experiment, with equal noise for all who receive the same features.",
            "60 % of the training images are Alice's and Bob's, 40 % the adversary's. Classifiers that are compared are trained for the "
            "same number of steps. No choice was made on test images.",
            "The SNR is that of the radiated power, as in the paper (Eq. 23).",
            "Her images are evaluated by a strong classifier that was tuned on them, or trained on clean images only (untuned): for MNIST "
            "that of Table I, for CIFAR-10 the evaluation classifier of linksim.",
            "The claims about CIFAR-10 are checked with a stronger pair than that of Table II: a head on a classifier without its last "
            "layer, which was trained on the images of the pair alone. Table II's is in the same tables.",
            "95 % intervals take images as independent. In brackets: the paper's.",
        ]

    def experiments(self) -> list[Experiment]:
        size = self._images
        points = [OperatingPoint(PAPER_SNR_DB, step) for step in STEPS]
        others = [OperatingPoint(snr_db, step) for snr_db in SNRS_DB if snr_db != PAPER_SNR_DB for step in STEPS]
        swept = [name for name in (*RECEIVERS, BAYES) if name not in (*SINGLE, *FEW, "leak")]
        found: list[Experiment] = [Reception(name, point, size=size) for point in points for name in swept]
        found += [Reception(name, OperatingPoint(PAPER_SNR_DB, step), size=size) for step in FEW_STEPS for name in (*FEW, "leak")]
        found += [Reception(name, OperatingPoint(PAPER_SNR_DB, 300), size=size) for name in SINGLE if name != "measured"]
        found += [Reception(name, point, size=size) for point in map(mismatched, ERRORS_DB) for name in MISMATCHED]
        found += [Inversion(name, point, size=size) for point in points for name in SYSTEMS]
        found += [Probing(point, size=size) for point in points]
        found += [NoisyPixels(permuted, step, size=size) for step in STEPS for permuted in (False, True)]
        found += [Reception(name, point, size=size) for point in others for name in SWEPT_RECEIVERS]
        found += [Inversion("inverter", point, size=size) for point in others]
        found += cifar.experiments(size)
        return list({experiment.key: experiment for experiment in found}.values())  # a point may be part of two sweeps

    def tables(self) -> list[Table]:
        of_the_paper = [accuracy_table(), likeness_table(), snr_table()]
        others = [mechanism_table(), adversary_table(), mismatch_table(), calls_table(), feature_table(), seed_table()]
        return [*of_the_paper, *others, *cifar.tables()]

    def verdicts(self, results: ResultStore) -> list[ClaimVerdict]:
        return [verdict_of(claim, RULES[claim.id], results) for claim in CLAIMS.claims]

    def figures(self, results: ResultStore) -> Figures:
        return figures.all_figures(results) + cifar.figures(results)


def make(results: ResultStore, images: int | None = None) -> DiffSem:
    """Factory of the paper `diffsem`. `images` is the number of test images per experiment; None for that of the kept results."""
    kept = [len(result.samples["correct"]) for result in results.results()]
    return DiffSem(images or (kept[0] if kept else 10_000))


COLUMNS = tuple(f"t = {step}" for step in STEPS)


def bob_row(receiver: str, name: str | None = None) -> Row:
    """A row of a receiver at 15 dB over the steps, with the paper's values at t = 300."""
    paper = {300: (PAPER_AT_300[receiver],)} if receiver in PAPER_AT_300 else {}
    entries = tuple(Entry(bob(receiver, PAPER_SNR_DB, step), paper.get(step, ())) for step in STEPS)
    return Row(name or RECEIVERS[receiver].name, entries)


def eve_row(name: str, system: str, paper: dict[int, tuple[float, ...]] | None = None) -> Row:
    """A row of an adversary at 15 dB over the steps."""
    return Row(name, tuple(Entry(eve(system, PAPER_SNR_DB, step), (paper or {}).get(step, ())) for step in STEPS))


def accuracy_table() -> Table:
    """Fig. 4 as a table."""
    rows = (
        *(bob_row(name) for name in ("e-diffsem", "diffsem", "bypass")),
        eve_row("adversary, tuned classifier", "inverter", {300: (0.62,)}),
        *(eve_row(SYSTEMS[name].name, name) for name in SYSTEMS if name not in ("inverter", "ridge")),
    )
    return Table("fig4", f"Fig. 4. Accuracy on MNIST at {PAPER_SNR_DB} dB: ours (the paper's)", COLUMNS, rows, ("correct",))


def mechanism_table() -> Table:
    """The gain of diffusion in three readings, beside the best that can be done."""
    readings = ("noiseless", "noiseless-denoised", "bypass", "wide", "diffsem", "e-diffsem")
    rows = (
        *map(bob_row, readings),
        Row("kernel posterior (Bayes)", tuple(Entry(bob(BAYES, PAPER_SNR_DB, step)) for step in STEPS)),
        *map(bob_row, FEW),
        bob_row("leak"),
    )
    remarks = (
        partial(_remark, "The paper's reading, stage-1 classifier with and without denoising", "noiseless-denoised", "noiseless"),
        partial(_remark, "The true label as guidance, E-DiffSem with it minus without", "leak", "e-diffsem"),
        partial(_remark, "The fair control, DiffSem minus bypass", "diffsem", "bypass"),
        *(partial(_remark, f"{count:,} labels, DiffSem minus bypass", f"diffsem-{count}", f"bypass-{count}") for count in FEW_LABELS),
    )
    return Table("mechanism", "Where a gain comes from: accuracy at 15 dB", COLUMNS, rows, ("correct",), remarks)


def _remark(what: str, above: str, below: str, results: ResultStore) -> str:
    """The gain at t = 300 as a sentence; empty where a result is missing."""
    try:
        found = gain(bob(above, PAPER_SNR_DB, 300), bob(below, PAPER_SNR_DB, 300), results)
    except (KeyError, DifferentDrawsError):
        return ""
    return f"{what}, t = 300: {100 * found.value:+.2f} points ({100 * found.low:+.2f}..{100 * found.high:+.2f})."


def adversary_table() -> Table:
    """Attackers that the paper does not have, beside its own."""
    probe = Row("label probe", tuple(Entry(Probing(OperatingPoint(PAPER_SNR_DB, step)).key) for step in STEPS))
    rows = (probe, eve_row("ridge regression, tuned classifier", "ridge"), eve_row("inverter, tuned classifier", "inverter"))
    return Table("adversaries", "What an eavesdropper learns: accuracy at 15 dB", COLUMNS, rows, ("correct",))


def likeness_table() -> Table:
    """Fig. 5 as a table: SSIM, PSNR and accuracy of both strong classifiers."""
    rows = (
        *(eve_row(system.name, name) for name, system in SYSTEMS.items()),
        *(Row(NoisyPixels(p, 50).kind, tuple(Entry(NoisyPixels(p, step).key) for step in STEPS)) for p in (False, True)),
    )
    metrics = ("ssim", "psnr_db", "correct", "untuned")
    title = "Fig. 5. Images of the adversary at 15 dB: SSIM / PSNR / accuracy of the tuned / of the untuned classifier"
    return Table("fig5", title, COLUMNS, rows, metrics)


def snr_table() -> Table:
    """Fig. 8 as a table."""
    rows = [Row(f"DiffSem, {snr} dB", tuple(Entry(bob("diffsem", snr, step)) for step in STEPS)) for snr in SNRS_DB]
    rows += [Row(f"adversary, {snr} dB", tuple(Entry(eve("inverter", snr, step)) for step in STEPS)) for snr in SNRS_DB]
    title = f"Fig. 8. Accuracy at different SNRs; equal within {FLAT_WITHIN:g} counts as flat"
    return Table("fig8", title, COLUMNS, tuple(rows), ("correct",))


def mismatched(error_db: int) -> OperatingPoint:
    """The operating point at which Alice's SNR is too high by `error_db`."""
    return OperatingPoint(MISMATCH_SNR_DB, MISMATCH_STEP, error_db)


def mismatch_table() -> Table:
    """What an error of Alice's SNR costs; the paper expects hardly anything (remark in Sec. III-C)."""
    rows = tuple(Row(RECEIVERS[name].name, tuple(Entry(Reception(name, mismatched(e)).key) for e in ERRORS_DB)) for name in MISMATCHED)
    title = f"Accuracy where Alice's SNR is wrong, {MISMATCH_SNR_DB} dB, t = {MISMATCH_STEP}"
    return Table("mismatch", title, tuple(f"{error:+d} dB" for error in ERRORS_DB), rows, ("correct",))


def calls_table() -> Table:
    """Accuracy against the number of calls of the denoiser; the paper has min(T', 50)."""
    names = {"1": "1-call", "5": "diffsem", "50": "50-calls"}
    row = Row("DiffSem", tuple(Entry(bob(name, PAPER_SNR_DB, 300)) for name in names.values()))
    title = "Accuracy against calls of the denoiser, 15 dB, t = 300"
    return Table("calls", title, tuple(f"{count} calls" for count in names), (row,), ("correct",))


def seed_table() -> Table:
    """Receivers that were trained with three seeds, for the gains that decide a verdict."""
    seeds = ("", *(f"-seed-{seed}" for seed in OTHER_SEEDS))
    rows = tuple(Row(RECEIVERS[name].name, tuple(Entry(bob(name + seed, PAPER_SNR_DB, 300)) for seed in seeds)) for name in SEEDED)
    remarks = tuple(
        partial(_remark, f"{RECEIVERS[name].name} minus bypass, seed {number}", name + seed, "bypass" + seed)
        for name in SEEDED[:2]
        for number, seed in enumerate(seeds, start=1)
    )
    title = "Receivers trained with other seeds, for the same encoder and denoiser: accuracy at 15 dB, t = 300"
    return Table("seeds", title, tuple(f"seed {number}" for number in range(1, len(seeds) + 1)), rows, ("correct",), remarks)


def feature_table() -> Table:
    """Squared error of the denoised features, beside that of the posterior mean."""
    rows = (
        Row(RECEIVERS["diffsem"].name, tuple(Entry(bob("diffsem", PAPER_SNR_DB, step)) for step in STEPS)),
        Row("kernel posterior mean", tuple(Entry(bob(BAYES, PAPER_SNR_DB, step)) for step in STEPS)),
    )
    return Table("features", "Squared error of the features after denoising, at 15 dB", COLUMNS, rows, ("feature_mse",))

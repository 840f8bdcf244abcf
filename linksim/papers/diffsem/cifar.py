"""DiffSem on CIFAR-10: experiments, tables and figures of Figs. 9 to 11, for the stronger pair of networks and for those of Table II."""

from linksim.papers.diffsem.adversaries import CIFAR_SYSTEMS, NUM_KEPT_IMAGES, Inversion, NoisyPixels, Probing
from linksim.papers.diffsem.claim_checks import CIFAR_STEP, CIFAR_STEPS, DIRECT_STEPS, PAPER_SNR_DB, bob, eve, share
from linksim.papers.diffsem.figures import draw_likeness
from linksim.papers.diffsem.received import OperatingPoint
from linksim.papers.diffsem.receivers import BAYES, BAYES_CODECS, CIFAR_RECEIVERS, Reception
from linksim.plots.papers import ImageGrid, image_grid_figure, load_saved_images, scored_image
from linksim.plots.plot_style import save
from linksim.plots.sweeps import SweepLine, SweepPanel, sweep_figure
from linksim.reproduction.paper import Experiment, Figures
from linksim.reproduction.results import ResultStore
from linksim.reproduction.tables import Entry, Row, Table
from linksim.training.diffsem_tasks import STRONG, TABLE_II

PAIRS = {STRONG: "stronger pair", TABLE_II: "networks of Table II"}
ADVERSARIES = {codec: f"{CIFAR_SYSTEMS[codec].name}, {networks}" for codec, networks in PAIRS.items()}
PAPER_AT_150 = {"bypass": 0.873, "diffsem": 0.917, "e-diffsem": 0.933}  # Sec. IV-C
PAPER_ADVERSARY_AT_150 = 0.587
SHOWN_STEPS, SHOWN_IMAGES = (60, 150, 300), 3  # of Fig. 11
AXIS = "step T' of the self-noising"


def experiments(size: int) -> list[Experiment]:
    """All experiments on CIFAR-10 with `size` test images each."""
    points = [OperatingPoint(PAPER_SNR_DB, step) for step in CIFAR_STEPS]
    references = (name for name in BAYES_CODECS if name != BAYES)
    found: list[Experiment] = [Reception(name, point, size=size) for name in (*CIFAR_RECEIVERS, *references) for point in points]
    found += [Inversion(name, point, size=size) for name in CIFAR_SYSTEMS for point in points]
    found += [Probing(point, STRONG, size=size) for point in points]
    found += [NoisyPixels(False, step, STRONG, size=size) for step in DIRECT_STEPS]
    return found


def tables() -> list[Table]:
    """The tables of Figs. 9 and 10."""
    return [accuracy_table(), likeness_table()]


def accuracy_table() -> Table:
    """Fig. 9 as a table, with both pairs of networks and the readings of the gain."""
    rows = [Row(f"{receiver.name}, {PAIRS[receiver.codec]}", _receiver_entries(name)) for name, receiver in CIFAR_RECEIVERS.items()]
    paper = {STRONG: {CIFAR_STEP: (PAPER_ADVERSARY_AT_150,)}, TABLE_II: {}}
    for codec, networks in PAIRS.items():
        adversary = (Entry(eve(codec, PAPER_SNR_DB, step), paper[codec].get(step, ())) for step in CIFAR_STEPS)
        rows.append(Row(f"adversary, tuned classifier, {networks}", tuple(adversary)))
    rows += [
        Row(f"kernel posterior (Bayes), {networks}", tuple(Entry(bob(f"{codec}/{BAYES}", PAPER_SNR_DB, step)) for step in CIFAR_STEPS))
        for codec, networks in PAIRS.items()
    ]
    probe = (Entry(Probing(OperatingPoint(PAPER_SNR_DB, step), STRONG).key) for step in CIFAR_STEPS)
    rows.append(Row(f"label probe, {PAIRS[STRONG]}", tuple(probe)))
    title = f"Fig. 9. Accuracy on CIFAR-10 at {PAPER_SNR_DB} dB: ours (the paper's)"
    return Table("fig9", title, tuple(f"t = {step}" for step in CIFAR_STEPS), tuple(rows), ("correct",))


def _receiver_entries(name: str) -> tuple[Entry, ...]:
    codec, _, reading = name.partition("/")
    paper = {CIFAR_STEP: (PAPER_AT_150[reading],)} if codec == STRONG and reading in PAPER_AT_150 else {}
    return tuple(Entry(bob(name, PAPER_SNR_DB, step), paper.get(step, ())) for step in CIFAR_STEPS)


def likeness_table() -> Table:
    """Fig. 10 as a table: SSIM, PSNR and accuracy of both strong classifiers."""
    metrics = ("ssim", "psnr_db", "correct", "untuned")
    steps = tuple(sorted({*CIFAR_STEPS, *DIRECT_STEPS}))
    rows = (
        *(Row(shown, tuple(Entry(eve(codec, PAPER_SNR_DB, step)) for step in steps)) for codec, shown in ADVERSARIES.items()),
        Row("direct", tuple(Entry(NoisyPixels(False, step, STRONG).key) for step in steps)),
    )
    title = f"Fig. 10. Images of CIFAR-10 at {PAPER_SNR_DB} dB: SSIM / PSNR / accuracy of the tuned / of the untuned classifier"
    return Table("fig10", title, tuple(f"t = {step}" for step in steps), rows, metrics)


def figures(results: ResultStore) -> Figures:
    """Draw all figures of CIFAR-10 whose results are kept."""
    return accuracy_figure(results) + likeness(results) + image_figure(results)


def accuracy_figure(results: ResultStore) -> Figures:
    """fig9.png: Bob and the adversary over the step, a panel per pair of networks."""
    panels = []
    for codec, networks in PAIRS.items():
        keyed = {
            receiver.name: ([bob(name, PAPER_SNR_DB, step) for step in CIFAR_STEPS], "correct")
            for name, receiver in CIFAR_RECEIVERS.items()
            if receiver.codec == codec
        }
        hers = [eve(codec, PAPER_SNR_DB, step) for step in CIFAR_STEPS]
        keyed |= {"adversary, tuned classifier": (hers, "correct"), "adversary, untuned classifier": (hers, "untuned")}
        lines = tuple(
            SweepLine(label, tuple(map(float, CIFAR_STEPS)), tuple(share(results[key].samples[metric]) for key in keys))
            for label, (keys, metric) in keyed.items()
            if all(key in results for key in keys)
        )
        panels.append(SweepPanel(networks, "accuracy", lines, AXIS))
    if not all(panel.lines for panel in panels):
        return Figures()
    figure = sweep_figure(f"Accuracy on CIFAR-10 against self-noise, {PAPER_SNR_DB} dB (DiffSem Fig. 9)", panels)
    return Figures(drawn=(save(figure, results.folder / "fig9.png"),))


def likeness(results: ResultStore) -> Figures:
    """fig10.png: accuracy of the tuned classifier over SSIM and over PSNR."""
    keyed = {shown: [eve(codec, PAPER_SNR_DB, step) for step in CIFAR_STEPS] for codec, shown in ADVERSARIES.items()}
    keyed["direct"] = [NoisyPixels(False, step, STRONG).key for step in DIRECT_STEPS]
    title = f"Recognised images against their likeness, CIFAR-10, {PAPER_SNR_DB} dB (DiffSem Fig. 10)"
    return draw_likeness(title, "fig10.png", keyed, results)


def image_figure(results: ResultStore) -> Figures:
    """fig11.png: images of the adversary at three steps."""
    experiments = {f"t = {step}": Inversion(STRONG, OperatingPoint(PAPER_SNR_DB, step)) for step in SHOWN_STEPS}
    images = [load_saved_images(results.folder, f"eve-{found.system}-{found.point.name}") for found in experiments.values()]
    cells = tuple(tuple(scored_image(shown, row) for shown in images) for row in range(min(SHOWN_IMAGES, NUM_KEPT_IMAGES)))
    grid = ImageGrid("Adversary (DiffSem Fig. 11)", tuple(experiments), ("",) * len(cells), cells)
    path = results.folder / "fig11.png"
    if grid.complete:
        return Figures(drawn=(save(image_grid_figure(grid), path),))
    return Figures(skipped=(path,)) if all(found.key in results for found in experiments.values()) else Figures()

"""The paper's Figs. 3 to 8 from kept results. Figs. 6 and 7 also need the kept images of the experiments."""

from collections.abc import Mapping, Sequence

import numpy as np

from linksim.feature_diffusion import ABAR, STEPS, equivalent_snr_db
from linksim.papers.diffsem.adversaries import NUM_KEPT_IMAGES, SYSTEMS, Inversion, NoisyPixels, Probing
from linksim.papers.diffsem.claim_checks import PAPER_SNR_DB, SNRS_DB, bob, eve, share
from linksim.papers.diffsem.claim_checks import STEPS as SWEPT
from linksim.papers.diffsem.received import OperatingPoint
from linksim.papers.diffsem.receivers import RECEIVERS
from linksim.plots.front import FrontLine, front_figure
from linksim.plots.likeness import LikenessLine, likeness_figure
from linksim.plots.papers import ImageGrid, image_grid_figure, load_saved_images, scored_image
from linksim.plots.plot_style import save
from linksim.plots.schedule import schedule_figure
from linksim.plots.sweeps import SweepLine, SweepPanel, sweep_figure
from linksim.reproduction.paper import Figures
from linksim.reproduction.results import ResultStore

AXIS = "step T' of the self-noising"
SHOWN_STEPS = (50, 200, 300)  # of Figs. 6 and 7
SHOWN_IMAGES = 3


def all_figures(results: ResultStore) -> Figures:
    """Draw all figures whose results are kept."""
    schedule = schedule_figure(ABAR[1:].numpy(), np.array([equivalent_snr_db(step) for step in range(1, STEPS + 1)]))
    found = Figures(drawn=(save(schedule, results.folder / "fig3.png"),))
    for draw in (accuracy_figure, quality_figure, image_figure, pixel_figure, snr_figure, trade_off_figure):
        found += draw(results)
    return found


def line(label: str, keys: list[str], metric: str, results: ResultStore, paper: tuple[float, ...] = ()) -> SweepLine | None:
    """A line over the steps, None unless all results are kept."""
    if any(key not in results for key in keys):
        return None
    return SweepLine(label, tuple(map(float, SWEPT)), tuple(share(results[key].samples[metric]) for key in keys), paper)


def panel(title: str, lines: list[SweepLine | None]) -> SweepPanel:
    """A panel of the lines that exist."""
    return SweepPanel(title, "accuracy", tuple(found for found in lines if found is not None), AXIS)


def accuracy_figure(results: ResultStore) -> Figures:
    """fig4.png: Bob and the adversary over the step; beside it the readings of the gain."""
    receivers = ("e-diffsem", "diffsem", "bypass")
    first = [line(RECEIVERS[name].name, [bob(name, PAPER_SNR_DB, step) for step in SWEPT], "correct", results) for name in receivers]
    first += [line("adversary, tuned classifier", [eve("inverter", PAPER_SNR_DB, step) for step in SWEPT], "correct", results)]
    first += [line("adversary, untuned classifier", [eve("inverter", PAPER_SNR_DB, step) for step in SWEPT], "untuned", results)]
    readings = ("noiseless", "noiseless-denoised", "bypass", "diffsem")
    second = [line(RECEIVERS[name].name, [bob(name, PAPER_SNR_DB, step) for step in SWEPT], "correct", results) for name in readings]
    panels = [panel(f"(a) {PAPER_SNR_DB} dB (DiffSem Fig. 4)", first), panel("(b) where a gain comes from", second)]
    if not all(found.lines for found in panels):
        return Figures()
    return Figures(drawn=(save(sweep_figure("Accuracy on MNIST against self-noise", panels), results.folder / "fig4.png"),))


def snr_figure(results: ResultStore) -> Figures:
    """fig8.png: Bob and the adversary over the step, a line per SNR."""
    panels = []
    for title, key, name in (("(a) DiffSem", bob, "diffsem"), ("(b) adversary, tuned classifier", eve, "inverter")):
        lines = [line(f"{snr_db} dB", [key(name, snr_db, step) for step in SWEPT], "correct", results) for snr_db in SNRS_DB]
        panels.append(panel(title, lines))
    if not all(found.lines for found in panels):
        return Figures()
    title = "Accuracy on MNIST at different SNRs of the channel (DiffSem Fig. 8)"
    return Figures(drawn=(save(sweep_figure(title, panels), results.folder / "fig8.png"),))


def trade_off_figure(results: ResultStore) -> Figures:
    """trade-off.png: DiffSem against eavesdroppers of growing strength; the step T' moves along the lines."""
    ours = [bob("diffsem", PAPER_SNR_DB, step) for step in SWEPT]
    inverter = [eve("inverter", PAPER_SNR_DB, step) for step in SWEPT]
    probe = [Probing(OperatingPoint(PAPER_SNR_DB, step)).key for step in SWEPT]
    classifiers = {"image, untuned classifier": "untuned", "image, tuned classifier": "correct"}
    attackers = {label: (inverter, metric) for label, metric in classifiers.items()} | {"label probe": (probe, "correct")}
    lines = []
    for label, (keys, metric) in attackers.items():
        if all(key in results for key in (*ours, *keys)):
            receiver, attacker = (
                tuple(results[key].interval(of).value for key in found) for found, of in ((ours, "correct"), (keys, metric))
            )
            lines.append(FrontLine(label, attacker, receiver, tuple(f"t = {step}" for step in SWEPT)))
    if not lines:
        return Figures()
    title = f"Receiver against eavesdropper along the step: MNIST, {PAPER_SNR_DB} dB"
    return Figures(drawn=(save(front_figure(title, lines), results.folder / "trade-off.png"),))


def quality_figure(results: ResultStore) -> Figures:
    """fig5.png: accuracy of the tuned classifier over SSIM and over PSNR, a line per system."""
    keyed = {system.name: [eve(name, PAPER_SNR_DB, step) for step in SWEPT] for name, system in SYSTEMS.items()}
    keyed |= {NoisyPixels(p, 50).kind: [NoisyPixels(p, step).key for step in SWEPT] for p in (False, True)}
    return draw_likeness(f"Recognised images against their likeness, MNIST, {PAPER_SNR_DB} dB (DiffSem Fig. 5)", "fig5.png", keyed, results)


def draw_likeness(title: str, name: str, keyed: Mapping[str, Sequence[str]], results: ResultStore) -> Figures:
    """Accuracy of the tuned classifier over SSIM and over PSNR: a line for each label whose results are all kept.

    title  title of the figure
    name   name of the file
    keyed  keys of the experiments along the line of each label
    """
    lines = []
    for label, keys in keyed.items():
        if all(key in results for key in keys):
            means = {metric: tuple(results[key].interval(metric).value for key in keys) for metric in ("ssim", "psnr_db")}
            accuracy = tuple(share(results[key].samples["correct"]) for key in keys)
            lines.append(LikenessLine(label, means["ssim"], means["psnr_db"], accuracy))
    return Figures(drawn=(save(likeness_figure(title, lines), results.folder / name),)) if lines else Figures()


def image_figure(results: ResultStore) -> Figures:
    """fig6.png: images of the adversaries at three steps."""
    names = ("inverter", "ibal-mnist-2", "ibal-d-mnist")
    columns = {
        f"{name.removesuffix('-mnist').replace('inverter', 'DiffSem')}\nt = {step}": f"eve-{name}-{OperatingPoint(PAPER_SNR_DB, step).name}"
        for name in names
        for step in SHOWN_STEPS
    }
    keys = [Inversion(name, OperatingPoint(PAPER_SNR_DB, step)).key for name in names for step in SHOWN_STEPS]
    return _grid("Images of the adversaries (DiffSem Fig. 6)", columns, keys, "fig6.png", results)


def pixel_figure(results: ResultStore) -> Figures:
    """fig7.png: noise on pixels, with and without exchanged quadrants."""
    experiments = [NoisyPixels(permuted, step) for permuted in (False, True) for step in SHOWN_STEPS]
    columns = {f"{found.kind}\nt = {found.step}": found.key for found in experiments}
    return _grid("Noise on the pixels (DiffSem Fig. 7)", columns, [found.key for found in experiments], "fig7.png", results)


def _grid(title: str, columns: dict[str, str], keys: list[str], name: str, results: ResultStore) -> Figures:
    """A grid with a column per name of kept images; the figure that exists is left as it is where images are missing."""
    images = [load_saved_images(results.folder, found) for found in columns.values()]
    cells = tuple(tuple(scored_image(shown, row) for shown in images) for row in range(min(SHOWN_IMAGES, NUM_KEPT_IMAGES)))
    grid, path = ImageGrid(title, tuple(columns), ("",) * len(cells), cells), results.folder / name
    if grid.complete:
        return Figures(drawn=(save(image_grid_figure(grid), path),))
    return Figures(skipped=(path,)) if all(key in results for key in keys) else Figures()

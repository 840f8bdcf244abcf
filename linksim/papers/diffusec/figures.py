"""The paper's Figs. 5 and 6 from kept results: accuracy against SNR, and images at the stages of the link.

Fig. 5 needs kept results only. Fig. 6 also needs the kept images of the experiments, which git ignores; without them the figure that exists
is left as it is.
"""

from collections.abc import Mapping

from linksim.papers.diffusec.claim_checks import share
from linksim.papers.diffusec.experiments import (
    ATTACKED,
    CLASSIFIER,
    CLEAN,
    METHODS,
    NUM_KEPT_IMAGES,
    ORIGINAL,
    PER_LINK,
    ROBUST,
    SNRS_DB,
    key,
    sweep,
)
from linksim.plots.images import ScoredImage
from linksim.plots.papers import ImageGrid, image_grid_figure, load_saved_images, scored_image
from linksim.plots.plot_style import save
from linksim.plots.sweeps import SweepLine, SweepPanel, sweep_figure
from linksim.reproduction.paper import Figures
from linksim.reproduction.results import ResultStore

SHOWN_SNRS_DB = (-3, 3, 9, 15)  # of Fig. 6
SHOWN_IMAGES = 4
TITLES = {ROBUST: "(a) under attack: robust accuracy", CLEAN: "(b) without attack"}


def accuracy_figure(results: ResultStore, paper: Mapping[str, tuple[float, ...]]) -> Figures:
    """fig5.png, with every method that has all its results.

    paper  robust accuracies of Table II, by method
    """
    known = [name for name in METHODS if all(found in results for table in TITLES for found in sweep(table, name))]
    if not known:
        return Figures()
    panels = []
    for table, title in TITLES.items():
        lines = []
        for name in known:
            values = tuple(share(results[found].samples["correct"]) for found in sweep(table, name))
            own = paper.get(name, ()) if table == ROBUST else ()
            lines.append(SweepLine(METHODS[name].name, tuple(map(float, SNRS_DB)), values, own))
        panels.append(SweepPanel(title, "accuracy", tuple(lines)))
    figure = sweep_figure("Accuracy of the classifier on received images (DiffuSeC Fig. 5)", panels)
    return Figures(drawn=(save(figure, results.folder / "fig5.png"),))


def image_figure(results: ResultStore) -> Figures:
    """fig6.png: original, attacked, and received images at each SNR, without and with diffusion, after one round of the policy."""
    columns = {(name, snr_db): key(ROBUST, name, snr_db) for snr_db in SHOWN_SNRS_DB for name in ("vit", "proposal")}
    original, attacked = (load_saved_images(results.folder, name) for name in (ORIGINAL, f"{ATTACKED}-{CLASSIFIER}"))
    heads = ["original", "attacked", *(f"{snr_db} dB\n{'no diffusion' if name == 'vit' else 'DiffuSeC'}" for name, snr_db in columns)]
    cells = tuple(
        (scored_image(original, place), scored_image(attacked, place), *(_cell(results, found, place) for found in columns.values()))
        for place in range(min(SHOWN_IMAGES, NUM_KEPT_IMAGES))
    )
    title = "Attacked images at the stages of the link, after one round of the policy (DiffuSeC Fig. 6): PSNR, SSIM"
    grid, path = ImageGrid(title, tuple(heads), ("",) * len(cells), cells), results.folder / "fig6.png"
    if grid.complete and results.same_draws(result.key for result in results.results()):  # all experiments write the original images
        return Figures(drawn=(save(image_grid_figure(grid), path),))
    return Figures(skipped=(path,)) if all(found in results for found in columns.values()) else Figures()


def _cell(results: ResultStore, name: str, place: int) -> ScoredImage:
    """Kept image `place` of an experiment, which is the first image of link `place`, with its scores; empty without a result.

    name   key of the experiment
    place  0 for the first kept image

    The scores are left out where a link has several of the kept images, because their positions are then not those of the links.
    """
    if name not in results:
        return scored_image((), place)
    images, samples = load_saved_images(results.folder, name), results[name].samples
    if len(samples["ssim"]) < NUM_KEPT_IMAGES * PER_LINK:  # fewer links than images: a link has several of them
        return scored_image(images, place)
    first = place * PER_LINK
    return scored_image(images, place, (float(samples["psnr_db"][first]), float(samples["ssim"][first])))

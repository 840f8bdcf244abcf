"""Figures of an adaptive Eve: image quality against the number of earlier frames, and faces as each attack reconstructs them.

The first needs kept results only, the second the images of the experiments in `SHOWN` as well.
"""

from linksim.papers.miea.adaptive_eve import AT_DB, EARLIER_FRAMES
from linksim.papers.miea.experiments import ADAPTIVE_MC_DB as MC
from linksim.papers.miea.experiments import BOTH, NUM_KEPT_IMAGES, OPEN, ORIGINAL, key
from linksim.plots.attack_learning import LearningLine, LearningPanel, attack_learning_figure
from linksim.plots.images import ScoredImage
from linksim.plots.papers import ImageGrid, image_grid_figure, load_saved_images, scored_image
from linksim.plots.plot_style import save
from linksim.reproduction.paper import Figures
from linksim.reproduction.results import ResultStore

TITLES = {"known-plaintext": "content of earlier frames known", "ciphertext-only": "earlier frames solved as jigsaws"}
SHOWN = {
    "undefended": key(OPEN.table, "black", MC, 10),
    "defended,\nas received": "adaptive-eve/open/ec10",
    "defended,\ntrained on it": key(BOTH.table, "black", MC, 10),
    "defended,\njigsaw": "adaptive-eve/jigsaw-derived/ec10",
    "scrambling\nalone": "defences/scrambled/ec10",
    "symbols,\njigsaw": "defences/symbols/ec10",
    "scrambled\nsymbols": "defences/scrambled-symbols/ec10",
}


def figures(results: ResultStore, baseline: str) -> Figures:
    """The figures whose results are kept. `baseline` is the key of the mean face."""
    panels = [panel for attack in EARLIER_FRAMES if (panel := _panel(results, attack, baseline))]
    drawn, skipped = [], []
    if len(panels) == len(EARLIER_FRAMES):
        title = "Learning from earlier frames: Eve's SSIM of later frames"
        drawn.append(save(attack_learning_figure(title, "SSIM", panels), results.folder / "adaptive-eve.png"))
    grid, path = _grid(results), results.folder / "adaptive-eve-images.png"
    if grid.complete and results.same_draws(result.key for result in results.results()):  # all experiments write the original images
        drawn.append(save(image_grid_figure(grid), path))
    elif all(name in results for name in SHOWN.values()):
        skipped.append(path)
    return Figures(drawn=tuple(drawn), skipped=tuple(skipped))


def _panel(results: ResultStore, attack: str, baseline: str) -> LearningPanel | None:
    ec, frames = AT_DB[attack], EARLIER_FRAMES[attack]
    open_ = key(OPEN.table, "black", MC, ec)
    keys = {f"{kind} keys": [f"{attack}/{attack}-{kind}/n{n}/ec{ec}" for n in frames] for kind in ("transmitted", "derived")}
    if any(name not in results for names in keys.values() for name in (*names, open_, baseline)):
        return None
    lines = tuple(LearningLine(label, frames, tuple(results[name].interval("ssim") for name in names)) for label, names in keys.items())
    levels = (("undefended", results[open_].interval("ssim").value), ("mean face", results[baseline].interval("ssim").value))
    return LearningPanel(f"{TITLES[attack]}, EC {ec} dB", lines, levels)


def _grid(results: ResultStore) -> ImageGrid:
    original = load_saved_images(results.folder, ORIGINAL)
    rows = tuple(
        (scored_image(original, face), *(image_cell(results, name, face) for name in SHOWN.values())) for face in range(NUM_KEPT_IMAGES)
    )
    heads, sides = ("original", *SHOWN), tuple(f"face {face + 1}" for face in range(NUM_KEPT_IMAGES))
    return ImageGrid(f"Eve's reconstructions, MC {MC} dB, EC 10 dB: PSNR, SSIM", heads, sides, rows)


def image_cell(results: ResultStore, name: str, face: int) -> ScoredImage:
    """A kept image of an experiment with its own PSNR in dB and SSIM; an empty cell without a result.

    name  key of the experiment
    face  position of the face in the order of transmission, below `NUM_KEPT_IMAGES`
    """
    if name not in results:
        return scored_image((), face)
    samples = results[name].samples
    return scored_image(load_saved_images(results.folder, name), face, (float(samples["psnr_db"][face]), float(samples["ssim"][face])))

"""The paper's Figs. 5 and 6 from kept cells: accuracy against SNR, and images on their way."""

from collections.abc import Mapping
from pathlib import Path

from linksim.papers.diffusec.claim_checks import share
from linksim.papers.diffusec.experiments import (
    CLEAN,
    EVALUATOR,
    METHODS,
    ORIGINAL,
    PER_LINK,
    PICTURED,
    POLLUTED,
    ROBUST,
    SNRS_DB,
    key,
    sweep,
)
from linksim.plots.images import Cell
from linksim.plots.papers import Grid, find_cell, grid_figure, kept_pictures
from linksim.plots.plot_style import save
from linksim.plots.sweeps import Panel, Swept, sweep_figure
from linksim.reproduction.results import ResultStore

SHOWN_DB = (-3, 3, 9, 15)  # of Fig. 6
SHOWN = 4  # images
TITLES = {ROBUST: "(a) under attack: robust accuracy", CLEAN: "(b) without attack"}


def accuracy_figure(results: ResultStore, paper: Mapping[str, tuple[float, ...]]) -> list[Path]:
    """fig5.png, once all cells of a method are kept under attack and without; methods that lack some are left out.

    paper  robust accuracies of Table II, by method
    """
    known = [name for name in METHODS if all(cell in results for table in TITLES for cell in sweep(table, name))]
    if not known:
        return []
    panels = []
    for table, title in TITLES.items():
        lines = []
        for name in known:
            values = tuple(share(results[cell].samples["correct"]) for cell in sweep(table, name))
            own = paper.get(name, ()) if table == ROBUST else ()
            lines.append(Swept(METHODS[name].name, tuple(map(float, SNRS_DB)), values, own))
        panels.append(Panel(title, "accuracy", tuple(lines)))
    return [save(sweep_figure("Accuracy of the classifier on what arrives (DiffuSeC Fig. 5)", panels), results.folder / "fig5.png")]


def picture_figure(results: ResultStore) -> list[Path]:
    """fig6.png: original, attacked, and at each SNR what the bare codec brings and what DiffuSeC does, after one round of the policy."""
    columns = {(name, snr_db): key(ROBUST, name, snr_db) for snr_db in SHOWN_DB for name in ("vit", "proposal")}
    original, attacked = (kept_pictures(results.folder, name) for name in (ORIGINAL, f"{POLLUTED}-{EVALUATOR}"))
    heads = ["original", "attacked", *(f"{snr_db} dB\n{'no diffusion' if name == 'vit' else 'DiffuSeC'}" for name, snr_db in columns)]
    cells = tuple(
        (find_cell(original, place), find_cell(attacked, place), *(_picture(results, cell, place) for cell in columns.values()))
        for place in range(min(SHOWN, PICTURED))
    )
    grid = Grid(
        "Attacked images on their way, after one round of the policy (DiffuSeC Fig. 6): PSNR, SSIM", tuple(heads), ("",) * len(cells), cells
    )
    return [save(grid_figure(grid), results.folder / "fig6.png")] if grid.whole else []


def _picture(results: ResultStore, cell: str, place: int) -> Cell:
    """Kept image `place` of a cell, the first image of link `place`, with its scores; empty where the cell is not on the shelf."""
    if cell not in results:
        return find_cell((), place)
    pictures, samples = kept_pictures(results.folder, cell), results[cell].samples
    if len(samples["ssim"]) < PICTURED * PER_LINK:  # fewer links than images: some are of one link
        return find_cell(pictures, place)
    first = place * PER_LINK
    return find_cell(pictures, place, (float(samples["psnr_db"][first]), float(samples["ssim"][first])))

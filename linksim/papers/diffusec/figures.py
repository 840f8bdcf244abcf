"""The paper's Figs. 5 and 6 from kept cells: accuracy against SNR, and pictures on their way."""

from collections.abc import Mapping
from pathlib import Path

from linksim.papers.cells import Shelf
from linksim.papers.diffusec.conditions import CLEAN, JUDGE, METHODS, ORIGINAL, PER_LANE, PICTURED, POLLUTED, ROBUST, SNRS_DB, key, sweep
from linksim.papers.diffusec.rules import share
from linksim.plots.papers import Grid, find_cell, grid_figure, kept_pictures
from linksim.plots.pictures import Cell
from linksim.plots.style import save
from linksim.plots.sweeps import Panel, Swept, sweep_figure

SHOWN_DB = (-3, 3, 9, 15)  # of Fig. 6
SHOWN = 4  # pictures
TITLES = {ROBUST: "(a) under attack: robust accuracy", CLEAN: "(b) without attack"}


def accuracy_figure(shelf: Shelf, paper: Mapping[str, tuple[float, ...]]) -> list[Path]:
    """fig5.png, once all cells of a method are kept under attack and without; methods that lack some are left out.

    paper  robust accuracies of Table II, by method
    """
    known = [name for name in METHODS if all(cell in shelf for table in TITLES for cell in sweep(table, name))]
    if not known:
        return []
    panels = []
    for table, title in TITLES.items():
        lines = []
        for name in known:
            values = tuple(share(shelf[cell].samples["correct"]) for cell in sweep(table, name))
            own = paper.get(name, ()) if table == ROBUST else ()
            lines.append(Swept(METHODS[name].name, tuple(map(float, SNRS_DB)), values, own))
        panels.append(Panel(title, "accuracy", tuple(lines)))
    return [save(sweep_figure("Accuracy of the classifier on what arrives (DiffuSeC Fig. 5)", panels), shelf.folder / "fig5.png")]


def picture_figure(shelf: Shelf) -> list[Path]:
    """fig6.png: original, attacked, and at each SNR what the bare codec brings and what DiffuSeC does, after one round of the policy."""
    columns = {(name, snr_db): key(ROBUST, name, snr_db) for snr_db in SHOWN_DB for name in ("vit", "proposal")}
    original, attacked = (kept_pictures(shelf.folder, name) for name in (ORIGINAL, f"{POLLUTED}-{JUDGE}"))
    heads = ["original", "attacked", *(f"{snr_db} dB\n{'no diffusion' if name == 'vit' else 'DiffuSeC'}" for name, snr_db in columns)]
    cells = tuple(
        (find_cell(original, place), find_cell(attacked, place), *(_picture(shelf, cell, place) for cell in columns.values()))
        for place in range(min(SHOWN, PICTURED))
    )
    grid = Grid(
        "Attacked images on their way, after one round of the policy (DiffuSeC Fig. 6): PSNR, SSIM", tuple(heads), ("",) * len(cells), cells
    )
    return [save(grid_figure(grid), shelf.folder / "fig6.png")] if grid.whole else []


def _picture(shelf: Shelf, cell: str, place: int) -> Cell:
    """Kept picture `place` of a cell, the first image of lane `place`, with its scores; empty where the cell is not on the shelf."""
    if cell not in shelf:
        return find_cell((), place)
    pictures, samples = kept_pictures(shelf.folder, cell), shelf[cell].samples
    if len(samples["ssim"]) < PICTURED * PER_LANE:  # fewer lanes than pictures: some are of one lane
        return find_cell(pictures, place)
    first = place * PER_LANE
    return find_cell(pictures, place, (float(samples["psnr_db"][first]), float(samples["ssim"][first])))

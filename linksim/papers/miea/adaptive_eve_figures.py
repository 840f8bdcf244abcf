"""Figures of an Eve who fights back: quality against the frames she received before, and a face as each of them sees it."""

from pathlib import Path

from linksim.papers.miea.adaptive_eve import AT_DB, EARLIER
from linksim.papers.miea.experiments import BOTH, OPEN, ORIGINAL, PICTURED, key
from linksim.papers.miea.key_learning import MC
from linksim.plots.attack_learning import Learning, Learnt, learning_figure
from linksim.plots.images import Cell
from linksim.plots.papers import Grid, find_cell, grid_figure, kept_pictures
from linksim.plots.plot_style import save
from linksim.reproduction.results import ResultStore

TITLES = {"known": "content of earlier frames known", "collects": "earlier frames solved as jigsaws"}
SHOWN = {
    "undefended": key(OPEN.table, "black", MC, 10),
    "defended,\nas it comes": "fights/open/ec10",
    "defended,\ntrained on it": key(BOTH.table, "black", MC, 10),
    "defended,\njigsaw": "fights/jigsaw-derived/ec10",
    "scrambling\nalone": "holding/scrambled/ec10",
    "symbols,\njigsaw": "holding/symbols/ec10",
    "scrambled\nsymbols": "holding/scrambled-symbols/ec10",
}


def figures(results: ResultStore, blind: str) -> list[Path]:
    """Those whose cells are on the shelf. `blind` is the key of who hears nothing."""
    drawn = []
    panels = [panel for eve in EARLIER if (panel := _panel(results, eve, blind))]
    if len(panels) == len(EARLIER):
        title = "What earlier frames teach: Eve's SSIM of later frames"
        drawn.append(save(learning_figure(title, "SSIM", panels), results.folder / "fights.png"))
    grid = _pictures(results)
    if grid.whole:
        drawn.append(save(grid_figure(grid), results.folder / "fights-images.png"))
    return drawn


def _panel(results: ResultStore, eve: str, blind: str) -> Learning | None:
    ec, frames = AT_DB[eve], EARLIER[eve]
    open_ = key(OPEN.table, "black", MC, ec)
    keys = {f"{kind} keys": [f"{eve}/{eve}-{kind}/n{n}/ec{ec}" for n in frames] for kind in ("table", "derived")}
    if any(cell not in results for cells in keys.values() for cell in (*cells, open_, blind)):
        return None
    lines = tuple(Learnt(label, frames, tuple(results[cell].interval("ssim") for cell in cells)) for label, cells in keys.items())
    levels = (("undefended", results[open_].interval("ssim").value), ("mean face", results[blind].interval("ssim").value))
    return Learning(f"{TITLES[eve]}, EC {ec} dB", lines, levels)


def _pictures(results: ResultStore) -> Grid:
    original = kept_pictures(results.folder, ORIGINAL)
    rows = tuple((find_cell(original, face), *(_picture(results, cell, face) for cell in SHOWN.values())) for face in range(PICTURED))
    heads, sides = ("original", *SHOWN), tuple(f"face {face + 1}" for face in range(PICTURED))
    return Grid(f"What Eve sees, MC {MC} dB, EC 10 dB: PSNR, SSIM", heads, sides, rows)


def _picture(results: ResultStore, cell: str, face: int) -> Cell:
    if cell not in results:
        return find_cell((), face)
    samples = results[cell].samples
    return find_cell(kept_pictures(results.folder, cell), face, (float(samples["psnr_db"][face]), float(samples["ssim"][face])))

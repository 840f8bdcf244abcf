"""MIEA held against its four tables: cells, tables, verdicts, and image grids as its Figs. 3 to 6."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from linksim.papers.miea import adaptive_eve_figures, white_box_convergence
from linksim.papers.miea.adaptive_eve import FIGHTS
from linksim.papers.miea.claim_checks import RULES
from linksim.papers.miea.experiments import (
    ATTACKS,
    DEFENCES,
    METRICS,
    OPEN,
    ORIGINAL,
    PICTURED,
    SNRS_DB,
    Defence,
    Setup,
    bobs,
    grid,
    paper_cells,
)
from linksim.papers.miea.supplementary import BEYOND, MeanFace, SupplementaryTable
from linksim.plots.convergence import descent_figure
from linksim.plots.images import Cell
from linksim.plots.papers import Grid, find_cell, grid_figure, kept_pictures
from linksim.plots.plot_style import save
from linksim.reproduction.claims import Values, read_claims
from linksim.reproduction.paper import Experiment
from linksim.reproduction.results import ResultStore
from linksim.reproduction.tables import Entry, Row, Table
from linksim.reproduction.verdicts import ClaimVerdict, verdicts

CLAIMS = read_claims()["miea"]
BY_ID = {claim.id: claim for claim in CLAIMS.claims}


class Miea:
    """The paper under one setup."""

    claims = CLAIMS

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    @cached_property
    def _extras(self) -> tuple[SupplementaryTable, ...]:
        return tuple(extra(self._setup) for extra in (*BEYOND, *FIGHTS))

    def notes(self) -> list[str]:
        faces = f"{self._setup.images} faces of test people (LFW view 2, 128 x 128, nobody seen in training)"
        return [
            f"{faces}, each sent once; seed {self._setup.seed}.",
            "All cells have the same faces in the same order, and the same noise wherever frames are of the same kind.",
            "PSNR is the mean of per-image PSNR in dB (peak 1), SSIM that of Wang et al. 2004; the mean squared error is in cells.csv.",
            "95 % intervals take images for independent: mean +- 1.96 s / sqrt(n).",
            "MC is the main channel, EC the eavesdropper's. The paper's figures, in brackets, are of CelebA at 180 x 180.",
        ]

    def experiments(self) -> list[Experiment]:
        beyond = [experiment for extra in self._extras for experiment in extra.experiments]
        return [
            *paper_cells(self._setup),
            *beyond,
            *(white_box_convergence.Path(rate, self._setup.seed) for rate in white_box_convergence.RATES),
        ]

    def tables(self) -> list[Table]:
        return [*map(table_of, DEFENCES), *(extra.table for extra in self._extras)]

    def evaluator(self, results: ResultStore) -> list[ClaimVerdict]:
        return [verdicts(claim, RULES[claim.id], results) for claim in CLAIMS.claims]

    def figures(self, results: ResultStore) -> list[Path]:
        grids = ((defence.figure, pictures_of(defence, results)) for defence in DEFENCES)
        drawn = [save(grid_figure(grid), results.folder / f"{name}.png") for name, grid in grids if grid.whole]
        if searches := white_box_convergence.searches(results, self._setup.seed):
            title = f"White box, MC and EC {white_box_convergence.SNR_DB:g} dB, undefended: mean of {white_box_convergence.FACES} faces"
            levels = dict(zip(METRICS, BY_ID["miea-white"].values()[1, 1].tolist(), strict=True))
            drawn.append(save(descent_figure(title, searches, levels, "the paper's Table I"), results.folder / "white_box_convergence.png"))
        return [*drawn, *adaptive_eve_figures.figures(results, MeanFace(self._setup).key)]


def table_of(defence: Defence) -> Table:
    """Rows EC, the white box over the black; columns MC; Bob above, with the paper's figures in Table I."""
    paper = BY_ID["miea-bob"].values() if defence is OPEN else None
    rows = [_row("Bob", bobs(defence.table), paper)]
    figures = {attack: BY_ID[claim].values(name) for attack, (claim, name) in defence.claims.items()}
    for place, ec in enumerate(SNRS_DB):
        rows += [_row(f"EC {ec} dB  {attack}", grid(defence.table, attack)[place], figures[attack][place]) for attack in ATTACKS]
    title = f"Table {defence.number}. Mean PSNR / SSIM, {defence.name}: ours (the paper's)"
    return Table(defence.table, title, tuple(f"MC {mc} dB" for mc in SNRS_DB), tuple(rows), METRICS)


def _row(name: str, keys: Sequence[str], paper: Values | None) -> Row:
    """Paper's figures [column][metric]."""
    return Row(name, tuple(Entry(key, () if paper is None else tuple(paper[place].tolist())) for place, key in enumerate(keys)))


def pictures_of(defence: Defence, results: ResultStore) -> Grid:
    """As the paper's figure: original, Bob, then white and black box side by side for each EC; a row per face and MC."""
    heads = ["original", "Bob", *(f"EC {ec} dB\n{attack} box" for ec in SNRS_DB for attack in ATTACKS)]
    original, sides, cells = kept_pictures(results.folder, ORIGINAL), [], []
    for face in range(PICTURED):
        for column, mc in enumerate(SNRS_DB):
            keys = [bobs(defence.table)[column]]
            keys += [grid(defence.table, attack)[row][column] for row in range(len(SNRS_DB)) for attack in ATTACKS]
            sides.append(f"MC {mc} dB")
            cells.append((find_cell(original, face), *(_picture(results, key, face) for key in keys)))
    return Grid(f"Eavesdropped images, {defence.name}: PSNR, SSIM", tuple(heads), tuple(sides), tuple(cells))


def _picture(results: ResultStore, key: str, face: int) -> Cell:
    """What was kept of a cell, with that image's own scores; an empty panel where the cell is not on the shelf."""
    if key not in results:
        return find_cell((), face)
    samples = results[key].samples
    return find_cell(kept_pictures(results.folder, key), face, (float(samples["psnr_db"][face]), float(samples["ssim"][face])))

"""MIEA compared with its four tables: experiments, tables, verdicts, and image grids like its Figs. 3 to 6."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial

from linksim.papers.miea import adaptive_eve, adaptive_eve_figures, supplementary, white_box_choice, white_box_convergence, white_box_losses
from linksim.papers.miea.adaptive_eve_figures import image_cell
from linksim.papers.miea.claim_checks import RULES
from linksim.papers.miea.experiments import (
    ATTACKS,
    DEFENCES,
    METRICS,
    NUM_KEPT_IMAGES,
    OPEN,
    ORIGINAL,
    SNRS_DB,
    Defence,
    Setup,
    bobs,
    grid,
    paper_experiments,
)
from linksim.papers.miea.supplementary import MeanFace, SupplementaryTable
from linksim.papers.miea.white_box_losses import BEST_START, NUM_FACES, PAPER_START, WORKED_SHARE, failed
from linksim.papers.miea.white_box_losses import key as key_of
from linksim.plots.convergence import convergence_figure
from linksim.plots.papers import ImageGrid, image_grid_figure, load_saved_images, scored_image
from linksim.plots.plot_style import save
from linksim.reproduction.claims import Values, read_claims
from linksim.reproduction.library import kept_images
from linksim.reproduction.paper import Experiment, Figures
from linksim.reproduction.results import ResultStore
from linksim.reproduction.rules import verdict_of
from linksim.reproduction.tables import Entry, Row, Table
from linksim.reproduction.verdicts import ClaimVerdict

CLAIMS = read_claims()["miea"]
BY_ID = {claim.id: claim for claim in CLAIMS.claims}


class Miea:
    """The paper under one setup; it implements `linksim.reproduction.paper.Paper`.

    Bob and the black box take seconds per experiment of 100 faces, the white box minutes: the fast experiments come first.
    """

    claims = CLAIMS

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    @cached_property
    def _supplementary(self) -> tuple[SupplementaryTable, ...]:
        white_box = white_box_choice.step_sizes, white_box_losses.losses
        return tuple(make(self._setup) for make in (*white_box, *supplementary.TABLES, *adaptive_eve.TABLES))

    def notes(self) -> list[str]:
        faces = f"{self._setup.images} faces of test people (LFW view 2, 128 x 128, none of them in the training data)"
        return [
            f"{faces}, each sent once; seed {self._setup.seed}.",
            "All experiments have the same faces in the same order, and the same noise wherever frames are of the same kind.",
            "PSNR is the mean of per-image PSNR in dB (peak 1), SSIM that of Wang et al. 2004; the mean squared error is in results.csv.",
            "95 % intervals take images as independent: mean +- 1.96 s / sqrt(n).",
            f"White box: Eq. (5) from zeros, as in the paper. It failed where fewer than {100 * WORKED_SHARE:.0f} % of "
            f"{NUM_FACES['open']} searches, measured apart from the tables, reached the loss of the true image. The rows from the inverse "
            f"network's image are of the first {NUM_FACES['open']} faces, with noise of their own.",
            "MC is the main channel, EC the eavesdropper's. The paper's values, in brackets, are of CelebA at 180 x 180.",
        ]

    def experiments(self) -> list[Experiment]:
        return [
            *paper_experiments(self._setup),
            *(experiment for extra in self._supplementary for experiment in extra.experiments),
            *(white_box_convergence.WhiteBoxSearch(rate, self._setup.seed) for rate in white_box_convergence.ITERATIONS),
        ]

    def tables(self) -> list[Table]:
        return [*map(table_of, DEFENCES), *(extra.table for extra in self._supplementary)]

    def verdicts(self, results: ResultStore) -> list[ClaimVerdict]:
        return [verdict_of(claim, RULES[claim.id], results) for claim in CLAIMS.claims]

    def figures(self, results: ResultStore) -> Figures:
        found = Figures()
        for defence in DEFENCES:
            found += image_figure(defence, results)
        if searches := white_box_convergence.searches(results, self._setup.seed):
            title = f"White box, MC and EC {white_box_convergence.SNR_DB:g} dB, undefended: mean of {white_box_convergence.FACES} faces"
            levels = dict(zip(METRICS, BY_ID["miea-white"].values()[1, 1].tolist(), strict=True))
            figure = convergence_figure(title, searches, levels, "the paper's Table I")
            found += Figures(drawn=(save(figure, results.folder / "white-box-convergence.png"),))
        return found + adaptive_eve_figures.figures(results, MeanFace(self._setup).key)


def make(results: ResultStore, images: int | None = None) -> Miea:
    """Factory of the paper `miea`. `images` is the number of faces per experiment; None for that of the kept results."""
    images = images or kept_images(results)
    return Miea(Setup(images) if images else Setup())


def table_of(defence: Defence) -> Table:
    """Rows EC, the white box above the black box; columns MC; Bob in the first row, with the paper's values in Table I.

    Table I has a second row for the white box, started from the inverse network's image, and notes where a search failed.
    """
    paper = BY_ID["miea-bob"].values() if defence is OPEN else None
    rows = [_row("Bob", bobs(defence.table), paper)]
    values = {attack: BY_ID[claim].values(name) for attack, (claim, name) in defence.claims.items()}
    for place, ec in enumerate(SNRS_DB):
        of_ec = {attack: _row(f"EC {ec} dB  {attack}", grid(defence.table, attack)[place], values[attack][place]) for attack in ATTACKS}
        if defence is OPEN:
            rows.append(_noted(replace(of_ec["white"], name=f"EC {ec} dB  white, from zeros"), PAPER_START, ec))
            started = Row(f"EC {ec} dB  white, from the inverse network", tuple(Entry(key_of(OPEN, BEST_START, mc, ec)) for mc in SNRS_DB))
            rows += [_noted(started, BEST_START, ec), of_ec["black"]]
        else:
            rows += of_ec.values()
    title = f"Table {defence.number}. Mean PSNR / SSIM, {defence.name}: ours (the paper's)"
    return Table(defence.table, title, tuple(f"MC {mc} dB" for mc in SNRS_DB), tuple(rows), METRICS)


def _noted(row: Row, start: str, ec: int) -> Row:
    """A row of the undefended white box with a note where the search from `start` failed."""
    entries = zip(SNRS_DB, row.entries, strict=True)
    return replace(row, entries=tuple(replace(entry, note=partial(failed, start=start, mc=mc, ec=ec)) for mc, entry in entries))


def _row(name: str, keys: Sequence[str], paper: Values | None) -> Row:
    """A row with the paper's values [column][metric]."""
    return Row(name, tuple(Entry(key, () if paper is None else tuple(paper[place].tolist())) for place, key in enumerate(keys)))


def image_figure(defence: Defence, results: ResultStore) -> Figures:
    """The paper's figure of a defence (Figs. 3 to 6), where all its images are kept.

    A figure that exists is left as it is where images are missing or had different random draws: they would show different faces.
    """
    found, path = image_grid(defence, results), results.folder / f"{defence.figure}.png"
    if found.complete and results.same_draws(result.key for result in results.results()):  # all experiments write the original images
        return Figures(drawn=(save(image_grid_figure(found), path),))
    keys = [*bobs(defence.table), *(key for attack in ATTACKS for row in grid(defence.table, attack) for key in row)]
    return Figures(skipped=(path,)) if all(key in results for key in keys) else Figures()


def image_grid(defence: Defence, results: ResultStore) -> ImageGrid:
    """Original, Bob, then white and black box side by side for each EC; one row per face and MC, `NUM_KEPT_IMAGES` faces.

    The white box is the paper's, from zeros. A cell whose image is not kept is empty, and the grid is then not `complete`.
    """
    heads = ["original", "Bob", *(f"EC {ec} dB\n{attack} box" for ec in SNRS_DB for attack in ATTACKS)]
    original, sides, cells = load_saved_images(results.folder, ORIGINAL), [], []
    for face in range(NUM_KEPT_IMAGES):
        for column, mc in enumerate(SNRS_DB):
            keys = [bobs(defence.table)[column]]
            keys += [grid(defence.table, attack)[row][column] for row in range(len(SNRS_DB)) for attack in ATTACKS]
            sides.append(f"MC {mc} dB")
            cells.append((scored_image(original, face), *(image_cell(results, key, face) for key in keys)))
    return ImageGrid(f"Eavesdropped images, {defence.name}: PSNR, SSIM", tuple(heads), tuple(sides), tuple(cells))

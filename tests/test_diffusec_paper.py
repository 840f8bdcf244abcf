"""DiffuSeC held against its claims: each rule both ways, what is said of attackers and policies, and the whole of it with small parts."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from made_up_atlas import made_up_atlas
from tiny_parts import CLASSIFIER, UNET, VIT, write_part

from linksim.adapt.atlas_file import write_atlas
from linksim.adapt.curve import COLUMNS, Standing, write_curve
from linksim.cli import main
from linksim.data.sources import Pictures
from linksim.diffusion import Denoise
from linksim.errors import LinksimError
from linksim.nets.cards import Card, write_card
from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.unet import UNet
from linksim.nets.weights import forget_parts, load_part, sha256_of
from linksim.papers.cells import Cell, Samples, Shelf
from linksim.papers.claims import read_claims
from linksim.papers.diffusec import adaptive, policies, solver
from linksim.papers.diffusec.conditions import ACTOR, ATLAS, CLEAN, METHODS, PER_LANE, ROBUST, SNRS_DB, Setup, cell, key
from linksim.papers.diffusec.paper import DiffuSec
from linksim.papers.diffusec.rules import JUDGE_KEY, RULES
from linksim.papers.diffusec.shapes import rank_correlation
from linksim.papers.simulated import Hearing, Simulated
from linksim.plots.papers import keep_pictures
from linksim.records import BOB, Adaptation, FrameSent, Picture, Quality, Record
from linksim.rng import Streams
from linksim.run import run
from linksim.scenario.load import scenario_from_text
from linksim.scenario.strict_yaml import dump_yaml
from linksim.schemes.diffusec import Diffusec
from linksim.world.remembered import Remembered

IMAGES = 480


def hits(share: float, images: int = IMAGES) -> Samples:
    """So many of the images right, the same ones first in every cell."""
    return (np.arange(images) < round(share * images)).astype(np.float64)


def robust(method: str, snr_db: int) -> float:
    """Accuracies as the paper has them, or as its words and figures suggest."""
    proposal = dict(zip(SNRS_DB, (0.739, 0.833, 0.865, 0.876, 0.88, 0.88, 0.88, 0.88, 0.88), strict=True))[snr_db]
    return {
        "proposal": proposal + 0.02, "plain": proposal - 0.1, "vqvae": proposal - 0.05, "vit": 0.05, "jpeg": 0.02,
        "jpeg-at": 0.1 if snr_db < 3 else 0.5,
    }[method]  # fmt: skip


def made_up() -> dict[str, Mapping[str, Samples]]:
    """Cells that bear out every claim."""
    cells: dict[str, Mapping[str, Samples]] = {JUDGE_KEY: {"correct": hits(0.96)}}
    for method in METHODS:
        for snr_db in SNRS_DB:
            likeness = 0.8 if snr_db < 3 else 0.93
            about = {"correct": hits(robust(method, snr_db)), "ssim": np.full(IMAGES, likeness), "source_correct": hits(0.0)}
            clean = 0.1 if method.startswith("jpeg") and snr_db < 3 else 0.92
            cells[key(ROBUST, method, snr_db)], cells[key(CLEAN, method, snr_db)] = about, {"correct": hits(clean)}
    for place, snr_db in enumerate(SNRS_DB):
        rewards = {"reward1": -0.6, "reward2": -0.5, "reward3": -0.405, "final": -0.4, "best": -0.39}
        about = {name: np.full(9, value) for name, value in rewards.items()}
        cells[f"policy/snr{snr_db}"] = about | {"t_d": np.full(9, 20.0), "t_plus": np.full(9, 40.0 - 4 * place)}
    return cells | {"curve/ddpg": learnt(lambda step: -0.8 if step <= 2500 else -0.4 if step >= 4900 else -0.6)}


def learnt(reward: Callable[[int], float]) -> dict[str, Samples]:
    rows = [
        Standing(step, snr_db, reward(step), 0.9, 0.1, 0.2, 0.0, 20, 5, 0.0) for step in range(100, 10_001, 100) for snr_db in (-3.0, 9.0)
    ]
    return {name: np.array([getattr(row, name) for row in rows], np.float64) for name in COLUMNS}


def shelf_of(folder: Path, cells: Mapping[str, Mapping[str, Samples]]) -> Shelf:
    return Shelf(folder, (Cell(name, "d", 1, samples) for name, samples in cells.items()))


def words_of(folder: Path, cells: Mapping[str, Mapping[str, Samples]]) -> dict[str, str]:
    return {judged.claim.id: judged.finding.word for judged in DiffuSec(Setup()).judge(shelf_of(folder, cells))}


def test_every_claim_has_a_rule_and_every_rule_and_table_finds_its_cells() -> None:
    paper = DiffuSec(Setup())
    wanted = [want.key for want in paper.wants()]
    assert [claim.id for claim in read_claims()["diffusec"].claims] == list(RULES)
    assert len(set(wanted)) == len(wanted)
    assert all(set(rule.keys) <= set(wanted) for rule in RULES.values())
    assert {entry.key for table in paper.tables() for entry in table.entries} == set(wanted) - {"curve/ddpg"}


def test_figures_as_the_paper_has_them_bear_out_every_claim(tmp_path: Path) -> None:
    words = words_of(tmp_path, made_up())
    assert set(words.values()) <= {"reproduced", "beaten"}, words
    assert words["diffusec-ssim-high"] == "beaten"  # no spread at all, and above


def changed(table: str, method: str, share: float, *snrs_db: int) -> dict[str, Mapping[str, Samples]]:
    """Another accuracy of a method at some SNRs."""
    return {key(table, method, snr_db): made_up()[key(table, method, snr_db)] | {"correct": hits(share)} for snr_db in snrs_db}


def at_every_snr(change: Callable[[Mapping[str, Samples], int], dict[str, Samples]]) -> dict[str, Mapping[str, Samples]]:
    cells = made_up()
    return {name: cells[name] | change(cells[name], place) for place, name in enumerate(f"policy/snr{snr_db}" for snr_db in SNRS_DB)}


@pytest.mark.parametrize(
    ("broken", "change"),
    [
        ("diffusec-wrn-clean", {JUDGE_KEY: {"correct": hits(0.9)}}),
        ("diffusec-wrn-pgd", {key(ROBUST, "vit", 18): made_up()[key(ROBUST, "vit", 18)] | {"source_correct": hits(0.1)}}),
        ("diffusec-robust--6", changed(ROBUST, "proposal", 0.6, -6)),
        ("diffusec-robust-15", changed(ROBUST, "proposal", 0.8, 12)),  # one of three
        ("diffusec-clean-top", changed(CLEAN, "proposal", 0.8, *SNRS_DB)),
        ("diffusec-ssim-high", {key(ROBUST, "proposal", 9): made_up()[key(ROBUST, "proposal", 9)] | {"ssim": np.full(IMAGES, 0.9)}}),
        ("diffusec-vs-vqvae", changed(ROBUST, "vqvae", 0.95, 9)),
        ("diffusec-vs-plain", changed(ROBUST, "plain", 0.95, 0)),
        ("diffusec-vs-plain", changed(CLEAN, "plain", 0.7, 12)),  # clean accuracies do not meet
        ("diffusec-vs-jpeg", changed(ROBUST, "jpeg-at", 0.95, 18)),
        (
            "diffusec-vs-jpeg",
            {name: value for s in SNRS_DB for name, value in changed(CLEAN, "jpeg", 0.5 + s / 100, s).items()},
        ),  # no cliff
        ("diffusec-converge", {"curve/ddpg": learnt(lambda step: -0.8 + step / 25_000)}),  # still rising
        ("diffusec-converge", {"curve/ddpg": learnt(lambda step: -0.4 if step < 4000 else -0.5)}),  # flat, and worse than chance
        ("diffusec-adapt-3", at_every_snr(lambda _, place: {"reward3": np.full(9, -0.405 if place else -0.45)})),
        ("diffusec-policy-trend", at_every_snr(lambda _, place: {"t_plus": np.full(9, float(place))})),
        ("diffusec-policy-trend", at_every_snr(lambda _, place: {"t_plus": np.full(9, 7.0)})),
    ],
)
def test_a_figure_that_does_not_fit_breaks_its_claim(tmp_path: Path, broken: str, change: dict[str, Mapping[str, Samples]]) -> None:
    words = words_of(tmp_path, made_up() | change)
    assert words[broken] == "not reproduced"
    assert sum(word == "not reproduced" for word in words.values()) <= 2


def test_ranks_correlate_as_spearman_says() -> None:
    x = np.arange(5.0)
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1.0)
    assert rank_correlation(x, -(x**3)) == pytest.approx(-1.0)
    assert rank_correlation(x, np.array([1.0, 2.0, 2.0, 4.0, 3.0])) == pytest.approx(8.5 / 95**0.5)  # by hand: the tie has 1.5
    assert rank_correlation(x, np.ones(5)) == 0.0


def test_a_number_of_images_that_fills_no_lanes_is_refused() -> None:
    with pytest.raises(LinksimError, match=f"got 100 images, allowed: multiples of {PER_LANE}"):
        Setup(images=100)


def test_outcomes_of_an_image_follow_from_its_classes() -> None:
    """Label 1, seen as 1, attacked to 2: what arrives is right, as the attack wants, or a third class; lanes do not mix."""
    hearing = Hearing(BOB, lambda _: None)
    for lane, final in enumerate((1, 2, 3)):
        hearing(Quality(0, lane, 0, 0, BOB, 1, final, 1, 2, 0.01, 20.0, 0.5 + lane / 10, 0))
    found = hearing.samples(("correct", "adv", "err", "clean_correct", "source_correct", "ssim"))
    assert [found[name].tolist() for name in ("correct", "adv", "err")] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert (found["clean_correct"].tolist(), found["source_correct"].tolist()) == ([1, 1, 1], [0, 0, 0])
    assert found["ssim"] == pytest.approx([0.5, 0.6, 0.7])


def test_a_remembered_function_is_asked_once_for_the_same_and_forgets_the_oldest() -> None:
    asked: list[float] = []

    def twice(x: torch.Tensor) -> torch.Tensor:
        asked.append(float(x[0]))
        return 2 * x

    double = Remembered(twice, most_bytes=2 * 4 * 10)
    for value in (1.0, 2.0, 1.0, 3.0, 1.0):
        assert double(torch.full((10,), value)).tolist() == [2 * value] * 10
    assert asked == [1.0, 2.0, 3.0, 1.0]


# What is said beyond the paper


def test_what_knowing_the_defence_is_worth_is_said_by_rule(tmp_path: Path) -> None:
    shares = {"none": 0.9, "grey": 0.8, "expected": 0.3, "known": 0.1}
    cells = {adaptive.key(eve, snr_db): {"correct": hits(share, 100)} for eve, share in shares.items() for snr_db in adaptive.SNRS_DB}
    said = adaptive.worth(shelf_of(tmp_path, cells))
    assert "from 80 %, 80 %, 80 % to 30 %, 30 %, 30 %, surely at 3 of 3 SNRs" in said
    del cells[adaptive.key("known", 6)]
    assert adaptive.worth(shelf_of(tmp_path, cells)) == ""


@pytest.mark.parametrize(("less", "word"), [(0.02, "superior"), (0.0, "equal"), (-0.02, "inferior")])
def test_a_table_is_held_against_ddpg_by_the_paired_bootstrap(tmp_path: Path, less: float, word: str) -> None:
    regret = np.random.default_rng(1).uniform(0.0, 0.5, 200)  # paths differ by far more than policies do
    waver = np.random.default_rng(2).normal(0.0, 0.01, 200)
    cells = {
        policies.key(name, delay, error_db): {"regret": regret + (waver - less) * (name == "table")}
        for name in policies.NAMES for delay in policies.DELAYS for error_db in policies.ERRORS_DB
    }  # fmt: skip
    assert f": {word} to DDPG" in policies.versus(shelf_of(tmp_path, cells), "table")


def test_strides_are_held_against_ddpm_image_by_image(tmp_path: Path) -> None:
    likeness = np.random.default_rng(1).uniform(0.5, 1.0, 96)
    ddpm = {"ssim": likeness, "correct": hits(0.9, 96)}
    cells = {solver.key("ddpm"): ddpm, solver.key("strided"): ddpm | {"ssim": likeness - 0.001}}
    assert "ssim -0.001" in (said := solver.equality(shelf_of(tmp_path, cells)))
    assert "; within 0.02 in ssim" in said
    cells[solver.key("strided")] = ddpm | {"ssim": likeness - 0.1}
    assert "not surely within" in solver.equality(shelf_of(tmp_path, cells))


# The whole of it, with small untrained parts and made-up images

PARTS = {
    "diffusec-codec": ("codec", VIT),
    "diffusec-denoiser": ("denoiser", UNET),
    "classifier-cifar10": ("classifier", CLASSIFIER),
    "classifier-cifar10-at": ("classifier", CLASSIFIER),
    "masked-vqvae": ("vqvae", {"stem": 4, "width": 8, "inner": 4, "blocks": 1}),
    ACTOR: ("policy", {"reach": 25}),
}


@pytest.fixture(scope="session")
def diffusec_parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diffusec-parts")
    for seed, (name, (kind, config)) in enumerate(PARTS.items()):
        write_part(folder, name, kind, config, seed)
    write_atlas(made_up_atlas(), folder / f"{ATLAS}.h5")
    sha = sha256_of(folder / f"{ATLAS}.h5")
    write_card(Card(ATLAS, "atlas", {}, {}, 0.0, "cpu", {}, "float64", sha, (), {}), folder / f"{ATLAS}.yaml")
    return folder


@pytest.fixture
def small(diffusec_parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the paper's results will lie."""
    draw = np.random.default_rng(5)
    images = Pictures(draw.integers(0, 256, (30, 32, 32, 3), np.uint8), draw.integers(0, 10, 30), tuple("abcdefghij"))
    for module in ("world.build", "papers.diffusec.judging", "papers.diffusec.adaptive"):
        monkeypatch.setattr(f"linksim.{module}.load", lambda source, split: images)
    monkeypatch.setattr("linksim.run.seldom_collected", nullcontext)  # worlds this small are built faster than garbage is looked for
    for name, value in {"IMAGES": 4, "BATCH": 2, "DRAWS": 1, "STEPS": 1, "KNOWN_STEPS": 1}.items():
        monkeypatch.setattr(f"linksim.papers.diffusec.adaptive.{name}", value)
    for name, value in {"PATHS": 2, "ROUNDS": 3}.items():
        monkeypatch.setattr(f"linksim.papers.diffusec.policies.{name}", value)
    policies.contest.cache_clear()
    monkeypatch.setenv("LINKSIM_MODELS", str(diffusec_parts))
    monkeypatch.chdir(tmp_path)
    forget_parts()
    yield tmp_path / "results/papers/diffusec"
    forget_parts()
    policies.contest.cache_clear()


def linksim(*words: str) -> Result:
    return CliRunner().invoke(main, ["papers", "diffusec", *words], catch_exceptions=False)


def test_nothing_measured_prints_all_tables_and_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = linksim("--no-measure")
    assert result.exit_code == 0
    assert "17 claims, 0 decided" in result.stdout
    assert all(title in result.stdout for title in ("Table II.", "Fig. 5a.", "Fig. 5b.", "Regret against the oracle"))


def test_a_cell_of_every_kind_is_measured_once_printed_and_written(small: Path) -> None:
    curve = Path("results/training") / f"{ACTOR}.csv"
    curve.parent.mkdir(parents=True)
    write_curve([Standing(step, snr_db, -0.5, 0.9, 0.1, 0.2, 0.0, 20, 5, 0.0) for step in (100, 6000) for snr_db in (-3.0, 9.0)], curve)
    only = [word for name in ("snr6", "judge/*", "curve", "paths/ddpg/*", "reports/ddpg/*") for word in ("--only", name)]
    first = linksim("--images", str(PER_LANE), *only)
    assert first.exit_code == 0, first.output
    assert "warning" not in first.stderr, first.stderr
    kinds = {want.kind for want in DiffuSec(Setup(PER_LANE)).wants()}
    measured = {want.kind for want in DiffuSec(Setup(PER_LANE)).wants() if want.key in Shelf(small)}
    assert measured == kinds
    assert {path.name for path in small.iterdir()} >= {"cells.csv", "tables.md", "claims.md", "claims.csv", "fig4.png"}
    again = linksim(*only)  # as many images as the cells of methods have
    assert (again.stdout, again.stderr) == (first.stdout, "")


def test_figures_are_drawn_from_what_is_kept(tmp_path: Path) -> None:
    shelf = shelf_of(
        tmp_path,
        made_up() | {name: about | {"psnr_db": np.full(IMAGES, 20.0)} for name, about in made_up().items() if name.startswith(ROBUST)},
    )
    assert [path.name for path in DiffuSec(Setup()).figures(shelf)] == ["fig4.png", "fig5.png"]
    strip = np.zeros((6, 3, 32, 32), np.uint8)
    for name in ("original", "attacked-classifier-cifar10", *(key(ROBUST, m, s) for m in ("vit", "proposal") for s in (-3, 3, 9, 15))):
        keep_pictures(tmp_path, name, strip)
    assert [path.name for path in DiffuSec(Setup()).figures(shelf)] == ["fig4.png", "fig5.png", "fig6.png"]


class Heard:
    """Keeps all records."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def __call__(self, record: Record) -> None:
        self.records.append(record)


@pytest.mark.usefixtures("small")
def test_a_lane_of_the_proposal_sends_a_frame_after_each_of_three_rounds_from_random_steps() -> None:
    """At -6 dB, where messages are heard with difficulty."""
    wanted = cell(Setup(4 * PER_LANE), "x", "x", METHODS["proposal"], -6, attacked=False)
    heard = Heard()
    run(scenario_from_text(dump_yaml(dict(wanted.words)), "x"), (heard,))
    chosen, sent = ([r for r in heard.records if isinstance(r, kind)] for kind in (Adaptation, FrameSent))
    starts = set()
    for lane in range(4):
        rounds = [r for r in chosen if isinstance(r, Adaptation) and r.lane == lane]
        frames = [r for r in sent if isinstance(r, FrameSent) and r.lane == lane]
        assert [(r.t_d, r.t_plus) for r in rounds] == [(f.t_d, f.t_plus) for f in frames]
        assert len(frames) == 3
        assert [(r.t_d_before, r.t_plus_before) for r in rounds[1:]] == [(r.t_d, r.t_plus) for r in rounds[:-1]]
        starts.add((rounds[0].t_d_before, rounds[0].t_plus_before))
    assert len(starts) == 4


@pytest.mark.usefixtures("small")
def test_all_methods_send_the_same_images_in_the_same_order() -> None:
    seen = []
    for method in ("proposal", "jpeg"):
        heard = Heard()
        words = cell(Setup(2 * PER_LANE), "x", "x", METHODS[method], 6, attacked=True).words
        run(scenario_from_text(dump_yaml(dict(words) | {"trace": {"pictures": 40}}), "x"), (heard,))
        pictures = {(p.node, p.lane, p.frame, p.item): p.image for p in heard.records if isinstance(p, Picture) and p.node != BOB}
        seen.append(np.stack([pictures[place] for place in sorted(pictures)]))
    assert len(seen[0]) == 2 * 40  # as they are, and attacked
    np.testing.assert_array_equal(*seen)


@pytest.mark.usefixtures("small")
def test_the_slope_through_the_link_is_of_its_draw_and_needs_no_inner_values_kept() -> None:
    codec, denoiser, judge = (
        load_part(name, PARTS[name][0]).network for name in ("diffusec-codec", "diffusec-denoiser", "classifier-cifar10")
    )
    assert isinstance(codec, Codec)
    assert isinstance(denoiser, UNet)
    assert isinstance(judge, Classifier)
    images, labels = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)), torch.tensor([1, 2, 3])

    def slope(model: Denoise, draw: int, first: int = 0, part: slice = slice(None)) -> torch.Tensor:
        chain = adaptive.Chain(Diffusec(codec, model, 10), judge, (20, 5), 6.0, Streams(1), first)
        found = adaptive.cross_entropy_slope(lambda x: chain(x, draw), labels[part])(images[part], 0)
        return found / found.abs().max()

    kept = slope(denoiser, 0)
    torch.testing.assert_close(slope(adaptive.recomputed(denoiser), 0), kept)
    assert (slope(denoiser, 1) - kept).abs().max() > 0.01
    alone = slope(denoiser, 0, 1, slice(1, 2))  # an image's noise follows from its number
    torch.testing.assert_close(alone, kept[1:2] / kept[1].abs().max(), rtol=1e-3, atol=1e-4)


def test_simulated_cells_of_other_papers_keep_their_digest() -> None:
    """Metrics that are the usual ones are no part of it."""
    words = {"seed": 1, "frames": 1, "alice": {"images_per_frame": 1}}
    assert Simulated("a", "b", words, BOB, ()).digest() != Simulated("a", "b", words, BOB, (), metrics=("correct",)).digest()

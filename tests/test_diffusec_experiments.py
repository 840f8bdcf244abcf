"""Cells of DiffuSeC measured with small untrained parts and made-up images: what is sent, what is scored, and the command as a whole."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from synthetic_reward_table import made_up_reward_table
from tiny_models import CLASSIFIER, UNET, VIT, write_model

from linksim.adapt.learning_curve import PolicyEvaluation, write_curve
from linksim.adapt.reward_table_file import write_reward_table
from linksim.attacks.source import cross_entropy_gradient
from linksim.cli import main
from linksim.data.sources import ImageDataset
from linksim.nets.cards import Card, write_card
from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.unet import UNet
from linksim.nets.weights import clear_model_cache, load_model, sha256_of
from linksim.papers.diffusec import adaptive_attack, policies
from linksim.papers.diffusec.experiments import ACTOR, CALLS, METHODS, PER_LINK, REWARD_TABLE, Setup, cell
from linksim.papers.diffusec.paper import DiffuSec
from linksim.records import BOB, FrameSent, ImageScore, KeptImage, Record, StepDecision
from linksim.reproduction.results import ResultStore
from linksim.reproduction.simulated import ScoreCollector, Simulated, weights_of
from linksim.rng import Streams
from linksim.scenario.load import scenario_from_text
from linksim.scenario.schemes import DiffusecOptions
from linksim.scenario.strict_yaml import dump_yaml
from linksim.schemes.diffusec import Diffusec
from linksim.simulate.assembly import build
from linksim.simulate.item_cache import ItemCache
from linksim.simulate.run import run
from linksim.worker import Worker


def test_outcomes_of_an_image_follow_from_its_classes() -> None:
    """Label 1, seen as 1, attacked to 2: what arrives is right, as the attack wants, or a third class; links do not mix."""
    hearing = ScoreCollector(BOB, lambda _: None)
    for link, final in enumerate((1, 2, 3)):
        hearing(ImageScore(0, link, 0, 0, BOB, 1, final, 1, 2, 0.01, 20.0, 0.5 + link / 10, 0))
    found = hearing.samples(("correct", "adv", "err", "clean_correct", "source_correct", "ssim"))
    assert [found[name].tolist() for name in ("correct", "adv", "err")] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert (found["clean_correct"].tolist(), found["source_correct"].tolist()) == ([1, 1, 1], [0, 0, 0])
    assert found["ssim"] == pytest.approx([0.5, 0.6, 0.7])


def test_a_remembered_function_is_asked_once_for_an_item_and_forgets_the_oldest() -> None:
    asked: list[float] = []

    def twice(x: torch.Tensor) -> torch.Tensor:
        assert len(x) == 1
        asked.append(float(x[0, 0]))
        return 2 * x

    double = ItemCache(twice, most_bytes=2 * 4 * 10)
    batch = torch.tensor([1.0, 2.0, 1.0, 3.0, 1.0])[:, None].expand(5, 10)
    assert torch.equal(double(batch), 2 * batch)
    assert asked == [1.0, 2.0, 3.0, 1.0]


def test_how_an_item_lies_in_memory_makes_no_other_of_it() -> None:
    """A convolution may round it otherwise, and a run must not depend on those before it."""
    seen: list[tuple[int, ...]] = []

    def twice(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.stride())
        return 2 * x

    double, images = ItemCache(twice), torch.rand(2, 3, 4, 4)
    for x in (images, images.to(memory_format=torch.channels_last)):
        assert torch.equal(double(x), 2 * images)
    assert seen == [images.stride()] * 2


def test_simulated_cells_of_other_papers_keep_their_digest() -> None:
    """Metrics that are the usual ones are no part of it."""
    words = {"seed": 1, "frames": 1, "alice": {"images_per_frame": 1}}
    assert Simulated("a", "b", words, BOB, ()).digest() != Simulated("a", "b", words, BOB, (), metrics=("correct",)).digest()


# The whole of it, with small untrained parts and made-up images

PARTS: dict[str, tuple[str, dict[str, object]]] = {
    "diffusec-codec": ("codec", VIT),
    "diffusec-denoiser": ("denoiser", UNET),
    "classifier-cifar10": ("classifier", CLASSIFIER),
    "classifier-cifar10-at": ("classifier", CLASSIFIER),
    "masked-vqvae": ("vqvae", {"stem": 4, "width": 8, "inner": 4, "blocks": 1}),
    ACTOR: ("policy", {"reach": 25}),
}


@pytest.fixture(scope="session")
def diffusec_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diffusec-parts")
    for seed, (name, (kind, config)) in enumerate(PARTS.items()):
        write_model(folder, name, kind, config, seed)
    write_reward_table(made_up_reward_table(), folder / f"{REWARD_TABLE}.h5")
    sha = sha256_of(folder / f"{REWARD_TABLE}.h5")
    write_card(Card(REWARD_TABLE, "reward-table", {}, {}, 0.0, "cpu", {}, "float64", sha, (), {}), folder / f"{REWARD_TABLE}.yaml")
    return folder


@pytest.fixture
def small(diffusec_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the paper's results will lie."""
    draw = np.random.default_rng(5)
    images = ImageDataset(draw.integers(0, 256, (30, 32, 32, 3), np.uint8), draw.integers(0, 10, 30), tuple("abcdefghij"))
    for module in ("simulation.build", "papers.diffusec.judging", "papers.diffusec.adaptive"):
        monkeypatch.setattr(f"linksim.{module}.load", lambda source, split: images)
    monkeypatch.setattr("linksim.simulate.run.gc_frozen", nullcontext)  # worlds this small are built faster than garbage is looked for
    for name, value in {"IMAGES": 4, "BATCH": 2, "DRAWS": 1, "STEPS": 1, "KNOWN_STEPS": 1}.items():
        monkeypatch.setattr(f"linksim.papers.diffusec.adaptive_attack.{name}", value)
    for name, value in {"PATHS": 2, "ROUNDS": 3}.items():
        monkeypatch.setattr(f"linksim.papers.diffusec.policies.{name}", value)
    policies.contest.cache_clear()
    monkeypatch.setenv("LINKSIM_MODELS", str(diffusec_models))
    monkeypatch.chdir(tmp_path)
    clear_model_cache()
    yield tmp_path / "results/papers/diffusec"
    clear_model_cache()
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
    write_curve(
        [PolicyEvaluation(step, snr_db, -0.5, 0.9, 0.1, 0.2, 0.0, 20, 5, 0.0) for step in (100, 6000) for snr_db in (-3.0, 9.0)], curve
    )
    only = [word for name in ("snr6", "evaluator/*", "curve", "paths/ddpg/*", "reports/ddpg/*") for word in ("--only", name)]
    first = linksim("--images", str(PER_LINK), *only)
    assert first.exit_code == 0, first.output
    assert "warning" not in first.stderr, first.stderr
    kinds = {experiment.kind for experiment in DiffuSec(Setup(PER_LINK)).experiments()}
    measured = {experiment.kind for experiment in DiffuSec(Setup(PER_LINK)).experiments() if experiment.key in ResultStore(small)}
    assert measured == kinds
    assert {path.name for path in small.iterdir()} >= {"cells.csv", "tables.md", "claims.md", "claims.csv", "fig4.png"}
    again = linksim(*only)  # as many images as the cells of methods have
    assert (again.stdout, again.stderr) == (first.stdout, "")


@pytest.mark.usefixtures("small")
def test_a_world_knows_the_weights_of_all_that_it_rests_on_the_reward_table_of_a_policy_too() -> None:
    scenario = scenario_from_text("{name: x, scheme: diffusec, bob: {policy: lookup}}")
    parts = build(scenario, Worker()).parts
    assert parts == {name: weights_of(name) for name in ("diffusec-codec", "diffusec-denoiser", "classifier-cifar10", REWARD_TABLE)}


def test_the_paper_calls_the_denoiser_as_often_as_the_scheme_does() -> None:
    assert DiffusecOptions().calls == CALLS


class ReceivedSymbols:
    """Keeps all records."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def __call__(self, record: Record) -> None:
        self.records.append(record)


@pytest.mark.usefixtures("small")
def test_a_link_of_the_proposal_sends_a_frame_after_each_of_three_rounds_from_random_steps() -> None:
    """At -6 dB, where messages are received with difficulty."""
    wanted = cell(Setup(4 * PER_LINK), "x", "x", METHODS["proposal"], -6, attacked=False)
    received = ReceivedSymbols()
    run(scenario_from_text(dump_yaml(dict(wanted.words)), "x"), (received,))
    chosen, sent = ([r for r in received.records if isinstance(r, kind)] for kind in (StepDecision, FrameSent))
    starts = set()
    for link in range(4):
        rounds = [r for r in chosen if isinstance(r, StepDecision) and r.link == link]
        frames = [r for r in sent if isinstance(r, FrameSent) and r.link == link]
        assert [(r.t_d, r.t_plus) for r in rounds] == [(f.t_d, f.t_plus) for f in frames]
        assert len(frames) == 3
        assert [(r.t_d_before, r.t_plus_before) for r in rounds[1:]] == [(r.t_d, r.t_plus) for r in rounds[:-1]]
        starts.add((rounds[0].t_d_before, rounds[0].t_plus_before))
    assert len(starts) == 4


@pytest.mark.usefixtures("small")
def test_all_methods_send_the_same_images_in_the_same_order() -> None:
    seen: list[NDArray[np.uint8]] = []
    for method in ("proposal", "jpeg"):
        received = ReceivedSymbols()
        words = cell(Setup(2 * PER_LINK), "x", "x", METHODS[method], 6, attacked=True).words
        run(scenario_from_text(dump_yaml(dict(words) | {"trace": {"images": 40}}), "x"), (received,))
        pictures = {(p.node, p.link, p.frame, p.item): p.image for p in received.records if isinstance(p, KeptImage) and p.node != BOB}
        seen.append(np.stack([pictures[place] for place in sorted(pictures)]))
    assert len(seen[0]) == 2 * 40  # as they are, and attacked
    np.testing.assert_array_equal(seen[0], seen[1])


@pytest.mark.usefixtures("small")
def test_the_slope_through_the_link_is_of_its_draw_and_of_each_image_alone() -> None:
    codec, denoiser, evaluator = (
        load_model(name, PARTS[name][0]).network for name in ("diffusec-codec", "diffusec-denoiser", "classifier-cifar10")
    )
    assert isinstance(codec, Codec)
    assert isinstance(denoiser, UNet)
    assert isinstance(evaluator, Classifier)
    images, labels = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)), torch.tensor([1, 2, 3])

    def gradient(draw: int, first: int, count: int) -> torch.Tensor:
        chain = adaptive_attack.DifferentiableLink(Diffusec(codec, denoiser, CALLS), evaluator, (20, 5), 6.0, Streams(1), first)
        part = slice(first, first + count)
        found = cross_entropy_gradient(lambda x: chain(x, draw), labels[part])(images[part], 0)
        return found / found.abs().amax(dim=(1, 2, 3), keepdim=True)

    together = gradient(0, 0, 3)
    torch.testing.assert_close(gradient(0, 1, 1), together[1:2], rtol=1e-3, atol=1e-3)
    assert (gradient(1, 0, 3) - together).abs().amax(dim=(1, 2, 3)).min() > 0.01

"""Experiments of DiffuSeC measured with small untrained models and fabricated images: what is sent and scored, and the whole command."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from synthetic_attack_table import write_synthetic_attack_table
from synthetic_reward_table import synthetic_reward_table
from tiny_models import CLASSIFIER, UNET, VIT, bare_card, use_models, write_model

from linksim.adapt.learning_curve import PolicyEvaluation, write_curve
from linksim.adapt.reward_table_file import write_reward_table
from linksim.attacks.source import cross_entropy_gradient
from linksim.cli import main
from linksim.data.sources import ImageDataset
from linksim.enums import Node
from linksim.link import LinkNoise, OfflineLink
from linksim.nets.cards import write_card
from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.unet import UNet
from linksim.nets.weights import clear_model_cache, load_model, sha256_of
from linksim.papers.diffusec import (
    adaptive_attack,
    attack_study,
    classifiers,
    codec_accuracy,
    codecs,
    policies,
    purification,
    study,
    study_policies,
)
from linksim.papers.diffusec.experiments import ACTOR, MAX_CALLS, METHODS, PER_LINK, REWARD_TABLE, Setup, experiment
from linksim.papers.diffusec.paper import DiffuSec
from linksim.records import FrameSent, ImageScore, KeptImage, ParameterDecision, Record
from linksim.reproduction.results import ResultStore
from linksim.reproduction.simulated import ScoreCollector, Simulated, weights_of
from linksim.rng import Streams
from linksim.scenario.load import scenario_from_text
from linksim.scenario.schemes import DiffusecOptions
from linksim.scenario.strict_yaml import dump_yaml
from linksim.schemes.diffusec import Diffusec
from linksim.schemes.parameters import uniform_parameters
from linksim.simulate.assembly import build
from linksim.simulate.item_cache import ItemCache
from linksim.simulate.run import run
from linksim.training.ddpg import DdpgTask
from linksim.training.tasks import TASKS
from linksim.worker import Worker


def test_outcomes_of_an_image_follow_from_its_classes() -> None:
    """Label 1, class 1 when clean and 2 when attacked: the reconstruction is correct, as the attacker wants, or of a third class."""
    collector = ScoreCollector(Node.BOB, lambda _: None)
    for link, final in enumerate((1, 2, 3)):
        scores = {"mse": 0.01, "psnr_db": 20.0, "ssim": 0.5 + link / 10, "erased": 0}
        classes = {"dataset_index": link, "label": 1, "class_received": final, "class_clean": 1, "class_attacked": 2}
        collector(ImageScore(time_ns=0, link=link, frame=0, image=0, receiver=Node.BOB, **classes, **scores))  # type: ignore[arg-type]
    found = collector.samples(("correct", "adv", "err", "clean_correct", "attacked_correct", "ssim"))
    assert [found[name].tolist() for name in ("correct", "adv", "err")] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert (found["clean_correct"].tolist(), found["attacked_correct"].tolist()) == ([1, 1, 1], [0, 0, 0])
    assert found["ssim"] == pytest.approx([0.5, 0.6, 0.7])


def test_a_cached_function_is_called_once_per_item_and_drops_the_oldest() -> None:
    called: list[float] = []

    def twice(x: torch.Tensor) -> torch.Tensor:
        assert len(x) == 1
        called.append(float(x[0, 0]))
        return 2 * x

    double = ItemCache(twice, max_bytes=2 * 4 * 10)
    batch = torch.tensor([1.0, 2.0, 1.0, 3.0, 1.0])[:, None].expand(5, 10)
    assert torch.equal(double(batch), 2 * batch)
    assert called == [1.0, 2.0, 3.0, 1.0]


def test_the_memory_layout_of_an_item_does_not_affect_its_result() -> None:
    """A convolution may round differently for another layout, and a run must not depend on earlier runs."""
    strides: list[tuple[int, ...]] = []

    def twice(x: torch.Tensor) -> torch.Tensor:
        strides.append(x.stride())
        return 2 * x

    double, images = ItemCache(twice), torch.rand(2, 3, 4, 4)
    for x in (images, images.to(memory_format=torch.channels_last)):
        assert torch.equal(double(x), 2 * images)
    assert strides == [images.stride()] * 2


def test_the_digest_depends_on_what_determines_the_values() -> None:
    options = {"name": "x", "seed": 1, "frames": 1, "alice": {"images_per_frame": 1}}
    base = Simulated(key="a", kind="b", options=options, receiver=Node.BOB, models=())
    for change in ({"key": "c"}, {"kind": "c"}, {"options": options | {"name": "y", "trace": {"images": 3}}}, {"images": {Node.BOB: "a"}}):
        assert replace(base, **change).digest() == base.digest()
    for change in ({"options": options | {"seed": 2}}, {"receiver": Node.EVE}, {"models": ("x",)}, {"metrics": ("correct",)}):
        assert replace(base, **change).digest() != base.digest()


# The whole paper with small untrained models and fabricated images

MODELS: dict[str, tuple[str, dict[str, object]]] = {
    "diffusec-codec": ("codec", VIT),
    codecs.BLIND_CODEC: ("codec", VIT | {"snr_input": False}),
    **dict.fromkeys(purification.DENOISERS, ("denoiser", UNET)),
    **dict.fromkeys((*classifiers.CLASSIFIERS, "classifier-cifar10-at"), ("classifier", CLASSIFIER)),
    "masked-vqvae": ("vqvae", {"stem": 4, "width": 8, "inner": 4, "blocks": 1}),
    "masked-vqvae-coded": ("vqvae", {"codes": 1, "channel_uses": 1280, "stem": 4, "width": 8, "inner": 4, "blocks": 1}),
    ACTOR: ("policy", {"reach": 25}),
    study.ACTOR: ("policy", {"reach": 25}),
}


@pytest.fixture(scope="session")
def diffusec_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diffusec-models")
    for seed, (name, (kind, config)) in enumerate(MODELS.items()):
        write_model(folder, name, kind, config, seed)
    for name in (REWARD_TABLE, study.CHOSEN_ON, study.EVALUATED_ON):
        write_reward_table(synthetic_reward_table(), folder / f"{name}.h5")
        card = bare_card(name, "reward-table", sha256_of(folder / f"{name}.h5"))
        write_card(replace(card, training=card.training | {"split": "train"}), folder / f"{name}.yaml")
    return folder


@pytest.fixture
def small(diffusec_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the paper's results, with small models and 30 images."""
    draw = np.random.default_rng(5)
    images = ImageDataset(draw.integers(0, 256, (30, 32, 32, 3), np.uint8), draw.integers(0, 10, 30), tuple("abcdefghij"))
    for module in (
        "simulate.assembly",
        "papers.diffusec.classifier_accuracy",
        "papers.diffusec.adaptive_attack",
        "papers.diffusec.codecs",
        "papers.diffusec.purification",
    ):
        monkeypatch.setattr(f"linksim.{module}.load", lambda dataset, split: images)
    monkeypatch.setattr("linksim.simulate.execution.gc_frozen", nullcontext)  # a small simulation is built faster than garbage is collected
    for name, value in {"IMAGES": 4, "BATCH": 2, "EFFORT": {"expected": (1, 1), "strong": (2, 1)}, "KNOWN_STEPS": 1}.items():
        monkeypatch.setattr(f"linksim.papers.diffusec.adaptive_attack.{name}", value)
    for name, number in {"IMAGES": 4, "BATCH": 2}.items():
        monkeypatch.setattr(purification, name, number)
        monkeypatch.setattr(codecs, name, number)
    for module_of_images in (classifiers, codec_accuracy):
        monkeypatch.setattr(module_of_images, "IMAGES", 4)
    for name, value in {"CHANNELS": 2, "ROUNDS": 3}.items():
        monkeypatch.setattr(f"linksim.papers.diffusec.policies.{name}", value)
        monkeypatch.setattr(study, name, value)
        monkeypatch.setattr(attack_study, name, value)
    for name in (attack_study.CHOSEN_ON, attack_study.EVALUATED_ON):
        write_synthetic_attack_table(diffusec_models, name)
    task = TASKS[study.ACTOR]
    assert isinstance(task, DdpgTask)
    monkeypatch.setattr(study_policies, "OUTSIDE_STEPS", 20)
    monkeypatch.setitem(study_policies.OUTSIDE_SETTINGS, "learning_starts", 10)
    monkeypatch.setitem(TASKS, study.ACTOR, replace(task, steps=100, random_steps=90, minibatch=8))
    of_images, of_policies = (purification.tested_images, codecs.encoded), (study_policies.policy_named, study_policies.trained)
    caches = (*of_images, policies.all_outcomes, study.outcomes_of, *of_policies, attack_study.policy_named)
    for cached in caches:
        cached.cache_clear()
    use_models(monkeypatch, diffusec_models)
    monkeypatch.chdir(tmp_path)
    clear_model_cache()
    yield tmp_path / "results/papers/diffusec"
    clear_model_cache()
    for cached in caches:
        cached.cache_clear()


def linksim(*words: str) -> Result:
    return CliRunner().invoke(main, ["papers", "diffusec", *words], catch_exceptions=False)


def test_all_tables_and_claims_are_printed_without_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = linksim("--no-measure")
    assert result.exit_code == 0
    assert "18 claims, 0 measured" in result.stdout
    assert all(title in result.stdout for title in ("Table II.", "Fig. 5a.", "Fig. 5b.", "Regret against the oracle"))


def test_an_experiment_of_every_kind_is_measured_once_printed_and_written(small: Path) -> None:
    curve = Path("results/training") / f"{ACTOR}.csv"
    curve.parent.mkdir(parents=True)
    write_curve(
        [PolicyEvaluation(step, snr_db, -0.5, 0.9, 0.1, 0.2, 0.0, 20, 5, 0.0) for step in (100, 6000) for snr_db in (-3.0, 9.0)], curve
    )
    only = [
        word
        for name in (
            "snr6",
            "t40",
            "t50",
            "classifier/*",
            "curve",
            "channels/ddpg/*",
            "reports/ddpg/*",
            f"{study.STUDY}/ddpg-2/curve",
            f"{attack_study.STUDY}/attack-lookup/slow/*",
        )
        for word in ("--only", name)
    ]
    first = linksim("--images", str(PER_LINK), *only)
    assert first.exit_code == 0, first.output
    assert "warning" not in first.stderr, first.stderr
    kinds = {experiment.kind for experiment in DiffuSec(Setup(PER_LINK)).experiments()}
    measured = {experiment.kind for experiment in DiffuSec(Setup(PER_LINK)).experiments() if experiment.key in ResultStore(small)}
    assert measured == kinds
    assert {path.name for path in small.iterdir()} >= {"results.sqlite", "results.csv", "tables.md", "claims.md", "claims.csv", "fig4.png"}
    again = linksim(*only)  # with as many images as the results of the methods have
    assert (again.stdout, again.stderr) == (first.stdout, "")


@pytest.mark.usefixtures("small")
def test_a_simulation_lists_the_weights_of_all_its_models_including_a_policys_reward_table() -> None:
    scenario = scenario_from_text("{name: x, scheme: diffusec, bob: {policy: lookup}}")
    models = build(scenario, Worker()).models
    assert models == {name: weights_of(name) for name in ("diffusec-codec", "diffusec-denoiser", "classifier-cifar10", REWARD_TABLE)}


def test_the_paper_calls_the_denoiser_as_often_as_the_scheme_does() -> None:
    assert DiffusecOptions().num_denoiser_calls == MAX_CALLS


class RecordCollector:
    """Collects all records."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def __call__(self, record: Record) -> None:
        self.records.append(record)


@pytest.mark.usefixtures("small")
def test_a_link_of_the_proposal_sends_one_frame_after_each_of_three_rounds_from_random_steps() -> None:
    """Also at -6 dB, where control messages are received with difficulty."""
    wanted = experiment(Setup(4 * PER_LINK), "x", "x", METHODS["proposal"], -6, attacked=False)
    collector = RecordCollector()
    run(scenario_from_text(dump_yaml(dict(wanted.options)), "x"), (collector,))
    chosen, sent = ([r for r in collector.records if isinstance(r, kind)] for kind in (ParameterDecision, FrameSent))
    starts = set()
    for link in range(4):
        rounds = [r for r in chosen if isinstance(r, ParameterDecision) and r.link == link]
        frames = [r for r in sent if isinstance(r, FrameSent) and r.link == link]
        assert [r.parameters for r in rounds] == [f.parameters for f in frames]
        assert len(frames) == 3
        assert [r.before for r in rounds[1:]] == [r.parameters for r in rounds[:-1]]
        starts.add(tuple(rounds[0].before.values()))
    assert len(starts) == 4


@pytest.mark.usefixtures("small")
def test_all_methods_send_the_same_images_in_the_same_order() -> None:
    sent: list[NDArray[np.uint8]] = []
    for method in ("proposal", "jpeg"):
        collector = RecordCollector()
        options = experiment(Setup(2 * PER_LINK), "x", "x", METHODS[method], 6, attacked=True).options
        run(scenario_from_text(dump_yaml(dict(options) | {"trace": {"images": 40}}), "x"), (collector,))
        images = {
            (p.node, p.link, p.frame, p.image): p.pixels for p in collector.records if isinstance(p, KeptImage) and p.node != Node.BOB
        }
        sent.append(np.stack([images[place] for place in sorted(images)]))
    assert len(sent[0]) == 2 * 40  # original and attacked
    np.testing.assert_array_equal(sent[0], sent[1])


@pytest.mark.usefixtures("small")
def test_the_gradient_through_the_link_depends_on_the_draw_and_on_each_image_alone() -> None:
    codec, denoiser, classifier = (
        load_model(name, MODELS[name][0]).network for name in ("diffusec-codec", "diffusec-denoiser", "classifier-cifar10")
    )
    assert isinstance(codec, Codec)
    assert isinstance(denoiser, UNet)
    assert isinstance(classifier, Classifier)
    images, labels = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)), torch.tensor([1, 2, 3])

    def gradient(draw: int, first: int, count: int) -> torch.Tensor:
        link = OfflineLink(Diffusec(codec, denoiser, MAX_CALLS))
        classify = adaptive_attack.classifier_behind(link, classifier, (20, 5), 6.0, Streams(1), first)
        some = slice(first, first + count)
        found = cross_entropy_gradient(lambda x: classify(x, draw), labels[some])(images[some], 0)
        return found / found.abs().amax(dim=(1, 2, 3), keepdim=True)

    together = gradient(0, 0, 3)
    torch.testing.assert_close(gradient(0, 1, 1), together[1:2], rtol=1e-3, atol=1e-3)
    assert (gradient(1, 0, 3) - together).abs().amax(dim=(1, 2, 3)).min() > 0.01


def test_purification_of_no_step_is_the_image_and_of_many_is_not(small: Path) -> None:
    """At step 1 nothing is lost; the untrained denoiser loses more, the further it starts. Accuracy does not depend on other images."""
    found = [purification.Purification("denoiser-cifar10", step, 1).measure(lambda _: None).samples for step in (1, 40, 120)]
    psnr_db = [samples["psnr_db"] for samples in found]
    assert all(len(values) == 4 for values in psnr_db)
    assert psnr_db[0].min() > 35
    assert (psnr_db[0] > psnr_db[1]).all()
    assert (psnr_db[1] > psnr_db[2]).all()
    images, _, attacked = purification.tested_images(4, 1, "classifier-cifar10", "")
    assert 0 < (attacked - images).abs().max() <= 8 / 255 + 1e-6


@pytest.mark.usefixtures("small")
def test_the_variants_of_the_codec_differ_in_the_snr_that_they_are_given_and_share_the_noise() -> None:
    def found(variant: str, snr_db: int) -> dict[str, NDArray[np.float64]]:
        return dict(codecs.CodecQuality(variant, snr_db, 1).measure(lambda _: None).samples)

    aware, fixed, blind = (found(variant, 0) for variant in codecs.VARIANTS)
    assert {name: values.shape for name, values in aware.items()} == dict.fromkeys(("psnr_db", "lag1", "noise_share"), (4,))
    assert not np.array_equal(aware["psnr_db"], fixed["psnr_db"])
    assert not np.array_equal(aware["psnr_db"], blind["psnr_db"])
    at_12_db = [found(variant, 12) for variant in ("aware", "fixed")]
    assert all(np.array_equal(at_12_db[0][name], at_12_db[1][name]) for name in at_12_db[0])
    assert (found("aware", -3)["noise_share"] > at_12_db[0]["noise_share"]).all()


def test_the_errors_of_white_noise_are_uncorrelated_and_those_of_smoothed_noise_are_not() -> None:
    white = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    smoothed = torch.nn.functional.avg_pool2d(white, 2, stride=1)
    assert codecs.lag_one_correlation(white + 5).tolist() == pytest.approx([0, 0], abs=0.03)
    assert codecs.lag_one_correlation(smoothed).tolist() == pytest.approx([0.5, 0.5], abs=0.05)


@pytest.mark.usefixtures("small")
def test_images_are_classified_as_they_are_purified_or_received_with_the_same_noise_every_time() -> None:
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    found = {name: classifiers.received(name, images, 0, 1) for name in classifiers.CONDITIONS}
    assert torch.equal(found["unpurified"], images)
    for name, after in found.items():
        assert after.shape == images.shape
        assert 0 <= after.min() <= after.max() <= 1
        assert torch.equal(classifiers.received(name, images, 0, 1), after)
    assert len({round(after.mean().item(), 6) for after in found.values()}) == len(found)
    assert not torch.equal(classifiers.received("t50", images, 2, 1), found["t50"])


@pytest.mark.usefixtures("small")
def test_the_codec_of_a_variant_is_the_one_behind_the_denoiser() -> None:
    measured = [codec_accuracy.LinkAccuracy(variant, -3, 1) for variant in codec_accuracy.COMPARED]
    assert len({each.digest() for each in measured}) == len(measured)
    for each in measured:
        for values in each.measure(lambda _: None).samples.values():
            assert len(values) == 4
            assert set(values) <= {0.0, 1.0}
    images = torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    noise, parameters = LinkNoise.keyed((Streams(1).key(name) for name in "abc"), 0, 2), uniform_parameters(3.0, 2, (20, 20))
    links = (classifiers.study_link(codecs.VARIANTS[name].model) for name in codec_accuracy.COMPARED)
    assert not torch.equal(*(link(images, parameters, 3.0, noise).shown() for link in links))


@pytest.mark.usefixtures("small")
def test_each_classifier_is_attacked_itself() -> None:
    attacked = []
    for name in classifiers.CLASSIFIERS:
        images, labels, found = purification.tested_images(4, 1, name, weights_of(name))
        network = load_model(name, "classifier").network
        before, after = (torch.nn.functional.cross_entropy(network(some), labels) for some in (images, found))
        assert after > before
        attacked.append(found)
    assert not torch.equal(*attacked)

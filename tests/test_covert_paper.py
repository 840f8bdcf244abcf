"""The whole paper on covert communication, measured with small untrained models, fabricated faces and cheap substitutes of two metrics."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from tiny_models import use_models, write_model

from linksim.cli import main
from linksim.data.sources import ImageDataset
from linksim.metrics import mse
from linksim.nets.cards import read_card, write_card
from linksim.nets.weights import clear_model_cache
from linksim.papers.covert import detection, reveal, reveal_network
from linksim.papers.covert.attacks import ATTACKS, GENERATOR, PAPERS_ATTACKS, TABLE_ONE
from linksim.papers.covert.claim_checks import RULES, paired, share
from linksim.papers.covert.experiments import (
    ATTACKED,
    CHANNELS,
    COVERT_DB,
    FPESR_DB,
    HIDERS,
    LIKENESS,
    NO_ATTACK,
    SEARCHED_DB,
    SNRS_DB,
    UNDEFENDED,
    LinkExperiment,
    Setup,
    bob,
    bob_places,
    eve,
    experiment,
    key,
    paper_experiments,
)
from linksim.papers.covert.paper import CovertCommunication
from linksim.papers.covert.unrelated import UnrelatedFaces, sent_pairs
from linksim.reproduction.claims import read_claims
from linksim.reproduction.results import DifferentDrawsError, ExperimentResult, ResultStore, Samples
from linksim.training.covert_detection_tasks import revealer

SMALL = {"channels": 8, "stem": 4, "width": 8, "inner": 4}
CONFIGS: dict[str, dict[str, Any]] = {
    "codec": {"side": 128, "blocks": 1, "encoder_knows_snr": False, **SMALL},
    "hider": {"layout": "linear", "channels": 8, "side": 128},
    "inverter": {"layout": "residual", "side": 128, **SMALL},
    "generator": {"layout": "eigenfaces", "side": 128, "coarse": 8, "latents": 4},
}
CLAIMS = {claim.id: claim for claim in read_claims()["covert"].claims}
FIGURES = {"fig4.png", "fig5.png", "fig7.png", "fig8.png", "detection.png", "reveal.png", "generator.png"}


def kind_of(model: str) -> str:
    """Kind of a model of the paper."""
    if model.startswith("face-"):
        return "generator"
    return "inverter" if "inverse" in model or "regression" in model else "codec" if "codec" in model else "hider"


@pytest.fixture(scope="session")
def covert_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All models that the experiments use, small and untrained."""
    folder = tmp_path_factory.mktemp("covert-models")
    for name in {name for found in paper_experiments(Setup()) for name in found.models}:
        write_model(folder, name, kind_of(name), CONFIGS[kind_of(name)])
        if "generative" in name:
            card = read_card(folder / f"{name}.yaml")
            write_card(card.__class__(**vars(card) | {"training": {**card.training, "generator": GENERATOR}}), folder / f"{name}.yaml")
    return folder


class Recogniser:
    """Sees the same person where two images have the same mean, within 0.05."""

    def same_person(self, estimates: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        return (estimates - images).flatten(1).mean(dim=1).abs() < 0.05


@pytest.fixture
def covert(covert_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the paper's results, with small models, few faces, and an Eve who suspects after few steps."""
    draw = np.random.default_rng(5)
    faces, more = (ImageDataset(draw.integers(0, 256, (n, 128, 128, 3), np.uint8), np.zeros(n, np.int64), ("person",)) for n in (8, 30))
    for module in ("simulate.assembly", "simulate.eve_factory", "papers.covert.unrelated"):
        monkeypatch.setattr(f"linksim.{module}.load", lambda dataset, split: faces)
    for module in ("simulate.covert_attacks", "papers.covert.detection", "training.image_task"):
        monkeypatch.setattr(f"linksim.{module}.load", lambda dataset, split: more)
    small = {"FRAMES": (0, 4, 6), "DETECTOR_STEPS": {4: 2, 6: 3}, "CONFIG": {"width": 8}, "TILE": 4}
    for name, value in small.items():
        monkeypatch.setattr(detection, name, value)
    monkeypatch.setattr(reveal, "CHOSEN_PAIRS", (10, 12))
    monkeypatch.setattr(reveal_network, "revealer", lambda *args, **settings: replace(revealer(*args, **settings), steps=2, batch=2))
    monkeypatch.setattr("linksim.training.perceptual_inverter.load_lpips", lambda device: mse)
    for module in ("simulate.metric_factory", "papers.covert.unrelated"):
        monkeypatch.setattr(f"linksim.{module}.load_lpips", lambda device: mse)
        monkeypatch.setattr(f"linksim.{module}.load_face_recogniser", lambda name, device: Recogniser())
    monkeypatch.setattr("linksim.simulate.execution.gc_frozen", nullcontext)  # a small simulation is built faster than garbage is collected
    for attack in ATTACKS.values():
        if attack.searches:
            monkeypatch.setitem(attack.options, "iterations", 2)
    use_models(monkeypatch, covert_models)
    monkeypatch.chdir(tmp_path)
    clear_model_cache()
    yield tmp_path / "results/papers/covert"
    clear_model_cache()


def linksim(*words: str) -> Result:
    return CliRunner().invoke(main, ["papers", *words], catch_exceptions=False)


def test_the_whole_paper_is_measured_once_printed_and_written(covert: Path) -> None:
    first = linksim("covert", "--images", "4")
    assert first.exit_code == 0, first.output
    assert "warning" not in first.stderr, first.stderr
    assert {path.name for path in covert.iterdir()} == {"results.sqlite", "results.csv", "tables.md", "claims.md", "claims.csv", *FIGURES}
    assert "not measured yet" not in first.stdout
    assert "samples, at least 16 are needed" in first.stdout
    assert all(claim in first.stdout for claim in CLAIMS)
    kept = {path.name: path.read_bytes() for path in covert.iterdir()}
    again = linksim("covert")  # with as many images as the kept results have
    assert (again.stdout, again.stderr) == (first.stdout, "")
    assert {path.name: path.read_bytes() for path in covert.iterdir()} == kept


def test_what_needs_a_missing_model_is_left_out_with_a_note(
    covert: Path, covert_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    for path in covert_models.iterdir():
        if not path.name.startswith(HIDERS["paper-all"].model + "."):
            (fewer / path.name).symlink_to(path)
    use_models(monkeypatch, fewer)
    result = linksim("covert", "--images", "4", "--only", "*/awgn/snr20/bob", "--only", "*/awgn/snr20/decoder")
    assert result.exit_code == 0
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("warning")]
    assert f"no trained model '{HIDERS['paper-all'].model}'" in line
    assert line.endswith("1 experiments not measured, the first is paper-all/awgn/snr20/decoder")
    assert {found.key for found in ResultStore(covert).results()} == {
        "undefended/awgn/snr20/bob", "undefended-fading/awgn/snr20/bob", "paper-3/awgn/snr20/bob",
        *(f"{link}/awgn/snr20/decoder" for link in ATTACKED if link != "paper-all"),
    }  # fmt: skip


def test_links_send_the_same_pairs_and_views_separate_host_from_private(covert: Path) -> None:
    """Without a channel, a host is as Bob receives it, and the unrelated face is the host of the same pair."""
    plain = experiment(Setup(8), UNDEFENDED, "awgn", COVERT_DB, NO_ATTACK).measure(lambda _: None).samples
    assert set(plain) == {f"{view}{metric}" for view in ("", "bob-host:", "bob-private:") for metric in LIKENESS}
    assert {name: len(values) for name, values in plain.items() if "psnr" in name} == {
        "psnr_db": 4, "bob-host:psnr_db": 2, "bob-private:psnr_db": 2
    }  # fmt: skip
    hidden = experiment(Setup(4), "swap", "awgn", COVERT_DB, "decoder").measure(lambda _: None).samples
    assert {name: len(values) for name, values in hidden.items() if "psnr" in name} == {
        f"{who}-{which}:psnr_db": 4 for who in ("bob", "eve") for which in ("host", "private")
    }
    pairs = sent_pairs(4, 1)
    assert pairs.shape == (4, 2, 3, 128, 128)
    unrelated = UnrelatedFaces(Setup(4)).measure(lambda _: None).samples
    np.testing.assert_allclose(unrelated["eve-private:psnr_db"], -10 * np.log10(mse(pairs[:, 0], pairs[:, 1]).numpy()), atol=1e-3)


def test_every_symbol_of_the_rayleigh_channel_has_a_gain_of_its_own(covert: Path) -> None:
    options = dict(experiment(Setup(4), UNDEFENDED, "rayleigh", 5, NO_ATTACK).options)
    fading = options["channel"]["bob"]["fading"]
    assert fading["coherence_ms"] * 1e-3 == pytest.approx(1e-6)  # one symbol at the default rate of 1 MHz
    assert options["channel"]["bob"] == options["channel"]["eve"]


def test_every_experiment_of_a_table_a_rule_or_a_figure_is_measured() -> None:
    paper = CovertCommunication(Setup())
    known = {found.key for found in paper.experiments()}
    assert len(known) == len(paper.experiments())
    assert {name for rule in RULES.values() for name in (*rule.keys, *rule.support)} <= known
    assert {bob(link, *place) for link in (UNDEFENDED, *HIDERS) for place in bob_places(link)} <= known
    shown = {entry.key for table in paper.tables() for entry in table.entries}
    assert known <= shown
    searches = [found for found in paper.experiments() if isinstance(found, LinkExperiment) and found.key.endswith("glass")]
    assert max(found.size for found in searches) < Setup().images
    assert all(found.digest() != other.digest() for found in searches for other in searches if found is not other)


def test_an_odd_number_of_images_is_refused(covert: Path) -> None:
    result = linksim("covert", "--images", "5")
    assert result.exit_code == 1
    assert "got 5 images, allowed: an even number" in result.stderr


# Verdicts on fabricated results


def quality(psnr_db: float, n: int, seed: int) -> dict[str, Samples]:
    """Likeness of n images, and FPESR 1; images differ by far more than the noise of one measurement."""
    image, noise = np.random.default_rng(0).normal(0, 3, n), np.random.default_rng(seed).normal(0, 0.05, n)
    level = psnr_db + noise
    return {"psnr_db": level + image, "ms_ssim": level / 50, "lpips": 1 - level / 50, "same_person": np.ones(n)}


def viewed(view: str, values: dict[str, Samples]) -> dict[str, Samples]:
    return {f"{view}{name}": samples for name, samples in values.items()}


def fabricated() -> dict[str, dict[str, Samples]]:
    """Results that meet every order of the paper and its bounds, with 100 samples each."""
    n, cells = 100, dict[str, dict[str, Samples]]()
    levels = {"glass": 10.0, "closed": 20.0, "genai-glass": 25.0, "genai-closed": 26.0}
    for seed, (channel, snr_db) in enumerate((channel, snr_db) for channel in CHANNELS for snr_db in SNRS_DB):
        private = 33.0 if channel == "rayleigh" else 29.0
        for link, host, hidden in ((UNDEFENDED, 30.0, 30.0), ("paper", 29.5, private)):
            found = viewed("bob-host:", quality(host, n, seed)) | viewed("bob-private:", quality(hidden, n, 99 + seed))
            cells[bob(link, channel, snr_db)] = found
        for place, attack in enumerate(PAPERS_ATTACKS):
            if snr_db in SEARCHED_DB:
                cells[key(UNDEFENDED, channel, snr_db, attack)] = quality(levels[attack] + snr_db / 10, n, 200 + seed + 20 * place)
    for seed, attack in enumerate(TABLE_ONE):
        name = key("paper", "awgn", COVERT_DB, attack)
        seen = viewed("eve-host:", quality(25.0, n, seed)) | viewed("eve-private:", quality(9.0, n, seed) | {"same_person": np.zeros(n)})
        cells[name] = cells.get(name, {}) | seen
    cells[UnrelatedFaces.key] = viewed("eve-private:", quality(9.0, n, 1) | {"same_person": np.zeros(n)})
    return cells


def store(folder: Path, cells: dict[str, dict[str, Samples]]) -> ResultStore:
    return ResultStore(folder, [ExperimentResult(key=name, digest="d", seed=1, samples=x) for name, x in cells.items()])


def verdicts(folder: Path, cells: dict[str, dict[str, Samples]]) -> dict[str, tuple[str, str]]:
    found = CovertCommunication(Setup()).verdicts(store(folder, cells))
    return {verdict.claim.id: (verdict.finding.word, verdict.finding.reason) for verdict in found}


def test_results_like_the_papers_meet_every_order_and_bound(tmp_path: Path) -> None:
    found = verdicts(tmp_path, fabricated())
    other = {name for name, claim in CLAIMS.items() if claim.data == "other"}
    assert {name for name, (word, _) in found.items() if word == "not comparable"} == other
    assert {found[name][0] for name in CLAIMS.keys() - other} <= {"reproduced", "beaten"}


def test_an_attack_out_of_order_breaks_the_order(tmp_path: Path) -> None:
    cells = fabricated()
    cells[key(UNDEFENDED, "awgn", 5, "glass")] = quality(27.0, 100, 7)
    word, reason = verdicts(tmp_path, cells)["covert-order"]
    assert (word, "PSNR, AWGN 5 dB: closed > glass" in reason) == ("not reproduced", True)


def test_no_recognised_person_among_few_proves_no_rate_of_zero(tmp_path: Path) -> None:
    cells, person = fabricated(), "eve-private:same_person"
    name = key("paper", "awgn", COVERT_DB, "glass")
    few = {metric: samples[:16] for metric, samples in cells[name].items()}
    word, reason = verdicts(tmp_path, cells | {name: few})["covert-fpesr-zero"]
    assert (word, "the highest upper bound is 0.194, of 16 images" in reason) == ("undecided", True)
    recognised = {name: cells[name] | {person: np.ones(100)}}
    assert verdicts(tmp_path, cells | recognised)["covert-fpesr-zero"][0] == "not reproduced"
    host = {UnrelatedFaces.key: cells[UnrelatedFaces.key] | {person: np.ones(100)}}  # the recogniser takes all persons for one
    assert verdicts(tmp_path, cells | recognised | host)["covert-fpesr-zero"][0] == "reproduced"


def test_a_loss_above_the_bound_at_one_snr_breaks_the_claim(tmp_path: Path) -> None:
    cells = fabricated()
    cells[bob("paper", "awgn", 20)] |= viewed("bob-host:", quality(27.0, 100, 3))
    assert verdicts(tmp_path, cells)["covert-host-loss"][0] == "not reproduced"


def test_a_private_image_that_is_worse_than_plain_on_rayleigh_breaks_the_order(tmp_path: Path) -> None:
    cells = fabricated()
    cells[bob("paper", "rayleigh", 15)] |= viewed("bob-private:", quality(29.0, 100, 3))
    word, reason = verdicts(tmp_path, cells)["covert-private-lpips"]
    assert (word, "1 contradicted: Rayleigh 15 dB: below plain" in reason) == ("not reproduced", True)


def test_samples_are_paired_by_image_and_never_across_draws(tmp_path: Path) -> None:
    results = [
        ExperimentResult(key=name, digest="d", seed=1, draws=draws, samples={"psnr_db": np.arange(float(n))})
        for name, n, draws in (("many", 9, 3), ("few", 4, 3), ("other", 9, 2))
    ]
    kept = ResultStore(tmp_path, results)
    many, few = paired(kept, [("many", "psnr_db"), ("few", "psnr_db")])
    np.testing.assert_array_equal(many, few)
    with pytest.raises(DifferentDrawsError):
        paired(kept, [("many", "psnr_db"), ("other", "psnr_db")])
    assert share(np.zeros(16)).high == pytest.approx(0.194, abs=1e-3)


def test_only_what_needs_the_fpesr_asks_for_the_recogniser() -> None:
    persons = {found.key for found in paper_experiments(Setup()) if "same-person" in found.options["metrics"]}
    assert persons == {eve(channel, FPESR_DB, attack) for channel in CHANNELS for attack in ATTACKS} | {
        key(hider, "awgn", COVERT_DB, attack) for attack in ATTACKS for hider in (ATTACKED if attack == "decoder" else ("paper",))
    }
    assert {found.options["channel"]["eve"]["snr"]["mean_db"] for found in paper_experiments(Setup())} == set(SNRS_DB)

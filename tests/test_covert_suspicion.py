"""The Eve who suspects a hidden image, as experiments of the paper on covert communication, with small untrained models."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny_models import use_models, write_model

from linksim.data.sources import ImageDataset
from linksim.errors import LinksimError
from linksim.nets.codecs import Codec
from linksim.nets.weights import clear_model_cache, load_model
from linksim.papers.covert import detection, reveal, suspicion_figures
from linksim.papers.covert.claim_checks import CHANCE
from linksim.papers.covert.detection import DetectionExperiment, Statistic, area, area_terms, detection_experiments, trained_detector
from linksim.papers.covert.experiments import HIDERS, LIKENESS, PERSON, SUSPECTED_DB, Setup, bob, bob_places, experiment
from linksim.papers.covert.paper import CovertCommunication
from linksim.reproduction import tables
from linksim.reproduction.results import ExperimentResult, ResultStore, Samples
from linksim.rng import Streams
from linksim.statistics import auc, mean_interval
from linksim.training.detector import DetectorTask

SMALL = {"channels": 8, "stem": 4, "width": 8, "inner": 4}
PIXELS: NDArray[np.uint8] = np.random.default_rng(7).integers(0, 256, (30, 128, 128, 3), np.uint8)
FACES = ImageDataset(PIXELS, np.zeros(30, np.int64), ("person",))


@pytest.fixture
def suspicious(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small models, 30 fabricated faces for training and for tests, and detectors that are trained for few steps."""
    write_model(tmp_path, "covert-codec", "codec", {"side": 128, "blocks": 1, "encoder_knows_snr": False, **SMALL})
    for name in ("covert-swap", "covert-hider-paper"):
        write_model(tmp_path, name, "hider", {"layout": "linear", "channels": 8, "side": 128, "tile": 4})
    use_models(monkeypatch, tmp_path)
    for module in ("papers.covert.detection", "training.image_task"):
        monkeypatch.setattr(f"linksim.{module}.load", lambda dataset, split: FACES)
    for name, value in {"DETECTOR_STEPS": {20: 12}, "FRAMES": (0, 20), "CONFIG": {"width": 8}, "TILE": 4}.items():
        monkeypatch.setattr(detection, name, value)
    clear_model_cache()
    yield
    clear_model_cache()


def measured(link: str, frames: int, images: int = 4) -> dict[str, Samples]:
    return dict(DetectionExperiment(Setup(images), link, frames).measure(lambda _: None).samples)


@pytest.mark.usefixtures("suspicious")
def test_the_statistics_of_plain_signals_do_not_depend_on_the_hider() -> None:
    swap, natural = measured("swap", 0), measured("natural", 0)
    for snr_db in SUSPECTED_DB:
        assert {len(values) for values in swap.values()} == {10}
        np.testing.assert_array_equal(swap[f"snr{snr_db}:plain_signals"], natural[f"snr{snr_db}:plain_signals"])
        assert not np.array_equal(swap[f"snr{snr_db}:containers"], natural[f"snr{snr_db}:containers"])


@pytest.mark.usefixtures("suspicious")
@pytest.mark.parametrize("frames", [0, 20])
def test_a_measurement_can_be_repeated_and_has_the_area_and_the_share_of_its_statistics(frames: int) -> None:
    first, again = measured("swap-keyed", frames), measured("swap-keyed", frames)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    for snr_db in SUSPECTED_DB:
        plain, containers = first[f"snr{snr_db}:plain_signals"], first[f"snr{snr_db}:containers"]
        assert first[f"snr{snr_db}:auc"].mean() == pytest.approx(auc(plain, containers, Streams(0)("any"), 1).value)
        assert first[f"snr{snr_db}:found"].mean() == np.mean(containers > np.quantile(plain, 0.95))


@pytest.mark.usefixtures("suspicious")
@pytest.mark.parametrize("link", detection.LINKS)
def test_a_detector_is_trained_on_the_containers_of_its_link(link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks, hiding = list[DetectorTask](), HIDERS[link]

    def recorded(task: DetectorTask) -> Statistic:
        tasks.append(task)
        return trained_detector(task)

    monkeypatch.setattr(detection, "trained_detector", recorded)
    measured(link, 20)
    (task,) = tasks
    assert (task.hider, task.keyed, task.natural) == (hiding.model, hiding.keyed, hiding.energies == "natural")
    assert (task.num_frames, task.steps) == (20, 12)
    codec = load_model("covert-codec", "codec").network
    assert isinstance(codec, Codec)
    signals = detection.training_signals(codec)
    nearest = (task._frames[:, None] - signals).abs().square().mean(dim=2).amin(dim=1)
    assert bool((nearest[:10] == 0).all())
    assert bool((nearest[10:] > 0).all())


@pytest.mark.usefixtures("suspicious")
def test_the_training_images_are_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = list[str]()

    def recorded(dataset: str, split: str) -> ImageDataset:
        loaded.append(split)
        return FACES

    monkeypatch.setattr(detection, "load", recorded)
    for link in ("swap", "natural-keyed"):
        for frames in (0, 20):
            measured(link, frames)
    assert sorted(loaded) == ["test", "train"]


@pytest.mark.usefixtures("suspicious")
def test_too_few_test_images_are_refused() -> None:
    with pytest.raises(LinksimError, match="the detectors are tested on 45 images, the dataset has 30 test images"):
        measured("swap", 0, images=6)


@pytest.mark.usefixtures("suspicious")
def test_the_digest_covers_the_detector_the_layer_and_the_images() -> None:
    experiments = [found for images in (4, 6) for found in detection_experiments(Setup(images))]
    assert len({found.digest() for found in experiments}) == len(experiments)


def test_the_terms_of_an_area_have_the_interval_of_the_bootstrap() -> None:
    draw = np.random.default_rng(1)
    plain, containers = draw.normal(0, 1, 400), draw.normal(1, 1, 400)
    delong, bootstrap = mean_interval(area_terms(plain, containers)), auc(plain, containers, draw)
    assert delong.value == pytest.approx(bootstrap.value)
    assert (delong.low, delong.high) == pytest.approx((bootstrap.low, bootstrap.high), abs=0.003)
    assert area_terms(np.zeros(5), np.ones(5)).tolist() == [1.0] * 5


def test_new_links_have_their_options_and_the_others_none() -> None:
    schemes = {link: experiment(Setup(), link, "awgn", 5, "bob").options["scheme"][0] for link in HIDERS}
    assert {link for link, layer in schemes.items() if "keys" in layer} == {"swap-keyed", "natural-keyed"}
    assert {link: layer["energies"] for link, layer in schemes.items() if "energies" in layer} == {
        "natural": "natural", "natural-keyed": "natural", "time-sharing": "shared"
    }  # fmt: skip
    assert schemes["swap"] == {"name": "covert", "hider": "covert-swap"}
    assert bob_places("natural-keyed") == [("awgn", 5), ("awgn", 20)]
    assert len(bob_places("time-sharing")) == 10


def test_eve_receives_her_pairs_at_the_snr_of_the_link() -> None:
    found = {one.key: one for one in reveal.reveal_experiments(Setup())}
    assert len(found) == 2 * (3 * 3 + 2 * 2)
    for snr_db in SUSPECTED_DB:
        one = found[f"natural-keyed/awgn/snr{snr_db}/reveal-m1000"]
        assert one.options["eve"] == {"attack": "ridge-reveal", "num_chosen_pairs": 1_000, "assumed_snr_db": snr_db}
        assert one.options["channel"]["eve"]["snr"]["mean_db"] == snr_db
        assert one.options["scheme"][0] == HIDERS["natural-keyed"].layer
        assert one.options["frames"] == 50
    assert bob("natural", "awgn", 5) not in found


# Tables and figures of fabricated results


def fabricated() -> list[ExperimentResult]:
    """Results of all experiments, with statistics that differ by one standard deviation, and shares of recognised persons of a half."""
    draw, cells = np.random.default_rng(3), dict[str, dict[str, Samples]]()
    for found in detection_experiments(Setup()):
        cells[found.key] = {}
        for snr_db in SUSPECTED_DB:
            plain, containers = draw.normal(0, 1, 60), draw.normal(1, 1, 60)
            terms = {"auc": area_terms(plain, containers), "found": (containers > 1.6).astype(np.float64)}
            terms |= {"plain_signals": plain, "containers": containers}
            cells[found.key] |= {f"snr{snr_db}:{name}": values for name, values in terms.items()}
    for name in (CHANCE, *(found.key for found in reveal.reveal_experiments(Setup()))):
        scores: dict[str, Samples] = {metric: draw.normal(0.5, 0.1, 20) for metric in LIKENESS}
        scores[PERSON] = np.tile([0.0, 1.0], 10)
        cells[name] = {f"{reveal.VIEW}{metric}": values for metric, values in scores.items()}
    return [ExperimentResult(key=name, digest="d", seed=1, samples=samples) for name, samples in cells.items()]


def test_tables_show_areas_shares_and_scores_with_their_intervals(tmp_path: Path) -> None:
    kept = ResultStore(tmp_path, fabricated())
    pages = {table.name: tables.text(table, kept) for table in CovertCommunication(Setup()).tables()}
    found = area(kept["swap/awgn/detector-m1000"], 20)
    (line,) = [line for line in pages["detection-snr20"].splitlines() if line.startswith("1,000 labelled frames, intervals")]
    assert f"linear swap, not trained {found.value:.3f} ({found.low:.3f}..{found.high:.3f}) / " in line
    assert found.low > 0.6
    rows = {line[:34].strip(): line[34:].split() for line in pages["reveal-snr5"].splitlines()}
    assert rows["linear swap, keys"][0] == "-"
    assert "-" not in rows["linear swap, natural energies"]
    assert "FPESR, 4,000 pairs, Wilson's intervals: the paper's network 0.500 (" in pages["reveal-snr5"]


def test_figures_have_a_line_for_each_hider_that_is_measured(tmp_path: Path) -> None:
    kept = ResultStore(tmp_path, fabricated())
    names = [HIDERS[link].name for link in detection.LINKS]
    areas = suspicion_figures.area_lines(kept, 5)
    assert [line.label for line in areas] == [name for name in names for _ in range(2)]  # energy detector, trained detectors
    assert [len(line.x) for line in areas[:2]] == [1, 3]
    for metric in ("psnr_db", PERSON):
        lines = suspicion_figures.reveal_lines(kept, metric, *suspicion_figures.by_regression(20))
        assert [line.label for line in lines] == [suspicion_figures.UNRELATED, *names]
        assert [len(line.x) for line in lines] == [3, 3, 3, 2, 3, 2]
    drawn = suspicion_figures.all_figures(kept).drawn
    assert [path.name for path in drawn] == ["detection.png", "reveal.png"]
    assert all(path.stat().st_size > 10_000 for path in drawn)
    part = ResultStore(tmp_path, [result for result in kept.results() if result.key == "swap/awgn/energy-detector"])
    assert [path.name for path in suspicion_figures.all_figures(part).drawn] == ["detection.png"]
    assert not suspicion_figures.all_figures(ResultStore(tmp_path, [])).drawn


def test_a_statistic_of_a_trained_detector_is_its_logit_at_the_snr_of_the_receiver(
    suspicious: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = list[float]()

    class Network(torch.nn.Module):
        """Records the SNR that it is given."""

        def forward(self, symbols: torch.Tensor, snr_db: torch.Tensor) -> torch.Tensor:
            at.extend(snr_db.tolist())
            return symbols.abs().square().mean(dim=1)

    monkeypatch.setattr(detection, "trained_detector", lambda task: detection.logit_of(Network()))
    found = measured("swap", 20)["snr5:plain_signals"]
    assert at[:20] == pytest.approx([5.0] * 20, abs=1e-4)
    assert at[20:] == pytest.approx([20.0] * 20, abs=1e-4)
    assert found.mean() == pytest.approx(1 + 10**-0.5, rel=0.01)

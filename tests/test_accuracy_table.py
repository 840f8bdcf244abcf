"""The accuracy table of a DiffSem receiver: what it allows, its file, its measurement, and the policy that reads it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_digits import declare_digits
from tiny_models import bare_card, use_models, write_model

from linksim.adapt.accuracy_table import KIND, AccuracyTable, read_accuracy_table, write_accuracy_table
from linksim.adapt.observation import of_snr
from linksim.adapt.self_noise import SelfNoise
from linksim.errors import LinksimError, ModelError
from linksim.nets.cards import write_card
from linksim.nets.weights import clear_model_cache, load_model, sha256_of
from linksim.records import ParameterDecision, Record
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.simulate.run import require_runnable, run
from linksim.training.accuracy_table import AccuracyTableMeasurement
from linksim.training.grid_measurement import run_grid
from linksim.training.order import to_images

STEPS, SNRS_DB = np.array([0, 100, 300, 500]), np.array([-5.0, 0.0, 10.0])
FALLING = np.array([[0.8, 0.9, 0.99], [0.7, 0.85, 0.98], [0.3, 0.6, 0.9], [0.1, 0.1, 0.2]])


def table() -> AccuracyTable:
    return AccuracyTable(STEPS, SNRS_DB, FALLING)


def accuracy_at(step: float, snr_db: float) -> float:
    """Bilinear interpolation, written independently of the table."""
    return float(np.interp(step, STEPS, [np.interp(snr_db, SNRS_DB, row) for row in FALLING]))


@given(snr_db=st.floats(-20, 30), wanted=st.floats(0.05, 1.0))
def test_the_largest_step_is_the_largest_with_the_wanted_accuracy(snr_db: float, wanted: float) -> None:
    (step,) = table().largest_step(np.array([snr_db]), wanted)
    if step > 0:
        assert accuracy_at(step, snr_db) >= wanted - 1e-9
    if step < STEPS[-1]:
        assert accuracy_at(step + 1, snr_db) <= wanted + 1e-9


@given(wanted=st.floats(0.05, 1.0), shift=st.floats(0, 10))
def test_a_better_channel_or_a_smaller_wish_never_allows_less(wanted: float, shift: float) -> None:
    snr_db = np.linspace(-8, 12, 9)
    usual = table().largest_step(snr_db, wanted)
    assert (table().largest_step(snr_db + shift, wanted) >= usual).all()
    assert (table().largest_step(snr_db, 0.9 * wanted) >= usual).all()


def test_an_accuracy_that_rises_again_by_chance_allows_nothing() -> None:
    rising = AccuracyTable(np.array([0, 100, 200]), np.array([0.0, 10.0]), np.array([[0.9, 0.9], [0.6, 0.6], [0.95, 0.95]]))
    assert rising.largest_step(np.array([5.0]), 0.8).tolist() == [33]


def test_a_file_holds_the_table(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_accuracy_table(table(), path)
    found = read_accuracy_table(path)
    assert np.array_equal(found.t_prime, STEPS)
    assert np.array_equal(found.snr_db, SNRS_DB)
    assert np.array_equal(found.accuracy, FALLING)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", "not enough values"),
        (lambda text: text.replace("t_prime", "t"), "the first line must be t_prime,snr_db,accuracy"),
        (lambda text: text.replace("0.9800", "nan"), "within 0..1"),
        (lambda text: text.replace("0.9800", "1.9800"), "within 0..1"),
        (lambda text: text.replace("0.9800", "much"), "could not convert"),
        (lambda text: text.replace("100,10", "100,11"), "must be those of a grid"),
        (lambda text: "\n".join(text.splitlines()[:-1]), "must be those of a grid"),
        (lambda text: "\n".join(text.splitlines()[:2]), "two or more increasing numbers"),
        (lambda text: text + "500,10,0.2,7\n", "inhomogeneous"),
        (lambda text: text + "x" * (1 << 20), "larger than 1 MiB"),
        (lambda text: text.encode() + b"\xff", "utf-8"),
    ],
)
def test_a_damaged_file_is_one_message(tmp_path: Path, change: Callable[[str], str | bytes], message: str) -> None:
    path = tmp_path / "table.csv"
    write_accuracy_table(table(), path)
    changed = change(path.read_text())
    path.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
    with pytest.raises(ModelError, match=message) as refused:
        read_accuracy_table(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


@pytest.fixture
def tiny_receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A tiny MNIST, untrained networks of DiffSem, and `table()` as the model `table`."""
    declare_digits(tmp_path, monkeypatch)
    use_models(monkeypatch, tmp_path)
    clear_model_cache()
    write_model(tmp_path, "codec", "feature-codec", {}, dataset="mnist")
    write_model(tmp_path, "receiver", "feature-receiver", {}, seed=2)
    write_model(tmp_path, "denoiser", "feature-denoiser", {"layout": "mlp", "width": 16, "num_blocks": 1})
    write_accuracy_table(table(), tmp_path / "table.csv")
    write_card(bare_card("table", KIND, sha256_of(tmp_path / "table.csv")), tmp_path / "table.yaml")
    yield tmp_path
    clear_model_cache()


def test_a_measurement_counts_correct_labels(tiny_receiver: Path) -> None:
    """At a high SNR and without self-noise the accuracy is that of the receiver on the features themselves."""
    grid = AccuracyTableMeasurement("mnist", "codec", "receiver", None, t_prime=(0, 400), snr_db=(0.0, 100.0), images=60)
    values, _ = run_grid(grid, torch.device("cpu"), tiny_receiver / "cells", lambda progress: None)
    assert values.shape == (4, 1)
    codec, receiver = load_model("codec", "feature-codec").network, load_model("receiver", "feature-receiver").network
    dataset = grid.load_dataset()
    assert len(dataset.images) == 60
    features = codec.features(to_images(dataset.images))  # type: ignore[operator]  # a method of the codec
    correct = receiver(features, features, torch.zeros(60, dtype=torch.int64)).argmax(dim=1) == torch.tensor(dataset.labels)
    assert values[1, 0] == pytest.approx(correct.float().mean().item(), abs=0.02)


def options(**bob: object) -> LinkOptions:
    scheme = {"name": "diffsem", "codec": "codec", "receiver": "receiver", "denoiser": "denoiser", "t_prime": 50}
    return LinkOptions.model_validate(
        {"scheme": scheme, "bob": bob, "session": {"probe_interval_ms": 5}, "channel": {"bob": {"csi": "pilots"}}}
    )


def scenario(**bob: object) -> Scenario:
    return Scenario(name="policy", frames=8, dataset="mnist", classifier=None, groups={"only": options(**bob)})


def test_a_run_follows_the_table(tiny_receiver: Path) -> None:
    found: list[Record] = []
    run(scenario(policy={"name": "self-noise", "wanted_accuracy": 0.6, "accuracy_table": "table"}), [found.append])
    decisions = [record for record in found if isinstance(record, ParameterDecision)]
    assert decisions
    for decision in decisions:
        (expected,) = table().largest_step(np.array([decision.measured_snr_db]), 0.6)
        assert decision.parameters == {"t_prime": expected}


def test_a_policy_of_another_scheme_is_refused_before_the_run(tiny_receiver: Path) -> None:
    with pytest.raises(LinksimError, match=r"group 'only': bob.policy 'random' chooses t_d, t_plus; the scheme negotiates t_prime"):
        require_runnable(scenario(policy="random"))


def test_the_policy_needs_its_table(tiny_receiver: Path) -> None:
    with pytest.raises(LinksimError, match="no trained model 'diffsem-accuracy-mnist'"):
        require_runnable(scenario(policy="self-noise"))


def test_the_policy_looks_at_the_measured_snr_alone() -> None:
    policy, draw = SelfNoise(table(), 0.6), np.random.default_rng(1)
    measured = np.array([-3.0, 0.0, 8.0])
    chosen = [policy.choose(of_snr(np.full((3, 1), step), measured, true_db), draw) for step, true_db in ((0, measured), (400, -measured))]
    assert np.array_equal(*chosen)
    assert chosen[0].shape == (3, 1)

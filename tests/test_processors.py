"""Tests of the settings by class of processor: what a model measured on one class runs with on another, and that a run says so."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from cli_process import TINY
from tiny_models import use_models
from tiny_tasks import TinyClassifier, trainer_of
from torch import Tensor, nn

from linksim.errors import ModelError
from linksim.nets import processors
from linksim.nets.cards import RuntimeSettings, read_card, write_card
from linksim.nets.processors import DEVICE_CLASSES, device_class, training_precision
from linksim.nets.weights import clear_model_cache, load_model
from linksim.scenario.load import scenario_from_text
from linksim.simulate.run import run
from linksim.training import tune
from linksim.training.tune import Timing

TUNED = {"cpu-amx": RuntimeSettings(32, "bfloat16"), "cpu": RuntimeSettings(16, "float32")}
FEATURES: dict[str, dict[str, Any]] = {
    "cpu-amx": {"avx512_bf16": True, "amx_bf16": True},
    "cpu-avx512-bf16": {"avx512_bf16": True, "amx_bf16": False},
    "cpu": {"avx512_bf16": False},
}


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Pretend that the processor is of a class."""

    def pretend(of_class: str) -> None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: FEATURES[of_class], raising=False)
        processors._processor_class.cache_clear()

    yield pretend
    processors._processor_class.cache_clear()


@pytest.fixture
def tuned(small_model_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The card of the codec of the small models, which is tuned in bfloat16 on a processor with AMX."""
    folder = tmp_path / "models"
    shutil.copytree(small_model_files, folder)
    use_models(monkeypatch, folder)
    clear_model_cache()
    path = folder / "codec-cifar10-6.yaml"
    write_card(replace(read_card(path), runtime=TUNED), path)
    return path


@pytest.mark.parametrize("of_class", FEATURES)
def test_the_class_of_a_processor_follows_from_what_it_can_do(of_class: str, on: Callable[[str], None]) -> None:
    on(of_class)
    assert device_class(torch.device("cpu")) == of_class
    assert {"cuda", *FEATURES} == set(DEVICE_CLASSES)


def test_a_torch_that_does_not_tell_counts_as_one_without_bfloat16(on: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    on("cpu-amx")
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert device_class(torch.device("cpu")) == "cpu"


@pytest.mark.parametrize("of_class", FEATURES)
def test_trainings_use_bfloat16_only_where_it_is_not_emulated(of_class: str, on: Callable[[str], None]) -> None:
    on(of_class)
    precisions = [training_precision(torch.device("cpu"), requested) for requested in (True, False)]
    assert precisions == ["float32" if of_class == "cpu" else "bfloat16", "float32"]

    computed = []

    class Watched(TinyClassifier):
        def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
            computed.append("bfloat16" if torch.is_autocast_enabled("cpu") else "float32")
            return super().loss(network, step, device)

    for requested in (True, False):
        trainer_of(Watched("samples", {"widths": (24, 24, 24)}, ((1, 1.0),), batch=16, bfloat16=requested)).train_step()
    assert computed == precisions


@pytest.mark.parametrize(
    ("of_class", "settings"),
    [("cpu-amx", TUNED["cpu-amx"]), ("cpu-avx512-bf16", TUNED["cpu"]), ("cpu", TUNED["cpu"])],
)
def test_bfloat16_that_was_measured_on_one_class_is_not_forced_on_another(
    of_class: str, settings: RuntimeSettings, on: Callable[[str], None], tuned: Path
) -> None:
    on(of_class)
    assert load_model("codec-cifar10-6", "codec").runtime == settings
    result = run(scenario_from_text(TINY))
    said = [line for line in result.warnings if "processor" in line]
    expected = "not measured on this class of processor, so in float32: codec-cifar10-6; `linksim tune NAME` measures a model"
    assert said == ([expected] if of_class == "cpu-avx512-bf16" else [])


def test_a_precision_that_the_scenario_requests_is_not_commented(on: Callable[[str], None], tuned: Path) -> None:
    on("cpu")
    assert not run(scenario_from_text(f"{TINY}compute: {{precision: bfloat16}}\n")).warnings


def test_settings_of_every_processor_are_in_float32(tuned: Path) -> None:
    write_card(replace(read_card(tuned), runtime={"cpu": RuntimeSettings(16, "bfloat16")}), tuned)
    with pytest.raises(ModelError, match=r"runtime.cpu.precision: allowed: float32"):
        read_card(tuned)


def test_tuning_measures_one_class_and_writes_float32_for_the_others(
    on: Callable[[str], None], tuned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on("cpu-avx512-bf16")
    monkeypatch.setattr(tune, "bfloat16_holds", lambda model, task: True)
    rates = {("float32", 8): 90.0, ("float32", 64): 50.0, ("bfloat16", 8): 60.0, ("bfloat16", 64): 120.0}
    timings = [Timing(RuntimeSettings(batch, precision), rate) for (precision, batch), rate in rates.items()]
    monkeypatch.setattr(tune, "time_candidates", lambda model, workload, candidates: timings)
    found = tune.tune("codec-cifar10-6", "cpu").runtime
    assert found == TUNED | {"cpu-avx512-bf16": RuntimeSettings(64, "bfloat16"), "cpu": RuntimeSettings(8, "float32")}

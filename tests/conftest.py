"""Shared fixtures: small untrained models for tests that do not depend on image quality, and a listener that stores all records."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from hostile.summary import CampaignSummary
from skips import SkipReport
from tiny_models import UNET, VIT, use_models, write_model

from linksim.nets.weights import clear_model_cache
from linksim.records import Record
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.simulate.run import run
from linksim.simulate.run_result import RunResult

torch.set_num_threads(1)  # tests may run in parallel

DATA_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"  # optional folder of the full datasets next to a checkout
if DATA_FOLDER.is_dir():
    os.environ.setdefault("LINKSIM_DATA", str(DATA_FOLDER))

SMALL = {"stem": 4, "width": 8, "inner": 4}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "codec-cifar10-6": ("codec", {"channels": 16, "blocks": 1, **SMALL}),
    "classifier-cifar10": ("classifier", {"widths": [8, 8, 8]}),
    "inverter-cifar10-6": ("inverter", {"channels": 16, **SMALL}),
    "diffusec-codec": ("codec", VIT),
    "diffusec-denoiser": ("denoiser", UNET),
    "covert-swap": ("hider", {"channels": 16, "side": 32, "blocks": 2, "hidden": 4}),
    "masked-vqvae": ("vqvae", {"bits": 4, "blocks": 1, **SMALL}),
}

R = TypeVar("R", bound=Record)


def pytest_configure(config: pytest.Config) -> None:
    """Count skipped tests and the cases of the hostile-input campaign, in the process that reports."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipReport())
        config.pluginmanager.register(CampaignSummary())


@pytest.fixture(scope="session")
def small_model_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of small untrained models with the default names of scenarios."""
    folder = tmp_path_factory.mktemp("models")
    for name, (kind, config) in MODELS.items():
        write_model(folder, name, kind, config, seed=len(name))
    return folder


@pytest.fixture
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty models folder."""
    use_models(monkeypatch, tmp_path)
    clear_model_cache()
    yield tmp_path
    clear_model_cache()


@pytest.fixture
def small_models(small_model_files: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use the small models."""
    use_models(monkeypatch, small_model_files)
    clear_model_cache()
    yield
    clear_model_cache()


class RecordCollector:
    """A listener that stores every record."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def __call__(self, record: Record) -> None:
        self.records.append(record)

    def of(self, kind: type[R]) -> list[R]:
        return [record for record in self.records if isinstance(record, kind)]


@pytest.fixture
def simulate(small_models: None) -> Callable[..., tuple[RunResult, RecordCollector]]:
    """Return a function that runs groups of links with the small models and returns the result and all records."""

    def run_groups(groups: dict[str, LinkOptions], **keys: Any) -> tuple[RunResult, RecordCollector]:
        collector = RecordCollector()
        return run(Scenario(**{"name": "test", "frames": 4, "groups": groups} | keys), (collector,)), collector

    return run_groups

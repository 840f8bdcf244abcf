"""Tests that what the worker runs stays on its device: no operation creates a tensor without naming a device, which would be the CPU.

A run on the CPU cannot show such a mistake, and a GPU is not always there; so the functions that create tensors are watched instead.
"""

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from test_scenarios import has_faces, skip_if_missing
from torch.overrides import TorchFunctionMode

import linksim
from linksim.worker import Worker

__all__ = ["has_faces"]  # a fixture

NAMES = "arange empty eye full linspace logspace ones rand randint randn randperm tensor tril_indices zeros"
FACTORIES = {getattr(torch, name) for name in NAMES.split()}
PREPARED = {"phy/ratematch.py"}  # tables that are made once, on the CPU, and copied to the device of the bits wherever they are used
PACKAGE = Path(linksim.__file__).parent


class NamedDevices(TorchFunctionMode):
    """Within it, a function of `FACTORIES` needs the argument `device`. `found` has the places in the package where it is missing."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in FACTORIES and (kwargs or {}).get("device") is None:
            places = [frame for frame in traceback.extract_stack() if Path(frame.filename).is_relative_to(PACKAGE)]
            name = Path(places[-1].filename).relative_to(PACKAGE).as_posix() if places else ""
            if name and name not in PREPARED:
                self.found.add(f"{name}:{places[-1].lineno}: {places[-1].line}")
        return func(*args, **(kwargs or {}))


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[NamedDevices]:
    """Watch all that the worker runs."""
    mode, run_batch = NamedDevices(), Worker._compute

    def watching(*args: Any, **options: Any) -> Any:
        with mode:
            return run_batch(*args, **options)

    monkeypatch.setattr(Worker, "_compute", watching)
    yield mode
    assert not mode.found


SMALL: dict[str, dict[str, Any]] = {
    "layers, Eve and a jammer": {
        "scheme": ["permutation", "phase-scrambling", "deepjscc"],
        "eve": "inverse-network",
        "jammer": {"kind": "barrage"},
        "channel": {"bob": {"snr": {"kind": "gauss-markov", "mean_db": 10}, "csi": "pilots"}},
    },
    "white box": {"scheme": "deepjscc", "eve": {"attack": "white-box", "iterations": 2}},
    "digital": {"scheme": {"name": "digital", "arq": {"max_transmissions": 2}}},
    "modes": {"scheme": "adaptive-digital", "bob": {"policy": "link-adaptation"}, "session": {"probe_interval_ms": 5}},
    "attacked source": {"scheme": "deepjscc", "alice": {"source_attack": {"attack": "carlini-wagner"}}},
    "fading": {
        "scheme": "deepjscc",
        "channel": {"bob": {"fading": {"kind": "jakes", "doppler_hz": 50}, "equaliser": "mmse", "snr": {"kind": "constant"}}},
    },
}


@pytest.mark.parametrize("group", SMALL, ids=str)
def test_operations_of_small_runs_name_their_device(group: str, watched: NamedDevices, small_models: None) -> None:
    with linksim.run({"name": "small", "frames": 2, "dataset": "samples", **SMALL[group]}) as results:
        assert results.trace.rows("scores")


SCENARIOS = ("adversarial-jammer", "diffsem-cifar10", "diffsem-mnist", "diffusec-jammed", "jammers", "miea-jigsaw", "miea-key-learning")


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_operations_of_shipped_scenarios_name_their_device(name: str, watched: NamedDevices, has_faces: bool) -> None:
    scenario = linksim.load_scenario(name, {"frames": 1})
    skip_if_missing(scenario)
    groups = {name: options.model_copy(update={"links": 1}) for name, options in scenario.groups.items()}
    with linksim.run(scenario.model_copy(update={"groups": groups})) as results:
        assert results.trace.rows("links")


def test_a_tensor_without_a_device_is_found() -> None:
    from linksim.diffusion import alpha_bar

    mode = NamedDevices()
    with mode:
        alpha_bar(10)
        torch.zeros(3)  # not in the package
    assert mode.found
    assert all(place.startswith("diffusion.py:") for place in mode.found)

"""Tuning: the batch size and precision at which a model runs fastest on this class of device. The result is written to the card.

The workload is what a simulation does with the model. It is declared with the kind of the model (`linksim.nets.workloads`), also for kinds
from outside the package. bfloat16 is allowed only if every score stays within `measure.TOLERANCE` of float32.
A simulation never measures times itself: kernels sum in another order at another batch size, so the last bits of a run would depend on the
load of the machine.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from linksim.errors import ModelError
from linksim.nets.cards import Card, RuntimeSettings, write_card
from linksim.nets.processors import device_class, training_precision
from linksim.nets.weights import TrainedModel, autocast, clear_model_cache, folder_of, load_model
from linksim.nets.workloads import Run
from linksim.registry import components
from linksim.training.ddpg import DdpgTask
from linksim.training.grid_measurement import GridMeasurement
from linksim.training.measure import measure, within_tolerance
from linksim.training.order import take_first
from linksim.training.pipeline import find_task
from linksim.training.task import TrainingTask

# Candidate batch sizes by class of device.
BATCHES = {"cpu": (8, 16, 32, 64, 128, 256), "cuda": (64, 128, 256, 512, 1024, 2048)}
IMAGES = 1024  # minimum number of images per timing
ROUNDS = 5  # timings of each candidate
NEAR = 0.97  # the smallest batch with at least this share of the highest rate is chosen, because it fills sooner
PARITY_IMAGES = 2000  # training images for the comparison of bfloat16 with float32


Workload = Callable[[nn.Module, int, torch.device], Run]


@dataclass(frozen=True)
class Timing:
    """The measured speed of one candidate, the best of `ROUNDS`. On a CPU the time is CPU time, which is robust against other processes.

    settings      batch size and precision
    images_per_s  images per second
    """

    settings: RuntimeSettings
    images_per_s: float

    def line(self) -> str:
        """Return one line for a terminal."""
        return f"{self.settings.precision:8}  batch {self.settings.batch:5}  {self.images_per_s:10,.0f} images/s"


def tune(name: str, device: str = "auto", report: Callable[[Timing], None] = lambda timing: None) -> Card:
    """Time a model, write the fastest settings for this class of device to its card, and return the card.

    On a CPU the fastest settings in float32 are written as those of any other processor, too (`nets.processors`).

    name    name of the model and of its training task
    device  "auto", "cpu" or "cuda"
    report  callback, called with every timing

    Raises ModelError as `load_model` does, and for models that are not run in batches.
    """
    task = find_task(name)
    workload = workload_of(task.kind)
    if workload is None or isinstance(task, DdpgTask | GridMeasurement):
        raise ModelError(f"model {name!r} is of kind {task.kind}, which is not run in batches; there is nothing to tune")
    model = load_model(name, task.kind, device)
    emulated = training_precision(model.device, bfloat16=True) == "float32"
    precisions = ("float32",) if emulated or not bfloat16_holds(model, task) else ("float32", "bfloat16")
    timings = time_candidates(
        model, workload, [RuntimeSettings(batch, precision) for precision in precisions for batch in BATCHES[model.device.type]]
    )
    for timing in timings:
        report(timing)
    found: dict[str, RuntimeSettings] = {device_class(model.device): fastest(timings)}
    if model.device.type == "cpu":  # any other processor computes in float32
        found["cpu"] = fastest([timing for timing in timings if timing.settings.precision == "float32"])
    card = replace(model.card, runtime={**model.card.runtime, **found})
    write_card(card, folder_of(name) / f"{name}.yaml")
    clear_model_cache()
    return card


def fastest(timings: list[Timing]) -> RuntimeSettings:
    """Return the smallest batch whose rate is within `NEAR` of the highest, in float32 if both precisions qualify.

    >>> slow, near, best = (Timing(RuntimeSettings(batch, "float32"), rate) for batch, rate in ((8, 500.0), (32, 980.0), (64, 1000.0)))
    >>> fastest([slow, near, best]).batch
    32
    """
    enough = NEAR * max(timing.images_per_s for timing in timings)
    fast = (timing.settings for timing in timings if timing.images_per_s >= enough)
    return min(fast, key=lambda settings: (settings.batch, settings.precision != "float32"))


def bfloat16_holds(model: TrainedModel, task: TrainingTask) -> bool:
    """Return whether bfloat16 changes no score by more than its tolerance, on training images."""
    dataset = take_first(task.load_dataset("train"), PARITY_IMAGES)
    full, half = (measure(task, model.network, dataset, model.device, precision) for precision in ("float32", "bfloat16"))
    return within_tolerance(half, full)


def workload_of(kind: str) -> Workload | None:
    """Return the workload of a kind of model, None for kinds that are not run in batches, such as tables.

    >>> workload_of("codec").__name__, workload_of("reward-table")
    ('codec', None)
    """
    return next((declared.load_workload() for declared in components("model") if declared.name == kind), None)


def time_candidates(model: TrainedModel, workload: Workload, candidates: list[RuntimeSettings]) -> list[Timing]:
    """Time all candidates alternately in several rounds, so that slow periods of the machine affect all candidates alike.

    The first call of each timing is not counted. Returns one timing per candidate, in their order.
    """
    runs = [(settings, workload(model.network, settings.batch, model.device)) for settings in candidates]
    best = dict.fromkeys(candidates, 0.0)
    for _ in range(ROUNDS):
        for settings, run in runs:
            calls = max(1, IMAGES // settings.batch)
            with torch.inference_mode(), autocast(model.device, settings.precision):
                run()
                started = clock(model.device)
                for _ in range(calls):
                    run()
                best[settings] = max(best[settings], calls * settings.batch / (clock(model.device) - started))
    return [Timing(settings, rate) for settings, rate in best.items()]


def clock(device: torch.device) -> float:
    """Return CPU time in seconds on a CPU, and wall time in seconds on a GPU after synchronisation."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()

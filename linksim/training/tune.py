"""Tuning: the batch size and precision at which a model runs fastest on this class of device. The result is written to the card.

The workload is what a simulation does with the model: a codec or a VQ-VAE encodes and decodes, a classifier classifies, an inverter
inverts, and a denoiser predicts the noise of one step. bfloat16 is allowed only if every score stays within `measure.TOLERANCE` of float32.
A simulation never measures times itself.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from linksim.errors import ModelError
from linksim.nets.cards import Card, RuntimeSettings, write_card
from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.inverters import Inverter
from linksim.nets.unet import UNet
from linksim.nets.vqvae import VqVae
from linksim.nets.weights import TrainedModel, autocast, clear_model_cache, folder_of, load_model
from linksim.training.ddpg import DdpgTask
from linksim.training.grid_measurement import GridMeasurement
from linksim.training.measure import measure, within_tolerance
from linksim.training.order import take_first
from linksim.training.pipeline import find_task
from linksim.training.task import TrainingTask

BATCHES = {"cpu": (8, 16, 32, 64, 128, 256), "cuda": (64, 128, 256, 512, 1024, 2048)}
IMAGES = 1024  # minimum number of images per timing
ROUNDS = 5
NEAR = 0.97  # the smallest batch with at least this share of the highest rate is chosen, because it fills sooner
PARITY_IMAGES = 2000


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
    """Time a model and write the fastest settings for this class of device to its card.

    device  "auto", "cpu" or "cuda"
    report  callback, called with every timing

    Raises ModelError as `load_model` does, and for models that are not run in batches.
    """
    task = find_task(name)
    if isinstance(task, DdpgTask | GridMeasurement):
        raise ModelError(f"model {name!r} is of kind {task.kind}, which is not run in batches; there is nothing to tune")
    model = load_model(name, task.kind, device)
    precisions = ("float32", "bfloat16") if bfloat16_holds(model, task) else ("float32",)
    timings = time_candidates(
        model, [RuntimeSettings(batch, precision) for precision in precisions for batch in BATCHES[model.device.type]]
    )
    for timing in timings:
        report(timing)
    card = replace(model.card, runtime={**model.card.runtime, model.device.type: fastest(timings)})
    write_card(card, folder_of(name) / f"{name}.yaml")
    clear_model_cache()
    return card


def fastest(timings: list[Timing]) -> RuntimeSettings:
    """Return the smallest batch whose rate is within `NEAR` of the highest, in float32 if both precisions qualify."""
    enough = NEAR * max(timing.images_per_s for timing in timings)
    fast = (timing.settings for timing in timings if timing.images_per_s >= enough)
    return min(fast, key=lambda settings: (settings.batch, settings.precision != "float32"))


def bfloat16_holds(model: TrainedModel, task: TrainingTask) -> bool:
    """Return whether bfloat16 changes no score by more than its tolerance."""
    dataset = take_first(task.load_dataset("test"), PARITY_IMAGES)
    full, half = (measure(task, model.network, dataset, model.device, precision) for precision in ("float32", "bfloat16"))
    return within_tolerance(half, full)


def time_candidates(model: TrainedModel, candidates: list[RuntimeSettings]) -> list[Timing]:
    """Time all candidates alternately in several rounds, so that slow periods of the machine affect all candidates alike."""
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


def workload(network: nn.Module, batch: int, device: torch.device) -> Callable[[], object]:
    """Return a function that runs the network once on random inputs in the way that a simulation does."""
    generator = torch.Generator().manual_seed(1)
    snr_db = torch.full((batch,), 10.0, device=device)
    colours, side = (network.colours, network.side) if isinstance(network, Codec | VqVae) else (3, 32)
    images = torch.rand(batch, colours, side, side, generator=generator).to(device).contiguous(memory_format=torch.channels_last)
    if isinstance(network, Codec):
        return lambda: network.decode(network.encode(images, snr_db), snr_db)
    if isinstance(network, Inverter):
        symbols = torch.randn(batch, network.channel_uses, dtype=torch.complex64, generator=generator).to(device)
        return lambda: network.invert(symbols)
    if isinstance(network, VqVae):
        return lambda: network.decode(network.encode(images), snr_db)
    if isinstance(network, UNet):
        return lambda: network(images, torch.full((batch,), 10, device=device))
    assert isinstance(network, Classifier)
    return lambda: network(images)

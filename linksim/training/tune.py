"""Tuning: which batch size and precision run a part fastest on this class of device. Written to its card, never found out during a run.

What is timed is what a run does with the part: a codec or a VQ-VAE encodes and decodes, a classifier judges, an inverter inverts, and a
denoiser tells the noise of a step. bfloat16 is allowed only where every score stays within `measure.TOLERANCE` of float32.
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
from linksim.nets.weights import TrainedModel, autocast, clear_model_cache, load_model, models_folder
from linksim.training.ddpg import DdpgTask
from linksim.training.grid_measurement import GridMeasurement
from linksim.training.measure import measure, within_tolerance
from linksim.training.order import first
from linksim.training.pipeline import find_task
from linksim.training.task import TrainingTask

BATCHES = {"cpu": (8, 16, 32, 64, 128, 256), "cuda": (64, 128, 256, 512, 1024, 2048)}
IMAGES = 1024  # per timing at least
ROUNDS = 5
NEAR = 0.97  # of the highest rate: a smaller batch that comes so near is chosen, it fills sooner
PARITY_IMAGES = 2000


@dataclass(frozen=True)
class Timing:
    """One candidate: how many images per second it runs, best of `ROUNDS`. CPU time on a CPU, so that a busy machine matters less."""

    how: RuntimeSettings
    images_per_s: float

    def line(self) -> str:
        return f"{self.how.precision:8}  batch {self.how.batch:5}  {self.images_per_s:10,.0f} images/s"


def tune(name: str, device: str = "auto", report: Callable[[Timing], None] = lambda timing: None) -> Card:
    """Time the part, choose, write `best` of this class of device to its card. Raises ModelError as `load_model` does."""
    task = find_task(name)
    if isinstance(task, DdpgTask | GridMeasurement):
        raise ModelError(f"part {name!r} is of kind {task.kind}: there is nothing to tune, no link runs it on batches")
    part = load_model(name, task.kind, device)
    precisions = ("float32", "bfloat16") if bfloat16_holds(part, task) else ("float32",)
    timings = timed(part, [RuntimeSettings(batch, precision) for precision in precisions for batch in BATCHES[part.device.type]])
    for timing in timings:
        report(timing)
    card = replace(part.card, runtime={**part.card.runtime, part.device.type: fastest(timings)})
    write_card(card, models_folder() / f"{name}.yaml")
    clear_model_cache()
    return card


def fastest(timings: list[Timing]) -> RuntimeSettings:
    """The smallest batch that is as good as the fastest; float32 where both precisions are."""
    enough = NEAR * max(timing.images_per_s for timing in timings)
    return min((t.how for t in timings if t.images_per_s >= enough), key=lambda how: (how.batch, how.precision != "float32"))


def bfloat16_holds(part: TrainedModel, task: TrainingTask) -> bool:
    """Whether bfloat16 changes no score by more than its tolerance."""
    pictures = first(task.pictures("test"), PARITY_IMAGES)
    full, half = (measure(task, part.network, pictures, part.device, precision) for precision in ("float32", "bfloat16"))
    return within_tolerance(half, full)


def timed(part: TrainedModel, candidates: list[RuntimeSettings]) -> list[Timing]:
    """Time all candidates in turn, several rounds, so that a slow moment of the machine hits all alike."""
    runs = [(how, workload(part.network, how.batch, part.device)) for how in candidates]
    best = dict.fromkeys(candidates, 0.0)
    for _ in range(ROUNDS):
        for how, run in runs:
            calls = max(1, IMAGES // how.batch)
            with torch.inference_mode(), autocast(part.device, how.precision):
                run()
                started = clock(part.device)
                for _ in range(calls):
                    run()
                best[how] = max(best[how], calls * how.batch / (clock(part.device) - started))
    return [Timing(how, rate) for how, rate in best.items()]


def clock(device: torch.device) -> float:
    """Seconds: of CPU time on a CPU, of wall time on a GPU once it has done what it was told."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def workload(network: nn.Module, batch: int, device: torch.device) -> Callable[[], object]:
    """One call of what a run does with the part, on made-up inputs: their values do not matter to time."""
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

"""Benchmarks on a GPU: `make bench-gpu`, at most ten minutes.

    what                                                     to reach
    (ga) codec-only run on the GPU over the same on one core at least 5x
    (gb) codec-only run on the GPU over the codec alone      at least 0.3x: events and records stay on the processor
    (gc) DiffuSeC, 5 calls of the denoiser, over one core    at least 20x
    (gd) DiffSem, 256 features, 5 calls of the denoiser      at most 10 ms; the paper has 100 ms
    (ge) PSNR of Bob in bfloat16 against float32             at most 0.05 dB apart

Times are wall-clock times after synchronisation, the minimum of `REPEATS` runs after one that is not counted.
"""

import time
from collections.abc import Callable, Iterator

import click
import torch

from benchmarks.measure import BenchmarkResult
from benchmarks.runs import CODEC, codec_only
from linksim.nets.codecs import Codec
from linksim.nets.feature_symbols import to_symbols
from linksim.nets.features import FeatureCodec
from linksim.nets.unet import UNet
from linksim.nets.weights import autocast, load_model
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise
from linksim.records import ImageScore
from linksim.scenario.schema import Scenario
from linksim.schemes.diffsem import DiffSem, Receiver
from linksim.schemes.diffusec import Diffusec
from linksim.schemes.parameters import uniform_parameters
from linksim.simulate.run import run

REPEATS = 3
LINKS, FRAMES, BATCH, FEATURES, CALLS = 64, 64, 512, 256, 5
STEPS, SELF_NOISE_STEP = (20, 20), 300  # of DiffuSeC, and of DiffSem


def wall_s(work: Callable[[], object], device: torch.device) -> float:
    """Return the shortest wall-clock time of `work` in seconds."""

    def once() -> float:
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - started

    once()
    return min(once() for _ in range(REPEATS))


def run_benchmarks(device: torch.device, links: int = LINKS, frames: int = FRAMES) -> Iterator[BenchmarkResult]:
    """Rates of a codec-only run against one core and against the codec alone, and the parity of bfloat16."""
    on, core = (codec_only(links, frames, device=name) for name in (device.type, "cpu"))
    images = links * frames
    here, there = wall_s(lambda: run(on), device), wall_s(lambda: run(core), torch.device("cpu"))
    text = f"{images / here:,.0f} over {images / there:,.0f} images/s"
    yield BenchmarkResult("ga", "codec-only run: this device over one core", there / here, "at least", 5, "x", text)
    alone = wall_s(codec_alone(device, images), device)
    text = f"{images / here:,.0f} over {images / alone:,.0f} images/s"
    yield BenchmarkResult("gb", "codec-only run over the codec alone", alone / here, "at least", 0.3, "x", text)
    full, half = (mean_psnr_db(codec_only(links, frames, device=device.type, precision=p)) for p in ("float32", "bfloat16"))
    yield BenchmarkResult(
        "ge", "PSNR in bfloat16 against float32", abs(half - full), "at most", 0.05, " dB", f"{half:.3f} and {full:.3f} dB"
    )


def codec_alone(device: torch.device, images: int) -> Callable[[], None]:
    """Return a function that encodes and decodes images in bfloat16, in batches of `BATCH`."""
    codec = load_model(CODEC, "codec", device.type).network
    assert isinstance(codec, Codec)
    batch = torch.rand(min(BATCH, images), 3, 32, 32, device=device).contiguous(memory_format=torch.channels_last)
    level = torch.full((len(batch),), 10.0, device=device)

    @torch.inference_mode()
    def work() -> None:
        with autocast(device, "bfloat16"):
            for _ in range(0, images, len(batch)):
                codec.decode(codec.encode(batch, level), level)

    return work


def mean_psnr_db(scenario: Scenario) -> float:
    """Return Bob's mean PSNR in a run."""
    found: list[float] = []

    def listen(record: object) -> None:
        if isinstance(record, ImageScore) and record.psnr_db is not None:
            found.append(record.psnr_db)

    run(scenario, (listen,))
    return sum(found) / len(found)


def received_items(symbols: torch.Tensor, device: torch.device) -> ReceivedSymbols:
    """Return symbols [items, channel_uses] as received over AWGN of 15 dB."""
    ones = torch.ones(len(symbols), 1, dtype=torch.complex64, device=device)
    return ReceivedSymbols(symbols.to(device), ones, torch.full((len(symbols),), 0.03, device=device))


def diffusec_receiver(device: torch.device, images: int) -> Callable[[], object]:
    """Return a function that decodes and purifies images, `CALLS` calls of the denoiser each, in bfloat16 on a GPU."""
    codec, denoiser = (
        load_model(name, kind, device.type).network for name, kind in (("diffusec-codec", "codec"), ("diffusec-denoiser", "denoiser"))
    )
    assert isinstance(codec, Codec)
    assert isinstance(denoiser, UNet)
    scheme = Diffusec(codec, denoiser, CALLS)
    received = received_items(torch.randn(images, codec.channel_uses, dtype=torch.complex64), device)
    parameters, noise = uniform_parameters(15.0, images, STEPS, device), Noise(torch.zeros(images, 3, dtype=torch.int64, device=device))

    @torch.inference_mode()
    def work() -> object:
        with autocast(device, "bfloat16" if device.type == "cuda" else "float32"):
            return scheme.receive(received, parameters, noise)

    return work


def diffsem_receiver(device: torch.device) -> Callable[[], object]:
    """Return a function that denoises and classifies `FEATURES` features, `CALLS` calls of the denoiser each."""
    codec = load_model("diffsem-mnist", "feature-codec", device.type).network
    denoiser = load_model("diffsem-denoiser-mnist", "feature-denoiser", device.type).network
    assert isinstance(codec, FeatureCodec)
    scheme = DiffSem(codec, Receiver(codec, codec.classifier, denoiser, num_calls=CALLS))
    received = received_items(to_symbols(torch.randn(FEATURES, 1, 8, 8)), device)
    parameters = uniform_parameters(15.0, FEATURES, (SELF_NOISE_STEP,), device)
    noise = Noise(torch.zeros(FEATURES, 3, dtype=torch.int64, device=device))

    @torch.inference_mode()
    def work() -> object:
        return scheme.receive(received, parameters, noise)

    return work


def receiver_benchmarks(device: torch.device, images: int = BATCH) -> Iterator[BenchmarkResult]:
    """Rates of the receivers of DiffuSeC and DiffSem."""
    core = torch.device("cpu")
    here = wall_s(diffusec_receiver(device, images), device) / images
    there = wall_s(diffusec_receiver(core, min(images, 64)), core) / min(images, 64)
    text = f"{1 / here:,.0f} over {1 / there:,.0f} images/s"
    yield BenchmarkResult("gc", f"DiffuSeC, {CALLS} calls of the denoiser: over one core", there / here, "at least", 20, "x", text)
    latency = 1e3 * wall_s(diffsem_receiver(device), device)
    yield BenchmarkResult("gd", f"DiffSem: {FEATURES} features, {CALLS} calls", latency, "at most", 10, " ms", "the paper: 100 ms")


@click.command()
@click.option("--device", default="cuda", show_default=True, help="cuda, or cpu to try the script itself.")
def main(device: str) -> None:
    """Run all benchmarks of a GPU."""
    torch.set_num_threads(1)
    if device == "cuda" and not torch.cuda.is_available():
        raise click.ClickException("there is no CUDA device")
    chosen = torch.device(device)
    click.echo(torch.cuda.get_device_name(chosen) if device == "cuda" else "cpu")
    for benchmark in (run_benchmarks, receiver_benchmarks):
        for result in benchmark(chosen):
            click.echo(result.line())


if __name__ == "__main__":
    main()

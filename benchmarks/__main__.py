"""Prints the result and target of every benchmark: `python -m benchmarks`, or `python -m benchmarks a f` for some of them."""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import torch

from benchmarks import bare_simpy
from benchmarks.adaptation import adaptation_benchmarks
from benchmarks.air import air_benchmarks, fading_benchmark
from benchmarks.coding import decoding_benchmark
from benchmarks.control import control_benchmark
from benchmarks.diffsem import diffsem_benchmark
from benchmarks.growth import growth_benchmarks
from benchmarks.measure import BenchmarkResult, best_of, cpu_s
from benchmarks.plain_loop import plain_loop
from benchmarks.runs import CODEC, bare_codec, bare_networks, bare_simulation, codec_only, run_without_payload, simulate
from linksim.computation import keep_freed_memory
from linksim.scenario.load import load_scenario

FRAMES, EAGER_FRAMES, REPEATS = 64, 8, 3  # frames per link of a 64-link run, with lazy and with eager evaluation
LINKS = 64


def image_rate(seconds: float, images: int) -> str:
    """The rate as text, in images per second of CPU time."""
    return f"{images / seconds:,.0f} images/s"


def codec_benchmarks() -> Iterator[BenchmarkResult]:
    """Rates of runs in which only the codec is used, for the ways of evaluating it."""
    images, few = LINKS * FRAMES, LINKS * EAGER_FRAMES
    lazy, eager, loop, bare, one = best_of(
        REPEATS,
        lambda: simulate(codec_only(LINKS, FRAMES)),
        lambda: simulate(codec_only(LINKS, EAGER_FRAMES, evaluation="eager")),
        plain_loop(CODEC, few),
        bare_codec(images),
        lambda: simulate(codec_only(1, images)),
    )
    lazy_rate = images / lazy
    lazy_text = image_rate(lazy, images)
    yield BenchmarkResult(
        "a",
        "codec only: lazy over eager evaluation",
        lazy_rate / (few / eager),
        "at least",
        4,
        "x",
        f"{lazy_text} over {image_rate(eager, few)}",
    )
    yield BenchmarkResult(
        "b",
        "codec only: a run over a plain loop in PyTorch",
        lazy_rate / (few / loop),
        "at least",
        4,
        "x",
        f"{lazy_text} over {image_rate(loop, few)}",
    )
    yield BenchmarkResult(
        "c",
        "codec only: default over the codec alone at its fastest batch",
        bare / lazy,
        "at least",
        0.75,
        "x",
        f"{lazy_text} over {image_rate(bare, images)}, {1e6 * (lazy - bare) / images:.0f} us an image beside the codec",
    )
    yield BenchmarkResult(
        "d", "codec only: one link over 64 links", lazy / one, "at least", 0.95, "x", f"{image_rate(one, images)} over {lazy_text}"
    )


def demo_benchmark() -> Iterator[BenchmarkResult]:
    """The scenario quickstart against its networks alone."""
    scenario = load_scenario("quickstart")
    bare, demo = best_of(REPEATS + 1, bare_networks(scenario), lambda: simulate(scenario))
    yield BenchmarkResult(
        "e", "demo: its networks alone over the run", bare / demo, "at least", 0.9, "x", f"{bare:.1f} s over {demo:.1f} s"
    )


def event_benchmarks() -> Iterator[BenchmarkResult]:
    """Runs without payloads: the cost of the events themselves, and how it grows with the number of links."""
    frames = 20_000
    bare, simulation = best_of(
        REPEATS,
        lambda: bare_simpy.loop(frames),
        lambda: run_without_payload(bare_simulation(LINKS, frames // LINKS))(),
    )
    # the time of building is subtracted
    built = cpu_s(lambda: run_without_payload(bare_simulation(LINKS, frames // LINKS)))
    simulation -= built
    yield BenchmarkResult(
        "f",
        "simulation without payloads over a minimal SimPy loop",
        bare / simulation,
        "at least",
        0.35,
        "x",
        f"{frames / simulation:,.0f} over {frames / bare:,.0f} frames/s",
    )
    few, many = (
        min(cpu_s(run_without_payload(bare_simulation(links, each))) / (links * each) for _ in range(repeats))
        for links, each, repeats in ((LINKS, 400, REPEATS), (1024, 100, 2))
    )
    yield BenchmarkResult(
        "h", "simulation: 1,024 links over 64, time per frame", many / few, "at most", 1.2, "x", f"{1e6 * many:.1f} over {1e6 * few:.1f} us"
    )


def trace_benchmark() -> Iterator[BenchmarkResult]:
    """The cost of writing a trace."""
    with tempfile.TemporaryDirectory() as folder:
        scenario = codec_only(LINKS, 4 * FRAMES)  # a longer run, because the difference is small
        off, on = best_of(REPEATS + 2, lambda: simulate(scenario), lambda: simulate(scenario, Path(folder) / "trace.h5"))
    yield BenchmarkResult("g", "codec only: tracing on over off, time", on / off, "at most", 1.04, "x", f"{on:.2f} s over {off:.2f} s")


def memory_benchmark() -> Iterator[BenchmarkResult]:
    """Peak memory of processes that simulate few and many frames without payloads."""
    few, many = (
        int(subprocess.run([sys.executable, "-m", "benchmarks", "--peak", str(n)], capture_output=True, text=True, check=True).stdout)
        for n in (1_000, 100_000)
    )
    yield BenchmarkResult(
        "i",
        "simulation: peak memory at 100,000 frames over 1,000",
        many / few,
        "at most",
        1.1,
        "x",
        f"{many / 1024:.0f} over {few / 1024:.0f} MiB",
    )


def startup_benchmark() -> Iterator[BenchmarkResult]:
    """Wall-clock time of `linksim --help`, the minimum of five starts."""

    def start_once() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "linksim", "--help"], capture_output=True, check=True)
        return time.perf_counter() - started

    yield BenchmarkResult("j", "start-up of linksim --help", min(start_once() for _ in range(5)), "at most", 0.5, "s", "wall clock")


BENCHMARKS: dict[str, Callable[[], Iterator[BenchmarkResult]]] = {
    "abcd": codec_benchmarks,
    "e": demo_benchmark,
    "fh": event_benchmarks,
    "g": trace_benchmark,
    "i": memory_benchmark,
    "j": startup_benchmark,
    "k": decoding_benchmark,
    "l": fading_benchmark,
    "m": air_benchmarks,
    "n": control_benchmark,
    "op": adaptation_benchmarks,
    "q": diffsem_benchmark,
    "rst": growth_benchmarks,
}
ON_REQUEST = {"rst"}  # they take a quarter of an hour


@click.command()
@click.argument("letters", nargs=-1)
@click.option(
    "--peak", type=int, hidden=True, help="Simulate this number of frames without payloads and print the peak memory of the process in KiB."
)
def main(letters: tuple[str, ...], peak: int | None) -> None:
    """Run all benchmarks but r, s and t, or those of the given LETTERS. Times are CPU times with one PyTorch thread."""
    torch.set_num_threads(1)
    keep_freed_memory()
    if peak is not None:
        run_without_payload(bare_simulation(10, peak // 10))()
        click.echo(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return
    for group, measure in BENCHMARKS.items():
        if set(letters) & set(group) or not (letters or group in ON_REQUEST):
            for result in measure():
                click.echo(result.line())


main()

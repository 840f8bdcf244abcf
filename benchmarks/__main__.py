"""Prints every figure with its target: `python -m benchmarks`, or `python -m benchmarks a f` for some of them."""

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
from benchmarks.adaptation import adaptation_figures
from benchmarks.air import air_figures, fading_figure
from benchmarks.coding import decoding_figure
from benchmarks.control import control_figure
from benchmarks.measure import Figure, best_of, cpu_s
from benchmarks.runs import bare_codec, bare_networks, bare_simulation, codec_only, pass_without_payload, simulate
from linksim.scenario.load import load_scenario

FRAMES, AT_ONCE, TURNS = 64, 8, 3  # frames per link of a 64-link run; with promises kept at once; rounds
LINKS = 64


def per_image(seconds: float, images: int) -> str:
    return f"{images / seconds:,.0f} images/s"


def codec_figures() -> Iterator[Figure]:
    images, few = LINKS * FRAMES, LINKS * AT_ONCE
    late, eager, at_once_32, bare, one = best_of(
        TURNS,
        lambda: simulate(codec_only(LINKS, FRAMES)),
        lambda: simulate(codec_only(LINKS, AT_ONCE, promises="eager")),
        lambda: simulate(codec_only(LINKS, AT_ONCE, promises="eager", precision="float32")),
        bare_codec(images),
        lambda: simulate(codec_only(1, images)),
    )
    rate = images / late
    here = per_image(late, images)
    yield Figure("a", "codec only: promises late over at once", rate / (few / eager), "at least", 3, "x",
                 f"{here} over {per_image(eager, few)}")  # fmt: skip
    yield Figure("b", "codec only: default over at once in float32", rate / (few / at_once_32), "at least", 4.5, "x",
                 f"{here} over {per_image(at_once_32, few)}")  # fmt: skip
    yield Figure("c", "codec only: default over the bare codec at its best batch", bare / late, "at least", 0.6, "x",
                 f"{here} over {per_image(bare, images)}")  # fmt: skip
    yield Figure("d", "codec only: one link over 64 links", late / one, "at least", 0.9, "x", f"{per_image(one, images)} over {here}")


def demo_figure() -> Iterator[Figure]:
    scenario = load_scenario("quickstart")
    bare, demo = best_of(2, bare_networks(scenario), lambda: simulate(scenario))
    yield Figure("e", "demo: all its networks bare over the run", bare / demo, "at least", 0.85, "x", f"{bare:.1f} s over {demo:.1f} s")


def world_figures() -> Iterator[Figure]:
    frames = 20_000
    bare, simulation = best_of(
        TURNS, lambda: bare_simpy.loop(frames), lambda: pass_without_payload(bare_simulation(LINKS, frames // LINKS))(),
    )  # fmt: skip
    # building the world is not passing time: it is taken off
    built = cpu_s(lambda: pass_without_payload(bare_simulation(LINKS, frames // LINKS)))
    simulation -= built
    yield Figure("f", "world without payloads over a bare SimPy loop", bare / simulation, "at least", 0.25, "x",
                 f"{frames / simulation:,.0f} over {frames / bare:,.0f} frames/s")  # fmt: skip
    few, many = (
        min(cpu_s(pass_without_payload(bare_simulation(links, each))) / (links * each) for _ in range(turns))
        for links, each, turns in ((LINKS, 400, TURNS), (1024, 100, 2))
    )
    yield Figure("h", "world: 1,024 links over 64, time per frame", many / few, "at most", 1.1, "x",
                 f"{1e6 * many:.1f} over {1e6 * few:.1f} us")  # fmt: skip


def trace_figure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        scenario = codec_only(LINKS, 2 * FRAMES)  # longer: what is to be told apart is small
        off, on = best_of(TURNS + 2, lambda: simulate(scenario), lambda: simulate(scenario, Path(folder) / "trace.h5"))
    yield Figure("g", "codec only: tracing on over off, time", on / off, "at most", 1.05, "x", f"{on:.2f} s over {off:.2f} s")


def memory_figure() -> Iterator[Figure]:
    few, many = (
        int(subprocess.run([sys.executable, "-m", "benchmarks", "--peak", str(n)], capture_output=True, text=True, check=True).stdout)
        for n in (1_000, 100_000)
    )
    yield Figure("i", "world: peak memory at 100,000 frames over 1,000", many / few, "at most", 1.1, "x",
                 f"{many / 1024:.0f} over {few / 1024:.0f} MiB")  # fmt: skip


def start_figure() -> Iterator[Figure]:
    def once() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "linksim", "--help"], capture_output=True, check=True)
        return time.perf_counter() - started

    yield Figure("j", "start-up of linksim --help", min(once() for _ in range(5)), "at most", 0.5, "s", "wall clock")


FIGURES: dict[str, Callable[[], Iterator[Figure]]] = {
    "abcd": codec_figures,
    "e": demo_figure,
    "fh": world_figures,
    "g": trace_figure,
    "i": memory_figure,
    "j": start_figure,
    "k": decoding_figure,
    "l": fading_figure,
    "m": air_figures,
    "n": control_figure,
    "op": adaptation_figures,
}


@click.command()
@click.argument("letters", nargs=-1)
@click.option("--peak", type=int, hidden=True, help="Pass so many frames without payload and print this process's peak memory in KiB.")
def main(letters: tuple[str, ...], peak: int | None) -> None:
    """Measure all figures, or those of the given LETTERS. CPU time, one torch thread."""
    torch.set_num_threads(1)
    if peak is not None:
        pass_without_payload(bare_simulation(10, peak // 10))()
        click.echo(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return
    for narrowband, measure in FIGURES.items():
        if not letters or set(letters) & set(narrowband):
            for figure in measure():
                click.echo(figure.line())


main()

"""Runs a scenario from beginning to end: builds its world, lets simulated time pass, has all promises kept, closes the trace."""

import gc
import json
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from linksim.adapt.policy import Policy
from linksim.data.recorded import with_checksums
from linksim.nets.weights import pick_device
from linksim.records import Listener
from linksim.scenario.load import resolved_yaml
from linksim.scenario.schema import Scenario
from linksim.simulate.assembly import AssembledSimulation, build
from linksim.trace.layout import RunAbout
from linksim.trace.writer import TraceWriter
from linksim.units import seconds_to_ns
from linksim.worker import Worker

BEHIND = 16  # frames that may wait for Bob's networks before it is worth a word
COLLECT_AFTER = 20_000  # objects made and not yet let go before Python looks for unreachable ones


@dataclass(frozen=True)
class RunResult:
    """What a run tells besides its trace. Its wall-clock figures never enter the trace: two runs would differ.

    fingerprint   hash of all events: time, link, kind, number
    simulated_ns  time that passed in the world
    wall_s        time that passed here
    operations    (name, calls, items) of everything the worker ran
    warnings      what the user should know
    """

    fingerprint: str
    simulated_ns: int
    wall_s: float
    operations: tuple[tuple[str, int, int], ...]
    warnings: tuple[str, ...]

    def write_profile(self, path: Path) -> None:
        """Write the wall-clock side of the run as JSON, beside the trace."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")


def run(
    scenario: Scenario,
    listeners: Sequence[Listener] = (),
    trace: Path | None = None,
    overwrite: bool = False,
    policies: Mapping[str, Policy] = MappingProxyType({}),
) -> RunResult:
    """Run `scenario`, telling its records to `listeners` and, unless it is None, to a new trace at `trace`.

    policies  of one's own for choosing diffusion steps, by group, in place of those that the scenario names

    Raises LinksimError where parts or recorded files are missing or do not fit, TraceError where the trace exists and `overwrite` is False.
    """
    scenario = with_checksums(scenario)
    torch.set_num_threads(1)  # the fastest on a machine that does anything else, and the same last bits on all
    worker = Worker(pick_device(scenario.compute.device), eager=scenario.compute.evaluation == "eager")
    built = build(scenario, worker, policies)
    for listener in listeners:
        built.simulation.listen(listener)
    if trace is None:
        return run_until_done(built, scenario)
    about = RunAbout(resolved_yaml(scenario), scenario.seed, versions(worker.device), dict(sorted(built.parts.items())))
    shapes, meanings = {("images", "image"): built.image}, {("links", "group"): tuple(scenario.groups)}
    with TraceWriter(trace, about, shapes, meanings, overwrite, scenario.trace.compression) as writer:
        built.simulation.listen(writer)
        result = run_until_done(built, scenario)
        writer.close(result.fingerprint)
    return result


def run_until_done(built: AssembledSimulation, scenario: Scenario) -> RunResult:
    """Let the world's time pass until all is sent and received, or the scenario's limit is reached; then keep all promises."""
    simulation, started, limit_ns = built.simulation, time.perf_counter(), seconds_to_ns(scenario.max_time_s)
    for link in built.links:
        simulation.emit(link)
    with gc_frozen():
        simulation.env.run(until=built.sent | simulation.env.timeout(limit_ns))
        while simulation.outstanding and simulation.env.peek() < limit_ns:  # what is still on the air, or in Bob's networks
            simulation.env.step()
    for jammer in (jammer for jammers in built.jammers.values() for jammer in jammers):
        jammer.stop()
    simulation.worker.flush()
    operations = tuple((name, calls, simulation.worker.items[name]) for name, calls in simulation.worker.calls.items())
    return RunResult(simulation.fingerprint, simulation.now, time.perf_counter() - started, operations, tuple(_warnings(built, limit_ns)))


@contextmanager
def gc_frozen() -> Iterator[None]:
    """Spare the garbage collector the world, which lives as long as the replication: with a thousand links, looking through it again and again
    costs a fifth of the time."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _warnings(built: AssembledSimulation, limit_ns: int) -> list[str]:
    found = [
        f"group {name!r}: its jammer {jammers[0].idle_reason()}; it changed nothing in this run"
        for name, jammers in built.jammers.items()
        if jammers and not any(jammer.hits for jammer in jammers)
    ]
    for name, bobs in built.bobs.items():
        waited = max(bob.most_waiting for bob in bobs)
        if waited > BEHIND:
            found.append(f"group {name!r}: Bob's networks are slower than frames arrive; up to {waited} frames waited for them")
    if not built.sent.triggered:
        found.append(f"the run ended at its limit of {limit_ns / 1e9:g} s before all frames were sent")
    return found


def versions(device: torch.device) -> dict[str, str]:
    """What a result depends on: packages, Python, and the class of processor."""
    try:
        own = version("linksim")
    except PackageNotFoundError:
        own = "not installed"
    return {
        "linksim": own,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "h5py": version("h5py"),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cpu": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
    }

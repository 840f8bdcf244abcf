"""Runs a scenario from beginning to end: assembles the simulation, runs it, computes all promises and closes the trace.

A run ends when every Alice has sent all her frames and every receiver has processed its copies, or at the scenario's limit of simulated
time. The jammers then report the interval that they are in, the worker computes the promises that still wait, which emits the last scores,
and the rewards of Bob's last decisions follow. The trace is closed last, so it contains the records of all promises.
"""

import gc
import json
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from linksim import __version__
from linksim.adapt.policy import Policy
from linksim.data.measured_snr import with_checksums
from linksim.files import atomic_write
from linksim.negotiation import Bound, bounds
from linksim.nets.weights import pick_device
from linksim.outputs import PROFILE
from linksim.provenance import used_components
from linksim.records import Listener
from linksim.scenario.load import resolved_yaml
from linksim.scenario.metrics import column_of
from linksim.scenario.schema import Scenario
from linksim.scenario.schemes import base_options
from linksim.simulate.assembly import AssembledSimulation, build
from linksim.threads import torch_threads
from linksim.trace.layout import RunMetadata
from linksim.trace.writer import TraceWriter
from linksim.units import seconds_to_ns
from linksim.worker import Worker

QUEUE_WARNING = 16  # number of frames in Bob's queue above which the run ends with a warning
GC_THRESHOLD = 20_000  # net allocations between two collections of the youngest generation


@dataclass(frozen=True)
class RunResult:
    """The result of a run besides its trace. Wall-clock times are not part of the trace, because they differ between equal runs.

    fingerprint   hash of all events (time, link, kind, number), 32 hexadecimal digits; also stored in the trace
    simulated_ns  simulated time at the end of the run in ns
    wall_s        wall-clock time of simulation and networks in s, without the assembly
    operations    (name, calls, items) of each operation of the worker, in the order of their first call
    warnings      messages for the user about results that could mislead, such as a jammer that hit no frame
    """

    fingerprint: str
    simulated_ns: int
    wall_s: float
    operations: tuple[tuple[str, int, int], ...]
    warnings: tuple[str, ...]

    def write_profile(self, path: Path) -> None:
        """Write the result as JSON: an object with the names of the attributes and "source", the mark of the file (see `outputs`).

        An existing file is replaced when the new one is complete. Raises OSError if it cannot be written.
        """
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps({"source": PROFILE} | asdict(self), indent=2) + "\n")


def run(
    scenario: Scenario,
    listeners: Sequence[Listener] = (),
    trace: Path | None = None,
    overwrite: bool = False,
    policies: Mapping[str, Policy] = MappingProxyType({}),
) -> RunResult:
    """Run a scenario. Equal arguments give equal records, and with equal versions and the same class of processor an equal trace.

    scenario   the scenario
    listeners  functions that receive every record, in the order of events; those of a promise as soon as it is computed
    trace      path of a new trace, None for no trace
    overwrite  True replaces an existing trace when the new one is complete; a file that is not a trace is never replaced
    policies   policies for the negotiated parameters by group, which replace those of the scenario

    Raises LinksimError if models or files are missing or do not fit together, TraceError if the trace exists and `overwrite` is False. The
    number of torch threads is 1 during the run and restored afterwards.

    >>> from linksim.scenario.load import scenario_from_text
    >>> scored, scenario = [], scenario_from_text("{name: two-frames, frames: 2, alice: {images_per_frame: 3}}", "doctest")
    >>> result = run(scenario, [lambda record: scored.append(record) if record.table == "scores" else None])
    >>> len(scored), result.warnings
    (6, ())
    """
    with torch_threads(1):  # fastest on a shared machine, and the same last bits on every machine
        return _run(with_checksums(scenario), listeners, trace, overwrite, policies)


def require_runnable(scenario: Scenario) -> None:
    """Raise LinksimError if `run` would refuse a scenario: models or data are missing, or do not fit together.

    The simulation is assembled with one link per group, and not run. `linksim check` calls it.
    """
    groups = {name: options.model_copy(update={"links": 1}) for name, options in scenario.groups.items()}
    with torch_threads(1):
        small = scenario.model_copy(update={"groups": groups})
        build(small, Worker(pick_device(scenario.compute.device)), {})


def _run(
    scenario: Scenario, listeners: Sequence[Listener], trace: Path | None, overwrite: bool, policies: Mapping[str, Policy]
) -> RunResult:
    """Run a scenario whose measured files have checksums. The trace is opened after the assembly, so a rejected scenario leaves no file."""
    worker = Worker(pick_device(scenario.compute.device), eager=scenario.compute.evaluation == "eager")
    built = build(scenario, worker, policies)
    for listener in listeners:
        built.simulation.listen(listener)
    if trace is None:
        return run_until_done(built, scenario)
    metadata = RunMetadata(
        scenario_yaml=resolved_yaml(scenario),
        seed=scenario.seed,
        versions=versions(worker.device),
        models=dict(sorted(built.models.items())),
        components=used_components(scenario, policies, built.model_kinds),
        parameters=negotiated_parameters(scenario),
        metrics=tuple(column_of(metric) for metric in scenario.metrics),
    )
    shapes, meanings = {("images", "pixels"): built.image_shape}, {("links", "group"): tuple(scenario.groups)}
    with TraceWriter(trace, metadata, shapes, meanings, overwrite, scenario.trace.compression) as writer:
        built.simulation.listen(writer)
        result = run_until_done(built, scenario)
        writer.close(result.fingerprint)
    return result


def negotiated_parameters(scenario: Scenario) -> tuple[Bound, ...]:
    """Return the negotiated parameters of all groups, each name once.

    Schemes that share a name share its column in the trace, with the smallest range that contains those of both.

    >>> from linksim.scenario.load import scenario_from_text
    >>> scenario = scenario_from_text("{name: two, groups: {with-steps: {scheme: diffusec}, without: {scheme: deepjscc}}}")
    >>> [(bound.name, bound.lowest, bound.highest) for bound in negotiated_parameters(scenario)]
    [('t_d', 1, 50), ('t_plus', 0, 50)]
    """
    found: dict[str, Bound] = {}
    for bound in (bound for link in scenario.groups.values() for bound in bounds(base_options(link.scheme).Parameters)):
        known = found.get(bound.name, bound)
        found[bound.name] = replace(known, lowest=min(known.lowest, bound.lowest), highest=max(known.highest, bound.highest))
    return tuple(found.values())


def run_until_done(built: AssembledSimulation, scenario: Scenario) -> RunResult:
    """Run an assembled simulation until all frames are sent and received, or `max_time_s` is reached. Then compute all promises.

    built     the simulation, with its listeners
    scenario  its scenario, of which `max_time_s` is used
    """
    simulation, started, limit_ns = built.simulation, time.perf_counter(), seconds_to_ns(scenario.max_time_s)
    for link in built.links:
        simulation.emit(link)
    with gc_frozen():
        simulation.env.run(until=built.sent | simulation.env.timeout(limit_ns))
        while simulation.outstanding and simulation.env.peek() < limit_ns:  # frames that are still on the air or in Bob's queue
            simulation.env.step()
    for jammer in (jammer for jammers in built.jammers.values() for jammer in jammers):
        jammer.stop()
    simulation.worker.flush()
    built.rewards.finish()
    operations = tuple((name, calls, simulation.worker.items[name]) for name, calls in simulation.worker.calls.items())
    return RunResult(simulation.fingerprint, simulation.now, time.perf_counter() - started, operations, tuple(_warnings(built, limit_ns)))


@contextmanager
def gc_frozen() -> Iterator[None]:
    """Context in which the garbage collector ignores all existing objects.

    The objects of a simulation live as long as the run. With a thousand links their repeated inspection takes a fifth of the time. The
    previous settings are restored at the end.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _warnings(built: AssembledSimulation, limit_ns: int) -> list[str]:
    """Return a sentence for each circumstance that makes a run differ from what its scenario suggests."""
    warnings = [
        f"group {name!r}: its jammer {jammers[0].idle_reason()}; it changed nothing in this run"
        for name, jammers in built.jammers.items()
        if jammers and not any(jammer.hits for jammer in jammers)
    ]
    for name, bobs in built.bobs.items():
        queued = max(bob.max_queue_length for bob in bobs)
        if queued > QUEUE_WARNING:
            warnings.append(f"group {name!r}: Bob's networks are slower than frames arrive; up to {queued} frames were queued")
    if built.untuned:
        names = ", ".join(sorted(built.untuned))
        warnings.append(f"not measured on this class of processor, so in float32: {names}; `linksim tune NAME` measures a model")
    if not built.sent.triggered:
        warnings.append(f"the run ended at its limit of {limit_ns / 1e9:g} s before all frames were sent")
    return warnings


def versions(device: torch.device) -> dict[str, str]:
    """Return the versions of Python and of the packages, and the class of processor, on which the last bits of a result depend.

    >>> sorted(versions(torch.device("cpu")))
    ['cpu', 'device', 'h5py', 'linksim', 'numpy', 'python', 'torch']
    """
    return {
        "linksim": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "h5py": version("h5py"),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cpu": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
    }

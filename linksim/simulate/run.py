"""Runs a scenario: assembles the simulation, runs it, and writes the trace.

The trace is closed last, so that it contains the records of all promises.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from linksim import __version__
from linksim.adapt.policy import Policy
from linksim.computation import computation
from linksim.context import fingerprint
from linksim.data.measured_snr import with_checksums
from linksim.negotiation import Bound, bounds
from linksim.nets.weights import pick_device
from linksim.provenance import used_components
from linksim.records import Listener
from linksim.scenario.load import resolved_yaml
from linksim.scenario.metrics import column_of
from linksim.scenario.schema import Scenario
from linksim.scenario.schemes import base_options
from linksim.simulate.assembly import build
from linksim.simulate.execution import CommonEnd, run_part
from linksim.simulate.run_result import PartialResult, RunResult, result_of
from linksim.trace.layout import RunMetadata
from linksim.trace.writer import TraceWriter
from linksim.worker import Worker


@dataclass(frozen=True)
class Part:
    """Some of the links of a run.

    links       their numbers; None for all
    common_end  returns the end of the whole run, given that of the part, in ns
    """

    links: range | None
    common_end: CommonEnd


WHOLE = Part(None, lambda end_ns: end_ns)


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
    with computation(1):  # fastest on a shared machine, and the same last bits on every machine
        return result_of([_run(with_checksums(scenario), WHOLE, listeners, trace, overwrite, policies)])


def run_some(scenario: Scenario, part: Part, listeners: Sequence[Listener], trace: Path) -> PartialResult:
    """Run some links of a scenario, each as in a run of all, and write their trace. Raises as `run` does; an existing trace is replaced."""
    with computation(1):
        return _run(with_checksums(scenario), part, listeners, trace, True, {})


def require_runnable(scenario: Scenario) -> None:
    """Raise LinksimError if `run` would refuse a scenario: models or data are missing, or do not fit together.

    The simulation is assembled with one link per group, and not run. `linksim check` calls it.
    """
    groups = {name: options.model_copy(update={"links": 1}) for name, options in scenario.groups.items()}
    with computation(1):
        small = scenario.model_copy(update={"groups": groups})
        build(small, Worker(pick_device(scenario.compute.device)), {})


def _run(
    scenario: Scenario, part: Part, listeners: Sequence[Listener], trace: Path | None, overwrite: bool, policies: Mapping[str, Policy]
) -> PartialResult:
    """Run a scenario whose measured files have checksums. The trace is opened after the assembly, so a rejected scenario leaves no file."""
    worker = Worker(pick_device(scenario.compute.device), eager=scenario.compute.evaluation == "eager")
    built = build(scenario, worker, policies, owned=part.links)
    for listener in listeners:
        built.simulation.listen(listener)
    if trace is None:
        return run_part(built, scenario, part.common_end)
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
        result = run_part(built, scenario, part.common_end)
        writer.close(fingerprint(result.fingerprints))
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

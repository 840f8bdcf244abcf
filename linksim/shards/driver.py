"""The driver of a run that is divided among processes: it starts them, agrees on the end of the run, and merges their traces.

A process that ends before its time is started once more, from the beginning: its links do the same again. When the run is interrupted, the
processes commit what they have, and the trace holds it.
"""

import contextlib
import json
import os
import selectors
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linksim import files
from linksim.data.measured_snr import with_checksums
from linksim.errors import LinksimError, TraceError
from linksim.records import Listener
from linksim.scenario.load import resolved_yaml
from linksim.scenario.schema import Scenario
from linksim.simulate.run import run
from linksim.simulate.run_result import PartialResult, RunResult, result_of
from linksim.trace.destination import require_trace
from linksim.trace.merge import merge
from linksim.worker_process import WorkerProcess, how_it_ended, stop

if TYPE_CHECKING:
    from linksim.adapt.policy import Policy

MAX_STARTS = 2  # of a process that ends before its time

Report = Callable[[int, int, int], object]  # receives the numbers of sent frames and of scored images, and the simulated time in ns


@dataclass
class _Shard:
    """Some of the links, and the process that simulates them.

    first     number of the first link; the others follow in steps of the number of shards
    worker    the process that simulates them
    starts    how often it was started
    unread    beginning of an answer
    progress  numbers of sent frames and of scored images, and simulated time in ns
    end_ns    instant in ns in which its own links ended; None before it
    result    its result; None before it
    """

    first: int
    worker: WorkerProcess
    starts: int = 1
    unread: bytes = b""
    progress: tuple[int, int, int] = (0, 0, 0)
    end_ns: int | None = None
    result: PartialResult | None = None


def run_divided(
    scenario: Scenario,
    trace: Path,
    overwrite: bool,
    workers: int,
    listeners: Sequence[Listener],
    policies: "Mapping[str, Policy]",
    plugins: Sequence[str],
    report: Report = lambda frames, images, now_ns: None,
) -> RunResult:
    """Run a scenario in at most as many processes as it has links: in this one, as `simulate.run.run` does, or as `run_sharded` does.

    Raises LinksimError for several processes with listeners or policies, which are objects of this process.
    """
    if min(workers, scenario.links) == 1:
        return run(scenario, listeners, trace, overwrite, policies)
    if listeners or policies:
        raise LinksimError(f"{workers} workers are other processes, which have neither listeners nor policies of this one; use one worker")
    return run_sharded(scenario, trace, overwrite, min(workers, scenario.links), plugins, report)


def run_sharded(
    scenario: Scenario,
    trace: Path,
    overwrite: bool,
    workers: int,
    plugins: Sequence[str] = (),
    report: Report = lambda frames, images, now_ns: None,
) -> RunResult:
    """Run a scenario in several processes, with one thread each, and write the trace of all links at the end.

    scenario   the scenario
    trace      path of the trace; what it holds is in the order of time and link
    overwrite  replace an existing trace, when the new one is complete
    workers    number of processes, 2 to the number of links
    plugins    files or modules with components from outside, which every process loads
    report     called from time to time

    An interrupted run leaves a trace that is not complete, with the rows up to then. Raises LinksimError as `simulate.run.run` does, and if
    a process ends `MAX_STARTS` times before its time; TraceError if the trace exists and `overwrite` is False.
    """
    if os.path.lexists(trace):
        if not overwrite:
            raise TraceError(f"{trace} exists; choose another name, or use --overwrite to replace it")
        require_trace(trace)
    try:
        trace.parent.mkdir(parents=True, exist_ok=True)
        staged = files.stage(trace)
    except OSError as fault:
        raise TraceError(f"{trace} cannot be written: {fault.strerror or fault}") from fault
    traces = [staged.parent / f"shard-{first}.h5" for first in range(workers)]
    try:
        result = result_of(_Crew(resolved_yaml(with_checksums(scenario)), traces, plugins).run(report))
        merge(traces, trace, overwrite, result.fingerprint)
        return result
    except BaseException:  # of an interruption as of an error
        if written := [part for part in traces if part.exists()]:
            with contextlib.suppress(TraceError):
                merge(written, trace, False, None)
        raise
    finally:
        files.discard(staged)


class _Crew:
    """The processes of a run.

    scenario  the scenario, YAML
    traces    file of the trace of each process
    plugins   files or modules that every process loads
    """

    def __init__(self, scenario: str, traces: Sequence[Path], plugins: Sequence[str]) -> None:
        self._scenario, self._traces, self._plugins = scenario, traces, plugins
        self._shards = list[_Shard]()
        self._selector = selectors.DefaultSelector()

    def run(self, report: Report) -> list[PartialResult]:
        """Run all processes and return their results. However it ends, no process is left."""
        try:
            for first in range(len(self._traces)):
                self._shards.append(_Shard(first, self._started(first)))
            for shard in self._shards:
                self._selector.register(shard.worker.answers, selectors.EVENT_READ, shard)
            while any(shard.result is None for shard in self._shards):
                for key, _ in self._selector.select():
                    self._read(key.data)
                    frames, images, now_ns = zip(*(shard.progress for shard in self._shards), strict=True)
                    report(sum(frames), sum(images), max(now_ns))
            return [shard.result for shard in self._shards if shard.result is not None]
        finally:
            self._selector.close()
            stop([shard.worker for shard in self._shards], [shard.worker for shard in self._shards if shard.result is None])

    def _started(self, first: int) -> WorkerProcess:
        """Start a process for every `len(traces)`-th link from `first` on."""
        worker = WorkerProcess.start("linksim.shards.process", self._plugins)
        trace = str(self._traces[first].absolute())
        worker.write(json.dumps({"scenario": self._scenario, "first": first, "shards": len(self._traces), "trace": trace}))
        return worker

    def _read(self, shard: _Shard) -> None:
        """Process the answers of a process, or its end."""
        received = os.read(shard.worker.answers, 65536)
        if not received:
            self._ended(shard)
            return
        *lines, shard.unread = (shard.unread + received).split(b"\n")
        for line in lines:
            self._process(shard, json.loads(line))

    def _process(self, shard: _Shard, answer: dict[str, Any]) -> None:
        """Process an answer. Raises LinksimError if it is an error."""
        if "error" in answer:
            raise LinksimError(answer["error"])
        if "frames" in answer:
            shard.progress = answer["frames"], answer["images"], answer["now_ns"]
        elif "result" in answer:
            shard.result = PartialResult.from_json(answer["result"])
        else:
            known = self._end_ns
            shard.end_ns = answer["end_ns"]
            if self._end_ns is not None:
                for waiting in self._shards if known is None else (shard,):
                    waiting.worker.write(str(self._end_ns))

    @property
    def _end_ns(self) -> int | None:
        """End of the run, None before the links of all shards have ended."""
        ends = [shard.end_ns for shard in self._shards if shard.end_ns is not None]
        return max(ends) if len(ends) == len(self._shards) else None

    def _ended(self, shard: _Shard) -> None:
        """Start a process once more that has ended before its time. Raises LinksimError if it has been started `MAX_STARTS` times."""
        self._selector.unregister(shard.worker.answers)
        if shard.result is not None:
            return
        status = shard.worker.process.wait()
        if shard.starts == MAX_STARTS:
            how = f"{how_it_ended(status)}, {MAX_STARTS} times"
            raise LinksimError(f"a process of the run ended {how}; with one worker, all links run in the process of the command")
        stop([shard.worker], [])
        shard.worker, shard.starts = self._started(shard.first), shard.starts + 1
        shard.unread, shard.progress, shard.end_ns = b"", (0, 0, 0), None
        self._selector.register(shard.worker.answers, selectors.EVENT_READ, shard)

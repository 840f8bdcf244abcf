"""Engines: what executes the points of a sweep instead of worker processes of this machine.

    points --> [Dask or Ray: a cluster, or processes of this machine] --> outcomes --> driver --> journal

The driver commits each outcome when it arrives, so a sweep that is ended continues with the points whose outcomes had not arrived. The
machines of a cluster need linksim, its models and datasets, and for traces the folder of the sweep.
"""

import re
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from linksim.errors import LinksimError
from linksim.registry import suggest
from linksim.sweeps.journal import Outcome
from linksim.sweeps.worker import run_anywhere

CONNECT_S = 10.0  # time for a connection to a cluster
RETRIES = 1  # of a point whose process ends


class Job(NamedTuple):
    """A point as an engine gets it: its digest, its scenario (YAML), the file of its trace or None, and the plugins that it needs."""

    digest: str
    scenario: str
    trace: str | None
    plugins: tuple[str, ...]


Execute = Callable[[Sequence[Job]], Iterable[tuple[str, Outcome]]]  # runs points, and yields digest and outcome of each as it ends


@contextmanager
def open_engine(name: str, workers: int, address: str | None) -> Iterator[Execute]:
    """Context in which an engine runs points. What it has started is ended afterwards.

    name     of the engine
    workers  number of processes, if they are on this machine
    address  of the scheduler of a cluster, None for processes of this machine

    Raises LinksimError if the engine is unknown or not installed, or if the cluster cannot be reached.
    """
    if name not in ENGINES:
        raise LinksimError(f"no engine {name!r}; {suggest(name, ENGINES)}")
    try:
        context = ENGINES[name](workers, address)
    except ImportError as fault:
        raise LinksimError(f"engine {name!r} needs the package {fault.name}: pip install {fault.name}") from fault
    with context as execute:
        yield execute


def _dask(workers: int, address: str | None) -> Any:
    import distributed

    @contextmanager
    def opened() -> Iterator[Execute]:
        try:
            cluster = None if address else distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            client = distributed.Client(address or cluster)
        except (OSError, ValueError, RuntimeError) as fault:
            raise LinksimError(f"--address {address}: no scheduler of Dask can be reached ({fault})") from fault

        def execute(jobs: Sequence[Job]) -> Iterator[tuple[str, Outcome]]:
            digests = {client.submit(run_anywhere, *job[1:], key=job.digest, retries=RETRIES): job.digest for job in jobs}
            for future in distributed.as_completed(digests):
                yield digests[future], _outcome(future.result)
                future.release()

        with client:
            yield execute
        if cluster is not None:
            cluster.close()

    return opened()


def _ray(workers: int, address: str | None) -> Any:
    import ray

    @contextmanager
    def opened() -> Iterator[Execute]:
        if address and (place := re.fullmatch(r"(?:ray://)?(.+):(\d+)", address)):
            _require_listener(place[1], int(place[2]), address)  # Ray ends this process where nothing listens
        started = {"address": address} if address else {"num_cpus": workers, "include_dashboard": False}
        try:
            ray.init(log_to_driver=False, logging_level="ERROR", **started)
        except (OSError, ValueError, RuntimeError) as fault:
            raise LinksimError(f"--address {address}: no cluster of Ray can be reached ({fault})") from fault

        def execute(jobs: Sequence[Job]) -> Iterator[tuple[str, Outcome]]:
            run = ray.remote(num_cpus=1, max_retries=RETRIES)(run_anywhere)
            digests = {run.remote(*job[1:]): job.digest for job in jobs}
            while digests:
                for ended in ray.wait(list(digests), num_returns=1)[0]:
                    yield digests.pop(ended), _outcome(partial(ray.get, ended))

        try:
            yield execute
        finally:
            ray.shutdown()

    return opened()


def _require_listener(host: str, port: int, address: str) -> None:
    """Raise LinksimError unless something accepts connections there."""
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError as fault:
        raise LinksimError(f"--address {address}: no cluster of Ray can be reached ({fault.strerror or fault})") from fault


def _outcome(result: Callable[[], Outcome]) -> Outcome:
    """Return the outcome of a point, with the exception of the engine as its error, for example because its process was killed."""
    try:
        return result()
    except Exception as fault:  # whatever an engine raises for a process that ended
        return Outcome(0.0, [], " ".join(f"{type(fault).__name__}: {fault}".split()))


ENGINES: dict[str, Callable[[int, str | None], Any]] = {"dask": _dask, "ray": _ray}

"""What all processes of a world share: the clock, the worker, the listeners and the fingerprint."""

import hashlib
from struct import Struct

import simpy

from linksim.records import Listener, Record
from linksim.worker import Worker

_EVENT = Struct("<qihq")

SENT, DELIVERED, CONTROL, JAMMED = range(4)  # kinds of event in the fingerprint


class Simulation:
    """One run's shared state.

    env     SimPy's clock; its time is an int of nanoseconds
    worker  runs the networks
    `outstanding` counts the data frames that were sent and that not all receivers have been received of.
    """

    def __init__(self, worker: Worker) -> None:
        self.env = simpy.Environment(initial_time=0)
        self.worker = worker
        self.outstanding = 0
        self._listeners: list[Listener] = []
        self._hash = hashlib.blake2b(digest_size=16)

    @property
    def now(self) -> int:
        """Simulated time in ns."""
        return self.env.now  # type: ignore[return-value]  # SimPy says float; every timeout here is an int

    def listen(self, listener: Listener) -> None:
        """Tell `listener` every record from now on, after those that listen already."""
        self._listeners.append(listener)

    def emit(self, record: Record) -> None:
        for listener in self._listeners:
            listener(record)

    def note(self, link: int, kind: int, number: int) -> None:
        """Add an event to the fingerprint: it hashes time, link, kind and number of every one, in order."""
        self._hash.update(_EVENT.pack(self.now, link, kind, number))

    @property
    def fingerprint(self) -> str:
        return self._hash.hexdigest()

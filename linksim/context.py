"""The state that all processes of a simulation share: clock, worker, listeners and fingerprint.

Nodes, air, jammers and sessions are SimPy processes that share one `Simulation`; their results leave it as records. The fingerprint is a
hash of the events in their order. Two runs with equal fingerprints had the same events at the same times, whatever the networks computed,
so it separates a change of the simulation from a change of rounding.
"""

import hashlib
from enum import IntEnum
from struct import Struct

import simpy

from linksim.records import Listener, Record
from linksim.worker import Worker

_EVENT = Struct("<qihq")


class EventKind(IntEnum):
    """The kinds of event that enter the fingerprint."""

    SENT = 0  # a data frame left the antenna
    DELIVERED = 1  # a data frame reached a receiver
    CONTROL = 2  # a control frame left the antenna
    JAMMED = 3  # a jammer began to radiate


class Simulation:
    """The shared state of one run.

    env          SimPy environment; its time is an integer number of nanoseconds
    worker       runs the networks
    outstanding  number of data frames that were sent and are not yet complete at all receivers

    >>> simulation = Simulation(Worker())
    >>> simulation.now
    0
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
        return self.env.now  # type: ignore[return-value]  # SimPy's type is float; every timeout of linksim is an int

    def listen(self, listener: Listener) -> None:
        """Pass all records from now on to `listener`, after the listeners that were added before it."""
        self._listeners.append(listener)

    def emit(self, record: Record) -> None:
        """Pass a record to all listeners, in the order in which they were added. An exception of a listener ends the run."""
        for listener in self._listeners:
            listener(record)

    def update_fingerprint(self, link: int, kind: EventKind, number: int) -> None:
        """Add an event to the fingerprint, which hashes time, link, kind and number of all events in their order.

        link    number of the link in the run
        kind    kind of event
        number  number of the event among those of its kind and link, such as the number of a transmission

        >>> simulation = Simulation(Worker())
        >>> before = simulation.fingerprint
        >>> simulation.update_fingerprint(link=0, kind=EventKind.SENT, number=0)
        >>> simulation.fingerprint == before
        False
        """
        self._hash.update(_EVENT.pack(self.now, link, kind, number))

    @property
    def fingerprint(self) -> str:
        """Hash of all events so far, 32 hexadecimal digits."""
        return self._hash.hexdigest()

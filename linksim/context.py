"""The state that all processes of a simulation share: clock, worker, listeners and fingerprints.

Nodes, air, jammers and sessions are SimPy processes that share one `Simulation`; their results leave it as records. The fingerprint of a
link is a hash of its events in their order. Two runs with equal fingerprints had the same events at the same times, whatever the networks
computed, so it separates a change of the simulation from a change of rounding.
"""

import hashlib
from collections.abc import Container, Mapping, Sequence
from enum import IntEnum
from struct import Struct
from typing import Any

import simpy

from linksim.records import BlockListener, Listener, Record
from linksim.worker import Worker

_EVENT = Struct("<qhq")


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
    links        numbers of the links that report; None for all. A run of some links has the jammers of all, because one may sweep over them

    >>> simulation = Simulation(Worker())
    >>> simulation.now
    0
    """

    def __init__(self, worker: Worker, links: Container[int] | None = None) -> None:
        self.env = simpy.Environment(initial_time=0)
        self.worker = worker
        self.outstanding = 0
        self._links = links
        self._listeners: list[Listener] = []
        self._hashes: dict[int, hashlib.blake2b] = {}

    @property
    def now(self) -> int:
        """Simulated time in ns."""
        return self.env.now  # type: ignore[return-value]  # SimPy's type is float; every timeout of linksim is an int

    def listen(self, listener: Listener) -> None:
        """Pass all records from now on to `listener`, after the listeners that were added before it."""
        self._listeners.append(listener)

    def emit(self, record: Record) -> None:
        """Pass a record to all listeners, in the order in which they were added. An exception of a listener ends the run.

        Records of links that do not report are dropped.
        """
        if self._links is not None and record.link not in self._links:  # type: ignore[attr-defined]  # every record has it
            return
        for listener in self._listeners:
            listener(record)

    def emit_block(self, record: type[Record], columns: Mapping[str, Sequence[Any]]) -> None:
        """Pass records of one type to all listeners: as columns to those that take blocks, else one after the other.

        record   type of the records
        columns  values of each field that has no default, in the order of the records, which are of links that report

        >>> from linksim.records import LinkCreated
        >>> simulation, found = Simulation(Worker()), []
        >>> simulation.listen(found.append)
        >>> simulation.emit_block(LinkCreated, {"link": [0, 1], "group": [0, 0]})
        >>> found
        [LinkCreated(link=0, group=0), LinkCreated(link=1, group=0)]
        """
        records: list[Record] | None = None
        for listener in self._listeners:
            if isinstance(listener, BlockListener):
                listener.block(record, columns)
                continue
            if records is None:
                records = [record(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
            for each in records:
                listener(each)

    def update_fingerprint(self, link: int, kind: EventKind, number: int) -> None:
        """Add an event to the fingerprint of a link, which hashes time, kind and number of its events in their order.

        link    number of the link in the run
        kind    kind of event
        number  number of the event among those of its kind and link, such as the number of a transmission

        >>> simulation = Simulation(Worker())
        >>> simulation.update_fingerprint(link=0, kind=EventKind.SENT, number=0)
        >>> sorted(simulation.fingerprints()), len(simulation.fingerprints()[0])
        ([0], 32)
        """
        found = self._hashes.get(link)
        if found is None:
            if self._links is not None and link not in self._links:
                return
            found = self._hashes[link] = hashlib.blake2b(digest_size=16)
        found.update(_EVENT.pack(self.env.now, kind, number))

    def fingerprints(self) -> dict[int, str]:
        """Return the hash of all events so far of each link that had any, 32 hexadecimal digits."""
        return {link: found.hexdigest() for link, found in self._hashes.items()}


def fingerprint(links: Mapping[int, str]) -> str:
    """Return the fingerprint of a run, 32 hexadecimal digits, from those of its links by number.

    >>> fingerprint({1: "b", 0: "a"}) == fingerprint({0: "a", 1: "b"}) != fingerprint({0: "b", 1: "a"})
    True
    """
    return hashlib.blake2b(repr(sorted(links.items())).encode(), digest_size=16).hexdigest()

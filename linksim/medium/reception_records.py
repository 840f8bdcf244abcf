"""The records of receptions: all copies of data frames whose radiated power one batch of symbols makes known."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from linksim.context import Simulation
from linksim.medium.data_reception import ReceptionLevels
from linksim.records import Reception
from linksim.units import linear_to_db
from linksim.worker import Named, Promise

FIELDS = tuple(field.name for field in fields(Reception))


class DeliveredCopy(NamedTuple):
    """A copy of a data frame, which is announced with the promise of its symbols to a `ReceptionRecorder`.

    levels            SNR and jamming at unit power
    estimated_snr_db  the receiver's estimate of the SNR in dB
    header            a value of `HeaderOutcome`

    The other fields are those of the record.
    """

    time_ns: int
    link: int
    frame: int
    receiver: int
    levels: ReceptionLevels
    estimated_snr_db: float
    header: int


class ReceptionRecorder:
    """A batch listener of the worker that emits one `Reception` per copy; a run has one.

    SNR, SINR and jamming-to-signal ratio refer to the mean radiated power per complex symbol of the payload.

    simulation  shared state of the run
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._sent: Named | None = None  # newest batch of symbols, whose copies are announced one by one if it has run before they arrive
        self._powers: list[float] = []

    def __call__(self, block: Sequence[tuple[DeliveredCopy, Promise]], sent: Named) -> None:
        """Emit the receptions of a batch; `sent` is a result of `operations.send`."""
        if sent is not self._sent:
            self._sent, self._powers = sent, sent["power"].tolist()
        rows = list[tuple[Any, ...]]()
        for copy, promise in block:
            first, items, levels = promise.first, promise.items, copy.levels
            power = self._powers[first] if items == 1 else float(sent["power"][first : first + items].mean())
            in_db = linear_to_db(power)
            snr_db = levels.mean_snr_db, levels.snr_db + in_db, levels.sinr_db + in_db, copy.estimated_snr_db
            rows.append((*copy[:4], power, *snr_db, levels.jammed_fraction, levels.mean_jsr / power if power else 0.0, copy.header))
        self._simulation.emit_block(Reception, dict(zip(FIELDS, zip(*rows, strict=True), strict=True)))

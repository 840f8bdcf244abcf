"""Records of the control plane: control messages, and Bob's choices of the negotiated parameters.

docs/wire-format.md specifies the messages. An answer carries the `sequence` of the message that it answers, so the messages of one exchange
share it; those of a probe round share it with the round's decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from linksim.enums import ControlOutcome, Origin
from linksim.records.codes import MESSAGES, NODES
from linksim.records.record import Record, column, negotiated


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSent(Record):
    """A copy of a control message; emitted when it has reached its addressee or was lost.

    A message that was transmitted several times has one row per transmission, and one for each copy that the link's faults have added.
    Added copies take no airtime of their own on the air. `LOST` means that the checksum failed; a message that arrives intact but fails
    authentication, or does not fit the state of the session, is `REFUSED`.
    """

    table = "control"
    title = "control messages"
    time_ns: int = column("ns", "start of transmission")
    airtime_ns: int = column("ns", "duration of the transmission")
    link: int = column("1", "number of the link", dtype="int32")
    sender: int = column("1", "sender of the message", NODES, "uint8")
    message: int = column("1", "kind of message", MESSAGES, "uint8")
    sequence: int = column("1", "number of the exchange that the message belongs to")
    attempt: int = column("1", "0 for the first transmission, 1 for the first retransmission", dtype="int16")
    size_bytes: int = column("byte", "length with header and checksum", dtype="int32")
    channel_uses: int = column("1", "complex channel uses", dtype="int32")
    outcome: int = column("1", "outcome of the transmission", ControlOutcome.words(), "uint8")
    origin: int = column("1", "origin of the copy", Origin.words(), "uint8")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDecision(Record):
    """Bob's choice of the negotiated parameters in one probe round. It is in force once Alice has received it (table `frames`)."""

    table = "decisions"
    title = "negotiated parameters that Bob chose"
    time_ns: int = column("ns", "instant of the decision")
    link: int = column("1", "number of the link", dtype="int32")
    sequence: int = column("1", "number of the probe round's exchange")
    measured_snr_db: float = column("dB", "SNR as Bob measured it", dtype="float32")
    snr_db: float = column("dB", "true SNR, fading and interference included", dtype="float32")
    before: Mapping[str, int] = negotiated("_before", ", before the decision")
    parameters: Mapping[str, int] = negotiated("", ", requested")

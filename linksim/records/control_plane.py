"""Records of the control plane: control messages, and Bob's choices of the negotiated parameters with their rewards.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class DisagreementObserved(Record):
    """What Bob observed of an attack on the source before a decision, if his policy declares that it observes it (`adapt.observation`).

    It is emitted at the decision, of the images that he decoded since the last one and that were sent with the parameters in force.
    """

    table = "disagreements"
    title = "images whose class changed when Bob denoised them"
    time_ns: int = column("ns", "instant of the decision")
    link: int = column("1", "number of the link", dtype="int32")
    images: int = column("1", "images that were compared", dtype="int32")
    disagreement: float = column("1", "share of them whose class changed, 0..1", dtype="float32")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionReward(Record):
    """The reward of one of Bob's decisions and its parts; emitted when no more image can count for it, at the latest when the run ends.

    An image counts if the transmission from which Bob has it started after the decision and before the next one of the link, if he has
    decoded the frame, and if it was sent with the parameters that he chose. The parts and the reward of a decision without an image are
    absent. Without an attack on the source the shares are 0.
    """

    table = "rewards"
    title = "rewards of Bob's decisions"
    time_ns: int = column("ns", "instant of the decision")
    link: int = column("1", "number of the link", dtype="int32")
    sequence: int = column("1", "number of the probe round's exchange")
    images: int = column("1", "images of Bob that count for the decision", dtype="int32")
    ssim: float | None = column("1", "their mean structural similarity", optional=True)
    adv_share: float | None = column("1", "share on which the attack succeeds, Eq. (28)", optional=True)
    err_share: float | None = column("1", "share that is put into a third class, Eq. (30)", optional=True)
    reward: float | None = column("1", "reward of these images, Eq. (31)", optional=True)

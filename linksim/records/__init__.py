"""The records of a simulation: one frozen dataclass per table of the trace, one instance per row, with unit and description of each field.

A node emits a record as soon as all of its fields are known (`Simulation.emit`), which may be later than its `time_ns`: a score exists
when the networks have run. Listeners (the trace writer, the progress bar, user code) receive every record; the nodes do not know them.

    record         what a record and a column are; the declaration of fields
    data_plane     links, data frames, receptions, scores, images, Eve's knowledge of keys and her tests for hidden signals
    radio          paths, symbols, jamming
    control_plane  control messages, choices of negotiated parameters and their rewards

A record holds plain numbers, except `KeptImage`, whose `pixels` is a small array, and the negotiated parameters and the metrics of the
scenario, which are mappings by name. Records are built by keyword. Times are integer nanoseconds of simulated time, links are numbered from
0 through all groups, and the frames of a link from 0.

>>> from linksim.enums import Node
>>> record = JammingInterval(time_ns=0, end_ns=2_000_000, link=0, jsr_bob_db=0.0, jsr_eve_db=-3.0, energy=0.002)
>>> record.table, RECEIVERS[Node.EVE]
('jamming', 'eve')
"""

from linksim.records.codes import MESSAGES, NODES, RECEIVERS
from linksim.records.control_plane import ControlSent, DecisionReward, DisagreementObserved, ParameterDecision
from linksim.records.data_plane import (
    Detection,
    FrameSent,
    ImageScore,
    KeptImage,
    KeyKnowledge,
    LinkCreated,
    Reception,
    SourceAttackStrength,
)
from linksim.records.radio import ChannelSample, ConstellationPoint, JammingInterval
from linksim.records.record import FILL, BlockListener, Column, Listener, MetricColumn, Record, columns

__all__ = [
    "FILL",
    "MESSAGES",
    "NODES",
    "RECEIVERS",
    "TABLES",
    "BlockListener",
    "ChannelSample",
    "Column",
    "ConstellationPoint",
    "ControlSent",
    "DecisionReward",
    "Detection",
    "DisagreementObserved",
    "FrameSent",
    "ImageScore",
    "JammingInterval",
    "KeptImage",
    "KeyKnowledge",
    "LinkCreated",
    "Listener",
    "MetricColumn",
    "ParameterDecision",
    "Reception",
    "Record",
    "SourceAttackStrength",
    "columns",
]

TABLES: tuple[type[Record], ...] = (  # in the order of their groups in the trace
    LinkCreated,
    FrameSent,
    Reception,
    ImageScore,
    ControlSent,
    JammingInterval,
    KeptImage,
    ChannelSample,
    ConstellationPoint,
    ParameterDecision,
    DecisionReward,
    KeyKnowledge,
    Detection,
    SourceAttackStrength,
    DisagreementObserved,
)

"""The contents of a sequence chart, without matplotlib: messages of a link in order, excerpts, and vertical positions of instants.

`plots.session` draws the chart. Messages of a link last between microseconds and milliseconds and are milliseconds to seconds apart, so no
linear scale of time can show both; `depth_scale` limits the height of messages and of the time between them instead.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.enums import Code, ControlOutcome, MessageKind, Node, Origin, Outcome
from linksim.plots.tables import seconds, sent_by_alice
from linksim.plots.trace_view import GroupView
from linksim.units import NS_PER_S

EXCERPT = 16  # messages in an excerpt
BEFORE = 5  # messages before the first loss in an excerpt
ARROW = (0.3, 0.5)  # minimum and maximum height of a message in inches
IDLE = (0.05, 0.24)  # minimum and maximum height of the time between messages in inches
AT_ONCE = 0.2  # instants with a smaller distance, in lengths of the shortest message, have the same position
NOTE = 0.24  # height in inches of a note for a message that was not on the air
LOST = ControlOutcome.LOST.word
SUFFIXES = {Origin.DUPLICATE: " duplicated", Origin.REPLAY: " replayed", Origin.FORGERY: " forged"}


@dataclass(frozen=True)
class ChartMessage:
    """A control message or data frame.

    start_s, end_s  start of transmission and arrival; equal if the message was not on the air
    by_alice        whether Alice is the sender
    data            whether the message is a data frame
    name            name such as "KEY 3" or "frame 7"
    outcome         word of the trace for the outcome, such as "accepted"
    used            whether the addressee could use it
    fault           whether it is a copy made by a fault of the link; its time is the arrival of the true message
    """

    start_s: float
    end_s: float
    by_alice: bool
    data: bool
    name: str
    outcome: str
    used: bool
    fault: bool = False

    @property
    def on_air(self) -> bool:
        """False for a frame that was not sent and for a copy made by a fault."""
        return self.end_s > self.start_s


def messages(group: GroupView, link: int) -> list[ChartMessage]:
    """Return all messages and frames of a link in the order of transmission.

    group  group of the link
    link   number of the link

    Arrival is the end of transmission plus the propagation delay, if the paths of the group were sampled; otherwise the delay counts as 0.
    """
    frames, control = group.frames.take(group.frames.link == link), group.control.take(group.control.link == link)
    delays = group.channel.delay_ns[group.channel.receiver == Node.BOB]
    delay_ns = int(delays[0]) if len(delays) else 0
    found = []
    arrival_ns = np.where(frames.outcome == Outcome.NOT_SENT, frames.time_ns, frames.time_ns + frames.airtime_ns + delay_ns)
    kinds = zip(frames.frame.tolist(), frames.attempt.tolist(), frames.outcome.tolist(), strict=True)
    for a, b, (n, attempt, code) in zip(seconds(frames.time_ns).tolist(), seconds(arrival_ns).tolist(), kinds, strict=True):
        found.append(ChartMessage(a, b, True, True, f"frame {n}{again(attempt)}", word(Outcome, code), code == Outcome.DECODED))
    true = control.origin == Origin.SENT
    airtimes = dict(zip(control.time_ns[true].tolist(), control.airtime_ns[true].tolist(), strict=True))
    for start_ns, alice, kind, sequence, attempt, code, origin in zip(
        control.time_ns.tolist(), sent_by_alice(control).tolist(), control.message.tolist(), control.sequence.tolist(),
        control.attempt.tolist(), control.outcome.tolist(), control.origin.tolist(), strict=True,
    ):  # fmt: skip
        arrival_ns = start_ns + airtimes.get(start_ns, 0) + delay_ns
        begin_ns = start_ns if origin == Origin.SENT else arrival_ns
        name = f"{word(MessageKind, kind).upper()} {sequence}{again(attempt)}{SUFFIXES.get(origin, '')}"
        start, end, used = begin_ns / NS_PER_S, arrival_ns / NS_PER_S, code == ControlOutcome.ACCEPTED
        found.append(ChartMessage(start, end, alice, False, name, word(ControlOutcome, code), used, origin != Origin.SENT))
    return sorted(found, key=lambda message: message.start_s)


def again(attempt: int) -> str:
    """Return the suffix of a retransmission.

    >>> again(0), again(1)
    ('', ', try 2')
    """
    return f", try {attempt + 1}" if attempt else ""


def word(codes: type[Code], code: int) -> str:
    """Return the word of a code, or its number if this version does not know it.

    >>> word(Outcome, 2), word(Outcome, 99)
    ('not sent', 'code 99')
    """
    return codes(code).word if code < len(codes) else f"code {code}"


def excerpts(every: list[ChartMessage]) -> list[tuple[str, list[ChartMessage]]]:
    """Return titles and messages of the excerpts: the beginning, and the messages around the first loss or else the next ones.

    every  all messages of a link in the order of transmission; up to `EXCERPT` of them are a single excerpt
    """
    first = next((i for i, message in enumerate(every) if not message.used and not message.fault), None)
    parts = [("from the beginning", every[:EXCERPT])]
    if len(every) <= EXCERPT:
        return parts
    if first is None or first < EXCERPT:
        return [*parts, ("next messages", every[EXCERPT : 2 * EXCERPT])]
    start = max(EXCERPT, first - BEFORE)
    return [*parts, (f"around the first loss, {every[first].name}", every[start : start + EXCERPT])]


@dataclass(frozen=True)
class DepthScale:
    """The mapping of instants to vertical positions, which preserves the order of time but not its lengths.

    instants  instants in s, ascending [n]
    depth     positions in inches from the top [n]; notes on messages that were not on the air are below their instants
    height    total height in inches
    breaks    idle intervals (start, end) in s that are shortened
    """

    instants: NDArray[np.float64]
    depth: NDArray[np.float64]
    height: float
    breaks: tuple[tuple[float, float], ...]

    def __call__(self, instant_s: float) -> float:
        """Return the position of an instant in inches."""
        return float(np.interp(instant_s, self.instants, self.depth))


def depth_scale(part: list[ChartMessage]) -> DepthScale:
    """Return the scale of an excerpt. Heights are proportional to time within the limits `ARROW` and `IDLE`.

    part  at least one message, in the order of transmission

    The unit is the median length of a message, whose height is `ARROW[0]`. Idle time that would be higher than `IDLE[1]` is a break.
    """
    instants = np.unique([instant for message in part for instant in (message.start_s, message.end_s)])
    gaps, ends = np.diff(instants), instants[1:]
    busy = np.array([any(m.start_s < end <= m.end_s for m in part) for end in ends], bool)
    notes = np.array([sum(m.start_s == instant for m in part if not m.on_air) for instant in instants])
    lengths = [m.end_s - m.start_s for m in part if m.on_air] or [1.0]
    wanted = gaps / float(np.median(lengths)) * ARROW[0]
    heights = np.where(busy, np.clip(wanted, *ARROW), np.clip(wanted, *IDLE)) * (gaps > AT_ONCE * min(lengths)) + NOTE * notes[:-1]
    depth = np.concatenate([[0.0], np.cumsum(heights)])
    long = np.flatnonzero(~busy & (wanted > IDLE[1]))
    breaks = tuple((float(instants[i]), float(ends[i])) for i in long)
    return DepthScale(instants, depth, float(depth[-1]) + NOTE * (1 + int(notes[-1])), breaks)

"""What a sequence chart shows: the messages of a link in order, excerpts of them, and how far down an instant stands. No matplotlib."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.plots.tables import ACCEPTED, DECODED, NOT_SENT, seconds, sent_by_alice
from linksim.plots.trace_view import GroupView
from linksim.records import AS_SENT, BOB, DUPLICATE, FORGERY, MESSAGES, REPLAY, ControlSent, FrameSent, columns
from linksim.units import NS_PER_S

EXCERPT = 16  # messages
BEFORE = 5  # of them before the first loss
ARROW = (0.3, 0.5)  # height in inches of a usual message: at least, at most
IDLE = (0.05, 0.24)  # of the time between messages
AT_ONCE = 0.2  # instants closer than so many times the shortest message are one: an arrival, and what is sent upon it
NOTE = 0.24  # of what was not on the air
LOST = "lost"

FRAME_WORDS, CONTROL_WORDS = ({c.name: c.meanings for c in columns(record)}["outcome"] for record in (FrameSent, ControlSent))
HOW = {DUPLICATE: " again", REPLAY: " replayed", FORGERY: " forged"}


@dataclass(frozen=True)
class Message:
    """A control message or data frame.

    start_s, end_s  start of transmission and arrival; the same for what was not on the air
    name            "KEY 3", "frame 7"
    outcome         the trace's word for it
    used            whether it did what it was sent for
    fault           whether it is a copy that its sender did not send; it stands where the true one arrived
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
        """False for a frame that was held back, and for a copy that its sender did not send."""
        return self.end_s > self.start_s


def messages(group: GroupView, link: int) -> list[Message]:
    """All of a link in the order in which they were sent."""
    frames, control = group.frames.take(group.frames.link == link), group.control.take(group.control.link == link)
    delays = group.paths.delay_ns[group.paths.receiver == BOB]
    delay_ns = int(delays[0]) if len(delays) else 0
    found = []
    arrival_ns = np.where(frames.outcome == NOT_SENT, frames.time_ns, frames.time_ns + frames.airtime_ns + delay_ns)
    kinds = zip(frames.frame.tolist(), frames.attempt.tolist(), frames.outcome.tolist(), strict=True)
    for a, b, (n, attempt, code) in zip(seconds(frames.time_ns).tolist(), seconds(arrival_ns).tolist(), kinds, strict=True):
        found.append(Message(a, b, True, True, f"frame {n}{again(attempt)}", word(FRAME_WORDS, code), code == DECODED))
    true = control.origin == AS_SENT
    airtimes = dict(zip(control.time_ns[true].tolist(), control.airtime_ns[true].tolist(), strict=True))
    for start_ns, alice, kind, sequence, attempt, code, origin in zip(
        control.time_ns.tolist(), sent_by_alice(control).tolist(), control.message.tolist(), control.sequence.tolist(),
        control.attempt.tolist(), control.outcome.tolist(), control.origin.tolist(), strict=True,
    ):  # fmt: skip
        arrival_ns = start_ns + airtimes.get(start_ns, 0) + delay_ns
        begin_ns = start_ns if origin == AS_SENT else arrival_ns
        name = f"{word(MESSAGES, kind).upper()} {sequence}{again(attempt)}{HOW.get(origin, '')}"
        end = arrival_ns / NS_PER_S
        found.append(Message(begin_ns / NS_PER_S, end, alice, False, name, word(CONTROL_WORDS, code), code == ACCEPTED, origin != AS_SENT))
    return sorted(found, key=lambda message: message.start_s)


def again(attempt: int) -> str:
    """ ", try 2"; nothing for the first."""
    return f", try {attempt + 1}" if attempt else ""


def word(words: tuple[str, ...], code: int) -> str:
    """The word of a code, also of one that only a later version knows."""
    return words[code] if code < len(words) else f"code {code}"


def excerpts(every: list[Message]) -> list[tuple[str, list[Message]]]:
    """Title and messages of the beginning and, where there are more, of what came around the first loss or else of what came next."""
    first = next((i for i, message in enumerate(every) if not message.used and not message.fault), None)
    parts = [("from the beginning", every[:EXCERPT])]
    if len(every) <= EXCERPT:
        return parts
    if first is None or first < EXCERPT:
        return [*parts, ("what came next", every[EXCERPT : 2 * EXCERPT])]
    start = max(EXCERPT, first - BEFORE)
    return [*parts, (f"around the first loss, {every[first].name}", every[start : start + EXCERPT])]


@dataclass(frozen=True)
class Scale:
    """How far down an instant stands: the order of time is kept, its lengths are not.

    instants  in s, ascending [n]
    depth     in inches [n]; below an instant is room for a note on each message that was not on the air then
    height    of all, in inches
    breaks    idle stretches (start, end) in s that are drawn shorter than they were
    """

    instants: NDArray[np.float64]
    depth: NDArray[np.float64]
    height: float
    breaks: tuple[tuple[float, float], ...]

    def __call__(self, instant_s: float) -> float:
        return float(np.interp(instant_s, self.instants, self.depth))


def scale(part: list[Message]) -> Scale:
    """Lengths are true while they lie between what can be read and what is wasted."""
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
    return Scale(instants, depth, float(depth[-1]) + NOTE * (1 + int(notes[-1])), breaks)

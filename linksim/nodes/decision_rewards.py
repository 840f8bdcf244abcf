"""The reward of each decision of Bob, Eq. (31) of DiffuSeC, as records of the run.

    decision --> frames that start after it, decoded by Bob, sent with its parameters --> their scores --+
    next decision: the round is over --> all frames of the round are complete and scored                 +--> DecisionReward

An image counts for a decision if the transmission from which Bob has it started after the decision and before the next one of the link, and
had the parameters that he chose. A frame that Alice encoded before his REPORT arrived, or after it was lost, says nothing about his choice.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from linksim.adapt.reward import adv_share, err_share, reward
from linksim.context import Simulation
from linksim.enums import Node, Outcome
from linksim.records import FILL, BlockListener, DecisionReward, FrameSent, ImageScore, ParameterDecision, Record


class RoundReward(NamedTuple):
    """The components of a link's reward in one round.

    ssim      mean structural similarity of the images, -1..1
    adv, err  shares of Eq. (28) and (30), 0..1, before the square roots
    images    number of images with an SSIM
    """

    ssim: float
    adv: float
    err: float
    images: int

    @property
    def reward(self) -> float:
        """The reward of the components, Eq. (31)."""
        return reward(self.ssim, self.adv, self.err)


def round_reward(scores: Sequence[ImageScore]) -> RoundReward | None:
    """The reward components of the images that have an SSIM, or None if there are none. The order of the images does not matter.

    scores  scores of Bob's images in one round; images without classes (no attack on the source) count for neither share
    """
    kept = [row for row in scores if row.ssim is not None]
    if not kept:
        return None
    classes = [(row.class_clean, row.class_attacked, row.class_received) for row in kept]
    clean, attacked, final = np.array([(FILL,) * 3 if None in row else row for row in classes], np.int64).T
    ssim = math.fsum(row.ssim for row in kept if row.ssim is not None) / len(kept)
    return RoundReward(ssim, float(adv_share(clean, attacked, final)), float(err_share(clean, attacked, final)), len(kept))


@dataclass(slots=True)
class _Round:
    """A decision whose reward is not known yet.

    decision  the decision
    end_ns    time of the next decision of the link; None before it
    awaited   frames that were created before the next decision and are not complete
    """

    decision: ParameterDecision
    end_ns: int | None = None
    awaited: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _LinkRounds:
    """The open rounds of one link in the order of time, its incomplete frames, and what it has sent and scored since the first of them.

    `sent` and `scores` are by (number of the frame, start of the transmission in ns).
    """

    rounds: list[_Round] = field(default_factory=list)
    incomplete: set[int] = field(default_factory=set)
    sent: dict[tuple[int, int], FrameSent] = field(default_factory=dict)
    scores: defaultdict[tuple[int, int], list[ImageScore]] = field(default_factory=lambda: defaultdict(list))


class RewardRecorder(BlockListener):
    """A listener that emits a `DecisionReward` for each decision of a run, in the order of each link's decisions.

    simulation  shared state of the run, to which it listens
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._links: defaultdict[int, _LinkRounds] = defaultdict(_LinkRounds)
        simulation.listen(self)

    def __call__(self, record: Record) -> None:
        """Process one record of the simulation."""
        if isinstance(record, ParameterDecision):
            self._decided(record, self._links[record.link])
        elif isinstance(record, FrameSent):
            if (link := self._links[record.link]).rounds:
                link.sent[record.frame, record.time_ns] = record
        elif isinstance(record, ImageScore) and record.receiver == Node.BOB and (link := self._links[record.link]).rounds:
            link.scores[record.frame, record.time_ns].append(record)

    def block(self, record: type[Record], columns: Mapping[str, Sequence[Any]]) -> None:
        """Process the scores of a batch."""
        if record is ImageScore and any(link.rounds for link in self._links.values()):
            for row in zip(*columns.values(), strict=True):
                self(ImageScore(**dict(zip(columns, row, strict=True))))

    def created(self, link: int, frame: int) -> None:
        """Register a frame that Alice has encoded."""
        self._links[link].incomplete.add(frame)

    def completed(self, link: int, frame: int) -> None:
        """Register that a frame is complete: nothing more of it will be received, and Bob's images of it are scored."""
        rounds = self._links[link]
        rounds.incomplete.discard(frame)
        for waiting in rounds.rounds:
            waiting.awaited.discard(frame)
        self._emit_ended(rounds)

    def finish(self) -> None:
        """Emit the rewards of all open rounds, by link. Call it at the end of the run, when the worker has been flushed."""
        for link in sorted(self._links):
            rounds = self._links[link]
            while rounds.rounds:
                self._emit_first(rounds)

    def _decided(self, decision: ParameterDecision, link: _LinkRounds) -> None:
        """End the current round of the link and begin another."""
        if link.rounds:
            link.rounds[-1].end_ns, link.rounds[-1].awaited = decision.time_ns, set(link.incomplete)
        link.rounds.append(_Round(decision))
        self._emit_ended(link)

    def _emit_ended(self, link: _LinkRounds) -> None:
        """Emit the rewards of the rounds that are over and await no frame; a round waits for those before it."""
        while link.rounds[:1] and link.rounds[0].end_ns is not None and not link.rounds[0].awaited:
            self._emit_first(link)

    def _emit_first(self, link: _LinkRounds) -> None:
        """Emit the reward of the first open round of a link, and forget the transmissions before its end."""
        first = link.rounds.pop(0)
        decision, end_ns = first.decision, math.inf if first.end_ns is None else first.end_ns
        past = [sent for sent in link.sent.values() if sent.time_ns <= end_ns]
        counted = list[ImageScore]()
        for sent in past:
            del link.sent[sent.frame, sent.time_ns]
            scores = link.scores.pop((sent.frame, sent.time_ns), [])
            within = decision.time_ns < sent.time_ns < end_ns
            if within and sent.outcome == Outcome.DECODED and sent.parameters == decision.parameters:
                counted += scores
        found = round_reward(counted)
        self._simulation.emit(
            DecisionReward(
                time_ns=decision.time_ns,
                link=decision.link,
                sequence=decision.sequence,
                images=found.images if found else 0,
                ssim=found.ssim if found else None,
                adv_share=found.adv if found else None,
                err_share=found.err if found else None,
                reward=found.reward if found else None,
            )
        )

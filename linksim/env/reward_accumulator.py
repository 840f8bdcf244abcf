"""The reward of each link per round of a live simulation: Eq. (31) of the images that Bob decoded under the steps he chose.

The accumulator is a listener: it sees the same records as the trace, and needs no access to the nodes. Adv and Err are square roots of
shares, so they are computed from all images of a round together and not image by image. Unlike the rewards of the trace
(`nodes.decision_rewards`), those of a live round must be known when the round ends: the images of a frame that takes longer count for the
round in which Bob decodes it.
"""

from collections.abc import Mapping

from linksim.enums import Node, Outcome
from linksim.nodes.decision_rewards import RoundReward, round_reward
from linksim.records import FrameSent, ImageScore, Record

NO_IMAGES = RoundReward(ssim=0.0, adv=0.0, err=0.0, images=0)  # before the first image


class RewardAccumulator:
    """A listener that collects the image scores of the current round.

    A frame belongs to the round in which Bob decodes it. It counts only if it was sent with the parameters that Bob chose last: a frame
    that was encoded before his REPORT arrived says nothing about his choice.

    links  number of links, whose numbers in the run are 0..links-1
    """

    def __init__(self, links: int) -> None:
        self._parameters: list[Mapping[str, int] | None] = [None] * links
        self._rewards = [NO_IMAGES] * links
        self._frames: set[tuple[int, int]] = set()  # (link, frame) of the frames that count in this round
        self._scores: list[list[ImageScore]] = [[] for _ in range(links)]

    def __call__(self, record: Record) -> None:
        """Process one record of the simulation."""
        if isinstance(record, FrameSent):
            if record.outcome == Outcome.DECODED and record.parameters == self._parameters[record.link]:
                self._frames.add((record.link, record.frame))
        elif isinstance(record, ImageScore) and record.receiver == Node.BOB and (record.link, record.frame) in self._frames:
            self._scores[record.link].append(record)

    def set_parameters(self, link: int, parameters: Mapping[str, int]) -> None:
        """Set the negotiated parameters with which the link's frames must be sent to count."""
        self._parameters[link] = parameters

    def finish_round(self) -> list[RoundReward]:
        """End the round and return its reward components, one item per link; those of the previous round, with 0 images, without images.

        The worker must have been flushed before, because scores that are still promises would count in the next round.
        """
        self._rewards = [
            round_reward(scores) or previous._replace(images=0) for scores, previous in zip(self._scores, self._rewards, strict=True)
        ]
        self._frames.clear()
        self._scores = [[] for _ in self._scores]
        return self._rewards

"""What the two ends have agreed for a data frame: its terms, and what they rest on."""

from collections import OrderedDict
from dataclasses import dataclass

from linksim.schemes.parameters import FrameParameters
from linksim.secrecy import SessionKeys

Pairs = tuple[tuple[int, int], ...]  # (p, s) of each pair of images, permutation by permutation
Steps = tuple[int, int]  # t_D and t_plus, see `messages.Report`

EPOCHS = 2**16
MAX_REMEMBERED = 64  # offers that Bob keeps


@dataclass(frozen=True, slots=True)
class ParameterContext:
    """What terms rest on. Equal grounds at both ends make equal terms, but for the SNR, of which each end has its own belief.

    keys   of the session, None where the link needs none
    steps  diffusion steps
    pairs  what KEY told of the frame; () where shuffles are derived from the keys and the frame number
    """

    keys: SessionKeys | None
    steps: Steps
    pairs: Pairs


@dataclass(frozen=True, slots=True)
class AgreedParameters:
    """One end's side of the agreement on a data frame.

    snr_db  the belief that the terms were made with
    """

    parameters: FrameParameters
    epoch: int
    snr_db: float
    context: ParameterContext


class ParameterOffers:
    """Bob's book of terms: those in force, and those that his reports allow Alice to begin. No number ever stands for two of them.

    epoch  number of the terms in force
    steps  of the terms in force, which are the stack's own at first
    """

    def __init__(self, epoch: int, steps: Steps) -> None:
        self.epoch, self.steps = epoch, steps
        self._open: OrderedDict[int, Steps] = OrderedDict()

    def offer(self, steps: Steps) -> int:
        """New terms -> their number. Of more than `REMEMBERED` offers the oldest is void."""
        newest = next(reversed(self._open), self.epoch)
        number = (newest + 1) % EPOCHS
        if number == self.epoch:  # every other number has been offered since, and Alice took none
            number = (number + 1) % EPOCHS
        self._open[number] = steps
        if len(self._open) > MAX_REMEMBERED:
            self._open.popitem(last=False)
        return number

    def activate(self, epoch: int) -> bool:
        """Alice works under `epoch`: where it is on offer, it is in force from now on, and what was offered before it is void."""
        if epoch not in self._open:
            return False
        while self.epoch != epoch:
            self.epoch, self.steps = self._open.popitem(last=False)
        return True

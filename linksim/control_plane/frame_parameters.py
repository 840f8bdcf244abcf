"""What the two endpoints agree on for a data frame, and Bob's list of offered parameters."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from linksim.negotiation import NegotiatedParameters
from linksim.schemes.layers import KeyIndices
from linksim.schemes.parameters import FrameParameters, ItemArray
from linksim.secrecy import SessionKeys

EPOCHS = 2**16
MAX_OFFERS = 64  # number of offers that Bob keeps


@dataclass(frozen=True, slots=True)
class ParameterContext:
    """The shared state from which both ends derive the parameters of a frame.

    Equal contexts give equal parameters, except for the SNR, of which each end has its own estimate.

    keys        session keys, None if the link needs no session
    negotiated  values of the negotiated parameters
    pairs       (p, s) of each pair of images as KEY transmitted them; () if the keys are derived from the session keys and the frame number
    """

    keys: SessionKeys | None
    negotiated: NegotiatedParameters
    pairs: KeyIndices


@dataclass(frozen=True, slots=True)
class AgreedParameters:
    """One endpoint's view of the agreement on a data frame.

    parameters  parameters for the scheme
    epoch       number of the parameters, 0..65535
    snr_db      estimated SNR in dB that the parameters hold
    context     shared state from which they are derived
    arrays      arrays of the parameters, the inputs of an operation
    values      values of the negotiated parameters by name
    """

    parameters: FrameParameters
    epoch: int
    snr_db: float
    context: ParameterContext
    arrays: Sequence[ItemArray]
    values: Mapping[str, int]


class ParameterOffers:
    """The parameters in force at Bob, and those that his reports have offered to Alice. Every offer has its own epoch.

    epoch       number of the parameters in force
    negotiated  values in force, at first those of the stack

    >>> from linksim.scenario.schemes import DiffusionSteps
    >>> offers = ParameterOffers(0, DiffusionSteps(20, 0))
    >>> offers.offer(DiffusionSteps(30, 5)), offers.offer(DiffusionSteps(25, 5))
    (1, 2)
    >>> offers.activate(2), offers.negotiated
    (True, DiffusionSteps(t_d=25, t_plus=5))
    >>> offers.activate(1)
    False
    """

    def __init__(self, epoch: int, negotiated: NegotiatedParameters) -> None:
        self.epoch, self.negotiated = epoch, negotiated
        self._open: OrderedDict[int, NegotiatedParameters] = OrderedDict()

    def offer(self, negotiated: NegotiatedParameters) -> int:
        """Offer values and return the offer's epoch. If more than `MAX_OFFERS` offers are open, the oldest becomes void."""
        newest = next(reversed(self._open), self.epoch)
        number = (newest + 1) % EPOCHS
        if number == self.epoch:  # all other numbers were offered since, and Alice used none of them
            number = (number + 1) % EPOCHS
        self._open[number] = negotiated
        if len(self._open) > MAX_OFFERS:
            self._open.popitem(last=False)
        return number

    def find(self, epoch: int) -> NegotiatedParameters | None:
        """Return the values with number `epoch`, in force or offered, or None if it is the number of neither."""
        return self.negotiated if epoch == self.epoch else self._open.get(epoch)

    def activate(self, epoch: int) -> bool:
        """Put the offer with number `epoch` in force and void the offers before it. Return False if there is no such offer."""
        if epoch not in self._open:
            return False
        while self.epoch != epoch:
            self.epoch, self.negotiated = self._open.popitem(last=False)
        return True

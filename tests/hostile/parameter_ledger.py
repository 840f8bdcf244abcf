"""Observer of a pair of sessions that checks the parameters in force at both ends after every event of the simulation."""

from dataclasses import dataclass

import pytest
from session_pair import Pair

from linksim.control_plane.frame_parameters import ParameterOffers
from linksim.negotiation import NegotiatedParameters
from linksim.secrecy import SessionKeys

InForce = tuple[SessionKeys | None, int, NegotiatedParameters]  # keys, epoch, values


@dataclass
class ParameterLedger:
    """The parameters that were offered and used so far.

    pair          the pair of sessions; `watch` must be called before it runs
    offered       values by the keys and the epoch under which Bob has offered them
    used          what Alice has had in force
    changes       number of changes of what is in force, at Alice and at Bob
    wrong_alice   changes at Alice to values that Bob has not offered to her
    wrong_bob     changes at Bob to values that Alice has never had in force
    """

    pair: Pair
    changes: tuple[int, int] = (0, 0)
    wrong_alice: int = 0
    wrong_bob: int = 0

    def __post_init__(self) -> None:
        self.initial = self.pair.alice.negotiated
        self.offered: dict[tuple[SessionKeys | None, int], NegotiatedParameters] = {}
        self.used: set[InForce] = set()
        self._alice, self._bob = self._in_force()

    def watch(self, patch: pytest.MonkeyPatch) -> "ParameterLedger":
        """Observe all offers, and check both ends after every event."""
        offer, step = ParameterOffers.offer, self.pair.simulation.env.step

        def observed(offers: ParameterOffers, values: NegotiatedParameters) -> int:
            epoch = offer(offers, values)
            self.offered[self._keys(self.pair.bob), epoch] = values
            return epoch

        def checked() -> None:
            step()
            self._check()

        patch.setattr(ParameterOffers, "offer", observed)
        patch.setattr(self.pair.simulation.env, "step", checked)
        return self

    @staticmethod
    def _keys(end: object) -> SessionKeys | None:
        secure = end._secure_state  # type: ignore[attr-defined]
        return None if secure is None else secure.keys

    def _in_force(self) -> tuple[InForce, InForce]:
        alice, bob = self.pair.alice, self.pair.bob
        return (self._keys(alice), alice.epoch, alice.negotiated), (self._keys(bob), bob._offers.epoch, bob._offers.negotiated)

    def _check(self) -> None:
        alice, bob = self._in_force()
        if alice != self._alice:
            self._alice, self.changes = alice, (self.changes[0] + 1, self.changes[1])
            self.used.add(alice)
            self.wrong_alice += alice[2] != self.initial and self.offered.get(alice[:2]) != alice[2]
        if bob != self._bob:
            self._bob, self.changes = bob, (self.changes[0], self.changes[1] + 1)
            self.wrong_bob += bob[2] != self.initial and bob not in self.used

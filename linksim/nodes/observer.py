"""What Bob's policy is given beside the SNR: how often an image changes its class when he denoises it.

    reconstruction --> [classes before and after denoising] --> promise, kept until Bob's next decision --> share that differs

An adversarial perturbation survives the link and yields to the denoiser, so the share grows with the strength of the attack; it also
depends on the steps and the SNR. `adapt.attack_table` has it for all of them. The classes are computed when a decision needs them, in one
batch with those of other links that wait.
"""

from collections.abc import Callable
from math import nan

from linksim.context import Simulation
from linksim.control_plane.policy_controller import Sensed
from linksim.negotiation import NegotiatedParameters
from linksim.records import DisagreementObserved
from linksim.worker import Operation, Promise


class Observer:
    """The `Sense` of one link. It emits a `DisagreementObserved` for each decision that had images to compare.

    simulation  shared state of the run
    link        number of the link
    disagree    operation `scoring.disagree`, None for a policy that does not observe the disagreement
    strength    true strength of the attack at a time in ns, for oracles
    """

    def __init__(self, simulation: Simulation, link: int, disagree: Operation | None, strength: Callable[[int], float]) -> None:
        self._simulation, self._link, self._disagree, self._strength = simulation, link, disagree, strength
        self._waiting: list[tuple[NegotiatedParameters, Promise]] = []

    def decoded(self, negotiated: NegotiatedParameters, reconstruction: Promise) -> None:
        """Register a reconstruction of Bob, and the negotiated parameters with which it was sent."""
        if self._disagree is not None:
            self._waiting.append((negotiated, self._simulation.worker.promise(self._disagree, reconstruction)))

    def __call__(self, current: NegotiatedParameters) -> Sensed:
        """Return what was observed since the last call, on images that were sent with the values in force."""
        waiting, self._waiting = self._waiting, []
        changed = [self._simulation.worker.value(promise).flatten() for negotiated, promise in waiting if negotiated == current]
        images, count = sum(len(found) for found in changed), sum(int(found.sum()) for found in changed)
        now, share = self._simulation.now, count / images if images else nan
        if images:
            self._simulation.emit(DisagreementObserved(time_ns=now, link=self._link, images=images, disagreement=share))
        return Sensed(share, images, self._strength(now))

"""A world whose Bobs ask for their diffusion steps from outside, round by round: what both live environments are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from linksim.adapt.mdp import Steps
from linksim.adapt.reward import reward
from linksim.control_plane.action_requests import ActionRequests
from linksim.data.recorded import with_checksums
from linksim.env.reward_accumulator import RewardAccumulator
from linksim.errors import LinksimError
from linksim.nets.weights import pick_device
from linksim.records import Listener
from linksim.registry import suggest
from linksim.scenario.load import load_scenario, resolved_yaml, scenario_from_text
from linksim.scenario.policies import FixedPolicy
from linksim.scenario.schema import Scenario
from linksim.scenario.schemes import DiffusecOptions
from linksim.simulate.assembly import build
from linksim.units import seconds_to_ns
from linksim.worker import Worker

ENDLESS = 10_000_000  # frames: more than any episode lasts for
ONCE = 1_000_000  # rounds after which a link starts anew from random steps: it does so at its first question, and no more


@dataclass(frozen=True, eq=False)
class Round:
    """How things stand when a round has ended, [links] each.

    steps        int64 [links, 2], from which the next choice starts
    measured_db  SNR for it, as Bob's pilots tell it
    asked        whether a link's Bob asks; where he does not, the two above are as they were
    chosen       int64 [links, 2], the choice of this round; at first the steps that the first one starts from
    chosen_db    SNR for it, as it was
    ssim, adv, err, images  see `tally.RoundReward`
    reward       Eq. (31)
    over         whether the world has come to its end
    """

    steps: Steps
    measured_db: NDArray[np.float64]
    asked: NDArray[np.bool_]
    chosen: Steps
    chosen_db: NDArray[np.float64]
    ssim: NDArray[np.float64]
    adv: NDArray[np.float64]
    err: NDArray[np.float64]
    images: NDArray[np.int64]
    reward: NDArray[np.float64]
    over: bool


def adapting(scenario: str | Scenario, group: str | None, links: int, overrides: Sequence[str]) -> Scenario:
    """The scenario of a world to learn in: `links` links of one group that is never done with sending, and no policy.

    scenario   as read, or what `scenario.load.load_scenario` takes
    group      name, may be None where there is one only
    overrides  as `load_scenario` takes them

    Raises LinksimError where that is no link which adapts diffusion steps.
    """
    if isinstance(scenario, str):
        scenario = load_scenario(scenario, overrides)
    elif overrides:
        scenario = scenario_from_text(resolved_yaml(scenario), scenario.name, overrides)
    if group is None and len(scenario.groups) > 1:
        raise LinksimError(f"scenario {scenario.name!r} has several groups; name one: {', '.join(scenario.groups)}")
    name = group if group is not None else next(iter(scenario.groups))
    if name not in scenario.groups:
        raise LinksimError(f"no group {name!r} in scenario {scenario.name!r}; {suggest(name, scenario.groups)}")
    options = scenario.groups[name]
    if not isinstance(options.scheme[-1], DiffusecOptions):
        raise LinksimError(f"group {name!r}: scheme {options.scheme[-1].name!r} has no diffusion steps to choose; allowed: diffusec")
    if not options.session.probe_interval_ms:
        raise LinksimError(f"group {name!r}: session.probe_interval_ms is 0, so Bob is never asked")
    bob = options.bob.model_copy(update={"policy": FixedPolicy(reset_interval=ONCE)})
    return scenario.model_copy(update={"frames": ENDLESS, "groups": {name: options.model_copy(update={"bob": bob, "links": links})}})


class LiveWorld:
    """One run of a scenario that `adapting` made. Every link starts from random steps, as the paper has it (Sec. VI-C).

    worker  runs its networks
    steps   int64 [links, 2], from which each link's next choice starts
    """

    def __init__(self, scenario: Scenario, listeners: Sequence[Listener]) -> None:
        (options,) = scenario.groups.values()
        base = options.scheme[-1]
        assert isinstance(base, DiffusecOptions)
        torch.set_num_threads(1)  # as a run does
        self.worker = Worker(pick_device(scenario.compute.device), eager=scenario.compute.evaluation == "eager")
        self._questions, self._tally = ActionRequests(), RewardAccumulator(options.links)
        built = build(with_checksums(scenario), self.worker, decider=self._questions.decider)
        self._simulation, self._links = built.simulation, options.links
        self._interval_ns = seconds_to_ns(
            (options.session.probe_interval_ms + options.alice.frame_interval_ms) / 1e3
        )  # she probes before a frame
        self._limit_ns = seconds_to_ns(scenario.max_time_s)
        self.steps = np.tile(np.array([base.t_d, base.t_plus], np.int64), (options.links, 1))
        self._measured_db, self._true_db = np.full((2, options.links), options.alice.assumed_snr_db)
        self._simulation.listen(self._tally)
        for listener in listeners:
            self._simulation.listen(listener)
        for link in built.links:
            self._simulation.emit(link)

    def begin(self) -> Round:
        """Let the world run until all links ask, or are not waited for any longer (`ActionRequests.collect`)."""
        goes_on, asked = self._gather()
        self._chosen, self._chosen_db = self.steps.copy(), self._true_db.copy()
        return self._round(goes_on, asked)

    def choose(self, steps: Steps) -> Round:
        """Answer those who ask, steps int64 [links, 2], and let the world run as `begin` does. The others' steps are not used."""
        for link in list(self._questions.waiting):
            t_d, t_plus = self._chosen[link] = steps[link].tolist()
            self._chosen_db[link] = self._true_db[link]
            self._tally.chose(link, (t_d, t_plus))
            self._questions.answer(link, (t_d, t_plus))
        return self._round(*self._gather())

    def _gather(self) -> tuple[bool, NDArray[np.bool_]]:
        """-> whether the world goes on, and who asks. What was decoded is computed now, the images of all links in the same batches."""
        goes_on = self._questions.collect(self._simulation, self._links, self._interval_ns, self._limit_ns)
        self.worker.flush()
        asked = np.zeros(self._links, np.bool_)
        for link, question in self._questions.waiting.items():
            self.steps[link], self._measured_db[link], self._true_db[link] = question.steps, question.measured_db, question.true_db
            asked[link] = True
        return goes_on, asked

    def _round(self, goes_on: bool, asked: NDArray[np.bool_]) -> Round:
        ssim, adv, err, images = np.array(self._tally.close()).T
        worth = ssim, adv, err, images.astype(np.int64), reward(ssim, adv, err)
        return Round(self.steps.copy(), self._measured_db.copy(), asked, self._chosen.copy(), self._chosen_db.copy(), *worth, not goes_on)

"""A world whose Bobs ask for their diffusion steps from outside, round by round: what both live environments are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from linksim.adapt.mdp import Steps
from linksim.adapt.reward import reward
from linksim.data.recorded import pinned
from linksim.env.tally import Tally
from linksim.errors import LinksimError
from linksim.nets.weights import pick_device
from linksim.records import Listener
from linksim.registry import suggest
from linksim.scenario.load import load_scenario, resolved_yaml, scenario_from_text
from linksim.scenario.policies import FixedPolicy
from linksim.scenario.schema import Scenario
from linksim.scenario.schemes import DiffusecScheme
from linksim.units import seconds_to_ns
from linksim.worker import Worker
from linksim.world.build import build
from linksim.world.waiting import Questions

ENDLESS = 10_000_000  # frames: more than any episode lasts for
ONCE = 1_000_000  # rounds after which a lane starts anew from random steps: it does so at its first question, and no more


@dataclass(frozen=True, eq=False)
class Round:
    """How things stand when a round has ended, [lanes] each.

    steps        int64 [lanes, 2], from which the next choice starts
    measured_db  SNR for it, as Bob's pilots tell it
    asked        whether a lane's Bob asks; where he does not, the two above are as they were
    chosen       int64 [lanes, 2], the choice of this round; at first the steps that the first one starts from
    chosen_db    SNR for it, as it was
    ssim, adv, err, images  see `tally.Worth`
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


def adapting(scenario: str | Scenario, group: str | None, lanes: int, overrides: Sequence[str]) -> Scenario:
    """The scenario of a world to learn in: `lanes` lanes of one group that is never done with sending, and no policy.

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
    link = scenario.groups[name]
    if not isinstance(link.scheme[-1], DiffusecScheme):
        raise LinksimError(f"group {name!r}: scheme {link.scheme[-1].name!r} has no diffusion steps to choose; allowed: diffusec")
    if not link.session.probe_interval_ms:
        raise LinksimError(f"group {name!r}: session.probe_interval_ms is 0, so Bob is never asked")
    bob = link.bob.model_copy(update={"policy": FixedPolicy(rounds=ONCE)})
    return scenario.model_copy(update={"frames": ENDLESS, "groups": {name: link.model_copy(update={"bob": bob, "lanes": lanes})}})


class LiveWorld:
    """One run of a scenario that `adapting` made. Every lane starts from random steps, as the paper has it (Sec. VI-C).

    worker  runs its networks
    steps   int64 [lanes, 2], from which each lane's next choice starts
    """

    def __init__(self, scenario: Scenario, listeners: Sequence[Listener]) -> None:
        (link,) = scenario.groups.values()
        core = link.scheme[-1]
        assert isinstance(core, DiffusecScheme)
        torch.set_num_threads(1)  # as a run does
        self.worker = Worker(pick_device(scenario.compute.device), at_once=scenario.compute.promises == "at-once")
        self._questions, self._tally = Questions(), Tally(link.lanes)
        built = build(pinned(scenario), self.worker, decider=self._questions.decider)
        self._world, self._lanes = built.world, link.lanes
        self._interval_ns = seconds_to_ns((link.session.probe_interval_ms + link.alice.interval_ms) / 1e3)  # she probes before a frame
        self._limit_ns = seconds_to_ns(scenario.limit_s)
        self.steps = np.tile(np.array([core.t_d, core.t_plus], np.int64), (link.lanes, 1))
        self._measured_db, self._true_db = np.full((2, link.lanes), link.alice.assumed_snr_db)
        self._world.listen(self._tally)
        for listener in listeners:
            self._world.listen(listener)
        for lane in built.lanes:
            self._world.announce(lane)

    def begin(self) -> Round:
        """Let the world run until all lanes ask, or are not waited for any longer (`Questions.gather`)."""
        goes_on, asked = self._gather()
        self._chosen, self._chosen_db = self.steps.copy(), self._true_db.copy()
        return self._round(goes_on, asked)

    def choose(self, steps: Steps) -> Round:
        """Answer those who ask, steps int64 [lanes, 2], and let the world run as `begin` does. The others' steps are not used."""
        for lane in list(self._questions.waiting):
            t_d, t_plus = self._chosen[lane] = steps[lane].tolist()
            self._chosen_db[lane] = self._true_db[lane]
            self._tally.chose(lane, (t_d, t_plus))
            self._questions.answer(lane, (t_d, t_plus))
        return self._round(*self._gather())

    def _gather(self) -> tuple[bool, NDArray[np.bool_]]:
        """-> whether the world goes on, and who asks. What was decoded is computed now, the images of all lanes in the same batches."""
        goes_on = self._questions.gather(self._world, self._lanes, self._interval_ns, self._limit_ns)
        self.worker.drain()
        asked = np.zeros(self._lanes, np.bool_)
        for lane, question in self._questions.waiting.items():
            self.steps[lane], self._measured_db[lane], self._true_db[lane] = question.steps, question.measured_db, question.true_db
            asked[lane] = True
        return goes_on, asked

    def _round(self, goes_on: bool, asked: NDArray[np.bool_]) -> Round:
        ssim, adv, err, images = np.array(self._tally.close()).T
        worth = ssim, adv, err, images.astype(np.int64), reward(ssim, adv, err)
        return Round(self.steps.copy(), self._measured_db.copy(), asked, self._chosen.copy(), self._chosen_db.copy(), *worth, not goes_on)

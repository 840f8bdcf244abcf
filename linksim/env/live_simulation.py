"""A simulation in which each Bob requests his diffusion steps from outside, round by round. The live environments are built on it.

    begin()         run until every Bob requests an action --> RoundResult
    choose(steps)   answer the requests, and run until the next ones --> RoundResult

It is the ordinary simulation (`simulate.assembly.build`) with another source of decisions: where a run asks a policy, the session waits in
simulated time for `choose` (`control_plane.action_requests`). Neither this module nor `RoundResult` depends on Gymnasium.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from linksim.adapt.mdp import StepPairs
from linksim.computation import keep_freed_memory
from linksim.control_plane.action_requests import ActionRequests
from linksim.data.measured_snr import with_checksums
from linksim.env.reward_accumulator import RewardAccumulator
from linksim.errors import LinksimError
from linksim.negotiation import names, values
from linksim.nets.weights import pick_device
from linksim.records import Listener
from linksim.registry import suggest
from linksim.scenario.load import load_scenario, resolved_yaml, scenario_from_text
from linksim.scenario.policies import FixedPolicy
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.schemes import DiffusecOptions, DiffusionSteps
from linksim.simulate.assembly import build
from linksim.units import seconds_to_ns
from linksim.worker import Worker

MANY_FRAMES = 10_000_000  # more frames than any episode transmits
ONE_RESET = 1_000_000  # reset interval in rounds: a link starts from random steps at its first request only


@dataclass(frozen=True, eq=False)
class RoundResult:
    """The state of all links at the end of a round, [links] each, float64 unless noted.

    steps             int64 [links, 2], the steps from which the next action starts
    measured_db       SNR in dB for the next action, as Bob measured it
    action_requested  bool, whether the link's Bob requests an action; if not, `steps` and `measured_db` are unchanged
    chosen            int64 [links, 2], the steps chosen in this round; before the first action, the initial steps
    chosen_db         true SNR in dB at that choice
    ssim, adv, err    components of the reward, see `nodes.decision_rewards.RoundReward`
    images            int64, number of images behind them
    reward            reward of these components, Eq. (31)
    ended             whether the simulation has ended
    """

    steps: StepPairs
    measured_db: NDArray[np.float64]
    action_requested: NDArray[np.bool_]
    chosen: StepPairs
    chosen_db: NDArray[np.float64]
    ssim: NDArray[np.float64]
    adv: NDArray[np.float64]
    err: NDArray[np.float64]
    images: NDArray[np.int64]
    reward: NDArray[np.float64]
    ended: bool


def live_scenario(scenario: str | Scenario, group: str | None, links: int, overrides: Sequence[str]) -> Scenario:
    """The scenario of a live simulation: `links` links of one group that transmits without end and has no policy of its own.

    scenario   a `Scenario`, or a name or file as `scenario.load.load_scenario` takes it
    group      name of the group; None for the first, if the groups differ in Bob's policy and the number of links only
    overrides  as `load_scenario` takes them

    Raises LinksimError if the group does not exist or does not adapt diffusion steps.
    """
    if isinstance(scenario, str):
        scenario = load_scenario(scenario, overrides)
    elif overrides:
        scenario = scenario_from_text(resolved_yaml(scenario), scenario.name, overrides)
    if group is None and len({_without_policy(options) for options in scenario.groups.values()}) > 1:
        raise LinksimError(f"scenario {scenario.name!r} has several groups; name one: {', '.join(scenario.groups)}")
    name = group if group is not None else next(iter(scenario.groups))
    if name not in scenario.groups:
        raise LinksimError(f"no group {name!r} in scenario {scenario.name!r}; {suggest(name, scenario.groups)}")
    options = scenario.groups[name]
    if not isinstance(options.scheme[-1], DiffusecOptions):
        raise LinksimError(f"group {name!r}: scheme {options.scheme[-1].name!r} has no diffusion steps to choose; allowed: diffusec")
    if not options.session.probe_interval_ms:
        raise LinksimError(f"group {name!r}: session.probe_interval_ms is 0, so Bob never requests an action")
    bob = options.bob.model_copy(update={"policy": FixedPolicy(reset_interval=ONE_RESET)})
    return scenario.model_copy(update={"frames": MANY_FRAMES, "groups": {name: options.model_copy(update={"bob": bob, "links": links})}})


def keeping_images(scenario: Scenario) -> Scenario:
    """The scenario with records of the images of all frames (`records.KeptImage`)."""
    return scenario.model_copy(update={"trace": scenario.trace.model_copy(update={"images": MANY_FRAMES})})


def _without_policy(options: LinkOptions) -> str:
    """All options of a group but the policy and the number of links, as text."""
    return options.model_dump_json(exclude={"links": True, "bob": {"policy": True}})


class LiveSimulation:
    """One run of a scenario from `live_scenario`. Every link starts from random steps, as in the paper (Sec. VI-C).

    scenario   result of `live_scenario`, with one group of links
    listeners  receive all records; the first ones are a `LinkCreated` per link

    worker       runs the networks
    steps        int64 [links, 2], the steps from which each link's next action starts
    image_shape  (colours, height, width) of the images in pixels
    """

    def __init__(self, scenario: Scenario, listeners: Sequence[Listener]) -> None:
        (options,) = scenario.groups.values()
        base = options.scheme[-1]
        assert isinstance(base, DiffusecOptions)
        torch.set_num_threads(1)  # both as in a run
        keep_freed_memory()
        self.worker = Worker(pick_device(scenario.compute.device), eager=scenario.compute.evaluation == "eager")
        self._requests, self._accumulator = ActionRequests(), RewardAccumulator(options.links)
        assembled = build(with_checksums(scenario), self.worker, decider=self._requests.decider)
        self._simulation, self._links, self.image_shape = assembled.simulation, options.links, assembled.image_shape
        self._rewards = assembled.rewards
        round_ms = options.session.probe_interval_ms + options.alice.frame_interval_ms  # Alice probes before a frame
        self._round_ns, self._limit_ns = seconds_to_ns(round_ms / 1e3), seconds_to_ns(scenario.max_time_s)
        self.steps = np.tile(np.array(values(base.initial_parameters()), np.int64), (options.links, 1))
        self._measured_db, self._true_db = np.full((2, options.links), options.alice.assumed_snr_db)
        self._simulation.listen(self._accumulator)
        for listener in listeners:
            self._simulation.listen(listener)
        for link in assembled.links:
            self._simulation.emit(link)

    def begin(self) -> RoundResult:
        """Run until all links request an action, or the wait for the others times out (`ActionRequests.collect`)."""
        running, requested = self._collect()
        self._chosen, self._chosen_db = self.steps.copy(), self._true_db.copy()
        return self._result(running, requested)

    def choose(self, steps: StepPairs) -> RoundResult:
        """Answer the pending requests and run as `begin` does.

        steps  t_D and t_plus that each Bob requests from now on, int64 [links, 2]; rows of links without a request are ignored
        """
        for link in list(self._requests.waiting):
            self._chosen[link] = steps[link]
            chosen = DiffusionSteps(*steps[link].tolist())
            self._chosen_db[link] = self._true_db[link]
            self._accumulator.set_parameters(link, dict(zip(names(DiffusionSteps), values(chosen), strict=True)))
            self._requests.answer(link, chosen)
        return self._result(*self._collect())

    def finish(self) -> None:
        """End the run: emit the rewards of the last decisions. It must not be continued."""
        self.worker.flush()
        self._rewards.finish()

    def _collect(self) -> tuple[bool, NDArray[np.bool_]]:
        """Run to the next requests -> whether the simulation goes on, and which links request an action [links].

        The worker is flushed here, so that images of all links share its batches.
        """
        running = self._requests.collect(self._simulation, self._links, self._round_ns, self._limit_ns)
        self.worker.flush()
        requested = np.zeros(self._links, np.bool_)
        for link, request in self._requests.waiting.items():
            self.steps[link], self._measured_db[link], self._true_db[link] = values(request.current), request.measured_db, request.true_db
            requested[link] = True
        return running, requested

    def _result(self, running: bool, requested: NDArray[np.bool_]) -> RoundResult:
        """End the round of the reward accumulator and return the state of all links."""
        rewards = self._accumulator.finish_round()
        ssim, adv, err, images = np.array(rewards).T
        return RoundResult(
            steps=self.steps.copy(),
            measured_db=self._measured_db.copy(),
            action_requested=requested,
            chosen=self._chosen.copy(),
            chosen_db=self._chosen_db.copy(),
            ssim=ssim,
            adv=adv,
            err=err,
            images=images.astype(np.int64),
            reward=np.array([found.reward for found in rewards]),
            ended=not running,
        )

"""linksim/LiveLink-v0: choose diffusion steps in the simulated world itself, one step per PROBE and REPORT (Ren et al., Sec. IV-C, IV-D).

Everything that happens on a link is in it: airtime, fading, jamming, lost probes, and the networks. `LiveLinkVec` is n links of one world,
which share the batches of the networks; `LiveLink` is one link.

                     linksim/StepSelection-v0          linksim/LiveLink-v0
    SNR              wanders from round to round       what Bob's pilots tell of the scenario's channel
    reward           interpolated, of many images      of the images of the round, so it varies
    a step costs     microseconds                      the networks' time for a round's images
"""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from linksim.adapt.mdp import MAX_ACTION, apply_action, state
from linksim.env.live_world import LiveWorld, Round, adapting
from linksim.env.step_selection import BOUNDS, Floats
from linksim.errors import LinksimError
from linksim.records import Listener
from linksim.scenario.schema import Scenario

OBSERVATION, ACTION = spaces.Box(-BOUNDS, BOUNDS, dtype=np.float32), spaces.Box(-1.0, 1.0, (2,), np.float32)

Rewards = NDArray[np.float64]  # [links]
Info = dict[str, Any]  # [links] each


class Episodes:
    """Worlds one after the other, each for an episode of `rounds` rounds.

    With a seed, an episode is the scenario's run with that seed; without, its next replication (key `run`). Other arguments: `LiveLink`.
    """

    def __init__(
        self, scenario: str | Scenario, links: int, rounds: int, overrides: Sequence[str], group: str | None, listeners: Sequence[Listener]
    ) -> None:
        if rounds < 1:
            raise LinksimError(f"rounds must be at least 1, got {rounds}")
        self._scenario = adapting(scenario, group, links, overrides)
        self._rounds, self._listeners = rounds, listeners
        self.simulation: LiveWorld | None = None
        self._round = rounds

    def begin(self, seed: int | None, options: Mapping[str, Any] | None) -> tuple[Floats, Info]:
        """A fresh world, run until all links ask for the first time -> observations [links, 3], info."""
        if options:
            raise LinksimError(f"an episode of a live link has no options, got {next(iter(options))!r}; what it is, the scenario says")
        if seed is not None:
            self._scenario = self._scenario.model_copy(update={"seed": seed, "replication": 0})
        elif self.simulation is not None:
            self._scenario = self._scenario.model_copy(update={"replication": self._scenario.replication + 1})
        self.simulation, self._round = LiveWorld(self._scenario, self._listeners), 0
        now = self.simulation.begin()
        return observed(now), about_choice(now)

    def step(self, actions: NDArray[np.floating[Any]]) -> tuple[Floats, Rewards, bool, Info]:
        """Answer those who ask by their actions [links, 2], go on to where all ask again -> observations, rewards, whether it is the
        episode's last step, info. Raises ResetNeeded after that, and before `begin`.
        """
        if self.simulation is None or self._round == self._rounds:
            raise ResetNeeded("reset() before the first step, and after the last one of an episode")
        now, self._round = (
            self.simulation.choose(apply_action(self.simulation.steps, MAX_ACTION * np.clip(actions, -1.0, 1.0))),
            self._round + 1,
        )
        if now.over:
            self._round = self._rounds
        return observed(now), now.reward, self._round == self._rounds, about_choice(now) | about_images(now)


def observed(now: Round) -> Floats:
    """-> float32 [links, 3]"""
    return state(now.steps, now.measured_db).clip(-BOUNDS, BOUNDS)


def about_choice(now: Round) -> Info:
    t_d, t_plus = now.chosen.T
    return {"t_d": t_d, "t_plus": t_plus, "snr_db": now.chosen_db, "asked": now.asked}


def about_images(now: Round) -> Info:
    return {"ssim": now.ssim, "adv": now.adv**0.5, "err": now.err**0.5, "images": now.images}


class LiveLink(gymnasium.Env[Floats, Floats]):
    """One link. Episodes are cut off (`truncated`) after some rounds, or where the scenario's `max_time_s` ends its world; they never end
    by themselves. Each runs in a world of its own, from its beginning.

    Observation  float32 [3]: t_D, t_plus and SNR as Bob measured it, each about -1..1 over its range (`adapt.mdp.state`)
    Action       float32 [2] in -1..1: change of t_D and t_plus, 1 standing for `REACH` = 25 steps; what exceeds it is lost
    Reward       Eq. (31) of the images that Bob has decoded since, of frames sent under the steps chosen. Where there are none
                 (`info["images"]` is 0: frames or the REPORT were lost, or frames take longer than a round) it is the reward of the
                 round before; in a first round, -0.8, that of an image without likeness.
    Info         t_d, t_plus, snr_db: the choice of the round and the SNR as it was then; asked: whether Bob asks for another. Where he
                 does not (probes were lost; see `simulation.waiting`), the observation is the last one and the next action is not used.
                 After a step also ssim, adv and err of Eq. (26), (27), (29), and images, the number behind these.

    The first steps are random, as the paper's are. All of an episode follows from its seed and the actions. A world takes its networks
    with one thread of torch, and sets that for the whole process, as a run does.

    scenario   name of one that comes with linksim, file, or `Scenario`. Its `bob.policy`, `frames` and number of links play no part.
               Without `alice.source_attack` the reward tells of likeness only.
    rounds     of an episode
    overrides  of keys of the scenario, "channel.bob.snr.mean_db=3"; for a `Scenario` with its group, "groups.NAME.channel..."
    group      the one group of the scenario to take part; None where it has no other
    listeners  told all records of all episodes, each of which begins with a record `Link` for every link

    Raises LinksimError where the scenario is not there, has faults, or has no diffusion steps to choose.
    """

    def __init__(
        self,
        scenario: str | Scenario,
        rounds: int = 3,
        overrides: Sequence[str] = (),
        group: str | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.episodes = Episodes(scenario, 1, rounds, overrides, group, listeners)
        self.observation_space, self.action_space = OBSERVATION, ACTION

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Floats, Info]:
        """Begin an episode: the scenario's run with this seed, or else the next replication of the run before."""
        super().reset(seed=seed)
        observations, info = self.episodes.begin(seed, options)
        return observations[0], first(info)

    def step(self, action: Floats) -> tuple[Floats, float, bool, bool, Info]:
        """One round."""
        observations, rewards, last, info = self.episodes.step(np.asarray(action)[None])
        return observations[0], float(rewards[0]), False, last, first(info)


class LiveLinkVec(VectorEnv[Floats, Floats, NDArray[Any]]):
    """`num_envs` links of one world, each as `LiveLink`, which is its first link. One seed is for all, and all episodes end together: the
    step after the last begins the next one (autoreset mode NEXT_STEP), with rewards of 0 and actions that are not used.
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012  # as VectorEnv has it

    def __init__(
        self,
        num_envs: int,
        scenario: str | Scenario,
        rounds: int = 3,
        overrides: Sequence[str] = (),
        group: str | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.episodes, self.num_envs = Episodes(scenario, num_envs, rounds, overrides, group, listeners), num_envs
        self.single_observation_space, self.single_action_space = OBSERVATION, ACTION
        self.observation_space, self.action_space = batch_space(OBSERVATION, num_envs), batch_space(ACTION, num_envs)
        self._last = False

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Floats, Info]:
        super().reset(seed=seed)
        self._last = False
        observations, info = self.episodes.begin(seed, options)
        return observations, masked(info)

    def step(self, actions: Floats) -> tuple[Floats, Rewards, NDArray[Any], NDArray[Any], Info]:
        """Actions [num_envs, 2] -> observations [num_envs, 3], rewards, terminated and truncated [num_envs], info."""
        no = np.zeros(self.num_envs, np.bool_)
        if self._last:
            observations, info = self.reset()
            return observations, np.zeros(self.num_envs), no, no, info
        observations, rewards, self._last, info = self.episodes.step(actions)
        return observations, rewards, no, np.full(self.num_envs, self._last), masked(info)


def first(info: Info) -> Info:
    """That of the first link, as plain numbers."""
    return {name: values[0].item() for name, values in info.items()}


def masked(info: Info) -> Info:
    """As Gymnasium has it: beside each array, which links have a value there. All have."""
    return info | {f"_{name}": np.ones(len(values), np.bool_) for name, values in info.items()}

"""linksim/LiveLink-v0: choose diffusion steps in the simulation itself, one step per PROBE and REPORT (Ren et al., Sec. IV-C, IV-D).

The simulation includes airtime, fading, jamming, lost probes and the networks. `LiveLinkVec` has n links of one simulation, which share the
batches of the networks. `LiveLink` is a `LiveLinkVec` of one link with the interface of a single environment.

                     linksim/StepSelection-v0              linksim/LiveLink-v0
    SNR              random process                        measured by Bob's pilots on the scenario's channel
    reward           interpolated means over many images   computed from the images of the round, so it is noisy
    cost of a step   microseconds                          time of the networks for the images of a round
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from linksim.env import MAX_EPISODE_STEPS
from linksim.env.live_simulation import LiveSimulation, RoundResult, keeping_images, live_scenario
from linksim.env.rendering import NewestFrame, Pixels, line
from linksim.env.spaces import ACTION, OBSERVATION, Floats, observations_of, steps_after
from linksim.errors import LinksimError
from linksim.records import Listener
from linksim.registry import suggest
from linksim.scenario.schema import Scenario

SCENARIO = "diffusec-fluctuating"  # scenario of an environment that is made without one
RENDER_MODES = ("ansi", "rgb_array")

Rewards = NDArray[np.float64]  # [links]
Info = dict[str, Any]  # arrays [links]


class LiveLinkVec(VectorEnv[Floats, Floats, NDArray[Any]]):
    """`num_envs` links of one simulation. Spaces, reward, info and the other arguments are those of `LiveLink`, which is the first link.

    One seed determines all links, and all episodes end together, after `max_episode_steps` rounds (None for no limit) or with the
    simulation. The step after the last one of an episode begins the next episode (autoreset mode NEXT_STEP): its rewards are 0 and its
    actions are ignored.

    simulation  the simulation of the current episode; None before the first `reset`
    finished    whether the current episode has ended
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012  # as VectorEnv has it

    def __init__(
        self,
        num_envs: int,
        scenario: str | Scenario = SCENARIO,
        max_episode_steps: int | None = MAX_EPISODE_STEPS,
        overrides: Sequence[str] = (),
        group: str | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        if max_episode_steps is not None and max_episode_steps < 1:
            raise LinksimError(f"max_episode_steps must be at least 1, got {max_episode_steps}")
        self._scenario = live_scenario(scenario, group, num_envs, overrides)
        self._max_episode_steps, self._listeners = max_episode_steps, listeners
        self._round, self.finished = 0, False
        self.simulation: LiveSimulation | None = None
        self.num_envs = num_envs
        self.single_observation_space, self.single_action_space = deepcopy(OBSERVATION), deepcopy(ACTION)
        self.observation_space, self.action_space = batch_space(OBSERVATION, num_envs), batch_space(ACTION, num_envs)

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Floats, Info]:
        """Begin an episode -> observations float32 [num_envs, 3], info.

        With a seed, the episode is the scenario's run with that seed; without, it is the next replication of the previous run.
        Raises LinksimError if there are options, because the scenario alone defines an episode.
        """
        super().reset(seed=seed)
        if options:
            raise LinksimError(f"reset() of a live link takes no options, got {next(iter(options))!r}; the scenario defines the episode")
        if seed is not None:
            self._scenario = self._scenario.model_copy(update={"seed": seed, "replication": 0})
        elif self.simulation is not None:
            self._scenario = self._scenario.model_copy(update={"replication": self._scenario.replication + 1})
        self.close_extras()
        self.simulation = LiveSimulation(self._scenario, self._listeners)
        self._round, self.finished = 0, False
        result = self.simulation.begin()
        return observations_of(result.steps, result.measured_db), masked(choice_info(result))

    def step(self, actions: Floats) -> tuple[Floats, Rewards, NDArray[Any], NDArray[Any], Info]:
        """Run one round with actions [num_envs, 2] -> observations [num_envs, 3], rewards, terminated and truncated [num_envs], info.

        Raises ResetNeeded before the first `reset`.
        """
        if self.simulation is None:
            raise ResetNeeded("call reset() before the first step()")
        terminated = np.zeros(self.num_envs, np.bool_)
        if self.finished:
            observations, info = self.reset()
            return observations, np.zeros(self.num_envs), terminated, np.zeros(self.num_envs, np.bool_), info
        result = self.simulation.choose(steps_after(self.simulation.steps, actions))
        self._round += 1
        self.finished = result.ended or self._round == self._max_episode_steps
        if self.finished:
            self.simulation.finish()
        observations, info = observations_of(result.steps, result.measured_db), masked(choice_info(result) | image_info(result))
        return observations, result.reward, terminated, np.full(self.num_envs, self.finished), info

    def close_extras(self, **kwargs: Any) -> None:
        """End the current episode, if there is one: its last records are emitted. `close` calls it."""
        if self.simulation is not None and not self.finished:
            self.finished = True
            self.simulation.finish()


class LiveLink(gymnasium.Env[Floats, Floats]):
    """One link. Each episode is a simulation of its own. `gymnasium.make` truncates it after `max_episode_steps` rounds, 3 by default.

    It is truncated before if the simulation reaches the scenario's `max_time_s`, and never terminated.

    Observation  float32 [3]: t_D, t_plus and the SNR that Bob measured (`env.spaces`)
    Action       float32 [2] in -1..1: change of t_D and t_plus (`env.spaces`)
    Reward       Eq. (31) of the images that Bob decoded in this round, of frames sent with the chosen steps. If there are none
                 (`info["images"]` is 0: frames or the REPORT were lost, or a frame takes longer than a round), it is the reward of the
                 previous round; in a first round it is -0.8, the reward at an SSIM of 0.
    Info         t_d, t_plus, snr_db: the steps chosen in the round and the true SNR in dB at that time; action_requested: whether Bob
                 requests the next action. If he does not (probes were lost; see `control_plane.action_requests`), the observation
                 is unchanged and the next action is ignored.
                 After a step also ssim, adv and err of Eq. (26), (27), (29), and images, their number.

    The initial steps are random, as in the paper. The seed and the actions determine the whole episode. The constructor of a simulation
    sets the number of PyTorch threads of the process to one and lets it keep freed memory, as a run does (`linksim.computation`).

    scenario     name of a scenario that is part of linksim, a file, or a `Scenario`. Its `bob.policy`, `frames` and number of links are
                 ignored. Without `alice.source_attack` the reward depends on SSIM only.
    overrides    values of scenario keys, "channel.bob.snr.mean_db=3"; for a `Scenario`, keys include the group, "groups.NAME.channel..."
    group        name of the group to simulate; None for the first, if the groups differ in Bob's policy only
    listeners    receive all records of all episodes; each episode begins with one `LinkCreated` record per link
    render_mode  "ansi": `render` returns the last round as a line of text; "rgb_array": it returns the first image of the newest frame as
                 Alice sent it, beside Bob's, uint8 [height, 2 width, 3] (`env.rendering`); None for no rendering

    Raises LinksimError if the scenario does not exist, is not valid, or has no diffusion steps to choose, and for an unknown render mode.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # noqa: RUF012  # as Env has it

    def __init__(
        self,
        scenario: str | Scenario = SCENARIO,
        overrides: Sequence[str] = (),
        group: str | None = None,
        listeners: Sequence[Listener] = (),
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise LinksimError(f"no render mode {render_mode!r}; {suggest(render_mode, RENDER_MODES)}")
        chosen = live_scenario(scenario, group, 1, overrides)
        self._newest, self._line = NewestFrame(), ""
        if render_mode == "rgb_array":
            chosen, listeners = keeping_images(chosen), (*listeners, self._newest)
        self._links = LiveLinkVec(1, chosen, None, listeners=listeners)
        self.observation_space, self.action_space = deepcopy(OBSERVATION), deepcopy(ACTION)
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Floats, Info]:
        """Begin an episode -> observation, info. See `LiveLinkVec.reset`."""
        super().reset(seed=seed)
        self._newest.clear()
        observations, info = self._links.reset(seed=seed, options=options)
        self._round, first = 0, first_link(info)
        self._line = line(0, first, None)
        return observations[0], first

    def render(self) -> str | Pixels | None:
        """The last round as `render_mode` states, None without one. Raises ResetNeeded before the first `reset`."""
        if self._links.simulation is None:
            raise ResetNeeded("call reset() before the first render()")
        if self.render_mode == "rgb_array":
            return self._newest.beside(self._links.simulation.image_shape)
        return self._line if self.render_mode == "ansi" else None

    def close(self) -> None:
        """End the current episode, if there is one: its last records are emitted."""
        self._links.close()

    def step(self, action: Floats) -> tuple[Floats, float, bool, bool, Info]:
        """Run one round -> observation, reward, terminated, truncated, info. Raises ResetNeeded after the last round of an episode."""
        if self._links.finished:
            raise ResetNeeded("the episode has ended: call reset() before the next step()")
        observations, rewards, _, truncated, info = self._links.step(np.asarray(action)[None])
        self._round, reward, first = self._round + 1, float(rewards[0]), first_link(info)
        self._line = line(self._round, first, reward)
        return observations[0], reward, False, bool(truncated[0]), first


def choice_info(result: RoundResult) -> Info:
    """The part of info that describes the choice of the round."""
    t_d, t_plus = result.chosen.T
    return {"t_d": t_d, "t_plus": t_plus, "snr_db": result.chosen_db, "action_requested": result.action_requested}


def image_info(result: RoundResult) -> Info:
    """The part of info that describes the images of the round."""
    return {"ssim": result.ssim, "adv": result.adv**0.5, "err": result.err**0.5, "images": result.images}


def masked(info: Info) -> Info:
    """Add Gymnasium's masks: for each array an array `_name` that is True for the links with a value, here all of them."""
    return info | {f"_{name}": np.ones(len(values), np.bool_) for name, values in info.items()}


def first_link(info: Info) -> Info:
    """The values of the first link as Python scalars, without the masks of `masked`."""
    return {name: values[0].item() for name, values in info.items() if not name.startswith("_")}

"""linksim/StepSelection-v0: choose diffusion steps as DiffuSeC's policy does (Ren et al., Sec. IV-D), with rewards from a reward table.

An episode starts from random steps (t_D, t_plus). In each round the agent observes the steps and the reported SNR and changes the steps.
A round costs one interpolation and no network, so an agent learns in minutes what takes hours in `env.live_link`; what it ignores is
everything that is not in the table: lost reports, frames that span rounds, and the randomness of single images.

>>> import linksim.env, gymnasium
>>> env = gymnasium.make(linksim.env.STEP_SELECTION)
>>> observation, info = env.reset(seed=1, options={"steps": (10, 5), "snr_db": 6.0})
>>> info["t_d"], info["t_plus"], observation.shape
(10, 5, (3,))
>>> _, reward, terminated, truncated, info = env.step(env.action_space.low)  # 25 steps fewer of both, at least 1 and 0
>>> info["t_d"], info["t_plus"], -1.66 <= reward <= 0.0, terminated, truncated
(1, 0, True, False, False)
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from numbers import Real
from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded

from linksim.adapt.mdp import MAX_STEPS, MIN_STEPS, StepPairs, random_steps
from linksim.adapt.reward_table import RewardTable
from linksim.adapt.reward_table_file import load_reward_table
from linksim.adapt.snr_process import Decibels, SnrProcess
from linksim.env.spaces import ACTION, OBSERVATION, Floats, observations_of, steps_after
from linksim.errors import LinksimError
from linksim.registry import suggest

OPTIONS = ("steps", "snr_db")


class StepSelection(gymnasium.Env[Floats, Floats]):
    """Rounds on a reward table, without end. `gymnasium.make` truncates an episode after `max_episode_steps` rounds, 3 by default.

    An episode is never terminated, so that the value of the state after the last round counts.

    Observation  float32 [3]: t_D, t_plus and reported SNR, each about -1..1 over its range (`adapt.mdp.state`)
    Action       float32 [2] in -1..1: change of t_D and t_plus; 1 stands for `mdp.MAX_ACTION` = 25 steps, larger values are clipped
    Reward       Eq. (31) of the steps after the action, at the true SNR; -1.66..0 where no mean SSIM is negative

    reward_table    name of a measured reward table, or a `RewardTable`
    snr_db          range in dB of the uniform distribution of an episode's mean SNR
    fluctuation_db  standard deviation of the SNR about that mean in dB; 0 for a constant SNR
    correlation     correlation of the fluctuation from one round to the next, 0..1
    delay           delay of the reported SNR in rounds
    error_db        standard deviation of the measurement error of the reported SNR in dB

    Raises ModelError if the reward table is missing, LinksimError for values out of range.
    """

    def __init__(
        self,
        reward_table: str | RewardTable = "diffusec-reward-table",
        snr_db: tuple[float, float] = (-3.0, 12.0),
        fluctuation_db: float = 1.0,
        correlation: float = 0.9,
        delay: int = 0,
        error_db: float = 0.0,
    ) -> None:
        try:
            self._snr_process = SnrProcess(*snr_db, fluctuation_db, correlation, delay, error_db)
        except ValueError as error:
            raise LinksimError(str(error)) from error
        self.reward_table = load_reward_table(reward_table) if isinstance(reward_table, str) else reward_table
        self._snr: Iterator[tuple[Decibels, Decibels]] | None = None
        self._true_db = self._reported_db = np.zeros(1)
        self.observation_space, self.action_space = deepcopy(OBSERVATION), deepcopy(ACTION)

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Begin an episode -> observation float32 [3], info with t_d, t_plus and the true snr_db.

        seed     seed of all random draws from now on; without it, they continue
        options  may contain the initial steps, `steps: (t_d, t_plus)`, and the mean SNR of the episode in dB, `snr_db`; both are random
                 by default

        Raises LinksimError for other options and for values out of range.
        """
        super().reset(seed=seed)
        given = dict(options or {})
        if unknown := [name for name in given if name not in OPTIONS]:
            raise LinksimError(f"no option {unknown[0]!r} of an episode; {suggest(str(unknown[0]), OPTIONS)}")
        mean_db = _snr_option(given["snr_db"]) if "snr_db" in given else None
        steps = _steps_option(given["steps"]) if "steps" in given else random_steps(self.np_random, 1)
        self._steps, self._snr = steps, self._snr_process.rounds(self.np_random, 1, mean_db)
        self._true_db, self._reported_db = next(self._snr)
        return self._observation(), self._info()

    def step(self, action: Floats) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Run one round -> observation, reward, terminated, truncated, info.

        Besides t_d, t_plus and the true snr_db of the round, info contains ssim, adv and err of Eq. (26), (27) and (29), and regret, the
        highest reward of any steps minus the reward of the chosen ones. Raises ResetNeeded before the first `reset`.
        """
        if self._snr is None:
            raise ResetNeeded("call reset() before the first step()")
        self._steps = steps_after(self._steps, np.asarray(action)[None])
        true_db = self._true_db
        found, reward = self.reward_table.components(self._steps, true_db), self.reward_table.reward(self._steps, true_db)
        best = self.reward_table.reward(self.reward_table.best(true_db), true_db)
        components = {"ssim": found.ssim, "adv": found.adv**0.5, "err": found.err**0.5, "regret": best - reward}
        info = self._info() | {name: float(value[0]) for name, value in components.items()}
        self._true_db, self._reported_db = next(self._snr)
        return self._observation(), float(reward[0]), False, False, info

    def _observation(self) -> Floats:
        """The observation, float32 [3], clipped to `BOUNDS`."""
        observation: Floats = observations_of(self._steps, self._reported_db)[0]
        return observation

    def _info(self) -> dict[str, Any]:
        """The part of info that every round has: the steps, and the true SNR in dB."""
        t_d, t_plus = self._steps[0].tolist()
        return {"t_d": t_d, "t_plus": t_plus, "snr_db": float(self._true_db[0])}


def _snr_option(given: Any) -> float:
    """The option `snr_db` in dB. Raises LinksimError unless it is a finite number."""
    if not isinstance(given, Real) or not np.isfinite(float(given)):
        raise LinksimError(f"option snr_db must be a finite number, got {given!r:.80}")
    return float(given)


def _steps_option(given: Any) -> StepPairs:
    """The option `steps`, int64 [1, 2]. Raises LinksimError unless it is a pair of integers within the ranges."""
    steps = np.asarray(given)
    if steps.shape != (2,) or not np.issubdtype(steps.dtype, np.integer) or not ((steps >= MIN_STEPS) & (steps <= MAX_STEPS)).all():
        ranges = " and ".join(f"{low}..{high}" for low, high in zip(MIN_STEPS, MAX_STEPS, strict=True))
        raise LinksimError(f"option steps must be two whole numbers in {ranges}, got {given!r:.80}")
    return steps[None].astype(np.int64)

"""linksim/StepSelection-v0: choose diffusion steps as DiffuSeC's policy does (Ren et al., Sec. IV-D), rewarded by a reward table.

An episode starts from random steps (t_D, t_plus). In each round the agent is told both and the SNR as reported, and changes both.
"""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from linksim.adapt.mdp import LEAST, MAX_ACTION, MOST, Steps, apply_action, random_steps, state
from linksim.adapt.reward_table import RewardTable
from linksim.adapt.reward_table_file import load_reward_table
from linksim.adapt.snr_process import SnrProcess
from linksim.errors import LinksimError
from linksim.registry import suggest

BOUNDS = np.array([1.0, 1.0, 3.0], np.float32)  # of what is observed; of SNR, -30..42 dB
OPTIONS = ("steps", "snr_db")

Floats = NDArray[np.float32]


class StepSelection(gymnasium.Env[Floats, Floats]):
    """Episodes of a few rounds, cut off (`truncated`) and never ended: what follows the last round has a worth, too.

    Observation  float32 [3]: t_D, t_plus and reported SNR, each about -1..1 over its range (`adapt.mdp.state`)
    Action       float32 [2] in -1..1: change of t_D and t_plus, 1 standing for `REACH` = 25 steps
    Reward       Eq. (31) of the steps that the action leads to, at the SNR as it is; -1.66..0 where no mean SSIM is negative

    reward table           name of a measured one, or an `Reward table`
    rounds          of an episode
    snr_db          range in dB that the mean SNR of an episode is drawn from; both ends the same for one SNR
    fluctuation_db  standard deviation of the SNR about that mean; 0 for an SNR that does not change
    correlation     of that fluctuation from round to round, 0..1
    delay           rounds by which the reported SNR is late
    error_db        standard deviation of its error

    Raises ModelError for a reward table that is not there, LinksimError for figures out of range.
    """

    def __init__(
        self,
        reward_table: str | RewardTable = "diffusec-reward-table",
        rounds: int = 3,
        snr_db: tuple[float, float] = (-3.0, 12.0),
        fluctuation_db: float = 1.0,
        correlation: float = 0.9,
        delay: int = 0,
        error_db: float = 0.0,
    ) -> None:
        if rounds < 1:
            raise LinksimError(f"rounds must be at least 1, got {rounds}")
        try:
            self._fluctuation = SnrProcess(*snr_db, fluctuation_db, correlation, delay, error_db)
        except ValueError as fault:
            raise LinksimError(str(fault)) from fault
        self.reward_table = load_reward_table(reward_table) if isinstance(reward_table, str) else reward_table
        self._rounds = self._round = rounds
        self.observation_space = spaces.Box(-BOUNDS, BOUNDS, dtype=np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Begin an episode. `options` may set its first steps, `steps: (t_d, t_plus)`, and its mean SNR, `snr_db`.

        -> observation, info: t_d, t_plus, snr_db. Raises LinksimError for other options, or steps out of range.
        """
        super().reset(seed=seed)
        given = dict(options or {})
        if unknown := [name for name in given if name not in OPTIONS]:
            raise LinksimError(f"no option {unknown[0]!r} of an episode; {suggest(str(unknown[0]), OPTIONS)}")
        mean_db = _level(given["snr_db"]) if "snr_db" in given else None
        self._snr = self._fluctuation.episode(self.np_random, self._rounds + 1, 1, mean_db)
        self._steps = _pair(given["steps"]) if "steps" in given else random_steps(self.np_random, 1)
        self._round = 0
        return self._observed(), self._told()

    def step(self, action: Floats) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """One round. What an action exceeds -1..1 by is lost.

        Beside t_d, t_plus and snr_db (as it is) of the round, info holds what they came to: ssim, adv and err of Eq. (26), (27) and (29),
        and regret, the reward of the best steps less the reward had.
        """
        if self._round == self._rounds:
            raise ResetNeeded("the episode is over: call reset() before the next step()")
        self._steps = apply_action(self._steps, MAX_ACTION * np.clip(action, -1.0, 1.0)[None])
        true_db = self._snr.true_db[self._round]
        found, had = self.reward_table.components(self._steps, true_db), self.reward_table.reward(self._steps, true_db)
        best = self.reward_table.reward(self.reward_table.best(true_db), true_db)
        about = {"ssim": found.ssim, "adv": found.adv**0.5, "err": found.err**0.5, "regret": best - had}
        told = self._told() | {name: float(value[0]) for name, value in about.items()}
        self._round += 1
        return self._observed(), float(had[0]), False, self._round == self._rounds, told

    def _observed(self) -> Floats:
        seen: Floats = state(self._steps, self._snr.reported_db[self._round])[0].clip(-BOUNDS, BOUNDS)
        return seen

    def _told(self) -> dict[str, Any]:
        t_d, t_plus = self._steps[0].tolist()
        return {"t_d": t_d, "t_plus": t_plus, "snr_db": float(self._snr.true_db[self._round, 0])}


def _level(given: Any) -> float:
    """Raises LinksimError for anything but a finite number."""
    if not isinstance(given, Real) or not np.isfinite(float(given)):
        raise LinksimError(f"option snr_db must be a finite number, got {given!r:.80}")
    return float(given)


def _pair(given: Any) -> Steps:
    """-> [1, 2]. Raises LinksimError for anything but a pair within the ranges."""
    steps = np.asarray(given)
    if steps.shape != (2,) or not np.issubdtype(steps.dtype, np.integer) or not ((steps >= LEAST) & (steps <= MOST)).all():
        ranges = " and ".join(f"{least}..{most}" for least, most in zip(LEAST, MOST, strict=True))
        raise LinksimError(f"option steps must be two whole numbers in {ranges}, got {given!r:.80}")
    return steps[None].astype(np.int64)

"""Training task of the policy that chooses diffusion steps: DDPG (Ren et al., Sec. VI) against a reward table. `train.trainer` runs it.

Differs from the paper: its channel is constant over an episode as far as it says; here the SNR wanders about the episode's mean
(`Fluctuation`), as on the links that the policy is for. It names neither the exploration noise nor the minibatch. The learner is told
rewards less what is usual at their SNR (`trainer.RewardBaseline`), and what is kept is the actor that lost least on the way.
"""

from dataclasses import asdict, dataclass, field
from functools import cached_property

import numpy as np

from linksim.adapt.ddpg import DdpgConfig, select_actions
from linksim.adapt.learning_curve import PolicyEvaluation
from linksim.adapt.mdp import MAX_ACTION, Steps, apply_action, random_steps, state
from linksim.adapt.reward_table import RewardTable
from linksim.adapt.reward_table_file import load_reward_table
from linksim.adapt.snr_process import SnrProcess
from linksim.nets.cards import Score
from linksim.nets.policy import Actor, saturated
from linksim.nets.weights import find_file, sha256_of
from linksim.rng import Streams

SCORED_DB, SCORED_STARTS = (-3.0, 0.0, 5.0, 10.0, 15.0), 1_000


@dataclass(frozen=True)
class DdpgTask:
    """Trains an `Actor`. Defaults that the paper gives are the paper's.

    reward table         whose rewards it learns from
    steps         environment steps, with one update after each from `random_steps` on
    random_steps  steps of random action before that
    rounds        steps of an episode, L
    minibatch     transitions of an update
    noise         standard deviation of the Gaussian exploration noise, as a share of the reach
    snr_process   of the SNR, over an episode and from episode to episode
    """

    reward_table: str
    steps: int = 10_000
    random_steps: int = 2_500
    reset_interval: int = 3
    minibatch: int = 128
    noise: float = 0.1
    ddpg: DdpgConfig = field(default_factory=DdpgConfig)
    snr_process: SnrProcess = field(default_factory=SnrProcess)
    seed: int = 1
    kind: str = field(default="policy", init=False)
    conditions: tuple[str, ...] = field(default=tuple(f"last round at {snr_db:g} dB" for snr_db in SCORED_DB), init=False)

    @property
    def config(self) -> dict[str, object]:
        return {"reach": MAX_ACTION}

    @property
    def recipe(self) -> dict[str, object]:
        """The reward table' values belong to it: from another one, a policy learns anew."""
        told = {name: getattr(self, name) for name in ("reward_table", "random_steps", "reset_interval", "minibatch", "noise")}
        return told | {"ddpg": asdict(self.ddpg), "snr_process": asdict(self.snr_process), "reward_table_sha256": self.digest}

    @property
    def digest(self) -> str:
        """Of the reward table' file. Raises ModelError where there is none."""
        return sha256_of(find_file(self.reward_table, "reward-table"))

    @cached_property
    def rewards(self) -> RewardTable:
        """Raises ModelError where there is none."""
        return load_reward_table(self.reward_table)

    def scores(self, actor: Actor) -> tuple[Score, ...]:
        """What is lost against the best steps in the last round of an episode, for each of `conditions`."""
        starts = random_steps(Streams(self.seed)("scores"), SCORED_STARTS)
        regrets = (standing(actor, self.rewards, snr_db, starts, self.reset_interval).regret for snr_db in SCORED_DB)
        return tuple(Score("regret", told, round(regret, 4), SCORED_STARTS) for told, regret in zip(self.conditions, regrets, strict=True))


def standing(actor: Actor, reward_table: RewardTable, snr_db: float, starts: Steps, rounds: int, step: int = 0) -> PolicyEvaluation:
    """How an actor stands at one SNR, from starts [n, 2] over so many rounds, without noise; `step` tells how long it has learnt."""
    level_db = np.full(len(starts), snr_db)
    steps, seen = starts, list[tuple[float, ...]]()
    for _ in range(rounds):
        actions = select_actions(actor, state(steps, level_db))
        steps = apply_action(steps, actions)
        found = reward_table.components(steps, level_db)
        had = reward_table.reward(steps, level_db)
        adv, err = np.sqrt(found.adv), np.sqrt(found.err)  # Eq. (27), (29)
        seen.append(tuple(float(np.mean(of)) for of in (had, found.ssim, adv, err, saturated(actions, actor.reach))))
    reward, ssim, adv_mean, err_mean, flat = np.mean(seen, axis=0).tolist()
    best = reward_table.reward(reward_table.best(level_db), level_db)
    t_d, t_plus = steps.mean(axis=0).tolist()
    return PolicyEvaluation(step, snr_db, reward, ssim, adv_mean, err_mean, float(np.mean(best - had)), t_d, t_plus, flat)

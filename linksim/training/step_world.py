"""What a policy is trained and selected on: the rewards of diffusion steps in episodes whose state of nature is drawn.

    TableWorld    the paper's: nature is the SNR, the state (t_D, t_plus, SNR), the reward that of a reward table
    AttackWorld   nature is the SNR and the strength of the attack; the state has the disagreement in addition, as Bob would observe it

All random values of an episode are functions of the seed and the number of the episode.
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.attack_table import AttackTable
from linksim.adapt.ddpg import select_actions
from linksim.adapt.learning_curve import PolicyEvaluation
from linksim.adapt.mdp import STATE_SIZE, StepPairs, apply_action, state
from linksim.adapt.replay import Floats
from linksim.adapt.reward import reward
from linksim.adapt.reward_table import RewardTable
from linksim.adapt.snr_process import SnrProcess, SnrTrajectory
from linksim.nets.policy import Actor, saturated_share
from linksim.rng import Streams


class Episode(Protocol):
    """The rounds of one training link."""

    def state(self, steps: StepPairs, turn: int) -> Floats:
        """Return what the policy is given before round `turn` with steps [1, 2] in force: float32 [1, inputs]."""

    def reward(self, steps: StepPairs, turn: int) -> Floats:
        """Return the normalised reward of steps [1, 2] in round `turn`: float32 [1]."""


class StepWorld(Protocol):
    """A world in which a policy is trained.

    inputs  number of values of a state
    """

    inputs: int

    def begin(self, streams: Streams, episode: int, rounds: int) -> Episode:
        """Draw an episode of `rounds` rounds, and the report of one more."""

    def evaluate(self, actor: Actor, snr_db: float, starts: StepPairs, rounds: int, step: int = 0) -> PolicyEvaluation:
        """Evaluate an actor at one constant SNR; the arguments are those of `evaluate_actor`."""


class TableWorld:
    """The world of a reward table.

    reward_table  rewards of all steps
    snr_process   SNR within an episode and from episode to episode
    """

    inputs = STATE_SIZE

    def __init__(self, reward_table: RewardTable, snr_process: SnrProcess) -> None:
        self._table, self._snr_process, self._baseline = reward_table, snr_process, RewardBaseline(reward_table)

    def begin(self, streams: Streams, episode: int, rounds: int) -> "TableEpisode":
        """See `StepWorld.begin`."""
        snr = self._snr_process.sample(streams("episode/snr", episode), rounds + 1, 1)
        return TableEpisode(self._table, self._baseline, snr)

    def evaluate(self, actor: Actor, snr_db: float, starts: StepPairs, rounds: int, step: int = 0) -> PolicyEvaluation:
        """See `StepWorld.evaluate`."""
        return evaluate_actor(actor, self._table, snr_db, starts, rounds, step)


@dataclass(frozen=True)
class TableEpisode:
    """An `Episode` with the rewards of a table at a trajectory of the SNR. The reward is that of the true SNR, the state has the report."""

    table: RewardTable
    baseline: "RewardBaseline"
    snr: SnrTrajectory

    def state(self, steps: StepPairs, turn: int) -> Floats:
        return state(steps, self.snr.reported_db[turn])

    def reward(self, steps: StepPairs, turn: int) -> Floats:
        true_db = self.snr.true_db[turn]
        return self.baseline.normalise(self.table.reward(steps, true_db), true_db)


class AttackWorld:
    """The world of an attack table: the strength is drawn for each episode.

    attack_table  rewards and disagreement for each strength
    snr_process   SNR within an episode and from episode to episode
    images        number of images that Bob receives in a round
    """

    inputs = STATE_SIZE + 1

    def __init__(self, attack_table: AttackTable, snr_process: SnrProcess, images: int) -> None:
        self._table, self._snr_process, self._images = attack_table, snr_process, images
        self._worlds = [TableWorld(table, snr_process) for table in attack_table.tables]

    def begin(self, streams: Streams, episode: int, rounds: int) -> "AttackEpisode":
        """See `StepWorld.begin`."""
        draw = streams("episode/attack", episode)
        strength = int(draw.integers(len(self._worlds)))
        inner = self._worlds[strength].begin(streams, episode, rounds)
        return AttackEpisode(inner, self._table, strength, draw.random((rounds + 1, self._images)))

    def evaluate(self, actor: Actor, snr_db: float, starts: StepPairs, rounds: int, step: int = 0) -> PolicyEvaluation:
        """Return the mean over the strengths; see `StepWorld.evaluate`. The draws of the observations are the same at every call."""
        draws, level_db = Streams(0)("evaluation/attack").random((len(starts), self._images)), np.full(len(starts), snr_db)
        found = []
        for strength, table in enumerate(self._table.tables):

            def observe(steps: StepPairs, strength: int = strength) -> NDArray[np.float64]:
                share: NDArray[np.float64] = (draws < self._table.disagreements(steps, level_db)[strength][:, None]).mean(axis=1)
                return share

            found.append(astuple(evaluate_actor(actor, table, snr_db, starts, rounds, step, observe)))
        _, *means = np.mean(found, axis=0).tolist()
        return PolicyEvaluation(step, *means)


@dataclass(frozen=True)
class AttackEpisode:
    """An `Episode` under an attack of one strength.

    inner     the episode of the strength's own reward table
    table     disagreement
    strength  index of the strength
    draws     uniform draws of the images before each round, float64 [rounds + 1, images]
    """

    inner: TableEpisode
    table: AttackTable
    strength: int
    draws: NDArray[np.float64]

    def state(self, steps: StepPairs, turn: int) -> Floats:
        snr = self.inner.snr
        expected = self.table.disagreements(steps, snr.true_db[turn])[self.strength]
        return state(steps, snr.reported_db[turn], np.array([np.mean(self.draws[turn] < expected)]))

    def reward(self, steps: StepPairs, turn: int) -> Floats:
        return self.inner.reward(steps, turn)


class RewardBaseline:
    """Normalisation of rewards by their mean at each SNR.

    A policy does not influence the SNR, and most of the variance of a reward is due to the SNR. Subtracting the mean reward of all steps at
    an SNR and dividing by the standard deviation of the remainder leaves the optimal steps unchanged, and the critic only has to model the
    effect of the steps.

    reward_table  table whose rewards are normalised
    """

    def __init__(self, reward_table: RewardTable) -> None:
        rewards = reward(reward_table.ssim, reward_table.adv, reward_table.err)
        self._snr_db, self._mean = reward_table.snr_db, rewards.mean(axis=(0, 1))
        self._spread = float((rewards - self._mean).std()) or 1.0

    def normalise(self, rewards: NDArray[np.float64], snr_db: NDArray[np.float64]) -> Floats:
        """Return rewards minus the mean at their SNR, in units of the standard deviation of the remainder.

        rewards  rewards, float64 [n]
        snr_db   true SNR of each in dB, float64 [n]; means are interpolated between the nodes of the table

        Returns float32 [n].
        """
        normalised: Floats = ((rewards - np.interp(snr_db, self._snr_db, self._mean)) / self._spread).astype(np.float32)
        return normalised


def evaluate_actor(
    actor: Actor,
    reward_table: RewardTable,
    snr_db: float,
    starts: StepPairs,
    rounds: int,
    step: int = 0,
    observe: Callable[[StepPairs], NDArray[np.float64]] | None = None,
) -> PolicyEvaluation:
    """Evaluate an actor at one constant SNR without exploration noise.

    actor         the actor
    reward_table  rewards of all steps
    snr_db        SNR in dB, which the actor knows
    starts        initial diffusion steps, int64 [n, 2]
    rounds        number of rounds, at least 1
    step          training step, which is stored in the result
    observe       what an actor observes beside the SNR with steps [n, 2] in force, None for nothing

    Reward, SSIM, the roots of the shares (Eq. 27 and 29) and the share of saturated actions are means over all rounds and starts. Regret
    and steps are those of the last round, since an actor needs several rounds to reach the best steps.
    """
    level_db = np.full(len(starts), snr_db)
    steps, results = starts, list[tuple[float, ...]]()
    for _ in range(rounds):
        actions = select_actions(actor, state(steps, level_db, None if observe is None else observe(steps)))
        steps = apply_action(steps, actions)
        found = reward_table.components(steps, level_db)
        earned = reward_table.reward(steps, level_db)
        adv, err = np.sqrt(found.adv), np.sqrt(found.err)  # Eq. (27), (29)
        results.append(tuple(float(np.mean(x)) for x in (earned, found.ssim, adv, err, saturated_share(actions, actor.reach))))
    reward_mean, ssim, adv_mean, err_mean, saturated = np.mean(results, axis=0).tolist()
    best = reward_table.reward(reward_table.best(level_db), level_db)
    t_d, t_plus = steps.mean(axis=0).tolist()
    return PolicyEvaluation(step, snr_db, reward_mean, ssim, adv_mean, err_mean, float(np.mean(best - earned)), t_d, t_plus, saturated)

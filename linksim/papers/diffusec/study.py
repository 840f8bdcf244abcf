"""The study `paper`: DiffuSeC with a codec that does not know the SNR, which is the setting that the paper's Eqs. (21) to (23) describe.

    decoder without SNR --> the channel's noise stays in the image --> more noise, more steps to remove it: t_plus falls as the SNR rises

In the study of `policies` the codec is given the SNR and removes the noise itself, so that one pair of steps serves every SNR. Here the
codec is given the same SNR everywhere (`codec_snr_db`), and the denoiser is the one that is trained on diffusion alone.

Policies are chosen on training images, by the reward table `CHOSEN_ON`, and evaluated on test images, by the table `EVALUATED_ON`; the
oracle knows the latter. DDPG is trained with `SEEDS` seeds. The first is the trained model; the others are trained here, in about a minute
each, as is one with the paper's learning rates, a tenth of ours.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np

from linksim.adapt.ddpg import Ddpg, DdpgConfig
from linksim.adapt.evaluation_channels import EVALUATION_CHANNELS, evaluation_channels
from linksim.adapt.learning_curve import COLUMNS
from linksim.adapt.mdp import random_steps
from linksim.adapt.policy import BestFixed, LookupPolicy, Oracle, Policy, Random
from linksim.adapt.regret import Condition, PolicyOutcome, evaluate_policies
from linksim.adapt.reward_table import RewardTable
from linksim.adapt.reward_table_file import load_reward_table
from linksim.nets.policy import Actor
from linksim.nets.weights import load_model
from linksim.papers.diffusec.experiments import SNRS_DB, SYMMETRIC_STEPS
from linksim.papers.diffusec.policies import BIN_DB, CHANNELS, DELAYS, ERRORS_DB, INTERVAL_MS, ROUNDS
from linksim.papers.diffusec.policy_rollout import FINAL_ROUND, STARTS
from linksim.reproduction.paper import Experiment, Measurement, ProgressCallback
from linksim.reproduction.results import ResultStore, Samples
from linksim.reproduction.simulated import weights_of
from linksim.reproduction.tables import Entry, Row, Table
from linksim.rng import Streams
from linksim.statistics import bootstrap_mean
from linksim.training.ddpg import DdpgTask
from linksim.training.ddpg_trainer import DdpgTrainer
from linksim.training.tasks import TASKS

CHOSEN_ON, EVALUATED_ON, ACTOR = "diffusec-blind-rewards", "diffusec-blind-rewards-test", "ddpg-diffusec-blind"
SEEDS = (1, 2, 3, 4, 5)
RANGE_DB = np.arange(-6.0, 18.1, 0.5)  # SNRs over which the best fixed pair is chosen: those of the evaluation
STALE: dict[str, Any] = {"delay": max(DELAYS), "error_db": max(ERRORS_DB)}  # the worst reports
STUDY = "study-paper"  # first part of the keys
LEARNT = {f"ddpg-{seed}": f"DDPG, seed {seed}" for seed in SEEDS}
OTHERS: Mapping[str, str] = {
    "oracle": "oracle: knows the true SNR and the test images",
    "paper-rates": f"DDPG with the paper's learning rates, seed {SEEDS[0]}",
    "lookup": f"lookup, a pair for every {BIN_DB:g} dB",
    "best-fixed": "best fixed pair for -6..18 dB",
    "symmetric": f"symmetric, {SYMMETRIC_STEPS[0]} + {SYMMETRIC_STEPS[0]} steps",
    "random": "random pairs",
}
NAMES = LEARNT | dict(OTHERS)


@cache
def trained(seed: int, table: str, papers_rates: bool = False) -> DdpgTrainer:
    """Return the finished training of DDPG, once per digest of its reward table. Raises ModelError if the table is missing.

    papers_rates  learning rates of the paper instead of those of the task
    """
    task = TASKS[ACTOR]
    assert isinstance(task, DdpgTask)
    trainer = DdpgTrainer(replace(task, seed=seed, ddpg=DdpgConfig() if papers_rates else task.ddpg))
    while not trainer.finished:
        trainer.train_step()
    return trainer


@cache
def compared_policies(chosen_on: str, evaluated_on: str) -> Mapping[str, Policy]:
    """Return the policies by the names of `NAMES`. The arguments are the digests of the tables."""
    chosen, evaluated = load_reward_table(CHOSEN_ON), load_reward_table(EVALUATED_ON)
    return {f"ddpg-{seed}": _learnt(seed) for seed in SEEDS} | {
        "oracle": Oracle(evaluated),
        "paper-rates": _policy_of(trained(SEEDS[0], weights_of(CHOSEN_ON), papers_rates=True)),
        "lookup": LookupPolicy(chosen, BIN_DB),
        "best-fixed": BestFixed(chosen.best_fixed(RANGE_DB)),
        "symmetric": BestFixed(SYMMETRIC_STEPS),
        "random": Random(),
    }


def _learnt(seed: int) -> Policy:
    if seed == SEEDS[0]:
        actor = load_model(ACTOR, "policy").network
        assert isinstance(actor, Actor)
        return Ddpg(actor)
    return _policy_of(trained(seed, weights_of(CHOSEN_ON)))


def _policy_of(trainer: DdpgTrainer) -> Policy:
    actor = trainer.agent.actor
    actor.load_state_dict(trainer.result())
    return Ddpg(actor)


@dataclass(frozen=True)
class StudyExperiment:
    """Base of the experiments of the study: its digest depends on both tables and on the actor.

    policy  a name in `NAMES`
    seed    of the evaluation
    """

    policy: str
    seed: int
    kind: str = "study"

    def digest(self) -> str:
        weights = [weights_of(name) for name in (CHOSEN_ON, EVALUATED_ON, ACTOR)]
        return hashlib.sha256(repr([1, astuple(self), *weights]).encode()).hexdigest()[:16]

    def policies(self) -> Mapping[str, Policy]:
        """Return the policies. Raises ModelError where a table or the actor is missing."""
        return compared_policies(weights_of(CHOSEN_ON), weights_of(EVALUATED_ON))


@dataclass(frozen=True)
class StudyRegret(StudyExperiment):
    """Mean reward and regret of a policy on each held-out channel.

    channel   kind of channel; None for all kinds
    delay     of a report, in rounds
    error_db  standard deviation of the error of a report
    """

    channel: str | None = None
    delay: int = 0
    error_db: float = 0.0

    @property
    def key(self) -> str:
        return regret_key(self.policy, self.channel, self.delay, self.error_db)

    @property
    def size(self) -> int:
        return CHANNELS * (1 if self.channel else len(EVALUATION_CHANNELS))

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        found = all_outcomes(self.seed, weights_of(CHOSEN_ON), weights_of(EVALUATED_ON))
        kinds = [self.channel] if self.channel else list(EVALUATION_CHANNELS)
        outcomes = [found[self.policy, Condition(kind, self.delay, self.error_db)] for kind in kinds]
        on_progress(self.size)
        rewards, regrets = ([getattr(outcome, name) for outcome in outcomes] for name in ("rewards", "regrets"))
        return Measurement({"reward": np.concatenate(rewards), "regret": np.concatenate(regrets)}, {})


@dataclass(frozen=True)
class StudySteps(StudyExperiment):
    """The steps to which a policy converges from random starts at a constant SNR, with what they earn on test images."""

    snr_db: int = 0
    size: int = STARTS

    @property
    def key(self) -> str:
        return steps_key(self.policy, self.snr_db)

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        policy, evaluated, draw = self.policies()[self.policy], load_reward_table(EVALUATED_ON), Streams(self.seed)("study/starts")
        level_db, steps = np.full(STARTS, float(self.snr_db)), random_steps(draw, STARTS)
        for _ in range(FINAL_ROUND):
            steps = policy.choose(steps, level_db, level_db, draw)
        on_progress(STARTS)
        t_d, t_plus = steps.astype(np.float64).T
        found = evaluated.components(steps, level_db)
        earned = {"reward": evaluated.reward(steps, level_db), "robust": found.robust, "ssim": found.ssim}
        return Measurement({"t_d": t_d, "t_plus": t_plus, **earned}, {})


@dataclass(frozen=True)
class StudyCurve(StudyExperiment):
    """The learning curve of DDPG with one seed, on training images; its metrics are the columns of `adapt.learning_curve`."""

    size: int = 1

    @property
    def key(self) -> str:
        return curve_key(self.policy)

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        rows = np.array([astuple(row) for row in trained(int(self.policy.split("-")[1]), weights_of(CHOSEN_ON)).curve], np.float64)
        on_progress(1)
        return Measurement(dict(zip(COLUMNS, rows.T, strict=True)), {})


@cache
def all_outcomes(seed: int, chosen_on: str, evaluated_on: str) -> Mapping[tuple[str, Condition], PolicyOutcome]:
    """Return the outcomes of all policies under all conditions, computed once per digest of both tables."""
    channels = {kind: evaluation_channels(kind, CHANNELS, ROUNDS + max(DELAYS), INTERVAL_MS, seed) for kind in EVALUATION_CHANNELS}
    table: RewardTable = load_reward_table(EVALUATED_ON)
    outcomes = evaluate_policies(table, compared_policies(chosen_on, evaluated_on), channels, DELAYS, ERRORS_DB, seed)
    return {(outcome.policy, outcome.condition): outcome for outcome in outcomes}


def regret_key(policy: str, channel: str | None = None, delay: int = 0, error_db: float = 0.0) -> str:
    """Return the key of a `StudyRegret`.

    >>> regret_key("lookup", "slow"), regret_key("ddpg-1", None, 1, 3.0)
    ('study-paper/lookup/slow', 'study-paper/ddpg-1/delay1-error3')
    """
    return f"{STUDY}/{policy}/{channel or f'delay{delay}-error{error_db:g}'}"


def steps_key(policy: str, snr_db: int) -> str:
    """Return the key of a `StudySteps`."""
    return f"{STUDY}/{policy}/snr{snr_db}"


def curve_key(policy: str) -> str:
    """Return the key of a `StudyCurve`."""
    return f"{STUDY}/{policy}/curve"


def study_experiments(seed: int) -> list[Experiment]:
    """Return the experiments of the study: steps, regret by channel and by report, and the learning curves."""
    return [
        *(StudySteps(policy, seed, snr_db=snr_db) for policy in NAMES for snr_db in SNRS_DB),
        *(StudyRegret(policy, seed, channel=channel) for policy in NAMES for channel in EVALUATION_CHANNELS),
        *(StudyRegret(policy, seed, delay=delay, error_db=error_db) for policy in NAMES for delay in DELAYS for error_db in ERRORS_DB),
        *(StudyCurve(policy, seed) for policy in LEARNT),
    ]


def study_tables() -> list[Table]:
    """Return the tables of the study: steps and accuracy by SNR, and regret by kind of channel and by report."""
    steps = Table(
        STUDY,
        f"Study `paper`: steps after {FINAL_ROUND} rounds, t_D / t_plus / accuracy under attack / reward, on test images",
        tuple(f"{snr_db} dB" for snr_db in SNRS_DB),
        tuple(Row(about, tuple(Entry(steps_key(policy, snr_db)) for snr_db in SNRS_DB)) for policy, about in NAMES.items()),
        ("t_d", "t_plus", "robust", "reward"),
    )
    by_channel: dict[str, Callable[[str], str]] = {kind: partial(_channel_key, kind) for kind in EVALUATION_CHANNELS}
    by_report: dict[str, Callable[[str], str]] = {
        f"{delay} late, {error:g} dB": partial(regret_key, channel=None, delay=delay, error_db=error)
        for delay in DELAYS
        for error in ERRORS_DB
    }
    others = "best-fixed", "lookup"
    remarks = tuple(partial(learnt_against, other=other) for other in others)
    stale = tuple(partial(learnt_against, other=other, **STALE) for other in others)
    return [
        steps,
        _regrets(
            "Study `paper`: regret against the oracle by kind of held-out channel, reports without delay and error", by_channel, remarks
        ),
        _regrets(
            "Study `paper`: the same over all channels, by delay of a report in rounds and standard deviation of its error",
            by_report,
            stale,
        ),
    ]


def _channel_key(kind: str, policy: str) -> str:
    return regret_key(policy, kind)


def _regrets(title: str, columns: Mapping[str, Callable[[str], str]], remarks: tuple[Callable[[ResultStore], str], ...] = ()) -> Table:
    rows = tuple(Row(about, tuple(Entry(of(policy)) for of in columns.values())) for policy, about in NAMES.items())
    return Table(STUDY, title, tuple(columns), rows, ("regret",), remarks)


def learnt_against(results: ResultStore, other: str, delay: int = 0, error_db: float = 0.0) -> str:
    """Return a sentence on the reward of DDPG minus that of another policy, over seeds and channels; empty where results are missing.

    delay, error_db  of the reports
    """
    keys = [regret_key(policy, delay=delay, error_db=error_db) for policy in (other, *LEARNT)]
    if any(key not in results for key in keys):
        return ""
    compared, *learnt = results.aligned(keys, "reward")
    gains: list[Samples] = [reward - compared for reward in learnt]
    found = bootstrap_mean(np.mean(gains, axis=0), Streams(0)("study/bootstrap"))
    least = min(float(gain.mean()) for gain in gains)
    return (
        f"DDPG against {OTHERS[other]}, reports {delay} late, error {error_db:g} dB: its reward is {found.value:+.4f} higher on average "
        f"over {len(SEEDS)} seeds, 95 % interval over channels {found.low:+.4f}..{found.high:+.4f}; the worst seed {least:+.4f}"
    )

"""The study `paper`: DiffuSeC with a codec that does not know the SNR, which is the setting that the paper's Eqs. (21) to (23) describe.

    decoder without SNR --> the channel's noise stays in the image --> more noise, more steps to remove it: t_plus falls as the SNR rises

In the study of `policies` the codec is given the SNR and removes the noise itself, so that one pair of steps serves every SNR. Here the
codec is given the same SNR everywhere (`codec_snr_db`), and the denoiser is the one that is trained on diffusion alone.

Policies are chosen on training images, by the reward table `CHOSEN_ON`, and evaluated on test images, by the table `EVALUATED_ON`; the
oracle knows the latter. `study_policies` has the policies.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from linksim.adapt.evaluation_channels import EVALUATION_CHANNELS, evaluation_channels
from linksim.adapt.learning_curve import COLUMNS
from linksim.adapt.mdp import random_steps
from linksim.adapt.observation import of_snr
from linksim.adapt.policy import Policy
from linksim.adapt.regret import Condition, PolicyOutcome, evaluate_policies
from linksim.adapt.reward_table_file import load_reward_table
from linksim.papers.diffusec.experiments import SNRS_DB
from linksim.papers.diffusec.policies import CHANNELS, DELAYS, ERRORS_DB, INTERVAL_MS, ROUNDS
from linksim.papers.diffusec.policy_rollout import FINAL_ROUND, STARTS
from linksim.papers.diffusec.study_policies import (
    ACTOR,
    AGENTS,
    CHOSEN_ON,
    EVALUATED_ON,
    LEARNT,
    NAMES,
    OTHERS,
    SEEDS,
    policy_named,
    trained,
)
from linksim.reproduction.paper import Experiment, Measurement, ProgressCallback
from linksim.reproduction.results import ResultStore, Samples
from linksim.reproduction.simulated import weights_of
from linksim.reproduction.tables import Entry, Row, Table
from linksim.rng import Streams
from linksim.statistics import bootstrap_mean

STALE: dict[str, Any] = {"delay": max(DELAYS), "error_db": max(ERRORS_DB)}  # the worst reports
STUDY = "study-paper"  # first part of the keys


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

    def policy_used(self) -> Policy:
        """Return the policy. Raises as `study_policies.policy_named` does."""
        return policy_named(self.policy, weights_of(CHOSEN_ON), weights_of(EVALUATED_ON))


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
        found = outcomes_of(self.policy, self.seed, weights_of(CHOSEN_ON), weights_of(EVALUATED_ON))
        kinds = [self.channel] if self.channel else list(EVALUATION_CHANNELS)
        outcomes = [found[Condition(kind, self.delay, self.error_db)] for kind in kinds]
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
        policy, evaluated, draw = self.policy_used(), load_reward_table(EVALUATED_ON), Streams(self.seed)("study/starts")
        level_db, steps = np.full(STARTS, float(self.snr_db)), random_steps(draw, STARTS)
        for _ in range(FINAL_ROUND):
            steps = policy.choose(of_snr(steps, level_db), draw)
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
def outcomes_of(policy: str, seed: int, chosen_on: str, evaluated_on: str) -> Mapping[Condition, PolicyOutcome]:
    """Return the outcomes of a policy under all conditions, computed once per digest of both tables."""
    channels = {kind: evaluation_channels(kind, CHANNELS, ROUNDS + max(DELAYS), INTERVAL_MS, seed) for kind in EVALUATION_CHANNELS}
    policies = {policy: policy_named(policy, chosen_on, evaluated_on)}
    outcomes = evaluate_policies(load_reward_table(EVALUATED_ON), policies, channels, DELAYS, ERRORS_DB, seed)
    return {outcome.condition: outcome for outcome in outcomes}


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
    """Return a sentence on the rewards of the agents minus that of another policy; empty where results are missing.

    delay, error_db  of the reports
    """
    of = partial(regret_key, delay=delay, error_db=error_db)
    if any(of(policy) not in results for policy in (other, *(seed for seeds in AGENTS.values() for seed in seeds))):
        return ""
    said = []
    for agent, seeds in AGENTS.items():
        compared, *learnt = results.aligned([of(policy) for policy in (other, *seeds)], "reward")
        gains: list[Samples] = [reward - compared for reward in learnt]
        found = bootstrap_mean(np.mean(gains, axis=0), Streams(0)("study/bootstrap"))
        least = min(float(gain.mean()) for gain in gains)
        said.append(f"{agent} {found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}], worst seed {least:+.4f}")
    return (
        f"Reward beyond that of {OTHERS[other]}, reports {delay} late, error {error_db:g} dB, mean over {len(SEEDS)} seeds with the 95 % "
        f"interval over channels: {'; '.join(said)}"
    )

"""Regret of several policies on evaluation channels by the reward table, a comparison that the paper does not make.

The paper's policy is a function of the reported SNR and of the current steps. A lookup table with one pair of steps per SNR bin is such a
function as well and needs no training. The comparison shows whether the learnt policy has an advantage over it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from linksim.adapt.evaluation_channels import EVALUATION_CHANNELS, evaluation_channels
from linksim.adapt.policy import BestFixed, LookupPolicy, Oracle, Policy, Random
from linksim.adapt.regret import Condition, PolicyOutcome, evaluate_policies
from linksim.adapt.reward_table_file import load_reward_table
from linksim.papers.diffusec.experiments import ACTOR, REWARD_TABLE, SYMMETRIC_STEPS
from linksim.papers.diffusec.policy_rollout import best_fixed, trained_policy
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.results import ResultStore, Samples
from linksim.reproduction.simulated import weights_of
from linksim.reproduction.tables import Entry, Row, Table
from linksim.rng import Streams
from linksim.statistics import bootstrap_mean

CHANNELS, ROUNDS, INTERVAL_MS = 40, 60, 100.0  # channels of each kind, rounds of each channel, and the time between rounds
DELAYS, ERRORS_DB = (0, 1, 2), (0.0, 1.0, 3.0)
BIN_DB = 3.0
EQUAL_WITHIN = 0.005  # smaller differences of reward count as none
NAMES: Mapping[str, str] = {
    "oracle": "oracle: knows the true SNR",
    "ddpg": "DDPG, as in the paper",
    "lookup": f"lookup, a pair for every {BIN_DB:g} dB",
    "best-fixed": "best fixed pair for -3..12 dB",
    "symmetric": f"symmetric, {SYMMETRIC_STEPS[0]} + {SYMMETRIC_STEPS[0]} steps",
    "random": "random pairs",
}


@dataclass(frozen=True)
class PolicyRegret:
    """Experiment: the mean regret of a policy on each channel.

    channel   kind of channel; None for all kinds
    delay     of a report, in rounds
    error_db  standard deviation of the error of a report
    """

    policy: str
    channel: str | None
    delay: int
    error_db: float
    seed: int
    kind: str = "regret"

    @property
    def key(self) -> str:
        return key(self.policy, self.delay, self.error_db, self.channel)

    @property
    def size(self) -> int:
        return CHANNELS * (1 if self.channel else len(EVALUATION_CHANNELS))

    def digest(self) -> str:
        settings = [CHANNELS, ROUNDS, INTERVAL_MS, DELAYS, BIN_DB, weights_of(ACTOR), weights_of(REWARD_TABLE)]
        determining = [1, self.policy, self.channel, self.delay, self.error_db, self.seed, settings]
        return hashlib.sha256(repr(determining).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        found = all_outcomes(self.seed, weights_of(ACTOR), weights_of(REWARD_TABLE))
        kinds = [self.channel] if self.channel else list(EVALUATION_CHANNELS)
        regrets = [found[self.policy, Condition(kind, self.delay, self.error_db)].regrets for kind in kinds]
        on_progress(self.size)
        return Measurement({"regret": np.concatenate(regrets)}, {})


@cache
def all_outcomes(seed: int, actor: str, reward_table: str) -> Mapping[tuple[str, Condition], PolicyOutcome]:
    """The outcomes of all policies under all conditions, computed once for the weights of an actor and a reward table.

    Raises LinksimError where the actor or the reward table is missing.
    """
    rounds = ROUNDS + max(DELAYS)
    channels = {kind: evaluation_channels(kind, CHANNELS, rounds, INTERVAL_MS, seed) for kind in EVALUATION_CHANNELS}
    outcomes = evaluate_policies(load_reward_table(REWARD_TABLE), compared_policies(), channels, DELAYS, ERRORS_DB, seed)
    return {(outcome.policy, outcome.condition): outcome for outcome in outcomes}


def compared_policies() -> dict[str, Policy]:
    """The policies by the names of `NAMES`."""
    reward_table = load_reward_table(REWARD_TABLE)
    return {
        "oracle": Oracle(reward_table),
        "ddpg": trained_policy(),
        "lookup": LookupPolicy(reward_table, BIN_DB),
        "best-fixed": best_fixed(reward_table),
        "symmetric": BestFixed(SYMMETRIC_STEPS),
        "random": Random(),
    }


def key(policy: str, delay: int, error_db: float, channel: str | None = None) -> str:
    """Key of an experiment.

    >>> key("ddpg", 0, 0.0, "slow"), key("ddpg", 1, 3.0)
    ('channels/ddpg/slow', 'reports/ddpg/delay1-error3')
    """
    return f"channels/{policy}/{channel}" if channel else f"reports/{policy}/delay{delay}-error{error_db:g}"


def regret_experiments(seed: int) -> list[PolicyRegret]:
    """The experiments of both tables."""
    by_channel = [PolicyRegret(policy, channel, 0, 0.0, seed) for policy in NAMES for channel in EVALUATION_CHANNELS]
    return by_channel + [PolicyRegret(policy, None, delay, error, seed) for policy in NAMES for delay in DELAYS for error in ERRORS_DB]


def regret_tables() -> list[Table]:
    """Regret by kind of channel; and over all channels by delay of a report in rounds and standard deviation of its error in dB.

    Rows are the policies of `NAMES`. The second table has a sentence on each policy that is compared with DDPG.
    """
    by_channel = {channel: partial(key, delay=0, error_db=0.0, channel=channel) for channel in EVALUATION_CHANNELS}
    by_report = {f"{d} late, {e:g} dB": partial(key, delay=d, error_db=e) for d in DELAYS for e in ERRORS_DB}
    titles = {
        "channels": "Regret against the oracle by kind of channel, reports without delay and error; 0 is best",
        "reports": "The same over all channels, by delay of a report in rounds and standard deviation of its error",
    }
    made = []
    for (name, title), columns in zip(titles.items(), (by_channel, by_report), strict=True):
        rows = tuple(Row(text, tuple(Entry(of(policy)) for of in columns.values())) for policy, text in NAMES.items())
        remarks = tuple(partial(compared_with_ddpg, other=other) for other in ("lookup", "best-fixed")) if name == "reports" else ()
        made.append(Table(name, title, tuple(columns), rows, ("regret",), remarks))
    return made


def compared_with_ddpg(results: ResultStore, other: str) -> str:
    """One sentence that compares a policy with DDPG on all channels by the paired bootstrap; empty where results are missing."""
    keys = {(delay, error_db): [key(name, delay, error_db) for name in (other, "ddpg")] for delay in DELAYS for error_db in ERRORS_DB}
    if any(name not in results for pair in keys.values() for name in pair):
        return ""
    words = {report: comparison(*results.aligned(pair, "regret")) for report, pair in keys.items()}
    first, all_words = words[DELAYS[0], ERRORS_DB[0]], [word for word, _ in words.values()]
    counts = ", ".join(f"{word} in {all_words.count(word)}" for word in dict.fromkeys(all_words))
    return f"{NAMES[other]}: {first[0]} to DDPG without delay and error ({first[1]}); of {len(words)} kinds of report, {counts}"


def comparison(other: Samples, ddpg: Samples) -> tuple[str, str]:
    """The word "superior", "equal" (the whole interval within `EQUAL_WITHIN`), "inferior" or "undecided", and the difference of regret.

    other, ddpg  mean regret of each channel, in units of the reward of Eq. (31); equal positions are the same channel. [channels] each

    Channels are the independent units of the bootstrap; the rounds of a channel are not independent.
    """
    found = bootstrap_mean(ddpg - other, Streams(0)("policies/bootstrap"))
    equal = max(abs(found.low), abs(found.high)) <= EQUAL_WITHIN
    word = "equal" if equal else "superior" if found.low > 0 else "inferior" if found.high < 0 else "undecided"
    return word, f"its regret is less by {found.value:+.4f}, 95 % interval {found.low:+.4f}..{found.high:+.4f}"

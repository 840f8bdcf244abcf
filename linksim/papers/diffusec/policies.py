"""Policies against each other, which the paper does not hold its own against: what each loses by the reward table on paths that none has seen.

The paper's policy is a function of a reported SNR and of where it stands. So is a table with a pair of steps for each bin of SNR, which
needs no training: whether anything is left for the learnt one to win is a question with an answer.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from linksim.adapt.bootstrap import bootstrapped
from linksim.adapt.evaluation_channels import EVALUATION_CHANNELS, evaluation_channels
from linksim.adapt.policy import BestFixed, LookupPolicy, Oracle, Policy, Random
from linksim.adapt.regret import Condition, Outcome, evaluate_policies
from linksim.adapt.reward_table_file import load_reward_table
from linksim.papers.diffusec.experiments import ACTOR, PLAIN_STEPS, REWARD_TABLE
from linksim.papers.diffusec.policy_rollout import trained
from linksim.reproduction import tables
from linksim.reproduction.paper import Measurement, Tell
from linksim.reproduction.results import ResultStore, Samples
from linksim.reproduction.simulated import weights_of
from linksim.reproduction.tables import Entry, Row
from linksim.rng import Streams

PATHS, ROUNDS, INTERVAL_MS = 40, 60, 100.0  # of each kind
DELAYS, ERRORS_DB = (0, 1, 2), (0.0, 1.0, 3.0)
TRAINED_DB = np.arange(-3.0, 12.1, 0.5)  # SNRs over which the best fixed pair is the best: those the paper trains on
BIN_DB = 3.0
EQUAL = 0.005  # of reward: smaller differences are none
NAMES: Mapping[str, str] = {
    "oracle": "oracle: told the SNR as it is",
    "ddpg": "DDPG, as in the paper",
    "table": f"table, a pair for every {BIN_DB:g} dB",
    "best-fixed": "best fixed pair for -3..12 dB",
    "deepjscc": f"symmetric, {PLAIN_STEPS[0]} + {PLAIN_STEPS[0]} steps",
    "random": "any pair",
}


@dataclass(frozen=True)
class Contest:
    """A cell: mean regret of a policy on each path, over one kind of path or, with `paths` None, over all kinds."""

    policy: str
    paths: str | None
    delay: int
    error_db: float
    seed: int
    kind: str = "contest"

    @property
    def key(self) -> str:
        return key(self.policy, self.delay, self.error_db, self.paths)

    @property
    def size(self) -> int:
        return PATHS * (1 if self.paths else len(EVALUATION_CHANNELS))

    def digest(self) -> str:
        about = [1, self, PATHS, ROUNDS, INTERVAL_MS, DELAYS, BIN_DB, weights_of(ACTOR), weights_of(REWARD_TABLE)]
        return hashlib.sha256(repr(about).encode()).hexdigest()[:16]

    def measure(self, tell: Tell) -> Measurement:
        found = contest(self.seed, weights_of(ACTOR), weights_of(REWARD_TABLE))
        kinds = [self.paths] if self.paths else list(EVALUATION_CHANNELS)
        regrets = [found[self.policy, Condition(kind, self.delay, self.error_db)].regrets for kind in kinds]
        tell(self.size)
        return Measurement({"regret": np.concatenate(regrets)}, {})


@cache
def contest(seed: int, actor: str, reward_table: str) -> Mapping[tuple[str, Condition], Outcome]:
    """The whole study, once for the weights of an actor and a reward table. Raises LinksimError where one is missing."""
    rounds = ROUNDS + max(DELAYS)
    paths = {kind: evaluation_channels(kind, PATHS, rounds, INTERVAL_MS, seed) for kind in EVALUATION_CHANNELS}
    outcomes = evaluate_policies(load_reward_table(REWARD_TABLE), contestants(), paths, DELAYS, ERRORS_DB, seed)
    return {(outcome.policy, outcome.condition): outcome for outcome in outcomes}


def contestants() -> dict[str, Policy]:
    """By the names of `NAMES`."""
    reward_table = load_reward_table(REWARD_TABLE)
    best = reward_table.best_fixed(TRAINED_DB)
    made: dict[str, Policy] = {
        "oracle": Oracle(reward_table),
        "ddpg": trained(),
        "table": LookupPolicy(reward_table, BIN_DB),
        "best-fixed": BestFixed(best),
    }
    return made | {"deepjscc": BestFixed(PLAIN_STEPS), "random": Random()}


def key(policy: str, delay: int, error_db: float, paths: str | None = None) -> str:
    """ "paths/ddpg/slow", or over all of them "reports/ddpg/delay1-error3"."""
    return f"paths/{policy}/{paths}" if paths else f"reports/{policy}/delay{delay}-error{error_db:g}"


def contest_cells(seed: int) -> list[Contest]:
    """All of both tables."""
    cells = [Contest(policy, paths, 0, 0.0, seed) for policy in NAMES for paths in EVALUATION_CHANNELS]
    return cells + [Contest(policy, None, delay, error_db, seed) for policy in NAMES for delay in DELAYS for error_db in ERRORS_DB]


def contest_tables() -> list[tables.Table]:
    """Regret by kind of path; and over all of them by how late and how wrong a report is."""
    by_path = {paths: partial(key, delay=0, error_db=0.0, paths=paths) for paths in EVALUATION_CHANNELS}
    by_report = {f"{d} late, {e:g} dB": partial(key, delay=d, error_db=e) for d in DELAYS for e in ERRORS_DB}
    titles = {
        "channel": "Regret against the oracle by kind of path, reports prompt and true; 0 is best",
        "reports": "The same over all paths, by rounds that a report is late and the deviation of its error",
    }
    made = []
    for (name, title), columns in zip(titles.items(), (by_path, by_report), strict=True):
        rows = tuple(Row(said, tuple(Entry(of(policy)) for of in columns.values())) for policy, said in NAMES.items())
        policy_groups = tuple(partial(versus, rival=rival) for rival in ("table", "best-fixed")) if name == "reports" else ()
        made.append(tables.Table(name, title, tuple(columns), rows, ("regret",), policy_groups))
    return made


def versus(results: ResultStore, rival: str) -> str:
    """How a rival stands to DDPG on all paths, one sentence, by the paired bootstrap; empty where cells are missing."""
    keys = {(delay, error_db): [key(name, delay, error_db) for name in (rival, "ddpg")] for delay in DELAYS for error_db in ERRORS_DB}
    if any(name not in results for pair in keys.values() for name in pair):
        return ""
    words = {about: verdict(*(results[name].samples["regret"] for name in pair)) for about, pair in keys.items()}
    prompt, said = words[DELAYS[0], ERRORS_DB[0]], [word for word, _ in words.values()]
    counts = ", ".join(f"{word} in {said.count(word)}" for word in dict.fromkeys(said))
    return f"{NAMES[rival]}: {prompt[0]} to DDPG with prompt and true reports ({prompt[1]}); of {len(words)} kinds of report, {counts}"


def verdict(rival: Samples, ddpg: Samples) -> tuple[str, str]:
    """ "superior", "equal" (the whole interval within `EQUAL`), "inferior" or "undecided", and the difference of regret in words."""
    differences = ddpg - rival
    low, high = bootstrapped(differences, Streams(0)("policies/bootstrap"))
    word = "equal" if max(abs(low), abs(high)) <= EQUAL else "superior" if low > 0 else "inferior" if high < 0 else "undecided"
    return word, f"its regret is less by {differences.mean():+.4f}, 95 % interval {low:+.4f}..{high:+.4f}"

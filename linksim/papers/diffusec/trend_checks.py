"""Checks of what the policy learns: whether its reward converges, how fast it adapts, and whether t_plus falls as the SNR rises.

The reward varies little between pairs of steps, so that a policy which never learns stays within a few per cent of its final reward.
Rewards are therefore placed on a scale at each SNR:

    score = (policy - random) / (best - random)          0: as good as random pairs, 1: as good as the best pair for the SNR

random is the mean reward of uniformly drawn pairs, best the highest reward of any pair, both of the reward table. Random pairs score 0, and
no fixed pair reaches `NEAR_BEST` at all nine SNRs.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from linksim.adapt.learning_curve import PolicyEvaluation
from linksim.papers.diffusec.experiments import ROUNDS, SNRS_DB
from linksim.papers.diffusec.learning_curve import KEY as CURVE
from linksim.papers.diffusec.learning_curve import kept_curve, samples_of
from linksim.papers.diffusec.policy_rollout import CONTROLS, PolicyRollout
from linksim.reproduction.claims import Claim, figure, shown
from linksim.reproduction.results import ResultStore, Samples
from linksim.reproduction.statements import Statement, above, at_most, difference, judged
from linksim.reproduction.verdicts import Finding
from linksim.rng import Streams
from linksim.statistics import mean_interval, rank_correlation

RANDOM_STEPS, FLAT_FROM = 2_500, 5_000  # of Sec. VI-B: steps with random actions, and step from which the reward is flat
NEAR_BEST = 0.95  # score from which on a policy has learnt to choose
FLAT_WITHIN = 0.05  # largest deviation of the score from its final value that counts as flat
MAX_RANK_CORRELATION = -0.8  # Spearman's, over nine SNRs: 0.7 % of random orders are below (one-sided test)


def _rollout(results: ResultStore, snr_db: int, metric: str) -> Samples:
    """A metric of the trained policy's rollouts at an SNR, or of the control that stands in its place. [starts]"""
    return results[PolicyRollout(snr_db, 0).key].samples[metric]


def _span(results: ResultStore, snr_db: int) -> float:
    """Reward of the best pair minus the mean reward of random pairs at an SNR: the length of the scale."""
    return float(_rollout(results, snr_db, "best").mean() - _rollout(results, snr_db, "start").mean())


def curve_scores(results: ResultStore) -> dict[int, tuple[NDArray[np.int64], Samples]]:
    """By SNR in dB: training steps and scores in the last round of the evaluations, from the regret that the curve holds. [evaluations]"""
    rows, found = kept_curve(results[CURVE]), {}
    for snr_db in sorted({int(row.snr_db) for row in rows}):
        here = sorted((row for row in rows if row.snr_db == snr_db), key=lambda row: row.step)
        scores = 1.0 - np.array([row.regret for row in here]) / _span(results, snr_db)
        found[snr_db] = np.array([row.step for row in here]), scores
    return found


def converges(claim: Claim, results: ResultStore) -> Finding:
    """Fig. 4a, at each SNR: from step 5,000 on the score is flat and at least 0.95, and above that of the phase with random actions.

    Evaluations are taken as independent; they are of one training run, and their weights differ.
    """
    scores, statements, late, early = curve_scores(results), list[Statement](), dict[int, Samples](), list[float]()
    for snr_db, (steps, values) in scores.items():
        random, after = values[steps <= RANDOM_STEPS], values[steps >= FLAT_FROM]
        if not len(random) or not len(after):
            continue
        late[snr_db] = after
        early.append(float(random.mean()))
        where = f"{snr_db} dB, from step {FLAT_FROM:,} on"
        statements.append(at_most(f"{where}: score at least {NEAR_BEST:g}", mean_interval(NEAR_BEST - after), 0.0))
        deviation = float(np.abs(after - after[-len(after) // 10 :].mean()).max())
        flat = deviation <= FLAT_WITHIN
        statements.append(Statement(f"{where}: flat within {FLAT_WITHIN:g}", deviation, "reproduced" if flat else "not reproduced"))
        statements.append(above(f"{where}: above the random phase", mean_interval(after - random.mean())))
    word, reason, _ = judged(statements)
    means = [float(values.mean()) for values in late.values()]
    ours = f"score at {' / '.join(map(str, late))} dB {shown(means)}, in the random phase {shown(early)}" if late else ""
    return Finding(word, ours, min((len(values) for values in late.values()), default=0), reason, min(means, default=np.nan))


def adapts_in_three(claim: Claim, results: ResultStore) -> Finding:
    """Sec. VI-C: after three rounds from a random start, the score is at least 0.95 at every SNR.

    The interval is that of (policy - start) - 0.95 (best - start) over the starts, so that the ratio of two means needs no approximation.
    """
    statements, scores = list[Statement](), dict[int, list[float]]()
    for snr_db in SNRS_DB:
        start, best = _rollout(results, snr_db, "start"), _rollout(results, snr_db, "best")
        rewards = {number: _rollout(results, snr_db, f"reward{number}") for number in range(1, ROUNDS + 1)}
        missing = difference(NEAR_BEST * (best - start), rewards[ROUNDS] - start)
        statements.append(at_most(f"{snr_db} dB: score at least {NEAR_BEST:g}, reward missing", missing, 0.0))
        for number, reward in rewards.items():
            scores.setdefault(number, []).append(float((reward - start).mean()) / _span(results, snr_db))
    word, reason, _ = judged(statements)
    after = "; ".join(f"after {number} {shown(values)}" for number, values in scores.items())
    return Finding(word, f"score by SNR {after}", len(_rollout(results, SNRS_DB[0], "start")), reason, min(scores[ROUNDS]))


def falls(claim: Claim, results: ResultStore) -> Finding:
    """Sec. IV-B: t_plus falls over the SNRs by rank correlation, and from the first to the last SNR. The score is minus the correlation."""
    plus, diffused = (np.array([_rollout(results, snr_db, name).mean() for snr_db in SNRS_DB]) for name in ("t_plus", "t_d"))
    rho = rank_correlation(np.array(SNRS_DB, np.float64), plus)
    ends = difference(_rollout(results, SNRS_DB[0], "t_plus"), _rollout(results, SNRS_DB[-1], "t_plus"))
    ranked = Statement("rank correlation", rho, "reproduced" if rho <= MAX_RANK_CORRELATION else "not reproduced")
    word, reason, _ = judged([ranked, above(f"t_plus at {SNRS_DB[0]} dB > at {SNRS_DB[-1]} dB", ends)])
    ours = f"t_plus {' / '.join(figure(value) for value in plus)}, t_D {' / '.join(figure(value) for value in diffused)}"
    reason += f"; Spearman's rank correlation {rho:+.2f}, allowed: {MAX_RANK_CORRELATION:g} and below"
    return Finding(word, ours, len(_rollout(results, SNRS_DB[0], "t_plus")), reason, -rho)


def policy_controls(results: ResultStore) -> Mapping[str, ResultStore]:
    """The rollouts of each control policy in place of those of the trained one, by the names of `CONTROLS`."""
    return {
        name: results.replaced(replace(results[PolicyRollout(snr_db, 0, name).key], key=PolicyRollout(snr_db, 0).key) for snr_db in SNRS_DB)
        for name in CONTROLS
    }


def curve_controls(results: ResultStore) -> Mapping[str, ResultStore]:
    """Curves of trainings from which nothing is learnt, in place of the kept curve.

    random    every evaluation is of random pairs
    constant  the actor keeps the first evaluation at each SNR: it never learns
    shuffled  the evaluations at each SNR are exchanged at random between the steps
    """
    curves: dict[str, list[PolicyEvaluation]] = {name: [] for name in CONTROLS}
    rows, draw = kept_curve(results[CURVE]), Streams(0)("controls/curve")
    for snr_db in sorted({row.snr_db for row in rows}):
        here = sorted((row for row in rows if row.snr_db == snr_db), key=lambda row: row.step)
        start, best = (_rollout(results, int(snr_db), metric) for metric in ("start", "best"))
        for row, other in zip(here, draw.permutation(len(here)), strict=True):
            chance = float(best.mean() - draw.choice(start, len(start)).mean())
            curves["random"].append(replace(row, regret=chance))
            curves["constant"].append(replace(row, regret=here[0].regret))
            curves["shuffled"].append(replace(row, regret=here[other].regret))
    return {name: results.replaced([replace(results[CURVE], samples=samples_of(curve))]) for name, curve in curves.items()}

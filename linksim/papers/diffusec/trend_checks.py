"""Checks of what the policy learns: whether its reward converges, how fast it adapts, and whether t_plus falls as the SNR rises."""

import numpy as np

from linksim.papers.diffusec.experiments import ROUNDS, SNRS_DB
from linksim.papers.diffusec.learning_curve import KEY as CURVE
from linksim.papers.diffusec.learning_curve import kept_curve
from linksim.reproduction.claims import Claim, figure, shown
from linksim.reproduction.results import ResultStore
from linksim.reproduction.verdicts import Finding, Word
from linksim.statistics import rank_correlation

RANDOM_STEPS, FLAT_FROM = 2_500, 5_000  # of Sec. VI-B
NEAR = 0.05  # a reward counts as the final one if it is within this share of it
MAX_RANK_CORRELATION = -0.6  # Spearman's, over nine SNRs: critical value of a one-sided test at 5 %


def converges(_: Claim, results: ResultStore) -> Finding:
    """The reward, mean over the SNRs, stays within 5 % of its final value from step 5,000 on, and exceeds that of the random phase."""
    rows = kept_curve(results[CURVE])
    steps = np.array(sorted({row.step for row in rows}))
    rewards = np.array([np.mean([row.reward for row in rows if row.step == step]) for step in steps])
    final, random = rewards[-len(rewards) // 10 :].mean(), rewards[steps <= RANDOM_STEPS].mean()
    off = np.abs(rewards - final) > NEAR * abs(final)
    last_off = steps[off].max() if off.any() else 0
    converged, learnt = last_off < FLAT_FROM <= steps[-1], final > random
    word: Word = "reproduced" if converged and learnt else "not reproduced"
    reason = f"last outside 5 % of its final value at step {last_off:,}, of {steps[-1]:,}; allowed: before {FLAT_FROM:,}"
    reason += f"; the final reward is {'above' if learnt else 'not above'} that of the first {RANDOM_STEPS:,} steps"
    return Finding(word, f"reward {random:.3f} over the random phase, {final:.3f} at the end", len(steps), reason)


def adapts_in_three(_: Claim, results: ResultStore) -> Finding:
    """At every SNR, the mean reward after three rounds is within 5 % of the final one, and the final one exceeds the initial one.

    The second condition is evaluated on the mean over the SNRs. Without it, a policy that never moves would pass.
    """
    means = {
        name: np.array([results[f"policy/snr{snr_db}"].samples[name].mean() for snr_db in SNRS_DB])
        for name in ("start", *(f"reward{number}" for number in range(1, ROUNDS + 1)), "final", "best")
    }
    deviations = {number: np.abs(means[f"reward{number}"] - means["final"]) / np.abs(means["final"]) for number in range(1, ROUNDS + 1)}
    held = deviations[ROUNDS] <= NEAR
    improved = means["final"].mean() > means["start"].mean()
    word: Word = "reproduced" if held.all() and improved else "not reproduced"
    values = ", ".join(f"{100 * deviations[number].max():.1f} % after {number}" for number in deviations)
    worst = SNRS_DB[int(deviations[ROUNDS].argmax())]
    reason = f"{held.sum()} of {len(held)} SNRs are within 5 % after {ROUNDS} rounds; largest deviation: {values}"
    reason += f" (after {ROUNDS}: at {worst} dB)"
    reason += "" if improved else "; the final reward is not above that of the initial random steps"
    ours = f"final reward {shown(means['final'])}, from {shown(means['start'])}; best reward of any steps {shown(means['best'])}"
    return Finding(word, ours, len(results[f"policy/snr{SNRS_DB[0]}"].samples["final"]), reason)


def falls(_: Claim, results: ResultStore) -> Finding:
    """The rank correlation of t_plus and SNR is significantly negative."""
    plus, diffused = (np.array([results[f"policy/snr{snr_db}"].samples[name].mean() for snr_db in SNRS_DB]) for name in ("t_plus", "t_d"))
    rho = rank_correlation(np.array(SNRS_DB, np.float64), plus)
    word: Word = "reproduced" if rho <= MAX_RANK_CORRELATION and plus[-1] < plus[0] else "not reproduced"
    ours = f"t_plus {' / '.join(figure(value) for value in plus)}, t_D {' / '.join(figure(value) for value in diffused)}"
    return Finding(word, ours, len(SNRS_DB), f"Spearman's rank correlation {rho:+.2f}, allowed: {MAX_RANK_CORRELATION:g} and below")

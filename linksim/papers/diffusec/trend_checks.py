"""Rules on what the policy learns: whether its reward converges, how soon it adapts, and whether t_plus falls as the SNR rises."""

import numpy as np
from numpy.typing import NDArray

from linksim.papers.diffusec.experiments import ROUNDS, SNRS_DB
from linksim.papers.diffusec.learning_curve import KEY as CURVE
from linksim.papers.diffusec.learning_curve import kept_curve
from linksim.reproduction.claims import Claim, figure, shown
from linksim.reproduction.results import ResultStore
from linksim.reproduction.verdicts import Finding, Word

RANDOM_STEPS, FLAT_FROM = 2_500, 5_000  # of Sec. VI-B
NEAR = 0.05  # share of the final reward within which a reward counts as that
RANKED = -0.6  # Spearman's rank correlation over nine SNRs below which one falls, at 5 %, one-sided


def converges(_: Claim, results: ResultStore) -> Finding:
    """The reward, mean over the SNRs, stays within 5 % of its final one from step 5,000 on, and that is above the random phase's."""
    rows = kept_curve(results[CURVE])
    steps = np.array(sorted({row.step for row in rows}))
    rewards = np.array([np.mean([row.reward for row in rows if row.step == step]) for step in steps])
    final, random = rewards[-len(rewards) // 10 :].mean(), rewards[steps <= RANDOM_STEPS].mean()
    off = np.abs(rewards - final) > NEAR * abs(final)
    late = steps[off].max() if off.any() else 0  # the last step at which it is not yet, or no longer, there
    settled, learnt = late < FLAT_FROM <= steps[-1], final > random
    word: Word = "reproduced" if settled and learnt else "not reproduced"
    reason = f"last outside 5 % of its final value at step {late:,}, of {steps[-1]:,}; allowed: before {FLAT_FROM:,}"
    reason += f"; it ends {'above' if learnt else 'no higher than'} the first {RANDOM_STEPS:,} steps"
    return Finding(word, f"reward {random:.3f} over the random phase, {final:.3f} in the end", len(steps), reason)


def adapts_in_three(_: Claim, results: ResultStore) -> Finding:
    """At every SNR, the mean reward after three rounds lies within 5 % of that after many; and these are better than where it began, on the
    mean over the SNRs. Without that, a policy that never moves would adapt at once."""
    means = {
        name: np.array([results[f"policy/snr{snr_db}"].samples[name].mean() for snr_db in SNRS_DB])
        for name in ("start", *(f"reward{number}" for number in range(1, ROUNDS + 1)), "final", "runtime")
    }
    apart = {number: np.abs(means[f"reward{number}"] - means["final"]) / np.abs(means["final"]) for number in range(1, ROUNDS + 1)}
    held = apart[ROUNDS] <= NEAR
    apply_action = means["final"].mean() > means["start"].mean()
    word: Word = "reproduced" if held.all() and apply_action else "not reproduced"
    said = ", ".join(f"{100 * apart[number].max():.1f} % after {number}" for number in apart)
    worst = SNRS_DB[int(apart[ROUNDS].argmax())]
    reason = f"{held.sum()} of {len(held)} SNRs are within 5 % after {ROUNDS} rounds; furthest off: {said} (at {worst} dB in the end)"
    reason += "" if apply_action else "; it ends no better than the random steps that it begins with"
    ours = f"final reward {shown(means['final'])}, from {shown(means['start'])}; the best that any steps have {shown(means['best'])}"
    return Finding(word, ours, len(results[f"policy/snr{SNRS_DB[0]}"].samples["final"]), reason)


def falls(_: Claim, results: ResultStore) -> Finding:
    """t_plus and SNR are ranked the other way round."""
    plus, diffused = (np.array([results[f"policy/snr{snr_db}"].samples[name].mean() for snr_db in SNRS_DB]) for name in ("t_plus", "t_d"))
    rho = rank_correlation(np.array(SNRS_DB, np.float64), plus)
    word: Word = "reproduced" if rho <= RANKED and plus[-1] < plus[0] else "not reproduced"
    ours = f"t_plus {' / '.join(figure(value) for value in plus)}, t_D {' / '.join(figure(value) for value in diffused)}"
    return Finding(word, ours, len(SNRS_DB), f"Spearman's rank correlation {rho:+.2f}, allowed: {RANKED:g} and below")


def rank_correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Spearman's, [n] each: that of ranks, equal values sharing theirs; 0 where one of them does not change."""
    a, b = (ranks(values) for values in (x, y))
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Place of each value among all, from 0; equal ones take the mean of their places."""
    below, upto = ((values[None] < values[:, None]).sum(axis=1), (values[None] <= values[:, None]).sum(axis=1) - 1)
    shared: NDArray[np.float64] = (below + upto) / 2.0
    return shared

"""Verdicts: small pure rules that hold measured figures, with their intervals, against what a paper claims."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from linksim.plots.intervals import Interval, mean_interval
from linksim.reproduction.claims import Claim, Values
from linksim.reproduction.results import ResultStore, Samples

Word = Literal["reproduced", "beaten", "not reproduced", "not comparable", "not measured yet"]
UNMEASURED: Word = "not measured yet"
Standing = Literal["better", "met", "missed"]
MOST_NAMED = 4  # exceptions that a reason names one by one


@dataclass(frozen=True)
class Finding:
    """What a rule says.

    ours  our figures, in words
    n     images behind each of them, 0 where none are
    """

    word: Word
    ours: str
    n: int
    reason: str


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim with its verdict.

    how  it is measured here
    """

    claim: Claim
    how: str
    finding: Finding


def standing(ours: Interval, paper: float, direction: str | None, tolerance: float = 0.0) -> Standing:
    """Where our figure stands to the paper's.

    With a direction: better where the whole interval is on the better side, missed where all of it is worse by more than `tolerance`.
    Without: met where the interval, widened by `tolerance`, holds the paper's figure. A single sample is its own interval.
    """
    low, high = (ours.value if math.isnan(end) else end for end in (ours.low, ours.high))
    if direction == "lower":
        low, high, paper = -high, -low, -paper
    elif direction != "higher":
        return "met" if low - tolerance <= paper <= high + tolerance else "missed"
    return "better" if low > paper else "met" if high >= paper - tolerance else "missed"


def compare_values(claim: Claim, ours: Sequence[Interval], paper: Values, tolerance: Values) -> tuple[Word, str]:
    """Verdict and reason of a value claim: our figures beside the paper's [n], with a tolerance each [n]."""
    if claim.direction == "context":
        return "not comparable", "other images than the paper's: shown beside its figures, not judged"
    found = [standing(o, p, claim.direction, t) for o, p, t in zip(ours, paper.flat, tolerance.flat, strict=True)]
    better, met, missed = (found.count(word) for word in ("better", "met", "missed"))
    counts = f"of {len(found)} figures {better} are better than the paper's beyond the 95 % interval, {met} are met, {missed} missed"
    if better == len(found):
        return "beaten", counts
    if not missed:
        return "reproduced", counts
    if claim.data == "other":
        return "not comparable", f"{counts}; other images than the paper's, so the orders and shapes decide"
    return "not reproduced", counts


@dataclass(frozen=True)
class Order:
    """That one quantity is above another, image by image.

    name        such as "SSIM, MC 0 dB, EC 10 dB: black > white"
    difference  of the two, above minus below
    """

    name: str
    difference: Interval


def difference(above: Samples, below: Samples) -> Interval:
    """Mean of above - below over the images that both were measured on, [n] each."""
    return mean_interval(above - below)


def ordered(orders: Sequence[Order]) -> tuple[Word, str]:
    """Reproduced where every difference is above zero with its whole interval."""
    reversed_, tied = ([o for o in orders if test(o.difference)] for test in (_below, _undecided))
    held = len(orders) - len(reversed_) - len(tied)
    reason = f"{held} of {len(orders)} hold with their whole 95 % interval"
    reason += _named("reversed", reversed_) + _named("undecided", tied)
    return ("reproduced" if held == len(orders) else "not reproduced"), reason


def _below(difference: Interval) -> bool:
    return difference.high < 0


def _undecided(difference: Interval) -> bool:
    return not difference.low > 0 and not difference.high < 0


def _named(word: str, orders: Sequence[Order]) -> str:
    if not orders:
        return ""
    names = "; ".join(f"{o.name} ({o.difference.value:+.3g})" for o in orders[:MOST_NAMED])
    return f"; {len(orders)} {word}: {names}" + (" ..." if len(orders) > MOST_NAMED else "")


def rises(samples: Sequence[Samples]) -> bool:
    """Whether a quantity rises over a sweep: surely from the first to the last, and surely falling in no step between. Each [n]."""
    steps = [difference(after, before) for before, after in pairwise(samples)]
    return difference(samples[-1], samples[0]).low > 0 and not any(step.high < 0 for step in steps)


def spread(samples: Sequence[Samples]) -> float:
    """Largest mean of a sweep minus the smallest. Each [n]."""
    means = [float(np.mean(s)) for s in samples]
    return max(means) - min(means)


@dataclass(frozen=True)
class Rule:
    """How a claim is judged.

    how    it is measured, in words
    keys   of the cells that it takes
    evaluator  from the claim and a shelf that has them all
    """

    how: str
    keys: tuple[str, ...]
    evaluator: Callable[[Claim, ResultStore], Finding]


def verdicts(claim: Claim, rule: Rule, results: ResultStore) -> ClaimVerdict:
    """The verdict, once all cells of the rule are there."""
    absent = [key for key in rule.keys if key not in results]
    if absent:
        reason = f"{len(absent)} of {len(rule.keys)} cells are missing, the first {absent[0]}"
        return ClaimVerdict(claim, rule.how, Finding(UNMEASURED, "", 0, reason))
    return ClaimVerdict(claim, rule.how, rule.evaluator(claim, results))

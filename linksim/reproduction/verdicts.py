"""Verdicts: pure functions that compare measured values, with their intervals, with the claims of a paper."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from linksim.reproduction.claims import Claim, Values
from linksim.reproduction.results import DifferentDrawsError, ResultStore, Samples
from linksim.statistics import Interval, mean_interval

Word = Literal["reproduced", "beaten", "not reproduced", "not comparable", "not measured yet"]
UNMEASURED: Word = "not measured yet"
Comparison = Literal["better", "met", "missed"]
MAX_NAMED = 4  # exceptions that a reason lists by name


@dataclass(frozen=True)
class Finding:
    """Result of checking a claim.

    ours    the measured values, as text
    n       number of images behind each value, 0 where there are none
    reason  of the word
    """

    word: Word
    ours: str
    n: int
    reason: str


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim, how it is measured here, and what was found."""

    claim: Claim
    how: str
    finding: Finding


def compare(ours: Interval, paper: float, direction: str | None, tolerance: float = 0.0) -> Comparison:
    """Compare a measured value with the paper's.

    With a direction, the value is "better" if its whole interval is on the better side, and "missed" if all of the interval is worse by
    more than `tolerance`. Without a direction, the value is "met" if its interval, widened by `tolerance`, contains the paper's value. The
    interval of a single sample is the sample.

    >>> compare(Interval(31.5, 31.2, 31.8, 100), 30.0, "higher"), compare(Interval(31.5, 31.2, 31.8, 100), 32.0, None, tolerance=0.5)
    ('better', 'met')
    """
    low, high = (ours.value if math.isnan(end) else end for end in (ours.low, ours.high))
    if direction == "lower":
        low, high, paper = -high, -low, -paper
    elif direction != "higher":
        return "met" if low - tolerance <= paper <= high + tolerance else "missed"
    return "better" if low > paper else "met" if high >= paper - tolerance else "missed"


def compare_values(claim: Claim, ours: Sequence[Interval], paper: Values, tolerance: Values) -> tuple[Word, str]:
    """Verdict and reason of a claim of kind value: n measured values beside the paper's [n], with a tolerance each [n]."""
    if claim.direction == "context":
        return "not comparable", "images differ from the paper's: shown beside its values, not evaluated"
    found = [compare(o, p, claim.direction, t) for o, p, t in zip(ours, paper.flat, tolerance.flat, strict=True)]
    better, met, missed = (found.count(word) for word in ("better", "met", "missed"))
    counts = f"of {len(found)} values {better} are better than the paper's beyond the 95 % interval, {met} are met, {missed} missed"
    if better == len(found):
        return "beaten", counts
    if not missed:
        return "reproduced", counts
    if claim.data == "other":
        return "not comparable", f"{counts}; images differ from the paper's, so the orders and shapes decide"
    return "not reproduced", counts


@dataclass(frozen=True)
class Order:
    """The statement that one quantity is greater than another, image by image.

    name        such as "SSIM, MC 0 dB, EC 10 dB: black > white"
    difference  the greater quantity minus the other
    """

    name: str
    difference: Interval


def difference(above: Samples, below: Samples) -> Interval:
    """Mean of above - below over the images that both were measured on, [n] each; the arrays come from one call of `ResultStore.aligned`.

    >>> difference(np.array([3.0, 4.0, 5.0]), np.array([2.0, 3.0, 4.0])).low
    1.0
    """
    return mean_interval(above - below)


def ordered(orders: Sequence[Order]) -> tuple[Word, str]:
    """Verdict and reason of a claim of kind order: reproduced if every difference is positive with its whole interval."""
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
    names = "; ".join(f"{o.name} ({o.difference.value:+.3g})" for o in orders[:MAX_NAMED])
    return f"; {len(orders)} {word}: {names}" + (" ..." if len(orders) > MAX_NAMED else "")


def rises(samples: Sequence[Samples]) -> bool:
    """Whether a quantity rises over a sweep: significantly from the first to the last point, and no step falls significantly. Each [n]."""
    steps = [difference(after, before) for before, after in pairwise(samples)]
    return difference(samples[-1], samples[0]).low > 0 and not any(step.high < 0 for step in steps)


def spread(samples: Sequence[Samples]) -> float:
    """Largest mean of a sweep minus the smallest. Each [n].

    >>> spread([np.array([1.0, 3.0]), np.array([4.0, 6.0])])
    3.0
    """
    means = [float(np.mean(s)) for s in samples]
    return max(means) - min(means)


@dataclass(frozen=True)
class Rule:
    """How a claim is checked.

    how    the measurement, as text
    keys   of the experiments that the check needs
    check  function of the claim and of results that contain all of `keys`
    """

    how: str
    keys: tuple[str, ...]
    check: Callable[[Claim, ResultStore], Finding]


def verdict_of(claim: Claim, rule: Rule, results: ResultStore) -> ClaimVerdict:
    """The verdict on a claim.

    It is "not measured yet" while results that the rule needs are missing, and "not comparable" if the rule pairs results of different
    random draws.
    """
    absent = [key for key in rule.keys if key not in results]
    if absent:
        reason = f"{len(absent)} of {len(rule.keys)} experiments have no result, the first is {absent[0]}"
        return ClaimVerdict(claim, rule.how, Finding(UNMEASURED, "", 0, reason))
    try:
        finding = rule.check(claim, results)
    except DifferentDrawsError as error:
        finding = Finding("not comparable", "", 0, str(error))
    return ClaimVerdict(claim, rule.how, finding)

"""Statements about orders and shapes: the parts of a claim, each with an interval of a paired difference and a word of its own.

    above    a quantity is greater than another            the whole interval of the difference is above 0
    at_most  a change is not larger than a bound           the whole interval is below the bound
    equal    two quantities agree within a bound           the whole interval is within the bound (two one-sided tests)
    rises    a quantity rises over a sweep                 it rises from the first to the last point, and no step falls significantly

Each is "not reproduced" if the whole interval contradicts it, and "undecided" otherwise. Differences are taken image by image.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from linksim.reproduction.results import ResultStore, Samples
from linksim.reproduction.verdicts import HELD, Word, combined, compare
from linksim.statistics import Interval, mean_interval

MAX_NAMED = 4  # statements that a reason lists by name, of each word


@dataclass(frozen=True)
class Statement:
    """One statement of a claim.

    name   such as "SSIM, MC 0 dB, EC 10 dB: black > white"
    value  the measured difference or change
    word   of this statement alone
    """

    name: str
    value: float
    word: Word


def difference(above: Samples, below: Samples) -> Interval:
    """Mean of above - below over the images that both were measured on, [n] each; the arrays come from one call of `ResultStore.aligned`.

    >>> import numpy as np
    >>> difference(np.array([3.0, 4.0, 5.0]), np.array([2.0, 3.0, 4.0])).low
    1.0
    """
    return mean_interval(above - below)


def listed_differences(results: ResultStore, pairs: Mapping[str, tuple[str, str]], metric: str, digits: int = 3) -> str:
    """Differences of a metric under several conditions in words, each with its 95 % interval; empty where results are missing.

    pairs  condition -> keys of the experiment and of the one that is subtracted

    "-3 dB +0.016 [-0.003, +0.035]; 3 dB +0.015 [+0.001, +0.029]"
    """
    if any(key not in results for keys in pairs.values() for key in keys):
        return ""
    found = ((condition, difference(*results.aligned(keys, metric))) for condition, keys in pairs.items())
    return "; ".join(f"{condition} {each.value:+.{digits}f} [{each.low:+.{digits}f}, {each.high:+.{digits}f}]" for condition, each in found)


def above(name: str, difference: Interval) -> Statement:
    """The statement that a difference is greater than 0."""
    word = compare(difference, 0.0, "higher")
    strictly: Word = "reproduced" if word == "beaten" else "undecided" if word == "reproduced" else word
    return Statement(name, difference.value, strictly)


def at_most(name: str, change: Interval, bound: float) -> Statement:
    """The statement that a change is not larger than a bound."""
    word = compare(change, bound, "lower")
    return Statement(name, change.value, "reproduced" if word in HELD else word)


def equal(name: str, difference: Interval, bound: float) -> Statement:
    """The statement that a difference is 0 within +-bound."""
    return Statement(name, difference.value, compare(difference, 0.0, None, bound))


def rises(name: str, samples: Sequence[Samples]) -> Statement:
    """The statement that a quantity rises over a sweep. The samples are those of its points, in order, [n] each."""
    whole = above(name, difference(samples[-1], samples[0]))
    falls = any(difference(after, before).high < 0 for before, after in pairwise(samples))
    return Statement(name, whole.value, "not reproduced" if falls else whole.word)


def judged(statements: Sequence[Statement]) -> tuple[Word, str, float]:
    """Word, reason and score of a claim that consists of statements; the score is the share of statements that hold.

    A claim without statements, because no attack worked, is undecided.
    """
    if not statements:
        return "undecided", "nothing is left to compare", math.nan
    held = sum(statement.word in HELD for statement in statements)
    reason = f"{held} of {len(statements)} hold with their whole 95 % interval"
    for word in ("not reproduced", "undecided"):
        if named := [statement for statement in statements if statement.word == word]:
            names = "; ".join(f"{statement.name} ({statement.value:+.3g})" for statement in named[:MAX_NAMED])
            reason += f"; {len(named)} {'contradicted' if word == 'not reproduced' else word}: {names}"
            reason += " ..." if len(named) > MAX_NAMED else ""
    return combined([statement.word for statement in statements]), reason, held / len(statements)

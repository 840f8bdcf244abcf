"""Verdicts: how measured values, with their intervals, are compared with the values of a paper.

A value is compared by an equivalence or non-inferiority test with a tolerance that the claim states. With a direction, say "higher":

                     paper - tolerance    paper
    ------------------------|---------------|---------------->  measured value with its 95 % interval
      [--------]            |               |                   not reproduced: the whole interval is below
             [--------------|---]           |                   undecided: the interval reaches across the limit
                            | [----------]  |                   reproduced: the whole interval is above the limit
                            |               | [--------]        beaten: the whole interval is above the paper's value

Without a direction, the value is reproduced if the whole interval is within the tolerance of the paper's value, not reproduced if the whole
interval is outside, else undecided (two one-sided tests, Schuirmann 1987). A wider interval can therefore only turn a verdict into
"undecided". Every limit is tested at a one-sided level of 2.5 %. A claim of several values is reproduced only if each of them is
(intersection-union test), which needs no correction for their number.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from linksim.reproduction.claims import Claim, Values
from linksim.statistics import Interval

Word = Literal["reproduced", "beaten", "not reproduced", "undecided", "not comparable", "not measured yet"]
UNMEASURED: Word = "not measured yet"
HELD: tuple[Word, ...] = ("reproduced", "beaten")  # the words of a claim that the measurements confirm


@dataclass(frozen=True)
class Finding:
    """Result of checking a claim.

    word    the verdict
    ours    the measured values, as text
    n       number of samples (images, random starts, evaluations) behind each value, 0 where there are none
    reason  of the word
    score   of an order or a shape, beside which those of the controls are shown; NaN where there is none
    """

    word: Word
    ours: str
    n: int
    reason: str
    score: float = math.nan


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim, how it is measured here, and what was found.

    controls  what the same check finds on results that chance gives, by the name of the control; empty for a claim of kind value
    """

    claim: Claim
    how: str
    finding: Finding
    controls: Mapping[str, Finding] = field(default_factory=dict)


def compare(ours: Interval, paper: float, direction: str | None, tolerance: float = 0.0) -> Word:
    """Compare a measured value with the paper's.

    ours       value with its interval; without bounds (too few samples) nothing is decided
    direction  side that is better, "higher" or "lower"; None if the two should be equal
    tolerance  largest deviation to the worse side, or to either side, that counts as reproduced; in the unit of the value

    >>> compare(Interval(31.5, 31.2, 31.8, 100), 30.0, "higher"), compare(Interval(31.5, 31.2, 31.8, 100), 32.0, None, tolerance=0.5)
    ('beaten', 'undecided')
    """
    low, high = ours.low - paper, ours.high - paper
    if direction == "lower":
        low, high = -high, -low
    if math.isnan(low) or math.isnan(high):
        return "undecided"
    if direction is None:
        outside = low > tolerance or high < -tolerance
        return "reproduced" if -tolerance <= low and high <= tolerance else "not reproduced" if outside else "undecided"
    return "beaten" if low > 0 else "reproduced" if low >= -tolerance else "not reproduced" if high < -tolerance else "undecided"


def combined(words: Sequence[Word]) -> Word:
    """The word on a claim from the words on its values: the worst of them; "beaten" only if all are.

    >>> combined(["beaten", "reproduced"]), combined(["beaten", "undecided"]), combined(["undecided", "not reproduced"])
    ('reproduced', 'undecided', 'not reproduced')
    """
    for word in ("not reproduced", "undecided", "reproduced"):
        if word in words:
            return word
    return "beaten"


def compare_values(claim: Claim, ours: Sequence[Interval], paper: Values, tolerance: Values) -> tuple[Word, str]:
    """Verdict and reason of a claim of kind value: n measured values beside the paper's [n], with a tolerance each [n].

    Where the images differ from the paper's, or the claim has the direction "context", nothing is compared.
    """
    if claim.data == "other":
        return "not comparable", "the images differ from the paper's, so its absolute values are shown beside ours and not compared"
    if claim.direction == "context":
        return "not comparable", "context: shown beside the paper's values and not compared"
    words = [compare(o, p, claim.direction, t) for o, p, t in zip(ours, paper.flat, tolerance.flat, strict=True)]
    limits = " / ".join(dict.fromkeys(f"{limit:g}" for limit in tolerance.flat))
    return combined(words), f"{counted(words)}, by the whole 95 % interval; tolerance {limits}"


def counted(words: Sequence[Word]) -> str:
    """Counts of words as text.

    >>> counted(["beaten", "undecided", "beaten"])
    'of 3 values, 2 beaten, 1 undecided'
    """
    counts = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    return f"of {len(words)} values, {counts}" if len(words) > 1 else f"the value is {words[0]}"

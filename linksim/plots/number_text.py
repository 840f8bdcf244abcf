"""Numbers as text, in one form for the terminal, the report and the figures: means, proportions and differences with 95 % intervals.

A value that is not known (NaN) is "-", and a value whose interval is not known has none. matplotlib is not needed.
"""

import math
from collections.abc import Sequence

from linksim.statistics import MIN_PAIRS, Interval


def number(value: float, digits: int, plus_minus: float = math.nan) -> str:
    """Return a number as text, with half the width of its interval if that is known, and "-" for NaN.

    digits      number of decimal places of both
    plus_minus  half the width of the interval in the unit of the value; NaN if it is not known

    >>> number(29.311, 2, 0.12), number(29.311, 2), number(math.nan, 2)
    ('29.31 ± 0.12', '29.31', '-')
    """
    if math.isnan(value):
        return "-"
    return f"{value:.{digits}f}" + ("" if math.isnan(plus_minus) else f" ± {plus_minus:.{digits}f}")


def mean_text(mean: Interval, digits: int) -> str:
    """Return a mean with half the width of its interval as text.

    >>> mean_text(Interval(29.311, 29.191, 29.431, n=1280), 2)
    '29.31 ± 0.12'
    """
    return number(mean.value, digits, (mean.high - mean.low) / 2)


def percent(share: float) -> str:
    """Return a fraction 0..1 in percent as text, and "-" for NaN.

    >>> percent(0.1234), percent(math.nan)
    ('12.3 %', '-')
    """
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def share_text(share: Interval) -> str:
    """Return a proportion 0..1 in percent as text, with its interval if that is known, and "-" if it has no samples.

    >>> share_text(Interval(0.912, 0.899, 0.923, 1000)), share_text(Interval(0.912, math.nan, math.nan, 1))
    ('91.2 % [89.9, 92.3]', '91.2 %')
    """
    return percent(share.value) + ("" if math.isnan(share.low) else f" [{100 * share.low:.1f}, {100 * share.high:.1f}]")


def interval_text(mean: Interval, digits: int) -> str:
    """Return a mean with its interval as text, without it if that is not known, and "-" if it has no samples.

    >>> interval_text(Interval(0.9341, 0.9214, 0.9412, n=16), 3), interval_text(Interval(math.nan, math.nan, math.nan, n=0), 3)
    ('0.934 [0.921, 0.941]', '-')
    """
    return number(mean.value, digits) + ("" if math.isnan(mean.low) else f" [{mean.low:.{digits}f}, {mean.high:.{digits}f}]")


def span(numbers: Sequence[int]) -> str:
    """Return the smallest and the largest of some numbers as text.

    >>> span([1280, 640]), span([7, 7]), span([])
    ('640 to 1,280', '7', '0')
    """
    low, high = min(numbers, default=0), max(numbers, default=0)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def count(n: int, thing: str) -> str:
    """Return a number with a noun in singular or plural.

    >>> count(1, "link"), count(1024, "link")
    ('1 link', '1,024 links')
    """
    return f"{n:,} {thing}" + ("" if n == 1 else "s")


def difference_text(difference: Interval, digits: int) -> str:
    """Return a paired difference with its sign and its interval as text, or with the reason why it has none.

    >>> difference_text(Interval(0.0123, 0.0101, 0.0144, n=64), 4)
    '+0.0123 [+0.0101, +0.0144] (64 independent pairs)'
    >>> difference_text(Interval(0.0123, math.nan, math.nan, n=1), 4)
    '+0.0123 (no interval: only 1 independent pair)'
    """
    remark = no_interval_remark(difference)
    bounds = "" if remark else f"[{difference.low:+.{digits}f}, {difference.high:+.{digits}f}] "
    return f"{difference.value:+.{digits}f} {bounds}({remark or count(difference.n, 'independent pair')})"


def no_interval_remark(difference: Interval) -> str:
    """Return the reason why a paired difference has no interval (see `statistics.paired_difference`), or "" if it has one.

    >>> no_interval_remark(Interval(0.0123, math.nan, math.nan, n=2))
    'no interval: only 2 independent pairs'
    """
    return "" if difference.n >= MIN_PAIRS else f"no interval: only {count(difference.n, 'independent pair')}"

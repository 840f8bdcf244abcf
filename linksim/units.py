"""Conversions between decibels and ratios, and from seconds to integer nanoseconds.

Simulated time is an int of nanoseconds throughout the package, because sums of floats accumulate rounding errors. Names of variables and
options end in their unit: `_ns`, `_ms`, `_s`, `_hz`, `_db`. Decibels are those of power ratios.
"""

import math

NS_PER_S = 1_000_000_000
FOREVER_NS = 2**63 - 1  # later than any instant of a run


def db_to_linear(db: float) -> float:
    """Power ratio of a value in decibels.

    >>> db_to_linear(20.0)
    100.0
    """
    return float(10.0 ** (db / 10.0))


def linear_to_db(ratio: float) -> float:
    """Decibels of a power ratio; -inf for 0. Raises ValueError for a negative ratio.

    >>> linear_to_db(1000.0)
    30.0
    """
    if ratio < 0:
        raise ValueError(f"a power ratio is at least 0, got {ratio}")
    return 10.0 * math.log10(ratio) if ratio > 0 else -math.inf


def seconds_to_ns(seconds: float) -> int:
    """Nearest integer nanosecond. Raises ValueError for a negative or infinite time.

    >>> seconds_to_ns(0.25)
    250000000
    """
    if not 0 <= seconds < math.inf:
        raise ValueError(f"a time is finite and at least 0 s, got {seconds}")
    return round(seconds * NS_PER_S)


def ms_to_ns(milliseconds: float) -> int:
    """Nearest integer nanosecond. Raises ValueError for a negative or infinite time.

    >>> ms_to_ns(2.5)
    2500000
    """
    return seconds_to_ns(milliseconds / 1e3)


def airtime_ns(channel_uses: int, symbol_rate_hz: float) -> int:
    """Duration of `channel_uses` complex channel uses in ns, rounded up, so that the airtime of a frame is never 0.

    channel_uses    number of complex symbols, pilots included
    symbol_rate_hz  complex symbols per second

    >>> airtime_ns(512, 1e6)
    512000
    """
    return math.ceil(channel_uses * NS_PER_S / symbol_rate_hz)

"""Decibels and integer nanoseconds. Simulated time is an int of nanoseconds everywhere: floats drift."""

import math

NS_PER_S = 1_000_000_000
FOREVER_NS = 2**63 - 1  # later than any instant of a run


def db_to_linear(db: float) -> float:
    """Power ratio of `db` decibels."""
    return float(10.0 ** (db / 10.0))


def linear_to_db(ratio: float) -> float:
    """Decibels of a power ratio; -inf for 0. Raises ValueError below 0."""
    if ratio < 0:
        raise ValueError(f"a power ratio is at least 0, got {ratio}")
    return 10.0 * math.log10(ratio) if ratio > 0 else -math.inf


def seconds_to_ns(seconds: float) -> int:
    """Nearest nanosecond. Raises ValueError for a negative or unbounded time."""
    if not 0 <= seconds < math.inf:
        raise ValueError(f"a time is finite and at least 0 s, got {seconds}")
    return round(seconds * NS_PER_S)


def ms_to_ns(milliseconds: float) -> int:
    """Nearest nanosecond. Raises ValueError for a negative or unbounded time."""
    return seconds_to_ns(milliseconds / 1e3)


def airtime_ns(channel_uses: int, symbol_rate_hz: float) -> int:
    """Time that `uses` complex channel uses take at `symbol_rate_hz`, rounded up so that no frame takes no time."""
    return math.ceil(channel_uses * NS_PER_S / symbol_rate_hz)

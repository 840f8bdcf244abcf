"""Decorrelation times: how far apart two values of a random process must be to count as independent.

Means over simulated time are less certain than their number of images suggests, because neighbouring frames share the channel. Their
intervals resample blocks of time (`statistics.independent_units`), and these times are the lengths of the blocks.

The mean of a process with the correlation exp(-lag / T) over a block of `DECAY_TIMES` T has 80 % of the variance that it would have
if blocks were independent, so intervals from such blocks are a tenth too narrow.
"""

import math

DECAY_TIMES = 5.0  # time constants of an exponential correlation, which is then 0.7 %
DOPPLER_PERIODS = 10.0  # periods of the maximum Doppler shift, after which the correlation of Clarke's model is below 10 %


def exponential_ms(time_constant_ms: float) -> float:
    """Decorrelation time of a process with the correlation exp(-lag / time constant).

    >>> exponential_ms(100.0)
    500.0
    """
    return DECAY_TIMES * time_constant_ms


def two_state_ms(first_ms: float, second_ms: float) -> float:
    """Decorrelation time of a Markov chain with two states and these mean dwell times; its time constant is 1 / (1/first + 1/second).

    >>> two_state_ms(200.0, 50.0)
    200.0
    """
    return exponential_ms(1 / (1 / first_ms + 1 / second_ms))


def reflected_walk_ms(step_db: float, interval_ms: float, span_db: float) -> float:
    """Decorrelation time of a random walk between reflecting bounds; 0 for steps of 0.

    It is that of Brownian motion, whose slowest mode decays with the time constant 2 span^2 / (pi^2 step^2) intervals.

    >>> round(reflected_walk_ms(0.5, 10.0, 20.0))
    16211
    """
    return exponential_ms(2 * (span_db / (math.pi * step_db)) ** 2 * interval_ms) if step_db else 0.0


def doppler_ms(shift_hz: float) -> float:
    """Decorrelation time of the gain at a maximum Doppler shift; infinite without motion.

    >>> doppler_ms(50.0)
    200.0
    """
    return 1e3 * DOPPLER_PERIODS / shift_hz if shift_hz else math.inf

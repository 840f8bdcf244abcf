"""Evaluation channels: the SNR of each round on channels that no policy was trained on, from scenario options and a seed.

DDPG is trained on a Gauss-Markov SNR (`adapt.snr_process`). A policy that has learnt only that process would fail here: the kinds range
from slow drift to sudden jumps, over the paper's range of -6..18 dB. The channels are built from the same options and models of the path
(`phy.path`) as those of a run, and `adapt.regret` evaluates policies on them.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from linksim.phy.path import RadioPath
from linksim.rng import Streams
from linksim.scenario.channel import Path
from linksim.scenario.fading import JakesFading
from linksim.scenario.snr import ConstantSnr, GaussMarkovSnr, PiecewiseSnr, SnrStep, TwoStateSnr
from linksim.units import ms_to_ns

MIDDLE_DB, LOW_DB, HIGH_DB = 6.0, -6.0, 18.0
SEGMENTS, SEGMENT_MS = 64, 1_500.0  # a piecewise SNR repeats after this many segments

ChannelSnr = NDArray[np.float64]  # [channels, rounds]


def piecewise(draw: np.random.Generator) -> Path:
    """An SNR that is uniform over -6..18 dB and changes every 1.5 s."""
    values = [SnrStep(at_ms=i * SEGMENT_MS, snr_db=snr_db) for i, snr_db in enumerate(draw.uniform(LOW_DB, HIGH_DB, SEGMENTS).tolist())]
    return Path(snr=PiecewiseSnr(kind="piecewise", steps=values, repeat_ms=SEGMENTS * SEGMENT_MS))


def gauss_markov(coherence_ms: float) -> Callable[[np.random.Generator], Path]:
    """A Gauss-Markov process with mean 6 dB, standard deviation 5 dB and the given coherence time in ms."""
    path = Path(snr=GaussMarkovSnr(kind="gauss-markov", mean_db=MIDDLE_DB, std_db=5.0, coherence_ms=coherence_ms))
    return lambda draw: path


def fading(draw: np.random.Generator) -> Path:
    """Clarke's model with a Doppler frequency of 0.5 Hz (6 cm/s at 2.4 GHz) about a mean SNR of 3..15 dB."""
    snr_db = float(draw.uniform(3.0, 15.0))
    return Path(snr=ConstantSnr(mean_db=snr_db), fading=JakesFading(kind="jakes", doppler_hz=0.5))


def jammed(draw: np.random.Generator) -> Path:
    """A two-state SNR, as with an intermittent jammer that lowers it by 6 to 14 dB."""
    good_db, loss_db = draw.uniform(8.0, 16.0), draw.uniform(6.0, 14.0)
    return Path(snr=TwoStateSnr(kind="two-state", good_db=good_db, bad_db=good_db - loss_db, good_ms=2_000.0, bad_ms=700.0))


EVALUATION_CHANNELS: dict[str, Callable[[np.random.Generator], Path]] = {
    "steps": piecewise,
    "slow": gauss_markov(5_000.0),
    "fast": gauss_markov(500.0),
    "fading": fading,
    "jammed": jammed,
}


def evaluation_channels(kind: str, channels: int, rounds: int, interval_ms: float, seed: int) -> ChannelSnr:
    """SNR in dB, fading included, of `channels` independent channels at `rounds` instants: float64 [channels, rounds].

    kind         a key of `EVALUATION_CHANNELS`
    channels     number of channels; channel i is the same for any number of them
    rounds       number of instants, the first at 0 ms
    interval_ms  time between two instants in ms
    seed         seed of the random streams

    >>> evaluation_channels("slow", channels=2, rounds=5, interval_ms=100.0, seed=1).shape
    (2, 5)
    """
    streams, snr_db = Streams(seed), np.empty((channels, rounds))
    for i in range(channels):
        path = RadioPath(EVALUATION_CHANNELS[kind](streams(f"held out/{kind}", i)), streams, f"held out/{kind}/{i}")
        snr_db[i] = [path.during(ms_to_ns(turn * interval_ms), 1, 1.0).snr_db for turn in range(rounds)]
    return snr_db

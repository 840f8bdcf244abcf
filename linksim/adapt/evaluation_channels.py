"""Radio paths that no policy has seen: SNR from round to round, as a function of a seed. They are described in the words of a scenario."""

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
STEPS, STEP_MS = 64, 1_500.0  # a path begins anew after so many

Paths = NDArray[np.float64]  # [paths, rounds]


def steps(draw: np.random.Generator) -> Path:
    """Every 1.5 s another SNR, uniform over the range."""
    values = [SnrStep(at_ms=place * STEP_MS, snr_db=snr_db) for place, snr_db in enumerate(draw.uniform(LOW_DB, HIGH_DB, STEPS).tolist())]
    return Path(snr=PiecewiseSnr(kind="piecewise", steps=values, repeat_ms=STEPS * STEP_MS))


def gauss_markov(coherence_ms: float) -> Callable[[np.random.Generator], Path]:
    """Gauss-Markov about the middle of the range."""
    path = Path(snr=GaussMarkovSnr(kind="gauss-markov", mean_db=MIDDLE_DB, std_db=5.0, coherence_ms=coherence_ms))
    return lambda draw: path


def fading(draw: np.random.Generator) -> Path:
    """Clarke's model at 0.5 Hz, the gain of somebody who hardly moves (6 cm/s at 2.4 GHz), about a mean that is drawn."""
    snr_db = float(draw.uniform(3.0, 15.0))
    return Path(snr=ConstantSnr(mean_db=snr_db), fading=JakesFading(kind="jakes", doppler_hz=0.5))


def jammed(draw: np.random.Generator) -> Path:
    """A jammer who comes and goes, and takes 6 to 14 dB."""
    good_db, loss_db = draw.uniform(8.0, 16.0), draw.uniform(6.0, 14.0)
    return Path(snr=TwoStateSnr(kind="two-state", good_db=good_db, bad_db=good_db - loss_db, good_ms=2_000.0, bad_ms=700.0))


EVALUATION_CHANNELS: dict[str, Callable[[np.random.Generator], Path]] = {
    "steps": steps,
    "slow": gauss_markov(5_000.0),
    "fast": gauss_markov(500.0),
    "fading": fading,
    "jammed_fraction": jammed,
}


def evaluation_channels(name: str, paths: int, rounds: int, interval_ms: float, seed: int) -> Paths:
    """SNR in dB, fading included, at `rounds` instants that are `interval_ms` apart: [paths, rounds].

    name  of a kind of path (`EVALUATION_CHANNELS`)
    """
    streams, snr_db = Streams(seed), np.empty((paths, rounds))
    for path in range(paths):
        drawn = RadioPath(EVALUATION_CHANNELS[name](streams(f"held out/{name}", path)), streams, f"held out/{name}/{path}")
        snr_db[path] = [drawn.during(ms_to_ns(place * interval_ms), 1, 1.0).snr_db for place in range(rounds)]
    return snr_db

"""Measured error rates of modulation and channel code against theory, as a table and a figure. No scenario is involved.

`linksim curves` runs it. The curves validate the radio below the schemes: uncoded bit error rates must agree with their closed forms
(`phy.theory`), and block error rates of the LDPC codes must fall steeply a little above the Shannon limit. `phy.curves` simulates one
point; this module chooses the points and the number of trials, and writes the results.

The bits of a point are chosen so that about `EXPECTED_ERRORS` errors are expected: the standard error of a measured rate is then 5 %.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linksim.files import atomic_write
from linksim.phy import ldpc, theory
from linksim.phy.curves import ErrorCount, measure_coded, measure_uncoded
from linksim.phy.qam import bits_per_symbol
from linksim.plots.error_rates import ErrorRateCurve, error_rate_figure
from linksim.plots.figures import wrap_write_errors
from linksim.plots.plot_style import save
from linksim.statistics import Interval, wilson
from linksim.units import db_to_linear, linear_to_db

EXPECTED_ERRORS = 400  # expected number of bit errors of an uncoded point, unless that takes more than `MAX_BITS` bits
MIN_BITS, MAX_BITS = 20_000, 1_000_000
CODE_BITS = 1296  # length of a codeword
STEP_DB = 0.5  # SNR step of a coded curve, which runs from the Shannon limit to the first point without a block error
HEADINGS = ("curve", "snr_db", "errors", "trials", "rate", "low95", "high95", "theory")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Uncoded:
    """One modulation on one channel.

    name         name of the curve
    order        number of constellation points, 4 or 16
    channel      "awgn", or "rayleigh" with a gain of its own for every symbol
    closed_form  bit error rate at Es/N0 as a power ratio, [n] -> [n]
    snr_db       values of Es/N0 in dB at which the rate is measured
    """

    name: str
    order: int
    channel: Literal["awgn", "rayleigh"]
    closed_form: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    snr_db: tuple[float, ...]


UNCODED = (
    Uncoded("QPSK, AWGN", 4, "awgn", theory.ber_qpsk_awgn, (0, 2, 4, 6, 8, 10, 11, 12)),
    Uncoded("16-QAM, AWGN", 16, "awgn", theory.ber_qam16_awgn, (0, 3, 6, 9, 12, 14, 16, 18)),
    Uncoded("QPSK, Rayleigh", 4, "rayleigh", theory.ber_qpsk_rayleigh, (0, 5, 10, 15, 20, 25, 30)),
    Uncoded("16-QAM, Rayleigh", 16, "rayleigh", theory.ber_qam16_rayleigh, (0, 5, 10, 15, 20, 25, 30)),
)
CODE_RATES = ("1/2", "2/3", "3/4", "5/6")


@dataclass(frozen=True)
class MeasuredPoint:
    """One measured error rate.

    snr_db    Es/N0 in dB
    count     numbers of errors and trials: bits, or blocks of a code
    interval  the rate with its 95 % Wilson interval
    expected  rate in closed form, NaN where there is none
    """

    snr_db: float
    count: ErrorCount
    interval: Interval
    expected: float


def write_curves(out: Path, blocks: int, seed: int, progress: Progress) -> list[Path]:
    """Measure all curves, write `error-rates.csv` and `error-rates.png`, and return their paths. Equal arguments give equal bytes.

    out       folder of both files; it is created if necessary
    blocks    number of codewords per point of a coded curve
    seed      seed of bits, noise and gains
    progress  receives one line per measured point

    Raises LinksimError if the folder is not writable.
    """
    uncoded = [(spec.name, uncoded_points(spec, seed, progress)) for spec in UNCODED]
    coded = [(f"rate {rate}", coded_points(rate, blocks, seed, progress)) for rate in CODE_RATES]
    figure = error_rate_figure(
        tuple(curve(name, points, closed_form=spec) for (name, points), spec in zip(uncoded, UNCODED, strict=True)),
        tuple(curve(name, points, limit_db=shannon_db(rate)) for (name, points), rate in zip(coded, CODE_RATES, strict=True)),
    )
    with wrap_write_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        named = uncoded + [(f"LDPC {CODE_BITS}, {name}, QPSK, AWGN", points) for name, points in coded]
        table = write_table(out / "error-rates.csv", named)
        return [table, save(figure, out / "error-rates.png")]


def uncoded_points(spec: Uncoded, seed: int, progress: Progress) -> list[MeasuredPoint]:
    """The points of one modulation, each with enough bits for about `EXPECTED_ERRORS` errors.

    spec      modulation, channel and SNRs
    seed      seed of bits, noise and gains
    progress  receives one line per point

    On the Rayleigh channel the bits of one symbol share a gain, so the interval counts symbols as trials, and the number of bit errors per
    bit of a symbol, rounded, as errors.
    """
    points, bits_per_trial = [], bits_per_symbol(spec.order) if spec.channel == "rayleigh" else 1
    for snr_db in spec.snr_db:
        expected = float(spec.closed_form(np.array(db_to_linear(snr_db))))
        bits = int(np.clip(EXPECTED_ERRORS / expected, MIN_BITS, MAX_BITS))
        count = measure_uncoded(spec.order, snr_db, spec.channel, bits, seed)
        interval = replace(wilson(round(count.errors / bits_per_trial), count.trials // bits_per_trial), value=count.errors / count.trials)
        points.append(MeasuredPoint(snr_db, count, interval, expected))
        progress(f"{spec.name} at {snr_db:g} dB")
    return points


def coded_points(rate: str, blocks: int, seed: int, progress: Progress) -> list[MeasuredPoint]:
    """The points of one code rate, from just above the Shannon limit up to the first point without a block error.

    rate      code rate, "1/2", "2/3", "3/4" or "5/6"
    blocks    number of codewords per point
    seed      seed of bits and noise
    progress  receives one line per point
    """
    code, snr_db = ldpc.code(CODE_BITS, rate), np.ceil(shannon_db(rate) / STEP_DB) * STEP_DB
    points: list[MeasuredPoint] = []
    while not points or points[-1].count.errors:
        count = measure_coded(code, 4, float(snr_db), blocks, seed)
        points.append(MeasuredPoint(float(snr_db), count, wilson(count.errors, count.trials), float("nan")))
        progress(f"LDPC at rate {rate}, {snr_db:g} dB")
        snr_db += STEP_DB
    return points


def shannon_db(rate: str) -> float:
    """Smallest Es/N0 in dB at which a code of that rate on QPSK symbols can be free of errors: log2(1 + snr) = 2 rate (Shannon, 1948).

    It is the limit for Gaussian symbols; that of QPSK symbols is higher, by 0.2 dB at rate 1/2 and by 1.2 dB at rate 5/6.

    >>> shannon_db("1/2"), round(shannon_db("5/6"), 2)
    (0.0, 3.37)
    """
    numerator, denominator = rate.split("/")
    return linear_to_db(2 ** (2 * int(numerator) / int(denominator)) - 1)


def curve(name: str, points: list[MeasuredPoint], closed_form: Uncoded | None = None, limit_db: float | None = None) -> ErrorRateCurve:
    """The curve of these points for the figure, with the closed form on a fine grid where there is one.

    name         name in the legend
    points       measured points in the order of rising SNR
    closed_form  modulation whose closed form is drawn; None for none
    limit_db     Shannon limit in dB; None for none
    """
    snr_db, line = np.array([point.snr_db for point in points]), None
    if closed_form is not None:
        fine = np.linspace(snr_db.min(), snr_db.max(), 200)
        line = fine, closed_form.closed_form(10 ** (fine / 10))
    return ErrorRateCurve(name, snr_db, tuple(point.interval for point in points), line, limit_db)


def write_table(path: Path, curves: list[tuple[str, list[MeasuredPoint]]]) -> Path:
    """Write one row per point, with 95 % Wilson intervals, and return the path.

    path    file of the table, CSV with the columns `HEADINGS`; the column `theory` is empty where there is no closed form
    curves  name and points of each curve
    """
    with atomic_write(path) as temporary, temporary.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEADINGS)
        for name, points in curves:
            for point in points:
                numbers = (point.interval.value, point.interval.low, point.interval.high, point.expected)
                counts = point.count.errors, point.count.trials
                rows.writerow((name, f"{point.snr_db:g}", *counts, *("" if np.isnan(x) else f"{x:.6g}" for x in numbers)))
    return path

"""Measured error rates of modulation and channel code against theory, as a table and a figure. No scenario is involved."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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
    """One modulation on one channel, with the SNRs in dB at which it is measured."""

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

    snr_db    Es/N0
    count     errors and trials
    interval  95 % Wilson interval of the rate
    expected  rate in closed form, NaN where there is none
    """

    snr_db: float
    count: ErrorCount
    interval: Interval
    expected: float


def write_curves(out: Path, blocks: int, seed: int, progress: Progress) -> list[Path]:
    """Measure all curves and write `error-rates.csv` and `error-rates.png` to `out`. Equal arguments give equal bytes.

    blocks    number of codewords per point of a coded curve
    progress  receives one line per measured point
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
    """The points of one code rate, from just above the Shannon limit up to the first point without a block error."""
    code, snr_db = ldpc.code(CODE_BITS, rate), np.ceil(shannon_db(rate) / STEP_DB) * STEP_DB
    points: list[MeasuredPoint] = []
    while not points or points[-1].count.errors:
        count = measure_coded(code, 4, float(snr_db), blocks, seed)
        points.append(MeasuredPoint(float(snr_db), count, wilson(count.errors, count.trials), float("nan")))
        progress(f"LDPC at rate {rate}, {snr_db:g} dB")
        snr_db += STEP_DB
    return points


def shannon_db(rate: str) -> float:
    """Smallest Es/N0 in dB at which QPSK symbols of that code rate can be decoded without errors: log2(1 + snr) = 2 rate.

    >>> shannon_db("1/2")
    0.0
    """
    numerator, denominator = rate.split("/")
    return linear_to_db(2 ** (2 * int(numerator) / int(denominator)) - 1)


def curve(name: str, points: list[MeasuredPoint], closed_form: Uncoded | None = None, limit_db: float | None = None) -> ErrorRateCurve:
    """The curve of these points for the figure, with the closed form on a fine grid where there is one."""
    snr_db, line = np.array([point.snr_db for point in points]), None
    if closed_form is not None:
        fine = np.linspace(snr_db.min(), snr_db.max(), 200)
        line = fine, closed_form.closed_form(10 ** (fine / 10))
    return ErrorRateCurve(name, snr_db, tuple(point.interval for point in points), line, limit_db)


def write_table(path: Path, curves: list[tuple[str, list[MeasuredPoint]]]) -> Path:
    """Write one row per point, with 95 % Wilson intervals, and return the path."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEADINGS)
        for name, points in curves:
            for point in points:
                numbers = (point.interval.value, point.interval.low, point.interval.high, point.expected)
                counts = point.count.errors, point.count.trials
                rows.writerow((name, f"{point.snr_db:g}", *counts, *("" if np.isnan(x) else f"{x:.6g}" for x in numbers)))
    return path

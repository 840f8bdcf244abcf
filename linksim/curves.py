"""Error rates of modulation and channel code, measured and held against theory: a table and a figure. Nothing of a scenario is in them."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linksim.phy import ldpc, theory
from linksim.phy.curves import Rate, measure_coded, measure_uncoded
from linksim.phy.qam import bits_per_symbol
from linksim.plots.error_rates import Curve, error_rate_figure
from linksim.plots.figures import writing
from linksim.plots.intervals import Interval, wilson
from linksim.plots.plot_style import save
from linksim.units import db_to_linear, linear_to_db

ERRORS = 400  # that closed forms expect at a point, while that takes no more bits than `MOST_BITS`
FEWEST_BITS, MOST_BITS = 20_000, 1_000_000
CODE_BITS = 1296  # of a codeword
STEP_DB = 0.5  # from point to point of a code, upwards from Shannon's limit until no block is lost
HEADINGS = ("what", "snr_db", "errors", "trials", "rate", "low95", "high95", "theory")

Tell = Callable[[str], None]


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
class Point:
    """One measured rate with its 95 % interval; `expected` is the closed form, NaN where there is none."""

    snr_db: float
    rate: Rate
    interval: Interval
    expected: float


def write_curves(out: Path, blocks: int, seed: int, tell: Tell) -> list[Path]:
    """Measure, and write `error-rates.csv` and `error-rates.png` into `out`, the same bytes for the same arguments.

    blocks  codewords for each point of a code
    tell    is told what has just been measured
    """
    uncoded = [(spec.name, uncoded_points(spec, seed, tell)) for spec in UNCODED]
    coded = [(f"rate {rate}", coded_points(rate, blocks, seed, tell)) for rate in CODE_RATES]
    figure = error_rate_figure(
        tuple(curve(name, points, closed_form=spec) for (name, points), spec in zip(uncoded, UNCODED, strict=True)),
        tuple(curve(name, points, limit_db=shannon_db(rate)) for (name, points), rate in zip(coded, CODE_RATES, strict=True)),
    )
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        named = uncoded + [(f"LDPC {CODE_BITS}, {name}, QPSK, AWGN", points) for name, points in coded]
        table = write_table(out / "error-rates.csv", named)
        return [table, save(figure, out / "error-rates.png")]


def uncoded_points(spec: Uncoded, seed: int, tell: Tell) -> list[Point]:
    """Every point with as many bits as `ERRORS` errors take. Bits that share a symbol's gain count as one trial of the interval."""
    points, together = [], bits_per_symbol(spec.order) if spec.channel == "rayleigh" else 1
    for snr_db in spec.snr_db:
        expected = float(spec.closed_form(np.array(db_to_linear(snr_db))))
        bits = int(np.clip(ERRORS / expected, FEWEST_BITS, MOST_BITS))
        rate = measure_uncoded(spec.order, snr_db, spec.channel, bits, seed)
        points.append(Point(snr_db, rate, wilson(rate.errors / together, rate.trials // together), expected))
        tell(f"{spec.name} at {snr_db:g} dB")
    return points


def coded_points(rate: str, blocks: int, seed: int, tell: Tell) -> list[Point]:
    """From just above Shannon's limit upwards until no block is lost."""
    code, snr_db = ldpc.code(CODE_BITS, rate), np.ceil(shannon_db(rate) / STEP_DB) * STEP_DB
    points: list[Point] = []
    while not points or points[-1].rate.errors:
        found = measure_coded(code, 4, float(snr_db), blocks, seed)
        points.append(Point(float(snr_db), found, wilson(found.errors, found.trials), float("nan")))
        tell(f"LDPC at rate {rate}, {snr_db:g} dB")
        snr_db += STEP_DB
    return points


def shannon_db(rate: str) -> float:
    """Least Es/N0 in dB at which two bits per symbol can be sent at that rate without errors: log2(1 + snr) = 2 rate."""
    above, below = rate.split("/")
    return linear_to_db(2 ** (2 * int(above) / int(below)) - 1)


def curve(name: str, points: list[Point], closed_form: Uncoded | None = None, limit_db: float | None = None) -> Curve:
    """Points as the figure wants them."""
    snr_db, line = np.array([point.snr_db for point in points]), None
    if closed_form is not None:
        fine = np.linspace(snr_db.min(), snr_db.max(), 200)
        line = fine, closed_form.closed_form(10 ** (fine / 10))
    return Curve(name, snr_db, tuple(point.interval for point in points), line, limit_db)


def write_table(path: Path, curves: list[tuple[str, list[Point]]]) -> Path:
    """One row a point, 95 % Wilson intervals."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEADINGS)
        for name, points in curves:
            for point in points:
                numbers = (point.interval.value, point.interval.low, point.interval.high, point.expected)
                counts = point.rate.errors, point.rate.trials
                rows.writerow((name, f"{point.snr_db:g}", *counts, *("" if np.isnan(x) else f"{x:.6g}" for x in numbers)))
    return path

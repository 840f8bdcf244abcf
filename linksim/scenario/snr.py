"""Options of the mean SNR of a radio path over time; fading comes on top of it.

The SNR is Es/N0 in dB: the mean received power of a complex symbol, for a scheme that radiates unit power, over the noise power per complex
symbol. Every process is a function of simulated time alone, independent of the frames, and stochastic ones have a random stream per path.
`linksim.phy.snr` builds the processes.
"""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from linksim.scenario.base import ComponentOf, ComponentOptions, Options, base_of, component
from linksim.scenario.decorrelation import exponential_ms, reflected_walk_ms, two_state_ms

STEPS_PER_COHERENCE = 16  # grid points of a Gauss-Markov process per coherence time


@base_of("snr")
class SnrOptions(ComponentOptions):
    """Base of the options of every SNR process.

    kind  name of the component
    """

    kind: str

    @property
    def decorrelation_ms(self) -> float:
        """Time in ms after which two values are independent; 0 for a course that is not random. Infinite, which is unknown, by default."""
        return math.inf

    def grid_ms(self, speed_mps: float) -> float:
        """Mean time in ms between values that are generated one after another. Infinite, the default, where any value is found at once.

        A value late in a run takes the time of all before it, so a fine grid over a long time is expensive.

        speed_mps  sum of the speeds of both ends of the path, in m/s
        """
        return math.inf


@component("snr", "linksim.phy.snr:make_constant")
class ConstantSnr(SnrOptions):
    """An SNR that does not change."""

    kind: Literal["constant"] = "constant"
    mean_db: float = Field(10.0, ge=-30, le=60, description="SNR in dB: Es/N0 per complex symbol")

    @property
    def decorrelation_ms(self) -> float:
        return 0.0


class SnrStep(Options):
    """A change of the SNR at one instant, after which it is constant until the next."""

    at_ms: float = Field(0.0, ge=0, le=1e9, description="time of the change, in ms")
    snr_db: float = Field(10.0, ge=-30, le=60, description="SNR in dB after the change")


@component("snr", "linksim.phy.snr:make_piecewise")
class PiecewiseSnr(SnrOptions):
    """An SNR that jumps at given instants.

    After the last step it stays constant, or the steps repeat with the period `repeat_ms`.
    """

    kind: Literal["piecewise"] = "piecewise"
    steps: list[SnrStep] = Field(
        [SnrStep(), SnrStep(at_ms=100.0, snr_db=3.0)],
        min_length=1,
        max_length=10_000,
        description="changes in the order of time, the first at 0 ms",
    )
    repeat_ms: float | None = Field(None, gt=0, le=1e9, description="period after which the steps repeat, in ms; null for no repetition")

    @property
    def decorrelation_ms(self) -> float:
        return 0.0

    @model_validator(mode="after")
    def _in_order(self) -> "PiecewiseSnr":
        instants = [step.at_ms for step in self.steps]
        if instants[0] != 0:
            raise ValueError(f"the first of the steps must be at_ms: 0, got {instants[0]:g}")
        late = next((place for place in range(1, len(instants)) if instants[place] <= instants[place - 1]), None)
        if late is not None:
            raise ValueError(f"at_ms must rise from step to step, got {instants[late]:g} after {instants[late - 1]:g} in steps.{late}")
        if self.repeat_ms is not None and self.repeat_ms <= instants[-1]:
            raise ValueError(f"repeat_ms must be above the last at_ms ({instants[-1]:g}), got {self.repeat_ms:g}")
        return self


@component("snr", "linksim.phy.snr:make_sine")
class SineSnr(SnrOptions):
    """A sinusoidal SNR in dB: mean + amplitude sin(2 pi time / period + phase)."""

    kind: Literal["sine"] = "sine"
    mean_db: float = Field(10.0, ge=-30, le=60, description="mean SNR in dB")
    amplitude_db: float = Field(5.0, ge=0, le=60, description="amplitude in dB")
    period_ms: float = Field(500.0, ge=1e-3, le=1e9, description="period in ms")
    phase_deg: float = Field(0.0, ge=-360, le=360, description="phase at time 0, in degrees")

    @property
    def decorrelation_ms(self) -> float:
        return 0.0


@component("snr", "linksim.phy.snr:make_gauss_markov")
class GaussMarkovSnr(SnrOptions):
    """A Gauss-Markov SNR in dB: AR(1) about its mean, with correlation exp(-lag / coherence).

    It is stationary from time 0 and generated on a grid of 16 points per coherence time: x' = a x + sqrt(1 - a^2) std w, where x is the
    deviation from the mean, a = exp(-1/16), and w is standard normal.
    """

    kind: Literal["gauss-markov"] = "gauss-markov"
    mean_db: float = Field(10.0, ge=-30, le=60, description="mean SNR in dB: Es/N0 per complex symbol")
    std_db: float = Field(3.0, ge=0, le=30, description="standard deviation in dB")
    coherence_ms: float = Field(100.0, ge=1e-3, le=1e6, description="time after which the correlation is 1/e, in ms")

    @property
    def decorrelation_ms(self) -> float:
        return exponential_ms(self.coherence_ms)

    def grid_ms(self, speed_mps: float) -> float:
        return self.coherence_ms / STEPS_PER_COHERENCE


@component("snr", "linksim.phy.snr:make_two_state")
class TwoStateSnr(SnrOptions):
    """A two-state SNR: a continuous-time Markov chain with exponentially distributed dwell times.

    It is stationary from time 0, in the good state for good_ms / (good_ms + bad_ms) of the time.
    """

    kind: Literal["two-state"] = "two-state"
    good_db: float = Field(15.0, ge=-30, le=60, description="SNR in the good state, in dB")
    bad_db: float = Field(2.0, ge=-30, le=60, description="SNR in the bad state, in dB")
    good_ms: float = Field(200.0, ge=1e-3, le=1e6, description="mean dwell time in the good state, in ms")
    bad_ms: float = Field(50.0, ge=1e-3, le=1e6, description="mean dwell time in the bad state, in ms")

    @property
    def decorrelation_ms(self) -> float:
        return two_state_ms(self.good_ms, self.bad_ms)

    def grid_ms(self, speed_mps: float) -> float:
        return (self.good_ms + self.bad_ms) / 2


@component("snr", "linksim.phy.snr:make_random_walk")
class RandomWalkSnr(SnrOptions):
    """A random walk in dB with Gaussian steps, reflected at its bounds.

    Between two steps the SNR is constant.
    """

    kind: Literal["random-walk"] = "random-walk"
    start_db: float = Field(10.0, ge=-30, le=60, description="SNR at time 0, in dB")
    step_db: float = Field(0.5, ge=0, le=30, description="standard deviation of a step, in dB")
    interval_ms: float = Field(10.0, ge=1e-3, le=1e6, description="time between steps, in ms")
    low_db: float = Field(0.0, ge=-30, le=60, description="lower bound in dB")
    high_db: float = Field(20.0, ge=-30, le=60, description="upper bound in dB")

    @property
    def decorrelation_ms(self) -> float:
        return reflected_walk_ms(self.step_db, self.interval_ms, self.high_db - self.low_db)

    def grid_ms(self, speed_mps: float) -> float:
        return self.interval_ms

    @model_validator(mode="after")
    def _fits(self) -> "RandomWalkSnr":
        if not self.low_db < self.high_db:
            raise ValueError(f"low_db must be below high_db ({self.high_db:g}), got {self.low_db:g}")
        if not self.low_db <= self.start_db <= self.high_db:
            raise ValueError(f"start_db must lie within low_db..high_db ({self.low_db:g}..{self.high_db:g}), got {self.start_db:g}")
        return self


@component("snr", "linksim.phy.snr:make_measured")
class MeasuredSnr(SnrOptions):
    """An SNR measured elsewhere, read from a file and interpolated between its rows. Time 0 of the file is the start of the run.

    The interpolation is linear in dB; before the first row its SNR holds. The trace names the file by absolute path and SHA-256 digest.
    """

    kind: Literal["measured"] = "measured"
    file: str = Field(
        min_length=1,
        max_length=4096,
        description="CSV with a header, or HDF5, with time_s and snr_db; a relative path counts from the file that names it",
    )
    at_end: Literal["hold", "repeat"] = Field("hold", description="after the last row: hold its SNR, or repeat from the first row")
    sha256: str | None = Field(
        None, min_length=64, max_length=64, description="SHA-256 digest that the file must have; null accepts any file"
    )

    @property
    def decorrelation_ms(self) -> float:
        return 0.0


@component("snr", "linksim.phy.snr:make_path_loss")
class PathLossSnr(SnrOptions):
    """An SNR from the positions of the nodes (`channel.geometry`): log-distance path loss, thermal noise, log-normal shadowing.

    SNR = transmit power + antenna gain - loss - shadowing - noise, in dB. The loss is that of free space up to `reference_m` and rises by
    10 exponent log10(distance / reference_m) beyond. The noise is thermal at 290 K in a bandwidth of the symbol rate. The correlation of
    the shadowing is exp(-d / shadowing_distance_m) over a distance d that the ends have moved (Gudmundson, 1991).
    """

    kind: Literal["path-loss"] = "path-loss"
    transmit_power_dbm: float = Field(20.0, ge=-60, le=80, description="transmit power in dBm")
    antenna_gain_db: float = Field(0.0, ge=-60, le=120, description="sum of both antenna gains, in dBi")
    carrier_ghz: float = Field(2.4, ge=0.01, le=300, description="carrier frequency in GHz")
    exponent: float = Field(3.0, ge=1, le=8, description="path-loss exponent; 2 in free space")
    reference_m: float = Field(
        1.0, gt=0, le=1e4, description="reference distance in m: free space up to it, and the smallest distance used"
    )
    noise_figure_db: float = Field(
        7.0, ge=0, le=40, description="noise figure of the receiver in dB, above thermal noise in a bandwidth of the symbol rate"
    )
    shadowing_std_db: float = Field(0.0, ge=0, le=20, description="standard deviation of the shadowing in dB; 0 for no shadowing")
    shadowing_distance_m: float = Field(
        20.0, ge=0.1, le=1e5, description="distance after which the correlation of the shadowing is 1/e, in m"
    )

    @property
    def decorrelation_ms(self) -> float:
        return math.inf if self.shadowing_std_db else 0.0  # shadowing changes with distance, and nodes may stand still

    def grid_ms(self, speed_mps: float) -> float:
        if speed_mps == 0 or self.shadowing_std_db == 0:
            return math.inf
        return 1e3 * self.shadowing_distance_m / speed_mps / STEPS_PER_COHERENCE


Snr = Annotated[SnrOptions, ComponentOf(("snr",))]

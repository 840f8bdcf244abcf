"""Words for the SNR of a path over time, fading averaged out."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from linksim.scenario.base import Options, by_kind


class ConstantSnr(Options):
    """An SNR that does not change."""

    kind: Literal["constant"] = "constant"
    mean_db: float = Field(10.0, ge=-30, le=60, description="SNR in dB: Es/N0 per complex symbol")


class SnrStep(Options):
    """From one instant on, another SNR."""

    at_ms: float = Field(0.0, ge=0, le=1e9, description="from when on, in ms")
    snr_db: float = Field(10.0, ge=-30, le=60, description="SNR in dB from then on")


class PiecewiseSnr(Options):
    """An SNR that jumps at given instants."""

    kind: Literal["piecewise"]
    steps: list[SnrStep] = Field(
        [SnrStep(), SnrStep(at_ms=100.0, snr_db=3.0)], min_length=1, max_length=10_000, description="in the order of time, the first at 0"
    )
    repeat_ms: float | None = Field(None, gt=0, le=1e9, description="length after which the steps begin anew, in ms; null for never")

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


class SineSnr(Options):
    """An SNR in dB that swings: mean + amplitude sin(2 pi time / period + phase)."""

    kind: Literal["sine"]
    mean_db: float = Field(10.0, ge=-30, le=60, description="SNR in dB that it swings about")
    amplitude_db: float = Field(5.0, ge=0, le=60, description="largest distance from the mean, in dB")
    period_ms: float = Field(500.0, ge=1e-3, le=1e9, description="length of a swing in ms")
    phase_deg: float = Field(0.0, ge=-360, le=360, description="phase at time 0, in degrees")


class GaussMarkovSnr(Options):
    """An SNR in dB that wanders about its mean: AR(1), correlation exp(-lag / coherence)."""

    kind: Literal["gauss-markov"]
    mean_db: float = Field(10.0, ge=-30, le=60, description="mean SNR in dB: Es/N0 per complex symbol")
    std_db: float = Field(3.0, ge=0, le=30, description="standard deviation in dB")
    coherence_ms: float = Field(100.0, ge=1e-3, le=1e6, description="time after which correlation has fallen to 1/e, in ms")


class TwoStateSnr(Options):
    """A path that is good or bad: a Markov chain in continuous time, whose stays are exponentially distributed."""

    kind: Literal["two-state"]
    good_db: float = Field(15.0, ge=-30, le=60, description="SNR in the good state, in dB")
    bad_db: float = Field(2.0, ge=-30, le=60, description="SNR in the bad state, in dB")
    good_ms: float = Field(200.0, ge=1e-3, le=1e6, description="mean length of a stay in the good state, in ms")
    bad_ms: float = Field(50.0, ge=1e-3, le=1e6, description="mean length of a stay in the bad state, in ms")


class RandomWalkSnr(Options):
    """An SNR in dB that takes a Gaussian step every interval and is reflected at its bounds."""

    kind: Literal["random-walk"]
    start_db: float = Field(10.0, ge=-30, le=60, description="SNR at time 0, in dB")
    step_db: float = Field(0.5, ge=0, le=30, description="standard deviation of a step, in dB")
    interval_ms: float = Field(10.0, ge=1e-3, le=1e6, description="time from step to step, in ms")
    low_db: float = Field(0.0, ge=-30, le=60, description="lower bound in dB")
    high_db: float = Field(20.0, ge=-30, le=60, description="upper bound in dB")

    @model_validator(mode="after")
    def _fits(self) -> "RandomWalkSnr":
        if not self.low_db < self.high_db:
            raise ValueError(f"low_db must be below high_db ({self.high_db:g}), got {self.low_db:g}")
        if not self.low_db <= self.start_db <= self.high_db:
            raise ValueError(f"start_db must lie within low_db..high_db ({self.low_db:g}..{self.high_db:g}), got {self.start_db:g}")
        return self


class MeasuredSnr(Options):
    """An SNR from a file of measurements, interpolated between its rows. Time 0 of the file is the start of the run."""

    kind: Literal["measured"]
    file: str = Field(
        min_length=1,
        max_length=4096,
        description="CSV with a header, or HDF5, with time_s and snr_db; a relative path counts from the file that names it",
    )
    at_end: Literal["hold", "repeat"] = Field("hold", description="after the last row: keep its SNR, or begin anew")
    sha256: str | None = Field(None, min_length=64, max_length=64, description="of the file, which must not be another; null takes any")


class PathLossSnr(Options):
    """An SNR from where the nodes are (`channel.geometry`): log-distance path loss, thermal noise, log-normal shadowing."""

    kind: Literal["path-loss"]
    transmit_power_dbm: float = Field(20.0, ge=-60, le=80, description="power that the sender radiates, in dBm")
    antenna_gain_db: float = Field(0.0, ge=-60, le=120, description="gain of both antennas together, in dB over isotropic ones")
    carrier_ghz: float = Field(2.4, ge=0.01, le=300, description="carrier frequency in GHz")
    exponent: float = Field(3.0, ge=1, le=8, description="loss grows with distance to this power; 2 in free space")
    reference_m: float = Field(1.0, gt=0, le=1e4, description="distance up to which space is free, in m; nobody comes nearer")
    noise_figure_db: float = Field(7.0, ge=0, le=40, description="of the receiver, above thermal noise over the symbol rate, in dB")
    shadowing_std_db: float = Field(0.0, ge=0, le=20, description="standard deviation of shadowing in dB; 0 for none")
    shadowing_distance_m: float = Field(20.0, ge=0.1, le=1e5, description="way after which its correlation has fallen to 1/e, in m")


AnySnr = ConstantSnr | PiecewiseSnr | SineSnr | GaussMarkovSnr | TwoStateSnr | RandomWalkSnr | MeasuredSnr | PathLossSnr
Snr = Annotated[AnySnr, Field(discriminator="kind"), BeforeValidator(by_kind)]

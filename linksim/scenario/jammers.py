"""Options of the jammers."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from linksim.scenario.base import NAME, ComponentOf, Options, base_of, component

BARRAGE_SLICE_MS = 100.0  # a barrage is recorded in slices of this length, so that an interrupted trace holds the energy that was radiated


@base_of("jammer")
class JammerOptions(Options):
    """Base of the options of every jammer, with its cost: the number of intervals that it adds to the trace."""

    kind: str

    def num_intervals(self, seconds: float, links: int, data_frames: int, control_frames: int) -> int:
        """Intervals of jamming on one link.

        seconds         simulated time
        links           links of the group
        data_frames     data frames of the link; `control_frames` likewise
        """
        return data_frames


@component("jammer")
class NoJammer(JammerOptions):
    """No jamming."""

    kind: Literal["none"] = "none"

    def num_intervals(self, seconds: float, links: int, data_frames: int, control_frames: int) -> int:
        return 0


class Jamming(JammerOptions):
    """Options that every jammer which radiates has."""

    jsr_bob_db: float = Field(0.0, ge=-60, le=60, description="jamming-to-signal power ratio at Bob, in dB")
    jsr_eve_db: float | None = Field(
        None, ge=-60, le=60, description="jamming-to-signal power ratio at Eve, in dB; null for no jamming there"
    )
    start_ms: float = Field(0.0, ge=0, le=1e9, description="simulated time at which jamming begins, in ms")
    energy_budget_s: float | None = Field(
        None, gt=0, le=1e12, description="energy budget: power relative to the signal at Bob, times seconds; null for no limit"
    )

    def on_s(self, seconds: float) -> float:
        """Simulated time after the start, in seconds."""
        return max(0.0, seconds - self.start_ms / 1e3)


class ClockedJamming(Jamming):
    """A jammer that follows the clock alone."""


@component("jammer", "linksim.jammers.factory:make_clocked")
class BarrageJammer(ClockedJamming):
    """Gaussian noise without a pause."""

    kind: Literal["barrage"] = "barrage"

    def num_intervals(self, seconds: float, links: int, data_frames: int, control_frames: int) -> int:
        return math.ceil(self.on_s(seconds) / (BARRAGE_SLICE_MS / 1e3))


@component("jammer", "linksim.jammers.factory:make_clocked")
class PulsedJammer(ClockedJamming):
    """Gaussian noise that is on for a part of every period."""

    kind: Literal["pulsed"] = "pulsed"
    period_ms: float = Field(100.0, ge=1e-3, le=1e6, description="length of a period in ms")
    on_ms: float = Field(20.0, ge=1e-3, le=1e6, description="on time in each period, in ms")

    @model_validator(mode="after")
    def _fits(self) -> "PulsedJammer":
        if self.on_ms > self.period_ms:
            raise ValueError(f"on_ms must not exceed period_ms ({self.period_ms:g}), got {self.on_ms:g}")
        return self

    def num_intervals(self, seconds: float, links: int, data_frames: int, control_frames: int) -> int:
        return math.ceil(self.on_s(seconds) / (self.period_ms / 1e3))


@component("jammer", "linksim.jammers.factory:make_clocked")
class MarkovJammer(ClockedJamming):
    """Gaussian noise with exponentially distributed on and off times, in steady state from the start."""

    kind: Literal["markov"] = "markov"
    mean_on_ms: float = Field(20.0, ge=1e-3, le=1e6, description="mean on time, in ms")
    mean_off_ms: float = Field(80.0, ge=1e-3, le=1e6, description="mean off time, in ms")

    def num_intervals(self, seconds: float, links: int, data_frames: int, control_frames: int) -> int:
        return math.ceil(self.on_s(seconds) / ((self.mean_on_ms + self.mean_off_ms) / 1e3))


@component("jammer", "linksim.jammers.factory:make_sweep")
class SweepJammer(ClockedJamming):
    """One source of Gaussian noise for all links of the group: it visits link after link in turn, from one energy budget."""

    kind: Literal["sweep"] = "sweep"
    dwell_ms: float = Field(20.0, ge=1e-3, le=1e6, description="time on a link before the jammer moves to the next, in ms")

    def num_intervals(self, seconds: float, links: int, data_frames: int, control_frames: int) -> int:
        return math.ceil(self.on_s(seconds) / (self.dwell_ms / 1e3 * links))


@component("jammer", "linksim.jammers.factory:make_reactive")
class ReactiveJammer(Jamming):
    """Gaussian noise in response to a frame whose start the jammer detects."""

    kind: Literal["reactive"] = "reactive"
    target: Literal["data", "control", "both"] = Field("both", description="frames to jam; their preambles tell them apart")
    sensing_snr_db: float = Field(20.0, ge=-60, le=60, description="SNR at which the jammer receives a frame of either sender, in dB")
    threshold_db: float = Field(3.0, ge=-60, le=60, description="lowest SNR at which the jammer detects a frame, in dB")
    miss_probability: float = Field(0.0, ge=0, le=1, description="probability that a frame above the threshold is missed")
    delay_us: float = Field(
        20.0, ge=0, le=1e7, description="time from the start of a frame to the response in microseconds; shorter frames escape"
    )
    dwell_us: float | None = Field(
        None, ge=1e-3, le=1e9, description="length of a response in microseconds, without sensing; null for the rest of the frame"
    )

    def num_intervals(self, seconds: float, links: int, data_frames: int, control_frames: int) -> int:
        frames = data_frames * (self.target != "control") + control_frames * (self.target != "data")
        return math.ceil(frames * (1 - self.miss_probability) * self.on_s(seconds) / seconds)


@component("jammer", "linksim.jammers.factory:make_adversarial")
class AdversarialJammer(Jamming):
    """An adversarial perturbation of the symbols of every data frame, of exactly the given power, by gradient ascent on Bob's error."""

    kind: Literal["adversarial"] = "adversarial"
    threat_model: Literal["receiver", "surrogate"] = Field(
        "receiver", description="receiver: Bob's codec is known, his keys are not; surrogate: the model under `surrogate` stands for Bob"
    )
    surrogate: str = Field("inverter-cifar10-6", pattern=NAME, description="trained inverse network that stands for Bob")
    universal: bool = Field(
        True, description="true: one perturbation for all frames, computed beforehand; false: one per frame, whose symbols are known"
    )
    phase: Literal["aligned", "random"] = Field(
        "aligned", description="aligned: arrives at Bob in phase with the signal; random: rotated by a random angle per frame"
    )
    steps: int = Field(20, ge=1, le=1000, description="steps of gradient ascent")
    num_captured: int = Field(64, ge=1, le=1024, description="captured images from which a universal perturbation is computed")

    def num_intervals(self, seconds: float, links: int, data_frames: int, control_frames: int) -> int:
        return math.ceil(data_frames * self.on_s(seconds) / seconds)


PlannedJammer = BarrageJammer | PulsedJammer | MarkovJammer | SweepJammer  # on by the clock alone
Jammer = Annotated[JammerOptions, ComponentOf(("jammer",))]

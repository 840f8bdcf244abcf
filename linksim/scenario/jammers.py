"""Options of the jammers.

The power of a jammer is given as jamming-to-signal ratio (JSR): jamming power over the mean received power of a signal of unit power, at
Bob and at Eve. It does not depend on positions, path loss or fading. Energy is that power at Bob times the time, so its unit is the second:
a jammer of 0 dB spends 1 s of its budget per second. `linksim.jammers` builds the jammers from these options.
"""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from linksim.cost import Cost, NetworkUse, Traffic
from linksim.scenario.base import NAME, ComponentOf, ComponentOptions, base_of, component
from linksim.scenario.decorrelation import two_state_ms

BARRAGE_SLICE_MS = 100.0  # a barrage is recorded in slices of this length, so that an interrupted trace holds the energy that was radiated


def intervals(number: float) -> Cost:
    """Return the cost of intervals of jamming, each a row of the table `jamming`.

    >>> dict(intervals(2.5).rows)
    {'jamming': 3}
    """
    return Cost(rows={"jamming": math.ceil(number)})


@base_of("jammer")
class JammerOptions(ComponentOptions):
    """Base of the options of every jammer, with its cost: the number of intervals that it adds to the trace."""

    kind: str

    @property
    def decorrelation_ms(self) -> float:
        """Time in ms after which the jamming is independent of earlier jamming; 0, as of jamming on a schedule, by default."""
        return 0.0

    def cost(self, traffic: Traffic) -> Cost:
        """Return the cost of the jammer; one interval of jamming per data frame unless overridden.

        >>> PulsedJammer(period_ms=100).cost(Traffic(image_values=3072, images=4, seconds=2.0)).rows["jamming"]
        20
        """
        return intervals(traffic.frames)


@component("jammer")
class NoJammer(JammerOptions):
    """No jamming."""

    kind: Literal["none"] = "none"

    def cost(self, traffic: Traffic) -> Cost:
        return Cost()


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
        """Part of a simulated time in seconds that lies after the start of the jamming.

        >>> BarrageJammer(start_ms=500).on_s(2.0)
        1.5
        """
        return max(0.0, seconds - self.start_ms / 1e3)


class ClockedJamming(Jamming):
    """A jammer that follows the clock alone: its intervals do not depend on what is on the air."""


@component("jammer", "linksim.jammers.factory:make_clocked")
class BarrageJammer(ClockedJamming):
    """Gaussian noise without a pause.

    The trace records it in slices of 100 ms.
    """

    kind: Literal["barrage"] = "barrage"

    def cost(self, traffic: Traffic) -> Cost:
        return intervals(self.on_s(traffic.seconds) / (BARRAGE_SLICE_MS / 1e3))


@component("jammer", "linksim.jammers.factory:make_clocked")
class PulsedJammer(ClockedJamming):
    """Gaussian noise that is on for a part of every period.

    A period begins with its on time; the first period begins at `start_ms`.
    """

    kind: Literal["pulsed"] = "pulsed"
    period_ms: float = Field(100.0, ge=1e-3, le=1e6, description="length of a period in ms")
    on_ms: float = Field(20.0, ge=1e-3, le=1e6, description="on time in each period, in ms")

    @model_validator(mode="after")
    def _fits(self) -> "PulsedJammer":
        if self.on_ms > self.period_ms:
            raise ValueError(f"on_ms must not exceed period_ms ({self.period_ms:g}), got {self.on_ms:g}")
        return self

    def cost(self, traffic: Traffic) -> Cost:
        return intervals(self.on_s(traffic.seconds) / (self.period_ms / 1e3))


@component("jammer", "linksim.jammers.factory:make_clocked")
class MarkovJammer(ClockedJamming):
    """Gaussian noise with exponentially distributed on and off times, in steady state from the start.

    It is on for mean_on_ms / (mean_on_ms + mean_off_ms) of the time.
    """

    kind: Literal["markov"] = "markov"
    mean_on_ms: float = Field(20.0, ge=1e-3, le=1e6, description="mean on time, in ms")
    mean_off_ms: float = Field(80.0, ge=1e-3, le=1e6, description="mean off time, in ms")

    @property
    def decorrelation_ms(self) -> float:
        return two_state_ms(self.mean_on_ms, self.mean_off_ms)

    def cost(self, traffic: Traffic) -> Cost:
        return intervals(self.on_s(traffic.seconds) / ((self.mean_on_ms + self.mean_off_ms) / 1e3))


@component("jammer", "linksim.jammers.factory:make_sweep")
class SweepJammer(ClockedJamming):
    """One source of Gaussian noise for all links of the group: it visits link after link in turn, from one energy budget."""

    kind: Literal["sweep"] = "sweep"
    dwell_ms: float = Field(20.0, ge=1e-3, le=1e6, description="time on a link before the jammer moves to the next, in ms")

    def cost(self, traffic: Traffic) -> Cost:
        return intervals(self.on_s(traffic.seconds) / (self.dwell_ms / 1e3 * traffic.links))


@component("jammer", "linksim.jammers.factory:make_reactive")
class ReactiveJammer(Jamming):
    """Gaussian noise in response to a frame whose start the jammer detects.

    A frame is detected if `sensing_snr_db` is at least `threshold_db` and it is not missed. The jammer then radiates from `delay_us` after
    the start of the frame on, until the end of the frame or for `dwell_us`.
    """

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

    def cost(self, traffic: Traffic) -> Cost:
        frames = traffic.frames * (self.target != "control") + traffic.control_frames * (self.target != "data")
        return intervals(frames * (1 - self.miss_probability) * self.on_s(traffic.seconds) / traffic.seconds)


@component("jammer", "linksim.jammers.factory:make_adversarial")
class AdversarialJammer(Jamming):
    """An adversarial perturbation of the symbols of every data frame, of exactly the given power, by gradient ascent on Bob's error.

    It jams whole frames or, once its energy budget does not suffice for one, none; it leaves pilots and control messages alone. At Eve the
    same perturbation arrives with a random phase.
    """

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

    def cost(self, traffic: Traffic) -> Cost:
        jammed = traffic.frames * self.on_s(traffic.seconds) / traffic.seconds
        model = self.surrogate if self.threat_model == "surrogate" else traffic.codec
        images = self.num_captured / (traffic.frames * traffic.images * traffic.links) if self.universal else 1.0
        networks = (NetworkUse(model, per_image=self.steps * images, gradient=True),) if model else ()
        return intervals(jammed) + Cost(networks=networks, setup_bytes=traffic.train_bytes if self.universal else 0)


PlannedJammer = BarrageJammer | PulsedJammer | MarkovJammer | SweepJammer  # on by the clock alone
Jammer = Annotated[JammerOptions, ComponentOf(("jammer",))]

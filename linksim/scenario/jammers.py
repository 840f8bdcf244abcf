"""Words for the jammers."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from linksim.scenario.base import NAME, Options, by_kind

BARRAGE_SLICE_MS = 100.0  # a barrage is told in slices of this length, so that a trace cut short holds what was radiated


class NoJammer(Options):
    """Nobody jams."""

    kind: Literal["none"] = "none"


class Jamming(Options):
    """What every jammer has."""

    jsr_bob_db: float = Field(0.0, ge=-60, le=60, description="jamming to signal power at Bob, in dB")
    jsr_eve_db: float | None = Field(None, ge=-60, le=60, description="the same at Eve, in dB; null where she does not hear it")
    start_ms: float = Field(0.0, ge=0, le=1e9, description="when it begins, in ms")
    energy_budget_s: float | None = Field(
        None, gt=0, le=1e12, description="energy it may spend: power relative to the signal at Bob, times seconds; null for no bound"
    )


class BarrageJammer(Jamming):
    """Gaussian noise without a pause."""

    kind: Literal["barrage"]


class PulsedJammer(Jamming):
    """Gaussian noise that is on for a part of every period."""

    kind: Literal["pulsed"]
    period_ms: float = Field(100.0, ge=1e-3, le=1e6, description="length of a period in ms")
    on_ms: float = Field(20.0, ge=1e-3, le=1e6, description="time it is on in each period, in ms")

    @model_validator(mode="after")
    def _fits(self) -> "PulsedJammer":
        if self.on_ms > self.period_ms:
            raise ValueError(f"on_ms must not exceed period_ms ({self.period_ms:g}), got {self.on_ms:g}")
        return self


class MarkovJammer(Jamming):
    """Gaussian noise that comes and goes: exponential on and off times, in their steady state from the start."""

    kind: Literal["markov"]
    mean_on_ms: float = Field(20.0, ge=1e-3, le=1e6, description="mean time for which it stays on, in ms")
    mean_off_ms: float = Field(80.0, ge=1e-3, le=1e6, description="mean time for which it stays off, in ms")


class SweepJammer(Jamming):
    """One source of Gaussian noise for all links of the group: it dwells on link after link, in a circle, and spends one budget."""

    kind: Literal["sweep"]
    dwell_ms: float = Field(20.0, ge=1e-3, le=1e6, description="time it stays on a link before it goes on to the next, in ms")


class ReactiveJammer(Jamming):
    """Gaussian noise in answer to a frame whose start it hears."""

    kind: Literal["reactive"]
    target: Literal["data", "control", "both"] = Field("both", description="frames that it answers; it tells them apart by their preamble")
    sensing_snr_db: float = Field(20.0, ge=-60, le=60, description="SNR at which it hears a frame, whoever of the two sends it, in dB")
    threshold_db: float = Field(3.0, ge=-60, le=60, description="SNR from which on it takes what it hears for a frame, in dB")
    miss_probability: float = Field(0.0, ge=0, le=1, description="share of the frames above the threshold that it misses all the same")
    delay_us: float = Field(
        20.0, ge=0, le=1e7, description="time from the start of a frame to its answer in microseconds; shorter frames escape"
    )
    dwell_us: float | None = Field(
        None, ge=1e-3, le=1e9, description="time it stays on in microseconds, deaf meanwhile; null to the end of the frame it answers"
    )


class AdversarialJammer(Jamming):
    """A perturbation of the symbols of every data frame, of exactly the given power, by gradient ascent on what it does to the image."""

    kind: Literal["adversarial"]
    threat_model: Literal["receiver", "surrogate"] = Field(
        "receiver", description="receiver: Bob's codec, never his keys; surrogate: only the part that is named there"
    )
    surrogate: str = Field("inverter-cifar10-6", pattern=NAME, description="inverter that stands for Bob where he is not known")
    universal: bool = Field(
        True, description="true: one perturbation for all frames, made beforehand; false: one for each frame, whose symbols it knows"
    )
    phase: Literal["aligned", "random"] = Field(
        "aligned", description="aligned: it arrives at Bob in phase with the signal; random: turned by any angle, another for each frame"
    )
    steps: int = Field(20, ge=1, le=1000, description="steps of the ascent")
    num_captured: int = Field(64, ge=1, le=1024, description="captured images from which a universal perturbation is made")


PlannedJammer = BarrageJammer | PulsedJammer | MarkovJammer | SweepJammer  # on by the clock alone
AnyJammer = PlannedJammer | ReactiveJammer | AdversarialJammer

Jammer = Annotated[NoJammer | AnyJammer, Field(discriminator="kind"), BeforeValidator(by_kind)]

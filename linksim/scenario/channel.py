"""Words for the radio paths: SNR over time, fading, delay, and what a receiver knows of them."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from linksim.scenario.base import Model, named


class ConstantSnr(Model):
    """An SNR that does not change."""

    kind: Literal["constant"] = "constant"
    mean_db: float = Field(10.0, ge=-30, le=60, description="SNR in dB: Es/N0 per complex symbol")


class GaussMarkovSnr(Model):
    """An SNR in dB that wanders about its mean: AR(1), correlation exp(-lag / coherence)."""

    kind: Literal["gauss-markov"]
    mean_db: float = Field(10.0, ge=-30, le=60, description="mean SNR in dB: Es/N0 per complex symbol")
    std_db: float = Field(3.0, ge=0, le=30, description="standard deviation in dB")
    coherence_ms: float = Field(100.0, ge=1e-3, le=1e6, description="time after which correlation has fallen to 1/e, in ms")


class NoFading(Model):
    """A gain of one."""

    kind: Literal["none"] = "none"


class RayleighFading(Model):
    """Rayleigh block fading: a complex Gaussian gain of mean power one, drawn anew for every coherence block."""

    kind: Literal["rayleigh"]
    coherence_ms: float = Field(10.0, ge=1e-3, le=1e6, description="length of a coherence block in ms")


Snr = Annotated[ConstantSnr | GaussMarkovSnr, Field(discriminator="kind"), BeforeValidator(named)]
Fading = Annotated[NoFading | RayleighFading, Field(discriminator="kind"), BeforeValidator(named)]


class Path(Model):
    """The radio path from Alice to one ear."""

    snr: Snr = Field(ConstantSnr(), description="mean SNR over time")
    fading: Fading = Field(NoFading(), description="gain about that mean")
    propagation_us: float = Field(1.0, ge=0, le=1e6, description="propagation delay in microseconds")
    csi: Literal["perfect", "pilots"] = Field("perfect", description="how the receiver knows gain and noise power")


class Channel(Model):
    """Two separate paths."""

    bob: Path = Field(Path(), description="Alice to Bob (and back, for control messages)")
    eve: Path = Field(Path(), description="Alice to Eve")

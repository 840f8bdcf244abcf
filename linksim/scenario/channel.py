"""Options of the radio paths: SNR over time, fading, delay and channel state information at the receiver."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from linksim.scenario.base import Options
from linksim.scenario.fading import Fading, NoFading, TdlFading, why_not_correlated
from linksim.scenario.geometry import Geometry
from linksim.scenario.snr import ConstantSnr, Snr

Equaliser = Literal["zero-forcing", "mmse"]


class Path(Options):
    """The radio path from Alice to one receiver."""

    snr: Snr = Field(ConstantSnr(), description="mean SNR over time")
    fading: Fading = Field(NoFading(), description="channel gain relative to the mean")
    propagation_us: float = Field(1.0, ge=0, le=1e6, description="propagation delay in microseconds")
    csi: Literal["perfect", "pilots"] = Field("perfect", description="channel state: known exactly, or estimated from pilots")
    equaliser: Equaliser = Field("zero-forcing", description="unbiased symbols, or least mean squared error")

    @field_validator("csi")
    @classmethod
    def _one_gain_to_estimate(cls, csi: str, info: ValidationInfo) -> str:
        spread = info.data.get("fading")
        if csi == "pilots" and isinstance(spread, TdlFading) and spread.bandwidth == "ofdm":
            raise ValueError("got 'pilots', allowed: 'perfect' with fading of bandwidth 'ofdm'; pilots estimate one gain only")
        return csi


class Channel(Options):
    """The two radio paths of a link."""

    bob: Path = Field(Path(), description="Alice to Bob (and back, for control messages)")
    eve: Path = Field(Path(), description="Alice to Eve")
    geometry: Geometry = Field(Geometry(), description="positions of the nodes, for an SNR of kind path-loss")
    correlation: float = Field(0.0, ge=0, le=1, description="of the scattered parts of both gains: the magnitude of E[bob * conj(eve)]")

    @field_validator("correlation")
    @classmethod
    def _between_like_paths(cls, correlation: float, info: ValidationInfo) -> float:
        bob, eve = (info.data.get(name) for name in ("bob", "eve"))  # None where the path itself is invalid
        against = why_not_correlated(bob.fading, eve.fading) if correlation and bob and eve else None
        if against:
            raise ValueError(f"got {correlation:g}; a correlation requires {against}")
        return correlation

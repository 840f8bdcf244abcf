"""Options of the radio paths: SNR over time, fading, delay and channel state information at the receiver.

A receiver gets g s + n + jamming for the symbols s. The gain g is the fading, E|g|^2 = 1, and the noise power N0 = E|n|^2 is 1 / SNR, where
the SNR is that of a scheme which radiates unit power. N0 is constant over a frame: a change of the SNR within it becomes a change of the
gain. `linksim.phy.path` computes both.
"""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from linksim.scenario.base import Options
from linksim.scenario.fading import Fading, NoFading, TdlFading, why_not_correlated
from linksim.scenario.geometry import Geometry
from linksim.scenario.snr import ConstantSnr, Snr

Equaliser = Literal["zero-forcing", "mmse"]


class Path(Options):
    """The radio path from Alice to one receiver.

    With `csi: perfect` the receiver knows gain, noise power and interference power exactly. With `csi: pilots` it estimates one gain and
    one noise power per frame from the pilots in front of it, which jamming may hit or miss. The equaliser `zero-forcing` divides the
    symbols by the gain; `mmse` estimates them with the least mean squared error and removes the bias of an image as a whole.
    """

    snr: Snr = Field(ConstantSnr(), description="mean SNR over time")
    fading: Fading = Field(NoFading(), description="channel gain relative to the mean")
    propagation_us: float = Field(1.0, ge=0, le=1e6, description="propagation delay in microseconds")
    csi: Literal["perfect", "pilots"] = Field("perfect", description="channel state: known exactly, or estimated from pilots")
    equaliser: Equaliser = Field("zero-forcing", description="unbiased symbols, or least mean squared error")

    @property
    def decorrelation_ms(self) -> float:
        """Time in ms after which SNR and gain are independent of earlier ones.

        >>> Path(snr={"kind": "gauss-markov", "coherence_ms": 100}, fading={"kind": "rayleigh", "coherence_ms": 20}).decorrelation_ms
        500.0
        """
        return max(self.snr.decorrelation_ms, self.fading.decorrelation_ms)

    @field_validator("csi")
    @classmethod
    def _one_gain_to_estimate(cls, csi: str, info: ValidationInfo) -> str:
        spread = info.data.get("fading")
        if csi == "pilots" and isinstance(spread, TdlFading) and spread.bandwidth == "ofdm":
            raise ValueError("got 'pilots', allowed: 'perfect' with fading of bandwidth 'ofdm'; pilots estimate one gain only")
        return csi


class Channel(Options):
    """The two radio paths of a link.

    A correlation couples the scattered parts of both gains, as of receivers that are close to each other: Eve's gain is then
    rho g_bob + sqrt(1 - rho^2) g' with an independent g' of the same distribution.
    """

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

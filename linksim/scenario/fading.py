"""Words for fading: how the gain of a path moves about its mean."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from linksim.scenario.base import Options, by_kind

LIGHT_MPS = 299_792_458.0


class NoFading(Options):
    """A gain of one."""

    kind: Literal["none"] = "none"


class BlockFading(Options):
    """What block fading has in common: a gain drawn anew for every coherence block."""

    coherence_ms: float = Field(10.0, ge=1e-3, le=1e6, description="length of a coherence block in ms")


class RayleighFading(BlockFading):
    """Rayleigh block fading: a complex Gaussian gain of mean power one, drawn anew for every coherence block."""

    kind: Literal["rayleigh"]


class RicianFading(BlockFading):
    """Rician block fading: a line of sight that stays, and Rayleigh block fading about it."""

    kind: Literal["rician"]
    k_db: float = Field(6.0, ge=-30, le=40, description="power of the line of sight over the scattered power in dB")


class NakagamiFading(BlockFading):
    """Nakagami block fading: a gain of Nakagami magnitude and any phase, drawn anew for every coherence block."""

    kind: Literal["nakagami"]
    m: float = Field(2.0, ge=0.5, le=50, description="shape: 1 is Rayleigh, more is milder, 0.5 the severest")


class Moving(Options):
    """What fading by motion has in common: the largest Doppler shift, given as such, or by speed and carrier."""

    doppler_hz: float | None = Field(None, ge=0, le=1e5, description="largest Doppler shift in Hz; null takes speed_mps and carrier_ghz")
    speed_mps: float | None = Field(None, ge=0, le=1e4, description="speed in m/s, in place of doppler_hz")
    carrier_ghz: float = Field(2.4, ge=1e-3, le=1e3, description="carrier frequency in GHz, which turns speed_mps into a Doppler shift")

    @model_validator(mode="after")
    def _one_of_both(self) -> "Moving":
        if (self.doppler_hz is None) == (self.speed_mps is None):
            found = "neither doppler_hz nor speed_mps" if self.doppler_hz is None else "both doppler_hz and speed_mps"
            raise ValueError(f"got {found}, allowed: one of them (set an inherited one to null)")
        return self

    @property
    def shift_hz(self) -> float:
        """Largest Doppler shift in Hz."""
        return self.doppler_hz if self.doppler_hz is not None else (self.speed_mps or 0.0) * self.carrier_ghz * 1e9 / LIGHT_MPS


class JakesFading(Moving):
    """Clarke's model: waves of equal power from all sides, so a complex Gaussian gain with Jakes' Doppler spectrum."""

    kind: Literal["jakes"]
    k_db: float | None = Field(None, ge=-30, le=40, description="power of a line of sight over the scattered power in dB; null for none")


class TdlFading(Moving):
    """Tapped delay line of 3GPP TR 38.901 (Sec. 7.7.2) without a line of sight: delayed taps, each with Jakes' Doppler spectrum."""

    kind: Literal["tdl"]
    profile: Literal["A", "C"] = Field("A", description="TDL-A or TDL-C")
    delay_spread_ns: float = Field(100.0, ge=0, le=1e5, description="root-mean-square delay spread in ns")
    bandwidth: Literal["flat", "ofdm"] = Field(
        "flat", description="flat: one narrow carrier; ofdm: symbols lie over the subcarriers in turn"
    )
    subcarriers: int = Field(72, ge=1, le=8192, description="of an OFDM symbol, which lasts as long as so many channel uses")
    spacing_khz: float = Field(15.0, ge=0.1, le=1e4, description="between subcarriers in kHz")


Fading = Annotated[
    NoFading | RayleighFading | RicianFading | NakagamiFading | JakesFading | TdlFading,
    Field(discriminator="kind"),
    BeforeValidator(by_kind),
]
Gaussian = RayleighFading | RicianFading | JakesFading | TdlFading  # about a line of sight, where there is one


def why_not_correlated(bob: Fading, eve: Fading) -> str | None:
    """What stands against a correlation between two paths, in words; None where nothing does.

    Both must be Gaussian and the same in law but for the line of sight: a mixture of two processes has the law of either only then.
    """
    if not (isinstance(bob, Gaussian) and isinstance(eve, Gaussian)):
        return f"fading of kind rayleigh, rician, jakes or tdl on both paths, got {bob.kind!r} and {eve.kind!r}"
    if bob.kind != eve.kind:
        return f"fading of one kind on both paths, got {bob.kind!r} and {eve.kind!r}"
    ours, theirs = (path.model_dump(exclude={"k_db"}) for path in (bob, eve))
    other = [f"{key} {ours[key]} and {theirs[key]}" for key in ours if ours[key] != theirs[key]]
    return f"the same fading on both paths but for k_db, got {', '.join(other)}" if other else None

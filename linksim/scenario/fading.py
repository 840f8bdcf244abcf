"""Options of fading: the variation of a path's complex gain h about its mean. The mean power E|h|^2 is one for every kind.

Block fading draws an independent gain per coherence block; fading by motion follows from the Doppler shift and is continuous in time. The
SNR options (`linksim.scenario.snr`) give the mean SNR, to which the fading is relative.
"""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from linksim.scenario.base import ComponentOf, ComponentOptions, base_of, component
from linksim.scenario.decorrelation import doppler_ms

LIGHT_MPS = 299_792_458.0


@base_of("fading")
class FadingOptions(ComponentOptions):
    """Base of the options of every kind of fading.

    kind  name of the component
    """

    kind: str

    @property
    def decorrelation_ms(self) -> float:
        """Time in ms after which two gains are independent; 0 for a gain that is not random. Infinite, which is unknown, by default."""
        return math.inf


@component("fading", "linksim.phy.fading:make_constant")
class NoFading(FadingOptions):
    """No fading: a gain of one."""

    kind: Literal["none"] = "none"

    @property
    def decorrelation_ms(self) -> float:
        return 0.0


class BlockFading(FadingOptions):
    """Base of block fading: one independent gain per coherence block.

    Blocks begin at multiples of `coherence_ms` of simulated time, whether or not a frame is on the air. A frame that is longer than a block
    has several gains.
    """

    coherence_ms: float = Field(10.0, ge=1e-3, le=1e6, description="length of a coherence block in ms")

    @property
    def decorrelation_ms(self) -> float:
        return self.coherence_ms


@component("fading", "linksim.phy.fading:make_rayleigh")
class RayleighFading(BlockFading):
    """Rayleigh block fading: an independent complex Gaussian gain of unit mean power per coherence block."""

    kind: Literal["rayleigh"] = "rayleigh"


@component("fading", "linksim.phy.fading:make_rician")
class RicianFading(BlockFading):
    """Rician block fading: a constant line of sight plus Rayleigh block fading.

    With K = 10^(k_db / 10): h = sqrt(K / (K + 1)) e^(j phi) + sqrt(1 / (K + 1)) s, where s is Rayleigh fading and phi is constant.
    """

    kind: Literal["rician"] = "rician"
    k_db: float = Field(6.0, ge=-30, le=40, description="Rician K factor: power of the line of sight over the scattered power, in dB")


@component("fading", "linksim.phy.fading:make_nakagami")
class NakagamiFading(BlockFading):
    """Nakagami block fading: an independent gain of Nakagami magnitude and uniform phase per coherence block.

    |h|^2 is Gamma distributed with shape m and mean one.
    """

    kind: Literal["nakagami"] = "nakagami"
    m: float = Field(2.0, ge=0.5, le=50, description="shape parameter m: 1 is Rayleigh, larger is milder, 0.5 is the most severe")


class Moving(FadingOptions):
    """Base of fading by motion: the maximum Doppler shift, given directly or by speed and carrier frequency.

    Exactly one of `doppler_hz` and `speed_mps` is given.
    """

    doppler_hz: float | None = Field(
        None, ge=0, le=1e5, description="maximum Doppler shift in Hz; null derives it from speed_mps and carrier_ghz"
    )
    speed_mps: float | None = Field(None, ge=0, le=1e4, description="speed in m/s, instead of doppler_hz")
    carrier_ghz: float = Field(2.4, ge=1e-3, le=1e3, description="carrier frequency in GHz, used with speed_mps")

    @model_validator(mode="after")
    def _one_of_both(self) -> "Moving":
        if (self.doppler_hz is None) == (self.speed_mps is None):
            found = "neither doppler_hz nor speed_mps" if self.doppler_hz is None else "both doppler_hz and speed_mps"
            raise ValueError(f"got {found}, allowed: one of them (set an inherited one to null)")
        return self

    @property
    def shift_hz(self) -> float:
        """Maximum Doppler shift in Hz: v f / c for a speed v and a carrier frequency f.

        >>> round(JakesFading(speed_mps=30, carrier_ghz=2.4).shift_hz)
        240
        """
        return self.doppler_hz if self.doppler_hz is not None else (self.speed_mps or 0.0) * self.carrier_ghz * 1e9 / LIGHT_MPS

    @property
    def decorrelation_ms(self) -> float:
        return doppler_ms(self.shift_hz)


@component("fading", "linksim.phy.fading:make_jakes")
class JakesFading(Moving):
    """Clarke's model: isotropic scattering, hence a complex Gaussian gain with the Jakes Doppler spectrum.

    The autocorrelation is J0(2 pi f_D tau) at the maximum Doppler shift f_D. A line of sight has the Doppler shift of one random angle.
    """

    kind: Literal["jakes"] = "jakes"
    k_db: float | None = Field(None, ge=-30, le=40, description="Rician K factor in dB; null for no line of sight")


@component("fading", "linksim.phy.fading:make_tdl")
class TdlFading(Moving):
    """Tapped delay line of 3GPP TR 38.901 (Sec. 7.7.2) without a line of sight: delayed taps, each with the Jakes Doppler spectrum.

    `flat` is the sum of all taps. Over `ofdm`, channel use n is sent on subcarrier n mod `subcarriers` and multiplied by the gain at its
    frequency. This is exact for a cyclic prefix that covers all delays and a channel that is constant over an OFDM symbol; the prefix
    takes no airtime.
    """

    kind: Literal["tdl"] = "tdl"
    profile: Literal["A", "C"] = Field("A", description="TDL-A or TDL-C")
    delay_spread_ns: float = Field(100.0, ge=0, le=1e5, description="root-mean-square delay spread in ns")
    bandwidth: Literal["flat", "ofdm"] = Field(
        "flat", description="flat: one narrowband carrier; ofdm: symbols are mapped to the subcarriers in turn"
    )
    subcarriers: int = Field(72, ge=1, le=8192, description="number of subcarriers; an OFDM symbol takes as many channel uses")
    spacing_khz: float = Field(15.0, ge=0.1, le=1e4, description="subcarrier spacing in kHz")


Fading = Annotated[FadingOptions, ComponentOf(("fading",))]
Gaussian = RayleighFading | RicianFading | JakesFading | TdlFading  # complex Gaussian, apart from a line of sight


def why_not_correlated(bob: Fading, eve: Fading) -> str | None:
    """Reason why two paths cannot be correlated, or None if they can.

    Both must be Gaussian with the same distribution apart from the line of sight; only then does a mixture have that distribution. The
    reason completes the sentence "a correlation requires ...".

    >>> why_not_correlated(RayleighFading(), RicianFading())
    "fading of one kind on both paths, got 'rayleigh' and 'rician'"
    """
    if not (isinstance(bob, Gaussian) and isinstance(eve, Gaussian)):
        return f"fading of kind rayleigh, rician, jakes or tdl on both paths, got {bob.kind!r} and {eve.kind!r}"
    if bob.kind != eve.kind:
        return f"fading of one kind on both paths, got {bob.kind!r} and {eve.kind!r}"
    ours, theirs = (path.model_dump(exclude={"k_db"}) for path in (bob, eve))
    other = [f"{key} {ours[key]} and {theirs[key]}" for key in ours if ours[key] != theirs[key]]
    return f"the same fading on both paths but for k_db, got {', '.join(other)}" if other else None

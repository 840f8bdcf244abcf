"""Words for the jammers."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from linksim.scenario.base import Model, named


class NoJammer(Model):
    """Nobody jams."""

    kind: Literal["none"] = "none"


class Jamming(Model):
    """What every jammer has."""

    jsr_bob_db: float = Field(0.0, ge=-60, le=60, description="jamming to signal power at Bob, in dB")
    jsr_eve_db: float | None = Field(None, ge=-60, le=60, description="the same at Eve, in dB; null where she does not hear it")
    start_ms: float = Field(0.0, ge=0, le=1e9, description="when it begins, in ms")
    budget_s: float | None = Field(
        None, gt=0, description="energy it may spend: power relative to the signal at Bob, times seconds; null for no bound"
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


Jammer = Annotated[NoJammer | BarrageJammer | PulsedJammer, Field(discriminator="kind"), BeforeValidator(named)]

"""Options of fault injection on control frames, beyond noise and jamming, and of node restarts."""

from pydantic import Field

from linksim.scenario.base import Options


class Faults(Options):
    """Probabilities per control frame, between medium and receiver; several may apply to one frame. All zero: no faults."""

    loss: float = Field(0.0, ge=0, le=1, description="the frame is lost")
    duplicate: float = Field(0.0, ge=0, le=1, description="the frame is delivered twice")
    reorder: float = Field(0.0, ge=0, le=1, description="the frame is delayed, so that later frames arrive before it")
    replay: float = Field(0.0, ge=0, le=1, description="an earlier frame of either direction is delivered with it")
    bit_flip: float = Field(0.0, ge=0, le=1, description="one bit of the frame is flipped")
    truncate: float = Field(0.0, ge=0, le=1, description="the end of the frame is cut off")
    forge: float = Field(
        0.0,
        ge=0,
        le=1,
        description="a forged frame follows: random bytes, a changed frame with a valid checksum, or a false identity",
    )
    max_delay_ms: float = Field(20.0, ge=0, le=1e5, description="largest delay of a reordered or duplicated frame, in ms")
    alice_restart_ms: float = Field(
        0.0, ge=0, le=1e9, description="interval between restarts of Alice, who keeps only her identity, in ms; 0: never"
    )
    bob_restart_ms: float = Field(
        0.0, ge=0, le=1e9, description="interval between restarts of Bob, who keeps only his identity, in ms; 0: never"
    )

    @property
    def any_on_frames(self) -> bool:
        return any((self.loss, self.duplicate, self.reorder, self.replay, self.bit_flip, self.truncate, self.forge))

"""Options of fault injection on control frames, beyond noise and jamming, and of node restarts.

They test the control plane, which must stay safe (no frame decoded with wrong parameters, no forged message accepted) and recover. The
faults are those of a faulty medium (loss, duplicates, reordering, bit errors) and of an active attacker without the keys (replay, forgery).
Data frames are not affected, and none are forged. `linksim.control_plane.faults` applies the faults.
"""

from pydantic import Field, field_validator

from linksim.scenario.base import Options

SHORTEST_RESTART_MS = 1.0  # a node that restarts more often cannot end a handshake


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
        description="a forged control frame follows: random bytes, a changed frame with a valid checksum, or a false identity",
    )
    max_delay_ms: float = Field(20.0, ge=0, le=1e5, description="largest delay of a reordered or duplicated frame, in ms")
    alice_restart_ms: float = Field(
        0.0, ge=0, le=1e9, description="interval between restarts of Alice, who keeps only her identity, in ms, at least 1; 0: never"
    )
    bob_restart_ms: float = Field(
        0.0, ge=0, le=1e9, description="interval between restarts of Bob, who keeps only his identity, in ms, at least 1; 0: never"
    )

    @field_validator("alice_restart_ms", "bob_restart_ms")
    @classmethod
    def _not_too_often(cls, interval_ms: float) -> float:
        if 0 < interval_ms < SHORTEST_RESTART_MS:
            raise ValueError(f"got {interval_ms:g}, allowed: 0 for never, or a number from {SHORTEST_RESTART_MS:g} to 1e+09 ms")
        return interval_ms

    @property
    def any_on_frames(self) -> bool:
        """Whether any fault of frames is on; restarts do not count.

        >>> Faults(bob_restart_ms=100).any_on_frames, Faults(loss=0.1).any_on_frames
        (False, True)
        """
        return any((self.loss, self.duplicate, self.reorder, self.replay, self.bit_flip, self.truncate, self.forge))

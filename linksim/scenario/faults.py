"""Words for what goes wrong with control frames beyond what noise and jammers do, and for restarts."""

from pydantic import Field

from linksim.scenario.base import Options


class Faults(Options):
    """Probabilities per control frame, between the air and its hearer; one frame may meet several. All zero: nothing goes wrong."""

    loss: float = Field(0.0, ge=0, le=1, description="it never comes")
    duplicate: float = Field(0.0, ge=0, le=1, description="it comes a second time")
    reorder: float = Field(0.0, ge=0, le=1, description="it comes late, and others overtake it")
    replay: float = Field(0.0, ge=0, le=1, description="an old frame of either direction comes with it")
    bit_flip: float = Field(0.0, ge=0, le=1, description="one of its bits is flipped")
    truncate: float = Field(0.0, ge=0, le=1, description="its end is cut off")
    forge: float = Field(
        0.0, ge=0, le=1, description="a forgery comes with it: random bytes, a changed frame with a right checksum, or a false identity"
    )
    max_delay_ms: float = Field(20.0, ge=0, le=1e5, description="the most that a late frame or a second one is late, in ms")
    alice_restart_ms: float = Field(0.0, ge=0, le=1e9, description="Alice loses all but her identity this often, in ms; 0 never")
    bob_restart_ms: float = Field(0.0, ge=0, le=1e9, description="Bob loses all but his identity this often, in ms; 0 never")

    @property
    def any_on_frames(self) -> bool:
        return any((self.loss, self.duplicate, self.reorder, self.replay, self.bit_flip, self.truncate, self.forge))

"""Words for the nodes of a link: what they radiate, how long they compute, what Eve may do, and how Alice and Bob agree."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from linksim.scenario.base import NAME, Options, by_attack
from linksim.scenario.faults import Faults
from linksim.scenario.policies import FixedPolicy, PolicySpec
from linksim.scenario.source_attacks import NoSourceAttack, SourceAttack


class Radio(Options):
    """What all frames have in common."""

    symbol_rate_hz: float = Field(1e6, ge=1e3, le=1e10, description="complex symbols per second")
    pilots: int = Field(32, ge=2, le=4096, description="known symbols before a frame, where a receiver estimates or probes the channel")
    control_coding: Literal["ldpc", "none"] = Field("ldpc", description="control messages: LDPC of rate 1/2 on QPSK, or bare bits on BPSK")
    control_repeats: int = Field(2, ge=1, le=64, description="copies of each symbol of a control message")


class Processing(Options):
    """How long a node's networks take, on the simulated clock."""

    fixed_us: float = Field(200.0, ge=0, le=1e7, description="per frame, in microseconds")
    per_image_us: float = Field(20.0, ge=0, le=1e7, description="per image of the frame, in microseconds")


class Alice(Options):
    """The sender."""

    images_per_frame: int = Field(4, ge=1, le=256, description="images that travel in one frame")
    frame_interval_ms: float = Field(
        0.0, ge=0, le=1e6, description="from one frame to the next in ms; 0 sends as fast as air and session allow"
    )
    assumed_snr_db: float = Field(10.0, ge=-30, le=60, description="SNR she encodes for until a report arrives, in dB")
    processing: Processing = Processing()
    source_attack: SourceAttack = Field(NoSourceAttack(), description="who has polluted her images, against a classifier")


class Bob(Options):
    """The receiver."""

    processing: Processing = Processing()
    policy: PolicySpec = Field(FixedPolicy(), description="how he chooses the diffusion steps of scheme diffusec; others have none")


class NoAttack(Options):
    """Eve does not listen."""

    attack: Literal["none"] = "none"


class ReorderingOptions(Options):
    """What Eve does to a frame of the permutation scheme before she inverts it."""

    reassembly: Literal["none", "jigsaw"] = Field(
        "none", description="none: takes a frame as it comes; jigsaw: lays the rows of a pair in order by what follows what in open frames"
    )
    num_captured_frames: int = Field(1000, ge=8, le=100_000, description="open frames of training images from which the jigsaw is learnt")


class InverseNetworkAttack(ReorderingOptions):
    """Closed-box inversion: an inverse network trained on captured pairs (MIEA Sec. III-B)."""

    attack: Literal["inverse-network"]
    inverter: str = Field("inverter-cifar10-6", pattern=NAME, description="trained model to invert with")


class WhiteBoxAttack(ReorderingOptions):
    """Open-box inversion: Eve has the link's own encoder and searches for the image that gives what she received (MIEA Sec. III-A, Eq. 5)."""

    attack: Literal["white-box"]
    learning_rate: float = Field(1e-3, gt=0, le=1, description="step size of Adam, in pixel values of 0..1")
    iterations: int = Field(5000, ge=1, le=1_000_000, description="most steps per image")
    tv_weight: float = Field(1.0, ge=0, le=1e6, description="weight lambda of the total variation")
    tolerance: float = Field(1e-3, ge=0, lt=1, description="an image is done when its loss falls by less than this share in 50 steps")
    assumed_snr_db: float = Field(10.0, ge=-30, le=60, description="SNR that she takes Alice to encode for, in dB")


Eve = Annotated[NoAttack | InverseNetworkAttack | WhiteBoxAttack, Field(discriminator="attack"), BeforeValidator(by_attack)]


class Session(Options):
    """The control plane of a link."""

    probe_interval_ms: float = Field(20.0, ge=0, le=1e6, description="time between PROBE rounds in ms; 0 never probes")
    timeout_ms: float = Field(5.0, gt=0, le=1e5, description="wait for an answer before sending again, in ms")
    max_transmissions: int = Field(8, ge=1, le=64, description="transmissions of a message before the exchange is given up")
    desynchronisation: Literal["protected", "allowed"] = Field(
        "protected",
        description="a data frame on which the ends did not agree, protected: is held by Alice and refused by Bob; "
        "allowed: is sent, and decoded with whatever terms he has",
    )
    faults: Faults = Faults()

"""Options of the nodes of a link: radio, processing latency and the control plane. `scenario.attacks` has those of Eve.

Alice sends frames of images, Bob receives them and chooses the negotiated parameters. Latencies belong to the scenario and not to the
machine: simulated time never depends on how fast the networks really are. `linksim.nodes` has the nodes, `linksim.control_plane` the
session.
"""

from typing import Literal

from pydantic import Field

from linksim.scenario.base import Options
from linksim.scenario.faults import Faults
from linksim.scenario.policies import FixedPolicy, PolicySpec
from linksim.scenario.source_attacks import NoSourceAttack, SourceAttack
from linksim.units import seconds_to_ns

SnrEstimator = Literal["unbiased", "maximum-likelihood"]


class Radio(Options):
    """Radio parameters of all frames.

    A transmission occupies the air for its number of symbols divided by the symbol rate. Pilots are known symbols of unit power in front of
    every data frame and every PROBE, and of all control messages if Bob estimates his channel from them (`channel.bob.csi: pilots`).
    """

    symbol_rate_hz: float = Field(1e6, ge=1e3, le=1e10, description="complex symbols per second")
    pilots: int = Field(32, ge=2, le=4096, description="pilot symbols in front of a frame with which a receiver estimates the channel")
    snr_estimator: SnrEstimator = Field(
        "unbiased",
        description="SNR from pilots; unbiased: its mean in dB is the SNR; maximum-likelihood: 0.2 dB higher for 32 pilots, 0.9 dB for 8",
    )
    control_coding: Literal["ldpc", "none"] = Field(
        "ldpc", description="coding of control messages and headers: LDPC of rate 1/2 on QPSK, or uncoded BPSK"
    )
    control_repeats: int = Field(2, ge=1, le=64, description="copies of each symbol of a control message")
    header_repeats: int = Field(2, ge=1, le=64, description="copies of each symbol of the header of a data frame")


class Processing(Options):
    """Processing latency of a node on the simulated clock."""

    fixed_us: float = Field(200.0, ge=0, le=1e7, description="latency per frame, in microseconds")
    per_image_us: float = Field(20.0, ge=0, le=1e7, description="additional latency per image, in microseconds")

    def latency_ns(self, images: int) -> int:
        """Return the simulated processing time of a frame of `images` images in ns: fixed_us + images per_image_us.

        >>> Processing(fixed_us=200.0, per_image_us=20.0).latency_ns(4)
        280000
        """
        return seconds_to_ns((self.fixed_us + images * self.per_image_us) / 1e6)


class Alice(Options):
    """The sender.

    A frame holds `images_per_frame` images and begins `frame_interval_ms` after the previous one, or later if the air is busy or the
    session has no agreement. Before the first report she encodes for `assumed_snr_db`, then for the SNR of the last report.
    """

    images_per_frame: int = Field(4, ge=1, le=256, description="images per data frame")
    num_images: int | None = Field(
        None, ge=1, le=1_000_000, description="different images that the link sends, in turn; null for all images of the dataset"
    )
    frame_interval_ms: float = Field(
        0.0, ge=0, le=1e6, description="time between data frames in ms; 0 sends as fast as the medium and the session allow"
    )
    assumed_snr_db: float = Field(10.0, ge=-30, le=60, description="SNR in dB that Alice encodes for until the first report")
    processing: Processing = Processing()
    source_attack: SourceAttack = Field(NoSourceAttack(), description="attack on her images, against a classifier")


class Bob(Options):
    """The receiver.

    Control messages are answered immediately; data frames take his processing time.
    """

    processing: Processing = Processing()
    policy: PolicySpec = Field(FixedPolicy(), description="policy that chooses the negotiated parameters of the scheme")


class Session(Options):
    """The control plane of a link.

    A link has a session if its scheme negotiates parameters, has layers or uses ARQ, or if probes are on. The timeout of a message doubles
    with every transmission, up to eight times its first value; the airtime of the answer does not count towards it.
    """

    probe_interval_ms: float = Field(20.0, ge=0, le=1e6, description="time between probe rounds in ms; 0 for no probes")
    timeout_ms: float = Field(5.0, gt=0, le=1e5, description="timeout before a message is sent again, in ms")
    max_transmissions: int = Field(8, ge=1, le=64, description="maximum transmissions of a control message")
    desynchronisation: Literal["protected", "allowed"] = Field(
        "protected",
        description="data frames without agreement; protected: held by Alice and refused by Bob; "
        "allowed: sent, and decoded with the parameters that Bob has",
    )
    faults: Faults = Faults()

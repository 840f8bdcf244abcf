"""Records of the data plane: links, data frames, their receptions, and what is made of their images.

The records of one frame share `link` and `frame`. A retransmitted frame has one `FrameSent` and up to two `Reception` per transmission, but
one `ImageScore` per image and receiver, for its reconstruction.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.enums import HeaderOutcome, ImageOwner, Outcome
from linksim.records.codes import RECEIVERS
from linksim.records.record import Record, column, measured, negotiated


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCreated(Record):
    """A link of the run; emitted once per link at the start.

    The meanings of `group` are the names of the scenario's groups. Link n of every group has the same channel, jamming and images.
    """

    table = "links"
    title = "links of the run"
    link: int = column("1", "number of the link", dtype="int32")
    group: int = column("1", "group of links that the link belongs to", dtype="int16")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSent(Record):
    """A transmission of a data frame; emitted when Bob has processed it or when Alice has given the frame up.

    Of a frame that Alice gave up (outcome `NOT_SENT`), airtime and channel uses are 0, `assumed_snr_db` is NaN and `parameters` is
    empty, because it was never encoded. The outcome compares Bob's negotiated parameters and keys with Alice's, not the epochs: equal
    numbers may stand for different agreements after a restart.
    """

    table = "frames"
    title = "data frames"
    time_ns: int = column("ns", "start of transmission")
    airtime_ns: int = column("ns", "duration of the transmission")
    link: int = column("1", "number of the link", dtype="int32")
    frame: int = column("1", "number of the frame in its link")
    attempt: int = column("1", "0 for the first transmission, 1 for the first retransmission", dtype="int16")
    epoch: int = column("1", "epoch of the frame parameters in force", dtype="int32")
    images: int = column("1", "images in the frame", dtype="int16")
    channel_uses: int = column("1", "complex channel uses, pilots and header included", dtype="int32")
    header_channel_uses: int = column("1", "complex channel uses of the header", dtype="int32")
    assumed_snr_db: float = column("dB", "SNR that Alice assumed when she encoded the frame", dtype="float32")
    parameters: Mapping[str, int] = negotiated("", "")
    outcome: int = column("1", "outcome of the transmission", Outcome.words(), "uint8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception(Record):
    """A transmission of a data frame at one receiver; emitted once the radiated power of its symbols is known.

    With the gain g of the path and the jamming power J of each channel use, pilots and header included, the mean radiated power P of the
    payload, and the noise power N0:

        snr_db   = 10 log10(P mean(|g|^2) / N0)
        sinr_db  = 10 log10(P mean(|g|^2) / (N0 + mean(J)))
        mean_jsr = mean(J) / P

    Powers count at the receiver in units of a signal of unit power without fading. sinr_db equals snr_db without jamming. A scheme may
    radiate less than unit power; `mean_snr_db` refers to P = 1. To the receiver, interference is noise, so it lowers `estimated_snr_db`.
    """

    table = "receptions"
    title = "data frames at each receiver"
    time_ns: int = column("ns", "start of transmission")
    link: int = column("1", "number of the link", dtype="int32")
    frame: int = column("1", "number of the frame in its link")
    receiver: int = column("1", "receiver of the frame", RECEIVERS, "uint8")
    power: float = column("1", "mean radiated power per complex symbol of the payload", dtype="float32")
    mean_snr_db: float = column("dB", "SNR of the path at unit power without fading", dtype="float32")
    snr_db: float = column("dB", "SNR during the frame, with its power and fading and without jamming", dtype="float32")
    sinr_db: float = column("dB", "SNR during the frame with the mean jamming power added to the noise", dtype="float32")
    estimated_snr_db: float = column("dB", "SNR during the frame as the receiver estimates it", dtype="float32")
    jammed_fraction: float = column("1", "fraction of the frame during which a jammer was on, 0 to 1", dtype="float32")
    mean_jsr: float = column("1", "mean jamming power over the frame divided by the mean received signal power", dtype="float32")
    header: int = column("1", "what became of the header at the receiver", HeaderOutcome.words(), "uint8")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageScore(Record):
    """The scores of one receiver's reconstruction of one image; emitted when the worker has computed them, at the latest when the run ends.

    What does not exist is absent: PSNR and SSIM of a receiver without images, a class without a classifier or without an attack on the
    source, erasures where the receiver cannot detect them. `metrics` has the metrics of the scenario by the name of their column, for
    a receiver with images. An erased image is scored as a grey one.

    The reference is always Alice's original image, also where she sent an attacked one. PSNR is -10 log10(mse), with pixels in 0..1.
    """

    table = "scores"
    title = "reconstructions compared with the images that were sent"
    time_ns: int = column("ns", "start of the frame's transmission")
    link: int = column("1", "number of the link", dtype="int32")
    frame: int = column("1", "number of the frame in its link")
    image: int = column("1", "number of the image in the frame", dtype="int16")
    receiver: int = column("1", "receiver of the reconstruction", RECEIVERS, "uint8")
    role: int | None = column("1", "role of the image in a covert pair: 0 host, 1 private", dtype="int16", optional=True)
    dataset_index: int = column("1", "index of the image in the test split of the dataset", dtype="int32")
    label: int = column("1", "true class of the image", dtype="int16")
    class_received: int | None = column("1", "class according to the receiver or the classifier", dtype="int16", optional=True)
    class_clean: int | None = column("1", "class of the original image of an attacked one", dtype="int16", optional=True)
    class_attacked: int | None = column("1", "class of the attacked image", dtype="int16", optional=True)
    mse: float | None = column("1", "mean squared error of pixels in 0..1", dtype="float32", optional=True)
    psnr_db: float | None = column("dB", "peak signal-to-noise ratio", dtype="float32", optional=True)
    ssim: float | None = column("1", "structural similarity", dtype="float32", optional=True)
    metrics: Mapping[str, float] = measured()
    erased: int | None = column("1", "whether the receiver erased the image: 0 no, 1 yes", dtype="int16", optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyKnowledge(Record):
    """Eve's knowledge of the key of one item of a data frame before she receives its first transmission, if her attack recovers keys.

    A key consists of a permutation of rows and a substitution, the subset of rows that the images of a pair exchange (MIEA Sec. III-C).
    Keys are drawn from two finite sets, so that a key which she has recovered once may occur again.
    """

    table = "keys"
    title = "Eve's knowledge of the permutation keys of data frames"
    time_ns: int = column("ns", "start of the frame's transmission")
    link: int = column("1", "number of the link", dtype="int32")
    frame: int = column("1", "number of the frame in its link")
    item: int = column("1", "number of the item in the frame, a pair of images that share a key", dtype="int16")
    order_known: int = column(
        "1", "whether Eve knows the permutation of the item, in either order of the images: 0 no, 1 yes", dtype="uint8"
    )
    subset_known: int = column("1", "whether Eve knows the substitution of the item: 0 no, 1 yes", dtype="uint8")
    known_orders: int = column("1", "permutations that Eve tries", dtype="int32")
    known_subsets: int = column("1", "substitutions that Eve tries", dtype="int32")


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection(Record):
    """Eve's test of one item of a data frame for a hidden signal, at its first transmission, if her attack makes such tests.

    It is emitted when the worker has computed it, at the latest when the run ends.
    """

    table = "detections"
    title = "Eve's tests of data frames for a hidden signal"
    time_ns: int = column("ns", "start of the frame's transmission")
    link: int = column("1", "number of the link", dtype="int32")
    frame: int = column("1", "number of the frame in its link")
    item: int = column("1", "number of the item in the frame, a container or the signal of one image", dtype="int16")
    statistic: float = column("1", "test statistic; a large one speaks for a hidden signal", dtype="float32")
    threshold: float = column("1", "statistic above which Eve decides for a hidden signal", dtype="float32")
    detected: int = column("1", "whether Eve decides for a hidden signal: 0 no, 1 yes", dtype="uint8")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAttackStrength(Record):
    """The strength of the attack on the images of a data frame, if it varies (`alice.source_attack.strengths`); emitted when Alice encodes
    the frame.
    """

    table = "attack_strengths"
    title = "strength of the attack on the source in each data frame"
    time_ns: int = column("ns", "time at which Alice encodes the frame")
    link: int = column("1", "number of the link", dtype="int32")
    frame: int = column("1", "number of the frame in its link")
    attack_strength: float = column("1", "factor of the attack's epsilon and step size; 0 without an attack", dtype="float32")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptImage(Record):
    """An image stored for inspection: Alice's original, its attacked version or a reconstruction; the first few of every group.

    `pixels` is uint8 [colours, height, width]. The size is that of the run's dataset, so that all rows have one shape.
    """

    table = "images"
    title = "images of the first frames"
    time_ns: int = column("ns", "start of the frame's transmission")
    link: int = column("1", "number of the link", dtype="int32")
    frame: int = column("1", "number of the frame in its link")
    image: int = column("1", "number of the image in the frame", dtype="int16")
    node: int = column("1", "owner of the image: alice has the original, source its attacked version", ImageOwner.words(), "uint8")
    pixels: NDArray[np.uint8] = column("1", "pixel values, colour first", dtype="uint8")  # noqa: RUF009  # a dataclass field like the others

"""Options of the nodes of a link: radio, processing latency, Eve's attack and the control plane.

Alice sends frames of images, Bob receives them and chooses the negotiated parameters, Eve attacks what she receives. Latencies belong to
the scenario and not to the machine: simulated time never depends on how fast the networks really are. `linksim.nodes` has the nodes,
`linksim.control_plane` the session, `linksim.attacks` the attacks.
"""

from typing import Annotated, Literal

from pydantic import Field

from linksim.cost import Cost, NetworkUse, Traffic
from linksim.scenario.base import NAME, ComponentOf, ComponentOptions, Options, base_of, component
from linksim.scenario.faults import Faults
from linksim.scenario.policies import FixedPolicy, PolicySpec
from linksim.scenario.source_attacks import NoSourceAttack, SourceAttack
from linksim.units import seconds_to_ns

SYMBOL_BYTES = 8  # of a complex symbol in memory
WHITE_BOX_BATCH = 16  # images; more images of 128 x 128 pixels exceed a core's cache
JIGSAW_PAIR_S = 0.04  # CPU time of reordering a pair of images with a beam of 256
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


def captured(num_frames: int, traffic: Traffic) -> Cost:
    """Return the memory of row statistics from open frames of training images, which Eve captures before the run."""
    symbols = num_frames * traffic.channel_uses // traffic.images
    return Cost(setup_bytes=max(traffic.train_bytes, 2 * SYMBOL_BYTES * symbols))


@base_of("eve")
class EveOptions(ComponentOptions):
    """Base of the options of every attack of the eavesdropper, with its cost: the rows that it adds to the trace.

    attack  name of the component
    """

    attack: str

    def cost(self, traffic: Traffic) -> Cost:
        """Return the cost of the attack; the scores of one reconstruction per image unless overridden.

        >>> EveOptions(attack="own").cost(Traffic(image_values=3072, images=4, frames=10)).rows["scores"]
        40
        """
        return Cost(rows={"scores": traffic.frames * traffic.images})


@component("eve")
class NoAttack(EveOptions):
    """No eavesdropper."""

    attack: Literal["none"] = "none"

    def cost(self, traffic: Traffic) -> Cost:
        return Cost()


class ReorderingOptions(EveOptions):
    """Options of the reordering that Eve applies to a permuted frame before she inverts it.

    Neighbouring feature rows are correlated, so that a permutation of rows can be undone like a jigsaw puzzle (`linksim.attacks.jigsaw`).
    """

    reassembly: Literal["none", "jigsaw"] = Field(
        "none",
        description="none: invert the frame as received; jigsaw: reorder the rows of a pair by row statistics of open frames",
    )
    num_captured_frames: int = Field(
        1000, ge=8, le=100_000, description="captured open frames of training images from which the row statistics are estimated"
    )

    def cost(self, traffic: Traffic) -> Cost:
        if self.reassembly == "none":
            return super().cost(traffic)
        return super().cost(traffic) + captured(self.num_captured_frames, traffic) + Cost(cpu_s=traffic.images / 2 * JIGSAW_PAIR_S)


@component("eve", "linksim.simulate.eve_factory:make_inverse_network")
class InverseNetworkAttack(ReorderingOptions):
    """Black-box inversion: an inverse network trained on captured pairs (MIEA Sec. III-B)."""

    attack: Literal["inverse-network"] = "inverse-network"
    inverter: str = Field("inverter-cifar10-6", pattern=NAME, description="trained inverse network")

    def cost(self, traffic: Traffic) -> Cost:
        return super().cost(traffic) + Cost(networks=(NetworkUse(self.inverter),))


class FeatureAttack(EveOptions):
    """Base of the attacks on self-noised features. Eve knows the step of the self-noising, which is a parameter of the system."""

    t_prime: int | None = Field(None, ge=0, le=500, description="step T' that Eve assumes; null for the initial one of the scheme")


@component("eve", "linksim.simulate.feature_attacks:make_feature_inversion")
class FeatureInversionAttack(FeatureAttack):
    """Black-box inversion of self-noised features to images, trained on chosen plaintext (DiffSem Sec. II-B)."""

    attack: Literal["feature-inversion"] = "feature-inversion"
    inverter: str = Field("diffsem-inverter-mnist", pattern=NAME, description="trained inverse network")

    def cost(self, traffic: Traffic) -> Cost:
        return super().cost(traffic) + Cost(networks=(NetworkUse(self.inverter),))


@component("eve", "linksim.simulate.feature_attacks:make_label_probe")
class LabelProbeAttack(FeatureAttack):
    """Classification of self-noised features without an image in between, trained on chosen plaintext: what the features reveal."""

    attack: Literal["label-probe"] = "label-probe"
    probe: str = Field("diffsem-probe-mnist", pattern=NAME, description="trained classifier of features")

    def cost(self, traffic: Traffic) -> Cost:
        return super().cost(traffic) + Cost(networks=(NetworkUse(self.probe),))


@component("eve", "linksim.simulate.eve_factory:make_white_box")
class WhiteBoxAttack(ReorderingOptions):
    """White-box inversion: search for the image whose encoding matches the received symbols (MIEA Sec. III-A, Eq. 5)."""

    attack: Literal["white-box"] = "white-box"
    start: Literal["zeros", "mean", "inverse-network"] = Field(
        "zeros",
        description="first image of the search; zeros: as in the paper; mean: mean of the training images; inverse-network: the "
        "reconstruction of `inverter`",
    )
    inverter: str = Field("inverter-cifar10-6", pattern=NAME, description="trained inverse network, for start inverse-network")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="step size of Adam, pixels in 0..1")
    iterations: int = Field(5000, ge=1, le=1_000_000, description="maximum steps per image")
    tv_weight: float = Field(1.0, ge=0, le=1e6, description="weight lambda of the total variation (Eq. 3)")
    tolerance: float = Field(1e-3, ge=0, lt=1, description="stop when the loss falls by less than this share in 50 steps")
    assumed_snr_db: float = Field(10.0, ge=-30, le=60, description="SNR in dB that Eve assumes Alice encodes for")

    def cost(self, traffic: Traffic) -> Cost:
        encoder = (NetworkUse(traffic.codec, per_image=self.iterations / 2, gradient=True, batch=WHITE_BOX_BATCH),) if traffic.codec else ()
        inverter = (NetworkUse(self.inverter),) if self.start == "inverse-network" else ()
        reading = traffic.train_bytes if self.start == "mean" else 0
        return super().cost(traffic) + Cost(networks=encoder + inverter, setup_bytes=reading)


@component("eve", "linksim.simulate.eve_factory:make_key_learning")
class KeyLearningAttack(EveOptions):
    """Key learning: permutation keys of earlier frames are tried on later frames, whose rows an inverse network then inverts."""

    attack: Literal["key-learning"] = "key-learning"
    knowledge: Literal["known-plaintext", "ciphertext-only", "key-sets"] = Field(
        "known-plaintext",
        description="known-plaintext: the images of the first frames are known; ciphertext-only: frames are solved as jigsaws, and keys "
        "found twice in the first frames are tried; key-sets: both key sets of the session are known",
    )
    num_learning_frames: int = Field(100, ge=0, le=100_000, description="first frames of the link from which keys are learnt")
    memory_size: int = Field(
        512, ge=1, le=65536, description="largest number of permutations, and of substitutions, that are tried: the most recent ones"
    )
    inverter: str = Field("inverter-cifar10-6", pattern=NAME, description="trained inverse network")
    num_captured_frames: int = Field(
        1000, ge=8, le=100_000, description="captured open frames of training images from which the row statistics are estimated"
    )
    assumed_snr_db: float = Field(10.0, ge=-30, le=60, description="SNR in dB that Eve assumes Alice encodes for")

    def cost(self, traffic: Traffic) -> Cost:
        scored = traffic.frames - (min(self.num_learning_frames, traffic.frames) if self.knowledge == "known-plaintext" else 0)
        rows = {"scores": scored * traffic.images, "keys": traffic.frames * (traffic.images // 2)}
        encoder = (NetworkUse(traffic.codec, per_image=0.5),) if traffic.codec else ()
        return Cost(rows=rows, networks=(NetworkUse(self.inverter), *encoder)) + captured(self.num_captured_frames, traffic)


Eve = Annotated[EveOptions, ComponentOf(("eve",))]


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

"""Options of the attacks of the eavesdropper, one component each. `linksim.attacks` has the attacks, `linksim.simulate` their factories."""

from typing import Annotated, Literal

from pydantic import Field

from linksim.cost import Cost, NetworkUse, Traffic
from linksim.scenario.base import NAME, ComponentOf, ComponentOptions, base_of, component

SYMBOL_BYTES = 8  # of a complex symbol in memory
WHITE_BOX_BATCH = 16  # images; more images of 128 x 128 pixels exceed a core's cache
JIGSAW_PAIR_S = 0.04  # CPU time of reordering a pair of images with a beam of 256


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


@component("eve", "linksim.simulate.decoder_attack:make_decoder")
class DecoderAttack(EveOptions):
    """Bob's decoder in Eve's hands: she decodes what she receives as an undefended frame."""

    attack: Literal["decoder"] = "decoder"

    def cost(self, traffic: Traffic) -> Cost:
        return super().cost(traffic) + Cost(networks=(NetworkUse(traffic.codec, per_image=0.5),) if traffic.codec else ())


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


@component("eve", "linksim.simulate.prior_attacks:make_map_inversion")
class MapInversionAttack(EveOptions):
    """White-box inversion: search for the most probable image, given the received symbols and a prior (Tang et al., Eqs. 10-21)."""

    attack: Literal["map-inversion"] = "map-inversion"
    prior: Literal["none", "total-variation", "generator"] = Field(
        "generator",
        description="probability of images; none: all are equally probable; total-variation: smooth images are more probable; generator: "
        "images of `generator`, whose inputs are standard normal",
    )
    generator: str = Field("face-generator", pattern=NAME, description="trained generator, for prior generator; eigenfaces are one, too")
    noise: bool = Field(True, description="whether the noise of the generator is searched with its latent code; otherwise it is zero")
    tv_weight: float = Field(
        2.0, ge=0, le=1e6, description="weight of the total variation relative to the negative log-likelihood, for prior total-variation"
    )
    start: Literal["zeros", "mean", "inverse-network"] = Field(
        "mean",
        description="first image of the search, which a generator embeds; zeros: black; mean: mean of the training images; "
        "inverse-network: the reconstruction of `inverter`",
    )
    inverter: str = Field("covert-regression", pattern=NAME, description="trained inverse network, for start inverse-network")
    learning_rate: float = Field(
        0.03, gt=0, le=1, description="step size of Adam, in pixel values of 0..1, or in standard deviations of the generator's inputs"
    )
    iterations: int = Field(500, ge=1, le=1_000_000, description="maximum steps per image")
    tolerance: float = Field(1e-3, ge=0, lt=1, description="stop when the loss falls by less than this share in 50 steps")
    assumed_snr_db: float = Field(10.0, ge=-30, le=60, description="SNR in dB that Eve assumes Alice encodes for")

    def cost(self, traffic: Traffic) -> Cost:
        searched = {traffic.codec: self.iterations / 2} if traffic.codec else {}
        searched |= {self.generator: self.iterations} if self.prior == "generator" else {}
        networks = tuple(NetworkUse(name, per_image=uses, gradient=True, batch=WHITE_BOX_BATCH) for name, uses in searched.items())
        first = (NetworkUse(self.inverter),) if self.start == "inverse-network" else ()
        reading = traffic.train_bytes if self.start == "mean" else 0
        return super().cost(traffic) + Cost(networks=networks + first, setup_bytes=reading)


@component("eve", "linksim.simulate.prior_attacks:make_generative_inverse_network")
class GenerativeInverseNetworkAttack(ReorderingOptions):
    """Black-box inversion by an inverse network whose output a generator turns into the image (Tang et al., Eqs. 22-23)."""

    attack: Literal["generative-inverse-network"] = "generative-inverse-network"
    inverter: str = Field("covert-generative-inverse-m100", pattern=NAME, description="inverse network, trained with `generator`")
    generator: str = Field("face-generator", pattern=NAME, description="trained generator")

    def cost(self, traffic: Traffic) -> Cost:
        return super().cost(traffic) + Cost(networks=(NetworkUse(self.inverter), NetworkUse(self.generator)))


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


@component("eve", "linksim.simulate.covert_attacks:make_ridge_reveal")
class RidgeRevealAttack(EveOptions):
    """Ridge regression from received containers to the private signals of covert communication, fitted to chosen pairs of images."""

    attack: Literal["ridge-reveal"] = "ridge-reveal"
    num_chosen_pairs: int = Field(
        1000, ge=10, le=4_000, description="pairs of training images that Alice hides for Eve before the run, each received once"
    )
    assumed_snr_db: float = Field(10.0, ge=-30, le=60, description="SNR in dB at which Eve receives the chosen pairs")
    tile: int = Field(
        16, ge=1, le=256, description="side in feature positions of the tiles that share a map; at most the side of the feature map"
    )
    regularisation: float | None = Field(
        None, gt=0, le=1e6, description="strength relative to the variance of the received tiles; null: the best one on held-out pairs"
    )

    def cost(self, traffic: Traffic) -> Cost:
        symbols = self.num_chosen_pairs * 2 * traffic.channel_uses // traffic.images
        codec = (NetworkUse(traffic.codec),) if traffic.codec else ()
        return super().cost(traffic) + Cost(networks=codec, setup_bytes=traffic.train_bytes + 6 * SYMBOL_BYTES * symbols)


@component("eve", "linksim.simulate.covert_attacks:make_energy_detector")
class EnergyDetectorAttack(EveOptions):
    """Test of every container for a hidden signal: the energy in the weak principal components of plain signals. No image is recovered."""

    attack: Literal["energy-detector"] = "energy-detector"
    num_plain_images: int = Field(2000, ge=50, le=100_000, description="encoded training images from which Eve knows plain signals")
    false_alarm_rate: float = Field(0.05, gt=0, lt=1, description="share of plain signals that the threshold takes for containers")
    tile: int = Field(
        16, ge=1, le=256, description="side in feature positions of the tiles of components; at most the side of the feature map"
    )
    assumed_snr_db: float = Field(10.0, ge=-30, le=60, description="SNR in dB that Eve assumes Alice encodes for")

    def cost(self, traffic: Traffic) -> Cost:
        facts = traffic.model(traffic.codec) if traffic.codec else None
        items = traffic.channel_uses // facts.channel_uses if facts and facts.channel_uses else traffic.images
        symbols = self.num_plain_images * traffic.channel_uses // max(1, items)
        return Cost(rows={"detections": traffic.frames * items}, setup_bytes=traffic.train_bytes + 4 * SYMBOL_BYTES * symbols)


Eve = Annotated[EveOptions, ComponentOf(("eve",))]

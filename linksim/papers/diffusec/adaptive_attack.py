"""An attacker who knows the defence: PGD whose gradient flows through the whole link, diffusion, air and denoising included.

    x_adv -> [diffuse] -> [encode] -> AWGN -> [decode] -> [denoise] -> classifier -> cross entropy
          <---------------------------- gradient -----------------------------------

The paper's attacker knows the classifier and nothing of the link ("grey"). One who knows the link climbs the mean slope over fresh draws of
all its noise ("expected"; expectation over transformation, Athalye et al., ICML 2018). One who knows the very draws besides ("known") has
no chance to average out. Diffusion steps are those where the policy comes to rest at that SNR. More steps of an attack could do more: what
stands here is the least that such an attacker can do.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from linksim.attacks.source import ClassifyByChance, cross_entropy_gradient, expected_gradient, pgd
from linksim.data.sources import load
from linksim.nets.classifiers import Classifier
from linksim.nets.codecs import Codec
from linksim.nets.unet import UNet
from linksim.nets.weights import load_model
from linksim.papers.diffusec.experiments import ACTOR, CALLS, CODEC, DENOISER, EVALUATOR
from linksim.papers.diffusec.policy_rollout import settled
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise, item_keys
from linksim.reproduction.paper import Measurement, Tell
from linksim.reproduction.results import ResultStore
from linksim.reproduction.simulated import weights_of
from linksim.reproduction.tables import Entry, Row, Table
from linksim.reproduction.verdicts import difference
from linksim.rng import Streams
from linksim.schemes.diffusec import Diffusec
from linksim.schemes.parameters import Steps
from linksim.training.noise import over_awgn
from linksim.training.order import to_images

SNRS_DB = (0, 6, 12)
IMAGES, BATCH = 64, 16  # at once: what all calls of the denoiser keep for the slope takes some 50 MB an image
DRAWS, STEPS, KNOWN_STEPS = 4, 10, 16  # draws in each step, and steps of 2/255, of who averages and of who knows
EVALUATION_CHANNELS, JUDGED = 1_000_000, 4  # first number of the draws that no attacker has seen, and how many of them evaluator
ATTACKERS: Mapping[str, str] = {
    "none": "no attack",
    "grey": "(a) knows the classifier, as in the paper",
    "expected": f"(b) knows the link, mean of {DRAWS} draws a step",
    "known": "(c) knows the link and its noise",
}


class DifferentiableLink:
    """The link with its classifier, differentiable: images [n, c, h, w] and the number of a draw -> logits [n, classes].

    steps   (t_D, t_plus)
    first   number of the first image, from which its noise follows
    """

    def __init__(
        self, scheme: Diffusec, evaluator: Classifier, steps: tuple[int, int], snr_db: float, streams: Streams, first: int
    ) -> None:
        self._scheme, self._evaluator, self._steps, self._snr_db = scheme, evaluator, steps, snr_db
        self._streams, self._first = streams, first

    def __call__(self, images: Tensor, draw: int) -> Tensor:
        n = len(images)
        level = torch.full((n,), self._snr_db)
        parameters = Steps(level, *(torch.full((n,), steps) for steps in self._steps))
        alice, air, bob = (self._noise(who, draw, n) for who in ("alice", "air", "bob"))
        symbols = self._scheme.send(images[:, None], parameters, alice)
        received = over_awgn(symbols, level, air.complex(symbols.shape[1]))
        final = self._scheme.receive(ReceivedSymbols(received, torch.ones_like(received[:, :1]), 10 ** (-level / 10)), parameters, bob)
        logits: Tensor = self._evaluator(final[:, 0])
        return logits

    def _noise(self, who: str, draw: int, n: int) -> Noise:
        return Noise(torch.tensor(item_keys(self._streams.key(f"adaptive/{who}/{draw}"), self._first, n)))


@dataclass(frozen=True)
class Adaptive:
    """A cell: the share of `JUDGED` unseen draws under which each image is taken for what it is; of the one draw where that is known."""

    eve: str
    snr_db: int
    seed: int

    @property
    def size(self) -> int:
        return IMAGES

    @property
    def key(self) -> str:
        return key(self.eve, self.snr_db)

    @property
    def kind(self) -> str:
        return f"adaptive {self.eve}"

    def digest(self) -> str:
        parts = [weights_of(name) for name in (CODEC, DENOISER, EVALUATOR, ACTOR)]
        return hashlib.sha256(repr([2, self, IMAGES, CALLS, DRAWS, STEPS, KNOWN_STEPS, JUDGED, parts]).encode()).hexdigest()[:16]

    def measure(self, tell: Tell) -> Measurement:
        codec, denoiser = load_model(CODEC, "codec").network, load_model(DENOISER, "denoiser").network
        evaluator, streams, steps = load_model(EVALUATOR, "classifier").network, Streams(self.seed), settled(self.snr_db)
        assert isinstance(codec, Codec)
        assert isinstance(denoiser, UNet)
        assert isinstance(evaluator, Classifier)
        scheme, pictures, found = Diffusec(codec, denoiser, CALLS), load("cifar10", "test"), list[Tensor]()
        chosen = streams("adaptive/images").permutation(len(pictures.images))[: self.size]
        for first in range(0, self.size, BATCH):
            part = chosen[first : first + BATCH]
            images, labels = to_images(pictures.images[part]), torch.from_numpy(pictures.labels[part])
            found.append(
                self._correct(DifferentiableLink(scheme, evaluator, steps, self.snr_db, streams, first), evaluator, images, labels)
            )
            tell(first + len(part))
        return Measurement({"correct": torch.cat(found).double().numpy()}, {})

    def _correct(self, chain: DifferentiableLink, evaluator: Classifier, images: Tensor, labels: Tensor) -> Tensor:
        """Share of the judged draws in which each image, once attacked, is taken for its label. -> [n]"""
        sent = attacked(self.eve, chain, evaluator, images, labels)
        draws = (0,) if self.eve == "known" else range(EVALUATION_CHANNELS, EVALUATION_CHANNELS + JUDGED)
        with torch.inference_mode():
            return torch.stack([chain(sent, draw).argmax(dim=1) == labels for draw in draws]).float().mean(dim=0)


def attacked(eve: str, chain: ClassifyByChance, evaluator: Classifier, images: Tensor, labels: Tensor) -> Tensor:
    """What one of `EVES` makes of images [n, c, h, w] with labels int64 [n]. She who knows the noise knows it of draw 0."""
    match eve:
        case "none":
            return images
        case "grey":
            return pgd(cross_entropy_gradient(evaluator, labels), images)
        case "expected":
            return pgd(expected_gradient(chain, labels, DRAWS), images, steps=STEPS)
        case _:
            return pgd(cross_entropy_gradient(lambda x: chain(x, 0), labels), images, steps=KNOWN_STEPS)


def key(eve: str, snr_db: int) -> str:
    """ "adaptive/grey/snr6"."""
    return f"adaptive/{eve}/snr{snr_db}"


def adaptive_cells(seed: int) -> list[Adaptive]:
    """Every attacker at every SNR, the quick ones first."""
    return [Adaptive(eve, snr_db, seed) for eve in ATTACKERS for snr_db in SNRS_DB]


def table() -> Table:
    """Accuracy of every attacker, and what knowing the defence is worth."""
    rows = tuple(Row(name, tuple(Entry(key(eve, snr_db)) for snr_db in SNRS_DB)) for eve, name in ATTACKERS.items())
    title = f"Accuracy against attackers who know more, at the steps of the policy, {IMAGES} images, l_inf 8/255"
    return Table("adaptive", title, tuple(f"{snr_db} dB" for snr_db in SNRS_DB), rows, ("correct",), (worth,))


def worth(results: ResultStore) -> str:
    """One sentence: what accuracy the defence keeps against who knows it; empty where cells are missing."""
    if any(key(eve, snr_db) not in results for eve in ATTACKERS for snr_db in SNRS_DB):
        return ""
    of = {eve: [results[key(eve, snr_db)].samples["correct"] for snr_db in SNRS_DB] for eve in ATTACKERS}
    lost = [difference(grey, expected) for grey, expected in zip(of["grey"], of["expected"], strict=True)]
    surely = sum(about.low > 0 for about in lost)
    means = {eve: ", ".join(f"{100 * samples.mean():.0f} %" for samples in values) for eve, values in of.items()}
    return (
        f"who knows the link lowers accuracy from {means['grey']} to {means['expected']}, surely at {surely} of {len(lost)} SNRs; "
        f"who knows its noise too, to {means['known']} (no attack: {means['none']})"
    )

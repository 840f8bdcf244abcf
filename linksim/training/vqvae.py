"""Training task of the masked VQ-VAE: masking, symbol errors and adversarial training at once (Hu et al., "Robust Semantic Communications
with Masked VQ-VAE Enabled Codebook").

    image -> [PGD on half of the batch] -> [mask cells] -> [encoder] -> indices -> [QPSK, AWGN] -> codewords -> [decoder] -> reconstruction

The target of the reconstruction is the image before the attack, and its class. Quantisation and channel have no gradient: the gradient of
the decoder is passed straight through to the encoder, and to the codewords that were received, so that indices which the channel confuses
represent similar codewords.

Differs from the paper: the attack targets the classifier alone, which is frozen, and not encoder and decoder. Half of the batch is not
attacked.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.attacks.source import EPSILON, cross_entropy_gradient, pgd
from linksim.link import over_the_air
from linksim.metrics import mse, psnr_of_mean_mse
from linksim.nets.cards import Score
from linksim.nets.classifiers import Classifier
from linksim.nets.vqvae import VqVae
from linksim.nets.weights import load_model
from linksim.rng import Streams
from linksim.schemes.vqvae import MaskedVqVae, demodulate_indices, modulate_indices
from linksim.training.adversarial_training import ATTACKED, attacked_images, random_start
from linksim.training.classifier import classified_correctly
from linksim.training.codec import awgn_condition
from linksim.training.image_task import ImageTask
from linksim.training.noise import EVALUATION_BATCH, evaluation_batches, sent_over_awgn, unit_noise
from linksim.training.order import one_cycle, to_images

FITTED = 500  # number of images whose cells initialise the codewords
ATTACKED_DB = 10.0  # SNR in dB of the test condition under attack
SPREAD = 0.06  # variance of the pixel values of CIFAR-10; in this unit, the squared error of a grey image is one


@dataclass(frozen=True)
class VqvaeTask(ImageTask):
    """Trains a `VqVae`.

    dataset              name of the dataset
    config               keyword arguments of the network, see `nets.vqvae.VqVae`
    steps                total number of steps
    classifier           trained classifier that is the target of the attack and whose cross entropy is part of the loss
    batch                images per step; every other image is attacked
    peak_rate            learning rate of AdamW at the peak of the cycle
    weight_decay         weight decay of AdamW
    attack_steps         number of PGD steps from a random start within `EPSILON`
    step_size            size of a PGD step, with pixels in 0..1
    max_mask_ratio       largest share of masked cells, 0..1; the share is drawn uniformly from 0 per image
    class_loss_weight    weight of the cross entropy relative to the squared error in units of the variance of the images
    commitment           weight of the commitment loss of the encoder relative to the codebook loss
    reset_interval       interval in steps at which unused codewords are replaced during the first half of the training
    snr_weight_slope_db  increase of the weight of an image's error in dB per dB of SNR, so that small errors at high SNR count equally
    snr_db               range of the SNR in dB, drawn uniformly per image
    num_eval_images      number of test images for the scores, or None for all
    average              decay of the running average of the weights per step, 0..1, or None
    bfloat16             compute in bfloat16 on a CPU that has it, too
    seed                 seed of the initial weights and all random streams
    scored_db            SNRs of the evaluation in dB
    """

    dataset: str
    config: dict[str, object]
    steps: int
    classifier: str = "classifier-cifar10"
    batch: int = 64
    peak_rate: float = 1.5e-3
    weight_decay: float = 1e-4
    attack_steps: int = 2
    step_size: float = 6 / 255
    max_mask_ratio: float = 0.3
    class_loss_weight: float = 0.1
    commitment: float = 0.1
    reset_interval: int = 20
    snr_weight_slope_db: float = 0.42
    snr_db: tuple[float, float] = (-6.0, 18.0)
    num_eval_images: int | None = None
    average: float | None = 0.999
    bfloat16: bool = True
    seed: int = 1
    scored_db: tuple[float, ...] = (-6.0, -3.0, 3.0, 10.0)
    kind: str = field(default="vqvae", init=False)

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe. It contains the digest of the classifier. Raises ModelError if that model is missing."""
        names = ("dataset", "classifier", "batch", "peak_rate", "weight_decay", "attack_steps", "step_size")
        more = (
            "max_mask_ratio",
            "class_loss_weight",
            "commitment",
            "reset_interval",
            "snr_weight_slope_db",
            "snr_db",
            "average",
            "bfloat16",
        )
        digest = load_model(self.classifier, "classifier").card.sha256
        return {name: getattr(self, name) for name in (*names, *more)} | {"classifier_sha256": digest}

    @property
    def conditions(self) -> tuple[str, ...]:
        """Clean images at each of `scored_db`, and attacked images at `ATTACKED_DB`."""
        return (*(awgn_condition(snr_db) for snr_db in self.scored_db), f"{ATTACKED}, {awgn_condition(ATTACKED_DB)}")

    def prepare(self, network: nn.Module) -> None:
        """Initialise the codewords with the encoded cells of the first `FITTED` training images."""
        assert isinstance(network, VqVae)
        images = to_images(self._batches.dataset.images[:FITTED])
        network.initialise_from(images, self._chosen(network, len(images), "vqvae/codebook", 0))

    def _chosen(self, network: VqVae, images: int, name: str, step: int) -> Tensor:
        """Return the index of a random cell of `images` images for each codeword, int64 [2^bits]."""
        return torch.from_numpy(self._streams(name, step).integers(0, images * network.rows**2, 2**network.bits))

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(network.parameters(), lr=self.peak_rate, weight_decay=self.weight_decay, fused=True)

    def rate(self, step: int) -> float:
        return one_cycle(step, self.steps, rise=0.05)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the sum of three losses: reconstruction and class, weighted by the SNR; codebook; commitment.

        The codebook loss moves the nearest codewords towards the features, the commitment loss the features towards these codewords
        (van den Oord, Vinyals, Kavukcuoglu, "Neural Discrete Representation Learning", 2017, Eq. 3).
        """
        assert isinstance(network, VqVae)
        images, labels = self._batches(step)
        images, labels = images.to(device).contiguous(memory_format=torch.channels_last), labels.to(device)
        evaluator = load_model(self.classifier, "classifier", device.type).network
        seen = network.mask_cells(self._attacked(evaluator, images, labels, step), self._cells(network, step).to(device))
        features = network.encoder(seen)
        sent = network.codebook.nearest(features)
        if step % self.reset_interval == 0 and 2 * step < self.steps:
            network.codebook.reset_dead_codes(features, sent, self._chosen(network, len(images), "vqvae/revival", step).to(device))
        words = network.codebook.lookup(sent, network.rows)
        snr_db = torch.from_numpy(self._streams("vqvae/snr", step).uniform(*self.snr_db, self.batch)).float().to(device)
        received = over_qpsk(network, sent, snr_db, self._streams, "vqvae/noise", step)
        estimates = network.decoder(network.codebook.straight_through(features, received), snr_db)
        class_loss = functional.cross_entropy(evaluator(estimates.clamp(0.0, 1.0)), labels, reduction="none")
        weight = 10 ** (self.snr_weight_slope_db * (snr_db - 10.0) / 10)
        codebook = (words - features.detach()).square().mean() + self.commitment * (features - words.detach()).square().mean()
        loss: Tensor = (weight * (mse(estimates, images) / SPREAD + self.class_loss_weight * class_loss)).mean() + codebook
        return loss

    def _attacked(self, evaluator: nn.Module, images: Tensor, labels: Tensor, step: int) -> Tensor:
        """Return the batch [batch, c, h, w] with every other image attacked by PGD on the classifier."""
        result = images.clone()
        targets, truth = images[::2], labels[::2]
        start = random_start(targets, EPSILON, self._streams("vqvae/start", step))
        result[::2] = pgd(cross_entropy_gradient(evaluator, truth), targets, EPSILON, self.attack_steps, self.step_size, start)
        return result

    def _cells(self, network: VqVae, step: int) -> Tensor:
        """Return which cells of each image are masked, bool [batch, side / 4, side / 4]."""
        draw = self._streams("vqvae/mask", step)
        share = draw.uniform(0.0, self.max_mask_ratio, (self.batch, 1, 1))
        return torch.from_numpy(draw.random((self.batch, network.rows, network.rows)) < share)

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return PSNR with respect to the images before an attack, and accuracy, at the SNR of the condition. No cells are masked."""
        assert isinstance(network, VqVae)
        index = self.conditions.index(condition)
        attacked = index == len(self.scored_db)
        snr_db = ATTACKED_DB if attacked else self.scored_db[index]
        evaluator, streams = load_model(self.classifier, "classifier", device.type).network, Streams(self.seed)
        scheme, estimates = MaskedVqVae(network), []
        assert isinstance(evaluator, Classifier)
        seen = attacked_images(evaluator, images, labels, device) if attacked else images
        for index, chunk in evaluation_batches(seen, device):
            estimates.append(sent_over_awgn(scheme, chunk, snr_db, streams, f"measure/{snr_db:g}", index).cpu())
        error = torch.cat([mse(*pair) for pair in zip(estimates, torch.split(images, EVALUATION_BATCH), strict=True)])
        right = classified_correctly(evaluator, torch.cat(estimates), labels, device)
        return [
            Score("psnr_of_mean_mse_db", condition, psnr_of_mean_mse(error), len(images)),
            Score("accuracy", condition, right.float().mean().item(), len(images)),
        ]


def over_qpsk(network: VqVae, indices: Tensor, snr_db: Tensor, streams: Streams, name: str, index: int) -> Tensor:
    """Send indices with QPSK over AWGN and return the received indices, int64 [batch, cells, codes].

    network      gives the number of bits and the channel code
    indices      int64 [batch, cells, codes] in 0..2^bits - 1
    snr_db       SNR in dB of each item, [batch]
    name, index  stream of `streams` and number of the draw of the channel noise
    """
    symbols = modulate_indices(network, indices)
    noise = unit_noise(streams, name, index, *symbols.shape).to(symbols.device)
    return demodulate_indices(network, over_the_air(symbols, snr_db, noise))

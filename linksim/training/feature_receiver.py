"""Training tasks of DiffSem's receivers (Algorithm 2), and the base class of all tasks that use a trained encoder as it is.

    images -> [frozen encoder] -> f -> self-noise, channel noise -> z -> [frozen denoiser] -> f' -> [classifier(z, f', t)] -> cross entropy

Differs from the paper: guidance by labels uses the receiver's own estimate in training, too, because true labels in training leak into the
features.
"""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.data.sources import ImageDataset
from linksim.nets.cards import Score
from linksim.nets.feature_receivers import FeatureReceiver
from linksim.nets.features import FeatureCodec
from linksim.nets.weights import load_model
from linksim.rng import Streams
from linksim.schemes.diffsem import Guidance, Receiver
from linksim.training.features import EVALUATION, SCORED_STEPS, FeatureTask, received_features
from linksim.training.noise import evaluation_batches
from linksim.training.order import take_labelled, to_images

ENCODED_AT_ONCE = 500  # images


class FrozenCodecTask(FeatureTask):
    """Base class of the tasks that use a trained encoder as it is. The features of all images are computed once.

    codec  name of the trained codec
    """

    codec: str

    def codec_on(self, device: torch.device) -> FeatureCodec:
        """Return the codec on a device."""
        network = load_model(self.codec, "feature-codec", device.type).network
        assert isinstance(network, FeatureCodec)
        return network

    def encoded(self, step: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the features f [batch, channels, 8, 8] and the labels int64 [batch] of the images of a step."""
        chosen, mirrored = self._batches.choose(step)
        usual, mirror_image = (features[chosen] for features in self._encoded)
        features = torch.where(mirrored[:, None, None, None], mirror_image, usual)
        return features.to(device), torch.from_numpy(self._batches.dataset.labels[chosen]).to(device)

    def encoded_test(self, images: Tensor) -> Tensor:
        """Return the features f of a batch of test images [n, colours, h, w] in 0..1, [n, channels, 8, 8] on their device."""
        digest = hashlib.blake2b(images.cpu().numpy().tobytes()).digest()  # every condition has the same batches
        if digest not in self._encoded_test:
            with torch.autocast(images.device.type, enabled=False):
                self._encoded_test[digest] = self.codec_on(images.device).features(images)
        return self._encoded_test[digest]

    @cached_property
    def _encoded_test(self) -> dict[bytes, Tensor]:
        """Features of the batches of test images so far, by the digest of the images."""
        return {}

    @cached_property
    def _encoded(self) -> tuple[Tensor, Tensor]:
        """Features of the training images, and of the mirrored images if they are used, each [images, channels, 8, 8] on the CPU."""
        images = self._batches.dataset.images
        chunks = [images[first : first + ENCODED_AT_ONCE] for first in range(0, len(images), ENCODED_AT_ONCE)]
        codec = self.codec_on(torch.device("cpu"))
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            usual = torch.cat([codec.features(to_images(chunk)) for chunk in chunks])
            return usual, torch.cat([codec.features(to_images(chunk).flip(3)) for chunk in chunks]) if self.mirror else usual

    @property
    def _digest(self) -> dict[str, object]:
        """Digest of the encoder, for the recipe: another one requires another training."""
        return {"codec_sha256": load_model(self.codec, "feature-codec").card.sha256}


@dataclass(frozen=True)
class ReceiverTask(FrozenCodecTask):
    """Trains a receiver's classifier for a frozen encoder and a frozen denoiser, Algorithm 2.

    dataset        name of the dataset
    config         keyword arguments of the classifier
    steps          total number of steps
    codec          name of the trained codec
    denoiser       name of the trained denoiser, or None for a receiver without one
    guidance       "none", or "label" for E-DiffSem
    num_rounds     rounds of E-DiffSem's feedback
    num_calls      largest number of denoiser calls per image and round
    num_labels     number of labelled images, None for all of the share
    from_codec     start from the classifier that was trained with the encoder, instead of random weights
    batch          images per step
    share          part of the training images, see `ImageTask`
    seed           seed of the initial weights and all random streams
    """

    dataset: str
    config: dict[str, object]
    steps: int
    codec: str
    denoiser: str | None = None
    guidance: Guidance = "none"
    num_rounds: int = 1
    num_calls: int = 5
    num_labels: int | None = None
    from_codec: bool = False
    batch: int = 256
    peak_rate: float = 1e-3
    max_step: int = 400
    snr_db: float = 15.0
    mirror: bool = False
    share: tuple[float, float] = (0.0, 1.0)
    average: float | None = 0.99
    seed: int = 1
    kind: str = field(default="feature-receiver", init=False)

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe. It contains the digests of encoder and denoiser, because others require another training."""
        names = ("dataset", "codec", "denoiser", "guidance", "num_rounds", "num_calls", "num_labels", "batch", "peak_rate", "max_step")
        found = {name: getattr(self, name) for name in (*names, "snr_db", "mirror", "share", "average")}
        found |= self._digest | ({"from_codec": True} if self.from_codec else {})
        if self.denoiser is not None:
            found["denoiser_sha256"] = load_model(self.denoiser, "feature-denoiser").card.sha256
        return found

    def load_dataset(self, split: str) -> ImageDataset:
        """Load a split; the training images are limited to `num_labels`, an equal number of each class."""
        found = super().load_dataset(split)
        return found if split == "test" or self.num_labels is None else take_labelled(found, self.num_labels)

    def prepare(self, network: nn.Module) -> None:
        """Copy the weights of the codec's classifier, if the training starts from them."""
        if self.from_codec:
            network.load_state_dict(self.codec_on(torch.device("cpu")).classifier.state_dict())

    def receiver(self, network: nn.Module) -> Receiver:
        """Return the receiver around the classifier that is trained."""
        assert isinstance(network, FeatureReceiver)
        device = next(network.parameters()).device
        denoiser = None if self.denoiser is None else load_model(self.denoiser, "feature-denoiser", device.type).network
        return Receiver(self.codec_on(device), network, denoiser, self.guidance, self.num_rounds, self.num_calls)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the cross entropy, Eq. (6), with new noise in every step."""
        features, labels = self.encoded(step, device)
        steps = self.draw_steps(step, len(labels)).to(device)
        received = received_features(features, steps, self.snr_db, self.draw_noise("features/noise", step, features))
        return functional.cross_entropy(self.receiver(network).classify(received, steps), labels)

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the accuracy at one step."""
        level, streams, found = SCORED_STEPS[self.conditions.index(condition)], Streams(self.seed), []
        receiver = self.receiver(network)
        for index, chunk in evaluation_batches(images, device):
            features, steps = self.encoded_test(chunk), torch.full((len(chunk),), level, device=device)
            received = received_features(features, steps, self.snr_db, self.draw_noise(f"{EVALUATION}/{level}", index, features, streams))
            found.append(receiver.classify(received, steps).argmax(1).cpu())
        return [Score("accuracy", condition, (torch.cat(found) == labels).float().mean().item(), len(images))]

"""Training task of the detector of covert communication: Eve learns to tell containers from plain signals, from labelled frames.

    training images -> [frozen encoder] --------------------> plain signals, label 0 --\\
                    -> [frozen encoder] -> [frozen hider] --> containers, label 1 ------> AWGN -> [detector] -> cross entropy

Half of the frames are plain and half are containers. Eve simulates her channel, so every use of a frame has new noise. The scores are
those of test images, whose people are not among those of the training images.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from linksim.link import over_the_air
from linksim.nets.cards import Score
from linksim.nets.detectors import Detector
from linksim.nets.weights import load_model
from linksim.statistics import auc
from linksim.training.covert_queries import Transmitter, thirds
from linksim.training.image_task import ImageTask
from linksim.training.noise import EVALUATION_BATCH, unit_noise
from linksim.training.order import one_cycle, to_images

SCORED_DB = {f"AWGN at {snr_db:g} dB to Eve": snr_db for snr_db in (5.0, 20.0)}


@dataclass(frozen=True)
class DetectorTask(ImageTask):
    """Trains a detector against a codec and a hider.

    dataset          name of the dataset
    config           keyword arguments of the network
    steps            total number of steps
    codec, hider     names of the trained models of the transmitter
    num_frames       number of labelled frames, an even number; images occur again if there are more frames than training images
    keyed            whether every container has a random key
    natural          whether the private components have the energies of the host's that they replace
    batch            frames per step, an even number
    peak_rate        learning rate of AdamW at the peak of the cycle
    weight_decay     weight decay of AdamW
    snr_db           range of Eve's SNR in dB, drawn uniformly for every use of a frame
    num_eval_images  test images of the scores; a third each are plain images, hosts and private images
    """

    dataset: str
    config: dict[str, object]
    steps: int
    codec: str
    hider: str
    num_frames: int
    keyed: bool = False
    natural: bool = False
    batch: int = 32
    peak_rate: float = 3e-3
    weight_decay: float = 0.03
    snr_db: tuple[float, float] = (0.0, 20.0)
    num_eval_images: int | None = 1_500
    average: float | None = 0.98
    seed: int = 1
    kind: str = field(default="detector", init=False)
    conditions: tuple[str, ...] = field(default=tuple(SCORED_DB), init=False)

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe, with the digests of codec and hider, because others require another training."""
        names = ("dataset", "codec", "hider", "num_frames", "keyed", "natural", "batch", "peak_rate", "weight_decay", "snr_db", "average")
        digests = {f"{kind}_sha256": load_model(getattr(self, kind), kind).card.sha256 for kind in ("codec", "hider")}
        return {name: getattr(self, name) for name in names} | digests

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(network.parameters(), lr=self.peak_rate, weight_decay=self.weight_decay, fused=True)

    def rate(self, step: int) -> float:
        return one_cycle(step, self.steps)

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the cross entropy of a step, mean over the batch; its first half is plain."""
        draw = self._streams("detector/chosen", step)
        chosen = draw.integers(0, self.num_frames // 2, (2, self.batch // 2)) + np.array([[0], [self.num_frames // 2]])
        snr_db = torch.from_numpy(draw.uniform(*self.snr_db, self.batch)).float().to(device)
        symbols = self._frames[chosen.ravel()].to(device)
        noise = unit_noise(self._streams, "detector/noise", step, *symbols.shape).to(device)
        logits = network(over_the_air(symbols, snr_db, noise).symbols, snr_db)
        return functional.binary_cross_entropy_with_logits(logits, torch.arange(2.0, device=device).repeat_interleave(self.batch // 2))

    @cached_property
    def _frames(self) -> Tensor:
        """The labelled frames without noise, complex [num_frames, channel_uses]; the first half is plain."""
        pixels, half = self.load_dataset("train").images, self.num_frames // 2
        orders = (self._streams(f"detector/{name}").permutation(len(pixels)) for name in ("frames", "private"))
        shown, private = (np.resize(order, size) for order, size in zip(orders, (self.num_frames, half), strict=True))
        used, place = np.unique(np.concatenate([shown, private]), return_inverse=True)
        transmitter = Transmitter.load(self.codec, self.hider, self.keyed, self.natural, torch.device("cpu"))
        plain, hosts, hidden = torch.split(self.encoded(transmitter, pixels, used)[place], half)
        return torch.cat([plain, transmitter.hide(hosts, hidden, self._streams("detector/keys"))])

    def encoded(self, transmitter: Transmitter, pixels: NDArray[np.uint8], chosen: NDArray[np.int64]) -> Tensor:
        """Return the signals of training images, complex [n, channel_uses].

        transmitter  transmitter on the CPU
        pixels       the training images, uint8 [images, h, w, colours]
        chosen       numbers of the images to encode [n]
        """
        chunks = np.array_split(chosen, -(-len(chosen) // EVALUATION_BATCH))
        return torch.cat([transmitter.encode(to_images(pixels[chunk])) for chunk in chunks])

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return the area under the ROC curve of the detector's logits."""
        assert isinstance(network, Detector)
        transmitter = Transmitter.load(self.codec, self.hider, self.keyed, self.natural, device)
        plain, hosts, private = (transmitter.encode(part.to(device)) for part in thirds(images))
        containers = transmitter.hide(hosts, private, self._streams("measure/keys"))
        found = []
        for index, symbols in enumerate(torch.split(torch.cat([plain, containers]), EVALUATION_BATCH)):
            snr_db = torch.full((len(symbols),), SCORED_DB[condition], device=device)
            noise = unit_noise(self._streams, f"measure/{condition}", index, *symbols.shape).to(device)
            found.append(network(over_the_air(symbols, snr_db, noise).symbols, snr_db).cpu())
        statistic = torch.cat(found).double().numpy()
        area = auc(statistic[: len(plain)], statistic[len(plain) :], self._streams("measure/resamples"), resamples=1)
        return [Score("auc", condition, area.value, len(statistic))]

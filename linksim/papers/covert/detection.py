"""The Eve who tests for a hidden image: what her detectors find in plain signals and in containers of test people, over AWGN.

    training images --> signals --> energy detector, which has never seen a container ----------------\\
                               \\-> containers of the hider --> labelled frames --> trained detector ---> statistic --> AUC, share found
    test images: a third plain, a third hosts, a third private --> plain signals and containers ------/

The trained detector knows the hider, the energies of its private components and that there are keys, and is trained on containers of
exactly this hider, which have random keys. The statistics of plain signals and of containers are kept, so that any other measure of their
separation follows from the kept results. All links have the same images and the same noise.
"""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from linksim.attacks.covert_detection import EnergyDetector, threshold
from linksim.computation import computation
from linksim.data.sources import load
from linksim.errors import LinksimError
from linksim.link import over_the_air
from linksim.nets.codecs import DOWNSAMPLING, Codec
from linksim.papers.covert.experiments import CODEC, HIDERS, SUSPECTED_DB, Hiding, Setup
from linksim.phy.baseband import ReceivedSymbols
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.results import ExperimentResult, Samples
from linksim.reproduction.simulated import weights_of
from linksim.rng import Streams
from linksim.statistics import Interval, auc
from linksim.training.covert_detection_tasks import DETECTOR_STEPS
from linksim.training.covert_queries import ANY_DB, Transmitter
from linksim.training.detector import DetectorTask
from linksim.training.loop import trained_network
from linksim.training.noise import EVALUATION_BATCH, unit_noise
from linksim.training.order import to_images

LINKS = ("paper", "swap", "swap-keyed", "natural", "natural-keyed")  # whose containers Eve tests, keys of `HIDERS`
FRAMES = (0, *DETECTOR_STEPS)  # labelled frames; 0 for the energy detector
PLAIN_IMAGES = 4_000  # training images to whose signals the energy detector is fitted
TILE = 16  # side of its tiles of principal components in feature positions
FALSE_ALARMS = 0.05  # share of plain signals above the threshold
CONFIG: dict[str, object] = {}  # of the network of the trained detector: its defaults
RESAMPLES = 1_000  # of the bootstrap of an area
CPU = torch.device("cpu")
VERSION = 1  # raise it when the same options and weights give other values
Statistic = Callable[[ReceivedSymbols], Tensor]


@dataclass(frozen=True)
class KnownSignalsTask(DetectorTask):
    """The training task of a detector. All tasks of a process share the signals of the training images."""

    def encoded(self, transmitter: Transmitter, pixels: NDArray[np.uint8], chosen: NDArray[np.int64]) -> Tensor:
        """See `DetectorTask.encoded`."""
        return training_signals(transmitter.codec)[chosen]


@dataclass(frozen=True)
class DetectionExperiment:
    """Experiment: the statistic of a detector for plain signals and for containers of a link, at each SNR of `SUSPECTED_DB`.

    setup   of all experiments
    link    a key of `HIDERS`
    frames  labelled frames of the trained detector, a key of `DETECTOR_STEPS`; 0 for the energy detector

    Metrics at 5 dB, [size / 2] each: "snr5:auc" has the terms of the area under the ROC curve (`area_terms`), "snr5:found" is 1 for each
    container above the threshold for `FALSE_ALARMS` and 0 for others, "snr5:plain_signals" and "snr5:containers" are the statistics.
    """

    setup: Setup
    link: str
    frames: int

    @property
    def key(self) -> str:
        return detection(self.link, self.frames)

    @property
    def kind(self) -> str:
        return f"detection {self.frames}"

    @property
    def seed(self) -> int:
        return self.setup.seed

    @property
    def size(self) -> int:
        return 2 * self._count

    @property
    def _count(self) -> int:
        """Plain signals, and as many containers: 500 for the number of images of the kept results."""
        return 5 * self.setup.images // 2

    @property
    def _hiding(self) -> Hiding:
        return HIDERS[self.link]

    def digest(self) -> str:
        """Return the digest of the detector, of the images and of the weights of codec and hider."""
        detector = sorted(asdict(self._task()).items()) if self.frames else ["energy", PLAIN_IMAGES, TILE]
        weights = [weights_of(name) for name in (CODEC, self._hiding.model)]
        determining = [VERSION, sorted(self._hiding.layer.items()), detector, self.size, self.seed, SUSPECTED_DB, FALSE_ALARMS, weights]
        return hashlib.sha256(repr(determining).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        """Fit or train the detector and test it. Raises LinksimError if a model, the data, or test images are missing."""
        hiding, streams, samples = self._hiding, Streams(self.seed), dict[str, Samples]()
        with computation(1):
            transmitter = Transmitter.load(CODEC, hiding.model, hiding.keyed, hiding.energies == "natural", CPU)
            plain, hosts, privates = torch.split(tested_signals(transmitter.codec, self._count, self.seed), self._count)
            detector = trained_detector(self._task()) if self.frames else energy_detector(transmitter.codec, self.seed)
            symbols = torch.cat([plain, transmitter.hide(hosts, privates, streams("detection/keys"))])
            for place, snr_db in enumerate(SUSPECTED_DB, start=1):
                noise = unit_noise(streams, f"detection/noise/{snr_db}", 0, *symbols.shape)
                negatives, positives = np.split(statistics_of(detector, symbols, float(snr_db), noise), 2)
                level = threshold(torch.from_numpy(negatives), FALSE_ALARMS)
                found = {"auc": area_terms(negatives, positives), "found": (positives > level).astype(np.float64)}
                found |= {"plain_signals": negatives, "containers": positives}
                samples |= {f"snr{snr_db}:{name}": values for name, values in found.items()}
                on_progress(self.size * place // len(SUSPECTED_DB))
        return Measurement(samples, {})

    def _task(self) -> DetectorTask:
        return KnownSignalsTask(
            "faces", CONFIG, DETECTOR_STEPS[self.frames], codec=CODEC, hider=self._hiding.model, num_frames=self.frames,
            keyed=self._hiding.keyed, natural=self._hiding.energies == "natural", seed=self.seed,
        )  # fmt: skip


def detection(link: str, frames: int) -> str:
    """Return the key of an experiment; `frames` as in `DetectionExperiment`.

    >>> detection("natural", 0), detection("swap-keyed", 1_000)
    ('natural/awgn/energy-detector', 'swap-keyed/awgn/detector-m1000')
    """
    return f"{link}/awgn/{f'detector-m{frames}' if frames else 'energy-detector'}"


def detection_experiments(setup: Setup) -> list[DetectionExperiment]:
    """Return all experiments: the detectors that are cheapest to fit come first."""
    return [DetectionExperiment(setup, link, frames) for frames in FRAMES for link in LINKS]


@lru_cache(maxsize=1)
def training_signals(codec: Codec) -> Tensor:
    """Return the signals of all training images in the order of the dataset, complex [images, channel_uses]. It takes minutes."""
    return _encoded(codec, load("faces", "train").images)


@lru_cache(maxsize=1)
def tested_signals(codec: Codec, count: int, seed: int) -> Tensor:
    """Return the signals of distinct test images: `count` plain ones, the hosts and the private ones, complex [3 count, channel_uses].

    Raises LinksimError if there are fewer images.
    """
    pixels = load("faces", "test").images
    if len(pixels) < 3 * count:
        raise LinksimError(f"the detectors are tested on {3 * count} images, the dataset has {len(pixels)} test images")
    return _encoded(codec, pixels[Streams(seed)("detection/images").permutation(len(pixels))[: 3 * count]])


@torch.no_grad()
def _encoded(codec: Codec, pixels: NDArray[np.uint8]) -> Tensor:
    """Return the signals of images, uint8 [n, h, w, colours] -> complex [n, channel_uses]."""
    parts = (to_images(pixels[first : first + EVALUATION_BATCH]) for first in range(0, len(pixels), EVALUATION_BATCH))
    return torch.cat([codec.encode(part.contiguous(memory_format=torch.channels_last), torch.full((len(part),), ANY_DB)) for part in parts])


@lru_cache(maxsize=1)
def energy_detector(codec: Codec, seed: int) -> EnergyDetector:
    """Return the energy detector, fitted to the signals of `PLAIN_IMAGES` training images, or of all if there are fewer."""
    signals, channels = training_signals(codec), 2 * codec.channel_uses // (codec.side // DOWNSAMPLING) ** 2
    chosen = Streams(seed)("detection/plain").permutation(len(signals))[:PLAIN_IMAGES]
    return EnergyDetector(signals[chosen], channels, codec.side, TILE)


def trained_detector(task: DetectorTask) -> Statistic:
    """Train a detector on the CPU and return its statistic. Raises ModelError if it diverges."""
    return logit_of(trained_network(task, CPU))


def logit_of(network: nn.Module) -> Statistic:
    """Return the logit of a network of the kind "detector", in evaluation mode, as a statistic of equalised symbols."""

    def logit(received: ReceivedSymbols) -> Tensor:
        found: Tensor = network(received.symbols, -10.0 * received.noise_power.log10())
        return found

    return logit


@torch.no_grad()
def statistics_of(statistic: Statistic, symbols: Tensor, snr_db: float, noise: Tensor) -> Samples:
    """Return the statistic of signals that are received over AWGN, float64 [n].

    symbols  complex [n, channel_uses]
    noise    complex noise of unit power, of the same shape
    """
    parts = zip(torch.split(symbols, EVALUATION_BATCH), torch.split(noise, EVALUATION_BATCH), strict=True)
    return torch.cat([statistic(over_the_air(part, snr_db, its_noise)) for part, its_noise in parts]).double().numpy()


def area_terms(plain: Samples, containers: Samples) -> Samples:
    """Return values whose mean is the area under the ROC curve, with its interval, from equally many statistics of both classes. [n] each.

    A value is the share of plain signals below the i-th container, plus the share of containers above the i-th plain signal, minus the
    area. Their normal interval is that of DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988).

    >>> area_terms(np.array([1.0, 2.0]), np.array([2.0, 3.0])).mean()
    np.float64(0.875)
    """
    higher = (containers > plain[:, None]) + 0.5 * (containers == plain[:, None])
    terms: Samples = higher.mean(axis=0) + higher.mean(axis=1) - higher.mean()
    return terms


@lru_cache(maxsize=128)
def area(result: ExperimentResult, snr_db: int) -> Interval:
    """Return the area under the ROC curve of a measured detector, with its bootstrap interval over signals of both classes."""
    plain, containers = (result.samples[f"snr{snr_db}:{which}"] for which in ("plain_signals", "containers"))
    return auc(plain, containers, Streams(0)("detection/resamples"), RESAMPLES)

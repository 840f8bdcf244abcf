"""The Eve who learns to reveal private images with a network, trained on pairs of her own images that Alice hides for her.

    chosen pairs --> containers --> AWGN of a random SNR --> [inverse network] --> private images, compared with hers
    the pairs under attack --> containers under keys of their own --> AWGN of 5 or 20 dB --> [the trained network] --> scores

The pairs under attack are those of `reveal`, whose regression has the same number of chosen pairs. One network serves both SNRs.
"""

import hashlib
from dataclasses import asdict, dataclass

import torch

from linksim.computation import computation
from linksim.link import over_the_air
from linksim.papers.covert import reveal
from linksim.papers.covert.detection import CPU, LINKS
from linksim.papers.covert.experiments import CODEC, HIDERS, LIKENESS, NO_ATTACK, PERSON, SUSPECTED_DB, Setup
from linksim.papers.covert.unrelated import likeness, sent_pairs
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.results import Samples
from linksim.reproduction.simulated import weights_of
from linksim.rng import Streams
from linksim.training.covert_detection_tasks import revealer
from linksim.training.covert_queries import Transmitter
from linksim.training.loop import trained_network
from linksim.training.noise import unit_noise
from linksim.training.revealer import RevealerTask

VERSION = 1  # raise it when the same options and weights give other values


@dataclass(frozen=True)
class NetworkReveal:
    """Experiment: Eve's private images by a network, at each SNR of `SUSPECTED_DB`.

    setup  of all experiments
    link   a key of `HIDERS`
    pairs  chosen pairs

    Metrics at 5 dB: "snr5:psnr_db" and so on, those of `scores`.
    """

    setup: Setup
    link: str
    pairs: int

    @property
    def key(self) -> str:
        return network_reveal(self.link, self.pairs)

    @property
    def kind(self) -> str:
        return f"reveal network {self.pairs}"

    @property
    def seed(self) -> int:
        return self.setup.seed

    @property
    def size(self) -> int:
        """Number of pairs under attack."""
        return self.setup.pairs(self.link, max(SUSPECTED_DB), NO_ATTACK)

    def digest(self) -> str:
        """Return the digest of the training, of the pairs and of the weights of codec and hider."""
        weights = [weights_of(name) for name in (CODEC, HIDERS[self.link].model)]
        determining = [VERSION, sorted(asdict(self._task()).items()), self.size, SUSPECTED_DB, weights]
        return hashlib.sha256(repr(determining).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        """Train the network and attack with it. Raises LinksimError if a model or the data are missing."""
        task, streams, samples = self._task(), Streams(self.seed), dict[str, Samples]()
        with computation(1):
            network, transmitter = trained_network(task, CPU), Transmitter.load(CODEC, task.hider, task.keyed, task.natural, CPU)
            hosts, privates = sent_pairs(self.size, self.seed).unbind(dim=1)
            containers = transmitter.hide(transmitter.encode(hosts), transmitter.encode(privates), streams("reveal-network/keys"))
            for place, snr_db in enumerate(SUSPECTED_DB, start=1):
                noise = unit_noise(streams, f"reveal-network/noise/{snr_db}", 0, *containers.shape)
                with torch.inference_mode():
                    found = network(over_the_air(containers, float(snr_db), noise).symbols).float().clamp(0.0, 1.0)
                samples |= {f"snr{snr_db}:{metric}": values for metric, values in likeness(found, privates).items()}
                on_progress(self.size * place // len(SUSPECTED_DB))
        return Measurement(samples, {})

    def _task(self) -> RevealerTask:
        hiding = HIDERS[self.link]
        return revealer(hiding.model, self.pairs, keyed=hiding.keyed, natural=hiding.energies == "natural", seed=self.seed)


def scores(snr_db: int) -> tuple[str, ...]:
    """Return the metrics of an experiment at an SNR."""
    return tuple(f"snr{snr_db}:{metric}" for metric in (*LIKENESS, PERSON))


def network_reveal(link: str, pairs: int) -> str:
    """Return the key of an experiment.

    >>> network_reveal("natural", 1_000)
    'natural/awgn/reveal-network-m1000'
    """
    return f"{link}/awgn/reveal-network-m{pairs}"


def network_experiments(setup: Setup) -> list[NetworkReveal]:
    """Return the experiments on all links, first those with few chosen pairs."""
    return [NetworkReveal(setup, link, pairs) for pairs in reveal.CHOSEN_PAIRS for link in LINKS if pairs in reveal.chosen_pairs(link)]

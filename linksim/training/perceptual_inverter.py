"""Training task of a closed-box inverse network with a perceptual distance and an optional generator (Tang et al., Sec. III-B and III-C).

    queries -> [frozen encoder] -> symbols -> AWGN at a new SNR, per use -> [inverse network] ( -> [frozen generator] ) -> images

Eve queries the encoder with `num_captured_frames` images (Eq. 13) and simulates the channel herself, so every use of a query has new noise.
Without a generator she trains the network of Eq. (15). With one, the network's output is embedded in the inputs z and n of the generator,
and its image is the result (Eqs. 22-23): the generator removes what faces do not have.

Differs from the paper: LPIPS accompanies the squared error, as in the codec under attack, and (z, n) follow from an intermediate image by
the embedding that belongs to the generator, which needs few queries, and not from a network of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from linksim.link import over_the_air
from linksim.metrics import mse
from linksim.nets.cards import Score
from linksim.nets.codecs import Codec, to_features, to_symbols
from linksim.nets.generator import Generator
from linksim.nets.inverters import Inverter
from linksim.nets.lpips import load_lpips
from linksim.nets.weights import load_model
from linksim.training.inverter import ENCODED_FOR_DB, InverterTask
from linksim.training.likeness import likeness_scores
from linksim.training.noise import EVALUATION_BATCH, evaluation_batches, unit_noise
from linksim.training.order import to_images

SCORED_DB = {f"AWGN at {snr_db:g} dB to Eve": snr_db for snr_db in (0.0, 5.0, 10.0, 20.0)}


@dataclass(frozen=True)
class PerceptualInverterTask(InverterTask):
    """Trains an inverse network on a number of queries.

    part          side of the square of each image, and of its symbols, on which the network is trained; None for whole images, which a
                  generator needs
    lpips_weight  weight of LPIPS beside the squared error
    generator     name of the generator behind the network, or None
    """

    classifier: str | None = None
    num_eval_images: int | None = 1_000
    snr_db: tuple[float, float] = (0.0, 20.0)
    bfloat16: bool = True
    part: int | None = None
    lpips_weight: float = 0.01
    generator: str | None = None
    conditions: tuple[str, ...] = field(default=tuple(SCORED_DB), init=False)

    @property
    def recipe(self) -> dict[str, object]:
        found = super().recipe | {name: getattr(self, name) for name in ("part", "lpips_weight", "generator", "bfloat16")}
        return found if self.generator is None else found | {"generator_sha256": load_model(self.generator, "generator").card.sha256}

    def loss(self, network: nn.Module, step: int, device: torch.device) -> Tensor:
        """Return the squared error of Eve's images (Eq. 15, or 23 with a generator) and LPIPS with its weight, mean over the batch."""
        assert isinstance(network, Inverter)
        assert self.num_captured_frames is not None
        draw = self._streams("inverter/chosen", step)
        chosen = draw.integers(0, self.num_captured_frames, self.batch)
        images, symbols = to_images(self._queries[chosen]).to(device), self._symbols[chosen].to(device)
        snr_db = torch.from_numpy(draw.uniform(*self.snr_db, self.batch)).float().to(device)
        noise = unit_noise(self._streams, "inverter/noise", step, *symbols.shape).to(device)
        received = over_the_air(symbols, snr_db, noise).symbols
        if self.part is not None:
            images, received = self._squares(network, images, received, step)
        found = self._reconstruct(network, received)
        perceived: Tensor = load_lpips(device)(found, images)
        return mse(found, images).mean() + self.lpips_weight * perceived.mean()

    @cached_property
    def _symbols(self) -> Tensor:
        """The encoder's answers to the queries, complex [frames, channel_uses]."""
        codec = load_model(self.codec, "codec").network
        assert isinstance(codec, Codec)
        chunks = (to_images(self._queries[first : first + EVALUATION_BATCH]) for first in range(0, len(self._queries), EVALUATION_BATCH))
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            return torch.cat([codec.encode(chunk, torch.full((len(chunk),), ENCODED_FOR_DB)) for chunk in chunks])

    def _squares(self, network: Inverter, images: Tensor, symbols: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return a square of each image, and the symbols of its features."""
        assert self.part is not None
        features = to_features(symbols, network.channels)
        ratio = images.shape[-1] // features.shape[-1]
        size = self.part // ratio
        corners = self._streams("inverter/corners", step).integers(0, features.shape[-1] - size + 1, (len(images), 2)).tolist()
        found = [
            torch.stack([x[:, i * k : (i + size) * k, j * k : (j + size) * k] for x, (i, j) in zip(batch, corners, strict=True)])
            for batch, k in ((images, ratio), (features, 1))
        ]
        return found[0], to_symbols(found[1])

    def _reconstruct(self, network: Inverter, received: Tensor) -> Tensor:
        """Return Eve's images of equalised symbols, not clamped."""
        images: Tensor = network(received).float()
        if self.generator is None:
            return images
        generator = load_model(self.generator, "generator", received.device.type).network
        assert isinstance(generator, Generator)
        return generator.regenerate(images)

    def measure(self, network: nn.Module, condition: str, images: Tensor, labels: Tensor, device: torch.device) -> list[Score]:
        """Return PSNR of the mean squared error, mean MS-SSIM and mean LPIPS of Eve's images at her SNR of the condition."""
        return likeness_scores(condition, self._pairs(network, SCORED_DB[condition], images, device))

    def _pairs(self, network: nn.Module, level_db: float, images: Tensor, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield Eve's images and the images, on the device, batch by batch."""
        assert isinstance(network, Inverter)
        for index, chunk in evaluation_batches(images, device):
            assumed_snr_db, snr_db = (torch.full((len(chunk),), db, device=device) for db in (ENCODED_FOR_DB, level_db))
            received = self.capture(chunk, assumed_snr_db, snr_db, self._streams, f"measure/{level_db:g}", index)
            yield self._reconstruct(network, received).clamp(0.0, 1.0), chunk

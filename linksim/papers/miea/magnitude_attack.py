"""Phase scrambling alone against an Eve who uses magnitudes, which keyed rotations leave unchanged."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from linksim.attacks.magnitude_inversion import MagnitudeInverse
from linksim.data.sources import load
from linksim.metrics import mse, psnr, ssim
from linksim.papers.miea.experiments import OnFaces, Setup, codec
from linksim.papers.miea.key_learning import MC, shared_setup
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.simulated import weights_of
from linksim.simulate.eve_factory import encode_images
from linksim.training.noise import over_awgn, unit_noise
from linksim.training.order import to_images

CAPTURES = 300  # captured pairs from which she learns


@dataclass(frozen=True)
class MagnitudeAttack(OnFaces):
    """Experiment: Eve's images from magnitudes, learnt from captures of the scrambled link.

    The rotations are not simulated, because they do not affect magnitudes.
    """

    setup: Setup
    key: str
    ec: int
    kind: str = "magnitudes"

    def digest(self) -> str:
        determining = [1, self.setup.images, self.seed, self.ec, CAPTURES, weights_of(codec(MC))]
        return hashlib.sha256(repr(determining).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        shared, pixels = shared_setup(self.setup), load("faces", "train").images
        chosen = np.sort(shared.streams("eve/captured").permutation(len(pixels))[:CAPTURES])
        images = to_images(pixels[chosen])
        with torch.inference_mode():
            attack = MagnitudeInverse(self._received(images, "captured"), images)
            found = attack.invert(self._received(shared.faces, "scored"))
            on_progress(self.size)
            error = mse(found, shared.faces)
            values = {"psnr_db": psnr(error), "ssim": ssim(found, shared.faces), "mse": error}
        return Measurement({name: x.double().numpy() for name, x in values.items()}, {})

    def _received(self, images: Tensor, what: str) -> Tensor:
        shared = shared_setup(self.setup)
        symbols = torch.cat([encode_images(shared.codec, MC, batch) for batch in torch.split(images, 50)])
        level = torch.full((len(images),), float(self.ec))
        return over_awgn(symbols, level, unit_noise(shared.streams, f"turned/{what}/{self.ec}", 0, *symbols.shape))

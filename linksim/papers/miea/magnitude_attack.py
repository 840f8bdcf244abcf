"""Scrambling alone against an Eve who reads magnitudes: what keyed turns leave as it is."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from linksim.attacks.magnitude_inversion import MagnitudeInverse
from linksim.data.sources import load
from linksim.metrics import mse, psnr, ssim
from linksim.papers.miea.experiments import OfFaces, Setup, codec
from linksim.papers.miea.key_learning import MC, shared_setup
from linksim.reproduction.paper import Measurement, Tell
from linksim.reproduction.simulated import weights_of
from linksim.simulate.eve_factory import encoded
from linksim.training.noise import over_awgn, unit_noise
from linksim.training.order import to_images

CAPTURES = 300  # pairs that she learns from


@dataclass(frozen=True)
class MagnitudeAttack(OfFaces):
    """A cell: Eve's images from magnitudes, learnt from captures of the scrambled link itself. Turns need not be made: she takes none."""

    setup: Setup
    key: str
    ec: int
    kind: str = "magnitudes"

    def digest(self) -> str:
        return hashlib.sha256(repr([1, self, CAPTURES, weights_of(codec(MC))]).encode()).hexdigest()[:16]

    def measure(self, tell: Tell) -> Measurement:
        here, pixels = shared_setup(self.setup), load("faces", "train").images
        chosen = np.sort(here.streams("eve/captured").permutation(len(pixels))[:CAPTURES])
        images = to_images(pixels[chosen])
        with torch.inference_mode():
            attack = MagnitudeInverse(self._received(images, "captured"), images)
            seen = attack.invert(self._received(here.faces, "scored"))
            tell(self.size)
            values = {"psnr_db": psnr(mse(seen, here.faces)), "ssim": ssim(seen, here.faces), "mse": mse(seen, here.faces)}
        return Measurement({name: x.double().numpy() for name, x in values.items()}, {})

    def _received(self, images: Tensor, what: str) -> Tensor:
        here = shared_setup(self.setup)
        symbols = torch.cat([encoded(here.codec, MC, part) for part in torch.split(images, 50)])
        level = torch.full((len(images),), float(self.ec))
        return over_awgn(symbols, level, unit_noise(here.streams, f"turned/{what}/{self.ec}", 0, *symbols.shape))

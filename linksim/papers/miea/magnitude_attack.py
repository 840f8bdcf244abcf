"""Phase scrambling alone against an Eve who uses magnitudes, which keyed rotations leave unchanged.

A rotation by a multiple of 90 degrees exchanges and negates the two reals of a symbol, so the sum of their squares stays. Eve learns from
captured frames how images follow from magnitudes (`attacks.magnitude_inversion`). The paper does not have this attack.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from linksim.attacks.magnitude_inversion import MagnitudeInverse
from linksim.data.sources import load
from linksim.link import OfflineLink
from linksim.metrics import mse, psnr, ssim
from linksim.nets.codecs import Codec
from linksim.nets.weights import load_model
from linksim.papers.miea.experiments import ADAPTIVE_MC_DB as MC
from linksim.papers.miea.experiments import OnFaces, Setup, codec
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.simulated import weights_of
from linksim.rng import Streams
from linksim.schemes.deepjscc import DeepJscc
from linksim.training.noise import unit_noise
from linksim.training.order import to_images

CAPTURES = 300  # captured pairs from which she learns


@dataclass(frozen=True)
class MagnitudeAttack(OnFaces):
    """Experiment: Eve's images from magnitudes, learnt from captures of the scrambled link.

    key  of the experiment
    ec   Eve's SNR in dB, at which she captures as well

    Metrics per face: "psnr_db", "ssim", "mse". The rotations are not simulated, because they do not affect magnitudes.
    """

    setup: Setup
    key: str
    ec: int
    kind: str = "magnitudes"

    def digest(self) -> str:
        determining = [1, self.setup.images, self.seed, self.ec, CAPTURES, weights_of(codec(MC))]
        return hashlib.sha256(repr(determining).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        pixels, streams = load("faces", "train").images, Streams(self.seed)
        chosen = np.sort(streams("eve/captured").permutation(len(pixels))[:CAPTURES])
        images, faces = to_images(pixels[chosen]), sent_faces(self.setup)
        with torch.inference_mode():
            attack = MagnitudeInverse(self._received(images, "captured"), images)
            found = attack.invert(self._received(faces, "scored"))
            on_progress(self.size)
            error = mse(found, faces)
            values = {"psnr_db": psnr(error), "ssim": ssim(found, faces), "mse": error}
        return Measurement({name: x.double().numpy() for name, x in values.items()}, {})

    def _received(self, images: Tensor, what: str) -> Tensor:
        network = load_model(codec(MC), "codec").network
        assert isinstance(network, Codec)
        link = OfflineLink(DeepJscc(network))
        symbols = torch.cat([link.encode(batch, MC) for batch in torch.split(images, 50)])
        return link.channel(symbols, self.ec, unit_noise(Streams(self.seed), f"turned/{what}/{self.ec}", 0, *symbols.shape)).symbols


def sent_faces(setup: Setup) -> Tensor:
    """Return the faces of all experiments in the order in which Alice sends them, float [n, c, h, w] in 0..1."""
    pixels = load("faces", "test").images
    order = Streams(setup.seed)("alice/link-0/images").permutation(len(pixels))
    return to_images(pixels[np.resize(order, setup.images)])

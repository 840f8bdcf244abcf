"""The DiffuSeC link under an attack on the source images, evaluated offline for given diffusion steps and SNR.

    image -> [PGD on the classifier] -> [diffuse, encode] -> AWGN -> [decode] -> [denoise] -> class, and SSIM with the image

The link is a `linksim.link.OfflineLink`. Every measurement uses the same attacked images, diffusion noise, channel noise and denoising
noise (common random numbers); only the steps and the SNR differ. Differences between the cells of a reward table are therefore much more
accurate than the cells themselves.

The attacker knows the classifier, but neither the codec nor the diffusion (grey box), as in the paper.
"""

from operator import itemgetter
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.adapt.reward import adv_share, err_share
from linksim.attacks.source import EPSILON, STEP_SIZE, STEPS, cross_entropy_gradient, pgd
from linksim.data.sources import ImageDataset
from linksim.diffusion import to_pixels
from linksim.link import LinkNoise, OfflineLink
from linksim.metrics import ssim
from linksim.nets.classifiers import Classifier
from linksim.nets.processors import training_precision
from linksim.nets.weights import autocast
from linksim.rng import Streams
from linksim.schemes.diffusec import Diffusec
from linksim.schemes.parameters import SnrEstimate, uniform_parameters
from linksim.training.order import to_images

Classes = NDArray[np.int64]  # class of each image, [n]


class LinkCell(NamedTuple):
    """What is measured at given diffusion steps and SNR. The first five are those of `adapt.reward_table_file.COMPONENTS`.

    ssim          mean SSIM with the original images, Eq. (26)
    adv, err      shares of Eq. (28) and (30), 0..1
    robust        accuracy under attack, 0..1
    clean         accuracy without attack, 0..1; NaN if it was not measured
    disagreement  share of attacked images whose class changes when Bob denoises them, 0..1
    """

    ssim: float
    adv: float
    err: float
    robust: float
    clean: float
    disagreement: float


class AttackedLink:
    """The attacked link with the images and random numbers that all measurements share.

    scheme     the scheme, with its networks on `device`
    evaluator  the classifier H, which is the target of the attack and evaluates the reconstructions; on `device`, always in float32
    dataset    the images to send, n of them
    streams    random streams of the noise, indexed by image
    batch      images per batch; the results depend on it in their last bits only
    bfloat16   run the scheme in bfloat16 where the processor has it
    clean      send the images without attack, too
    device     device of the computation
    strength   factor of the attack's size and step size; 0 for no attack

    The constructor attacks all images once.
    """

    def __init__(
        self,
        scheme: Diffusec,
        evaluator: Classifier,
        dataset: ImageDataset,
        streams: Streams,
        batch: int,
        bfloat16: bool,
        clean: bool,
        device: torch.device,
        strength: float = 1.0,
    ) -> None:
        self._scheme, self._evaluator, self._clean, self._device, self._batch = scheme, evaluator, clean, device, batch
        self._link = OfflineLink(scheme, precision=lambda: autocast(device, training_precision(device, bfloat16)))
        self._images, self._labels = to_images(dataset.images).to(device), dataset.labels
        attacked = self._under_attack(strength)
        self._truth, self._fooled = self._classes(self._images), self._classes(attacked)
        self._sent = torch.cat([attacked, self._images]) if clean else attacked
        keys = (streams.key(f"reward-table/{place}") for place in ("alice", "air", "bob"))
        self._noise = LinkNoise.keyed(keys, 0, len(self._images)).map(lambda rows: rows.repeat(1 + clean, 1).to(device))
        self._decoded: tuple[int, float, Tensor] | None = None
        self._undenoised: Classes | None = None  # classes of the decoded images under attack

    @torch.inference_mode()
    def __call__(self, t_d: int, snr_db: float, t_plus: int) -> LinkCell:
        """Measure the link.

        t_d     diffusion steps at Alice
        snr_db  SNR of the AWGN channel in dB, which both ends know
        t_plus  denoising steps in addition to t_d

        The decoded images do not depend on `t_plus`; they and their classes are cached for the next call.
        """
        n = len(self._images)
        if self._decoded is None or self._decoded[:2] != (t_d, snr_db):
            self._decoded = t_d, snr_db, self._over_the_air(t_d, snr_db)
            self._undenoised = self._classes(to_pixels(self._decoded[2][:n]))
        final = self._purified(self._decoded[2], t_d, snr_db, t_plus)
        classes = self._classes(final)
        adv, err = (share(self._truth, self._fooled, classes[:n]) for share in (adv_share, err_share))
        return LinkCell(
            ssim=float(ssim(final[:n], self._images).double().mean()),  # Eq. (26)
            adv=float(adv),
            err=float(err),
            robust=float(np.mean(classes[:n] == self._labels)),
            clean=float(np.mean(classes[n:] == self._labels)) if self._clean else np.nan,
            disagreement=float(np.mean(classes[:n] != self._undenoised)),
        )

    def _over_the_air(self, t_d: int, snr_db: float) -> Tensor:
        """Send all images and return the output of Bob's codec, before denoising: [n or 2 n, c, h, w]."""
        decoded: list[Tensor] = []
        for start in range(0, len(self._sent), self._batch):
            batch = slice(start, start + self._batch)
            images, noise = self._sent[batch], self._noise.map(itemgetter(batch))
            symbols = self._link.send(images[:, None], self._parameters(len(images), t_d, 0, snr_db), noise.alice)
            received = self._link.channel(symbols, snr_db, noise.air.complex(symbols.shape[1]))
            with self._link.precision():
                decoded.append(self._scheme.decode(received))
        return torch.cat(decoded)

    def _purified(self, decoded: Tensor, t_d: int, snr_db: float, t_plus: int) -> Tensor:
        """Denoise decoded images by t_d + t_plus steps. Returns [n or 2 n, c, h, w] in 0..1."""
        final: list[Tensor] = []
        for start in range(0, len(decoded), self._batch):
            batch = slice(start, start + self._batch)
            chunk, noise = decoded[batch], self._noise.map(itemgetter(batch))
            with self._link.precision():
                final.append(self._scheme.purify(chunk, self._parameters(len(chunk), t_d, t_plus, snr_db), noise.bob)[:, 0])
        return torch.cat(final)

    def _parameters(self, items: int, t_d: int, t_plus: int, snr_db: float) -> SnrEstimate:
        return uniform_parameters(snr_db, items, (t_d, t_plus), self._device)

    def _under_attack(self, strength: float) -> Tensor:
        """Return the images after PGD of a strength on the evaluator, [n, c, h, w] in 0..1."""
        epsilon, step_size = strength * EPSILON, strength * STEP_SIZE
        labels = torch.tensor(self._labels, device=self._device)
        batches = zip(torch.split(self._images, self._batch), torch.split(labels, self._batch), strict=True)
        return torch.cat(
            [pgd(cross_entropy_gradient(self._evaluator, truth), images, epsilon, STEPS, step_size) for images, truth in batches]
        )

    @torch.inference_mode()
    def _classes(self, images: Tensor) -> Classes:
        """Return the class that H assigns to each image."""
        found: Classes = torch.cat([self._evaluator(chunk).argmax(dim=1) for chunk in torch.split(images, self._batch)]).cpu().numpy()
        return found

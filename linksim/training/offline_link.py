"""The DiffuSeC link under an attack on the source images, evaluated offline for given diffusion steps and SNR.

    image -> [PGD on the classifier] -> [diffuse, encode] -> AWGN -> [decode] -> [denoise] -> class, and SSIM with the image

Scheme, attack and channel are those of a simulated link, without the clock. Every measurement uses the same attacked images, diffusion
noise, channel noise and denoising noise (common random numbers); only the steps and the SNR differ.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.adapt.reward import adv_share, err_share
from linksim.attacks.source import cross_entropy_gradient, pgd
from linksim.data.sources import ImageDataset
from linksim.metrics import ssim
from linksim.nets.classifiers import Classifier
from linksim.nets.weights import autocast
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise, item_keys
from linksim.rng import Streams
from linksim.schemes.diffusec import Diffusec
from linksim.schemes.parameters import NegotiatedValues
from linksim.training.noise import over_awgn
from linksim.training.order import to_images

Classes = NDArray[np.int64]


class AttackedLink:
    """The attacked link with the images and random numbers that all measurements share.

    scheme     the scheme, with its networks on `device`
    evaluator  the classifier H, which is the target of the attack and evaluates the reconstructions
    dataset    the images to send
    streams    random streams of the noise, indexed by image
    batch      images per batch
    bfloat16   run the scheme in bfloat16
    clean      send the images without attack, too
    device     device of the computation
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
    ) -> None:
        self._scheme, self._evaluator, self._clean, self._device, self._batch = scheme, evaluator, clean, device, batch
        self._precision = autocast(device, "bfloat16" if bfloat16 else "float32")
        self._images, self._labels = to_images(dataset.images).to(device), dataset.labels
        attacked = self._under_attack()
        self._truth, self._fooled = self._classes(self._images), self._classes(attacked)
        self._sent = torch.cat([attacked, self._images]) if clean else attacked
        keys = {who: torch.tensor(item_keys(streams.key(f"reward-table/{who}"), 0, len(self._images))) for who in ("alice", "air", "bob")}
        self._keys = {who: rows.repeat(1 + clean, 1).to(device) for who, rows in keys.items()}
        self._decoded: tuple[int, float, Tensor] | None = None

    @torch.inference_mode()
    def __call__(self, t_d: int, snr_db: float, t_plus: int) -> tuple[float, float, float, float, float]:
        """Return (ssim, adv, err, robust, clean), the order of `adapt.reward_table_file.COMPONENTS`. Values not measured are NaN.

        The decoded images do not depend on `t_plus` and are cached for the next call.
        """
        if self._decoded is None or self._decoded[:2] != (t_d, snr_db):
            self._decoded = t_d, snr_db, self._over_the_air(t_d, snr_db)
        final = self._purified(self._decoded[2], t_d, snr_db, t_plus)
        classes, n = self._classes(final), len(self._images)
        likeness = ssim(final[:n], self._images).double().mean()  # Eq. (26)
        adv, err = (share(self._truth, self._fooled, classes[:n]) for share in (adv_share, err_share))
        robust, clean = np.mean(classes[:n] == self._labels), np.mean(classes[n:] == self._labels) if self._clean else np.nan
        return float(likeness), float(adv), float(err), float(robust), float(clean)

    def _over_the_air(self, t_d: int, snr_db: float) -> Tensor:
        """Send all images and return the output of Bob's codec."""
        decoded: list[Tensor] = []
        for start in range(0, len(self._sent), self._batch):
            images, parameters = self._sent[start : start + self._batch], self._parameters(start, t_d, 0, snr_db)
            with self._precision:
                symbols = self._scheme.send(images[:, None], parameters, self._noise("alice", start))
            level = torch.as_tensor(parameters.snr_db)
            received = over_awgn(symbols, level, self._noise("air", start).complex(symbols.shape[1]))
            with self._precision:
                decoded.append(self._scheme.decode(ReceivedSymbols(received, torch.ones_like(received[:, :1]), 10 ** (-level / 10))))
        return torch.cat(decoded)

    def _purified(self, decoded: Tensor, t_d: int, snr_db: float, t_plus: int) -> Tensor:
        final: list[Tensor] = []
        for start in range(0, len(decoded), self._batch):
            chunk, parameters = decoded[start : start + self._batch], self._parameters(start, t_d, t_plus, snr_db)
            with self._precision:
                final.append(self._scheme.purify(chunk, parameters, self._noise("bob", start))[:, 0])
        return torch.cat(final)

    def _parameters(self, start: int, t_d: int, t_plus: int, snr_db: float) -> NegotiatedValues:
        """Return the frame parameters of the batch that begins at index `start`."""
        n = min(self._batch, len(self._sent) - start)
        values = torch.tensor([t_d, t_plus], device=self._device).expand(n, 2)
        return NegotiatedValues(torch.full((n,), snr_db, device=self._device), values)

    def _noise(self, node: str, start: int) -> Noise:
        return Noise(self._keys[node][start : start + self._batch])

    def _under_attack(self) -> Tensor:
        labels = torch.tensor(self._labels, device=self._device)
        batches = zip(torch.split(self._images, self._batch), torch.split(labels, self._batch), strict=True)
        return torch.cat([pgd(cross_entropy_gradient(self._evaluator, truth), images) for images, truth in batches])

    @torch.inference_mode()
    def _classes(self, images: Tensor) -> Classes:
        """Return the class that H assigns to each image."""
        found: Classes = torch.cat([self._evaluator(chunk).argmax(dim=1) for chunk in torch.split(images, self._batch)]).cpu().numpy()
        return found

"""Training task of a reveal network: Eve inverts containers to the private image, from chosen pairs (Tang et al., Algorithm 2).

    hosts, private images -> [frozen encoder] -> [frozen hider] -> containers -> AWGN -> [inverse network] -> private images

The attack is that of the closed-box inverse network on an undefended link, with another target. The network sees the neighbourhood of a
feature position only; `attacks.reveal` has a linear map of whole tiles.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from linksim.link import over_the_air
from linksim.nets.inverters import Inverter
from linksim.nets.weights import load_model
from linksim.training.covert_queries import Transmitter
from linksim.training.noise import EVALUATION_BATCH, evaluation_batches, unit_noise
from linksim.training.order import to_images
from linksim.training.perceptual_inverter import PerceptualInverterTask


@dataclass(frozen=True)
class RevealerTask(PerceptualInverterTask):
    """Trains an inverse network on a number of chosen pairs, `num_captured_frames`.

    hider            name of the trained hider
    keyed            whether every container has a random key
    natural          whether the private components have the energies of the host's that they replace
    num_eval_images  test images of the scores; the first half are the hosts
    """

    hider: str = "covert-swap"
    keyed: bool = False
    natural: bool = False

    @property
    def recipe(self) -> dict[str, object]:
        return (
            super().recipe
            | {name: getattr(self, name) for name in ("hider", "keyed", "natural")}
            | {"hider_sha256": load_model(self.hider, "hider").card.sha256}
        )

    @cached_property
    def _symbols(self) -> Tensor:
        """The containers of the chosen pairs, complex [pairs, channel_uses]; the private images are `_queries`."""
        pixels, pairs = self.load_dataset("train").images, len(self._queries)
        hosts = pixels[self._streams("revealer/hosts").permutation(len(pixels))[:pairs]]
        transmitter, draw = self._transmitter(torch.device("cpu")), self._streams("revealer/keys")
        chunks = [slice(first, first + EVALUATION_BATCH) for first in range(0, pairs, EVALUATION_BATCH)]
        encoded = ([transmitter.encode(to_images(part[chunk])) for part in (hosts, self._queries)] for chunk in chunks)
        return torch.cat([transmitter.hide(host, private, draw) for host, private in encoded])

    def _transmitter(self, device: torch.device) -> Transmitter:
        return Transmitter.load(self.codec, self.hider, self.keyed, self.natural, device)

    def _pairs(self, network: nn.Module, level_db: float, images: Tensor, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield Eve's private images and the private images, on the device, batch by batch."""
        assert isinstance(network, Inverter)
        transmitter, draw = self._transmitter(device), self._streams("measure/keys")
        hosts, privates = images[: len(images) // 2], images[len(images) // 2 : 2 * (len(images) // 2)]
        for index, chunk in evaluation_batches(privates, device):
            shown = hosts[index * EVALUATION_BATCH :][: len(chunk)].to(device)
            containers = transmitter.hide(transmitter.encode(shown), transmitter.encode(chunk), draw)
            snr_db = torch.full((len(chunk),), level_db, device=device)
            noise = unit_noise(self._streams, f"measure/{level_db:g}/noise", index, *containers.shape).to(device)
            yield self._reconstruct(network, over_the_air(containers, snr_db, noise).symbols).clamp(0.0, 1.0), chunk

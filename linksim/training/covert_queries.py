"""Eve's queries to a transmitter that hides images: she submits hosts and private images, and has their containers without noise.

She simulates her channel herself, so every use of a container has new noise. If the transmitter takes keys, every container has a random
one, which she does not have.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from linksim.nets.codecs import Codec
from linksim.nets.hiders import Hider, HidingKey, draw_hiding_key
from linksim.nets.linear_hiders import LinearHider
from linksim.nets.natural_swap import NaturalSwap
from linksim.nets.weights import load_model
from linksim.training.noise import EVALUATION_BATCH

ANY_DB = 10.0  # SNR that is given to an encoder; it must not depend on it


@dataclass(frozen=True)
class Transmitter:
    """A codec and a hider on a device.

    codec   encodes and decodes images
    hider   embeds private signals in hosts
    keyed   whether every container has a key
    """

    codec: Codec
    hider: Hider
    keyed: bool

    @classmethod
    def load(cls, codec: str, hider: str, keyed: bool, natural: bool, device: torch.device) -> "Transmitter":
        """Return the transmitter of the trained models `codec` and `hider`.

        keyed    whether every container has a key
        natural  whether the private components have the energies of the host's that they replace

        Raises ModelError if one of the models is missing, and ValueError if the hider takes no keys or is not a linear one but should.
        """
        encodes, hides = load_model(codec, "codec", device.type).network, load_model(hider, "hider", device.type).network
        assert isinstance(encodes, Codec)
        assert isinstance(hides, Hider)
        if keyed and not hides.places:
            raise ValueError(f"hider {hider!r} takes no keys")
        if not natural:
            return cls(encodes, hides, keyed)
        if not isinstance(hides, LinearHider):
            raise ValueError(f"hider {hider!r} is not a linear one")
        return cls(encodes, NaturalSwap.of(hides), keyed)

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Return the signals of images [n, c, h, w] in 0..1, complex [n, channel_uses]."""
        chunks = torch.split(images.contiguous(memory_format=torch.channels_last), EVALUATION_BATCH)
        with torch.autocast(images.device.type, enabled=False):
            return torch.cat([self.codec.encode(chunk, torch.full((len(chunk),), ANY_DB, device=chunk.device)) for chunk in chunks])

    @torch.no_grad()
    def hide(self, hosts: Tensor, privates: Tensor, draw: np.random.Generator) -> Tensor:
        """Return containers of the signals of hosts and private images, complex [n, channel_uses] each.

        draw  random generator of the keys
        """
        parts = zip(torch.split(hosts, EVALUATION_BATCH), torch.split(privates, EVALUATION_BATCH), strict=True)
        with torch.autocast(hosts.device.type, enabled=False):
            return torch.cat([self.hider.hide(host, private, self._key(draw, host)) for host, private in parts])

    def _key(self, draw: np.random.Generator, hosts: Tensor) -> HidingKey | None:
        if not self.keyed:
            return None
        order, signs = draw_hiding_key(draw, len(hosts), self.hider.places)
        return HidingKey(order.to(hosts.device), signs.to(hosts.device))


def thirds(images: Tensor) -> Iterator[Tensor]:
    """Yield three equal parts of images [n, ...]: the plain ones, the hosts and the private ones of an evaluation.

    >>> [part.tolist() for part in thirds(torch.arange(7))]
    [[0, 1], [2, 3], [4, 5]]
    """
    size = len(images) // 3
    yield from torch.split(images[: 3 * size], size)

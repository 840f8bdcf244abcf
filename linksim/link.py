"""The offline link: Alice, air and Bob as one differentiable function of tensors, without clock, sessions and worker.

    images --> [send] --> symbols --> [gain, noise, jamming] --> received symbols --> [receive] --> reconstruction
           <------------------------------------ gradient -----------------------------------------

Scheme, channel and equaliser are those of a simulated link, so equal parameters and equal noise give equal images. Each item has its own
parameters, SNR and noise, and does not depend on the rest of its batch. Gradients flow unless torch is in inference mode.

Whatever needs a link without a simulation uses this one: training through the link, Eve's copy of Alice's encoder, the adversarial jammer,
the measurement of reward tables, and attacks of the papers that take the gradient through the whole link.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from linksim.phy.baseband import ReceivedSymbols, transmit
from linksim.phy.noise import Noise, item_keys
from linksim.reconstruction import Reconstruction
from linksim.rng import StreamKey
from linksim.scenario.channel import Equaliser
from linksim.schemes.base import Scheme
from linksim.schemes.parameters import FrameParameters, uniform_parameters

NO_NOISE = Noise(torch.empty(0, 3, dtype=torch.int64))  # for a scheme that draws none; it has no items, so a draw from it does not fit


@dataclass(frozen=True, eq=False)
class LinkNoise:
    """Random draws of a batch of items at the three places where a link needs them.

    alice  draws of `Scheme.send`, one stream per item
    air    noise of the receiver
    bob    draws of `Scheme.receive`
    """

    alice: Noise
    air: Noise
    bob: Noise

    @classmethod
    def keyed(cls, keys: Iterable[StreamKey], first: int, count: int) -> "LinkNoise":
        """Return draws `first` .. `first + count - 1` of three streams, those of Alice, the air and Bob, on the CPU.

        keys   keys of the three streams, see `rng.Streams.key`
        first  number of the first item, at least 0; disjoint ranges give independent draws
        count  number of items
        """
        return cls(*(Noise(torch.from_numpy(item_keys(key, first, count).copy())) for key in keys))

    def map(self, change: Callable[[Tensor], Tensor]) -> "LinkNoise":
        """Return the noise with `change` applied to the keys [items, 3] of each place, for example to take some rows or to move them."""
        return LinkNoise(*(Noise(change(noise.keys)) for noise in (self.alice, self.air, self.bob)))


class OfflineLink:
    """A link between Alice and Bob as a function of tensors.

    scheme      scheme, or stack of schemes, that sends and receives
    equaliser   Bob's equaliser
    precision   makes the context in which the networks of the scheme run, such as an autocast

    >>> from linksim.data.image_codec import ImageCodec
    >>> from linksim.rng import Streams
    >>> from linksim.schemes.digital import Digital
    >>> link = OfflineLink(Digital(ImageCodec("jpeg", "known", 32, 32, 3), 512, 4, "1/2", iterations=20))
    >>> noise = LinkNoise.keyed(map(Streams(seed=1).key, ("alice", "air", "bob")), first=0, count=2)
    >>> found = link(torch.full((2, 1, 3, 32, 32), 0.5), uniform_parameters(0.0, items=2), torch.tensor([-10.0, 10.0]), noise)
    >>> found.erased.flatten().tolist()
    [True, False]
    """

    def __init__(
        self, scheme: Scheme, equaliser: Equaliser = "zero-forcing", precision: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> None:
        self.scheme, self.equaliser, self.precision = scheme, equaliser, precision

    def __call__(self, images: Tensor, parameters: FrameParameters, snr_db: Tensor | float, noise: LinkNoise) -> Reconstruction:
        """Return Bob's reconstruction of images that are sent over AWGN.

        images      float [items, images_per_item, c, h, w] in 0..1
        parameters  frame parameters, one row per item
        snr_db      SNR at unit power in dB, of each item [items] or of all
        noise       one random stream per item at each place
        """
        symbols = self.send(images, parameters, noise.alice)
        received = self.channel(symbols, snr_db, noise.air.complex(symbols.shape[1]))
        return self.receive(received, parameters, noise.bob)

    def send(self, images: Tensor, parameters: FrameParameters, noise: Noise = NO_NOISE) -> Tensor:
        """Return Alice's symbols, complex [items, channel_uses]; see `Scheme.send`."""
        with self.precision():
            return self.scheme.send(images, parameters, noise)

    def encode(self, images: Tensor, snr_db: float) -> Tensor:
        """Return the symbols of single images [n, c, h, w] that Alice encodes for `snr_db`, complex [n, channel_uses].

        For schemes that negotiate nothing and draw no noise, such as `schemes.deepjscc`.
        """
        images = images.contiguous(memory_format=torch.channels_last)  # the fastest layout for convolutions on a CPU
        return self.send(images[:, None], uniform_parameters(snr_db, len(images), device=images.device))

    def channel(
        self, symbols: Tensor, snr_db: Tensor | float, noise: Tensor, gain: Tensor | None = None, jamming: Tensor | None = None
    ) -> ReceivedSymbols:
        """Return the received symbols; the receiver knows gain and noise power. Arguments are those of `over_the_air`."""
        return over_the_air(symbols, snr_db, noise, gain, jamming, self.equaliser)

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise = NO_NOISE) -> Reconstruction:
        """Return Bob's reconstruction; see `Scheme.receive`."""
        with self.precision():
            return self.scheme.receive(received, parameters, noise)


def over_the_air(
    symbols: Tensor,
    snr_db: Tensor | float,
    noise: Tensor,
    gain: Tensor | None = None,
    jamming: Tensor | None = None,
    equaliser: Equaliser = "zero-forcing",
) -> ReceivedSymbols:
    """Transmit symbols, complex [items, channel_uses], and return them as received; gain and noise power are exact.

    snr_db     SNR at unit power and unit gain in dB, of each item [items] or of all: N0 = 10^(-snr_db / 10)
    noise      complex noise of unit power, of the shape of the symbols
    gain       complex [items, channel_uses] or [items, 1], or None for AWGN
    jamming    complex [items, channel_uses] as received, or None
    equaliser  equaliser of the receiver

    >>> received = over_the_air(torch.ones(1, 2, dtype=torch.complex64), 20.0, torch.tensor([[1j, -1.0]]))
    >>> received.symbols.tolist(), round(received.noise_power.item(), 3)
    ([[(1+0.10000000149011612j), (0.8999999761581421+0j)]], 0.01)
    """
    noise_power = (10 ** (-torch.as_tensor(snr_db, device=symbols.device) / 10)).expand(len(symbols))
    gain = torch.ones_like(symbols[:, :1]) if gain is None else gain
    return ReceivedSymbols(transmit(symbols, gain, noise_power, noise, jamming), gain, noise_power, equaliser)

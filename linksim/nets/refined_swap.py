"""A hider that begins as the linear swap and is refined by invertible blocks.

    host, private --> [exchange of principal components] --> [invertible blocks] --> container, lost part
                         strong host  | strong private   |
                         weak private | weak host        |

The exchange is invertible, too: the container takes the strongest components of both signals, the lost part the weakest. With the blocks at
their start, the network is the swap of `nets.linear_hiders`, so training can only improve on it. Bob's blocks estimate the lost part from
the container. The gains of the private components are trained.
"""

import torch
from torch import Tensor, nn

from linksim.nets.components import PrincipalComponents, hiding_gains, linear_estimate
from linksim.nets.hiders import HidingKey, Revealed, fold, permuted, unfold, unpermuted
from linksim.nets.invertible import SNR_RANGE_DB, InvertibleHider


class RefinedSwap(InvertibleHider):
    """The exchange of components, followed by the blocks of `InvertibleHider`.

    channels, side  real feature channels of the codec, and side of the images in pixels
    tile            side of a tile in feature positions; the default is the region of 64 x 64 pixels
    share           part of the container's power that carries the private signal at the start of the training
    blocks, hidden  number of invertible blocks, and channels inside their functions
    """

    def __init__(
        self, *, channels: int = 8, side: int = 128, tile: int = 16, share: float = 0.15, blocks: int = 8, hidden: int = 48
    ) -> None:
        super().__init__(channels=channels, side=side, blocks=blocks, hidden=hidden)
        self.components = PrincipalComponents(channels, side, tile)
        self.share, self.places = share, self.components.places
        self.gain = nn.Parameter(torch.ones(self.components.kept))

    def fit(self, signals: Tensor) -> None:
        """Fit the principal components, and set the gains of the private ones to those of the linear swap."""
        self.components.fit(signals)
        variance = self.components.kept_variance
        self.gain.data = hiding_gains(variance, self.share / (1.0 - self.share) * float(variance.sum()))

    def embed(self, host: Tensor, private: Tensor, key: HidingKey | None = None) -> tuple[Tensor, Tensor]:
        """See `InvertibleHider.embed`."""
        strong, weak = self.components.analyse(host)
        hidden, rest = self.components.analyse(private)
        swapped = self.components.synthesise(strong, permuted(self.gain * hidden, key)), self.components.synthesise(rest, weak)
        container, lost = self.forward(*(fold(signal, self.channels) for signal in swapped))
        return unfold(container), lost

    def reveal(self, symbols: Tensor, snr_db: Tensor, key: HidingKey | None = None) -> Revealed:
        """See `Hider.reveal`; the lost part is replaced by zeros at the input of the inverse blocks."""
        received = fold(symbols * self.log_gain.exp(), self.channels)
        container, lost = (unfold(part) for part in self.inverse(received, torch.zeros_like(received)))
        strong, hidden = self.components.analyse(container)
        rest, weak = self.components.analyse(lost)
        noise_power = 10 ** (-snr_db / 10) * (2.0 * self.log_gain).exp()
        estimated, error = linear_estimate(unpermuted(hidden, key), self.gain, self.components.kept_variance, noise_power)
        missing = self.components.variance[self.components.kept :].sum()
        private_db = -10.0 * ((error + missing) / (self.components.size / 2.0)).log10()
        given = torch.stack([snr_db, private_db], dim=1) * self.snr_slope + self.snr_offset_db
        host, private = self.components.synthesise(strong, weak), self.components.synthesise(estimated, rest)
        return Revealed(host, private, *given.clamp(*SNR_RANGE_DB).unbind(dim=1))

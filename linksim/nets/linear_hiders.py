"""Linear hiders, whose only fitted quantities are the principal components of channel input signals.

    linear swap    host's strongest half | private's strongest half in the places of the host's weakest half, with less power
    time-sharing   host's strongest half | private's strongest half, both with the gains that suit a receiver

Both need no training, only second moments, and every scheme that hides one signal in another must be compared with them: the swap takes the
place of components that an eavesdropper's decoder hardly uses, and time-sharing is what two images cost without a pretence of one.

Bob estimates the private components with minimum mean square error, from their known variances and the SNR.
"""

from torch import Tensor

from linksim.nets.codecs import feature_rows
from linksim.nets.components import PrincipalComponents, hiding_gains, linear_estimate
from linksim.nets.hiders import Hider, HidingKey, Revealed, permuted, unpermuted
from linksim.phy.baseband import normalise_power


class LinearHider(Hider):
    """Replaces the weakest half of the host's principal components by the private signal's strongest half.

    channels, side  real feature channels of the codec, and side of the images in pixels
    tile            side of a tile in feature positions; the default is the region of 64 x 64 pixels
    share           part of the container's power that carries the private signal, above 0 and below 1
    precoded_host   multiply the host's components by gains as the private ones (time-sharing), instead of leaving them as they are
    """

    def __init__(self, *, channels: int = 8, side: int = 128, tile: int = 16, share: float = 0.1, precoded_host: bool = False) -> None:
        super().__init__(channels, feature_rows(side, channels)[1])
        self.components = PrincipalComponents(channels, side, tile)
        self.share, self.precoded_host, self.places = share, precoded_host, self.components.places

    def fit(self, signals: Tensor) -> None:
        """Fit the principal components; see `PrincipalComponents.fit`."""
        self.components.fit(signals)

    def time_sharing(self) -> "LinearHider":
        """Return the hider with the same components that gives both signals half of the power, and gains that suit a receiver."""
        other = LinearHider(channels=self.channels, tile=self.components.tile, share=0.5, precoded_host=True)
        other.components, other.channel_uses, other.places = self.components, self.channel_uses, self.places
        return other

    def hide(self, host: Tensor, private: Tensor, key: HidingKey | None = None) -> Tensor:
        """See `Hider.hide`."""
        host_gain, gain = self._gains()
        hidden = gain * self.components.analyse(private)[0]
        strong = host_gain * self.components.analyse(host)[0]
        return normalise_power(self.components.synthesise(strong, permuted(hidden, key)))

    def reveal(self, symbols: Tensor, snr_db: Tensor, key: HidingKey | None = None) -> Revealed:
        """See `Hider.reveal`. Components that are not sent are replaced by zeros."""
        (host_gain, gain), noise_power = self._gains(), 10 ** (-snr_db / 10)
        strong, hidden = self.components.analyse(symbols)
        private, private_db = self._estimated(unpermuted(hidden, key), gain, noise_power)
        if self.precoded_host:
            host, host_db = self._estimated(strong, host_gain, noise_power)
        else:
            host, host_db = self.components.synthesise(strong / host_gain), snr_db + 20.0 * host_gain.log10().mean()
        return Revealed(host, private, host_db, private_db)

    def _gains(self) -> tuple[Tensor, Tensor]:
        """Return the gains of the host's and of the private components, real [kept] each, for a container of unit power on average."""
        variance, power = self.components.kept_variance, self.components.size / 2.0  # half of the values of a complex symbol of unit power
        private, host_power = hiding_gains(variance, self.share * power), (1.0 - self.share) * power
        host = hiding_gains(variance, host_power) if self.precoded_host else (host_power / variance.sum()).sqrt().expand_as(variance)
        return host, private

    def _estimated(self, components: Tensor, gain: Tensor, noise_power: Tensor) -> tuple[Tensor, Tensor]:
        """Return signals from noisy components [batch, tiles, kept] by their linear estimates, and the SNR of these in dB [batch]."""
        estimated, error = linear_estimate(components, gain, self.components.kept_variance, noise_power)
        lost = self.components.variance[self.components.kept :].sum()
        return self.components.synthesise(estimated), -10.0 * ((error + lost) / (self.components.size / 2.0)).log10()

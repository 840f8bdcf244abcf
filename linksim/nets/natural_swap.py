"""A linear swap whose containers have the energies of plain signals, so that a test of energies does not find them.

    host    --> strong components -----------------------------------------------------------------\\
            \\-> weak components --> their variances, and their energy in this image --\\             |
    private --> strong components --> variance 1 --> [key] --> variances and energy of the replaced --> container

The linear swap of `nets.linear_hiders` chooses the gains that suit Bob, which gives the weak components more energy than they have in plain
signals. Here each private component takes the variance of the host's component that it replaces, and all of an image together take their
energy. That is the power which a hidden signal may have if its energies must not show it, and less than Bob would choose. A detector that
is trained on many containers finds more than energies.

Bob estimates the energy from what he receives, because the energy of the private components of variance 1 is nearly their number. A
container needs no other power than the host.
"""

import torch
from torch import Tensor

from linksim.nets.components import TINY, PrincipalComponents
from linksim.nets.hiders import Hider, HidingKey, Revealed, permuted, unpermuted
from linksim.nets.linear_hiders import LinearHider
from linksim.phy.baseband import normalise_power

MIN_ENERGY = 1e-3  # of a weak component, relative to the mean over plain signals


class NaturalSwap(Hider):
    """Replaces the weaker half of the host's principal components by the private signal's stronger half, at the energies of the former.

    components    fitted components of the signals
    channel_uses  of a signal of an image of the intended size
    """

    def __init__(self, components: PrincipalComponents, channel_uses: int) -> None:
        super().__init__(components.channels, channel_uses)
        self.components, self.places = components, components.places

    @classmethod
    def of(cls, hider: LinearHider) -> "NaturalSwap":
        """Return the swap with the principal components of a linear hider."""
        return cls(hider.components, hider.channel_uses)

    def hide(self, host: Tensor, private: Tensor, key: HidingKey | None = None) -> Tensor:
        """See `Hider.hide`."""
        strong, replaced = self.components.analyse(host)
        hidden = permuted(self.components.analyse(private)[0] / self._deviations()[0], key) * self._deviations()[1]
        scale = (_energy(replaced) / _energy(hidden)).sqrt()
        return normalise_power(self.components.synthesise(strong, scale[:, None, None] * hidden))

    def reveal(self, symbols: Tensor, snr_db: Tensor, key: HidingKey | None = None) -> Revealed:
        """See `Hider.reveal`. Components that are not sent are replaced by zeros."""
        noise = 10 ** (-snr_db / 10) / 2.0
        strong, received = self.components.analyse(symbols)
        variance, natural = (deviation.square() for deviation in self._deviations())
        energy = ((_energy(received) - noise) / natural.mean()).clamp_min(MIN_ENERGY)
        sent = energy[:, None] * natural  # variance of each hidden component, [batch, kept]
        share = (sent / (sent + noise[:, None]))[:, None].expand_as(received)  # of the received energy that is not noise
        unit = unpermuted(received * share / sent.sqrt()[:, None], key)
        lost = unpermuted(1.0 - share, unsigned(key)) * variance
        missing = self.components.variance[self.components.kept :].sum()
        error = lost.sum(dim=2).mean(dim=1) + missing
        private = self.components.synthesise(unit * variance.sqrt())
        return Revealed(self.components.synthesise(strong), private, snr_db, -10.0 * (error / (self.components.size / 2.0)).log10())

    def _deviations(self) -> tuple[Tensor, Tensor]:
        """Return the standard deviations of the stronger and of the weaker half of the components, real [kept] each."""
        strong = self.components.kept_variance
        return strong.sqrt(), self.components.variance[self.components.kept :].clamp_min(TINY).sqrt()


def unsigned(key: HidingKey | None) -> HidingKey | None:
    """Return the key with the same order and all signs 1."""
    return None if key is None else key._replace(signs=torch.ones_like(key.signs))


def _energy(components: Tensor) -> Tensor:
    """Return the mean energy of the components of each item, real [batch, tiles, kept] -> [batch]."""
    return components.square().mean(dim=(1, 2))

"""Detection of covert communication: Eve tests whether a received signal is that of an image alone, or also hides another one.

    training images --> [copy of the encoder] --> plain signals --> principal components; mean and covariance of the weak bands
                                                                                 |
    received symbols --> [weaker half of the components, in bands] --> log energies, relative to plain signals --> statistic

Codecs give a few components most of the power of a signal (`nets.components`). A hidden signal needs room, so that the weak components of a
container carry more energy than those of a plain signal. Eve needs the encoder and the noise power, and has never seen a container.

Images with much detail have more energy in all weak components, which a mere sum would take for a hidden signal. The statistic is therefore
the likelihood ratio of normal log energies of `BANDS` bands, with the covariance of plain signals, against the same increase in all bands.
It has mean 0 and standard deviation 1 for plain signals, at every SNR. A test at a given false-alarm rate compares it with a quantile of
the statistic of plain signals (`threshold`); its quality without a threshold is the area under the ROC curve (`statistics.auc`).
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from linksim.attacks.model_inversion import noise_after_equalisation
from linksim.nets.components import TINY, PrincipalComponents
from linksim.phy.baseband import ReceivedSymbols, equalise

BANDS = 8  # of the weak components, with equal numbers of components
BASIS_SHARE = 0.8  # share of the plain signals to which the components are fitted; the rest gives the energies of new signals
RIDGE = 1e-4  # added to each variance of a log energy


class BandModel(NamedTuple):
    """Plain signals at one noise power.

    expected   energy of each weak component, float [components]
    mean       mean log energy of each band relative to the expected one, float [bands]
    direction  weights of the bands in the statistic, float [bands]
    """

    expected: Tensor
    mean: Tensor
    direction: Tensor


class EnergyDetector:
    """Eve's detector, fitted to plain signals.

    plain           signals of single images of unit power, complex [n, channel_uses]
    channels, side  real feature channels of the codec, and side of the images in pixels
    tile            side of a tile of principal components in feature positions

    The number of weak components, `channels tile^2 / 2`, must be a multiple of `BANDS`.
    """

    def __init__(self, plain: Tensor, channels: int, side: int, tile: int = 16) -> None:
        fitted = round(BASIS_SHARE * len(plain))
        self.components = PrincipalComponents(channels, side, tile)
        self.components.fit(plain[:fitted])
        weak = self.components.analyse(plain[fitted:])[1]
        self._tiles, self._energy = weak.shape[1], weak.square().mean(dim=1)
        self._model_at = lru_cache(maxsize=64)(self._model)

    def __call__(self, received: ReceivedSymbols) -> Tensor:
        """Return the statistic of each item, real [batch]; large values speak for a hidden signal.

        The noise power is rounded to whole dB, so that the model for a noise power is computed once.
        """
        weak, noise_db = self.components.analyse(equalise(received))[1].square().mean(dim=1), rounded_noise_db(received)
        found = weak.new_empty(len(weak))
        for level in sorted(set(noise_db.tolist())):
            expected, mean, direction = self._model_at(level)
            items = noise_db == level
            found[items] = (_bands(weak[items] / expected) - mean) @ direction
        return found

    def _model(self, noise_db: float) -> BandModel:
        """Return the model for noise of a power in dB per complex symbol, of which each real value has half.

        Noise adds to the energies, and the variance 2 N^2 + 4 N e to the energy of a value of energy e, for noise of the variance N. The
        variance of a ratio lowers the mean of its logarithm by half of it.
        """
        noise = 10 ** (noise_db / 10) / 2.0
        plain = self._energy.mean(dim=0)
        expected = plain + noise + TINY
        bands = _bands((self._energy + noise) / expected)
        of_noise = (2.0 * noise**2 + 4.0 * noise * plain) / expected.square() / self._tiles
        variance = of_noise.view(BANDS, -1).mean(dim=1) / (len(expected) / BANDS)
        covariance = bands.T.cov() + torch.diag(variance + RIDGE)
        direction = torch.linalg.solve(covariance, torch.ones_like(variance))
        return BandModel(expected, bands.mean(dim=0) - variance / 2.0, direction / direction.sum().sqrt())


def _bands(ratios: Tensor) -> Tensor:
    """Return the logarithm of the mean ratio of each band, real [batch, components] -> [batch, bands]."""
    return ratios.view(len(ratios), BANDS, -1).mean(dim=2).clamp_min(TINY).log()


class EnergyTest:
    """The detector with thresholds for a false-alarm rate.

    detector          the detector
    plain             plain signals other than those of the detector, complex [n, channel_uses]
    noise             unit noise for them, of the same shape
    false_alarm_rate  share of plain signals that a threshold takes for containers, above 0 and below 1
    """

    def __init__(self, detector: EnergyDetector, plain: Tensor, noise: Tensor, false_alarm_rate: float) -> None:
        self._detector, self._plain, self._noise, self._rate = detector, plain, noise, false_alarm_rate
        self._threshold_at = lru_cache(maxsize=64)(self._threshold)

    def __call__(self, received: ReceivedSymbols) -> tuple[Tensor, Tensor]:
        """Return statistic and threshold of each item, real [batch] each. A threshold is that of the noise power rounded to whole dB."""
        statistic = self._detector(received)
        return statistic, statistic.new_tensor([self._threshold_at(level) for level in rounded_noise_db(received).tolist()])

    def _threshold(self, noise_db: float) -> float:
        power = self._plain.real.new_full((len(self._plain),), 10 ** (noise_db / 10))
        symbols = self._plain + power.sqrt()[:, None] * self._noise
        return threshold(self._detector(ReceivedSymbols(symbols, torch.ones_like(symbols[:, :1]), power)), self._rate)


def rounded_noise_db(received: ReceivedSymbols) -> Tensor:
    """Return the noise power per equalised symbol of each item in whole dB, real [batch]."""
    return (10.0 * noise_after_equalisation(received).log10()).round()


def threshold(plain: Tensor, false_alarm_rate: float) -> float:
    """Return the threshold that a share `false_alarm_rate` of plain signals exceeds.

    plain             statistic of plain signals, real [n]
    false_alarm_rate  above 0 and below 1

    >>> threshold(torch.arange(101.0), 0.05)
    95.0
    """
    return torch.quantile(plain, 1.0 - false_alarm_rate).item()

"""The undefended link: DeepJSCC as it is.

image -> [encode for the believed SNR, unit power] -> symbols ~~~ heard -> [equalise] -> [decode for the SNR that was heard] -> image
"""

import torch
from torch import Tensor

from linksim.nets.codecs import Codec
from linksim.phy.link import Heard, equalise, reliability
from linksim.phy.noise import Noise
from linksim.schemes.terms import Belief, Terms

CODEC_RANGE_DB = (-10.0, 30.0)  # beyond it the codec is told the nearest end


class Plain:
    """Encode, radiate, equalise, decode."""

    agrees: type[Terms] = Belief
    images_per_item = 1
    checked = False

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.uses = codec.uses

    def send(self, source: Tensor, terms: Terms, noise: Noise) -> Tensor:
        assert isinstance(terms, Belief)
        return self._codec.encode(source[:, 0], torch.as_tensor(terms.snr_db).clamp(*CODEC_RANGE_DB))

    def receive(self, heard: Heard, terms: Terms, noise: Noise) -> Tensor:
        return self._codec.decode(equalise(heard), snr_after_equalising_db(heard))[:, None]


def snr_after_equalising_db(heard: Heard) -> Tensor:
    """What the decoder is told: 1 over the mean noise power of the equalised symbols, in dB. -> [batch]."""
    noise_power = (1.0 / reliability(heard).clamp_min(1e-6)).mean(dim=1)
    return (-10.0 * noise_power.clamp_min(1e-6).log10()).clamp(*CODEC_RANGE_DB)

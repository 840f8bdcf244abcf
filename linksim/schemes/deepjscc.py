"""The undefended link: DeepJSCC as it is.

image -> [encode for the believed SNR, unit power] -> symbols ~~~ received -> [equalise] -> [decode for the SNR that was received] -> image
"""

import torch
from torch import Tensor

from linksim.nets.codecs import Codec
from linksim.phy.baseband import ReceivedSymbols, equalise, post_equalisation_snr
from linksim.phy.noise import Noise
from linksim.schemes.parameters import FrameParameters, SnrEstimate

CODEC_RANGE_DB = (-10.0, 30.0)  # beyond it the codec is told the nearest end


class DeepJscc:
    """Encode, radiate, equalise, decode."""

    agrees: type[FrameParameters] = SnrEstimate
    images_per_item = 1
    checked = False

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.channel_uses = codec.channel_uses

    def send(self, source: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        assert isinstance(parameters, SnrEstimate)
        return self._codec.encode(source[:, 0], torch.as_tensor(parameters.snr_db).clamp(*CODEC_RANGE_DB))

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Tensor:
        return self._codec.decode(equalise(received), snr_after_equalising_db(received))[:, None]


def snr_after_equalising_db(received: ReceivedSymbols) -> Tensor:
    """What the decoder is told: 1 over the mean noise power of the equalised symbols, in dB. -> [batch]."""
    noise_power = (1.0 / post_equalisation_snr(received).clamp_min(1e-6)).mean(dim=1)
    return (-10.0 * noise_power.clamp_min(1e-6).log10()).clamp(*CODEC_RANGE_DB)

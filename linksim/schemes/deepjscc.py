"""The undefended link: DeepJSCC.

image -> [encode for the assumed SNR, unit power] -> symbols ~~~ received -> [equalise] -> [decode for the SNR after equalisation] -> image
"""

import torch
from torch import Tensor

from linksim.negotiation import NegotiatedParameters
from linksim.nets.codecs import Codec
from linksim.phy.baseband import ReceivedSymbols, equalise, post_equalisation_snr
from linksim.phy.noise import Noise
from linksim.reconstruction import Reconstruction
from linksim.schemes.parameters import FrameParameters, SnrEstimate

CODEC_RANGE_DB = (-10.0, 30.0)  # SNRs outside this range are clipped before they enter the codec
MIN_SNR = 1e-6  # linear; lower bound that keeps the noise power finite


class DeepJscc:
    """DeepJSCC: a neural encoder and decoder that map images to radio symbols and back.

    codec  trained encoder and decoder
    """

    Parameters: type[NegotiatedParameters] = NegotiatedParameters
    images_per_item = 1
    detects_erasures = False

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.channel_uses = codec.channel_uses

    def send(self, images: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        assert isinstance(parameters, SnrEstimate)
        return self._codec.encode(images[:, 0], torch.as_tensor(parameters.snr_db).clamp(*CODEC_RANGE_DB))

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Reconstruction:
        return Reconstruction(self._codec.decode(equalise(received), snr_after_equalising_db(received))[:, None])


def snr_after_equalising_db(received: ReceivedSymbols) -> Tensor:
    """Return the SNR that the decoder takes as input, in dB, float [batch].

    The SNR is 1 / (mean noise power of the equalised symbols) at unit transmit power, clipped to `CODEC_RANGE_DB`.
    """
    noise_power = (1.0 / post_equalisation_snr(received).clamp_min(MIN_SNR)).mean(dim=1)
    return (-10.0 * noise_power.clamp_min(MIN_SNR).log10()).clamp(*CODEC_RANGE_DB)

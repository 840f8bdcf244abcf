"""The undefended link: DeepJSCC (Bourtsoulatze, Kurka, Gunduz, 2019) with any codec of `linksim.nets`.

image -> [encode for the assumed SNR, unit power] -> symbols ~~~ received -> [equalise] -> [decode for the SNR after equalisation] -> image

Both networks of a codec may take an SNR as an input. `codec_snr_db` and `snr_after_equalising_db` compute that input for this scheme and
for the others that contain a codec, so all of them clip it in the same way.
"""

import torch
from torch import Tensor

from linksim.negotiation import NegotiatedParameters
from linksim.nets.codecs import Codec
from linksim.phy.baseband import ReceivedSymbols, equalise, post_equalisation_snr
from linksim.phy.noise import Noise
from linksim.reconstruction import Reconstruction
from linksim.schemes.parameters import FrameParameters, ItemArray, SnrEstimate

CODEC_RANGE_DB = (-10.0, 30.0)  # range of the SNR inputs of a codec; outside it the networks would extrapolate
MIN_SNR = 1e-6  # linear; keeps the mean noise power finite if a symbol has no gain


class DeepJscc:
    """DeepJSCC: a neural encoder and decoder that map images to radio symbols and back. It implements `Scheme` and draws no noise.

    codec         trained encoder and decoder
    channel_uses  complex channel uses per image, those of the codec
    """

    Parameters: type[NegotiatedParameters] = NegotiatedParameters
    images_per_item = 1
    detects_erasures = False

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.channel_uses = codec.channel_uses

    def send(self, images: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        assert isinstance(parameters, SnrEstimate)
        return self._codec.encode(images[:, 0], codec_snr_db(parameters.snr_db))

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Reconstruction:
        return Reconstruction(self._codec.decode(equalise(received), snr_after_equalising_db(received))[:, None])


def codec_snr_db(snr_db: ItemArray) -> Tensor:
    """Return SNRs as a codec takes them: in dB, float [items], clipped to `CODEC_RANGE_DB`.

    >>> codec_snr_db(torch.tensor([-40.0, 10.0, 60.0])).tolist()
    [-10.0, 10.0, 30.0]
    """
    return torch.as_tensor(snr_db).clamp(*CODEC_RANGE_DB)


def snr_after_equalising_db(received: ReceivedSymbols) -> Tensor:
    """Return the SNR that the decoder takes as input, in dB, float [batch], clipped by `codec_snr_db`.

    The SNR is 1 / (mean noise power of the equalised symbols) at unit transmit power. The noise power is averaged over the item, not the
    SNR: a few symbols in a deep fade after zero-forcing spoil the image more than their share.

    >>> gain, noise_power = torch.tensor([[2.0 + 0j]]), torch.tensor([0.04])  # |gain|^2 / N0 = 100
    >>> snr_after_equalising_db(ReceivedSymbols(torch.ones(1, 8, dtype=torch.complex64), gain, noise_power)).tolist()
    [20.0]
    """
    return codec_snr_db(-10.0 * noise_power_after_equalising(received).clamp_min(MIN_SNR).log10())


def noise_power_after_equalising(received: ReceivedSymbols) -> Tensor:
    """Return the mean noise power of the equalised symbols of each item, relative to unit transmit power, float [batch].

    >>> gain, noise_power = torch.tensor([[2.0 + 0j]]), torch.tensor([0.04])
    >>> round(noise_power_after_equalising(ReceivedSymbols(torch.ones(1, 8, dtype=torch.complex64), gain, noise_power)).item(), 6)
    0.01
    """
    return (1.0 / post_equalisation_snr(received).clamp_min(MIN_SNR)).mean(dim=1)

"""The masked VQ-VAE with uncoded QPSK (Hu et al., "Robust Semantic Communications with Masked VQ-VAE Enabled Codebook").

    image -> [encoder, nearest codewords] -> indices -> bits -> [QPSK] -> symbols
                                                                             |  air
    image <- [codebook, decoder] <---------- indices <- bits <- [decide] <- [equalise]

There is no channel code: a bit error replaces the codeword of one cell by another one, and the decoder is trained to tolerate such errors.
Every bit is radiated with the same power, so the mean power of an image is exactly one. The assumed SNR has no effect at Alice; Bob's
decoder takes the SNR after equalisation as an input.
"""

import torch
from torch import Tensor

from linksim.negotiation import NegotiatedParameters
from linksim.nets.vqvae import VqVae
from linksim.phy import qam
from linksim.phy.baseband import ReceivedSymbols, equalise
from linksim.phy.noise import Noise
from linksim.reconstruction import Reconstruction
from linksim.schemes.deepjscc import snr_after_equalising_db
from linksim.schemes.parameters import FrameParameters

QPSK = 4


class MaskedVqVae:
    """Masked VQ-VAE: codeword indices in QPSK. It implements `Scheme` and draws no noise.

    network       trained encoder, codebook and decoder
    channel_uses  complex channel uses per image, see `channel_uses`
    """

    Parameters: type[NegotiatedParameters] = NegotiatedParameters
    images_per_item = 1
    detects_erasures = False

    def __init__(self, network: VqVae) -> None:
        self._network = network
        self.channel_uses = channel_uses(network)

    def send(self, images: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        return modulate_indices(self._network.encode(images[:, 0]), self._network.bits)

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Reconstruction:
        indices = demodulate_indices(equalise(received), self._network.codes, self._network.bits)
        return Reconstruction(self._network.decode(indices, snr_after_equalising_db(received))[:, None])


def channel_uses(network: VqVae) -> int:
    """Return the number of complex channel uses per image: two bits of the codewords of all cells in each."""
    return network.rows**2 * network.codes * network.bits // qam.bits_per_symbol(QPSK)


def modulate_indices(indices: Tensor, bits: int) -> Tensor:
    """Return QPSK symbols of unit power, complex [batch, channel_uses].

    indices  int64 [batch, cells, codes] in 0..2^bits - 1
    bits     bits per index; the most significant bit is transmitted first
    """
    index_bits = (indices[..., None] >> _bit_positions(bits, indices)) & 1
    return qam.modulate(index_bits.flatten(1).to(torch.uint8), QPSK)


def demodulate_indices(symbols: Tensor, codes: int, bits: int) -> Tensor:
    """Return the indices after hard decisions, int64 [batch, cells, codes]. Inverse of `modulate_indices`.

    symbols  complex [batch, channel_uses], equalised
    codes    indices per cell
    bits     bits per index

    >>> indices = torch.tensor([[[5], [2], [7], [0]]])
    >>> torch.equal(demodulate_indices(modulate_indices(indices, 3), 1, 3), indices)
    True
    """
    index_bits = qam.decide(symbols, QPSK).long().view(len(symbols), -1, codes, bits)
    return (index_bits << _bit_positions(bits, index_bits)).sum(dim=3)


def _bit_positions(bits: int, like: Tensor) -> Tensor:
    """Return bits - 1, ..., 0 on the device of `like`."""
    return torch.arange(bits - 1, -1, -1, device=like.device)

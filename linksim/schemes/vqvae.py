"""The masked VQ-VAE in QPSK (Hu et al., "Robust Semantic Communications with Masked VQ-VAE Enabled Codebook").

    image -> [encoder, nearest codewords] -> indices -> bits -> [channel code] -> [QPSK] -> symbols
                                                                                               |  air
    image <- [codebook, decoder] <--- indices <- bits <- [decode, or decide every bit] <- [equalise]

Without a channel code a bit error replaces the codeword of one cell by another one, and the decoder is trained to tolerate such errors.
With one, the bits are protected by LDPC at rate 1/2, and the coded bits are repeated until they fill the channel uses of the network; the
code's best guess is decoded even where it found no codeword. Every bit is radiated with the same power, so the mean power of an image is
exactly one. The assumed SNR has no effect at Alice; Bob's decoder takes the SNR after equalisation as an input.
"""

from dataclasses import replace

import torch
from torch import Tensor

from linksim.negotiation import NegotiatedParameters
from linksim.nets.vqvae import VqVae
from linksim.phy import qam, ratematch
from linksim.phy.baseband import ReceivedSymbols, equalise, post_equalisation_snr
from linksim.phy.noise import Noise
from linksim.reconstruction import Reconstruction
from linksim.schemes.deepjscc import snr_after_equalising_db
from linksim.schemes.parameters import FrameParameters

QPSK = 4


class MaskedVqVae:
    """Masked VQ-VAE: codeword indices in QPSK. It implements `Scheme` and draws no noise.

    network       trained encoder, codebook and decoder
    channel_uses  complex channel uses per image
    """

    Parameters: type[NegotiatedParameters] = NegotiatedParameters
    images_per_item = 1
    detects_erasures = False

    def __init__(self, network: VqVae) -> None:
        self._network = network
        self.channel_uses = network.channel_uses

    def send(self, images: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        return modulate_indices(self._network, self._network.encode(images[:, 0]))

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Reconstruction:
        indices = demodulate_indices(self._network, received)
        return Reconstruction(self._network.decode(indices, snr_after_equalising_db(received))[:, None])


def modulate_indices(network: VqVae, indices: Tensor) -> Tensor:
    """Return QPSK symbols of unit power, complex [batch, channel_uses].

    network  gives the number of bits and the channel code
    indices  int64 [batch, cells, codes] in 0..2^bits - 1; the most significant bit is transmitted first
    """
    bits = ((indices[..., None] >> _bit_positions(network, indices)) & 1).flatten(1).to(torch.uint8)
    if network.coded:
        matching = ratematch.rate_matching(2 * bits.shape[1], "1/2")
        bits = ratematch.repeat(ratematch.encode(matching, bits), 2 * network.channel_uses)
    return qam.modulate(bits, QPSK)


def demodulate_indices(network: VqVae, received: ReceivedSymbols) -> Tensor:
    """Return the received indices, int64 [batch, cells, codes]. Inverse of `modulate_indices`.

    network   gives the number of bits and the channel code; without one, every bit is decided by itself

    >>> network, sent = VqVae(bits=3, codes=1, side=8), torch.tensor([[[5], [2], [7], [0]]])
    >>> symbols = modulate_indices(network, sent)
    >>> torch.equal(demodulate_indices(network, ReceivedSymbols(symbols, torch.ones(1, 1), torch.full((1,), 0.1))), sent)
    True
    """
    if network.coded:
        received = replace(received, equaliser="zero-forcing")  # soft demodulation needs unbiased symbols and weighs each by its noise
        llr = qam.demodulate(equalise(received), 1.0 / post_equalisation_snr(received), QPSK)
        matching = ratematch.rate_matching(2 * network.rows**2 * network.codes * network.bits, "1/2")
        bits = ratematch.decode(matching, ratematch.combine(llr, matching.capacity))
    else:
        bits = qam.decide(equalise(received), QPSK)
    index_bits = bits.long().view(len(bits), -1, network.codes, network.bits)
    return (index_bits << _bit_positions(network, index_bits)).sum(dim=3)


def _bit_positions(network: VqVae, like: Tensor) -> Tensor:
    """Return bits - 1, ..., 0 on the device of `like`."""
    return torch.arange(network.bits - 1, -1, -1, device=like.device)

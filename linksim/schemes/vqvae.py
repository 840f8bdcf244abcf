"""The masked VQ-VAE on the air (Hu et al., "Robust Semantic Communications with Masked VQ-VAE Enabled Codebook"): indices in bare QPSK.

    image -> [encoder, nearest codewords] -> indices -> bits -> [QPSK] -> symbols
                                                                             |  air
    image <- [codebook, decoder] <---------- indices <- bits <- [decide] <- [equalise]

No code protects the bits: a wrong index is a wrong codeword of one cell, and the decoder has learnt to live with those. Every bit is
radiated at the same power, so an image's mean power is one exactly. The SNR that Alice believes in changes nothing.
"""

import torch
from torch import Tensor

from linksim.nets.vqvae import VqVae
from linksim.phy import qam
from linksim.phy.baseband import ReceivedSymbols, equalise
from linksim.phy.noise import Noise
from linksim.schemes.deepjscc import snr_after_equalising_db
from linksim.schemes.parameters import FrameParameters, SnrEstimate

QPSK = 4


class MaskedVqVae:
    """Encode, name the codewords, radiate; equalise, decide, look up, decode."""

    agrees: type[FrameParameters] = SnrEstimate
    images_per_item = 1
    checked = False

    def __init__(self, network: VqVae) -> None:
        self._network = network
        self.channel_uses = channel_uses(network)

    def send(self, source: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        return modulated(self._network.encode(source[:, 0]), self._network.bits)

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Tensor:
        indices = decided(equalise(received), self._network.codes, self._network.bits)
        return self._network.decode(indices, snr_after_equalising_db(received))[:, None]


def channel_uses(network: VqVae) -> int:
    """Complex channel uses per image."""
    return network.rows**2 * network.codes * network.bits // qam.bits_per_symbol(QPSK)


def modulated(indices: Tensor, bits: int) -> Tensor:
    """Indices int64 [batch, cells, codes], each of `bits` bits, the highest first -> symbols complex [batch, uses] of unit power."""
    each = (indices[..., None] >> places(bits, indices)) & 1
    return qam.modulate(each.flatten(1).to(torch.uint8), QPSK)


def decided(symbols: Tensor, codes: int, bits: int) -> Tensor:
    """Undo `modulated` by the nearest point of each symbol. Equalised symbols complex [batch, uses] -> int64 [batch, cells, codes]."""
    each = qam.decide(symbols, QPSK).long().view(len(symbols), -1, codes, bits)
    return (each << places(bits, each)).sum(dim=3)


def places(bits: int, like: Tensor) -> Tensor:
    """bits - 1 .. 0, on the device of `like`."""
    return torch.arange(bits - 1, -1, -1, device=like.device)

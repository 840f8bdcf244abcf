"""The digital baseline: separate source coding and channel coding (Shannon's separation).

    image -> [compress to fit] -> [length, CRC-32] -> [whiten] -> [LDPC] -> [QAM] -> symbols
                                                                              |  air
    image <- [decompress]      <- [check CRC-32]   <- [whiten] <- [LDPC] <- [soft bits] <- [equalise]

Each image has its own codewords and its own checksum, so images are decoded or lost independently of each other. Above the SNR that the
code needs, the receiver obtains exactly the compressed image, and a higher SNR does not improve it. Below that SNR the image is lost. This
is the cliff effect. A lost image is *erased*: the receiver knows about it, may request the frame again (ARQ), and otherwise shows grey.

    payload   floor(rate * coded bits): length (2 bytes), data, zeros, CRC-32 of all these (4 bytes), spare bits
    coded     floor(bits per symbol * channel uses / repetition) bits, repeated in turn until the channel uses are full
    whiten    exclusive or with a sequence known to both ends, so that a payload of zeros also has mean power one

The mean power over the constellation is one. It is exactly one in every QPSK frame; in 16-QAM it fluctuates as the mean over a few hundred
random symbols does.

Limitation of the comparison: at 32 x 32 pixels a JPEG or WebP file consists mostly of headers. `ImageCodec.headers` says whether the
headers that both ends know in advance are transmitted (see `linksim.data.image_codec`).
"""

import zlib
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.data.image_codec import ImageCodec
from linksim.errors import DataError
from linksim.negotiation import NegotiatedParameters
from linksim.phy import qam, ratematch
from linksim.phy.baseband import ReceivedSymbols, equalise, post_equalisation_snr
from linksim.phy.noise import Noise
from linksim.reconstruction import Reconstruction
from linksim.schemes.parameters import FrameParameters

LENGTH_BYTES, CRC_BYTES = 2, 4


class Digital:
    """Image compression, LDPC coding and QAM.

    image_codec   compresses the images
    channel_uses  complex channel uses per image
    order         number of constellation points, 4 or 16
    rate          rate of the LDPC code: "1/2", "2/3", "3/4" or "5/6"
    iterations    largest number of iterations of the LDPC decoder
    repetition    number of times that every coded bit is sent, at least 1; the receiver adds the soft bits

    The attribute `budget` is the largest size of a compressed image, in bytes: what the payload leaves after length and checksum. It is
    negative if the payload does not even hold these. The assumed SNR has no effect, and no noise is drawn.
    """

    Parameters: type[NegotiatedParameters] = NegotiatedParameters
    images_per_item = 1
    detects_erasures = True

    def __init__(self, image_codec: ImageCodec, channel_uses: int, order: int, rate: str, iterations: int, repetition: int = 1) -> None:
        self.channel_uses, self._image_codec, self._order, self._iterations = channel_uses, image_codec, order, iterations
        self._sent_bits = channel_uses * qam.bits_per_symbol(order)
        self._fit = ratematch.rate_matching(self._sent_bits // repetition, rate)
        self._bytes = self._fit.payload // 8
        self.budget = self._bytes - LENGTH_BYTES - CRC_BYTES

    def send(self, images: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        pixels = (images[:, 0] * 255.0).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        packed = np.stack([pack(self._image_codec.compress(image, self.budget), self._bytes) for image in pixels])
        bits = np.zeros((len(packed), self._fit.payload), np.uint8)
        bits[:, : 8 * self._bytes] = np.unpackbits(packed, axis=1)
        coded = ratematch.encode(self._fit, torch.from_numpy(bits ^ whitening_sequence(self._fit.payload)).to(images.device))
        return qam.modulate(ratematch.repeat(coded, self._sent_bits), self._order)

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Reconstruction:
        received = replace(received, equaliser="zero-forcing")  # soft demodulation needs unbiased symbols and weighs each by its noise
        llr = qam.demodulate(equalise(received), 1.0 / post_equalisation_snr(received), self._order)
        coded = ratematch.combine(llr, self._fit.capacity)
        bits = ratematch.decode(self._fit, coded, self._iterations).cpu().numpy() ^ whitening_sequence(self._fit.payload)
        packed = np.packbits(bits[:, : 8 * self._bytes], axis=1)
        unpacked = [self._unpack_image(row.tobytes()) for row in packed]
        erased = torch.tensor([image is None for image in unpacked], device=llr.device)[:, None]
        shape = self._image_codec.height, self._image_codec.width, self._image_codec.colours
        pixels = np.stack([np.zeros(shape, np.float32) if image is None else image for image in unpacked])
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2)[:, None]
        return Reconstruction(images.to(llr.device), erased=erased)

    def _unpack_image(self, packed: bytes) -> NDArray[np.float32] | None:
        """Return the image of a payload, float32 [h, w, c] in 0..1, or None if the payload is damaged."""
        codec, data = self._image_codec, unpack(packed)
        if data is not None:
            with suppress(DataError):  # a CRC-32 accepts a damaged payload with probability 2^-32
                return codec.decompress(data).astype(np.float32) / np.float32(255.0)
        return None


def pack(data: bytes, size: int) -> NDArray[np.uint8]:
    """Return a payload, uint8 [size]: length (2 bytes, big-endian), data, zeros, CRC-32 (4 bytes, big-endian).

    data  compressed image of at most `size` - 6 bytes
    size  number of bytes of the payload

    >>> pack(b"ab", 9)[:5].tolist()
    [0, 2, 97, 98, 0]
    """
    content = (len(data).to_bytes(LENGTH_BYTES, "big") + data).ljust(size - CRC_BYTES, b"\0")
    return np.frombuffer(content + zlib.crc32(content).to_bytes(CRC_BYTES, "big"), np.uint8)


def unpack(packed: bytes) -> bytes | None:
    """Return the data of a payload, or None if its checksum is wrong. Inverse of `pack`.

    >>> unpack(pack(b"ab", 9).tobytes())
    b'ab'
    """
    content, checksum = packed[:-CRC_BYTES], packed[-CRC_BYTES:]
    if zlib.crc32(content).to_bytes(CRC_BYTES, "big") != checksum:
        return None
    return content[LENGTH_BYTES : LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "big")]


@lru_cache(maxsize=64)
def whitening_sequence(count: int) -> NDArray[np.uint8]:
    """Return the whitening sequence, uint8 [count] of 0 and 1, read-only.

    It consists of raw Philox output, which numpy guarantees to be the same in all versions.
    """
    words = np.random.Philox(key=1).random_raw(-(-count // 64)).astype("<u8")
    bits = np.unpackbits(words.view(np.uint8))[:count]
    bits.setflags(write=False)
    return bits

"""The digital baseline: image coding and channel coding one after the other, each blind to the other (Shannon's separation).

    image -> [compress to fit] -> [length, CRC-32] -> [whiten] -> [LDPC] -> [QAM] -> symbols
                                                                              |  air
    image <- [decompress]      <- [CRC-32 right?]  <- [whiten] <- [LDPC] <- [soft bits] <- [equalise]

An image is a codeword of its own (or several), with its own checksum, so it stands or falls alone. Above the SNR that its code needs it
comes back exactly as it was compressed, and no better SNR makes it better; below, nothing comes back: the cliff.

    payload   floor(rate * bits per symbol * uses) bits: length (2 bytes), data, zeros, CRC-32 of all these (4 bytes), spare bits
    whiten    exclusive or with a sequence that all know, so that zeros too are radiated at mean power one

Mean power is one over the constellation: exactly so in every QPSK frame, and within what a few hundred random symbols give in 16-QAM.

Unfair to this scheme, and meant to be known: at 32 x 32 pixels a JPEG or WebP file is more header than image. `ImageCodec.headers` says
whether what both ends know beforehand travels (see `linksim.data.image_codec`).
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
from linksim.phy import qam, ratematch
from linksim.phy.baseband import ReceivedSymbols, equalise, post_equalisation_snr
from linksim.phy.noise import Noise
from linksim.schemes.parameters import FrameParameters, SnrEstimate

LENGTH_BYTES, CRC_BYTES = 2, 4


class Digital:
    """Compress, protect, modulate, and back.

    coding      of the images
    uses        complex channel uses per image
    order       points of the constellation, 4 or 16
    rate        of the channel code: "1/2", "2/3", "3/4" or "5/6"
    iterations  most sweeps of the LDPC decoder

    `budget` is what an image may take, in bytes.
    """

    agrees: type[FrameParameters] = SnrEstimate
    images_per_item = 1
    checked = True

    def __init__(self, coding: ImageCodec, channel_uses: int, order: int, rate: str, iterations: int) -> None:
        self.channel_uses, self._coding, self._order, self._iterations = channel_uses, coding, order, iterations
        self._fit = ratematch.fit(channel_uses * qam.bits_per_symbol(order), rate)
        self._bytes = self._fit.payload // 8
        self.budget = self._bytes - LENGTH_BYTES - CRC_BYTES

    def send(self, source: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        pixels = (source[:, 0] * 255.0).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        packed = np.stack([pack(self._coding.compress(image, self.budget), self._bytes) for image in pixels])
        bits = np.zeros((len(packed), self._fit.payload), np.uint8)
        bits[:, : 8 * self._bytes] = np.unpackbits(packed, axis=1)
        coded = ratematch.encode(self._fit, torch.from_numpy(bits ^ white(self._fit.payload)).to(source.device))
        return qam.modulate(coded, self._order)

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Tensor:
        received = replace(received, equaliser="zero-forcing")  # soft bits weigh every symbol by its own noise, and want it without bias
        llr = qam.demodulate(equalise(received), 1.0 / post_equalisation_snr(received), self._order)
        bits = ratematch.decode(self._fit, llr, self._iterations).cpu().numpy() ^ white(self._fit.payload)
        packed = np.packbits(bits[:, : 8 * self._bytes], axis=1)
        pixels = torch.from_numpy(np.stack([self._image(row.tobytes()) for row in packed])).to(llr.device)
        return pixels.permute(0, 3, 1, 2)[:, None]

    def _image(self, packed: bytes) -> NDArray[np.float32]:
        """A payload -> float32 [h, w, c] in 0..1, NaN where it is damaged."""
        coding, data = self._coding, unpack(packed)
        if data is not None:
            with suppress(DataError):  # a checksum of four bytes is right by chance once in four thousand million
                return coding.decompress(data).astype(np.float32) / np.float32(255.0)
        return np.full((coding.height, coding.width, coding.colours), np.nan, np.float32)


def pack(data: bytes, size: int) -> NDArray[np.uint8]:
    """Data -> uint8 [size]: length, data, zeros, checksum. The data leave six bytes of `size`."""
    content = (len(data).to_bytes(LENGTH_BYTES, "big") + data).ljust(size - CRC_BYTES, b"\0")
    return np.frombuffer(content + zlib.crc32(content).to_bytes(CRC_BYTES, "big"), np.uint8)


def unpack(packed: bytes) -> bytes | None:
    """Undo `pack`; None where the checksum is wrong."""
    content, checksum = packed[:-CRC_BYTES], packed[-CRC_BYTES:]
    if zlib.crc32(content).to_bytes(CRC_BYTES, "big") != checksum:
        return None
    return content[LENGTH_BYTES : LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "big")]


@lru_cache(maxsize=64)
def white(count: int) -> NDArray[np.uint8]:
    """The whitening sequence, uint8 [count] of 0 and 1, read-only. Drawn from Philox's raw bits, which numpy promises to keep."""
    words = np.random.Philox(key=1).random_raw(-(-count // 64)).astype("<u8")
    bits = np.unpackbits(words.view(np.uint8))[:count]
    bits.setflags(write=False)
    return bits

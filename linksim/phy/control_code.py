"""The code of control messages: LDPC of rate 1/2, shortened, interleaved, on QPSK. One message at a time, so in numpy where it can be.

    bytes --> blocks (`scenario.control_size`) --> message and parity bits of each --> interleaver --> QPSK

Encoding is linear: the parity bits of a message are the sum (exclusive or) of those of its bytes, each looked up by place and value. A
receiver tries that first: where the parity bits of the bytes as received are the parity bits as received, nothing is left to decode.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from linksim.phy import ldpc
from linksim.phy.control import Symbols
from linksim.scenario.control_size import blocks, coded_bits

GOLDEN = (math.sqrt(5) - 1) / 2

_POINTS = np.array([1 + 1j, -1 + 1j, 1 - 1j, -1 - 1j], np.complex64) / np.float32(math.sqrt(2))  # as in `phy.qam`, the first bit counts one


class LdpcQpsk:
    """The coding that control messages have unless a scenario says otherwise."""

    def modulate(self, raw: bytes) -> NDArray[np.complex64]:
        parts: list[NDArray[np.uint8]] = []
        for n, block in _cut(raw):
            parts += [np.unpackbits(block), np.unpackbits(parity(n, block), count=n // 2)]
        bits = np.concatenate(parts)[order(len(raw))]
        symbols: NDArray[np.complex64] = _POINTS[bits[::2] + 2 * bits[1::2]]
        return symbols

    def demodulate(self, trust: Symbols, size: int) -> bytes:
        places = order(size)
        llr = np.empty(len(places), np.float32)
        llr[places] = np.ascontiguousarray(trust, np.complex64).view(np.float32)
        llr *= np.float32(2 * math.sqrt(2))  # of a bit sent as +-1/sqrt(2) in its dimension: 4 / sqrt(2) of the trust
        found, start = b"", 0
        for n, part in blocks(size):
            end = start + 8 * part + n // 2
            found += _decoded(n, part, llr[start:end])
            start = end
        return found


def _cut(raw: bytes) -> list[tuple[int, NDArray[np.uint8]]]:
    """The blocks of a message: bits of the code, bytes uint8 [part]."""
    whole, found, start = np.frombuffer(raw, np.uint8), [], 0
    for n, part in blocks(len(raw)):
        found.append((n, whole[start : start + part]))
        start += part
    return found


def _decoded(n: int, part: int, llr: NDArray[np.float32]) -> bytes:
    """The `part` bytes of a block from the ratios of its bits, float32 [8 * part + n / 2]."""
    received = llr < 0
    block = np.packbits(received[: 8 * part])
    if np.array_equal(parity(n, block), np.packbits(received[8 * part :])):
        return block.tobytes()
    code = ldpc.code(n, "1/2")
    whole = np.full((1, n), ldpc.LARGEST_LLR, np.float32)  # what was not sent is zero
    whole[0, : 8 * part], whole[0, code.k :] = llr[: 8 * part], llr[8 * part :]
    bits = ldpc.decode(code, torch.from_numpy(whole)).bits[0, : 8 * part]
    return np.packbits(bits.numpy()).tobytes()


@lru_cache(maxsize=1024)
def order(size: int) -> NDArray[np.int64]:
    """The interleaver: bit order[p] of a message of `size` bytes travels at place p. int64 [coded bits], read-only.

    Steps of the golden section, taken up to the next that has no factor in common with the whole: a burst of any length hits bits that
    lie as far apart as so many can, in all blocks.
    """
    bits = coded_bits(size)
    step = math.ceil(GOLDEN * bits)
    while math.gcd(step, bits) > 1:
        step += 1
    places: NDArray[np.int64] = np.arange(bits) * step % bits
    places.setflags(write=False)
    return places


def parity(n: int, block: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Parity bits of the codeword that begins with these bytes and goes on with zeros: uint8 [n / 16, rounded up], packed."""
    found: NDArray[np.uint8] = np.bitwise_xor.reduce(_parities(n)[np.arange(len(block)), block], axis=0)
    return found


@lru_cache(maxsize=3)
def _parities(n: int) -> NDArray[np.uint8]:
    """Packed parity bits of each value of each byte alone: uint8 [bytes, 256, n / 16, rounded up]."""
    code = ldpc.code(n, "1/2")
    alone = np.packbits(ldpc.encode(code, torch.eye(code.k, dtype=torch.uint8))[:, code.k :].numpy(), axis=1)
    alone = alone[: code.k // 8 * 8].reshape(-1, 8, alone.shape[1])
    table = np.zeros((len(alone), 256, alone.shape[2]), np.uint8)
    for bit in range(8):  # those of values below 2^(bit + 1) from those below 2^bit
        table[:, 1 << bit : 2 << bit] = table[:, : 1 << bit] ^ alone[:, None, 7 - bit]
    return table

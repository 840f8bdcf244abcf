"""The channel code of control messages: LDPC of rate 1/2, shortened and interleaved, on QPSK.

    bytes --> blocks (`scenario.control_size`) --> message and parity bits of each block --> interleaver --> QPSK

Encoding is linear: the parity bits of a message are the exclusive or of the parity bits of its bytes, which are looked up by position and
value. The receiver first checks whether the parity bits of the received bytes equal the received parity bits. Only if they differ, the
block needs the iterative decoder. It is a promise of the worker then: messages of several links that end at the same instant are decoded in
one batch.

The codes are those of `phy.ldpc`. A block is shortened: the unused message bits are zero and not sent, but all parity bits are, so the
rate of a short message is below 1/2.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from linksim.phy import ldpc
from linksim.phy.control import Symbols
from linksim.scenario.control_size import blocks, coded_bits
from linksim.worker import Operation, Worker

GOLDEN = (math.sqrt(5) - 1) / 2  # golden section

_POINTS = np.array([1 + 1j, -1 + 1j, 1 - 1j, -1 - 1j], np.complex64) / np.float32(math.sqrt(2))  # as `phy.qam`; the first bit has value 1


class LdpcQpsk:
    """The default coding of control messages: LDPC of rate 1/2 on QPSK. It implements `phy.control.Coding`.

    >>> coding = LdpcQpsk()
    >>> symbols = coding.modulate(b"HELLO")
    >>> len(symbols)  # (40 message bits + 324 parity bits) / 2
    182
    >>> symbols[::20] *= -1  # ten symbols are received with the opposite sign
    >>> coding.demodulate(symbols / 0.5, 5, Worker())()  # combined symbols are in units of the noise power
    b'HELLO'
    """

    def modulate(self, raw: bytes) -> NDArray[np.complex64]:
        """Symbols of unit power, complex64 [coded bits / 2], with the mapping of `phy.qam`. `control_size.coded_bits` gives their number.

        raw  message of any length
        """
        parts: list[NDArray[np.uint8]] = []
        for n, block in _split_blocks(raw):
            parts += [np.unpackbits(block), np.unpackbits(parity(n, block), count=n // 2)]
        bits = np.concatenate(parts)[interleaver(len(raw))]
        symbols: NDArray[np.complex64] = _POINTS[bits[::2] + 2 * bits[1::2]]
        return symbols

    def demodulate(self, combined: Symbols, size: int, worker: Worker) -> Callable[[], bytes]:
        """See `phy.control.Coding.demodulate`; `combined` is complex [coded bits / 2]."""
        places = interleaver(size)
        llr = np.empty(len(places), np.float32)
        llr[places] = np.ascontiguousarray(combined, np.complex64).view(np.float32)
        llr *= np.float32(2 * math.sqrt(2))  # a bit is sent as +-1/sqrt(2) per dimension: 4 / sqrt(2) times the combined value
        found, start = list[Callable[[], bytes]](), 0
        for n, part in blocks(size):
            end = start + 8 * part + n // 2
            found.append(_decode_block(n, part, llr[start:end], worker))
            start = end
        return lambda: b"".join(block() for block in found)


def _split_blocks(raw: bytes) -> list[tuple[int, NDArray[np.uint8]]]:
    """The blocks of a message: codeword length in bits, and message bytes uint8 [part]."""
    whole, found, start = np.frombuffer(raw, np.uint8), [], 0
    for n, part in blocks(len(raw)):
        found.append((n, whole[start : start + part]))
        start += part
    return found


def _decode_block(n: int, part: int, llr: NDArray[np.float32], worker: Worker) -> Callable[[], bytes]:
    """A function that returns the `part` bytes of a block, from the log-likelihood ratios of its bits, float32 [8 * part + n / 2]."""
    received = llr < 0
    block = np.packbits(received[: 8 * part])
    if np.array_equal(parity(n, block), np.packbits(received[8 * part :])):
        return block.tobytes
    whole = np.full((1, n), ldpc.MAX_LLR, np.float32)  # shortened bits are known to be 0
    whole[0, : 8 * part], whole[0, n // 2 :] = llr[: 8 * part], llr[8 * part :]
    decoded = worker.promise(decoder(n), whole)
    return lambda: np.packbits(worker.value(decoded)[0, : 8 * part].cpu().numpy()).tobytes()


@lru_cache(maxsize=3)
def decoder(n: int) -> Operation:
    """(log-likelihood ratios of codewords of n bits, float32 [blocks, n]) -> message bits, uint8 [blocks, n / 2].

    They are decoded on the CPU, because events depend on them, and runs on a GPU are to have the same events.
    """

    def run(llr: torch.Tensor) -> torch.Tensor:
        return ldpc.decode(ldpc.code(n, "1/2"), llr.cpu()).bits.to(llr.device)

    return Operation("decode_control", run, ldpc.BATCH_SIZE)


@lru_cache(maxsize=1024)
def interleaver(size: int) -> NDArray[np.int64]:
    """The interleaver of a message of `size` bytes, int64 [coded bits], read-only: position p carries bit interleaver(size)[p].

    Position p carries bit p * step modulo the length. The step is the golden section of the length, increased to the next number coprime
    to the length. A burst of any length then hits bits that are spread nearly evenly over all blocks.

    >>> interleaver(5)[:4].tolist()
    [0, 225, 86, 311]
    """
    bits = coded_bits(size)
    step = math.ceil(GOLDEN * bits)
    while math.gcd(step, bits) > 1:
        step += 1
    places: NDArray[np.int64] = np.arange(bits) * step % bits
    places.setflags(write=False)
    return places


def parity(n: int, block: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Packed parity bits of a shortened codeword, uint8 [ceil(n / 16)].

    n      length of the codeword in bits, 648, 1296 or 1944
    block  message bytes uint8 [part], at most n / 16; the rest of the message is zero
    """
    found: NDArray[np.uint8] = np.bitwise_xor.reduce(_parities(n)[np.arange(len(block)), block], axis=0)
    return found


@lru_cache(maxsize=3)
def _parities(n: int) -> NDArray[np.uint8]:
    """Packed parity bits of every value of every single byte: uint8 [bytes, 256, ceil(n / 16)]."""
    code = ldpc.code(n, "1/2")
    single = np.packbits(ldpc.encode(code, torch.eye(code.k, dtype=torch.uint8))[:, code.k :].numpy(), axis=1)
    single = single[: code.k // 8 * 8].reshape(-1, 8, single.shape[1])
    table = np.zeros((len(single), 256, single.shape[2]), np.uint8)
    for bit in range(8):  # values below 2^(bit + 1) follow from values below 2^bit
        table[:, 1 << bit : 2 << bit] = table[:, : 1 << bit] ^ single[:, None, 7 - bit]
    return table

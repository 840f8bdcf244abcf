"""Rate matching: codewords that fill a given number of bits exactly, by shortening and puncturing as in IEEE 802.11 (LDPC PPDU encoding).

    payload --> [zeros at the shortened positions] --> LDPC --> [remove these zeros and the punctured parity bits] --> capacity bits

A codeword has 648, 1296 or 1944 bits, whereas a frame carries some other number E of bits. The standard takes the codewords of `lengths`,
N bits in total. Shortened message bits are zero, known to both ends and not transmitted; punctured parity bits are not transmitted and
unknown to the receiver. For a payload of R * E bits, the share R of the N - E excess bits is shortened and the share 1 - R is punctured,
which preserves the rate R. Both are distributed evenly over the codewords.

At a low SNR the coded bits are sent several times, in turn. The receiver adds the log-likelihood ratios of the copies, which are
independent observations of the same bit.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from linksim.phy import ldpc

LONGEST = 1944  # bits of the longest codeword


@dataclass(frozen=True, eq=False)
class RateMatching:
    """Positions of a payload and its codewords within a number of transmitted bits.

    code         code of each codeword
    capacity     number of transmitted bits, E
    payload      number of payload bits
    message      int64 [payload], positions of the payload bits in the concatenated messages
    transmitted  int64 [capacity], positions of the transmitted bits in the concatenated codewords
    shortened    int64 [number of shortened bits], positions of the known zeros in the concatenated codewords
    """

    code: ldpc.LdpcCode
    capacity: int
    payload: int
    message: Tensor
    transmitted: Tensor
    shortened: Tensor

    @property
    def codewords(self) -> int:
        """Number of codewords."""
        return lengths(self.capacity)[0]


def lengths(capacity: int) -> tuple[int, int]:
    """Number and length of the codewords for `capacity` bits: table "PPDU encoding parameters" of the standard, for a payload of R * E.

    >>> lengths(2000)
    (2, 1296)
    """
    for number, length in ((1, 648), (1, 1296), (1, LONGEST), (2, 1296)):
        if capacity <= number * length:
            return number, length
    return math.ceil(capacity / LONGEST), LONGEST


@lru_cache(maxsize=64)
def rate_matching(capacity: int, rate: str) -> RateMatching:
    """The rate matching for a number of bits. Repeated calls return the same object.

    capacity  number of bits that a frame carries, at least 1
    rate      code rate, "1/2", "2/3", "3/4" or "5/6"; the payload is floor(rate * capacity) bits

    Raises ValueError for no capacity or another rate.

    >>> matching = rate_matching(1000, "1/2")
    >>> matching.code.n, matching.payload, len(matching.shortened)  # 296 excess bits: 148 shortened, 148 punctured
    (1296, 500, 148)
    """
    if capacity < 1:
        raise ValueError(f"the capacity of a frame must be at least 1 bit, got {capacity}")
    number, length = lengths(capacity)
    code = ldpc.code(length, rate)
    payload = math.floor(capacity * Fraction(rate))
    message_bits, parity_bits = split_evenly(payload, number), split_evenly(capacity - payload, number)
    message = torch.cat([word * code.k + torch.arange(count) for word, count in enumerate(message_bits)])
    positions = [
        torch.cat([torch.arange(count), code.k + torch.arange(kept)]) for count, kept in zip(message_bits, parity_bits, strict=True)
    ]
    transmitted = torch.cat([word * length + position for word, position in enumerate(positions)])
    shortened = torch.cat([word * length + torch.arange(count, code.k) for word, count in enumerate(message_bits)])
    return RateMatching(code, capacity, payload, message, transmitted, shortened)


def split_evenly(total: int, parts: int) -> list[int]:
    """A total split into parts that differ by at most one, the larger ones first.

    >>> split_evenly(7, 3)
    [3, 2, 2]
    """
    return [total // parts + (part < total % parts) for part in range(parts)]


def encode(matching: RateMatching, bits: Tensor) -> Tensor:
    """Payloads uint8 [b, payload] -> transmitted bits uint8 [b, capacity]: message bits, then parity bits, codeword by codeword."""
    b, code = len(bits), matching.code
    messages = bits.new_zeros(b, matching.codewords * code.k)
    messages[:, matching.message.to(bits.device)] = bits
    return ldpc.encode(code, messages.view(-1, code.k)).view(b, -1)[:, matching.transmitted.to(bits.device)]


def decode(matching: RateMatching, llr: Tensor, iterations: int = 20) -> Tensor:
    """Log-likelihood ratios float32 [b, capacity] -> decoded payloads uint8 [b, payload], which a checksum must verify.

    llr         log P(0) / P(1) of the transmitted bits, in the order of `encode`
    iterations  largest number of decoder iterations

    >>> matching = rate_matching(1000, "3/4")
    >>> payload = torch.arange(750, dtype=torch.uint8)[None] % 2
    >>> torch.equal(decode(matching, 4.0 - 8.0 * encode(matching, payload).float()), payload)
    True
    """
    b, code = len(llr), matching.code
    known = llr.new_zeros(b, matching.codewords * code.n)
    known[:, matching.shortened.to(llr.device)] = ldpc.MAX_LLR
    known[:, matching.transmitted.to(llr.device)] = llr
    bits = ldpc.decode(code, known.view(-1, code.n), iterations).bits
    return bits.view(b, -1)[:, matching.message.to(llr.device)]


def repeat(bits: Tensor, count: int) -> Tensor:
    """Coded bits uint8 [b, capacity] -> sent bits uint8 [b, count]: the coded bits in turn, until there are `count`, at least `capacity`.

    >>> repeat(torch.tensor([[0, 1, 1]], dtype=torch.uint8), 7).tolist()
    [[0, 1, 1, 0, 1, 1, 0]]
    """
    return bits.repeat(1, -(-count // bits.shape[1]))[:, :count]


def combine(llr: Tensor, capacity: int) -> Tensor:
    """Log-likelihood ratios of the sent bits, float32 [b, count] -> those of the coded bits, [b, capacity]: the sums over all copies.

    >>> combine(torch.tensor([[1.0, -2.0, 3.0, 0.5, -2.0, 3.0, 1.0]]), 3).tolist()
    [[2.5, -4.0, 6.0]]
    """
    rounds = -(-llr.shape[1] // capacity)
    return functional.pad(llr, (0, rounds * capacity - llr.shape[1])).view(len(llr), rounds, capacity).sum(dim=1)

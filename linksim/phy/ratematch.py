"""Codewords that fill a given number of bits exactly: shortening and puncturing as in IEEE 802.11 (LDPC PPDU encoding process).

    payload --> [zeros into the shortened places] --> LDPC --> [drop those zeros and the punctured parity] --> as many bits as there is room

A code has 648, 1296 or 1944 bits; a frame has room for some other number E. The standard takes the codewords of `lengths`, together N
bits, of which the payload leaves some message bits zero (known, so they need not travel) and some parity bits stay at home (unknown at
the receiver). With a payload of R * E bits both fall into place: of the N - E bits too many, the share R is shortened and 1 - R punctured,
which keeps the rate R. Both are spread evenly over the codewords.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import torch
from torch import Tensor

from linksim.phy import ldpc

LONGEST = 1944


@dataclass(frozen=True, eq=False)
class Fit:
    """How a payload and its codewords fill the room.

    code      of each codeword
    room      bits that travel, E
    payload   bits of the payload
    message   int64 [payload], places of its bits in all messages, one after the other
    sent      int64 [room], places of the bits that travel in all codewords, one after the other
    shortened  int64 [...], likewise, of the zeros that both ends know
    """

    code: ldpc.Code
    room: int
    payload: int
    message: Tensor
    sent: Tensor
    shortened: Tensor

    @property
    def codewords(self) -> int:
        return lengths(self.room)[0]


def lengths(room: int) -> tuple[int, int]:
    """(number, length) of the codewords for so many bits: Table "PPDU encoding parameters" of the standard, for a payload of R * E."""
    for number, length in ((1, 648), (1, 1296), (1, LONGEST), (2, 1296)):
        if room <= number * length:
            return number, length
    return math.ceil(room / LONGEST), LONGEST


@lru_cache(maxsize=64)
def fit(room: int, rate: str) -> Fit:
    """The fit for `room` bits, at the rate "1/2", "2/3", "3/4" or "5/6". Raises ValueError for no room or another rate."""
    if room < 1:
        raise ValueError(f"a frame has room for one bit or more, got {room}")
    number, length = lengths(room)
    code = ldpc.code(length, rate)
    payload = math.floor(room * Fraction(rate))
    full, parity = split_evenly(payload, number), split_evenly(room - payload, number)
    message = torch.cat([word * code.k + torch.arange(count) for word, count in enumerate(full)])
    places = [torch.cat([torch.arange(count), code.k + torch.arange(kept)]) for count, kept in zip(full, parity, strict=True)]
    sent = torch.cat([word * length + place for word, place in enumerate(places)])
    shortened = torch.cat([word * length + torch.arange(count, code.k) for word, count in enumerate(full)])
    return Fit(code, room, payload, message, sent, shortened)


def split_evenly(total: int, parts: int) -> list[int]:
    """A total in even parts, the larger first."""
    return [total // parts + (part < total % parts) for part in range(parts)]


def encode(of: Fit, bits: Tensor) -> Tensor:
    """Payloads uint8 [b, payload] -> uint8 [b, room]."""
    b, code = len(bits), of.code
    messages = bits.new_zeros(b, of.codewords * code.k)
    messages[:, of.message.to(bits.device)] = bits
    return ldpc.encode(code, messages.view(-1, code.k)).view(b, -1)[:, of.sent.to(bits.device)]


def decode(of: Fit, llr: Tensor, iterations: int = 20) -> Tensor:
    """Log-likelihood ratios float32 [b, room] -> the likeliest payloads, uint8 [b, payload]. A checksum tells whether they are right."""
    b, code = len(llr), of.code
    known = llr.new_zeros(b, of.codewords * code.n)
    known[:, of.shortened.to(llr.device)] = ldpc.LARGEST_LLR
    known[:, of.sent.to(llr.device)] = llr
    bits = ldpc.decode(code, known.view(-1, code.n), iterations).bits
    return bits.view(b, -1)[:, of.message.to(llr.device)]

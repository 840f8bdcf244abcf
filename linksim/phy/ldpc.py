"""LDPC codes of IEEE 802.11n: a linear-time encoder and a layered min-sum decoder, batches of codewords at a time.

    bits [b, k] --> encode --> codewords [b, n] --> modulate ~ air ~ demodulate --> llr [b, n] --> decode --> bits [b, k]

A log-likelihood ratio is positive where the bit is likelier zero: ``llr = log P(0) / P(1)``. Codewords begin with their message.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.phy.ldpc_matrices import BASES

SCALE = 0.8  # of a check's message: min-sum is that much too sure of itself (normalised min-sum)
LARGEST_LLR = 1e4  # what is surer than this is taken as this sure: sums of it stay exact enough in float32
AT_ONCE = 64  # codewords that a processor's cache holds

_TINY, _HUGE = 1e-30, 1e30


@dataclass(frozen=True, eq=False)
class Code:
    """One of the twelve codes. An edge joins a check and a bit in it; a layer is a row of blocks, which holds a bit at most once.

    n, k     bits of a codeword and of a message
    z        size of a block: checks of a layer
    degrees  edges of a check, for each layer
    bits     int64 [edges], the bit of each edge; in order of layer, place in the check, check
    before   int64 [edges], the edge at which an edge's bit was met last, in a sweep over all layers or at the end of the one before
    last     int64 [n], the edge at which a sweep meets each bit last
    checks   int64 [largest degree, n - k], the bits in each check, filled up with n where it has fewer
    shares   int64 [most message bits in a check, n - k], the message bits in each check, filled up with k
    middle   layer in which the column of weight three has its shift of zero
    """

    n: int
    k: int
    z: int
    degrees: tuple[int, ...]
    bits: Tensor
    before: Tensor
    last: Tensor
    checks: Tensor
    shares: Tensor
    middle: int


@dataclass(frozen=True)
class Decoded:
    """What a decoder says of a batch.

    bits        uint8 [b, k]; a best guess where not `valid`
    valid       bool [b], True where a codeword was found, which need not be the one that was sent
    iterations  int64 [b]: how many it took; 0 where the received signs were a codeword
    """

    bits: Tensor
    valid: Tensor
    iterations: Tensor


@lru_cache(maxsize=len(BASES))
def code(n: int, rate: str) -> Code:
    """The code of n bits (648, 1296, 1944) and rate "1/2", "2/3", "3/4" or "5/6". Raises ValueError for others."""
    if (n, rate) not in BASES:
        raise ValueError(f"no LDPC code of {n} bits at rate {rate}; there are {', '.join(f'{n} at {rate}' for n, rate in BASES)}")
    base, z = BASES[n, rate], n // 24
    k = n - z * len(base)
    layers = [_edges(row, z) for row in base]
    bits = np.concatenate([layer.reshape(-1) for layer in layers])
    last, before = np.empty(n, np.int64), np.empty(len(bits), np.int64)
    for _ in range(2):  # the second time, `last` holds the end of a sweep
        for edge, bit in enumerate(bits):
            before[edge], last[bit] = last[bit], edge
    shares = _stacked([layer[layer[:, 0] < k] for layer in layers], k)
    middle = next(row for row in range(1, len(base)) if base[row][k // z] == 0)
    tensor, degrees = torch.from_numpy, tuple(len(layer) for layer in layers)
    return Code(n, k, z, degrees, tensor(bits), tensor(before), tensor(last), tensor(_stacked(layers, n)), tensor(shares), middle)


def parity_checks(of: Code) -> NDArray[np.uint8]:
    """The parity-check matrix H, uint8 [n - k, n]."""
    matrix = np.zeros((of.n - of.k, of.n + 1), np.uint8)
    matrix[np.arange(of.n - of.k), of.checks.numpy()] = 1
    return matrix[:, :-1]


def encode(of: Code, bits: Tensor) -> Tensor:
    """Messages uint8 [b, k] -> codewords uint8 [b, n].

    With l_i the share of the message in layer i, p_0 the first block of parity bits and P the shift by one, the rows of H say

        l_0 + P p_0 + p_1 = 0,   l_i + p_i + p_(i+1) = 0 (+ p_0 in the middle layer),   l_last + P p_0 + p_last = 0

    Their sum leaves p_0 = sum l_i; then each layer gives the next block.
    """
    known = torch.cat([bits, bits.new_zeros(len(bits), 1)], dim=1)
    shares = known[:, of.shares.to(bits.device)].sum(dim=1, dtype=torch.uint8).view(len(bits), -1, of.z)
    first = shares.sum(dim=1, dtype=torch.uint8).bitwise_and_(1)  # sums wrap at 256, which leaves them odd or even
    shares[:, 0] += first.roll(-1, dims=1)
    shares[:, of.middle] += first
    others = shares[:, :-1].cumsum(dim=1, dtype=torch.uint8).bitwise_and_(1)
    return torch.cat([bits, first, others.flatten(1)], dim=1)


def decode(of: Code, llr: Tensor, iterations: int = 20) -> Decoded:
    """Log-likelihood ratios float32 [b, n] -> the messages that they are likeliest of, as far as min-sum can tell.

    iterations  most sweeps over all layers; a codeword that was found leaves the batch

    Items of a batch do not touch each other. Raises ValueError for another number of bits.
    """
    if llr.dim() != 2 or llr.shape[1] != of.n:
        raise ValueError(f"the code takes llr [b, {of.n}], got {list(llr.shape)}")
    at_once = AT_ONCE if llr.device.type == "cpu" else len(llr)
    parts = [_decode(of, part, iterations) for part in torch.split(llr, max(at_once, 1))]
    return Decoded(*(torch.cat([getattr(part, name) for part in parts]) for name in ("bits", "valid", "iterations")))


@torch.inference_mode()
def _decode(of: Code, llr: Tensor, iterations: int) -> Decoded:
    """As `decode`.

    Codewords lie side by side, [.., b]: what belongs together is then whole rows of memory. For each edge `belief` is what its bit was
    thought to be when the edge was met last, by the channel and all checks together, and `told` what the edge's check had told it then.
    """
    bits, before, last, checks = (table.to(llr.device) for table in (of.bits, of.before, of.last, of.checks))
    received = llr.float().clamp(-LARGEST_LLR, LARGEST_LLR).t().contiguous()
    estimate = received.index_select(0, bits)
    told = torch.zeros_like(estimate)
    left, decided = torch.arange(len(llr), device=llr.device), received < 0
    valid, taken = _fulfilled(decided, checks), torch.full_like(left, iterations)
    taken[valid] = 0
    for sweep in range(1, iterations + 1):
        searching = ~valid[left]
        if 4 * int(searching.sum()) <= 3 * len(left):  # not at once for each: what stays has to be copied
            left, estimate, told = left[searching], estimate[:, searching], told[:, searching]
        if not len(left):
            break
        start = 0
        for degree in of.degrees:
            end = start + degree * of.z
            _update(estimate, told, before, start, end, degree)
            start = end
        signs = estimate.index_select(0, last) < 0
        open_ = ~valid[left]
        decided[:, left[open_]] = signs[:, open_]
        found = left[open_ & _fulfilled(signs, checks)]
        valid[found], taken[found] = True, sweep
    return Decoded(decided[: of.k].t().to(torch.uint8), valid, taken)


def _update(estimate: Tensor, told: Tensor, before: Tensor, start: int, end: int, degree: int) -> None:
    """The checks of one layer, edges start..end, tell their bits what the other bits make of them. In place."""
    messages, columns = told[start:end].view(degree, -1), estimate.shape[1] * (end - start) // degree
    others = estimate.index_select(0, before[start:end]).view(degree, columns).sub_(messages)
    sure = others.abs()
    least = sure.amin(dim=0)
    weakest = torch.eq(sure, least, out=torch.empty_like(sure))  # as numbers: far faster than bool
    second = sure.add_(weakest, alpha=_HUGE).amin(dim=0)
    gap = second.sub_(least).mul_(weakest.sum(dim=0).eq_(1))  # two that are equally weak are each other's least
    signs = others.add(_TINY).sign_()  # of 0: 1
    torch.mul(signs, torch.addcmul(least, weakest, gap).mul_(signs.prod(dim=0).mul_(SCALE)), out=messages)
    torch.add(others, messages, out=estimate[start:end].view(degree, columns))


def _fulfilled(signs: Tensor, checks: Tensor) -> Tensor:
    """Whether bits, bool [n, b], are a codeword: bool [b]."""
    odd = torch.cat([signs, torch.zeros_like(signs[:1])]).index_select(0, checks.view(-1)).view(*checks.shape, -1)
    return odd.sum(dim=0, dtype=torch.uint8).bitwise_and_(1).amax(dim=0) == 0


def _edges(row: tuple[int | None, ...], z: int) -> NDArray[np.int64]:
    """The bits in the z checks of a row of blocks: int64 [degree, z]."""
    return np.stack([column * z + (np.arange(z) + shift) % z for column, shift in enumerate(row) if shift is not None])


def _stacked(layers: list[NDArray[np.int64]], filler: int) -> NDArray[np.int64]:
    """[degree, z] for each layer -> int64 [largest degree, all checks], filled up with `filler`."""
    largest = max(len(edges) for edges in layers)
    return np.hstack([np.pad(edges, ((0, largest - len(edges)), (0, 0)), constant_values=filler) for edges in layers])

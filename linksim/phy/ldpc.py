"""LDPC codes of IEEE 802.11n: a linear-time encoder and a layered min-sum decoder for batches of codewords.

    bits [b, k] --> encode --> codewords [b, n] --> modulate ~ channel ~ demodulate --> llr [b, n] --> decode --> bits [b, k]

A log-likelihood ratio is ``llr = log P(0) / P(1)``, so it is positive if 0 is the more likely bit. Codewords begin with their message.

The encoder uses the double diagonal of the parity columns (Richardson and Urbanke, 2001), the decoder passes messages layer by layer
(Hocevar, 2004) with the normalised min-sum rule (Chen and Fossorier, 2002). The codes have 648, 1296 or 1944 bits; `phy.ratematch` adapts
them to the length of a frame, and `phy.control_code` to that of a control message.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.phy.ldpc_matrices import BASES

SCALE = 0.8  # factor of the check messages (normalised min-sum), which compensates the overestimation of plain min-sum
MAX_LLR = 1e4  # larger magnitudes are clipped to this, so that their sums remain accurate in float32
BATCH_SIZE = 64  # codewords whose working set fits in the cache of a processor

_TINY, _HUGE = 1e-30, 1e30  # below and above every magnitude that occurs in the decoder


@dataclass(frozen=True, eq=False)
class LdpcCode:
    """One of the twelve codes, with the edge lists of its decoder.

    An edge joins a check and a bit. A layer is a row of blocks; it contains each bit at most once.

    n, k          length of a codeword and of a message in bits
    z             size of a block, which is the number of checks of a layer
    degrees       degree of the checks of each layer
    bits          int64 [edges], bit of each edge, ordered by layer, position in the check, check
    previous      int64 [edges], edge at which the bit of an edge was processed before, in the same sweep or at the end of the last one
    last          int64 [n], last edge of each bit in a sweep
    checks        int64 [largest degree, n - k], bits of each check, padded with n
    message_bits  int64 [most message bits in a check, n - k], message bits of each check, padded with k
    middle        layer in which the column of weight three has shift zero
    """

    n: int
    k: int
    z: int
    degrees: tuple[int, ...]
    bits: Tensor
    previous: Tensor
    last: Tensor
    checks: Tensor
    message_bits: Tensor
    middle: int


@dataclass(frozen=True)
class Decoded:
    """Result of the decoder for a batch.

    bits        uint8 [b, k]; the best estimate where not `valid`
    valid       bool [b], True where a codeword was found, which is not necessarily the transmitted one
    iterations  int64 [b], number of iterations; 0 where the received signs form a codeword
    """

    bits: Tensor
    valid: Tensor
    iterations: Tensor


@lru_cache(maxsize=len(BASES))
def code(n: int, rate: str) -> LdpcCode:
    """The code of n bits (648, 1296, 1944) and rate "1/2", "2/3", "3/4" or "5/6". Repeated calls return the same object.

    Raises ValueError, with all codes that exist, for another length or rate.

    >>> code(648, "3/4").k
    486
    """
    if (n, rate) not in BASES:
        raise ValueError(f"no LDPC code of {n} bits at rate {rate}; there are {', '.join(f'{n} at {rate}' for n, rate in BASES)}")
    base, z = BASES[n, rate], n // 24
    k = n - z * len(base)
    layers = [_edges(row, z) for row in base]
    bits = np.concatenate([layer.reshape(-1) for layer in layers])
    last, previous = np.empty(n, np.int64), np.empty(len(bits), np.int64)
    for _ in range(2):  # in the second pass, `last` holds the last edges of a complete sweep
        for edge, bit in enumerate(bits):
            previous[edge], last[bit] = last[bit], edge
    message_bits = _stacked([layer[layer[:, 0] < k] for layer in layers], k)
    middle = next(row for row in range(1, len(base)) if base[row][k // z] == 0)
    tensor, degrees = torch.from_numpy, tuple(len(layer) for layer in layers)
    checks = tensor(_stacked(layers, n))
    return LdpcCode(n, k, z, degrees, tensor(bits), tensor(previous), tensor(last), checks, tensor(message_bits), middle)


def parity_check_matrix(code: LdpcCode) -> NDArray[np.uint8]:
    """The parity-check matrix H, uint8 [n - k, n]; H c = 0 (mod 2) for every codeword c.

    >>> short = code(648, "1/2")
    >>> codeword = encode(short, torch.ones(1, short.k, dtype=torch.uint8))[0].numpy()
    >>> int((parity_check_matrix(short) @ codeword % 2).sum())
    0
    """
    matrix = np.zeros((code.n - code.k, code.n + 1), np.uint8)
    matrix[np.arange(code.n - code.k), code.checks.numpy()] = 1
    return matrix[:, :-1]


def encode(code: LdpcCode, bits: Tensor) -> Tensor:
    """Messages uint8 [b, k] of zeros and ones -> codewords uint8 [b, n], which begin with their message.

    With l_i the contribution of the message to layer i, p_0 the first block of parity bits and P the cyclic shift by one, the rows of H are

        l_0 + P p_0 + p_1 = 0,   l_i + p_i + p_(i+1) = 0 (+ p_0 in the middle layer),   l_last + P p_0 + p_last = 0

    Their sum yields p_0 = sum l_i; each layer then yields the next block.

    >>> encode(code(648, "5/6"), torch.zeros(2, 540, dtype=torch.uint8)).shape
    torch.Size([2, 648])
    """
    padded = torch.cat([bits, bits.new_zeros(len(bits), 1)], dim=1)
    sums = padded[:, code.message_bits.to(bits.device)].sum(dim=1, dtype=torch.uint8).view(len(bits), -1, code.z)
    first = sums.sum(dim=1, dtype=torch.uint8).bitwise_and_(1)  # sums wrap at 256, which preserves their parity
    sums[:, 0] += first.roll(-1, dims=1)
    sums[:, code.middle] += first
    others = sums[:, :-1].cumsum(dim=1, dtype=torch.uint8).bitwise_and_(1)
    return torch.cat([bits, first, others.flatten(1)], dim=1)


def decode(code: LdpcCode, llr: Tensor, iterations: int = 20) -> Decoded:
    """Log-likelihood ratios float32 [b, n] -> most likely messages according to layered min-sum decoding.

    llr         0 for a punctured bit, `MAX_LLR` for a bit that is known to be 0; larger magnitudes are clipped
    iterations  largest number of sweeps over all layers; decoding of a codeword ends as soon as all checks are satisfied

    The items of a batch are independent. Raises ValueError for another number of bits.

    >>> short = code(648, "1/2")
    >>> llr = 4.0 - 8.0 * encode(short, torch.ones(1, short.k, dtype=torch.uint8)).float()
    >>> llr[:, ::20] *= -1  # 33 of 648 bits are received with the wrong sign
    >>> decoded = decode(short, llr)
    >>> int((decoded.bits != 1).sum()), decoded.valid.tolist()
    (0, [True])
    """
    if llr.dim() != 2 or llr.shape[1] != code.n:
        raise ValueError(f"the code takes llr [b, {code.n}], got {list(llr.shape)}")
    batch_size = BATCH_SIZE if llr.device.type == "cpu" else len(llr)
    parts = [_decode(code, part, iterations) for part in torch.split(llr, max(batch_size, 1))]
    return Decoded(*(torch.cat([getattr(part, name) for part in parts]) for name in ("bits", "valid", "iterations")))


@torch.inference_mode()
def _decode(code: LdpcCode, llr: Tensor, iterations: int) -> Decoded:
    """Decode one part of a batch, see `decode`.

    The batch is the last dimension, [.., b], so that gathered elements are contiguous rows of memory. For each edge, `posterior` is the
    posterior ratio of its bit when the edge was last processed, and `messages` is the last message from its check to its bit.
    """
    bits, previous, last, checks = (table.to(llr.device) for table in (code.bits, code.previous, code.last, code.checks))
    received = llr.float().clamp(-MAX_LLR, MAX_LLR).t().contiguous()
    posterior = received.index_select(0, bits)
    messages = torch.zeros_like(posterior)
    remaining, decided = torch.arange(len(llr), device=llr.device), received < 0
    valid, taken = _is_codeword(decided, checks), torch.full_like(remaining, iterations)
    taken[valid] = 0
    layers = _layers(code, posterior, messages, previous)
    for sweep in range(1, iterations + 1):
        searching = ~valid[remaining]
        if 4 * int(searching.sum()) <= 3 * len(remaining):  # the batch is compacted rarely, since that copies the remaining items
            remaining, posterior, messages = remaining[searching], posterior[:, searching], messages[:, searching]
            layers = _layers(code, posterior, messages, previous)
        if not len(remaining):
            break
        for layer in layers:
            _update(posterior, *layer)
        signs = posterior.index_select(0, last) < 0
        open_ = ~valid[remaining]
        decided[:, remaining[open_]] = signs[:, open_]
        found = remaining[open_ & _is_codeword(signs, checks)]
        valid[found], taken[found] = True, sweep
    return Decoded(decided[: code.k].t().to(torch.uint8), valid, taken)


def _layers(code: LdpcCode, posterior: Tensor, messages: Tensor, previous: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """The parts of the tables that each layer updates, as `_update` takes them. A view costs as much as an operation on one codeword."""
    sizes = [degree * code.z for degree in code.degrees]
    tables = (*(torch.split(table, sizes) for table in (posterior, messages, previous)), code.degrees)
    return [(ours.view(degree, -1), layer.view(degree, -1), edges) for ours, layer, edges, degree in zip(*tables, strict=True)]


def _update(posterior: Tensor, ours: Tensor, layer: Tensor, previous: Tensor) -> None:
    """Update, in place, the check messages and the posteriors of one layer.

    The message from a check to a bit has the product of the signs of the check's other bits, and `SCALE` times the smallest of their
    magnitudes: the smallest of all, or the second smallest for the bit that has the smallest.

    posterior    float32 [edges, b] of all layers, see `_decode`
    ours, layer  posteriors and messages of the layer, float32 [edges per check, z * b]
    previous     edges at which its bits were processed before, int64 [edges per check * z]
    """
    extrinsic = posterior.index_select(0, previous).view_as(layer).sub_(layer)
    magnitude = extrinsic.abs()
    least = magnitude.amin(dim=0)
    weakest = torch.eq(magnitude, least, out=torch.empty_like(magnitude))  # as float: much faster than bool
    second = magnitude.add_(weakest, alpha=_HUGE).amin(dim=0)
    gap = second.sub_(least).mul_(weakest.sum(dim=0).eq_(1))  # zero if several edges attain the minimum
    signs = extrinsic.add(_TINY).sign_()  # the sign of 0 is 1
    torch.mul(signs, torch.addcmul(least, weakest, gap).mul_(signs.prod(dim=0).mul_(SCALE)), out=layer)
    torch.add(extrinsic, layer, out=ours)


def _is_codeword(signs: Tensor, checks: Tensor) -> Tensor:
    """Whether bits, bool [n, b], satisfy all checks: bool [b]."""
    odd = torch.cat([signs, torch.zeros_like(signs[:1])]).index_select(0, checks.view(-1)).view(*checks.shape, -1)
    return odd.sum(dim=0, dtype=torch.uint8).bitwise_and_(1).amax(dim=0) == 0


def _edges(row: tuple[int | None, ...], z: int) -> NDArray[np.int64]:
    """Bits of the z checks of a row of blocks: int64 [degree, z]."""
    return np.stack([column * z + (np.arange(z) + shift) % z for column, shift in enumerate(row) if shift is not None])


def _stacked(layers: list[NDArray[np.int64]], filler: int) -> NDArray[np.int64]:
    """Arrays [degree, z] of all layers -> int64 [largest degree, all checks], padded with `filler`."""
    largest = max(len(edges) for edges in layers)
    return np.hstack([np.pad(edges, ((0, largest - len(edges)), (0, 0)), constant_values=filler) for edges in layers])

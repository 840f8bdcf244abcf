"""The channel code by itself: decoding against a public PHY library's decoder, same matrix, same ratios, same number of iterations.

The library takes seconds to import, so it is imported where it is measured.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from benchmarks.measure import Figure, best_of
from linksim.phy.ldpc import Code, code, decode, encode, parity_checks

BATCH, ITERATIONS, TURNS = 64, 20, 5


def ratios(of: Code, snr_db: float) -> Tensor:
    """Ratios of a batch of codewords whose bits are sent as +-1 in noise of that SNR, float32 [BATCH, n]."""
    draw, power = np.random.default_rng(0), 10 ** (-snr_db / 10)
    bits = torch.from_numpy(draw.integers(2, size=(BATCH, of.k), dtype=np.uint8))
    noise = torch.from_numpy(draw.standard_normal((BATCH, of.n), dtype=np.float32))
    received: Tensor = 1 - 2 * encode(of, bits).float() + noise * power**0.5
    return received * (2 / power)


def peer(of: Code, rule: str, llr: Tensor) -> Callable[[], Tensor]:
    """The library's decoder at work; its ratios have the other sign."""
    from sionna.phy.fec.ldpc import LDPCBPDecoder

    decoder = LDPCBPDecoder(parity_checks(of), cn_update=rule, num_iter=ITERATIONS, hard_out=True)

    def work() -> Tensor:
        with torch.no_grad():
            found: Tensor = decoder(-llr)
        return found

    return work


def decoding_figure() -> Iterator[Figure]:
    """The ratios tell nothing (-10 dB), so that no codeword is found and none leaves the batch early; of the library's check rules the
    faster counts. How fast codewords are found at 2 dB stands beside it."""
    of = code(1944, "1/2")
    lost, usual = ratios(of, -10.0), ratios(of, 2.0)
    here, early, minsum, default = best_of(
        TURNS,
        lambda: decode(of, lost, ITERATIONS),
        lambda: decode(of, usual, ITERATIONS),
        peer(of, "minsum", lost),
        peer(of, "boxplus-phi", lost),
    )
    there = min(minsum, default)
    yield Figure("k", "LDPC, 64 codewords of 1,944 bits, 20 iterations: over sionna", there / here, "at least", 2, "x",
                 f"{BATCH / here:,.0f} over {BATCH / there:,.0f} codewords/s; {BATCH / early:,.0f} with early stop at 2 dB")  # fmt: skip

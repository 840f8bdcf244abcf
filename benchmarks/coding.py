"""The channel code alone: decoding against the decoder of a public PHY library, with equal matrix, input and number of iterations.

Importing the library takes seconds, so it is imported where it is used.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from benchmarks.measure import BenchmarkResult, best_of
from linksim.phy.ldpc import LdpcCode, code, decode, encode, parity_check_matrix

BATCH, ITERATIONS, REPEATS = 64, 20, 5


def log_likelihood_ratios(of: LdpcCode, snr_db: float) -> Tensor:
    """Log-likelihood ratios of a batch of BPSK-modulated random codewords at an SNR in dB, float32 [BATCH, n]."""
    draw, power = np.random.default_rng(0), 10 ** (-snr_db / 10)
    bits = torch.from_numpy(draw.integers(2, size=(BATCH, of.k), dtype=np.uint8))
    noise = torch.from_numpy(draw.standard_normal((BATCH, of.n), dtype=np.float32))
    received: Tensor = 1 - 2 * encode(of, bits).float() + noise * power**0.5
    return received * (2 / power)


def library_decoder(of: LdpcCode, rule: str, llr: Tensor) -> Callable[[], Tensor]:
    """A function that decodes with the library, whose log-likelihood ratios have the opposite sign."""
    from sionna.phy.fec.ldpc import LDPCBPDecoder

    decoder = LDPCBPDecoder(parity_check_matrix(of), cn_update=rule, num_iter=ITERATIONS, hard_out=True)

    def work() -> Tensor:
        with torch.no_grad():
            found: Tensor = decoder(-llr)
        return found

    return work


def decoding_benchmark() -> Iterator[BenchmarkResult]:
    """Decoding at -10 dB, where no codeword is found and so none stops early, against the faster of the library's check-node rules.

    The detail includes the rate with early stopping at 2 dB.
    """
    of = code(1944, "1/2")
    noisy, clean = log_likelihood_ratios(of, -10.0), log_likelihood_ratios(of, 2.0)
    here, early, minsum, default = best_of(
        REPEATS,
        lambda: decode(of, noisy, ITERATIONS),
        lambda: decode(of, clean, ITERATIONS),
        library_decoder(of, "minsum", noisy),
        library_decoder(of, "boxplus-phi", noisy),
    )
    there = min(minsum, default)
    yield BenchmarkResult(
        "k",
        "LDPC, 64 codewords of 1,944 bits, 20 iterations: over sionna",
        there / here,
        "at least",
        2,
        "x",
        f"{BATCH / here:,.0f} over {BATCH / there:,.0f} codewords/s; {BATCH / early:,.0f} with early stop at 2 dB",
    )

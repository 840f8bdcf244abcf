"""The decoder against a public one on the same parity-check matrices and the same ratios: `sionna-no-rt`, where it is installed."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from linksim.phy.ldpc import SCALE, Code, code, decode, encode, parity_checks

pytest.importorskip("sionna.phy")

from sionna.phy.fec.ldpc import LDPCBPDecoder
from sionna.phy.fec.ldpc.decoding import cn_update_minsum


def ratios(of: Code, blocks: int, snr_db: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Messages, and the ratios of their codewords' bits sent as +-1 in noise of that SNR per real dimension."""
    draw, power = np.random.default_rng(seed), 10 ** (-snr_db / 10)
    bits = torch.from_numpy(draw.integers(2, size=(blocks, of.k), dtype=np.uint8))
    noise = torch.from_numpy(draw.standard_normal((blocks, of.n), dtype=np.float32)) * power**0.5
    return bits, 2 * ((1 - 2 * encode(of, bits).float()) + noise) / power


def reference(of: Code, llr: torch.Tensor, iterations: int, **options: Any) -> torch.Tensor:
    """Messages that the public decoder finds; its ratios have the other sign."""
    decoder = LDPCBPDecoder(parity_checks(of), num_iter=iterations, hard_out=True, **options)
    with torch.no_grad():
        return torch.cat([decoder(-part)[:, : of.k].to(torch.uint8) for part in llr.split(200)])


@pytest.mark.parametrize(("n", "rate", "snr_db"), [(648, "1/2", 1.4), (1296, "2/3", 3.2), (1944, "5/6", 5.4)])
def test_decisions_are_those_of_the_reference(n: int, rate: str, snr_db: float) -> None:
    """The same algorithm, five sweeps in layers, where some blocks fail: at least 99 % of 150 blocks are decided alike in every bit."""
    of = code(n, rate)
    _, llr = ratios(of, 150, snr_db, n)
    layers = np.arange(of.n - of.k).reshape(-1, of.z)
    theirs = reference(
        of, llr, 5, cn_update=lambda m, mask, clip: SCALE * cn_update_minsum(m, mask, clip), cn_schedule=layers, llr_max=None,
    )  # fmt: skip
    ours = decode(of, llr, 5)
    assert 0.02 < ours.valid.float().mean() < 0.98
    assert (ours.bits == theirs).all(dim=1).float().mean() >= 0.99


@pytest.mark.parametrize(("n", "rate", "snr_db", "blocks"), [(648, "1/2", 1.2, 300), (1296, "3/4", 4.2, 150)])
def test_the_curve_is_within_a_fifth_of_a_db_of_estimate_propagation(n: int, rate: str, snr_db: float, blocks: int) -> None:
    """20 sweeps against 20 iterations of the sum-product algorithm: better than it 0.2 dB further down, worse than it 0.2 dB further up.

    The noise is the same at all three SNRs but for its size, so the blocks that only one of two decoders loses tell which is worse: sign
    test at 99.9 % (McNemar's).
    """
    of = code(n, rate)
    bits, llr = ratios(of, blocks, snr_db, n)
    ours = (decode(of, llr).bits != bits).any(dim=1)
    below, above = ((reference(of, ratios(of, blocks, snr_db + shift, n)[1], 20) != bits).any(dim=1) for shift in (-0.2, 0.2))
    for worse, better in ((below, ours), (ours, above)):
        lost, gained = int((worse & ~better).sum()), int((better & ~worse).sum())
        assert stats.binomtest(lost, lost + gained, 0.5, alternative="greater").pvalue < 0.001

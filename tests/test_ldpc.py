"""LDPC codes of IEEE 802.11n: structure of the matrices, codewords that satisfy every check, and error correction."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from linksim.phy.curves import measure_coded
from linksim.phy.ldpc import BATCH_SIZE, LdpcCode, code, decode, encode, parity_check_matrix
from linksim.phy.ldpc_matrices import BASES

CODES = sorted(BASES)
# 4-cycles of the matrices in the standard, counted in the base matrix: pairs of columns and rows with equal differences of shifts.
FOUR_CYCLES = {(648, "3/4"): 2, (1296, "2/3"): 2, (1944, "2/3"): 1}


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(2, size=shape, dtype=np.uint8))


def noisy(bits: torch.Tensor, snr_db: float, seed: int) -> torch.Tensor:
    """Log-likelihood ratios of bits sent as +-1 in noise of that SNR per real dimension."""
    power = 10 ** (-snr_db / 10)
    noise = np.random.default_rng(seed).standard_normal(tuple(bits.shape), dtype=np.float32) * power**0.5
    return 2 * ((1 - 2 * bits.float()) + torch.from_numpy(noise)) / power


def rank(matrix: np.ndarray) -> int:
    """Rank over GF(2), computed with rows as integers."""
    pivots: dict[int, int] = {}
    for row in (int.from_bytes(np.packbits(row).tobytes(), "big") for row in matrix):
        while row and row.bit_length() in pivots:
            row ^= pivots[row.bit_length()]
        if row:
            pivots[row.bit_length()] = row
    return len(pivots)


@pytest.mark.parametrize(("n", "rate"), CODES)
def test_the_matrix_has_the_structure_of_the_standard(n: int, rate: str) -> None:
    """It has the size, rate, column of weight three, double diagonal, shifts below Z, nearly equal check degrees, and full rank."""
    base, z, of = BASES[n, rate], n // 24, code(n, rate)
    over, under = (int(part) for part in rate.split("/"))
    assert all(len(row) == 24 for row in base)
    assert of.k * under == of.n * over
    assert of.n == n
    rows, first = len(base), 24 - len(base)
    three = {row: base[row][first] for row in range(rows) if base[row][first] is not None}
    assert three == {0: 1, of.middle: 0, rows - 1: 1}
    for place in range(1, rows):
        assert {row: base[row][first + place] for row in range(rows) if base[row][first + place] is not None} == {place - 1: 0, place: 0}
    assert all(0 <= shift < z for row in base for shift in row if shift is not None)
    matrix = parity_check_matrix(of)
    assert matrix.shape == (n - of.k, n)
    assert np.ptp(matrix.sum(1)) <= 1
    assert set(matrix.sum(0)) <= set(range(2, 13))
    assert matrix.sum(0)[: of.k].min() >= 3
    assert rank(matrix) == n - of.k


@pytest.mark.parametrize(("n", "rate"), CODES)
def test_girth_is_six_except_for_the_4_cycles_of_the_standard(n: int, rate: str) -> None:
    matrix = parity_check_matrix(code(n, rate)).astype(np.float32)
    shared = matrix @ matrix.T
    np.fill_diagonal(shared, 0)
    assert int((shared * (shared - 1) // 2).sum()) // 2 == FOUR_CYCLES.get((n, rate), 0) * n // 24


@pytest.mark.parametrize(("n", "rate"), CODES)
def test_codewords_begin_with_their_message_and_satisfy_every_check(n: int, rate: str) -> None:
    of = code(n, rate)
    bits = draw(n, 40, of.k)
    codewords = encode(of, bits)
    assert codewords.dtype == torch.uint8
    assert torch.equal(codewords[:, : of.k], bits)
    assert not ((parity_check_matrix(of).astype(np.int64) @ codewords.numpy().T) % 2).any()
    assert torch.equal(encode(of, bits[:20] ^ bits[20:]), codewords[:20] ^ codewords[20:])


@pytest.mark.parametrize(("n", "rate"), CODES)
def test_moderate_noise_is_corrected(n: int, rate: str) -> None:
    """None of 40 blocks fails 2 dB above the SNR at which half of the blocks fail."""
    of = code(n, rate)
    bits = draw(n + 1, 40, of.k)
    llr = noisy(encode(of, bits), {"1/2": 3.5, "2/3": 5.5, "3/4": 6.5, "5/6": 7.5}[rate], n + 2)
    assert ((llr < 0) != encode(of, bits).bool()).any(dim=1).all()  # every block has errors
    decoded = decode(of, llr)
    assert decoded.valid.all()
    assert torch.equal(decoded.bits, bits)
    assert int(decoded.iterations.min()) >= 1


def test_clean_blocks_take_no_iteration_and_lost_blocks_take_all() -> None:
    of = code(648, "1/2")
    bits = draw(1, 3, of.k)
    clean = 1 - 2.0 * encode(of, bits)
    decoded = decode(of, clean)
    assert torch.equal(decoded.bits, bits)
    assert decoded.valid.all()
    assert decoded.iterations.tolist() == [0, 0, 0]
    lost = decode(of, noisy(encode(of, bits), -10.0, 3), iterations=4)
    assert not lost.valid.any()
    assert lost.iterations.tolist() == [4, 4, 4]
    assert decode(of, clean[:0]).bits.shape == (0, of.k)


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(0, 647), max_size=130), st.integers(0, 1000))
def test_erased_bits_are_recovered(erased: set[int], seed: int) -> None:
    """A fifth of the bits can be erased at any positions, well below the limit of one half for this rate."""
    of = code(648, "1/2")
    bits = draw(seed, 1, of.k)
    llr = 4 * (1 - 2.0 * encode(of, bits))
    llr[0, sorted(erased)] = 0
    decoded = decode(of, llr, iterations=40)
    assert decoded.valid.all()
    assert torch.equal(decoded.bits, bits)


@pytest.mark.parametrize("of", [code(648, "1/2"), code(1944, "5/6")], ids=["648", "1944"])
def test_decoding_does_not_depend_on_the_batch(of: LdpcCode) -> None:
    """In a batch of several parts, codewords that are decoded early, late or never equal the results of decoding them alone."""
    bits = draw(5, BATCH_SIZE + 6, of.k)
    amplitude = torch.linspace(0.7, 3.2, len(bits))[:, None]
    llr = noisy(torch.zeros_like(encode(of, bits)), 0.0, 6) - 2 + 2 * amplitude * (1 - 2.0 * encode(of, bits))
    together = decode(of, llr)
    assert len(set(together.iterations.tolist())) > 4
    assert together.valid.any()
    assert not together.valid.all()
    for item in range(0, len(bits), 7):
        alone = decode(of, llr[item : item + 1])
        assert torch.equal(alone.bits[0], together.bits[item])
        assert (alone.valid[0], alone.iterations[0]) == (together.valid[item], together.iterations[item])


def test_decisions_do_not_depend_on_the_scale_of_the_ratios() -> None:
    """Min-sum decoding is homogeneous, so an error of the assumed noise power does not change its decisions."""
    of = code(1296, "2/3")
    llr = noisy(encode(of, draw(8, 20, of.k)), 4.0, 9)
    assert torch.equal(decode(of, llr).bits, decode(of, llr * 0.25).bits)


def test_block_errors_fall_with_the_snr() -> None:
    """Rate 1/2 on QPSK at -0.5, 1 and 2.5 dB: nearly all, some and nearly no blocks fail (exact 99.9 % intervals)."""
    of = code(648, "1/2")
    for snr_db, blocks, low, high in ((-0.5, 300, 0.9, 1.0), (1.0, 300, 0.2, 0.75), (2.5, 600, 0.0, 0.02)):
        measured = measure_coded(of, 4, snr_db, blocks, seed=11)
        assert measured.trials == blocks
        interval = stats.binomtest(measured.errors, blocks).proportion_ci(0.999)
        assert low <= interval.low <= interval.high <= high


def test_only_the_twelve_codes_exist() -> None:
    assert len(CODES) == 12
    with pytest.raises(ValueError, match="no LDPC code of 640 bits at rate 1/2; there are 648 at 1/2"):
        code(640, "1/2")
    with pytest.raises(ValueError, match=r"the code takes llr \[b, 648\], got \[2, 647\]"):
        decode(code(648, "1/2"), torch.zeros(2, 647))

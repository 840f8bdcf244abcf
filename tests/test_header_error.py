"""The probability that a header is lost, compared with headers that are encoded, transmitted and decoded one by one."""

from statistics import NormalDist

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from linksim.medium.header_phy import HeaderPhy
from linksim.phy import ldpc
from linksim.phy.control import UncodedBpsk, combine
from linksim.phy.control_code import LdpcQpsk, interleaver
from linksim.phy.header_error import coded_loss, effective_snr, mismatched_snr, uncoded_loss
from linksim.phy.pilots import PilotEstimate, estimate, pilots
from linksim.rng import Streams
from linksim.scenario.nodes import Radio
from linksim.worker import Worker

BATCH = 512
NORMAL = NormalDist()


def noise(draw: np.random.Generator, *shape: int) -> NDArray[np.complex128]:
    real, imaginary = draw.standard_normal((2, *shape)) * np.sqrt(0.5)
    drawn: NDArray[np.complex128] = real + 1j * imaginary
    return drawn


def decode(combined: NDArray[np.complex64], size: int) -> NDArray[np.uint8]:
    """Bits of coded messages of one block of 648 bits, from combined copies [messages, symbols], as `LdpcQpsk` decodes them."""
    code, count = ldpc.code(648, "1/2"), len(combined)
    llr = np.empty((count, 2 * combined.shape[1]), np.float32)
    llr[:, interleaver(size)] = np.ascontiguousarray(combined, np.complex64).view(np.float32) * np.float32(2 * np.sqrt(2))
    whole = np.full((count, 648), ldpc.MAX_LLR, np.float32)
    whole[:, : 8 * size], whole[:, code.k :] = llr[:, : 8 * size], llr[:, 8 * size :]
    return ldpc.decode(code, torch.from_numpy(whole)).bits[:, : 8 * size].numpy()


def lost(size: int, gain: NDArray[np.complex128], level: NDArray[np.float64], known: bool, seed: int, messages: int = BATCH) -> int:
    """Number of coded headers that are not decoded, of `messages`.

    gain, level  of each symbol, [symbols]; the receiver knows them, or it knows only their means
    """
    draw = np.random.default_rng(seed)
    raws = [draw.bytes(size) for _ in range(messages)]
    sent = np.stack([LdpcQpsk().modulate(raw) for raw in raws])
    received = gain * sent + noise(draw, *sent.shape) * np.sqrt(level)
    combined = np.conj(gain) * received / level if known else np.conj(gain.mean()) * received / level.mean()
    bits = np.stack([np.unpackbits(np.frombuffer(raw, np.uint8)) for raw in raws])
    return int((decode(combined.astype(np.complex64), size) != bits).any(axis=1).sum())


def constant(size: int, snr_db: float) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    symbols = len(LdpcQpsk().modulate(bytes(size)))
    return np.full(symbols, 0.7 * np.exp(2j)), np.full(symbols, 0.49 / 10 ** (snr_db / 10))


def test_the_batch_decoder_of_this_test_is_that_of_the_control_messages() -> None:
    draw = np.random.default_rng(1)
    raws = [draw.bytes(16) for _ in range(8)]
    received = np.stack([LdpcQpsk().modulate(raw) for raw in raws]) + noise(draw, 8, 226) * 10 ** (1.5 / 20)
    combined = np.stack([combine(row, 1.0, 10**0.15, 1) for row in received]).astype(np.complex64)
    one_by_one = [LdpcQpsk().demodulate(row, 16, Worker())() for row in combined]
    assert [np.packbits(bits).tobytes() for bits in decode(combined, 16)] == one_by_one
    assert 0 < sum(one == raw for one, raw in zip(one_by_one, raws, strict=True)) < 8


@pytest.mark.parametrize(("size", "snr_db"), [(16, -2.5), (16, -2.0), (16, -1.5), (16, -1.0), (12, -3.5), (12, -2.5), (12, -1.5)])
def test_the_probability_is_that_of_decoding(size: int, snr_db: float) -> None:
    """The measured rate agrees within 0.2 in units of the normal distribution, 0.15 dB of SNR."""
    rate = lost(size, *constant(size, snr_db), True, seed=int(-10 * snr_db) + size) / BATCH
    probability = coded_loss(size, 10 ** (snr_db / 10))
    assert abs(NORMAL.inv_cdf(rate) - NORMAL.inv_cdf(probability)) < 0.2


def test_headers_are_reliable_at_1_db_and_lost_at_minus_5_db() -> None:
    for size in (12, 16):
        assert lost(size, *constant(size, 1.0), True, seed=5) <= 1
        assert coded_loss(size, 10**0.1) < 1e-4
        assert lost(size, *constant(size, -5.5), True, seed=6) >= BATCH - 8
        assert coded_loss(size, 10**-0.55) > 0.99


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_known_interference_is_mapped_to_an_effective_snr(share: float) -> None:
    """A share of the symbols, at random places, has a lower SNR. The loss agrees within 0.4 standard normals (0.3 dB)."""
    draw = np.random.default_rng(int(10 * share))
    gain, level = constant(16, -0.6 if share == 0.2 else 0.4)
    level[draw.permutation(len(level))[: int(share * len(level))]] *= 10
    rate = lost(16, gain, level, True, seed=9) / BATCH
    probability = coded_loss(16, np.abs(gain) ** 2 / level)
    assert 0.02 < rate < 0.98
    assert abs(NORMAL.inv_cdf(rate) - NORMAL.inv_cdf(probability)) < 0.4


def test_unknown_interference_counts_with_its_mean_power() -> None:
    """A receiver that knows only the mean level decodes about as if it were everywhere."""
    draw = np.random.default_rng(3)
    gain, level = constant(16, 1.0)
    level[draw.permutation(len(level))[:80]] *= 4
    probability = coded_loss(16, mismatched_snr(gain, level, complex(gain.mean()), 1, False))
    rate = lost(16, gain, level, False, seed=4) / BATCH
    assert 0.05 < rate < 0.95
    assert abs(NORMAL.inv_cdf(rate) - NORMAL.inv_cdf(probability)) < 0.4


def test_a_wrong_phase_costs_crosstalk() -> None:
    """A gain that is estimated 25 degrees off loses the crosstalk between the parts of QPSK, a wrong magnitude loses nothing."""
    gain, level = constant(16, 0.5)
    assumed = gain * np.exp(1j * np.radians(25)) * 3
    draw = np.random.default_rng(7)
    raws = [draw.bytes(16) for _ in range(BATCH)]
    sent = np.stack([LdpcQpsk().modulate(raw) for raw in raws])
    combined = np.conj(assumed) * (gain * sent + noise(draw, *sent.shape) * np.sqrt(level)) / level
    bits = np.stack([np.unpackbits(np.frombuffer(raw, np.uint8)) for raw in raws])
    rate = float((decode(combined.astype(np.complex64), 16) != bits).any(axis=1).mean())
    probability = coded_loss(16, mismatched_snr(complex(gain[0]), float(level[0]), complex(assumed[0]), 1, False))
    assert 0.01 < rate < 0.9
    assert abs(NORMAL.inv_cdf(rate) - NORMAL.inv_cdf(probability)) < 0.5
    assert mismatched_snr(1.0, 0.1, 3.0, 1, False) == pytest.approx(mismatched_snr(1.0, 0.1, 1.0, 1, False)) == pytest.approx(10)
    assert mismatched_snr(1.0, 0.1, -1.0, 1, False) == mismatched_snr(1.0, 0.1, 0.0, 1, False) == 0


@pytest.mark.parametrize("snr_db", [2.0, 4.0, 5.0])
def test_uncoded_headers_follow_the_closed_form(snr_db: float) -> None:
    """Binomial test at 99.9 %, with a level per bit."""
    draw, trials = np.random.default_rng(int(snr_db)), 2000
    snr = 10 ** (snr_db / 10) * np.where(np.arange(128) < 64, 1.0, 0.6)
    raws = [draw.bytes(16) for _ in range(trials)]
    coding = UncodedBpsk()
    wrong = sum(coding.demodulate(coding.modulate(raw) + noise(draw, 128) / np.sqrt(snr), 16, Worker())() != raw for raw in raws)
    assert stats.binomtest(wrong, trials, uncoded_loss(16, snr)).pvalue > 0.001
    assert uncoded_loss(16, 2.0) == pytest.approx(uncoded_loss(16, np.full(128, 2.0)))


def test_effective_snr_lies_between_the_extremes_and_grows() -> None:
    levels = np.array([0.1, 1.0, 10.0])
    assert 0.1 < effective_snr(levels) < effective_snr(2 * levels) < 20
    for snr in (0.05, 1.0, 20.0):
        assert effective_snr(np.full(5, snr)) == pytest.approx(snr, rel=1e-6)


# The physical layer of a header ---------------------------------------------------------------------------------------


def rate(snr_db: float, estimates: bool = False, jamming: float = 0.0, trials: int = 4000, **radio: object) -> float:
    """Share of headers of 16 bytes that `HeaderPhy` loses at an SNR, with interference on the first quarter of the channel uses.

    They are sent once unless `radio` states otherwise.
    """
    options = Radio.model_validate({"header_repeats": 1} | radio)
    phy = HeaderPhy(options, Streams(1).key("header"))
    gain, power, draw = 0.5 * np.exp(1j), 0.25 / 10 ** (snr_db / 10), np.random.default_rng(1)
    uses, sequence = phy.channel_uses(16), pilots(options.pilots)
    level = power if not jamming else power + jamming * 0.25 * (np.arange(uses) < uses // 4)
    count = 0
    for index in range(trials):
        found: PilotEstimate | None = None
        if estimates:
            found = estimate(gain * sequence + noise(draw, len(sequence)) * np.sqrt(power), sequence)
        received = phy.receive(bytes(range(16)), np.array([gain], np.complex64), level, found, index)
        assert received in (b"", bytes(range(16)))
        count += not received
    return count / trials


def test_copies_add_their_snr() -> None:
    expected = coded_loss(16, 10**-0.15)
    for repeats in (1, 2, 4):
        assert abs(rate(-1.5 - 10 * np.log10(repeats), header_repeats=repeats) - expected) < 4 * np.sqrt(expected * (1 - expected) / 4000)


def test_an_estimated_gain_costs_a_little() -> None:
    """With 32 pilots at -1 dB the error of the gain has a power of 1/32 of the noise. With 2 pilots most headers are lost."""
    known, estimated, poor = rate(-1.0), rate(-1.0, estimates=True), rate(-1.0, estimates=True, pilots=2)
    assert known + 0.01 < estimated < known + 0.15
    assert poor > 0.5


def test_interference_in_the_header_counts_and_its_knowledge_helps() -> None:
    assert rate(6.0, trials=200) == 0
    assert rate(6.0, jamming=1.0, trials=200) < 0.05
    assert rate(6.0, jamming=100.0, estimates=True, trials=200) > 0.95
    assert rate(6.0, jamming=100.0, trials=200) < 0.05  # the code corrects a quarter of erased symbols


def test_a_draw_belongs_to_a_transmission() -> None:
    phy = HeaderPhy(Radio(header_repeats=1), Streams(1).key("header"))
    outcomes = [phy.receive(b"\0" * 16, np.ones(1, np.complex64), 10**0.19, None, index) for index in (0, 1, 2, 3, 4, 5, 1 << 48, 0, 1)]
    assert outcomes[7:] == outcomes[:2]
    assert len(set(outcomes)) == 2

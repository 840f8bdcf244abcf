"""Eve who adaptive_eve back: rows are laid in order again, keys are learnt from what is known, and likelihoods are those of the chain."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from linksim.attacks.jigsaw import beam_search, reorder_pair
from linksim.attacks.key_recovery import Schemes, decode_key, known_plaintext, max_likelihood_key
from linksim.attacks.magnitude_inversion import MagnitudeInverse
from linksim.attacks.model_inversion import invert_frames
from linksim.attacks.row_model import GaussMarkovRowModel, Rows, Scores, real_rows
from linksim.operations import match
from linksim.phy.baseband import ReceivedSymbols
from linksim.schemes.permutation import shuffle
from linksim.schemes.phase_scrambling import rotate

ROWS, WIDTH = 8, 24
DRIFT = 0.5  # of a row from the one above it


def smooth(count: int, seed: int) -> Rows:
    """Frames [count, rows, width] whose rows drift slowly: a random walk, around a mean of its own at every place."""
    draw = np.random.default_rng(seed)
    steps = draw.standard_normal((count, ROWS, WIDTH)) * np.array([2.0] + [DRIFT] * (ROWS - 1))[:, None]
    mean = np.linspace(-1, 1, ROWS)[:, None] * np.linspace(1, 2, WIDTH)
    return (steps.cumsum(axis=1) + mean).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> GaussMarkovRowModel:
    return GaussMarkovRowModel(smooth(600, 1))


def sets(draw: np.random.Generator, size: int, rows: int = ROWS) -> Schemes:
    return Schemes(draw.random((size, 2, rows)).argsort(-1), draw.random((size, rows)).argsort(-1) < rows // 2)


def sent_under(schemes: Schemes, p: int, s: int, pair: Rows) -> Rows:
    order, swapped = torch.from_numpy(schemes.orders[p : p + 1]), torch.from_numpy(schemes.subsets[s : s + 1])
    return np.asarray(shuffle(torch.from_numpy(pair)[None], order, swapped)[0])


def in_either_order(found: NDArray[np.generic], true: NDArray[np.generic]) -> bool:
    return np.array_equal(found, true) or np.array_equal(found[::-1], true)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_a_line_is_where_the_rows_of_a_shuffled_pair_are_received(seed: int, rows: int) -> None:
    """The line of a scheme undoes the scheme's own shuffle, and gives the scheme back."""
    draw = np.random.default_rng(seed)
    known = sets(draw, 3, rows)
    pair = draw.standard_normal((2, rows, 3)).astype(np.float32)
    line = known.line(1, 2)
    assert np.array_equal(sent_under(known, 1, 2, pair).reshape(2 * rows, 3)[line], pair)
    again = decode_key(line)
    assert np.array_equal(again.orders[0], known.orders[1])
    assert np.array_equal(again.subsets[0], known.subsets[2])


def test_smooth_frames_are_put_together_exactly(model: GaussMarkovRowModel) -> None:
    draw = np.random.default_rng(2)
    pairs, known = smooth(80, 3).reshape(40, 2, ROWS, WIDTH), sets(draw, 40)
    whole = [in_either_order(reorder_pair(sent_under(known, n, n, pair), model, 1e-6), pair) for n, pair in enumerate(pairs)]
    assert np.mean(whole) == 1.0


def test_noise_costs_some_rows_and_no_knowledge_nearly_all(model: GaussMarkovRowModel) -> None:
    """Of 2 * 8 rows a guess puts 1 in 8 right, or a little more as the better of two orders of the pair."""
    draw = np.random.default_rng(4)
    pairs, known = smooth(80, 5).reshape(40, 2, ROWS, WIDTH), sets(draw, 40)

    def right(noise: float, model: GaussMarkovRowModel) -> float:
        found = []
        for n, pair in enumerate(pairs):
            received = sent_under(known, n, n, pair).reshape(2 * ROWS, WIDTH)
            received = received + np.float32(noise**0.5) * draw.standard_normal(received.shape, dtype=np.float32)
            line, true = beam_search(model.scores(received, noise)), known.line(n, n)
            found.append(max((line == true).mean(), (line[::-1] == true).mean()))
        return float(np.mean(found))

    ignorant = GaussMarkovRowModel(draw.standard_normal((600, ROWS, WIDTH)).astype(np.float32))
    assert right(0.01, model) > 0.99
    assert right(0.01, model) > right(4.0, model) > 0.3
    assert right(0.01, ignorant) < 0.35


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_what_is_laid_is_a_pair_of_whole_frames(seed: int) -> None:
    """Whatever the scores: every row once, and in each image one row of every place."""
    draw = np.random.default_rng(seed)
    rows = int(draw.integers(2, 9))
    scores = Scores(*(draw.standard_normal(shape).astype(np.float32) for shape in ((2 * rows,), (rows - 1, 2 * rows, 2 * rows))))
    line = beam_search(scores)
    assert sorted(line.ravel().tolist()) == list(range(2 * rows))
    assert (np.sort(line % rows, axis=1) == np.arange(rows)).all()


def test_the_beam_finds_the_best_of_all_ways_of_a_small_pair() -> None:
    """Two images of three rows have 8 ways to share the places and 36 orders."""
    from itertools import permutations, product

    for seed in range(20):
        draw = np.random.default_rng(seed)
        scores = Scores(draw.standard_normal(6).astype(np.float32), draw.standard_normal((2, 6, 6)).astype(np.float32))
        ways = []
        for other in product((0, 1), repeat=3):
            images = [[place + 3 * (o ^ image) for place, o in enumerate(other)] for image in (0, 1)]
            ways += [scores.of(np.array(way)).sum() for way in product(*(permutations(image) for image in images))]
        assert scores.of(beam_search(scores)).sum() == pytest.approx(max(ways), abs=1e-5)


def test_scores_are_the_log_likelihood_of_the_chain(model: GaussMarkovRowModel) -> None:
    """Differences between frames are those of one joint Gaussian over all rows, with the noise on its diagonal."""
    noise = 10**-0.6  # the model rounds to whole dB
    frames = smooth(2, 9).reshape(2 * ROWS, WIDTH)
    lines = np.arange(2 * ROWS).reshape(2, ROWS)
    k = model.basis.shape[1]
    own = model._own + noise * np.eye(k)
    total = []
    for line in lines:
        split_bundles = frames[line] @ model.basis - model.mean
        value = -0.5 * split_bundles[0] @ np.linalg.solve(own[0], split_bundles[0]) - 0.5 * np.linalg.slogdet(own[0])[1]
        for r in range(ROWS - 1):
            joint = np.block([[own[r], model._below[r]], [model._below[r].T, own[r + 1]]])
            both = split_bundles[r : r + 2].ravel()
            value += -0.5 * both @ np.linalg.solve(joint, both) - 0.5 * np.linalg.slogdet(joint)[1]
            value -= -0.5 * split_bundles[r] @ np.linalg.solve(own[r], split_bundles[r]) - 0.5 * np.linalg.slogdet(own[r])[1]
        total.append(value)
    scores = model.scores(frames, noise).of(lines)
    assert scores[0] - scores[1] == pytest.approx(total[0] - total[1], rel=1e-3, abs=0.05)


def test_of_known_sets_the_true_scheme_is_found(model: GaussMarkovRowModel) -> None:
    draw = np.random.default_rng(6)
    known = sets(draw, 64)
    for n, pair in enumerate(smooth(20, 7).reshape(10, 2, ROWS, WIDTH)):
        received = sent_under(known, n, 63 - n, pair).reshape(2 * ROWS, WIDTH)
        found = max_likelihood_key(model.scores(received, 1e-6), known)  # of eight rows there are 70 subsets, some of them twice in the set
        assert np.array_equal(known.line(*found), known.line(n, 63 - n))


@given(st.integers(0, 2**32 - 1))
def test_a_known_pair_gives_its_scheme_away(seed: int) -> None:
    draw = np.random.default_rng(seed)
    known, pair = sets(draw, 2), draw.standard_normal((2, ROWS, WIDTH)).astype(np.float32)
    line = known_plaintext(sent_under(known, 1, 0, pair), pair)
    assert line is not None
    assert np.array_equal(line, known.line(1, 0))


def test_a_known_pair_that_was_not_sent_gives_nothing() -> None:
    draw = np.random.default_rng(8)
    pair, other = draw.standard_normal((2, 2, ROWS, 2)).astype(np.float32)
    assert known_plaintext(pair, other) is None


def test_eves_order_of_a_pair_is_nobodys_business() -> None:
    images = torch.rand(5, 2, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    flips = torch.tensor([0, 1, 1, 0, 1], dtype=torch.bool)
    shown = torch.where(flips[:, None, None, None, None], images.flip(1), images)
    assert torch.equal(match().run(shown, images), images)


def test_pairs_are_put_together_before_they_are_inverted() -> None:
    """`inverted` hands on equalised symbols and their noise: half the noise power at twice the power of the gain."""
    seen = {}

    def reassemble(pairs: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        seen["noise"] = noise
        return pairs.flip(1)

    symbols = torch.arange(8.0).to(torch.complex64)[None]
    received = ReceivedSymbols(2.0 * symbols, torch.full((1, 1), 2.0 + 0j), torch.tensor([0.4]))
    pictures = invert_frames(lambda x: x.real.reshape(-1, 1, 2, 2), 4, received, 2, reassemble)
    assert pictures.flatten().tolist() == [4, 5, 6, 7, 0, 1, 2, 3]
    assert seen["noise"].tolist() == pytest.approx([0.1])


def test_magnitudes_tell_what_turns_do_not_hide() -> None:
    """Pixels that are a linear function of magnitudes are found, whatever the turns."""
    draw = torch.Generator().manual_seed(2)
    symbols = torch.randn(12, 16 * 8, dtype=torch.complex64, generator=draw)
    bright = symbols.abs().reshape(12, 4, 4, 8)[..., 0] / 4
    images = bright.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, None].clamp(0, 1)
    attack = MagnitudeInverse(symbols, images)
    quarter_turns = torch.randint(4, symbols.shape, generator=draw)
    seen = attack.invert(rotate(symbols, quarter_turns))
    assert (seen - images).square().mean() < 0.02 * images.var()


def test_rows_are_slices_of_symbols() -> None:
    symbols = np.arange(12, dtype=np.float32).view(np.complex64)[None]
    assert real_rows(symbols, 3).tolist() == [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]]

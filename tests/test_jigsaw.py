"""Tests of attacks without the key: reordering of rows, key recovery, likelihoods of the row model, and inversion from magnitudes."""

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from linksim.attacks.jigsaw import beam_search, reorder_pair
from linksim.attacks.key_recovery import KeySets, decode_key, known_plaintext, max_likelihood_key
from linksim.attacks.magnitude_inversion import MagnitudeInverse
from linksim.attacks.model_inversion import invert_frames
from linksim.attacks.row_model import FeatureRows, GaussMarkovRowModel, RowScores, real_rows
from linksim.phy.baseband import ReceivedSymbols
from linksim.schemes.permutation import shuffle
from linksim.schemes.phase_scrambling import rotate
from linksim.scoring import resolve_order

ROWS, WIDTH = 8, 24
DRIFT = 0.5  # standard deviation of the difference of adjacent rows


def smooth(count: int, seed: int) -> FeatureRows:
    """Return frames [count, rows, width] whose rows are a random walk around a mean for each place."""
    draw = np.random.default_rng(seed)
    steps = draw.standard_normal((count, ROWS, WIDTH)) * np.array([2.0] + [DRIFT] * (ROWS - 1))[:, None]
    mean = np.linspace(-1, 1, ROWS)[:, None] * np.linspace(1, 2, WIDTH)
    frames: FeatureRows = (steps.cumsum(axis=1) + mean).astype(np.float32)
    return frames


@pytest.fixture(scope="module")
def model() -> GaussMarkovRowModel:
    return GaussMarkovRowModel(smooth(600, 1))


def key_sets(draw: np.random.Generator, size: int, rows: int = ROWS) -> KeySets:
    return KeySets(draw.random((size, 2, rows)).argsort(-1), draw.random((size, rows)).argsort(-1) < rows // 2)


def permuted(keys: KeySets, p: int, s: int, pair: FeatureRows) -> FeatureRows:
    order, swapped = torch.from_numpy(keys.orders[p : p + 1]), torch.from_numpy(keys.subsets[s : s + 1])
    return np.asarray(shuffle(torch.from_numpy(pair)[None], order, swapped)[0])


def in_either_order(found: NDArray[np.generic], true: NDArray[np.generic]) -> bool:
    return np.array_equal(found, true) or np.array_equal(found[::-1], true)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_the_assignment_of_a_key_inverts_its_permutation(seed: int, rows: int) -> None:
    """`decode_key` returns the key of the assignment."""
    draw = np.random.default_rng(seed)
    known = key_sets(draw, 3, rows)
    pair = draw.standard_normal((2, rows, 3)).astype(np.float32)
    assignment = known.assignment(1, 2)
    assert np.array_equal(permuted(known, 1, 2, pair).reshape(2 * rows, 3)[assignment], pair)
    decoded = decode_key(assignment)
    assert np.array_equal(decoded.orders[0], known.orders[1])
    assert np.array_equal(decoded.subsets[0], known.subsets[2])


def test_smooth_frames_are_reordered_exactly(model: GaussMarkovRowModel) -> None:
    draw = np.random.default_rng(2)
    pairs, known = smooth(80, 3).reshape(40, 2, ROWS, WIDTH), key_sets(draw, 40)
    exact = [in_either_order(reorder_pair(permuted(known, n, n, pair), model, 1e-6), pair) for n, pair in enumerate(pairs)]
    assert np.mean(exact) == 1.0


def test_accuracy_falls_with_noise_and_needs_the_right_model(model: GaussMarkovRowModel) -> None:
    """A guess places about 1 in 8 of 2 * 8 rows correctly, or slightly more in the better of the two orders of the pair."""
    draw = np.random.default_rng(4)
    pairs, known = smooth(80, 5).reshape(40, 2, ROWS, WIDTH), key_sets(draw, 40)

    def accuracy(noise: float, model: GaussMarkovRowModel) -> float:
        found = []
        for n, pair in enumerate(pairs):
            received = permuted(known, n, n, pair).reshape(2 * ROWS, WIDTH)
            received = received + np.float32(noise**0.5) * draw.standard_normal(received.shape, dtype=np.float32)
            assignment, true = beam_search(model.scores(received, noise)), known.assignment(n, n)
            found.append(max((assignment == true).mean(), (assignment[::-1] == true).mean()))
        return float(np.mean(found))

    wrong_model = GaussMarkovRowModel(draw.standard_normal((600, ROWS, WIDTH)).astype(np.float32))
    assert accuracy(0.01, model) > 0.99
    assert accuracy(0.01, model) > accuracy(4.0, model) > 0.3
    assert accuracy(0.01, wrong_model) < 0.35


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_the_result_is_always_a_pair_of_complete_frames(seed: int) -> None:
    """With any scores, every row occurs once and each image has one row from every place."""
    draw = np.random.default_rng(seed)
    rows = int(draw.integers(2, 9))
    scores = RowScores(*(draw.standard_normal(shape).astype(np.float32) for shape in ((2 * rows,), (rows - 1, 2 * rows, 2 * rows))))
    assignment = beam_search(scores)
    assert sorted(assignment.ravel().tolist()) == list(range(2 * rows))
    assert (np.sort(assignment % rows, axis=1) == np.arange(rows)).all()


def test_the_beam_search_is_exact_for_a_small_pair() -> None:
    """Two images of three rows have 8 substitutions and 36 pairs of orders."""
    for seed in range(20):
        draw = np.random.default_rng(seed)
        scores = RowScores(draw.standard_normal(6).astype(np.float32), draw.standard_normal((2, 6, 6)).astype(np.float32))
        candidates = []
        for other in product((0, 1), repeat=3):
            images = [[place + 3 * (o ^ image) for place, o in enumerate(other)] for image in (0, 1)]
            candidates += [
                scores.log_likelihood(np.array(candidate)).sum() for candidate in product(*(permutations(image) for image in images))
            ]
        assert scores.log_likelihood(beam_search(scores)).sum() == pytest.approx(max(candidates), abs=1e-5)


def test_scores_are_the_log_likelihood_of_the_chain(model: GaussMarkovRowModel) -> None:
    """Differences between frames equal those under one joint Gaussian of all rows, with the noise power on its diagonal."""
    noise = 10**-0.6  # the model rounds the noise power to whole dB
    frames = smooth(2, 9).reshape(2 * ROWS, WIDTH)
    assignments = np.arange(2 * ROWS).reshape(2, ROWS)
    k = model.basis.shape[1]
    own = model._own + noise * np.eye(k)
    total = []
    for assignment in assignments:
        centred = frames[assignment] @ model.basis - model.mean
        value = -0.5 * centred[0] @ np.linalg.solve(own[0], centred[0]) - 0.5 * np.linalg.slogdet(own[0])[1]
        for r in range(ROWS - 1):
            joint = np.block([[own[r], model._below[r]], [model._below[r].T, own[r + 1]]])
            both = centred[r : r + 2].ravel()
            value += -0.5 * both @ np.linalg.solve(joint, both) - 0.5 * np.linalg.slogdet(joint)[1]
            value -= -0.5 * centred[r] @ np.linalg.solve(own[r], centred[r]) - 0.5 * np.linalg.slogdet(own[r])[1]
        total.append(value)
    scores = model.scores(frames, noise).log_likelihood(assignments)
    assert scores[0] - scores[1] == pytest.approx(total[0] - total[1], rel=1e-3, abs=0.05)


def test_the_true_key_of_known_sets_is_found(model: GaussMarkovRowModel) -> None:
    draw = np.random.default_rng(6)
    known = key_sets(draw, 64)
    for n, pair in enumerate(smooth(20, 7).reshape(10, 2, ROWS, WIDTH)):
        received = permuted(known, n, 63 - n, pair).reshape(2 * ROWS, WIDTH)
        found = max_likelihood_key(model.scores(received, 1e-6), known)  # some of the 70 subsets occur twice in the set
        assert np.array_equal(known.assignment(*found), known.assignment(n, 63 - n))


@given(st.integers(0, 2**32 - 1))
def test_a_known_pair_reveals_its_key(seed: int) -> None:
    draw = np.random.default_rng(seed)
    known, pair = key_sets(draw, 2), draw.standard_normal((2, ROWS, WIDTH)).astype(np.float32)
    assignment = known_plaintext(permuted(known, 1, 0, pair), pair)
    assert assignment is not None
    assert np.array_equal(assignment, known.assignment(1, 0))


def test_a_pair_that_was_not_sent_reveals_no_key() -> None:
    draw = np.random.default_rng(8)
    pair, other = draw.standard_normal((2, 2, ROWS, 2)).astype(np.float32)
    assert known_plaintext(pair, other) is None


def test_eve_is_scored_in_the_better_order_of_a_pair() -> None:
    images = torch.rand(5, 2, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    flips = torch.tensor([0, 1, 1, 0, 1], dtype=torch.bool)
    swapped = torch.where(flips[:, None, None, None, None], images.flip(1), images)
    found: Any = resolve_order().run({"images": swapped}, images)
    assert torch.equal(found["images"], images)


def test_pairs_are_reordered_before_inversion() -> None:
    """`invert_frames` passes equalised symbols and their noise power: a gain of 2 divides the noise power by 4."""
    observed = {}

    def reassemble(pairs: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        observed["noise"] = noise
        return pairs.flip(1)

    symbols = torch.arange(8.0).to(torch.complex64)[None]
    received = ReceivedSymbols(2.0 * symbols, torch.full((1, 1), 2.0 + 0j), torch.tensor([0.4]))
    images = invert_frames(lambda x: x.real.reshape(-1, 1, 2, 2), 4, received, 2, reassemble)
    assert images.flatten().tolist() == [4, 5, 6, 7, 0, 1, 2, 3]
    assert observed["noise"].tolist() == pytest.approx([0.1])


def test_magnitudes_reveal_images_despite_phase_scrambling() -> None:
    """Pixels that are a linear function of the magnitudes are recovered, whatever the rotations."""
    draw = torch.Generator().manual_seed(2)
    symbols = torch.randn(12, 16 * 8, dtype=torch.complex64, generator=draw)
    bright = symbols.abs().reshape(12, 4, 4, 8)[..., 0] / 4
    images = bright.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, None].clamp(0, 1)
    attack = MagnitudeInverse(symbols, images)
    quarter_turns = torch.randint(4, symbols.shape, generator=draw)
    found = attack.invert(rotate(symbols, quarter_turns))
    assert (found - images).square().mean() < 0.02 * images.var()


def test_real_rows_are_slices_of_symbols() -> None:
    symbols = np.arange(12, dtype=np.float32).view(np.complex64)[None]
    assert real_rows(symbols, 3).tolist() == [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]]

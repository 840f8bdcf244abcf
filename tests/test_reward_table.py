"""Tests of the reward table: interpolation, best steps and file format."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from synthetic_reward_table import synthetic_reward_table
from tiny_models import use_models

from linksim.adapt.mdp import T_D, T_PLUS, random_steps
from linksim.adapt.reward import reward
from linksim.adapt.reward_table_file import load_reward_table, read_reward_table, write_reward_table
from linksim.errors import ModelError

REWARD_TABLE = synthetic_reward_table()
PAIRS = np.array(list(product(range(T_D[0], T_D[1] + 1), range(T_PLUS[0], T_PLUS[1] + 1))))


def rewards_of_all_pairs(snr_db: float) -> np.ndarray:
    """The rewards of all pairs at one SNR, [pairs]."""
    return REWARD_TABLE.reward(PAIRS, np.full(len(PAIRS), snr_db))


def test_interpolation_returns_the_values_at_the_nodes() -> None:
    nodes = [*product(range(8), range(7), range(9))]
    steps = np.array([(REWARD_TABLE.t_d[a], REWARD_TABLE.t_plus[b]) for a, b, _ in nodes])
    found = REWARD_TABLE.components(steps, np.array([REWARD_TABLE.snr_db[c] for _, _, c in nodes]))
    for name in ("ssim", "adv", "err", "robust"):
        np.testing.assert_allclose(getattr(found, name), getattr(REWARD_TABLE, name).ravel(), atol=1e-12)


def test_interpolation_is_exact_for_a_trilinear_function() -> None:
    def value(t_d: Any, t_plus: Any, snr_db: Any) -> Any:
        return 0.4 + 0.003 * t_d - 0.002 * t_plus + 0.01 * snr_db + 1e-4 * t_d * t_plus - 1e-4 * t_d * snr_db + 2e-6 * t_d * t_plus * snr_db

    cells = value(*np.meshgrid(REWARD_TABLE.t_d, REWARD_TABLE.t_plus, REWARD_TABLE.snr_db, indexing="ij"))
    draw = np.random.default_rng(1)
    steps, snr_db = random_steps(draw, 500), draw.uniform(-6, 18, 500)
    found = replace(REWARD_TABLE, ssim=cells).components(steps, snr_db)
    np.testing.assert_allclose(found.ssim, value(steps[:, 0], steps[:, 1], snr_db), atol=1e-12)


def test_values_beyond_the_grid_are_those_at_its_edge() -> None:
    steps = np.array([[10, 10], [10, 10]])
    inside, outside = REWARD_TABLE.components(steps, np.array([-6.0, 18.0])), REWARD_TABLE.components(steps, np.array([-60.0, np.inf]))
    np.testing.assert_array_equal(inside, outside)
    short = replace(
        REWARD_TABLE,
        **{"t_d": REWARD_TABLE.t_d[2:5]} | {name: getattr(REWARD_TABLE, name)[2:5] for name in ("ssim", "adv", "err", "robust", "clean")},
    )
    low, edge = short.components(np.array([[1, 10], [10, 10]]), np.array([3.0, 3.0])).ssim
    assert low == edge


def test_shares_are_interpolated_before_the_square_root() -> None:
    found = REWARD_TABLE.components(np.array([[3, 0]]), np.array([18.0]))
    middle = (REWARD_TABLE.adv[0, 0, -1] + REWARD_TABLE.adv[1, 0, -1]) / 2
    assert found.adv[0] == pytest.approx(middle)
    assert REWARD_TABLE.reward(np.array([[3, 0]]), np.array([18.0]))[0] == pytest.approx(reward(found.ssim[0], middle, found.err[0]))


def test_best_has_the_highest_reward_of_all_pairs() -> None:
    for snr_db in (-6.0, -1.3, 0.0, 4.4, 9.1, 18.0):
        best = REWARD_TABLE.best(np.array([snr_db]))
        assert REWARD_TABLE.reward(best, np.array([snr_db]))[0] == pytest.approx(rewards_of_all_pairs(snr_db).max(), abs=1e-12)
    anywhere = np.random.default_rng(1).uniform(-8, 20, 40)
    regret = [rewards_of_all_pairs(snr_db).max() for snr_db in anywhere] - REWARD_TABLE.reward(REWARD_TABLE.best(anywhere), anywhere)
    assert (regret >= -1e-12).all()
    assert regret.max() < 5e-4  # SNRs are rounded to 0.1 dB


def test_best_fixed_has_the_highest_mean_reward_of_all_pairs() -> None:
    snr_db = np.array([-6.0, -6.0, 0.0, 3.0, 12.0])
    means = np.mean([rewards_of_all_pairs(float(one)) for one in snr_db], axis=0)
    t_d, t_plus = REWARD_TABLE.best_fixed(snr_db)
    assert [t_d, t_plus] == PAIRS[means.argmax()].tolist()
    assert [*REWARD_TABLE.best_fixed(np.array([9.0]))] == REWARD_TABLE.best(np.array([9.0]))[0].tolist()


def test_reward_range_covers_all_pairs_and_grows_with_the_snr_range() -> None:
    one = rewards_of_all_pairs(3.0)
    assert REWARD_TABLE.reward_range(3.0, 3.0) == pytest.approx(np.ptp(one))
    whole = np.array([rewards_of_all_pairs(snr_db) for snr_db in np.linspace(-6, 18, 241)])
    assert REWARD_TABLE.reward_range(-6.0, 18.0) == pytest.approx(np.ptp(whole))
    assert REWARD_TABLE.reward_range(3.0, 3.0) < REWARD_TABLE.reward_range(0.0, 6.0) < REWARD_TABLE.reward_range(-6.0, 18.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"t_d": REWARD_TABLE.t_d[::-1]}, "t_d must be 2 to 1024 increasing numbers"),
        ({"snr_db": REWARD_TABLE.snr_db[:1]}, "snr_db must be 2 to 1024 increasing"),
        ({"snr_db": np.where(REWARD_TABLE.snr_db == 0, np.nan, REWARD_TABLE.snr_db)}, "snr_db must be"),
        ({"snr_db": np.linspace(-6.0, 1e9, 9)}, r"snr_db must lie within -60\.\.60"),  # the best steps would be computed at 1e10 SNRs
        ({"ssim": REWARD_TABLE.ssim[1:]}, r"ssim must be of shape \(8, 7, 9\), got \(7, 7, 9\)"),
        ({"adv": REWARD_TABLE.adv + 1}, "adv must lie within 0..1"),
        ({"robust": np.full((8, 7, 9), np.nan)}, "robust must lie within"),
        ({"images": 0}, "images must be at least 1"),
    ],
)
def test_invalid_axes_and_values_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(REWARD_TABLE, **changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_reward_table(REWARD_TABLE, tmp_path / "reward_table.h5")
    return tmp_path / "reward_table.h5"


def test_writing_and_reading_preserves_the_table_and_the_file_bit_for_bit(path: Path, tmp_path: Path) -> None:
    again = read_reward_table(path)
    for name in ("t_d", "t_plus", "snr_db", "ssim", "adv", "err", "robust", "clean"):
        before, after = getattr(REWARD_TABLE, name), getattr(again, name)
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)
    assert again.images == REWARD_TABLE.images
    write_reward_table(again, tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == path.read_bytes()


def test_the_file_has_dimension_scales_units_and_long_names(path: Path) -> None:
    with h5py.File(path, "r") as file:
        assert [dim[0].name for dim in file["adv"].dims] == ["/t_d", "/t_plus", "/snr_db"]
        assert file["snr_db"].attrs["units"] == b"dB"
        assert all(file[name].attrs["long_name"] for name in file)


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as refused:
        read_reward_table(path)
    message = str(refused.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


def deleted(file: h5py.File, name: str) -> h5py.File:
    del file[name]
    return file


def virtual(file: h5py.File) -> None:
    plan = h5py.VirtualLayout((8, 7, 9), np.float64)
    plan[:] = h5py.VirtualSource("other.h5", "adv", (8, 7, 9))
    deleted(file, "adv").create_virtual_dataset("adv", plan)


CORRUPTIONS: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "no component": (lambda f: deleted(f, "adv"), "no dataset 'adv'"),
    "soft link": (lambda f: deleted(f, "adv").__setitem__("adv", h5py.SoftLink("/err")), "no dataset 'adv' in the file itself"),
    "external link": (lambda f: deleted(f, "adv").__setitem__("adv", h5py.ExternalLink("o.h5", "/adv")), "no dataset 'adv' in the file"),
    "group": (lambda f: deleted(f, "adv").create_group("adv"), "no dataset 'adv'"),
    "virtual": (virtual, "must be stored contiguously"),
    "external": (
        lambda f: deleted(f, "adv").create_dataset("adv", (8, 7, 9), np.float64, external=[("/etc/hostname", 0, 4032)]),
        "must be stored contiguously",
    ),
    "no storage": (lambda f: deleted(f, "adv").create_dataset("adv", (8, 7, 9), np.float64), "must be stored contiguously"),
    "huge": (
        lambda f: deleted(f, "adv").create_dataset("adv", (1 << 20, 1 << 20, 9), np.float64),
        "a reward table needs float64 in 3 dimensions",
    ),
    "compressed": (
        lambda f: deleted(f, "adv").create_dataset("adv", data=REWARD_TABLE.adv, compression="gzip"),
        "must be stored contiguously",
    ),
    "other type": (lambda f: deleted(f, "adv").create_dataset("adv", data=REWARD_TABLE.adv.astype("f4")), "adv is float32"),
    "value out of range": (lambda f: f["adv"].__setitem__((0, 0, 0), 2.0), r"adv must lie within 0\.\.1"),
    "decreasing axis": (lambda f: f["t_d"].__setitem__(slice(None), REWARD_TABLE.t_d[::-1]), "t_d must be 2 to 1024 increasing"),
    "unbounded axis": (lambda f: f["snr_db"].__setitem__(-1, 1e300), "snr_db must lie within"),
    "other format": (lambda f: f.attrs.__setitem__("format", np.bytes_("linksim-trace")), "not a linksim reward table"),
    "variable-length string": (lambda f: f.attrs.__setitem__("format", "linksim-reward-table"), "attribute 'format' is of type object"),
    "no version": (lambda f: f.attrs.__delitem__("format_version"), "no attribute 'format_version'"),
    "newer version": (
        lambda f: f.attrs.__setitem__("format_version", np.int64(2)),
        "format version 2; this version of linksim reads version 1",
    ),
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_corrupted_file_is_refused_in_one_line(corruption: str, path: Path) -> None:
    change, message = CORRUPTIONS[corruption]
    with h5py.File(path, "r+") as file:
        change(file)
    assert re.search(message, refusal(path))


def test_truncated_and_bit_flipped_files_are_read_or_refused_in_one_line(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    for size in (0, 4, 100, 2000, len(whole) // 2, len(whole) - 300):
        path.write_bytes(whole[:size])
        refusal(path)
    path.write_bytes(b"PK" + whole[2:])
    assert "not an HDF5 file" in refusal(path)
    draw, refused = np.random.default_rng(1), 0
    for _ in range(200):
        flipped = bytearray(whole)
        flipped[int(draw.integers(0, 4000))] ^= 1 << int(draw.integers(0, 8))
        path.write_bytes(flipped)
        try:
            read_reward_table(path)
        except ModelError as error:
            refused += 1
            assert "\n" not in str(error)  # noqa: PT017  # some flipped bits do not change the content
    assert 0 < refused < 200
    assert "cannot be read as a reward table" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "nowhere.h5")


def test_loading_an_unknown_name_or_another_kind_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="is of kind classifier, not reward-table"):
        load_reward_table("classifier-cifar10")
    use_models(monkeypatch, tmp_path)
    with pytest.raises(ModelError, match="no trained model 'diffusec-reward-table'"):
        load_reward_table("diffusec-reward-table")

"""Facts about the reward table: what it says between its nodes, what is best in it, and its file."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from synthetic_reward_table import made_up_reward_table

from linksim.adapt.mdp import T_D, T_PLUS, random_steps
from linksim.adapt.reward import reward
from linksim.adapt.reward_table_file import load_reward_table, read_reward_table, write_reward_table
from linksim.errors import ModelError

REWARD_TABLE = made_up_reward_table()
PAIRS = np.array(list(product(range(T_D[0], T_D[1] + 1), range(T_PLUS[0], T_PLUS[1] + 1))))


def brute(snr_db: float) -> np.ndarray:
    """The reward of every pair at one SNR."""
    return REWARD_TABLE.reward(PAIRS, np.full(len(PAIRS), snr_db))


def test_the_nodes_themselves_come_back() -> None:
    nodes = [*product(range(8), range(7), range(9))]
    steps = np.array([(REWARD_TABLE.t_d[a], REWARD_TABLE.t_plus[b]) for a, b, _ in nodes])
    found = REWARD_TABLE.components(steps, np.array([REWARD_TABLE.snr_db[c] for _, _, c in nodes]))
    for name in ("ssim", "adv", "err", "robust"):
        np.testing.assert_allclose(getattr(found, name), getattr(REWARD_TABLE, name).ravel(), atol=1e-12)


def test_a_function_linear_in_each_direction_is_exact_everywhere() -> None:
    def value(t_d: Any, t_plus: Any, snr_db: Any) -> Any:
        return 0.4 + 0.003 * t_d - 0.002 * t_plus + 0.01 * snr_db + 1e-4 * t_d * t_plus - 1e-4 * t_d * snr_db + 2e-6 * t_d * t_plus * snr_db

    cells = value(*np.meshgrid(REWARD_TABLE.t_d, REWARD_TABLE.t_plus, REWARD_TABLE.snr_db, indexing="ij"))
    draw = np.random.default_rng(1)
    steps, snr_db = random_steps(draw, 500), draw.uniform(-6, 18, 500)
    found = replace(REWARD_TABLE, ssim=cells).components(steps, snr_db)
    np.testing.assert_allclose(found.ssim, value(steps[:, 0], steps[:, 1], snr_db), atol=1e-12)


def test_the_edge_holds_beyond_the_grid() -> None:
    steps = np.array([[10, 10], [10, 10]])
    inside, outside = REWARD_TABLE.components(steps, np.array([-6.0, 18.0])), REWARD_TABLE.components(steps, np.array([-60.0, np.inf]))
    np.testing.assert_array_equal(inside, outside)
    short = replace(
        REWARD_TABLE,
        **{"t_d": REWARD_TABLE.t_d[2:5]} | {name: getattr(REWARD_TABLE, name)[2:5] for name in ("ssim", "adv", "err", "robust", "clean")},
    )
    low, edge = short.components(np.array([[1, 10], [10, 10]]), np.array([3.0, 3.0])).ssim
    assert low == edge


def test_shares_are_interpolated_before_their_roots() -> None:
    found = REWARD_TABLE.components(np.array([[3, 0]]), np.array([18.0]))
    middle = (REWARD_TABLE.adv[0, 0, -1] + REWARD_TABLE.adv[1, 0, -1]) / 2
    assert found.adv[0] == pytest.approx(middle)
    assert REWARD_TABLE.reward(np.array([[3, 0]]), np.array([18.0]))[0] == pytest.approx(reward(found.ssim[0], middle, found.err[0]))


def test_the_best_is_the_best_of_all_pairs() -> None:
    for snr_db in (-6.0, -1.3, 0.0, 4.4, 9.1, 18.0):
        best = REWARD_TABLE.best(np.array([snr_db]))
        assert REWARD_TABLE.reward(best, np.array([snr_db]))[0] == pytest.approx(brute(snr_db).max(), abs=1e-12)
    anywhere = np.random.default_rng(1).uniform(-8, 20, 40)
    lost = [brute(snr_db).max() for snr_db in anywhere] - REWARD_TABLE.reward(REWARD_TABLE.best(anywhere), anywhere)
    assert (lost >= -1e-12).all()
    assert lost.max() < 5e-4  # SNRs are taken for the nearest tenth of a decibel


def test_the_best_fixed_pair_is_the_best_of_all_pairs() -> None:
    snr_db = np.array([-6.0, -6.0, 0.0, 3.0, 12.0])
    means = np.mean([brute(float(one)) for one in snr_db], axis=0)
    t_d, t_plus = REWARD_TABLE.best_fixed(snr_db)
    assert [t_d, t_plus] == PAIRS[means.argmax()].tolist()
    assert [*REWARD_TABLE.best_fixed(np.array([9.0]))] == REWARD_TABLE.best(np.array([9.0]))[0].tolist()


def test_the_spread_is_that_of_all_pairs_and_grows_with_the_range() -> None:
    one = brute(3.0)
    assert REWARD_TABLE.spread(3.0, 3.0) == pytest.approx(np.ptp(one))
    whole = np.array([brute(snr_db) for snr_db in np.linspace(-6, 18, 241)])
    assert REWARD_TABLE.spread(-6.0, 18.0) == pytest.approx(np.ptp(whole))
    assert REWARD_TABLE.spread(3.0, 3.0) < REWARD_TABLE.spread(0.0, 6.0) < REWARD_TABLE.spread(-6.0, 18.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"t_d": REWARD_TABLE.t_d[::-1]}, "t_d must be 2 to 1024 rising numbers"),
        ({"snr_db": REWARD_TABLE.snr_db[:1]}, "snr_db must be 2 to 1024 rising"),
        ({"snr_db": np.where(REWARD_TABLE.snr_db == 0, np.nan, REWARD_TABLE.snr_db)}, "snr_db must be"),
        ({"snr_db": np.linspace(-6.0, 1e9, 9)}, r"snr_db must lie within -60\.\.60"),  # 1e10 SNRs to find the best steps for
        ({"ssim": REWARD_TABLE.ssim[1:]}, r"ssim must be of shape \(8, 7, 9\), got \(7, 7, 9\)"),
        ({"adv": REWARD_TABLE.adv + 1}, "adv must lie within 0..1"),
        ({"robust": np.full((8, 7, 9), np.nan)}, "robust must lie within"),
        ({"images": 0}, "images must be at least 1"),
    ],
)
def test_what_is_no_reward_table_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(REWARD_TABLE, **changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_reward_table(REWARD_TABLE, tmp_path / "reward_table.h5")
    return tmp_path / "reward_table.h5"


def test_an_reward_table_comes_back_bit_for_bit_and_its_file_does_too(path: Path, tmp_path: Path) -> None:
    again = read_reward_table(path)
    for name in ("t_d", "t_plus", "snr_db", "ssim", "adv", "err", "robust", "clean"):
        before, after = getattr(REWARD_TABLE, name), getattr(again, name)
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)
    assert again.images == REWARD_TABLE.images
    write_reward_table(again, tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == path.read_bytes()


def test_any_tool_finds_axes_units_and_names(path: Path) -> None:
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


TRICKS: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "no component": (lambda f: deleted(f, "adv"), "no dataset 'adv'"),
    "soft link": (lambda f: deleted(f, "adv").__setitem__("adv", h5py.SoftLink("/err")), "no dataset 'adv' in the file itself"),
    "external link": (lambda f: deleted(f, "adv").__setitem__("adv", h5py.ExternalLink("o.h5", "/adv")), "no dataset 'adv' in the file"),
    "group": (lambda f: deleted(f, "adv").create_group("adv"), "no dataset 'adv'"),
    "virtual": (virtual, "not stored plainly"),
    "external": (
        lambda f: deleted(f, "adv").create_dataset("adv", (8, 7, 9), np.float64, external=[("/etc/hostname", 0, 4032)]),
        "not stored plainly",
    ),
    "never stored": (lambda f: deleted(f, "adv").create_dataset("adv", (8, 7, 9), np.float64), "not stored plainly"),
    "huge": (
        lambda f: deleted(f, "adv").create_dataset("adv", (1 << 20, 1 << 20, 9), np.float64),
        "a reward table has float64 in 3 dimensions",
    ),
    "packed": (lambda f: deleted(f, "adv").create_dataset("adv", data=REWARD_TABLE.adv, compression="gzip"), "not stored plainly"),
    "other type": (lambda f: deleted(f, "adv").create_dataset("adv", data=REWARD_TABLE.adv.astype("f4")), "adv is float32"),
    "wild value": (lambda f: f["adv"].__setitem__((0, 0, 0), 2.0), r"adv must lie within 0\.\.1"),
    "axis that falls": (lambda f: f["t_d"].__setitem__(slice(None), REWARD_TABLE.t_d[::-1]), "t_d must be 2 to 1024 rising"),
    "axis without end": (lambda f: f["snr_db"].__setitem__(-1, 1e300), "snr_db must lie within"),
    "other format": (lambda f: f.attrs.__setitem__("format", np.bytes_("linksim-trace")), "no reward table of linksim"),
    "text of any length": (lambda f: f.attrs.__setitem__("format", "linksim-reward-table"), "attribute 'format' is of type object"),
    "no version": (lambda f: f.attrs.__delitem__("format_version"), "no attribute 'format_version'"),
    "newer": (
        lambda f: f.attrs.__setitem__("format_version", np.int64(2)),
        "has version 2 of the reward table format; this linksim reads version 1",
    ),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_hostile_file_is_refused_in_one_line(trick: str, path: Path) -> None:
    change, message = TRICKS[trick]
    with h5py.File(path, "r+") as file:
        change(file)
    assert re.search(message, refusal(path))


def test_damaged_files_are_refused_in_one_line_or_change_nothing_that_matters(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    for size in (0, 4, 100, 2000, len(whole) // 2, len(whole) - 300):
        path.write_bytes(whole[:size])
        refusal(path)
    path.write_bytes(b"PK" + whole[2:])
    assert "not an HDF5 file" in refusal(path)
    draw = np.random.default_rng(1)
    for _ in range(200):
        spoilt = bytearray(whole)
        spoilt[int(draw.integers(0, 4000))] ^= 1 << int(draw.integers(0, 8))
        path.write_bytes(spoilt)
        try:
            read_reward_table(path)
        except ModelError as fault:
            assert "\n" not in str(fault)  # noqa: PT017  # some of the bytes are of no matter
    assert "cannot be read as a reward table" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "nowhere.h5")


def test_a_name_that_is_none_of_an_reward_table_is_answered_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="is of kind classifier, not reward table"):
        load_reward_table("classifier-cifar10")
    monkeypatch.setenv("LINKSIM_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match="no trained model 'diffusec-reward-table'"):
        load_reward_table("diffusec-reward-table")

"""Comparison of runs, groups and values of an axis: the pairs are those of equal images, and a difference is that of their means."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import linksim
from linksim.cli import main
from linksim.errors import LinksimError
from linksim.plots.trace_comparison import compare_views
from linksim.plots.trace_view import TraceView, read_view
from linksim.statistics import MIN_PAIRS, student_interval
from linksim.sweeps.comparison import compare_values
from linksim.sweeps.table import SweepTable

SNR = "channel.bob.snr.mean_db"
BASE: dict[str, Any] = {"name": "compared", "frames": 3, "links": 8, "dataset": "samples"}


def invoked(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def runs(tmp_path: Path, small_models: None) -> dict[float, Path]:
    """Traces of two SNRs, with equal images and noise."""
    paths = {snr_db: tmp_path / f"at-{snr_db:g}.h5" for snr_db in (0.0, 20.0)}
    for snr_db, path in paths.items():
        linksim.run(BASE, {SNR: snr_db}, out=path).close()
    return paths


def view(path: Path) -> TraceView:
    with linksim.open_trace(path) as run:
        return read_view(run.trace)


def test_runs_are_compared_image_by_image(runs: dict[float, Path]) -> None:
    low, high = (linksim.open_trace(path).table("scores") for path in runs.values())
    found = {each.metric: each for each in compare_views({str(snr_db): view(path) for snr_db, path in runs.items()})}
    assert set(found) == {"psnr_db", "ssim", "accuracy"}
    for metric in ("psnr_db", "ssim"):
        one, other = (np.asarray(each[metric], float) for each in (low, high))
        assert found[metric].difference.value == pytest.approx(other.mean() - one.mean())
        assert (found[metric].of_first, found[metric].of_second) == pytest.approx((one.mean(), other.mean()))
        assert found[metric].difference.low > 0
    assert (found["ssim"].images, found["ssim"].difference.n) == (8 * 3 * 4, 8)


def test_a_run_is_not_compared_with_other_images(runs: dict[float, Path], tmp_path: Path) -> None:
    linksim.run(BASE, {"seed": 2}, out=tmp_path / "other.h5").close()
    result = invoked("compare", runs[0.0], tmp_path / "other.h5")
    others = [line for line in result.output.splitlines() if "psnr_db" in line]
    assert result.exit_code == 1 or all(int(line.split(" images")[0].split()[-1].replace(",", "")) < 8 for line in others)


def test_the_groups_of_a_run_are_compared_with_the_first(tmp_path: Path, small_models: None) -> None:
    groups = {"weak": {"channel": {"bob": {"snr": {"mean_db": 0}}}}, "strong": {"channel": {"bob": {"snr": {"mean_db": 20}}}}}
    linksim.run({**BASE, "groups": groups}, {"links": 2}, out=tmp_path / "trace.h5").close()
    found = compare_views({"run": view(tmp_path / "trace.h5")})
    assert {(each.first, each.second) for each in found} == {("weak", "strong")}
    for each in found:
        assert each.difference.n < MIN_PAIRS
        assert math.isnan(each.difference.low)


def test_the_command_prints_a_line_per_metric(runs: dict[float, Path]) -> None:
    paths = list(runs.values())
    result = invoked("compare", *paths)
    assert result.exit_code == 0, result.output
    assert [line.split()[3] for line in result.stdout.splitlines()[1:]] == ["psnr_db", "ssim", "accuracy"]
    assert "96 images, 8 independent pairs" in result.stdout
    assert invoked("compare", *paths, "--metric", "sim").stderr == "linksim: no metric 'sim'; did you mean 'ssim'?\n"
    assert "got" in invoked("compare", paths[0], paths[0]).stderr
    assert "nothing to compare" in invoked("compare", paths[0]).stderr
    assert invoked("compare", *paths, "--by", "seed").exit_code == 2
    assert '"differences"' in invoked("compare", *paths, "--json").stdout
    assert invoked("show", *paths).stdout.count("PSNR dB") == 2


def row(scheme: str, seed: int, psnr_db: float, snr_db: float = 0.0) -> dict[str, Any]:
    return {"scheme": scheme, SNR: snr_db, "seed": seed, "group": "link", "receiver": "bob", "psnr_db": psnr_db}


def test_values_of_an_axis_are_compared_over_the_replications_that_both_have() -> None:
    first, second = {1: 20.0, 2: 24.0, 3: 22.0, 4: 9.0}, {1: 21.0, 2: 25.5, 3: 23.2}
    rows = [row("a", seed, value) for seed, value in first.items()] + [row("b", seed, value) for seed, value in second.items()]
    (found,) = compare_values(SweepTable(["scheme", SNR, "seed"], rows, {}), "scheme", ["psnr_db", "ssim"])
    expected = student_interval(np.array([1.0, 1.5, 1.2]))
    assert (found.first, found.second, found.metric, found.cell[SNR]) == ("a", "b", "psnr_db", 0.0)
    assert (found.difference.value, found.difference.low) == pytest.approx((expected.value, expected.low))
    assert (found.of_first, found.of_second) == pytest.approx((22.0, 23.2333333))
    with pytest.raises(LinksimError, match="no column 'skeme' with several values to compare; did you mean 'scheme'"):
        compare_values(SweepTable(["scheme", SNR, "seed"], rows, {}), "skeme", ["psnr_db"])

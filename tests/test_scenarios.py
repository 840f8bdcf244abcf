"""Every shipped scenario runs, with few frames, on the parts that are shipped, and leaves a trace that tells what the scenario is about."""

from pathlib import Path

import numpy as np
import pytest

from linksim.plots.summary import summarise
from linksim.run import run
from linksim.scenario.load import load_scenario, shipped_names
from linksim.trace.reader import open_trace

NAMES = shipped_names()


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_scenario_runs(name: str, tmp_path: Path) -> None:
    scenario = load_scenario(name, ["frames=3"])
    result = run(scenario, (), tmp_path / "trace.h5")
    assert not [warning for warning in result.warnings if "jammer" not in warning]  # three frames may end before a jammer begins
    with open_trace(tmp_path / "trace.h5") as trace:
        assert trace.complete
        assert trace.fingerprint == result.fingerprint
        assert len(trace.table("frames")) == 3 * scenario.lanes
        assert [summary.name for summary in summarise(trace)] == list(scenario.groups)
        assert np.isfinite(trace.table("quality")["psnr_db"]).all()


def test_there_are_scenarios() -> None:
    assert {"quickstart", "awgn-baseline", "rayleigh", "jammed", "defended"} <= set(NAMES)


def test_the_demo_shows_what_it_says(tmp_path: Path) -> None:
    """Eve's pictures of the open link are recognisable and of the sealed one are not; Bob's are fine on both."""
    run(load_scenario("quickstart", ["frames=6"]), (), tmp_path / "trace.h5")
    with open_trace(tmp_path / "trace.h5") as trace:
        quality, lanes = trace.table("quality"), trace.table("lanes")
        sealed = lanes["group"][np.searchsorted(lanes["lane"], quality["lane"])] == 1
        eve = quality["ear"] == 1

        def mean(column: str, *, of_eve: bool, of_sealed: bool) -> float:
            return float(quality[column][(eve == of_eve) & (sealed == of_sealed)].mean())

        def accuracy(*, of_eve: bool, of_sealed: bool) -> float:
            chosen = (eve == of_eve) & (sealed == of_sealed)
            return float((quality["predicted"] == quality["label"])[chosen].mean())

    assert mean("psnr_db", of_eve=True, of_sealed=False) > mean("psnr_db", of_eve=True, of_sealed=True) + 5
    assert mean("ssim", of_eve=True, of_sealed=False) > 0.6 > 0.25 > mean("ssim", of_eve=True, of_sealed=True)
    assert accuracy(of_eve=True, of_sealed=False) > 0.5 > 0.3 > accuracy(of_eve=True, of_sealed=True)
    assert abs(mean("psnr_db", of_eve=False, of_sealed=True) - mean("psnr_db", of_eve=False, of_sealed=False)) < 2

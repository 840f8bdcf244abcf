"""Every shipped scenario runs, with few frames, on the parts that are shipped, and leaves a trace that tells what the scenario is about."""

import re
from pathlib import Path

import numpy as np
import pytest

from linksim.data.sources import load
from linksim.errors import DataError
from linksim.nets.weights import has_model
from linksim.plots.summary import summarise
from linksim.plots.trace_view import read_view
from linksim.scenario.load import load_scenario, resolved_yaml, shipped_names
from linksim.scenario.schema import Scenario
from linksim.simulate.run import run
from linksim.trace.reader import open_trace

NAMES = shipped_names()
MANY = 32  # links
PART = re.compile(r"(?:codec|denoiser|autoencoder|inverter|surrogate|actor|reward table): ([a-z0-9-]+)")


def skip_unless_here(scenario: Scenario) -> None:
    """Faces are not in the package, and parts that learn from them may not be trained yet: what a scenario lacks of these is said."""
    try:
        load(scenario.dataset, "test")
    except DataError as fault:
        pytest.skip(str(fault))
    words = resolved_yaml(scenario)
    missing = [name for name in sorted(set(PART.findall(words))) if not has_model(name)]
    if missing:
        pytest.skip(f"no trained model {', '.join(missing)}")


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_scenario_runs(name: str, tmp_path: Path) -> None:
    scenario = load_scenario(name, ["frames=3"])
    if scenario.links > MANY:
        scenario = load_scenario(name, ["frames=3", "links=2"])
    skip_unless_here(scenario)
    result = run(scenario, (), tmp_path / "trace.h5")
    assert not [warning for warning in result.warnings if "jammer" not in warning]  # three frames may end before a jammer begins
    with open_trace(tmp_path / "trace.h5") as trace:
        assert trace.complete
        assert trace.fingerprint == result.fingerprint
        assert len(trace.table("frames")) == 3 * scenario.links
        assert [summary.name for summary in summarise(read_view(trace))] == list(scenario.groups)
        assert np.isfinite(trace.table("scores")["psnr_db"]).all()


def test_there_are_scenarios() -> None:
    assert {"quickstart", "awgn-baseline", "rayleigh", "jammed_fraction", "defended"} <= set(NAMES)


def test_the_demo_shows_what_it_says(tmp_path: Path) -> None:
    """Eve's images of the open link are recognisable and of the sealed one are not; Bob's are fine on both."""
    run(load_scenario("quickstart", ["frames=6"]), (), tmp_path / "trace.h5")
    with open_trace(tmp_path / "trace.h5") as trace:
        quality, links = trace.table("scores"), trace.table("links")
        sealed = links["group"][np.searchsorted(links["link"], quality["link"])] == 1
        eve = quality["receiver"] == 1

        def mean(column: str, *, of_eve: bool, of_sealed: bool) -> float:
            return float(quality[column][(eve == of_eve) & (sealed == of_sealed)].mean())

        def accuracy(*, of_eve: bool, of_sealed: bool) -> float:
            chosen = (eve == of_eve) & (sealed == of_sealed)
            return float((quality["class_received"] == quality["label"])[chosen].mean())

    assert mean("psnr_db", of_eve=True, of_sealed=False) > mean("psnr_db", of_eve=True, of_sealed=True) + 5
    assert mean("ssim", of_eve=True, of_sealed=False) > 0.6 > 0.25 > mean("ssim", of_eve=True, of_sealed=True)
    assert accuracy(of_eve=True, of_sealed=False) > 0.5 > 0.3 > accuracy(of_eve=True, of_sealed=True)
    assert abs(mean("psnr_db", of_eve=False, of_sealed=True) - mean("psnr_db", of_eve=False, of_sealed=False)) < 2


def test_the_jigsaw_undoes_the_papers_defence_and_not_a_finer_one(tmp_path: Path) -> None:
    """Rows in order again are as good to Eve as an open link; symbols are not to be put together, nor are scrambled rows."""
    scenario = load_scenario("miea-jigsaw", ["frames=3"])
    skip_unless_here(scenario)
    run(scenario, (), tmp_path / "trace.h5")
    with open_trace(tmp_path / "trace.h5") as trace:
        quality, links = trace.table("scores"), trace.table("links")
        group, eve = links["group"][np.searchsorted(links["link"], quality["link"])], quality["receiver"] == 1
        seen = {name: quality["ssim"][(group == n) & eve].mean() for n, name in enumerate(scenario.groups)}
        bob = [quality["psnr_db"][(group == n) & ~eve].mean() for n in range(len(scenario.groups))]
    assert min(seen["jigsaw"], seen["jigsaw-table"]) > seen["open"] - 0.05 > 0.8
    assert max(seen["defended"], seen["constellation"], seen["scrambled"]) < 0.45
    assert max(bob) - min(bob) < 0.5

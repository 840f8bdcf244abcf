"""Figures of runs with all kinds of fading, jammers, a digital scheme and faults of the session are drawn without warnings."""

from pathlib import Path
from typing import Any

import pytest

from linksim.plots.figures import draw_all
from linksim.plots.report import write_report
from linksim.plots.trace_view import read_view
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.simulate.run import run
from linksim.trace.reader import open_trace

FADING: dict[str, dict[str, Any]] = {
    "rayleigh": {"kind": "rayleigh", "coherence_ms": 0.7},
    "jakes": {"kind": "jakes", "doppler_hz": 100.0},
    "ofdm": {"kind": "tdl", "speed_mps": 30.0, "bandwidth": "ofdm"},
}
JAMMERS = ("sweep", "reactive")
SESSION = {"probe_interval_ms": 5.0}
FAULTS = {"loss": 0.2, "duplicate": 0.3, "reorder": 0.3, "replay": 0.3, "bit_flip": 0.1, "truncate": 0.1, "forge": 0.3}
SEALED = {"scheme": ["permutation", "deepjscc"]}


def options(**more: Any) -> LinkOptions:
    return LinkOptions.model_validate({"eve": {"attack": "inverse-network"}, "session": SESSION} | more)


GROUPS = {
    "fading": {name: options(channel={"bob": {"fading": spec}, "eve": {"fading": spec}}) for name, spec in FADING.items()},
    "jammers": {kind: options(links=2, jammer={"kind": kind, "start_ms": 2.0}) for kind in JAMMERS},
    "faults": {"sealed": options(**SEALED, session=SESSION | {"faults": FAULTS}), "held": options(**SEALED, jammer={"kind": "barrage"})},
    "digital": {"coded": LinkOptions.model_validate({"scheme": ["digital"]})},
}


@pytest.mark.parametrize("name", GROUPS)
def test_all_figures_of_a_run_are_drawn(name: str, small_models: None, tmp_path: Path) -> None:
    path = tmp_path / "trace.h5"
    run(Scenario(name=name, frames=4, groups=GROUPS[name], max_time_s=1.0), (), path)
    if name == "faults":
        assert write_report(path, tmp_path / "report.html").stat().st_size > 100_000
        return
    with open_trace(path) as trace:
        view = read_view(trace)
    drawn = [figure for figure, _ in draw_all(view)]
    wanted = {"time-series", "scores", "images", "channel", "constellation", "timeline"} | ({"session"} if name != "digital" else set())
    assert wanted <= set(drawn)

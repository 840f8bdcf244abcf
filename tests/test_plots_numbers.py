"""The numbers of figures and report: quantile bands match numpy, and the summary matches manual computation."""

import math
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plot_tables import FRAMES, MS, Tables, one_group, two_small_groups
from scipy import stats

from linksim.enums import Node
from linksim.plots.binning import equal_edges, quantile_bands
from linksim.plots.decorrelation import block_lengths
from linksim.plots.summary import read_summary, summarise, summary_text
from linksim.plots.tables import FrameRows, match
from linksim.plots.trace_view import read_view
from linksim.statistics import Z95


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(-1, 11), st.floats(-50, 50)), min_size=1, max_size=60), st.integers(1, 7))
def test_bands_are_quantiles_of_each_bin(points: list[tuple[float, float]], bins: int) -> None:
    x, y = np.array(points).T
    edges = equal_edges(0.0, 10.0, bins)
    found = quantile_bands(x, y, edges)
    place = np.sum(x[:, None] >= edges, axis=1)
    for i, b in enumerate(np.unique(place)):
        inside = y[place == b]
        expected = np.quantile(inside, [0.1, 0.5, 0.9])
        np.testing.assert_allclose([found.low[i], found.median[i], found.high[i]], expected, atol=1e-9)
        assert found.n[i] == len(inside)
        assert found.centre[i] == pytest.approx(x[place == b].mean())


def test_match_finds_the_row_of_the_same_link_and_frame() -> None:
    def at(*places: tuple[int, int]) -> FrameRows:
        link, frame = np.array(places).reshape(-1, 2).T
        return FrameRows(*[link if column.name == "link" else frame for column in fields(FrameRows)])

    among = at((1, 0), (0, 5), (0, 2), (1, 5))
    assert match(at((0, 2), (1, 5), (1, 2), (0, 9), (2, 0)), among).tolist() == [2, 3, -1, -1, -1]
    assert match(at((0, 2)), at()).tolist() == [-1]
    assert match(at(), among).tolist() == []


def test_the_view_splits_rows_by_group_and_receiver_and_drops_unknown_links() -> None:
    given = one_group(3, links=4)
    given["links"] = {"link": [0, 1, 2], "group": [0, 1, 0]}
    view = read_view(Tables(given, ("even", "odd")))
    assert [(group.name, group.links.tolist()) for group in view.groups] == [("even", [0, 2]), ("odd", [1])]
    assert [len(group.frames) for group in view.groups] == [6, 3]
    assert set(view.groups[0].eve.scores.receiver.tolist()) == {Node.EVE}
    assert set(view.groups[0].bob.receptions.link.tolist()) == {0, 2}
    assert view.end_s == pytest.approx(0.010)  # end of the jamming interval


def test_the_summary_matches_manual_computation() -> None:
    group, idle = summarise(read_view(two_small_groups(), block_lengths=FRAMES))
    assert (group.name, group.links, group.decoded, group.lost) == ("open", 2, 2, 2)
    assert group.control_share == pytest.approx(500 / (500 + 1000 + 1000 + 500))  # the frame that was not sent has no channel uses
    assert group.jam_share == pytest.approx((2 + 2 + 2) / (8 + 10))  # link 0 ends at 8 ms, link 1 at 10 ms
    assert group.bob is not None
    assert group.eve is not None
    half = 10 * stats.t.ppf(0.975, 2) / Z95 * math.sqrt(3 / 2)  # 10, 20, 30: 4 % of the resamples have only the lowest, as many the highest
    assert (group.bob.psnr_db.low, group.bob.psnr_db.high) == pytest.approx((20 - half, 20 + half))
    assert (group.bob.images, group.bob.distinct, group.bob.units) == (3, 2, 3)  # images 7, 3 and again 7, each in a frame of its own
    assert group.bob.psnr_of_mean_mse_db == pytest.approx(-10 * math.log10(0.111 / 3))
    assert (group.bob.ssim.value, group.bob.accuracy.value, group.bob.accuracy.n) == (0.5, pytest.approx(2 / 3), 3)
    assert (group.eve.psnr_db.value, group.eve.units) == (10, 2)
    assert (group.eve.accuracy.value, group.eve.accuracy.n) == (1, 1)  # one of the two was not classified
    assert (idle.name, idle.bob, idle.eve, idle.decoded) == ("idle", None, None, 0)
    assert math.isnan(idle.jam_share)
    assert math.isnan(idle.control_share)


def test_the_summary_as_text() -> None:
    assert summary_text(summarise(read_view(two_small_groups(), block_lengths=FRAMES))).splitlines() == [
        "group  links  receiver          images  units        PSNR dB           SSIM            accuracy  frames ok/lost  control  jammed",
        "-----  -----  --------  --------------  -----  -------------  -------------  ------------------  --------------  -------  ------",
        "open       2  Bob       3 (2 distinct)      3  20.00 ± 26.89  0.500 ± 0.672  66.7 % [4.9, 98.7]           2 / 2   16.7 %  33.3 %",
        "              Eve                    2      2   10.00 ± 0.00  0.250 ± 2.292             100.0 %",
        "idle       1  Bob                    0      0              -              -                   -           0 / 0        -       -",
    ]


def test_links_are_the_units_where_the_decorrelation_time_is_not_known() -> None:
    group, _ = summarise(read_view(two_small_groups()))
    assert group.bob is not None
    assert group.eve is not None
    assert (group.bob.units, group.eve.units) == (2, 1)
    assert math.isnan(group.eve.psnr_db.low)


def test_block_lengths_follow_from_the_scenario() -> None:
    """Five time constants of an exponential correlation; Eve's reconstructions depend also on Bob's channel, for which Alice encodes."""
    paths = {
        "steady": "{bob: {snr: {kind: sine}}}",
        "slow": "{bob: {snr: {kind: gauss-markov, coherence_ms: 20}, fading: {kind: rayleigh, coherence_ms: 30}}}",
        "eve": "{bob: {fading: {kind: jakes, doppler_hz: 100}}, eve: {fading: {kind: jakes, doppler_hz: 20}}}",
        "still": "{eve: {fading: {kind: jakes, doppler_hz: 0}}}",
        "walk": "{bob: {snr: {kind: random-walk, low_db: 0, high_db: 20, start_db: 5, step_db: 1, interval_ms: 10}}}",
    }
    groups = "".join(f"  {name}: {{channel: {path}}}\n" for name, path in paths.items())
    jammed = "  jammed: {jammer: {kind: markov, mean_on_ms: 10, mean_off_ms: 40}}\n"
    found = {name: (block.bob_ns / MS, block.eve_ns / MS) for name, block in block_lengths(f"name: s\ngroups:\n{groups}{jammed}").items()}
    walk_ms = 5 * 2 * 400 * 10 / math.pi**2
    assert {name: pytest.approx(both) for name, both in found.items()} == {
        "steady": (0, 0),
        "slow": (100, 100),
        "eve": (100, 500),
        "still": (0, math.inf),
        "walk": (walk_ms, walk_ms),
        "jammed": (40, 40),
    }
    assert block_lengths("name: s\nframe: 3") == {}


@pytest.mark.parametrize(("coherence_ms", "units"), [(30, 8), (300, 2)])
def test_the_intervals_of_a_trace_count_blocks_of_the_coherence_time(coherence_ms: int, units: int, tmp_path: Path) -> None:
    """200 frames of 4 images, 3 ms apart, on 2 links: blocks of 150 ms divide 600 ms into 4 per link, blocks of 1.5 s do not divide it."""
    scenario = f"name: s\nlinks: 2\ngroups: {{open: {{channel: {{bob: {{snr: {{kind: gauss-markov, coherence_ms: {coherence_ms}}}}}}}}}}}\n"
    trace = Tables(one_group(200, images=4, links=2)).write(tmp_path / "t.h5", scenario)
    (group,) = read_summary(trace).groups
    assert group.bob is not None
    assert (group.bob.images, group.bob.distinct, group.bob.units, group.bob.psnr_db.n) == (1600, 1600, units, units)
    assert re.search(rf" Bob +1,600 +{units} ", read_summary(trace).text())

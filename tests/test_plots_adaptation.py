"""Figures and summary of Bob's policies: rewards computed by hand, comparison of groups, and figures that match the trace."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adaptive_tables import REPORT, adaptive, best, scenario
from matplotlib.axes import Axes
from plot_tables import MS, Given, Tables, one_group, two_small_groups

from linksim.plots.adaptation import adaptation_figure, drop_small_windows, lost_reports
from linksim.plots.captions import CAPTIONS
from linksim.plots.decorrelation import BlockLengths
from linksim.plots.figures import figure_functions
from linksim.plots.paired_comparison import paired_comparison
from linksim.plots.plot_style import svg
from linksim.plots.policies import policies_figure, policy_rows
from linksim.plots.policy_groups import PolicyGroups, policy_groups_of
from linksim.plots.policy_map import policy_map_figure
from linksim.plots.report import write_report
from linksim.plots.rewards import (
    accuracy,
    adaptive_groups,
    grouped_sums,
    mean_reward,
    mean_ssim,
    measured,
    paired,
    reward_windows,
    rewards,
)
from linksim.plots.summary import adaptation_lines, read_summary, summarise, summary_text
from linksim.plots.trace_view import TraceView, read_view
from linksim.statistics import MIN_PAIRS, bootstrap_weights

PAIR = ("oracle", "lookup")
NAMES = ["adaptation", "policy-map", "policies"]


def two_windows() -> Given:
    """Eight attacked images of one link in two windows of four.

    In the first window one reconstruction has the class of the attacked image, one a third class, one the true class, and one image was
    never misclassified. The second window is perfect.
    """
    final = [2, 3, 1, 1, 1, 1, 1, 1]
    return {
        "links": {"link": [0]},
        "frames": {"time_ns": [0, 10 * MS, 12 * MS], "airtime_ns": [2 * MS, 10 * MS, 0], "frame": [0, 1, 2]}
        | {"outcome": [0, 0, 2], "t_d": [10, 30, 0], "t_plus": [0, 5, 0]},
        "scores": {"time_ns": np.repeat([0, 10 * MS], 4), "frame": np.repeat([0, 1], 4), "label": [1] * 8, "class_received": final}
        | {"class_clean": [1] * 8, "class_attacked": [2, 2, 2, 1, 2, 2, 2, 2], "ssim": [0.5, 1.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0]},
        "decisions": {"time_ns": [0, 9 * MS], "sequence": [0, 1], "t_d": [10, 30], "t_plus": [0, 5]},
    }


def view_of(policies: tuple[str, ...] = PAIR, **more: Any) -> TraceView:
    return read_view(Tables(adaptive(policies, **more), policies), policy_groups=policy_groups_of(scenario(policies)))


def panels(view: TraceView) -> dict[str, int]:
    """Return the number of panels of each of the three figures that is drawn."""
    figures = ((name, figure_functions()[name](view)) for name in NAMES)
    return {name: len(figure.axes) for name, figure in figures if figure is not None}


def named(panel: Axes, name: str) -> Any:
    (line,) = [line for line in panel.get_lines() if line.get_label() == name]
    return line


def test_rewards_match_manual_computation() -> None:
    view = read_view(Tables(two_windows()))
    windows = reward_windows(view, batch=4)
    assert (windows.count, windows.centres_s.tolist()) == (2, [0.005, 0.015])
    found = grouped_sums(view.groups[0], windows).map(lambda part: part.sum(axis=0))
    first = -0.8 * 0.25 - 0.7 * 0.25**0.5 - 0.5 * 0.25**0.5  # SSIM 0.75, a quarter with the attacked class, a quarter with a third class
    np.testing.assert_allclose(rewards(found), [first, 0.0], atol=1e-12)
    assert float(mean_reward(found)) == pytest.approx(first / 2)
    assert float(accuracy(found)) == 6 / 8
    assert float(mean_ssim(found)) == pytest.approx(0.875)
    whole = grouped_sums(view.groups[0], reward_windows(view, batch=8)).map(lambda part: part.sum(axis=0))
    assert float(mean_reward(whole)) == pytest.approx(-0.8 * 0.125 - 1.2 * 0.125**0.5)  # one batch, so one root


def test_images_without_attack_or_class_have_no_reward() -> None:
    given = two_windows()
    given["scores"]["class_attacked"] = given["scores"]["class_clean"] = [-1] * 8
    clean = read_view(Tables(given))
    found = grouped_sums(clean.groups[0], reward_windows(clean, 4))
    assert np.isnan(mean_reward(found)).all()
    assert float(accuracy(found.map(lambda part: part.sum(axis=0)))) == 6 / 8
    given["scores"]["class_received"] = [-1] * 8
    silent = read_view(Tables(given))
    assert np.isnan(accuracy(grouped_sums(silent.groups[0], reward_windows(silent, 4)))).all()


def test_a_trace_without_the_class_columns_counts_as_not_attacked() -> None:
    tables = Tables(one_group(3), missing=("decisions",))
    whole = tables.table("scores")
    missing = ("class_clean", "class_attacked")
    tables._tables["scores"] = type(whole)("scores", {n: v for n, v in whole.columns.items() if n not in missing}, whole.descriptions)
    view = read_view(tables)
    assert not view.groups[0].bob.scores.attacked().any()
    assert adaptive_groups(view) == []
    assert panels(view) == {}


def test_paired_intervals_are_narrower_and_a_group_equals_itself() -> None:
    view = view_of(links=8, rounds=12)
    oracle, table = (grouped_sums(group, reward_windows(view)) for group in view.groups)
    same = paired(mean_reward, oracle, oracle)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    worse = paired(mean_reward, table, oracle)
    assert worse.high < 0
    alone = measured(mean_reward, table, bootstrap_weights(8, np.random.default_rng(0)))
    assert worse.high - worse.low < alone.high - alone.low
    fewer = paired(mean_reward, replace(table.by_link(5), links=5), oracle)
    assert (fewer.n, np.isnan(fewer.low), np.isnan(fewer.high)) == (5, True, True)


def test_policy_groups_differ_only_in_the_policy_and_have_an_oracle_as_reference() -> None:
    text = """
groups:
  fixed: {links: 4, scheme: [{name: diffusec, t_d: 10}], bob: {policy: {name: fixed}}}
  far: {links: 4, scheme: [{name: diffusec, t_d: 40}], bob: {policy: {name: fixed}}}
  oracle: {links: 8, scheme: [{name: diffusec, t_d: 10}], bob: {policy: oracle}}
  noisy: {links: 4, scheme: [{name: diffusec}], channel: {bob: {csi: pilots}}, bob: {policy: {name: fixed}}}
  noisy-random: {links: 4, scheme: [diffusec], channel: {bob: {csi: pilots}}, bob: {policy: {name: random}}}
  alone: {links: 4, scheme: [deepjscc], bob: {policy: {name: fixed}}}
  twin: {links: 2, scheme: [deepjscc], bob: {policy: {name: fixed}}}
"""
    assert policy_groups_of(text) == (PolicyGroups(("fixed", "far", "oracle"), "oracle"), PolicyGroups(("noisy", "noisy-random"), "noisy"))
    for broken in ("", "{", "groups: 3", "groups: {a: 1, b: [2], c: {bob: 3, scheme: 4}}"):
        assert len(policy_groups_of(broken)) < 2


def test_steps_in_force_and_lost_reports_match_the_trace() -> None:
    view = view_of(("lookup",), links=1, rounds=30)
    figure = adaptation_figure(view)
    assert figure is not None
    snr, steps, reward, scores = figure.axes
    group = view.groups[0]
    np.testing.assert_allclose(named(snr, "true SNR at Bob").get_ydata(), group.decisions.snr_db)
    np.testing.assert_allclose(named(snr, "measured SNR").get_ydata(), group.decisions.measured_snr_db)
    for name, value in ((f"{name} in force", group.frames.parameters[name]) for name in ("t_d", "t_plus")):
        line = named(steps, name)
        assert line.get_drawstyle() == "steps-post"
        place = np.searchsorted(line.get_xdata(), group.frames.time_ns / MS, side="right") - 1
        np.testing.assert_array_equal(line.get_ydata()[place], value)
    missed = lost_reports(group.decisions, group.control)
    assert 0 < missed.sum() == (group.control.outcome[group.control.message == REPORT] == 1).sum()
    crosses: list[Any] = [line for line in steps.get_lines() if line.get_marker() == "x" and np.size(line.get_xdata())]
    assert [line.get_ydata().tolist() for line in crosses] == [
        group.decisions.parameters["t_d"][missed].tolist(),
        group.decisions.parameters["t_plus"][missed].tolist(),
    ]
    assert len(named(reward, "reward, Eq. (31)").get_ydata()) == len(named(scores, "robust accuracy").get_ydata()) == 30 * 16 // 64


def test_a_report_of_a_later_round_with_the_same_number_does_not_count() -> None:
    given = adaptive(("lookup",), links=1, rounds=3)
    given["decisions"]["sequence"] = given["control"]["sequence"] = np.zeros(3)
    given["control"]["outcome"] = np.array([1, 0, 1])
    group = read_view(Tables(given)).groups[0]
    assert lost_reports(group.decisions, group.control).tolist() == [True, False, True]
    assert not lost_reports(group.decisions, group.control.take(np.empty(0, np.int64))).any()  # without rows of reports none counts as lost


def test_the_policy_map_shows_the_median_of_each_bin() -> None:
    view = view_of(("oracle", "fixed"), links=4, rounds=60)
    figure = policy_map_figure(view)
    assert figure is not None
    for panel, place, fixed in zip(figure.axes, (0, 1), (20, 5), strict=True):
        line = named(panel, "oracle")
        near = best(np.asarray(line.get_xdata()))[:, place]
        assert np.abs(line.get_ydata() - near).max() <= 2
        assert set(named(panel, "fixed").get_ydata()[2:]) == {fixed}


def test_an_outlier_of_the_measured_snr_does_not_compress_the_policy_map() -> None:
    given = adaptive(("fixed",), links=4, rounds=60)
    given["decisions"]["measured_snr_db"][7] = -40.0
    figure = policy_map_figure(read_view(Tables(given)))
    assert figure is not None
    for panel in figure.axes:
        assert panel.get_xlim()[0] > -10
        assert "1 of 240 choices outside" in panel.get_xlabel()


def test_a_window_with_few_images_is_not_drawn() -> None:
    found = grouped_sums(view_of(("fixed",), links=2).groups[0], reward_windows(view_of(("fixed",), links=2), batch=64)).map(
        lambda part: part.sum(axis=0)
    )
    few = found.map(lambda part: part * np.where(np.arange(part.size) == 0, 0.1, 1.0))
    seen = rewards(drop_small_windows(few))
    assert np.isnan(seen[0])
    np.testing.assert_array_equal(seen[1:], rewards(found)[1:])
    np.testing.assert_array_equal(rewards(drop_small_windows(found)), rewards(found))


def test_policies_are_compared_with_the_reference() -> None:
    view = view_of(("fixed", "oracle", "random"), links=3, rounds=16)
    assert [(row.name, row.reference is None) for row in policy_rows(view)] == [("fixed", False), ("oracle", True), ("random", False)]
    figure = policies_figure(view)
    assert figure is not None
    assert [panel.get_xlabel() for panel in figure.axes] == [
        "mean reward",
        "reward minus the reference's",
        "robust accuracy (%)",
        "mean SSIM",
    ]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["fixed", "oracle", "random"]
    marks: list[list[Any]] = [list(panel.containers) for panel in figure.axes[:2]]
    mean, excess = ([float(mark.lines[0].get_xdata()[0]) for mark in kept] for kept in marks)
    np.testing.assert_allclose(np.array(mean) - mean[1], excess, atol=1e-12)
    assert excess[1] == 0 > excess[0] > excess[2]


def test_figures_and_panels_depend_on_the_available_data() -> None:
    assert list(panels(view_of(links=1, rounds=4))) == NAMES
    assert list(panels(read_view(Tables(adaptive(("lookup",), links=1, rounds=4))))) == NAMES[:2]
    clean = view_of(links=1, rounds=4, attacked=False)
    assert list(panels(clean).values()) == [6, 2, 2]  # without panels of rewards
    bare = {name: rows for name, rows in adaptive(PAIR, 1, 4).items() if name in ("links", "decisions", "control")}
    unscored = read_view(Tables(bare, PAIR), policy_groups=(PolicyGroups(PAIR, "oracle"),))
    assert panels(unscored) == {"adaptation": 4, "policy-map": 2}
    assert set(NAMES) <= set(CAPTIONS)
    view = view_of(links=2, rounds=4)
    assert svg(policies_figure(view)) == svg(policies_figure(view))  # type: ignore[arg-type]


def test_the_summary_has_a_line_for_each_adaptive_group() -> None:
    given = two_windows()
    (line,) = adaptation_lines(summarise(read_view(Tables(given, ("link",)), block_lengths={"link": BlockLengths(0.0, 0.0)})))
    whole = -0.8 * 0.125 - 1.2 * 0.125**0.5
    assert line.startswith(f"link: 2 rounds, mean t_d 20.0, mean t_plus 2.5, mean reward {whole:.3f} ± ")
    assert line.endswith(" (2 units), robust accuracy 75.0 % [1.9, 99.8]")  # two frames, of which one is right by half
    given["scores"]["class_attacked"] = [-1] * 8
    text = summary_text(summarise(read_view(Tables(given, ("link",)))))
    assert text.splitlines()[-1] == "link: 2 rounds, mean t_d 20.0, mean t_plus 2.5"
    assert adaptation_lines(summarise(read_view(two_small_groups()))) == []


def test_the_report_of_a_trace_shows_its_policies(tmp_path: Path) -> None:
    trace = Tables(adaptive(PAIR, 1, 4), PAIR).write(tmp_path / "run.h5", scenario(PAIR))
    page = write_report(trace, tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(CAPTIONS[name].title in page for name in NAMES)
    assert "lookup: 4 rounds, mean t_d" in page


def test_the_first_policy_is_compared_with_every_other() -> None:
    view = view_of(("oracle", "fixed", "random"), links=8, rounds=16)
    lines = paired_comparison(view)
    assert [line.split(":")[0] for line in lines] == ["oracle against fixed", "oracle against random"]
    values = [float(line.split("reward ")[1].split()[0]) for line in lines]
    windows = reward_windows(view)
    rewards_of = [mean_reward(grouped_sums(group, windows).map(lambda part: part.sum(axis=0, keepdims=True))) for group in view.groups]
    np.testing.assert_allclose(values, [float((rewards_of[0] - other)[0]) for other in rewards_of[1:]], atol=6e-5)
    assert all(float(low) < value < float(high) for value, (low, high) in zip(values, map(bounds, lines), strict=True))
    assert paired_comparison(view_of(("oracle", "fixed"), links=2, attacked=False)) == []


def bounds(line: str) -> list[str]:
    """Return the bounds of the interval in a line of a comparison."""
    return line.split("[")[1].partition("]")[0].split(",")


@pytest.mark.parametrize("links", [1, 2, MIN_PAIRS - 1, MIN_PAIRS])
def test_few_pairs_of_links_have_a_remark_in_place_of_an_interval(links: int, tmp_path: Path) -> None:
    """In the terminal, in the report and in the figure; the value remains."""
    policies = ("oracle", "fixed")
    remark = f"no interval: only {links} independent pair{'s' * (links > 1)}"
    trace = Tables(adaptive(policies, links, 16), policies).write(tmp_path / "run.h5", scenario(policies))
    figure = policies_figure(view_of(policies, links=links, rounds=16))
    assert figure is not None
    excess = next(panel for panel in figure.axes if panel.get_xlabel() == "reward minus the reference's")
    marks: list[Any] = list(excess.containers)
    shown = {
        "terminal": read_summary(trace).text(),
        "report": write_report(trace, tmp_path / "report.html").read_text(encoding="utf-8"),
        "figure": " ".join(text.get_text() for text in excess.texts),
    }
    assert [name for name, text in shown.items() if remark in text] == (list(shown) if links < MIN_PAIRS else [])
    assert [mark.has_xerr for mark in marks] == [False, links >= MIN_PAIRS]  # the oracle is the reference, without a difference
    assert "nan" not in shown["terminal"]
    (line,) = paired_comparison(view_of(policies, links=links, rounds=16))
    assert line in shown["terminal"].splitlines()
    assert line.startswith("oracle against fixed: reward +0.")

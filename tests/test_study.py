"""Tests of study files: what they plan, where their messages point, and when a stop rule has enough."""

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

import linksim
from linksim.cli import main
from linksim.errors import LinksimError, ScenarioError
from linksim.scenario.strict_yaml import dump_yaml
from linksim.statistics import student_interval
from linksim.sweeps.driver import sweep
from linksim.sweeps.engines import Job
from linksim.sweeps.forecast import forecast
from linksim.sweeps.journal import Journal, Outcome
from linksim.sweeps.plan import Plan
from linksim.sweeps.stop import LEAST, StopRule
from linksim.sweeps.study import StudyOptions, read_study, shipped_studies, study_file

SNR = "channel.bob.snr.mean_db"
STUDY = """\
name: rates
scenario: base.yaml
set: {seed: 7}
axes:
  channel.bob.snr.mean_db: {from: 0, to: 20, step: 10}
  load: {variants: {light: {links: 1}, heavy: {links: 2}}}
zipped:
  - {frames: [2, 3], alice.images_per_frame: [3, 2]}
"""


def write(folder: Path, text: str, base: str = "name: base\nframes: 2\ndataset: samples\n") -> Path:
    (folder / "base.yaml").write_text(base)
    (folder / "study.yaml").write_text(text)
    return folder / "study.yaml"


def invoked(*words: str) -> Result:
    return CliRunner().invoke(main, words, catch_exceptions=False)


# Files


def test_a_study_plans_all_combinations(tmp_path: Path) -> None:
    plan = read_study(write(tmp_path, STUDY)).plan()
    cells = [(snr, load, frames) for snr in (0, 10, 20) for load in ("light", "heavy") for frames in (2, 3)]
    assert [(point.values[SNR], point.values["load"], point.values["frames"]) for point in plan.points()] == cells
    assert plan.size() == "12 cells"
    scenario = linksim.load_scenario(parsed(plan.points()[-1].scenario))
    (options,) = scenario.groups.values()
    assert (scenario.seed, scenario.frames, options.links, options.alice.images_per_frame) == (7, 3, 2, 2)


def parsed(text: str) -> Any:
    return json.loads(text)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: rates", "nam: rates", ["study.yaml:1:1: nam: unknown key; did you mean 'name'?", "study.yaml:1:1: name: missing key"]),
        ("seed: 7", "seed: -7", ["study.yaml:3:13: seed: got -7"]),
        ("seed: 7", "sed: 7", ["study.yaml:3:12: sed: unknown key; did you mean 'seed'?"]),
        ("to: 20", "till: 20", ["study.yaml:5:28: axes.channel.bob.snr.mean_db: got", "no key 'till'"]),
        ("to: 20, step: 10", "to: 80, step: 40", ["study.yaml:5:28: channel.bob.snr.mean_db: got 80, allowed: a number from -30 to 60 dB"]),
        ("to: 20, step: 10", "to: 20, step: 0", ["study.yaml:5:28: axes.channel.bob.snr.mean_db: the range has 0 values"]),
        ("heavy: {links: 2}", "heavy: {links: 0}", ["study.yaml:6:55: links: got 0"]),
        ("variants", "variant", ["study.yaml:6:9: axes.load: got", "did you mean 'variants'"]),
        ("[3, 2]", "[3, 2, 1]", ["study.yaml:8:5: zipped.0: got 2 of frames, 3 of alice.images_per_frame"]),
        ("base.yaml", "bases.yaml", ["bases.yaml: cannot be read"]),
        ("base.yaml", "rayleih", ["rayleih: no scenario of that name comes with linksim; did you mean 'rayleigh'?"]),
        ("base.yaml", "3", ["study.yaml:2:11: scenario: got '3'"]),
        ("zipped:", "stop: {most: 4}\nzipped:", ["study.yaml:7:7: stop: got neither width nor images"]),
        ("zipped:", "stop: {width: 1, most: 1}\nzipped:", ["study.yaml:7:24: stop.most: got 1, allowed: a whole number from 3"]),
        ("zipped:", "keep: [plots]\nzipped:", ["study.yaml:7:8: keep.0: got 'plots', allowed: one of 'tables', 'figures', 'traces'"]),
    ],
)
def test_a_message_names_the_line_of_the_study(old: str, new: str, said: list[str], tmp_path: Path) -> None:
    path = write(tmp_path, STUDY.replace(old, new, 1))
    with pytest.raises(ScenarioError) as caught:
        read_study(path).plan()
    for each in said:
        assert each in str(caught.value).replace(f"{tmp_path}/", "")


def test_a_study_without_axes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"study\.yaml:1:1: got no axis"):
        read_study(write(tmp_path, "name: rates\nscenario: base.yaml\n"))


def test_a_scenario_may_be_a_block_of_the_study(tmp_path: Path) -> None:
    path = write(tmp_path, "name: rates\nscenario: {name: own, frames: 3}\naxes: {links: [1, 2]}\n")
    assert ['"frames": 3' in point.scenario for point in read_study(path).plan().points()] == [True, True]
    path.write_text(path.read_text().replace("frames: 3", "frames: 0"))
    with pytest.raises(ScenarioError, match=r"study.yaml:2:11: scenario.* frames: got 0"):
        read_study(path).plan()


def test_a_file_without_the_key_scenario_is_no_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, STUDY)
    monkeypatch.chdir(tmp_path)
    assert (study_file("base.yaml"), study_file("study.yaml"), study_file("quickstart")) == (None, Path("study.yaml"), None)
    result = invoked("sweep", "base.yaml")
    assert result.exit_code == 2
    assert "base.yaml is no study, which has the key 'scenario'; give a study, or at least one --axis" in result.output


@pytest.mark.parametrize("name", shipped_studies())
def test_a_shipped_study_can_be_run(name: str) -> None:
    study = study_file(name)
    assert study is not None
    found = read_study(study)
    assert found.options.name == name
    assert found.options.description.endswith(".")
    assert len(found.plan().points()) > 1


# Stop rule


def runs(*values: float, images: int = 10, group: str = "link") -> list[list[dict[str, Any]]]:
    return [[{"group": group, "receiver": "bob", "psnr_db": value, "images": images}] for value in values]


def test_a_cell_is_finished_when_its_interval_is_narrow() -> None:
    rule = StopRule(width=1.0)
    narrow, wide = (30.0, 30.1, 30.2), (29.0, 30.0, 31.0)
    assert rule.planned(runs(*narrow)) == 3  # 2 x 4.303 x 0.1 / sqrt(3) = 0.50
    assert rule.planned(runs(*wide)) == 6  # 4.97 wide predicts 75, but at most twice as many
    both = [one + other for one, other in zip(runs(*narrow), runs(*wide, group="other"), strict=True)]
    assert rule.planned(both) == 6  # the widest group decides


def test_a_cell_is_finished_with_enough_images_or_at_most_replications() -> None:
    rule = StopRule(images=95, most=20)
    assert rule.planned(runs(30.0)) == 10
    assert rule.planned(runs(*[30.0] * 10)) == 10
    assert StopRule(images=950, most=20).planned(runs(30.0)) == 20
    assert StopRule(width=1e-9, images=40, most=20).planned(runs(29.0, 30.0, 31.0)) == 4  # whichever is first


def test_a_failed_replication_ends_its_cell_and_an_unknown_metric_is_named() -> None:
    assert StopRule(width=0.1).planned([*runs(29.0, 31.0), []]) == 3
    with pytest.raises(LinksimError, match=r"stop\.metric: no value 'psnr' of bob in several runs; did you mean 'psnr_db'"):
        StopRule(metric="psnr", width=0.1).planned(runs(29.0, 30.0, 31.0))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), width=st.floats(0.2, 3.0), deviation=st.floats(0.0, 2.0), most=st.integers(LEAST, 60))
def test_a_stop_rule_ends_with_a_narrow_interval_or_with_all_replications(seed: int, width: float, deviation: float, most: int) -> None:
    values = np.random.default_rng(seed).normal(30.0, deviation, most).tolist()
    rule, count, looks = StopRule(width=width, most=most), LEAST, 0
    while (planned := rule.planned(runs(*values[:count]))) > count:
        assert planned <= min(2 * count, most)
        count, looks = planned, looks + 1
    assert looks <= most
    found = values[:count]
    from scipy.stats import t

    wide = 2 * t.ppf(0.975, count - 1) * np.std(found, ddof=1) / math.sqrt(count)
    assert wide <= width * (1 + 1e-9) or count == most


def test_a_stop_rule_rarely_ends_at_an_interval_that_misses_the_mean() -> None:
    """Looking several times costs some coverage; the guide states 93 % with five replications before the first look."""
    draws, rule, hits = np.random.default_rng(3), StopRule(width=1.0, most=400), 0
    for _ in range(1000):
        values, count = draws.normal(30.0, 1.0, 400).tolist(), 5
        while (planned := rule.planned(runs(*values[:count]))) > count:
            count = planned
        found = student_interval(np.array(values[:count]))
        hits += found.low <= 30.0 <= found.high
    assert hits / 1000 == pytest.approx(0.93, abs=0.025)


def test_replications_follow_until_the_rule_is_satisfied_and_a_second_sweep_runs_none(tmp_path: Path) -> None:
    started = list[str]()

    def execute(jobs: Any) -> Any:
        for job in jobs:
            assert isinstance(job, Job)
            started.append(job.digest)
            scenario = linksim.load_scenario(parsed(job.scenario))
            value = 30.0 + (scenario.replication % 3) * (2.0 if scenario.frames == 2 else 0.01)
            yield job.digest, Outcome(0.0, [{"group": "link", "receiver": "bob", "psnr_db": value, "images": 8}])

    def swept() -> Any:
        source = lambda texts: linksim.load_scenario({"name": "base", "dataset": "samples"}, list(texts))  # noqa: E731
        return sweep(Plan(source, {"frames": [2, 3]}, stop=StopRule(width=1.0, most=12)), tmp_path, execute=execute)

    table = swept()
    means = {row["frames"]: row for row in table.means().rows}
    assert (means[2]["runs"], means[3]["runs"]) == (12, 3)
    assert len(started) == len(set(started)) == 15 == len(Journal(tmp_path / "journal.sqlite").outcomes())
    assert swept().rows == table.rows
    assert len(started) == 15


@pytest.mark.parametrize("rule", [None, StopRule(width=1.0)])
def test_the_parts_of_a_plan_are_its_points_and_with_a_rule_its_cells(rule: StopRule | None) -> None:
    def source(texts: Any) -> linksim.Scenario:
        return linksim.load_scenario({"name": "base", "dataset": "samples"}, list(texts))

    whole = Plan(source, {"frames": [2, 3, 4], "links": [1, 2]}, 3, rule)
    parts = [Plan(source, whole.axes, 3, rule, (number, 4)).points() for number in (1, 2, 3, 4)]
    assert sorted(point.digest for part in parts for point in part) == sorted(point.digest for point in whole.points())
    if rule is not None:
        assert [len({point.text().split(", replication")[0] for point in part}) for part in parts] == [2, 2, 1, 1]
        assert all(len(part) % 3 == 0 for part in parts)


def test_the_time_to_expect_has_the_start_of_a_process_once() -> None:
    def expected_s(points: int, workers: int) -> float:
        plan = Plan(lambda texts: linksim.load_scenario({"name": "base", "links": 1, "frames": 1}, list(texts)), {"seed": range(points)})
        return float(forecast(plan.points(), workers).split("about ")[1].split(" s ")[0])

    ten, ninety = expected_s(10, 1), expected_s(90, 1)
    each = (ninety - ten) / 80
    assert 0.4 < each < 0.8  # half a second, and one image
    assert ten - 10 * each == pytest.approx(3.0, abs=1.0)
    assert expected_s(90, 2) == pytest.approx(3.0 + 45 * each, abs=1.0)


# The command line


def test_the_command_runs_a_study_and_compares_and_plots_it(tmp_path: Path, small_models: None, monkeypatch: pytest.MonkeyPatch) -> None:
    text = STUDY.replace("zipped:", "keep: [tables, figures, traces]\nreplications: 2\nzipped:").replace("to: 20", "to: 10")
    write(tmp_path, text + "figures:\n  - {name: over-snr, metrics: [ssim], by: [load, frames]}\n")
    monkeypatch.chdir(tmp_path)
    result = invoked("sweep", "study.yaml", "--workers", "1", "--axis", "frames=2")
    assert "axis frames: got a second one" in result.stderr
    result = invoked("sweep", "study.yaml", "--workers", "2", "--set", "eve=none")
    assert result.exit_code == 0, result.output
    assert "study    8 cells x 2 replications; 16 to run" in result.stderr
    folder = Path("results/sweeps/rates")
    assert {"sweep.csv", "means.csv", "sweep.png", "over-snr.png", "points"} <= {path.name for path in folder.iterdir()}
    assert len(list((folder / "points").iterdir())) == 16
    shown = invoked("show", str(folder))
    assert shown.stdout.splitlines()[0].split() == [SNR, "load", *("frames", "alice.images_per_frame"), "group", "receiver", "runs", *SHOWN]
    assert shown.stdout.splitlines()[:9] == result.stdout.splitlines()[:9]
    compared = invoked("compare", str(folder), "--metric", "psnr_db")
    assert compared.exit_code == 0, compared.output
    assert len(compared.stdout.splitlines()) == 5
    assert all("heavy - light" in line and "2 pairs" in line for line in compared.stdout.splitlines()[1:])
    drawn = invoked("plot", str(folder), "--metric", "accuracy", "--by", "frames", "--format", "pdf")
    assert drawn.stdout == f"figure   {folder}/accuracy-by-frames.pdf\n"
    assert invoked("plot", str(folder), "--only", "scores").exit_code == 2


SHOWN = ("psnr_db", "ssim", "accuracy")


scalars = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-10, 10) | st.sampled_from(["", "quickstart", "frames", "a.b", "psnr_db"])
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["frames", "from", "to", "step", "variants", "links", "width", "name"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(key=st.sampled_from(sorted(StudyOptions.model_fields)), value=trees, within=st.sampled_from(["", "frames", "seed"]))
def test_a_study_with_any_value_is_planned_or_refused(tmp_path_factory: pytest.TempPathFactory, key: str, value: Any, within: str) -> None:
    path = tmp_path_factory.mktemp("study") / "study.yaml"
    valid = {"name": "rates", "scenario": {"name": "base", "frames": 2}, "axes": {"links": [1, 2]}}
    path.write_text(dump_yaml(valid | {key: {within: value} if within else value}))
    with suppress(LinksimError):
        assert read_study(path).plan().points()

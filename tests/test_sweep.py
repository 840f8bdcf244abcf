"""Tests of sweeps: points, results equal to single runs, and that no end of a worker or of the sweep loses or repeats a finished point."""

import csv
import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from cli_process import ended, started
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import linksim
from linksim import plugins, registry
from linksim.cli import main
from linksim.errors import LinksimError, ScenarioError
from linksim.plots.sweeps import SweepLine
from linksim.scenario import schema
from linksim.sweeps import figure
from linksim.sweeps.journal import Journal, Outcome, lock
from linksim.sweeps.plan import Plan
from linksim.sweeps.points import Point, Zipped, cells_of, parse_axis
from linksim.sweeps.table import SweepTable
from linksim.sweeps.table_file import read_table, write_table

SNR = "channel.bob.snr.mean_db"
BASE: dict[str, Any] = {"name": "swept", "frames": 2, "dataset": "samples"}
PLUGIN = """
import os, signal, time
from pathlib import Path
from pydantic import Field
import linksim
from linksim.scenario.source_attacks import SourceAttackOptions

HERE = Path(__file__).parent

class Options(SourceAttackOptions):
    mark: str = Field("", description="name of the point")
    dies: str = Field("never", description="never, once or always")
    waits_s: float = Field(0.0, description="time in seconds")

@linksim.register("source-attack", "log", Options)
def make(options, classifier):
    with (HERE / "started.txt").open("a") as file:
        file.write(f"{options.mark}\\n")
    time.sleep(options.waits_s)
    if options.dies == "always" or options.dies == "once" and not (HERE / "died").exists():
        (HERE / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return lambda images, labels: images
"""


def source(texts: Any) -> linksim.Scenario:
    return linksim.load_scenario(BASE, list(texts))


def points_of(axes: Any, versions: tuple[str, ...] = ()) -> list[Point]:
    return [cell.point(versions) for cell in cells_of(source, axes)]


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Path]:
    """A plugin whose attack on the source writes its mark to started.txt, and may kill its process."""
    path = tmp_path / "log_plugin.py"
    path.write_text(PLUGIN)
    yield path
    if any(component.name == "log" for component in registry.components("source-attack")):
        registry.remove("source-attack", "log")
        schema.refresh()
    plugins.unload()


def marks(folder: Path) -> list[str]:
    path = folder / "started.txt"
    return path.read_text().split() if path.exists() else []


def logged(mark: str, **options: Any) -> dict[str, Any]:
    return {"alice.source_attack": {"attack": "log", "mark": mark, **options}}


# Axes and points


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("snr", "got no values"),
        ("=3", "got no values"),
        ("snr=", "got no values"),
        ("snr=1,[", "--axis snr=1,["),
        ("snr=3..1", "the range has 0 values"),
        ("snr=0..1..0", "the range has 0 values"),
        ("snr=0..9999999", "allowed: 1 to 1,000,000"),
    ],
)
def test_an_axis_that_cannot_be_read_is_one_line(text: str, said: str) -> None:
    with pytest.raises(LinksimError) as caught:
        parse_axis(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(st.integers(-50, 50), st.integers(0, 40), st.integers(1, 7))
def test_a_range_has_both_ends_and_its_step(first: int, count: int, step: int) -> None:
    assert parse_axis(f"k={first}..{first + count * step}..{step}")[1] == list(range(first, first + count * step + 1, step))
    tenths = parse_axis(f"k={first}..{first + count}..0.1")[1]
    assert tenths == pytest.approx([first + i / 10 for i in range(10 * count + 1)])


def test_points_are_all_combinations_and_equal_scenarios_have_equal_digests() -> None:
    variants = {"short": {}, "long": lambda scenario: {"frames": 10 * scenario.frames}}
    points = points_of({SNR: [0, 10], "length": variants})
    assert [dict(point.values) for point in points] == [
        {SNR: snr_db, "length": length} for snr_db in (0, 10) for length in ("short", "long")
    ]
    scenarios = [linksim.load_scenario(_parsed(point.scenario)) for point in points]
    assert [scenario.frames for scenario in scenarios] == [2, 20, 2, 20]
    assert [scenario.groups["link"].channel.bob.snr.mean_db for scenario in scenarios] == [0, 0, 10, 10]
    assert len({point.digest for point in points}) == 4
    again = points_of({"length": {"other name": {"frames": 20}}, SNR: [10]})
    assert again[0].digest == points[3].digest
    assert points_of({SNR: [0]}, ("2.0",))[0].digest != points[0].digest


def test_zipped_keys_change_together() -> None:
    points = points_of({"z": Zipped({"frames": [3, 4], "links": [2, 1]}), "seed": [1, 2]})
    assert [dict(point.values) for point in points] == [{"frames": f, "links": n, "seed": s} for f, n in ((3, 2), (4, 1)) for s in (1, 2)]


def test_replications_of_equal_number_have_equal_random_streams_in_all_cells() -> None:
    plan = Plan(source, {"frames": [2, 3]}, replications=3)
    assert plan.columns == ["frames", "replication"]
    scenarios = [linksim.load_scenario(_parsed(point.scenario)) for point in plan.points()]
    assert [(each.frames, each.seed, each.replication) for each in scenarios] == [(f, 1, n) for f in (2, 3) for n in range(3)]
    assert len({point.digest for point in plan.points()}) == 6
    assert Plan(source, {"frames": [2]}).points()[0].digest == points_of({"frames": [2]}, (linksim.__version__,))[0].digest
    with pytest.raises(LinksimError, match="axis seed: its values are replications themselves"):
        Plan(source, {"seed": [1, 2]}, replications=2)


def _parsed(text: str) -> Any:
    return json.loads(text)


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ({SNR: []}, "got no values"),
        ({SNR: [1, 1]}, "got 1 more than once"),
        ({"seed": range(2000), "frames": range(1, 2000)}, "3,998,000 combinations"),
        ({"z": Zipped({"frames": [1, 2], "links": [1]})}, "got 2 of frames, 1 of links"),
        ({"frames": [1], "z": Zipped({"frames": [1]})}, "axis frames: got a second one"),
        ({"receiver": {"a": {}, "b": {"frames": 3}}}, "axis receiver: the table of results has a column of that name"),
    ],
)
def test_axes_without_a_meaning_are_refused(axes: dict[str, Any], said: str) -> None:
    with pytest.raises(LinksimError, match=said):
        points_of(axes)


def test_a_point_that_is_no_scenario_is_named_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="frames: got -1") as caught:
        linksim.sweep(BASE, {SNR: [0, 10], "frames": [3, -1]}, out=tmp_path / "out")
    assert caught.value.__notes__ == [f"This is the point {SNR}=0, frames=-1 of the sweep."]
    assert not (tmp_path / "out").exists()


# Results


def test_a_sweep_gives_what_single_runs_give(tmp_path: Path, small_models: None) -> None:
    table = linksim.sweep(BASE, {SNR: [0, 10], "seed": [1, 2]}, {"links": 2}, out=tmp_path, workers=2, traces=True)
    assert table.axes == [SNR, "seed"]
    assert [(row[SNR], row["seed"], row["receiver"]) for row in table.rows] == [(s, n, "bob") for s in (0, 10) for n in (1, 2)]
    for row in table.rows:
        with linksim.run(BASE, {SNR: row[SNR], "seed": row["seed"], "links": 2}) as alone, linksim.open_trace(row["trace"]) as kept:
            scores = alone.table("scores")["psnr_db"]
            assert row["psnr_db"] == pytest.approx(scores.mean(), rel=1e-6)
            assert row["images"] == len(scores)
            assert kept.table("scores")["psnr_db"].tolist() == scores.tolist()
            assert row["psnr_db_low"] <= row["psnr_db"] <= row["psnr_db_high"]
    read = list(csv.DictReader(io.StringIO(table.csv())))
    assert [float(row["psnr_db"]) for row in read] == table.column("psnr_db")
    assert table.to_pandas().groupby(SNR)["psnr_db"].mean().to_dict().keys() == {0, 10}
    assert figure.draw(table, tmp_path / "sweep.png", "title") == tmp_path / "sweep.png"


def test_finished_points_are_not_run_again_and_an_axis_can_be_extended(tmp_path: Path, small_models: None) -> None:
    reports: list[tuple[int, int]] = []

    def swept(values: list[int]) -> SweepTable:
        reports.clear()
        return linksim.sweep(BASE, {SNR: values}, out=tmp_path, report=lambda done, total: reports.append((done, total)))

    first = swept([0, 10])
    assert reports == [(0, 2), (1, 2), (2, 2)]
    assert swept([0, 10]).rows == first.rows
    assert reports == [(2, 2)]
    extended = swept([5, 10, 0])
    assert reports == [(2, 3), (3, 3)]
    assert [row[SNR] for row in extended.rows] == [5, 10, 0]
    assert [extended.rows[2], extended.rows[1]] == list(first.rows)


def test_a_point_that_fails_does_not_end_the_sweep_and_is_tried_again(tmp_path: Path, small_models: None) -> None:
    table = linksim.sweep(BASE, {"classifier": ["classifier-cifar10", "no-such-model"]}, out=tmp_path)
    assert [row["classifier"] for row in table.rows] == ["classifier-cifar10"]
    ((point, error),) = table.errors.items()
    assert point == "classifier=no-such-model"
    assert error.startswith("no trained model 'no-such-model'")
    reports: list[tuple[int, int]] = []
    linksim.sweep(
        BASE, {"classifier": ["classifier-cifar10", "no-such-model"]}, out=tmp_path, report=lambda *counts: reports.append(counts)
    )
    assert reports[0] == (1, 2)


@pytest.mark.parametrize("dies", ["once", "always"])
def test_a_worker_that_is_killed_is_replaced(dies: str, tmp_path: Path, plugin: Path, small_models: None) -> None:
    points = {"a": logged("a"), "b": logged("b", dies=dies), "c": logged("c")}
    table = linksim.sweep(BASE, {"point": points}, out=tmp_path / "out", workers=2, plugin=[str(plugin)])
    finished = [row["point"] for row in table.rows]
    assert finished == (["a", "b", "c"] if dies == "once" else ["a", "c"])
    assert dict(table.errors) == ({} if dies == "once" else {"point=b": "its process ended by signal 9, 2 times"})
    assert sorted(marks(tmp_path)) == ["a", "b", "b", "c"]


# The command line


def sweep_words(folder: Path, *words: str) -> tuple[str, ...]:
    (folder / "swept.yaml").write_text("name: swept\nframes: 2\ndataset: samples\n")
    return ("sweep", "swept.yaml", "--out", "out", *words)


def invoked(*words: str) -> Result:
    return CliRunner().invoke(main, words, catch_exceptions=False)


def test_the_command_prints_and_writes_the_table(tmp_path: Path, small_models: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = sweep_words(tmp_path, "--axis", f"{SNR}=0,20", "--axis", "seed=1..2", "--workers", "1")
    result = invoked(*words)
    assert result.exit_code == 0, result.output
    head, *rows = result.stdout.splitlines()
    assert head.split() == [SNR, "group", "receiver", "runs", "psnr_db", "ssim", "accuracy"]
    assert [row.split()[:4] for row in rows[:2]] == [[str(s), "link", "bob", "2"] for s in (0, 20)]
    made = {"sweep.csv", "means.csv", "sweep.png"} | ({"sweep.parquet", "means.parquet"} if find_spec("pyarrow") else set())
    assert {row.split("out/")[1] for row in rows[2:]} == made
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"journal.sqlite", "lock"} | made
    assert "study    4 cells; 4 to run: 32 images" in result.stderr
    assert invoked(*words, "--json").exit_code == 0


def test_the_command_names_what_failed(tmp_path: Path, small_models: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoked(*sweep_words(tmp_path, "--axis", "classifier=classifier-cifar10,no-such-model", "--workers", "1"))
    assert result.exit_code == 1
    assert "classifier=no-such-model: no trained model 'no-such-model'" in result.stderr
    assert (tmp_path / "out/sweep.csv").read_text().count("\n") == 2
    again = invoked(*sweep_words(tmp_path, "--axis", "seed=1", "--axis", "seed=2"))
    assert (again.exit_code, "got a second axis seed" in again.stderr) == (1, True)


def test_two_sweeps_do_not_work_in_one_folder(tmp_path: Path) -> None:
    descriptor = lock(tmp_path)
    try:
        with pytest.raises(LinksimError, match="another sweep works in this folder"):
            linksim.sweep(BASE, {"seed": [1]}, out=tmp_path)
    finally:
        os.close(descriptor)
    os.close(lock(tmp_path))


def begun(folder: Path, plugin: Path, points: int, waits_s: float) -> "subprocess.Popen[str]":
    """Start a sweep of points that wait, in a process of its own."""
    values = ",".join(f"{{attack: log, mark: p{n}, waits_s: {waits_s}}}" for n in range(points))
    return started(folder, *sweep_words(folder, "--axis", f"alice.source_attack={values}", "--workers", "2", "--plugin", str(plugin)))


def committed(folder: Path) -> int:
    path = folder / "out/journal.sqlite"
    return len(Journal(path).outcomes()) if path.exists() else 0


def wait_until_committed(folder: Path, count: int) -> None:
    limit = time.monotonic() + 60
    while committed(folder) < count:
        assert time.monotonic() < limit
        time.sleep(0.02)


def wait_for_workers(folder: Path) -> None:
    """Wait until the workers of a killed sweep have committed what they have, and release its lock."""
    limit = time.monotonic() + 60
    while True:
        try:
            os.close(lock(folder / "out"))
            return
        except LinksimError:
            assert time.monotonic() < limit
            time.sleep(0.02)


def test_a_sweep_that_is_killed_continues_without_loss_and_without_repetition(tmp_path: Path, plugin: Path, small_models: None) -> None:
    points = 12
    process = begun(tmp_path, plugin, points, waits_s=0.05)
    wait_until_committed(tmp_path, 3)
    process.kill()
    process.communicate()
    wait_for_workers(tmp_path)
    kept = committed(tmp_path)
    assert 3 <= kept < points
    before = marks(tmp_path)
    assert len(before) == len(set(before)) == kept  # every point that was started is finished: only the driver was killed
    code, _, err = ended(begun(tmp_path, plugin, points, waits_s=0.05))
    assert code == 0, err
    assert sorted(marks(tmp_path)) == sorted(f"p{n}" for n in range(points))
    assert (tmp_path / "out/sweep.csv").read_text().count("\n") == 1 + points


def test_ctrl_c_keeps_finished_points_and_leaves_no_worker(tmp_path: Path, plugin: Path, small_models: None) -> None:
    process = begun(tmp_path, plugin, 40, waits_s=0.05)
    wait_until_committed(tmp_path, 2)
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == 130
    assert "the same command continues with the others" in err
    os.close(lock(tmp_path / "out"))  # no worker has it any more
    assert 2 <= committed(tmp_path) < 40


# Journal and figure


def test_a_journal_that_is_none_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"no database, but long enough to be one" * 30)
    with pytest.raises(LinksimError, match=r"journal.sqlite: damaged .*delete it"):
        Journal(tmp_path / "journal.sqlite")


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5))))
def test_outcomes_are_kept_exactly(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal") / "journal.sqlite")
    journal.put("a", Outcome(1.5, rows))
    journal.put("b", Outcome(0.5, [], "no model"))
    assert journal.outcomes() == {"a": Outcome(1.5, rows), "b": Outcome(0.5, [], "no model")}


def row(snr_db: float, seed: int, psnr_db: float, **more: Any) -> dict[str, Any]:
    return {SNR: snr_db, "seed": seed, "group": "link", "receiver": "bob", "psnr_db": psnr_db, **more}


def test_a_line_averages_over_seeds_with_their_interval() -> None:
    table = SweepTable([SNR, "seed"], [row(s, n, s + n, psnr_db_low=0.0, psnr_db_high=99.0) for s in (0.0, 10.0) for n in (1, 2, 3)], {})
    (line,) = lines_of(table)
    assert line.x == (0.0, 10.0)
    assert [value.value for value in line.values] == [2.0, 12.0]
    assert line.values[0].high - line.values[0].value == pytest.approx(4.303 / 3**0.5, rel=1e-3)  # over seeds, not that of a run
    single = SweepTable([SNR], [row(0.0, 1, 5.0, psnr_db_low=4.0, psnr_db_high=6.0), row(1.0, 1, 6.0)], {})
    ((first, second),) = [line.values for line in lines_of(single)]
    assert (first.low, first.high, second.low, second.high) == (4.0, 6.0, 6.0, 6.0)


def lines_of(table: SweepTable) -> list[SweepLine]:
    means = table.means()
    return figure.lines(means, means.rows, SNR, "psnr_db")


def test_means_have_students_interval_over_the_runs_and_sums_of_counts() -> None:
    rows = [row(0.0, n, value, images=8, psnr_db_low=0.0, psnr_db_high=99.0) for n, value in ((1, 1.0), (2, 2.0), (3, 6.0))]
    (mean,) = SweepTable([SNR, "seed"], rows, {}).means().rows
    expected = stats.ttest_1samp([1.0, 2.0, 6.0], 0).confidence_interval(0.95)
    assert (mean["runs"], mean["images"], mean["psnr_db"]) == (3, 24, 3.0)
    assert (mean["psnr_db_low"], mean["psnr_db_high"]) == pytest.approx((expected.low, expected.high))
    assert "seed" not in mean


def test_there_is_no_figure_without_an_axis_of_numbers(tmp_path: Path) -> None:
    table = SweepTable(["scheme"], [{"scheme": name, "group": "g", "receiver": "bob", "psnr_db": 3.0} for name in ("a", "b")], {})
    assert figure.draw(table, tmp_path / "sweep.png", "title") is None


def test_a_figure_has_a_panel_per_metric_and_value_of_an_axis(tmp_path: Path) -> None:
    rows = [{**row(s, 1, s), "scheme": scheme, "ssim": s / 20} for s in (0.0, 10.0) for scheme in ("a", {"name": "b"})]
    table = SweepTable([SNR, "scheme"], rows, {})
    panels = figure.panels_of(table.means(), SNR, ["psnr_db", "ssim"], ["scheme"])
    assert [(panel.title, panel.quantity) for panel in panels] == [
        (f"scheme {name}", quantity) for quantity in ("PSNR (dB)", "SSIM") for name in ("a", '{"name": "b"}')
    ]
    assert all(len(panel.lines) == 1 and panel.lines[0].x == (0.0, 10.0) for panel in panels)
    assert [line.label for line in figure.panels_of(table.means(), SNR, ["ssim"])[0].lines] == ["scheme a", 'scheme {"name": "b"}']
    spec = figure.FigureSpec(["ssim"], SNR, ["scheme"])
    assert figure.draw(table, tmp_path / "ssim.pdf", "title", spec) == tmp_path / "ssim.pdf"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (figure.FigureSpec(["ssmi"]), "no column 'ssmi' with numbers; did you mean 'ssim'"),
        (figure.FigureSpec(over="scheme"), "no axis 'scheme' with several numbers"),
        (figure.FigureSpec(by=["skheme"]), "no column 'skheme' that has panels of its own; did you mean 'scheme'"),
    ],
)
def test_a_figure_of_what_is_not_there_is_refused(spec: figure.FigureSpec, said: str, tmp_path: Path) -> None:
    rows = [{**row(s, 1, s), "scheme": "a", "ssim": s / 20} for s in (0.0, 10.0)]
    with pytest.raises(LinksimError, match=said):
        figure.draw(SweepTable([SNR, "scheme"], rows, {}), tmp_path / "a.png", "title", spec)


values = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6) | st.sampled_from(["3/4", "deepjscc", "a, b"])


@settings(max_examples=50, deadline=None)
@given(found=st.lists(st.tuples(values, st.floats(-1e6, 1e6)), min_size=1))
def test_a_table_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, found: list[tuple[Any, float]]) -> None:
    rows = [{"axis": value, "group": "link", "receiver": "bob", "ssim": ssim} for value, ssim in found]
    path = write_table(SweepTable(["axis"], rows, {}), tmp_path_factory.mktemp("table") / "sweep.csv")
    assert read_table(path) == SweepTable(["axis"], rows, {})


def test_parquet_has_the_columns_of_the_table(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the package pyarrow is not installed")
    rows = [row(0.0, 1, 5.0, scheme="a"), row(1.0, 1, 6.0, scheme={"name": "b"}, ssim=0.5)]
    read = parquet.read_table(write_table(SweepTable([SNR, "seed"], rows, {}), tmp_path / "sweep.parquet")).to_pydict()
    assert read[SNR] == [0.0, 1.0]
    assert read["scheme"] == ["a", '{"name": "b"}']
    assert read["ssim"] == [None, 0.5]


def test_a_table_that_is_none_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "sweep.csv").write_text("a,b\n1,2\n")
    with pytest.raises(LinksimError, match="no table of a sweep"):
        read_table(tmp_path / "sweep.csv")
    with pytest.raises(LinksimError, match="cannot be read"):
        read_table(tmp_path / "missing.csv")

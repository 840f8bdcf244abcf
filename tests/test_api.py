"""The Python interface: what `import linksim` gives, and that it leaves the process as it was."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from tiny_models import write_diffusec_models
from tiny_tasks import declare_tasks, tiny_codec

import linksim
from linksim.cli import main
from linksim.errors import LinksimError, ModelError, ScenarioError, TraceError
from linksim.nets.weights import clear_model_cache
from linksim.records import ImageScore, Record
from linksim.scenario.attacks import InverseNetworkAttack
from linksim.scenario.channel import Channel
from linksim.scenario.channel import Path as RadioPath
from linksim.scenario.jammers import PulsedJammer
from linksim.scenario.layers import PermutationOptions
from linksim.scenario.schemes import DeepJsccOptions
from linksim.scenario.snr import GaussMarkovSnr

ROOT = Path(__file__).resolve().parents[1]
SHORT = {"frames": 2, "links": 1}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_models: None) -> Path:
    """An empty working directory, with small models."""
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    return working


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Two torch threads in the host process, which the calls below must not change."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def python(code: str) -> list[str]:
    """Output of Python code in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_import_is_fast_and_does_not_load_torch() -> None:
    code = (
        "import sys, time; before = time.process_time(); import linksim; spent = time.process_time() - before\n"
        "linksim.load_scenario('quickstart'); [getattr(linksim, name) for name in linksim.__all__]\n"
        "print(spent, 'torch' in sys.modules)"
    )
    spent, with_torch = min(python(code)[0].split() for _ in range(3))
    assert with_torch == "False"
    assert float(spent) < 0.3


def test_the_names_are_those_of_the_documentation() -> None:
    table = (ROOT / "docs" / "python.md").read_text(encoding="utf-8").partition("| purpose |")[2].partition("\n\n")[0]
    listed = {name for first in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)", first)}
    assert listed | {"__version__"} == set(linksim.__all__) == set(dir(linksim))
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        linksim.runn  # type: ignore[attr-defined]  # noqa: B018


def test_the_version_is_that_of_the_citation() -> None:
    assert f"version: {linksim.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_a_run_gives_the_table_of_results(folder: Path) -> None:
    with linksim.run("quickstart", {**SHORT, "channel.bob.snr.mean_db": 3}) as run:
        assert run.scenario.groups["open"].channel.bob.snr.mean_db == 3.0
        shown = CliRunner().invoke(main, ["show", str(run.path)], catch_exceptions=False)
        assert run.summary().strip() == shown.stdout.strip()
        assert "Bob" in run.summary()
        assert run.result is not None
        assert run.result.fingerprint == run.trace.fingerprint
        assert "2 links" in repr(run)


def test_tables_have_words_in_place_of_codes(folder: Path) -> None:
    with linksim.run("quickstart", SHORT) as run:
        assert {"links", "frames", "receptions", "scores", "control"} <= set(run.tables())
        scores, frames = run.table("scores"), run.table("frames")
        assert set(scores["receiver"]) == {"bob", "eve"}
        assert set(frames["outcome"]) == {"decoded"}
        assert list(run.table("links")["group"]) == ["open", "sealed"]
        assert scores["psnr_db"].dtype == np.float32
        assert run.table("images")["pixels"].ndim == 4
        with pytest.raises(TraceError, match="scores"):
            run.table("score")


def test_tables_as_data_frames_and_data_sets(folder: Path) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("xarray")
    with linksim.run("quickstart", SHORT) as run:
        columns = run.table("scores")
        frame, data = run.to_pandas("scores"), run.to_xarray("scores")
        assert frame.columns.tolist() == list(data.data_vars) == list(columns)
        for name in ("frame", "receiver", "psnr_db"):
            assert frame[name].tolist() == columns[name].tolist() == data[name].values.tolist()
        assert data["psnr_db"].attrs == {"units": "dB", "long_name": "peak signal-to-noise ratio"}
        assert "pixels" not in run.to_pandas("images")
        assert run.to_xarray("images")["pixels"].dims == ("row", "pixels_1", "pixels_2", "pixels_3")


def test_absent_values_are_masked_or_not_a_number(folder: Path) -> None:
    """Without a classifier there are no classes, and a receiver of the scheme cannot detect a lost image."""
    with linksim.run("awgn-baseline", {**SHORT, "classifier": None}) as run:
        scores = run.table("scores")
        for name in ("class_received", "class_clean", "class_attacked", "erased"):
            assert isinstance(scores[name], np.ma.MaskedArray)
            assert scores[name].mask.all()
        assert not isinstance(scores["label"], np.ma.MaskedArray)
        pandas, xarray = pytest.importorskip("pandas"), pytest.importorskip("xarray")
        frame, data = run.to_pandas("scores"), run.to_xarray("scores")
        assert (frame["erased"].dtype, frame["erased"].isna().all()) == (pandas.Int64Dtype(), True)
        assert (frame["label"].dtype, data["label"].dtype) == (np.int16, np.int16)
        assert (data["erased"].dtype, np.isnan(data["erased"]).all()) == (np.float64, True)
        assert data["erased"].attrs["long_name"] == "whether the receiver erased the image: 0 no, 1 yes"
        assert isinstance(data, xarray.Dataset)
    with linksim.run("awgn-baseline", SHORT) as run:
        scores, frame = run.table("scores"), run.to_pandas("scores")
        assert not scores["class_received"].mask.any()
        assert frame["class_received"].tolist() == scores["class_received"].tolist()
        assert frame["class_received"].dtype == pandas.Int64Dtype()


def test_an_opened_trace_has_the_same_contents(folder: Path) -> None:
    with linksim.run("quickstart", SHORT, out="kept.h5") as run, linksim.open_trace(Path("kept.h5")) as again:
        assert again.scenario == run.scenario
        assert again.summary() == run.summary()
        assert again.tables() == run.tables()
        for table in run.tables():
            for name, values in run.table(table).items():
                np.testing.assert_array_equal(again.table(table)[name], values)
        assert (again.result, again.warnings) == (None, ())
    with pytest.raises(TraceError, match=r"none\.h5"):
        linksim.open_trace("none.h5")


def test_figures_are_drawn_where_asked(folder: Path) -> None:
    with linksim.run("awgn-baseline", SHORT) as run:
        drawn = run.plot("figures", formats=["svg"])
    assert {path.name for path in drawn} == {path.name for path in (folder / "figures").iterdir()}
    assert folder / "figures" / "scores.svg" in [path.resolve() for path in drawn]


def test_nothing_is_written_to_the_working_directory(folder: Path, two_threads: None) -> None:
    run = linksim.run("quickstart", SHORT)
    run.summary()
    assert run.path.is_file()
    run.close()
    assert not run.path.exists()
    assert not list(folder.iterdir())


def test_a_trace_that_is_kept_is_replaced_only_on_request(folder: Path) -> None:
    linksim.run("awgn-baseline", SHORT, out="kept.h5").close()
    before = Path("kept.h5").read_bytes()
    with pytest.raises(TraceError, match="exists"):
        linksim.run("awgn-baseline", {**SHORT, "seed": 2}, out="kept.h5")
    assert Path("kept.h5").read_bytes() == before
    linksim.run("awgn-baseline", {**SHORT, "seed": 2}, out="kept.h5", overwrite=True).close()
    assert Path("kept.h5").read_bytes() != before
    assert [path.name for path in folder.iterdir()] == ["kept.h5"]


def test_a_scenario_is_a_name_a_file_a_mapping_or_an_object(folder: Path) -> None:
    content = {"name": "mine", "frames": 3, "jammer": {"kind": "pulsed", "on_ms": 5.0}, "groups": {"a": None, "b": {"eve": "none"}}}
    expected = linksim.load_scenario(content)
    Path("mine.yaml").write_text("name: mine\nframes: 3\njammer: {kind: pulsed, on_ms: 5}\ngroups: {a: , b: {eve: none}}\n")
    assert linksim.load_scenario("mine.yaml") == linksim.load_scenario(Path("mine.yaml")) == expected
    assert linksim.load_scenario(expected) is expected
    assert linksim.load_scenario(expected, {"frames": 4}).frames == 4
    assert linksim.load_scenario("quickstart").name == "quickstart"


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("frames", 7, "7"),
        ("channel.bob.snr.mean_db", -1.5, "-1.5"),
        ("classifier", None, "null"),
        ("description", "no", "'no'"),
        ("description", "12", "'12'"),
        ("description", "a: b # c", "'a: b # c'"),
        ("scheme", ["permutation", "deepjscc"], "[permutation, deepjscc]"),
        ("jammer", {"kind": "adversarial", "universal": False}, "{kind: adversarial, universal: false}"),
    ],
)
def test_overrides_are_a_mapping_or_texts(key: str, value: Any, text: str) -> None:
    content = {"name": "mine", "channel": {"bob": {"snr": "constant"}}}
    scenario = linksim.load_scenario(content, {key: value})
    assert scenario == linksim.load_scenario(content, [f"{key}={text}"])
    assert scenario != linksim.load_scenario(content)


def test_all_errors_of_a_scenario_are_reported_at_once() -> None:
    with pytest.raises(ScenarioError) as raised:
        linksim.load_scenario({"name": "mine", "framse": 3}, {"channel.bob.snr.mean_db": "hot"})
    assert "did you mean 'frames'" in str(raised.value)
    assert "got 'hot'" in str(raised.value)
    assert isinstance(raised.value, LinksimError)


def test_a_scenario_is_built_without_naming_kinds(folder: Path) -> None:
    channel = Channel(bob=RadioPath(snr=GaussMarkovSnr(mean_db=8.0), csi="pilots"))
    options = linksim.LinkOptions(
        scheme=[PermutationOptions(keys="derived"), DeepJsccOptions()],
        channel=channel,
        eve=InverseNetworkAttack(),
        jammer=PulsedJammer(on_ms=5.0),
    )
    scenario = linksim.Scenario(name="built", frames=2, groups={"link": options})
    block = {
        "scheme": [{"name": "permutation", "keys": "derived"}, "deepjscc"],
        "channel": {"bob": {"snr": {"kind": "gauss-markov", "mean_db": 8.0}, "csi": "pilots"}},
        "eve": "inverse-network",
        "jammer": {"kind": "pulsed", "on_ms": 5.0},
    }
    assert scenario == linksim.load_scenario({"name": "built", "frames": 2, **block})
    with linksim.run(scenario) as run:
        assert run.scenario == scenario
        assert run.trace.rows("frames") == 2


def test_listeners_receive_all_records(folder: Path) -> None:
    records: list[Record] = []
    with linksim.run("awgn-baseline", SHORT, listeners=[records.append]) as run:
        scores = [record.psnr_db for record in records if isinstance(record, ImageScore)]
        assert len(records) == sum(run.trace.rows(table) for table in run.tables())
        np.testing.assert_allclose(scores, run.table("scores")["psnr_db"], rtol=1e-6)


class Impatient:
    """Requests the largest number of additional steps within reach."""

    def choose(self, seen: Any, draw: Any) -> Any:
        return seen.current + np.array([0, 25]) * (seen.current[:, 1:] <= 25)


@pytest.mark.parametrize("group", ["mine", "lookup"])
def test_a_policy_object_is_used_and_recorded(own_models: Path, monkeypatch: pytest.MonkeyPatch, group: str) -> None:
    """Its run is not repeated without it, also where the group has the name of a policy of linksim."""
    write_diffusec_models(own_models)
    monkeypatch.chdir(own_models)
    scenario: dict[str, Any] = {"name": "mine", "frames": 4, "scheme": "diffusec"}
    scenario |= {"alice": {"images_per_frame": 1, "frame_interval_ms": 20}}
    scenario["groups"] = {group: None}
    with linksim.run(scenario, out="mine.h5", policies={group: Impatient()}) as run:
        decisions = run.table("decisions")
        assert decisions["t_plus"].tolist() == [min(before + 25, 50) for before in decisions["t_plus_before"]]
        assert decisions["t_plus"][-1] == 50
        ((kind, source),) = run.trace.metadata.components.items()
        assert kind == f"policy-object/{group}"
        assert re.fullmatch(r".*:Impatient [0-9a-f]{64}", source)
    refused = CliRunner().invoke(main, ["run", "--from", "mine.h5", "--out", "again", "--no-figures"])
    assert refused.exit_code == 1
    assert f"policy object for group '{group}', test_api:Impatient" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not Path("again").exists()


def test_a_model_is_trained(folder: Path, monkeypatch: pytest.MonkeyPatch, two_threads: None) -> None:
    declare_tasks(monkeypatch, {"tiny": tiny_codec(12)})
    progress: list[Any] = []
    card = linksim.train("tiny", models="models", work="work", device="cpu", report=progress.append)
    clear_model_cache()
    assert card.name == "tiny"
    assert {path.name for path in (folder / "models").iterdir()} == {"tiny.yaml", "tiny.safetensors"}
    assert {path.name for path in folder.iterdir()} == {"models", "work"}
    assert progress
    with pytest.raises(ModelError, match="did you mean 'tiny'"):
        linksim.train("tinny", models="models", work="work", device="cpu")


def test_an_error_in_a_plugin_names_the_plugin(folder: Path) -> None:
    Path("broken.py").write_text("raise ValueError('no such device')\n")
    with pytest.raises(LinksimError, match=r"plugin broken\.py: ValueError: no such device"):
        linksim.run("awgn-baseline", SHORT, plugin=["broken.py"])
    with pytest.raises(LinksimError, match=r"missing\.py: no such file"):
        linksim.run("awgn-baseline", SHORT, plugin=["missing.py"])

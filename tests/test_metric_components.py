"""Metrics of a scenario: checked, computed for every reconstruction, stored in a column each, and shown in summary, report and figures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from tiny_models import use_models

import linksim
from linksim import plugins, registry, scoring
from linksim.cli import main
from linksim.data.evaluation_weights import FILES, weights_file
from linksim.errors import LinksimError, ScenarioError, TraceError
from linksim.metrics import Metric, ms_ssim
from linksim.nets.face_recognition import load_face_recogniser
from linksim.nets.lpips import load_lpips
from linksim.nets.weights import clear_model_cache
from linksim.operations import Precision
from linksim.plots.decorrelation import block_lengths
from linksim.plots.report import write_report
from linksim.plots.scores import scores_figure
from linksim.plots.summary import metric_mean, summarise
from linksim.plots.trace_view import read_view
from linksim.records import ImageScore, columns
from linksim.scenario import schema
from linksim.scenario.estimate import estimate
from linksim.scenario.load import resolved_yaml, scenario_from_text
from linksim.scenario.metrics import LpipsMetric, MetricOptions, MsSsimMetric, SamePersonMetric, column_of
from linksim.simulate.metric_factory import MetricContext, make_metrics
from linksim.statistics import cluster_mean, cluster_share
from linksim.trace.reader import open_trace
from linksim.trace.repair import repair
from linksim.trace.writer import TraceWriter

CPU = torch.device("cpu")
LABELS = Path(__file__).resolve().parents[1] / "examples" / "label_scheme.py"
SCORES = [column.name for column in columns(ImageScore)]
every_weight = pytest.mark.skipif(any(weights_file(name) is None for name in FILES), reason="needs evaluation weights: set LINKSIM_DATA")


class LevelOptions(MetricOptions):
    """Difference of the mean brightness."""

    unit: ClassVar[str] = "dB"
    scale: float = 1.0


def make_level(options: Any, context: MetricContext) -> Any:
    """Negative where the reconstruction is darker."""
    assert context.image == (3, 32, 32)
    return lambda estimates, images: options.scale * (estimates - images).flatten(1).mean(dim=1)


@pytest.fixture(scope="module")
def level() -> Iterator[None]:
    """The metric `mean-level` from outside."""
    linksim.register("metric", "mean-level", LevelOptions)(make_level)
    yield
    registry.remove("metric", "mean-level")
    schema.refresh()


@pytest.fixture(scope="module")
def trace(level: None, small_model_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Trace with two metrics and two groups: `open` with Eve, and `classes`, whose receiver has no images."""
    plugins.load_plugin(str(LABELS))
    groups = {"open": {"eve": "inverse-network"}, "classes": {"scheme": "projection"}}
    metrics = ["ms-ssim", {"name": "mean-level", "scale": 2.0}]
    path = tmp_path_factory.mktemp("metrics") / "run.h5"
    with pytest.MonkeyPatch.context() as patch:
        use_models(patch, small_model_files)
        clear_model_cache()
        linksim.run({"name": "scored", "frames": 6, "dataset": "samples", "metrics": metrics, "groups": groups}, out=path).close()
        yield path
    clear_model_cache()
    registry.remove("scheme", "projection")
    plugins.unload()
    schema.refresh()


# The scenario


def test_a_scenario_names_metrics() -> None:
    assert scenario_from_text("name: short").metrics == []
    assert scenario_from_text("{name: short, metrics: lpips}").metrics == [LpipsMetric()]
    both = scenario_from_text("{name: short, metrics: [ms-ssim, {name: same-person}]}")
    assert both.metrics == [MsSsimMetric(), SamePersonMetric()]
    assert scenario_from_text(resolved_yaml(both)) == both
    assert scenario_from_text("{name: short, metrics: [ms-ssim]}", overrides=["metrics=[]"]).metrics == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[lpips, lpips]", "got 'lpips' twice"),
        ("[lpipss]", "did you mean lpips?"),
        ("[{name: lpips, net: vgg}]", "metrics.0.net: unknown key"),
    ],
)
def test_a_mistake_is_reported(text: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        scenario_from_text(f"{{name: short, metrics: {text}}}")


@pytest.mark.parametrize(("name", "message"), [("ssim", "in place of a column"), ("time.ns", "in place of a column"), ("3d", "a letter")])
def test_a_metric_from_outside_needs_a_column_of_its_own(name: str, message: str) -> None:
    linksim.register("metric", name)(make_level)
    try:
        with pytest.raises(ScenarioError, match=message):
            scenario_from_text(f"{{name: short, metrics: ['{name}']}}")
    finally:
        registry.remove("metric", name)
        schema.refresh()


def test_the_estimate_has_the_metrics() -> None:
    bare, scored = (estimate(scenario_from_text(f"{{name: a, frames: 500, eve: inverse-network, metrics: {m}}}")) for m in ("[]", "lpips"))
    images = 500 * 4 * 2  # of Bob and Eve
    assert scored.cpu_s - bare.cpu_s == pytest.approx(images * 11e-3 / 16)  # of a pair of 128 x 128 pixels, over its size
    assert scored.trace_bytes - bare.trace_bytes == 4 * images
    assert 10 << 20 < scored.memory_bytes - bare.memory_bytes < 20 << 20
    groups = "groups: {one: {}, two: {}, three: {}}"
    several = [estimate(scenario_from_text(f"{{name: a, metrics: {m}, {groups}}}")).memory_bytes for m in ("[]", "lpips")]
    assert several[1] - several[0] == scored.memory_bytes - bare.memory_bytes  # loaded once


@pytest.mark.parametrize("name", ["lpips", "same-person"])
def test_check_refuses_a_metric_without_weights(name: str, tmp_path: Path, small_models: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKSIM_DATA", str(tmp_path))
    load_lpips.cache_clear()
    load_face_recogniser.cache_clear()
    refused = CliRunner().invoke(main, ["check", "awgn-baseline", "--set", f"metrics={name}"])
    file = FILES["lpips" if name == "lpips" else "face-recogniser-b"]
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"linksim: metric '{name}': no weights of ")
    assert refused.stderr.rstrip().endswith(f"set LINKSIM_DATA to a folder with weights/{file}")


@pytest.mark.parametrize(
    ("options", "image", "message"),
    [
        (MsSsimMetric(), (1, 10, 28), "'ms-ssim' takes images of at least 11 x 11 pixels; the dataset has 10 x 28 in 1"),
        (LpipsMetric(), (3, 28, 28), "'lpips' takes images of at least 31 x 31 pixels in 3 colours; the dataset has 28 x 28 in 3"),
        (LpipsMetric(), (1, 32, 32), "'lpips' takes images of .* in 3 colours"),
        (SamePersonMetric(), (1, 28, 28), "'same-person' takes images of .* in 3 colours"),
    ],
)
def test_images_that_a_metric_does_not_take_are_refused(options: MetricOptions, image: tuple[int, int, int], message: str) -> None:
    with pytest.raises(LinksimError, match=message):
        make_metrics([options], MetricContext(CPU, image))


@every_weight
def test_the_metrics_of_linksim_compare_images() -> None:
    metrics = make_metrics([MsSsimMetric(), LpipsMetric(), SamePersonMetric()], MetricContext(CPU, (3, 64, 64)))
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found = {metric.name: metric(images, images).tolist() for metric in metrics}
        assert found["ms_ssim"] == pytest.approx([1.0, 1.0])
        assert (found["lpips"], found["same_person"]) == ([0.0, 0.0], [1.0, 1.0])
    assert [column_of(options).unit for options in (MsSsimMetric(), LpipsMetric(), SamePersonMetric())] == ["1"] * 3


# The run


def test_scores_contain_the_metrics_of_reconstructions_that_are_images() -> None:
    metrics = [Metric("ms_ssim", ms_ssim, 2), Metric("first", lambda estimates, _: estimates[:, 0, 0, 0], 8)]
    score = scoring.score(None, 4, Precision(True, CPU), metrics)
    images = torch.rand(2, 3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    erased = torch.tensor([[False, True, False]] * 2)
    found = score.run({"images": images * 0.9, "erased": erased}, images)
    assert found["ms_ssim"].shape == found["first"].shape == (2, 3)
    assert found["ms_ssim"].dtype == torch.float32
    torch.testing.assert_close(found["ms_ssim"], found["ssim"])  # one scale
    torch.testing.assert_close(found["first"], torch.where(erased, 0.5, 0.9 * images[:, :, 0, 0, 0]))  # an erased image is grey
    assert not {"ms_ssim", "first"} & score.run({"logits": torch.zeros(2, 3, 10)}, images).keys()


def test_each_metric_has_a_column(trace: Path) -> None:
    with linksim.open_trace(trace) as run:
        scores, links = run.table("scores"), run.table("links")
        about = run.trace.table("scores").descriptions
        rows = run.table("image_rows")
        assert run.trace.metadata.components.keys() >= {"metric/mean-level"}
        assert [metric["name"] for metric in run.scenario.model_dump()["metrics"]] == ["ms-ssim", "mean-level"]
    assert list(scores) == [*SCORES[: SCORES.index("erased")], "ms_ssim", "mean_level", "erased"]
    assert (about["mean_level"].unit, about["mean_level"].description) == ("dB", "Difference of the mean brightness")
    assert about["ms_ssim"].dtype == np.float32
    (classes,) = links["link"][links["group"] == "classes"]
    own = scores["link"] == classes
    for name in ("ms_ssim", "mean_level"):
        assert np.isnan(scores[name][own]).all()
        assert np.isfinite(scores[name][~own]).all()
        np.testing.assert_array_equal(rows[name], scores[name])
    assert set(scores["receiver"][~own]) == {"bob", "eve"}
    assert np.abs(scores["mean_level"][~own]).max() > 0


def test_a_run_without_metrics_has_the_columns_of_every_trace(small_models: None, tmp_path: Path) -> None:
    linksim.run({"name": "bare", "frames": 1, "dataset": "samples"}, out=tmp_path / "bare.h5").close()
    with h5py.File(tmp_path / "bare.h5") as file:
        assert list(file["scores"]) == ["row", *SCORES]
        assert not any("metric" in dataset.attrs for dataset in file["scores"].values())


def test_metrics_do_not_change_the_other_columns(trace: Path, level: None, small_models: None) -> None:
    with linksim.open_trace(trace) as run, linksim.run(run.scenario.model_copy(update={"metrics": []})) as bare:
        scores, others = run.trace.table("scores"), bare.trace.table("scores")
        for name in SCORES:
            np.testing.assert_array_equal(scores[name], others[name])
        assert run.trace.fingerprint == bare.trace.fingerprint


@every_weight
def test_the_weights_of_a_metric_are_recorded(small_models: None) -> None:
    settings = {"name": "one", "frames": 1, "dataset": "samples", "metrics": ["lpips", "same-person"]}
    with linksim.run(settings, {"alice.images_per_frame": 1}) as run:
        assert {"lpips", "face-recogniser-b"} <= run.trace.models.keys()
        scores = run.table("scores")
    assert scores["lpips"].min() > 0
    assert set(scores["same_person"]) <= {0.0, 1.0}


# The trace


def test_an_unfinished_trace_is_repaired_with_its_metrics(trace: Path, tmp_path: Path) -> None:
    with open_trace(trace) as finished:
        metadata, shapes, meanings = finished.metadata, finished.shapes, finished.meanings()
    row: dict[str, Any] = dict.fromkeys(("time_ns", "link", "frame", "image", "receiver", "dataset_index", "label"), 0)
    with TraceWriter(tmp_path / "part.h5", metadata, shapes, meanings) as writer:
        writer(ImageScore(**row, metrics={"ms_ssim": 0.5}))
    repair(tmp_path / "part.h5")
    with open_trace(tmp_path / "part.h5") as repaired:
        assert repaired.metadata.metrics == metadata.metrics
        scores = repaired.table("scores")
        assert scores["ms_ssim"].tolist() == [0.5]
        assert np.isnan(scores["mean_level"]).all()


@pytest.mark.parametrize("name", ["other", "ssim", "not a name"])
def test_a_column_that_is_not_that_of_its_metric_is_refused(trace: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "changed.h5"
    path.write_bytes(trace.read_bytes())
    with h5py.File(path, "r+") as file:
        del file["scores/ms_ssim"].attrs["metric"]
        file["scores/ms_ssim"].attrs["metric"] = np.array(name.encode(), h5py.string_dtype("utf-8", len(name)))
    with pytest.raises(TraceError, match=f"/scores/ms_ssim is not the column of a metric '{name}'"):
        open_trace(path)


# Summary, report and figures


def test_the_summary_has_a_column_per_metric(trace: Path, tmp_path: Path) -> None:
    with linksim.open_trace(trace) as run:
        heading, _, bob, eve, classes = run.summary().splitlines()
        view = read_view(run.trace, block_lengths=block_lengths(run.trace.scenario_yaml))
    assert heading.split("SSIM")[1].split() == ["ms_ssim", "mean_level", "accuracy", "frames", "ok/lost", "control", "jammed"]
    first, second = summarise(view)
    for line, receiver in ((bob, first.bob), (eve, first.eve)):
        assert receiver is not None
        value = receiver.metrics["ms_ssim"]
        assert f" {value.value:.3f} [{value.low:.3f}, {value.high:.3f}] " in line
    assert second.bob is not None
    assert [found.n for found in second.bob.metrics.values()] == [0, 0]
    assert classes.split()[5:9] == ["-"] * 4
    page = write_report(trace, tmp_path / "report.html").read_text(encoding="utf-8")
    assert ">ms_ssim</th>" in page
    assert f"{first.bob.metrics['ms_ssim'].value:.3f} [" in page  # type: ignore[union-attr]


def test_figures_of_quality_have_a_panel_per_metric(trace: Path) -> None:
    with linksim.open_trace(trace) as run:
        figure = scores_figure(read_view(run.trace))
    assert figure is not None
    labels = [panel.get_xlabel() for panel in figure.axes]
    assert labels == ["mean PSNR (dB)", "mean ms_ssim", "mean mean_level", "accuracy (%)"]
    low, high = figure.axes[2].get_xlim()
    values = [bar.get_width() for bar in figure.axes[2].patches]  # type: ignore[attr-defined]
    assert values
    assert all(low <= value <= high for value in values)


def test_a_metric_of_zeros_and_ones_is_a_share() -> None:
    unit, hits = np.arange(40) // 4, np.arange(40) % 3 > 0
    assert metric_mean(hits.astype(np.float32), unit) == cluster_share(hits, unit)
    values = np.linspace(0, 1, 40)
    assert metric_mean(values, unit) == cluster_mean(values, unit)
    partly = np.where(hits, 1.0, np.nan)
    assert metric_mean(partly, unit) == cluster_share(np.ones(hits.sum(), bool), unit[hits])
    assert metric_mean(np.full(40, np.nan), unit).n == 0

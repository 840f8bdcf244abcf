"""Components from outside: one of each kind, in a single file outside the package, is listed, checked, drawn and run like linksim's own."""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from tiny_models import write_model
from tiny_tasks import trainer_of
from torch import nn

import linksim
from linksim import registry
from linksim.cli import main
from linksim.errors import LinksimError
from linksim.nets.cards import read_card
from linksim.nets.weights import build
from linksim.plots.figures import figure_functions
from linksim.provenance import require_components, used_components
from linksim.registry import KINDS
from linksim.reproduction.reproduction import overview
from linksim.scenario import schema
from linksim.scenario.base import KEYS
from linksim.training import tune
from linksim.training.ddpg import DdpgTask
from linksim.training.grid_measurement import GridMeasurement
from linksim.training.pipeline import find_task

SOURCE = Path(__file__).with_name("toy_components.py")
TOYS = {
    "scheme": "toy-analogue",
    "layer": "toy-mirror",
    "jammer": "toy-burst",
    "eve": "toy-memory",
    "source-attack": "toy-dim",
    "policy": "toy-climb",
    "fading": "toy-turn",
    "snr": "toy-ramp",
    "metric": "toy-contrast",
    "model": "toy-model",
    "codec": "toy-codec",
    "training-task": "toy-task",
    "figure": "toy-figure",
    "paper": "toy-paper",
}
SCENARIO = """\
name: toys
frames: 3
dataset: samples
metrics: {name: toy-contrast, gain: 2.0}
scheme:
  - {name: toy-mirror, conjugate: true}
  - {name: toy-analogue, amplitude: 2.0}
channel:
  bob:
    snr: {kind: toy-ramp, start_db: 20.0}
    fading: {kind: toy-turn, phase_deg: 45.0}
alice:
  frame_interval_ms: 25
  source_attack: {attack: toy-dim, factor: 0.9}
bob:
  policy: {name: toy-climb, by: 1}
eve: {attack: toy-memory, brightness: 0.25}
jammer: {kind: toy-burst, burst_ms: 2.0}
"""
IN_SCENARIO = [kind for kind in TOYS if kind in KEYS]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file with the components, in a folder outside the package. They are removed at the end."""
    path = tmp_path_factory.mktemp("plugin") / "toys.py"
    shutil.copy(SOURCE, path)
    before = set(sys.modules)
    yield path
    for kind, name in TOYS.items():
        registry.remove(kind, name)
    for module in {name for name in sys.modules if name.startswith("linksim_plugin_")} - before:
        del sys.modules[module]
    schema.refresh()


@pytest.fixture
def folder(plugin: Path, tmp_path: Path, small_models: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the scenario."""
    monkeypatch.chdir(tmp_path)
    Path("toys.yaml").write_text(SCENARIO)
    return tmp_path


def command(plugin: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [words[0], "--plugin", str(plugin), *words[1:]])


def test_there_is_a_toy_of_each_kind() -> None:
    assert set(TOYS) == set(KINDS)


@pytest.mark.parametrize(("kind", "name"), TOYS.items())
def test_it_is_listed_with_its_source(plugin: Path, kind: str, name: str) -> None:
    listed = command(plugin, "components", kind)
    assert listed.exit_code == 0, listed.output
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith(f"  {name} ")]
    component = registry.component(kind, name)
    assert component.help
    assert component.help in line
    assert component.origin is not None
    assert line.endswith(f"[{component.origin.module}:{component.origin.name}]")
    assert not Path(str(sys.modules[component.origin.module].__file__)).is_relative_to(Path(linksim.__file__).parent)


def test_its_name_is_taken(plugin: Path) -> None:
    command(plugin, "components")
    for kind, name in TOYS.items():
        with pytest.raises(LinksimError, match=f"{kind} '{name}' is declared twice"):
            linksim.register(kind, name)(make_other)
    for kind, module in registry.DECLARED_IN.items():
        own = next(c.name for c in registry.components(kind) if c.origin is None)
        with pytest.raises(LinksimError, match="is declared twice"):
            linksim.register(kind, own)(make_other)
        assert registry.component(kind, own).origin is None, module


def make_other(*_: Any) -> None:
    """A factory with the name of another component."""


def test_the_editor_schema_has_its_options(plugin: Path) -> None:
    definitions = json.loads(command(plugin, "schema").stdout)["definitions"]
    options: dict[str, Any] = {kind: registry.component(kind, TOYS[kind]).options for kind in IN_SCENARIO}
    for kind, block in options.items():
        found = definitions[block.__name__]["properties"]
        assert found[KEYS[kind]]["const"] == TOYS[kind]
        for name, info in block.model_fields.items():
            assert name == KEYS[kind] or not info.description or found[name]["description"] == info.description
    assert definitions["BurstOptions"]["properties"]["burst_ms"]["default"] == 1.0


def test_a_scenario_may_use_it(plugin: Path, folder: Path) -> None:
    checked = command(plugin, "check", "toys.yaml", "--full")
    assert checked.exit_code == 0, checked.output
    for kind in IN_SCENARIO:
        assert TOYS[kind] in checked.stdout
    scenario = linksim.load_scenario("toys.yaml")
    link = scenario.groups["link"]
    assert [type(layer).__name__ for layer in link.scheme] == ["MirrorOptions", "AnalogueOptions"]
    assert link.jammer.burst_ms == 2.0  # type: ignore[attr-defined]
    assert linksim.load_scenario("toys.yaml", {"jammer.burst_ms": 3.0}).groups["link"].jammer.burst_ms == 3.0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("amplitude: 2.0", "amplitud: 2.0", "did you mean 'amplitude'"),
        ("amplitude: 2.0", "amplitude: 20.0", "got 20"),
        ("conjugate: true", "conjugated: true", "did you mean 'conjugate'"),
        ("start_db: 20.0", "start_bd: 20.0", "did you mean 'start_db'"),
        ("phase_deg: 45.0", "phase: 45.0", "did you mean 'phase_deg'"),
        ("factor: 0.9", "factor: dim", "got 'dim'"),
        ("by: 1", "bye: 1", "did you mean 'by'"),
        ("gain: 2.0", "gian: 2.0", "did you mean 'gain'"),
        ("brightness: 0.25", "brightnes: 0.25", "did you mean 'brightness'"),
        ("burst_ms: 2.0", "burst_us: 2.0", "did you mean 'burst_ms'"),
        ("toy-burst", "toy-bursts", "did you mean toy-burst?"),
    ],
)
def test_a_mistake_in_its_options_is_reported_with_its_line(plugin: Path, folder: Path, right: str, wrong: str, message: str) -> None:
    Path("toys.yaml").write_text(SCENARIO.replace(right, wrong))
    line = SCENARIO[: SCENARIO.index(right)].count("\n") + 1
    refused = command(plugin, "check", "toys.yaml", "--full")
    assert refused.exit_code == 1
    assert f"toys.yaml:{line}:" in refused.stderr
    assert message in refused.stderr


def test_a_run_uses_all_of_them(plugin: Path, folder: Path) -> None:
    with linksim.run("toys.yaml", out="toys.h5", plugin=[str(plugin)]) as run:
        frames, receptions, scores = run.table("frames"), run.table("receptions"), run.table("scores")
        assert set(frames["outcome"]) == {"decoded"}
        assert set(frames["channel_uses"] - frames["header_channel_uses"]) == {4 * 3 * 32 * 32 // 2}  # scheme: four images of 1,536 symbols
        assert frames["level"].tolist() == sorted(frames["level"].tolist())  # policy, over the scheme's own parameter
        assert run.table("decisions")["level"].max() == 3
        assert run.table("jamming")["end_ns"].tolist() == [2_000_000]  # jammer
        bob = scores["receiver"] == "bob"
        assert scores["psnr_db"][bob].min() > 18.0  # scheme and layer, at an SNR of more than 20 dB over a turned channel
        assert np.unique(scores["mse"][~bob]).size > 4  # Eve
        mean_db = receptions["mean_snr_db"][receptions["receiver"] == "bob"]
        assert np.all(np.diff(mean_db) > 0)  # SNR process
        assert set(scores["class_attacked"]) != {-1}  # attack on the source
        assert np.all(scores["toy_contrast"][~bob] == 0.0)  # metric: Eve's images are uniform
        assert np.all(scores["toy_contrast"][bob] > 0.0)
        used = run.trace.metadata.components
    assert set(used) == {f"{kind}/{TOYS[kind]}" for kind in IN_SCENARIO}
    origin = registry.component("jammer", "toy-burst").origin
    assert origin is not None
    assert used["jammer/toy-burst"] == f"a file:make_burst {origin.sha256}"


@pytest.mark.parametrize("kind", [*IN_SCENARIO, "codec", "model"])
def test_a_run_is_not_repeated_without_it(plugin: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Nor with a component of the same name from other code."""
    command(plugin, "components")
    codec = {"name": "mean", "scheme": [{"name": "deepjscc", "codec": TOYS["codec"]}]}
    used = used_components(linksim.load_scenario(codec if kind == "codec" else "toys.yaml"), model_kinds=[TOYS["model"], "codec"])
    require_components(used)
    key, own = f"{kind}/{TOYS[kind]}", registry.component(kind, TOYS[kind])
    assert own.origin is not None
    monkeypatch.setitem(registry._components[kind], own.name, replace(own, origin=replace(own.origin, sha256="0" * 64)))
    with pytest.raises(LinksimError, match=f"used {kind} '{own.name}' .* the loaded one is .*0000"):
        require_components(used)
    monkeypatch.delitem(registry._components[kind], own.name)
    with pytest.raises(LinksimError, match=f"used {kind} '{own.name}' from a file:.*which is not loaded.*--plugin"):
        require_components(used)
    require_components({name: source for name, source in used.items() if name != key})


def test_a_component_whose_file_is_not_known_is_never_taken_for_the_same(plugin: Path) -> None:
    command(plugin, "components")
    with pytest.raises(LinksimError, match="whose file is not known"):
        require_components({"jammer/toy-burst": "__main__:make_burst "})


def test_the_kind_of_a_model_that_a_run_loads_is_recorded(plugin: Path, tmp_path: Path, own_models: Path) -> None:
    command(plugin, "components")
    write_model(own_models, "dense", TOYS["model"], {})
    scheme = {"name": "toy-analogue", "weights": "dense"}
    with linksim.run({"name": "one", "frames": 1, "dataset": "samples", "classifier": None, "scheme": scheme}) as run:
        assert set(run.trace.models) == {"dense"}
        assert set(run.trace.metadata.components) == {"model/toy-model", "scheme/toy-analogue"}


def test_its_figure_is_drawn_and_shown_in_the_report(plugin: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linksim.run("awgn-baseline", {"frames": 2, "links": 1}, out="run.h5", plugin=[str(plugin)]).close()
    assert list(figure_functions())[-1] == "toy-figure"
    monkeypatch.setitem(registry._components, "figure", {"toy-figure": registry.component("figure", "toy-figure")})  # saves time
    drawn = command(plugin, "plot", "run.h5", "--out", "figures", "--format", "svg")
    assert drawn.exit_code == 0, drawn.output
    assert Path("figures/toy-figure.svg").is_file()
    assert command(plugin, "report", "run.h5").exit_code == 0
    page = Path("report.html").read_text(encoding="utf-8")
    assert "Names of the groups" in page
    assert "The names of all groups of links, as text." in page


def test_its_training_task_is_listed_and_trained(plugin: Path, folder: Path) -> None:
    assert "toy-task" in command(plugin, "models").stdout
    task = find_task("toy-task")
    assert not isinstance(task, DdpgTask | GridMeasurement)
    assert trainer_of(task).train_step().isfinite()


def test_its_kind_of_model_is_built(plugin: Path) -> None:
    command(plugin, "components")
    network = build("toy-model", {"width": 3})
    assert isinstance(network, nn.Linear)
    assert network.in_features == 3


def test_its_kind_of_model_is_tuned_with_its_own_workload(plugin: Path, own_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(plugin, "components")
    write_model(own_models, "toy-trained", "toy-model", {"width": 3})
    assert read_card(own_models / "toy-trained.yaml").cost.operations == 9
    monkeypatch.setattr(tune, "find_task", lambda name: SimpleNamespace(kind="toy-model"))
    monkeypatch.setattr(tune, "bfloat16_holds", lambda model, task: False)
    monkeypatch.setattr(tune, "BATCHES", {"cpu": (2, 4)})
    monkeypatch.setattr(tune, "IMAGES", 4)
    batches: list[int] = []
    workload = registry.component("model", "toy-model").workload
    assert callable(workload)

    def counted(network: nn.Module, batch: int, device: Any) -> Any:
        batches.append(batch)
        return workload(network, batch, device)

    monkeypatch.setitem(registry._components["model"], "toy-model", replace(registry.component("model", "toy-model"), workload=counted))
    card = tune.tune("toy-trained", "cpu")
    assert batches == [2, 4]
    assert card.runtime["cpu"].batch in batches


def test_its_codec_takes_the_place_of_a_trained_one(plugin: Path, folder: Path) -> None:
    scheme = {"scheme": [{"name": "toy-mirror"}, "permutation", {"name": "deepjscc", "codec": "toy-codec"}]}
    command(plugin, "components")
    with linksim.run({"name": "mean", "frames": 1, **scheme}) as run:
        frames = run.table("frames")
        assert (frames["channel_uses"] - frames["header_channel_uses"]).tolist() == [4 * 96]
        assert run.table("scores")["psnr_db"].min() > 5.0
        assert set(run.trace.metadata.components) == {"codec/toy-codec", "layer/toy-mirror"}


def test_its_paper_is_listed_and_reproduced(plugin: Path, folder: Path) -> None:
    command(plugin, "components")
    assert "toy-paper A toy paper" in overview(folder / "papers")
    shown = command(plugin, "papers", "toy-paper", "--out", "papers")
    assert shown.exit_code == 0, shown.output
    assert "1 claim, 0 measured" in shown.stdout
    assert "toy-claim" in (folder / "papers" / "toy-paper" / "claims.md").read_text(encoding="utf-8")

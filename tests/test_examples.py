"""The example components run through `--plugin`, unchanged, and a trace records them and refuses to run again without them."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from linksim import api, plugins, registry
from linksim.cli import main
from linksim.scenario import schema

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SCENARIOS = {
    "linear_codec": "scheme: {name: deepjscc, codec: block-means}",
    "label_scheme": "scheme: {name: projection, symbols: 32}",
    "comb_jammer": "jammer: {kind: comb, slot_ms: 2, every: 2}",
    "averaging_eve": "eve: averaging",
    "hysteresis_policy": "scheme: diffusec\nbob: {policy: hysteresis}",
}
NAMES = {
    "linear_codec": ("codec", "block-means"),
    "label_scheme": ("scheme", "projection"),
    "comb_jammer": ("jammer", "comb"),
    "averaging_eve": ("eve", "averaging"),
    "hysteresis_policy": ("policy", "hysteresis"),
}


def linksim(*words: str) -> Result:
    return CliRunner().invoke(main, words, catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_models: None):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    forget()


def forget() -> None:
    for kind, name in NAMES.values():
        registry.remove(kind, name)
    plugins.unload()
    schema.refresh()


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_an_example_runs_and_its_trace_records_it(name: str, folder: Path) -> None:
    Path("study.yaml").write_text(f"name: study\nframes: 6\nclassifier: classifier-cifar10\n{SCENARIOS[name]}\n")
    plugin = str(EXAMPLES / f"{name}.py")
    assert len(Path(plugin).read_text().splitlines()) <= 40

    refused = linksim("check", "study.yaml")
    assert refused.exit_code == 1

    result = linksim("run", "study.yaml", "--no-figures", "--plugin", plugin)
    assert result.exit_code == 0, result.output
    with api.open_trace("results/study/trace.h5") as run:
        kind, word = NAMES[name]
        assert list(run.trace.metadata.components) == [f"{kind}/{word}"]
        scores = run.table("scores")
        assert len(scores["label"]) >= 6
    forget()

    again = linksim("run", "--from", "results/study/trace.h5", "--out", "again", "--no-figures")
    assert again.exit_code == 1
    assert "--plugin" in again.output
    again = linksim("run", "--from", "results/study/trace.h5", "--out", "again", "--no-figures", "--plugin", plugin)
    assert again.exit_code == 0, again.output
    assert Path("again/trace.h5").read_bytes() == Path("results/study/trace.h5").read_bytes()

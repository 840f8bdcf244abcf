"""The command line: its output, its files, and errors without tracebacks."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tiny_models import use_models

from linksim import registry
from linksim.cli import main
from linksim.scenario import schema

TINY = """
name: tiny
frames: 3
channel: {bob: {snr: {kind: gauss-markov, mean_db: 10}, csi: pilots}}
scheme: [permutation, deepjscc]
eve: inverse-network
jammer: {kind: pulsed, period_ms: 20, on_ms: 5}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_models: None) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path


def linksim(*words: str) -> Result:
    return CliRunner().invoke(main, words, catch_exceptions=False)


def test_a_run_leaves_trace_figures_and_report(folder: Path) -> None:
    result = linksim("run", "tiny.yaml")
    assert result.exit_code == 0, result.output
    out = folder / "results" / "tiny"
    assert {p.name for p in out.iterdir()} == {
        "trace.h5", "profile.json", "report.html", "time-series.png", "scores.png", "images.png", "timeline.png",
        "channel.png", "constellation.png", "session.png",
    }  # fmt: skip
    assert "Bob" in result.stdout
    assert "Eve" in result.stdout
    assert "results/tiny/trace.h5" in result.stdout
    profile = json.loads((out / "profile.json").read_text())
    assert profile["wall_s"] > 0


def test_a_trace_is_replaced_only_with_overwrite(folder: Path) -> None:
    assert linksim("run", "tiny.yaml", "--no-figures").exit_code == 0
    before = (folder / "results/tiny/trace.h5").read_bytes()
    refused = linksim("run", "tiny.yaml", "--no-figures", "--set", "seed=2")
    assert refused.exit_code == 1
    assert "exists" in refused.stderr
    assert (folder / "results/tiny/trace.h5").read_bytes() == before
    assert linksim("run", "tiny.yaml", "--no-figures", "--overwrite", "--set", "seed=2").exit_code == 0
    assert (folder / "results/tiny/trace.h5").read_bytes() != before


def test_a_run_from_a_trace_gives_the_same_bytes(folder: Path) -> None:
    """In another process, with another seed of Python's hashes."""
    assert linksim("run", "tiny.yaml", "--no-figures").exit_code == 0
    again = subprocess.run(
        [sys.executable, "-m", "linksim", "run", "--from", "results/tiny/trace.h5", "--out", "again", "--no-figures"],
        env=os.environ | {"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert (folder / "again/trace.h5").read_bytes() == (folder / "results/tiny/trace.h5").read_bytes()


def test_a_run_from_a_trace_does_not_replace_that_trace(folder: Path) -> None:
    assert linksim("run", "tiny.yaml", "--no-figures").exit_code == 0
    refused = linksim("run", "--from", "results/tiny/trace.h5", "--overwrite")
    assert refused.exit_code == 1
    assert "name another folder with --out" in refused.stderr
    assert (folder / "results/tiny/trace.h5").exists()


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        (("run", "quikstart"), 1, "quickstart"),
        (("run", "missing.yaml"), 1, "missing.yaml"),
        (("run", "tiny.yaml", "--set", "lanse=3"), 1, "did you mean 'links'"),
        (("run", "tiny.yaml", "--set", "scheme.1.codec=codec-cifar10-7"), 1, "codec-cifar10-6"),
        (("run",), 2, "give either SCENARIO or --from TRACE"),
        (("run", "--from", "tiny.yaml"), 1, "tiny.yaml"),
        (("check", "tiny.yaml", "--set", "channel.bob.snr.mean_db=hot"), 1, "got 'hot'"),
        (("plot", "tiny.yaml"), 1, "tiny.yaml"),
        (("report", "nowhere.h5"), 1, "nowhere.h5"),
        (("repair", "tiny.yaml"), 1, "tiny.yaml"),
        (("train", "codec-cifar10"), 1, "codec-cifar10-6"),
        (("data", "fetch", "cifar11"), 1, "did you mean 'cifar10'"),
        (("rnu",), 2, "run"),
    ],
)
def test_an_error_is_one_message_without_a_traceback(folder: Path, words: tuple[str, ...], status: int, expected: str) -> None:
    result = linksim(*words)
    assert result.exit_code == status
    assert expected in result.stderr
    assert "Traceback" not in result.output


def test_the_output_of_check_is_a_scenario(folder: Path) -> None:
    result = linksim("check", "tiny.yaml", "--full")
    assert result.exit_code == 0
    assert result.stdout.startswith("# Estimate")
    (folder / "resolved.yaml").write_text(result.stdout)
    again = linksim("check", "resolved.yaml", "--full")
    assert again.stdout == result.stdout
    short = linksim("check", "tiny.yaml").stdout
    assert short.startswith("Estimate")
    assert "channel:" not in short


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (("scheme.0.codec=no-such-codec",), "no-such-codec"),
        (("classifier=no-such-classifier",), "no-such-classifier"),
        (("scheme=[diffusec]", "eve=inverse-network"), "symbols per image"),
        (("dataset=mnist",), "mnist"),
    ],
)
def test_check_refuses_what_run_would_refuse(folder: Path, settings: tuple[str, ...], expected: str) -> None:
    words = [word for setting in settings for word in ("--set", setting)]
    for command in ("check", "run"):
        refused = linksim(command, "tiny.yaml", *words)
        assert refused.exit_code == 1, command
        assert expected in refused.stderr
    unbuilt = linksim("check", "tiny.yaml", "--set", "classifier=no-such-classifier", "--no-build")
    assert unbuilt.exit_code == 0


def test_json_is_one_object_with_the_numbers_of_the_text(folder: Path) -> None:
    ran = linksim("run", "tiny.yaml", "--out", "out", "--json", "--no-figures")
    assert ran.exit_code == 0, ran.output
    made = json.loads(ran.stdout)
    assert made["trace"] == "out/trace.h5"
    shown = json.loads(linksim("show", "out", "--json").stdout)
    assert shown["summary"] == made["summary"]
    assert shown["summary"]["groups"][0]["bob"]["images"] > 0
    assert f"{shown['summary']['groups'][0]['bob']['psnr_db']['value']:.2f}" in linksim("show", "out/trace.h5").stdout
    assert json.loads(linksim("check", "tiny.yaml", "--json").stdout)["estimate"]["frames"] > 0
    assert {model["state"] for model in json.loads(linksim("models", "--json").stdout)["models"]} <= {"present", "missing"}


def test_quiet_prints_no_progress(folder: Path) -> None:
    loud, quiet = (linksim("run", "tiny.yaml", "--no-figures", "--overwrite", *flag) for flag in ((), ("--quiet",)))
    assert "frames" in loud.stderr
    assert quiet.stderr == ""
    assert quiet.exit_code == 0


def test_models_are_listed_and_a_damaged_one_is_reported(folder: Path, monkeypatch: pytest.MonkeyPatch, small_model_files: Path) -> None:
    listed = linksim("models")
    assert listed.exit_code == 0
    assert "present" in listed.stdout
    assert "missing" in listed.stdout
    for path in small_model_files.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with (folder / "codec-cifar10-6.safetensors").open("r+b") as weights:
        weights.seek(-1, 2)
        weights.write(b"x")
    use_models(monkeypatch, folder)
    damaged = linksim("models")
    assert damaged.exit_code == 1
    assert "damaged" in damaged.stdout


def test_datasets_are_listed() -> None:
    result = linksim("data", "list")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in ("samples", "cifar10", "mnist", "fashion_mnist", "faces"))


def test_figures_and_report_are_made_from_a_trace(folder: Path) -> None:
    assert linksim("run", "tiny.yaml", "--no-figures", "--out", "here").exit_code == 0
    drawn = linksim("plot", "here/trace.h5", "--out", "there", "--format", "svg")
    assert drawn.exit_code == 0
    assert (folder / "there/time-series.svg").exists()
    assert linksim("report", "here/trace.h5").exit_code == 0
    assert (folder / "here/report.html").exists()
    assert "Bob" in linksim("show", "here/trace.h5").stdout


def test_components_are_listed(folder: Path) -> None:
    result = linksim("components", "jammer")
    assert result.exit_code == 0
    names = [line.split()[0] for line in result.stdout.splitlines()[1:]]
    assert names == ["none", "barrage", "pulsed", "markov", "sweep", "reactive", "adversarial"]
    wrong = linksim("components", "jamer")
    assert wrong.exit_code == 1
    assert "did you mean 'jammer'" in wrong.stderr
    everything = linksim("components")
    assert everything.exit_code == 0
    assert all(f"{kind}: " in everything.stdout for kind in ("scheme", "policy", "figure", "paper", "training-task"))


PLUGIN = """
import linksim
from linksim.scenario.jammers import Jamming

class Quiet(Jamming):
    "A jammer for this test."

@linksim.register("jammer", "quiet-plugin", Quiet)
def make(options, context):
    raise NotImplementedError
"""


def test_a_plugin_adds_a_component_and_a_scenario_alone_does_not(folder: Path) -> None:
    (folder / "quiet.py").write_text(PLUGIN)
    (folder / "study.yaml").write_text("name: study\njammer: quiet-plugin\n")
    alone = linksim("check", "study.yaml")
    assert alone.exit_code == 1
    assert "got 'quiet-plugin', allowed: one of 'none', 'barrage'" in alone.stderr
    try:
        listed = linksim("components", "jammer", "--plugin", "quiet.py")
        assert re.search(r"quiet-plugin +A jammer for this test\..*:make\]", listed.stdout)
        checked = linksim("check", "study.yaml", "--plugin", "quiet.py", "--full", "--no-build")
        assert checked.exit_code == 0, checked.output
        assert "kind: quiet-plugin" in checked.stdout
    finally:
        registry.remove("jammer", "quiet-plugin")
        schema.refresh()
    assert linksim("check", "study.yaml").exit_code == 1
    assert linksim("check", "study.yaml", "--plugin", "missing.py").exit_code == 1

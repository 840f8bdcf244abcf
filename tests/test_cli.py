"""The command line as a user meets it: what it prints, what it leaves, and that no mistake of theirs shows a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from linksim.cli import main

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
    result = linksim("replication", "tiny.yaml")
    assert result.exit_code == 0, result.output
    out = folder / "results" / "tiny"
    assert {p.name for p in out.iterdir()} == {
        "trace.h5", "profile.json", "report.html", "time.png", "quality.png", "images.png", "timeline.png",
        "channel.png", "constellation.png", "session.png",
    }  # fmt: skip
    assert "Bob" in result.stdout
    assert "Eve" in result.stdout
    assert "results/tiny/trace.h5" in result.stdout
    profile = json.loads((out / "profile.json").read_text())
    assert profile["wall_s"] > 0


def test_a_trace_is_not_written_over_unless_told(folder: Path) -> None:
    assert linksim("replication", "tiny.yaml", "--no-figures").exit_code == 0
    before = (folder / "results/tiny/trace.h5").read_bytes()
    refused = linksim("replication", "tiny.yaml", "--no-figures", "--set", "seed=2")
    assert refused.exit_code == 1
    assert "exists" in refused.stderr
    assert (folder / "results/tiny/trace.h5").read_bytes() == before
    assert linksim("replication", "tiny.yaml", "--no-figures", "--overwrite", "--set", "seed=2").exit_code == 0
    assert (folder / "results/tiny/trace.h5").read_bytes() != before


def test_a_trace_runs_itself_again_byte_for_byte(folder: Path) -> None:
    """In another process, under another seed of Python's hashes."""
    assert linksim("replication", "tiny.yaml", "--no-figures").exit_code == 0
    again = subprocess.run(
        [sys.executable, "-m", "linksim", "replication", "--from", "results/tiny/trace.h5", "--out", "again", "--no-figures"],
        env=os.environ | {"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert (folder / "again/trace.h5").read_bytes() == (folder / "results/tiny/trace.h5").read_bytes()


def test_running_a_trace_into_its_own_place_is_refused(folder: Path) -> None:
    assert linksim("replication", "tiny.yaml", "--no-figures").exit_code == 0
    refused = linksim("replication", "--from", "results/tiny/trace.h5", "--overwrite")
    assert refused.exit_code == 1
    assert "name another folder with --out" in refused.stderr
    assert (folder / "results/tiny/trace.h5").exists()


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        (("replication", "quikstart"), 1, "quickstart"),
        (("replication", "missing.yaml"), 1, "missing.yaml"),
        (("replication", "tiny.yaml", "--set", "lanse=3"), 1, "did you mean 'links'"),
        (("replication", "tiny.yaml", "--set", "scheme.1.codec=codec-cifar10-7"), 1, "codec-cifar10-6"),
        (("replication",), 2, "give either SCENARIO or --from TRACE"),
        (("replication", "--from", "tiny.yaml"), 1, "tiny.yaml"),
        (("check", "tiny.yaml", "--set", "channel.bob.snr.mean_db=hot"), 1, "got 'hot'"),
        (("plot", "tiny.yaml"), 1, "tiny.yaml"),
        (("report", "nowhere.h5"), 1, "nowhere.h5"),
        (("repair", "tiny.yaml"), 1, "tiny.yaml"),
        (("train", "codec-cifar10"), 1, "codec-cifar10-6"),
        (("data", "fetch", "cifar11"), 1, "did you mean 'cifar10'"),
        (("rnu",), 2, "replication"),
    ],
)
def test_a_mistake_gets_one_message_and_no_traceback(folder: Path, words: tuple[str, ...], status: int, expected: str) -> None:
    result = linksim(*words)
    assert result.exit_code == status
    assert expected in result.stderr
    assert "Traceback" not in result.output


def test_check_prints_what_can_be_run(folder: Path) -> None:
    result = linksim("check", "tiny.yaml")
    assert result.exit_code == 0
    assert "Estimate" in result.stdout
    (folder / "resolved.yaml").write_text(result.stdout)
    again = linksim("check", "resolved.yaml")
    assert again.stdout == result.stdout


def test_models_are_listed_and_a_damaged_one_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch, small_model_files: Path) -> None:
    listed = linksim("models")
    assert listed.exit_code == 0
    assert "present" in listed.stdout
    assert "missing" in listed.stdout
    for path in small_model_files.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with (folder / "codec-cifar10-6.safetensors").open("r+b") as weights:
        weights.seek(-1, 2)
        weights.write(b"x")
    monkeypatch.setenv("LINKSIM_MODELS", str(folder))
    damaged = linksim("models")
    assert damaged.exit_code == 1
    assert "damaged" in damaged.stdout


def test_sources_are_listed() -> None:
    result = linksim("data", "list")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in ("samples", "cifar10", "mnist", "fashion_mnist", "faces"))


def test_figures_and_report_of_a_trace_can_be_made_later(folder: Path) -> None:
    assert linksim("replication", "tiny.yaml", "--no-figures", "--out", "here").exit_code == 0
    drawn = linksim("plot", "here/trace.h5", "--out", "there", "--format", "svg")
    assert drawn.exit_code == 0
    assert (folder / "there/time.svg").exists()
    assert linksim("report", "here/trace.h5").exit_code == 0
    assert (folder / "here/report.html").exists()
    assert "Bob" in linksim("show", "here/trace.h5").stdout

"""The outputs of a run are those of one run, and files of the user are never replaced."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_process import TINY
from click.testing import CliRunner, Result
from plot_tables import Tables, one_group

from linksim.cli import main, run_folder
from linksim.errors import LinksimError
from linksim.outputs import FIGURE, PROFILE, REPORT, former_outputs, is_output, require_replaceable
from linksim.plots.figures import plot_trace
from linksim.plots.report import write_report
from linksim.simulate.run_result import RunResult
from linksim.trace.reader import open_trace


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_models: None) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return Tables(one_group(4)).write(tmp_path / "run.h5")


def linksim(*words: str) -> Result:
    return CliRunner().invoke(main, words, catch_exceptions=False)


def contents(folder: Path) -> dict[str, bytes]:
    """Content of each file in a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


RUN = ("run", "tiny.yaml", "--out", "out", "--set", "frames=2")


@pytest.mark.parametrize("name", ["trace.h5", "report.html", "profile.json", "scores.png"])
def test_outputs_are_replaced_only_on_request_and_before_anything_is_built(
    folder: Path, trace: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "out").mkdir()
    if name == "trace.h5":
        trace.rename(folder / "out" / name)
    elif name == "scores.png":
        plot_trace(trace, folder / "out")
    elif name == "report.html":
        write_report(trace, folder / "out" / name)
    else:
        RunResult("f00d", 1, 1.0, (), ()).write_profile(folder / "out" / name)
    before = contents(folder / "out")
    monkeypatch.setattr("linksim.shards.driver.run_divided", lambda *_: pytest.fail("the run began"))
    refused = linksim(*RUN)
    assert refused.exit_code == 1
    first = "channel.png" if name == "scores.png" else name
    assert refused.stderr.startswith(f"linksim: out/{first} exists; choose another folder with --out, or use --overwrite")
    assert contents(folder / "out") == before


def test_a_run_that_replaces_another_leaves_none_of_its_outputs(folder: Path) -> None:
    assert linksim(*RUN).exit_code == 0
    assert linksim("plot", "out/trace.h5", "--format", "svg").exit_code == 0
    before = contents(folder / "out")
    (folder / "out" / "notes.txt").write_text("precious")
    assert linksim(*RUN, "--overwrite", "--no-figures", "--set", "seed=2").exit_code == 0
    after = contents(folder / "out")
    assert set(after) == {"trace.h5", "profile.json", "notes.txt"}
    assert after["notes.txt"] == b"precious"
    assert after["trace.h5"] != before["trace.h5"]
    assert after["profile.json"] != before["profile.json"]  # wall-clock times differ
    assert json.loads(after["profile.json"])["source"] == PROFILE


@pytest.mark.parametrize("error", [KeyboardInterrupt(), LinksimError("the policy failed")])
def test_former_outputs_stay_until_the_new_trace_is_complete(folder: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    assert linksim(*RUN, "--no-figures").exit_code == 0
    before = contents(folder / "out")

    def fail(*_: object) -> None:
        assert contents(folder / "out") == before
        raise error

    monkeypatch.setattr("linksim.shards.driver.run_divided", fail)
    monkeypatch.setattr(run_folder.Destination, "publish", lambda self: pytest.fail("published"))
    result = linksim(*RUN, "--overwrite")
    assert result.exit_code == (130 if isinstance(error, KeyboardInterrupt) else 1)
    assert "The former outputs in out are unchanged." in result.stderr
    assert contents(folder / "out") == before
    assert [path.name for path in (folder / "out").iterdir() if path.is_dir()] == []


@pytest.mark.parametrize("name", ["profile.json", "report.html", "scores.png", "trace.h5"])
def test_a_file_of_the_user_is_never_replaced(folder: Path, name: str) -> None:
    (folder / "out").mkdir()
    (folder / "out" / name).write_text('{"precious": 1}')
    for words in (RUN, (*RUN, "--overwrite")):
        result = linksim(*words)
        assert result.exit_code == 1
        assert f"out/{name}" in result.stderr
        assert "Traceback" not in result.output
    assert (folder / "out" / name).read_text() == '{"precious": 1}'


def test_a_failure_of_one_output_does_not_prevent_the_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device", "out/profile.json")

    monkeypatch.setattr(RunResult, "write_profile", fail)
    result = linksim(*RUN)
    assert result.exit_code == 1
    assert result.stderr.endswith("linksim: out/profile.json cannot be written: No space left on device\n")
    assert {"trace.h5", "report.html", "scores.png"} <= set(contents(folder / "out"))
    assert "Bob" in result.stdout
    with open_trace(folder / "out" / "trace.h5") as trace:
        assert trace.complete


@pytest.mark.parametrize("write", [write_report, lambda trace, out: plot_trace(trace, out.parent)])
def test_an_earlier_figure_or_report_is_replaced_and_another_file_is_not(
    trace: Path, tmp_path: Path, write: Callable[[Path, Path], object]
) -> None:
    out = tmp_path / "out" / ("report.html" if write is write_report else "scores.png")
    write(trace, out)
    first = out.read_bytes()
    write(trace, out)
    assert out.read_bytes() == first
    out.write_text("precious")
    with pytest.raises(LinksimError, match=rf"{out.name} exists and is not a linksim (report|figure) of a trace"):
        write(trace, out)
    assert out.read_text() == "precious"
    out.unlink()
    (tmp_path / "elsewhere").write_text("precious")
    out.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LinksimError, match="exists and is not"):
        write(trace, out)
    assert (tmp_path / "elsewhere").read_text() == "precious"
    assert not list(out.parent.glob("*.part"))


def test_a_report_does_not_replace_its_trace(trace: Path) -> None:
    before = trace.read_bytes()
    result = linksim("report", str(trace), "--out", str(trace))
    assert result.exit_code == 1
    assert "exists and is not a linksim report of a trace" in result.stderr
    assert trace.read_bytes() == before


def test_outputs_are_known_by_their_marks(trace: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert former_outputs(out) == []
    figures = plot_trace(trace, out, ("png", "svg", "pdf"))
    report = write_report(trace, out / "any-name.html")
    RunResult("f00d", 1, 1.0, (), ()).write_profile(out / "profile.json")
    assert former_outputs(out) == sorted([*figures, report, out / "profile.json"])
    (out / "own.png").write_bytes(b"\x89PNG")
    (out / "link.html").symlink_to(report)
    assert former_outputs(out) == sorted([*figures, report, out / "profile.json"])
    assert is_output(report, REPORT)
    assert not is_output(report, FIGURE)
    assert not is_output(out / "missing", PROFILE)
    for path in (out / "own.png", out / "link.html", out, report):
        with pytest.raises(LinksimError, match="exists and is not a linksim figure of a trace"):
            require_replaceable(path, FIGURE)
    require_replaceable(out / "missing", FIGURE)

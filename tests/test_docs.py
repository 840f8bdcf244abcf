"""The documentation: its commands and examples run, its links lead somewhere, and its tables agree with the declarations."""

import re
import shlex
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import h5py
import matplotlib as mpl
import numpy as np
import pytest
from click.testing import CliRunner
from tiny_models import use_models, write_diffusec_models

import linksim
from linksim import registry
from linksim.catalogue import BLOCK, refresh
from linksim.cli import main
from linksim.data.downloads import ORIGINS
from linksim.nets.weights import clear_model_cache
from linksim.scenario import schema
from linksim.scenario.load import load_scenario, shipped_names
from linksim.sweeps.study import read_study
from linksim.training.tasks import TASKS

mpl.use("agg")

ROOT = Path(__file__).resolve().parents[1]
PAGES = {page.name: page.read_text(encoding="utf-8") for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
PLACES = {page.name: page for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
FENCED = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)

PARSED_ONLY = {  # commands whose words are checked without running them, and why
    "train": "training takes minutes to hours; test_api and test_pipeline train small models",
    "tune": "tuning takes minutes and writes to the models folder; test_pipeline tunes a small model",
    "data fetch": "the download needs a network; test_data_fetch fetches from a local folder",
    "curves": "the measurement takes a minute; test_curves runs it with few codewords",
}
NAMES = {"train": set(TASKS), "tune": set(TASKS), "data fetch": set(ORIGINS)}
PYTHON_PAGES = ["README.md", "components.md", "guide.md", "python.md", "trace-format.md"]
OTHER_PYTHON_PAGES = {  # pages whose Python is run elsewhere or not at all, and why
    "adaptation.md": "test_guide runs it",
    "data.md": "it loads CIFAR-10, which is not part of the package",
}


def blocks(page: str, *languages: str) -> list[str]:
    """The fenced blocks of a page whose info string is one of `languages`."""
    return [body for info, body in FENCED.findall(PAGES[page]) if info in languages]


def commands(page: str) -> list[list[str]]:
    """The words of every command of a page, without `linksim`."""
    lines = [line for body in blocks(page, "", "sh", "bash") for line in body.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("linksim ")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_model_files: Path) -> Iterator[Path]:
    """A working directory with small models; components that a page declares are removed afterwards."""
    models = tmp_path / "small-models"
    shutil.copytree(small_model_files, models)
    write_diffusec_models(models)
    monkeypatch.setenv("LINKSIM_MODELS", str(models))  # searched before the shipped models, which some pages name
    monkeypatch.chdir(tmp_path)
    clear_model_cache()
    yield tmp_path
    clear_model_cache()
    for component in registry.outside():
        registry.remove(component.kind, component.name)
    schema.refresh()


@pytest.fixture(scope="session")
def small_trace(tmp_path_factory: pytest.TempPathFactory, small_model_files: Path) -> Path:
    """A trace for commands and examples that read one."""
    path = tmp_path_factory.mktemp("trace") / "trace.h5"
    with pytest.MonkeyPatch.context() as patch:
        use_models(patch, small_model_files)
        clear_model_cache()
        linksim.run("quickstart", {"frames": 2, "links": 1}, out=path).close()
        clear_model_cache()
    return path


def interrupted(trace: Path) -> Path:
    """A copy of a trace without the mark of a complete run."""
    path = trace.with_name("interrupted.h5")
    shutil.copy(trace, path)
    with h5py.File(path, "r+") as file:
        file.attrs["complete"] = np.uint8(0)
    return path


def write_files_of(page: str) -> None:
    """Write the scenarios and plugins that the commands of a page name: blocks with a name, or with a file name in the first line."""
    for body in blocks(page, "yaml"):
        if name := re.search(r"^name: (\S+)", body, re.MULTILINE):
            Path(f"{name[1]}.yaml").write_text(body)
    for body in blocks(page, "python"):
        if name := re.match(r"# (\S+\.py)\n", body):
            Path(name[1]).write_text(body)


def parse(words: list[str]) -> tuple[str, dict[str, Any]]:
    """Name and arguments of a command, without running it. Raises click.ClickException for unknown commands and options."""
    command: click.Command = main
    name: list[str] = []
    while isinstance(command, click.Group):
        name.append(words[0])
        command, words = command.commands[words[0]], words[1:]
    return " ".join(name), command.make_context(" ".join(name), list(words)).params


def run_command(words: list[str], small_trace: Path) -> None:
    """Run a command of a page, in a shortened form if it would take long."""
    name, arguments = parse(words)
    if name in PARSED_ONLY:
        assert arguments.get("name") is None or arguments["name"] in NAMES[name], words
        return
    for word in words:
        if word.endswith(".h5") and not Path(word).exists():
            Path(word).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(small_trace, word)
    if name == "run" and arguments["source"] is None:
        if load_scenario(arguments["scenario"], arguments["overrides"]).dataset in ("faces", "mnist"):
            return  # they are not part of the package; test_scenarios runs these scenarios where they are
        words = [*words, "--set", "frames=2", "--set", "links=1"]
    if name == "sweep" and arguments["engine"] in ("dask", "ray"):
        return  # test_sweep_engines runs these engines
    if name == "check" and load_scenario(arguments["scenario"], arguments["overrides"]).dataset != "samples":
        words = [*words, "--no-build"]  # the public datasets are not part of the package
    if name == "run":
        words = [*words, "--no-figures", "--overwrite"]
    if name == "repair":
        shutil.copy(interrupted(small_trace), arguments["trace"])
    if name == "papers" and arguments["paper"]:
        words = [word for word in words if word not in ("--measure", "--no-measure", "--remeasure")] + ["--no-measure"]
        shutil.copytree(ROOT / "results" / "papers", "results/papers", dirs_exist_ok=True, ignore=shutil.ignore_patterns("images"))
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert result.exit_code == 0, f"linksim {shlex.join(words)}\n{result.output}"


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)])
def test_every_command_runs(page: str, folder: Path, small_trace: Path) -> None:
    write_files_of(page)
    for words in commands(page):
        run_command(words, small_trace)


@pytest.mark.parametrize("page", PYTHON_PAGES)
def test_every_python_example_runs(page: str, folder: Path, small_trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(small_trace, "run.h5")
    known: dict[str, Any] = {"__name__": "example"}
    for body in blocks(page, "python"):
        exec(compile(body, page, "exec"), known)


def test_python_that_is_not_run_is_listed_with_a_reason() -> None:
    with_python = {page for page in PAGES if blocks(page, "python")}
    assert with_python == set(PYTHON_PAGES) | set(OTHER_PYTHON_PAGES)
    not_run = [body for page in PAGES for body in blocks(page, "python no-test")]
    with_agents = [body for body in not_run if "from stable_baselines3 import" in body]  # test_env_sb3 runs them, if it is installed
    assert all("linksim.train(" in body for body in not_run if body not in with_agents)  # training takes hours


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")])
def test_every_yaml_example_is_valid(page: str, tmp_path: Path) -> None:
    for body in blocks(page, "yaml"):
        if re.search(r"kind: duty-cycle", body):
            continue  # it uses a component that the same page declares; the page's commands check it
        path = tmp_path / "example.yaml"
        if re.search(r"^scenario:", body, re.MULTILINE):
            path.write_text(body)
            assert read_study(path).plan().points()
            continue
        path.write_text(body if re.search(r"^name:", body, re.MULTILINE) else f"name: example\n{body}")
        load_scenario(str(path))


def slug(heading: str) -> str:
    """The anchor of a heading, as Markdown viewers derive it."""
    text = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return "".join(c for c in text if c in "-_ " or unicodedata.category(c)[0] in "LN").replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    text = FENCED.sub("", PAGES[page])
    for target in LINK.findall(text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        found = (PLACES[page].parent / path).resolve() if path else PLACES[page]
        assert found.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in map(slug, HEADING.findall(FENCED.sub("", found.read_text(encoding="utf-8")))), f"{page}: {target}"


@pytest.mark.parametrize("page", PAGES)
def test_every_file_of_the_project_that_a_page_names_exists(page: str) -> None:
    named = re.findall(r"`((?:linksim|scenarios|tests|benchmarks|examples)/[\w./-]+\.(?:py|yaml|csv|json))`", PAGES[page])
    missing = [path for path in named if not (ROOT / path).exists()]
    assert not missing
    assert not [
        name for name in re.findall(r"linksim\.(?:scenario|adapt|nets|training|trace|env)\.[a-z_]+", PAGES[page]) if not module_exists(name)
    ]


def module_exists(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists() or path.parent.with_suffix(".py").exists()


@pytest.mark.parametrize("page", PAGES)
def test_generated_tables_are_current(page: str) -> None:
    """After a change of options: `make generated`."""
    assert refresh(PAGES[page]) == PAGES[page]


def test_every_kind_of_scenario_component_has_a_table() -> None:
    tables = {found["kind"] for found in BLOCK.finditer(PAGES["scenario.md"])}
    assert tables == {"scheme", "layer", "jammer", "eve", "source-attack", "policy", "fading", "snr", "metric"}
    assert all(f"| `{kind}` |" in PAGES["components.md"] for kind in registry.KINDS)


def test_the_guide_lists_all_figures() -> None:
    section = PAGES["guide.md"].partition("## Figures")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE) == [figure.name for figure in registry.components("figure")]


def test_every_scenario_that_a_page_names_is_shipped() -> None:
    named = {name for text in PAGES.values() for name in re.findall(r"`scenarios/([\w-]+)\.yaml`", text)}
    assert named <= set(shipped_names())


def test_the_errors_in_the_documentation_are_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block of the page on scenario files, from a file with these mistakes."""
    lines = PAGES["scenario.md"].partition("## Errors")[2].partition("```\n")[2].partition("```")[0].splitlines()
    study = [
        "name: study", "frames: 40", "links: 2", "channel:", "  bob:", "    csi: pilots", "    snr: {kind: constant, mean_db: 12 dB}",
        "    fading: raileigh", "jammer: {kind: pulsed, period_ms: 50}", "groups:", "  busy:", "  quiet:",
        "    jammer: {kind: none, period_ms: 20}",
    ]  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("study.yaml").write_text("\n".join(study))
    result = CliRunner().invoke(main, ["check", "study.yaml", "--set", "chanel.bob.csi=pilots"])
    assert result.stderr.removeprefix("linksim: ").splitlines() == lines


def test_nothing_installs_a_package_of_this_name_from_the_index() -> None:
    """On the index, the name of the import belongs to another project; linksim is installed from a clone or a wheel."""
    texts = [*PLACES.values(), *ROOT.glob("*.md"), ROOT / "Makefile", ROOT / "pyproject.toml"]
    texts += [path for part in ("linksim", "benchmarks", "tests", "examples") for path in (ROOT / part).rglob("*.py")]
    for path in texts:
        for words in re.findall(r"pip[3]? install([^\n`]*)", path.read_text(encoding="utf-8")):
            assert not re.search(r"""(^|[\s'"])linksim(-radio)?\s*(['"\[=<>~;]|\s|$)""", words.split(" in a clone")[0]), f"{path}: {words}"

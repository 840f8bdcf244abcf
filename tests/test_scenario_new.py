"""`linksim new` writes a scenario that is valid as it is and with every comment removed; `linksim scenarios` lists the shipped ones."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from linksim.cli import main
from linksim.scenario.load import load_scenario, resolved_yaml, scenario_from_text, shipped_names
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.template import template


def linksim(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_the_template_is_valid_and_keys_in_comments_are_the_defaults() -> None:
    text = template("study")
    scenario = scenario_from_text(text, "study.yaml")
    shown = re.sub(r"^# (?=( *[a-z_]+:( |$)))", "", text.split("\n\n", 1)[1], flags=re.MULTILINE)
    assert "# " in text.split("\n\n", 1)[1]
    assert shown != text
    assert resolved_yaml(scenario_from_text(shown, "shown.yaml")) == resolved_yaml(scenario)


@pytest.mark.parametrize("key", [*Scenario.model_fields, *LinkOptions.model_fields])
def test_the_template_names_every_key(key: str) -> None:
    assert re.search(rf"^(# )?{key}:", template("study"), re.MULTILINE)


def test_new_writes_a_file_that_runs_and_never_replaces_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert linksim("new", "study").exit_code == 0
    assert load_scenario("study.yaml").name == "study"
    before = (tmp_path / "study.yaml").read_text()
    again = linksim("new", "study")
    assert again.exit_code == 1
    assert "study.yaml exists" in again.output
    assert (tmp_path / "study.yaml").read_text() == before
    assert linksim("new", "study", "--out", "none/such.yaml").exit_code == 1


def test_new_refuses_a_name_that_is_no_file_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused = linksim("new", "a b")
    assert refused.exit_code == 1
    assert "name: got 'a b'" in refused.output
    assert not list(tmp_path.iterdir())


def test_scenarios_lists_every_shipped_scenario_with_its_description() -> None:
    text = linksim("scenarios").output
    for name in shipped_names():
        assert re.search(rf"^{re.escape(name)} +\w", text, re.MULTILINE), name


def test_a_shell_completes_scenarios_and_models(monkeypatch: pytest.MonkeyPatch) -> None:
    def completed(*words: str) -> list[str]:
        line = " ".join(("linksim", *words))
        env = {"_LINKSIM_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
        return CliRunner().invoke(main, [], prog_name="linksim", env=env).output.split()

    assert "plain,quickstart" in completed("run", "quick")
    assert "plain,classifier-cifar10" in completed("train", "class")
    assert "plain,scenarios" in completed("sc")

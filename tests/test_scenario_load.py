"""Layers of a scenario: defaults, top, groups, overrides; and the resolved form that reads as the same scenario."""

from pathlib import Path

import pytest

from linksim import places
from linksim.errors import LinksimError, ScenarioError
from linksim.scenario.attacks import InverseNetworkAttack, NoAttack
from linksim.scenario.jammers import BarrageJammer, NoJammer, PulsedJammer
from linksim.scenario.layers import PermutationOptions
from linksim.scenario.load import load_scenario, resolved_yaml, scenario_from_text, shipped_names
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.schemes import DeepJsccOptions
from linksim.scenario.snr import GaussMarkovSnr

TWO = """\
name: two
eve: inverse-network
channel: {bob: {snr: {kind: gauss-markov, mean_db: 7, std_db: 2}}}
jammer: {kind: pulsed, period_ms: 50}
groups:
  inherits:
  differs:
    links: 3
    eve: none
    channel: {bob: {snr: {std_db: 5}}}
    jammer: {kind: barrage}
    scheme: [permutation, deepjscc]
"""


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_scenarios_load_and_carry_their_own_name(name: str) -> None:
    assert load_scenario(name).name == name
    text = (places.shipped_scenarios() / f"{name}.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=scenario.schema.json\n")


@pytest.mark.parametrize("name", shipped_names())
def test_the_resolved_form_reads_as_the_same_scenario(name: str) -> None:
    scenario = load_scenario(name)
    again = scenario_from_text(resolved_yaml(scenario))
    assert again == scenario
    assert list(again.groups) == list(scenario.groups)  # links are numbered in this order
    assert resolved_yaml(again) == resolved_yaml(scenario)


def test_the_example_of_the_guide_loads() -> None:
    guide = Path(__file__).resolve().parent.parent / "docs" / "scenario.md"
    example = guide.read_text().partition("```yaml\n")[2].partition("```")[0]
    assert list(scenario_from_text(example).groups) == ["open", "sealed"]


def test_a_name_alone_is_all_that_must_be_said() -> None:
    assert scenario_from_text("name: x") == Scenario(name="x", groups={"link": LinkOptions()})


def test_groups_inherit_key_by_key_and_replace_blocks_of_another_kind() -> None:
    scenario = scenario_from_text(TWO)
    inherits, differs = scenario.groups["inherits"], scenario.groups["differs"]
    assert inherits.channel.bob.snr == GaussMarkovSnr(kind="gauss-markov", mean_db=7, std_db=2)
    assert differs.channel.bob.snr == GaussMarkovSnr(kind="gauss-markov", mean_db=7, std_db=5)
    assert (inherits.jammer, differs.jammer) == (PulsedJammer(kind="pulsed", period_ms=50), BarrageJammer(kind="barrage"))
    assert (inherits.eve, differs.eve) == (InverseNetworkAttack(attack="inverse-network"), NoAttack())
    assert (inherits.scheme, differs.scheme) == ([DeepJsccOptions()], [PermutationOptions(), DeepJsccOptions()])
    assert (inherits.links, differs.links, scenario.links) == (1, 3, 4)


def test_the_word_of_the_inherited_kind_keeps_what_was_set() -> None:
    scenario = scenario_from_text(TWO + "  same:\n    jammer: pulsed\n  other:\n    jammer: none\n")
    assert scenario.groups["same"].jammer == PulsedJammer(kind="pulsed", period_ms=50)
    assert scenario.groups["other"].jammer == NoJammer()


def test_bare_words_and_blocks_say_the_same() -> None:
    short = scenario_from_text("{name: x, eve: none, scheme: deepjscc, jammer: pulsed, channel: {bob: {snr: constant, fading: rayleigh}}}")
    long = scenario_from_text(
        "{name: x, eve: {attack: none}, scheme: [{name: deepjscc}], jammer: {kind: pulsed},"
        " channel: {bob: {snr: {kind: constant}, fading: {kind: rayleigh}}}}"
    )
    assert short == long == scenario_from_text("{name: x, scheme: {name: deepjscc}, jammer: pulsed, channel: {bob: {fading: rayleigh}}}")


def test_an_override_of_the_top_reaches_the_groups_that_do_not_set_the_key() -> None:
    scenario = scenario_from_text(TWO, overrides=["channel.bob.snr.mean_db=3", "channel.bob.snr.std_db=1e-1"])
    inherits, differs = (scenario.groups[name].channel.bob.snr for name in ("inherits", "differs"))
    assert inherits == GaussMarkovSnr(kind="gauss-markov", mean_db=3, std_db=0.1)
    assert differs == GaussMarkovSnr(kind="gauss-markov", mean_db=3, std_db=5)


def test_overrides_take_words_blocks_lists_items_and_groups() -> None:
    overrides = ["seed=7", "scheme=[permutation, deepjscc]", "scheme.0.keys=derived", "groups.inherits.eve=none", "compute.device=cpu"]
    overrides += ["groups.differs.scheme.1.codec=codec-cifar10-12", "jammer={kind: pulsed, on_ms: 5}", "classifier=null", "seed=8"]
    scenario = scenario_from_text(TWO, overrides=overrides)
    inherits, differs = scenario.groups["inherits"], scenario.groups["differs"]
    assert (scenario.seed, scenario.compute.device, scenario.classifier) == (8, "cpu", None)
    assert inherits.scheme == [PermutationOptions(keys="derived"), DeepJsccOptions()]
    assert differs.scheme == [PermutationOptions(), DeepJsccOptions(codec="codec-cifar10-12")]
    assert inherits.eve == NoAttack()
    assert inherits.jammer == PulsedJammer(kind="pulsed", period_ms=50, on_ms=5)


def test_the_only_group_of_a_file_without_groups_can_be_named() -> None:
    assert scenario_from_text("name: x", overrides=["groups.link.links=5"]).groups["link"].links == 5


def test_a_group_whose_name_has_a_dot_can_be_overridden() -> None:
    scenario = scenario_from_text("{name: x, groups: {v1: {}, v1.0: {}}}", overrides=["groups.v1.0.links=2", "groups.v1.links=3"])
    assert [options.links for options in scenario.groups.values()] == [3, 2]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("chanel.bob=3", "--set chanel.bob=3: chanel: unknown key; did you mean 'channel'?"),
        ("channel.bob.snr.mean_db=x", "=x: channel.bob.snr.mean_db: got 'x', allowed: a number from -30 to 60 dB"),
        ("seed=010", "--set seed=010: seed: got 010, a number with a leading zero"),
        ("seed=[1", "--set seed=[1: seed: not valid YAML"),
        ("seed", "--set seed: write it as KEY=VALUE"),
        ("a..b=1", "--set a..b=1: write it as KEY=VALUE"),
        (f"{'a.' * 5000}b=1", "write it as KEY=VALUE"),
        ("groups.difers.links=2", "groups.difers.links: no such group; did you mean 'differs'?"),
        ("groups=1", "groups: no such group; allowed: differs, inherits"),
        ("groups.differs=1", "groups.differs: got 1, allowed: a block of a link's keys, or nothing"),
        ("groups.differs.seed=1", "groups.differs.seed: unknown key here; it belongs at the top of the file"),
        ("scheme.4.keys=table", "scheme"),
    ],
)
def test_a_wrong_override_is_told_as_it_was_written(override: str, said: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        scenario_from_text(TWO, overrides=[override])
    assert said in str(raised.value)
    assert all(problem.place.startswith("--set ") for problem in raised.value.problems)


def test_an_override_that_every_group_hides_is_refused() -> None:
    text = resolved_yaml(scenario_from_text(TWO))
    with pytest.raises(ScenarioError, match=r"no effect: every group sets this itself; set it under groups.inherits, groups.differs"):
        scenario_from_text(text, overrides=["links=2"])
    assert scenario_from_text(text, overrides=["frames=2"]).frames == 2


def test_names_without_a_path_are_those_that_come_with_linksim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart").write_text("name: mine")
    assert load_scenario("quickstart").name == "quickstart"
    assert load_scenario("./quickstart").name == "mine"
    with pytest.raises(ScenarioError, match="did you mean 'quickstart'"):
        load_scenario("quikstart")
    with pytest.raises(ScenarioError, match=r"none.yaml: cannot be read: No such file"):
        load_scenario("none.yaml")


@pytest.mark.parametrize("name", ["../x", "/etc/x", "-rf", ".x", "x/y", "a b", "x" * 65, "con", "NUL.txt", "com1", "dot.", "", "é"])
def test_names_that_make_bad_file_names_are_refused(name: str) -> None:
    for text in (f"name: {name!r}", f"{{name: x, groups: {{{name!r}: {{}}}}}}"):
        with pytest.raises(LinksimError, match="allowed: a name"):
            scenario_from_text(text)

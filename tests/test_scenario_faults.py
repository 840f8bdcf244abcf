"""Faulty files and what is said of them: all at once, each where it was written, in the order of the file."""

import pytest

from linksim.errors import ScenarioError
from linksim.scenario.load import scenario_from_text


def faults(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as raised:
        scenario_from_text(text, "f.yaml")
    return [str(problem) for problem in raised.value.problems]


CORPUS = {
    "frames: 10\n": ["f.yaml:1:1: name: missing key, allowed: a name of at most 64 letters"],
    "": ["f.yaml:1:1: got nothing (null), allowed: a block of keys such as name, channel, groups"],
    "- name: x\n": ["f.yaml:1:1: got a list of 1, allowed: a block of keys"],
    "name: 7\n": ["f.yaml:1:7: name: got 7, allowed: a name of at most 64", "did you mean '7', in quotes?"],
    "name: x\nframes: 1e3\n": ["f.yaml:2:9: frames: got 1000.0, allowed: a whole number from 1 to 10000000; did you mean 1000?"],
    "name: x\nframes: true\n": ["f.yaml:2:9: frames: got true, allowed: a whole number"],
    "name: x\nframes: '5'\n": ["f.yaml:2:9: frames: got '5', allowed: a whole number from 1 to 10000000; did you mean 5?"],
    "name: x\nseed: -1\n": ["f.yaml:2:7: seed: got -1, allowed: a whole number from 0 to 9223372036854775807"],
    "name: x\nmax_time_s: 0\n": ["f.yaml:2:13: max_time_s: got 0, allowed: a number above 0 up to 1000000 s"],
    "name: x\nseeed: 1\n": ["f.yaml:2:1: seeed: unknown key; did you mean 'seed'?"],
    "name: x\nchanell: {}\n": ["f.yaml:2:1: chanell: unknown key; did you mean 'channel'?"],
    "name: x\nchannel: {bob: {mean_db: 3}}\n": ["f.yaml:2:17: channel.bob.mean_db: unknown key; did you mean channel.bob.snr.mean_db"],
    "name: x\nchannel: {bob: {snr: {mean_db: 12 dB}}}\n": [
        "f.yaml:2:32: channel.bob.snr.mean_db: got '12 dB', allowed: a number from -30 to 60 dB; did you mean 12?"
    ],
    "name: x\nchannel: {bob: {snr: {mean_db: '3,5'}}}\n": ["did you mean 3.5?"],
    "name: x\nchannel: {bob: {snr: {std_db: 3}}}\n": [
        "f.yaml:2:23: channel.bob.snr.std_db: unknown key of kind 'constant'; kind 'gauss-markov' has it"
    ],
    "name: x\nchannel: {bob: {snr: {kind: gaus-markov}}}\n": [
        "f.yaml:2:29: channel.bob.snr.kind: got 'gaus-markov', allowed: one of 'constant', 'piecewise', 'sine', 'gauss-markov'",
        "did you mean gauss-markov?",
    ],
    "name: x\nchannel: {bob: {fading: raileigh}}\n": ["f.yaml:2:25: channel.bob.fading: got 'raileigh'", "did you mean rayleigh?"],
    "name: x\nchannel: 3\n": ["f.yaml:2:10: channel: got 3, allowed: a block with keys bob, eve"],
    "name: x\nchannel:\n": ["f.yaml:2:9: channel: got nothing (null), allowed: a block with keys bob, eve"],
    "name: x\neve: off\n": ["f.yaml:2:6: eve: got 'off', allowed: one of 'none', 'decoder', 'inverse-network'", "did you mean none?"],
    "name: x\neve: [none]\n": ["f.yaml:2:6: eve: got a list of 1, allowed: one of 'none', 'decoder', 'inverse-network'"],
    "name: x\njammer: {kind: pulsed, on_ms: 300}\n": ["f.yaml:2:9: jammer: on_ms must not exceed period_ms (100), got 300"],
    "name: x\njammer: {kind: barrage, jsr_eve_db: low}\n": ["jammer.jsr_eve_db: got 'low', allowed: a number from -60 to 60 dB or null"],
    "name: x\nscheme: permutation\n": [
        "f.yaml:2:9: scheme: got [permutation], allowed: one of 'deepjscc', 'diffusec', 'diffsem', 'masked-vqvae'"
    ],
    "name: x\nscheme: [deepjscc, deepjscc]\n": [
        "f.yaml:2:9: scheme: got [deepjscc, deepjscc], allowed: one of 'deepjscc', 'diffusec', 'diffsem', 'masked-vqvae'"
    ],
    "name: x\nscheme: []\n": ["f.yaml:2:9: scheme: got a list of 0, allowed: a list of 1 to 4 of: one of 'deepjscc'"],
    "name: x\nscheme: [permutation, deepjsc]\n": ["f.yaml:2:23: scheme.1: got 'deepjsc'", "did you mean deepjscc?"],
    "name: x\nscheme: [{keys: transmitted}, deepjscc]\n": [
        "f.yaml:2:10: scheme.0.name: missing key, allowed: one of 'deepjscc', 'diffusec',"
    ],
    "name: x\ngroups: {}\n": ["f.yaml:2:9: groups: got a block, allowed: 1 to 64 names, each with a block"],
    "name: x\ngroups: [a, b]\n": ["f.yaml:2:9: groups: got a list of 2, allowed: names of groups, each with a block"],
    "name: x\ngroups: {a: 1}\n": ["f.yaml:2:13: groups.a: got 1, allowed: a block of a link's keys, or nothing"],
    "name: x\ngroups: {a b: {}}\n": ["f.yaml:2:10: groups.a b: got 'a b', allowed: a name of at most 64"],
    "name: x\ngroups: {a: {seed: 3}}\n": ["f.yaml:2:14: groups.a.seed: unknown key here; it belongs at the top of the file, outside"],
    "name: x\ncompute: {precision: float16}\n": ["precision: got 'float16', allowed: one of 'auto', 'float32', 'bfloat16'; did you mean"],
    "name: x\nsession: {faults: {bob_restart_ms: 4e-7}}\n": [
        "f.yaml:2:36: session.faults.bob_restart_ms: got 4e-07, allowed: 0 for never, or a number from 1 to 1e+09 ms"
    ],
    "name: x\nframes: 10000000\nlinks: 4096\n": ["f.yaml: frames: the trace would take about", "allowed: 64.0 GiB"],
}


@pytest.mark.parametrize("text", CORPUS)
def test_one_fault_is_one_problem_that_says(text: str) -> None:
    (said,) = faults(text)
    assert said.startswith(CORPUS[text][0]) or CORPUS[text][0] in said
    assert all(part in said for part in CORPUS[text])


MANY = """\
name: x
channel:
  bob:
    snr: {kind: gauss-markov, mean_db: abc}
groups:
  a:
    links: 0
  b:
    channel: {eve: {csi: pilot}}
  c: {jammer: {kind: none, period_ms: 3}}
frames: 0
"""


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    assert [said.split(": ")[:2] for said in faults(MANY)] == [
        ["f.yaml:4:40", "channel.bob.snr.mean_db"],  # once, though three groups inherit it
        ["f.yaml:7:12", "groups.a.links"],
        ["f.yaml:9:26", "groups.b.channel.eve.csi"],
        ["f.yaml:10:28", "groups.c.jammer.period_ms"],
        ["f.yaml:11:9", "frames"],
    ]


def test_a_fault_of_the_top_is_told_though_every_group_hides_it() -> None:
    (said,) = faults("name: x\njammer: bogus\ngroups: {a: {jammer: none}}\n")
    assert said.startswith("f.yaml:2:9: jammer: got 'bogus'")


def test_a_group_that_breaks_what_it_inherits_is_the_one_that_is_told() -> None:
    (said,) = faults("name: x\njammer: {kind: pulsed, period_ms: 20, on_ms: 10}\ngroups: {a: {}, b: {jammer: {on_ms: 30}}}\n")
    assert said == "f.yaml:3:29: groups.b.jammer: on_ms must not exceed period_ms (20), got 30"


def test_a_flood_of_faults_is_cut_short() -> None:
    for keys, rest in ((20, "f.yaml:21:1: k19: unknown key"), (30, "and 10 more problems"), (5000, "and 980 or more other problems")):
        with pytest.raises(ScenarioError) as raised:
            scenario_from_text("name: x\n" + "".join(f"k{i}: 1\n" for i in range(keys)), "f.yaml")
        lines = str(raised.value).split("\n")
        assert len(lines) == min(keys, 21)
        assert lines[-1].startswith(rest)

"""The strict YAML reader and writer: what words stand for, what is refused and where, and that both undo each other."""

import json
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim.errors import LinksimError, Problem, ScenarioError
from linksim.scenario.strict_yaml import MAX_BYTES, MAX_DEPTH, MAX_NODES, Position, dump_yaml, parse_yaml, read_yaml

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]) | st.sampled_from("\n\t"), max_size=20)
SCALAR = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
TREE = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1e-4", 1e-4),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-2.", -2.0),
        ("+7", 7),
        ("0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("true", True),
        ("False", False),
        ("", None),
        ("~", None),
        ("null", None),
        ("off", "off"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2024-01-31", "2024-01-31"),
        ("0b11", "0b11"),
        ("1e", "1e"),
        ("=", "="),
        ("'010'", "010"),
        ('"1e-4"', "1e-4"),
    ],
)
def test_words_mean_what_yaml_1_2_says(word: str, value: object) -> None:
    found = parse_yaml(f"key: {word}").data["key"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1: a", "key given twice, first in line 1"),
        ("a: &x 1\nb: *x\n", "1:4: a", "anchor &x"),
        ("a: &x 1\nb: *x\n", "2:4: b", "alias *x"),
        ("a: {<<: {b: 1}}\n", "1:5: a", "merge key"),
        ("a: !!str 1\n", "1:4: a", "tag"),
        ("a: !!python/object/apply:os.system [ls]\n", "1:4: a", "tag"),
        ("a: !x 1\n", "1:4: a", "tag"),
        ("a: [1, 010]\n", "1:8: a.1", "leading zero"),
        ("a: -01.5\n", "1:4: a", "leading zero"),
        ("a: .inf\n", "1:4: a", "finite"),
        ("a: .nan\n", "1:4: a", "finite"),
        ("a: 1e999\n", "1:4: a", "finite"),
        ("a: 99999999999999999999\n", "1:4: a", "below 2**64"),
        (f"a: {'9' * 5000}\n", "1:4: a", "below 2**64"),
        ("1: a\n", "1:1", "key 1 is not a string"),
        ("a:\n  true: 1\n", "2:3: a", "key true is not a string"),
        ("? \n: 1\n", "1:2", "is not a string"),
        ("? [a]\n: 1\n", "1:3", "a key must be a string"),
        ("a: 1\n---\nb: 2\n", "2:1", "second document"),
        ("a: [1\nb: 2\n", "2:2", "not valid YAML"),
        ("a:\n\tb: 1\n", "2:1", "not with tabs"),
        ('a: "\\ud800"\n', "1:4: a", "control character 0xd800"),
        ('a: "\\0"\n', "1:4: a", "control character"),
        ('a: "\\UFFFFFFFF"\n', "1:1", "not valid YAML"),
        ("a: \x01\n", "1:4", "character 0x01"),
        ("a: 1\n# comment\u2028frames: 99\n", "2:10", "line separator U+2028 is not allowed"),
        ("a: 1\r\nb: 'x\u2029y'\r\n", "2:6", "line separator U+2029"),
        ("a: x\x85\nb: *x\n", "1:5", "line separator U+0085"),
        ('a: "\\L"\n', "1:4: a", "control character 0x2028"),
        (f"a: !{'x' * 500} 1\n", "1:4: a", f"tag !{'x' * 39} is not allowed"),
    ],
)
def test_what_is_refused_is_told_with_its_place(text: str, place: str, said: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        parse_yaml(text, "f.yaml")
    assert any(str(p).startswith(f"f.yaml:{place}: ") and said in p.message for p in raised.value.problems), str(raised.value)


def test_faults_that_leave_the_syntax_whole_are_told_together() -> None:
    with pytest.raises(ScenarioError) as raised:
        parse_yaml("a: 010\na: 2\nb: &x !t 3\n5: .inf\n")
    assert len(raised.value.problems) == 6


def test_a_flood_of_faults_is_cut_short_while_it_is_read() -> None:
    with pytest.raises(ScenarioError) as raised:
        parse_yaml("- 010\n" * 40_000)
    assert len(raised.value.problems) == 100
    assert str(raised.value).split("\n")[-1] == "and 80 or more other problems"


def test_a_message_is_short_and_printable_whatever_the_input_was() -> None:
    error = ScenarioError([Problem("\x1b[2J" + "x" * 5000, "key", "said\u2028last") for _ in range(1000)])
    lines = str(error).split("\n")
    assert len(lines) == 21
    assert all(len(line) < 1100 and line.isprintable() for line in lines)
    assert lines[0].startswith("\\x1b[2Jxxx")
    assert lines[0].endswith("xxx: key: said\\u2028last")  # the middle is cut
    assert lines[-1] == "and 980 more problems"
    assert str(LinksimError("\n".join(map(str, range(22))))).endswith("\n19\nand 2 more lines")


def test_limits_hold_at_their_edge() -> None:
    assert parse_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    for text, said in (
        ("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), "nested deeper than 40 levels"),
        ("[" * 100_000, "nested deeper than 40 levels"),
        ("- 1\n" * MAX_NODES, "more than 50000 values"),
        ("#" * (MAX_BYTES + 1), "longer than"),
    ):
        with pytest.raises(ScenarioError, match=said):
            parse_yaml(text)


def test_positions_are_those_of_keys_and_values() -> None:
    found = parse_yaml("# comment\na:\n  b: {c: 1,\n      d: [x, y]}\n")
    assert found.keys[("a", "b", "d")] == Position(4, 7)
    assert found.values[("a", "b", "d", 1)] == Position(4, 14)
    assert found.values[("a", "b")] == Position(3, 6)
    assert found.place(("a", "b", "c", "nowhere")) == "<text>:3:10"


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    for name, raw, said in (
        ("latin.yaml", b"ok: 1\na: \xe9\n", r"latin.yaml:2:4: not UTF-8: byte 0xe9"),
        ("utf16.yaml", "a: 1".encode("utf-16"), "not UTF-8"),
        ("long.yaml", b"#" * (MAX_BYTES + 1), "longer than"),
    ):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(ScenarioError, match=said):
            read_yaml(tmp_path / name)
    for missing in (tmp_path / "none.yaml", tmp_path, "nul\0.yaml", "x" * 5000):
        with pytest.raises(ScenarioError, match="cannot be read"):
            read_yaml(missing)
    os.mkfifo(tmp_path / "pipe.yaml")
    for special in (tmp_path / "pipe.yaml", "/dev/zero", *(["/proc/self/environ"] if os.path.ismount("/proc") else [])):
        with pytest.raises(ScenarioError, match="cannot be read: not an ordinary file"):
            read_yaml(special)
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read_yaml(tmp_path / "bom.yaml").data == {"a": 1, "b": 2}


def same(one: object, other: object) -> bool:
    """Equal with equal types throughout: 1, 1.0 and True differ, and so does another order of keys."""
    return json.dumps(one) == json.dumps(other)


@given(TREE)
@settings(max_examples=100, deadline=None)
def test_reading_undoes_writing(data: object) -> None:
    assert same(parse_yaml(dump_yaml(data)).data, data)


@given(TREE)
@settings(max_examples=60, deadline=None)
def test_json_reads_as_json_does(data: object) -> None:
    assert same(parse_yaml(json.dumps(data, ensure_ascii=False)).data, data)


@given(TREE.filter(lambda data: isinstance(data, dict | list)))
@settings(max_examples=100, deadline=None)
def test_what_another_writer_quotes_is_read_the_same(data: object) -> None:
    text = yaml.safe_dump(data, default_style='"', sort_keys=False, width=10**6)
    if "!!" not in text:  # it tags what is no string
        assert same(parse_yaml(text).data, data)


@given(st.text(max_size=60) | st.text("[]{}:,-?&*!|>'\"%@`# \n\tab01.<~\\x", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        data = parse_yaml(text).data
    except ScenarioError:
        return
    assert same(parse_yaml(dump_yaml(data)).data, data)


@pytest.mark.parametrize("data", [{"a": float("nan")}, {"a": float("inf")}, {1: 2}, {"a": object()}, {"a": "\0"}, {"a": 2**70}])
def test_the_writer_refuses_what_the_reader_would(data: object) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        dump_yaml(data)


def test_repeated_values_are_written_out() -> None:
    shared = [1, 2]
    assert dump_yaml({"a": shared, "b": shared}) == "a:\n- 1\n- 2\nb:\n- 1\n- 2\n"

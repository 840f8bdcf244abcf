"""Whatever is handed in, a scenario or a message comes out, never a traceback."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linksim import places
from linksim.errors import LinksimError
from linksim.scenario.field_spec import FieldSpec, field_spec
from linksim.scenario.load import load_scenario, resolved_yaml, scenario_from_text, shipped_names
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.strict_yaml import dump_yaml, parse_yaml

SHIPPED = [(places.shipped_scenarios() / f"{name}.yaml").read_text() for name in shipped_names()]


def words(block: type[Any]) -> set[str]:
    """Every key and every word that a scenario may hold, so that random trees come near to real ones."""
    found = set(block.model_fields)
    for slot in (field_spec(block, key) for key in block.model_fields):
        assert isinstance(slot, FieldSpec)
        found.update(slot.words)
        for inner in filter(None, [slot.block, *slot.blocks.values()]):
            found |= words(inner)
    return found


MORE = {"deepjscc", "permutation", "keys", "schemes", "options", "0", "[key]"}
WORD = st.sampled_from(sorted(words(Scenario) | words(LinkOptions) | MORE)) | st.text(max_size=4)
SCALAR = st.none() | st.booleans() | st.integers(-5, 500) | st.floats(-100, 1e7) | WORD | st.sampled_from([2**63, 1e300])
TREE = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=6), max_leaves=25)


def holds_up(text: str, overrides: Sequence[str] = ()) -> None:
    try:
        scenario = scenario_from_text(text, "f.yaml", overrides)
    except LinksimError:
        return
    assert scenario_from_text(resolved_yaml(scenario)) == scenario


@given(st.text(max_size=200), st.lists(st.text(max_size=30), max_size=2))
@settings(max_examples=80, deadline=None)
def test_random_text(text: str, overrides: list[str]) -> None:
    holds_up(text, overrides)


@given(st.dictionaries(WORD, TREE, max_size=8), st.booleans())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_trees(tree: dict[str, Any], by_kind: bool) -> None:
    try:
        text = dump_yaml({"name": "x", **tree} if by_kind else tree)
    except ValueError:  # a control character
        return
    holds_up(text)


@given(st.sampled_from(SHIPPED), st.data())
@settings(max_examples=80, deadline=None)
def test_shipped_scenarios_with_one_value_changed(text: str, data: st.DataObject) -> None:
    tree = parse_yaml(text).data
    block: Any = tree
    for _ in range(data.draw(st.integers(0, 4))):
        inner = [value for value in (block.values() if isinstance(block, dict) else block) if isinstance(value, dict | list) and value]
        if not inner:
            break
        block = data.draw(st.sampled_from(inner))
    place = data.draw(st.sampled_from(list(block)) | WORD) if isinstance(block, dict) else data.draw(st.integers(0, len(block) - 1))
    block[place] = data.draw(TREE)
    try:
        text = dump_yaml(tree)
    except ValueError:
        return
    holds_up(text)


@given(st.sampled_from(SHIPPED), st.integers(0, 2000), st.integers(0, 20), st.text(":-[]{}&*!|>'\"\n\t 0.e", max_size=6))
@settings(max_examples=80, deadline=None)
def test_shipped_scenarios_with_a_piece_of_text_changed(text: str, start: int, cut: int, put: str) -> None:
    holds_up(text[:start] + put + text[start + cut :])


@given(st.lists(st.builds("{}={}".format, st.lists(WORD, min_size=1, max_size=4).map(".".join), WORD | TREE.map(str)), max_size=3))
@settings(max_examples=80, deadline=None)
def test_random_overrides(overrides: list[str]) -> None:
    holds_up(SHIPPED[0], overrides)


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"name: x\0", b"{" * 10_000, b"name: &a [*a]", b"%YAML 9.9\n---\na: 1", b"%" + b"9" * 5000])
def test_raw_bytes(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "f.yaml").write_bytes(raw)
    with pytest.raises(LinksimError):
        load_scenario(str(tmp_path / "f.yaml"))

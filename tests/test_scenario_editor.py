"""The schema for editors is the one that the models give, takes every shipped scenario and refuses the usual slips."""

import json
import math
import re
from typing import Any

import pytest

from linksim import places
from linksim.scenario.editor_schema import FILE_NAME, editor_schema
from linksim.scenario.load import load_scenario, resolved_yaml, shipped_names
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.strict_yaml import parse_yaml, read_yaml

SCHEMA = json.loads(editor_schema())
TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "number": (int, float), "integer": int, "null": type(None)}
TYPES |= {"boolean": bool}
KNOWN = {"$schema", "$ref", "type", "description", "default", "definitions", "properties", "required", "additionalProperties"}
KNOWN |= {
    "propertyNames",
    "anyOf",
    "allOf",
    "enum",
    "const",
    "items",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
}
KNOWN |= {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}


def fits(data: Any, schema: dict[str, Any]) -> bool:
    """JSON schema's rules, as far as the schema uses them; fails on a rule that it does not know."""
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if "$ref" in schema:
        return fits(data, SCHEMA["definitions"][schema["$ref"].removeprefix("#/definitions/")])
    kind = schema.get("type")
    rules = [
        kind is None or (isinstance(data, TYPES[kind]) and isinstance(data, bool) == (kind == "boolean")),
        "enum" not in schema or data in schema["enum"],
        "const" not in schema or data == schema["const"],
        "anyOf" not in schema or any(fits(data, part) for part in schema["anyOf"]),
        all(fits(data, part) for part in schema.get("allOf", ())),
    ]
    if isinstance(data, dict):
        by_kind, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        rules += [fits(value, by_kind.get(key, others)) for key, value in data.items() if key in by_kind or others is not False]
        rules += [others is not False or set(data) <= set(by_kind)]
        rules += [key in data for key in schema.get("required", ())] + [len(data) >= schema.get("minProperties", 0)]
        rules += [fits(key, schema["propertyNames"]) for key in data if "propertyNames" in schema]
    if isinstance(data, list):
        rules += [fits(item, schema["items"]) for item in data if "items" in schema]
        rules += [schema.get("minItems", 0) <= len(data) <= schema.get("maxItems", 99)]
    if isinstance(data, str):
        rules += [re.search(schema.get("pattern", ""), data) is not None, len(data) <= schema.get("maxLength", 9999)]
    if isinstance(data, int | float):
        rules += [schema.get("minimum", data) <= data <= schema.get("maximum", data)]
        rules += [schema.get("exclusiveMinimum", -math.inf) < data < schema.get("exclusiveMaximum", math.inf)]
    return all(rules)


def test_the_kept_file_is_the_generated_one() -> None:
    kept = (places.shipped_scenarios() / FILE_NAME).read_text()
    assert kept == editor_schema(), f"write linksim.scenario.editor_schema.editor_schema() into scenarios/{FILE_NAME}"


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_scenarios_fit_as_written_and_resolved(name: str) -> None:
    assert fits(read_yaml(places.shipped_scenarios() / f"{name}.yaml").data, SCHEMA)
    assert fits(parse_yaml(resolved_yaml(load_scenario(name))).data, SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "name: x",
        "{name: x, eve: none, scheme: permutation}",
        "{name: x, scheme: {name: deepjscc}}",
        "{name: x, scheme: [{keys: derived}, deepjscc]}",
        "{name: x, groups: {a: , b: {jammer: {on_ms: 3}, channel: {bob: {snr: {mean_db: 3}}}}}}",
    ],
)
def test_what_the_file_form_allows_fits(text: str) -> None:
    assert fits(parse_yaml(text).data, SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "frames: 3",
        "{name: a b}",
        "{name: x, frames: 0}",
        "{name: x, frames: 1.5}",
        "{name: x, max_time_s: 0}",
        "{name: x, chanel: {}}",
        "{name: x, eve: off}",
        "{name: x, jammer: {kind: none, on_ms: 3}}",
        "{name: x, channel: {bob: {snr: {mean_db: abc}}}}",
        "{name: x, scheme: []}",
        "{name: x, groups: {}}",
        "{name: x, groups: {a: {seed: 3}}}",
        "{name: x, groups: {a b: {}}}",
    ],
)
def test_slips_do_not_fit(text: str) -> None:
    assert not fits(parse_yaml(text).data, SCHEMA)


def test_every_key_of_the_models_is_known_and_described() -> None:
    assert set(SCHEMA["properties"]) == set(Scenario.model_fields) | set(LinkOptions.model_fields)
    for block in SCHEMA["definitions"].values():
        assert block["description"]
        assert block["additionalProperties"] is False

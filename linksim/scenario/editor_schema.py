"""The JSON schema of scenario files, generated from the models of `schema`, for completion and validation in editors.

Files differ from the models: link keys appear at the top level, groups are partial links, a string abbreviates a block, a block may omit
an inherited kind, and one scheme abbreviates a list of one. The schema accepts slightly more than the loader, which also checks inherited
values and keys against each other; it never accepts less.
"""

import json
from typing import Any

from linksim.scenario.base import NAME
from linksim.scenario.schema import LinkOptions, Scenario

FILE_NAME = "scenario.schema.json"
REFERENCE = "#/definitions/{model}"


def editor_schema() -> str:
    """The text of scenarios/scenario.schema.json: JSON schema, draft 7, which editors know best.

    It contains the components from outside that are loaded, so `linksim schema --plugin FILE` writes a schema that knows them.

    >>> json.loads(editor_schema())["properties"]["frames"]["default"]
    100
    """
    run = Scenario.model_json_schema(ref_template=REFERENCE)
    options = LinkOptions.model_json_schema(ref_template=REFERENCE)
    definitions = run["$defs"]
    for block in definitions.values():
        block.pop("required", None)  # a block may inherit any key
    partial = {"anyOf": [{"$ref": REFERENCE.format(model="LinkOptions")}, {"type": "null"}]}
    groups = {key: run["properties"]["groups"][key] for key in ("description", "type", "minProperties", "maxProperties")}
    groups |= {"propertyNames": {"pattern": NAME}, "additionalProperties": partial}
    file = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {**run["properties"], **options["properties"], "groups": groups},
        "required": run["required"][:1],  # the name; groups have a default in files
        "additionalProperties": False,
        "definitions": definitions,
    }
    return json.dumps(_as_written(file), indent=2) + "\n"


def _as_written(schema: Any) -> Any:
    """Convert a part of the models' schema to the form used in files.

    schema  any part of a JSON schema: a dict, a list, or a scalar, which is returned as it is
    """
    if isinstance(schema, list):
        return [_as_written(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "discriminator" in schema:
        return _choice(schema)
    if "$ref" in schema and len(schema) > 1:  # draft 7 ignores keys beside a reference
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return {**rest, "allOf": [{"$ref": schema["$ref"]}]}
    made = {
        key: {name: _as_written(part) for name, part in value.items()} if key in ("properties", "definitions") else _as_written(value)
        for key, value in schema.items()
        if key != "title"  # pydantic's repeat the key
    }
    if made.get("type") == "array":
        about = {key: made.pop(key) for key in ("description", "default") if key in made}
        return {**about, "anyOf": [made["items"], made]}
    return made


def _choice(schema: dict[str, Any]) -> dict[str, Any]:
    """A block with a kind: the kind as a string, or a block of one of the kinds, which may inherit its kind."""
    rest = {key: value for key, value in schema.items() if key not in ("discriminator", "oneOf", "title")}
    return {**rest, "anyOf": [{"enum": list(schema["discriminator"]["mapping"])}, *schema["oneOf"]]}

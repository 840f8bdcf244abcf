"""The JSON schema of scenario files, from the models of `schema`: editors complete keys with it and mark faults as they are typed.

The file differs from the models: a link's keys stand at the top, groups are partial links, a bare word stands for a block, a block may
leave out the word that it inherits, one scheme stands for a list of one. The schema allows a little more than the reader (which checks
what blocks inherit, and keys against each other), never less.
"""

import json
from typing import Any

from linksim.scenario.base import NAME
from linksim.scenario.schema import LinkOptions, Scenario

FILE_NAME = "scenario.schema.json"
REFERENCE = "#/definitions/{model}"


def editor_schema() -> str:
    """The text of scenarios/scenario.schema.json: JSON schema, draft 7, which editors know best."""
    run = Scenario.model_json_schema(ref_template=REFERENCE)
    options = LinkOptions.model_json_schema(ref_template=REFERENCE)
    definitions = run["$defs"]
    for block in definitions.values():
        block.pop("required", None)  # whatever a block leaves out, it may inherit
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
    """A part of the models' schema as it holds for files."""
    if isinstance(schema, list):
        return [_as_written(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "discriminator" in schema:
        return _choice(schema)
    if "$ref" in schema and len(schema) > 1:  # draft 7 looks at nothing beside a reference
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
    """A block with a kind: the bare word, or a block of one of the kinds, whose word may be inherited."""
    rest = {key: value for key, value in schema.items() if key not in ("discriminator", "oneOf", "title")}
    return {**rest, "anyOf": [{"enum": list(schema["discriminator"]["mapping"])}, *schema["oneOf"]]}

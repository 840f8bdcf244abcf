"""The option --json of a command: it prints one JSON object to stdout, when it is done, instead of text."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import click

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


def print_json(value: Any) -> None:
    """Print a value as JSON, see `to_json`."""
    click.echo(json.dumps(to_json(value), indent=2, allow_nan=False))


def to_json(value: Any) -> Any:
    """Return a value in the types of JSON: dataclasses as objects, paths as text, NaN and infinities as null.

    >>> to_json({"path": Path("a/b"), "means": (1.5, math.nan)})
    {'path': 'a/b', 'means': [1.5, None]}
    """
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value

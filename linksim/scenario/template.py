"""The scenario that `linksim new` writes: a small study to change, and every other key as a comment with default, range and description.

Defaults, ranges and descriptions come from the models of `schema`, so the file names exactly what a scenario accepts. It is a valid
scenario as it is, and it stays one, with the same meaning, if the `#` before keys is removed.
"""

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from linksim.scenario.base import ComponentOptions
from linksim.scenario.field_spec import NAMES, FieldSpec, allowed, field_spec_of, of_info
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.strict_yaml import dump_yaml

COLUMN = 44  # column at which comments begin
STUDY: dict[str, Any] = {  # what the written file sets
    "frames": 20,
    "links": 4,
    "channel": {"bob": {"snr": {"kind": "gauss-markov", "mean_db": 10.0, "std_db": 3.0}}},
    "eve": "inverse-network",
    "jammer": {"kind": "pulsed", "period_ms": 150.0, "on_ms": 30.0},
}
GROUPS = """\
groups:                                     # equal channels, jammers and images in all groups; a group overrides any key above
  open: {scheme: deepjscc}
  sealed: {scheme: [permutation, deepjscc]}
"""


def template(name: str) -> str:
    r"""Return the YAML text of a new scenario.

    name  its name

    >>> print(*template("my-study").splitlines()[:2], sep="\n")
    # Check: linksim check my-study.yaml
    # Run:   linksim run my-study.yaml
    """
    head = (
        f"# Check: linksim check {name}.yaml\n# Run:   linksim run {name}.yaml\n"
        "# Keys behind a # stand with their defaults. `linksim components KIND` lists what can be chosen, docs/scenario.md its options.\n\n"
    )
    run = Scenario.model_construct(name=name, groups={})
    keys = [*_lines(run, {"name": name, "description": "What this study is to show."} | STUDY), "", *_lines(LinkOptions(), STUDY)]
    return head + "\n".join(keys) + "\n\n" + GROUPS


def _lines(defaults: BaseModel, values: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """One line per key of a block, with the keys of the blocks inside it; a comment where `values` does not set it."""
    for key, info in type(defaults).model_fields.items():
        if key == "groups":
            continue
        spec, default = of_info(key, info), getattr(defaults, key)
        head = f"{indent}{key}:" if key in values else f"# {indent}{key}:"
        if spec.block is not None:
            yield _with_remark(head, info.description or "")
            yield from _lines(default, values.get(key, {}), f"{indent}  ")
        else:
            value = values.get(key, default)
            about = info.description or ""
            yield _with_remark(f"{head} {_inline(value)}", "; ".join(filter(None, (about, _choices(spec, about)))))


def _with_remark(text: str, remark: str) -> str:
    return f"{text:{COLUMN - 1}} # {remark}" if remark else text


def _choices(spec: FieldSpec, description: str) -> str:
    """What a key allows, unless the description says it already."""
    if spec.words:
        return "" if all(f"{word}:" in description for word in spec.words) else ", ".join(spec.words)
    is_list_of_components = get_origin(spec.annotation) is list and field_spec_of(get_args(spec.annotation)[0]).blocks
    return "" if spec.annotation is str or is_list_of_components else allowed(spec).replace(NAMES, "a name")


def _inline(value: Any) -> str:
    """A value as YAML on one line. A block that only names a component is the name."""
    if isinstance(value, BaseModel):
        fields = dict(value)
        is_name = len(fields) == 1 and isinstance(value, ComponentOptions)
        return _inline(next(iter(fields.values())) if is_name else fields)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_inline(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    return dump_yaml({"value": value}).removeprefix("value:").strip()

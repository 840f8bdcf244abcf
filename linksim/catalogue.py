"""The catalogue of components: what `linksim components` prints and what the tables in the documentation hold, from the registry.

Names and help come from the declaration of a component, options with default, range and description from its pydantic model, so neither
the command nor docs/scenario.md can differ from what a scenario accepts. `make generated` calls `refresh`.
"""

import re
from collections.abc import Iterator

from pydantic import BaseModel

from linksim import registry
from linksim.registry import KINDS
from linksim.scenario.field_spec import NAMES, allowed, of_info

BLOCK = re.compile(r"(?P<begin><!-- begin components: (?P<kind>[a-z-]+) -->)\n.*?(?P<end><!-- end components -->)", re.DOTALL)


def lines(kind: str | None = None) -> Iterator[str]:
    """One line per component, with the source of those from outside, grouped by kind.

    kind  key of `linksim.registry.KINDS`; None for all kinds that have components

    Raises LinksimError for an unknown kind.

    >>> next(lines("layer"))
    'layer: layer around a scheme, in symbol space'
    """
    for each in [kind] if kind else KINDS:
        found = registry.components(each)
        if found or kind:
            yield f"{each}: {KINDS[each]}"
        for component in found:
            origin = f"  [{component.origin.module}:{component.origin.name}]" if component.origin else ""
            yield f"  {component.name:28} {component.help}{origin}"


def table(kind: str) -> str:
    """The options of the components of a kind that come with linksim, as a Markdown table.

    Options that all components but `none` have, with equal default and range, stand once under the row `all`.

    >>> print(next(line for line in table("layer").splitlines() if "phase" in line))
    | `phase-scrambling` | | | | Keyed rotation of every symbol of the next scheme of the list by a multiple of 90 degrees. |
    """
    options = {
        component: _rows(component.options)
        for component in registry.components(kind)
        if component.origin is None and component.options is not None
    }
    with_options = [rows for component, rows in options.items() if component.name != "none"]
    shared = [row for row in with_options[0] if all(row in rows for rows in with_options)] if len(with_options) > 1 else []
    lines = ["| component | option | default | allowed | meaning |", "|---|---|---|---|---|"]
    if shared:
        lines += [f"| all | | | | options of every component{' but `none`' if len(with_options) < len(options) else ''} |", *shared]
    for component, rows in options.items():
        lines += [f"| `{component.name}` | | | | {_cell(component.help)} |", *(row for row in rows if row not in shared)]
    return "\n".join(lines) + "\n"


def refresh(text: str) -> str:
    """A documentation page with its generated tables replaced by the current ones.

    A table stands between the lines `<!-- begin components: KIND -->` and `<!-- end components -->`.

    >>> refresh("# Jammers\\n")
    '# Jammers\\n'
    """
    return BLOCK.sub(lambda found: f"{found['begin']}\n{table(found['kind'])}{found['end']}", text)


def _rows(options: type[BaseModel], prefix: str = "") -> list[str]:
    """One row per option, with the options of a block inside as `block.option`."""
    rows = []
    for name, info in options.model_fields.items():
        spec = of_info(name, info)
        if spec.block is not None:
            rows += _rows(spec.block, f"{prefix}{name}.")
        elif info.description:
            default = "" if info.is_required() else f"`{_word(info.get_default(call_default_factory=True))}`"
            rows.append(f"| | `{prefix}{name}` | {default} | {_cell(allowed(spec).replace(NAMES, 'a name'))} | {_cell(info.description)} |")
    return rows


def _cell(text: str) -> str:
    """A text as the cell of a Markdown table."""
    return text.replace("|", "\\|")


def _word(value: object) -> str:
    """A value as YAML."""
    if value is None:
        return "null"
    if isinstance(value, BaseModel):
        return f"{{{', '.join(f'{key}: {_word(inner)}' for key, inner in value)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_word, value))}]"
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)

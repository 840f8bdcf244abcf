"""Scenario values with their source positions, and the merge of scenario layers.

pydantic loses where a value was written, and defaults, files, groups and overrides must be merged before it sees them. So a scenario is a
tree of nodes until then: each holds its value and the place it came from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from linksim.scenario.strict_yaml import Document, Path

DISCRIMINATORS = ("kind", "attack", "name")  # the keys that name the kind of a block


@dataclass(frozen=True, slots=True)
class Place:
    """Source position of a value: a line of a file, or an override (line 0).

    source        name of the file, or the text of the override
    line, column  position in the file, from 1

    >>> str(Place("study.yaml", 7, 13)), str(Place("--set frames=0"))
    ('study.yaml:7:13', '--set frames=0')
    """

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


DEFAULT = Place("default")


@dataclass(frozen=True, slots=True)
class Node:
    """One value.

    value  dict of str to Node, list of Node, or a plain scalar
    path   of the value where it was written, so `channel.bob` of the top even when a group inherits it
    place  of the value
    key    place of its key
    """

    value: Any
    path: Path
    place: Place
    key: Place


def from_document(document: Document) -> Node:
    """The tree of a whole file."""

    def build(data: Any, path: Path) -> Node:
        value, key = document.values[path], document.keys[path]
        at = Place(document.name, value.line, value.column)
        return Node(_children(data, path, build), path, at, Place(document.name, key.line, key.column))

    return build(document.data, ())


def from_plain(data: Any, place: Place, path: Path = ()) -> Node:
    """The tree of plain data with one common source position."""

    def build(data: Any, path: Path) -> Node:
        return Node(_children(data, path, build), path, place, place)

    return build(data, path)


def _children(data: Any, path: Path, build: Callable[[Any, Path], Node]) -> Any:
    if isinstance(data, dict):
        return {key: build(value, (*path, key)) for key, value in data.items()}
    if isinstance(data, list):
        return [build(value, (*path, i)) for i, value in enumerate(data)]
    return data


def plain(node: Node) -> Any:
    """The values without their positions: dicts, lists and scalars.

    >>> plain(from_plain({"links": [1, 2]}, DEFAULT))
    {'links': [1, 2]}
    """
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    return [plain(child) for child in node.value] if isinstance(node.value, list) else node.value


def merge(base: Node, new: Node) -> Node:
    """Merge `new` into `base`: mappings merge key by key, other values are replaced, and a block of another kind replaces the whole block.

    A mapping with numeric keys, as made by an override such as `scheme.0.keys=derived`, changes items of a list.

    >>> def merged(base, new):
    ...     return plain(merge(from_plain(base, DEFAULT), from_plain(new, DEFAULT)))
    >>> merged({"kind": "sine", "mean_db": 10, "period_ms": 5}, {"mean_db": 3})
    {'kind': 'sine', 'mean_db': 3, 'period_ms': 5}
    >>> merged({"kind": "sine", "mean_db": 10, "period_ms": 5}, {"kind": "constant", "mean_db": 3})
    {'kind': 'constant', 'mean_db': 3}
    """
    if _picks_items(base, new):
        items = [merge(item, new.value[str(i)]) if str(i) in new.value else item for i, item in enumerate(base.value)]
        return Node(items, base.path, base.place, base.key)
    new = _written_out(base, new)
    if not (isinstance(base.value, dict) and isinstance(new.value, dict)):
        return new
    discriminator = discriminator_of(base)
    if discriminator and discriminator in new.value and new.value[discriminator].value != base.value[discriminator].value:
        return new
    merged = dict(base.value)
    for key, child in new.value.items():
        merged[key] = merge(merged[key], child) if key in merged else child
    return Node(merged, new.path, new.place, new.key)


def _picks_items(base: Node, new: Node) -> bool:
    """Whether `new` is a mapping whose keys are indices of the list `base`."""
    both = isinstance(base.value, list) and isinstance(new.value, dict) and new.value
    return bool(both) and set(new.value) <= {str(i) for i in range(len(base.value))}


def _written_out(base: Node, new: Node) -> Node:
    """Expand shorthand: if `base` is a block with a kind (or a list of them), a string becomes a block and one block becomes a list."""
    if isinstance(base.value, dict):
        return _block(discriminator_of(base), new)
    if not isinstance(base.value, list) or not base.value or new.value is None:
        return new
    discriminator = discriminator_of(base.value[0])
    if not discriminator:
        return new
    items = new.value if isinstance(new.value, list) else [new]
    return Node([_block(discriminator, item) for item in items], new.path, new.place, new.key)


def _block(discriminator: str, word: Node) -> Node:
    if not (discriminator and isinstance(word.value, str)):
        return word
    return Node({discriminator: Node(word.value, word.path, word.place, word.key)}, word.path, word.place, word.key)


def discriminator_of(node: Node) -> str:
    """The key that names the kind of the block; "" if the value is not such a block."""
    if not isinstance(node.value, dict):
        return ""
    return next((key for key in DISCRIMINATORS if key in node.value), "")

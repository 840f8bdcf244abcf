"""Mutations of scenarios: of their text, character by character and line by line, and of their tree of keys and values."""

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from linksim import places
from linksim.scenario.load import resolved_yaml, scenario_from_text, shipped_names
from linksim.scenario.strict_yaml import dump_yaml, parse_yaml
from linksim.scenario.template import template

SHIPPED = [(places.shipped_scenarios() / f"{name}.yaml").read_text(encoding="utf-8") for name in shipped_names()]
TEXTS = [*SHIPPED, template("mutated"), template("uncommented").replace("\n# ", "\n")]

NUMBERS: list[Any] = [
    *(0, -1, 1, 2, 3, 7, 255, 256, 65_535, 65_536, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 10**400),
    *(0.0, -0.0, 0.5, 1.0, 1e-9, 1e-300, 5e-324, 1e9, 1e15, 1e300, 1.7e308, -1e300, 0.1 + 0.2),
]
WORDS: list[Any] = [
    *("", " ", "none", "off", "nan", ".nan", ".inf", "-inf", "true", "null", "~", "1e400", "0x10", "1_000", "12:30", "10 dB", "1,5"),
    *("../../etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/environ", "/nonexistent/file.csv", "C:\\x", "a/b", "..", "-", "--set"),
    *("x" * 5_000, "ü", "\u202e", "\x1b[2J", "\x00", "\ud800", "\u2028", "é", "名", "%s%n{}", "{{}}", "$(true)", "`id`", "[key]"),
]
OTHERS: list[Any] = [None, True, False, [], {}, [[]], [{}], {"": ""}, {"kind": "none"}, {"name": "none"}, [1, 2], ["x"] * 40]
DEEP: Any = {"kind": "x"}
for _ in range(60):
    DEEP = {"kind": DEEP}

SNIPPETS = [
    *("&a ", "*a", "<<: *a\n", "!!python/object/apply:os.system [id]\n", "!!binary x", "%YAML 9.9\n---\n", "---\n", "...\n", "? a\n: b\n"),
    *("\ufeff", "\x00", "\x07", "\x85", "\u2028", "\r", "\t", "\\x", '"', "'", "'''", "|\n  x\n", ">-\n", "[" * 200, "{" * 200, "- " * 300),
    *("a: " * 100, "#", ": ", ", ", "0" * 5_000, "9" * 5_000, "1e99999", "name: again\n", "frames: 010\n"),
    *("{a: 1, a: 2}", "~", "@", "`", "=\n"),
]

Path = tuple[Any, ...]


class Trees(Sequence[Any]):
    """The trees of all shipped scenarios, each read when it is first used.

    resolved  True fills in all defaults, so that every key is present
    """

    def __init__(self, resolved: bool) -> None:
        self._resolved = resolved
        self._read: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(SHIPPED)

    def __getitem__(self, index: Any) -> Any:
        if index >= len(SHIPPED):
            raise IndexError(index)
        if index not in self._read:
            text = resolved_yaml(scenario_from_text(SHIPPED[index])) if self._resolved else SHIPPED[index]
            self._read[index] = parse_yaml(text).data
        return self._read[index]


WRITTEN, RESOLVED = Trees(resolved=False), Trees(resolved=True)


def mutated_text(draw: random.Random) -> str:
    """Return the text of a scenario with one to four changes."""
    text = draw.choice(TEXTS)
    for _ in range(draw.randint(1, 4)):
        text = draw.choice(TEXT_CHANGES)(text, draw)
    return text


def mutated_tree(draw: random.Random) -> str:
    """Return a scenario with one to four changes of its tree, as text."""
    trees = draw.choice([WRITTEN, WRITTEN, RESOLVED])
    tree = copy.deepcopy(draw.choice(trees))
    for _ in range(draw.randint(1, 4)):
        draw.choice(TREE_CHANGES)(tree, trees, draw)
    try:
        return dump_yaml(tree)
    except ValueError:  # a value that strict YAML cannot contain; JSON is YAML, too
        return repr(tree)


def crossed_tree(draw: random.Random) -> str:
    """Return a scenario that has its blocks from several shipped ones, with up to two numbers changed, as text. Many of them are valid."""
    trees, tree = RESOLVED, copy.deepcopy(draw.choice(RESOLVED))
    bodies = list(tree["groups"].values())
    for body in bodies:
        for key in draw.sample(sorted(body), draw.randint(0, 3)):
            body[key] = copy.deepcopy(draw.choice(list(draw.choice(trees)["groups"].values()))[key])
    for _ in range(draw.randint(0, 2)):
        numbers = [path for path in paths(tree) if type(_holder(tree, path)[path[-1]]) in (int, float)]
        path = draw.choice(numbers)
        _scale_number(_holder(tree, path), path[-1], None, draw)
    return dump_yaml(tree)


def mutated_override(draw: random.Random) -> str:
    """Return an override "KEY=VALUE" with a key of a shipped scenario, mostly outside its groups, and any value."""
    tree = draw.choice(RESOLVED)
    path = draw.choice(list(paths(tree)))
    old = _holder(tree, path)[path[-1]]
    if path[0] == "groups" and len(path) > 2 and draw.random() < 0.8:
        path = path[2:]
    key = ".".join(map(str, path))
    value = draw.choice([old, draw.choice(NUMBERS), draw.choice(WORDS), draw.choice(SNIPPETS), draw.choice(OTHERS)])
    return draw.choice([*[f"{key}={value}"] * 6, f"{key}", f"{key}.{draw.choice(path)}={value}", f"{key[1:]}={value}"])


# Changes of a text


def _cut(text: str, draw: random.Random) -> str:
    start = draw.randrange(len(text) + 1)
    return text[:start] + text[start + draw.choice([1, 2, 5, 20, 200]) :]


def _insert(text: str, draw: random.Random) -> str:
    start = draw.randrange(len(text) + 1)
    return text[:start] + draw.choice([draw.choice(SNIPPETS), str(draw.choice(NUMBERS)), str(draw.choice(WORDS))]) + text[start:]


def _change_character(text: str, draw: random.Random) -> str:
    start = draw.randrange(len(text) + 1)
    code = draw.choice([draw.randrange(128), draw.randrange(0xD800), draw.randrange(0xE000, 0x110000)])
    return text[:start] + chr(code) + text[start + 1 :]


def _line(change: Callable[[list[str], int, random.Random], object]) -> Callable[[str, random.Random], str]:
    def changed(text: str, draw: random.Random) -> str:
        lines = text.split("\n")
        change(lines, draw.randrange(len(lines)), draw)
        return "\n".join(lines)

    return changed


def _splice(text: str, draw: random.Random) -> str:
    other = draw.choice(TEXTS)
    return text[: draw.randrange(len(text) + 1)] + other[draw.randrange(len(other)) :]


TEXT_CHANGES: list[Callable[[str, random.Random], str]] = [
    _cut,
    _insert,
    _insert,
    _change_character,
    _splice,
    _line(lambda lines, at, draw: lines.insert(draw.randrange(len(lines)), lines[at])),
    _line(lambda lines, at, draw: lines.pop(at)),
    _line(lambda lines, at, draw: lines.insert(at, lines.pop(draw.randrange(len(lines))))),
    _line(lambda lines, at, draw: lines.__setitem__(at, " " * draw.randrange(6) + lines[at].strip())),
    _line(lambda lines, at, draw: lines.__setitem__(at, lines[at].partition(":")[0] + f": {draw.choice(NUMBERS + WORDS)}")),
]


# Changes of a tree


def paths(tree: Any, at: Path = ()) -> Iterator[Path]:
    """Yield the path of every key and item of a tree."""
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in children:
        yield (*at, key)
        yield from paths(value, (*at, key))


def _holder(tree: Any, path: Path) -> Any:
    for key in path[:-1]:
        tree = tree[key]
    return tree


def _at_random(change: Callable[[Any, Any, Any, random.Random], object]) -> Callable[[Any, Trees, random.Random], None]:
    """Return a change at a random path: it is called with the holder, the key, a value of another scenario, and the draws."""

    def changed(tree: Any, trees: Trees, draw: random.Random) -> None:
        found = list(paths(tree))
        if found:
            path, other = draw.choice(found), draw.choice(trees)
            borrowed = draw.choice(list(paths(other)))
            change(_holder(tree, path), path[-1], copy.deepcopy(_holder(other, borrowed)[borrowed[-1]]), draw)

    return changed


def _set(holder: Any, key: Any, value: Any) -> None:
    holder[key] = value


def _scale_number(holder: Any, key: Any, other: Any, draw: random.Random) -> None:
    value = holder[key]
    if isinstance(value, int | float) and not isinstance(value, bool):
        factor = draw.choice([-1, 0, 0.1, 0.5, 2, 10, 1e3, 1e6, 1e12])
        holder[key] = type(value)(min(max(max(min(value, 10**30), -(10**30)) * factor, -1e18), 1e18))
    else:
        holder[key] = draw.choice(NUMBERS)


def _rename(holder: Any, key: Any, other: Any, draw: random.Random) -> None:
    if isinstance(holder, dict):
        holder[draw.choice([f"{key}s", str(key)[:-1], str(key).upper(), draw.choice(WORDS)])] = holder.pop(key)


TREE_CHANGES: list[Callable[[Any, Trees, random.Random], None]] = [
    _at_random(_scale_number),
    _at_random(_scale_number),
    _at_random(lambda holder, key, other, draw: _set(holder, key, draw.choice(NUMBERS))),
    _at_random(lambda holder, key, other, draw: _set(holder, key, draw.choice(WORDS))),
    _at_random(lambda holder, key, other, draw: _set(holder, key, copy.deepcopy(draw.choice([*OTHERS, DEEP])))),
    _at_random(lambda holder, key, other, draw: _set(holder, key, other)),
    _at_random(lambda holder, key, other, draw: holder.pop(key)),
    _at_random(lambda holder, key, other, draw: _set(holder, key, [holder[key]])),
    _at_random(lambda holder, key, other, draw: _set(holder, key, {"kind": holder[key]})),
    _at_random(_rename),
]

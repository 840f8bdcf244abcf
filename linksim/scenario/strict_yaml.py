"""Strict YAML reader and writer for scenarios and model cards. Ambiguous YAML (`010`, a duplicate key) is refused with its position.

Numbers, booleans and null are those of YAML 1.2's core schema: `1e-4` is a number, `off`, `no`, `1_000` and `12:30` are strings. Refused:
duplicate and non-string keys, anchors, aliases, merge keys, tags, several documents, numbers with a leading zero, infinite or not a number,
control characters, the line separators U+0085, U+2028 and U+2029, which end a line in YAML 1.1 but in few editors, text that is not UTF-8,
and documents that are too deep, too long or have too many values. What is no ordinary file, such as a FIFO, is not read.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, NoReturn

import yaml

from linksim.errors import Problem, ScenarioError
from linksim.files import read_input
from linksim.scenario.yaml_scalars import BOOL, FLOAT, INT, NULL, UNBOUNDED, plain_scalar

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_NODES = 50_000
MAX_PROBLEMS = 100  # after these reading stops
LINE_BREAK = re.compile(r"\r\n|\r|\n")
SEPARATOR = re.compile("[\x85\u2028\u2029]")  # further line breaks of YAML 1.1
CONTROL = ("Cc", "Cs", "Zl", "Zp")  # Unicode categories of characters that a value must not have, except for \n and \t

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Position:
    """Line and column in a file, both from 1.

    line    line, as editors count
    column  character in the line
    """

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """One YAML file.

    name    used in messages: the path as given
    data    dicts with string keys, lists, str, int, float, bool, None
    keys    position of the key (in a list: of the item) by path, e.g. ("channel", "bob", "snr")
    values  position of the value by path; () is the root
    """

    name: str
    data: Any
    keys: dict[Path, Position]
    values: dict[Path, Position]

    def place(self, path: Path) -> str:
        """ "file.yaml:12:5" of the value at `path`, or of the nearest block around it.

        >>> parse_yaml("a:\\n  b: 1", "file.yaml").place(("a", "b"))
        'file.yaml:2:6'
        """
        while path not in self.values:
            path = path[:-1]
        position = self.values[path]
        return f"{self.name}:{position.line}:{position.column}"


def read_yaml(path: FilePath | str) -> Document:
    """Read a file of at most 1 MiB.

    Raises ScenarioError if it cannot be read or is not strict YAML. All violations of strictness are reported at once; an error of syntax
    ends the reading, because what follows it has no certain meaning.
    """
    name = str(path)
    try:
        raw = read_input(path, MAX_BYTES)
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        raise ScenarioError([Problem(name, "", f"cannot be read: {reason}")]) from None
    if len(raw) > MAX_BYTES:
        raise ScenarioError([Problem(name, "", f"longer than {MAX_BYTES} bytes")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        column = fault.start - (raw.rfind(b"\n", 0, fault.start) + 1) + 1
        raise ScenarioError([Problem(f"{name}:{line}:{column}", "", f"not UTF-8: byte 0x{raw[fault.start]:02x}")]) from None
    return parse_yaml(text, name)


def parse_yaml(text: str, name: str = "<text>") -> Document:
    """Parse a text; messages use `name` as the file name. Raises ScenarioError as `read_yaml` does.

    >>> parse_yaml("{kind: pulsed, on: off, rate: 1e-4}").data
    {'kind': 'pulsed', 'on': 'off', 'rate': 0.0001}
    >>> parse_yaml("seed: 1\\nseed: 2", "file.yaml")
    Traceback (most recent call last):
        ...
    linksim.errors.ScenarioError: file.yaml:2:1: seed: key given twice, first in line 1
    """
    if len(text) > MAX_BYTES:
        raise ScenarioError([Problem(name, "", f"longer than {MAX_BYTES} bytes")])
    return _Reader(name).read(text)


def dotted(path: Sequence[str | int]) -> str:
    """A path as text, in the form of `--set`.

    >>> dotted(("scheme", 0, "name"))
    'scheme.0.name'
    """
    return ".".join(str(part)[:80] for part in path)


class _Reader:
    """Converts parser events to plain data and records the position of each value."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.keys: dict[Path, Position] = {}
        self.values: dict[Path, Position] = {}
        self.nodes = 0

    def read(self, text: str) -> Document:
        if separator := SEPARATOR.search(text):
            code = ord(separator[0])
            self.stop(_place_of(text, separator.start()), f"line separator U+{code:04X} is not allowed; end lines with a newline")
        data: Any = None
        self.keys[()] = self.values[()] = Position(1, 1)  # of an empty file
        # Only the parser written in Python: the one in C overflows its stack on deep input.
        self.events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        try:
            documents = 0
            for event in self.events:
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        self.stop(event, "a second document begins; one file holds one")
                elif isinstance(event, yaml.NodeEvent):
                    data = self.value(event, ())
        except yaml.MarkedYAMLError as fault:
            mark = fault.problem_mark or fault.context_mark
            self.stop(Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1), _syntax(fault))
        except yaml.reader.ReaderError as fault:
            self.stop(_place_of(text, fault.position), f"character {ord(text[fault.position]):#04x} is not allowed")
        except (ValueError, OverflowError):  # PyYAML does not check the range of \U escapes or of %YAML version numbers
            self.stop(Position(1, 1), "not valid YAML: an escape or a version number out of range")
        if self.problems:
            raise ScenarioError(self.problems)
        return Document(self.name, data, self.keys, self.values)

    def value(self, event: yaml.Event, path: Path) -> Any:
        """The value at `path` that begins with `event`; consumes its events."""
        self.values[path] = _position(event)
        self.keys.setdefault(path, self.values[path])
        self.admit(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return [self.value(item, (*path, i)) for i, item in enumerate(self.until(yaml.SequenceEndEvent))]
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(path)
        return self.scalar(event, path) if isinstance(event, yaml.ScalarEvent) else None

    def admit(self, event: yaml.Event, path: Path) -> None:
        """Count one value; refuse aliases, anchors and tags."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.stop(event, f"more than {MAX_NODES} values")
        if len(path) > MAX_DEPTH:
            self.stop(event, f"nested deeper than {MAX_DEPTH} levels")
        anchor, tag = (str(value)[:40] if (value := getattr(event, name, None)) is not None else None for name in ("anchor", "tag"))
        if isinstance(event, yaml.AliasEvent):
            self.complain(event, path, f"alias *{anchor} is not allowed; write the value out")
        elif anchor is not None:
            self.complain(event, path, f"anchor &{anchor} is not allowed; remove it")
        if tag is not None:
            self.complain(event, path, f"tag {tag} is not allowed; remove it")

    def mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in self.until(yaml.MappingEndEvent):
            key = self.key(event, path)
            if key in found:
                self.complain(event, (*path, key), f"key given twice, first in line {self.keys[(*path, key)].line}")
                self.value(next(self.events), (*path, f"{key} (again)"))
                continue
            self.keys[(*path, key)] = _position(event)
            found[key] = self.value(next(self.events), (*path, key))
        return found

    def key(self, event: yaml.Event, path: Path) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self.complain(event, path, "a key must be a string")
            self.value(event, (*path, "?"))
            return "?"
        self.admit(event, path)
        if event.style is None and event.value == "<<":
            self.complain(event, path, "merge key << is not allowed; write the keys out")
        elif event.style is None and any(kind.match(event.value) for kind in (NULL, BOOL, INT, FLOAT, UNBOUNDED)):
            self.complain(event, path, f"key {event.value[:40] or 'without a name'} is not a string; quote it")
        else:
            self.scalar(event, path)
        return str(event.value)

    def scalar(self, event: yaml.ScalarEvent, path: Path) -> str | int | float | bool | None:
        bad = next((c for c in event.value if unicodedata.category(c) in CONTROL and c not in "\n\t"), None)
        if bad is not None:
            self.complain(event, path, f"control character {ord(bad):#04x} is not allowed")
        if event.style is not None:
            return str(event.value)
        try:
            return plain_scalar(event.value)
        except ValueError as fault:
            self.complain(event, path, str(fault))
            return None

    def until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        """The first events of the items of a list, or of the keys of a mapping, up to its end."""
        for event in self.events:
            if isinstance(event, end):
                return
            yield event

    def complain(self, event: yaml.Event, path: Path, message: str) -> None:
        """Note a problem and go on reading."""
        position = _position(event)
        self.problems.append(Problem(f"{self.name}:{position.line}:{position.column}", dotted(path), message))
        if len(self.problems) == MAX_PROBLEMS:
            raise ScenarioError(self.problems, partial=True)

    def stop(self, at: yaml.Event | Position, message: str) -> NoReturn:
        """Stop parsing and raise all problems found so far."""
        position = at if isinstance(at, Position) else _position(at)
        raise ScenarioError([*self.problems, Problem(f"{self.name}:{position.line}:{position.column}", "", message)])


def _position(event: yaml.Event) -> Position:
    mark = event.start_mark
    return Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)


def _place_of(text: str, index: int) -> Position:
    """The position of a character of the text."""
    lines = LINE_BREAK.split(text[:index])
    return Position(len(lines), len(lines[-1]) + 1)


def _syntax(fault: yaml.MarkedYAMLError) -> str:
    said = ", ".join(part for part in (fault.context, fault.problem) if part)
    return f"not valid YAML: {said}" + ("; indent with spaces, not with tabs" if "\\t" in said else "")


class _Writer(yaml.SafeDumper):
    """Quotes strings that `plain_scalar` would not read as strings; writes repeated values instead of aliases."""

    KINDS = (("null", NULL), ("bool", BOOL), ("int", INT), ("float", FLOAT), ("float", UNBOUNDED), ("merge", re.compile("<<")))
    yaml_implicit_resolvers = {None: [(f"tag:yaml.org,2002:{tag}", pattern) for tag, pattern in KINDS]}  # noqa: RUF012 - PyYAML's form

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dump_yaml(data: Any) -> str:
    """Write dicts with string keys, lists, str, int, float, bool, None as block YAML, in their order; `parse_yaml` reads the same back.

    Raises ValueError for what the reader would refuse: infinite numbers, keys that are no strings, control characters, other types.

    >>> print(dump_yaml({"name": "1e-4", "seed": 1}), end="")
    name: '1e-4'
    seed: 1
    """
    try:
        text = yaml.dump(data, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False)
        parse_yaml(text)
    except (yaml.YAMLError, ScenarioError) as fault:
        raise ValueError(f"cannot be written as strict YAML: {fault}") from None
    return text

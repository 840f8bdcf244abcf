"""Convert pydantic errors to messages about the file: the position, the allowed values and the likely correction.

    channel.bob.snr.mean_db in pydantic: Input should be less than or equal to 60
    message here:    study.yaml:7:13: channel.bob.snr.mean_db: got 70, allowed: a number from -30 to 60 dB

The location of a pydantic error is followed twice: through the tree of the file, which knows the line and the value, and through the models
(`field_spec`), which know what is allowed.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from linksim.errors import Problem, ScenarioError
from linksim.registry import suggest
from linksim.scenario.field_spec import NAMES, FieldSpec, allowed, one_of, places_of, step
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.scenario.strict_yaml import Path, dotted
from linksim.scenario.tree import Node, Place

EXPLAINED = 1000  # pydantic errors considered; several groups may repeat the same error
NUMBER_WITH_MORE = re.compile(r"\s*([-+]?[0-9]+)([.,][0-9]+)?([eE][-+]?[0-9]+)?\s*[A-Za-z%]*\s*\Z")


@dataclass(frozen=True)
class ConfigProblem:
    """A problem of a scenario file, before sorting and formatting.

    place    where the wrong value was written: a line of the file, or an override
    path     path of its key, () for the whole file
    message  what was found and what is allowed
    """

    place: Place
    path: Path
    message: str


def refuse(faults: Iterable[ConfigProblem]) -> None:
    """Raise ScenarioError with all faults, each once, in the order of the file, overrides last. Does nothing if there are none."""
    found = sorted(set(faults), key=lambda fault: (fault.place.line == 0, fault.place.line, fault.place.column, fault.message))
    if found:
        problems = [Problem(str(fault.place), dotted(fault.path), fault.message) for fault in found]
        raise ScenarioError(problems, partial=len(found) >= EXPLAINED)


def explain(raised: ValidationError, block: type[BaseModel], tree: Node) -> list[ConfigProblem]:
    """The problems of a tree that a model refused. A value that several groups inherit is one problem.

    raised  what pydantic has raised
    block   the model
    tree    values with their places
    """
    return list({_site(error, block, tree).fault(error) for error in raised.errors(include_url=False)[:EXPLAINED]})


@dataclass(frozen=True)
class _Site:
    """The location of a pydantic error.

    node    the value; for a key that is missing, the block that lacks it
    spec    what is allowed there; None for an unknown key
    holder  the block around it
    choice  the spec in which `holder` was chosen among blocks, with the kind that chose it
    of_key  whether the error is about the key, a name of a group, and not about its value
    """

    node: Node
    spec: FieldSpec | None
    holder: FieldSpec
    choice: tuple[FieldSpec, str] | None
    of_key: bool

    def fault(self, error: ErrorDetails) -> ConfigProblem:
        """The problem, from the type of pydantic's error and from what is allowed here."""
        kind, last = error["type"], error["loc"][-1] if error["loc"] else ""
        if kind == "missing":
            return ConfigProblem(
                self.node.place, (*self.node.path, last), f"missing key, allowed: {allowed(self.spec) if self.spec else ''}"
            )
        if self.spec is None:
            return ConfigProblem(self.node.key, self.node.path, self._unknown(str(last)))
        place = self.node.key if self.of_key else self.node.place
        if kind == "value_error":
            return ConfigProblem(place, self.node.path, str(error.get("ctx", {}).get("error", error["msg"])))
        if self.of_key:
            return ConfigProblem(place, self.node.path, f"got {show(self.node.path[-1])}, allowed: {NAMES}")
        word = self.node.value.get(self.spec.discriminator) if isinstance(self.node.value, dict) else None
        if kind == "union_tag_not_found" and word is None:
            return ConfigProblem(
                self.node.place, (*self.node.path, self.spec.discriminator), f"missing key, allowed: {one_of(self.spec.words)}"
            )
        return self._value(word or self.node)

    def _value(self, node: Node) -> ConfigProblem:
        """The problem of a value that is not allowed."""
        assert self.spec is not None
        return ConfigProblem(node.place, node.path, f"got {show(node.value)}, allowed: {allowed(self.spec)}{_slip(node.value, self.spec)}")

    def _unknown(self, key: str) -> str:
        """The message for a key that the block does not have."""
        block = self.holder.block
        assert block is not None
        own = set(block.model_fields) | (set(LinkOptions.model_fields) if block is Scenario else set())
        if block is LinkOptions and key in Scenario.model_fields:
            return "unknown key here; it belongs at the top of the file, outside the groups"
        if self.choice:
            spec, word = self.choice
            others = [other for other, variant in spec.blocks.items() if key in variant.model_fields]
            if others:
                return f"unknown key of {spec.discriminator} {word!r}; {spec.discriminator} {' or '.join(map(repr, others))} has it"
        if difflib.get_close_matches(key, own, n=1):
            return f"unknown key; {suggest(key, own)}"
        elsewhere = [*dict.fromkeys(place for model in (LinkOptions, Scenario) for place in places_of(model, key))]
        return f"unknown key; did you mean {' or '.join(elsewhere[:3])}?" if elsewhere else f"unknown key; {suggest(key, own)}"


def _site(error: ErrorDetails, block: type[BaseModel], tree: Node) -> _Site:
    """Follow the location of an error from the root, through the tree and the models."""
    spec: FieldSpec | None = FieldSpec("", block, None)
    assert spec is not None
    holder, choice, node = spec, None, tree
    # "[key]" is pydantic's mark for an error about a key, but may also be a key of the user's.
    of_key = error["loc"][-1:] == ("[key]",) and error["type"] not in ("extra_forbidden", "missing")
    for part in error["loc"][:-1] if of_key else error["loc"]:
        if spec is None:
            break
        if part in spec.blocks:
            choice, spec = (spec, str(part)), step(spec, part)
            continue
        if spec.block:
            holder = spec
            choice = choice if choice and choice[0].blocks.get(choice[1]) is spec.block else None
        spec, node = step(spec, part), _child(node, part)
    return _Site(node, spec, holder, choice, of_key)


def _child(node: Node, part: str | int) -> Node:
    if isinstance(node.value, dict):
        return node.value.get(str(part), node)  # type: ignore[no-any-return]  # a node's dict holds nodes
    return node.value[part] if isinstance(node.value, list) and isinstance(part, int) else node


def show(value: Any) -> str:
    """A value in the form used in messages.

    >>> show("12 dB"), show(True), show({"kind": "none"}), show([1, 2])
    ("'12 dB'", 'true', 'a block', 'a list of 2')
    """
    if isinstance(value, dict):
        return "a block"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return str(value).lower()
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}..."


def _slip(value: Any, spec: FieldSpec) -> str:
    """ "; did you mean 3?" if a likely correction is known, else an empty string.

    Corrections: the most similar word, `none` for off, a number without its unit or with a decimal comma ("12 dB"), a whole number for 3.0.
    """
    guess = None
    if spec.words:
        near = difflib.get_close_matches(str(value), spec.words, n=1)
        guess = "none" if "none" in spec.words and value in ("off", "no", False, None) else near[0] if near else None
    elif isinstance(value, str) and {int, float} & set(spec.types):
        number = NUMBER_WITH_MORE.match(value)
        guess = "".join(part or "" for part in number.groups()).replace(",", ".") if number else None
    elif isinstance(value, float) and value.is_integer() and int in spec.types:
        guess = f"{value:.0f}"
    elif isinstance(value, (int, float)) and str in spec.types:
        guess = f"'{value}', in quotes"
    return f"; did you mean {guess}?" if guess else ""

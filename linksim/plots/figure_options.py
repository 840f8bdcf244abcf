"""Options of `linksim plot` and `Run.plot`: which figures of a trace are drawn, of which groups and links, with which title and size."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from linksim import registry
from linksim.errors import LinksimError, quoted
from linksim.plots.tables import Ints, Kind, Rows
from linksim.plots.trace_view import GroupView, ReceiverView, TraceView, end_of

INCHES = (1.0, 40.0)  # smallest and largest width and height of a figure


@dataclass(frozen=True, kw_only=True)
class FigureOptions:
    """Options of the figures of a trace; by default all figures show the whole trace, each in its own size with its own title.

    only    names of figures, () for all that have data
    groups  names of groups of links, () for all
    links   numbers of links in the run, () for all
    title   title of every figure; "" for none, None for the title that each figure has
    size    width and height of every figure in inches; None for the size that each figure has

    Raises LinksimError for an unknown figure, with the nearest name, and for a size outside of `INCHES`.

    >>> FigureOptions(only=("scors",))
    Traceback (most recent call last):
        ...
    linksim.errors.LinksimError: no figure 'scors'; did you mean 'scores'?
    """

    only: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    links: tuple[int, ...] = ()
    title: str | None = None
    size: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        known = [component.name for component in registry.components("figure")]
        refuse([f"no figure {quoted(name)}; {registry.suggest(name, known)}" for name in self.only if name not in known])
        low, high = INCHES
        if self.size is not None and not all(low <= side <= high for side in self.size):
            shown = " x ".join(f"{side:g}" for side in self.size)
            raise LinksimError(f"a figure of {shown} inches; allowed: width and height from {low:g} to {high:g} inches")

    @property
    def restricted(self) -> bool:
        """Whether figures show a part of the groups or links only."""
        return bool(self.groups or self.links)


def refuse(problems: Sequence[str]) -> None:
    """Raise LinksimError with all problems, one line each; none if there are no problems."""
    if problems:
        raise LinksimError("\n".join(dict.fromkeys(problems)))


def parse_size(text: str) -> tuple[float, float]:
    """Return width and height in inches of a text "WIDTHxHEIGHT". Raises LinksimError for any other text.

    >>> parse_size("7x4.5")
    (7.0, 4.5)
    """
    parts = re.fullmatch(r"(\d{1,4}(?:\.\d{1,4})?)[xX](\d{1,4}(?:\.\d{1,4})?)", text.strip(), re.ASCII)
    if parts is None:
        raise LinksimError(f"--size {quoted(text)}; allowed: width and height in inches with an x between them, such as 7x4.5")
    return float(parts[1]), float(parts[2])


def select_view(view: TraceView, options: FigureOptions, path: Path) -> TraceView:
    """Return the part of a trace that the options name: chosen groups, and of them the chosen links.

    view     the whole trace
    options  names of groups and numbers of links
    path     file of the trace, which messages name

    Groups without a chosen link are left out. Raises LinksimError for a group or link that the trace does not have, for a link of a group
    that is not chosen, and if nothing was sent on what is left.
    """
    if not options.restricted:
        return view
    names = [group.name for group in view.groups]
    refuse([f"{path}: no group {quoted(name)}; {registry.suggest(name, names)}" for name in options.groups if name not in names])
    chosen = [group for group in view.groups if not options.groups or group.name in options.groups]
    owner = {link: group.name for group in view.groups for link in group.links.tolist()}
    allowed = {link for group in chosen for link in group.links.tolist()}
    refuse([link_problem(path, link, owner, sorted(allowed)) for link in options.links if link not in allowed])
    kept = [restrict(group, np.intersect1d(group.links, options.links) if options.links else group.links) for group in chosen]
    groups = tuple(group for group in kept if len(group.links) or not options.links)
    if not any(group.used for group in groups):
        raise LinksimError(f"{path}: nothing to show: nothing was sent on the chosen links")
    return replace(view, groups=groups, end_s=end_of(groups))


def link_problem(path: Path, link: int, owner: Mapping[int, str], allowed: Sequence[int]) -> str:
    """Return the message about a link that cannot be shown.

    owner    name of the group of each link in the trace
    allowed  numbers of the links of the chosen groups, ascending

    >>> link_problem(Path("run.h5"), 7, {0: "open", 7: "sealed"}, [0])
    "run.h5: link 7 belongs to the group 'sealed', which is not chosen; allowed: 0"
    """
    if link in owner:
        return f"{path}: link {link} belongs to the group {quoted(owner[link])}, which is not chosen; allowed: {ranges(allowed)}"
    return f"{path}: no link {link}; allowed: {ranges(allowed)}"


def ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers as text, with ranges.

    >>> ranges([0, 1, 2, 5, 7, 8]), ranges([])
    ('0-2, 5, 7-8', 'nothing')
    """
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs) or "nothing"


def restrict(group: GroupView, links: Ints) -> GroupView:
    """Return a group with some of its links only.

    links  numbers of links of the group, ascending [links]
    """

    def of(rows: Kind) -> Kind:
        return rows.take(np.isin(rows.link, links))

    def at(receiver: ReceiverView) -> ReceiverView:
        return replace(receiver, receptions=of(receiver.receptions), scores=of(receiver.scores))

    tables: dict[str, Any] = {f.name: of(rows) for f in fields(group) if isinstance(rows := getattr(group, f.name), Rows)}
    return replace(group, links=links, bob=at(group.bob), eve=at(group.eve), **tables)

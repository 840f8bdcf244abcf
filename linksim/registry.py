"""A registry is a dict and a decorator. Rooms register what they offer; `simulation.build` and the command line look it up by name."""

import difflib
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from linksim.errors import LinksimError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to things of one kind.

    kind  what the things are, for messages: "scheme", "data source", "training task"
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._things: dict[str, T] = {}

    def add(self, name: str) -> Callable[[T], T]:
        """Decorator: keep the decorated thing under `name`. Raises ValueError for a name that is taken."""

        def keep(thing: T) -> T:
            if name in self._things:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._things[name] = thing
            return thing

        return keep

    def __getitem__(self, name: str) -> T:
        """Raises LinksimError, with the nearest name, for one that is not there."""
        if name not in self._things:
            raise LinksimError(f"no {self.kind} {name!r}; {suggest(name, self._things)}")
        return self._things[name]

    def __contains__(self, name: object) -> bool:
        return name in self._things

    def names(self) -> list[str]:
        return sorted(self._things)


def suggest(wrong: str, allowed: Iterable[str]) -> str:
    """ "did you mean 'x'?" where one is near, else the list of what is allowed."""
    names = sorted(allowed)
    near = difflib.get_close_matches(wrong, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(names) or 'nothing'}"

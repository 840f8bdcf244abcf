"""Exceptions for errors that a user can correct.

The command line prints their message without a traceback. Any other exception is a bug and keeps its traceback.
"""

from dataclasses import dataclass


class LinksimError(Exception):
    """An error in the input: a scenario, a file or a name. The message states what was found and what is allowed."""


@dataclass(frozen=True)
class Problem:
    """One error in a file.

    place    position, as in "file.yaml:12:5", or the source of the value, as in "--set channel.bob.snr.mean_db"
    path     dotted path of the key, "" for the file as a whole
    message  what was found, what is allowed, and the value that was probably meant

    >>> str(Problem("file.yaml:3:1", "frames", "got -1, allowed: an integer from 1"))
    'file.yaml:3:1: frames: got -1, allowed: an integer from 1'
    """

    place: str
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.path, self.message) if part)


class ScenarioError(LinksimError):
    """All errors of a scenario together."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class DataError(LinksimError):
    """A dataset that is missing, damaged or unknown."""


class ModelError(LinksimError):
    """A trained model that is missing or damaged, or whose shape differs from its card."""


class TraceError(LinksimError):
    """A trace that cannot be read or must not be overwritten."""

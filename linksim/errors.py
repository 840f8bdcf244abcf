"""Exceptions for errors that a user can correct.

The command line prints their message without a traceback and ends with status 1. Any other exception is a bug and keeps its traceback. A
message states what was found, where, and what is allowed, in one line per error.

    LinksimError        base class; raised itself for a wrong name, option or argument
      ScenarioError     all errors of a scenario file together
      DataError         data sets
      ModelError        trained models, reward tables and their cards
      TraceError        traces
"""

from dataclasses import dataclass

LONGEST_LINE, MOST_LINES = 1000, 20  # limits of the message of an error


class LinksimError(Exception):
    """An error in the input: a scenario, a file or a name. The message states what was found and what is allowed.

    The text of the error is safe to print whatever the input was: control characters are escaped, a line longer than `LONGEST_LINE`
    characters is cut in its middle, and a message longer than `MOST_LINES` lines at its end, with the number of lines that are left out.
    """

    left_out = "{:,} more lines"  # how a message states the number of lines that it leaves out

    def __str__(self) -> str:
        lines = super().__str__().split("\n")
        rest = [f"and {self.left_out.format(len(lines) - MOST_LINES)}"] if len(lines) > MOST_LINES else []
        shown = ["".join(char if char.isprintable() else repr(char)[1:-1] for char in _cut(line)) for line in lines[:MOST_LINES]]
        return "\n".join([*shown, *rest])


def _cut(line: str) -> str:
    """Cut a long line in its middle: a message begins with the place of the error and ends with what is allowed."""
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE // 2]} ... {line[-LONGEST_LINE // 2 :]}"


def quoted(text: object, limit: int = 80) -> str:
    """Text from outside, such as a word of a file or of a server, as a message shows it: quoted, escaped, cut to `limit` characters.

    >>> quoted("Not\\x1bFound"), quoted("x" * 100, limit=8)
    ("'Not\\\\x1bFound'", "'xxxxxxx...")
    """
    shown = repr(str(text))
    return shown if len(shown) <= limit else f"{shown[:limit]}..."


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
    """All errors of a scenario together; the message has one line per error, and the number of those beyond the first `MOST_LINES`.

    problems  the errors, in the order of the file
    partial   whether reading has stopped, so that there may be more errors
    """

    def __init__(self, problems: list[Problem], partial: bool = False) -> None:
        self.problems = problems
        self.left_out = "{:,} or more other problems" if partial else "{:,} more problems"
        super().__init__("\n".join(map(str, problems)))


class DataError(LinksimError):
    """A dataset that is missing, damaged or unknown."""


class ModelError(LinksimError):
    """A trained model that is missing or damaged, or whose shape differs from its card."""


class TraceError(LinksimError):
    """A trace that cannot be read or must not be overwritten."""

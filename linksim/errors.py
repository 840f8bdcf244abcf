"""What can go wrong that the user can mend. The command line prints the message alone; anything else is a bug and keeps its traceback."""

from dataclasses import dataclass


class LinksimError(Exception):
    """A fault in what was handed in (a scenario, a file, a name). Its message says what was found and what is allowed."""


@dataclass(frozen=True)
class Problem:
    """One fault in one place of a file.

    place    "file.yaml:12:5", or where the value came from ("--set channel.bob.snr.mean_db")
    path     dotted path of the key, "" for the file as a whole
    message  what was found, what is allowed, and the likely slip
    """

    place: str
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.path, self.message) if part)


class ScenarioError(LinksimError):
    """All the faults of a scenario at once."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class DataError(LinksimError):
    """A data source that is missing, damaged or unknown."""


class ModelError(LinksimError):
    """A trained model that is missing, damaged or of another shape than its card says."""


class TraceError(LinksimError):
    """A trace that cannot be read, or must not be written over."""

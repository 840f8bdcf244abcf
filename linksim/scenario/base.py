"""What every block of a scenario is: a frozen, strict model; and how names and bare words are taken."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


def names_a_file(name: str) -> str:
    """A name that every system takes for a file. Raises ValueError for a trailing dot and for the names of Windows' devices."""
    if name.endswith("."):
        raise ValueError(f"got {name!r}, allowed: a name that does not end in a dot")
    if name.partition(".")[0].lower() in DEVICES:
        raise ValueError(f"got {name!r}, allowed: a name that is no device on Windows (con, nul, com1, ...)")
    return name


FileName = Annotated[str, Field(pattern=NAME), AfterValidator(names_a_file)]


class Options(BaseModel):
    """Base of every block: unknown keys are refused, nothing is converted, nothing can be changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def by_kind(value: Any) -> Any:
    """A bare word stands for a block with only its name: `none` for `{kind: none}`, `plain` for `{name: deepjscc}`."""
    return {"kind": value} if isinstance(value, str) else value


def by_attack(value: Any) -> Any:
    """`eve: none` for `eve: {attack: none}`."""
    return {"attack": value} if isinstance(value, str) else value

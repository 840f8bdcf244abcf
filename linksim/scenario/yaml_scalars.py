"""Unquoted words of YAML 1.2's core schema: null, booleans and numbers. Everything else is a string.

`1e-4` is a number; `off`, `no`, `1_000` and `12:30` are strings. A number with a leading zero (`010`) is refused because YAML 1.1 reads it
as octal, and one that is infinite, not a number or beyond 64 bits because no option means it.
"""

import math
import re

MAX_INTEGER = 2**64  # beyond, a number was not meant as a count or a seed

NULL = re.compile(r"(~|null|Null|NULL|)\Z")
BOOL = re.compile(r"(true|True|TRUE|false|False|FALSE)\Z")
INT = re.compile(r"([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
UNBOUNDED = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")
LEADING_ZERO = re.compile(r"[-+]?0[0-9]")


def plain_scalar(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar. Raises ValueError for a refused number.

    >>> [plain_scalar(text) for text in ("1e-4", "0x10", "true", "no", "~", "12:30")]
    [0.0001, 16, True, 'no', None, '12:30']
    """
    if NULL.match(text):
        return None
    if BOOL.match(text):
        return text.lower() == "true"
    whole, shown = INT.match(text), text[:40]
    if not (whole or FLOAT.match(text) or UNBOUNDED.match(text)):
        return text
    if LEADING_ZERO.match(text):
        raise ValueError(f"got {shown}, a number with a leading zero; leave the zero out, or quote it where a string is meant")
    number = math.inf if UNBOUNDED.match(text) or (whole and len(text) > 40) else int(text, 0) if whole else float(text)
    if not abs(number) < (MAX_INTEGER if whole else math.inf):
        raise ValueError(f"got {shown}, allowed: finite numbers, whole ones below 2**64")
    return number

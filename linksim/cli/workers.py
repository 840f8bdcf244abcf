"""The types of the options `--workers` and `--part`."""

import os
import re

import click


class Workers(click.ParamType[int]):
    """A number of processes, or "auto" for one per processor that this process may use."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == "auto":
            return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return int(click.IntRange(1, 1024).convert(str(value), param, ctx))  # type: ignore[arg-type]  # click's stub wants a number


class PartOfN(click.ParamType[tuple[int, int]]):
    """A part of N parts, "I/N" with I in 1..N."""

    name = "part"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", str(value), re.ASCII)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            self.fail(f"got {value!r}, allowed: I/N with I from 1 to N, such as 3/16", param, ctx)
        return int(found[1]), int(found[2])

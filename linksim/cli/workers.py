"""The type of the option `--workers`."""

import os

import click


class Workers(click.ParamType[int]):
    """A number of processes, or "auto" for one per processor that this process may use."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == "auto":
            return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return int(click.IntRange(1, 1024).convert(str(value), param, ctx))  # type: ignore[arg-type]  # click's stub wants a number

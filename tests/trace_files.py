"""Traces for the tests: small complete traces and one whose writer was killed."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from linksim.records import FrameSent, LinkCreated, columns
from linksim.trace.layout import RunMetadata
from linksim.trace.reader import open_trace
from linksim.trace.writer import TraceWriter

CONTRACT = Path(__file__).parents[1] / "docs" / "trace-format.md"
SHAPE = (3, 4, 5)
SHAPES = {("images", "pixels"): SHAPE}
MEANINGS = {("links", "group"): ("open", "sealed-2", "with_line")}
METADATA = RunMetadata("frames: 3 # ü\n", 2**63 - 1, {"linksim": "0.1.0", "h5py": "3"}, {"codec-6": "ab" * 32})
BLANK = {column.name: 0 for column in columns(FrameSent)}


def writer(path: Path, **options: Any) -> TraceWriter:
    return TraceWriter(path, METADATA, SHAPES, MEANINGS, **options)


def frame(i: int) -> FrameSent:
    return FrameSent(**{**BLANK, "time_ns": 1000 * i, "frame": i, "link": i % 64, "assumed_snr_db": i / 4})


def written(path: Path, rows: int = 700, complete: bool = True, **options: Any) -> Path:
    """Write a trace with `rows` frames and two links."""
    with writer(path, **options) as trace:
        trace(LinkCreated(link=0, group=0))
        trace(LinkCreated(link=1, group=2))
        for i in range(rows):
            trace(frame(i))
        trace.close("f00d", complete)
    return path


def left_open(path: Path) -> Path:
    """Write a trace in a process that exits without closing it."""
    child = f"""
    import os, sys
    sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]}
    from pathlib import Path
    from trace_files import frame, writer
    trace = writer(Path({str(path)!r}))
    for i in range(700):
        trace(frame(i))
    os._exit(0)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(child)], check=True)
    return path


def read_all(path: Path) -> None:
    with open_trace(path) as trace:
        for table in trace.tables():
            trace.table(table)

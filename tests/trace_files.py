"""Traces for the tests: small complete traces and one whose writer was killed."""

import subprocess
import sys
import textwrap
from dataclasses import fields
from pathlib import Path
from typing import Any

from linksim.negotiation import Bound
from linksim.records import FrameSent, LinkCreated, Record
from linksim.trace.layout import BLOCK, RunMetadata
from linksim.trace.reader import open_trace
from linksim.trace.writer import TraceWriter

CONTRACT = Path(__file__).parents[1] / "docs" / "trace-format.md"
SHAPE = (3, 4, 5)
SHAPES = {("images", "pixels"): SHAPE}
MEANINGS = {("links", "group"): ("open", "sealed-2", "with_line")}
PARAMETERS = (Bound("steps", 1, 50, "1", "diffusion steps"), Bound("guard_us", 0, 65535, "us", "guard interval"))
METADATA = RunMetadata(
    scenario_yaml="frames: 3 # ü\n",
    seed=2**63 - 1,
    versions={"linksim": "0.1.0", "h5py": "3"},
    models={"codec-6": "ab" * 32},
    components={"jammer/burst": "burst.py " + "cd" * 32},
    parameters=PARAMETERS,
)


def blank(record: type[Record]) -> dict[str, Any]:
    """Return 0 for each field of a record, and no values of negotiated parameters."""
    return {f.name: {} if "suffix" in f.metadata else 0 for f in fields(record)}


BLANK = blank(FrameSent)


def writer(path: Path, **options: Any) -> TraceWriter:
    return TraceWriter(path, METADATA, SHAPES, MEANINGS, **options)


def frame(i: int) -> FrameSent:
    """Return a frame record. Links with an even number negotiate `steps`, those with an odd number `guard_us`."""
    negotiated = {"guard_us": i} if i % 2 else {"steps": 1 + i % 50}
    return FrameSent(**{**BLANK, "time_ns": 1000 * i, "frame": i, "link": i % 64, "assumed_snr_db": i / 4, "parameters": negotiated})


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
    """Write a trace in a process that exits without closing it, after two blocks of rows and a part of the third."""
    child = f"""
    import os, sys
    sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]}
    from pathlib import Path
    from trace_files import frame, writer
    trace = writer(Path({str(path)!r}))
    for i in range({2 * BLOCK + 200}):
        trace(frame(i))
    os._exit(0)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(child)], check=True)
    return path


def read_all(path: Path) -> None:
    with open_trace(path) as trace:
        for table in trace.tables():
            trace.table(table)

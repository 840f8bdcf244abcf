"""Files that would lead the reader out of the file, out of memory or astray are refused in one line."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from trace_files import read_all, written

from linksim.errors import TraceError
from linksim.records import TABLES, FrameSent, columns
from linksim.trace import guard
from linksim.trace.reader import open_trace


def replaced(file: h5py.File, name: str, **how: Any) -> h5py.Dataset:
    """Another dataset in the place of a column, with the same type unless told."""
    dtype = file[name].dtype
    del file[name]
    return file.create_dataset(name, **{"dtype": dtype, **how})


def external_link(file: h5py.File) -> None:
    del file["frames"]
    file["frames"] = h5py.ExternalLink("other.h5", "/frames")


def external_column(file: h5py.File) -> None:
    del file["frames/uses"]
    file["frames/uses"] = h5py.ExternalLink("other.h5", "/frames/uses")


def soft_link(file: h5py.File) -> None:
    del file["frames/uses"]
    file["frames/uses"] = h5py.SoftLink("/frames/link")


def soft_counter(file: h5py.File) -> None:
    del file["committed/frames"]
    file["committed/frames"] = h5py.SoftLink("/frames/link")


def external_storage(file: h5py.File) -> None:
    replaced(file, "frames/uses", shape=(700,), external=[("/etc/hostname", 0, 2800)])


def virtual(file: h5py.File) -> None:
    plan = h5py.VirtualLayout((700,), np.int32)
    plan[:] = h5py.VirtualSource("other.h5", "frames/uses", (700,))
    del file["frames/uses"]
    file["frames"].create_virtual_dataset("channel_uses", plan)


def bomb(file: h5py.File) -> None:
    replaced(file, "jamming/link", shape=(20_000_000_000,), chunks=(1024,), maxshape=(None,))


def claimed_rows(file: h5py.File) -> None:
    """Enough to take all memory, not enough for the limit on what a file may declare."""
    for column in columns(FrameSent):
        file["frames"][column.name].resize(50_000_000, 0)
    file["committed/frames"][()] = 50_000_000


def claimed_once(file: h5py.File) -> None:
    """Only the last row is stored."""
    for column in columns(FrameSent):
        column_ = replaced(file, f"frames/{column.name}", shape=(50_000_000,), chunks=(1024,), maxshape=(None,))
        column_[-1] = 1
    file["committed/frames"][()] = 50_000_000


def large_chunk(file: h5py.File) -> None:
    replaced(file, "frames/uses", shape=(700,), chunks=(200_000_000,), maxshape=(None,), compression="gzip")


def other_filter(file: h5py.File) -> None:
    replaced(file, "frames/uses", data=np.zeros(700, np.int32), chunks=(700,), compression="lzf")


def short_column(file: h5py.File) -> None:
    file["frames/uses"].resize(699, 0)


def counter_beyond(file: h5py.File) -> None:
    file["committed/frames"][()] = 2**64 - 1


def text_column(file: h5py.File) -> None:
    replaced(file, "frames/uses", data=["x"] * 700, dtype=h5py.string_dtype())


def flat_image(file: h5py.File) -> None:
    replaced(file, "images/image", shape=(0,), chunks=(8,), maxshape=(None,))


def group_for_column(file: h5py.File) -> None:
    del file["frames/uses"]
    file.create_group("frames/uses")


def column_for_group(file: h5py.File) -> None:
    del file["frames"]
    file["frames"] = 3


def empty(file: h5py.File) -> None:
    for table in TABLES:
        del file[table.table]


def code_without_word(file: h5py.File) -> None:
    file["links/group"][1] = 7


def other_unit(file: h5py.File) -> None:
    file["frames/time_ns"].attrs["units"] = np.bytes_(b"s")


def scenario_of_variable_length(file: h5py.File) -> None:
    replaced(file, "scenario", data="a: 1", dtype=h5py.string_dtype())


def scenario_that_claims(file: h5py.File) -> None:
    replaced(file, "scenario", shape=(), dtype="S2000000000")


def no_scenario(file: h5py.File) -> None:
    del file["scenario"]


def attribute(name: str, value: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file.attrs[name]
        if value is not None:
            file.attrs[name] = np.bytes_(value.encode()) if isinstance(value, str) else value

    change.__name__ = f"{name} is {value!r:.20}"
    return change


HOSTILE = [
    (external_link, "is a link to somewhere else"),
    (external_column, "is a link to somewhere else"),
    (soft_link, "is a link to somewhere else"),
    (soft_counter, "is a link to somewhere else"),
    (external_storage, "from another file"),
    (virtual, "from another file"),
    (bomb, "claims 800000"),
    (claimed_rows, "claims 50000000 rows"),
    (claimed_once, "claims 50000000 rows"),
    (large_chunk, "chunks of more than 64 MiB"),
    (other_filter, "filter"),
    (short_column, "has 699 rows, its counter says 700"),
    (counter_beyond, "its counter says"),
    (text_column, "frames/uses is object"),
    (flat_image, "images/image is uint8 in 1 dimensions"),
    (group_for_column, "no dataset"),
    (column_for_group, "no group"),
    (empty, "none of the tables"),
    (code_without_word, "has words for 0..2"),
    (other_unit, "in 's', a trace has it in 'ns'"),
    (attribute("format", "netcdf"), "no trace of linksim"),
    (attribute("format", None), "no trace of linksim"),
    (attribute("format_version", 2), "version 2 of the trace format; this linksim reads version 1"),
    (attribute("format_version", "1"), "no integer"),
    (attribute("models", ["a"] * 3), "not a single value"),
    (attribute("models", 3), "no text"),
    (attribute("models", None), "no attribute"),
    (attribute("versions", b"{}"), "no text of fixed length"),
    (scenario_of_variable_length, "not one text"),
    (scenario_that_claims, "not one text"),
    (no_scenario, "/scenario is not there"),
    (attribute("versions", "{"), "cannot be read as a trace"),
    (attribute("versions", "[" * 100_000), "cannot be read as a trace"),
    (attribute("models", '{"codec": 1}'), "does not map names to words"),
    (attribute("models", '{"codec\\u001b[2J": "1"}'), "does not map names to words"),
    (attribute("fingerprint", "\x1b[2J"), "cannot be printed"),
    (attribute("fingerprint", np.bytes_(b"\xff")), "cannot be read as a trace"),
]


@pytest.mark.parametrize(("change", "message"), HOSTILE, ids=[change.__name__ for change, _ in HOSTILE])
def test_a_hostile_file_is_refused(tmp_path: Path, change: Callable[[h5py.File], None], message: str) -> None:
    written(tmp_path / "other.h5")
    path = written(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(TraceError, match=re.escape(message)) as fault:
        read_all(path)
    assert "\n" not in str(fault.value)


def test_what_is_no_trace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    (tmp_path / "none").write_bytes(b"")
    whole = written(tmp_path / "run.h5").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "head").write_bytes(whole[:20])
    h5py.File(tmp_path / "bare", "w").close()
    faults = {"text": "not an HDF5", "none": "not an HDF5", "cut": "truncated", "head": "cannot be read", "bare": "no trace of linksim"}
    for name, message in {**faults, "absent": "not there", ".": "not a file"}.items():
        with pytest.raises(TraceError, match=message) as fault:
            open_trace(tmp_path / name)
        assert "\n" not in str(fault.value)


def test_limits_are_those_of_the_contract() -> None:
    assert (guard.DECLARED_LIMIT, guard.DECLARED_RATIO) == (4 * 1024**3, 1000)

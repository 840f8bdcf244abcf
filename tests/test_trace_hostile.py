"""The reader rejects, with a message of one line, files that refer to other files, declare huge datasets or are malformed."""

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
    """Replace a dataset by another one, of the same type unless `how` has a dtype."""
    dtype, units = file[name].dtype, file[name].attrs.get("units")
    del file[name]
    dataset = file.create_dataset(name, **{"dtype": dtype, **how})
    if units is not None:
        dataset.attrs["units"] = units
    return dataset


def external_link(file: h5py.File) -> None:
    del file["frames"]
    file["frames"] = h5py.ExternalLink("other.h5", "/frames")


def external_column(file: h5py.File) -> None:
    del file["frames/channel_uses"]
    file["frames/channel_uses"] = h5py.ExternalLink("other.h5", "/frames/channel_uses")


def soft_link(file: h5py.File) -> None:
    del file["frames/channel_uses"]
    file["frames/channel_uses"] = h5py.SoftLink("/frames/link")


def soft_counter(file: h5py.File) -> None:
    del file["committed/frames"]
    file["committed/frames"] = h5py.SoftLink("/frames/link")


def external_storage(file: h5py.File) -> None:
    replaced(file, "frames/channel_uses", shape=(700,), external=[("/etc/hostname", 0, 2800)])


def virtual(file: h5py.File) -> None:
    plan = h5py.VirtualLayout((700,), np.int32)
    plan[:] = h5py.VirtualSource("other.h5", "frames/channel_uses", (700,))
    del file["frames/channel_uses"]
    file["frames"].create_virtual_dataset("channel_uses", plan)


def external_parameter(file: h5py.File) -> None:
    replaced(file, "frames/steps", shape=(700,), external=[("/etc/hostname", 0, 2800)])
    declare(file["frames/steps"], "steps")


def declare(dataset: h5py.Dataset, name: Any, lowest: int = 1, highest: int = 50) -> None:
    """Set the attributes of the column of a negotiated parameter."""
    dataset.attrs["negotiated"] = np.bytes_(name.encode()) if isinstance(name, str) else name
    dataset.attrs["units"], dataset.attrs["long_name"] = np.bytes_(b"1"), np.bytes_(b"steps")
    dataset.attrs["valid_range"] = np.array([lowest, highest], np.int32)


def parameter(name: Any, lowest: int = 1, highest: int = 50) -> Callable[[h5py.File], None]:
    """Return a change of the name or range of the parameter of the column `steps`."""

    def change(file: h5py.File) -> None:
        declare(file["frames/steps"], name, lowest, highest)

    change.__name__ = f"parameter {name!r} {lowest} {highest}"
    return change


def parameter_without_range(file: h5py.File) -> None:
    del file["frames/steps"].attrs["valid_range"]


def parameter_of_another_type(file: h5py.File) -> None:
    values = file["frames/steps"][:]
    declare(replaced(file, "frames/steps", data=values.astype(np.float32), dtype=np.float32), "steps")


def known_column_as_parameter(file: h5py.File) -> None:
    declare(file["frames/epoch"], "epoch")


def bomb(file: h5py.File) -> None:
    replaced(file, "jamming/link", shape=(20_000_000_000,), chunks=(1024,), maxshape=(None,))


def declared_rows(file: h5py.File) -> None:
    """Enough rows to exhaust the memory, but below the limit on the declared size."""
    for column in columns(FrameSent):
        file["frames"][column.name].resize(50_000_000, 0)
    file["committed/frames"][()] = 50_000_000


def sparse_rows(file: h5py.File) -> None:
    """Only the last row is stored."""
    for column in columns(FrameSent):
        column_ = replaced(file, f"frames/{column.name}", shape=(50_000_000,), chunks=(1024,), maxshape=(None,))
        column_[-1] = 1
    file["committed/frames"][()] = 50_000_000


def large_chunk(file: h5py.File) -> None:
    replaced(file, "frames/channel_uses", shape=(700,), chunks=(200_000_000,), maxshape=(None,), compression="gzip")


def other_filter(file: h5py.File) -> None:
    replaced(file, "frames/channel_uses", data=np.zeros(700, np.int32), chunks=(700,), compression="lzf")


def short_column(file: h5py.File) -> None:
    file["frames/channel_uses"].resize(699, 0)


def counter_beyond(file: h5py.File) -> None:
    file["committed/frames"][()] = 2**64 - 1


def text_column(file: h5py.File) -> None:
    replaced(file, "frames/channel_uses", data=["x"] * 700, dtype=h5py.string_dtype())


def flat_image(file: h5py.File) -> None:
    replaced(file, "images/pixels", shape=(0,), chunks=(8,), maxshape=(None,))


def group_for_column(file: h5py.File) -> None:
    del file["frames/channel_uses"]
    file.create_group("frames/channel_uses")


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


def huge_scenario(file: h5py.File) -> None:
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
    (external_link, "is a soft or external link"),
    (external_column, "is a soft or external link"),
    (soft_link, "is a soft or external link"),
    (soft_counter, "is a soft or external link"),
    (external_storage, "from another file"),
    (virtual, "from another file"),
    (external_parameter, "from another file"),
    (parameter("guard_us"), "is not the column of a negotiated parameter"),
    (parameter("steps", 50, 1), "is not the column of a negotiated parameter"),
    (parameter("steps", -1, 1), "is not the column of a negotiated parameter"),
    (parameter("steps", 0, 65536), "is not the column of a negotiated parameter"),
    (parameter("\x1b[2J"), "unprintable"),
    (parameter(3), "not a text"),
    (parameter_without_range, "no attribute"),
    (parameter_of_another_type, "frames/steps has type float32"),
    (known_column_as_parameter, "is not the column of a negotiated parameter"),
    (bomb, "declares 800000"),
    (declared_rows, "declares 50000000 rows"),
    (sparse_rows, "declares 50000000 rows"),
    (large_chunk, "chunks of more than 64 MiB"),
    (other_filter, "filter"),
    (short_column, "has 699 rows, its counter says 700"),
    (counter_beyond, "its counter says"),
    (text_column, "frames/channel_uses has type object"),
    (flat_image, "images/pixels has type uint8 and 1 dimensions"),
    (group_for_column, "not a dataset"),
    (column_for_group, "not a group"),
    (empty, "none of the tables"),
    (code_without_word, "the words are those of 0..2"),
    (other_unit, "unit 's'; a trace has 'ns'"),
    (attribute("format", "netcdf"), "not a trace of linksim"),
    (attribute("format", None), "not a trace of linksim"),
    (attribute("format_version", 1), "version 1 of the trace format; this linksim reads version 3"),
    (attribute("format_version", "1"), "not an integer"),
    (attribute("models", ["a"] * 3), "not a single value"),
    (attribute("models", 3), "not a text"),
    (attribute("models", None), "no attribute"),
    (attribute("versions", b"{}"), "not a text of fixed length"),
    (scenario_of_variable_length, "not one text"),
    (huge_scenario, "not one text"),
    (no_scenario, "/scenario is missing"),
    (attribute("versions", "{"), "cannot be read as a trace"),
    (attribute("versions", "[" * 100_000), "cannot be read as a trace"),
    (attribute("models", '{"codec": 1}'), "does not map names to printable texts"),
    (attribute("models", '{"codec\\u001b[2J": "1"}'), "does not map names to printable texts"),
    (attribute("fingerprint", "\x1b[2J"), "unprintable"),
    (attribute("fingerprint", np.bytes_(b"\xff")), "cannot be read as a trace"),
]


@pytest.mark.parametrize(("change", "message"), HOSTILE, ids=[change.__name__ for change, _ in HOSTILE])
def test_a_hostile_file_is_rejected(tmp_path: Path, change: Callable[[h5py.File], None], message: str) -> None:
    written(tmp_path / "other.h5")
    path = written(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(TraceError, match=re.escape(message)) as error:
        read_all(path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_a_trace_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    (tmp_path / "none").write_bytes(b"")
    whole = written(tmp_path / "run.h5").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "head").write_bytes(whole[:20])
    h5py.File(tmp_path / "bare", "w").close()
    messages = {
        "text": "not an HDF5",
        "none": "not an HDF5",
        "cut": "truncated",
        "head": "cannot be read",
        "bare": "not a trace of linksim",
    }
    for name, message in {**messages, "absent": "does not exist", ".": "not a file"}.items():
        with pytest.raises(TraceError, match=message) as error:
            open_trace(tmp_path / name)
        assert "\n" not in str(error.value)


def test_the_limits_are_those_of_the_documentation() -> None:
    assert (guard.DECLARED_LIMIT, guard.DECLARED_RATIO) == (4 * 1024**3, 1000)

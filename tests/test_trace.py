"""The trace: what is written comes back, in our reader and in others', from finished, growing and unfinished files; hostile ones do not."""

import hashlib
import itertools
import os
import re
import subprocess
import sys
import textwrap
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linksim.errors import TraceError
from linksim.records import TABLES, Column, FrameSent, Jam, Lane, Picture, Quality, Record, columns
from linksim.trace import guard, layout
from linksim.trace.layout import BLOCK, RunAbout
from linksim.trace.reader import open_trace
from linksim.trace.repair import repair
from linksim.trace.writer import TraceWriter

CONTRACT = Path(__file__).parents[1] / "docs" / "trace-format.md"
SHAPE = (3, 4, 5)
SHAPES = {("pictures", "image"): SHAPE}
MEANINGS = {("lanes", "group"): ("open", "sealed-2", "with_line")}
ABOUT = RunAbout("frames: 3 # ü\n", 2**63 - 1, {"linksim": "0.1.0", "h5py": "3"}, {"codec-6": "ab" * 32})
BLANK = {column.name: 0 for column in columns(FrameSent)}


def writer(path: Path, **options: Any) -> TraceWriter:
    return TraceWriter(path, ABOUT, SHAPES, MEANINGS, **options)


def frame(i: int) -> FrameSent:
    return FrameSent(**{**BLANK, "time_ns": 1000 * i, "frame": i, "lane": i % 64, "believed_snr_db": i / 4})


def written(path: Path, rows: int = 700, complete: bool = True, **options: Any) -> Path:
    """A trace with `rows` frames and two lanes."""
    with writer(path, **options) as trace:
        trace(Lane(0, 0))
        trace(Lane(1, 2))
        for i in range(rows):
            trace(frame(i))
        trace.close("f00d", complete)
    return path


def left_open(path: Path) -> Path:
    """A trace whose writer was killed: it wrote and closed in a process that ended without a word."""
    child = f"""
    import os, sys
    sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]}
    from pathlib import Path
    from test_trace import frame, writer
    trace = writer(Path({str(path)!r}))
    for i in range(700):
        trace(frame(i))
    os._exit(0)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(child)], check=True)
    return path


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return left_open(tmp_path_factory.mktemp("killed") / "run.h5")


def cell(column: Column, words: tuple[str, ...]) -> st.SearchStrategy[Any]:
    if column.name == "image":
        return st.binary(min_size=60, max_size=60).map(lambda raw: np.frombuffer(raw, np.uint8).reshape(SHAPE))
    if words:
        return st.integers(0, len(words) - 1)
    if column.dtype.kind == "f":
        return st.floats(width=8 * column.dtype.itemsize)  # infinities and NaN among them
    limits = np.iinfo(column.dtype)
    return st.integers(0 if column.unit == "ns" else int(limits.min), int(limits.max))


def rows_of(table: type[Record]) -> st.SearchStrategy[Record]:
    return st.builds(table, **{c.name: cell(c, MEANINGS.get((table.table, c.name), c.meanings)) for c in columns(table)})


def record_lists() -> st.SearchStrategy[list[Record]]:
    return st.lists(st.sampled_from(TABLES).flatmap(rows_of), max_size=40)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=record_lists(), pauses=st.integers(1, 50), compression=st.sampled_from(["none", "gzip"]))
def test_every_record_comes_back_bit_for_bit(tmp_path: Path, kept: list[Record], pauses: int, compression: Any) -> None:
    with writer(tmp_path / "run.h5", overwrite=True, compression=compression) as trace:
        for i, record in enumerate(kept):
            trace(record)
            if i % pauses == 0:
                trace.flush()
        trace.close("f00d")
    with open_trace(tmp_path / "run.h5") as read:
        for table in TABLES:
            rows, found = [r for r in kept if type(r) is table], read.table(table.table)
            assert len(found) == read.rows(table.table) == len(rows)
            for column in columns(table):
                wanted = np.array([getattr(r, column.name) for r in rows], column.dtype).reshape(found[column.name].shape)
                assert found[column.name].tobytes() == wanted.tobytes() or column.dtype.kind == "f"
                np.testing.assert_array_equal(found[column.name], wanted)
                assert found[column.name].dtype == column.dtype


def test_images_of_any_memory_layout_are_kept(tmp_path: Path) -> None:
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3).transpose(2, 0, 1)  # colour last in memory
    with writer(tmp_path / "run.h5") as trace:
        trace(Picture(0, 0, 0, 0, 0, image))
        trace(Picture(0, 0, 1, 0, 0, image))
        trace.close("f00d")
    with open_trace(tmp_path / "run.h5") as read:
        np.testing.assert_array_equal(read.table("pictures")["image"], np.stack([image, image]))


def test_what_the_run_was_comes_back(tmp_path: Path) -> None:
    with open_trace(written(tmp_path / "deep" / "er" / "run.h5")) as trace:
        assert trace.about == ABOUT
        assert (trace.scenario_yaml, trace.seed, trace.versions, trace.models) == (
            ABOUT.scenario_yaml,
            2**63 - 1,
            ABOUT.versions,
            ABOUT.models,
        )
        assert (trace.complete, trace.fingerprint, trace.repaired) == (True, "f00d", False)


def test_a_scenario_may_be_larger_than_an_attribute(tmp_path: Path) -> None:
    long = RunAbout("lane: 17 # é\n" * 50_000, 1, {}, {})
    with TraceWriter(tmp_path / "run.h5", long, SHAPES, {}) as trace:
        trace.close("")
    with open_trace(tmp_path / "run.h5") as read:
        assert read.scenario_yaml == long.scenario_yaml


def test_tables_are_read_in_slices(tmp_path: Path) -> None:
    with open_trace(written(tmp_path / "run.h5")) as trace:
        for start, stop in [(0, 10), (250, 600), (690, 800), (5, 5), (9, 3), (900, None), (0, None), (-3, None)]:
            assert trace.table("frames", start, stop)["frame"].tolist() == list(range(700))[start:stop]


def test_words_and_units_come_with_the_columns(tmp_path: Path) -> None:
    with open_trace(written(tmp_path / "run.h5")) as trace:
        assert trace.table("lanes").meanings("group") == ("open", "sealed-2", "with_line")
        for table in TABLES:
            read = trace.table(table.table)
            for column in columns(table):
                assert read.units(column.name) == column.unit
                assert read.meanings(column.name) == MEANINGS.get((table.table, column.name), column.meanings)
        with pytest.raises(TraceError, match="did you mean 'time_ns'"):
            trace.table("frames")["tine_ns"]
        with pytest.raises(TraceError, match="did you mean 'quality'"):
            trace.table("qualty")


def test_flags_follow_the_cf_convention(tmp_path: Path) -> None:
    with h5py.File(written(tmp_path / "run.h5")) as file:
        for table, column in ((t, c) for t in TABLES for c in columns(t)):
            attributes = file[table.table][column.name].attrs
            words = MEANINGS.get((table.table, column.name), column.meanings)
            assert attributes["long_name"].decode() == column.about
            assert attributes.get("units", b"").decode() == column.unit
            assert ("flag_values" in attributes) == bool(words)
            if words:
                assert attributes["flag_values"].dtype == column.dtype
                assert attributes["flag_meanings"].decode().split() == [w.replace(" ", "_") for w in words]
                assert attributes["flag_values"].tolist() == list(range(len(words)))


@pytest.mark.parametrize("words", [("a", "a"), ("a b", "a_b"), ("",), ("a\tb",)])
def test_words_that_would_run_together_are_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="must differ"):
        TraceWriter(tmp_path / "run.h5", ABOUT, SHAPES, {("lanes", "group"): words})
    assert list(tmp_path.iterdir()) == []


def test_xarray_opens_every_group(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    pytest.importorskip("h5netcdf", reason="h5netcdf is not installed")
    path = tmp_path / "run.h5"
    with writer(path) as trace:
        trace(Picture(5, 1, 2, 0, 1, np.arange(60, dtype=np.uint8).reshape(SHAPE)))
        for i in range(300):
            trace(frame(i))
        trace.close("f00d")
    with xarray.open_dataset(path) as opened:
        assert opened.attrs["fingerprint"] == "f00d"
        assert opened["scenario"].item().decode() == ABOUT.scenario_yaml
    assert int(xarray.open_dataset(path, group="committed")["frames"]) == 300
    for table in TABLES:
        with xarray.open_dataset(path, group=table.table) as opened:
            assert opened.attrs["title"] == table.about
            assert list(opened.data_vars) == [c.name for c in columns(table)]
            for column in columns(table):
                assert opened[column.name].dims[0] == "row"
                assert opened[column.name].dtype == column.dtype
                assert opened[column.name].attrs["long_name"] == column.about
                assert opened[column.name].attrs.get("units", "") == column.unit
    with xarray.open_dataset(path, group="pictures") as opened:
        assert opened["image"].dims == ("row", "colour", "height", "width")
        assert opened["image"].values[0].ravel().tolist() == list(range(60))
    with xarray.open_dataset(path, group="frames") as opened:
        assert opened["frame"].sel(row=slice(10, 12)).values.tolist() == [10, 11, 12]


def test_same_run_same_bytes(tmp_path: Path) -> None:
    one, two = (written(tmp_path / name, rows=3000).read_bytes() for name in ("a.h5", "b.h5"))
    time.sleep(1.1)  # HDF5 would keep whole seconds
    child = f"""
    import sys
    sys.path[:0] = {sys.path}
    from pathlib import Path
    from test_trace import written
    written(Path(sys.argv[1]), rows=3000)
    """
    environment = {**os.environ, "PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", textwrap.dedent(child), str(tmp_path / "c.h5")], check=True, env=environment)
    assert hashlib.sha256(one).digest() == hashlib.sha256(two).digest() == hashlib.sha256((tmp_path / "c.h5").read_bytes()).digest()


def test_nothing_is_written_over_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    path.write_text("precious")
    with pytest.raises(TraceError, match=r"run\.h5 exists.*--overwrite"):
        writer(path)
    assert path.read_text() == "precious"
    written(path, overwrite=True)
    with open_trace(path) as trace:
        assert trace.complete
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_taken_meanwhile_is_respected(tmp_path: Path) -> None:
    path, temporary = tmp_path / "run.h5", tmp_path / "run.h5.new"
    path.write_text("precious")
    temporary.write_text("new")
    with pytest.raises(FileExistsError):
        layout.publish(temporary, path, overwrite=False)
    assert path.read_text() == "precious"


def test_a_place_that_cannot_hold_a_trace_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "run.h5", Path("/proc/nowhere/run.h5"), tmp_path / ("x" * 300)):
        with pytest.raises(TraceError, match="cannot be written") as fault:
            writer(path)
        assert "\n" not in str(fault.value)


def test_a_full_disk_is_a_trace_error_and_what_was_committed_stays(tmp_path: Path) -> None:
    child = f"""
    import resource, sys
    sys.path[:0] = {sys.path}
    from pathlib import Path
    from test_trace import frame, writer
    from linksim.errors import TraceError
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    try:
        with writer(Path(sys.argv[1])) as trace:
            for i in range(100_000):
                trace(frame(i))
    except TraceError as fault:
        sys.exit(f"refused: {{fault}}")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(child), str(tmp_path / "run.h5")], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("refused: ")
    assert "cannot be written" in done.stderr
    with open_trace(tmp_path / "run.h5") as trace:
        frames = trace.table("frames")
        assert not trace.complete
        assert len(frames) >= BLOCK
        assert frames["frame"].tolist() == list(range(len(frames)))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (Jam(-1, 5, 0, 0.0, 0.0, 0.0), r"jamming\.time_ns.*at least 0"),
        (Lane(2**31, 0), r"lanes\.lane"),
        (Lane(1, 3), r"lanes\.group.*words for 0\.\.2"),
        (Lane(1.5, 0), r"lanes\.lane"),  # type: ignore[arg-type]
        (Picture(0, 0, 0, 0, 0, np.zeros((3, 5, 4), np.uint8)), r"pictures\.image: it holds uint8 \[3, 4, 5\], got uint8 \[3, 5, 4\]"),
        (Picture(0, 0, 0, 0, 0, np.zeros(SHAPE, np.float32)), r"pictures\.image"),
    ],
)
def test_a_record_that_its_table_cannot_hold_is_refused_and_the_rest_is_kept(tmp_path: Path, record: Record, message: str) -> None:
    with writer(tmp_path / "run.h5") as trace:
        trace(frame(7))
        trace(record)
        with pytest.raises(ValueError, match=message):
            trace.flush()
    with open_trace(tmp_path / "run.h5") as read:
        assert read.table("frames")["frame"].tolist() == [7]
        assert read.rows(record.table) == 0


def test_shapes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for shapes in ({}, {("pictures", "image"): (60,)}, SHAPES | {("frames", "uses"): SHAPE}):
        with pytest.raises(ValueError, match="shapes must give"):
            TraceWriter(tmp_path / "run.h5", ABOUT, shapes, {})


def test_leaving_by_an_exception_keeps_all_rows_and_is_not_complete(tmp_path: Path) -> None:
    def run() -> None:
        with writer(tmp_path / "run.h5") as trace:
            trace(frame(3))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    with open_trace(tmp_path / "run.h5") as read:
        assert (read.complete, read.rows("frames")) == (False, 1)


def test_reading_while_it_is_written(tmp_path: Path) -> None:
    """In this process, and in another one, which holds the file open while it grows."""
    path = tmp_path / "run.h5"
    follow = f"""
    import sys
    sys.path[:0] = {sys.path}
    from linksim.trace.reader import open_trace
    with open_trace(sys.argv[1]) as trace:
        for line in sys.stdin:
            trace.refresh()
            print(trace.rows("frames"), int(trace.table("frames")["frame"].sum()), trace.complete, flush=True)
    """
    with writer(path) as trace:
        child = [sys.executable, "-c", textwrap.dedent(follow), str(path)]
        with open_trace(path) as here, subprocess.Popen(child, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as there:
            assert there.stdin is not None
            assert there.stdout is not None
            for i in range(5 * 200):
                trace(frame(i))
                if i % 200 == 199:
                    rows = (i + 1) // BLOCK * BLOCK
                    there.stdin.write("look\n")
                    there.stdin.flush()
                    assert there.stdout.readline().split() == [str(rows), str(rows * (rows - 1) // 2), "False"]
                    here.refresh()
                    assert here.table("frames")["frame"].tolist() == list(range(rows))
            there.stdin.close()
            trace.close("f00d")
            assert not here.complete
            here.refresh()
            assert (here.complete, here.fingerprint, here.rows("frames")) == (True, "f00d", 1000)


def test_committed_grows_block_by_block(tmp_path: Path) -> None:
    with writer(tmp_path / "run.h5") as trace:
        seen = []
        for i in range(600):
            trace(frame(i))
            seen.append(trace.committed(FrameSent))
        assert seen == [(i + 1) // BLOCK * BLOCK for i in range(600)]
        trace.flush()
        assert trace.committed(FrameSent) == 600


def test_memory_that_python_holds_is_flat_in_run_length(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        tracemalloc.start()
        written(tmp_path / "run.h5", rows, overwrite=True)
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held

    short = peak(2_000)
    assert peak(15_000) < 1.1 * short


def test_memory_that_hdf5_holds_is_flat_in_run_length(tmp_path: Path) -> None:
    child = f"""
    import resource, sys
    sys.path[:0] = {sys.path}
    from pathlib import Path
    from test_trace import frame, writer
    frames = [frame(i) for i in range(1000)]
    for rows in (10_000, 200_000):
        with writer(Path(sys.argv[1]), overwrite=True) as trace:
            for i in range(rows):
                trace(frames[i % 1000])
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(child), str(tmp_path / "run.h5")], capture_output=True, text=True, check=True
    )
    short, long = map(int, done.stdout.split())
    assert long - short < 4_000  # KiB; the rows in between are 8,000 KiB in the file


def test_an_unfinished_trace_opens_up_to_what_was_committed(killed: Path) -> None:
    with pytest.raises(OSError, match="already open for write"):
        h5py.File(killed)
    with open_trace(killed) as trace:
        assert trace.table("frames")["frame"].tolist() == list(range(2 * BLOCK))
        assert (trace.complete, trace.fingerprint) == (False, "")


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_repair_keeps_rows_words_and_scenario(tmp_path: Path, compression: Any) -> None:
    source = written(tmp_path / "run.h5", 9000, complete=False, compression=compression)
    report = repair(source, tmp_path / "out" / "clean.h5")
    assert report.path == tmp_path / "out" / "clean.h5"
    assert report.rows == {"lanes": 2, "frames": 9000} | {t.table: 0 for t in TABLES if t not in (Lane, FrameSent)}
    with open_trace(source) as before, open_trace(report.path) as after:
        assert (after.complete, after.repaired, after.about, after.fingerprint) == (False, True, ABOUT, "f00d")
        assert after.compression == before.compression == compression
        for table in TABLES:
            one, two = before.table(table.table), after.table(table.table)
            for column in columns(table):
                np.testing.assert_array_equal(one[column.name], two[column.name])
                assert one.meanings(column.name) == two.meanings(column.name)


def test_repair_in_place_makes_a_file_that_others_open(tmp_path: Path, killed: Path) -> None:
    path = tmp_path / "run.h5"
    path.write_bytes(killed.read_bytes())
    assert repair(path).rows["frames"] == 2 * BLOCK
    assert list(tmp_path.iterdir()) == [path]
    with h5py.File(path) as file:
        assert file["frames/frame"][:].tolist() == list(range(2 * BLOCK))
        assert (file.attrs["complete"], file.attrs["repaired"]) == (0, 1)
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    pytest.importorskip("h5netcdf", reason="h5netcdf is not installed")
    assert xarray.open_dataset(path, group="frames").sizes["row"] == 2 * BLOCK


def test_repair_refuses_what_needs_none_and_what_it_would_lose(tmp_path: Path, killed: Path) -> None:
    with pytest.raises(TraceError, match="nothing to repair"):
        repair(written(tmp_path / "run.h5"))
    with pytest.raises(TraceError, match="exists"):
        repair(killed, tmp_path / "run.h5")
    lacking = written(tmp_path / "old.h5", complete=False)
    with h5py.File(lacking, "r+") as file:
        del file["frames/uses"]
    with pytest.raises(TraceError, match=r"lacks frames\.uses"):
        repair(lacking)


def test_tables_and_columns_of_other_versions_are_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        file.create_group("policy").create_dataset("reward", data=[1.0])
        file["frames"].create_dataset("colour", data=["red"])
        del file["frames/uses"], file["jamming"]
    with open_trace(path) as trace:
        assert set(trace.table("frames").columns) == {c.name for c in columns(FrameSent)} - {"uses"}
        with pytest.raises(TraceError, match="no column 'uses'"):
            trace.table("frames")["uses"]
        with pytest.raises(TraceError, match="no table 'jamming'"):
            trace.rows("jamming")


def read_all(path: Path) -> None:
    with open_trace(path) as trace:
        for table in trace.tables():
            trace.table(table)


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
    file["frames/uses"] = h5py.SoftLink("/frames/lane")


def soft_counter(file: h5py.File) -> None:
    del file["committed/frames"]
    file["committed/frames"] = h5py.SoftLink("/frames/lane")


def external_storage(file: h5py.File) -> None:
    replaced(file, "frames/uses", shape=(700,), external=[("/etc/hostname", 0, 2800)])


def virtual(file: h5py.File) -> None:
    plan = h5py.VirtualLayout((700,), np.int32)
    plan[:] = h5py.VirtualSource("other.h5", "frames/uses", (700,))
    del file["frames/uses"]
    file["frames"].create_virtual_dataset("uses", plan)


def bomb(file: h5py.File) -> None:
    replaced(file, "jamming/lane", shape=(20_000_000_000,), chunks=(1024,), maxshape=(None,))


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
    replaced(file, "pictures/image", shape=(0,), chunks=(8,), maxshape=(None,))


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
    file["lanes/group"][1] = 7


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
    (flat_image, "pictures/image is uint8 in 1 dimensions"),
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


def test_an_unfinished_file_that_was_cut_is_refused_or_read_right(tmp_path: Path, killed: Path) -> None:
    """HDF5 reads zeros beyond the end of an unfinished file; the reader must not."""
    whole = killed.read_bytes()
    cut, refused = tmp_path / "cut.h5", 0
    for size in range(0, len(whole), len(whole) // 40):
        cut.write_bytes(whole[:size])
        try:
            with open_trace(cut) as trace:
                assert trace.table("frames")["frame"].tolist() == list(range(2 * BLOCK))
                assert trace.table("frames")["believed_snr_db"].tolist() == [i / 4 for i in range(2 * BLOCK)]
        except TraceError:
            refused += 1
    assert refused > 10


def test_limits_are_those_of_the_contract() -> None:
    assert (guard.DECLARED_LIMIT, guard.DECLARED_RATIO) == (4 * 1024**3, 1000)


def test_the_examples_of_the_contract_run(tmp_path: Path) -> None:
    for package in ("xarray", "h5netcdf", "matplotlib"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    with writer(tmp_path / "run.h5") as trace:
        for i in range(20):
            trace(Quality(1000 * i, 0, i, 0, i % 2, 3, 3, 0.01, 20.0 + i % 2, 0.9))
        trace.close("f00d")
    examples = re.findall(r"```python\n(.*?)```", CONTRACT.read_text(), re.DOTALL)
    assert len(examples) == 4
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": str(Path(__file__).parents[1])}
    run = [sys.executable, "-c", "".join(examples)]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("21.0 dB\n")
    assert done.stdout.splitlines()[-1] == f"{2**63 - 1} True 20.5 dB"


def contract_rows() -> Iterator[tuple[str, str, str, str, str]]:
    for section in re.split(r"^### ", CONTRACT.read_text(), flags=re.MULTILINE)[1:]:
        table = section.split("`")[1]
        for line in section.splitlines():
            if line.startswith("| `"):
                name, kind, unit, about = (part.strip().strip("`") for part in line.strip("|\n ").split("|"))
                yield table, name, kind, unit, about


def test_the_contract_lists_the_columns_as_they_are() -> None:
    def about(table: type[Record], column: Column) -> str:
        return column.about + (f": {', '.join(column.meanings)}" if column.meanings else "")

    here = [
        (t.table, c.name, f"{c.dtype}" + ("[colour, height, width]" if (t.table, c.name) in layout.ARRAYS else ""), c.unit, about(t, c))
        for t, c in itertools.chain.from_iterable(zip(itertools.repeat(t), columns(t)) for t in TABLES)
    ]
    assert list(contract_rows()) == here

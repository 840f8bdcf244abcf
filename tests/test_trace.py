"""A trace returns what was written, and the writer rejects what does not fit."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trace_files import MEANINGS, METADATA, PARAMETERS, SHAPE, SHAPES, blank, frame, writer, written

from linksim.errors import TraceError
from linksim.negotiation import Bound
from linksim.records import (
    FILL,
    TABLES,
    Column,
    FrameSent,
    ImageScore,
    JammingInterval,
    KeptImage,
    LinkCreated,
    ParameterDecision,
    Record,
    columns,
)
from linksim.trace.layout import RunMetadata
from linksim.trace.reader import open_trace
from linksim.trace.writer import TraceWriter


def values_of(column: Column, words: tuple[str, ...]) -> st.SearchStrategy[Any]:
    if column.name == "pixels":
        return st.binary(min_size=60, max_size=60).map(lambda raw: np.frombuffer(raw, np.uint8).reshape(SHAPE))
    if words:
        return st.integers(0, len(words) - 1)
    if column.dtype.kind == "f":
        return st.floats(width=8 * column.dtype.itemsize)  # includes infinities and NaN
    limits = np.iinfo(column.dtype)
    return st.integers(0 if column.unit == "ns" or column.optional else int(limits.min), int(limits.max))


def rows_of(table: type[Record]) -> st.SearchStrategy[Record]:
    """Records with any values. Optional values and negotiated parameters may be absent."""
    plain, mappings = dict[str, st.SearchStrategy[Any]](), dict[str, dict[str, st.SearchStrategy[Any]]]()
    for column in columns(table, PARAMETERS):
        values = values_of(column, MEANINGS.get((table.table, column.name), column.meanings))
        if column.key:
            mappings.setdefault(column.field, {})[column.key] = values
        else:
            plain[column.name] = st.none() | values if column.optional else values
    return st.builds(table, **plain, **{name: st.fixed_dictionaries({}, optional=by_key) for name, by_key in mappings.items()})


def value_in(record: Record, column: Column) -> Any:
    """Return the value that the trace stores."""
    value = getattr(record, column.field)
    value = value.get(column.key) if column.key else value
    return column.fill if value is None else value


def kept_image(pixels: np.ndarray[Any, Any]) -> KeptImage:
    return KeptImage(time_ns=0, link=0, frame=0, image=0, node=0, pixels=pixels)


def record_lists() -> st.SearchStrategy[list[Record]]:
    return st.lists(st.sampled_from(TABLES).flatmap(rows_of), max_size=40)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=record_lists(), pauses=st.integers(1, 50), compression=st.sampled_from(["none", "gzip"]))
def test_every_record_is_read_back_bit_for_bit(tmp_path: Path, kept: list[Record], pauses: int, compression: Any) -> None:
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
            assert list(found.columns) == [column.name for column in columns(table, PARAMETERS)]
            for column in columns(table, PARAMETERS):
                wanted = np.array([value_in(r, column) for r in rows], column.dtype).reshape(found[column.name].shape)
                assert found[column.name].tobytes() == wanted.tobytes() or column.dtype.kind == "f"
                np.testing.assert_array_equal(found[column.name], wanted)
                assert found[column.name].dtype == column.dtype


def test_images_of_any_memory_layout_are_stored(tmp_path: Path) -> None:
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3).transpose(2, 0, 1)  # colour last in memory
    with writer(tmp_path / "run.h5") as trace:
        trace(kept_image(image))
        trace(kept_image(image))
        trace.close("f00d")
    with open_trace(tmp_path / "run.h5") as read:
        np.testing.assert_array_equal(read.table("images")["pixels"], np.stack([image, image]))


def test_the_metadata_of_the_run_is_read_back(tmp_path: Path) -> None:
    with open_trace(written(tmp_path / "deep" / "er" / "run.h5")) as trace:
        assert trace.metadata == METADATA
        assert (trace.scenario_yaml, trace.seed, trace.versions, trace.models) == (
            METADATA.scenario_yaml,
            2**63 - 1,
            METADATA.versions,
            METADATA.models,
        )
        assert (trace.complete, trace.fingerprint, trace.repaired) == (True, "f00d", False)


def test_a_scenario_may_be_larger_than_an_attribute(tmp_path: Path) -> None:
    long = RunMetadata("link: 17 # é\n" * 50_000, 1, {}, {})
    with TraceWriter(tmp_path / "run.h5", long, SHAPES, {}) as trace:
        trace.close("")
    with open_trace(tmp_path / "run.h5") as read:
        assert read.scenario_yaml == long.scenario_yaml


def test_absent_values_and_parameters_of_other_schemes_are_filled(tmp_path: Path) -> None:
    score = ImageScore(**blank(ImageScore) | dict.fromkeys(("psnr_db", "mse", "ssim", "erased", "class_clean")))
    decision = ParameterDecision(**blank(ParameterDecision) | {"before": {"steps": 3}, "parameters": {"steps": 5}})
    with writer(tmp_path / "run.h5") as trace:
        for record in (score, frame(0), frame(1), decision):
            trace(record)
        trace.close("f00d")
    with open_trace(tmp_path / "run.h5") as read:
        scores, frames, decisions = (read.table(name) for name in ("scores", "frames", "decisions"))
        assert np.isnan([scores[name][0] for name in ("psnr_db", "mse", "ssim")]).all()
        assert [scores[name][0] for name in ("erased", "class_clean", "class_received")] == [FILL, FILL, 0]
        assert (frames["steps"].tolist(), frames["guard_us"].tolist()) == ([1, FILL], [FILL, 1])
        assert (frames.units("guard_us"), frames.descriptions["guard_us"].description) == ("us", "guard interval")
        columns_of = {"steps_before": [3], "guard_us_before": [FILL], "steps": [5], "guard_us": [FILL]}
        assert {name: decisions[name].tolist() for name in columns_of} == columns_of


@pytest.mark.parametrize("name", ["outcome", "row", "steps_before"])
def test_a_parameter_with_the_name_of_another_column_is_rejected(tmp_path: Path, name: str) -> None:
    metadata = replace(METADATA, parameters=(*PARAMETERS, Bound(name, 0, 1, "1", "")))
    with pytest.raises(TraceError, match=rf"name of another column of the trace: \w+\.{name}"):
        TraceWriter(tmp_path / "run.h5", metadata, SHAPES, MEANINGS)
    assert list(tmp_path.iterdir()) == []


def test_tables_are_read_in_slices(tmp_path: Path) -> None:
    with open_trace(written(tmp_path / "run.h5")) as trace:
        for start, stop in [(0, 10), (250, 600), (690, 800), (5, 5), (9, 3), (900, None), (0, None), (-3, None)]:
            assert trace.table("frames", start, stop)["frame"].tolist() == list(range(700))[start:stop]


def test_columns_have_words_and_units(tmp_path: Path) -> None:
    with open_trace(written(tmp_path / "run.h5")) as trace:
        assert trace.table("links").meanings("group") == ("open", "sealed-2", "with_line")
        for table in TABLES:
            read = trace.table(table.table)
            for column in columns(table, PARAMETERS):
                assert read.descriptions[column.name].description == column.description
                assert read.units(column.name) == column.unit
                assert read.meanings(column.name) == MEANINGS.get((table.table, column.name), column.meanings)
        with pytest.raises(TraceError, match="did you mean 'time_ns'"):
            trace.table("frames")["tine_ns"]
        with pytest.raises(TraceError, match="did you mean 'scores'"):
            trace.table("scorse")


@pytest.mark.parametrize("words", [("a", "a"), ("a b", "a_b"), ("",), ("a\tb",)])
def test_ambiguous_words_of_a_code_are_rejected(tmp_path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="must be distinct"):
        TraceWriter(tmp_path / "run.h5", METADATA, SHAPES, {("links", "group"): words})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (JammingInterval(time_ns=-1, end_ns=5, link=0, jsr_bob_db=0.0, jsr_eve_db=0.0, energy=0.0), r"jamming\.time_ns.*at least 0"),
        (LinkCreated(link=2**31, group=0), r"links\.link"),
        (LinkCreated(link=1, group=3), r"links\.group.*words are those of 0\.\.2"),
        (LinkCreated(link=1.5, group=0), r"links\.link"),  # type: ignore[arg-type]
        (kept_image(np.zeros((3, 5, 4), np.uint8)), r"images\.pixels: expected uint8 \[3, 4, 5\], got uint8 \[3, 5, 4\]"),
        (kept_image(np.zeros(SHAPE, np.float32)), r"images\.pixels"),
    ],
)
def test_a_record_that_does_not_fit_its_table_is_rejected_and_the_others_are_written(tmp_path: Path, record: Record, message: str) -> None:
    with writer(tmp_path / "run.h5") as trace:
        trace(frame(7))
        trace(record)
        with pytest.raises(ValueError, match=message):
            trace.flush()
    with open_trace(tmp_path / "run.h5") as read:
        assert read.table("frames")["frame"].tolist() == [7]
        assert read.rows(record.table) == 0


def test_shapes_that_do_not_fit_are_rejected(tmp_path: Path) -> None:
    for shapes in ({}, {("images", "pixels"): (60,)}, SHAPES | {("frames", "channel_uses"): SHAPE}):
        with pytest.raises(ValueError, match="shapes must give"):
            TraceWriter(tmp_path / "run.h5", METADATA, shapes, {})


def test_unknown_tables_and_columns_are_ignored_and_missing_ones_are_reported(tmp_path: Path) -> None:
    path = written(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        file.create_group("policy").create_dataset("reward", data=[1.0])
        file["frames"].create_dataset("colour", data=["red"])
        del file["frames/channel_uses"], file["jamming"]
    with open_trace(path) as trace:
        assert set(trace.table("frames").columns) == {c.name for c in columns(FrameSent, PARAMETERS)} - {"channel_uses"}
        with pytest.raises(TraceError, match="no column 'channel_uses'"):
            trace.table("frames")["channel_uses"]
        with pytest.raises(TraceError, match="no table 'jamming'"):
            trace.rows("jamming")

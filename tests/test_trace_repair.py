"""Unfinished traces are read up to the last committed row and can be repaired."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from trace_files import METADATA, PARAMETERS, left_open, written

from linksim.errors import TraceError
from linksim.records import TABLES, FrameSent, LinkCreated, columns
from linksim.trace.layout import BLOCK
from linksim.trace.reader import open_trace
from linksim.trace.repair import repair


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return left_open(tmp_path_factory.mktemp("killed") / "run.h5")


def test_an_unfinished_trace_has_its_committed_rows(killed: Path) -> None:
    with pytest.raises(OSError, match="already open for write"):
        h5py.File(killed)
    with open_trace(killed) as trace:
        assert trace.table("frames")["frame"].tolist() == list(range(2 * BLOCK))
        assert (trace.complete, trace.fingerprint) == (False, "")


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_repair_preserves_rows_words_and_scenario(tmp_path: Path, compression: Any) -> None:
    source = written(tmp_path / "run.h5", 9000, complete=False, compression=compression)
    report = repair(source, tmp_path / "out" / "clean.h5")
    assert report.path == tmp_path / "out" / "clean.h5"
    assert report.rows == {"links": 2, "frames": 9000} | {t.table: 0 for t in TABLES if t not in (LinkCreated, FrameSent)}
    with open_trace(source) as before, open_trace(report.path) as after:
        assert (after.complete, after.repaired, after.metadata, after.fingerprint) == (False, True, METADATA, "f00d")
        assert after.compression == before.compression == compression
        for table in TABLES:
            one, two = before.table(table.table), after.table(table.table)
            for column in columns(table, PARAMETERS):
                np.testing.assert_array_equal(one[column.name], two[column.name])
                assert one.meanings(column.name) == two.meanings(column.name)


def test_other_tools_open_a_trace_repaired_in_place(tmp_path: Path, killed: Path) -> None:
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


def test_repair_rejects_complete_traces_existing_targets_and_missing_columns(tmp_path: Path, killed: Path) -> None:
    with pytest.raises(TraceError, match="nothing to repair"):
        repair(written(tmp_path / "run.h5"))
    with pytest.raises(TraceError, match="exists"):
        repair(killed, tmp_path / "run.h5")
    lacking = written(tmp_path / "old.h5", complete=False)
    with h5py.File(lacking, "r+") as file:
        del file["frames/channel_uses"]
    with pytest.raises(TraceError, match=r"lacks the column frames\.channel_uses"):
        repair(lacking)
    lacking = written(tmp_path / "other.h5", complete=False)
    with h5py.File(lacking, "r+") as file:
        del file["decisions/steps_before"]
    with pytest.raises(TraceError, match=r"lacks the column decisions\.steps_before"):
        repair(lacking)


def test_a_truncated_unfinished_file_is_rejected_or_read_correctly(tmp_path: Path, killed: Path) -> None:
    """HDF5 reads zeros beyond the end of an unfinished file; the reader must not return them."""
    whole = killed.read_bytes()
    cut, refused = tmp_path / "cut.h5", 0
    for size in range(0, len(whole), len(whole) // 16):
        cut.write_bytes(whole[:size])
        try:
            with open_trace(cut) as trace:
                assert trace.table("frames")["frame"].tolist() == list(range(2 * BLOCK))
                assert trace.table("frames")["assumed_snr_db"].tolist() == [i / 4 for i in range(2 * BLOCK)]
        except TraceError:
            refused += 1
    assert refused > 4

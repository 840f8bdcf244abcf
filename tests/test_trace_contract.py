"""docs/trace-format.md and other tools: the columns are those of the page, its examples run, xarray opens every group."""

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from trace_files import ABOUT, CONTRACT, MEANINGS, SHAPE, frame, writer, written

from linksim.records import TABLES, Column, ImageScore, KeptImage, Record, columns
from linksim.trace import layout


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


def test_xarray_opens_every_group(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    pytest.importorskip("h5netcdf", reason="h5netcdf is not installed")
    path = tmp_path / "run.h5"
    with writer(path) as trace:
        trace(KeptImage(5, 1, 2, 0, 1, np.arange(60, dtype=np.uint8).reshape(SHAPE)))
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
    with xarray.open_dataset(path, group="images") as opened:
        assert opened["image"].dims == ("row", "colour", "height", "width")
        assert opened["image"].values[0].ravel().tolist() == list(range(60))
    with xarray.open_dataset(path, group="frames") as opened:
        assert opened["frame"].sel(row=slice(10, 12)).values.tolist() == [10, 11, 12]


def test_the_examples_of_the_contract_run(tmp_path: Path) -> None:
    for package in ("xarray", "h5netcdf", "matplotlib"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    with writer(tmp_path / "run.h5") as trace:
        for i in range(20):
            trace(ImageScore(1000 * i, 0, i, 0, i % 2, 3, 3, -1, -1, 0.01, 20.0 + i % 2, 0.9, 0))
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

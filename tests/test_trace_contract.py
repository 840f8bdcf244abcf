"""docs/trace-format.md lists the columns as they are, its examples run, and xarray opens every group of a trace."""

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
from trace_files import CONTRACT, MEANINGS, METADATA, PARAMETERS, SHAPE, frame, writer, written

from linksim.records import TABLES, Column, ImageScore, KeptImage, columns
from linksim.trace import layout
from linksim.trace.reader import open_trace
from linksim.views import VIEWS


def test_flags_follow_the_cf_convention(tmp_path: Path) -> None:
    with h5py.File(written(tmp_path / "run.h5")) as file:
        for table, column in ((t, c) for t in TABLES for c in columns(t, PARAMETERS)):
            attributes = file[table.table][column.name].attrs
            assert ("_FillValue" in attributes) == column.optional
            if column.optional:
                assert attributes["_FillValue"].dtype == column.dtype
                np.testing.assert_array_equal(attributes["_FillValue"], column.fill)
            assert ("negotiated" in attributes) == ("valid_range" in attributes) == bool(column.key)
            if column.key:
                (bound,) = [bound for bound in PARAMETERS if bound.name == column.key]
                assert attributes["negotiated"].decode() == bound.name
                assert attributes["valid_range"].dtype == column.dtype
                assert attributes["valid_range"].tolist() == [bound.lowest, bound.highest]
            words = MEANINGS.get((table.table, column.name), column.meanings)
            assert attributes["long_name"].decode() == column.description
            assert attributes["units"].decode() == column.unit
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
        pixels = np.arange(60, dtype=np.uint8).reshape(SHAPE)
        trace(KeptImage(time_ns=5, link=1, frame=2, image=0, node=1, pixels=pixels))
        for i in range(300):
            trace(frame(i))
        trace.close("f00d")
    with xarray.open_dataset(path) as opened:
        assert opened.attrs["fingerprint"] == "f00d"
        assert opened["scenario"].item().decode() == METADATA.scenario_yaml
    assert int(xarray.open_dataset(path, group="committed")["frames"]) == 300
    for table in TABLES:
        with xarray.open_dataset(path, group=table.table) as opened:
            assert opened.attrs["title"] == table.title
            assert [name for name, variable in opened.variables.items() if "units" not in variable.attrs] == []
            assert list(opened.data_vars) == [c.name for c in columns(table, PARAMETERS)]
            for column in columns(table, PARAMETERS):
                assert opened[column.name].dims[0] == "row"
                assert opened[column.name].dtype.kind == ("f" if column.optional else column.dtype.kind)  # an absent integer is read as NaN
                assert opened[column.name].attrs["long_name"] == column.description
                assert opened[column.name].attrs["units"] == column.unit
    with xarray.open_dataset(path, group="images") as opened:
        assert opened["pixels"].dims == ("row", "colour", "height", "width")
        assert opened["pixels"].values[0].ravel().tolist() == list(range(60))
    with xarray.open_dataset(path, group="frames") as opened:
        assert opened["frame"].sel(row=slice(10, 12)).values.tolist() == [10, 11, 12]
        np.testing.assert_array_equal(opened["steps"].values[10:13], [11, np.nan, 13])


def test_the_examples_of_the_page_run(tmp_path: Path) -> None:
    for package in ("xarray", "h5netcdf", "matplotlib"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    with writer(tmp_path / "run.h5") as trace:
        for i in range(20):
            trace(
                ImageScore(
                    time_ns=1000 * i,
                    link=0,
                    frame=i,
                    image=0,
                    receiver=i % 2,
                    dataset_index=i,
                    label=3,
                    class_received=3,
                    mse=0.01,
                    psnr_db=20.0 + i % 2,
                    ssim=0.9,
                    erased=0,
                )
            )
        trace.close("f00d")
    examples = re.findall(r"```python\n(.*?)```", CONTRACT.read_text(), re.DOTALL)
    assert len(examples) == 4
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": str(Path(__file__).parents[1])}
    run = [sys.executable, "-c", "".join(examples)]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("21.0 dB\n")
    assert done.stdout.splitlines()[-1] == f"{2**63 - 1} True 20.5 dB"


def page_rows() -> Iterator[tuple[str, str, str, str, str]]:
    for section in re.split(r"^### ", CONTRACT.read_text(), flags=re.MULTILINE)[1:]:
        table = section.split("`")[1]
        for line in section.splitlines():
            if line.startswith("| `"):
                name, dtype, unit, description = (part.strip().strip("`") for part in line.strip("|\n ").split("|"))
                yield table, name, dtype, unit, description


def test_the_page_lists_the_columns_as_they_are() -> None:
    def description(column: Column) -> str:
        return column.description + (f": {', '.join(column.meanings)}" if column.meanings else "")

    here = [
        (t.table, c.name, f"{c.dtype}" + ("[colour, height, width]" if (t.table, c.name) in layout.ARRAYS else ""), c.unit, description(c))
        for t, c in itertools.chain.from_iterable(zip(itertools.repeat(t), columns(t)) for t in TABLES)
    ]
    assert [row for row in page_rows() if row[0] not in VIEWS] == here


def test_the_page_lists_the_columns_of_views_as_they_are(tmp_path: Path) -> None:
    """But for those that a view takes from its first table unchanged."""
    with open_trace(written(tmp_path / "run.h5")) as trace:
        views = {name: view(trace).descriptions for name, view in VIEWS.items()}
        base = {"image_rows": trace.table("scores").descriptions, "decision_rewards": trace.table("decisions").descriptions}
    here = [
        (view, column.name, f"{column.dtype}", column.unit, column.description)
        for view, columns in views.items()
        for column in columns.values()
        if column.name not in base[view] and not column.key
    ]
    assert [row for row in page_rows() if row[0] in VIEWS] == here

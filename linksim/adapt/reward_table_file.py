"""The reward table as a file, models/NAME.h5: one HDF5 dataset per component on dimension scales, so that xarray and h5web open it as it is.

    /t_d [a]   /t_plus [b]   /snr_db [c]                            scales, with units and long_name
    /ssim   /adv   /err   /robust   /clean      [a, b, c]           float64, plain: no chunks, no filters
    attributes of the file: format, format_version, images

The reader trusts nothing: hard links only, values within the file, of exactly these types and no more of them than the file holds.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from linksim.adapt.reward_table import MOST_NODES, RewardTable
from linksim.errors import ModelError
from linksim.nets.weights import find_file

FORMAT, VERSION = "linksim-reward-table", 1
LARGEST_FILE = 64 << 20
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

AXES = {  # name -> type, unit, long name
    "t_d": (np.int64, "1", "steps of diffusion at Alice"),
    "t_plus": (np.int64, "1", "further steps of denoising at Bob"),
    "snr_db": (np.float64, "dB", "SNR of the AWGN path, Es/N0 per complex symbol"),
}
COMPONENTS = {
    "ssim": "mean structural similarity of what Bob has with the original, under attack",
    "adv": "share of images that arrive as the attack wants (DiffuSeC Eq. 28)",
    "err": "share of images that arrive as a third class (DiffuSeC Eq. 30)",
    "robust": "accuracy under attack",
    "clean": "accuracy without attack; NaN where it was not measured",
}


def write_reward_table(reward_table: RewardTable, path: Path) -> None:
    """Write it whole or not at all; the same bytes for the same reward table."""
    fresh = path.with_suffix(".part")
    with h5py.File(fresh, "w") as file:
        file.attrs["format"] = _text(FORMAT)
        file.attrs["format_version"] = np.int64(VERSION)
        file.attrs["images"] = np.int64(reward_table.images)
        for name, (dtype, unit, about) in AXES.items():
            axis = file.create_dataset(name, data=getattr(reward_table, name).astype(dtype))
            axis.attrs["units"], axis.attrs["long_name"] = _text(unit), _text(about)
            axis.make_scale(name)
        for name, about in COMPONENTS.items():
            cells = file.create_dataset(name, data=getattr(reward_table, name).astype(np.float64))
            cells.attrs["units"], cells.attrs["long_name"] = _text("1"), _text(about)
            for place, axis_name in enumerate(AXES):
                cells.dims[place].attach_scale(file[axis_name])
    os.replace(fresh, path)


def _text(value: str) -> NDArray[np.bytes_]:
    """Of fixed length: HDF5 keeps other texts in a heap, and may look for them in a damaged heap for ever."""
    return np.array(value.encode(), h5py.string_dtype("utf-8", len(value.encode())))


def load_reward_table(name: str) -> RewardTable:
    """The reward table of that name among the trained models, verified against its card. Raises ModelError, in one line, as `load_model` does."""
    return read_reward_table(find_file(name, "reward-table"))


def read_reward_table(path: Path) -> RewardTable:
    """Raises ModelError, in one line, for a file that is missing, damaged, or anything but a reward table."""
    with _reading(path):
        if path.stat().st_size > LARGEST_FILE:
            raise ModelError(f"{path}: larger than {LARGEST_FILE >> 20} MiB")
        raw = path.read_bytes()
        if not raw.startswith(HDF5_MAGIC):
            raise ModelError(f"{path}: not an HDF5 file, as a reward table is")
        with h5py.File(io.BytesIO(raw), "r") as file:
            if _attribute(file, "format", "S") != FORMAT.encode():
                raise ModelError(f"{path}: an HDF5 file, but no reward table of linksim")
            if (version := int(_attribute(file, "format_version", "i"))) != VERSION:
                raise ModelError(f"{path}: has version {version} of the reward table format; this linksim reads version {VERSION}")
            axes = {name: _values(file, name, np.dtype(dtype), 1) for name, (dtype, _, _) in AXES.items()}
            cells = {name: _values(file, name, np.dtype(np.float64), 3) for name in COMPONENTS}
            return RewardTable(**axes, **cells, images=int(_attribute(file, "images", "i")))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever HDF5 says of a damaged file becomes one ModelError that names it."""
    try:
        yield
    except ModelError:
        raise
    except Exception as fault:  # HDF5 raises almost any class on damaged bytes; the cause is kept
        raise ModelError(
            f"{path}: cannot be read as a reward table ({' '.join(str(fault).split())[:200] or type(fault).__name__})"
        ) from fault


def _attribute(file: h5py.File, name: str, kind: str) -> Any:
    """A single value of numpy's kind "i" (integer) or "S" (text of fixed length)."""
    if name not in file.attrs:
        raise ValueError(f"no attribute {name!r}")
    about = file.attrs.get_id(name)
    if about.shape != () or about.dtype.kind != kind:
        raise ValueError(f"attribute {name!r} is of type {about.dtype} and shape {about.shape}")
    return np.asarray(file.attrs[name])[()] if kind == "i" else bytes(file.attrs[name])


def _values(file: h5py.File, name: str, dtype: np.dtype[Any], dimensions: int) -> NDArray[Any]:
    """All of a plain dataset."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink) or not isinstance(file[name], h5py.Dataset):
        raise ValueError(f"no dataset {name!r} in the file itself")
    found = file[name]
    if found.dtype != dtype or found.ndim != dimensions or not all(size <= MOST_NODES for size in found.shape):
        raise ValueError(f"{name} is {found.dtype} of shape {found.shape}, a reward table has {dtype} in {dimensions} dimensions")
    if found.is_virtual or found.external or found.chunks or found.id.get_storage_size() != found.size * dtype.itemsize:
        raise ValueError(f"{name} is not stored plainly in the file")
    values: NDArray[Any] = found[()]
    return values

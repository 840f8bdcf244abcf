"""The file format of the reward table, models/NAME.h5: one HDF5 dataset per component with dimension scales, readable by xarray and h5web.

    /t_d [a]   /t_plus [b]   /snr_db [c]                            dimension scales, with units and long_name
    /ssim   /adv   /err   /robust   /clean      [a, b, c]           float64, contiguous and unfiltered
    attributes of the file: format, format_version, images

The reader accepts hard links only, requires exactly these types, and reads no more values than the file stores. HDF5 would otherwise follow
links to other files, call filters, and allocate whatever size a header states. `tests/test_reward_table.py` damages files at random.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from linksim.adapt.reward_table import MAX_NODES, RewardTable
from linksim.errors import ModelError
from linksim.files import atomic_write
from linksim.nets.cards import read_card
from linksim.nets.weights import find_table

FORMAT, VERSION = "linksim-reward-table", 1
MAX_FILE_BYTES = 64 << 20
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

AXES = {  # name -> type, unit, long name
    "t_d": (np.int64, "1", "diffusion steps at Alice"),
    "t_plus": (np.int64, "1", "additional denoising steps at Bob"),
    "snr_db": (np.float64, "dB", "SNR of the AWGN channel, Es/N0 per complex symbol"),
}
COMPONENTS = {
    "ssim": "mean structural similarity of reconstructed and original images, under attack",
    "adv": "share of images on which the attack succeeds (DiffuSeC Eq. 28)",
    "err": "share of images that are classified as a third class (DiffuSeC Eq. 30)",
    "robust": "accuracy under attack",
    "clean": "accuracy without attack; NaN if not measured",
}


def write_reward_table(reward_table: RewardTable, path: Path) -> None:
    """Write a reward table. An existing file is replaced only once the new one is complete; equal tables give equal bytes.

    reward_table  the measurements
    path          file to write, NAME.h5; its folder must exist
    """
    with atomic_write(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["format"] = _text(FORMAT)
        file.attrs["format_version"] = np.int64(VERSION)
        file.attrs["images"] = np.int64(reward_table.images)
        for name, (dtype, unit, description) in AXES.items():
            axis = file.create_dataset(name, data=getattr(reward_table, name).astype(dtype))
            axis.attrs["units"], axis.attrs["long_name"] = _text(unit), _text(description)
            axis.make_scale(name)
        for name, description in COMPONENTS.items():
            cells = file.create_dataset(name, data=getattr(reward_table, name).astype(np.float64))
            cells.attrs["units"], cells.attrs["long_name"] = _text("1"), _text(description)
            for dimension, axis_name in enumerate(AXES):
                cells.dims[dimension].attach_scale(file[axis_name])


def _text(value: str) -> NDArray[np.bytes_]:
    """A string of fixed length. HDF5 stores variable-length strings in a heap, and a damaged heap can make it loop forever."""
    return np.array(value.encode(), h5py.string_dtype("utf-8", len(value.encode())))


def load_reward_table(name: str) -> RewardTable:
    """Load a reward table from the model folders and verify it against its card.

    name  name of the model, for example "diffusec-reward-table"

    Raises ModelError if the table is missing or damaged, or if its digest is not that of its card.
    """
    return read_reward_table(find_table(name, "reward-table"))


def split_of(name: str, kind: str = "reward-table") -> str:
    """Return the split of the images that a table was measured on, "train" or "test", according to its card; "unknown" without it.

    name  name of the model
    kind  kind of the table

    Raises ModelError as `load_reward_table` does.
    """
    card = read_card(find_table(name, kind).with_suffix(".yaml"))
    return str(card.training.get("split", "unknown"))


def read_reward_table(path: Path) -> RewardTable:
    """Read a reward table. Raises ModelError with a one-line message if the file is missing, damaged, or not a reward table."""
    with _reading(path):
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(f"{path}: larger than {MAX_FILE_BYTES >> 20} MiB")
        raw = path.read_bytes()
        if not raw.startswith(HDF5_MAGIC):
            raise ModelError(f"{path}: not an HDF5 file, so not a reward table")
        with h5py.File(io.BytesIO(raw), "r") as file:
            if _attribute(file, "format", "S") != FORMAT.encode():
                raise ModelError(f"{path}: an HDF5 file, but not a linksim reward table")
            if (version := int(_attribute(file, "format_version", "i"))) != VERSION:
                raise ModelError(f"{path}: format version {version}; this version of linksim reads version {VERSION}")
            axes = {name: _values(file, name, np.dtype(dtype), 1) for name, (dtype, _, _) in AXES.items()}
            cells = {name: _values(file, name, np.dtype(np.float64), 3) for name in COMPONENTS}
            return RewardTable(**axes, **cells, images=int(_attribute(file, "images", "i")))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Convert any error that a damaged file causes into a ModelError that names the file."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # HDF5 raises almost any class on damaged bytes; the cause is kept
        raise ModelError(
            f"{path}: cannot be read as a reward table ({' '.join(str(error).split())[:200] or type(error).__name__})"
        ) from error


def _attribute(file: h5py.File, name: str, kind: str) -> Any:
    """A scalar attribute of numpy kind "i" (integer) or "S" (string of fixed length)."""
    if name not in file.attrs:
        raise ValueError(f"no attribute {name!r}")
    attribute = file.attrs.get_id(name)
    if attribute.shape != () or attribute.dtype.kind != kind:
        raise ValueError(f"attribute {name!r} is of type {attribute.dtype} and shape {attribute.shape}")
    return np.asarray(file.attrs[name])[()] if kind == "i" else bytes(file.attrs[name])


def _values(file: h5py.File, name: str, dtype: np.dtype[Any], dimensions: int) -> NDArray[Any]:
    """All values of a contiguous, unfiltered dataset of the given type and number of dimensions."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink) or not isinstance(file[name], h5py.Dataset):
        raise ValueError(f"no dataset {name!r} in the file itself")
    found = file[name]
    if found.dtype != dtype or found.ndim != dimensions or not all(size <= MAX_NODES for size in found.shape):
        raise ValueError(f"{name} is {found.dtype} of shape {found.shape}, a reward table needs {dtype} in {dimensions} dimensions")
    if found.is_virtual or found.external or found.chunks or found.id.get_storage_size() != found.size * dtype.itemsize:
        raise ValueError(f"{name} must be stored contiguously and unfiltered in the file")
    values: NDArray[Any] = found[()]
    return values

"""Weights of the networks that score images: perceptual distance and face recognition.

The files are npz archives in the folder `weights` of $LINKSIM_DATA. They are trained by others, are not part of linksim, and are never
downloaded at run time: what needs them says so and names the file.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linksim.data.formats import user_folder
from linksim.data.validation import reading
from linksim.errors import DataError

FILES = {  # name of the network -> file of its weights
    "lpips": "lpips_alex_f16.npz",
    "face-recogniser-a": "dlib_face_resnet_f16.npz",
    "face-recogniser-b": "hse_faceres_f16.npz",
}


def weights_file(name: str) -> Path | None:
    """Return the file of the weights of network `name`, a key of `FILES`, or None if it is not on this machine."""
    folder = user_folder()
    path = None if folder is None else folder / "weights" / FILES[name]
    return path if path is not None and path.is_file() else None


def read_weights(name: str) -> dict[str, NDArray[np.float32]]:
    """Read the arrays of the weights of network `name`, converted to float32.

    Raises DataError if the file is missing or damaged.
    """
    path = weights_file(name)
    if path is None:
        raise DataError(f"no weights of {name!r}: set LINKSIM_DATA to a folder with weights/{FILES[name]}")
    with reading(path), np.load(path, allow_pickle=False) as stored:
        return {key: stored[key].astype(np.float32) for key in stored.files}

"""Faces of Labeled Faces in the Wild in two formats: aligned 128 x 128 crops (npz), and the public archive of deep-funneled photographs.

Both formats give the same people, order, labels and split, but not the same pixels. Each crop of the npz was rotated, scaled and shifted
so that five facial landmarks lie at fixed points. The photographs of the archive are all cropped at the same position, the mean of those
crops.

The splits are those of the official development lists peopleDevTrain.txt and peopleDevTest.txt (Huang et al., 2007), which share no person.
A codec is thus evaluated on people whom it has not seen. A label is the number of a person among all people of the archive.
"""

import io
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from linksim.data.archives import members
from linksim.data.images import ImageDataset
from linksim.data.validation import reading, validate

SIDE = 128
PHOTO = 250  # side of a photograph in the archive
CROP = (41, 35, 209, 203)  # left, top, right, bottom in a photograph: the mean position of the npz's crops, 168 pixels wide
VIEW = {"train": 1, "test": 2}  # code of each split in the npz's key view1, after the official development lists
LISTS = {"train": "peopleDevTrain.txt", "test": "peopleDevTest.txt"}
ARCHIVE = "lfw-deepfunneled.tgz"
MAX_BYTES = 1 << 20  # upper bound on the size of one photograph; the largest has about 30 kB
MEMBER = re.compile(r"lfw-deepfunneled/(?P<name>[^/]+)/(?P=name)_(?P<number>\d{4})\.jpg")


def read_npz(path: Path, split: str) -> ImageDataset:
    """Read the crops of the people in `split` from an npz. Raises DataError if the file is damaged.

    x_webp  uint8 [bytes], the WebP files of all crops one after another
    x_ends  [n], end of each file in `x_webp`
    person  [n], label: index of the person in `names`
    names   text [people]
    view1   [people], 1 for a person of the training split, 2 for one of the test split

    Returns images uint8 [n, 128, 128, 3] in the order of the file.
    """
    with reading(path):
        with np.load(path, allow_pickle=False) as stored:
            raw, ends, person = stored["x_webp"].tobytes(), stored["x_ends"], stored["person"].astype(np.int64)
            names, view = stored["names"], stored["view1"]
        starts = np.r_[0, ends[:-1]]
        chosen = np.flatnonzero(view[person] == VIEW[split])
        crops = [_decode(raw[starts[i] : ends[i]], "WEBP", SIDE) for i in chosen]
        images = np.stack([np.asarray(crop) for crop in crops])
    return ImageDataset(images, person[chosen], tuple(map(str, names)))


def read_archive(folder: Path, split: str) -> ImageDataset:
    """Read one crop per photograph of `split` from the public archive and its list of people, sorted by person and number.

    folder  folder of the archive and the lists, as `linksim data fetch faces` fills it
    split   "train" or "test"

    Returns images uint8 [n, 128, 128, 3]. A label is the index of a person among the sorted names of all people in the archive. Raises
    DataError if a file is damaged, or if archive and list name different photographs.
    """
    people, path = read_people(folder / LISTS[split]), folder / ARCHIVE
    names: set[str] = set()
    crops: dict[tuple[str, int], NDArray[np.uint8]] = {}
    with reading(path):
        for member, content in members(path, lambda name: MEMBER.fullmatch(name) is not None, MAX_BYTES):
            found = MEMBER.fullmatch(member)
            assert found is not None  # guaranteed by the filter above
            names.add(found["name"])
            if found["name"] in people:
                crops[found["name"], int(found["number"])] = crop(_decode(content, "JPEG", PHOTO))
    classes = tuple(sorted(names))
    label_of = {name: label for label, name in enumerate(classes)}
    missing = {(name, number) for name, count in people.items() for number in range(1, count + 1)} ^ crops.keys()
    validate(not missing, path, f"and {LISTS[split]} differ in {len(missing)} photographs, e.g. {min(missing, default=None)}")
    order = sorted(crops)
    return ImageDataset(np.stack([crops[key] for key in order]), np.array([label_of[name] for name, _ in order], np.int64), classes)


def read_people(path: Path) -> dict[str, int]:
    """Read an official list of people and return the number of photographs by name.

    The first line holds the number of people, each further line "Name<tab>photographs". Raises DataError if the two disagree.
    """
    with reading(path):
        head, *rows = path.read_text("ascii").split("\n")
        people = {name: int(count) for name, count in (row.split("\t") for row in rows if row.strip())}
        count = int(head)
    validate(len(people) == count, path, f"lists {len(people)} people, its first line says {count}")
    return people


def crop(photo: Image.Image) -> NDArray[np.uint8]:
    """Crop an RGB photograph of 250 x 250 pixels to uint8 [128, 128, 3], with bicubic interpolation.

    >>> crop(Image.new("RGB", (250, 250), "white")).shape
    (128, 128, 3)
    """
    return np.asarray(photo.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=CROP))


def _decode(blob: bytes, kind: str, side: int) -> Image.Image:
    """Decode a square image of format `kind` to RGB. Raises ValueError for another size, before any memory is taken for it."""
    image = Image.open(io.BytesIO(blob), formats=[kind])
    if image.size != (side, side):
        raise ValueError(f"an image has {image.size[0]} x {image.size[1]} pixels, expected {side} x {side}")
    return image.convert("RGB")

"""Faces of Labeled Faces in the Wild: aligned 128 x 128 crops (npz), or cut from the public archive of deep-funneled photographs.

Both give the same people, order, labels and split, not the same pixels: each crop of the npz was turned, scaled and shifted until five
landmarks of the face came to lie on fixed points, and here all photographs are cut at one place, the mean of those crops.
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
CROP = (41, 35, 209, 203)  # left, top, right, bottom in it: the mean place of the npz's crops, 168 pixels wide
VIEW = {"train": 1, "test": 2}  # people of view 1, by the official development lists
LISTS = {"train": "peopleDevTrain.txt", "test": "peopleDevTest.txt"}
ARCHIVE = "lfw-deepfunneled.tgz"
MOST_BYTES = 1 << 20  # of one photograph; the largest has about 30 kB
MEMBER = re.compile(r"lfw-deepfunneled/(?P<name>[^/]+)/(?P=name)_(?P<number>\d{4})\.jpg")


def read_npz(path: Path, split: str) -> ImageDataset:
    """Keys x_webp, x_ends [n], person [n], names, view1 (1 or 2 per person) -> the crops of the people of `split`."""
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
    """The public archive and its list of people for `split` -> one crop per photograph, by person and number.

    A label is the place of a person among the sorted names of all people in the archive.
    """
    people, path = read_people(folder / LISTS[split]), folder / ARCHIVE
    names: set[str] = set()
    crops: dict[tuple[str, int], NDArray[np.uint8]] = {}
    with reading(path):
        for member, content in members(path, lambda name: MEMBER.fullmatch(name) is not None, MOST_BYTES):
            found = MEMBER.fullmatch(member)
            assert found is not None  # the filter above
            names.add(found["name"])
            if found["name"] in people:
                crops[found["name"], int(found["number"])] = crop(_decode(content, "JPEG", PHOTO))
    classes = tuple(sorted(names))
    place = {name: label for label, name in enumerate(classes)}
    missing = {(name, number) for name, count in people.items() for number in range(1, count + 1)} ^ crops.keys()
    validate(not missing, path, f"and {LISTS[split]} differ in {len(missing)} photographs, e.g. {min(missing, default=None)}")
    order = sorted(crops)
    return ImageDataset(np.stack([crops[key] for key in order]), np.array([place[name] for name, _ in order], np.int64), classes)


def read_people(path: Path) -> dict[str, int]:
    """An official list of people (their number, then a line "Name<tab>photographs" for each) -> photographs by name."""
    with reading(path):
        head, *rows = path.read_text("ascii").split("\n")
        people = {name: int(count) for name, count in (row.split("\t") for row in rows if row.strip())}
        count = int(head)
    validate(len(people) == count, path, f"lists {len(people)} people, its first line says {count}")
    return people


def crop(photo: Image.Image) -> NDArray[np.uint8]:
    """RGB, 250 x 250 -> uint8 [128, 128, 3]."""
    return np.asarray(photo.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=CROP))


def _decode(blob: bytes, kind: str, side: int) -> Image.Image:
    image = Image.open(io.BytesIO(blob), formats=[kind])
    if image.size != (side, side):  # known before a pixel is decoded
        raise ValueError(f"an image has {image.size[0]} x {image.size[1]} pixels, expected {side} x {side}")
    return image.convert("RGB")

"""Image datasets by name: which exist, which are on this machine, and loading them with verification against published checksums.

A dataset may be stored in several formats. `load` reads the first that is on this machine, and compares the decoded images and labels with
a digest that all formats share, so that results do not depend on where a user got the files from. Only the formats of `faces` differ in
their pixels.
"""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linksim.data import formats, mnist
from linksim.data.downloads import ORIGINS
from linksim.data.formats import DEBIAN, SourceFormat, Split
from linksim.data.images import ImageDataset
from linksim.data.validation import validate
from linksim.errors import DataError
from linksim.registry import suggest

__all__ = ["SOURCES", "ImageDataset", "Source", "SourceStatus", "describe_sources", "load"]

SPLITS: tuple[Split, ...] = ("train", "test")


@dataclass(frozen=True)
class Source:
    """A known dataset.

    description  what it contains
    licence      terms of use and the work to cite
    formats      file formats in order of preference; the first one that is present is read
    counts       number of images in (train, test); equal, and counted once, if the dataset has only one split
    sha256       digest of the bytes of images and labels of (train, test), equal for all formats; None if the formats differ in pixels
    """

    description: str
    licence: str
    formats: tuple[SourceFormat, ...]
    counts: tuple[int, int]
    sha256: tuple[str, str] | None


@dataclass(frozen=True)
class SourceStatus:
    """One line of `linksim data list`.

    name         name of the dataset
    present      whether all splits are on this machine
    where        the folder that is read, None if the dataset is not present
    images       number of images in all splits together
    description  what the dataset contains
    licence      terms of use and the work to cite
    """

    name: str
    present: bool
    where: Path | None
    images: int
    description: str
    licence: str


SOURCES = {
    "samples": Source(
        "400 test images of CIFAR-10, 40 of each class; part of linksim, one split only",
        "none formal; cite Krizhevsky 2009",
        (formats.samples(),),
        (400, 400),
        (
            "0ed23ecce4bc84c7088b3aea0305ea9d3315d7246e07d4a980532725cf343930",
            "0ed23ecce4bc84c7088b3aea0305ea9d3315d7246e07d4a980532725cf343930",
        ),
    ),
    "cifar10": Source(
        "CIFAR-10: colour photographs of 10 classes, 32 x 32",
        "none formal; cite Krizhevsky 2009",
        (formats.cifar_mosaics(), formats.cifar_batches()),
        (50_000, 10_000),
        (
            "f912919bdea371136f1aa4feed6beeca728015a5f08b1899a29c932a7e30be2b",
            "8193b3fbce55bec361cd1b8fd4880cb1649832dc4d6de6da1e7a21847a4843aa",
        ),
    ),
    "mnist": Source(
        "MNIST: handwritten digits, grey, 28 x 28",
        "usually CC BY-SA 3.0; cite LeCun et al. 1998",
        (formats.mnist_npz(), formats.public_idx("mnist", mnist.DIGITS)),
        (60_000, 10_000),
        (
            "edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b",
            "c3f9adf9c66efb572b1f9326c3a511b45910c7173b97be66ceceeeeaef6b802b",
        ),
    ),
    "fashion_mnist": Source(
        "Fashion-MNIST: pieces of clothing of 10 classes, grey, 28 x 28",
        "MIT; cite Xiao et al. 2017",
        (
            formats.idx(formats.user_folder, mnist.CLOTHES),
            formats.idx(formats.user_folder, mnist.CLOTHES, ".gz"),
            formats.idx(lambda: DEBIAN, mnist.CLOTHES, ".gz"),
            formats.public_idx("fashion_mnist", mnist.CLOTHES),
        ),
        (60_000, 10_000),
        (
            "16d82e2b505296aa2b78bd5ea0992634f30419a4c97def7c907d154a35ac6157",
            "9f1ec356a747bfe4ebab3cfb722d3694c9ca737e2570f6f90cf31d7b6fd689d4",
        ),
    ),
    "faces": Source(
        "Labeled Faces in the Wild, deep-funneled: 5,749 people, colour, 128 x 128; train and test share no person",
        "none formal; photographs of real people, research use only; cite Huang et al. 2007 and 2012",
        (formats.faces_npz(), formats.faces_archive()),
        (9_525, 3_708),
        None,
    ),
}


def load(name: str, split: str) -> ImageDataset:
    """Load the images of dataset `name`: uint8 [n, h, w, colours] with labels [n].

    name   key of `SOURCES`
    split  "train" or "test"

    The arrays are read-only and cached for the lifetime of the process. `samples` has only one split and returns it for both names.

    Raises DataError if the dataset or split is unknown, its files are missing, or their content differs from what was published.

    >>> load("samples", "test").images.shape
    (400, 32, 32, 3)
    """
    if name not in SOURCES:
        raise DataError(f"no dataset {name!r}; {suggest(name, SOURCES)}")
    known = next((known for known in SPLITS if known == split), None)
    if known is None:
        raise DataError(f"no split {split!r} of dataset {name!r}; {suggest(split, SPLITS)}")
    for source_format in SOURCES[name].formats:
        folder = source_format.present(known)
        if folder is not None:
            return _read(name, known, source_format, folder)
    raise DataError(_missing(name, known))


def describe_sources() -> list[SourceStatus]:
    """Return the status of every known dataset. The function searches for the files but reads none.

    >>> next(source.images for source in describe_sources() if source.name == "cifar10")
    60000
    """
    return [_describe(name, source) for name, source in SOURCES.items()]


def _describe(name: str, source: Source) -> SourceStatus:
    where = next(
        (source_format.folder() for source_format in source.formats if all(source_format.present(split) for split in SPLITS)), None
    )
    images = source.counts[0] if name == "samples" else sum(source.counts)
    return SourceStatus(name, where is not None, where, images, source.description, source.licence)


def _missing(name: str, split: Split) -> str:
    """The message about a dataset that is not on this machine: which files were searched in which folders, and how to get them."""
    looked: dict[str, list[str]] = {}
    for source_format in SOURCES[name].formats:
        if folder := source_format.folder():
            looked.setdefault(", ".join(source_format.files(split)), []).append(str(folder))
    searched = "; ".join(f"{files} in {' or '.join(folders)}" for files, folders in looked.items())
    fetch = f"Run `linksim data fetch {name}`, or set" if name in ORIGINS else "Set"
    return f"dataset {name!r} ({split}) was not found; searched for {searched}. {fetch} LINKSIM_DATA to a folder of your own copies"


@functools.cache  # exceptions are not cached, so a missing or damaged file is read again by the next call
def _read(name: str, split: Split, source_format: SourceFormat, folder: Path) -> ImageDataset:
    """Read a split and compare number, labels and digest with those of the source. Raises DataError where they differ."""
    source, path, which = SOURCES[name], folder / source_format.files(split)[0], SPLITS.index(split)
    dataset = source_format.read(folder, split)
    images, labels, count = dataset.images, dataset.labels, source.counts[which]
    validate(len(images) == len(labels) == count, path, f"holds {len(images):,} images and {len(labels):,} labels, expected {count:,}")
    validate(labels.min() >= 0 and labels.max() < len(dataset.classes), path, f"has labels outside 0..{len(dataset.classes) - 1}")
    if source.sha256 is not None:
        digest = hashlib.sha256(images.data)
        digest.update(labels.astype(np.uint8).data)
        same = digest.hexdigest() == source.sha256[which]
        validate(same, path, f"holds other images or labels than the published {name} ({split}), or in another order")
    images.flags.writeable = labels.flags.writeable = False
    return dataset

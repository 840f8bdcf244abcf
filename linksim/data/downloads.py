"""Download locations of the public files of each dataset, their checksums, and the folder that stores them.

The checksums are part of the package, so a mirror (`linksim data fetch --origin`) is as good as the original server: a file with other
content is refused. MD5 is what the publishers state. It detects damage but not forgery; `linksim.data.sources` compares the decoded images
with SHA-256 digests in addition.
"""

from dataclasses import dataclass
from pathlib import Path

from linksim import places
from linksim.data.validation import md5_of
from linksim.errors import DataError


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    name       file name, at the server and in the cache
    md5        checksum, 32 hexadecimal digits, published by the authors or by common loaders
    max_bytes  size of the file, or an upper bound if the exact size is unknown; a larger download is aborted
    """

    name: str
    md5: str
    max_bytes: int


@dataclass(frozen=True)
class Origin:
    """The server folder that holds the public files of a dataset.

    url    address of the folder, with a trailing slash
    files  the files in it
    """

    url: str
    files: tuple[RemoteFile, ...]


ORIGINS = {
    "cifar10": Origin(
        "https://www.cs.toronto.edu/~kriz/",
        (RemoteFile("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530", 170_052_171),),
    ),
    "mnist": Origin(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        (
            RemoteFile("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb86873", 9_912_422),
            RemoteFile("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", 28_881),
            RemoteFile("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", 1_648_877),
            RemoteFile("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", 4_542),
        ),
    ),
    "fashion_mnist": Origin(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        (
            RemoteFile("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
            RemoteFile("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", 29_515),
            RemoteFile("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", 4_422_102),
            RemoteFile("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", 5_148),
        ),
    ),
    "faces": Origin(
        "http://vis-www.cs.umass.edu/lfw/",
        (
            RemoteFile("lfw-deepfunneled.tgz", "68331da3eb755a505a502b5aacb3c201", 108_761_145),
            RemoteFile("peopleDevTrain.txt", "54eaac34beb6d042ed3a7d883e247a21", 1_000_000),
            RemoteFile("peopleDevTest.txt", "e4bf5be0a43b5dcd9dc5ccfcb8fb19c5", 1_000_000),
        ),
    ),
}


def download_folder(name: str) -> Path:
    """Return the folder that `linksim data fetch NAME` fills. It may not exist yet.

    >>> download_folder("mnist").relative_to(places.cache()).as_posix()
    'data/mnist'
    """
    return places.cache() / "data" / name


def verify(name: str, folder: Path, files: tuple[str, ...]) -> None:
    """Raise DataError unless each of `files` in `folder` has the checksum of the public file of dataset `name`.

    Files that are not among the dataset's public files are not checked.
    """
    for wanted in ORIGINS[name].files:
        if wanted.name in files and (found := md5_of(folder / wanted.name)) != wanted.md5:
            raise DataError(
                f"{folder / wanted.name} is damaged: its md5 is {found}, that of the public file is {wanted.md5}. "
                f"Run `linksim data fetch {name}` to download it again"
            )

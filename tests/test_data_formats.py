"""Tests of the file readers: formats of a dataset agree, archives access nothing outside, and damage is always reported."""

import gzip
import io
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from linksim.data import archives, faces
from linksim.data.cifar import RECORD, read_batches, read_mosaics, tile, untile, write_mosaics
from linksim.data.mnist import MAX_BYTES, read_idx, read_npz, read_pair
from linksim.errors import DataError


def random_images(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random images uint8 of the given shape, and a label 0..9 for each."""
    random = np.random.default_rng(5)
    return random.integers(0, 256, shape, np.uint8), random.integers(0, 10, shape[0], np.uint8)


def tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz", compresslevel=0) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def write_idx(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = struct.pack(f">2x2B{array.ndim}I", 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)


def batch(images: np.ndarray, labels: np.ndarray) -> bytes:
    return b"".join(bytes([label]) + image.transpose(2, 0, 1).tobytes() for image, label in zip(images, labels, strict=True))


def test_a_mosaic_is_read_row_by_row() -> None:
    images, _ = random_images(100, 32, 32, 3)
    np.testing.assert_array_equal(untile(tile(images)), images)
    np.testing.assert_array_equal(tile(images)[:32, 32:64], images[1])
    np.testing.assert_array_equal(tile(images)[32:64, :32], images[10])


def test_mosaics_are_lossless(tmp_path: Path) -> None:
    images, labels = random_images(200, 32, 32, 3)
    write_mosaics(tmp_path / "x.npz", images, labels)
    again, same = read_mosaics(tmp_path / "x.npz")
    np.testing.assert_array_equal(again, images)
    np.testing.assert_array_equal(same, labels)


def test_batches_are_returned_in_the_requested_order(tmp_path: Path) -> None:
    images, labels = random_images(6, 32, 32, 3)
    path, place = tmp_path / "x.tar.gz", "cifar-10-batches-bin/"
    tar(path, {f"{place}b": batch(images[4:], labels[4:]), f"{place}readme": b"text", f"{place}a": batch(images[:4], labels[:4])})
    again, same = read_batches(path, ("a", "b"))
    np.testing.assert_array_equal(again, images)
    np.testing.assert_array_equal(same, labels)
    with pytest.raises(DataError, match="lacks cifar-10-batches-bin/c, cifar-10-batches-bin/d"):
        read_batches(path, ("c", "a", "d"))


def test_a_batch_that_ends_within_an_image_is_rejected(tmp_path: Path) -> None:
    tar(tmp_path / "x.tar.gz", {"cifar-10-batches-bin/a": bytes(RECORD + 1)})
    with pytest.raises(DataError, match="expected a multiple of 3,073"):
        read_batches(tmp_path / "x.tar.gz", ("a",))


def test_archives_write_nothing_and_follow_no_link(tmp_path: Path) -> None:
    path, outside = tmp_path / "x.tgz", tmp_path / "outside"
    with tarfile.open(path, "w:gz") as archive:
        for name, kind in (
            ("../outside", tarfile.REGTYPE),
            ("link", tarfile.SYMTYPE),
            ("hard", tarfile.LNKTYPE),
            ("pipe", tarfile.FIFOTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, "/etc/hostname", 4 if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(b"text"))
    before = sorted(tmp_path.iterdir())
    assert list(archives.members(path, lambda name: True, max_bytes=4)) == [("../outside", b"text")]
    assert sorted(tmp_path.iterdir()) == before
    assert not outside.exists()


def test_archives_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.tgz"
    tar(path, {"small": b"1", "large": bytes(100_000)})
    with pytest.raises(DataError, match="a member of 100,000 bytes, allowed: 99,999"):
        list(archives.members(path, "small".__eq__, max_bytes=99_999))
    monkeypatch.setattr(archives, "MAX_MEMBERS", 1)
    with pytest.raises(DataError, match="more than 1 members"):
        list(archives.members(path, "small".__eq__, max_bytes=100_000))


def test_formats_of_mnist_agree(tmp_path: Path) -> None:
    images, labels = random_images(9, 28, 28)
    np.savez_compressed(tmp_path / "m.npz", x_train=images, y_train=labels, x_test=images[:2], y_test=labels[:2])
    for ending in ("", ".gz"):
        write_idx(tmp_path / f"i{ending}", images)
        write_idx(tmp_path / f"l{ending}", labels)
        for one, other in zip(read_npz(tmp_path / "m.npz", "train"), read_pair(tmp_path, (f"i{ending}", f"l{ending}")), strict=True):
            np.testing.assert_array_equal(one, other)
    assert read_npz(tmp_path / "m.npz", "test")[0].shape == (2, 28, 28, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an idx file"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x00", "not an idx file of bytes"),
        (b"\x00\x00\x08\x02\x00\x00\x00\x01", "ends within its header"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x03ab", "holds 2 values, its header says 3"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x03abcd", "holds 4 values"),
        (b"\x00\x00\x08\x02" + b"\xff" * 8 + b"abcd", "header says 4294967295 x 4294967295"),
        (bytes(MAX_BYTES + 1), "unpacks to more than 47,040,016 bytes"),
    ],
)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_inconsistent_idx_files_are_rejected(tmp_path: Path, content: bytes, message: str, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    path.write_bytes(gzip.compress(content, 1) if ending else content)
    with pytest.raises(DataError, match=message):
        read_idx(path)


def test_shapes_of_images_and_labels_must_match(tmp_path: Path) -> None:
    images, labels = random_images(3, 28, 28)
    for wrong_images, wrong_labels in ((images, labels[:2]), (images[..., None], labels), (images.astype(np.int16), labels)):
        np.savez(tmp_path / "m.npz", x_train=wrong_images, y_train=wrong_labels)
        with pytest.raises(DataError, match=r"expected uint8 \[n, h, w\] and uint8 \[n\]"):
            read_npz(tmp_path / "m.npz", "train")


def test_pickled_objects_are_rejected(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", x_train=np.array([{}], object), y_train=np.zeros(1, np.uint8))
    with pytest.raises(DataError, match=r"cannot be read.*allow_pickle=False"):
        read_npz(tmp_path / "m.npz", "train")


def people(folder: Path, split: str, rows: list[tuple[str, int]], count: int | None = None) -> None:
    text = "\n".join([str(len(rows) if count is None else count), *(f"{name}\t{number}" for name, number in rows), ""])
    (folder / faces.LISTS[split]).write_text(text)


def photo(shade: int, side: int = 250) -> bytes:
    blob = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), shade, np.uint8)).save(blob, "JPEG", quality=100)
    return blob.getvalue()


@pytest.fixture
def face_archive(tmp_path: Path) -> Path:
    """The public format with three people and four photographs of one shade each."""
    shades = {"Cy_Coy/Cy_Coy_0001": 200, "Al_Ash/Al_Ash_0002": 80, "Bo_Bell/Bo_Bell_0001": 120, "Al_Ash/Al_Ash_0001": 40}
    tar(tmp_path / faces.ARCHIVE, {f"lfw-deepfunneled/{name}.jpg": photo(shade) for name, shade in shades.items()} | {"README": b""})
    people(tmp_path, "train", [("Cy_Coy", 1), ("Al_Ash", 2)])
    people(tmp_path, "test", [("Bo_Bell", 1)])
    return tmp_path


def test_formats_of_faces_agree_in_people_order_and_split(face_archive: Path) -> None:
    blobs = []
    for shade in (40, 80, 120, 200):
        blob = io.BytesIO()
        Image.new("RGB", (128, 128), (shade,) * 3).save(blob, "WEBP", lossless=True)
        blobs.append(blob.getvalue())
    np.savez(
        face_archive / "faces.npz",
        x_webp=np.frombuffer(b"".join(blobs), np.uint8),
        x_ends=np.cumsum([len(blob) for blob in blobs]),
        person=np.array([0, 0, 1, 2], np.uint16),
        names=np.array(["Al_Ash", "Bo_Bell", "Cy_Coy"]),
        view1=np.array([1, 2, 1], np.uint8),
    )
    for split in ("train", "test"):
        own, public = faces.read_npz(face_archive / "faces.npz", split), faces.read_archive(face_archive, split)
        np.testing.assert_array_equal(public.images, own.images)  # images of one shade look the same under any crop
        np.testing.assert_array_equal(public.labels, own.labels)
        assert (public.classes, public.images.dtype, public.labels.dtype) == (own.classes, own.images.dtype, own.labels.dtype)
    assert faces.read_archive(face_archive, "train").labels.tolist() == [0, 0, 2]
    assert faces.read_archive(face_archive, "train").images[:, 0, 0, 0].tolist() == [40, 80, 200]


def test_a_crop_is_a_square_of_168_pixels_about_125_119() -> None:
    ramp = np.arange(250, dtype=np.uint8)
    across, down = np.broadcast_to(ramp, (250, 250)), np.broadcast_to(ramp[:, None], (250, 250))
    cut = faces.crop(Image.fromarray(np.stack([across, down, down], axis=-1))).astype(float)
    places = (np.arange(128) + 0.5) * 168 / 128 - 0.5
    np.testing.assert_allclose(cut[64, :, 0], 41 + places, atol=0.75)
    np.testing.assert_allclose(cut[:, 64, 1], 35 + places, atol=0.75)


def test_lists_and_archive_must_name_the_same_photographs(face_archive: Path) -> None:
    people(face_archive, "test", [("Bo_Bell", 2)])
    with pytest.raises(DataError, match=r"peopleDevTest.txt differ in 1 photographs, e.g. \('Bo_Bell', 2\)"):
        faces.read_archive(face_archive, "test")
    people(face_archive, "test", [("Bo_Bell", 1)], count=2)
    with pytest.raises(DataError, match="lists 1 people, its first line says 2"):
        faces.read_archive(face_archive, "test")
    (face_archive / faces.LISTS["test"]).write_text("<html>not found</html>")
    with pytest.raises(DataError, match=r"peopleDevTest\.txt cannot be read"):
        faces.read_archive(face_archive, "test")


def test_a_photograph_of_another_size_is_rejected(face_archive: Path) -> None:
    tar(face_archive / faces.ARCHIVE, {"lfw-deepfunneled/Bo_Bell/Bo_Bell_0001.jpg": photo(9, side=251)})
    with pytest.raises(DataError, match="251 x 251 pixels, expected 250 x 250"):
        faces.read_archive(face_archive, "test")


def _write_npz(path: Path) -> None:
    images, labels = random_images(2, 28, 28)
    np.savez(path, x_train=images, y_train=labels)


def _write_mosaics(path: Path) -> None:
    images, labels = random_images(100, 32, 32, 3)
    write_mosaics(path, images // 64 * 64, labels)


def _write_idx(path: Path) -> None:
    write_idx(path, random_images(2, 28, 28)[0])


READERS: list[tuple[str, Callable[[Path], None], Callable[[Path], tuple[np.ndarray, ...]]]] = [
    ("a.npz", _write_npz, lambda path: read_npz(path, "train")),
    ("b.npz", _write_mosaics, read_mosaics),
    ("c.gz", _write_idx, lambda path: (read_idx(path),)),
]


@pytest.mark.parametrize(("file", "write", "read"), READERS, ids=[file for file, _, _ in READERS])
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), cut=st.booleans())
def test_damage_is_reported_or_harmless(
    tmp_path: Path,
    file: str,
    write: Callable[[Path], None],
    read: Callable[[Path], tuple[np.ndarray, ...]],
    where: float,
    flip: int,
    cut: bool,
) -> None:
    """One byte is changed, or the end is missing: the reader raises DataError, or the byte is irrelevant (a date, for example)."""
    whole, damaged = tmp_path / file, tmp_path / f"damaged-{file}"
    if not whole.is_file():
        write(whole)
    content = bytearray(whole.read_bytes())
    place = int(where * len(content))
    if cut:
        del content[place:]
    else:
        content[place] ^= flip
    damaged.write_bytes(content)
    try:
        found = read(damaged)
    except DataError:
        return
    assert not cut
    for one, other in zip(found, read(whole), strict=True):
        np.testing.assert_array_equal(one, other)

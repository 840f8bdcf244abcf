"""Tests of the datasets: their content, agreement between file formats, and detection of damage."""

import dataclasses
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from test_data_formats import random_images, tar, write_idx

from linksim.data import formats, samples, sources
from linksim.data.cifar import RECORD, read_mosaics, write_mosaics
from linksim.data.downloads import ORIGINS, Origin, RemoteFile, download_folder
from linksim.data.mnist import idx_names
from linksim.data.sources import SOURCES, describe_sources, load
from linksim.errors import DataError

TRUE = Path(os.environ.get("LINKSIM_DATA") or Path(__file__).parents[2] / "shared" / "data")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set the user's folder and the cache folder to empty folders; return the former."""
    monkeypatch.setenv("LINKSIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LINKSIM_DATA", str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


@pytest.fixture
def true_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    if not (TRUE / "cifar10-test.npz").is_file():
        pytest.skip(f"needs the true files: set LINKSIM_DATA (looked in {TRUE})")
    monkeypatch.setenv("LINKSIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LINKSIM_DATA", str(TRUE))
    return TRUE


def publish(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Declare the files in the cache folder to be the public files of dataset `name`."""
    files = sorted(download_folder(name).iterdir())
    known = (RemoteFile(path.name, hashlib.md5(path.read_bytes()).hexdigest(), path.stat().st_size) for path in files)
    monkeypatch.setitem(ORIGINS, name, Origin("http://127.0.0.1/", tuple(known)))


def test_samples_are_forty_of_each_class_and_read_only() -> None:
    dataset = load("samples", "test")
    assert (dataset.images.shape, dataset.images.dtype, dataset.labels.dtype) == ((400, 32, 32, 3), np.uint8, np.int64)
    assert np.bincount(dataset.labels).tolist() == [40] * 10
    assert len(dataset.classes) == 10
    with pytest.raises(ValueError, match="read-only"):
        dataset.images[0, 0, 0, 0] = 0
    with pytest.raises(ValueError, match="read-only"):
        dataset.labels[0] = 0


def test_samples_have_one_split_and_are_read_once() -> None:
    assert load("samples", "test") is load("samples", "test")
    np.testing.assert_array_equal(load("samples", "train").images, load("samples", "test").images)


def test_samples_are_the_first_of_each_class_in_order() -> None:
    labels = np.array([1, 0, 1, 1, 0] * 40, np.uint8)
    index = samples.chosen(labels)
    assert index.tolist() == sorted([*np.flatnonzero(labels == 0)[:40], *np.flatnonzero(labels == 1)[:40]])


def test_samples_are_images_of_the_cifar10_test_set(true_data: Path, tmp_path: Path) -> None:
    originals, embedded = load("cifar10", "test"), load("samples", "test")
    index = samples.chosen(originals.labels.astype(np.uint8))
    np.testing.assert_array_equal(embedded.images, originals.images[index])
    np.testing.assert_array_equal(embedded.labels, originals.labels[index])
    samples.make_samples(true_data / "cifar10-test.npz", tmp_path / "again.npz")
    np.testing.assert_array_equal(read_mosaics(tmp_path / "again.npz")[0], embedded.images)


def test_cifar10_as_a_binary_batch_has_the_published_checksum_and_equal_images(true_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = load("cifar10", "test")
    planes = own.images.transpose(0, 3, 1, 2).reshape(len(own.images), -1)
    batch = np.concatenate([own.labels.astype(np.uint8)[:, None], planes], axis=1).tobytes()
    assert hashlib.md5(batch).hexdigest() == "803d5f7f4d78ea53de84dbe85f74fb6d"
    download_folder("cifar10").mkdir(parents=True)
    tar(download_folder("cifar10") / "cifar-10-binary.tar.gz", {"cifar-10-batches-bin/test_batch.bin": batch})
    publish("cifar10", monkeypatch)
    monkeypatch.delenv("LINKSIM_DATA")
    public = load("cifar10", "test")
    assert public is not own
    np.testing.assert_array_equal(public.images, own.images)
    np.testing.assert_array_equal(public.labels, own.labels)


def test_mnist_has_the_published_checksum_and_equal_images_in_both_formats(true_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = load("mnist", "train").images.tobytes()
    assert hashlib.md5(struct.pack(">4I", 0x803, 60_000, 28, 28) + digits).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
    own = load("mnist", "test")
    for file, array in zip(idx_names("test", ".gz"), (own.images[..., 0], own.labels.astype(np.uint8)), strict=True):
        write_idx(download_folder("mnist") / file, array)
    publish("mnist", monkeypatch)
    monkeypatch.delenv("LINKSIM_DATA")
    public = load("mnist", "test")
    assert public is not own
    np.testing.assert_array_equal(public.images, own.images)
    np.testing.assert_array_equal(public.labels, own.labels)


def test_fashion_mnist_from_the_system_package_is_balanced(elsewhere: Path) -> None:
    if not (formats.DEBIAN / "t10k-images-idx3-ubyte.gz").is_file():
        pytest.skip(f"needs Fashion-MNIST in {formats.DEBIAN}")
    assert np.bincount(load("fashion_mnist", "test").labels).tolist() == [1000] * 10


def test_no_person_of_the_faces_is_in_both_splits(true_data: Path) -> None:
    with np.load(true_data / "faces-lfw128.npz", allow_pickle=False) as stored:
        person, view = stored["person"], stored["view1"]
    test = load("faces", "test")
    assert test.images.shape == (3_708, 128, 128, 3)
    assert sorted(set(test.labels)) == sorted(set(person[view[person] == 2]))
    assert test.classes[test.labels[0]] == "AJ_Lamas"
    assert not set(test.labels) & set(person[view[person] == 1].astype(np.int64))
    assert np.count_nonzero(view[person] == 1) == SOURCES["faces"].counts[0]


def test_missing_files_are_named_with_a_remedy(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = rf"cifar10-test.npz in {elsewhere}; cifar-10-binary.tar.gz in .*/cache/data/cifar10"
    with pytest.raises(
        DataError, match=rf"'cifar10' \(test\) was not found; searched for {looked}.*`linksim data fetch cifar10`.*LINKSIM_DATA"
    ):
        load("cifar10", "test")
    monkeypatch.delenv("LINKSIM_DATA")
    with pytest.raises(DataError, match=r"searched for cifar-10-binary.tar.gz in [^;]*/cache/data/cifar10\. "):
        load("cifar10", "test")


def test_unknown_names_get_a_hint() -> None:
    with pytest.raises(DataError, match="no dataset 'cifar'; did you mean 'cifar10'"):
        load("cifar", "test")
    with pytest.raises(DataError, match="no split 'tests' of dataset 'samples'; did you mean 'test'"):
        load("samples", "tests")


def small_mnist(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray]:
    """Write an npz of 7 training and 5 test digits, and declare it to be the published MNIST."""
    images, labels = random_images(7, 28, 28)[0], np.arange(7, dtype=np.uint8)
    np.savez(folder / "mnist.npz", x_train=images, y_train=labels, x_test=images[:5], y_test=labels[:5])
    digests = tuple(hashlib.sha256(images[:n].tobytes() + labels[:n].tobytes()).hexdigest() for n in (7, 5))
    monkeypatch.setitem(SOURCES, "mnist", dataclasses.replace(SOURCES["mnist"], counts=(7, 5), sha256=digests))
    return images, labels


def test_own_copies_take_precedence_over_downloads(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = small_mnist(elsewhere, monkeypatch)
    for file, array in zip(idx_names("test", ".gz"), (images[:5], labels[:5]), strict=True):
        write_idx(download_folder("mnist") / file, array)
    publish("mnist", monkeypatch)
    own = load("mnist", "test")
    (elsewhere / "mnist.npz").unlink()
    public = load("mnist", "test")
    assert public is not own
    np.testing.assert_array_equal(public.images, own.images)
    np.testing.assert_array_equal(own.images, images[:5, :, :, None])
    with pytest.raises(DataError, match=r"'mnist' \(train\) was not found"):
        load("mnist", "train")


def test_a_downloaded_file_with_later_damage_is_rejected(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = small_mnist(elsewhere, monkeypatch)
    (elsewhere / "mnist.npz").unlink()
    paths = [download_folder("mnist") / file for file in idx_names("test", ".gz")]
    for path, array in zip(paths, (images[:5], labels[:5]), strict=True):
        write_idx(path, array)
    publish("mnist", monkeypatch)
    write_idx(paths[1], labels[1:6])
    with pytest.raises(DataError, match=r"labels.* is damaged: its md5 is .*`linksim data fetch mnist`"):
        load("mnist", "test")
    write_idx(paths[1], labels[:5])
    assert load("mnist", "test").labels.tolist() == [0, 1, 2, 3, 4]


def test_too_few_images_are_rejected(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_mnist(elsewhere, monkeypatch)
    monkeypatch.setitem(SOURCES, "mnist", dataclasses.replace(SOURCES["mnist"], counts=(8, 5)))
    with pytest.raises(DataError, match="holds 7 images and 7 labels, expected 8"):
        load("mnist", "train")
    assert len(load("mnist", "test").images) == 5


def test_other_images_under_a_known_name_are_rejected(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fashion-MNIST and MNIST have files of the same names and shapes."""
    images, labels = small_mnist(elsewhere, monkeypatch)
    np.savez(elsewhere / "mnist.npz", x_train=images, y_train=labels[::-1], x_test=images[4::-1], y_test=labels[:5])
    for split in ("train", "test"):
        with pytest.raises(DataError, match=rf"holds other images or labels than the published mnist \({split}\)"):
            load("mnist", split)


def test_a_label_without_a_class_is_rejected(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = small_mnist(elsewhere, monkeypatch)
    np.savez(elsewhere / "mnist.npz", x_train=images, y_train=labels + 4, x_test=images, y_test=labels)
    with pytest.raises(DataError, match=r"labels outside 0\.\.9"):
        load("mnist", "train")


def test_the_list_of_datasets_reports_what_is_present(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "DEBIAN", elsewhere)
    here = {status.name: status for status in describe_sources()}
    assert list(here) == ["samples", "cifar10", "mnist", "fashion_mnist", "faces"]
    assert {name: status.images for name, status in here.items()} == {
        "samples": 400,
        "cifar10": 60_000,
        "mnist": 70_000,
        "fashion_mnist": 70_000,
        "faces": 13_233,
    }
    assert (here["samples"].present, here["samples"].where) == (True, samples.SAMPLES.parent)
    assert (here["mnist"].present, here["mnist"].where) == (False, None)
    assert all(status.description and status.licence for status in here.values())
    small_mnist(elsewhere, monkeypatch)
    assert {status.name: status.where for status in describe_sources()}["mnist"] == elsewhere


def test_a_dataset_with_only_one_split_is_not_present(elsewhere: Path) -> None:
    for file in idx_names("test"):
        write_idx(elsewhere / file, np.zeros((1, 28, 28), np.uint8))
    fashion = next(entry for entry in SOURCES["fashion_mnist"].formats if entry.folder() == elsewhere)
    assert (fashion.present("test"), fashion.present("train")) == (elsewhere, None)
    assert not any(status.present for status in describe_sources() if status.where == elsewhere)


def test_formats_of_cifar10_agree_on_random_images(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The training images are stored in two files in one format and in five files in the other, in the same order."""
    images, labels = random_images(1000, 32, 32, 3)
    write_mosaics(elsewhere / "cifar10-train-0.npz", images[:500], labels[:500])
    write_mosaics(elsewhere / "cifar10-train-1.npz", images[500:], labels[500:])
    records = np.concatenate([labels[:, None], images.transpose(0, 3, 1, 2).reshape(1000, -1)], axis=1)
    assert records.shape[1] == RECORD
    batches = {f"cifar-10-batches-bin/data_batch_{i + 1}.bin": records[200 * i : 200 * (i + 1)].tobytes() for i in (4, 2, 0, 1, 3)}
    download_folder("cifar10").mkdir(parents=True)
    tar(download_folder("cifar10") / "cifar-10-binary.tar.gz", batches)
    publish("cifar10", monkeypatch)
    monkeypatch.setitem(SOURCES, "cifar10", dataclasses.replace(SOURCES["cifar10"], counts=(1000, 100), sha256=None))
    own = load("cifar10", "train")
    monkeypatch.delenv("LINKSIM_DATA")
    public = load("cifar10", "train")
    assert public is not own
    for got in (own, public):
        np.testing.assert_array_equal(got.images, images)
        np.testing.assert_array_equal(got.labels, labels)

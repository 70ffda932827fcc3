"""The loader: what it gives, and what it refuses."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import re
import struct
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from course_utils import data, where
from course_utils.data import CLASSES, IDX_FILES, DataError, Dataset, load, read_idx

REPO_DATA = Path(data.__file__).resolve().parent.parent / "data"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
needs_originals = pytest.mark.skipif(
    not DEBIAN.is_dir(),
    reason="the original files (Debian package dataset-fashion-mnist) are not on this machine",
)


def raw(name: str) -> np.ndarray[Any, np.dtype[Any]]:
    """One array of the course's copy, as stored."""
    with np.load(REPO_DATA / "fashion_mnist.npz", allow_pickle=False) as arrays:
        return arrays[name]  # type: ignore[no-any-return]


def two_by_two_means(picture: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[Any]]:
    """The 14 x 14 picture by the definition, one block at a time, in 0..1."""
    small = np.empty((14, 14))
    for row in range(14):
        for column in range(14):
            block = picture[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            small[row, column] = sum(int(value) for value in block.ravel()) / 4 / 255
    return small


# What it gives


@pytest.mark.parametrize(("split", "available"), [("train", 10_000), ("test", 2_000)])
@pytest.mark.parametrize("size", [28, 14])
def test_shapes_types_and_fields(split: str, available: int, size: int) -> None:
    got = load(split, size=size)
    assert isinstance(got, Dataset)
    assert (got.images.shape, got.images.dtype) == ((available, size * size), torch.float32)
    assert (got.labels.shape, got.labels.dtype) == ((available,), torch.int64)
    assert (got.split, got.size, len(got), got.classes) == (split, size, available, CLASSES)
    assert (type(got.mean), type(got.deviation)) == (float, float)
    assert got.images.is_contiguous()
    assert torch.isfinite(got.images).all()


@pytest.mark.parametrize("size", [28, 14])
def test_training_pixels_are_standardised(size: int) -> None:
    images = load(size=size).images.double()
    assert abs(images.mean().item()) < 1e-5
    assert abs(images.std(correction=0).item() - 1) < 1e-5


@pytest.mark.parametrize("size", [28, 14])
def test_both_splits_and_every_count_share_one_standardisation(size: int) -> None:
    whole = load(size=size)
    for other in (load("test", size=size), load(count=7, size=size), load("test", count=7, size=size)):
        assert (other.mean, other.deviation) == (whole.mean, whole.deviation)
    assert abs(load("test", size=size).images.double().mean().item()) > 1e-4, (
        "test was standardised by itself"
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_pictures_at_28_are_the_stored_bytes(split: str) -> None:
    pictures = load(split).pictures()
    stored = torch.from_numpy(raw(f"{split}_images"))
    assert (pictures.shape, pictures.dtype) == (stored.shape, torch.float32)
    assert (pictures.min().item(), pictures.max().item()) == (0.0, 1.0)
    assert torch.equal((pictures * 255).round().to(torch.uint8), stored)
    torch.testing.assert_close(pictures, stored / 255, rtol=0, atol=1e-6)


@pytest.mark.parametrize("split", ["train", "test"])
def test_pictures_at_14_are_means_of_blocks(split: str) -> None:
    count = 40
    pictures = load(split, count=count, size=14).pictures()
    assert pictures.shape == (count, 14, 14)
    expected = np.stack([two_by_two_means(picture) for picture in raw(f"{split}_images")[:count]])
    np.testing.assert_allclose(pictures.numpy(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("count", [1, 123, 2_000])
@pytest.mark.parametrize("split", ["train", "test"])
def test_count_takes_the_first_ones(split: str, count: int) -> None:
    whole, part = load(split), load(split, count=count)
    assert len(part) == count
    assert torch.equal(part.images, whole.images[:count])
    assert torch.equal(part.labels, whole.labels[:count])


@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_are_balanced_and_as_stored(split: str) -> None:
    labels = load(split).labels
    assert torch.equal(labels, torch.from_numpy(raw(f"{split}_labels")).long())
    shares = labels.bincount() / len(labels)
    assert len(shares) == len(CLASSES) == len(set(CLASSES)) == 10
    assert 0.09 < shares.min() < shares.max() < 0.11


def test_class_names_are_the_published_ones_in_their_order() -> None:
    names = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
    assert ", ".join(CLASSES) == names


def test_pictures_stay_within_0_and_1_whatever_the_rounding() -> None:
    images = torch.full((2, 14 * 14), -1.000001)
    images[1] *= -1
    pictures = Dataset(images, torch.zeros(2, dtype=torch.int64), "train", 14, 0.5, 0.5).pictures()
    assert (pictures.min().item(), pictures.max().item()) == (0.0, 1.0)


def test_two_loads_share_no_memory() -> None:
    first = load(count=5)
    first.images.zero_()
    first.labels.zero_()
    second = load(count=5)
    assert second.images.abs().sum() > 0
    assert second.labels.sum() > 0


def test_a_dataset_moves_prints_short_and_is_frozen() -> None:
    here = load(count=4, size=14)
    there = here.to("meta")
    assert (there.images.device.type, there.labels.device.type) == ("meta", "meta")
    assert (there.split, there.size, there.mean, there.deviation) == ("train", 14, here.mean, here.deviation)
    assert here.images.device.type == "cpu" and len(repr(here)) < 150
    with pytest.raises(AttributeError):
        here.size = 28  # type: ignore[misc]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        *(({"split": value}, "unknown split .*; known are: train, test") for value in ("valid", "", None, 0, ["train"])),
        *(({"size": value}, "unknown size .*; known are: 28, 14") for value in (7, 15)),
        *(({"size": value}, "size must be a whole number") for value in (0, -28, 28.0, "28", None, True)),
        *(({"count": value}, "count must be a whole number from 1 to the 10000 train .*") for value in (0, -1, 10_001)),
        *(({"count": value}, "count must be a whole number") for value in (True, 1.5, "10")),
        ({"count": 2_001, "split": "test"}, "count must be a whole number from 1 to the 2000 test .*"),
    ],
)  # fmt: skip
def test_bad_arguments(bad: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        load(**bad)
    assert repr(next(iter(bad.values()))) in str(caught.value)


# Parts of it


def toy(seed: int = 0, inputs: int = 6) -> Dataset:
    generator = torch.Generator().manual_seed(seed)
    images, labels = torch.randn(60, inputs, generator=generator), torch.arange(60) % 10
    return Dataset(images, labels, "train", 28, 0.0, 1.0)


def test_split() -> None:
    first, rest = data.split(toy(), 50)
    assert len(first) == 50 and torch.equal(torch.cat([first.images, rest.images]), toy().images)
    assert torch.equal(torch.cat([first.labels, rest.labels]), toy().labels)
    assert [[len(part) for part in data.split(toy(), count)] for count in (1, 59)] == [[1, 59], [59, 1]]
    for bad in (0, 60, 2.0, True):
        with pytest.raises(ValueError, match="count must be a whole number from 1 to 59, got"):
            data.split(toy(), bad)  # type: ignore[arg-type]


def test_standardise_pixels() -> None:
    one, two = toy(), toy(seed=1)
    one.images[:, 5] = 0.25  # a pixel that never changes
    first, second = data.standardise_pixels(one, one, two)
    assert torch.allclose(first.images.mean(0), torch.zeros(6), atol=1e-5)
    assert torch.allclose(first.images[:, :5].std(0, correction=0), torch.ones(5), atol=1e-5)
    assert torch.equal(first.images[:, 5], torch.zeros(60)) and second.images.isfinite().all()
    assert torch.allclose(second.images[:, 5], (two.images[:, 5] - 0.25) / 0.05)
    assert data.standardise_pixels(one) == []
    (raw,) = data.standardise_pixels(one, one, smallest=4.0)  # all deviations are below
    assert torch.allclose(raw.images, (one.images - one.images.mean(0)) / 4)
    with pytest.raises(ValueError, match="6 pixels"):
        data.standardise_pixels(one, toy(inputs=7))
    with pytest.raises(ValueError, match="smallest must be a finite number above 0, got 0"):
        data.standardise_pixels(one, one, smallest=0)


# A broken copy


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the course's copy and its checksum, which the loader reads in place of data/."""
    for name in ("fashion_mnist.npz", "fashion_mnist.sha256"):
        (tmp_path / name).write_bytes((REPO_DATA / name).read_bytes())
    monkeypatch.setattr(where, "stored", lambda name: tmp_path / name)
    assert len(load(count=1)) == 1
    return tmp_path


def refused(*parts: str) -> None:
    """The loader raises a DataError that holds all these parts and says how to get the file back."""
    with pytest.raises(DataError) as caught:
        load()
    message = str(caught.value)
    for part in (
        *parts,
        "git checkout -- data/fashion_mnist.npz",
        f"in an unpacked ZIP, fetch the ZIP again ({where.home()})",
        "python data/make_fashion_mnist.py FOLDER",
    ):
        assert part in message


def sha(content: bytes | bytearray) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_checksum_file_is_right_and_in_the_form_of_sha256sum() -> None:
    content = (REPO_DATA / "fashion_mnist.npz").read_bytes()
    text = (REPO_DATA / "fashion_mnist.sha256").read_text(encoding="utf-8")
    assert text == f"# {len(content)} bytes\n{sha(content)}  fashion_mnist.npz\n"
    assert len(content) < 6_000_000


def test_missing_npz(copy: Path) -> None:
    content = (copy / "fashion_mnist.npz").read_bytes()
    (copy / "fashion_mnist.npz").unlink()
    refused(str(copy / "fashion_mnist.npz"), f"{len(content)} bytes", sha(content), "no readable file")
    assert not (copy / "fashion_mnist.npz").exists(), "rebuilt in silence"


@pytest.mark.parametrize(
    "change",
    [
        *(lambda whole, kept=kept: whole[:kept] for kept in (0, 1, 100_000, -1)), lambda whole: whole + b"\0",
        *(lambda whole, at=at: whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in (0, 10, 2_500_000)),
    ],
)  # fmt: skip
def test_a_copy_that_was_cut_or_altered(copy: Path, change: Any) -> None:
    whole = (copy / "fashion_mnist.npz").read_bytes()
    (copy / "fashion_mnist.npz").write_bytes(found := change(whole))
    expected = f"{len(whole)} bytes, sha256 {sha(whole)}"
    refused(str(copy / "fashion_mnist.npz"), expected, f"found {len(found)} bytes, sha256 {sha(found)}")


@pytest.mark.parametrize(
    "text", [None, b"", b"\xff\xfe", b"0" * 64 + b"  fashion_mnist.npz\n", b"<<<<<<< HEAD\n"]
)
def test_a_missing_or_broken_checksum(copy: Path, text: bytes | None) -> None:
    (copy / "fashion_mnist.sha256").unlink() if text is None else (copy / "fashion_mnist.sha256").write_bytes(
        text
    )
    refused(
        "fashion_mnist.sha256" if text else "fashion_mnist", "no readable file" if text is None else "found"
    )


def test_windows_line_ends_in_the_checksum_do_no_harm(copy: Path) -> None:
    text = (copy / "fashion_mnist.sha256").read_bytes()
    (copy / "fashion_mnist.sha256").write_bytes(text.replace(b"\n", b"\r\n"))
    assert len(load(count=1)) == 1


def with_content(folder: Path, content: bytes) -> None:
    """A copy with this content and its right checksum."""
    (folder / "fashion_mnist.npz").write_bytes(content)
    line = f"# {len(content)} bytes\n{sha(content)}  fashion_mnist.npz\n"
    (folder / "fashion_mnist.sha256").write_text(line, encoding="utf-8")


def with_arrays(folder: Path, **changed: Any) -> None:
    """A small copy with its right checksum; keywords replace an array, None leaves it out."""
    arrays: dict[str, Any] = {
        "train_images": np.zeros((4, 28, 28), np.uint8),
        "train_labels": np.zeros(4, np.uint8),
        "test_images": np.zeros((2, 28, 28), np.uint8),
        "test_labels": np.zeros(2, np.uint8),
    } | changed
    arrays["train_images"][:1] = arrays["train_images"][:1] + 1  # else the deviation would be zero
    file = io.BytesIO()
    np.savez_compressed(file, **{name: array for name, array in arrays.items() if array is not None})
    with_content(folder, file.getvalue())


def test_a_checked_copy_of_another_length_is_read(copy: Path) -> None:
    with_arrays(copy)
    assert (len(load()), len(load("test"))) == (4, 2)


class Bomb:
    """Unpickling one of these would leave a mark."""

    went_off = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (setattr, (Bomb, "went_off", True))


def test_pickled_arrays_are_refused_even_with_a_right_checksum(copy: Path) -> None:
    with_arrays(copy, train_labels=np.array([Bomb()] * 4, dtype=object))
    refused("fashion_mnist.npz", "allow_pickle=False")
    assert not Bomb.went_off
    with np.load(copy / "fashion_mnist.npz", allow_pickle=True) as arrays:
        arrays["train_labels"]
    assert Bomb.went_off, "the file would do no harm: the test shows nothing"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"PK\x03\x04 no zip", b"no npz at all", {"train_labels": None}, {"train_labels": np.zeros(3, np.uint8)},
        {"train_labels": np.zeros(4, np.int64)}, {"train_labels": np.zeros((4, 1), np.uint8)},
        {"train_images": np.zeros((4, 28, 27), np.uint8)}, {"train_images": np.zeros((4, 784), np.uint8)},
        {"train_images": np.zeros((4, 28, 28), np.float32)},
    ],
)  # fmt: skip
def test_wrong_arrays_are_refused_even_with_a_right_checksum(copy: Path, content: Any) -> None:
    with_arrays(copy, **content) if isinstance(content, dict) else with_content(copy, content)
    refused("fashion_mnist.npz")


# The original files


def idx(array: np.ndarray[Any, np.dtype[Any]]) -> bytes:
    """An idx file of bytes, unpacked."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


COUNTS = {"train": 30, "test": 12}


@pytest.fixture
def originals(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray[Any, np.dtype[Any]]]]:
    """A small folder in the form of the original files, and what is in it."""
    generator = np.random.default_rng(1)
    arrays = {}
    for split, (images_name, labels_name) in IDX_FILES.items():
        for name, shape, top in (
            (images_name, (COUNTS[split], 28, 28), 256),
            (labels_name, (COUNTS[split],), 10),
        ):
            arrays[name] = generator.integers(0, top, shape, dtype=np.uint8)
            (tmp_path / name).write_bytes(gzip.compress(idx(arrays[name])))
    return tmp_path, arrays


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("as_type", [str, Path])
def test_folder_of_originals(originals: tuple[Path, Any], split: str, as_type: Any) -> None:
    folder, arrays = originals
    images_name, labels_name = IDX_FILES[split]
    got = load(split, folder=as_type(folder))
    assert got.images.shape == (COUNTS[split], 784)
    assert torch.equal((got.pictures() * 255).round().to(torch.uint8), torch.from_numpy(arrays[images_name]))
    assert torch.equal(got.labels, torch.from_numpy(arrays[labels_name]).long())
    pixels = arrays[IDX_FILES["train"][0]] / 255
    assert got.mean == pytest.approx(pixels.mean())
    assert got.deviation == pytest.approx(pixels.std())
    small = np.stack([two_by_two_means(picture) for picture in arrays[images_name]])
    small_got = load(split, count=5, size=14, folder=folder)
    np.testing.assert_allclose(small_got.pictures().numpy(), small[:5], rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match=f"count must be a whole number from 1 to the {COUNTS[split]} "):
        load(split, COUNTS[split] + 1, folder=folder)


TRAIN_IMAGES, TRAIN_LABELS = IDX_FILES["train"]
PICTURES = np.zeros((30, 28, 28), np.uint8)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            TRAIN_IMAGES,
            b"\0\0\x08\x01" + idx(PICTURES)[4:],
            "expected the magic number 0x00000803, found 0x00000801",
        ),
        (TRAIN_IMAGES, b"\0\0\x09\x03" + idx(PICTURES)[4:], "found 0x00000903"),
        (TRAIN_IMAGES, b"", "magic"),
        (TRAIN_IMAGES, idx(PICTURES)[:10], "expected a header of 16 bytes, found 10"),
        (
            TRAIN_IMAGES,
            idx(PICTURES)[:-1],
            "expected 23536 bytes unpacked, for shape (30, 28, 28), found 23535",
        ),
        (TRAIN_IMAGES, idx(PICTURES) + b"\0", "found 23537"),
        (TRAIN_IMAGES, idx(PICTURES[:, :27]), "each 28 x 28"),
        (TRAIN_IMAGES, idx(PICTURES[:, :, :14]), "each 28 x 28"),
        (TRAIN_IMAGES, idx(PICTURES[:0]), "one item or more"),
        (TRAIN_IMAGES, struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 28, 28), str(16 + (2**32 - 1) * 784)),
        (TRAIN_LABELS, idx(PICTURES), "expected the magic number 0x00000801"),
        (TRAIN_LABELS, idx(np.zeros(29, np.uint8)), "expected 30 labels"),
        (TRAIN_LABELS, idx(np.full(30, 10, np.uint8)), "the label 10"),
        (TRAIN_LABELS, idx(np.arange(30, dtype=np.uint8) // 2), "labels 0 to 9, found the label 14"),
        (TRAIN_LABELS, idx(np.zeros(30, np.uint8))[:-1], "found 37 bytes"),
    ],
)
def test_broken_originals(originals: tuple[Path, Any], name: str, content: bytes, said: str) -> None:
    folder, _ = originals
    (folder / name).write_bytes(gzip.compress(content))
    with pytest.raises(DataError) as caught:
        load(folder=folder)
    for part in (str(folder / name), said, "dataset-fashion-mnist"):
        assert part in str(caught.value)


def test_broken_gzip(originals: tuple[Path, Any]) -> None:
    folder, arrays = originals
    packed = (folder / TRAIN_IMAGES).read_bytes()
    middle = len(packed) // 2
    altered = packed[:middle] + bytes([packed[middle] ^ 255]) + packed[middle + 1 :]
    no_deflate = packed[:10] + b"\xff" * 30
    for content in (packed[:-20], altered, no_deflate, b"\x1f\x8b" + b"\0" * 30, idx(arrays[TRAIN_IMAGES])):
        (folder / TRAIN_IMAGES).write_bytes(content)
        with pytest.raises(DataError, match="expected a whole gzip file"):
            load(folder=folder)


@pytest.mark.parametrize("name", [*IDX_FILES["train"], *IDX_FILES["test"]])
def test_missing_originals(originals: tuple[Path, Any], tmp_path: Path, name: str) -> None:
    (originals[0] / name).unlink()
    (tmp_path / "empty").mkdir()
    for folder, said in (
        (originals[0], name), (tmp_path / "nowhere", "found nothing of this name"), (tmp_path / "empty", "found none of these in it"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=said):
            load("train" if name in IDX_FILES["train"] else "test", folder=folder)


@pytest.mark.parametrize("named", ["", "fashion_mnist.npz", "mine.npz"])
@pytest.mark.parametrize("recorded", [True, False])
def test_another_copy(tmp_path: Path, named: str, recorded: bool) -> None:
    """Its folder or the copy itself, checked by the checksum beside it, or else by the course's own."""
    content = (REPO_DATA / "fashion_mnist.npz").read_bytes()
    path = tmp_path / (named or "fashion_mnist.npz")
    path.write_bytes(content)
    if recorded:
        (tmp_path / "fashion_mnist.sha256").write_bytes((REPO_DATA / "fashion_mnist.sha256").read_bytes())
    told = path if named else str(tmp_path)
    assert torch.equal(load("test", 5, folder=told).images, load("test", 5).images)
    path.write_bytes(content[:-1] + b"!")
    with pytest.raises(DataError, match=re.escape(str(path))):
        load(folder=told)


@needs_originals
@pytest.mark.parametrize(("split", "kept", "total"), [("train", 10_000, 60_000), ("test", 2_000, 10_000)])
def test_the_course_copy_is_the_first_of_the_originals(split: str, kept: int, total: int) -> None:
    images, labels = (read_idx(DEBIAN / name, n) for name, n in zip(IDX_FILES[split], (3, 1), strict=True))
    assert (len(images), len(labels)) == (total, total)
    np.testing.assert_array_equal(raw(f"{split}_images"), images[:kept])
    np.testing.assert_array_equal(raw(f"{split}_labels"), labels[:kept])


# The program that makes the copy


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """data/make_fashion_mnist.py as a module; it is not part of a package."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("make_fashion_mnist", REPO_DATA / "make_fashion_mnist.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_maker_and_loader_agree(originals, maker, monkeypatch, tmp_path):
    folder, arrays = originals
    target = tmp_path / "made"
    target.mkdir()
    monkeypatch.setattr(maker, "HERE", target)
    monkeypatch.setattr(maker, "KEPT", {"train": 20, "test": 5})
    monkeypatch.setattr(sys, "argv", ["make_fashion_mnist.py", str(folder)])
    maker.main()
    first = (target / "fashion_mnist.npz").read_bytes()
    maker.main()
    assert (target / "fashion_mnist.npz").read_bytes() == first, "not the same bytes twice"
    with zipfile.ZipFile(target / "fashion_mnist.npz") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert sorted(path.name for path in target.iterdir()) == ["fashion_mnist.npz", "fashion_mnist.sha256"]
    monkeypatch.setattr(where, "stored", lambda name: target / name)
    for split, count in (("train", 20), ("test", 5)):
        got = load(split)
        expected = torch.from_numpy(arrays[IDX_FILES[split][0]][:count])
        assert torch.equal((got.pictures() * 255).round().to(torch.uint8), expected)
        assert torch.equal(got.labels, torch.from_numpy(arrays[IDX_FILES[split][1]][:count]).long())


def test_maker_refuses_too_few_and_leaves_the_old_copy(originals, maker, monkeypatch, tmp_path):
    target = tmp_path / "made"
    target.mkdir()
    (target / "fashion_mnist.npz").write_bytes(b"old")
    monkeypatch.setattr(maker, "HERE", target)
    monkeypatch.setattr(sys, "argv", ["make_fashion_mnist.py", str(originals[0])])
    with pytest.raises(SystemExit, match="expected 10000 train pictures or more, found 30"):
        maker.main()
    assert [path.name for path in target.iterdir()] == ["fashion_mnist.npz"]
    assert (target / "fashion_mnist.npz").read_bytes() == b"old"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(maker: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(TypeError):
        maker.write(tmp_path / "file", None)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"

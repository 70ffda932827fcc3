"""Fashion-MNIST for the course: the one loader, for the copy kept in data/ and for the original files.

Source: Xiao, Rasul and Vollgraf (2017), "Fashion-MNIST: a novel image dataset for benchmarking machine
learning algorithms", arXiv:1708.07747. MIT licence, Zalando SE; see data/README.md.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from course_utils import checks, where

Bytes = npt.NDArray[np.uint8]

SIDE: Final = 28
"""Side of an original picture, in pixels."""

CLASSES: Final = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
"""Names of the ten classes; the label k stands for CLASSES[k]."""

IDX_FILES: Final = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
"""The original file names: for each split its pictures, then its labels."""

_NPZ: Final = "fashion_mnist.npz"
_SHA256: Final = "fashion_mnist.sha256"


class DataError(RuntimeError):
    """A data file is missing, cut short or altered.

    The message names the file, says what was expected and what was found, and how to get the file back.
    """


@dataclass(frozen=True, eq=False)
class Dataset:
    """Pictures and labels of one split, ready for a network.

    images: float32 [count, size * size], a flattened picture in each row, from the top left line by line.
        Standardised, hence without unit: (pixel - mean) / deviation, with pixels in 0..1.
    labels: int64 [count], 0..9; CLASSES names them.
    split: "train" or "test".
    size: side of a picture in pixels, 28 or 14.
    mean, deviation: mean and population standard deviation over every pixel of every training image of the
        source at this size, pixels in 0..1. The same two numbers standardise both splits, whatever the count.
    """

    images: torch.Tensor = field(repr=False)
    labels: torch.Tensor = field(repr=False)
    split: str
    size: int
    mean: float
    deviation: float

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.labels)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the ten classes, in the order of the labels."""
        return CLASSES

    def to(self, device: torch.device | str) -> Dataset:
        """The same data with images and labels on `device`; errors are those of torch.Tensor.to."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def pictures(self) -> torch.Tensor:
        """The pixels before standardising: float32 [count, size, size], 0 (black) to 1 (white)."""
        pixels = self.images * self.deviation + self.mean
        return pixels.clamp(0.0, 1.0).reshape(-1, self.size, self.size)


def load(
    split: str = "train", count: int | None = None, size: int = 28, folder: str | Path | None = None
) -> Dataset:
    """Load the first `count` Fashion-MNIST pictures of a split.

    split: "train" (the default) or "test".
    count: how many pictures, 1 to as many as there are: 10,000 for training and 2,000 for test in the
        course's own copy, 60,000 and 10,000 in the original files. None, the default, is all of them.
    size: side in pixels, 28 (the default, as published) or 14 (each pixel the mean of a block of 2 x 2).
    folder: None, the default, reads the course's own data/fashion_mnist.npz. Else a folder that holds a copy of it, or
        the four original .gz files (IDX_FILES), or a copy itself, by whatever name. A copy is checked against
        the fashion_mnist.sha256 beside it each time; one that was taken elsewhere, against the course's own.

    Raises ValueError for an argument out of range, DataError for a file missing, cut short or altered.
    Source of the data: arXiv:1708.07747.
    """
    checks.among("split", split, IDX_FILES)
    size = checks.among("size", checks.whole("size", size), (28, 14))
    train_images, images, labels = _source(split, folder)
    if count is not None:
        count = checks.whole("count", count, 1, len(images), f"{split} pictures of this source")
    mean, deviation = _mean_and_deviation(train_images, size)
    pixels = torch.from_numpy(_block_sums(images[:count], size).astype(np.float32)) / _white(size)
    return Dataset(
        images=((pixels - mean) / deviation).flatten(1),
        labels=torch.from_numpy(labels[:count].astype(np.int64)),
        split=split,
        size=size,
        mean=mean,
        deviation=deviation,
    )


def split(data: Dataset, count: int) -> tuple[Dataset, Dataset]:
    """The first ``count`` examples, and the rest. ValueError unless both get at least one."""
    count = checks.whole("count", count, 1, len(data) - 1)
    first = replace(data, images=data.images[:count], labels=data.labels[:count])
    return first, replace(data, images=data.images[count:], labels=data.labels[count:])


def standardise_pixels(like: Dataset, *sets: Dataset, smallest: float = 0.05) -> list[Dataset]:
    """Give every single pixel mean 0 and variance 1, by its own mean and deviation over the images of ``like``.

    Pixels whose deviation is below ``smallest`` (above 0, in the unit of the images) are divided by ``smallest``
    instead: they are nearly always black. Returns the sets, changed. ValueError for sets of another size.
    """
    checks.number("smallest", smallest, above=0)
    mean, deviation = like.images.mean(0), like.images.std(0, correction=0).clamp(min=smallest)
    for one in sets:
        if one.images.shape[1] != len(mean):
            raise ValueError(f"images of {len(mean)} pixels are asked for, got {one.images.shape[1]}")
    return [replace(one, images=(one.images - mean) / deviation) for one in sets]


def read_idx(path: Path, dimensions: int) -> Bytes:
    """Read one gzipped idx file of unsigned bytes, the format of MNIST.

    path: the .gz file. dimensions: 3 for pictures, 1 for labels.
    Returns uint8 [count, 28, 28] for pictures, [count] for labels (0..9).
    Raises DataError when the file cannot be read, or when its magic number, its sides, its length or a label
    is wrong.
    Format: four bytes of magic (0, 0, 8 for unsigned bytes, number of dimensions), each dimension as a
    big-endian 32-bit integer, then the bytes, the last dimension running fastest.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise _bad_original(path, "a whole gzip file", f"{type(error).__name__}: {error}") from error
    magic = bytes((0, 0, 8, dimensions))
    if content[:4] != magic:
        raise _bad_original(path, f"the magic number 0x{magic.hex()}", f"0x{content[:4].hex()}")
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise _bad_original(path, f"a header of {start} bytes", f"{len(content)} bytes in all")
    shape = tuple(int(n) for n in np.frombuffer(content[4:start], ">u4"))
    if shape[0] == 0 or shape[1:] != (SIDE, SIDE)[: dimensions - 1]:
        raise _bad_original(
            path, "one item or more" + f", each {SIDE} x {SIDE}" * (dimensions == 3), f"shape {shape}"
        )
    length = start + int(np.prod(shape, dtype=object))
    if len(content) != length:
        raise _bad_original(path, f"{length} bytes unpacked, for shape {shape}", f"{len(content)} bytes")
    values = np.frombuffer(content, np.uint8, offset=start).reshape(shape)
    if dimensions == 1 and values.max() >= len(CLASSES):
        raise _bad_original(path, f"labels 0 to {len(CLASSES) - 1}", f"the label {values.max()}")
    return values


def read_originals(folder: Path, split: str) -> tuple[Bytes, Bytes]:
    """Read one split ("train" or "test") from the original files in `folder`.

    Returns pictures uint8 [count, 28, 28] and labels uint8 [count].
    Raises DataError when a file is missing or broken, or when the two counts differ.
    """
    images_name, labels_name = IDX_FILES[split]
    images, labels = read_idx(folder / images_name, 3), read_idx(folder / labels_name, 1)
    if len(images) != len(labels):
        raise _bad_original(
            folder / labels_name, f"{len(images)} labels, one for each picture", f"{len(labels)}"
        )
    return images, labels


def checksum_text(content: bytes) -> str:
    """What data/fashion_mnist.sha256 must say when data/fashion_mnist.npz has this content.

    Returns the size in bytes as a comment, and the SHA-256 in the form that `sha256sum -c` reads.
    """
    return f"# {len(content)} bytes\n{hashlib.sha256(content).hexdigest()}  {_NPZ}\n"


def _source(split: str, folder: str | Path | None) -> tuple[Bytes, Bytes, Bytes]:
    """Training images, then images and labels of the split, from the course's copy, another copy, or the originals."""
    if folder is None:
        return _copy(where.stored(_NPZ), split)
    path = Path(folder)
    if path.is_file():
        return _copy(path, split)
    if (path / _NPZ).is_file():
        return _copy(path / _NPZ, split)
    if not any((path / name).is_file() for names in IDX_FILES.values() for name in names):
        raise DataError(
            f"{path}: expected a folder with {_NPZ} or with the original files {IDX_FILES['train'][0]} and so on, or a "
            f"copy of {_NPZ}; found {'none of these in it' if path.is_dir() else 'nothing of this name'}."
        )
    images, labels = read_originals(path, split)
    return (images if split == "train" else read_idx(path / IDX_FILES["train"][0], 3)), images, labels


def _copy(path: Path, split: str) -> tuple[Bytes, Bytes, Bytes]:
    """The same three arrays from a copy of the course's file, once its checksum is right."""
    content = _checked(path)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            train_images, images = arrays["train_images"], arrays[f"{split}_images"]
            labels = arrays[f"{split}_labels"]
    except (KeyError, ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise _bad_copy(path, "the course's arrays of bytes", f"{type(error).__name__}: {error}") from error
    for name, array, shape in (
        ("train_images", train_images, (len(train_images), SIDE, SIDE)),
        (f"{split}_images", images, (len(labels), SIDE, SIDE)),
        (f"{split}_labels", labels, (len(labels),)),
    ):
        if array.dtype != np.uint8 or array.shape != shape:
            raise _bad_copy(path, f"{name} as uint8 {shape}", f"{array.dtype} {array.shape}")
    return train_images, images, labels


def _checked(path: Path) -> bytes:
    """Content of a copy, once its size and SHA-256 are those recorded beside it, or else by the course."""
    recorded = path.with_name(_SHA256) if path.with_name(_SHA256).is_file() else where.stored(_SHA256)
    try:
        expected = recorded.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        found = f"no readable file ({type(error).__name__})"
        raise _bad_copy(recorded, f"the size and SHA-256 of {_NPZ}", found) from error
    said = f"{_one_line(expected)} (from {_SHA256})"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _bad_copy(path, said, f"no readable file ({type(error).__name__})") from error
    found = checksum_text(content)
    if found != expected:
        raise _bad_copy(path, said, _one_line(found))
    return content


def _bad_copy(path: Path, expected: str, found: str) -> DataError:
    """The error for a copy that is not what it should be, and how to get it back."""
    return DataError(
        f"{path}: expected {expected}; found {found}. To get it back: in a clone, `git checkout -- data/{_NPZ} "
        f"data/{_SHA256}`; in an unpacked ZIP, fetch the ZIP again ({where.home()}) and copy its folder data/ over this "
        "one; or make it anew from the four original files with `python data/make_fashion_mnist.py FOLDER`."
    )


def _one_line(checksum: str) -> str:
    """'5000000 bytes, sha256 0123...' from what checksum_text gives."""
    return checksum.removeprefix("# ").replace("\n", ", sha256 ", 1).replace(_NPZ, "").strip()


def _bad_original(path: Path, expected: str, found: str) -> DataError:
    """The error for an original file that is not what it should be."""
    return DataError(
        f"{path}: expected {expected}, found {found}. The four original files are in Debian's package "
        "dataset-fashion-mnist and at https://github.com/zalandoresearch/fashion-mnist."
    )


def _block_sums(images: Bytes, size: int) -> npt.NDArray[np.uint16]:
    """Sums over the blocks of pixels that make one pixel at this size, exact: [count, size, size]."""
    block = SIDE // size
    # A sum of strided views: several times faster than a sum over two short axes.
    sums = np.zeros((len(images), size, size), np.uint16)
    for row in range(block):
        for column in range(block):
            sums += images[:, row::block, column::block]
    return sums


def _white(size: int) -> int:
    """The block sum of a white pixel: what makes 1 of it."""
    return int(255 * (SIDE // size) ** 2)


def _mean_and_deviation(images: Bytes, size: int) -> tuple[float, float]:
    """Mean and population standard deviation of all pixels in 0..1 at this size.

    From whole-number sums: the same to the last bit on every machine, whatever its number of threads. A
    thousand images at a time, to keep the memory small for the full 60,000.
    """
    total = squares = 0
    for start in range(0, len(images), 1000):
        sums = _block_sums(images[start : start + 1000], size).astype(np.int64)
        total += int(sums.sum())
        squares += int(np.vdot(sums, sums))
    pixels = len(images) * size * size
    variance = (pixels * squares - total * total) / pixels**2
    return total / pixels / _white(size), float(np.sqrt(variance)) / _white(size)

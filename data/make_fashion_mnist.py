"""Make data/fashion_mnist.npz and its checksum from the four original Fashion-MNIST files.

    python data/make_fashion_mnist.py [FOLDER]

FOLDER holds the original .gz files; the default is where Debian's package dataset-fashion-mnist puts them.
Kept are the first 10,000 training and the first 2,000 test pictures with their labels, unchanged.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from course_utils.data import DataError, checksum_text, read_originals

HERE = Path(__file__).resolve().parent
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
KEPT = {"train": 10_000, "test": 2_000}


def pack(folder: Path) -> bytes:
    """The npz file's content: the first KEPT pictures and labels of each split in `folder`.

    The same input and zlib give the same bytes: a bare ZipInfo is dated 1980. (np.savez_compressed would do
    but for the compression level.) Raises DataError for a missing, broken or too short file.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for split, count in KEPT.items():
            images, labels = read_originals(folder, split)
            if len(images) < count:
                raise DataError(f"{folder}: expected {count} {split} pictures or more, found {len(images)}")
            for name, array in (("images", images), ("labels", labels)):
                member = io.BytesIO()
                np.lib.format.write_array(member, np.ascontiguousarray(array[:count]), allow_pickle=False)
                archive.writestr(
                    zipfile.ZipInfo(f"{split}_{name}.npy"),
                    member.getvalue(),
                    zipfile.ZIP_DEFLATED,
                    compresslevel=9,
                )
    return content.getvalue()


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: under a temporary name beside it first, then renamed."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)  # mkstemp's own mode is 0600
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def main() -> None:
    """Read the command line, make both files, say what was written."""
    parser = argparse.ArgumentParser(description="Make data/fashion_mnist.npz from the four original files.")
    parser.add_argument(
        "folder", nargs="?", type=Path, default=DEBIAN, help="folder of the .gz files (%(default)s)"
    )
    try:
        content = pack(parser.parse_args().folder)
    except DataError as error:
        sys.exit(str(error))
    text = checksum_text(content)
    write(HERE / "fashion_mnist.npz", content)
    write(HERE / "fashion_mnist.sha256", text.encode())
    print(text, end="")


if __name__ == "__main__":
    main()

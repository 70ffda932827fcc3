"""Every check of a notebook's stored outputs goes through tests/nbval_sanitize.cfg.

It stands here, not in tests/, so that it also applies when one notebook alone is given to pytest,
from whatever folder pytest is started.
"""

import os
import shutil
import socket
import struct
import sys
import tempfile
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    rules = Path(__file__).resolve().parents[1] / "tests" / "nbval_sanitize.cfg"
    config.option.nbval_sanitize_with = str(rules)
    if getattr(config.option, "dist", "no") not in ("no", "loadfile", "loadgroup", "loadscope"):
        config.option.dist = "loadfile"  # the cells of a notebook share a kernel, hence a worker
    if sys.platform == "linux":
        _raise_loopback()
    if not hasattr(config, "workerinput"):  # pytest-xdist's workers inherit what is set here
        _furnish_kernels(config)


def _furnish_kernels(config: pytest.Config) -> None:
    """Give kernels folders that they can write to, none of the reader's own settings, and fonts that are found already.

    What a kernel says of a missing home or of a first run would be compared as if a cell had said it.
    """
    folder = tempfile.mkdtemp(prefix="kernels-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        os.environ[name] = str(Path(folder, name))
        Path(folder, name).mkdir(mode=0o700)
    home = Path.home() / ".config" if sys.platform == "linux" else Path.home()
    if "MPLCONFIGDIR" not in os.environ and not os.access(home if home.exists() else home.parent, os.W_OK):
        os.environ["MPLCONFIGDIR"] = folder
    import matplotlib.font_manager  # looks for fonts once, where no list of them is kept

    os.environ["MATPLOTLIBRC"] = (
        matplotlib.get_data_path()
    )  # a reader's file may hold keys that are warned of


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The cells of a notebook run one after the other, whatever a plugin has shuffled."""
    cells = [item for item in items if hasattr(item, "cell_num")]
    books = list(dict.fromkeys(item.path for item in cells))
    in_order = iter(sorted(cells, key=lambda item: (books.index(item.path), item.cell_num)))
    items[:] = [next(in_order) if hasattr(item, "cell_num") else item for item in items]


def _raise_loopback() -> None:
    """Switch the loopback interface on where it is off, as it is behind ``unshare -n``.

    A kernel is spoken to over 127.0.0.1; without it every notebook would hang until its time is up.
    """
    import fcntl

    get_flags, set_flags, up = 0x8913, 0x8914, 0x1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP of <linux/sockios.h>
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        request = struct.pack("16sH22x", b"lo", 0)
        (flags,) = struct.unpack_from("16xH", fcntl.ioctl(asker, get_flags, request))
        if flags & up:
            return
        try:
            fcntl.ioctl(asker, set_flags, struct.pack("16sH22x", b"lo", flags | up))
        except PermissionError as error:
            raise pytest.UsageError(
                "the loopback interface is off, and kernels need it; as root: ip link set lo up"
            ) from error

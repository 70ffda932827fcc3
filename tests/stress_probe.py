"""A plugin of pytest for tests/stress.py: the peak memory and the seconds of each notebook's kernel.

After a notebook's last cell it adds a line to the file STRESS_FIGURES: the notebook's name, the kernel's peak memory
in bytes (0: not known on this machine) and the seconds since its first cell.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


def peak_memory(pid: int) -> int:
    """Peak resident memory of a process in bytes; 0 where /proc does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    found = [line.split() for line in lines if line.startswith("VmHWM:")]
    return 1024 * int(found[0][1]) if found else 0


_begun: dict[str, float] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Notes when a notebook's first cell is due."""
    _begun.setdefault(item.path.name, time.perf_counter())
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """After a notebook's last cell, while its kernel still lives: the line of figures."""
    last = nextitem is None or nextitem.path != item.path
    kernel = getattr(item.parent, "kernel", None)
    if last and kernel is not None and "STRESS_FIGURES" in os.environ:
        memory = peak_memory(kernel.km.provisioner.pid) if kernel.is_alive() else 0
        seconds = time.perf_counter() - _begun[item.path.name]
        with open(os.environ["STRESS_FIGURES"], "a", encoding="utf-8") as file:
            file.write(f"{item.path.name} {memory} {seconds:.1f}\n")
    return (yield)

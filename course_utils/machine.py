"""Machine: how many threads the process may use, and what machine a timing was taken on."""

import math
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from course_utils import checks

SINGLE: dict[str, Any] = {
    "dtype": torch.float32,
    "device": "cpu",
}  # of a draw, whatever a reader has set as default
_CGROUP, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def cpu_quota() -> int:
    """Whole processors this process may use, at least 1: the least of affinity, container quota and cores.

    Binder and other containers show all cores of the node but grant one: torch then starts a thread per
    core, and they wait for each other. Reads cgroup v2 (cpu.max) and v1 (cpu.cfs_quota_us), of the process's own
    slice and of all above it: the least binds. Where there is neither, the quota is not limited.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, *map(_granted, _slices()))))


def _slices() -> list[Path]:
    """The folders that may hold a quota of this process: the roots, its own slices, and all between."""
    found = [_CGROUP, _CGROUP / "cpu"]
    try:
        own = [line.split(":", 2) for line in _OWN.read_text().splitlines()]
    except OSError:  # no Linux
        own = []
    for _, controllers, path in (line for line in own if len(line) == 3):
        names = (
            ["", "unified"]
            if not controllers
            else ["cpu", controllers]
            if "cpu" in controllers.split(",")
            else []
        )
        parts = PurePosixPath(path).parts[1:]
        found += [_CGROUP.joinpath(name, *parts[:depth]) for name in names for depth in range(len(parts) + 1)]
    return found


def _granted(folder: Path) -> float:
    """Processors granted by one slice, infinite when it says nothing."""
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{part}_us").read_text().strip() for part in ("quota", "period")
            )
        return math.inf if quota in ("max", "-1") else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # none there, or one of another form
        return math.inf


def follow_quota() -> None:
    """Let torch use no more threads than :func:`cpu_quota` grants, and no more than now (OMP_NUM_THREADS)."""
    torch.set_num_threads(min(torch.get_num_threads(), cpu_quota()))


@contextmanager
def threads(count: int | None = None) -> Iterator[int]:
    """Run a block with ``count`` torch threads (default: as :func:`follow_quota`), then as before."""
    if count is not None:
        count = checks.whole("the number of threads", count)
    before = torch.get_num_threads()
    if count is None:
        follow_quota()
    else:
        torch.set_num_threads(count)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


@contextmanager
def flushed() -> Iterator[None]:
    """Run a block with numbers too small for float32's full precision (below 1.2e-38) taken as 0, then as before.

    A saturated sigmoid's gradients are full of them, and Intel's processors take many times as long over each: a map of
    the sigmoid over gains trains three times as fast so; AMD's and ARM's do not mind. A weight near 0.1 cannot see them.
    """
    before = not bool(torch.tensor([1e-39], **SINGLE).mul(1).item())
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def describe() -> str:
    """One line about this machine, for timings: system, processors, threads, vector width, versions."""
    capability = torch.backends.cpu.get_cpu_capability()
    return (
        f"{platform.system()} {platform.machine()}, {cpu_quota()} processors granted, "
        f"{torch.get_num_threads()} torch threads, {capability}, torch {torch.__version__.split('+')[0]}, "
        f"Python {platform.python_version()}"
    )

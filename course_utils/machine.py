"""Machine: how many threads the process may use, and what machine a timing was taken on."""

import math
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from course_utils import checks

__all__ = ["cpu_quota", "describe", "follow_quota", "threads"]

_CGROUP = Path("/sys/fs/cgroup")


def cpu_quota() -> int:
    """Whole processors this process may use, at least 1: the least of affinity, container quota and cores.

    Binder and other containers show all cores of the node but grant one: torch then starts a thread per
    core, and they wait for each other. Reads cgroup v2 (cpu.max) and v1 (cpu.cfs_quota_us); where there is
    neither, the quota is not limited.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, _container_limit(_CGROUP))))


def _container_limit(cgroup: Path) -> float:
    """Processors granted by the container, infinite when nothing is said."""
    try:
        if (cgroup / "cpu.max").is_file():
            quota, period = (cgroup / "cpu.max").read_text().split()
        else:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
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


def describe() -> str:
    """One line about this machine, for timings: system, processors, threads, vector width, versions."""
    capability = torch.backends.cpu.get_cpu_capability()
    return (
        f"{platform.system()} {platform.machine()}, {cpu_quota()} processors granted, "
        f"{torch.get_num_threads()} torch threads, {capability}, torch {torch.__version__.split('+')[0]}, "
        f"Python {platform.python_version()}"
    )

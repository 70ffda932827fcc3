"""The history of `make bench`: how fast each sweep was at what time, and whether one has become slower.

A file of comma-separated values, one row for each sweep and run: rates differ from machine to machine, so what is compared
is the share of the machine's dense rate, and only with rows of a like machine (processor, vector width, threads).
"""

import csv
import datetime
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

__all__ = ["SLOWER", "Entry", "append", "machine_name", "read", "slower", "today"]

SLOWER = 0.10  # a sweep that loses more than this share of its last rate is a finding


class Entry(NamedTuple):
    """One sweep of one run: when, where, the dense rate in GFLOP/s, and ratios.

    ``share``: of the dense rate. ``of_parts``: of what the parts of a step alone allow. ``over_loop``: times the plain loop.
    """

    date: str
    machine: str
    dense: float
    sweep: str
    share: float
    of_parts: float
    over_loop: float


def today() -> str:
    """The date, in UTC."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def machine_name() -> str:
    """What makes two machines alike here: processor, vector width, torch threads."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"


def read(path: Path) -> list[Entry]:
    """All entries, in the order of the file; none when there is no file. ValueError: a row of another form."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        return [Entry(*(kind(row[name]) for name, kind in Entry.__annotations__.items())) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} must have the columns {', '.join(Entry._fields)}: {error!r}") from None


def append(path: Path, entries: Sequence[Entry]) -> None:
    """Write the entries below what is there; a new file gets its head."""
    new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(Entry._fields)
        writer.writerows(
            [f"{value:.4g}" if isinstance(value, float) else value for value in entry] for entry in entries
        )


def slower(history: Sequence[Entry], entries: Sequence[Entry]) -> list[str]:
    """A line for each sweep that is slower, relative to the dense rate, than its last entry of a like machine."""
    last = {(entry.machine, entry.sweep): entry for entry in history}
    lines = []
    for entry in entries:
        before = last.get((entry.machine, entry.sweep))
        if before is not None and entry.share < (1 - SLOWER) * before.share:
            lines.append(
                f"{entry.sweep}: {entry.share:.1%} of the dense rate, {before.share:.1%} on {before.date}, "
                f"{1 - entry.share / before.share:.0%} slower"
            )
    return lines

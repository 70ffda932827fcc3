"""Make: `make record`, a resumable program that fills the record, one independent job a table."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import course_utils.record.parts as parts
import course_utils.record.settings as settings
import course_utils.record.store as store
from course_utils import checks, where
from course_utils.record.store import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compute", "jobs", "main", "quick_folder"]


def compute(table: Table) -> pd.DataFrame:
    """The rows of a table, made anew: the same on every call of one machine. KeyError for a table that there is not."""
    return parts.part(table)[0](settings.setting(table.change))


def quick_folder() -> Path:
    """Where a quick look is written."""
    return where.ROOT / "build" / "record-quick"


def jobs(claims: Sequence[str], changes: Sequence[str], path: Path | None = None) -> list[Table]:
    """The tables that are still to be made, for these claims (none: all) and changes. ValueError for an unknown name."""
    for claim in claims:
        checks.among("claim", claim, sorted(parts.CLAIMS))
    each: list[str | None] = [*claims] or [None]
    wanted = [table for change in changes for claim in each for table in parts.tables(change, claim)]
    return [table for table in dict.fromkeys(wanted) if not store.done(table, path)]


def main(names: Sequence[str], quick: bool = False, processes: int = 1, path: Path | None = None) -> int:
    """Make what is missing; returns 0.

    Args:
        names: claims ("C30") and changes ("adam"), in any order; none of a kind: all of it.
        quick: a small look of every experiment, in two minutes, into build/record-quick.
        processes: side by side; joblib runs them, or a cluster to which joblib.parallel_config(backend=...) hands them.
        path: where to; default data/record (or build/record-quick).

    Raises:
        ValueError: a name that is neither a claim of the record nor a change.
    """
    import joblib

    known = [*settings.CHANGES, *sorted(parts.CLAIMS)]
    for name in names:
        checks.among("claim or change", name, known)
    checks.whole("processes", processes)
    path = path or (quick_folder() if quick else store.folder())
    chosen = [name for name in names if name in settings.CHANGES] or settings.CHANGES
    todo = jobs([name for name in names if name in parts.CLAIMS], ["quick"] if quick else chosen, path)
    print(f"{len(todo)} tables to make, into {path.name}/", flush=True)
    calls = (joblib.delayed(_timed)(table) for table in todo)
    begun = time.monotonic()
    made = joblib.Parallel(n_jobs=processes, return_as="generator_unordered")(calls)
    for count, (table, rows, seconds) in enumerate(made, start=1):
        store.write(table, rows, seconds, path)
        print(f"{count} of {len(todo)}: {table.name}, {len(rows)} networks, {seconds:.0f} s", flush=True)
    print(f"done in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return 0


def _timed(table: Table) -> tuple[Table, pd.DataFrame, float]:
    begun = time.monotonic()
    rows = compute(table)
    return table, rows, time.monotonic() - begun

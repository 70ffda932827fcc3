"""Record: do the claims still hold at length, with Adam, wide, on other data, with convolutions? A record of runs.

No notebook has the time. `make record` runs the deciding experiments of the claims about training under other choices, and
stores a row for each network in data/record, with its provenance. How to read it:

    from course_utils import record

    matrix = record.verdicts()                     # one row per claim and change
    print(matrix.pivot(index="id", columns="change", values="verdict"))
    print(matrix[~matrix["same"] & matrix["judged"]][["id", "change", "verdict", "figure"]])   # what turned
    print(record.conditions("C30", "adam"))        # the card's conditions there, each True or False
    runs = record.load("C30", "budget")            # one row per network
    thirty = runs[runs["part"] == "depth_30"]
    print(thirty.groupby("arm")["score"].agg(["mean", "min", "max"]))
    again = record.compute("deep", "course", "depth_2")   # the same experiment, made anew here
    print(record.CHANGES, record.SETTINGS["budget"].says)

Where `judged` is False a cell was not run, or not yet: `figure` then says why, and `make record` runs what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils import checks, claims
from course_utils.record import judges, make, parts, settings, store
from course_utils.record.settings import CHANGES, SETTINGS
from course_utils.record.store import RecordError, Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CHANGES",
    "CLAIMS",
    "SETTINGS",
    "RecordError",
    "compute",
    "conditions",
    "load",
    "reasons",
    "verdicts",
]

CLAIMS = tuple(sorted(parts.CLAIMS))
"""The claims of the record."""


def load(claim: str | None = None, change: str | None = None, path: Path | None = None) -> pd.DataFrame:
    """The networks of the record: one row per network, and per claim that it bears on.

    Columns: claim, family, change, part (which experiment), then store.COLUMNS: arm, seed, order, the design, learning_rate,
    inside (the rate is neither end of its grid), steps, measure (what the score is), score, failed and what else was measured;
    NaN where it was not.

    Args:
        claim: one claim, e.g. "C30". change: one change, e.g. "adam". Default: all.
        path: another folder than data/record.

    Raises:
        ValueError: an unknown claim or change. RecordError: a table that is not as it was recorded.
    """
    import pandas as pd

    wanted = CLAIMS if claim is None else (checks.among("claim", claim, CLAIMS),)
    changes = CHANGES if change is None else (checks.among("change", change, CHANGES),)
    known, found = store.manifest(path), []
    for name in changes:
        for table in parts.tables(name):
            if table.name not in known:
                continue
            rows, bears = store.read(table, path), parts.part(table)[1]
            for one in bears:
                if one in wanted:
                    at = {"claim": one, "family": table.family, "change": name, "part": table.part}
                    found.append(rows.assign(**at))
    columns = ["claim", "family", "change", "part", *store.COLUMNS]
    if not found:
        return pd.DataFrame(columns=columns)
    # Columns that a table lacks are filled in by name, so that all tables have one type for each.
    return pd.concat(found, ignore_index=True).reindex(columns=columns)


def conditions(claim: str, change: str, path: Path | None = None) -> dict[str, bool]:
    """The conditions of a claim's card as they come out under a change.

    Raises:
        ValueError: an unknown claim or change. RecordError: a table that is missing or altered.
    """
    return _judged(claim, change, lambda table: store.read(table, path))[0]


def verdicts(path: Path | None = None) -> pd.DataFrame:
    """One row per claim and change, the notebook's own setting ("course") among them.

    Columns: id, change, judged (False where it was not run), verdict ("not run" then), same (as the register's, hence the
    card's), figure (the deciding one, or the reason why it was not run), networks (how many it rests on), against (the
    conditions that came out otherwise than under "course").

    RecordError: a table that is not as it was recorded.
    """
    import pandas as pd

    register, known, why = claims.register(), store.manifest(path), reasons()
    read = cache(lambda table: store.read(table, path))  # claims share tables
    rows = []
    for claim in CLAIMS:
        usual: dict[str, bool] = {}
        for change in CHANGES:
            tables = parts.tables(change, claim)
            if not tables or any(table.name not in known for table in tables):
                stored = why.get(change, {})
                reason = "not run yet" if tables else stored.get(claim) or stored.get("all", "not run yet")
                rows.append((claim, change, False, "not run", False, reason, 0, ""))
                continue
            held, figure = _judged(claim, change, read)
            usual = usual or (held if change == "course" else {})
            against = "; ".join(name for name, value in held.items() if usual.get(name, value) != value)
            verdict = claims.derive(held, register[claim].verdict)
            count = sum(known[table.name]["networks"] for table in tables)
            rows.append(
                (claim, change, True, verdict, verdict == register[claim].verdict, figure, count, against)
            )
    columns = ["id", "change", "judged", "verdict", "same", "figure", "networks", "against"]
    return pd.DataFrame(rows, columns=columns)


def reasons() -> dict[str, dict[str, str]]:
    """Why a change was not run: change -> claim, or "all" -> reason."""
    return settings.REASONS


def compute(family: str, change: str, part: str) -> pd.DataFrame:
    """Make a table anew: its rows, as they would be recorded, but for the rounding. "quick" is a change, too, a small one.

    Raises:
        ValueError: an unknown family, change or part.
    """
    checks.among("change", change, (*CHANGES, "quick"))
    known = [
        table.part
        for table in parts.tables(change)
        if table.family == checks.among("family", family, parts.FAMILIES)
    ]
    return make.compute(Table(family, change, checks.among("part", part, known)))


def _judged(claim: str, change: str, read: Callable[[Table], pd.DataFrame]) -> tuple[dict[str, bool], str]:
    checks.among("claim", claim, CLAIMS)
    checks.among("change", change, CHANGES)
    rows = judges.Rows({table.part: read(table) for table in parts.tables(change, claim)})
    held, figure = judges.JUDGES[claim](rows)
    return {name: bool(value) for name, value in held.items()}, figure

"""Parts: every experiment of the record by family and name, and the claims that it bears on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import course_utils.record.chart as chart
import course_utils.record.convolved as convolved
import course_utils.record.deaths as deaths
import course_utils.record.deep as deep
import course_utils.record.methods as methods
import course_utils.record.race as race
import course_utils.record.sparse as sparse
from course_utils.record.settings import Setting
from course_utils.record.store import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CLAIMS", "FAMILIES", "PARTS", "tables"]

Part = Callable[[Setting], "pd.DataFrame"]

_RACE = ("C02", "C08", "C20", "C37")
PARTS: dict[str, dict[str, tuple[Part, tuple[str, ...]]]] = {
    "race": {
        "depth_2": (race.depth_2, _RACE),
        "depth_4": (race.depth_4, (*_RACE, "C28")),
        "depth_6": (race.depth_6, (*_RACE, "C28")),
        "old": (race.old, ("C02", "C08", "C20")),
        "under_adam": (race.under_adam, ("C02", "C08", "C28", "C37")),
        "ends": (race.ends, ("C20",)),
    },
    "deep": {
        "depth_2": (deep.depth_2, ("C30",)),
        "depth_8": (deep.depth_8, ("C30", "C32", "C38")),
        "depth_30": (deep.depth_30, ("C14", "C26", "C30", "C32")),
        "long": (deep.long, ("C30",)),
        "paths": (deep.paths, ("C30",)),
        "inits": (deep.inits, ("C32",)),
        "remedies": (deep.remedies, ("C26", "C38")),
        "under_adam": (deep.under_adam, ("C26", "C38")),
        "deaths": (deep.deaths, ("C14",)),
    },
    "deaths": {
        "low": (deaths.low, ("C23",)),
        "stuck": (deaths.stuck, ("C22",)),
        "low_long": (deaths.low_long, ("C22", "C23")),
        "under_adam": (deaths.under_adam, ("C22", "C23")),
        "hot": (deaths.hot, ("C22", "C23")),
        "usual": (deaths.usual, ("C22",)),
        "default": (deaths.default, ("C22",)),
    },
    "sparse": {
        name: (part, ("C11",)) for name, part in vars(sparse).items() if name in ("short", "late", "noisy")
    },
    "chart": {"whole": (chart.whole, ("C35",)), "near": (chart.near, ("C35",))},
    "methods": {"batch_norm": (methods.batch_norm, ("C36",)), "layer_norm": (methods.layer_norm, ("C36",))},
}
"""Family -> part -> (the experiment, the claims that it bears on)."""

CONVOLVED: dict[str, tuple[Part, tuple[str, ...]]] = {
    name: (getattr(convolved, name), claims) for name, (_, claims) in PARTS["race"].items()
} | {"krizhevsky": (convolved.krizhevsky, ("C20",))}
"""What the family "race" is under the change "conv"."""

FAMILIES = tuple(PARTS)
CLAIMS = {
    claim: family for family, parts in PARTS.items() for _, claims in parts.values() for claim in claims
}
"""The claims that are recorded, each with its family."""


def part(table: Table) -> tuple[Part, tuple[str, ...]]:
    """The experiment that makes a table, and the claims that it bears on. KeyError for a table that there is not."""
    return (CONVOLVED if table.change == "conv" else PARTS[table.family])[table.part]


def tables(change: str, claim: str | None = None) -> list[Table]:
    """The tables of a change, those that bear on one claim, or all; none where the change makes no sense."""
    found = []
    for family, parts in PARTS.items():
        own = parts if change != "conv" else CONVOLVED if family == "race" else {}
        found += [
            Table(family, change, name)
            for name, (_, claims) in own.items()
            if claim is None or claim in claims
        ]
    return found

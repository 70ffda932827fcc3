"""Thread: who said what, and what became of it: the register's verdicts by person, and the way to each card."""

import html
import re
from pathlib import Path

import pandas as pd

from course_utils import claims, where


def by_person(overview: pd.DataFrame) -> pd.DataFrame:
    """One row per person and claim, from ``claims.overview()``: columns person, id, says, verdict, claimed.

    ``claimed`` is false where the person only asked, or only reported what others say (the overview's columns asked
    and reported; without them nobody did). A claim that three people made counts for each of them. Rows keep the
    register's order.

    Raises:
        ValueError: a column of the overview is missing.
    """
    for column in ("id", "who", "says", "verdict"):
        if column not in overview.columns:
            raise ValueError(
                f"the overview has no column {column!r}; it has: {', '.join(map(str, overview.columns))}"
            )
    people = overview["who"].map(lambda who: [re.sub(r" \d{4}$", "", name) for name in who.split(", ")])
    exploded = overview.assign(person=people).explode("person", ignore_index=True)
    claimed = pd.Series(True, index=exploded.index)
    for column in {"asked", "reported"} & set(exploded.columns):
        apart = [person in names for person, names in zip(exploded["person"], exploded[column], strict=True)]
        claimed &= ~pd.Series(apart, index=exploded.index)
    return exploded.assign(claimed=claimed)[["person", "id", "says", "verdict", "claimed"]]


def tally(people: pd.DataFrame, ids: str = "C") -> pd.DataFrame:
    """How often each person was right: one row per person who claimed something, most claims first.

    What a person only asked or reported does not count.

    Args:
        people: as :func:`by_person`.
        ids: "C" counts claims (default), "E" slips.

    Returns:
        Columns person, claims, and one for each verdict (holds, depends, fails, unproven, open) with a count.

    Raises:
        ValueError: other ids.
    """
    if ids not in ("C", "E"):
        raise ValueError(f'ids must be "C" (claims) or "E" (slips), got {ids!r}')
    kept = people[people["id"].str.startswith(ids) & people["claimed"]]
    counts = pd.crosstab(kept["person"], kept["verdict"])
    counts = counts.reindex(columns=[*claims.VERDICTS, "open"], fill_value=0)
    counts.insert(0, "claims", counts.sum(axis=1))
    order = [*kept["person"].unique()]
    counts = counts.loc[sorted(order, key=lambda name: -counts.loc[name, "claims"])]
    return counts.reset_index().rename_axis(columns=None)


def places(folder: Path | None = None) -> dict[str, str]:
    """Where each stored card stands: id -> "05_dead_units.ipynb#cell-id=nb05-034", a link from a neighbouring notebook.

    JupyterLab and the HTML pages of the course jump to the cell; elsewhere the notebook opens at its top.
    ``folder`` defaults to the course's own notebooks.
    """
    found = {}
    for path in sorted((folder or where.ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        for place, card in claims.placed(path):
            found[card.id] = f"{path.name}#cell-id={place}"
    return found


def links(board: pd.DataFrame, to: dict[str, str]) -> None:
    """Show ``claims.scoreboard()`` with each id a link to the cell that decided it; as plain text for other readers."""
    ids = [f'<a href="{to[name]}">{name}</a>' for name in board["id"]]
    claims.show(board, board.map(html.escape).assign(id=ids))

"""Tuning: the best learning rate of each arm out of a grid that all arms share, and honest intervals for shares."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import pandas as pd

__all__ = ["best", "interval"]


def best(
    table: pd.DataFrame,
    arms: Sequence[str] = ("arm",),
    score: str = "test_accuracy",
    higher: bool = True,
    rate: str = "learning_rate",
) -> pd.DataFrame:
    """The learning rate at which each arm does best, by the mean of its seeds; one row per arm, in order of appearance.

    Every arm must have been tried with the same rates, or the comparison would favour the arm with the longer
    grid. A score of NaN (a network that diverged, a race never finished) is a failure: where a rate has any,
    it loses against a rate with fewer, whatever the mean of the rest.

    Args:
        table: one row per network, e.g. ``History.final()``.
        arms: the columns that name an arm.
        score: the column to judge by.
        higher: whether a higher score is better; default True.
        rate: the column with the learning rate.

    Returns:
        The columns ``arms``, then ``rate``; mean, lowest, highest of the score over the seeds that have one; seeds (how
        many were tried at that rate); failed (how many have no score); inside (False where the best rate is the
        grid's lowest or highest, so that a better one may lie outside).

    Raises:
        ValueError: a missing column, an empty table, a grid of fewer than three rates, or arms with different
            grids.
    """
    arms = list(arms)
    missing = [name for name in [*arms, score, rate] if name not in table.columns]
    if missing:
        raise ValueError(
            f"the table has no column {missing[0]!r}; it has: {', '.join(map(str, table.columns))}"
        )
    if table.empty:
        raise ValueError("the table has no row")
    grid = sorted(table[rate].unique())
    if len(grid) < 3:
        raise ValueError(f"to have a best rate inside, a grid needs at least three, got {grid}")
    rows = []
    for arm, tried in table.groupby(arms, sort=False):
        own = sorted(tried[rate].unique())
        if own != grid:
            raise ValueError(f"all arms must be tried at the same rates; {arm} has {own}, the table {grid}")
        by_rate = tried.groupby(rate)[score]
        summary = pd.DataFrame(
            {
                "mean": by_rate.mean(),
                "lowest": by_rate.min(),
                "highest": by_rate.max(),
                "seeds": by_rate.size(),
                "failed": by_rate.size() - by_rate.count(),
            }
        )
        order = summary.sort_values(["failed", "mean"], ascending=[True, not higher], kind="stable")
        chosen = order.index[0]
        inside = grid[0] < chosen < grid[-1]
        rows.append([*arm, chosen, *summary.loc[chosen].tolist(), inside])
    found = pd.DataFrame(rows, columns=[*arms, rate, *summary.columns, "inside"])
    return found.astype({"seeds": int, "failed": int})


def interval(successes: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a share: (low, high), between 0 and 1.

    With p = successes / count and z the normal quantile of ``level``: centre (p + z^2/2n) / (1 + z^2/n), half
    width z sqrt(p(1-p)/n + z^2/4n^2) / (1 + z^2/n). Wilson, J. Am. Stat. Assoc. 22:209-212, 1927.

    Raises:
        ValueError: unless 0 <= successes <= count, count >= 1 and 0 < level < 1.
    """
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in (successes, count))
    if not whole or not 0 <= successes <= count or count < 1:
        raise ValueError(
            f"an interval needs 0 <= successes <= count and a count of at least 1, got {successes!r} of {count!r}"
        )
    if not 0 < level < 1:
        raise ValueError(f"the level must lie between 0 and 1, got {level!r}")
    z, p = NormalDist().inv_cdf(0.5 + level / 2), successes / count
    shrink = 1 + z**2 / count
    centre = (p + z**2 / (2 * count)) / shrink
    half = z * math.sqrt(p * (1 - p) / count + z**2 / (4 * count**2)) / shrink
    return max(0.0, centre - half), min(1.0, centre + half)

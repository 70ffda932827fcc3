"""The best rate of each arm, and Wilson's interval against scipy."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from course_utils import tuning


def table() -> pd.DataFrame:
    scores = {
        "a": {0.01: [0.5, 0.6], 0.1: [0.8, 0.9], 1.0: [0.7, 0.7]},
        "b": {0.01: [0.2, 0.3], 0.1: [0.6, 0.6], 1.0: [0.9, math.nan]},
        "c": {0.01: [0.9, 0.9], 0.1: [0.1, 0.1], 1.0: [0.1, 0.1]},
    }
    rows = [
        {"arm": arm, "depth": 2, "learning_rate": rate, "test_accuracy": score}
        for arm, rates in scores.items()
        for rate, both in rates.items()
        for score in both
    ]
    return pd.DataFrame(rows)


def test_best_rates() -> None:
    found = tuning.best(table(), ["arm", "depth"])
    assert found.columns.tolist() == [
        "arm", "depth", "learning_rate", "mean", "lowest", "highest", "seeds", "failed", "inside"
    ]  # fmt: skip
    assert found.learning_rate.tolist() == [0.1, 0.1, 0.01], "a rate with a failure loses"
    assert found.iloc[0, 3:].tolist() == pytest.approx([0.85, 0.8, 0.9, 2, 0, True])
    assert found.inside.tolist() == [True, True, False]


def test_arms_stay_in_order_and_of_equal_rates_the_lowest_is_taken() -> None:
    rows = [(arm, rate, 0.5) for arm in ("z", "a") for rate in (0.3, 0.1, 0.2)]
    found = tuning.best(pd.DataFrame(rows, columns=["arm", "learning_rate", "score"]), ["arm"], "score")
    assert found["arm"].tolist() == ["z", "a"] and found["learning_rate"].tolist() == [0.1, 0.1]


def test_lower_is_better_and_failures_are_counted() -> None:
    times = table().assign(test_accuracy=lambda t: t.test_accuracy.where(t.arm != "c"))
    found = tuning.best(times, higher=False).set_index("arm")
    assert found.loc["a", "learning_rate"] == 0.01 and not found.loc["a", "inside"]
    assert found.loc["b", "mean"] == pytest.approx(0.25)
    assert found.loc["c", "failed"] == 2 == found.loc["c", "seeds"]
    assert math.isnan(found.loc["c", "mean"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="depth"), "no column 'depth'; it has: arm, learning_rate, test_accuracy"),
        (lambda t: t.iloc[:0], "the table has no row"),
        (lambda t: t[t.learning_rate > 0.05], r"needs at least three, got \[.*0.1.*\]"),
        (lambda t: t.drop(index=[0, 1]), "all arms must be tried at the same rates; .*'a'"),
    ],
)
def test_unfair_tables(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        tuning.best(change(table()), ["arm", "depth"])


@given(st.integers(1, 500), st.data())
def test_interval_against_scipy(count: int, draw: st.DataObject) -> None:
    successes = draw.draw(st.integers(0, count))
    theirs = binomtest(successes, count).proportion_ci(0.95, method="wilson")
    assert tuning.interval(successes, count) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_interval_of_another_level() -> None:
    theirs = binomtest(3, 20).proportion_ci(0.8, method="wilson")
    assert tuning.interval(3, 20, 0.8) == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize("bad", [(-1, 5), (6, 5), (0, 0), (1.0, 5), (True, 5)])
def test_bad_counts(bad) -> None:
    with pytest.raises(ValueError, match="0 <= successes <= count"):
        tuning.interval(*bad)


@pytest.mark.parametrize("level", [0, 1, 1.5])
def test_bad_levels(level) -> None:
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        tuning.interval(1, 2, level)

"""Trials: scores, the protocol against a plain loop, the choice of a rate, differences of pairs, intervals."""

import math
from dataclasses import FrozenInstanceError, replace

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from course_utils import training, trials
from course_utils.data import Dataset
from course_utils.networks import Design, Networks, grid


def toy(count: int = 60, inputs: int = 6, seed: int = 0) -> Dataset:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    images = torch.randn(count, inputs, generator=generator) + 3 * torch.eye(3, inputs)[labels]
    return Dataset(images, labels, "train", 14, 0.0, 1.0)


TRAIN, HELD, TEST = toy(), toy(seed=1), toy(seed=2)
SHAPE = {"depth": 2, "width": 8, "epochs": 2, "batch_size": 10}
RATES = [0.01, 0.1, 1e6]
TANH = {"a": Design("tanh")}


def compare(arms=TANH, rates=RATES, judge=None, report=None, data=TRAIN, **options) -> trials.Comparison:
    judge, report = judge or trials.accuracy(HELD), report or trials.accuracy(TEST)
    return trials.compare(arms, rates, data, judge, report, **(SHAPE | options))


# --- what counts


def test_steps_to_is_the_plain_loop() -> None:
    def by_hand(losses: list[float], target: float, window: int) -> float:
        for step in range(window, len(losses) + 1):
            if sum(losses[step - window : step]) / window <= target:
                return step
        return math.inf

    fall = torch.rand(60, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64).cumsum(0)
    losses = 2.3 - fall * torch.linspace(0, 0.1, 30)
    for target, window in ((1.0, 20), (1.5, 1), (0.3, 7), (2.2, 60)):
        expected = [by_hand(row, target, window) for row in losses.T.tolist()]
        assert trials.steps_to(losses, target, window).tolist() == expected
    assert torch.equal(trials.steps_to(losses, 1.0), trials.steps_to(losses, 1.0, 20))
    losses = torch.full((10, 3), 2.0)
    losses[5:, 0], losses[5:, 1], losses[8:, 2] = math.nan, math.inf, -50.0  # not finite: never counts
    assert trials.steps_to(losses, 1.0, 2).tolist() == [math.inf, math.inf, 9]
    assert trials.steps_to(-losses.abs(), -60.0, 2).tolist() == [math.inf] * 3


def test_the_scores_of_a_run() -> None:
    """Six networks: one of each kind of failure among healthy ones."""
    designs = grid(activation="tanh", learning_rate=[0.1, 1e-6], seed=range(2))
    designs += grid(activation="relu", learning_rate=1e9, seed=range(2))
    for score, higher, failure in (
        (trials.accuracy(TEST), True, 0.0), (trials.steps(0.9, 3), False, math.inf), (trials.loss(4), False, math.inf),
    ):  # fmt: skip
        found = trials.run(designs, TRAIN, score, **SHAPE)
        assert (score.higher, score.failure) == (higher, failure)
        slow_fails = score.name == "steps"
        assert found.table["failed"].tolist() == [False] * 2 + [slow_fails] * 2 + [True] * 2
        assert found.table["score"].tolist()[4:] == [failure] * 2
        expected = {
            "accuracy": training.evaluate(found.networks, TEST)[1].tolist(),
            "steps": trials.steps_to(found.losses, 0.9, 3).tolist(),
            "loss": found.losses[-4:].double().mean(0).tolist(),
        }[score.name]
        assert found.table["score"].tolist()[:4] == pytest.approx(expected[:4])
    assert trials.accuracy(TEST).images is TEST and trials.steps(1.0).images is None


# --- a run


def test_a_run_is_tidy() -> None:
    designs = grid(activation=["tanh", "relu"], norm="batch", seed=[4, 7])
    found = trials.run(designs, TRAIN, **SHAPE)
    told = [c for c in designs[0].describe() if c != "arm"]
    assert found.table.columns.tolist() == ["arm", *told, *"depth width order score loss failed".split()]
    assert found.table["arm"].tolist() == [d.arm for d in designs]
    assert found.table["seed"].tolist() == found.table["order"].tolist() == [4, 7, 4, 7]
    assert set(found.table["depth"]) == {2} and set(found.table["width"]) == {8}
    assert found.losses.shape == (12, 4) and found.networks.designs == tuple(designs)
    last = found.losses.double().mean(0).tolist()  # twelve steps are fewer than the window
    assert found.table["score"].tolist() == found.table["loss"].tolist() == pytest.approx(last)
    named = trials.run(designs, TRAIN, names=["x", "y", "x", "y"], **SHAPE)
    assert named.table["arm"].tolist() == ["x", "y", "x", "y"]
    usual = trials.run(designs[:1], toy(300), depth=1, width=2)  # 3 epochs, batches of 100
    assert usual.losses.shape == (9, 1)
    with pytest.raises(FrozenInstanceError):
        found.losses = None  # type: ignore[misc, assignment]


@pytest.mark.parametrize(("order", "seeds"), [("own", [4, 7, 4, 7]), (3, [3] * 4)])
def test_arms_of_one_seed_share_weights_order_and_everything_but_what_differs(order, seeds) -> None:
    found = trials.run(grid(activation=["tanh", "relu"], seed=[4, 7]), TRAIN, order=order, **SHAPE)
    assert found.table["order"].tolist() == seeds
    for i, design in enumerate(found.networks.designs):
        alone = Networks([design], 6, 2, 8)
        losses = training.train(alone, TRAIN, epochs=2, batch_size=10, order_seed=seeds[i]).losses[:, 0]
        torch.testing.assert_close(found.losses[:, i], losses, rtol=1e-4, atol=1e-5)


def test_what_training_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told, usual, looks = [], training.train, []

    def train(networks: Networks, data: Dataset, **options: object) -> object:
        told.append((torch.get_num_threads(), options))
        return usual(networks, data, **options)

    monkeypatch.setattr(training, "train", train)
    options = {"optimiser": "adamw", "weight_decay": 0.1, "watch": lambda nets, epoch: looks.append(epoch)}
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        trials.run(TANH.values(), TRAIN, **SHAPE, **options)  # type: ignore[arg-type]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert told == [(1, {"epochs": 2, "batch_size": 10, "order_seed": [0], **options})] and looks == [0, 1, 2]


# --- a comparison


def test_a_comparison_is_tuned_with_some_seeds_and_reported_with_others() -> None:
    arms = {"usual": Design("tanh"), "huge": Design("relu", gain=40.0)}
    found = compare(arms, [1e-4, 0.01, 0.1])
    assert [found.rate(arm) for arm in arms] == [0.1, 1e-4]  # the best for itself
    assert found.choice["arm"].tolist() == list(arms) and found.choice["inside"].tolist() == [False, False]
    assert found.table["inside"].tolist() == [False] * 10 and found.table.index.tolist() == list(range(10))
    assert found.tuning.index.tolist() == list(range(12)) and set(found.tuning["seed"]) == {0, 1}
    assert found.table["seed"].tolist() == [10, 11, 12, 13, 14] * 2 == found.table["order"].tolist()
    assert found.table["arm"].tolist() == ["usual"] * 5 + ["huge"] * 5 and set(found.table["width"]) == {8}
    for place, arm in enumerate(arms):
        rows = found.table[found.table["arm"] == arm]
        assert set(rows["learning_rate"]) == {found.rate(arm)}
        assert (
            found.scores(arm).tolist() == rows["score"].tolist() and found.scores(arm).dtype == torch.float64
        )
        assert torch.equal(found.curves(arm), found.losses[:, 5 * place : 5 * place + 5])
        assert training.evaluate(found.networks[arm], TEST)[1].tolist() == pytest.approx(
            rows["score"].tolist()
        )
        tried = found.tuning.query("arm == @arm").groupby("learning_rate")["score"].mean()
        assert tried.idxmax() == found.rate(arm)
        for ask in (found.scores, found.curves, found.rate):
            with pytest.raises(ValueError, match="unknown arm 'b'; known are: usual, huge"):
                ask("b")


def test_a_comparison_does_what_a_loop_over_networks_does() -> None:
    def alone(rate: float, seed: int, judge: Dataset) -> float:
        net = Networks([Design("tanh", seed=seed, learning_rate=rate)], 6, 2, 8)
        training.train(net, TRAIN, epochs=2, batch_size=10, order_seed=seed)
        return float(training.evaluate(net, judge)[1].nan_to_num(-1)[0])

    tried = {rate: alone(rate, 0, HELD) + alone(rate, 1, HELD) for rate in RATES}
    found = compare(seeds=[7, 8])
    assert found.rate("a") == max(tried, key=lambda rate: tried[rate])
    right = [alone(found.rate("a"), s, TEST) for s in (7, 8)]
    assert found.scores("a").tolist() == pytest.approx(right, abs=0.04)
    # A score that looks at no images judges and reports; a diverged network is counted and scores nothing.
    same = trials.compare(TANH, [0.01, 0.1, 0.3], TRAIN, trials.steps(0.9, 3), seeds=[2, 3], order=0, **SHAPE)
    assert (
        same.rate("a") == 0.3 and same.scores("a").tolist() == trials.steps_to(same.losses, 0.9, 3).tolist()
    )
    assert set(same.tuning["order"]) == set(same.table["order"]) == {0}
    gone = compare({"a": Design("relu")}, [1e6, 1e7, 1e8], seeds=[5])
    assert (
        gone.scores("a").tolist() == [0.0]
        and gone.table["failed"].all()
        and gone.choice["failed"].item() == 2
    )


def test_prepare_is_called_for_both_stages_and_the_width_is_32() -> None:
    seen = []
    judges = trials.accuracy(HELD), trials.accuracy(TEST)
    trials.compare(
        TANH, RATES, TRAIN, *judges, depth=1, batch_size=60,
        prepare=lambda n: seen.append((len(n), n.depth, n.width)),
    )  # fmt: skip
    assert seen == [(6, 1, 32), (5, 1, 32)] and trials.TUNING_SEEDS == (0, 1)


# --- the best rate


def table() -> pd.DataFrame:
    scores = {
        "a": {0.01: [0.5, 0.6], 0.1: [0.8, 0.9], 1.0: [0.7, 0.7]},
        "b": {0.01: [0.2, 0.3], 0.1: [0.6, 0.6], 1.0: [0.9, math.nan]},
        "c": {0.01: [0.9, 0.9], 0.1: [0.1, 0.1], 1.0: [0.1, 0.1]},
    }
    rows = [
        {"arm": arm, "depth": 2, "learning_rate": rate, "score": score}
        for arm, rates in scores.items()
        for rate, both in rates.items()
        for score in both
    ]
    return pd.DataFrame(rows)


def test_best_rates() -> None:
    found = trials.best(table(), ["arm", "depth"])
    assert found.columns.tolist() == [
        "arm", "depth", "learning_rate", "mean", "lowest", "highest", "seeds", "failed", "inside"
    ]  # fmt: skip
    assert found.learning_rate.tolist() == [0.1, 0.1, 0.01], "a rate with a failure loses"
    assert found.iloc[0, 3:].tolist() == pytest.approx([0.85, 0.8, 0.9, 2, 0, True])
    assert found.inside.tolist() == [True, True, False] and found.failed.dtype == found.seeds.dtype == int


def test_lower_is_better_and_failures_are_counted() -> None:
    times = table().assign(score=lambda t: t.score.where(t.arm != "c", math.inf))
    found = trials.best(times, higher=False).set_index("arm")
    assert found.loc["a", "learning_rate"] == 0.01 and not found.loc["a", "inside"]
    assert found.loc["b", "mean"] == pytest.approx(0.25)
    assert found.loc["c", "failed"] == 2 == found.loc["c", "seeds"] and math.isnan(found.loc["c", "mean"])
    told = table().assign(failed=lambda t: (t.arm == "a") & (t.learning_rate == 0.1))
    assert trials.best(told).learning_rate[0] == 1.0, "also where only the column says so"


@pytest.mark.parametrize(
    ("loss", "expected"), [(None, 0.1), ([0.5] * 3, 0.1), ([0.9, 0.9, 0.2], 0.2), ([0.1, math.inf, 0.2], 0.3)]
)
def test_arms_stay_in_order_and_of_equal_rates_the_lowest_loss_or_rate_is_taken(loss, expected) -> None:
    rows = pd.DataFrame({"arm": ["z"] * 3 + ["a"] * 3, "rate": [0.3, 0.1, 0.2] * 2, "score": 0.5})
    if loss is not None:
        rows["loss"] = loss * 2
    for score in (0.5, math.nan):  # also where all have failed
        found = trials.best(rows.assign(score=score), rate="rate")
        assert found["arm"].tolist() == ["z", "a"] and found["rate"].tolist() == [expected] * 2


# --- reading the result


def two(a: list[float], b: list[float], **columns: object) -> pd.DataFrame:
    rows = pd.DataFrame({"arm": ["a"] * len(a) + ["b"] * len(b), "seed": [*range(len(a)), *range(len(b))]})
    return rows.assign(score=[*a, *b], failed=False).assign(**columns)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=8))
def test_paired_against_scipy(pairs: list[tuple[float, float]]) -> None:
    a, b = (list(side) for side in zip(*pairs, strict=True))
    rows = two(a, b).sample(frac=1, random_state=0)  # whatever the order of the rows
    found, gaps = trials.paired(rows, "a", "b"), [x - y for x, y in pairs]
    assert found.differences.tolist() == gaps and found.failed == 0
    assert found.mean == pytest.approx(sum(gaps) / len(gaps)) and found.error == pytest.approx(
        stats.sem(gaps)
    )
    if found.error > 1e-9:
        theirs = stats.ttest_rel(a, b)
        interval = theirs.confidence_interval()
        assert found.interval == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-9)
        if abs(theirs.pvalue - 0.05) > 1e-6:
            assert found.clear == (theirs.pvalue < 0.05)


def test_paired_leaves_failures_out_and_counts_them() -> None:
    rows = two(
        [3.0, math.inf, 5.0, 7.0],
        [1.0, 1.0, 2.0, 0.0],
        failed=[False, True, False, False] + [False] * 3 + [True],
    )
    found = trials.paired(rows, "a", "b")
    assert found.differences.tolist() == [2.0, 3.0] and found.failed == 2 and found.mean == 2.5
    assert found.error == pytest.approx(0.5) and not found.clear
    assert trials.paired(rows.assign(other=rows["score"] * 2), "b", "a", "other").differences.tolist() == [
        -4.0,
        -6.0,
    ]
    one = trials.paired(rows.query("seed == 0"), "a", "b")
    assert math.isnan(one.error) and one.interval == (-math.inf, math.inf) and not one.clear
    none = trials.paired(rows.query("seed == 1"), "a", "b")
    assert none.failed == 1 and math.isnan(none.mean) and not none.clear
    up = trials.paired(two([1.0, 1.1, 0.9], [0.0] * 3), "a", "b")
    assert up.clear and trials.paired(two([0.0] * 3, [1.0, 1.1, 0.9]), "a", "b").clear


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_ahead_counts_as_a_loop_does(first: list[float], second: list[float]) -> None:
    a, b = torch.tensor(first, dtype=torch.float64), torch.tensor(second, dtype=torch.float64)
    assert trials.ahead(a, b) == (sum(x > y for x in first for y in second), len(first) * len(second))
    lost = torch.tensor([0.5, torch.nan])  # a failure is never ahead, and everything is ahead of it
    assert (trials.ahead(lost, torch.tensor([0.4, 0.6])), trials.ahead(lost[:1], lost)) == ((1, 4), (1, 2))


def test_summary_by_hand() -> None:
    rows = pd.DataFrame(
        {
            "arm": ["b", "b", "b", "a", "a", "b"],
            "depth": [4, 4, 4, 4, 4, 2],
            "learning_rate": [0.1, 0.1, 0.1, 0.2, 0.2, 0.3],
            "inside": [True, True, True, False, False, True],
            "score": [30.0, 20.0, math.inf, math.inf, math.inf, 50.0],
        }
    )
    found = trials.summary(rows.assign(failed=rows["score"] == math.inf))
    never = math.inf
    for name, expected in {
        "arm": ["b", "a", "b"], "depth": [4, 4, 2], "learning_rate": [0.1, 0.2, 0.3], "inside": [True, False, True],
        "mean": [never, never, 50], "median": [30, never, 50], "lowest": [20, never, 50], "highest": [never, never, 50],
        "reached": [2, 0, 1], "seeds": [3, 2, 1],
    }.items():  # fmt: skip
        assert found[name].tolist() == expected, name
    assert trials.count_text(84.6) == "≈ 85" and trials.count_text(math.inf) == "never"


@settings(deadline=None)
@given(st.integers(1, 500), st.data())
def test_interval_against_scipy(count: int, draw: st.DataObject) -> None:
    successes = draw.draw(st.integers(0, count))
    for level in (0.95, 0.8):
        theirs = stats.binomtest(successes, count).proportion_ci(level, method="wilson")
        assert trials.interval(successes, count, level) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert trials.interval(successes, count) == trials.interval(successes, count, 0.95)


def test_a_score_of_one_s_own() -> None:
    spread = trials.Score("spread", lambda nets, history: history.losses.std(0), higher=False)
    found = trials.run(grid(activation="relu", learning_rate=[0.1, 1e9]), TRAIN, spread, **SHAPE)
    assert found.table["score"][0] == pytest.approx(found.losses[:, 0].double().std().item(), rel=1e-5)
    assert math.isnan(found.table["score"][1]) and replace(spread, failure=9.0).failure == 9.0


def table_without(change) -> None:
    trials.best(change(table()), ["arm", "depth"])


Z, PAIR = torch.zeros(5, 2), grid(activation="tanh", seed=[0, 1])
INTERVALS = [(-1, 5), (6, 5), (0, 0), (1.0, 5), (True, 5), (1, 2, 0), (1, 2, 1), (1, 2, 1.5)]


@pytest.mark.parametrize(
    ("call", "bad", "says"),
    [
        (trials.steps_to, (Z[:, 0], 1.0, 1), "steps, networks"), (trials.steps_to, ([1.0], 1.0, 1), "list"),
        (trials.steps_to, (Z, 1.0, 6), "5 steps"), (trials.steps_to, (Z, 1.0, 0), "^window"),
        (trials.steps_to, (Z, math.nan, 1), "^target"),
        (trials.steps_to, (Z, "1", 1), "^target"), (trials.steps_to, (Z.int(), 1.0, 1), "float tensor"),
        *(
            (lambda change: trials.run(PAIR, TRAIN, **(SHAPE | change)), [change], says)
            for change, says in (
                ({"order": "fresh"}, "^order must be"), ({"order": -1}, "^order must be"), ({"names": ["a"]}, "^names must be 2"),
                ({"score": trials.Score("s", lambda n, h: torch.zeros(3), True)}, "one number per network, 2, got"),
                ({"depth": 0}, "^depth"), ({"batch_size": 61}, "^batch_size"), ({"optimiser": "lion"}, "optimiser"),
            )
        ),
        *(
            (lambda change: compare(**change), [change], says)
            for change, says in (
                ({"arms": {}}, "at least one arm"), ({"seeds": []}, "^seeds must be"), ({"tuning_seeds": []}, "^tuning_seeds must be"),
                ({"seeds": [5, 5]}, "^seeds must be"), ({"seeds": [1, 2]}, r"both lists: \[1\]"), ({"rates": [0.1, 0.2]}, "^rates must be"),
                ({"rates": [0.1, 0.1, 0.2]}, "^rates must be"), ({"report": trials.accuracy(HELD)}, "three sets"),
                ({"report": trials.accuracy(TRAIN)}, "three sets"), ({"judge": trials.accuracy(TRAIN)}, "three sets"),
                ({"depth": 0}, "^depth"),
            )
        ),
        (table_without, [lambda t: t.drop(columns="depth")], "no column 'depth'; it has: arm, learning_rate, score"),
        (table_without, [lambda t: t.iloc[:0]], "the table has no row"),
        (table_without, [lambda t: t[t.learning_rate > 0.05]], r"needs at least three, got \[.*0.1.*\]"),
        (table_without, [lambda t: t.drop(index=[0, 1])], "all arms must be tried at the same rates; .*'a'"),
        (trials.paired, (two([1.0], []), "a", "b"), "unknown arm 'b'; known are: a"),
        (trials.paired, (two([1.0, 2.0], [1.0]), "a", "b"), "no pairs"),
        (trials.paired, (two([1.0, 2.0], [1.0, 2.0], seed=0), "a", "b"), "several rows for one seed"),
        *((trials.ahead, pair, "vectors") for pair in ((Z[0], Z[0, :0]), (Z, Z[0]))),
        *((trials.interval, bad, r"^(successes|count|level) must be") for bad in INTERVALS),
    ],
)  # fmt: skip
def test_clear_errors(call, bad, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call(*bad)

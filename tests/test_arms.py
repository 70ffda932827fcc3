"""Room arms: races with honest seeds, and the knobs that turn the growth of gradients with batch norm."""

import math
from dataclasses import FrozenInstanceError, replace
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import activations, arms, data, machine, measure, networks, theory, training
from course_utils.data import Dataset
from course_utils.networks import Design, Networks


def toy(count: int = 60, inputs: int = 6, seed: int = 0) -> Dataset:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    images = torch.randn(count, inputs, generator=generator) + 3 * torch.eye(3, inputs)[labels]
    return Dataset(images, labels, "train", 14, 0.0, 1.0)


RACE = {"rates": [0.01, 0.1, 1e6], "depth": 2, "width": 8, "epochs": 2, "batch_size": 10}


def test_race_is_tuned_with_some_seeds_and_reported_with_others() -> None:
    entries = {"plain": Design("relu", gain="he"), "normed": Design("sigmoid", norm="batch")}
    found = arms.race(entries, data=toy(), held_back=toy(seed=1), test=toy(seed=2), **RACE)
    assert (
        list(found.choice["arm"]) == list(entries)
        and len(found.trials) == 2 * 3 * 2
        and len(found.finals) == 2 * 5
    )
    assert set(found.trials["seed"]) == {0, 1} and set(found.finals["seed"]) == set(range(10, 15))
    assert found.losses["plain"].shape == (12, 5) and found.accuracy("normed").shape == (5,)
    assert found.trials.query("arm == 'plain' and learning_rate == 1e6")["accuracy"].isna().all()
    assert found.rate("plain") == found.finals.query("arm == 'plain'")["learning_rate"].unique()


def test_each_arm_has_the_rate_that_was_best_for_itself() -> None:
    entries = {"usual": Design("tanh"), "huge": Design("relu", gain=40.0)}
    options = RACE | {"rates": [1e-4, 0.01, 0.1]}
    found = arms.race(entries, data=toy(), held_back=toy(seed=1), test=toy(seed=2), **options)
    assert [found.rate(arm) for arm in entries] == [0.1, 1e-4]
    assert found.choice["arm"].tolist() == list(entries) and found.choice["inside"].tolist() == [False, False]
    for arm in entries:
        rows = found.finals[found.finals["arm"] == arm]
        assert set(rows["learning_rate"]) == {found.rate(arm)} and rows["seed"].tolist() == [
            10,
            11,
            12,
            13,
            14,
        ]
        tried = found.trials.query("arm == @arm").groupby("learning_rate")["accuracy"].mean()
        assert tried.idxmax() == found.rate(arm)
    with pytest.raises(FrozenInstanceError):
        found.finals = found.trials  # type: ignore[misc]
    assert found.trials.index.tolist() == list(range(12)) and found.finals.index.tolist() == list(range(10))


def test_defaults_of_a_race(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []
    found = arms.race(
        {"a": Design("tanh")}, [0.01, 0.1, 1.0], 2, data=toy(200), held_back=toy(), test=toy(seed=1),
        prepare=lambda n: shapes.append((len(n), n.depth, n.width)),
    )  # fmt: skip
    assert shapes == [(6, 2, 32), (5, 2, 32)]
    assert found.losses["a"].shape == (3 * 2, 5)  # three epochs of two batches of 100
    assert arms.TUNING_SEEDS == (0, 1) and set(found.trials["seed"]) == {0, 1}


def test_race_trains_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads, usual = set(), training.train

    def train(*args: object, **options: object) -> object:
        threads.add(torch.get_num_threads())
        return usual(*args, **options)

    monkeypatch.setattr(training, "train", train)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        arms.race({"a": Design("tanh")}, data=toy(), held_back=toy(), test=toy(), **RACE)
        arms.dead_shares([Design("relu")], toy(), depth=1, width=2, batch_size=60)
        assert torch.get_num_threads() == 2 and threads == {1}
    finally:
        torch.set_num_threads(before)


def test_race_does_what_a_loop_over_networks_does() -> None:
    found = arms.race(
        {"a": Design("tanh")}, data=toy(), held_back=toy(seed=1), test=toy(seed=2), seeds=[7, 8], **RACE
    )
    tried = {}
    for rate in RACE["rates"]:
        scores = []
        for seed in (0, 1):
            net = Networks([Design("tanh", seed=seed, learning_rate=rate)], 6, 2, 8)
            training.train(net, toy(), epochs=2, batch_size=10)
            scores.append(float(training.evaluate(net, toy(seed=1))[1][0]))
        tried[rate] = sum(scores) / 2
    best = max(tried, key=lambda rate: tried[rate])
    assert found.rate("a") == best
    net = Networks([Design("tanh", seed=8, learning_rate=best)], 6, 2, 8)
    training.train(net, toy(), epochs=2, batch_size=10)
    assert found.accuracy("a")[1] == pytest.approx(float(training.evaluate(net, toy(seed=2))[1][0]), abs=0.04)


def test_a_diverged_network_counts_as_nothing() -> None:
    options = RACE | {"rates": [1e6, 1e7, 1e8]}
    found = arms.race({"a": Design("relu")}, data=toy(), held_back=toy(1), test=toy(), seeds=[5], **options)
    assert found.accuracy("a").tolist() == [0.0] and found.finals["diverged"].all()


def test_prepare_is_called_for_both_stages() -> None:
    seen = []
    arms.race(
        {"a": Design("tanh")},
        data=toy(),
        held_back=toy(),
        test=toy(),
        prepare=lambda n: seen.append(len(n)),
        **RACE,
    )
    assert seen == [6, 5]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"arms": {}}, "at least one arm"), ({"seeds": []}, "need seeds"), ({"tuning_seeds": []}, "need seeds"),
        ({"seeds": [1, 2]}, r"both lists: \[1\]"), ({"rates": [0.1]}, "at least three"), ({"depth": 0}, "depth"),
        ({"batch_size": 61}, "batch_size"),
    ],
)  # fmt: skip
def test_race_refuses(change: dict, says: str) -> None:
    options = (
        {"arms": {"a": Design("tanh")}, "data": toy(), "held_back": toy(), "test": toy()} | RACE | change
    )
    with pytest.raises(ValueError, match=says):
        arms.race(**options)


def test_unknown_arm() -> None:
    found = arms.race({"a": Design("tanh")}, data=toy(), held_back=toy(), test=toy(), **RACE)
    for ask in (found.accuracy, found.rate):
        with pytest.raises(ValueError, match="raced were: a"):
            ask("b")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_pairs_counts_as_a_loop_does(first: list[float], second: list[float]) -> None:
    a, b = torch.tensor(first, dtype=torch.float64), torch.tensor(second, dtype=torch.float64)
    assert arms.pairs(a, b) == (sum(x > y for x in first for y in second), len(first) * len(second))


def test_pairs_with_failures() -> None:
    a = torch.tensor([0.5, torch.nan])
    assert arms.pairs(a, torch.tensor([0.4, 0.6])) == (1, 4) and arms.pairs(torch.tensor([0.5]), a) == (1, 2)
    with pytest.raises(ValueError, match="vectors"):
        arms.pairs(a, torch.zeros(0))
    with pytest.raises(ValueError, match="vectors"):
        arms.pairs(a.unsqueeze(0), a)


def test_split() -> None:
    first, rest = arms.split(toy(), 50)
    assert len(first) == 50 and torch.equal(torch.cat([first.images, rest.images]), toy().images)
    assert torch.equal(torch.cat([first.labels, rest.labels]), toy().labels)
    assert [len(part) for part in arms.split(toy(), 1)] == [1, 59]
    assert [len(part) for part in arms.split(toy(), 59)] == [59, 1]
    for bad in (0, 60, 2.0, True):
        with pytest.raises(ValueError, match="from 1 to 59"):
            arms.split(toy(), bad)


def test_standardise_pixels() -> None:
    one, two = toy(), toy(seed=1)
    one.images[:, 5] = 0.25  # a pixel that never changes
    first, second = arms.standardise_pixels(one, one, two)
    assert torch.allclose(first.images.mean(0), torch.zeros(6), atol=1e-5)
    assert torch.allclose(first.images[:, :5].std(0, correction=0), torch.ones(5), atol=1e-5)
    assert torch.equal(first.images[:, 5], torch.zeros(60)) and second.images.isfinite().all()
    assert torch.allclose(second.images[:, 5], (two.images[:, 5] - 0.25) / 0.05)
    assert arms.standardise_pixels(one) == []
    (raw,) = arms.standardise_pixels(one, one, smallest=4.0)  # all deviations are below
    assert torch.allclose(raw.images, (one.images - one.images.mean(0)) / 4)
    with pytest.raises(ValueError, match="6 pixels"):
        arms.standardise_pixels(one, toy(inputs=7))


@pytest.mark.parametrize(
    "entry", [arms.shifted(1.3), arms.shifted(-0.4), arms.leaky(0.3), arms.steeper_like(1.15)]
)
def test_changed_activations_have_their_derivatives(entry: activations.Activation) -> None:
    z = torch.tensor([-2.3, -0.9, -0.1, 0.2, 0.7, 2.2], dtype=torch.float64, requires_grad=True)
    (by_autograd,) = torch.autograd.grad(entry(z).sum(), z)
    assert torch.allclose(entry.derivative(z.detach()), by_autograd)
    assert entry.derivative(torch.tensor([torch.nan])).isnan().all()


def test_changed_activations_say_what_they_are() -> None:
    up, down = arms.shifted(1.3), arms.shifted(-0.4)
    assert (up.name, up.label, up.kinks) == ("relu(z+1.3)", "ReLU(z + 1.30)", (-1.3,))
    assert (down.name, down.label, down.kinks) == ("relu(z-0.4)", "ReLU(z − 0.40)", (0.4,))
    assert (up.formula, down.formula) == (r"\max(0, z +1.3)", r"\max(0, z -0.4)")
    assert r"z > -1.3" in up.slope_formula and r"z > 0.4" in down.slope_formula
    assert arms.shifted(0.0).label == "ReLU(z + 0.00)"
    half = arms.leaky(0.25)
    assert (half.name, half.label) == ("leaky_relu(0.25)", "leaky ReLU, slope 0.25")
    assert half.formula == r"\max(0.25z, z)" and half.slope_formula.endswith(" 0.25")
    assert (
        arms.leaky(0.25).derivative(torch.zeros(1)).item() == 0.25
    )  # at the kink: the slope below, as for ReLU


def test_shifted_is_batch_norm_with_a_shift() -> None:
    x = torch.randn(20, 6, generator=torch.Generator().manual_seed(3))
    changed = Networks([Design(arms.shifted(0.8), norm="batch")], 6, 4, 8)
    usual = Networks([Design("relu", norm="batch")], 6, 4, 8)
    with torch.no_grad():
        usual.parameters["shift"] += 0.8
    assert torch.allclose(changed(x, training=True), usual(x, training=True), atol=1e-5)


def test_ends_of_leaky() -> None:
    z = torch.linspace(-2, 2, 9)
    assert torch.equal(arms.leaky(0.0)(z), torch.relu(z)) and torch.equal(arms.leaky(1.0)(z), z)


@settings(max_examples=15, deadline=None)
@given(st.floats(1.005, 1.205))
def test_growth_comes_out_as_ordered(growth: float) -> None:
    for make in (arms.shifted_like, arms.leaky_like):
        assert theory.batch_norm_growth(make(growth)) == pytest.approx(growth, abs=1e-6)
    if growth > 1.02:
        assert theory.batch_norm_growth(arms.steeper_like(growth)) == pytest.approx(growth, abs=1e-6)


def test_growth_of_a_shifted_relu_in_closed_form() -> None:
    normal = torch.distributions.Normal(torch.tensor(0.0, dtype=torch.float64), 1.0)
    beta = torch.tensor(0.9, dtype=torch.float64)
    on, density = normal.cdf(beta), normal.log_prob(beta).exp()
    mean, square = beta * on + density, (1 + beta**2) * on + beta * density
    assert theory.batch_norm_growth(arms.shifted(0.9)) == pytest.approx(
        float((on / (square - mean**2)).sqrt())
    )


def test_growth_of_leaky_in_closed_form() -> None:
    """The mean of leaky ReLU squared is (1 + s^2)/2 for z from N(0, 1), as is that of its slope; its mean (1 - s)/sqrt(2 pi)."""
    for slope in (0.1, 0.3, 0.7):
        square = (1 + slope**2) / 2
        expected = math.sqrt(square / (square - (1 - slope) ** 2 / (2 * math.pi)))
        assert theory.batch_norm_growth(arms.leaky(slope)) == pytest.approx(expected)
        assert arms.leaky_like(expected)(torch.tensor(-1.0)).item() == pytest.approx(-slope, abs=1e-5)


def test_the_ends_of_what_can_be_had() -> None:
    z = torch.tensor([-1.0, 1.0])
    for make, last in ((arms.shifted_like, arms.shifted(6.0)), (arms.leaky_like, arms.leaky(1.0))):
        assert torch.allclose(make(theory.batch_norm_growth(last))(z), last(z), atol=1e-3)
    for k in (1.0, 12.0):
        steep = activations.get("sigmoid").steeper(k)
        assert arms.steeper_like(theory.batch_norm_growth(steep)).label == f"sigmoid({k:.2f}z)"
    assert arms.steeper_like(theory.batch_norm_growth("tanh")).name == "sigmoid(x2)"


def test_tanh_is_the_sigmoid_at_twice_the_slope() -> None:
    assert arms.steeper_like(theory.batch_norm_growth("tanh")).label == "sigmoid(2.00z)"


def test_the_growth_of_relu_itself_is_found_at_the_low_end():
    growth = theory.batch_norm_growth("relu")
    z = torch.tensor([-1.0, 1.0])
    for make in (arms.leaky_like, arms.shifted_like):
        assert make(growth)(z).tolist() == pytest.approx([0.0, 1.0], abs=1e-5)


@pytest.mark.parametrize("make", [arms.shifted_like, arms.leaky_like, arms.steeper_like])
@pytest.mark.parametrize("growth", [0.9, 3.0])
def test_a_growth_out_of_reach(make: object, growth: float) -> None:
    with pytest.raises(ValueError, match="must lie between"):
        make(growth)  # type: ignore[operator]


def test_a_growth_just_out_of_reach_and_what_is_in_reach() -> None:
    growth = theory.batch_norm_growth(activations.get("sigmoid").steeper(12.5))
    with pytest.raises(ValueError, match="must lie between"):
        arms.steeper_like(growth)
    for make in (arms.leaky_like, arms.shifted_like):
        with pytest.raises(ValueError, match=r"between 1\.0000 and 1\.2112, got 1\.3$"):
            make(1.3)


@pytest.mark.parametrize("bad", ["1", True, float("nan"), float("inf")])
def test_no_number(bad: object) -> None:
    for make in (arms.shifted, arms.leaky):
        with pytest.raises(ValueError, match="must be a"):
            make(bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="growth"):
        arms.level(Networks([Design("relu", norm="batch")], 4, 2, 4), bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [0, 0.0, -1.0])
def test_levelling_refuses_a_growth_that_is_not_above_zero(bad: float) -> None:
    with pytest.raises(ValueError, match="finite number above 0"):
        arms.level(Networks([Design("relu", norm="batch")], 4, 2, 4), bad)


@pytest.mark.parametrize("growth", [0.25, 1.0, 4])
def test_levelling_in_closed_form(growth: float) -> None:
    designs = [Design("relu", norm="batch", seed=s) for s in range(2)]
    before, after = (Networks(designs, 6, 4, 5, dtype=torch.float64) for _ in range(2))
    assert arms.level(after, growth) is None
    expected = dict(before.parameters) | {"first": before.parameters["first"] * growth**1.5}
    factors = torch.tensor([growth, growth**0.5, 1.0], dtype=torch.float64).view(3, 1, 1, 1)
    expected["hidden"] = before.parameters["hidden"] * factors
    for name, wanted in expected.items():
        torch.testing.assert_close(after.parameters[name], wanted)


def test_levelling_changes_steps_and_nothing_else() -> None:
    designs = [Design("relu", norm="batch", seed=s) for s in range(6)]
    x, depth, growth = torch.randn(64, 32, generator=torch.Generator().manual_seed(0)), 12, 1.211
    plain, level = (Networks(designs, 32, depth, 32, dtype=torch.float64) for _ in range(2))
    arms.level(level, growth)
    before, after = (n.trace(x.double(), training=True) for n in (plain, level))
    assert torch.allclose(
        before.outputs, after.outputs, atol=1e-3
    )  # the constant under batch norm's root is fixed
    ratios = []
    for networks_, trace in ((plain, before), (level, after)):
        loss = torch.nn.functional.cross_entropy(trace.outputs.flatten(0, 1), (torch.arange(384) % 10))
        (grad,) = torch.autograd.grad(loss, [networks_.parameters["hidden"]])
        weights = networks_.parameters["hidden"].detach()
        share = grad.norm(dim=(2, 3)) / weights.norm(dim=(2, 3))
        ratios.append((share[0] / share[-1]).log().mean().exp().item())
    assert ratios[0] > 4 and 0.6 < ratios[1] < 1.6  # a step's share of the weights, first over last


@pytest.mark.parametrize(
    "design", [Design("relu"), Design("relu", norm="layer"), Design("relu", norm="batch", residual=True)]
)
def test_levelling_needs_batch_norm(design: Design) -> None:
    for designs in ([design], [Design("relu", norm="batch"), design]):
        with pytest.raises(ValueError, match="batch norm in all"):
            arms.level(Networks(designs, 4, 2, 4), 1.2)


def test_outliers() -> None:
    x = torch.randn(10, 6, generator=torch.Generator().manual_seed(0))
    x[3] *= 1000
    share = arms.outliers([Design("relu"), Design("relu", norm="layer")], x, 3, 8)
    tenth = torch.full((3,), 0.1, dtype=torch.float64)
    assert share.shape == (3, 2) and (share[:, 0] > 0.99).all()
    assert torch.allclose(share[:, 1], tenth, atol=1e-3)  # layer norm makes all examples equally large


def test_outliers_in_closed_form() -> None:
    """Without bias, layer one's z is x times the weights: rows of equal direction have parts as their squares."""
    x = torch.tensor([1.0, 2.0, 3.0, 0.0]).unsqueeze(1) * torch.ones(4, 6)
    share = arms.outliers([Design("relu"), Design("tanh", seed=1)], x, 2, 8)
    assert share.shape == (2, 2) and share.dtype == torch.float64
    assert torch.allclose(share[0], torch.full((2,), 9 / 14, dtype=torch.float64))
    assert share[1, 0].item() == pytest.approx(9 / 14, rel=1e-5)  # ReLU keeps it, tanh does not
    assert abs(share[1, 1].item() - 9 / 14) > 0.01
    normed = arms.outliers([Design("relu", norm="batch")], x, 2, 8)
    assert normed[0].item() == pytest.approx(1.5**2 / 5)  # batch norm takes the batch's mean away, here 1.5


def test_defaults_of_dead_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(training, "train", lambda networks, data, **how: seen.append((networks.width, how)))
    found = arms.dead_shares([Design("relu", bias=-50.0), Design("sigmoid")], toy(), depth=2)
    assert seen == [(32, {"epochs": 3, "batch_size": 100})]
    assert found.tolist() == [1.0, 0.0] and found.dtype == torch.float64


def test_dead_shares() -> None:
    designs = [
        Design("relu", bias=-50.0),
        Design("relu", norm="batch", bias=-50.0),
        Design("relu", learning_rate=1e9),
    ]
    found = arms.dead_shares(designs, toy(), depth=2, width=8, epochs=15, batch_size=10)
    assert found[0] == 1 and found[1] < 0.5 and (found[2].isnan() or found[2] > 0)


@pytest.mark.parametrize("rounds", [None, 1])
@pytest.mark.parametrize("count", [1000, 1001])
def test_step_cost_by_a_clock_of_its_own(
    monkeypatch: pytest.MonkeyPatch, count: int, rounds: int | None
) -> None:
    """Two networks in turn; the first round, the quickest here, is not counted, and of the others the least is."""
    clock, seen = SimpleNamespace(now=50.0), []
    lasts = iter([1e-3, 1e-3, 8.0, 9.0, 2.0, 6.0, 4.0, 7.0, 3.0, 6.5, 5.0, 8.0])

    def train(networks: Networks, data: Dataset, batch_size: int, more: bool) -> None:
        assert torch.get_num_threads() == 1
        seen.append((networks.designs[0].activation, networks.depth, networks.width, len(data), batch_size))
        clock.now += next(lasts)

    monkeypatch.setattr(training, "train", train)
    monkeypatch.setattr(machine, "processor_time", lambda: clock.now)
    options = {} if rounds is None else {"rounds": rounds}
    found = arms.step_cost(Design("relu"), Design("tanh"), toy(count), 2, 16, **options)
    assert found == pytest.approx(6 / 2 if rounds is None else 9 / 8)
    assert seen == [("relu", 2, 16, 1000, 100), ("tanh", 2, 16, 1000, 100)] * (1 + (rounds or 5))


def test_step_cost_refuses() -> None:
    for bad in (0, 2.0, True):
        with pytest.raises(ValueError, match="rounds must be a whole number"):
            arms.step_cost(Design("relu"), Design("relu"), toy(1000), 2, 16, rounds=bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="1,000 examples are needed, got 999"):
        arms.step_cost(Design("relu"), Design("relu"), toy(999), 2, 16)


def test_step_cost() -> None:
    train = data.load("train", count=1001, size=14)
    assert 0.5 < arms.step_cost(Design("relu"), Design("relu"), train, 2, 16, rounds=3) < 2
    assert arms.step_cost(Design("relu"), Design("relu", norm="batch"), train, 6, 16, rounds=3) > 1.1
    with pytest.raises(ValueError, match="rounds"):
        arms.step_cost(Design("relu"), Design("relu"), train, 2, 16, rounds=0)
    with pytest.raises(ValueError, match="1,000"):
        arms.step_cost(Design("relu"), Design("relu"), toy(), 2, 16)


def test_the_headline_at_another_width_with_other_seeds() -> None:
    """30 layers, batch norm: the sigmoid ahead of ReLU in every pair, and the two exchanged when their growth is.

    Each kind at the better of two rates: the sigmoid's best of notebook 06, and ReLU's.
    """
    train, test = data.load("train", count=3000, size=14), data.load("test", count=1000, size=14)
    gentle, steep = theory.batch_norm_growth("sigmoid"), theory.batch_norm_growth("relu")
    kinds = {
        "sigmoid": Design("sigmoid", norm="batch"),
        "ReLU": Design("relu", gain="he", norm="batch"),
        "gentle ReLU": Design(arms.shifted_like(gentle), norm="batch"),
        "steep sigmoid": Design(arms.steeper_like(steep), norm="batch"),
    }
    accuracy = {}
    for name, design in kinds.items():
        tried = [replace(design, learning_rate=rate, seed=s) for rate in (0.01, 0.05) for s in (21, 22, 23)]
        net = Networks(tried, 196, 30, 48)
        training.train(net, train, epochs=2, batch_size=100)
        by_rate = training.evaluate(net, test)[1].view(2, 3).nan_to_num()
        accuracy[name] = by_rate[by_rate.mean(1).argmax()]
    assert arms.pairs(accuracy["sigmoid"], accuracy["ReLU"]) == (9, 9)
    assert arms.pairs(accuracy["gentle ReLU"], accuracy["steep sigmoid"]) == (9, 9)
    assert accuracy["sigmoid"].mean() > accuracy["ReLU"].mean() + 0.15
    assert accuracy["gentle ReLU"].mean() > accuracy["steep sigmoid"].mean() + 0.15


def test_small_differences_grow_as_gradients_do() -> None:
    """The formula is one for both directions: a twin at a small distance moves away by the growth of dL/dz."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(128, 128, generator=generator)
    twins = torch.cat([x, x + 1e-5 * torch.randn(128, 128, generator=generator)])
    for name in ("sigmoid", "tanh", "relu"):
        designs = networks.grid(activation=name, norm="batch", seed=range(3))
        distance = measure.merging(designs, twins, 16, 128).distance
        per_layer = (distance[-1] / distance[4]).log().mean().div(11).exp().item()
        assert per_layer == pytest.approx(theory.batch_norm_growth(name), rel=0.03)

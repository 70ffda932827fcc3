"""Room dying: born-dead networks against exact laws, counts of the dead against brute force, wounds and revivals."""

import math
from dataclasses import FrozenInstanceError

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import activations, data, dying, networks, theory, training, units
from course_utils.data import Dataset


def few(count: int = 60, inputs: int = 12, seed: int = 0) -> Dataset:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, inputs, generator=generator)
    return Dataset(x, torch.arange(count) % 10, "train", 14, 0.0, 1.0)


def relu(**choices: object) -> list[networks.Design]:
    return networks.grid(**{"activation": "relu", "gain": "he", "seed": range(3), **choices})


# --- born dead


@pytest.mark.parametrize(("width", "depth"), [(1, 3), (2, 4), (3, 10), (5, 20), (8, 5)])
def test_born_dead_is_the_law_for_one_input(width: int, depth: int) -> None:
    count = 20_000
    law = theory.born_dead(width, depth)
    share = dying.born_dead(width, depth, count, seed=3)[-1].item() / count
    assert abs(share - law) < 4 * math.sqrt(law * (1 - law) / count)


def test_born_dead_counts_up_over_the_layers() -> None:
    first, second = (dying.born_dead(3, 12, 500, seed=seed) for seed in (0, 1))
    lost = dying.born_dead(3, 12, 500)
    assert torch.equal(lost, first) and not torch.equal(first, second)
    assert lost.shape == (12,) and lost.dtype == torch.int64
    assert (lost.diff() >= 0).all() and 0 < lost[0] < lost[-1] <= 500


def test_one_input_number_lies_between_the_bounds_of_lu() -> None:
    for width, depth in ((2, 9), (3, 9), (5, 19)):
        share = dying.born_dead(width, depth, 4000, examples=16, inputs=1)[-1].item() / 4000
        low, high = dying.constant_bound(width, depth), theory.born_dead(width, depth)
        assert low - 0.02 < share < high - 0.02


@pytest.mark.parametrize("room", [1, 100, 2**22])
def test_born_dead_by_hand(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Width 3, 5 numbers, 4 examples: a network takes max(3, 5) * max(3, 4) = 20; five at a time in a room of 100."""
    monkeypatch.setattr(dying, "_WEIGHTS_AT_ONCE", room)
    generator, lost, step = torch.Generator().manual_seed(6), [0] * 4, max(1, room // 20)
    for start in range(0, 43, step):
        h = torch.randn(min(step, 43 - start), 4, 5, generator=generator)
        for layer in range(4):
            if not len(h):
                continue
            h = torch.relu(h @ torch.randn(len(h), h.shape[2], 3, generator=generator))
            off = (h == 0).all(2).all(1)
            for later in range(layer, 4):
                lost[later] += int(off.sum())
            h = h[~off]
    assert dying.born_dead(3, 4, 43, examples=4, inputs=5, seed=6).tolist() == lost and 0 < lost[-1] < 43


def test_bound_by_hand() -> None:
    # N = 3, L = 6: a = 7/8, b = 1 - 1/4 - 2/64
    a, b, share = 7 / 8, 23 / 32, (3 / 4) * (7 / 8) / (5 / 4)
    assert dying.constant_bound(3, 5) == pytest.approx(1 - a**4 + share * (b**4 - a**4), rel=1e-14)
    assert dying.constant_bound(2, 2) == pytest.approx(1 - 3 / 4 + (3 / 10) * (7 / 16 - 3 / 4), rel=1e-14)
    # One hidden layer: all units off for positive *and* for negative inputs cannot be.
    assert dying.constant_bound(4, 1) == pytest.approx(0, abs=1e-12)
    # Figures of an independent simulation, 20,000 networks: a lower bound, close to it.
    assert dying.constant_bound(2, 9) == pytest.approx(0.870, abs=1e-3)
    assert dying.constant_bound(5, 19) == pytest.approx(0.214, abs=1e-3)


# --- at init


def test_default_init_is_nn_linear_with_factors() -> None:
    plain, scaled = dying.default_init(30, 3, 16), dying.default_init(30, 3, 16, weights=2.0, biases=0.5)
    for name in ("first", "hidden", "last"):
        assert torch.equal(2 * plain.parameters[name], scaled.parameters[name])
    for name in ("bias", "last_bias"):
        assert torch.equal(0.5 * plain.parameters[name], scaled.parameters[name])
    assert plain.parameters["first"].abs().max() <= 1 / math.sqrt(30)
    assert plain.parameters["hidden"].var().item() == pytest.approx(1 / (3 * 16), rel=0.1)


def test_default_init_takes_learning_rates() -> None:
    one, two = dying.default_init(30, 3, 16), dying.default_init(30, 3, 16, learning_rates=[0.1, 0.4])
    assert [d.learning_rate for d in two.designs] == [0.1] * 5 + [0.4] * 5
    assert torch.equal(two.parameters["hidden"], one.parameters["hidden"].repeat(1, 2, 1, 1))


def test_without_biases_the_scale_kills_nobody() -> None:
    x = few().images
    for factor in (0.25, 4.0):  # powers of two: not a bit of rounding
        one, other = (
            units.firing(dying.default_init(12, 6, 16, range(3), f, 0.0), x).on for f in (1.0, factor)
        )
        assert torch.equal(one, other)


@settings(max_examples=15, deadline=None)
@given(depth=st.integers(1, 30), seed=st.integers(0, 99), bias=st.floats(-3, 3))
def test_batch_norm_leaves_nobody_dead_at_init_at_any_depth(depth: int, seed: int, bias: float) -> None:
    net = networks.Networks(relu(norm="batch", seed=[seed], bias=bias), 12, depth, 8)
    assert not units.firing(net, few().images, training=True).dead.any()


def test_dead_by_count_is_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = networks.Networks(relu(bias=-0.7), 12, 3, 20), few().images
    for at_once in (2**21, 500, 1):  # in one go, eight images at a time, and one
        monkeypatch.setattr(dying, "_UNITS_AT_ONCE", at_once)
        found = dying.dead_by_count(net, x, [1, 7, 60])
        for row, count in zip(found, (1, 7, 60), strict=True):
            assert torch.allclose(row, units.firing(net, x[:count]).dead_share)
    assert found[0].mean() > found[1].mean() > found[2].mean()


def test_off_per_image_is_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = networks.Networks(relu(), 12, 2, 5), few().images
    x[3] = 0  # its z are exactly 0, without biases: off
    whole = dying.off_per_image(net, x)
    monkeypatch.setattr(dying, "_UNITS_AT_ONCE", 1)
    torch.testing.assert_close(dying.off_per_image(net, x), whole)
    monkeypatch.setattr(dying, "_UNITS_AT_ONCE", 100)
    found = dying.off_per_image(net, x)
    assert torch.equal(found, whole) and bool((found[:, :, 3] == 1).all())
    z = net.trace(x).z[1][2, 17]
    assert found.shape == (3, 2, 60) and found[2, 1, 17] == (z <= 0).double().mean()


# --- linear, wounded, coming back


def test_lifted_network_is_linear() -> None:
    net, x = networks.Networks(relu(), 12, 3, 16), few().images
    dying.lift(net, x)
    for z in net.trace(x).z:
        torch.testing.assert_close(z.amin(1), torch.full((3, 16), 0.1), rtol=0, atol=1e-4)
    mixed = net((x[:30] + x[30:]) / 2)
    assert torch.allclose(mixed, (net(x[:30]) + net(x[30:])) / 2, atol=1e-4)


def test_wound_is_just_deadly() -> None:
    net, x = networks.Networks(relu(), 12, 3, 16), few().images
    before = net.parameters["bias"].detach().clone()
    dying.wound(net, x, 1, 5, margin=0.25)
    z = net.trace(x).z[1]
    assert torch.allclose(z.amax(1)[:, :5], torch.tensor(-0.25), atol=1e-5)
    assert torch.equal(net.parameters["bias"][1, :, 0, 5:], before[1, :, 0, 5:])
    assert torch.equal(net.parameters["bias"][[0, 2]], before[[0, 2]])
    dying.wound(net, x, 2, 16)  # a whole layer, by the usual margin
    torch.testing.assert_close(net.trace(x).z[2].amax(1), torch.full((3, 16), -0.01), rtol=0, atol=1e-5)


def test_first_layer_never_recovers_and_the_second_does() -> None:
    train = few(200, 12)
    back = {}
    for layer in (0, 1):
        net = networks.Networks(relu(learning_rate=0.1), 12, 3, 24)
        dying.wound(net, train.images, layer, 12)
        weights = net.weight(layer)[..., :12].detach().clone()
        training.train(net, train, epochs=10, batch_size=20)
        back[layer] = int((~units.firing(net, train.images).dead[:, layer, :12]).sum())
        assert torch.equal(weights, net.weight(layer)[..., :12]) == (layer == 0)
    assert back[0] == 0 and back[1] > 5


def test_turnover_counts_both_ways() -> None:
    dead = torch.zeros(3, 1, 2, 4, dtype=torch.bool)
    dead[0, 0, 0] = torch.tensor([True, True, False, False])
    dead[1, 0, 0] = torch.tensor([True, False, True, True])
    died, back = dying.turnover(dead)
    assert died[:, 0].tolist() == [[2, 0], [0, 0]] and back[:, 0].tolist() == [[1, 0], [3, 0]]
    assert dying.turnover(dead[:2])[0].shape == (1, 1, 2)


# --- leaks and slopes


def test_without_slope(monkeypatch: pytest.MonkeyPatch) -> None:
    x = few().images
    mixed = [networks.Design(a, gain="he", bias=-2.0) for a in ("relu", "leaky_relu", "elu")]
    net = networks.Networks(mixed, 12, 2, 16)
    whole = dying.without_slope(net, x)
    for room in (1, 600):
        monkeypatch.setattr(dying, "_UNITS_AT_ONCE", room)
        assert torch.equal(dying.without_slope(net, x), whole)
    gone = whole
    assert torch.equal(gone[0], units.firing(net, x).dead[0]) and gone[0].any() and not gone[1:].any()
    deep = networks.Networks([networks.Design("elu", bias=-200.0)], 12, 1, 4)
    assert dying.without_slope(deep, x).all()  # e^-200 is 0 in float32
    z = torch.full((1,), -200.0, requires_grad=True)
    activations.get("elu")(z).sum().backward()
    assert z.grad is not None and z.grad.item() == 0


# --- runs


def test_run_tells_dead_from_diverged() -> None:
    train = few(100)
    designs = relu(seed=[0], bias=[0.0, -9.0]) + relu(seed=[0], learning_rate=1e6)
    designs += networks.grid(activation="relu", norm="batch", seed=0)
    found = dying.follow(
        designs, train, few(50, seed=1), depth=2, width=8, epochs=2, batch_size=25, watch=True
    )
    table = found.table
    assert table.fate.tolist() == ["alive", "layer off", "diverged", "alive"]
    assert table.accuracy.isna().tolist() == table.dead.isna().tolist() == [False, False, True, False]
    assert table.dead[1] == table.off_side[1] == table.without_slope[1] == table.dead_at_start[1] == 1
    assert table.dead_at_start[3] == 0 and table.momentum.unique().tolist() == [0.9]
    assert found.dead is not None and found.dead.shape == (3, 4, 2, 8)
    assert torch.equal(found.dead[-1], found.firing.dead)
    assert table.zeros[0] == pytest.approx(1 - found.firing.on[0].mean().item())


def test_run_is_train_and_firing() -> None:
    train = data.load("train", count=100, size=14)
    designs = networks.grid(activation=["relu", "elu"], gain="he", seed=range(2))
    found = dying.follow(designs, train, train, depth=2, width=8, epochs=1, batch_size=50, order=3)
    assert set(found.table.order) == {3}
    net = networks.Networks(designs, 196, 2, 8)
    training.train(net, train, epochs=1, batch_size=50, order_seed=3)
    low = units.firing(net, train.images).never_positive.double().mean((1, 2))
    assert found.dead is None and found.table.off_side.tolist() == low.tolist()
    assert found.table.without_slope[2:].sum() == found.table.dead[2:].sum() == 0
    torch.testing.assert_close(found.networks.parameters["hidden"], net.parameters["hidden"])
    right = (net(train.images).argmax(2) == train.labels).double().mean(1)
    assert found.table.accuracy.tolist() == pytest.approx(right.tolist())
    with pytest.raises(FrozenInstanceError):
        found.dead = None


def test_a_run_under_adam_is_judged_on_images_held_back() -> None:
    train, held_back, designs = few(100), few(60, seed=2), relu(seed=[0, 1], learning_rate=0.01)
    options = {"depth": 2, "width": 8, "epochs": 2, "batch_size": 50}
    found = dying.follow(designs, train, few(50, seed=1), **options, optimiser="adam", judge=held_back)
    net = networks.Networks(designs, 12, 2, 8)
    training.train(net, train, epochs=2, batch_size=50, order_seed=[0, 1], optimiser="adam")
    assert torch.equal(found.networks.parameters["hidden"], net.parameters["hidden"])
    assert found.table.judged.tolist() == training.evaluate(net, held_back)[1].tolist()
    assert "judged" not in dying.follow(designs, train, few(50), **options).table


def test_a_network_with_dead_units_in_every_layer_is_alive_while_one_unit_of_each_is_on() -> None:
    train = few(100)
    net = networks.Networks(relu(seed=[0]), 12, 2, 8)
    for layer in (0, 1):
        dying.wound(net, train.images, layer, 7)
    found = dying.follow(
        relu(seed=[0], bias=-1.5), train, few(50), depth=2, width=8, epochs=1, batch_size=100
    )
    some = found.firing.dead.any(2).any(1) & ~found.firing.dead.all(2).any(1)
    assert some.tolist() == [True] and found.table.fate.tolist() == ["alive"]
    assert units.firing(net, train.images).layer_off.tolist() == [[False, False]]


def test_the_shape_and_the_length_of_a_run_unless_told_otherwise() -> None:
    train = few(200)
    found = dying.follow(relu(seed=[0]), train, train)
    assert (found.networks.depth, found.networks.width) == (4, 64)
    net = networks.Networks(relu(seed=[0]), 12, 4, 64)
    training.train(net, train, epochs=4, batch_size=100, momentum=0.9)
    torch.testing.assert_close(found.networks.parameters["hidden"], net.parameters["hidden"])


def test_run_counts_batch_norm_at_init_with_the_statistics_of_all_images() -> None:
    train = few(100)
    designs = relu(bias=-1.0) + relu(norm="batch", bias=-1.0, seed=range(2)) + relu(bias=-9.0, seed=[0])
    found = dying.follow(designs, train, train, depth=2, width=8, epochs=1, batch_size=50, watch=True)
    start = units.firing(networks.Networks(designs, 12, 2, 8), train.images, training=True)
    assert found.dead is not None and torch.equal(found.dead[0], start.dead)
    assert found.table.dead_at_start.tolist() == start.dead_share.mean(1).tolist()
    assert (
        found.table.dead_at_start[0] > 0 == found.table.dead_at_start[3] and found.table.dead_at_start[5] == 1
    )


def test_parameters_of_one_network() -> None:
    net = networks.Networks(relu(norm="batch"), 12, 3, 4)
    own = dying.parameters_of(net, 1)
    alone = networks.Networks([net.designs[1]], 12, 3, 4)
    assert set(own) == set(net.parameters)
    for name, tensor in own.items():
        assert torch.equal(tensor.flatten(), alone.parameters[name].flatten())
    own["first"].zero_()
    assert net.parameters["first"].abs().min() > 0  # a copy
    assert torch.equal(dying.parameters_of(net, 0)["last"], net.parameters["last"][0])
    for wrong in (-1, 3, True, 0.0):
        with pytest.raises(ValueError, match=f"index must be a whole number from 0 to 2, got {wrong}"):
            dying.parameters_of(net, wrong)


SIZES, FACTORS, MARGINS = (
    [0, -1, 1.5, True, "3"],
    [-1.0, math.nan, math.inf, "2", True],
    [0, -1.0, math.nan, math.inf, "1", True],
)
PLAIN, NORMED = ([networks.Networks(relu(norm=norm), 12, 2, 4), few().images] for norm in ("none", "batch"))
DEAD = torch.zeros(2, 1, 2, 4, dtype=torch.bool)


@pytest.mark.parametrize(
    ("call", "bad", "says"),
    [
        *(
            (lambda bad, name=name: dying.born_dead(**{"width": 2, "depth": 2, name: bad}), SIZES, f"^{name} must be a whole number of at")
            for name in ("width", "depth", "count", "examples", "inputs")
        ),
        (lambda bad: dying.born_dead(2, 2, seed=bad), [-1], "seed"),
        (lambda bad: dying.constant_bound(bad, 3), [1], "^width must be a whole number of at least 2, got 1"),
        (lambda bad: dying.constant_bound(2, bad), [0], "^depth must be a whole number of at least 1, got 0"),
        (lambda bad: dying.default_init(12, 2, 4, weights=bad), FACTORS, "weights"),
        (lambda bad: dying.default_init(12, 2, 4, biases=bad), FACTORS, "biases"),
        (lambda bad: dying.dead_by_count(*PLAIN, bad), [[]], "at least one"),
        (lambda bad: dying.dead_by_count(*PLAIN, bad), [[0], [61]], "each count must be a whole number from 1 to the 60 images"),
        (lambda bad: dying.wound(*PLAIN, bad, 1), [-1, 2, True, 0.5], "^layer must be a whole number from 0 to 1, got"),
        (lambda bad: dying.wound(*PLAIN, 0, bad), [0, 5, 1.5], "^count must be a whole number from 1 to the 4 units, got"),
        (lambda bad: dying.wound(*PLAIN, 0, 1, bad), MARGINS, "margin"), (lambda bad: dying.lift(*PLAIN, bad), MARGINS, "margin"),
        (lambda bad: dying.wound(*bad, 0, 1), [NORMED], "batch norm"), (lambda bad: dying.lift(*bad), [NORMED], "batch norm"),
        (dying.turnover, [DEAD[:1], DEAD[0], DEAD.double()], "turnover needs"),
    ],
)  # fmt: skip
def test_clear_errors(call, bad: list, says: str) -> None:
    for value in bad:
        with pytest.raises(ValueError, match=says):
            call(value)

"""Batch norm: the knobs that turn the growth of gradients, in closed form and in training."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import activations, batch_norm, data, measure, networks, theory, trials
from course_utils.networks import Design, Networks

STEEPER = activations.get("sigmoid").steeper
shifted_like = partial(batch_norm.with_growth, activations.shifted, low=0, high=6)
leaky_like = partial(batch_norm.with_growth, activations.leaky, low=0, high=1)
steeper_like = partial(batch_norm.with_growth, STEEPER, low=1, high=12)


@settings(max_examples=15, deadline=None)
@given(st.floats(1.005, 1.205))
def test_growth_comes_out_as_ordered(growth: float) -> None:
    for make in (shifted_like, leaky_like):
        assert theory.batch_norm_growth(make(growth)) == pytest.approx(growth, abs=1e-6)
    if growth > 1.02:
        assert theory.batch_norm_growth(steeper_like(growth)) == pytest.approx(growth, abs=1e-6)


def test_growth_of_a_shifted_relu_in_closed_form() -> None:
    normal = torch.distributions.Normal(torch.tensor(0.0, dtype=torch.float64), 1.0)
    beta = torch.tensor(0.9, dtype=torch.float64)
    on, density = normal.cdf(beta), normal.log_prob(beta).exp()
    mean, square = beta * on + density, (1 + beta**2) * on + beta * density
    assert theory.batch_norm_growth(activations.shifted(0.9)) == pytest.approx(
        float((on / (square - mean**2)).sqrt())
    )


def test_growth_of_leaky_in_closed_form() -> None:
    """The mean of leaky ReLU squared is (1 + s^2)/2 for z from N(0, 1), as is that of its slope; its mean (1 - s)/sqrt(2 pi)."""
    for slope in (0.1, 0.3, 0.7):
        square = (1 + slope**2) / 2
        expected = math.sqrt(square / (square - (1 - slope) ** 2 / (2 * math.pi)))
        assert theory.batch_norm_growth(activations.leaky(slope)) == pytest.approx(expected)
        assert leaky_like(expected)(torch.tensor(-1.0)).item() == pytest.approx(-slope, abs=1e-5)


def test_the_ends_of_what_can_be_had() -> None:
    z = torch.tensor([-1.0, 1.0])
    ends = [(shifted_like, activations.shifted(6.0)), (leaky_like, activations.leaky(1.0))]
    for make, last in [*ends, (leaky_like, activations.get("relu")), (shifted_like, activations.get("relu"))]:
        assert torch.allclose(make(theory.batch_norm_growth(last))(z), last(z), atol=1e-3)
    for k in (1.0, 12.0):
        steep = activations.get("sigmoid").steeper(k)
        assert steeper_like(theory.batch_norm_growth(steep)).label == f"sigmoid({k:g}z)"
    assert steeper_like(theory.batch_norm_growth("tanh")).name == "sigmoid(x2)"


@pytest.mark.parametrize("make", [shifted_like, leaky_like, steeper_like])
@pytest.mark.parametrize("growth", [0.9, 3.0, "1", True, math.nan])
def test_a_growth_out_of_reach(make: object, growth: object) -> None:
    with pytest.raises(ValueError, match=r"^growth must be"):
        make(growth)  # type: ignore[operator]


@pytest.mark.parametrize("bad", [0, 0.0, -1.0, "1", True, math.nan, math.inf])
def test_levelling_refuses_a_growth_that_is_not_above_zero(bad: object) -> None:
    with pytest.raises(ValueError, match=r"^growth must be a finite number above 0"):
        batch_norm.level(Networks([Design("relu", norm="batch")], 4, 2, 4), bad)


@pytest.mark.parametrize("growth", [0.25, 1.0, 4])
def test_levelling_in_closed_form(growth: float) -> None:
    designs = [Design("relu", norm="batch", seed=s) for s in range(2)]
    before, after = (Networks(designs, 6, 4, 5, dtype=torch.float64) for _ in range(2))
    assert batch_norm.level(after, growth) is None
    expected = dict(before.parameters) | {"first": before.parameters["first"] * growth**1.5}
    factors = torch.tensor([growth, growth**0.5, 1.0], dtype=torch.float64).view(3, 1, 1, 1)
    expected["hidden"] = before.parameters["hidden"] * factors
    for name, wanted in expected.items():
        torch.testing.assert_close(after.parameters[name], wanted)


def test_levelling_changes_steps_and_nothing_else() -> None:
    designs = [Design("relu", norm="batch", seed=s) for s in range(6)]
    x, depth, growth = torch.randn(64, 32, generator=torch.Generator().manual_seed(0)), 12, 1.211
    plain, level = (Networks(designs, 32, depth, 32, dtype=torch.float64) for _ in range(2))
    batch_norm.level(level, growth)
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
            batch_norm.level(Networks(designs, 4, 2, 4), 1.2)


def test_outliers() -> None:
    x = torch.randn(10, 6, generator=torch.Generator().manual_seed(0))
    x[3] *= 1000
    share = batch_norm.outliers([Design("relu"), Design("relu", norm="layer")], x, 3, 8)
    tenth = torch.full((3,), 0.1, dtype=torch.float64)
    assert share.shape == (3, 2) and (share[:, 0] > 0.99).all()
    assert torch.allclose(share[:, 1], tenth, atol=1e-3)  # layer norm makes all examples equally large


def test_outliers_in_closed_form() -> None:
    """Without bias, layer one's z is x times the weights: rows of equal direction have parts as their squares."""
    x = torch.tensor([1.0, 2.0, 3.0, 0.0]).unsqueeze(1) * torch.ones(4, 6)
    share = batch_norm.outliers([Design("relu"), Design("tanh", seed=1)], x, 2, 8)
    assert share.shape == (2, 2) and share.dtype == torch.float64
    assert torch.allclose(share[0], torch.full((2,), 9 / 14, dtype=torch.float64))
    assert share[1, 0].item() == pytest.approx(9 / 14, rel=1e-5)  # ReLU keeps it, tanh does not
    assert abs(share[1, 1].item() - 9 / 14) > 0.01
    normed = batch_norm.outliers([Design("relu", norm="batch")], x, 2, 8)
    assert normed[0].item() == pytest.approx(1.5**2 / 5)  # batch norm takes the batch's mean away, here 1.5


def test_the_headline_at_another_width_with_other_seeds() -> None:
    """30 layers, batch norm: the sigmoid ahead of ReLU in every pair, and the two exchanged when their growth is.

    Each kind at the best of three rates, around the best of notebook 06.
    """
    train, test = data.load("train", count=3500, size=14), data.load("test", count=1000, size=14)
    gentle, steep = theory.batch_norm_growth("sigmoid"), theory.batch_norm_growth("relu")
    kinds = {
        "sigmoid": Design("sigmoid", norm="batch"),
        "ReLU": Design("relu", gain="he", norm="batch"),
        "gentle ReLU": Design(shifted_like(gentle), norm="batch"),
        "steep sigmoid": Design(steeper_like(steep), norm="batch"),
    }
    train, held_back = data.split(train, 3000)
    judges = trials.accuracy(held_back), trials.accuracy(test)
    found = trials.compare(
        kinds, [0.002, 0.01, 0.05], train, *judges, depth=30, width=48, epochs=2, seeds=[21, 22, 23]
    )
    accuracy = {name: found.scores(name) for name in kinds}
    for ahead, behind in (("sigmoid", "ReLU"), ("gentle ReLU", "steep sigmoid")):
        assert trials.ahead(accuracy[ahead], accuracy[behind]) == (9, 9)
        assert trials.paired(found.table, ahead, behind).clear
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

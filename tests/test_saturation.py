"""Saturation: edges in closed form, shares by Monte Carlo, float32 zeros, errors that name the value."""

import dataclasses
import itertools
import math

import pytest
import torch
from scipy import integrate, stats

from course_utils import activations, saturation

INF = math.inf
EDGE = 2 * math.acosh(5)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    norms = torch.linspace(0.5, 1.6, 300)[:, None]
    x = torch.randn(300, 40, generator=generator)
    return norms * x / x.square().mean(1, keepdim=True).sqrt()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sigmoid", [(-INF, -EDGE), (EDGE, INF)]),
        ("tanh", [(-INF, -math.acosh(10)), (math.acosh(10), INF)]),
        ("relu", [(-INF, 0.0)]),
        ("elu", [(-INF, math.log(0.01))]),
        ("softplus", [(-INF, -math.log(99))]),
        ("leaky_relu", []),
        ("identity", []),
    ],
)
def test_intervals_are_those_of_the_closed_forms(name: str, expected: list[tuple[float, float]]) -> None:
    found = saturation.unusable_intervals(name)
    assert len(found) == len(expected)
    for pair, right in zip(found, expected, strict=True):
        assert pair == pytest.approx(right, abs=1e-9)


@pytest.mark.parametrize("entry", list(activations.registered()), ids=activations.names())
def test_intervals_agree_with_the_derivative(entry: activations.Activation) -> None:
    z = torch.linspace(-30, 30, 6007, dtype=torch.float64)
    inside = torch.zeros_like(z, dtype=torch.bool)
    for low, high in saturation.unusable_intervals(entry):
        inside |= (z > low) & (z < high)
    assert torch.equal(inside, saturation.unusable(entry, z))


def test_steeper_moves_the_edges_and_a_list_handed_out_may_be_changed() -> None:
    steep = saturation.unusable_intervals(activations.get("tanh").steeper(2), 0.02)
    assert steep[1][0] == pytest.approx(math.acosh(10) / 2, abs=1e-9)
    saturation.unusable_intervals("sigmoid").clear()
    assert len(saturation.unusable_intervals("sigmoid")) == 2


def test_gaussian_share_by_hand_and_by_shape() -> None:
    scales = torch.tensor([0.5, 4.0, 16.0])
    shares = saturation.gaussian_share("sigmoid", scales)
    assert shares.tolist() == pytest.approx([2 * stats.norm.cdf(-EDGE / s) for s in scales.tolist()])
    assert saturation.gaussian_share("relu", [1, 2], 0.0).tolist() == [0.5, 0.5]
    assert saturation.gaussian_share("relu", 1.0, torch.zeros(3, 2)).shape == (3, 2)
    assert saturation.gaussian_share("identity", scales).tolist() == [0, 0, 0]


@pytest.mark.parametrize("scale", [0.3, 0.5, 1.0])
def test_a_tiny_share_keeps_its_digits_on_either_side(scale: float) -> None:
    both = 2 * stats.norm.sf(EDGE / scale)
    assert float(saturation.gaussian_share("sigmoid", scale)) == pytest.approx(both, rel=1e-9)
    right = stats.norm.sf((EDGE - 3) / scale) + stats.norm.cdf((-EDGE - 3) / scale)
    for mean in (3.0, -3.0):
        assert float(saturation.gaussian_share("sigmoid", scale, mean)) == pytest.approx(right, rel=1e-9)


def test_layer_has_the_asked_scale_and_mean_and_is_its_own(images: torch.Tensor) -> None:
    z = saturation.layer(images, [3, 4], gain=2, bias=1.5, width=64)
    assert z.shape == (2, 300, 64) and z.dtype == torch.float32 and not z.requires_grad
    assert float(z.mean()) == pytest.approx(1.5, abs=0.2)
    assert float(z.std()) == pytest.approx(2 * float(images.square().mean().sqrt()), rel=0.1)
    assert torch.equal(z[1], saturation.layer(images, [4], gain=2, bias=1.5, width=64)[0])


def test_layer_shares_are_near_the_mixture_and_counted_right(images: torch.Tensor) -> None:
    table = saturation.layer_shares(
        images, ["relu", "sigmoid"], range(5), gains=[1, 4], biases=[0.0, -2.0], width=200
    )
    assert len(table) == 2 * 5 * 2 * 2
    centred = table[table.bias == 0].groupby(["activation", "gain"])["share"].mean()
    assert centred["relu", 1] == pytest.approx(0.5, abs=0.03)
    predicted = saturation.mixture_share("sigmoid", images, 4)
    assert centred["sigmoid", 4] == pytest.approx(predicted, abs=0.02)
    one = table[(table.activation == "relu") & (table.seed == 2) & (table.gain == 4) & (table.bias == -2)]
    z = saturation.layer(images, [2], 4, -2.0, 200)
    assert one.share.item() == pytest.approx(float((z <= 0).float().mean()), abs=1e-6)
    assert one.square.item() == pytest.approx(float((z > 0).float().mean()), abs=1e-6)
    assert one["mean"].item() == pytest.approx(float(z.mean()), abs=1e-5)
    assert one.scale.item() == pytest.approx(float(z.std()), rel=1e-5)


def test_mixture_of_unlike_images_is_a_mean_of_gaussians(images: torch.Tensor) -> None:
    scales = 2.5 * images.double().square().mean(1).sqrt()
    assert scales.max() > 3 * scales.min()
    points = torch.tensor([-4.0, -0.3, 0.0, 2.0])
    right = [stats.norm.pdf(z, scale=scales.numpy()).mean() for z in points.tolist()]
    assert saturation.mixture_density(points, images, 2.5).tolist() == pytest.approx(right, rel=1e-9)
    right = (2 * stats.norm.sf(EDGE / scales.numpy())).mean()
    assert saturation.mixture_share("sigmoid", images, 2.5) == pytest.approx(right, rel=1e-9)
    plain = saturation.mixture_density(points, images)
    assert torch.equal(plain, saturation.mixture_density(points, images, 1.0))
    assert saturation.mixture_share("sigmoid", images) == saturation.mixture_share("sigmoid", images, 1.0)


def step_at(edge: float) -> activations.Activation:
    """Slope 1 below the edge, 0 from there."""
    return dataclasses.replace(
        activations.get("relu"), name=f"up to {edge}", slope=lambda z: (z < edge).to(z.dtype), kinks=(edge,)
    )


@pytest.mark.parametrize(
    "edge", [-799.001, -500.0, -40.5, -40.001, -0.001, 0.0, 39.999, 40.5, 321.0, 799.002]
)
def test_an_edge_is_found_wherever_it_is(edge: float) -> None:
    ((low, high),) = saturation.unusable_intervals(step_at(edge))
    assert low == pytest.approx(edge, abs=1e-9) and high == INF
    if edge:  # at 0 the search ends below 1e-300
        assert low == edge, "the first number on which the slope is too small, to the last bit"


def test_beyond_the_search_nothing_is_found() -> None:
    assert saturation.unusable_intervals(step_at(800.001)) == []
    assert saturation.unusable_intervals(step_at(-800.001)) == [(-INF, INF)]


def test_the_mean_square_slope_is_split_at_every_kink_in_reach() -> None:
    for edge in (-2.9, 0.4, 5.0):
        found = saturation.mean_square_slope(step_at(edge), 1.5)
        assert found == pytest.approx(stats.norm.cdf(edge / 1.5), rel=1e-6)  # trapezia of width 1e-3


def test_layer_shares_unless_told_otherwise(images: torch.Tensor) -> None:
    told = saturation.layer_shares(
        images, ["tanh"], [3], gains=[1.0], biases=[0.0], width=256, threshold=saturation.THRESHOLD
    )
    assert saturation.layer_shares(images, ["tanh"], [3]).equals(told) and len(told) == 1
    assert list(told.columns) == ["activation", "gain", "bias", "seed", "scale", "mean", "share", "square"]
    assert saturation.layer(images, [3]).shape == (1, 300, 256)
    assert torch.equal(saturation.layer(images, [3]), saturation.layer(images, [3], "xavier", 0.0, 256))


def test_observed_density_counts_in_bins() -> None:
    z = torch.tensor([[[-1.9, -0.1], [0.1, 0.2]], [[1.5, 1.6], [1.7, 9.0]]])  # 9 lies beyond
    centres, density = saturation.observed_density(z, reach=2.0, bins=4)
    assert centres.tolist() == [-1.5, -0.5, 0.5, 1.5] and centres.dtype == density.dtype == torch.float64
    assert density.tolist() == [[0.25, 0.25, 0.5, 0], [0, 0, 0, 0.75]]
    assert saturation.observed_density(z, 2.0, 1)[1].tolist() == [[0.25], [0.1875]]
    centres, density = saturation.observed_density(z)
    assert density.shape == (2, 48) and float(centres[1] - centres[0]) == pytest.approx(12 / 48)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "leaky_relu", "gelu", "elu"])
@pytest.mark.parametrize("scale", [0.3, 1.0, 16.0])
def test_mean_square_slope_against_quadrature(name: str, scale: float) -> None:
    entry = activations.get(name)

    def integrand(z: float) -> float:
        slope = float(entry.derivative(torch.tensor(z, dtype=torch.float64)))
        return slope**2 * float(stats.norm.pdf(z, scale=scale))

    points = [-8.0, -4.0, -2.0, -1.0, 1.0, 2.0, 4.0, 8.0]
    edges = sorted({-10 * scale, *(p for p in points if abs(p) < 10 * scale), 0.0, 10 * scale})
    pairs = itertools.pairwise(edges)
    exact = sum(integrate.quad(integrand, a, b, epsabs=1e-10)[0] for a, b in pairs)
    assert saturation.mean_square_slope(entry, scale) == pytest.approx(exact, rel=1e-6)


def test_the_zeros_of_float32_and_float64() -> None:
    assert saturation.zero_from("sigmoid") == pytest.approx(24 * math.log(2), abs=0.01)
    assert saturation.zero_from("sigmoid", dtype=torch.float64) == pytest.approx(53 * math.log(2), abs=0.01)
    assert -89 < saturation.zero_from("sigmoid", -1) < -87
    assert -746 < saturation.zero_from("sigmoid", -1, torch.float64) < -708
    assert saturation.zero_from("tanh") == pytest.approx(13 * math.log(2), abs=0.05)
    closed = activations.get("sigmoid").derivative
    assert 87 < saturation.zero_from("sigmoid", derivative=closed) < 89


@pytest.mark.parametrize("edge", [0.5, 1.0, 3.25])
def test_zero_from_ends_on_the_edge_itself(edge: float) -> None:
    step = step_at(edge)
    found = [
        saturation.zero_from(step, 1, dtype, derivative=step.derivative)
        for dtype in (torch.float32, torch.float64)
    ]
    assert found == [edge, edge]
    assert saturation.zero_from(step, 1, derivative=step.derivative, reach=3.5) == edge


def test_autograd_derivative_leaves_its_input_alone() -> None:
    z = torch.tensor([-1.0, 0.0, 2.0])
    assert saturation.autograd_derivative("relu", z).tolist() == [0, 0, 1]
    assert not z.requires_grad and z.grad is None


THRESHOLDS = [0, -0.1, math.nan, math.inf, True]
THRESHOLD, SCALE = (
    "threshold must be a finite number above 0, got {!r}",
    "scale must be finite and above 0, got {!r}",
)
X = torch.ones(2, 3)


@pytest.mark.parametrize(
    ("call", "bad", "says"),
    [
        (lambda bad: saturation.unusable("relu", X, bad), THRESHOLDS, THRESHOLD),
        (lambda bad: saturation.layer_shares(X, ["relu"], [0], threshold=bad), THRESHOLDS, THRESHOLD),
        # although an equal one was searched before
        (lambda bad: saturation.unusable_intervals("tanh", 1.0) and saturation.unusable_intervals("tanh", bad), THRESHOLDS, THRESHOLD),
        (lambda bad: saturation.unusable_intervals(bad), ["swish"], "unknown activation {!r}"),
        (lambda bad: saturation.gaussian_share("sigmoid", bad), [0, -1.0, math.nan, math.inf], SCALE),
        (lambda bad: saturation.gaussian_share("relu", bad), [[1.0, -1.0], [math.inf, 2.0], [1.0, 0.0]], "scale must be finite"),
        (lambda bad: saturation.mixture_share("relu", bad), [torch.zeros(2, 3)], "scale must be finite and above 0"),
        (lambda bad: saturation.mean_square_slope("sigmoid", bad), [0, -1.0, math.nan], "scale must be a finite number above 0"),
        (lambda bad: saturation.gaussian_share("relu", 1.0, bad), [math.nan, [0.0, math.nan]], "mean must be finite"),
        (lambda bad: saturation.layer(bad, [0]), [torch.ones(3)], r"\[examples, features\], got \[3\]"),
        (lambda bad: saturation.layer(X, [0], gain=bad), [-1], "gain must be a finite number from 0, got {!r}"),
        (lambda bad: saturation.layer(X, bad), [[]], "at least one design"),
        (lambda bad: saturation.image_scales(bad), [torch.ones(0, 3)], r"\[examples, features\], got \[0, 3\]"),
        (lambda bad: saturation.mixture_density(torch.zeros(1), X, bad), [0], "gain {!r}"),
        (lambda bad: saturation.mixture_density(torch.zeros(1), torch.eye(3)[:, :2], bad), [2.0], "no image all zeros; got gain {!r}"),
        (lambda bad: saturation.observed_density(X, bins=bad), [0], "bins must be a whole number of at least 1, got {!r}"),
        (lambda bad: saturation.observed_density(X, reach=bad), [0.0, -1.0], "reach must be a"),
        (lambda bad: saturation.zero_from("sigmoid", bad), [0], "unknown side {!r}; known are: 1, -1"),
        (lambda bad: saturation.zero_from("sigmoid", dtype=bad), [torch.float16], "unknown dtype {!r}; known are: torch.float32"),
        (lambda bad: saturation.zero_from("sigmoid", reach=bad), [math.inf, 1.0, -20.0], "reach must be a finite number above 1, got {!r}"),
        (lambda bad: saturation.zero_from(bad), ["relu"], "the derivative of ReLU is not 0 at z = 2000"),
        (lambda bad: saturation.zero_from(bad, -1), ["relu"], "the derivative of ReLU is 0 at once"),
    ],
)  # fmt: skip
def test_clear_errors(call, bad: list, says: str) -> None:
    for value in bad:
        with pytest.raises(ValueError, match=says.format(value) if "{!r}" in says else says):
            call(value)

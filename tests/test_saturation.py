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


def test_gelu_is_lost_in_a_band_where_its_slope_changes_sign() -> None:
    (_, tail), (low, high) = saturation.unusable_intervals("gelu")
    assert tail < -3 and low < -0.7518 < high


def test_steeper_moves_the_edges_and_a_list_handed_out_may_be_changed() -> None:
    steep = saturation.unusable_intervals(activations.get("tanh").steeper(2), 0.02)
    assert steep[1][0] == pytest.approx(math.acosh(10) / 2, abs=1e-9)
    saturation.unusable_intervals("sigmoid").clear()
    assert len(saturation.unusable_intervals("sigmoid")) == 2


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "gelu", "silu", "elu"])
@pytest.mark.parametrize(("scale", "mean"), [(1.0, 0.0), (4.0, 0.0), (2.0, -3.0)])
def test_gaussian_share_is_what_a_sample_gives(name: str, scale: float, mean: float) -> None:
    z = scale * torch.randn(400_000, generator=torch.Generator().manual_seed(2), dtype=torch.float64) + mean
    share = float(saturation.gaussian_share(name, scale, mean))
    assert share == pytest.approx(float(saturation.unusable(name, z).double().mean()), abs=0.004)


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


@pytest.mark.parametrize("bad", [0, -1.0, math.nan, math.inf])
def test_a_bad_scale_is_named(bad: float) -> None:
    with pytest.raises(ValueError, match=f"scale must be finite and above 0, got {bad!r}"):
        saturation.gaussian_share("sigmoid", bad)
    with pytest.raises(ValueError, match=r"scale must be a finite number above 0"):
        saturation.mean_square_slope("sigmoid", bad)


@pytest.mark.parametrize("bad", [0, -0.1, math.nan, math.inf, True])
def test_a_bad_threshold_is_named(bad: float) -> None:
    for call in (
        lambda: saturation.unusable("relu", torch.ones(1), bad),
        lambda: saturation.unusable_intervals("relu", bad),
        lambda: saturation.layer_shares(torch.ones(2, 3), ["relu"], [0], threshold=bad),
    ):
        with pytest.raises(ValueError, match=f"threshold must be a finite number above 0, got {bad!r}"):
            call()


def test_a_bad_threshold_is_named_although_an_equal_one_was_searched_before() -> None:
    assert saturation.unusable_intervals("tanh", 1.0)
    with pytest.raises(ValueError, match="threshold must be a finite number above 0, got True"):
        saturation.unusable_intervals("tanh", True)


def test_other_bad_values_are_named(images: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="mean must be finite, got nan"):
        saturation.gaussian_share("relu", 1.0, math.nan)
    with pytest.raises(ValueError, match="unknown activation 'swish'"):
        saturation.unusable_intervals("swish")
    with pytest.raises(ValueError, match=r"\[examples, features\], got \[3\]"):
        saturation.layer(torch.ones(3), [0])
    with pytest.raises(ValueError, match=r"\[examples, features\], got \[0, 3\]"):
        saturation.image_scales(torch.ones(0, 3))
    with pytest.raises(ValueError, match=r"scale must be finite and above 0"):
        saturation.mixture_share("relu", torch.zeros(2, 3))
    with pytest.raises(ValueError, match="gain 0"):
        saturation.mixture_density(torch.zeros(1), images, 0)
    with pytest.raises(ValueError, match="bins must be a whole number of at least 1, got 0"):
        saturation.observed_density(torch.ones(1, 2), bins=0)
    with pytest.raises(ValueError, match="gain must be a finite number from 0, got -1"):
        saturation.layer(images, [0], gain=-1)
    with pytest.raises(ValueError, match="at least one design"):
        saturation.layer(images, [])


def test_one_bad_value_among_good_ones_is_enough() -> None:
    for scales in ([1.0, -1.0], [math.inf, 2.0], [1.0, 0.0]):
        with pytest.raises(ValueError, match="scale must be finite and above 0"):
            saturation.gaussian_share("relu", scales)
    with pytest.raises(ValueError, match="mean must be finite"):
        saturation.gaussian_share("relu", 1.0, [0.0, math.nan])
    with pytest.raises(ValueError, match="no image all zeros; got gain 2"):
        saturation.mixture_density(torch.zeros(1), torch.eye(3)[:, :2], 2.0)


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


def test_mixture_of_equal_images_is_one_gaussian() -> None:
    images = torch.ones(5, 8)
    share = saturation.mixture_share("sigmoid", images, 4)
    assert share == pytest.approx(float(saturation.gaussian_share("sigmoid", 4)))
    points = torch.tensor([-1.0, 0.0, 3.0])
    density = saturation.mixture_density(points, images, 2)
    assert density.tolist() == pytest.approx(stats.norm.pdf(points.numpy(), scale=2).tolist())


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
    for reach, bins, says in ((0.0, 4, "reach"), (-1.0, 4, "reach"), (2.0, 0, "bins")):
        with pytest.raises(ValueError, match=f"^{says} must be a"):
            saturation.observed_density(z, reach, bins)


def test_observed_density_is_a_density() -> None:
    z = torch.randn(2, 100, 1000, generator=torch.Generator().manual_seed(0))
    centres, density = saturation.observed_density(z)
    width = float(centres[1] - centres[0])
    assert density.shape == (2, 48) and (density.sum(1) * width).tolist() == pytest.approx([1, 1])
    assert density.mean(0).numpy() == pytest.approx(stats.norm.pdf(centres.numpy()), abs=0.01)


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


def test_zero_from_ends_on_neighbours() -> None:
    z = saturation.zero_from("sigmoid")
    last = torch.nextafter(torch.tensor([z]), torch.tensor([0.0]))
    assert float(saturation.autograd_derivative("sigmoid", torch.tensor([z]))) == 0
    assert float(saturation.autograd_derivative("sigmoid", last)) > 0


@pytest.mark.parametrize("edge", [0.5, 1.0, 3.25])
def test_zero_from_ends_on_the_edge_itself(edge: float) -> None:
    step = step_at(edge)
    found = [
        saturation.zero_from(step, 1, dtype, derivative=step.derivative)
        for dtype in (torch.float32, torch.float64)
    ]
    assert found == [edge, edge]
    assert saturation.zero_from(step, 1, derivative=step.derivative, reach=3.5) == edge


def test_zero_from_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="unknown side 0; known are: 1, -1"):
        saturation.zero_from("sigmoid", 0)
    with pytest.raises(
        ValueError, match=r"unknown dtype torch.float16; known are: torch.float32, torch.float64"
    ):
        saturation.zero_from("sigmoid", dtype=torch.float16)
    with pytest.raises(ValueError, match="the derivative of ReLU is not 0 at z = 2000"):
        saturation.zero_from("relu")
    with pytest.raises(ValueError, match="the derivative of ReLU is 0 at once"):
        saturation.zero_from("relu", -1)
    with pytest.raises(ValueError, match="reach must be a finite number above 1, got inf"):
        saturation.zero_from("sigmoid", reach=math.inf)
    for reach in (1.0, 0.5, 0.0, -20.0):
        with pytest.raises(ValueError, match=f"reach must be a finite number above 1, got {reach}"):
            saturation.zero_from("sigmoid", reach=reach)


def test_autograd_derivative_leaves_its_input_alone() -> None:
    z = torch.tensor([-1.0, 0.0, 2.0])
    assert saturation.autograd_derivative("relu", z).tolist() == [0, 0, 1]
    assert not z.requires_grad and z.grad is None

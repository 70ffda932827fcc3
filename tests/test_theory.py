"""Theory against quadrature of its own (mpmath), closed forms, and simulation; and its clear errors."""

import math
from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest
import torch

from course_utils import activations, theory

mp.mp.dps = 20


def _mp_sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def _mp_cdf(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def _mp_density(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


# Written down again, apart from the registry: value, derivative.
FORMULAS = {
    "sigmoid": (_mp_sigmoid, lambda x: _mp_sigmoid(x) * _mp_sigmoid(-x)),
    "tanh": (mp.tanh, lambda x: mp.sech(x) ** 2),
    "relu": (lambda x: max(x, mp.mpf(0)), lambda x: mp.mpf(x > 0)),
    "leaky_relu": (
        lambda x: x if x > 0 else x / 100,
        lambda x: mp.mpf(1) if x > 0 else mp.mpf(1) / 100,
    ),
    "elu": (lambda x: x if x > 0 else mp.expm1(x), lambda x: mp.mpf(1) if x > 0 else mp.exp(x)),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), _mp_sigmoid),
    "gelu": (lambda x: x * _mp_cdf(x), lambda x: _mp_cdf(x) + x * _mp_density(x)),
    "silu": (
        lambda x: x * _mp_sigmoid(x),
        lambda x: _mp_sigmoid(x) * (1 + x * _mp_sigmoid(-x)),
    ),
    "identity": (lambda x: x, lambda x: mp.mpf(1)),
}
SPLITS = [-12, -6, -3, -1, 0, 1, 3, 6, 12]
every_activation = pytest.mark.parametrize("name", FORMULAS)


def average(function, q):
    """E[function(x)], x ~ N(0, q), by mpmath."""
    sd = mp.sqrt(q)
    return mp.quad(lambda u: function(sd * u) * _mp_density(u), SPLITS)


def factor_by_hand(name, gain):
    """The gradient factor at the fixed point, found by iteration with Steffensen's acceleration."""
    value, slope = FORMULAS[name]

    def step(q):
        return gain**2 * average(lambda x: value(x) ** 2, q)

    q = mp.mpf(gain) ** 2
    for _ in range(60):
        once = step(q)
        twice = step(once)
        bend = twice - 2 * once + q
        leap = q - (once - q) ** 2 / bend if bend else twice
        before, q = q, leap if 0 < leap < 2 * q else twice
        if abs(before - q) < 1e-9 * q or q < 1e-12:
            break
    return float(gain * mp.sqrt(average(lambda x: slope(x) ** 2, q)))


def test_every_activation_of_the_registry_has_a_formula_here() -> None:
    assert set(FORMULAS) == set(activations.names())


@every_activation
@pytest.mark.parametrize("q", [0.05, 1.0, 9.0])
def test_moments_against_mpmath(name: str, q: float) -> None:
    value, slope = FORMULAS[name]
    found = theory.moments(name, q)
    right = [
        average(f, q)
        for f in (value, lambda x: value(x) ** 2, lambda x: slope(x) ** 2, lambda x: slope(x) ** 4)
    ]
    assert found == pytest.approx([float(r) for r in right], rel=1e-8, abs=1e-12)


@every_activation
def test_growth_with_normalisation_against_mpmath(name: str) -> None:
    value, slope = FORMULAS[name]
    mean, square = average(value, 1), average(lambda x: value(x) ** 2, 1)
    slopes = average(lambda x: slope(x) ** 2, 1)
    assert theory.batch_norm_growth(name) == pytest.approx(
        float(mp.sqrt(slopes / (square - mean**2))), rel=1e-7
    )
    assert theory.layer_norm_growth(name) == pytest.approx(float(mp.sqrt(slopes / square)), rel=1e-7)


@pytest.mark.parametrize(
    ("name", "gain"),
    [
        ("sigmoid", 0.7), ("sigmoid", 2.5), ("sigmoid", 9.0), ("tanh", 1.5), ("tanh", 3.0), ("elu", 1.2),
        ("softplus", 1.0), ("softplus", 0.5), ("tanh", 0.6), ("gelu", 1.0), ("silu", 1.2),
    ],
)  # fmt: skip
def test_gradient_factor_against_mpmath(name: str, gain: float) -> None:
    assert theory.gradient_factor(name, gain) == pytest.approx(factor_by_hand(name, gain), rel=1e-5)


@pytest.mark.parametrize("gain", [0.01, 0.5773502691896258, 1.0, 1.4142135623730951, 2.0, 16.0, 300.0])
def test_relu_is_gain_over_root_two_at_any_gain(gain: float) -> None:
    assert theory.gradient_factor("relu", gain) == pytest.approx(gain / math.sqrt(2), rel=1e-9)
    leaky = gain * math.sqrt((1 + 0.01**2) / 2)
    assert theory.gradient_factor("leaky_relu", gain) == pytest.approx(leaky, rel=1e-9)
    assert theory.gradient_factor("identity", gain) == pytest.approx(gain, rel=1e-9)


def test_limits_of_the_variance() -> None:
    assert theory.fixed_variance("tanh", 1.0) == 0
    assert theory.fixed_variance("relu", 1.0) == 0
    assert theory.fixed_variance("relu", 1.5) == math.inf
    assert theory.fixed_variance("relu", "he") == pytest.approx(2)  # every q is fixed
    assert theory.fixed_variance("relu", "he", start=7.0) == 7.0
    assert theory.fixed_variance("sigmoid", "xavier") == pytest.approx(0.264687, rel=1e-5)
    assert theory.gradient_factor("gelu", 1.0) == pytest.approx(0.5)  # the signal dies, the slope at 0 is 1/2
    assert theory.gradient_factor("softplus", 2.0) == pytest.approx(math.sqrt(2), rel=1e-6)  # like ReLU
    assert theory.gradient_factor("sigmoid", 0) == 0


def test_critical_gains() -> None:
    expected = {
        "sigmoid": 10.14926, "tanh": 1, "relu": math.sqrt(2), "identity": 1, "elu": 1, "softplus":
        math.sqrt(2),
        "leaky_relu": math.sqrt(2 / (1 + 0.01**2)),
    }  # fmt: skip
    for name, gain in expected.items():
        assert theory.critical_gain(name) == pytest.approx(gain, rel=1e-6), name
    for name in ("gelu", "silu"):  # the factor jumps over 1
        gain = theory.critical_gain(name)
        assert theory.gradient_factor(name, gain * 0.9999) < 0.9
        assert theory.gradient_factor(name, gain * 1.0001) > 1


def test_a_steeper_sigmoid_is_a_larger_gain() -> None:
    steep = activations.get("sigmoid").steeper(4)
    assert theory.gradient_factor(steep, 1.0) == pytest.approx(
        theory.gradient_factor("sigmoid", 4.0), rel=1e-9
    )


def relu6(kinks: tuple[float, ...]) -> activations.Activation:
    return replace(
        activations.get("relu"),
        name="relu6",
        value=lambda z: z.clamp(0, 6),
        slope=lambda z: ((z > 0) & (z < 6)).to(z.dtype),
        kinks=kinks,
    )


@pytest.mark.parametrize("gain", [1.0, 1.6, 4.0])
def test_an_activation_of_ones_own_with_and_without_kinks(gain: float) -> None:
    told, untold = (theory.gradient_factor(relu6(kinks), gain) for kinks in ((0.0, 6.0), ()))
    assert told == pytest.approx(untold, rel=1e-6)
    shifted = replace(
        relu6(()),
        name="shifted",
        value=lambda z: (z - 0.3).clamp(min=0),
        slope=lambda z: (z > 0.3).to(z.dtype),
    )
    assert theory.moments(shifted).slope_square == pytest.approx(
        0.5 * math.erfc(0.3 / math.sqrt(2)), rel=1e-7
    )


def test_an_activation_without_bound_on_its_slope() -> None:
    square = replace(
        activations.get("relu"),
        name="square",
        value=lambda z: torch.relu(z) ** 2,
        slope=lambda z: 2 * torch.relu(z),
    )
    assert theory.gradient_factor(square, 3.0) == math.inf
    assert theory.moments(square).square == pytest.approx(1.5, rel=1e-9)


def test_gaussian_mean() -> None:
    assert theory.gaussian_mean(torch.abs) == pytest.approx(math.sqrt(2 / math.pi), rel=1e-10)
    assert theory.gaussian_mean(torch.square, 7.0) == pytest.approx(7.0, rel=1e-10)
    assert theory.gaussian_mean(torch.cos, 0.0) == 1.0
    assert theory.gaussian_mean(lambda z: (z > 0.5).to(z.dtype), 4.0, kinks=[0.5]) == pytest.approx(
        0.5 * math.erfc(0.25 / math.sqrt(2)), rel=1e-14
    )
    assert theory.gaussian_mean(lambda z: z**20) == pytest.approx(654729075, rel=1e-12)  # 19!!
    narrow = theory.gaussian_mean(lambda z: torch.exp(-z * z / 2), 1e8)
    assert narrow == pytest.approx(1 / math.sqrt(1 + 1e8), rel=1e-9)


def test_gaussian_mean_of_what_no_number_of_panels_follows() -> None:
    assert theory.gaussian_mean(lambda z: torch.sin(1e6 * z) ** 2) == pytest.approx(0.5, abs=1e-3)


def test_gaussian_mean_asks_no_further_than_12_standard_deviations() -> None:
    asked = []

    def square(z: torch.Tensor) -> torch.Tensor:
        asked.append(z)
        return z * z

    assert theory.gaussian_mean(square, 4.0, kinks=[23.99, -30.0]) == pytest.approx(4, rel=1e-12)
    z = torch.cat(asked)
    assert -24 < z.min() < -23.9 and 23.9 < z.max() < 24


def test_born_dead_is_exact() -> None:
    assert theory.born_dead(1, 1) == pytest.approx(0.5, rel=1e-15)
    assert theory.born_dead(3, 9) == pytest.approx(1 - (7 / 8) ** 9, rel=1e-14)
    assert theory.born_dead(2, 9) == pytest.approx(0.9249, abs=5e-5)
    assert 0 < theory.born_dead(64, 100) < 1e-17


def test_jacobian_spread() -> None:
    assert theory.jacobian_spread("relu", 1.0, 10) == pytest.approx(20)
    assert theory.jacobian_spread("relu", 1.0, 10, orthogonal=True) == pytest.approx(10)
    assert theory.jacobian_spread("identity", 1.0, 10, orthogonal=True) == pytest.approx(0, abs=1e-9)


def test_profile_ends_in_the_gradient_factor() -> None:
    found = theory.profile("sigmoid", "xavier", 30)
    assert found.dz[-1] == 1
    assert (found.dz[10] / found.dz[11]).item() == pytest.approx(
        theory.gradient_factor("sigmoid", 1), rel=1e-8
    )
    assert found.z[-1].item() ** 2 == pytest.approx(theory.fixed_variance("sigmoid", 1), rel=1e-8)
    assert found.factor() == pytest.approx(theory.gradient_factor("sigmoid", 1), rel=1e-4)
    kept_alive = theory.profile("relu", "pytorch", 30, bias_variance=1 / 300)
    assert kept_alive.z[-1].item() ** 2 == pytest.approx(1.2 / 300, rel=1e-6)


def test_merging() -> None:
    found = theory.merging("sigmoid", "xavier", 14)
    assert found.distance[0].item() == pytest.approx(math.sqrt(2))
    assert found.angle[0].item() == pytest.approx(90)
    ratio = (found.distance[12] / found.distance[11]).item()
    assert ratio == pytest.approx(theory.gradient_factor("sigmoid", 1), rel=1e-4)
    linear = theory.merging("identity", 1.0, 6, correlation=0.3)
    assert linear.distance.tolist() == pytest.approx([math.sqrt(1.4)] * 6, rel=1e-7)
    assert theory.merging("tanh", 1.0, 3, correlation=1.0).distance.tolist() == [0, 0, 0]


ERF = replace(
    activations.get("tanh"),
    name="erf",
    value=torch.erf,
    slope=lambda z: 2 / math.sqrt(math.pi) * torch.exp(-z * z),
)


@pytest.mark.parametrize("q", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("correlation", [-1.0, -0.5, 0.3, 0.9])
def test_merging_of_erf_is_williams_kernel(correlation: float, q: float) -> None:
    # Williams, Neural Computation 1998: E[erf u erf v] = 2/pi asin(2 q c / (1 + 2 q))
    def kernel(c: float) -> float:
        return 2 / math.pi * math.asin(2 * q * c / (1 + 2 * q))

    assert theory.moments(ERF, q).square == pytest.approx(kernel(1), rel=1e-13)
    assert theory.moments(ERF, q).mean == pytest.approx(0, abs=1e-13)
    slopes = 4 / math.pi / math.sqrt(1 + 4 * q), 16 / math.pi**2 / math.sqrt(1 + 8 * q)
    assert theory.moments(ERF, q)[2:] == pytest.approx(slopes, rel=1e-13)
    found = theory.merging(ERF, 1.0, 2, correlation, start=q)
    right = math.sqrt(2 * (1 - kernel(correlation) / kernel(1)))
    close = 2e-9 if q == 30 and correlation < 0 else 1e-11
    assert found.distance[1].item() == pytest.approx(right, rel=close)
    if correlation > -1:  # near 180 degrees the arc sine is steep
        assert found.angle[1].item() == pytest.approx(math.degrees(2 * math.asin(right / 2)), rel=1e-8)


@pytest.mark.parametrize(
    ("steepness", "q", "correlation"), [(2, 100.0, 0.9999), (4, 2.0, 0.997), (6, 2.0, 0.999), (8, 8.0, 0.97)]
)
def test_merging_of_near_inputs_sees_a_steep_step(steepness: int, q: float, correlation: float) -> None:
    """The middle of the step is where near inputs part: there the quadrature is fine enough for all digits."""
    share = 2 * mp.mpf(q) * steepness**2 / (1 + 2 * mp.mpf(q) * steepness**2)
    same, near = (mp.asin(share * c) for c in (1, mp.mpf(correlation)))
    found = theory.merging(ERF.steeper(steepness), 1.0, 2, correlation, start=q)
    right = float(mp.sqrt(2 * (same - near) / same))
    assert found.distance[1].item() == pytest.approx(right, rel=1e-13, abs=0)


@pytest.mark.parametrize("q", [0.01, 100.0])
@pytest.mark.parametrize("correlation", [-0.5, 0.3, 0.9])
def test_merging_of_leaky_relu_is_a_mixture_of_kernels(correlation: float, q: float) -> None:
    def kernel(c: float) -> float:  # phi(z) = z / 100 + 0.99 relu(z)
        arc = (math.sqrt(1 - c**2) + c * (math.pi - math.acos(c))) / (2 * math.pi)
        return 0.01**2 * c + 0.01 * 0.99 * c + 0.99**2 * arc

    found = theory.merging("leaky_relu", 1.0, 2, correlation, start=q).distance[1].item()
    assert found == pytest.approx(math.sqrt(2 * (1 - kernel(correlation) / kernel(1))), rel=1e-12)


def test_middle_factor_looks_at_the_middle_alone() -> None:
    sizes = 0.5 ** torch.arange(10, dtype=torch.float64)
    sizes[[0, 1, 8, 9]] = torch.tensor(
        [7.0, math.nan, 0.0, math.inf], dtype=torch.float64
    )  # 10 // 5 at each end
    assert theory.middle_factor(sizes).item() == pytest.approx(2)  # larger toward the input
    both = theory.middle_factor(torch.stack([sizes, sizes.flip(0)], dim=1))
    assert both.tolist() == pytest.approx([2, 0.5])
    assert math.isnan(theory.middle_factor(sizes, skip=1).item())
    sizes[4] = math.inf
    assert math.isnan(theory.middle_factor(sizes).item())
    assert theory.middle_factor(torch.tensor([6.0, 2.0])).item() == pytest.approx(3)  # two layers are enough
    assert theory.middle_factor(torch.tensor([1.0, 6.0, 2.0, 1.0]), skip=1).item() == pytest.approx(3)
    crooked = torch.tensor(
        [1.0, 8.0, 2.0], dtype=torch.float64
    )  # the line of least squares: slope of the ends
    assert theory.middle_factor(crooked).item() == pytest.approx(2**-0.5)
    assert theory.middle_factor(crooked).dtype == torch.float64
    for sizes, skip, message in (
        (torch.ones(1), None, "1 less 0 at each end"),
        (torch.ones(9), 4, "9 less 4 at each end"),
        (torch.ones(9), -1, "9 less -1 at each end"),
    ):
        with pytest.raises(ValueError, match=message):
            theory.middle_factor(sizes, skip)


@pytest.mark.parametrize(("name", "gain"), [("tanh", 1.7), ("relu", "pytorch"), ("softplus", "he")])
def test_profile_is_the_recursion(name: str, gain: float | str) -> None:
    """Four layers, each moment by mpmath."""
    size = {"pytorch": math.sqrt(1 / 3), "he": math.sqrt(2)}.get(gain, gain)
    value, slope = FORMULAS[name]
    q, z, h, factors = 0.6 + 0.05, [], [], []
    for _ in range(4):
        z.append(math.sqrt(q))
        square = float(average(lambda x: value(x) ** 2, q))
        h.append(math.sqrt(square))
        factors.append(size * math.sqrt(float(average(lambda x: slope(x) ** 2, q))))
        q = size**2 * square + 0.05
    dz = [math.prod(factors[layer:3]) for layer in range(4)]
    dw = [size * before for size, before in zip(dz, [1.0, *h[:3]], strict=True)]
    found = theory.profile(name, gain, 4, start=0.6, bias_variance=0.05)
    assert found.z.tolist() == pytest.approx(z, rel=1e-8)
    assert found.h.tolist() == pytest.approx(h, rel=1e-8)
    assert found.dz.tolist() == pytest.approx(dz, rel=1e-8)
    assert found.dw.tolist() == pytest.approx([part / dw[-1] for part in dw], rel=1e-8)
    assert theory.profile(name, gain, 1).z.tolist() == pytest.approx([size])  # inputs of mean square 1


def test_profile_with_batch_norm() -> None:
    found, growth = theory.profile("relu", "he", 5, norm="batch"), math.sqrt(math.pi / (math.pi - 1))
    assert found.z.tolist() == [1.0] * 5
    assert found.h.tolist() == pytest.approx([math.sqrt(0.5)] * 5)
    for quantity in ("dz", "dw"):
        assert getattr(found, quantity).tolist() == pytest.approx([growth**k for k in (4, 3, 2, 1, 0)])
        assert found.factor(quantity) == pytest.approx(growth)
    assert found.factor("h") == found.factor("z") == pytest.approx(1)


def test_no_signal() -> None:
    assert theory.fixed_variance("relu", 0) == 0 == theory.fixed_variance("sigmoid", 0.0)
    dark = theory.profile("relu", 0.0, 3)
    assert dark.z.tolist() == [0, 0, 0] and dark.h.tolist() == pytest.approx([0, 0, 0], abs=1e-90)
    assert dark.dz.tolist() == [0, 0, 1]
    broken = replace(activations.get("relu"), name="broken", value=lambda z: z * math.nan)
    with pytest.raises(ValueError, match="activation 'broken': the function returns NaN"):
        theory.moments(broken)
    flat = replace(activations.get("relu"), name="flat", value=torch.ones_like, slope=torch.zeros_like)
    with pytest.raises(ValueError, match="'flat' is constant"):
        theory.batch_norm_growth(flat)
    off = replace(activations.get("relu"), name="off", value=torch.zeros_like, slope=torch.zeros_like)
    with pytest.raises(ValueError, match="'off' is 0 everywhere: layer norm would divide by 0"):
        theory.layer_norm_growth(off)
    with pytest.raises(ValueError, match="'off' is constant: batch norm would divide by 0"):
        theory.batch_norm_growth(off)
    assert theory.critical_gain(off) == math.inf
    assert theory.gradient_factor(off, 2.0) == 0


@pytest.mark.parametrize("gain", [7e-3, 3000.0])
def test_critical_gain_of_a_line_is_one_over_its_slope(gain: float) -> None:
    line = replace(
        activations.get("identity"),
        name=f"line {gain}",
        value=lambda z: z / gain,
        slope=lambda z: torch.full_like(z, 1 / gain),
    )
    assert theory.critical_gain(line) == pytest.approx(gain, rel=2e-9)


def test_the_critical_gain_is_the_lowest_of_several() -> None:
    """A steep step in the middle, a far larger one three away: gradients survive from 1/100 on, not around 1, again at 20."""
    steps = replace(
        activations.get("tanh"),
        name="two steps",
        value=lambda z: torch.where(z.abs() < 3, torch.tanh(100 * z), 1000 * z.sign()),
        slope=lambda z: torch.where(z.abs() < 3, 100 / torch.cosh((100 * z).clamp(-300, 300)) ** 2, 0.0),
        kinks=(-3.0, 3.0),
    )
    around = [theory.gradient_factor(steps, gain) > 1 for gain in (0.009, 0.011, 0.3, 1.0, 1.002, 30.0)]
    assert around == [False, True, True, False, False, True]
    assert theory.critical_gain(steps) == pytest.approx(0.01, rel=1e-6)


def test_the_start_decides_where_there_are_two_fixed_points() -> None:
    # phi = z^2 at gain 1: E[phi^2] = 3 q^2, so q -> 3 q^2; 0 and infinity draw, 1/3 is left alone and drives off
    square = replace(
        activations.get("relu"), name="square", value=torch.square, slope=lambda z: 2 * z, kinks=()
    )
    assert theory.fixed_variance(square, 1.0, start=0.3) == 0
    assert theory.fixed_variance(square, 1.0, start=0.36) == math.inf
    assert theory.fixed_variance(square, 1.0, start=1 / 3) == pytest.approx(1 / 3)
    assert theory.gradient_factor(square, 1.0, start=0.3) == pytest.approx(0, abs=1e-8)
    # From above and from below to the same number.
    above, below = (theory.fixed_variance("sigmoid", 2.0, start=q) for q in (900, 1e-3))
    assert above == pytest.approx(below, rel=1e-12)
    assert 4 * theory.moments("sigmoid", above).square == pytest.approx(above, rel=1e-11)


def test_sizes_may_be_numpys() -> None:
    assert theory.born_dead(np.int64(3), np.int32(9)) == theory.born_dead(3, 9)
    assert theory.log_norm_variance(1, 1) == 5
    assert theory.moments("relu", np.float64(2.0)).square == pytest.approx(1)
    assert theory.gradient_factor("relu", np.float32(1.0)) == pytest.approx(math.sqrt(0.5))
    assert theory.moments("relu").variance == pytest.approx(0.5 - 1 / (2 * math.pi))


SIZES, NUMBERS, GAINS = (
    [0, -1, 2.5, True],
    [-0.1, math.nan, math.inf, True, "1"],
    [-1.0, math.nan, math.inf, True, None],
)
SIZE, NUMBER = "must be a whole number of at least 1, got", "must be a finite number from 0, got"
SWISH = "unknown activation 'swish'; known are"


@pytest.mark.parametrize(
    ("call", "bad", "says"),
    [
        (lambda bad: theory.born_dead(bad, 3), SIZES, f"^width {SIZE}"),
        (lambda bad: theory.born_dead(3, bad), SIZES, f"^hidden_layers {SIZE}"),
        (lambda bad: theory.log_norm_variance(bad, 3), SIZES, f"^width {SIZE}"),
        (lambda bad: theory.log_norm_variance(3, bad), SIZES, f"^layers {SIZE}"),
        (lambda bad: theory.jacobian_spread("relu", 1.0, bad), SIZES, f"^layers {SIZE}"),
        (lambda bad: theory.profile("relu", 1.0, bad), SIZES, f"^depth {SIZE}"),
        (lambda bad: theory.merging("relu", 1.0, bad), SIZES, f"^depth {SIZE}"),
        (lambda bad: theory.fixed_variance("relu", 1.0, start=bad), NUMBERS, f"^start {NUMBER}"),
        (lambda bad: theory.profile("relu", 1.0, 4, start=bad), NUMBERS, f"^start {NUMBER}"),
        (lambda bad: theory.merging("relu", 1.0, 4, start=bad), NUMBERS, f"^start {NUMBER}"),
        (lambda bad: theory.profile("relu", 1.0, 4, bias_variance=bad), NUMBERS, f"^bias_variance {NUMBER}"),
        (lambda bad: theory.gaussian_mean(torch.abs, bad), NUMBERS, f"^variance {NUMBER}"),
        (lambda bad: theory.moments("relu", bad), NUMBERS, f"^variance {NUMBER}"),
        (lambda bad: theory.gradient_factor("relu", bad), GAINS, f"^gain {NUMBER}"),
        (lambda bad: theory.fixed_variance("relu", bad), GAINS, f"^gain {NUMBER}"),
        (lambda bad: theory.profile("relu", bad, 5), GAINS, f"^gain {NUMBER}"),
        (lambda bad: theory.merging("relu", bad, 5), GAINS, f"^gain {NUMBER}"),
        (lambda bad: theory.gradient_factor("relu", bad), ["kaiming"], "unknown gain.*one of: he, xavier, pytorch"),
        (lambda bad: theory.fixed_variance("relu", 1.0, start=bad), [0], "start must be above 0"),
        (lambda bad: theory.merging("relu", 1.0, 4, correlation=bad), [-1.0001, 1.0001, math.nan], "from -1 and up to 1"),
        (lambda bad: theory.merging("relu", *bad), [(0.0, 4), (1.0, 4, 0.0, 0.0)], "no distance when all z are 0"),
        (lambda bad: theory.profile("relu", 1.0, 4, norm=bad), ["layer"], "normalisation"),
        (lambda bad: theory.gaussian_mean(lambda z: z * bad, 9.0), [math.nan], "within 12 standard deviations of 3"),
        (lambda bad: theory.gradient_factor(bad, 1.0), ["swish"], SWISH),
        (lambda bad: theory.critical_gain(bad), ["swish"], SWISH),
        (lambda bad: theory.batch_norm_growth(bad), ["swish"], SWISH),
        (lambda bad: theory.layer_norm_growth(bad), ["swish"], SWISH),
        (lambda bad: theory.moments(bad), ["swish"], SWISH),
        (lambda bad: theory.profile(bad, 1.0, 4), ["swish"], SWISH),
    ],
)  # fmt: skip
def test_clear_errors(call, bad: list, says: str) -> None:
    for value in bad:
        with pytest.raises(ValueError, match=says) as error:
            call(value)
        assert not says.endswith("got") or str(error.value).startswith(f"{says[1:]} {value!r}")

"""Activations against independent formulas, autograd, differences and the float32 facts of claim C07."""

import dataclasses
import inspect
import math
import re

import hypothesis.extra.numpy as hnp
import mpmath as mp
import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import activations
from course_utils.activations import Activation

NAMES = activations.names()
SMALL = 10.0 ** -torch.arange(2, 13, dtype=torch.float64)
GRID = torch.cat([torch.linspace(-40, 40, 801, dtype=torch.float64), SMALL, -SMALL])
SQRT2 = mp.sqrt(2)

VALUES = {
    "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
    "tanh": lambda z: (mp.exp(z) - mp.exp(-z)) / (mp.exp(z) + mp.exp(-z)),
    "relu": lambda z: max(z, mp.mpf(0)),
    "leaky_relu": lambda z: z if z > 0 else z / 100,
    "elu": lambda z: z if z > 0 else mp.exp(z) - 1,
    "softplus": lambda z: mp.log(1 + mp.exp(z)),
    "gelu": lambda z: z * mp.erfc(-z / SQRT2) / 2,
    "silu": lambda z: z / (1 + mp.exp(-z)),
    "identity": lambda z: z,
}


def reference_slope(name: str, z: mp.mpf) -> mp.mpf:
    """By mpmath's numerical derivative of the value; one-sided at the kinks, from the left."""
    if z in activations.get(name).kinks:
        return mp.diff(VALUES[name], z, direction=-1)
    return mp.diff(VALUES[name], z)


def assert_relative(got: torch.Tensor, expected: list[mp.mpf], tolerance: float = 1e-6) -> None:
    """Relative agreement; where the truth is 0 or below the range of normal numbers, next to nothing is asked for."""
    for z, a, b in zip(GRID.tolist(), got.tolist(), expected, strict=True):
        if abs(b) < 1e-300:
            assert abs(a) <= 1e-300, (z, a, b)
        else:
            assert abs(a - b) <= tolerance * abs(b), (z, a, b)


def autograd(activation: Activation, z: torch.Tensor) -> torch.Tensor:
    z = z.clone().requires_grad_()
    (slope,) = torch.autograd.grad(activation(z).sum(), z)
    return slope


@pytest.fixture(autouse=True)
def precise():
    with mp.workdps(60):
        yield


@pytest.fixture
def registry(monkeypatch):
    """The registry, put back after the test."""
    monkeypatch.setattr(activations, "_REGISTRY", dict(activations._REGISTRY))


def cube(**changes) -> Activation:
    entry = Activation(
        "cube", "cube", lambda z: z**3, lambda z: 3 * z**2, "z^3", "3z^2", math.inf, "black", ":", "x"
    )
    return dataclasses.replace(entry, **changes)


def test_each_has_a_formula_of_its_own_here_in_the_same_order():
    assert list(VALUES) == NAMES
    assert [a.name for a in activations.registered()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_value_against_mpmath(name):
    assert_relative(activations.get(name)(GRID), [VALUES[name](mp.mpf(z)) for z in GRID.tolist()])


@pytest.mark.parametrize("name", NAMES)
def test_slope_against_mpmath_also_in_the_tails(name):
    slope = activations.get(name).derivative(GRID)
    assert_relative(slope, [reference_slope(name, mp.mpf(z)) for z in GRID.tolist()])


@pytest.mark.parametrize("name", NAMES)
def test_slope_against_autograd(name):
    activation = activations.get(name)
    torch.testing.assert_close(activation.derivative(GRID), autograd(activation, GRID), rtol=1e-9, atol=1e-14)
    single = GRID.float()
    torch.testing.assert_close(
        activation.derivative(single), autograd(activation, single), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("name", NAMES)
def test_slope_against_central_differences(name):
    activation, step = activations.get(name), 1e-5
    z = GRID
    for kink in activation.kinks:
        z = z[(z - kink).abs() > 1e-3]
    difference = (activation(z + step) - activation(z - step)) / (2 * step)
    torch.testing.assert_close(activation.derivative(z), difference, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_slope_bound_is_the_least_upper_bound(name):
    activation = activations.get(name)

    def steepness(z: float) -> float:
        return abs(activation.derivative(torch.tensor(z, dtype=torch.float64)).item())

    fine = torch.linspace(-40, 40, 80001, dtype=torch.float64)
    slopes = activation.derivative(fine).abs()
    best = fine[slopes.argmax()].item()
    search = scipy.optimize.minimize_scalar(
        lambda z: -steepness(z), bounds=(best - 2e-3, best + 2e-3), method="bounded", options={"xatol": 1e-10}
    )
    reached = max(-search.fun, slopes.max().item())
    assert activation.slope_bound - 1e-9 <= reached <= activation.slope_bound + 1e-13


@pytest.mark.parametrize("name", NAMES)
def test_kinks_are_where_the_slope_jumps_or_bends(name):
    """At a kink the first or the second derivative jumps; elsewhere neither does."""
    activation = activations.get(name)
    for z in {-1.0, 0.0, 1.0, *activation.kinks}:
        at, step = torch.tensor([z - 2e-4, z - 1e-4, z + 1e-4, z + 2e-4], dtype=torch.float64), 1e-4
        s = activation.derivative(at)
        jump = (s[2] - s[1]).abs() + ((s[3] - s[2]) - (s[1] - s[0])).abs() / step
        assert (jump.item() > 0.5) == (z in activation.kinks), (z, jump)


class TestClaim07:
    """In float32 the logistic's gradient by autograd is exactly 0 from z = 16.64 up and below -88.7."""

    sigmoid = activations.get("sigmoid")

    @staticmethod
    def gradient(*z: float) -> torch.Tensor:
        return autograd(activations.get("sigmoid"), torch.tensor(z, dtype=torch.float32))

    def test_zero_from_1664_up(self):
        assert torch.equal(self.gradient(*np.linspace(16.64, 120, 500)), torch.zeros(500))
        assert bool((self.gradient(*np.linspace(0, 16.63, 500)) > 0).all())

    def test_zero_below_minus_887(self):
        assert torch.equal(self.gradient(*np.linspace(-120, -88.73, 500)), torch.zeros(500))
        assert bool((self.gradient(*np.linspace(-88.69, 0, 500)) > 0).all())

    def test_one_number_alone(self):
        """Torch computes single numbers by another path than long rows."""
        for z, zero in ((16.63, False), (16.64, True), (-88.69, False), (-88.73, True)):
            assert (self.gradient(z).item() == 0) is zero, z

    def test_the_closed_form_is_not_zero(self):
        z = torch.cat([torch.linspace(-86, -10, 300), torch.linspace(10, 86, 300)])
        slope = self.sigmoid.derivative(z)
        expected = torch.exp(-z.abs().double()) / (1 + torch.exp(-z.abs().double())) ** 2
        torch.testing.assert_close(slope.double(), expected, rtol=2e-5, atol=0)
        assert bool((self.sigmoid.derivative(torch.tensor([16.64, 17.5, 88.6, -88.6])) > 0).all())

    def test_float64_is_not_zero_there(self):
        assert bool(
            (autograd(self.sigmoid, torch.tensor([16.64, 30.0, -700.0], dtype=torch.float64)) > 0).all()
        )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("k", [0.5, 4, 10.15])
def test_steeper(name, k):
    plain, steep = activations.get(name), activations.get(name).steeper(k)
    z = torch.linspace(-4, 4, 81, dtype=torch.float64)
    torch.testing.assert_close(steep(z), plain(k * z), rtol=0, atol=0)
    torch.testing.assert_close(steep.derivative(z), autograd(steep, z), rtol=1e-9, atol=1e-12)
    assert steep.slope_bound == pytest.approx(k * plain.slope_bound)
    assert steep.kinks == tuple(kink / k for kink in plain.kinks)
    assert f"{k:g}" in steep.formula and f"{k:.3g}" in steep.label and steep.name != plain.name


def test_steeper_moves_kinks():
    assert dataclasses.replace(activations.get("relu"), kinks=(1.0, 2.0)).steeper(4).kinks == (0.25, 0.5)


@pytest.mark.parametrize("k", [0, -1, math.inf, math.nan, True, "4"])
def test_steeper_refuses(k):
    with pytest.raises(ValueError, match="finite number above 0"):
        activations.get("sigmoid").steeper(k)


numbers = st.floats(-700, 700)


@given(numbers)
def test_the_logistic_and_its_mirror_add_up_to_one(z):
    sigmoid = activations.get("sigmoid")
    z = torch.tensor(z, dtype=torch.float64)
    assert (sigmoid(z) + sigmoid(-z)).item() == pytest.approx(1, abs=1e-15)


@given(numbers)
def test_tanh_is_a_stretched_logistic(z):
    z = torch.tensor(z, dtype=torch.float64)
    stretched = 2 * activations.get("sigmoid")(2 * z) - 1
    assert activations.get("tanh")(z).item() == pytest.approx(stretched.item(), abs=1e-15)


@given(numbers)
def test_the_slope_of_softplus_is_the_logistic(z):
    softplus, z = activations.get("softplus"), torch.tensor([z], dtype=torch.float64)
    expected = activations.get("sigmoid")(z)
    torch.testing.assert_close(softplus.derivative(z), expected, rtol=0, atol=0)
    torch.testing.assert_close(autograd(softplus, z), expected, rtol=1e-12, atol=1e-300)


@settings(max_examples=40)
@given(
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    st.sampled_from([torch.float32, torch.float64]),
    st.sampled_from(NAMES),
)
def test_shape_and_dtype_are_kept(shape, dtype, name):
    z, activation = torch.zeros(shape, dtype=dtype), activations.get(name)
    for result in (activation(z), activation.derivative(z)):
        assert result.shape == z.shape and result.dtype == dtype


@pytest.mark.parametrize("name", NAMES)
def test_nan_stays_nan_and_the_argument_is_left_alone(name):
    activation = activations.get(name)
    z = torch.tensor([math.nan, -1.5, 0.0, 1.5])
    before = z.clone()
    value, slope = activation(z), activation.derivative(z)
    assert value.isnan().tolist() == [True, False, False, False]
    assert slope.isnan().tolist() == [name != "identity", False, False, False]
    value.mul_(2)
    torch.testing.assert_close(z, before, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("z", [1.0, [1.0], np.ones(2), torch.tensor([1, 2]), None])
def test_what_is_no_floating_tensor_is_refused(z):
    for function in (activations.get("gelu"), activations.get("gelu").derivative):
        with pytest.raises(TypeError, match="gelu takes a tensor of floating-point numbers"):
            function(z)


def test_get_hands_an_activation_back_and_names_the_known_ones():
    steep = activations.get("sigmoid").steeper(4)
    assert activations.get(steep) is steep
    with pytest.raises(ValueError, match="unknown activation 'relo'; known are: sigmoid, tanh, relu,"):
        activations.get("relo")


def test_register_and_unregister(registry):
    entry = activations.register(cube())
    assert activations.get("cube") is entry and activations.names()[-1] == "cube"
    activations.unregister("cube")
    assert activations.names() == NAMES
    with pytest.raises(ValueError, match="unknown activation 'cube'; known are: sigmoid"):
        activations.unregister("cube")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "relu"}, "'relu' is registered already"),
        ({"colour": "#de8f05", "dash": "-", "marker": "s"}, "'cube' would look like 'sigmoid'"),
        ({"slope": lambda z: 3 * z}, "is not the derivative of its value"),
        ({"slope": lambda z: -3 * z**2}, "is not the derivative of its value"),
        ({"slope": lambda z: 3.01 * z**2}, "at z = .-2.3, -0.7, 0.4, 1.1, 2.3. the slope gives .15.9"),
        ({"slope": lambda z: 3 * z**2 + 0.01}, "central differences give .15.87, 1.47, 0.48, 3.63, 15.87"),
        (
            {"slope": lambda z: 3 * z**2 + 0.123456789},
            "the slope gives .15.99346, 1.59346, 0.60346, 3.75346, 15.99346.,",
        ),
        ({"slope": lambda z: torch.where(z.abs() < 1, 0, 3 * z**2)}, "is not the derivative of its value"),
        ({"slope": lambda z: torch.where(z.abs() > 2, 0, 3 * z**2)}, "is not the derivative of its value"),
        ({"slope": lambda z: z * math.nan}, "is not the derivative of its value"),
        ({"slope": lambda z: (3 * z**2)[:1]}, "slope of 'cube' must keep shape and dtype"),
        ({"value": lambda z: (z**3).sum()}, "value of 'cube' must keep shape and dtype"),
        ({"value": lambda z: (z**3).float()}, "value of 'cube' must keep shape and dtype"),
    ],
)
def test_register_refuses(registry, changes, message):
    with pytest.raises(ValueError, match=message):
        activations.register(cube(**changes))
    assert activations.names() == NAMES


def test_a_slope_right_to_six_digits_is_taken(registry):
    activations.register(cube(slope=lambda z: 3 * z**2 * (1 + 1e-6) + 1e-6))


@pytest.mark.parametrize("same", ["colour", "dash", "marker"])
def test_a_look_that_differs_in_one_thing_is_taken(registry, same):
    worn = {k: getattr(activations.get("sigmoid"), k) for k in ("colour", "dash", "marker") if k != same}
    activations.register(cube(**worn))
    assert activations.names() == [*NAMES, "cube"]


RELATIVES = [
    *[activations.leaky(slope) for slope in (0, 0.3, 1)],
    *[activations.shifted(beta) for beta in (-0.4, 0.0, 1.3)],
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "entry", [*activations.registered(), *RELATIVES, *[e.steeper(3.0) for e in activations.registered()]],
    ids=lambda entry: entry.name,
)  # fmt: skip
def test_slopes_at_and_beside_kinks_are_autograds(entry, dtype):
    """Alone, and in a long row, which torch computes by another path."""
    kinks = torch.tensor([*entry.kinks, 0.0, -0.0], dtype=dtype)
    beside = [torch.nextafter(kinks, torch.full_like(kinks, end)) for end in (-math.inf, math.inf)]
    near = torch.cat([kinks, *beside, kinks - 1e-6, kinks + 1e-6, kinks - 0.7, kinks + 0.7])
    tight = dict.fromkeys(("rtol", "atol"), 4 * torch.finfo(dtype).eps)
    for z in (near, near.repeat(40)):
        torch.testing.assert_close(entry.derivative(z), autograd(entry, z), **tight)
    for z in near:
        torch.testing.assert_close(entry.derivative(z), autograd(entry, z), **tight)


@pytest.mark.parametrize(
    ("entry", "slope"),
    [("relu", 0.0), ("leaky_relu", 0.01), ("elu", 1.0), (activations.leaky(0.25), 0.25), (activations.shifted(0.0), 0.0)],
)  # fmt: skip
def test_the_slope_at_a_kink(entry, slope):
    for zero in (torch.zeros(3), -torch.zeros(3)):
        assert activations.get(entry).derivative(zero).tolist() == torch.full((3,), slope).tolist()


def test_no_piece_is_cut_by_a_clamp():
    """What torch's clamp passes back at its bound has changed between versions, and no documentation names it."""
    source = inspect.getsource(activations)
    assert not re.search(r"\.(clamp|clip|hardtanh|maximum|minimum|fmax|fmin|max|min|relu6)\w*\(", source)


class TestRelatives:
    """Leaky and shifted ReLUs."""

    def test_say_what_they_are(self):
        up, down, half = activations.shifted(1.3), activations.shifted(-0.4), activations.leaky(0.25)
        assert (up.name, up.label, up.kinks) == ("relu(z+1.3)", "ReLU(z + 1.30)", (-1.3,))
        assert (down.name, down.label, down.kinks) == ("relu(z-0.4)", "ReLU(z − 0.40)", (0.4,))
        assert (up.formula, down.formula) == (r"\max(0, z +1.3)", r"\max(0, z -0.4)")
        assert r"z>-1.3" in up.slope_formula and r"z>0.4" in down.slope_formula
        assert activations.shifted(0.0).label == "ReLU(z + 0.00)"
        assert (half.name, half.label) == ("leaky_relu(0.25)", "leaky ReLU, leak 0.25")
        assert half.formula == r"\max(0.25 z, z)" and half.slope_formula.endswith(" 0.25")
        assert not {up.name, down.name, half.name} & set(activations.names())

    def test_values(self):
        z = torch.linspace(-2, 2, 9, dtype=torch.float64)
        assert torch.equal(activations.leaky(0.0)(z), torch.relu(z))
        assert torch.equal(activations.leaky(1)(z), z)
        assert torch.equal(activations.leaky(0.3)(z), torch.where(z > 0, z, 0.3 * z))
        assert torch.equal(
            activations.leaky(0.3).derivative(z), torch.where(z > 0, 1, torch.full_like(z, 0.3))
        )
        assert torch.equal(activations.shifted(0.5)(z), torch.relu(z + 0.5))

    @pytest.mark.parametrize("entry", RELATIVES, ids=lambda entry: entry.name)
    def test_keep_nan_dtype_and_a_lone_number(self, entry):
        for dtype in (torch.float32, torch.float64):
            z = torch.tensor(math.nan, dtype=dtype)
            for found in (entry(z), entry.derivative(z)):
                assert found.isnan() and found.dtype == dtype and found.shape == ()

    @pytest.mark.parametrize("bad", ["1", True, math.nan, math.inf, None])
    def test_refuse_what_is_no_number(self, bad):
        for make in (activations.shifted, activations.leaky):
            with pytest.raises(ValueError, match=f"must be a finite number.*, got {bad!r}"):
                make(bad)

    @pytest.mark.parametrize("bad", [-0.1, 1.1])
    def test_a_leak_lies_between_0_and_1(self, bad):
        with pytest.raises(
            ValueError, match=f"the slope below zero must be a finite number from 0 and up to 1, got {bad}"
        ):
            activations.leaky(bad)


def test_formula_table_has_a_line_for_each():
    head, rule, *rows = activations.formula_table().split("\n")
    assert head == "| activation | value $h$ | slope $dh/dz$ | slope at most |"
    assert rule == "| --- | --- | --- | --- |"
    labels = [entry.label for entry in activations.registered()]
    assert [row.split(" | ")[0] for row in rows] == [f"| {label}" for label in labels]
    # The others are called by their own names.
    known = {"relu": "ReLU", "leaky_relu": "leaky ReLU", "elu": "ELU", "gelu": "GELU", "silu": "SiLU"}
    names = ["sigmoid", "tanh", *known, "softplus", "identity"]
    assert [activations.get(name).label for name in names] == [known.get(name, name) for name in names]
    assert rows[0] == r"| sigmoid | $\frac{1}{1+e^{-z}}$ | $\sigma(z)\,(1-\sigma(z))$ | 0.25 |"
    assert "| identity | $z$ | $1$ | 1 |" in rows
    bounds = {row.split(" | ")[0]: row.split(" | ")[-1] for row in rows}
    assert [bounds[f"| {label}"] for label in ("softplus", "GELU", "SiLU")] == ["1 |", "1.129 |", "1.1 |"]


def test_an_activation_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        activations.get("relu").slope_bound = 2.0


def test_no_two_look_alike():
    entries = list(activations.registered())
    assert len({(a.colour, a.dash, a.marker) for a in entries}) == len(entries)
    assert len({a.colour for a in entries}) == len({a.marker for a in entries}) == len(entries)
    assert len({(a.dash, a.marker) for a in entries}) == len(entries)  # apart in grey, too


def test_matplotlib_knows_every_look_and_formula():
    from matplotlib import colors, markers, mathtext

    parser = mathtext.MathTextParser("path")
    for activation in activations.registered():
        assert colors.is_color_like(activation.colour)
        markers.MarkerStyle(activation.marker)
        parser.parse(f"${activation.formula}$")
        parser.parse(f"${activation.slope_formula}$")

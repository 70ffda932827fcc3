"""Activations: one registry, from which every notebook takes formula, derivative and dress.

An activation is an object that one can call::

    sigmoid = activations.get("sigmoid")
    sigmoid(z)              # value, any shape
    sigmoid.derivative(z)   # closed form, same shape
    sigmoid.steeper(4)      # sigma(4z)

Relatives that are no entries of their own: :func:`leaky`, :func:`shifted`, ``steeper``.
Its colour, dash and marker are the ones it wears in every figure of the course. A reader adds an activation
with :func:`register`; every later figure that draws the whole registry includes it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from course_utils import checks

__all__ = [
    "Activation", "formula_table", "get", "leaky", "names", "register", "registered", "shifted", "unregister",
]  # fmt: skip

Dash = str | tuple[int, tuple[float, ...]]

LEAK = 0.01  # slope of leaky ReLU below zero: Maas, Hannun & Ng, ICML 2013 workshop; PyTorch's default
GELU_SLOPE_BOUND = 0.5 * math.erfc(-1.0) + math.exp(-1.0) / math.sqrt(
    math.pi
)  # slope at z = sqrt(2), where z^2 = 2
SILU_SLOPE_BOUND = 1.0998393201288669  # slope at z = 2.3993572805, the root of 2 + z (1 - 2 sigma(z)) = 0


@dataclass(frozen=True)
class Activation:
    """One activation function, with its closed-form derivative and the way the course draws it.

    Attributes:
        name: key in the registry, e.g. ``"leaky_relu"``.
        label: what a figure's legend says, e.g. ``"leaky ReLU"``.
        value: element-wise function, tensor of any shape to tensor of the same shape, differentiable by
            autograd.
        slope: element-wise closed-form derivative, same shapes.
        formula: LaTeX of the value as a function of z, without dollar signs.
        slope_formula: LaTeX of the derivative.
        slope_bound: least upper bound of abs(derivative); dimensionless.
        colour, dash, marker: matplotlib's names; together they stay apart in grey.
        kinks: the z at which the value is not smooth; quadrature must be split there.
    """

    name: str
    label: str
    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    formula: str
    slope_formula: str
    slope_bound: float
    colour: str
    dash: Dash
    marker: str
    kinks: tuple[float, ...] = ()

    def __call__(self, z: Tensor) -> Tensor:
        """Value h = phi(z), element by element; shape and dtype as z. TypeError: z is no float tensor."""
        return self.value(_floating(z, self.name))

    def derivative(self, z: Tensor) -> Tensor:
        """Closed-form phi'(z), element by element; shape and dtype as z. TypeError: z is no float tensor.

        At a kink it returns what autograd returns there: 0 for ReLU, the leak for leaky ReLU. PyTorch promises this
        (notes on autograd, "Gradients for non-differentiable functions"): of a convex function's possible slopes, the
        one of least size. Where a value is pieced together, autograd is shown one smooth branch for each z.
        """
        return self.slope(_floating(z, self.name))

    def steeper(self, k: float) -> "Activation":
        """The activation z -> phi(k z), with slope k phi'(k z). Needs a finite k > 0, else ValueError.

        For the logistic this is the "slope k" of the thread (C28, C29); the bound of the slope becomes k
        times as large.
        """
        checks.number("the slope k", k, above=0)
        value, slope = self.value, self.slope
        return replace(
            self,
            name=f"{self.name}(x{k:.3g})",
            label=f"{self.label}({k:.3g}z)",
            value=lambda z: value(k * z),
            slope=lambda z: k * slope(k * z),
            formula=rf"\phi({k:g}z),\ \phi(z)={self.formula}",
            slope_formula=rf"{k:g}\,\phi'({k:g}z),\ \phi'(z)={self.slope_formula}",
            slope_bound=k * self.slope_bound,
            kinks=tuple(kink / k for kink in self.kinks),
        )


def _floating(z: Tensor, name: str) -> Tensor:
    if not isinstance(z, Tensor) or not z.is_floating_point():
        kind = f"{z.dtype} tensor" if isinstance(z, Tensor) else type(z).__name__
        raise TypeError(
            f"{name} takes a tensor of floating-point numbers, got a {kind}; try torch.tensor(..., dtype=...)"
        )
    return z


# Values and derivatives that keep their relative accuracy in the tails, where the textbook forms round to 0.


def _sigmoid_slope(z: Tensor) -> Tensor:
    return torch.sigmoid(z) * torch.sigmoid(-z)  # = s (1 - s), without the rounding of 1 - s


def _tanh_slope(z: Tensor) -> Tensor:
    return 4 * _sigmoid_slope(2 * z)  # = 1 - tanh^2, as tanh z = 2 sigma(2z) - 1


def _relu_slope(z: Tensor) -> Tensor:
    return torch.where(z.isnan(), z, (z > 0).to(z.dtype))


def _leaky_slope(z: Tensor, leak: float) -> Tensor:
    one = torch.ones_like(z)
    return torch.where(z.isnan(), z, torch.where(z > 0, one, leak * one))


def _elu(z: Tensor) -> Tensor:
    return torch.where(z > 0, z, torch.expm1(_not_above_zero(z)))


def _elu_slope(z: Tensor) -> Tensor:
    return torch.exp(_not_above_zero(z))


def _not_above_zero(z: Tensor) -> Tensor:
    """z, and 0 where it is above; unlike that of a clamp, its slope at 0 is no convention, but the one of z."""
    return z.masked_fill(z > 0, 0.0)


def _normal_cdf(z: Tensor) -> Tensor:
    return 0.5 * torch.erfc(z * -math.sqrt(0.5))  # erfc, not 1 + erf: keeps its digits for z << 0


def _gelu(z: Tensor) -> Tensor:
    return z * _normal_cdf(z)


def _gelu_slope(z: Tensor) -> Tensor:
    return _normal_cdf(z) + z * torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


def _softplus(z: Tensor) -> Tensor:
    return torch.nn.functional.softplus(z, threshold=40)  # z itself above 40, where e^-z is below 5e-18


def _silu_slope(z: Tensor) -> Tensor:
    return torch.sigmoid(z) * (1 + z * torch.sigmoid(-z))


_REGISTRY: dict[str, Activation] = {}


def register(activation: Activation) -> Activation:
    """Add an activation, so that :func:`get` finds it and every figure of the whole registry includes it.

    Its ``value`` and ``slope`` are tried on five numbers first. Returns the activation.

    Raises:
        ValueError: the name is taken, the colour/dash/marker are those of another entry, or value and slope
            do not keep shape and dtype or do not fit each other (central difference at z = -2.3 ... 2.3,
            within 1e-5).
    """
    if activation.name in _REGISTRY:
        raise ValueError(
            f"an activation named {activation.name!r} is registered already; choose another name"
        )
    for other in _REGISTRY.values():
        if (other.colour, other.dash, other.marker) == (
            activation.colour,
            activation.dash,
            activation.marker,
        ):
            raise ValueError(
                f"{activation.name!r} would look like {other.name!r} in every figure; "
                "change colour, dash or marker"
            )
    z = torch.tensor([-2.3, -0.7, 0.4, 1.1, 2.3], dtype=torch.float64, device="cpu")
    step = 1e-5
    above, below, slope = activation(z + step), activation(z - step), activation.derivative(z)
    for part, result in (("value", above), ("slope", slope)):
        if result.shape != z.shape or result.dtype != z.dtype:
            raise ValueError(
                f"the {part} of {activation.name!r} must keep shape and dtype, {list(z.shape)} of {z.dtype}; "
                f"it gives {list(result.shape)} of {result.dtype}"
            )
    difference = (above - below) / (2 * step)
    if not torch.allclose(slope, difference, rtol=1e-5, atol=1e-5):
        raise ValueError(
            f"the slope of {activation.name!r} is not the derivative of its value: at z = {z.tolist()} "
            f"the slope gives {[round(s, 5) for s in slope.tolist()]}, "
            f"central differences give {[round(d, 5) for d in difference.tolist()]}"
        )
    _REGISTRY[activation.name] = activation
    return activation


def unregister(name: str) -> None:
    """Take the activation of that name out again; ValueError, with the known names, when it is not there."""
    del _REGISTRY[get(name).name]


def get(name: str | Activation) -> Activation:
    """The activation of that name; an :class:`Activation` is handed back as it is.

    Known at the start, among others: sigmoid (logistic), tanh, relu, leaky_relu (slope 0.01 below 0), elu (alpha 1),
    softplus, gelu (exact), silu, identity.

    Raises:
        ValueError: unknown name; the message lists the known ones.
    """
    return name if isinstance(name, Activation) else _REGISTRY[checks.among("activation", name, _REGISTRY)]


def names() -> list[str]:
    """The names of all registered activations, in the order of registration."""
    return list(_REGISTRY)


def registered() -> Iterator[Activation]:
    """All registered activations, in the order of registration."""
    return iter(list(_REGISTRY.values()))


def formula_table() -> str:
    """The registry as a Markdown table: name, value, slope, least upper bound of the slope."""
    rows = ["| activation | value $h$ | slope $dh/dz$ | slope at most |", "| --- | --- | --- | --- |"]
    rows += [
        f"| {e.label} | ${e.formula}$ | ${e.slope_formula}$ | {e.slope_bound:.4g} |" for e in registered()
    ]
    return "\n".join(rows)


def leaky(slope: float) -> Activation:
    """Leaky ReLU with another slope below 0, its leak: ReLU at 0, a straight line at 1. Not registered.

    ValueError unless 0 <= slope <= 1.
    """
    checks.number("the slope below zero", slope, 0, 1)
    return replace(
        get("leaky_relu"),
        name=f"leaky_relu({slope:.3g})",
        label=f"leaky ReLU, leak {slope:.3g}",
        value=lambda z: torch.nn.functional.leaky_relu(z, slope),
        slope=lambda z: _leaky_slope(z, slope),
        formula=rf"\max({slope:g} z, z)",
        slope_formula=rf"1\ \text{{if}}\ z>0,\ \text{{else}}\ {slope:g}",
    )


def shifted(beta: float) -> Activation:
    """z -> ReLU(z + beta): what ReLU after batch norm is when batch norm's shift starts at ``beta``. Not registered.

    ValueError unless beta is a finite number.
    """
    checks.number("the shift beta", beta)
    relu = get("relu")
    return replace(
        relu,
        name=f"relu(z{beta:+.3g})",
        label=f"ReLU(z {'+' if beta >= 0 else '−'} {abs(beta):.2f})",
        value=lambda z: relu.value(z + beta),
        slope=lambda z: relu.slope(z + beta),
        formula=rf"\max(0, z {beta:+g})",
        slope_formula=rf"1\ \text{{if}}\ z>{-beta:g},\ \text{{else}}\ 0",
        kinks=(-beta,),
    )


# The colours are those of seaborn's "colorblind" palette, in an order that also differs in lightness.
# Formulas: Hochreiter's ELU: Clevert, Unterthiner & Hochreiter, ICLR 2016, arXiv:1511.07289. GELU and SiLU:
# Hendrycks & Gimpel, arXiv:1606.08415. Leaky ReLU: Maas, Hannun & Ng, ICML 2013 workshop.
for _entry in (
    Activation(
        "sigmoid", "sigmoid", torch.sigmoid, _sigmoid_slope,
        r"\frac{1}{1+e^{-z}}", r"\sigma(z)\,(1-\sigma(z))", 0.25, "#de8f05", "-", "s",
    ),
    Activation(
        "tanh", "tanh", torch.tanh, _tanh_slope,
        r"\tanh z", r"1-\tanh^2 z", 1.0, "#029e73", (0, (5, 1.6)), "^",
    ),
    Activation(
        "relu", "ReLU", torch.relu, _relu_slope,
        r"\max(0, z)", r"1\ \text{if}\ z>0,\ \text{else}\ 0", 1.0, "#0173b2", "-", "o", (0.0,),
    ),
    Activation(
        "leaky_relu", "leaky ReLU",
        lambda z: torch.nn.functional.leaky_relu(z, LEAK), lambda z: _leaky_slope(z, LEAK),
        r"\max(0.01 z, z)", r"1\ \text{if}\ z>0,\ \text{else}\ 0.01", 1.0, "#56b4e9",
        (0, (6, 1.5, 1.2, 1.5)), "v", (0.0,),
    ),
    Activation(
        "elu", "ELU", _elu, _elu_slope,
        r"z\ \text{if}\ z>0,\ \text{else}\ e^z-1", r"1\ \text{if}\ z>0,\ \text{else}\ e^z", 1.0, "#d55e00",
        (0, (1.2, 1.2)), "D", (0.0,),
    ),
    Activation(
        "softplus", "softplus", _softplus, torch.sigmoid,
        r"\ln(1+e^z)", r"\sigma(z)", 1.0, "#ca9161", (0, (8, 2)), "P",
    ),
    Activation(
        "gelu", "GELU", _gelu, _gelu_slope,
        r"z\,\Phi(z)", r"\Phi(z)+z\,\Phi'(z)", GELU_SLOPE_BOUND, "#cc78bc",
        (0, (3, 1.2, 1, 1.2, 1, 1.2)), "X",
    ),
    Activation(
        "silu", "SiLU", torch.nn.functional.silu, _silu_slope,
        r"z\,\sigma(z)", r"\sigma(z)\,(1+z\,(1-\sigma(z)))", SILU_SLOPE_BOUND, "#7a4ea0", (0, (3, 1)), "*",
    ),
    Activation(
        "identity", "identity", lambda z: z.clone(), torch.ones_like,
        r"z", r"1", 1.0, "#6b6b6b", (0, (1, 2)), "h",
    ),
):  # fmt: skip
    register(_entry)
del _entry

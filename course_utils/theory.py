"""Theory: what a deep random network should do, computed before it is built.

All of it is mean-field theory of wide fully connected networks at init: the pre-activations of a layer are
Gaussian with mean 0 and variance q, and backward signals are independent of forward ones (Poole et al.,
NeurIPS 2016, arXiv:1606.05340; Schoenholz et al., ICLR 2017, arXiv:1611.01232). Room
:mod:`~course_utils.measure` measures the same things under the same names.

Units: a *gain* is standard deviation of the weights times sqrt(fan_in); a *factor* is of a norm (not of its
square), per layer, in the direction from the output toward the input. Below 1 gradients vanish, above 1 they
explode. An activation is a name of the registry or an :class:`~course_utils.activations.Activation`, so a
reader's own works too.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils import activations, checks
from course_utils.activations import Activation
from course_utils.networks import GAINS

_REAL: dict[str, Any] = {"dtype": torch.float64, "device": "cpu"}  # whatever torch's defaults are
_NODES, _WEIGHTS = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(16))
_REACH = 12.0  # standard deviations on each side; the Gaussian beyond weighs 4e-33
_TOLERANCE = 1e-11  # of a panel's share in an integral
_MAX_PANELS, _ROUNDS = 20_000, 50
_LOW, _HIGH = 1e-18, 1e16  # variances that stand for the limits 0 and infinity
_FLOOR, _CEILING = 1e-8, 1e12  # a variance that falls below or climbs above these is taken to go all the way
_MAX_GAIN = 1e4


class Moments(NamedTuple):
    """Averages over z ~ N(0, q): E[phi], E[phi^2], E[phi'^2] and E[phi'^4], in this order."""

    mean: float
    square: float
    slope_square: float
    slope_fourth: float

    @property
    def variance(self) -> float:
        """Var[phi] = E[phi^2] - E[phi]^2."""
        return self.square - self.mean**2


@dataclass(frozen=True)
class Profile:
    """Predicted profile over the hidden layers, first to last; float64, [depth] each.

    Attributes:
        dz: size of dL/dz, relative to the last hidden layer.
        dw: size of one example's dL/dW = dL/dz times h of the layer before, relative to the last hidden
            layer.
        z: root mean square of the pre-activations (1 in every layer with batch norm).
        h: root mean square of the activations.
    """

    dz: Tensor
    dw: Tensor
    z: Tensor
    h: Tensor

    def factor(self, quantity: str = "dz") -> float:
        """Factor per layer, toward the input, of dz, dw, z or h. See :func:`middle_factor`."""
        return float(middle_factor(getattr(self, quantity)))


class Merging(NamedTuple):
    """Two inputs' z by layer: ``distance`` over their root mean square, ``angle`` in degrees."""

    distance: Tensor
    angle: Tensor


def middle_factor(sizes: Tensor, skip: int | None = None) -> Tensor:
    """By what factor a size changes per layer, toward the input, in the middle of a network.

    A straight line is fitted to the logarithms of the middle layers, by least squares.

    Args:
        sizes: [depth] or [depth, N], above 0, first hidden layer first.
        skip: layers left out at each end; default depth // 5. At least two must remain.

    Returns:
        A scalar or [N], float64. NaN where a size in the middle is 0, NaN or infinite.

    Raises:
        ValueError: fewer than two layers remain.
    """
    leave = len(sizes) // 5 if skip is None else skip
    if leave < 0 or len(sizes) - 2 * leave < 2:
        raise ValueError(
            f"a factor needs two layers in the middle; {len(sizes)} less {leave} at each end are too few"
        )
    logs = sizes[leave : len(sizes) - leave].to(torch.float64).log()
    logs = torch.where(logs.isfinite(), logs, math.nan)
    steps = torch.arange(len(logs), dtype=logs.dtype, device=logs.device)
    steps -= steps.mean()
    return torch.exp(-torch.tensordot(steps, logs, dims=1) / (steps**2).sum())


def gaussian_mean(
    function: Callable[[Tensor], Tensor], variance: float = 1.0, kinks: Sequence[float] = ()
) -> float:
    """E[function(z)] for z ~ N(0, variance), by piecewise Gauss-Legendre quadrature, good to about 1e-9 relative.

    The line is split at the kinks, and any panel whose two halves do not add up to the whole is split again,
    so that a function with kinks that nobody declared comes out as well.

    Args:
        function: takes float64 tensors of any shape, returns the same shape; no singularity stronger than a
            jump.
        variance: finite, at least 0 (at 0: the function's value at 0). Default 1.
        kinks: where function is not smooth.

    Raises:
        ValueError: a variance below 0, NaN or infinite; a function that returns NaN.
    """
    checks.number("variance", variance, 0)
    if variance == 0:
        return float(function(torch.zeros(1, **_REAL)))
    return float(_integrate(lambda z: function(z).unsqueeze(0), variance, kinks)[0])


def moments(activation: str | Activation, variance: float = 1.0) -> Moments:
    """The moments of an activation under N(0, variance); at 0 their limit. Errors as :func:`gaussian_mean`, and an unknown name."""
    checks.number("variance", variance, 0)
    return _moments(activations.get(activation), max(float(variance), _LOW))


@lru_cache(maxsize=8192)
def _moments(entry: Activation, variance: float) -> Moments:
    def powers(z: Tensor) -> Tensor:
        value, slope = entry(z), entry.derivative(z) ** 2
        return torch.stack([value, value**2, slope, slope**2])

    try:
        return Moments(*_integrate(powers, variance, entry.kinks).tolist())
    except ValueError as error:
        raise ValueError(f"activation {entry.name!r}: {error}") from error


def fixed_variance(activation: str | Activation, gain: float | str, start: float | None = None) -> float:
    """The variance q at which a deep network's pre-activations settle: q = gain^2 E[phi(z)^2], z ~ N(0, q).

    The map is followed from ``start`` to the nearest q that it leaves alone: a number (logistic at any gain); 0.0, when
    the signal dies (tanh at gain 1, ReLU below sqrt 2); infinity, when it blows up (ReLU above sqrt 2); ``start``
    itself, when every q is a fixed point (ReLU at sqrt 2).

    Args:
        activation: name or entry.
        gain: a finite number from 0, or one of "he", "xavier", "pytorch" (sqrt(1/3); its biases are left out).
        start: variance in the first layer, above 0. Default gain^2: inputs of mean square 1, as the course's data.

    Raises:
        ValueError: unknown activation; a gain below 0, NaN or infinite; a start that is not above 0.
    """
    size = _gain(gain)
    if start is not None:
        checks.number("start", start, 0)
    q = size**2 if start is None else float(start)
    if start == 0:
        raise ValueError("start must be above 0: it is the variance in the first layer")
    return _settle(activations.get(activation), size, q) if size > 0 else 0.0


@lru_cache(maxsize=8192)
def _settle(entry: Activation, gain: float, start: float) -> float:
    def growth(q: float) -> float:
        return gain**2 * _moments(entry, q).square / q - 1

    first = growth(start)
    if abs(first) < 1e-10:
        return start
    near = start
    while _FLOOR < near < _CEILING:
        far = near * 2 if first > 0 else near / 2
        if growth(far) * first <= 0:
            return _root(lambda log_q: growth(math.exp(log_q)), math.log(near), math.log(far))
        near = far
    return math.inf if first > 0 else 0.0


def gradient_factor(activation: str | Activation, gain: float | str, start: float | None = None) -> float:
    """The factor of the norm of dL/dz from one layer to the one before it: gain * sqrt(E[phi'(z)^2]), z ~ N(0, q*).

    q* is :func:`fixed_variance`; where that is 0 or infinite, the factor is its limit there: ReLU gives gain / sqrt(2)
    at every gain, tanh its gain up to 1 (reached only slowly: :func:`profile` goes layer by layer), an activation
    whose slope has no bound and whose variance blows up gives infinity. The square is chi_1 of Schoenholz et al. (ICLR
    2017, arXiv:1611.01232). Arguments and errors as :func:`fixed_variance`.
    """
    size, entry = _gain(gain), activations.get(activation)
    if size == 0:
        return 0.0
    q = fixed_variance(entry, size, start)
    if q < math.inf:
        return size * math.sqrt(_moments(entry, max(q, _LOW)).slope_square)
    square = _moments(entry, _HIGH).slope_square
    grows = not math.isfinite(square) or square > 2 * _moments(entry, _HIGH / 100).slope_square
    return math.inf if grows else size * math.sqrt(square)


def critical_gain(activation: str | Activation) -> float:
    """The lowest gain from which gradients no longer vanish: where :func:`gradient_factor` comes to 1.

    Logistic 10.149, tanh 1, ReLU sqrt 2. For GELU and SiLU the factor does not pass through 1 but jumps over
    it, at the gain above which the activations blow up (with inputs of mean square 1): that gain is returned.
    Infinity when no gain up to 10^4 will do. ValueError for an unknown activation.
    """
    return _critical(activations.get(activation))


@lru_cache(maxsize=256)
def _critical(entry: Activation) -> float:
    low, high = 1e-3, 1.5e-3
    while gradient_factor(entry, high) < 1 - 1e-12:
        low, high = high, high * 1.5
        if high > _MAX_GAIN:
            return math.inf
    while high / low > 1 + 1e-9:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if gradient_factor(entry, middle) < 1 - 1e-12 else (low, middle)
    return high


def batch_norm_growth(activation: str | Activation) -> float:
    """The same factor with batch norm before every activation: sqrt(E[phi'^2] / Var[phi]), z ~ N(0, 1).

    For a large batch and any gain. At least 1, and 1 only for a linear activation. From theorem 7 of Yang et
    al., ICLR 2019, arXiv:1902.08129; for ReLU their theorem 8, sqrt(pi / (pi - 1)). In a batch of B examples
    the square is larger by about (B - 2) / (B - 3), exactly so for a linear network.

    Raises:
        ValueError: unknown activation, or one that is constant.
    """
    found = moments(activation)
    if found.variance <= 1e-12 * found.square:
        raise ValueError(f"{activations.get(activation).name!r} is constant: batch norm would divide by 0")
    return math.sqrt(found.slope_square / found.variance)


def layer_norm_growth(activation: str | Activation) -> float:
    """The same factor with layer norm before every activation: sqrt(E[phi'^2] / E[phi^2]), z ~ N(0, 1).

    For wide layers and any gain. Layer norm does not take away the mean that all examples share, so for the
    logistic this is 0.3909: gradients vanish. ValueError: unknown activation, or one that is 0 everywhere.
    """
    found = moments(activation)
    if found.square <= 0:
        raise ValueError(
            f"{activations.get(activation).name!r} is 0 everywhere: layer norm would divide by 0"
        )
    return math.sqrt(found.slope_square / found.square)


def born_dead(width: int, hidden_layers: int) -> float:
    """Probability that one input finds some layer of a ReLU network without biases all off: 1 - (1 - 2^-width)^layers.

    Exact for weights drawn symmetrically about 0, whatever their scale (Lu et al., Commun. Comput. Phys. 28,
    2020, arXiv:1903.06733). For many inputs it is an upper bound of the probability that the network is a
    constant. ValueError unless both are whole numbers of at least 1.
    """
    checks.whole("width", width)
    checks.whole("hidden_layers", hidden_layers)
    return -math.expm1(hidden_layers * math.log1p(-(0.5**width)))


def log_norm_variance(width: int, layers: int) -> float:
    """Variance over random networks of the natural log of abs(h_L)^2, for ReLU at He's init: 5 layers / width.

    First order in layers / width: one layer multiplies the squared norm by an average with mean 1 and
    variance 5 / width. The log is asymptotically Gaussian (Hanin & Nica, 2020, arXiv:1812.05994). ValueError
    unless both are whole numbers of at least 1.
    """
    checks.whole("width", width)
    checks.whole("layers", layers)
    return 5 * layers / width


def jacobian_spread(
    activation: str | Activation, variance: float, layers: int, orthogonal: bool = False
) -> float:
    """Variance of the squared singular values of a critical network's Jacobian, over their squared mean.

    layers * (m - 1 - s) with m = E[phi'^4] / E[phi'^2]^2 at z ~ N(0, variance), s = -1 for Gaussian weights
    and 0 for orthogonal ones. 0 is dynamical isometry: a Jacobian that stretches all directions alike. First
    order; from Pennington, Schoenholz & Ganguli, NeurIPS 2017, arXiv:1711.04735. Errors as :func:`moments`;
    layers at least 1.
    """
    checks.whole("layers", layers)
    found = moments(activation, variance)
    return layers * (found.slope_fourth / found.slope_square**2 - (1 if orthogonal else 0))


def profile(
    activation: str | Activation,
    gain: float | str,
    depth: int,
    norm: str = "none",
    start: float | None = None,
    bias_variance: float = 0.0,
) -> Profile:
    """What gradients and activations should look like layer by layer, without waiting for the fixed point.

    The recursion q -> gain^2 E[phi^2] + bias_variance, and backward a factor gain * sqrt(E[phi'^2]) at each
    layer's own q.

    Args:
        activation, gain, start: as :func:`fixed_variance`.
        depth: hidden layers, at least 1.
        norm: "none" or "batch"; with "batch" the gain has no effect.
        bias_variance: variance of the biases, at least 0. PyTorch's default has 1 / (3 fan_in). Default 0.

    Raises:
        ValueError: as :func:`fixed_variance`; depth below 1; another norm; a bias_variance below 0.
    """
    size, entry = _gain(gain), activations.get(activation)
    checks.whole("depth", depth)
    checks.number("bias_variance", bias_variance, 0)
    checks.among("normalisation", norm, ("none", "batch"))
    if start is not None:
        checks.number("start", start, 0)
    if norm == "batch":
        found, growth = moments(entry), batch_norm_growth(entry)
        square, slopes = [1.0] * depth, [growth] * depth
        h_square = [found.square] * depth
    else:
        square, h_square, slopes = [], [], []
        q = (size**2 if start is None else float(start)) + bias_variance
        for _ in range(depth):
            met = _moments(entry, min(max(q, 1e-200), 1e200))
            square.append(q)
            h_square.append(met.square)
            slopes.append(size * math.sqrt(met.slope_square))
            q = float(f"{size**2 * met.square + bias_variance:.13g}")  # so that a settled q is met again
    z, h = (torch.tensor(values, **_REAL).sqrt() for values in (square, h_square))
    # dL/dz of layer l is phi'(z_l) times W^T of what came back to it; layer l's own slope enters.
    back = torch.tensor([*slopes[:-1], 1.0], **_REAL).flip(0).cumprod(0).flip(0)
    before = torch.cat([torch.ones(1, **_REAL), h[:-1]])
    if norm == "batch":
        before[0] = before[-1]  # batch norm rescales the first layer's input to fit
    dw = back * before
    return Profile(back, dw / dw[-1], z, h)


def merging(
    activation: str | Activation,
    gain: float | str,
    depth: int,
    correlation: float = 0.0,
    start: float | None = None,
) -> Merging:
    """How far apart two inputs are, layer by layer: relative distance sqrt(2 (1 - c)) of their z and angle arccos(c).

    c is the correlation of the two inputs' pre-activations; it follows the recursion of Poole et al. (NeurIPS
    2016, arXiv:1606.05340), integrated over both Gaussians with the kinks cut out. Deep down the distance
    shrinks by the same factor per layer as the gradient (:func:`gradient_factor`), where that is below 1.

    Args:
        activation, gain, start: as :func:`fixed_variance`.
        depth: hidden layers, at least 1.
        correlation: of the two inputs in the first layer's z, from -1 to 1. Default 0: unrelated inputs.

    Raises:
        ValueError: as :func:`fixed_variance`; depth below 1; a correlation outside [-1, 1].
    """
    size, entry = _gain(gain), activations.get(activation)
    checks.whole("depth", depth)
    checks.number("correlation", correlation, -1, 1)
    if start is not None:
        checks.number("start", start, 0)
    q = size**2 if start is None else float(start)
    if q == 0:
        raise ValueError("two inputs have no distance when all z are 0; give a gain and a start above 0")
    gap = 2 * q * (1 - correlation)  # E[(z_1 - z_2)^2]: kept as such, so that it may become very small
    distance = []
    for _ in range(depth):
        distance.append(math.sqrt(gap / q))
        gap = size**2 * _pair_gap(entry, q, gap)
        q = size**2 * _moments(entry, max(q, _LOW)).square
    d = torch.tensor(distance, **_REAL)
    return Merging(d, torch.rad2deg(2 * torch.asin((d / 2).clamp(max=1.0))))


def _pair_gap(entry: Activation, q: float, gap: float) -> float:
    """E[(phi(u) - phi(v))^2] for Gaussian u, v of variance q each, with E[(u - v)^2] = gap.

    u = a + b and v = a - b with independent a, b; for every b the integral over a is split at each kink -+ b.
    """
    if gap == 0:
        return 0.0
    sd_b = math.sqrt(gap) / 2
    sd_a = math.sqrt(max(q - gap / 4, 1e-30 * q))
    edges_b = torch.linspace(0, _REACH - 3, 7, **_REAL)
    b, weight_b = _spread(edges_b[:-1], edges_b[1:])
    b, weight_b = b.flatten(), (weight_b * _density(b)).flatten() * 2  # even in b
    regular = torch.linspace(-_REACH + 3, _REACH - 3, 13, **_REAL)
    fine = torch.cat([regular, torch.tensor([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0], **_REAL) / sd_a])
    columns = [fine.clamp(-_REACH, _REACH).expand(len(b), -1)]
    for kink in entry.kinks:
        columns += [((kink + sign * sd_b * b) / sd_a).clamp(-_REACH, _REACH).unsqueeze(1) for sign in (-1, 1)]
    edges = torch.cat(columns, dim=1).sort(dim=1).values
    a, weight_a = _spread(edges[:, :-1], edges[:, 1:])
    shift = (sd_b * b).view(-1, 1, 1)
    difference = entry(sd_a * a + shift) - entry(sd_a * a - shift)
    inner = (difference**2 * weight_a * _density(a)).sum((1, 2))
    return float((inner * weight_b).sum())


def _integrate(function: Callable[[Tensor], Tensor], variance: float, kinks: Sequence[float]) -> Tensor:
    """Averages of k functions at once under N(0, variance): function maps [points] to [k, points]; float64 [k]."""
    sd = math.sqrt(variance)

    def panels(a: Tensor, b: Tensor) -> Tensor:
        x, weights = _spread(a, b)
        return (function((sd * x).flatten()).view(-1, *x.shape) * (weights * _density(x))).sum(-1)

    with torch.no_grad():
        edges = _edges(sd, kinks)
        a, b = edges[:-1], edges[1:]
        whole = panels(a, b)
        if bool(whole.isnan().any()):
            raise ValueError(
                f"the function returns NaN somewhere within {_REACH:g} standard deviations of {sd:g}"
            )
        scale = whole.abs().sum(1, keepdim=True)
        total = torch.zeros(len(whole), **_REAL)
        for _ in range(_ROUNDS):
            middle = (a + b) / 2
            left, right = panels(a, middle), panels(middle, b)
            split = ((left + right - whole).abs() > _TOLERANCE * scale).any(0)
            total += (left + right)[:, ~split].sum(1)
            a, b = torch.cat([a[split], middle[split]]), torch.cat([middle[split], b[split]])
            whole = torch.cat([left[:, split], right[:, split]], dim=1)
            if not len(a) or len(a) > _MAX_PANELS:
                break
        return total + whole.sum(1)


def _edges(sd: float, kinks: Sequence[float]) -> Tensor:
    """Where to split, in standard deviations: half-steps, a ladder down to where z is about 1, and the kinks."""
    points = torch.arange(-2 * _REACH, 2 * _REACH + 1, **_REAL) / 2
    rungs = 0.25 * 0.5 ** torch.arange(max(0, math.ceil(math.log2(max(sd, 1.0)))) + 1, **_REAL)
    inside = torch.tensor([kink / sd for kink in kinks if abs(kink / sd) < _REACH], **_REAL)
    return torch.cat([points, rungs, -rungs, inside]).sort().values


def _spread(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Gauss-Legendre points and weights on the panels [a, b]: [..., 16] each."""
    half = ((b - a) / 2).unsqueeze(-1)
    return (a + b).unsqueeze(-1) / 2 + half * _NODES, half * _WEIGHTS


def _density(x: Tensor) -> Tensor:
    return torch.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _root(function: Callable[[float], float], a: float, b: float) -> float:
    """exp of the root between a and b, where the function changes sign: the Illinois form of regula falsi."""
    fa, fb = function(a), function(b)
    for _ in range(100):
        if fb == 0 or abs(b - a) < 1e-13:
            break
        c = b - fb * (b - a) / (fb - fa)
        fc = function(c)
        if fc * fb < 0:
            a, fa = b, fb
        else:
            fa /= 2
        step, b, fb = abs(c - b), c, fc
        if step < 1e-13:
            break
    return math.exp(b)


def _gain(gain: float | str) -> float:
    if not isinstance(gain, str):
        return float(checks.number("gain", gain, 0))
    if gain not in GAINS:
        raise ValueError(f"unknown gain {gain!r}; give a number or one of: {', '.join(GAINS)}")
    return GAINS[gain]

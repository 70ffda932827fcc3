"""Saturation: where an activation's derivative is too small to use, or, in floating point, exactly zero.

A unit is *unusable* for an example when abs(phi'(z)) is below a threshold, 0.01 unless said otherwise.
Predictions are for Gaussian z, exact up to the digits of float64; measurements are on a layer's
pre-activations.
"""

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from course_utils import activations, checks, networks, theory
from course_utils.activations import Activation

_REAL: dict[str, Any] = {"dtype": torch.float64, "device": "cpu"}  # whatever torch's defaults are
THRESHOLD = 0.01
REACH, STEP = 800.0, 0.005  # how far out, and how finely, the edges of unusable intervals are looked for
Floats = float | Sequence[float] | npt.NDArray[np.float64] | Tensor


def unusable(activation: str | Activation, z: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """Where abs(phi'(z)) is below the threshold, strictly: bool, shape of z.

    Leaky ReLU's slope of 0.01 is not below 0.01. ValueError for an unknown activation or a threshold that is
    not a finite number above 0.
    """
    checks.number("threshold", threshold, above=0)
    return activations.get(activation).derivative(z).abs() < threshold


def unusable_intervals(
    activation: str | Activation, threshold: float = THRESHOLD
) -> list[tuple[float, float]]:
    """All intervals (low, high) of z on which abs(phi'(z)) is below the threshold, in rising order.

    Found by a search on a grid of 0.005 within +-40 (coarser out to +-800) and bisection in float64, so that
    an interval narrower than the grid may be missed. What is unusable at the far end of the search counts as
    unusable to infinity. For the sigmoid at 0.01: (-inf, -4.585) and (4.585, inf). A search is done once for
    each activation and threshold. Errors as :func:`unusable`.
    """
    checks.number("threshold", threshold, above=0)
    return list(_intervals(activations.get(activation), threshold))


@functools.lru_cache(maxsize=256)
def _intervals(entry: Activation, threshold: float) -> tuple[tuple[float, float], ...]:
    """The search itself."""

    def flat(z: Tensor) -> Tensor:
        return unusable(entry, z, threshold)

    near = torch.arange(-40.0, 40.0, STEP, **_REAL)
    far = torch.arange(40.0, REACH, 1.0, **_REAL)
    z = torch.cat([-far.flip(0) - STEP / 2, near + STEP / 2, far + STEP / 2])  # never on a kink at 0
    state = flat(z)
    edges = [
        _bisect(lambda m: bool(flat(m)), float(z[i]), float(z[i + 1]), torch.float64)[1]
        for i in (state[1:] != state[:-1]).nonzero().flatten().tolist()
    ]
    bounds = ([-math.inf] if state[0] else []) + edges + ([math.inf] if state[-1] else [])
    return tuple(zip(bounds[::2], bounds[1::2], strict=True))


def gaussian_share(
    activation: str | Activation, scale: Floats, mean: Floats = 0.0, threshold: float = THRESHOLD
) -> Tensor:
    """Predicted share of unusable units when z is Gaussian: P(abs(phi'(z)) < threshold), from 0 to 1.

    Args:
        activation: a name or an Activation.
        scale: standard deviation of z, above 0; a number or any shape.
        mean: mean of z; default 0; must broadcast with ``scale``.
        threshold: derivative below which a unit counts as unusable; default 0.01.

    Returns:
        float64 tensor of the broadcast shape: the sum over :func:`unusable_intervals` of
        Phi((high - mean) / scale) - Phi((low - mean) / scale), with Phi the standard normal distribution
        function. Small shares keep their relative accuracy: each tail is computed by erfc, from its own side.

    Raises:
        ValueError: a scale that is not finite and above 0, a mean that is not finite, or as :func:`unusable`.
    """
    s, m = _numbers(scale), _numbers(mean)
    if not bool((torch.isfinite(s) & (s > 0)).all()):
        raise ValueError(f"scale must be finite and above 0, got {scale!r}")
    if not bool(torch.isfinite(m).all()):
        raise ValueError(f"mean must be finite, got {mean!r}")
    share = torch.zeros_like(s + m)
    for low, high in unusable_intervals(activation, threshold):
        share = share + _between((low - m) / s, (high - m) / s)
    return share


def image_scales(images: Tensor) -> Tensor:
    """Root mean square of each example's features: float64 [examples]. ValueError unless images are 2-d."""
    _check_images(images)
    return images.double().square().mean(1).sqrt()


def mixture_share(
    activation: str | Activation, images: Tensor, gain: float = 1.0, threshold: float = THRESHOLD
) -> float:
    """Predicted share of unusable units in a first layer: one Gaussian per image, not one for all.

    Over the draw of weights from N(0, gain^2 / features) with zero biases, an image's z are exactly Gaussian
    with mean 0 and standard deviation gain times :func:`image_scales`; the share is the mean over the images.

    Args:
        images: [examples, features]. gain: above 0; default 1. threshold: as in :func:`unusable`.

    Raises:
        ValueError: as :func:`gaussian_share`, :func:`image_scales`; an image of zeros has no Gaussian.
    """
    return float(gaussian_share(activation, gain * image_scales(images), 0.0, threshold).mean())


def mixture_density(points: Tensor, images: Tensor, gain: float = 1.0) -> Tensor:
    """Predicted density of z in a first layer: the mean over images of :func:`mixture_share`'s Gaussians.

    points: z, [points]. images: [examples, features]. gain: above 0; default 1. Returns float64 [points], per
    unit of z. ValueError for a gain that is not finite and above 0, or an image of zeros.
    """
    scale = gain * image_scales(images)
    if not bool((torch.isfinite(scale) & (scale > 0)).all()):
        raise ValueError(f"gain must be finite and above 0, and no image all zeros; got gain {gain!r}")
    exponent = -0.5 * (points.double()[:, None] / scale) ** 2
    return (torch.exp(exponent) / (scale * math.sqrt(2 * math.pi))).mean(1)


def observed_density(z: Tensor, reach: float = 6.0, bins: int = 48) -> tuple[Tensor, Tensor]:
    """Histogram of z, one for each seed, as a density.

    z: [seeds, ...]. reach: bins cover -reach to reach; default 6. bins: how many; default 48. Returns
    centres [bins] and density [seeds, bins], float64, per unit of z. ValueError for a reach or a number of
    bins that is not above 0.
    """
    checks.number("reach", reach, above=0)
    checks.whole("bins", bins)
    width = 2 * reach / bins
    counts = torch.stack([torch.histc(row.float(), bins, -reach, reach) for row in z.flatten(1)]).double()
    return torch.arange(bins, **_REAL) * width - reach + width / 2, counts / z[0].numel() / width


def layer(
    images: Tensor, seeds: Iterable[int], gain: float | str = 1.0, bias: float = 0.0, width: int = 256
) -> Tensor:
    """Pre-activations z of one hidden layer, drawn once per seed: [seeds, examples, width], float32.

    Args:
        images: [examples, features], float32.
        seeds: one layer each, at least one.
        gain: weights are N(0, gain^2 / features); a number, or a name :class:`networks.Design` knows.
            Default 1.
        bias: value of all biases; default 0; the mean of z over draws.
        width: units; default 256.

    Raises:
        ValueError: as :class:`networks.Design` and :class:`networks.Networks`, which name the bad value.
    """
    _check_images(images)
    designs = [networks.Design("identity", seed=seed, gain=gain, bias=bias) for seed in seeds]
    with torch.no_grad():
        stack = networks.Networks(designs, inputs=images.shape[1], depth=1, width=width, outputs=1)
        return stack.trace(images).z[0]


def layer_shares(
    images: Tensor,
    names: Sequence[str | Activation],
    seeds: Sequence[int],
    gains: Sequence[float] = (1.0,),
    biases: Sequence[float] = (0.0,),
    width: int = 256,
    threshold: float = THRESHOLD,
) -> pd.DataFrame:
    """Measured share of unusable units of one hidden layer on real images.

    Args and errors as :func:`layer`, for every combination; ``names`` are activations, or their names.

    Returns:
        A table, one row for each activation, gain, bias and seed, with these as columns, and scale (standard
        deviation of that layer's z over images and units), mean (of the same), share (of all pairs of image
        and unit) and square (mean of phi'^2 over them).
    """
    checks.number("threshold", threshold, above=0)
    entries = [activations.get(name) for name in names]
    rows = []
    for gain in gains:
        for bias in biases:
            for seed, z in zip(seeds, layer(images, seeds, gain, bias, width), strict=True):
                spread = {"scale": float(z.std()), "mean": float(z.mean())}
                for entry in entries:
                    slope = entry.derivative(z)
                    share = float((slope.abs() < threshold).float().mean())
                    found = {**spread, "share": share, "square": float(slope.square().mean())}
                    rows.append({"activation": entry.name, "gain": gain, "bias": bias, "seed": seed, **found})
    columns = ["activation", "gain", "bias", "seed", "scale", "mean", "share", "square"]
    return pd.DataFrame(rows, columns=columns)


def mean_square_slope(activation: str | Activation, scale: float) -> float:
    """Predicted mean of phi'(z)^2 for z Gaussian with mean 0 and standard deviation ``scale`` (above 0).

    It is the factor that an activation contributes to the squared gradient: Poole et al., NeurIPS 2016,
    arXiv:1606.05340; theory.moments has it at a variance. ValueError for a bad scale.
    """
    return theory.moments(activation, checks.number("scale", scale, above=0) ** 2).slope_square


def autograd_derivative(activation: str | Activation, z: Tensor) -> Tensor:
    """phi'(z) as PyTorch's autograd computes it, element by element; shape and dtype as z, left untouched."""
    leaf = z.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(activations.get(activation)(leaf).sum(), leaf)
    return slope


def zero_from(
    activation: str | Activation,
    side: int = 1,
    dtype: torch.dtype = torch.float32,
    derivative: Callable[[Tensor], Tensor] | None = None,
    reach: float = 2000.0,
) -> float:
    """The z nearest to 0, on one side of it, from which the computed derivative is exactly 0, by bisection.

    Args:
        activation: a name or an Activation, smooth on that side.
        side: +1 for z above 0 (default), -1 for z below.
        dtype: precision in which the derivative is computed; default torch.float32.
        derivative: the computation to try, tensor to tensor; default: :func:`autograd_derivative`.
        reach: how far out to look; default 2000.

    Returns:
        z itself, negative when side is -1. The bisection ends on two neighbouring floating-point numbers. It
        takes for granted that a derivative that is 0 stays 0 further out.

    Raises:
        ValueError: another side or dtype; a derivative that is not 0 at ``reach``, or is 0 already near 0.
    """
    checks.among("side", side, (1, -1))
    checks.among("dtype", dtype, (torch.float32, torch.float64))
    checks.number("reach", reach, above=1)
    entry = activations.get(activation)
    slope = derivative or (lambda z: autograd_derivative(entry, z))

    def is_zero(distance: Tensor) -> bool:
        return bool(slope(side * distance) == 0)

    near, far = (torch.tensor([z], dtype=dtype, device="cpu") for z in (1e-3, reach))
    if is_zero(near) or not is_zero(far):
        place = "0 at once" if is_zero(near) else f"not 0 at z = {side * reach:g}"
        raise ValueError(f"the derivative of {entry.label} is {place}: there is no first zero to find")
    return side * _bisect(is_zero, 1e-3, reach, dtype)[1]


def _bisect(
    holds: Callable[[Tensor], bool], low: float, high: float, dtype: torch.dtype
) -> tuple[float, float]:
    """The two neighbouring numbers of that precision between which ``holds`` changes."""
    a, b = (torch.tensor([z], dtype=dtype, device="cpu") for z in (low, high))
    at_low = holds(a)
    while True:
        middle = (a + b) / 2
        if bool((middle == a) | (middle == b)) or float(b - a) < 1e-300:
            return float(a), float(b)
        if holds(middle) == at_low:
            a = middle
        else:
            b = middle


def _between(low: Tensor, high: Tensor) -> Tensor:
    """P(low < x < high) for a standard normal x, without subtracting two numbers near 1."""

    def below(x: Tensor) -> Tensor:
        tail: Tensor = torch.special.erfc(-x / math.sqrt(2))
        return 0.5 * tail

    return torch.where(low > 0, below(-low) - below(-high), below(high) - below(low))


def _numbers(value: Floats) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().to("cpu", torch.float64)
    return torch.as_tensor(np.asarray(value, dtype=np.float64), device="cpu")


def _check_images(images: Tensor) -> None:
    if images.ndim != 2 or not len(images):
        raise ValueError(f"images must have shape [examples, features], got {list(images.shape)}")

"""Measure: what a deep random network does at init, over many networks and seeds at once.

The names are those of room :mod:`~course_utils.theory`, so that a figure lays a measurement on its
prediction. N is the number of networks, depth their hidden layers, B the number of examples; per-layer
results are [depth, N], first hidden layer first. The loss is the cross-entropy, summed over the examples, so
that dL/dz holds each example's own gradient. Norms are taken in float64 whatever the network's precision.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from course_utils import activations, checks, machine
from course_utils.activations import Activation
from course_utils.networks import Design, Networks
from course_utils.theory import Merging, middle_factor

# 1.18e-38: below it float32 loses digits, and from 7e-46 downward it has only 0.
SMALLEST_NORMAL = torch.finfo(torch.float32).tiny
_REAL: dict[str, Any] = {"dtype": torch.float64, "device": "cpu"}  # whatever torch's defaults are
_WEIGHTS_AT_ONCE = 2**23  # of a chunk of networks: 64 MB in float64
_THREADS = 1  # the products are small: a second thread mostly waits, and on a busy machine long


@dataclass(frozen=True)
class Profile:
    """Measured profile over the hidden layers; float64, [depth, N] each, in absolute size.

    Attributes:
        dz: root mean square of dL/dz over examples and units (after batch norm, where there is one).
        dw: Frobenius norm of dL/dW for the whole batch, W the weights into the layer.
        z: root mean square of the pre-activations over examples and units.
        h: root mean square of the activations.
    """

    dz: Tensor
    dw: Tensor
    z: Tensor
    h: Tensor

    @property
    def underflow(self) -> Tensor:
        """Where dL/dz is too small for float32: below 1.18e-38, its smallest normal number. [depth, N], bool.

        A profile taken in float64 shows such gradients; the same network in float32 would lose them.
        """
        return self.dz < SMALLEST_NORMAL

    @property
    def overflow(self) -> Tensor:
        """Where z, h or a gradient is infinite or NaN, [depth, N] bool."""
        return ~torch.stack([getattr(self, field.name) for field in fields(self)]).isfinite().all(0)

    def factor(self, quantity: str = "dz", skip: int | None = None) -> Tensor:
        """Factor per layer, toward the input, of dz, dw, z or h: [N]. See theory.middle_factor."""
        return middle_factor(getattr(self, quantity), skip)

    def relative(self, quantity: str = "dz") -> Tensor:
        """That quantity over its value in the last hidden layer, [depth, N]."""
        values: Tensor = getattr(self, quantity)
        return values / values[-1]


def profile(
    designs: Sequence[Design],
    x: Tensor,
    labels: Tensor,
    depth: int,
    width: int,
    outputs: int = 10,
    dtype: torch.dtype = torch.float64,
) -> Profile:
    """Gradients and activations of every layer, at init: one forward and one backward pass for all networks.

    Batch norm, where a design has it, uses this batch's mean and variance.

    Args:
        designs: one per network. They are computed some at a time, so that memory stays below about 500 MB.
        x: [B, inputs], finite; the same examples for all networks.
        labels: [B], whole numbers 0 ... outputs-1.
        depth, width, outputs: the shape, as in networks.Networks.
        dtype: precision of the networks; default torch.float64, in which gradients down to 1e-308 survive.

    Raises:
        ValueError: as networks.Networks and Networks.trace; labels that do not fit.
    """
    _check_labels(x, labels, outputs)
    parts = []
    with machine.threads(_THREADS):
        for chunk in _chunks(designs, x.shape[-1], depth, width):
            networks = Networks(chunk, x.shape[-1], depth, width, outputs, dtype)
            parts.append(_profile(networks, x.to(dtype), labels))
    return Profile(
        *(torch.cat([getattr(part, field.name) for part in parts], dim=1) for field in fields(Profile))
    )


def now(networks: Networks, x: Tensor, labels: Tensor) -> Profile:
    """The same of networks as they stand, e.g. in the middle of their training, which goes on as if nobody had looked.

    Batch norm, where a network has it, uses this batch's mean and variance; the running ones stay. Sizes of a network
    that diverged are NaN or infinite. Arguments and errors as :func:`profile`.
    """
    _check_labels(x, labels, networks.outputs)
    running = networks.running_mean.clone(), networks.running_var.clone()
    with machine.threads(_THREADS):
        found = _profile(networks, x, labels)
    for kept, before in zip((networks.running_mean, networks.running_var), running, strict=True):
        kept.copy_(before)
    return found


def _check_labels(x: Tensor, labels: Tensor, outputs: int) -> None:
    if (
        labels.shape != x.shape[:1]
        or labels.is_floating_point()
        or not 0 <= int(labels.min()) <= int(labels.max()) < outputs
    ):
        raise ValueError(
            f"labels must be {len(x)} whole numbers from 0 to {outputs - 1}, got shape {list(labels.shape)}"
        )


def _profile(networks: Networks, x: Tensor, labels: Tensor) -> Profile:
    trace = networks.trace(x, training=networks.normalised)
    every = labels.expand(len(networks), -1).reshape(-1)
    loss = torch.nn.functional.cross_entropy(trace.outputs.flatten(0, 1), every, reduction="sum")
    wanted = [networks.parameters["first"], *([networks.parameters["hidden"]] if networks.depth > 1 else [])]
    gradients = torch.autograd.grad(loss, [*trace.z, *wanted])
    dz, first, hidden = (
        gradients[: networks.depth],
        gradients[networks.depth],
        gradients[networks.depth + 1 :],
    )
    dw = [_norm(first.view(networks.inputs, len(networks), networks.width), (0, 2)).unsqueeze(0)]
    dw += [torch.stack([_norm(layer, (1, 2)) for layer in part]) for part in hidden]
    return Profile(_rms(dz), torch.cat(dw), _rms(trace.z), _rms(trace.h))


def merging(
    designs: Sequence[Design], x: Tensor, depth: int, width: int, dtype: torch.dtype = torch.float64
) -> Merging:
    """How far apart the z of two inputs are, layer by layer, over pairs of examples.

    Example i is paired with example i + B/2. ``distance`` is the root mean square over the pairs of abs(z_1 -
    z_2), over that of abs(z); ``angle`` in degrees is that of two vectors of equal length at that distance.
    [depth, N] each. With batch norm the batch's own mean is used.

    Args:
        designs, depth, width, dtype: as :func:`profile`. In float32 distances below 1e-7 are rounding.
        x: [B, inputs] with an even B.

    Raises:
        ValueError: an odd number of examples, and as :func:`profile`.
    """
    if x.ndim != 2 or len(x) % 2 or not len(x):
        raise ValueError(f"pairs need an even number of examples, got x of shape {list(x.shape)}")
    distance, half = [], len(x) // 2
    with machine.threads(_THREADS), torch.no_grad():
        for chunk in _chunks(designs, x.shape[-1], depth, width):
            networks = Networks(chunk, x.shape[-1], depth, width, dtype=dtype)
            z = networks.trace(x.to(dtype), training=networks.normalised).z
            distance.append(_rms([layer[:, :half] - layer[:, half:] for layer in z]) / _rms(z))
    d = torch.cat(distance, dim=1)
    return Merging(d, torch.rad2deg(2 * torch.asin((d / 2).clamp(max=1.0))))


def layer_norm_growth(
    activation: str | Activation,
    width: int = 256,
    depth: int = 20,
    seeds: Iterable[int] = range(5),
    examples: int = 16,
) -> Tensor:
    """The measured factor per layer of the norm of dL/dz with layer norm, [seeds]: z of each example has mean 0 and variance 1.

    ``examples`` Gaussian inputs of ``width`` numbers. ValueError: an unknown activation, or a size below 1.
    """
    checks.whole("width", width)
    checks.whole("depth", depth)
    checks.whole("examples", examples)
    entry, factors = activations.get(activation), []
    for seed in seeds:
        generator = _generator(seed)
        h = torch.randn(examples, width, generator=generator, **_REAL)
        zs = []
        for _ in range(depth):
            z = h @ _weights(generator, 1, width, 1.0)[0]
            z = torch.nn.functional.layer_norm(z, (width,)).requires_grad_()
            zs.append(z)
            h = entry(z)
        back = torch.randn(h.shape, generator=generator, **_REAL)
        dz = torch.autograd.grad((h * back).sum(), zs)
        factors.append(middle_factor(torch.stack([d.norm() for d in dz])))
    return torch.stack(factors)


def log_norm(width: int, layers: int, count: int = 200, seed: int = 0) -> Tensor:
    """Natural log of abs(h_L)^2 / abs(h_0)^2 in ``count`` ReLU networks at He's init, one Gaussian input each; float64 [count].

    ValueError: a width, number of layers or count below 1, or a seed below 0.
    """
    for number, name in ((width, "width"), (layers, "layers"), (count, "count")):
        checks.whole(name, number)
    generator, step = _generator(seed), max(1, _WEIGHTS_AT_ONCE // width**2)
    single: dict[str, Any] = {"dtype": torch.float32, "device": "cpu"}
    logs = []
    with machine.threads(_THREADS):
        for start in range(0, count, step):
            h = torch.randn(min(step, count - start), 1, width, generator=generator, **single)
            before = h.double().norm(dim=(1, 2))
            total = torch.zeros(len(h), **_REAL)
            for _ in range(layers):
                size = h.norm(dim=(1, 2), keepdim=True).clamp(min=SMALLEST_NORMAL)
                total += 2 * size.flatten().double().log()
                weights = torch.randn(len(h), width, width, generator=generator, **single)
                weights *= math.sqrt(2 / width)
                h = torch.relu(torch.bmm(h / size, weights))
            logs.append(total + 2 * h.double().norm(dim=(1, 2)).log() - 2 * before.log())
    return torch.cat(logs)


def jacobian(
    activation: str | Activation,
    gain: float,
    depth: int = 10,
    width: int = 200,
    orthogonal: bool = False,
    start: float = 1.0,
    seeds: Iterable[int] = range(5),
) -> Tensor:
    """Singular values of dz_last/dz_1, the Jacobian of ``depth`` layers at one input, largest first; float64
    [seeds, width].

    Args:
        activation, gain: as in networks.Design; the gain as a number.
        depth: products of a slope and a weight matrix, at least 1.
        width: units in every layer.
        orthogonal: weights are gain times a random orthogonal matrix, instead of Gaussian.
        start: variance of the Gaussian z of the first layer, above 0.
        seeds: one Jacobian each.

    Raises:
        ValueError: naming the argument, its value and what would be right.
    """
    Design(activation, gain=gain)
    checks.whole("depth", depth)
    checks.whole("width", width)
    checks.number("start", start, above=0)
    entry, found = activations.get(activation), []
    with machine.threads(_THREADS), torch.no_grad():
        for seed in seeds:
            generator = _generator(seed)
            z = math.sqrt(start) * torch.randn(1, width, generator=generator, **_REAL)
            product = torch.eye(width, **_REAL)
            for _ in range(depth):
                weights = _weights(generator, 1, width, gain, orthogonal)[0]
                product = (product * entry.derivative(z)) @ weights
                z = entry(z) @ weights
            found.append(torch.linalg.svdvals(product))
    if not found:
        raise ValueError("at least one seed is needed, got none")
    return torch.stack(found)


def jacobian_spread(singular_values: Tensor) -> Tensor:
    """Variance of the squared singular values over their squared mean, per Jacobian: [seeds] from [seeds, width]."""
    squares = singular_values.double() ** 2
    return squares.var(-1, correction=0) / squares.mean(-1) ** 2


def _weights(
    generator: torch.Generator, count: int, width: int, gain: float, orthogonal: bool = False
) -> Tensor:
    """[count, width, width], float64: N(0, gain^2 / width), or gain times random orthogonal matrices."""
    w = torch.randn(count, width, width, generator=generator, **_REAL)
    if not orthogonal:
        return w * (gain / math.sqrt(width))
    q, r = torch.linalg.qr(w)
    even: Tensor = gain * q * torch.diagonal(r, dim1=1, dim2=2).sign().unsqueeze(1)
    return even


def _chunks(designs: Sequence[Design], inputs: int, depth: int, width: int) -> list[Sequence[Design]]:
    size = max(1, int(_WEIGHTS_AT_ONCE / max(1, inputs * width + (depth - 1) * width**2)))
    return [designs[i : i + size] for i in range(0, len(designs), size)] or [designs]


def _rms(layers: Sequence[Tensor]) -> Tensor:
    """Root mean square over examples and units, [depth, N] from depth times [N, B, width]; neither under- nor overflows."""
    return torch.stack([_norm(layer, (1, 2)) / math.sqrt(layer[0].numel()) for layer in layers])


def _norm(values: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Euclidean norm over dims in float64; scaled by the largest entry, so that squares neither under- nor overflow."""
    values = values.detach().double()
    peak = values.abs().amax(dims, keepdim=True)
    scale = torch.where((peak > 0) & peak.isfinite(), peak, 1.0)
    norm: Tensor = (values / scale).square().sum(dims).sqrt() * scale.amax(dims)
    return norm


def _generator(seed: int) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(checks.seed("a seed", seed))

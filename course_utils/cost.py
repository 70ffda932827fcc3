"""Cost: the time of activations and of whole training steps, the memory that the backward pass needs, sparse products.

Times are seconds of processor time on this machine, on one thread, taken by turns (:mod:`~course_utils.clock`); only
their ratios are worth keeping.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from course_utils import activations, checks, clock, kernels
from course_utils.activations import LEAK, Activation
from course_utils.machine import SINGLE

_CPU = Path("/sys/devices/system/cpu/cpu0/cache")
_aten = torch.ops.aten


class Kernel(NamedTuple):
    """How PyTorch computes an activation: one pass over the array each way.

    forward: z -> h. backward: (dL/dh, z, h) -> dL/dz, the routine that autograd calls. needs: which of z and h
    ``backward`` reads: "h", "z", or "" for neither. in_place: z -> h written over z, or None.
    """

    forward: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor, Tensor], Tensor]
    needs: str
    in_place: Callable[[Tensor], Tensor] | None = None


_KERNELS = {
    "sigmoid": Kernel(torch.sigmoid, lambda g, z, h: _aten.sigmoid_backward(g, h), "h", torch.sigmoid_),
    "tanh": Kernel(torch.tanh, lambda g, z, h: _aten.tanh_backward(g, h), "h", torch.tanh_),
    "relu": Kernel(torch.relu, lambda g, z, h: _aten.threshold_backward(g, h, 0), "h", torch.relu_),
    "leaky_relu": Kernel(
        partial(functional.leaky_relu, negative_slope=LEAK),
        lambda g, z, h: _aten.leaky_relu_backward(g, z, LEAK, False),
        "z",
        partial(functional.leaky_relu, negative_slope=LEAK, inplace=True),
    ),
    "elu": Kernel(
        functional.elu, lambda g, z, h: _aten.elu_backward(g, 1, 1, 1, False, z), "z", functional.elu_
    ),
    "softplus": Kernel(functional.softplus, lambda g, z, h: _aten.softplus_backward(g, z, 1, 20), "z"),
    "gelu": Kernel(functional.gelu, lambda g, z, h: _aten.gelu_backward(g, z), "z"),
    "silu": Kernel(
        functional.silu,
        lambda g, z, h: _aten.silu_backward(g, z),
        "z",
        partial(functional.silu, inplace=True),
    ),
    "identity": Kernel(torch.clone, lambda g, z, h: g.clone(), ""),
}


def kernel(activation: str | Activation) -> Kernel:
    """PyTorch's own routines for an activation of the registry; "identity" is a plain copy, the least one can do.

    An activation that a reader has registered has no routine of its own: its forward pass is its ``value``, its
    backward pass dL/dh times its ``slope``.

    Raises:
        ValueError: an unknown name.
    """
    entry = activations.get(activation)
    if entry.name in _KERNELS:
        return _KERNELS[entry.name]
    return Kernel(entry.value, lambda g, z, h: g * entry.slope(z), "z")


def element_times(
    names: Sequence[str | Activation], sizes: Sequence[int], rounds: tuple[int, int] = (3, 10), seed: int = 0
) -> pd.DataFrame:
    """Time per element of each activation's forward and backward pass, into fresh memory, as in a network.

    The pre-activations are float32 draws from N(0, 1); they stay where they are between calls, so a small array is
    found in the cache.

    Returns:
        One row per activation, size and pass. Columns: activation (its name), elements, pass ("forward" or
        "backward"), nanoseconds (per element).

    Raises:
        ValueError: no or an unknown activation, no size, a size below 1, or rounds as clock.seconds refuses them.
    """
    entries = [activations.get(name) for name in names]
    sizes = [checks.whole("the number of elements", size) for size in sizes]
    if not entries or not sizes:
        raise ValueError(f"at least one activation and one size are needed, got {names!r} and {sizes!r}")
    rows = []
    for size in sizes:
        found = clock.seconds(_passes(entries, (size,), seed), rounds)
        for entry, way in itertools.product(entries, ("forward", "backward")):
            took = found[f"{entry.name} {way}"] / size
            rows.append({"activation": entry.name, "elements": size, "pass": way, "nanoseconds": took * 1e9})
    return pd.DataFrame(rows)


def _passes(
    entries: Sequence[Activation], shape: tuple[int, ...], seed: int
) -> dict[str, Callable[[], object]]:
    """Arms "name forward" and "name backward" for clock.seconds, on one z and one dL/dh of that shape."""
    generator = torch.Generator().manual_seed(seed)
    z, g = (
        torch.randn(shape, generator=generator, **SINGLE),
        torch.randn(shape, generator=generator, **SINGLE),
    )

    def arms(entry: Activation) -> tuple[Callable[[], object], Callable[[], object]]:
        routine, h = kernel(entry), kernel(entry).forward(z)
        h = h if "h" in routine.needs else z  # what is not needed is not kept
        return lambda: routine.forward(z), lambda: routine.backward(g, z, h)

    passes = {}
    for entry in entries:
        passes[f"{entry.name} forward"], passes[f"{entry.name} backward"] = arms(entry)
    return passes


def caches() -> dict[str, int]:
    """Bytes of this machine's data caches, {"L1": ..., "L2": ..., "L3": ...}; only those that can be read.

    Reads /sys/devices/system/cpu/cpu0/cache, which Linux has; elsewhere the result is empty. In a virtual machine
    these are the figures that its host hands on.
    """
    found = {}
    for index in sorted(_CPU.glob("index*")):
        try:
            level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
            if kind in ("Data", "Unified"):
                unit = {"K": 2**10, "M": 2**20, "G": 2**30}
                found[f"L{int(level)}"] = int(size[:-1]) * unit[size[-1]] if size[-1:] in unit else int(size)
        except (OSError, ValueError, IndexError):  # another form: not read
            continue
    return dict(sorted(found.items()))


def step(
    activation: str | Activation | None,
    width: int,
    depth: int = 3,
    batch: int = 250,
    inputs: int = 196,
    outputs: int = 10,
    seed: int = 0,
) -> Callable[[], float]:
    """A whole training step in plain PyTorch, as a function to be called: it takes the step and gives back the loss.

    inputs -> depth x width -> outputs, float32, weights from N(0, 2 / fan_in), zero biases; one batch of random inputs
    and labels; forward pass, cross-entropy, backward pass, torch.optim.SGD with momentum 0.9 and a learning rate so
    small that a thousand steps change nothing to speak of.

    Args:
        activation: None leaves the activations out: the rest of the step.
        width, depth, batch, inputs, outputs: whole numbers of at least 1.
        seed: of weights, inputs and labels.

    Raises:
        ValueError: an unknown activation, or a size below 1.
    """
    parameters, x, generator = _stack(width, depth, batch, inputs, outputs, seed)
    y = torch.randint(outputs, (batch,), generator=generator, device="cpu")
    phi = None if activation is None else kernel(activation).forward
    optimiser = torch.optim.SGD(parameters, lr=1e-6, momentum=0.9)

    def take() -> float:
        optimiser.zero_grad()
        loss = functional.cross_entropy(_logits(parameters, x, phi), y)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return loss.item()

    return take


def _stack(
    width: int, depth: int, batch: int, inputs: int, outputs: int, seed: int
) -> tuple[list[Tensor], Tensor, torch.Generator]:
    """Weights and biases in turn, inputs, and the generator they were drawn with."""
    step_flops(width, depth, batch, inputs, outputs)  # refuses sizes that are none
    generator = torch.Generator().manual_seed(seed)
    parameters = []
    for fan_in, units in itertools.pairwise([inputs, *[width] * depth, outputs]):
        weight = torch.randn(units, fan_in, generator=generator, **SINGLE) * math.sqrt(2 / fan_in)
        parameters += [weight.requires_grad_(), torch.zeros(units, requires_grad=True, **SINGLE)]
    return parameters, torch.randn(batch, inputs, generator=generator, **SINGLE), generator


def _logits(parameters: Sequence[Tensor], x: Tensor, phi: Callable[[Tensor], Tensor] | None) -> Tensor:
    layers = list(zip(parameters[::2], parameters[1::2], strict=True))
    for weight, bias in layers[:-1]:
        x = functional.linear(x, weight, bias)
        x = x if phi is None else phi(x)
    return functional.linear(x, *layers[-1])


def step_flops(width: int, depth: int = 3, batch: int = 250, inputs: int = 196, outputs: int = 10) -> int:
    """Floating-point operations in the matrix products of one training step; [a, b] by [b, c] counts 2 a b c.

    Each layer has one product forward and two backward, for dL/dW and for dL/d(its input); the first has no need of the
    last. Arguments and errors as :func:`step`.
    """
    sizes = {"width": width, "depth": depth, "batch": batch, "inputs": inputs, "outputs": outputs}
    for name, size in sizes.items():
        checks.whole(name, size)
    return 2 * batch * width * (2 * inputs + 3 * (depth - 1) * width + 3 * outputs)


def step_times(
    widths: Sequence[int],
    names: Sequence[str | Activation],
    swapped: Sequence[str] = ("relu", "sigmoid"),
    depth: int = 3,
    batch: int = 250,
    rounds: tuple[int, int] = (5, 15),
) -> pd.DataFrame:
    """Time of a training step (see :func:`step`) at each width, and what the activations take of it.

    Returns:
        One row per width and activation. Columns: width, activation, rest (seconds of a step without activations),
        alone (seconds of ``depth`` forward and backward passes of the activation, timed by themselves on [batch,
        width]), share (alone / (rest + alone)), step (seconds of a whole step with that activation in it; NaN where it
        is not among ``swapped``).

    Raises:
        ValueError: as :func:`step`, :func:`element_times`; a swapped activation that is not among ``names``.
    """
    entries = [activations.get(name) for name in names]
    missing = set(swapped) - {entry.name for entry in entries}
    if missing or not entries or not widths:
        raise ValueError(
            f"widths and names must not be empty and names must hold all of swapped; got {list(widths)!r}, "
            f"{[entry.name for entry in entries]!r}, {list(swapped)!r}"
        )
    rows = []
    for width in widths:
        whole = {name: step(name, width, depth, batch) for name in swapped}
        steps = clock.seconds({"rest": step(None, width, depth, batch), **whole}, rounds, limit=4.0)
        passes = clock.seconds(_passes(entries, (batch, width), seed=0), rounds)
        for entry in entries:
            alone = depth * (passes[f"{entry.name} forward"] + passes[f"{entry.name} backward"])
            row = {"width": width, "activation": entry.name, "rest": steps["rest"], "alone": alone}
            share, whole_step = alone / (steps["rest"] + alone), steps.get(entry.name, math.nan)
            rows.append({**row, "share": share, "step": whole_step})
    return pd.DataFrame(rows)


def kept_bytes(run: Callable[[], object], besides: Iterable[Tensor] = ()) -> int:
    """Bytes of memory that autograd keeps for the backward pass while ``run`` is called.

    Counted with torch.autograd.graph.saved_tensors_hooks: every storage once, however many operations keep it, and
    whole, however small the view that is kept. Storages of the tensors ``besides`` (parameters, inputs: they are there
    anyway) are left out.
    """
    kept: dict[int, Tensor] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor  # held, so that its address is not used again
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        result = run()
    ours = {tensor.untyped_storage().data_ptr() for tensor in besides}
    total = sum(tensor.untyped_storage().nbytes() for at, tensor in kept.items() if at not in ours)
    del result
    return total


def kept_per_unit(
    activation: str | Activation,
    in_place: bool = False,
    network: bool = True,
    batch: int = 32,
    width: int = 64,
) -> float:
    """Bytes kept for the backward pass, per example and hidden unit, in float32 (4 bytes a number).

    Args:
        in_place: let the activation write over its pre-activation.
        network: True: in a network of two hidden layers, where the next layer keeps the activation's output as
            its own input, and shares it. False: the activation alone.
        batch, width: whole numbers of at least 1; the result does not depend on them.

    Raises:
        ValueError: an unknown activation, one that cannot work in place, or a size below 1.
    """
    routine = kernel(activation)
    phi = routine.in_place if in_place else routine.forward
    if phi is None:
        raise ValueError(f"PyTorch has no in-place {activations.get(activation).name}")
    parameters, x, _ = _stack(width, 2, batch, width, 10, seed=0)
    if network:
        kept = kept_bytes(lambda: _logits(parameters, x, phi), [*parameters, x])
        return kept / (2 * batch * width)
    z = functional.linear(x, parameters[0])  # not a leaf: those cannot be written over
    return kept_bytes(lambda: phi(z)) / (batch * width)


def sparse_times(
    zeros: Sequence[float],
    batch: int = 250,
    width: int = 1024,
    rounds: tuple[int, int] = (3, 8),
    seed: int = 0,
) -> pd.DataFrame:
    """Time of the product of activations [batch, width], a share of them zero, with weights [width, width].

    The nonzero activations are positive, as ReLU's, and lie anywhere.

    Returns:
        One row per share. Columns: zeros (asked for); seconds of: dense, csr (the product alone, the activations being
        in compressed sparse row form already), conversion (into that form); off (largest difference of the two products
        from one in float64, over that one's largest entry).

    Raises:
        ValueError: no share, one outside 0 ... 1, a size below 1, or rounds as clock.seconds refuses them.
    """
    shares = [checks.number("each share of zeros", share, 0, 1) for share in zeros]
    if not shares:
        raise ValueError("at least one share of zeros is needed, got none")
    checks.whole("batch", batch), checks.whole("width", width)
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(width, width, generator=generator, **SINGLE) / math.sqrt(width)
    rows = []
    for share in shares:
        on = torch.rand(batch, width, generator=generator, **SINGLE) >= share
        h = torch.randn(batch, width, generator=generator, **SINGLE).abs() * on
        arms, exact = kernels.ways(h, weight), h.double() @ weight.double()
        del arms["gather"]
        gaps = [float((arms[name]() - exact).abs().max()) for name in ("dense", "CSR")]
        off = max(gaps) / max(float(exact.abs().max()), 1e-30)
        rows.append({"zeros": share, **clock.seconds(arms, rounds), "off": off})
    return pd.DataFrame(rows).rename(columns={"CSR": "csr"})


def speed_up_at(zeros: Sequence[float], speed_up: Sequence[float], at: float) -> float:
    """The speed-up at a share of zeros between two measured ones, read off as in :func:`kernels.break_even`.

    Between two shares the logarithm of the speed-up is taken to be a straight line.

    Args:
        zeros: shares, rising. speed_up: dense time over sparse time at each. at: a share among or between them.

    Raises:
        ValueError: not as many of one as of the other, fewer than two, shares that do not rise, a speed-up that is
            not above 0, or a share outside the measured ones.
    """
    x, y = kernels.curve(zeros, speed_up)
    checks.number("the share", at, x[0], x[-1])
    i = max(k for k in range(len(x) - 1) if x[k] <= at)
    part = (at - x[i]) / (x[i + 1] - x[i])
    return math.exp((1 - part) * math.log(y[i]) + part * math.log(y[i + 1]))

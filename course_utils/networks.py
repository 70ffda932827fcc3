"""Networks: many fully connected networks of one shape, computed side by side as one batched program.

Shapes, in every docstring: N networks, B examples, depth = number of hidden layers, width = units per hidden
layer. Layer l computes the pre-activation z = h W + b, normalised where asked, and the activation h = phi(z).
With residual paths what is normalised is the sum of h W + b over this layer and all before it.
"""

import collections
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_utils import activations, checks
from course_utils.activations import Activation
from course_utils.machine import SINGLE

__all__ = ["GAINS", "Design", "Moments", "Networks", "Trace", "grid"]

GAINS = {"he": math.sqrt(2.0), "xavier": 1.0, "pytorch": math.sqrt(1.0 / 3.0)}
NORMS = ("none", "batch", "layer", "dyt")
BN_EPS, BN_MOMENTUM = 1e-5, 0.1  # as torch.nn.BatchNorm1d; Ioffe & Szegedy, ICML 2015, arXiv:1502.03167
LN_EPS = 1e-5  # as torch.nn.LayerNorm; Ba, Kiros & Hinton, 2016, arXiv:1607.06450
DYT_ALPHA = 0.5  # where alpha begins; Zhu et al., CVPR 2025, arXiv:2503.10622


@dataclass(frozen=True)
class Design:
    """One network's own choices. The shape (depth, width) is common to all networks of a batch.

    Attributes:
        activation: a name from the registry or an :class:`~course_utils.activations.Activation`.
        seed: whole number from 0; fixes the weights of this network and nothing else.
        gain: the weights of hidden layers are drawn from N(0, gain^2 / fan_in). A number, or "he" (sqrt 2:
            He et al., ICCV 2015, arXiv:1502.01852), "xavier" (1: Glorot & Bengio, AISTATS 2010, for layers
            of equal width) or "pytorch" (what nn.Linear does: weights *and biases* uniform in
            +-1/sqrt(fan_in), a gain of sqrt(1/3)).
        bias: the value of all hidden biases at the start; must be 0 when gain is "pytorch".
        norm: "none", "batch" (each unit's z over the batch), "layer" (each example's z over the units) or "dyt"
            (tanh(alpha z), with one trainable alpha per layer, which begins at 0.5: Zhu et al., CVPR 2025,
            arXiv:2503.10622), before the activation, with trainable scale and shift.
        learning_rate: of the optimiser, per step; used by training alone.
        l1: weight of a penalty on the activations, l1 * (sum of abs(h) over all hidden units, mean over the
            batch), added to what is minimised (Glorot, Bordes & Bengio, AISTATS 2011); used by training alone.
        residual: add to each layer's h W + b that of the layer before, ahead of normalisation and activation
            (full pre-activation; He et al., ECCV 2016, arXiv:1603.05027, with one weight layer per step).

    Raises:
        ValueError: naming the attribute, its value and what would be right.
    """

    activation: str | Activation
    seed: int = 0
    gain: float | str = "xavier"
    bias: float = 0.0
    norm: str = "none"
    learning_rate: float = 0.1
    l1: float = 0.0
    residual: bool = False

    def __post_init__(self) -> None:
        activations.get(self.activation)
        checks.seed("a seed", self.seed)
        if isinstance(self.gain, str):
            if self.gain not in GAINS:
                raise ValueError(f"unknown gain {self.gain!r}; give a number or one of: {', '.join(GAINS)}")
            if self.gain == "pytorch" and self.bias != 0:
                raise ValueError(
                    f"PyTorch's default draws the biases itself; leave bias at 0, got {self.bias!r}"
                )
        else:
            checks.number("a gain", self.gain, low=0)
        checks.number("a bias", self.bias)
        checks.among("normalisation", self.norm, NORMS)
        checks.number("a learning rate", self.learning_rate, above=0)
        checks.number("an l1 penalty", self.l1, low=0)
        checks.flag("residual", self.residual)

    @property
    def std_times_root_fan_in(self) -> float:
        """The gain as a number: standard deviation of the weights times sqrt(fan_in)."""
        return GAINS[self.gain] if isinstance(self.gain, str) else float(self.gain)

    @property
    def arm(self) -> str:
        """What tables and figures call these choices, e.g. "ReLU", "ReLU + batch norm + residual"."""
        parts = [activations.get(self.activation).label]
        parts += ["DyT" if self.norm == "dyt" else f"{self.norm} norm"] * (self.norm != "none") + [
            "residual"
        ] * self.residual
        return " + ".join(parts)

    def describe(self) -> dict[str, Any]:
        """The attributes as a row of a table, the activation by its name, and the arm."""
        return {"arm": self.arm, **vars(self), "activation": activations.get(self.activation).name}


def all_finite(x: Tensor) -> bool:
    """Whether no entry of x is NaN or infinite: its extremes tell, several times faster than torch.isfinite."""
    return x.numel() == 0 or bool(torch.stack(x.aminmax()).isfinite().all())


def grid(**choices: Any) -> list[Design]:
    """Every combination of the choices, as designs; the first named choice varies slowest.

    Each choice is one value or a list, tuple or range of values:
    ``grid(activation=["sigmoid", "relu"], seed=range(5))`` gives ten designs.
    ValueError for an unknown choice and for an empty one.
    """
    unknown = set(choices) - set(Design.__dataclass_fields__)
    if unknown:
        raise ValueError(
            f"unknown choice {sorted(unknown)}; a design has: {', '.join(Design.__dataclass_fields__)}"
        )
    axes = [list(c) if isinstance(c, Iterable) and not isinstance(c, str) else [c] for c in choices.values()]
    if not all(axes):
        raise ValueError(f"each choice needs at least one value, got {choices!r}")
    return [Design(**dict(zip(choices, row, strict=True))) for row in itertools.product(*axes)]


class Trace(NamedTuple):
    """Forward pass: ``z[l]`` and ``h[l]``, l = 0 ... depth-1, [N, B, width]; ``outputs`` [N, B, classes]."""

    z: list[Tensor]
    h: list[Tensor]
    outputs: Tensor


class Run(NamedTuple):
    """Neighbouring networks alike in activation, normalisation and residual paths: one slice of the batch."""

    slice: slice
    activation: Activation
    norm: str
    residual: bool


@dataclass
class Moments:
    """What an optimiser keeps between two runs, named and shaped as the parameters.

    Attributes:
        kind: "sgd" or "adam" (AdamW keeps the same).
        steps: how many it has taken.
        kept: the velocity of SGD times the learning rate; Adam's moving averages of the gradient and of its square.
    """

    kind: str
    steps: int
    kept: list[dict[str, Tensor]]


class Networks:
    """N fully connected networks, inputs -> depth x width -> outputs, as stacked parameters.

    The weights of a network depend on its own seed and on the shape alone, never on its neighbours. Hidden
    layers have standard deviation gain / sqrt(fan_in) and bias ``bias``; the last, linear layer has gain 1
    and bias 0 in every network (with gain "pytorch": PyTorch's default there, too). All numbers are drawn on
    the CPU in float32 by one ``torch.Generator`` per network, so that they are the same on every device and
    in every precision.

    Args:
        designs: one per network, at least one.
        inputs: features per example, e.g. 784.
        depth: hidden layers, at least 1.
        width: units per hidden layer, at least 1.
        outputs: classes; default 10.
        dtype: torch.float32 (default) or torch.float64.
        device: where parameters live; default "cpu".

    Attributes:
        parameters: the trainable tensors. ``first`` [inputs, N * width] (network i owns columns i*width
            ...), ``hidden`` [depth-1, N, width, width], ``bias`` [depth, N, 1, width], ``last`` [N, width,
            outputs], ``last_bias`` [N, 1, outputs], ``scale`` and ``shift`` [depth, N, 1, width] where any
            network is normalised, ``alpha`` [depth, N, 1, 1] where any has DyT.
        running_mean, running_var: [depth, N, 1, width], used by batch norm in evaluation mode.
        trained: epochs that :func:`course_utils.training.train` has begun with these networks; 0 at the start.
        moments: what its optimiser keeps, for training that goes on; None at the start.

    Raises:
        ValueError: a size below 1, no design, another dtype.
        TypeError: a design that is none.
    """

    def __init__(
        self,
        designs: Sequence[Design],
        inputs: int,
        depth: int,
        width: int,
        outputs: int = 10,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> None:
        for name, size in {"inputs": inputs, "depth": depth, "width": width, "outputs": outputs}.items():
            checks.whole(name, size)
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(f"dtype must be torch.float32 or torch.float64, got {dtype!r}")
        self.designs = tuple(designs)
        if not self.designs:
            raise ValueError("at least one design is needed, got none")
        for design in self.designs:
            if not isinstance(design, Design):
                raise TypeError(
                    f"designs must be networks.Design objects (see networks.grid), got {design!r}"
                )
        self.inputs, self.depth, self.width, self.outputs = inputs, depth, width, outputs
        self._runs = _neighbours(self.designs)
        weights = [_draw(design, inputs, depth, width, outputs) for design in self.designs]
        first, hidden, bias, last, last_bias = (torch.stack(part) for part in zip(*weights, strict=True))
        shape = (depth, len(self.designs), 1, width)
        self.parameters: dict[str, Tensor] = {
            "first": first.permute(1, 0, 2).reshape(inputs, -1),
            "hidden": hidden.transpose(0, 1),
            "bias": bias.transpose(0, 1).reshape(shape),
            "last": last,
            "last_bias": last_bias.unsqueeze(1),
        }
        if any(design.norm != "none" for design in self.designs):
            self.parameters |= {"scale": torch.ones(shape, **SINGLE), "shift": torch.zeros(shape, **SINGLE)}
        if any(design.norm == "dyt" for design in self.designs):
            self.parameters["alpha"] = torch.full((*shape[:3], 1), DYT_ALPHA, **SINGLE)
        for name, tensor in self.parameters.items():
            self.parameters[name] = tensor.to(device, dtype).contiguous().requires_grad_()
        self.running_mean = torch.zeros(shape, dtype=dtype, device=device)
        self.running_var = torch.ones(shape, dtype=dtype, device=device)
        self.trained = 0
        self.moments: Moments | None = None

    def __len__(self) -> int:
        return len(self.designs)

    @property
    def normalised(self) -> bool:
        """Whether any of the networks has batch norm."""
        return any(design.norm == "batch" for design in self.designs)

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return self.parameters["first"].device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the parameters."""
        return self.parameters["first"].dtype

    def weight(self, layer: int) -> Tensor:
        """Weights [N, fan_in, width] into hidden layer ``layer``, 0 at the inputs; ``depth``: the last."""
        checks.whole("layer", layer, 0, self.depth)
        if layer == 0:
            return self.parameters["first"].view(self.inputs, len(self), self.width).transpose(0, 1)
        return self.parameters["last"] if layer == self.depth else self.parameters["hidden"][layer - 1]

    def trace(self, x: Tensor, training: bool = False) -> Trace:
        """Forward pass that keeps every layer.

        Args:
            x: [B, inputs], the same examples for all networks; dtype and device as the parameters.
            training: True: batch norm uses this batch's mean and variance and updates the running ones;
                needs B > 1.

        Raises:
            ValueError: another shape, dtype or device; NaN or infinity in x; batch of one with batch norm in
                training.
        """
        self._check(x, training)
        z, h = zip(*self._layers(x, training), strict=True)
        return Trace(list(z), list(h), self._last(h[-1]))

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        """Outputs (logits) [N, B, outputs] for x [B, inputs]. Arguments and errors as :meth:`trace`."""
        self._check(x, training)
        return self._forward(x, training)

    def _check(self, x: Tensor, training: bool) -> None:
        if x.ndim != 2 or x.shape[1] != self.inputs:
            raise ValueError(f"x must have shape [examples, {self.inputs}], got {list(x.shape)}")
        if x.dtype != self.dtype or x.device.type != self.device.type:
            raise ValueError(
                f"x must be {self.dtype} on {self.device}, as the networks are; got {x.dtype} on {x.device}"
            )
        if not all_finite(x):
            raise ValueError(
                f"x must be finite; {int((~torch.isfinite(x)).sum())} of its entries are NaN or infinite"
            )
        if training and self.normalised and len(x) < 2:
            raise ValueError(
                "batch norm in training mode needs at least 2 examples: the variance of one is undefined"
            )

    def _forward(self, x: Tensor, training: bool) -> Tensor:
        """The program itself, without checks: x [B, inputs] finite, of the right dtype and device."""
        ((_, h),) = collections.deque(self._layers(x, training), maxlen=1)  # keeps the last layer alone
        return self._last(h)

    def _layers(self, x: Tensor, training: bool) -> Iterator[tuple[Tensor, Tensor]]:
        """z and h, [N, B, width] each, of one hidden layer after the other."""
        biases, hidden = self.parameters["bias"].unbind(0), self.parameters["hidden"].unbind(0)
        # One large product serves the first layer of all networks: they see the same examples.
        first = torch.addmm(biases[0].view(-1), x, self.parameters["first"])
        stream = first.view(len(x), len(self), self.width).transpose(0, 1)
        for layer in range(self.depth):
            z = self._normalise(stream, layer, training) if "scale" in self.parameters else stream
            h = self._activate(z)
            yield z, h
            if layer + 1 < self.depth:
                stream = self._carry(stream, torch.baddbmm(biases[layer + 1], h, hidden[layer]))

    def _carry(self, before: Tensor, fresh: Tensor) -> Tensor:
        """The next layer's h W + b, [N, B, width]: ``fresh``, and where there are residual paths ``before``, too."""
        if not any(run.residual for run in self._runs):
            return fresh
        parts = [fresh[r.slice] + before[r.slice] if r.residual else fresh[r.slice] for r in self._runs]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _last(self, h: Tensor) -> Tensor:
        # Products with 10 columns take MKL four times as long as with 16: pad with zeros, and cut them off.
        last = torch.nn.functional.pad(self.parameters["last"], (0, -self.outputs % 16))
        return torch.bmm(h, last)[..., : self.outputs] + self.parameters["last_bias"]

    def _activate(self, z: Tensor) -> Tensor:
        if len(self._runs) == 1:
            return self._runs[0].activation(z)
        return torch.cat([run.activation(z[run.slice]) for run in self._runs])

    def _normalise(self, z: Tensor, layer: int, training: bool) -> Tensor:
        parts = []
        for run in self._runs:
            part = z[run.slice]
            if run.norm == "batch":
                part = self._batch_norm(part, layer, run.slice, training)
            elif run.norm == "layer":
                part = self._layer_norm(part, layer, run.slice)
            elif run.norm == "dyt":
                scale, shift, alpha = (
                    self.parameters[k][layer, run.slice] for k in ("scale", "shift", "alpha")
                )
                part = torch.addcmul(shift, torch.tanh(alpha * part), scale)
            parts.append(part)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _batch_norm(self, z: Tensor, layer: int, part: slice, training: bool) -> Tensor:
        """z [n, B, width] of the networks ``part``, normalised; training moves their running statistics."""
        columns = z.transpose(0, 1).reshape(z.shape[1], -1)  # every unit of every network a column of its own
        mean, var, scale, shift = (
            tensor[layer, part].view(-1)
            for tensor in (
                self.running_mean,
                self.running_var,
                self.parameters["scale"],
                self.parameters["shift"],
            )
        )
        out = torch.nn.functional.batch_norm(
            columns, mean, var, scale, shift, training=training, momentum=BN_MOMENTUM, eps=BN_EPS
        )
        return out.view(z.shape[1], -1, self.width).transpose(0, 1)

    def _layer_norm(self, z: Tensor, layer: int, part: slice) -> Tensor:
        """z [n, B, width] of the networks ``part``, each example's over its units, then scaled and shifted."""
        scale, shift = (self.parameters[name][layer, part] for name in ("scale", "shift"))
        flat = torch.nn.functional.layer_norm(z, (self.width,), eps=LN_EPS)
        return torch.addcmul(shift, flat, scale)


def _neighbours(designs: Sequence[Design]) -> list[Run]:
    """Slices of neighbouring designs that share activation, normalisation and residual paths."""
    runs, start = [], 0
    for key, group in itertools.groupby(
        designs, key=lambda d: (activations.get(d.activation), d.norm, d.residual)
    ):
        end = start + len(list(group))
        runs.append(Run(slice(start, end), *key))
        start = end
    return runs


def _draw(
    design: Design, inputs: int, depth: int, width: int, outputs: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Of one network: first [inputs, width], hidden [depth-1, width, width], bias [depth, width], last, its
    bias."""
    generator = torch.Generator().manual_seed(design.seed)
    if design.gain == "pytorch":

        def uniform(*shape: int, fan_in: int) -> Tensor:
            return (2 * torch.rand(shape, generator=generator, **SINGLE) - 1) / math.sqrt(fan_in)

        first = uniform(inputs, width, fan_in=inputs)
        hidden = uniform(depth - 1, width, width, fan_in=width)
        bias = torch.cat([uniform(1, width, fan_in=inputs), uniform(depth - 1, width, fan_in=width)])
        return first, hidden, bias, uniform(width, outputs, fan_in=width), uniform(outputs, fan_in=width)

    def normal(*shape: int, std: float) -> Tensor:
        return torch.randn(shape, generator=generator, **SINGLE) * std

    gain = design.std_times_root_fan_in
    first = normal(inputs, width, std=gain / math.sqrt(inputs))
    hidden = normal(depth - 1, width, width, std=gain / math.sqrt(width))
    last = normal(width, outputs, std=1 / math.sqrt(width))
    return (
        first,
        hidden,
        torch.full((depth, width), float(design.bias), **SINGLE),
        last,
        torch.zeros(outputs, **SINGLE),
    )

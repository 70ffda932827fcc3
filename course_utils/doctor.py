"""Doctor: what the course measures, for any network of the reader's own, with theory beside it.

Two lines look at a network, and two more at its training::

    report = doctor.examine(model, x, y)      # one forward and one backward pass; nothing is changed
    report.show()                             # or print(report)

    seen = doctor.watch(model, x, y)          # before the loop
    seen.step()                               # after each optimizer.step()

A *layer* is a call of a module with weights. A normalisation that takes its output as it is, and the activation that
follows, belong to it: z is what goes into the activation, as everywhere in the course. Activations are seen whether they
are modules or functions. Sizes of dL/dz are norms over the whole batch, which keep their size under weights drawn by
fan_in whatever the widths are.
"""

import contextlib
import itertools
import math
import random
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from course_utils import activations, checks, plots, saturation, theory
from course_utils.networks import all_finite

__all__ = ["Finding", "Limits", "Report", "Watch", "examine", "watch"]

Loss = Callable[[Any, Any], Tensor]
_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm)
_LAYERS = (nn.Linear, nn.modules.conv._ConvNd, nn.Embedding, nn.EmbeddingBag, nn.Bilinear, nn.RNNBase)
# Which calls are an activation, by the name it has in room activations where it is there.
_CALLS: dict[Any, str] = {
    call: name
    for name, calls in {
        "sigmoid": (torch.sigmoid, torch.sigmoid_, Tensor.sigmoid, Tensor.sigmoid_, F.sigmoid),
        "tanh": (torch.tanh, torch.tanh_, Tensor.tanh, Tensor.tanh_, F.tanh),
        "relu": (torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, F.relu),
        "leaky_relu": (F.leaky_relu, F.leaky_relu_),
        "elu": (F.elu, F.elu_),
        "softplus": (F.softplus,),
        "gelu": (F.gelu,),
        "silu": (F.silu,),
        "relu6": (F.relu6,),
        "hardtanh": (F.hardtanh, F.hardtanh_),
        "hardsigmoid": (F.hardsigmoid,),
        "hardswish": (F.hardswish,),
        "softsign": (F.softsign,),
        "selu": (F.selu, torch.selu),
        "celu": (F.celu, torch.celu),
        "mish": (F.mish,),
        "prelu": (F.prelu, torch.prelu),
        "clamp": (torch.clamp, torch.clamp_, Tensor.clamp, Tensor.clamp_, torch.clip, Tensor.clip),
    }.items()
    for call in calls
}
_ELEMENTWISE = re.compile(
    "(Where|Mul|Div|Pow|Maximum|Minimum|Abs|Sin|Cos|Exp|Log|Erf|Sqrt|MaskedFill|Sigmoid|Tanh|Clamp)"
)
_ADDITIONS = ("add", "add_", "__add__", "__radd__", "__iadd__")
_BOUNDED = ["sigmoid", "tanh", "hardtanh", "hardsigmoid", "softsign", "relu6"]


@dataclass(frozen=True)
class Limits:
    """Where healthy ends. Each is a statement of the course's theory; give others to :func:`examine`.

    Attributes:
        left: dL/dz vanishes when less than this share of it is left from the last hidden layer to the first. A factor per
            layer of 0.408 (ReLU at PyTorch's default) gets there in four steps, one of 0.141 (sigmoid) in two.
        grown: it explodes when it, or z on the way up, is this many times as large. Batch norm's 1.211 takes 18 steps.
        lost: share of a layer's units and examples whose slope is below 0.01, of an activation that is bounded. It is
            P(abs(N(0, 1)) > 1): there z's scale has come to the edge behind which the slope is lost.
        dead: share of a layer's units that are off for every example. Weights symmetric about 0 leave half of the units
            off where all inputs look alike, and never more but for chance: three deviations of a coin are added.
        apart: inputs merge when their relative distance in each of the last four hidden layers is below this share of
            that of the inputs. ReLU at He's init gets there after 46 layers.
        loss: the loss over that of outputs that are all alike. Logits of scale 2.5 get there with ten classes. Beside n
            residual paths, whose n + 1 parts add up to something sqrt(n + 1) as large, logits may be that much larger.
        squared: the same for a loss on real numbers: outputs three times as large as the targets.
        guesses: share of the examples that get one and the same class.
    """

    left: float = 1 / 30
    grown: float = 30.0
    lost: float = math.erfc(math.sqrt(0.5))
    dead: float = 0.5
    apart: float = 0.12
    loss: float = 1.8
    squared: float = 10.0
    guesses: float = 0.95

    def __post_init__(self) -> None:
        for name in ("left", "lost", "dead", "apart", "guesses"):
            checks.number(name, getattr(self, name), above=0, below=1)
        for name in ("grown", "loss", "squared"):
            checks.number(name, getattr(self, name), above=1)


class Finding(NamedTuple):
    """What is wrong: its kind, the layer where it is worst, a sentence with the number, and what helped in the course."""

    kind: str
    layer: str
    sentence: str
    help: str


_GAIN = "the gain at which the factor per layer is 1 (notebook 03, cards C12 and C27)"
_HELP = {
    "not finite": "Helped in the course: a lower rate (notebook 07, card C35), or smaller weights (notebook 03, card C27).",
    "gradient cut": "Draw these weights at random. (Not tried in the course; notebook 06 has residual paths, a way past a layer.)",
    "dead units": "Helped in the course: a lower rate, biases of 0, a slope below zero (notebook 05, cards C22 and C23).",
    "saturated": "Helped in the course: smaller weights (notebook 02), or batch norm ahead of the activation (notebook 06).",
    "exploding": f"Helped in the course: {_GAIN}; in deep stacks with batch norm, residual paths (notebook 06).",
    "vanishing": f"Helped in the course: {_GAIN}; batch norm or residual paths (notebook 06, card C32).",
    "signals merge": "Helped in the course: residual paths, and for the sigmoid batch norm (notebook 06).",
    "guesses one class": "Biases of 0 in the last layer. (Not tried in the course; notebook 00 has what guessing costs.)",
    "loss far from chance": "Inputs of mean square 1 and a last layer of gain 1, as in all of the course's networks (notebook 00).",
}
KINDS = tuple(_HELP)


@dataclass(eq=False)
class _Layer:
    """One call of a module with weights, while it is looked at."""

    name: str
    module: nn.Module
    given: Any  # the tensor that went in
    out: Tensor  # what came out
    z: Tensor = field(init=False)
    h: Tensor = field(init=False)
    norm: nn.Module | None = None  # between the layer and its activation
    normed: Any = None  # what a normalisation that follows at once made of ``out``
    activation: str = ""
    call: Callable[[Tensor], Tensor] | None = None
    last: Any = None  # the tensor that left: that of the activation, if one was seen
    size: float = math.nan  # the norm of dL/dz
    handle: Any = None

    def follow(self, tensor: Tensor) -> None:
        """Note the norm of the gradient by this tensor, in place of the one before."""
        if self.handle is not None:
            self.handle.remove()
            self.handle = None
        if tensor.requires_grad:
            self.handle = tensor.register_hook(self._note)  # type: ignore[no-untyped-call]

    def _note(self, gradient: Tensor) -> None:
        self.size = _norm(gradient)


class _Ears(TorchFunctionMode):
    """Hears activations that are called while it is entered, and hands each to the layer before it."""

    def __init__(self, layers: list[_Layer]) -> None:
        super().__init__()
        self.layers = layers
        self.paths = 0  # additions of two tensors that both learn: where residual paths end

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        self.paths += getattr(func, "__name__", "") in _ADDITIONS and _meet(args)
        name = _CALLS.get(func)
        z = args[0] if args else kwargs.get("input")
        waiting = [layer for layer in self.layers[-4:] if not layer.activation]
        layer = next(
            (one for one in waiting if z is one.out or z is one.normed), waiting[-1] if waiting else None
        )
        if name == "clamp":
            low = args[1] if len(args) > 1 else kwargs.get("min")
            high = args[2] if len(args) > 2 else kwargs.get("max")
            name = "relu" if isinstance(low, int | float) and low == 0 and high is None else None
        if not name or layer is None or not isinstance(z, Tensor) or not args:
            return func(*args, **kwargs)
        writes = func.__name__.endswith("_") or any(value is True for value in [*args[1:], *kwargs.values()])
        layer.z = z.detach().clone() if writes else z.detach()
        layer.follow(z)
        h = func(*args, **kwargs)
        layer.activation, layer.last, layer.h = name, h, h.detach()
        layer.norm = layer.norm if layer.normed is not None else None
        layer.call = lambda z: func(z, *args[1:], **kwargs)
        return h


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """What :func:`examine` found. ``print(report)`` says it in words, :meth:`show` draws it.

    Attributes:
        loss, chance: the loss, and that of outputs that are all alike (ln C with C classes); NaN where that is unknown.
        factor: by what dL/dz changes per layer, toward the input, all in all; NaN with fewer than two hidden layers.
        findings: what is wrong, causes first; empty for a healthy network.
        notes: what could not be seen, and what else the reader should know.
        limits: where healthy ends.
        columns: the columns of :attr:`table` but for theory's.
    """

    loss: float
    chance: float
    factor: float
    findings: list[Finding]
    notes: list[str]
    limits: Limits
    columns: dict[str, Any]
    _theirs: list[Callable[[], float]]

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each layer, in the order in which they ran.

        Columns: layer, kind, activation, width; z mean, z scale, h mean, h scale (scale: root mean square); zeros (share of
        h that is 0), lost (share of slopes below 0.01), dead (share of units off for every example); dz, dw and weight
        (norms of dL/dz and dL/dW over the batch, and of W), correlation (of two inputs' z), factor (dz over that of the next
        layer), predicted (the same by theory, where one layer feeds the next through an activation that the course knows;
        the weights' scale is measured). NaN: could not be seen, or does not apply.
        """
        return pd.DataFrame(self.columns).assign(predicted=[theirs() for theirs in self._theirs])

    def __str__(self) -> str:
        against = f", by guessing {_about(self.chance)}" if math.isfinite(self.chance) else ""
        lines = [f"{len(self.columns['layer'])} layers, loss {_about(self.loss)}{against}."]
        if math.isfinite(self.factor):
            lines[0] += f" dL/dz per layer toward the input: × {_about(self.factor)}."
        for finding in self.findings:
            lines += [f"{finding.kind} ({finding.layer}): {finding.sentence}", f"    {finding.help}"]
        lines += [] if self.findings else ["Nothing found: what was measured lies within the limits."]
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])

    __repr__ = __str__

    def show(self) -> None:
        """The picture and the words in a notebook, the words in a terminal."""
        if "IPython" in sys.modules and sys.modules["IPython"].get_ipython():
            kinds = ", ".join(dict.fromkeys(finding.kind for finding in self.findings)) or "nothing found"
            plots.show(
                self.draw(),
                f"Sizes of dL/dz and of z, and shares of lost and dead units, layer by layer; {kinds}.",
            )
        print(self)

    def draw(self) -> Figure:
        """Three panels, layer by layer: the norm of dL/dz with theory's line, the scale of z, shares lost and dead."""
        table, count = self.table, len(self.table)
        kinds = list(dict.fromkeys(finding.kind for finding in self.findings))
        title = "Found: " + ", ".join(kinds) if kinds else "Nothing found"
        how = "From the input (top) to the output. Line: theory, from each layer to the one before."
        size = (7.2, min(max(2.4, 1.2 + 0.2 * count), 9.0))
        figure, (left, middle, right) = plots.axes(title, how, columns=3, size=size, sharey=True)
        rows = np.arange(count)
        for i in np.flatnonzero(np.isfinite(table["predicted"]) & (table["dz"] > 0)):
            above = table["dz"].iloc[i + 1]
            left.plot([above * table["predicted"].iloc[i], above], [i, i + 1], color="0.5", lw=1)
        left.plot(table["dz"].where(table["dz"] > 0), rows, "o", color=plots.INK)
        middle.plot(table["z scale"].where(table["z scale"] > 0), rows, "o", color=plots.INK)
        right.barh(rows, table["lost"].fillna(0), color="#ca9161", height=0.7, label="slope lost")
        right.barh(rows, table["dead"].fillna(0), color="#0173b2", height=0.35, label="dead units")
        for ax, label in ((left, "norm of dL/dz"), (middle, "root mean square of z")):
            ax.set_xscale("log")
            ax.set_xlabel(label)
            _room(ax)
        right.set_xlim(0, 1)
        right.set_xlabel("share")
        right.legend(
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=2,
            fontsize=8,
            frameon=False,
            borderaxespad=0.2,
        )
        every = math.ceil(count / 40)
        names = [_short(name) for name in table["layer"]]
        left.set_yticks(rows[::every], names[::every], fontsize=8)
        left.set_ylim(count - 0.5, -0.5)
        return figure


def examine(
    model: nn.Module,
    x: Any,
    y: Any,
    loss: Loss | None = None,
    limits: Limits | None = None,
) -> Report:
    """Look at a network as it is, by one forward and one backward pass. Nothing of it is changed.

    A model in evaluation mode is looked at as in training (with dropout, and batch norm by the batch); a module that is in
    evaluation mode by itself stays so. Mode, gradients, hooks, running statistics and random state are those of before.

    Args:
        model: any module.
        x: its input, examples first: a tensor of floats or of whole numbers; a tuple of arguments; a dictionary of
            named ones. Some 32 examples or more, so that "for every example" says something.
        y: the targets.
        loss: (outputs, y) -> one number. Default: cross-entropy for y of whole numbers, outputs [B, C, ...] or [..., C];
            mean squared error for y of floats, of the outputs' shape.
        limits: where healthy ends.

    Raises:
        TypeError: a model that is none.
        ValueError: x or y that do not fit the model, each other or the loss; NaN in x; a loss that is not one number, or
            does not depend on the model; a model that calls no module with weights.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    model = getattr(model, "_orig_mod", model)  # a compiled one hides its modules
    limits = limits or Limits()
    inputs, named, batch = _inputs(model, x)
    layers: list[_Layer] = []
    with _unchanged(model) as handles, torch.enable_grad():
        handles += _listen(model, layers)
        with _Ears(layers) as ears:
            try:
                outputs = model(*inputs, **named)
            except Exception as error:
                raise ValueError(f"the model cannot take {_shape(x)}: {error}") from error
        if not layers:
            raise ValueError(
                f"{type(model).__name__} called no module with weights: there is nothing to look at"
            )
        value, chance, squared = _losses(outputs, y, loss)
        level = _level(outputs, y, ears.paths) if loss is None and not squared else float(value.detach())
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        wanted = parameters or [layer.out for layer in layers if layer.out.requires_grad][:1]
        try:
            found = torch.autograd.grad(value, wanted, allow_unused=True)
        except RuntimeError as error:
            raise ValueError(f"no gradient comes back from the loss: {error}") from error
    if all(gradient is None for gradient in found):
        raise ValueError("the loss does not depend on the model")
    gradients = {id(p): g for p, g in zip(wanted, found, strict=True)}
    rows = [
        _row(layer, after, gradients, batch) for layer, after in zip(layers, [*layers[1:], None], strict=True)
    ]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    numbers = (float(value.detach()), chance, _trend(columns["dz"][:-1]))
    start = _distance(x, batch) if isinstance(x, Tensor) and x.is_floating_point() else math.nan
    seen = _Seen(
        {name: np.array(column) for name, column in columns.items()},
        limits,
        *numbers,
        squared,
        start,
        outputs,
        y,
        level,
    )
    theirs = [_predicted(a, b) for a, b in zip(layers, [*layers[1:], None], strict=True)]
    notes = _notes(model, layers, gradients)
    if _begins_at_zero(columns):
        words = "begins with weights of 0, so that no gradient reaches the layers before it until a step is made: look again then."
        notes.append(f"{columns['layer'][-1]} {words}")
    return Report(*numbers, list(_findings(seen)), notes, limits, columns, theirs)


# The pass


@contextlib.contextmanager
def _unchanged(model: nn.Module) -> Iterator[list[Any]]:
    """Hands out a list for handles; at the end, or at an error, they are removed and all of the model is as before."""
    modes = {module: module.training for module in model.modules()}
    buffers = [
        (m, name, b, None if b is None else b.detach().clone())
        for m in modes
        for name, b in m._buffers.items()
    ]
    cards = [*{p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"}]
    states, fast = (random.getstate(), np.random.get_state()), torch.backends.mha.get_fastpath_enabled()  # noqa: NPY002
    handles: list[Any] = []
    with torch.random.fork_rng(devices=cards):
        try:
            if not model.training:
                model.train()
            torch.backends.mha.set_fastpath_enabled(False)  # it would pass the modules by
            yield handles
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
            for handle in handles:
                handle.remove()
            for module, mode in modes.items():
                module.training = mode
            with torch.no_grad():
                for module, name, buffer, before in buffers:
                    module._buffers[name] = buffer
                    if buffer is not None and before is not None:
                        buffer.copy_(before)
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002


def _listen(model: nn.Module, layers: list[_Layer]) -> list[Any]:
    """Hooks on all layers and normalisations, which append to ``layers`` as they are called."""
    calls: dict[int, int] = {}

    def layer(name: str) -> Callable[..., Any]:
        def hook(module: nn.Module, given: Any, out: Any) -> Any:
            tensor = out[0] if isinstance(out, tuple) else out
            if isinstance(tensor, Tensor) and tensor.is_floating_point():
                if (
                    not tensor.requires_grad and torch.is_grad_enabled() and tensor is out
                ):  # all before is frozen
                    out = tensor = tensor.detach().requires_grad_().clone()
                calls[id(module)] = count = calls.get(id(module), 0) + 1
                label = name if count == 1 else f"{name} (call {count})"
                found = _Layer(label, module, given[0] if given else None, tensor, last=tensor)
                found.z = found.h = tensor.detach()
                found.follow(tensor)
                layers.append(found)
            return out

        return hook

    def norm(module: nn.Module, given: Any, out: Any) -> None:
        if layers and given and given[0] is layers[-1].last and not layers[-1].activation:
            layers[-1].norm, layers[-1].normed = module, out

    return [
        module.register_forward_hook(
            norm if isinstance(module, _NORMS) else layer(name or type(module).__name__)
        )
        for name, module in model.named_modules()
        if isinstance(module, _NORMS) or _has_weights(module)
    ]


def _has_weights(module: nn.Module) -> bool:
    if isinstance(module, (*_LAYERS, nn.MultiheadAttention)):
        return True
    own = [p for p in module._parameters.values() if p is not None]
    return not list(module.children()) and any(p.ndim > 1 for p in own)


def _inputs(model: nn.Module, x: Any) -> tuple[list[Any], dict[str, Any], int]:
    """Arguments, named arguments, and the number of examples; tensors are copies."""
    parts = list(x.values()) if isinstance(x, Mapping) else list(x) if isinstance(x, tuple | list) else [x]
    tensors = [part for part in parts if isinstance(part, Tensor)]
    if not tensors or tensors[0].ndim == 0:
        raise ValueError(f"x must be a tensor, or a tuple or dictionary of them, got {_shape(x)}")
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in model.parameters()):
        raise ValueError("the model has lazy layers without a shape; run it once on x, and examine it then")
    first = next((p for p in model.parameters() if p.is_floating_point()), None)
    for part in tensors:
        if not part.numel():
            raise ValueError(f"x must hold at least one number, got {_shape(part)}")
        if first is not None and part.device != first.device:
            raise ValueError(
                f"x is on {part.device} and the model on {first.device}; move one of them with .to(...)"
            )
        if part.is_floating_point():
            if first is not None and part.dtype != first.dtype and not torch.is_autocast_enabled():
                raise ValueError(f"x is {part.dtype} and the model {first.dtype}; try x.to({first.dtype})")
            if not all_finite(part):
                raise ValueError(f"x must be finite; {int((~part.isfinite()).sum())} of its numbers are not")
    batch = len(tensors[0])
    if batch == 1 and any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules()):
        raise ValueError("batch norm needs at least 2 examples in x, got 1")
    ready = [p.detach().clone() if isinstance(p, Tensor) else p for p in parts]
    named = dict(zip(x, ready, strict=True)) if isinstance(x, Mapping) else {}
    return ([] if named else ready), named, batch


def _losses(outputs: Any, y: Any, loss: Loss | None) -> tuple[Tensor, float, bool]:
    """The loss, that of outputs that are all alike, and whether it is of real numbers."""
    squared = isinstance(y, Tensor) and y.is_floating_point()
    if loss is None:
        if not isinstance(outputs, Tensor) or not isinstance(y, Tensor):
            wrong = outputs if not isinstance(outputs, Tensor) else y
            raise ValueError(f"outputs and y must be tensors, got {type(wrong).__name__}; else give loss=")
        loss = _squared if squared else _classes
    try:
        value = loss(outputs, y)
    except Exception as error:
        raise ValueError(f"the loss cannot take {_shape(outputs)} and y of {_shape(y)}: {error}") from error
    if not isinstance(value, Tensor) or value.numel() != 1 or not value.requires_grad:
        raise ValueError(f"the loss must be one number that depends on the model, got {_shape(value)}")
    chance = math.nan
    if isinstance(outputs, Tensor) and outputs.is_floating_point():
        try:
            with torch.no_grad():
                chance = float(loss(torch.full_like(outputs, _alike(outputs)), y))
        except Exception:  # a loss of the reader's own may ask for more than numbers
            chance = math.nan
    return value.sum(), chance if chance > 0 else math.nan, squared


def _level(outputs: Tensor, y: Tensor, paths: int) -> float:
    """The loss of the classes, with logits over sqrt(paths + 1): as large as they were without the paths."""
    with torch.no_grad():
        return float(_classes(outputs.detach() / math.sqrt(paths + 1), y))


def _meet(args: Sequence[Any]) -> bool:
    """Whether two tensors of one shape are added, both of which depend on what learns."""
    tensors = [part for part in args[:2] if isinstance(part, Tensor) and part.requires_grad and part.ndim > 1]
    return len(tensors) == 2 and tensors[0].shape == tensors[1].shape


def _alike(outputs: Tensor) -> float:
    """The number that guessing puts in each output: a log-probability, a probability, or 0."""
    if outputs.ndim > 1:
        out = outputs.detach().double()
        for dim in (1, -1):
            if torch.allclose(
                out.exp().sum(dim), torch.ones((), dtype=torch.float64, device=out.device), atol=1e-3
            ):
                return -math.log(out.shape[dim])
            if (
                out.min() >= 0
                and torch.allclose(out.sum(dim), out.new_ones(()), atol=1e-3)
                and out.shape[dim] > 1
            ):
                return 1 / out.shape[dim]
    return 0.5 if outputs.min() > 0 and outputs.max() < 1 else 0.0


def _classes(outputs: Tensor, y: Tensor) -> Tensor:
    flat = _logits(outputs, y)
    if flat is None:
        raise ValueError("outputs [B, C, ...] or [..., C] need y of [B, ...]")
    if not 0 <= int(y.min()) <= int(y.max()) < flat.shape[1]:
        raise ValueError(
            f"labels go from {int(y.min())} to {int(y.max())}, the outputs are {flat.shape[1]} classes"
        )
    return F.cross_entropy(flat, y.flatten().long())


def _logits(outputs: Any, y: Any) -> Tensor | None:
    """Outputs as [labels, classes] if that is what they are, else None."""
    if (
        not isinstance(outputs, Tensor)
        or not isinstance(y, Tensor)
        or y.is_floating_point()
        or y.is_complex()
    ):
        return None
    if outputs.ndim != y.ndim + 1 or outputs.ndim < 2:
        return None
    if outputs.shape[:1] + outputs.shape[2:] == y.shape:
        return outputs.movedim(1, -1).flatten(0, -2)
    return outputs.flatten(0, -2) if outputs.shape[:-1] == y.shape else None


def _squared(outputs: Tensor, y: Tensor) -> Tensor:
    if outputs.shape != y.shape and outputs.squeeze(-1).shape == y.shape:
        outputs = outputs.squeeze(-1)
    if outputs.shape != y.shape:
        raise ValueError("both must have the same shape")
    return F.mse_loss(outputs, y)


# The numbers


def _row(
    layer: _Layer, after: _Layer | None, gradients: Mapping[int, Tensor | None], batch: int
) -> dict[str, Any]:
    """The table's row but for theory."""
    z, h, module = layer.z, layer.h, layer.module
    own = [p for p in module.parameters() if p.ndim > 1]
    dw = [g for p in own if (g := gradients.get(id(p))) is not None]
    norm = f" + {type(layer.norm).__name__}" if layer.norm is not None and layer.activation else ""
    unit = 1 if isinstance(module, nn.modules.conv._ConvNd) else -1
    row: dict[str, Any] = {
        "layer": layer.name,
        "kind": type(module).__name__ + norm,
        "activation": layer.activation,
    }
    row |= {"width": z.shape[unit], "z mean": float(z.mean()), "z scale": _scale(z)}
    row |= {
        "h mean": float(h.mean()),
        "h scale": _scale(h),
        "zeros": math.nan,
        "lost": math.nan,
        "dead": math.nan,
    }
    if layer.call is not None:
        zero = h == 0
        flat = zero if layer.activation == "relu" else _slope(layer.call, z).abs() < saturation.THRESHOLD
        off = zero if flat is zero else flat & (h.abs() < saturation.THRESHOLD)
        row |= {"zeros": _share(zero), "lost": _share(flat)}
        row["dead"] = _share(off.movedim(unit, -1).flatten(0, -2).all(0))
    row |= {
        "dz": layer.size,
        "dw": math.hypot(*map(_norm, dw)) if dw else math.nan,
        "weight": math.hypot(*map(_norm, own)),
    }
    row["correlation"] = 1 - _distance(z, batch) ** 2 / 2
    return row | {"factor": layer.size / after.size if after is not None and after.size > 0 else math.nan}


def _slope(call: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """dh/dz by autograd, element by element: right for any function and its options."""
    with torch.enable_grad():
        leaf = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(call(leaf.clone()).sum(), leaf)
    return slope


def _norm(tensor: Tensor) -> float:
    """Euclidean norm; in float64 where squares of float32 would leave its range."""
    size = float(torch.linalg.vector_norm(tensor.detach()))
    return size if 1e-15 < size < 1e18 else float(tensor.detach().double().norm())


def _scale(tensor: Tensor) -> float:
    return _norm(tensor) / math.sqrt(tensor.numel())


def _share(true: Tensor) -> float:
    return float(true.count_nonzero()) / true.numel()


def _distance(z: Tensor, batch: int) -> float:
    """How far apart two inputs' z point: root mean square of the difference of unit vectors; example i beside i + B/2.

    NaN with one example, or where the examples cannot be told apart. Inputs at right angles are sqrt 2 apart.
    """
    if z.ndim > 1 and z.shape[0] != batch == z.shape[1]:
        z = z.transpose(0, 1)
    half = batch // 2
    if not half or z.shape[0] % batch:
        return math.nan
    flat = F.normalize(z.detach().reshape(batch, -1), dim=1, eps=1e-30)
    return _norm(flat[:half] - flat[half : 2 * half]) / math.sqrt(half)


def _trend(sizes: Sequence[float]) -> float:
    """The factor per layer toward the input: the median over all pairs of layers, so that single ones do not decide."""
    known = [(i, math.log(size)) for i, size in enumerate(sizes) if 0 < size < math.inf]
    if len(known) < 2:
        return math.nan
    at, logs = (np.array(part, dtype=float) for part in zip(*known, strict=True))
    a, b = np.triu_indices(len(at), 1)
    return float(np.exp(-np.median((logs[b] - logs[a]) / (at[b] - at[a]))))


def _predicted(layer: _Layer, after: _Layer | None) -> Callable[[], float]:
    """Theory's factor from the layer after to this one, worked out when asked for: it takes some milliseconds."""
    weight = getattr(after.module, "weight", None) if after is not None else None
    known = layer.activation in activations.names() and _same(layer)
    if after is None or not known or not isinstance(weight, Tensor) or after.given is not layer.last:
        return lambda: math.nan
    conv = isinstance(after.module, nn.modules.conv._ConvNd)
    if not (isinstance(after.module, nn.Linear) or (conv and after.module.groups == 1)):
        return lambda: math.nan
    name, gain, scale = layer.activation, _norm(weight) / math.sqrt(len(weight)), _scale(layer.z)
    norms = {type(one.norm) for one in (layer, after)}
    if norms == {type(None)} and math.isfinite(scale):
        return lambda: gain * math.sqrt(theory.moments(name, min(scale**2, 1e200)).slope_square)
    if norms <= {nn.BatchNorm1d, nn.BatchNorm2d} and abs(scale - 1) < 0.02:
        return lambda: theory.batch_norm_growth(name)
    if norms == {nn.LayerNorm} and abs(scale - 1) < 0.02:
        return lambda: theory.layer_norm_growth(name)
    return lambda: math.nan


def _same(layer: _Layer) -> bool:
    """Whether the activation that was called is the course's of that name, and not one with other options."""
    if layer.call is None or layer.activation in ("relu", "sigmoid", "tanh"):
        return layer.call is not None
    z = torch.linspace(-3, 3, 7, dtype=layer.z.dtype, device=layer.z.device)
    try:
        return bool(torch.allclose(layer.call(z.clone()), activations.get(layer.activation)(z), atol=1e-3))
    except RuntimeError:  # a slope for each unit
        return False


def _notes(model: nn.Module, layers: list[_Layer], gradients: Mapping[int, Tensor | None]) -> list[str]:
    called = {id(layer.module) for layer in layers}
    unseen, unused = [], []
    for name, module in model.named_modules():
        own = [p for p in module._parameters.values() if p is not None]
        if any(p.requires_grad and gradients.get(id(p)) is None for p in own):
            unused.append(name or type(module).__name__)
        elif _has_weights(module) and id(module) not in called:
            unseen.append(name or type(module).__name__)
    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    bare = [a.name for a, b in itertools.pairwise(layers) if not a.activation and _unheard(b.given)]
    notes = []
    for found, words in (
        (unused, "the loss does not depend on the weights of"),
        (unseen, "used without being called, so that no z was seen:"),
        (bare, "something that is no known activation follows, and was not seen:"),
        (frozen, "frozen, and so without dL/dW:"),
    ):
        if found:
            rest = f" and {len(found) - 4} more" if len(found) > 4 else ""
            notes.append(f"{words} {', '.join(found[:4])}{rest}.")
    return notes


def _unheard(given: Any) -> bool:
    """Whether the last thing that happened to a tensor was a function, element by element, that has no name here."""
    node = getattr(given, "grad_fn", None)
    return node is not None and (hasattr(node, "_forward_cls") or bool(_ELEMENTWISE.match(node.name())))


# The findings


class _Seen(NamedTuple):
    """All that a finding is drawn from; ``at``: the table's columns; ``level``: the loss without what paths add up to."""

    at: dict[str, Any]
    limits: Limits
    loss: float
    chance: float
    factor: float
    squared: bool
    start: float
    outputs: Any
    y: Any
    level: float

    def finding(self, kind: str, place: int, sentence: str) -> Finding:
        return Finding(kind, str(self.at["layer"][place]), sentence, _HELP[kind])


def _findings(seen: _Seen) -> Iterator[Finding]:
    """What is wrong, causes first."""
    at, limits = seen.at, seen.limits
    wild = ~np.isfinite(at["z scale"] + at["h scale"])
    if wild.any() or not math.isfinite(seen.loss):
        what = "from here on z is" if wild.any() else "the loss is"
        yield seen.finding("not finite", int(wild.argmax()) if wild.any() else -1, f"{what} infinite or NaN.")
        return
    below = np.nan_to_num(at["dz"]).cumsum() - np.nan_to_num(
        at["dz"]
    )  # 0 where nothing reaches the layers before
    empty = [i for i, size in enumerate(at["weight"]) if i and size == 0 and below[i] == 0]
    end = empty[0] if empty else len(wild) - 1
    if empty and not _begins_at_zero(at):
        words = (
            "its weights are all 0, and no gradient reaches the layers before it: dL/dz is exactly 0 there."
        )
        yield seen.finding("gradient cut", end, words)
    dead = np.nan_to_num(at["dead"][:end]) > limits.dead + 1.5 / np.sqrt(at["width"][:end])
    if dead.any():
        worst = int(np.nanargmax(at["dead"][:end]))
        share = f"{_about(100 * at['dead'][worst])} % of {at['width'][worst]} units are off for every example"
        yield seen.finding("dead units", worst, share + _also(dead))
    lost = (at["lost"][:-1] > limits.lost) & np.isin(at["activation"][:-1], _BOUNDED)
    if lost.any():
        worst = int(np.argmax(np.where(lost, at["lost"][:-1], 0)))
        share = f"the slope is below 0.01 for {_about(100 * at['lost'][worst])} % of units and examples"
        yield seen.finding(
            "saturated", worst, f"{share}, with z's scale {_about(at['z scale'][worst])}" + _also(lost)
        )
    if not empty and not dead.any():
        yield from _gradient(seen)
        apart = np.sqrt(2 * (1 - at["correlation"][:-1]))
        start = seen.start if seen.start > 0 else apart[0] if len(apart) else 0
        late = apart[-4:]  # all of them: beside a path a single layer's z may hold little
        if np.isfinite(late).any() and np.nanmax(late) < limits.apart * start:
            words = (
                f"two inputs, {_about(start)} apart at the start, are {_about(np.nanmax(late))} apart here"
            )
            yield seen.finding("signals merge", -2, f"{words} or less (of √2 for unrelated ones).")
    if not _begins_at_zero(at):
        yield from _guessing(seen)
    if seen.level > (limits.squared if seen.squared else limits.loss) * seen.chance:
        words = f"the loss is {_about(seen.loss)}, and {_about(seen.chance)} if all outputs are alike."
        yield seen.finding("loss far from chance", -1, words)


def _begins_at_zero(at: Mapping[str, Any]) -> bool:
    """Whether the last layer's weights are all 0 and will not be after a step, as some draw a transformer's head."""
    return bool(len(at["weight"]) > 1 and at["weight"][-1] == 0 and at["dw"][-1] > 0)


def _gradient(seen: _Seen) -> Iterator[Finding]:
    """Vanishing, exploding: what happens to dL/dz on its way down, and to z on its way up."""
    sizes, limits, steps = seen.at["dz"], seen.limits, len(seen.at["dz"]) - 2
    alive = np.flatnonzero(sizes > 0)
    if (sizes == 0).any() and (not len(alive) or (sizes[: alive[0]] == 0).any()):
        words = "no gradient reaches the layers before it: dL/dz is exactly 0 there."
        yield seen.finding("vanishing", alive[0] if len(alive) else -1, words)
        return
    if steps < 2:
        return
    total = seen.factor**steps
    third = (steps + 3) // 3
    first, last = (np.nan_to_num(part).max() for part in (sizes[:third], sizes[-1 - third : -1]))
    left = min(total, first / last) if first > 0 and last > 0 else total
    growth = _trend(seen.at["z scale"][:-1]) ** -steps
    if left < limits.left:
        words = f"{_about(left)} of dL/dz is left from the last hidden layer to the first"
        yield seen.finding("vanishing", 0, f"{words}, a factor of {_about(left ** (1 / steps))} per layer.")
    if total > limits.grown:
        words = f"dL/dz is {_about(total)} times as large in the first layer as in the last hidden one"
        yield seen.finding("exploding", 0, f"{words}, a factor of {_about(seen.factor)} per layer.")
    elif growth > limits.grown:
        words = f"z is {_about(growth)} times as large as in the first layer"
        yield seen.finding(
            "exploding", steps, f"{words}, a factor of {_about(growth ** (1 / steps))} per layer."
        )


def _guessing(seen: _Seen) -> Iterator[Finding]:
    """One class for all: the outputs put it ahead whatever the input is."""
    logits = _logits(seen.outputs, seen.y)
    if logits is None or len(logits) < 8 or logits.shape[1] < 2:
        return
    logits, labels, classes = logits.detach().double(), seen.y.flatten(), logits.shape[1]
    guess = logits.argmax(1).bincount(minlength=classes)
    top, share = int(guess.argmax()), float(guess.max()) / len(logits)
    sure, mean = float(logits.softmax(1)[:, top].mean()), logits.mean(0)
    still = float((logits - mean).std()) < 0.03 * float((mean - mean.mean()).std())
    asked = float((labels == labels.mode().values).double().mean())
    if share >= seen.limits.guesses > asked and (sure > (1 + 1 / classes) / 2 or still):
        words = f"class {top} is guessed for {_about(100 * share)} % of the inputs, with a probability of {_about(sure)}."
        yield seen.finding("guesses one class", -1, words)


def _also(layers: Any) -> str:
    return f"; so it is in {layers.sum()} layers." if layers.sum() > 1 else "."


def _about(number: float) -> str:
    """The number with two digits, behind the sign for what may differ between machines."""
    if not math.isfinite(number):
        return str(number)
    return (
        f"≈ {number:.2g}"
        if 1e-3 <= abs(number) < 100 or number == 0
        else f"≈ {number:.0e}"
        if abs(number) < 1
        else f"≈ {number:.3g}"
    )


def _shape(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"shape {list(value.shape)} of {value.dtype}"
    if isinstance(value, tuple | list | dict):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def _short(name: str) -> str:
    return name if len(name) <= 26 else "…" + name[-25:]


def _room(ax: Any) -> None:
    """At least a decade on a logarithmic axis, and its ticks at powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = ax.get_xlim()
    decades = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ax.set_xlim(10.0 ** decades[0], 10.0 ** decades[1])
    ax.xaxis.set_major_locator(LogLocator(numticks=4))
    ax.xaxis.set_minor_formatter(NullFormatter())


# Over training


class Watch:
    """What :func:`watch` hands out: call :meth:`step` after each step of the optimiser.

    Attributes:
        reports: step -> :class:`Report`, the start as step 0.
        table: a row for each look and layer: step, layer, and of that moment's table factor, dz, dead, zeros, lost and z
            scale; update: norm of the change of the layer's weights in the step before, over that of the weights.
    """

    def __init__(
        self, model: nn.Module, x: Any, y: Any, loss: Loss | None, every: int, limits: Limits | None
    ) -> None:
        self._look: Callable[[], Report] = lambda: examine(model, x, y, loss, limits)
        self._every, self._count = checks.whole("every", every), 0
        self.reports: dict[int, Report] = {0: self._look()}
        self._model, self._updates = model, {0: dict[str, float]()}
        self._before = self._weights()

    def step(self) -> None:
        """One step of training is done. Every ``every`` steps the network is looked at."""
        self._count += 1
        if self._count % self._every == 0:
            now = self._weights()
            self._updates[self._count] = {
                name: float((now[name] - old).norm() / old.norm()) if old.any() else math.nan
                for name, old in self._before.items()
            }
            self.reports[self._count] = self._look()
        if (self._count + 1) % self._every == 0:
            self._before = self._weights()

    @property
    def findings(self) -> list[Finding]:
        """Those of the latest look."""
        return self.reports[max(self.reports)].findings

    @property
    def table(self) -> pd.DataFrame:
        """See the class."""
        kept = ["layer", "factor", "dz", "dead", "zeros", "lost", "z scale"]
        parts = []
        for step, report in self.reports.items():
            part = pd.DataFrame({"step": step, **{name: report.columns[name] for name in kept}})
            names = part["layer"].str.replace(r" \(call \d+\)$", "", regex=True)
            parts.append(part.assign(update=names.map(pd.Series(self._updates[step], dtype=float))))
        return pd.concat(parts, ignore_index=True)

    def _weights(self) -> dict[str, Tensor]:
        return {
            name: torch.cat(
                [p.detach().flatten() for p in module._parameters.values() if p is not None and p.ndim > 1]
            ).clone()
            for name, module in self._model.named_modules()
            if any(p is not None and p.ndim > 1 for p in module._parameters.values())
        }

    def __str__(self) -> str:
        """Each step at which what is found changed."""
        found = {
            step: ", ".join(dict.fromkeys(f.kind for f in report.findings))
            for step, report in self.reports.items()
        }
        lines, before = [], None
        for step, kinds in found.items():
            lines += [f"after {step} steps: {kinds or 'nothing found'}"] if kinds != before else []
            before = kinds
        return "\n".join(lines)

    __repr__ = __str__

    def show(self) -> None:
        """The heat maps and the words in a notebook, the words in a terminal."""
        if "IPython" in sys.modules and sys.modules["IPython"].get_ipython():
            plots.show(
                self.draw(),
                "Four maps, layers against steps: factor of dL/dz, update over weight, zeros, dead units.",
            )
        print(self)

    def draw(self, title: str = "What each layer did over training") -> Figure:
        """Four maps, layer by step: the factor of dL/dz, update over weight, shares of zeros and of dead units."""
        table = self.table
        layers = list(dict.fromkeys(table["layer"]))
        size = (7.2, min(max(3.6, 2.2 + 0.24 * len(layers)), 9.0))
        figure, grid = plots.axes(
            title,
            "Layers from the input (top) to the output.",
            columns=2,
            rows=2,
            size=size,
            sharex=True,
            sharey=True,
        )
        for ax, (column, label, colours, low, high) in zip(grid.flat, _MAPS, strict=True):
            wide = table.pivot_table(
                index="layer", columns="step", values=column, sort=False, dropna=False
            ).loc[layers]
            values = wide.to_numpy(dtype=float, copy=True)
            if low < 0:
                with np.errstate(divide="ignore"):
                    values = np.log10(values)
            drawn = ax.pcolormesh(
                range(values.shape[1] + 1), range(len(layers) + 1), values, cmap=colours, vmin=low, vmax=high
            )
            figure.colorbar(drawn, ax=ax, pad=0.02)
            ax.set_title(label, fontsize=9.5)
            ax.set_facecolor("0.9")
        steps = sorted(self.reports)
        shown = range(0, len(steps), math.ceil(len(steps) / 6))
        grid[0, 0].set_xticks([i + 0.5 for i in shown], [str(steps[i]) for i in shown])
        grid[0, 0].set_yticks(
            [i + 0.5 for i in range(len(layers))], [_short(name) for name in layers], fontsize=8
        )
        grid[0, 0].set_ylim(len(layers), 0)
        for ax in grid[1]:
            ax.set_xlabel("training steps")
        return figure


_MAPS = (
    ("factor", "factor of dL/dz, log10", "PuOr", -1, 1),
    ("update", "update over weight, log10", "viridis", -5, -1),
    ("zeros", "share of zeros", "viridis", 0, 1),
    ("dead", "share of dead units", "viridis", 0, 1),
)


def watch(
    model: nn.Module, x: Any, y: Any, loss: Loss | None = None, every: int = 1, limits: Limits | None = None
) -> Watch:
    """Look at a network over a training run, on the same examples each time: before it, and every ``every`` steps.

    Arguments and errors as :func:`examine`; ``every`` at least 1. A look costs one forward and one backward pass and leaves
    the run as it is: training goes on with the same numbers as without.
    """
    return Watch(model, x, y, loss, every, limits)

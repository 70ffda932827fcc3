"""Steps: one training step of many networks at once, its backward pass written by hand.

What autograd would compute, to rounding, in buffers that every step uses again: products write where the next operation
reads, activations and their slopes work in place, and all parameters lie in one flat tensor, as do all gradients, so that
an optimiser needs a few large operations. An activation without a kernel here goes through autograd for itself alone.

Tried on one core of an AMD EPYC and left out, because it did not pay: the networks in chunks whose numbers fit the
second-level cache (170 of 4 x 32 in chunks of 34 or fewer: 10 to 20 % slower, the many small calls cost more than the
nearness gives; in halves, equal); batch norm alone in such chunks (5 to 40 % slower); examples last instead of units
(products up to 60 % slower); a column of ones instead of a bias (products 5 to 30 % slower; adding the bias costs
nothing); torch's own batch norm, which wants every unit of every network in one row (its backward pass takes three times
as long as the one here); torch's fused SGD (8 to 20 % of the update, a hundredth of the step, for a private function). What remains
between a step and the sum of its parts is mostly that the products find their numbers in a farther cache than alone.

N networks, B examples of a batch, C classes, depth and width as in :mod:`course_utils.networks`. Networks that see the
same examples are a group.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_utils import activations
from course_utils.activations import Activation
from course_utils.networks import BN_EPS, BN_MOMENTUM, LN_EPS, Networks, Run

__all__ = ["Flat", "Step"]

ALIGNED = 16  # numbers: each part of a flat tensor begins where a line of the processor's cache does
aten: Any = torch.ops.aten


class Flat:
    """All parameters of some networks (or their gradients, or an optimiser's moments) in one tensor.

    The first layer's weights lie apart for each group, so that one large product serves it. The last layer's are
    transposed: a product with C rows takes less time than one with C columns.

    Args:
        networks: whose parameters they are.
        group: [N], each network's group, 0 ... groups-1.

    Attributes:
        all: the tensor; zeros at first.
        first: its parts, one [inputs, members * width] for each group.
        rest: its other parts by name: hidden, bias and perhaps scale, shift, alpha as in Networks; last [N, C, width];
            last_bias [N, C, 1].
        members: of each group, [members].
    """

    def __init__(self, networks: Networks, group: Tensor) -> None:
        self.members = [(group == g).nonzero().view(-1) for g in range(int(group.max()) + 1)]
        self._shape = (networks.inputs, len(networks), networks.width)
        shapes: list[tuple[int, ...]] = [
            (networks.inputs, len(each) * networks.width) for each in self.members
        ]
        names = [name for name in networks.parameters if name != "first"]
        shapes += [_turned(name, networks.parameters[name]).shape for name in names]
        ends, end = [], 0
        for shape in shapes:
            ends.append(end + math.prod(shape))
            end = -(-ends[-1] // ALIGNED) * ALIGNED
        self.all = torch.zeros(end, dtype=networks.dtype, device=networks.device)
        parts = [
            self.all[end - math.prod(shape) : end].view(shape)
            for shape, end in zip(shapes, ends, strict=True)
        ]
        self.first = parts[: len(self.members)]
        self.rest = dict(zip(names, parts[len(self.members) :], strict=True))

    def read(self, parameters: dict[str, Tensor]) -> "Flat":
        """Take over the values of tensors named and shaped as Networks.parameters."""
        columns = parameters["first"].detach().view(self._shape)
        for members, part in zip(self.members, self.first, strict=True):
            part.copy_(columns[:, members].flatten(1))
        for name, part in self.rest.items():
            part.copy_(_turned(name, parameters[name].detach()))
        return self

    def write(self, parameters: dict[str, Tensor]) -> None:
        """Give the values to tensors named and shaped as Networks.parameters."""
        columns = parameters["first"].detach().view(self._shape)
        for members, part in zip(self.members, self.first, strict=True):
            columns[:, members] = part.view(len(part), len(members), -1)
        for name, part in self.rest.items():
            _turned(name, parameters[name].detach()).copy_(part)

    def fill(self, numbers: Tensor) -> "Flat":
        """Every entry becomes the number of its network; numbers [N]."""
        for members, part in zip(self.members, self.first, strict=True):
            part.view(len(part), len(members), -1).copy_(numbers[members].view(-1, 1))
        for part in self.rest.values():
            part.copy_(numbers.view(-1, 1, 1))
        return self


def _turned(name: str, tensor: Tensor) -> Tensor:
    return tensor.transpose(1, 2) if name in ("last", "last_bias") else tensor


class _Kernel(NamedTuple):
    """An activation that writes where it is told, and its backward pass in place.

    ``value(z, out)``: ``out`` may be z. ``backward(grad, z, h)``: grad becomes the gradient by z. ``needs_z``: False when
    backward reads h alone, so that h may lie where z was.
    """

    value: Callable[[Tensor, Tensor], object]
    backward: Callable[[Tensor, Tensor, Tensor], object]
    needs_z: bool = False


def _kernels() -> dict[Callable[[Tensor], Tensor], _Kernel]:
    """By the function that is the activation's value, so that another activation of the same name finds none."""
    leak = activations.LEAK
    kernels = {
        "relu": _Kernel(
            lambda z, out: aten.clamp_min.out(z, 0, out=out),
            lambda grad, z, h: aten.threshold_backward.grad_input(grad, h, 0, grad_input=grad),
        ),
        "leaky_relu": _Kernel(
            lambda z, out: aten.leaky_relu.out(z, leak, out=out),
            lambda grad, z, h: aten.leaky_relu_backward.grad_input(grad, h, leak, True, grad_input=grad),
        ),
        "sigmoid": _Kernel(
            lambda z, out: aten.sigmoid.out(z, out=out),
            lambda grad, z, h: aten.sigmoid_backward.grad_input(grad, h, grad_input=grad),
        ),
        "tanh": _Kernel(
            lambda z, out: aten.tanh.out(z, out=out),
            lambda grad, z, h: aten.tanh_backward.grad_input(grad, h, grad_input=grad),
        ),
        "elu": _Kernel(
            lambda z, out: aten.elu.out(z, out=out),
            lambda grad, z, h: aten.elu_backward.grad_input(grad, 1, 1, 1, True, h, grad_input=grad),
        ),
        "softplus": _Kernel(
            lambda z, out: aten.softplus.out(z, 1, 40, out=out),
            lambda grad, z, h: aten.softplus_backward.grad_input(grad, z, 1, 40, grad_input=grad),
            needs_z=True,
        ),
        "gelu": _Kernel(
            lambda z, out: aten.gelu.out(z, out=out),
            lambda grad, z, h: aten.gelu_backward.grad_input(grad, z, grad_input=grad),
            needs_z=True,
        ),
        "silu": _Kernel(
            lambda z, out: aten.silu.out(z, out=out),
            lambda grad, z, h: aten.silu_backward.grad_input(grad, z, grad_input=grad),
            needs_z=True,
        ),
        "identity": _Kernel(lambda z, out: out.copy_(z), lambda grad, z, h: None),
    }
    return {activations.get(name).value: kernel for name, kernel in kernels.items()}


_KERNELS = _kernels()


class _Unknown:
    """The kernel of an activation that has none: autograd, for this one operation."""

    needs_z = True

    def __init__(self, activation: Activation) -> None:
        self.activation = activation

    def value(self, z: Tensor, out: Tensor) -> None:
        with torch.enable_grad():
            self.z = z.clone().requires_grad_()  # its neighbours write into the tensor that z is a part of
            self.h = self.activation(self.z)
        out.copy_(self.h.detach())

    def backward(self, grad: Tensor, z: Tensor, h: Tensor) -> None:
        (gradient,) = torch.autograd.grad(self.h, self.z, grad, materialize_grads=True)
        grad.copy_(gradient)
        del self.z, self.h


class _Neighbours:
    """One layer of one run of networks that are alike: normalisation and activation, forward and back.

    Args:
        networks, run: which networks.
        layer: 0 ... depth-1.
        parameters, gradients: flat.
        stream: [N, B, width], what the layer is given, h W + b with the residual path's sum.
        hidden: [N, B, width], where its h goes; may be ``stream``.
        spare: [N, B, width], of no use after a call.
    """

    def __init__(
        self,
        networks: Networks,
        run: Run,
        layer: int,
        parameters: Flat,
        gradients: Flat,
        stream: Tensor,
        hidden: Tensor,
        spare: Tensor,
    ) -> None:
        self.run, self.stream, self.h = run, stream[run.slice], hidden[run.slice]
        self.spare = spare[: len(self.h)]
        self.kernel: _Kernel | _Unknown = _KERNELS.get(run.activation.value) or _Unknown(run.activation)
        self.z = self.stream
        if run.norm == "none":
            return
        # Normalised, but for the std with batch norm, which has no other use for the stream unless there is a residual path.
        over = run.norm == "batch" and not run.residual
        self.flat = self.stream if over else torch.empty_like(self.stream)
        self.z = torch.empty_like(self.stream) if self.kernel.needs_z else self.h
        self.running = [each[layer, run.slice] for each in (networks.running_mean, networks.running_var)]
        (self.scale, self.scale_grad), (self.shift, self.shift_grad) = (
            [each.rest[name][layer, run.slice] for each in (parameters, gradients)]
            for name in ("scale", "shift")
        )
        if run.norm == "dyt":
            self.alpha, self.alpha_grad = (
                each.rest["alpha"][layer, run.slice] for each in (parameters, gradients)
            )

    def forward(self) -> None:
        """From the stream to h."""
        if self.run.norm == "batch":
            self._batch_norm()
        elif self.run.norm == "layer":
            shape = [self.stream.shape[2]]
            flat, self.mean, self.inverse = aten.native_layer_norm(self.stream, shape, None, None, LN_EPS)
            self.flat = flat
            torch.addcmul(self.shift, flat, self.scale, out=self.z)
        elif self.run.norm == "dyt":
            torch.tanh(torch.mul(self.stream, self.alpha, out=self.flat), out=self.flat)
            torch.addcmul(self.shift, self.flat, self.scale, out=self.z)
        self.kernel.value(self.z, self.h)

    def backward(self, grad: Tensor) -> None:
        """From the gradient by h to that by the stream, in place; scale and shift get theirs."""
        self.kernel.backward(grad, self.z, self.h)
        if self.run.norm == "none":
            return
        torch.sum(grad, 1, True, out=self.shift_grad)
        torch.mul(grad, self.flat, out=self.spare)
        if self.run.norm == "batch":
            torch.mul(torch.sum(self.spare, 1, True), self.inverse, out=self.scale_grad)
            share = -1 / grad.shape[1]
            torch.addcmul(self.shift_grad * self.slope * share, grad, self.slope, out=grad)
            grad.addcmul_(self.flat, self.scale_grad * self.slope * self.inverse, value=share)
            return
        torch.sum(self.spare, 1, True, out=self.scale_grad)
        by_flat, shape = torch.mul(grad, self.scale, out=self.spare), [grad.shape[2]]
        if self.run.norm == "dyt":
            aten.tanh_backward.grad_input(by_flat, self.flat, grad_input=grad)
            torch.sum(torch.mul(grad, self.stream, out=self.spare), (1, 2), True, out=self.alpha_grad)
            grad.mul_(self.alpha)
            return
        by_stream, *_ = aten.native_layer_norm_backward(
            by_flat, self.stream, shape, self.mean, self.inverse, None, None, [True, False, False]
        )
        grad.copy_(by_stream)

    def _batch_norm(self) -> None:
        """Mean and variance over the batch; the running ones move."""
        count, (running_mean, running_var) = self.stream.shape[1], self.running
        mean = torch.mean(self.stream, 1, True)
        torch.sub(self.stream, mean, out=self.flat)
        squares = torch.mul(self.flat, self.flat, out=self.spare).sum(1, True)
        self.inverse = (squares / count).add_(BN_EPS).rsqrt_()
        self.slope = self.scale * self.inverse
        torch.addcmul(self.shift, self.flat, self.slope, out=self.z)
        running_mean.lerp_(mean, BN_MOMENTUM)
        running_var.mul_(1 - BN_MOMENTUM).add_(squares, alpha=BN_MOMENTUM / (count - 1))


class Step:
    """Losses and gradients of all networks on one batch, without autograd.

    Args:
        networks: their running statistics move; their parameters stay.
        group: [N], each network's group.
        batch_size: B.
        weight: [N], by which each network's gradient is multiplied; default: 1.

    Attributes:
        parameters: a copy of the networks', to be changed by an optimiser.
        gradients: those of the last call, of loss and l1 penalty.
    """

    def __init__(
        self, networks: Networks, group: Tensor, batch_size: int, weight: Tensor | None = None
    ) -> None:
        count, depth, width = len(networks), networks.depth, networks.width

        def empty(*shape: int) -> Tensor:
            return torch.empty(shape, dtype=networks.dtype, device=networks.device)

        self.parameters = Flat(networks, group).read(networks.parameters)
        self.gradients = Flat(networks, group)
        weight = empty(count).fill_(1) if weight is None else weight
        self._weight = (weight / batch_size).view(-1, 1, 1)
        penalties = empty(count).copy_(
            torch.tensor([design.l1 for design in networks.designs], dtype=torch.float64, device="cpu")
        )
        self._penalty = penalties.view(-1, 1, 1) * self._weight if bool(penalties.any()) else None
        self._columns = [empty(batch_size, part.shape[1]) for part in self.parameters.first]
        self._places = list(_places(self.parameters.members, self._columns, width))
        self._outputs, self._logs = (empty(count, networks.outputs, batch_size) for _ in range(2))
        self._grads = [empty(count, batch_size, width) for _ in range(2)]
        self._streams = [empty(count, batch_size, width) for _ in range(depth)]
        runs = networks._runs
        rest, steep = self.parameters.rest, self.gradients.rest
        self._bias, self._hidden_weights = rest["bias"].unbind(0), rest["hidden"].unbind(0)
        self._turned_weights = rest["hidden"].transpose(2, 3).unbind(0)
        self._bias_grads, self._weight_grads = steep["bias"].unbind(0), steep["hidden"].unbind(0)
        self._residual = [run.slice for run in runs if run.residual]
        # Batch norm takes every bias out again, so that its gradient is 0 but for rounding; that is what it stays here.
        self._shifted = [run.slice for run in runs if run.norm != "batch" or run.residual]
        if len(self._shifted) == len(runs):
            self._shifted = [slice(None)]
        kernels = [_KERNELS.get(run.activation.value) for run in runs]
        # Where nobody asks for the stream again, h is written over it.
        lean = all(
            k and not k.needs_z and r.norm == "none" and not r.residual
            for k, r in zip(kernels, runs, strict=True)
        )
        self._hidden = self._streams if lean else [torch.empty_like(each) for each in self._streams]
        self._turned = [each.transpose(1, 2) for each in self._hidden]
        spare = torch.empty_like(self._grads[0]) if "scale" in self.parameters.rest else self._grads[0]
        self._layers = [
            [
                _Neighbours(networks, run, layer, self.parameters, self.gradients, stream, h, spare)
                for run in runs
            ]
            for layer, (stream, h) in enumerate(zip(self._streams, self._hidden, strict=True))
        ]

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """The losses [N] in nats, penalties apart, of the batch x [groups, B, inputs], y [N, B]; the gradients are set."""
        with torch.no_grad():
            self._forward(x)
            losses = self._loss(y.unsqueeze(1))
            self._backward(x)
        return losses

    def _forward(self, x: Tensor) -> None:
        for mine, weights, z in zip(x, self.parameters.first, self._columns, strict=True):
            torch.mm(mine, weights, out=z)
        for place, z in self._places:
            torch.add(z, self._bias[0][place], out=self._streams[0][place])
        for layer, neighbours in enumerate(self._layers):
            for each in neighbours:
                each.forward()
            if layer + 1 < len(self._layers):
                stream = self._streams[layer + 1]
                torch.baddbmm(
                    self._bias[layer + 1], self._hidden[layer], self._hidden_weights[layer], out=stream
                )
                for run in self._residual:
                    stream[run].add_(self._streams[layer][run])

    def _loss(self, labels: Tensor) -> Tensor:
        """The losses [N]; the outputs' place then holds the gradient by the outputs, [N, C, B]. labels [N, 1, B]."""
        outputs, logs, rest = self._outputs, self._logs, self.parameters.rest
        torch.baddbmm(rest["last_bias"], rest["last"], self._turned[-1], out=outputs)
        aten._log_softmax.out(outputs, 1, False, out=logs)
        losses: Tensor = logs.gather(1, labels).mean((1, 2)).neg_()
        torch.exp(logs, out=outputs)  # the probabilities
        outputs.scatter_add_(1, labels, outputs.new_full((), -1).expand(labels.shape))
        outputs.mul_(self._weight)
        return losses

    def _backward(self, x: Tensor) -> None:
        rest, g = self.parameters.rest, self.gradients
        torch.bmm(self._outputs, self._hidden[-1], out=g.rest["last"])
        torch.sum(self._outputs, 2, True, out=g.rest["last_bias"])
        now, before = self._grads
        torch.bmm(self._outputs.transpose(1, 2), rest["last"], out=now)
        for layer in reversed(range(len(self._layers))):
            if self._penalty is not None:
                now.addcmul_(self._hidden[layer].sign(), self._penalty)
            for each in self._layers[layer]:
                each.backward(now[each.run.slice])
            if layer + 1 < len(self._layers):
                for run in self._residual:
                    now[run].add_(before[run])
            for run in self._shifted:
                torch.sum(now[run], 1, True, out=self._bias_grads[layer][run])
            if layer:
                torch.bmm(self._turned[layer - 1], now, out=self._weight_grads[layer - 1])
                torch.bmm(now, self._turned_weights[layer - 1], out=before)
                now, before = before, now
        for place, z in self._places:
            z.copy_(now[place])
        for mine, weights, z in zip(x, g.first, self._columns, strict=True):
            torch.mm(mine.t(), z, out=weights)


def _places(members: list[Tensor], columns: list[Tensor], width: int) -> Iterator[tuple[slice, Tensor]]:
    """Which networks, and where their part of the first layer's products [B, members * width] lies, as [some, B, width].

    A slice may step: the networks of a group often lie at equal distances.
    """
    for group, product in zip(members, columns, strict=True):
        whole, numbers, start = product.view(len(product), -1, width).transpose(0, 1), group.tolist(), 0
        while start < len(numbers):
            step = numbers[start + 1] - numbers[start] if start + 1 < len(numbers) else 1
            end = start + 1
            while end < len(numbers) and numbers[end] - numbers[end - 1] == step:
                end += 1
            yield slice(numbers[start], numbers[end - 1] + 1, step), whole[start:end]
            start = end

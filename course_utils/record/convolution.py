"""Convolution: many small convolutional networks computed side by side, as grouped convolutions.

N networks of ``depth`` convolutional layers with C channels each, 3 x 3, bias and activation; the first has a stride of 2. Then the
largest of each 2 x 2 pixels, and a linear layer to the classes. Equal to the same layers of torch.nn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils import activations, checks, machine, training
from course_utils.data import CLASSES, Dataset
from course_utils.machine import SINGLE
from course_utils.networks import Design

__all__ = ["Stack", "Trained", "train"]


class Stack:
    """N convolutional networks. Weights have standard deviation gain / sqrt(fan_in), the last layer's gain 1; biases are 0.

    Args:
        designs: one per network: activation, seed, gain (a number, "he" or "xavier") and learning rate count. Networks of one
            activation should be neighbours.
        side: of the square images, at least 4.
        depth: convolutional layers, at least 1. channels: of each; default 8.

    Attributes:
        weights: [N * channels, inputs per network, 3, 3] for each layer. biases: [N * channels]. last [N, features, 10] and
            last_bias [N, 1, 10].

    Raises:
        ValueError: a design with a norm, residual paths, biases or PyTorch's default; a size out of range.
    """

    def __init__(self, designs: Sequence[Design], side: int, depth: int, channels: int = 8) -> None:
        checks.whole("side", side, 4)
        checks.whole("depth", depth)
        checks.whole("channels", channels)
        for design in designs:
            if design.norm != "none" or design.residual or design.bias or design.gain == "pytorch":
                raise ValueError(f"convolutional networks are plain, with biases of 0, got {design!r}")
        self.designs, self.side, self.depth, self.channels = list(designs), side, depth, channels
        small = (side + 1) // 2
        self.features = channels * (small // 2) ** 2
        draws = [torch.Generator().manual_seed(design.seed) for design in designs]
        gains = [design.std_times_root_fan_in for design in designs]

        def draw(*shape: int, fan_in: int, plain: bool = False) -> Tensor:
            each = [
                torch.randn(*shape, generator=one, **SINGLE) * ((1.0 if plain else gain) / math.sqrt(fan_in))
                for one, gain in zip(draws, gains, strict=True)
            ]
            return torch.stack(each)

        sizes = [1] + [channels] * (depth - 1)
        self.weights = [draw(channels, size, 3, 3, fan_in=9 * size).flatten(0, 1) for size in sizes]
        self.biases = [torch.zeros(len(designs) * channels, **SINGLE) for _ in sizes]
        self.last = draw(self.features, len(CLASSES), fan_in=self.features, plain=True)
        self.last_bias = torch.zeros(len(designs), 1, len(CLASSES), **SINGLE)
        for parameter in self.parameters():
            parameter.requires_grad_()

    def parameters(self) -> list[Tensor]:
        """All that is trained."""
        return [*self.weights, *self.biases, self.last, self.last_bias]

    def __call__(self, images: Tensor) -> Tensor:
        """Outputs [N, B, 10] for images [N, B, side * side], each network its own, or [B, side * side] for all."""
        count = len(self.designs)
        own = images.expand(count, *images.shape[-2:])
        h = own.transpose(0, 1).reshape(-1, count, self.side, self.side)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = torch.nn.functional.conv2d(h, weight, bias, stride=1 + (layer == 0), padding=1, groups=count)
            h = self._activate(z)
        pooled = torch.nn.functional.max_pool2d(h, 2)
        flat = pooled.reshape(len(pooled), count, self.features).transpose(0, 1)
        return torch.baddbmm(self.last_bias, flat, self.last)

    def _activate(self, z: Tensor) -> Tensor:
        """Each network's activation on its own channels of z, [B, N * channels, ...]."""
        found, start = [], 0
        names = [activations.get(design.activation) for design in self.designs]
        for end in range(1, len(names) + 1):
            if end == len(names) or names[end] != names[start]:
                found.append(names[start](z[:, start * self.channels : end * self.channels]))
                start = end
        return torch.cat(found, 1) if len(found) > 1 else found[0]


@dataclass(frozen=True)
class Trained:
    """What came of a training run: losses (nats) and errors (0..1) of each step's batch, [steps, N]."""

    losses: Tensor
    errors: Tensor


def train(
    stack: Stack,
    data: Dataset,
    *,
    epochs: int = 3,
    batch_size: int = 100,
    optimiser: str = "sgd",
    cooldown: float = 0.0,
) -> Trained:
    """Train in place as training.train does: SGD with momentum 0.9 or Adam, each seed its own order of the examples.

    ValueError for another optimiser, or sizes out of range.
    """
    checks.among("optimiser", optimiser, ("sgd", "adam"))
    checks.whole("epochs", epochs)
    checks.whole("batch_size", batch_size, 1, len(data), "examples")
    checks.number("cooldown", cooldown, 0, 1)
    parameters = stack.parameters()
    rates = [_rates(stack, parameter) for parameter in parameters]
    kept = [[torch.zeros_like(p, requires_grad=False) for p in parameters] for _ in range(2)]
    orders = training._Orders.of([d.seed for d in stack.designs], len(stack.designs), torch.device("cpu"))
    end = epochs * (len(data) // batch_size)
    losses, errors = [], []
    with machine.threads(1), machine.flushed():
        for step, batch in enumerate(orders.batches(len(data), batch_size, 0, epochs)):
            own = batch[orders.group]
            outputs, labels = stack(data.images[own]), data.labels[own]
            each = training._cross_entropy(outputs, labels).mean(1)
            gradients = torch.autograd.grad(each.sum(), parameters)
            losses.append(each.detach())
            errors.append((outputs.detach().argmax(2) != labels).double().mean(1))
            share = training.falling(step, end, cooldown)
            with torch.no_grad():
                for p, g, rate, first, second in zip(parameters, gradients, rates, *kept, strict=True):
                    if optimiser == "sgd":
                        p.sub_(rate * share * first.mul_(training.MOMENTUM).add_(g))
                        continue
                    a, b = training.BETAS
                    first.lerp_(g, 1 - a)
                    second.mul_(b).addcmul_(g, g, value=1 - b)
                    scale = (second / (1 - b ** (step + 1))).sqrt_().add_(training.EPS)
                    p.sub_(rate * share / (1 - a ** (step + 1)) * first / scale)
    return Trained(torch.stack(losses), torch.stack(errors))


def _rates(stack: Stack, parameter: Tensor) -> Tensor:
    """Each network's learning rate, in a shape that broadcasts over a parameter."""
    rates = torch.tensor([design.learning_rate for design in stack.designs], **SINGLE)
    each = rates.repeat_interleave(len(parameter) // len(rates))
    return each.view(-1, *[1] * (parameter.ndim - 1))

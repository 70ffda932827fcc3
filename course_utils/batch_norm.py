"""Batch norm: what can be turned to make the gradients of a network with batch norm grow more, or less."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_utils import checks, machine, theory
from course_utils.activations import Activation
from course_utils.networks import Design, Networks

__all__ = ["level", "outliers", "with_growth"]


def with_growth(family: Callable[[float], Activation], growth: float, low: float, high: float) -> Activation:
    """The member of a family of activations whose gradients grow by ``growth`` per layer with batch norm.

    The growth (theory.batch_norm_growth) must rise or fall all the way from ``family(low)`` to ``family(high)``; it is
    found by bisection. E.g. ``with_growth(activations.shifted, 1.05, 0, 6)``: what ReLU after batch norm is when batch
    norm's shift starts there; ``with_growth(activations.get("sigmoid").steeper, 1.15, 1, 12)``: what the sigmoid is
    when batch norm's scale starts at its slope.

    ValueError for a growth that no member from ``low`` to ``high`` has.
    """
    start, end = (theory.batch_norm_growth(family(x)) for x in (low, high))
    checks.number("growth", growth, min(start, end), max(start, end))
    for _ in range(45):
        middle = (low + high) / 2
        if (theory.batch_norm_growth(family(middle)) > growth) == (
            start > end
        ):  # an end lies beyond every middle
            low = middle
        else:
            high = middle
    return family((low + high) / 2)


def level(networks: Networks, growth: float) -> None:
    """Enlarge the weights of layer l of L by growth^((L - l) / 2), in place, first layer l = 1.

    Batch norm undoes the scale of the weights: what the networks compute stays the same, and so does dL/dz. But a step
    of SGD, relative to the weights it changes, becomes smaller by the square of the scale: where dL/dz grows by
    ``growth`` per layer toward the input, all layers then move by the same share of their weights.

    ValueError: a network without batch norm in it, or a growth that is not a finite number above 0.
    """
    checks.number("growth", growth, above=0)
    if any(d.norm != "batch" or d.residual for d in networks.designs):
        raise ValueError(
            "only with batch norm in all networks, and no residual paths, do weights have no scale"
        )
    with torch.no_grad():
        networks.parameters["first"] *= growth ** ((networks.depth - 1) / 2)
        for layer in range(1, networks.depth):
            networks.parameters["hidden"][layer - 1] *= growth ** ((networks.depth - 1 - layer) / 2)


def outliers(designs: Sequence[Design], images: Tensor, depth: int, width: int) -> Tensor:
    """How much of each layer's squared z the one image with most of it has, at init; float64 [depth, N].

    1/B where all B images have equal parts, 1 where one has all. Batch norm uses the batch of these images.

    Raises:
        ValueError: as Networks and Networks.trace.
    """
    networks = Networks(designs, images.shape[-1], depth, width)
    with torch.inference_mode(), machine.threads():
        z = networks.trace(images, training=networks.normalised).z
        squares = torch.stack([layer.double().square().sum(2) for layer in z])
    share: Tensor = squares.amax(2) / squares.sum(2)
    return share

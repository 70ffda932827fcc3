"""Dying: networks born dead, what makes units dead at init, who dies and who comes back during training.

A unit is *dead* when it is off, h exactly 0, for every image of the training set (:mod:`~course_utils.units`
counts them). A network is *born dead* when a whole layer is dead before the first step: its output is then the
same for every input, and no gradient passes. N networks, depth hidden layers, width units each.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
import torch
from torch import Tensor

from course_utils import activations, machine, training, units
from course_utils.activations import Activation
from course_utils.data import Dataset
from course_utils.networks import Design, Networks, grid
from course_utils.units import Firing

__all__ = [
    "Run",
    "born_dead",
    "constant_bound",
    "dead_by_count",
    "default_init",
    "leaky",
    "lift",
    "off_per_image",
    "parameters_of",
    "run",
    "turnover",
    "without_slope",
    "wound",
]

_WEIGHTS_AT_ONCE = 2**22  # of one layer of all networks, 16 MB in float32
_UNITS_AT_ONCE = 2**21  # of one layer, for a chunk of images
_THREADS = 1  # the products of one image are small: a second thread mostly waits


def born_dead(
    width: int, depth: int, count: int = 4000, examples: int = 1, inputs: int | None = None, seed: int = 0
) -> Tensor:
    """In how many of ``count`` random ReLU networks some layer up to the l-th is off for all examples.

    Weights are Gaussian, biases 0; the scale plays no part in who is on. Each network gets Gaussian inputs of
    its own. A network that is lost stays lost, and is not computed any further.

    Args:
        width: units in every layer, at least 1.
        depth: hidden layers, at least 1.
        count: networks, all computed as one batched product; default 4000.
        examples: inputs per network. 1 (default): the exact law is theory.born_dead. More: the network is then
            a constant on all of them, which is rarer.
        inputs: numbers per example; default ``width``.
        seed: of the weights and inputs.

    Returns:
        [depth], int64: networks lost in layer 1, in layers 1 to 2, ... A share is this over ``count``.

    Raises:
        ValueError: a size below 1, or a seed below 0.
    """
    given = {"width": width, "depth": depth, "count": count, "examples": examples}
    if inputs is not None:
        given["inputs"] = inputs
    for name, number in given.items():
        _whole(number, name, 1)
    _whole(seed, "seed", 0)
    generator, features = torch.Generator().manual_seed(seed), inputs or width
    step = max(1, _WEIGHTS_AT_ONCE // (max(width, features) * max(width, examples)))
    lost = torch.zeros(depth, dtype=torch.int64)
    with machine.threads(_THREADS), torch.no_grad():
        for start in range(0, count, step):
            h = torch.randn(min(step, count - start), examples, features, generator=generator)
            for layer in range(depth):
                weights = torch.randn(len(h), h.shape[2], width, generator=generator)
                h = torch.relu(torch.bmm(h, weights.div_(math.sqrt(h.shape[2] / 2))))
                alive = (h > 0).flatten(1).any(1)
                lost[layer:] += int((~alive).sum())
                h = h[alive]
                if not len(h):
                    break
    return lost


def constant_bound(width: int, depth: int) -> float:
    """A lower bound of the probability that a ReLU network with one input number and no biases is a constant.

    With L = depth + 1, a = 1 - 2^-N and b = 1 - 2^(1-N) - (N-1) 4^-N: 1 - a^(L-2) + (1 - 2^(1-N)) (1 - 2^-N) /
    (1 + (N-1) 2^-N) (b^(L-2) - a^(L-2)). After Lu, Shin, Su & Karniadakis (Commun. Comput. Phys. 28, 2020,
    arXiv:1903.06733); the formula is quoted from memory and agrees with simulation (tests/test_dying.py). The upper
    bound is theory.born_dead. ValueError unless width is at least 2 and depth at least 1.
    """
    _whole(width, "width", 2)
    _whole(depth, "depth", 1)
    half = 0.5**width
    a, b = 1 - half, 1 - 2 * half - (width - 1) * half**2
    share = (1 - 2 * half) * (1 - half) / (1 + (width - 1) * half)
    return 1 - a ** (depth - 1) + share * (b ** (depth - 1) - a ** (depth - 1))


def default_init(
    inputs: int,
    depth: int,
    width: int,
    seeds: Sequence[int] | range = range(5),
    weights: float = 1.0,
    biases: float = 1.0,
    learning_rates: Sequence[float] = (0.1,),
) -> Networks:
    """ReLU networks as torch.nn.Linear draws them, all weights times ``weights``, all biases times ``biases``.

    Same seed, same draws: so two calls differ by the factors alone. weights=math.sqrt(6) gives He's scale,
    biases=0 none. With several learning rates each seed comes once for each rate, the rates varying slowest;
    default one rate, 0.1.

    Raises:
        ValueError: a factor that is negative, NaN or infinite; otherwise as networks.Networks.
    """
    for name, factor in (("weights", weights), ("biases", biases)):
        number = isinstance(factor, int | float) and not isinstance(factor, bool)
        if not number or not math.isfinite(factor) or factor < 0:
            raise ValueError(f"{name} must be a finite factor from 0, got {factor!r}")
    designs = grid(activation="relu", gain="pytorch", learning_rate=list(learning_rates), seed=list(seeds))
    found = Networks(designs, inputs, depth, width)
    with torch.no_grad():
        for name in ("first", "hidden", "last"):
            found.parameters[name] *= weights
        for name in ("bias", "last_bias"):
            found.parameters[name] *= biases
    return found


def dead_by_count(networks: Networks, images: Tensor, counts: Sequence[int]) -> Tensor:
    """The share of units off for the first k images, for each k in ``counts``: [counts, N, depth], float64.

    One forward pass over the images; it remembers for each unit the first image that switched it on.

    Args:
        networks: unchanged; batch norm is in evaluation mode.
        images: [at least max(counts), inputs].
        counts: whole numbers of at least 1.

    Raises:
        ValueError: no count, one below 1, fewer images than the largest; and as Networks.trace.
    """
    if not counts:
        raise ValueError("at least one count of images is needed, got none")
    for count in counts:
        _whole(count, "a count of images", 1)
    if max(counts) > len(images):
        raise ValueError(f"there are {len(images)} images, but {max(counts)} are to be counted")
    images = images[: max(counts)]
    first = torch.full((len(networks), networks.depth, networks.width), len(images))
    size = max(1, _UNITS_AT_ONCE // (len(networks) * networks.width))
    with torch.inference_mode(), machine.threads():
        for start in range(0, len(images), size):
            for layer, h in enumerate(networks.trace(images[start : start + size]).h):
                on = h != 0
                seen = torch.where(on.any(1), start + on.to(torch.uint8).argmax(1), len(images))
                first[:, layer] = torch.minimum(first[:, layer], seen)
    return torch.stack([(first >= count).double().mean(-1) for count in counts])


@dataclass(frozen=True)
class Run:
    """What came of a batch of trained networks.

    Attributes:
        table: one row per network: its design (arm, activation, seed, bias, learning_rate, ...), momentum; accuracy on
            the test images (NaN: diverged); over all hidden units and training images, NaN where diverged, the shares
            dead (units), off_side (units with z <= 0 for every image, which an activation without an exact zero has,
            too), without_slope (see there) and zeros (activations that are 0); dead_at_start; fate: "diverged" (its
            numbers are no longer finite), "layer off" (finite, but a whole layer has z <= 0 for every image) or
            "alive".
        networks: as trained.
        firing: of every unit, after training.
        dead: [epochs + 1, N, depth, width] bool: who was dead before the first step and after each epoch; None
            where nobody watched.
    """

    table: pd.DataFrame
    networks: Networks
    firing: Firing
    dead: Tensor | None = None


def run(
    designs: Sequence[Design],
    data: Dataset,
    test: Dataset,
    depth: int = 4,
    width: int = 64,
    epochs: int = 4,
    batch_size: int = 100,
    momentum: float = 0.9,
    watch: bool = False,
) -> Run:
    """Train all designs as one batch, then count who is dead on the whole training set.

    Args:
        designs: one per network.
        data, test: training and test images; dead means dead on ``data``.
        depth, width: the shape; default 4 hidden layers of 64 units.
        epochs, batch_size, momentum: as training.train; default 4 epochs in batches of 100, momentum 0.9.
        watch: count the dead after every epoch as well; default False. Costs about a third more time.

    Raises:
        ValueError: as networks.Networks and training.train.
    """
    networks = Networks(designs, data.images.shape[-1], depth, width)
    start = _at_init(networks, data.images)
    seen: list[Tensor] = [start.dead]

    def look(now: Networks, epoch: int) -> None:
        if epoch:
            seen.append(units.firing(now, data.images).dead)

    training.train(
        networks,
        data,
        epochs=epochs,
        batch_size=batch_size,
        momentum=momentum,
        watch=look if watch else None,
    )
    firing = units.firing(networks, data.images)
    accuracy = training.evaluate(networks, test)[1].masked_fill(firing.broken, math.nan)
    low = firing.never_positive
    gone = firing.dead if _all_relu(designs) else without_slope(networks, data.images)
    table = pd.DataFrame([{"network": i, **design.describe()} for i, design in enumerate(designs)])
    table = table.assign(
        momentum=momentum,
        accuracy=accuracy.numpy(),
        dead=firing.dead_share.mean(1).numpy(),
        off_side=low.double().mean((1, 2)).masked_fill(firing.broken, math.nan).numpy(),
        without_slope=gone.double().mean((1, 2)).masked_fill(firing.broken, math.nan).numpy(),
        zeros=firing.zeros.mean(1).numpy(),
        dead_at_start=start.dead_share.mean(1).numpy(),
        fate=[
            "diverged" if broken else "layer off" if off else "alive"
            for broken, off in zip(firing.broken.tolist(), low.all(-1).any(-1).tolist(), strict=True)
        ],
    )
    return Run(table, networks, firing, torch.stack(seen) if watch else None)


def without_slope(networks: Networks, images: Tensor) -> Tensor:
    """Units whose slope is exactly 0 for every image, [N, depth, width] bool: none of their weights gets a gradient.

    For ReLU the dead units. ELU's slope e^z becomes 0 in float32 below about -104. Batch norm is in evaluation mode.
    Errors as networks.Networks.trace.
    """
    shape = (len(networks), networks.depth, networks.width)
    steepest = torch.zeros(shape, dtype=networks.dtype)
    size = max(1, _UNITS_AT_ONCE // (len(networks) * networks.width))
    with torch.inference_mode(), machine.threads():
        for part in torch.split(images, size):
            for layer, z in enumerate(networks.trace(part).z):
                highest = z.amax(1)  # monotone slopes: steepest where z is highest
                slopes = [
                    activations.get(d.activation).derivative(highest[i])
                    for i, d in enumerate(networks.designs)
                ]
                steepest[:, layer] = torch.maximum(steepest[:, layer], torch.stack(slopes))
    return steepest == 0


def off_per_image(networks: Networks, images: Tensor) -> Tensor:
    """For each image the share of a layer's units with z <= 0, [N, depth, images], float64.

    Batch norm is in evaluation mode. Errors as networks.Networks.trace.
    """
    shares = []
    with torch.inference_mode(), machine.threads():
        for part in torch.split(images, max(1, _UNITS_AT_ONCE // (len(networks) * networks.width))):
            shares.append(torch.stack([(z <= 0).double().mean(2) for z in networks.trace(part).z], dim=1))
    return torch.cat(shares, dim=2)


def parameters_of(networks: Networks, index: int) -> dict[str, Tensor]:
    """Copies of one network's own parameters, by the names of Networks.parameters; "first" is [inputs, width].

    ValueError unless 0 <= index < N.
    """
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(networks):
        raise ValueError(f"index must be a whole number from 0 to {len(networks) - 1}, got {index!r}")
    own = {}
    for name, p in networks.parameters.items():
        if name == "first":
            own[name] = networks.weight(0)[index].detach().clone()
        else:
            own[name] = (p[index] if name.startswith("last") else p[:, index]).detach().clone()
    return own


def lift(networks: Networks, images: Tensor, margin: float = 0.1) -> None:
    """Raise all hidden biases so that no unit is ever off: in place, layer by layer.

    Afterwards the smallest z of each unit over the images is the margin, and hence at least that on every mixture of
    them, too. Such a ReLU network is a linear one.

    Raises:
        ValueError: batch norm; a margin that is not above 0; as Networks.trace.
    """
    _plain(networks)
    _above_zero(margin, "margin")
    with torch.no_grad():
        for layer in range(networks.depth):
            lowest = networks.trace(images).z[layer].amin(1)
            networks.parameters["bias"][layer, :, 0] += margin - lowest


def leaky(leak: float) -> Activation:
    """Leaky ReLU with another leak (its slope below 0), between 0 and 1; ValueError otherwise. Not registered."""
    if isinstance(leak, bool) or not isinstance(leak, int | float) or not 0 < leak < 1:
        raise ValueError(f"a leak must be a number between 0 and 1, got {leak!r}")

    def slope(z: Tensor) -> Tensor:
        one = torch.ones_like(z)
        return torch.where(z.isnan(), z, torch.where(z > 0, one, leak * one))

    return replace(
        activations.get("leaky_relu"),
        name=f"leaky_relu({leak:g})",
        label=f"leaky ReLU, leak {leak:g}",
        value=lambda z: torch.nn.functional.leaky_relu(z, leak),
        slope=slope,
        formula=rf"\max({leak:g} z, z)",
        slope_formula=rf"1\ \text{{if}}\ z>0,\ \text{{else}}\ {leak:g}",
    )


def turnover(dead: Tensor) -> tuple[Tensor, Tensor]:
    """How many units died and how many came back, from one look to the next: two [looks - 1, N, depth], int64.

    Args:
        dead: [looks, N, depth, width] bool, as Run.dead.

    Raises:
        ValueError: another shape or dtype, or fewer than two looks.
    """
    if dead.ndim != 4 or dead.dtype != torch.bool or len(dead) < 2:
        raise ValueError(
            f"turnover needs bool [looks, N, depth, width] with at least 2 looks, got {dead.dtype} "
            f"of shape {list(dead.shape)}"
        )
    before, after = dead[:-1], dead[1:]
    return (~before & after).sum(-1), (before & ~after).sum(-1)


def wound(networks: Networks, images: Tensor, layer: int, count: int, margin: float = 0.01) -> None:
    """Lower the biases of the first ``count`` units of a layer so that they are just dead: in place.

    Afterwards the largest z of each of them over all images is -margin (to rounding).

    Args:
        networks: changed; without batch norm, which would take a bias away again.
        images: [count, inputs], for which the units shall be off.
        layer: 0 is next to the input.
        count: units of each network, 1 ... width.
        margin: above 0; default 0.01.

    Raises:
        ValueError: naming the argument, its value and what would be right.
    """
    _plain(networks)
    if isinstance(layer, bool) or not isinstance(layer, int) or not 0 <= layer < networks.depth:
        raise ValueError(f"layer must be a whole number from 0 to {networks.depth - 1}, got {layer!r}")
    _whole(count, "count", 1)
    if count > networks.width:
        raise ValueError(f"count must be at most the {networks.width} units of a layer, got {count}")
    _above_zero(margin, "margin")
    with torch.no_grad():
        highest = networks.trace(images).z[layer].amax(1)[:, :count]
        networks.parameters["bias"][layer, :, 0, :count] -= highest + margin


def _at_init(networks: Networks, images: Tensor) -> Firing:
    """units.firing before the first step: batch norm with the statistics of all the images, as training has them.

    That takes all the images at once; so the networks without batch norm, which can do with chunks, go apart.
    """
    if not networks.normalised:
        return units.firing(networks, images)
    rows = [i for i, design in enumerate(networks.designs) if design.norm == "batch"]
    normed = Networks([networks.designs[i] for i in rows], networks.inputs, networks.depth, networks.width)
    fresh, found = units.firing(normed, images, training=True), units.firing(networks, images)
    for name in ("on", "positive", "broken"):
        getattr(found, name)[rows] = getattr(fresh, name)
    return found


def _all_relu(designs: Sequence[Design]) -> bool:
    return all(activations.get(d.activation).name == "relu" for d in designs)


def _plain(networks: Networks) -> None:
    if networks.normalised:
        raise ValueError("batch norm takes a moved bias away again: give networks without it")


def _above_zero(number: object, name: str) -> None:
    sound = isinstance(number, int | float) and not isinstance(number, bool)
    if not sound or not math.isfinite(number) or number <= 0:  # type: ignore[arg-type, operator]
        raise ValueError(f"{name} must be a finite number above 0, got {number!r}")


def _whole(number: object, name: str, lowest: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < lowest:
        raise ValueError(f"{name} must be a whole number of at least {lowest}, got {number!r}")

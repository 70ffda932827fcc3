"""Dying: networks born dead, what makes units dead at init, who dies and who comes back during training.

A unit is *dead* when it is off, h exactly 0, for every image of the training set (:mod:`~course_utils.units`
counts them). A network is *born dead* when a whole layer is dead before the first step: its output is then the
same for every input, and no gradient passes. N networks, depth hidden layers, width units each.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from course_utils import activations, checks, machine, training, trials, units
from course_utils.data import Dataset
from course_utils.networks import Design, Networks, Trace, grid
from course_utils.units import Firing

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
    features = width if inputs is None else inputs
    given = {"width": width, "depth": depth, "count": count, "examples": examples, "inputs": features}
    for name, size in given.items():
        checks.whole(name, size)
    checks.seed("seed", seed)
    generator = torch.Generator().manual_seed(seed)
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
    checks.whole("width", width, 2)
    checks.whole("depth", depth)
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
        checks.number(name, factor, low=0)
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
        checks.whole("each count", count, 1, len(images), "images")
    images, start = images[: max(counts)], 0
    first = torch.full((len(networks), networks.depth, networks.width), len(images))
    for trace in _traces(networks, images):
        for layer, h in enumerate(trace.h):
            on = h != 0
            seen = torch.where(on.any(1), start + on.to(torch.uint8).argmax(1), len(images))
            first[:, layer] = torch.minimum(first[:, layer], seen)
        start += h.shape[1]
    return torch.stack([(first >= count).double().mean(-1) for count in counts])


@dataclass(frozen=True)
class Lives:
    """What became of the units of a batch of networks.

    Attributes:
        table: one row per network, as trials.Run.table, but for accuracy in place of score (on the test images; NaN where
            it failed), and momentum; over all hidden units and training images, NaN where it failed, the shares dead
            (units), off_side (units with z <= 0 for every image, which an activation without an exact zero has, too),
            without_slope (see there) and zeros (activations that are 0); dead_at_start; fate: "diverged" (it failed),
            "layer off" (a whole layer has z <= 0 for every image) or "alive".
        networks: as trained.
        firing: of every unit, after training.
        dead: [epochs + 1, N, depth, width] bool: who was dead before the first step and after each epoch; None
            where nobody watched.
    """

    table: pd.DataFrame
    networks: Networks
    firing: Firing
    dead: Tensor | None = None


def follow(
    designs: Sequence[Design],
    data: Dataset,
    test: Dataset,
    depth: int = 4,
    width: int = 64,
    epochs: int = 4,
    batch_size: int = 100,
    momentum: float = 0.9,
    order: str | int = "own",
    watch: bool = False,
    optimiser: str = "sgd",
    judge: Dataset | None = None,
) -> Lives:
    """Train all designs as one batch, then count who is dead on the whole training set.

    Args:
        designs: one per network.
        data, test: training and test images; dead means dead on ``data``.
        depth, width: the shape; default 4 hidden layers of 64 units.
        epochs, batch_size, momentum, order: as trials.run; default 4 epochs in batches of 100, momentum 0.9, each seed
            its own order.
        watch: count the dead after every epoch as well; default False. Costs about a third more time.
        optimiser: as training.train; default "sgd", which alone has the momentum.
        judge: images held back from training: the table's column "judged" is the accuracy on them (NaN where a network
            failed), by which a learning rate may be chosen. Default: no such column.

    Raises:
        ValueError: as trials.run.
    """
    start: list[Firing] = []
    seen: list[Tensor] = []
    options: dict[str, Any] = {"momentum": momentum} if optimiser == "sgd" else {}

    def look(now: Networks, epoch: int) -> None:
        seen.append(units.firing(now, data.images).dead if epoch else start[0].dead)

    found = trials.run(
        designs,
        data,
        replace(trials.accuracy(test), failure=math.nan),
        depth=depth,
        width=width,
        epochs=epochs,
        batch_size=batch_size,
        order=order,
        prepare=lambda fresh: start.append(_at_init(fresh, data.images)),
        watch=look if watch else None,
        optimiser=optimiser,
        **options,
    )
    networks = found.networks
    firing = units.firing(networks, data.images)
    failed = firing.broken | torch.tensor(found.table["failed"].to_numpy())
    low = firing.never_positive
    all_relu = all(activations.get(d.activation).name == "relu" for d in designs)
    gone = firing.dead if all_relu else without_slope(networks, data.images)
    shares = {
        "dead": firing.dead_share.mean(1),
        "off_side": low.double().mean((1, 2)),
        "without_slope": gone.double().mean((1, 2)),
        "zeros": firing.zeros.mean(1),
    }
    if judge is not None:
        shares["judged"] = training.evaluate(networks, judge)[1]
    fates = zip(failed.tolist(), low.all(-1).any(-1).tolist(), strict=True)
    table = found.table.rename(columns={"score": "accuracy"}).assign(
        momentum=momentum,
        **{name: share.masked_fill(failed, math.nan).numpy() for name, share in shares.items()},
        dead_at_start=start[0].dead_share.mean(1).numpy(),
        fate=["diverged" if lost else "layer off" if off else "alive" for lost, off in fates],
    )
    return Lives(table, networks, firing, torch.stack(seen) if watch else None)


def without_slope(networks: Networks, images: Tensor) -> Tensor:
    """Units whose slope is exactly 0 for every image, [N, depth, width] bool: none of their weights gets a gradient.

    For ReLU the dead units. ELU's slope e^z becomes 0 in float32 below about -104. Batch norm is in evaluation mode.
    Errors as networks.Networks.trace.
    """
    shape = (len(networks), networks.depth, networks.width)
    steepest = torch.zeros(shape, dtype=networks.dtype)
    entries = [activations.get(design.activation) for design in networks.designs]
    for trace in _traces(networks, images):
        for layer, z in enumerate(trace.z):
            highest = z.amax(1)  # monotone slopes: steepest where z is highest
            slopes = [entry.derivative(own) for entry, own in zip(entries, highest, strict=True)]
            steepest[:, layer] = torch.maximum(steepest[:, layer], torch.stack(slopes))
    return steepest == 0


def off_per_image(networks: Networks, images: Tensor) -> Tensor:
    """For each image the share of a layer's units with z <= 0, [N, depth, images], float64.

    Batch norm is in evaluation mode. Errors as networks.Networks.trace.
    """
    traces = _traces(networks, images)
    return torch.cat([torch.stack([(z <= 0).double().mean(2) for z in t.z], 1) for t in traces], dim=2)


def parameters_of(networks: Networks, index: int) -> dict[str, Tensor]:
    """Copies of one network's own parameters, by the names of Networks.parameters; "first" is [inputs, width].

    ValueError unless 0 <= index < N.
    """
    checks.whole("index", index, 0, len(networks) - 1)
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
    checks.number("margin", margin, above=0)
    with torch.no_grad():
        for layer in range(networks.depth):
            lowest = networks.trace(images).z[layer].amin(1)
            networks.parameters["bias"][layer, :, 0] += margin - lowest


def turnover(dead: Tensor) -> tuple[Tensor, Tensor]:
    """How many units died and how many came back, from one look to the next: two [looks - 1, N, depth], int64.

    Args:
        dead: [looks, N, depth, width] bool, as Lives.dead.

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
    checks.whole("layer", layer, 0, networks.depth - 1)
    checks.whole("count", count, 1, networks.width, "units")
    checks.number("margin", margin, above=0)
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


def _traces(networks: Networks, images: Tensor) -> Iterator[Trace]:
    """Networks.trace of all images, some at a time."""
    with torch.inference_mode(), machine.threads():
        for part in torch.split(images, max(1, _UNITS_AT_ONCE // (len(networks) * networks.width))):
            yield networks.trace(part)


def _plain(networks: Networks) -> None:
    if networks.normalised:
        raise ValueError("batch norm takes a moved bias away again: give networks without it")

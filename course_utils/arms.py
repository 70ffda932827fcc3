"""Arms: several kinds of network raced against each other, each at its own learning rate; and what can be turned
to make the gradients of a network with batch norm grow more, or less.

An arm is a name and a Design without learning rate and seed. Arms are tuned with some seeds on images held back from
training, and reported with other seeds on the test images, so that the choice of the rate flatters nobody.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import torch
from torch import Tensor

from course_utils import activations, machine, theory, training, tuning, units
from course_utils.activations import Activation
from course_utils.data import Dataset
from course_utils.networks import Design, Networks

__all__ = [
    "TUNING_SEEDS",
    "Race",
    "dead_shares",
    "leaky",
    "leaky_like",
    "level",
    "outliers",
    "pairs",
    "race",
    "shifted",
    "shifted_like",
    "split",
    "standardise_pixels",
    "steeper_like",
    "step_cost",
]

TUNING_SEEDS = (0, 1)
Prepare = Callable[[Networks], object]


@dataclass(frozen=True)
class Race:
    """What came of a race at one depth.

    Attributes:
        choice: one row per arm: arm, learning_rate, mean, lowest, highest (accuracy on the held-back images), seeds,
            failed, inside; as tuning.best.
        trials: one row per network of the tuning: arm, learning_rate, seed, accuracy (NaN: diverged).
        finals: one row per arm and fresh seed: arm, learning_rate, seed, accuracy (0..1, on the test images; 0 where
            the network diverged) and diverged.
        losses: arm -> [steps, seeds], the loss of each step's batch in nats, in the order of the seeds.
    """

    choice: pd.DataFrame
    trials: pd.DataFrame
    finals: pd.DataFrame
    losses: dict[str, Tensor]

    def accuracy(self, arm: str) -> Tensor:
        """The test accuracies of an arm's fresh seeds, float64 [seeds]. ValueError for an unknown arm."""
        rows = self.finals[self.finals["arm"] == arm]
        if rows.empty:
            raise ValueError(f"unknown arm {arm!r}; raced were: {', '.join(self.choice['arm'])}")
        return torch.tensor(rows["accuracy"].to_numpy(), dtype=torch.float64)

    def rate(self, arm: str) -> float:
        """The learning rate chosen for an arm. ValueError for an unknown arm."""
        rows = self.choice[self.choice["arm"] == arm]
        if rows.empty:
            raise ValueError(f"unknown arm {arm!r}; raced were: {', '.join(self.choice['arm'])}")
        return float(rows["learning_rate"].iloc[0])


def race(
    arms: Mapping[str, Design],
    rates: Sequence[float],
    depth: int,
    data: Dataset,
    held_back: Dataset,
    test: Dataset,
    width: int = 32,
    epochs: int = 3,
    batch_size: int = 100,
    seeds: Sequence[int] = range(10, 15),
    tuning_seeds: Sequence[int] = TUNING_SEEDS,
    prepare: Prepare | None = None,
) -> Race:
    """Tune every arm on the same grid of learning rates, then train it at its best rate with fresh seeds.

    Each arm's networks are one batched program in each stage. SGD with momentum 0.9, as training.train. A network that diverged counts
    as a failure in the tuning (tuning.best) and as an accuracy of 0 in the final.

    Args:
        arms: name -> design; its learning rate and seed are not used.
        rates: the grid, at least three.
        depth, width: the shape of all networks.
        data: to train on. held_back: to choose the rate by. test: to report.
        epochs, batch_size: as training.train; default 3 and 100.
        seeds: of the networks that are reported; at least one, none of them in ``tuning_seeds``.
        tuning_seeds: of the networks that only choose the rate.
        prepare: called with the networks of each stage before they are trained, to change them in place.

    Raises:
        ValueError: no arm; no seed; seeds used twice; and as tuning.best, Networks and training.train.
    """
    seeds, tuning_seeds = list(seeds), list(tuning_seeds)
    if not arms:
        raise ValueError("a race needs at least one arm, got none")
    if not seeds or not tuning_seeds:
        raise ValueError(f"both stages need seeds, got {seeds!r} and {tuning_seeds!r}")
    if twice := set(seeds) & set(tuning_seeds):
        raise ValueError(f"seeds that chose a rate must not report it; in both lists: {sorted(twice)}")

    tables, losses, finals = [], {}, []
    for (
        name,
        design,
    ) in arms.items():  # alike networks side by side: a mixed batch is cut and joined at every layer

        def run(each: list[Design], judge: Dataset, arm: str = name) -> tuple[pd.DataFrame, Tensor]:
            networks = Networks(each, data.images.shape[1], depth, width)
            if prepare is not None:
                prepare(networks)
            with machine.threads(1):  # so small are the products that a second thread only waits
                history = training.train(networks, data, epochs=epochs, batch_size=batch_size)
                _, accuracy = training.evaluate(networks, judge)
            accuracy = torch.where(history.diverged_at >= 0, torch.nan, accuracy)
            rows = [{"arm": arm, "learning_rate": d.learning_rate, "seed": d.seed} for d in each]
            table = pd.DataFrame(rows).assign(accuracy=accuracy.numpy(), diverged=accuracy.isnan().numpy())
            return table, history.losses

        tried = [replace(design, learning_rate=r, seed=s) for r in rates for s in tuning_seeds]
        tables.append(run(tried, held_back)[0])
        best = float(tuning.best(tables[-1], score="accuracy")["learning_rate"].iloc[0])
        final, losses[name] = run([replace(design, learning_rate=best, seed=s) for s in seeds], test)
        finals.append(final)
    trials, reported = pd.concat(tables, ignore_index=True), pd.concat(finals, ignore_index=True)
    reported["accuracy"] = reported["accuracy"].fillna(0.0)
    return Race(tuning.best(trials, score="accuracy"), trials, reported, losses)


def pairs(better: Tensor, worse: Tensor) -> tuple[int, int]:
    """Of all pairs of a network of one arm and a network of another: in how many the first is strictly better, and
    the number of pairs. Two vectors, e.g. of accuracies; NaN is never better, and everything else beats it.

    ValueError for anything but two vectors with at least one entry.
    """
    for values in (better, worse):
        if values.ndim != 1 or not len(values):
            raise ValueError(
                f"pairs compares two vectors, got shapes {list(better.shape)}, {list(worse.shape)}"
            )
    first, second = better.double(), worse.double().nan_to_num(nan=-math.inf)
    return int((first.unsqueeze(1) > second).sum()), len(first) * len(second)


def split(data: Dataset, count: int) -> tuple[Dataset, Dataset]:
    """The first ``count`` examples, and the rest. ValueError unless both get at least one."""
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count < len(data):
        raise ValueError(f"count must be a whole number from 1 to {len(data) - 1}, got {count!r}")
    first = replace(data, images=data.images[:count], labels=data.labels[:count])
    return first, replace(data, images=data.images[count:], labels=data.labels[count:])


def standardise_pixels(like: Dataset, *sets: Dataset, smallest: float = 0.05) -> list[Dataset]:
    """Give every single pixel mean 0 and variance 1, by its own mean and deviation over the images of ``like``.

    Pixels whose deviation is below ``smallest`` (in the unit of the images) are divided by ``smallest`` instead: they
    are nearly always black. Returns the sets, changed. ValueError for sets of another size.
    """
    mean, deviation = like.images.mean(0), like.images.std(0, correction=0).clamp(min=smallest)
    for one in sets:
        if one.images.shape[1] != len(mean):
            raise ValueError(f"images of {len(mean)} pixels are asked for, got {one.images.shape[1]}")
    return [replace(one, images=(one.images - mean) / deviation) for one in sets]


def shifted(beta: float) -> Activation:
    """z -> ReLU(z + beta): what ReLU after batch norm is when batch norm's shift starts at ``beta``.

    ValueError unless beta is a finite number.
    """
    if isinstance(beta, bool) or not isinstance(beta, int | float) or not math.isfinite(beta):
        raise ValueError(f"a shift must be a finite number, got {beta!r}")
    relu = activations.get("relu")
    return replace(
        relu,
        name=f"relu(z{beta:+.3g})",
        label=f"ReLU(z {'+' if beta >= 0 else '−'} {abs(beta):.2f})",
        value=lambda z: relu.value(z + beta),
        slope=lambda z: relu.slope(z + beta),
        formula=rf"\max(0, z {beta:+g})",
        slope_formula=rf"1\ \text{{if}}\ z > {-beta:g},\ \text{{else}}\ 0",
        kinks=(-beta,),
    )


def leaky(slope: float) -> Activation:
    """Leaky ReLU with the given slope below 0: ReLU at 0, a straight line at 1. ValueError unless 0 <= slope <= 1."""
    if isinstance(slope, bool) or not isinstance(slope, int | float) or not 0 <= slope <= 1:
        raise ValueError(f"the slope below zero must be a number from 0 to 1, got {slope!r}")
    return replace(
        activations.get("leaky_relu"),
        name=f"leaky_relu({slope:.3g})",
        label=f"leaky ReLU, slope {slope:.2f}",
        value=lambda z: torch.nn.functional.leaky_relu(z, slope),
        slope=lambda z: torch.where(z.isnan(), z, torch.where(z > 0, 1.0, slope).to(z.dtype)),
        formula=rf"\max({slope:g}z, z)",
        slope_formula=rf"1\ \text{{if}}\ z > 0,\ \text{{else}}\ {slope:g}",
    )


def shifted_like(growth: float) -> Activation:
    """The shifted ReLU, shift from 0 to 6, whose gradients grow by ``growth`` per layer with batch norm
    (theory.batch_norm_growth). ValueError for a growth it cannot have: above ReLU's 1.2112, or not above 1.
    """
    return shifted(_solve(lambda beta: theory.batch_norm_growth(shifted(beta)), growth, 0.0, 6.0))


def leaky_like(growth: float) -> Activation:
    """The leaky ReLU whose gradients grow by ``growth`` per layer with batch norm; 1 to ReLU's 1.2112, else
    ValueError.
    """
    return leaky(_solve(lambda slope: theory.batch_norm_growth(leaky(slope)), growth, 0.0, 1.0))


def steeper_like(growth: float) -> Activation:
    """The sigmoid of kz, k from 1 to 12, whose gradients grow by ``growth`` per layer with batch norm. It is what the
    sigmoid after batch norm is when batch norm's scale is k. ValueError for a growth it cannot have.
    """
    sigmoid = activations.get("sigmoid")
    k = _solve(lambda k: theory.batch_norm_growth(sigmoid.steeper(k)), growth, 1.0, 12.0)
    steep = sigmoid.steeper(k)
    return replace(steep, name=f"sigmoid(x{k:.3g})", label=f"sigmoid({k:.2f}z)")


def _solve(function: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Where a strictly monotone function takes the value target, by bisection; ValueError where it does not."""
    start, end = function(low), function(high)
    if not min(start, end) <= target <= max(start, end):
        raise ValueError(
            f"the growth must lie between {min(start, end):.4f} and {max(start, end):.4f}, got {target!r}"
        )
    for _ in range(45):
        middle = (low + high) / 2
        if (function(middle) > target) == (start > end):  # a target at an end lies beyond every middle
            low = middle
        else:
            high = middle
    return (low + high) / 2


def level(networks: Networks, growth: float) -> None:
    """Enlarge the weights of layer l of L by growth^((L - l) / 2), in place, first layer l = 1.

    Batch norm undoes the scale of the weights: what the networks compute stays the same, and so does dL/dz. But a step
    of SGD, relative to the weights it changes, becomes smaller by the square of the scale: where dL/dz grows by
    ``growth`` per layer toward the input, all layers then move by the same share of their weights.

    ValueError: a network without batch norm in it, or a growth that is not a finite number above 0.
    """
    if isinstance(growth, bool) or not isinstance(growth, int | float) or not 0 < growth < math.inf:
        raise ValueError(f"a growth must be a finite number above 0, got {growth!r}")
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


def dead_shares(
    designs: Sequence[Design],
    data: Dataset,
    depth: int,
    width: int = 32,
    epochs: int = 3,
    batch_size: int = 100,
) -> Tensor:
    """Train networks, each at its design's own rate, and give the share of their hidden units that are then off for every
    example of ``data``: float64 [N], NaN where a network diverged. Arguments and errors as :func:`race`.
    """
    networks = Networks(designs, data.images.shape[1], depth, width)
    with machine.threads(1):
        training.train(networks, data, epochs=epochs, batch_size=batch_size)
        return units.firing(networks, data.images).dead_share.mean(1)


def step_cost(design: Design, other: Design, data: Dataset, depth: int, width: int, rounds: int = 5) -> float:
    """How many times as long a training step of ``other`` takes as one of ``design``, one network each.

    Ten steps of 100 images a round, turn by turn, one thread, processor time; the fastest round of each counts, so that
    other programs disturb little.

    Raises:
        ValueError: fewer than one round, fewer than 1,000 examples.
    """
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
        raise ValueError(f"rounds must be a whole number of at least 1, got {rounds!r}")
    if len(data) < 1000:
        raise ValueError(f"at least 1,000 examples are needed, got {len(data)}")
    thousand, _ = split(data, 1000) if len(data) > 1000 else (data, data)
    spent: dict[int, list[float]] = {0: [], 1: []}
    with machine.threads(1):
        pair = [Networks([d], data.images.shape[1], depth, width) for d in (design, other)]
        for _ in range(rounds + 1):  # the first round warms up
            for which, networks in enumerate(pair):
                start = machine.processor_time()
                training.train(networks, thousand, batch_size=100, more=True)
                spent[which].append(machine.processor_time() - start)
    return min(spent[1][1:]) / min(spent[0][1:])

"""Race: steps and seconds to a given training loss, and the map of (gain, learning rate) that trains.

N networks, S steps. A loss is the mean cross-entropy of a step's batch in nats, always smoothed over ``window``
steps (default 20), since one small batch says little. A network that never gets there needs infinitely many steps:
medians then count it as what it is, the slowest.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from course_utils import activations, machine, tuning
from course_utils.activations import Activation
from course_utils.data import Dataset
from course_utils.networks import Design, Networks
from course_utils.training import History, train

__all__ = ["WINDOW", "Heat", "Map", "count_text", "heat", "seconds_per_step", "steps_to", "summary", "survey"]

WINDOW = 20  # steps over which a loss is smoothed


def steps_to(losses: History | Tensor, target: float, window: int = WINDOW) -> Tensor:
    """Steps until the mean loss of the last ``window`` steps is first at or below ``target``.

    Args:
        losses: a History, or its losses [S, N] in nats (any float dtype; NaN and infinity never count as reached).
        target: in nats, a finite number.
        window: 1 ... S; default 20. A loss is first known after ``window`` steps, so no answer is smaller.

    Returns:
        [N], float64, whole numbers from ``window`` to S; infinity for a network that never gets there.

    Raises:
        ValueError: naming the argument, its value and what would be right.
    """
    smooth = _smooth(losses.losses if isinstance(losses, History) else losses, window)
    if isinstance(target, bool) or not isinstance(target, int | float) or not math.isfinite(target):
        raise ValueError(f"the target must be a finite loss in nats, got {target!r}")
    reached = smooth.isfinite() & (smooth <= target)
    first = reached.to(torch.uint8).argmax(0).double() + window
    return torch.where(reached.any(0), first, torch.full_like(first, math.inf))


def _smooth(losses: Tensor, window: int) -> Tensor:
    """Means of each ``window`` steps in a row, [S - window + 1, N], float64."""
    if not isinstance(losses, Tensor) or losses.ndim != 2 or not losses.is_floating_point():
        shape = f"shape {list(losses.shape)}" if isinstance(losses, Tensor) else f"a {type(losses).__name__}"
        raise ValueError(
            f"losses must be a History or a float tensor of shape [steps, networks], got {shape}"
        )
    if isinstance(window, bool) or not isinstance(window, int) or not 1 <= window <= len(losses):
        raise ValueError(f"window must be a whole number from 1 to the {len(losses)} steps, got {window!r}")
    return losses.double().unfold(0, window, 1).mean(-1)


@dataclass(frozen=True)
class Heat:
    """One race: several arms over one distance.

    Attributes:
        table: one row per network that raced: arm, depth, activation, gain, bias, norm, learning_rate (the arm's
            tuned one), inside (that rate is neither end of the grid), seed, steps (infinity: never), loss (smoothed,
            after the last step).
        losses: [S, N], the losses of those networks, in the order of the rows.
    """

    table: pd.DataFrame
    losses: Tensor


def heat(
    arms: Mapping[str, Mapping[str, Any]],
    data: Dataset,
    depth: int,
    width: int,
    rates: Sequence[float],
    target: float,
    epochs: int,
    batch_size: int = 100,
    tune_seeds: int = 2,
    seeds: int = 5,
    window: int = WINDOW,
) -> Heat:
    """Tune the learning rate of each arm on one grid, then race with seeds that tuning has not seen.

    A tuning network that reaches the target scores its steps; one that does not, S * (1 + its last loss), which is
    worse than any that does unless its loss is below 0; a diverged one fails. The rate with the fewest failures and
    the lowest mean wins (:func:`tuning.best`). The race then uses other seeds and another order of the examples.

    Args:
        arms: name -> attributes of a Design (activation, gain, bias, norm).
        data: training examples. depth, width: of all networks.
        rates: at least three learning rates, the same for all arms.
        target: loss in nats. epochs: how long both runs are; S = epochs * (len(data) // batch_size).
        tune_seeds, seeds: networks per rate when tuning (default 2), per arm in the race (default 5), at least 1.
        window: steps of smoothing, default 20.

    Raises:
        ValueError: naming the argument, its value and what would be right; also those of Design, Networks, train.
    """
    if not arms:
        raise ValueError("a race needs at least one arm, got none")
    for name, number in {"tune_seeds": tune_seeds, "seeds": seeds}.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {number!r}")
    if len(set(rates)) < 3:
        raise ValueError(
            f"to have a best rate inside, the grid needs at least three rates, got {list(rates)}"
        )

    def run(designs: list[Design], order: int) -> tuple[Tensor, Tensor, Tensor]:
        nets = Networks(designs, data.images.shape[1], depth, width)
        losses = train(nets, data, epochs=epochs, batch_size=batch_size, order_seed=order).losses
        return losses, steps_to(losses, target, window), _smooth(losses, window)[-1]

    fields = {name: dict(arm) for name, arm in arms.items()}
    tried = [
        (name, Design(**arm, seed=1000 + seed, learning_rate=rate))
        for name, arm in fields.items()
        for rate in rates
        for seed in range(tune_seeds)
    ]
    losses, steps, last = run([design for _, design in tried], order=1)
    score = torch.where(steps.isfinite(), steps, len(losses) * (1 + last))
    score = torch.where(score.isfinite(), score, torch.full_like(score, math.nan))
    table = pd.DataFrame({"arm": [name for name, _ in tried], "score": score.tolist()})
    table["learning_rate"] = [design.learning_rate for _, design in tried]
    best = tuning.best(table, arms=["arm"], score="score", higher=False)
    chosen = dict(
        zip(
            best["arm"],
            zip(best["learning_rate"].tolist(), best["inside"].tolist(), strict=True),
            strict=True,
        )
    )

    raced = [
        (name, Design(**arm, seed=seed, learning_rate=chosen[name][0]))
        for name, arm in fields.items()
        for seed in range(seeds)
    ]
    losses, steps, last = run([design for _, design in raced], order=0)
    rows = [
        {**design.describe(), "arm": name, "depth": depth, "inside": bool(chosen[name][1])}
        for name, design in raced
    ]
    keep = ["arm", "depth", "activation", "gain", "bias", "norm", "learning_rate", "inside", "seed"]
    return Heat(pd.DataFrame(rows)[keep].assign(steps=steps.numpy(), loss=last.numpy()), losses)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row per arm and depth of a race's table, in order of appearance.

    Columns: arm, depth, learning_rate, inside, median, lowest, highest (steps; infinity: never), reached (how many
    got there), seeds.
    """
    steps = table.groupby(["arm", "depth"], sort=False)["steps"]
    found = table.groupby(["arm", "depth"], sort=False)[["learning_rate", "inside"]].first()
    found = found.assign(median=steps.median(), lowest=steps.min(), highest=steps.max())
    found = found.assign(reached=steps.agg(lambda s: int((s < math.inf).sum())), seeds=steps.size())
    return found.reset_index()


def count_text(steps: float) -> str:
    """A number of steps for print: "≈ 85", or "never" for infinity."""
    return f"≈ {steps:.0f}" if math.isfinite(steps) else "never"


def seconds_per_step(
    names: Sequence[str | Activation],
    data: Dataset,
    depth: int,
    width: int,
    count: int = 10,
    batch_size: int = 100,
    rounds: int = 5,
) -> dict[str, float]:
    """Seconds of processor time for one training step of one network, by activation; for ratios, not to be quoted.

    ``count`` networks train together for one epoch of ``data``, on one thread. The activations take turns, ``rounds``
    times, and the fastest turn of each counts: what else the machine does can only slow a turn down.

    Raises:
        ValueError: no name, two activations of one name, rounds below 1; also those of Networks and train.
    """
    entries = [activations.get(name) for name in names]
    if not entries or len({entry.name for entry in entries}) < len(entries):
        raise ValueError(f"give at least one activation, each once; got {[e.name for e in entries]}")
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
        raise ValueError(f"rounds must be a whole number of at least 1, got {rounds!r}")
    best = {entry.name: math.inf for entry in entries}
    steps = len(data) // batch_size
    with machine.threads(1):
        for entry in entries * rounds:
            designs = [Design(entry, seed=seed, learning_rate=0.01) for seed in range(count)]
            nets = Networks(designs, data.images.shape[1], depth, width)
            start = machine.processor_time()
            train(nets, data, batch_size=batch_size)
            best[entry.name] = min(best[entry.name], (machine.processor_time() - start) / steps / count)
    return best


@dataclass(frozen=True)
class Map:
    """What trains: a network for each pair of a gain and a learning rate.

    Attributes:
        activation: the activation. norm: as in a Design. depth: hidden layers.
        gains: [G], ascending. rates: [R], ascending.
        losses: [S, G, R], loss of each step in nats; NaN or infinite where a network diverged.
    """

    activation: Activation
    norm: str
    depth: int
    gains: tuple[float, ...]
    rates: tuple[float, ...]
    losses: Tensor

    @property
    def label(self) -> str:
        """What figures call it, e.g. "sigmoid + batch norm"."""
        return Design(self.activation, norm=self.norm).arm

    def final(self, window: int = WINDOW) -> Tensor:
        """Mean loss of the last ``window`` steps, [G, R], float64; infinity where it is not finite."""
        last = _smooth(self.losses.flatten(1), window)[-1].view(len(self.gains), len(self.rates))
        return torch.where(last.isfinite(), last, torch.full_like(last, math.inf))

    def trained(self, below: float = 1.0) -> Tensor:
        """Cells whose final loss is below ``below`` nats (chance: ln 10 = 2.303), [G, R], bool."""
        return self.final() < below

    def share(
        self, below: float = 1.0, lowest: float = 0.0, highest: float = math.inf
    ) -> tuple[int, int, tuple[float, float]]:
        """Cells that train, cells in all, and Wilson's 95 % interval; gains from lowest to highest alone.

        Each cell has a seed of its own, but the cells are a grid and not a random draw: the interval says how far the
        share may be off by the luck of as many draws, no more.

        Raises:
            ValueError: no gain of the map lies in that range.
        """
        rows = torch.tensor([lowest <= gain <= highest for gain in self.gains])
        if not rows.any():
            raise ValueError(f"no gain of the map lies between {lowest} and {highest}; it has {self.gains}")
        cells = self.trained(below)[rows]
        hits, count = int(cells.sum()), cells.numel()
        return hits, count, tuning.interval(hits, count)

    def steps(self, target: float = 1.0) -> Tensor:
        """Steps to ``target`` nats at each gain, at the rate that gets there first, [G]; infinity: at none."""
        cells = steps_to(self.losses.flatten(1), target).view(len(self.gains), len(self.rates))
        return cells.amin(1)

    def middle_gain(self, below: float = 1.0, among: Sequence[float] | None = None) -> float:
        """Geometric mean gain of the cells that train, of those ``among`` these gains (default: all); NaN for none."""
        cells = self.trained(below)
        if among is not None:
            cells = cells & torch.tensor([gain in among for gain in self.gains]).unsqueeze(1)
        logs = torch.tensor(self.gains, dtype=torch.float64).log().unsqueeze(1).expand_as(cells)
        return float(logs[cells].mean().exp())


def survey(
    activation: str | Activation,
    data: Dataset,
    gains: Sequence[float],
    rates: Sequence[float],
    depth: int,
    width: int,
    norm: str = "none",
    epochs: int = 2,
    batch_size: int = 100,
    first_seed: int = 0,
) -> Map:
    """Train a network for each gain and each learning rate, all in one batch, each with weights of its own.

    Args:
        activation, norm: as in a Design. data: training examples. depth, width: of all networks.
        gains, rates: above 0, ascending, at least one each.
        epochs, batch_size: of training, momentum 0.9; default 2 epochs of batches of 100.
        first_seed: cell (i, j) has the seed first_seed + i * len(rates) + j.

    Raises:
        ValueError: naming the argument, its value and what would be right; also those of Design, Networks, train.
    """
    for name, values in {"gains": gains, "rates": rates}.items():
        row = list(values)
        if not row or sorted(set(row)) != row or row[0] <= 0:
            raise ValueError(f"{name} must be numbers above 0, ascending, at least one; got {row}")
    cells = [(gain, rate) for gain in gains for rate in rates]
    design = Design(activation, norm=norm)
    designs = [
        replace(design, gain=gain, learning_rate=rate, seed=first_seed + i)
        for i, (gain, rate) in enumerate(cells)
    ]
    nets = Networks(designs, data.images.shape[1], depth, width)
    losses = train(nets, data, epochs=epochs, batch_size=batch_size).losses
    shape = (len(losses), len(gains), len(rates))
    return Map(activations.get(activation), norm, depth, tuple(gains), tuple(rates), losses.view(shape))

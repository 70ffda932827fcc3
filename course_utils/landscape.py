"""Landscape: which pairs of a gain and a learning rate train, a network for each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from course_utils import activations, checks, trials
from course_utils.activations import Activation
from course_utils.data import Dataset
from course_utils.networks import Design

__all__ = ["Map", "survey"]


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

    def final(self, window: int = trials.WINDOW) -> Tensor:
        """Mean loss of the last ``window`` steps, [G, R], float64; infinity where it is not finite."""
        last = trials.smooth(self.losses.flatten(1), window)[-1].view(len(self.gains), len(self.rates))
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
        rows = torch.tensor([lowest <= gain <= highest for gain in self.gains], device="cpu")
        if not rows.any():
            raise ValueError(f"no gain of the map lies between {lowest} and {highest}; it has {self.gains}")
        cells = self.trained(below)[rows]
        hits, count = int(cells.sum()), cells.numel()
        return hits, count, trials.interval(hits, count)

    def steps(self, target: float = 1.0) -> Tensor:
        """Steps to ``target`` nats at each gain, at the rate that gets there first, [G]; infinity: at none."""
        cells = trials.steps_to(self.losses.flatten(1), target).view(len(self.gains), len(self.rates))
        return cells.amin(1)

    def middle_gain(self, below: float = 1.0, among: Sequence[float] | None = None) -> float:
        """Geometric mean gain of the cells that train, of those ``among`` these gains (default: all); NaN for none."""
        cells = self.trained(below)
        if among is not None:
            cells = cells & torch.tensor([gain in among for gain in self.gains], device="cpu").unsqueeze(1)
        logs = torch.tensor(self.gains, dtype=torch.float64, device="cpu").log().unsqueeze(1).expand_as(cells)
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

    All cells of a map see the same order of the examples, so that neighbours differ by their weights alone; maps with
    another ``first_seed`` have another order.

    Args:
        activation, norm: as in a Design. data: training examples. depth, width: of all networks.
        gains, rates: above 0, ascending, at least one each.
        epochs, batch_size: as trials.run; default 2 epochs of batches of 100.
        first_seed: cell (i, j) has the seed first_seed + i * len(rates) + j; the order is that of first_seed.

    Raises:
        ValueError: naming the argument, its value and what would be right; also those of Design and trials.run.
    """
    gains, rates = checks.rising("gains", gains, above=0), checks.rising("rates", rates, above=0)
    design = Design(activation, norm=norm)
    cells = [(gain, rate) for gain in gains for rate in rates]
    designs = [
        replace(design, gain=gain, learning_rate=rate, seed=first_seed + i)
        for i, (gain, rate) in enumerate(cells)
    ]
    losses = trials.run(
        designs, data, depth=depth, width=width, epochs=epochs, batch_size=batch_size, order=first_seed
    ).losses
    shape = (len(losses), len(gains), len(rates))
    return Map(activations.get(activation), norm, depth, tuple(gains), tuple(rates), losses.view(shape))

"""Baseline: the linear classifier of the pixels beside which a race of networks should be read."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils import checks, machine, training, trials
from course_utils.data import CLASSES, Dataset


@dataclass(frozen=True)
class Baseline:
    """What a linear classifier got to.

    Attributes:
        rate: the learning rate that was chosen.
        inside: whether it is neither end of the grid.
        scores: accuracies (0..1) of the fresh seeds, float64 [seeds], in their order.
    """

    rate: float
    inside: bool
    scores: Tensor


def softmax_regression(
    rates: Sequence[float],
    data: Dataset,
    held_back: Dataset,
    test: Dataset,
    *,
    epochs: int = 3,
    batch_size: int = 100,
    seeds: Sequence[int] = range(10, 15),
    tuning_seeds: Sequence[int] = trials.TUNING_SEEDS,
    optimiser: str = "sgd",
) -> Baseline:
    """Softmax regression on the pixels, by the protocol of :func:`trials.compare`: outputs x W + b, all starting at 0.

    A seed is the order of the examples alone, that of the networks of this seed, so that they see the same batches.

    Args:
        rates: the grid, at least three; the best one on ``held_back`` with ``tuning_seeds`` is reported with ``seeds``.
        data: to train on. held_back: to choose the rate by. test: to report.
        epochs, batch_size, optimiser: as training.train ("sgd": momentum 0.9; or "adam").

    Raises:
        ValueError: another optimiser; a seed used twice; and as trials.best and training.train.
    """
    checks.among("optimiser", optimiser, ("sgd", "adam"))
    checks.whole("epochs", epochs)
    checks.whole("batch_size", batch_size, 1, len(data), "examples")
    seeds, tuning_seeds = checks.seeds("seeds", seeds), checks.seeds("tuning_seeds", tuning_seeds)
    if twice := set(seeds) & set(tuning_seeds):
        raise ValueError(f"seeds that chose a rate must not report it; in both lists: {sorted(twice)}")

    def score(rate: float, seed: int, judge: Dataset) -> float:
        weight = torch.zeros(data.images.shape[1], len(CLASSES), dtype=data.images.dtype, requires_grad=True)
        bias = torch.zeros(len(CLASSES), dtype=data.images.dtype, requires_grad=True)
        if optimiser == "adam":
            update: torch.optim.Optimizer = torch.optim.Adam([weight, bias], lr=rate)
        else:
            update = torch.optim.SGD([weight, bias], lr=rate, momentum=training.MOMENTUM)
        orders = training._Orders.of([seed], 1, data.images.device)
        for (batch,) in orders.batches(len(data), batch_size, 0, epochs):
            update.zero_grad()
            outputs = torch.addmm(bias, data.images[batch], weight)
            torch.nn.functional.cross_entropy(outputs, data.labels[batch]).backward()
            update.step()
        with torch.inference_mode():
            outputs = torch.addmm(bias, judge.images, weight)
            return (outputs.argmax(1) == judge.labels).double().mean().item()

    import pandas as pd

    with machine.threads(1):
        tried = [
            {"arm": "softmax regression", "learning_rate": rate, "score": score(rate, seed, held_back)}
            for rate in rates
            for seed in tuning_seeds
        ]
        choice = trials.best(pd.DataFrame(tried)).iloc[0]
        rate = float(choice["learning_rate"])
        found = torch.tensor([score(rate, seed, test) for seed in seeds], dtype=torch.float64)
    return Baseline(rate, bool(choice["inside"]), found)

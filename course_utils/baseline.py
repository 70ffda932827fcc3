"""Baseline: the linear classifier of the pixels beside which a race of networks should be read."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils import checks, machine, training, trials
from course_utils.data import CLASSES, Dataset

__all__ = ["Baseline", "softmax_regression"]


@dataclass(frozen=True)
class Baseline:
    """What a linear classifier got to.

    Attributes:
        rate: the learning rate that was chosen.
        inside: whether it is neither end of the grid.
        way: accuracies (0..1) of the fresh seeds after each epoch, float64 [epochs, seeds].
    """

    rate: float
    inside: bool
    way: Tensor

    @property
    def scores(self) -> Tensor:
        """Accuracies of the fresh seeds at the end, [seeds]."""
        return self.way[-1]


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
    cooldown: float = 0.0,
) -> Baseline:
    """Softmax regression on the pixels, by the protocol of :func:`trials.compare`: outputs x W + b, all starting at 0.

    A seed is the order of the examples alone, that of the networks of this seed, so that they see the same batches.

    Args:
        rates: the grid, at least three; the best one, at the end, on ``held_back`` with ``tuning_seeds`` is reported with ``seeds``.
        data: to train on. held_back: to choose the rate by. test: to report.
        epochs, batch_size, optimiser, cooldown: as training.train ("sgd": momentum 0.9; or "adam").

    Raises:
        ValueError: another optimiser; a seed used twice; and as trials.best and training.train.
    """
    checks.among("optimiser", optimiser, ("sgd", "adam"))
    checks.number("cooldown", cooldown, 0, 1)
    checks.whole("epochs", epochs)
    checks.whole("batch_size", batch_size, 1, len(data), "examples")
    seeds, tuning_seeds = checks.seeds("seeds", seeds), checks.seeds("tuning_seeds", tuning_seeds)
    if twice := set(seeds) & set(tuning_seeds):
        raise ValueError(f"seeds that chose a rate must not report it; in both lists: {sorted(twice)}")

    def fit(rates: Sequence[float], seeds: list[int], judge: Dataset) -> Tensor:
        """Accuracies after each epoch, [epochs, rates, seeds]."""
        shape = (len(seeds), data.images.shape[1], len(CLASSES))
        weights = [
            torch.zeros(shape, dtype=data.images.dtype, requires_grad=True, device="cpu") for _ in rates
        ]
        biases = [torch.zeros_like(weight[:, :1]).requires_grad_() for weight in weights]
        groups = [{"params": [w, b], "lr": r} for w, b, r in zip(weights, biases, rates, strict=True)]
        update = (
            torch.optim.Adam(groups)
            if optimiser == "adam"
            else torch.optim.SGD(groups, momentum=training.MOMENTUM)
        )
        end = epochs * (len(data) // batch_size)
        falling = torch.optim.lr_scheduler.LambdaLR(update, lambda k: training.falling(k, end, cooldown))
        orders, found = training._Orders.of(seeds, len(seeds), data.images.device), []
        for step, batch in enumerate(orders.batches(len(data), batch_size, 0, epochs), start=1):
            update.zero_grad()
            x, y = (part[batch].repeat(len(rates), *[1] * part.ndim) for part in (data.images, data.labels))
            outputs = torch.baddbmm(torch.cat(biases), x, torch.cat(weights))
            # The gradient of the sum over the classifiers holds each one's own.
            loss = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), y.flatten(), reduction="sum")
            (loss / batch_size).backward()  # type: ignore[no-untyped-call]
            update.step()
            falling.step()
            if step % (len(data) // batch_size) == 0:
                with torch.inference_mode():
                    seen = judge.images @ torch.cat(weights) + torch.cat(biases)
                    found.append((seen.argmax(2) == judge.labels).double().mean(1).view(len(rates), -1))
        return torch.stack(found)

    import pandas as pd

    with machine.threads(1), machine.flushed():
        tried = fit(rates, tuning_seeds, held_back)[-1]
        rows = [
            {"arm": "softmax regression", "learning_rate": rate, "score": score}
            for rate, scores in zip(rates, tried.tolist(), strict=True)
            for score in scores
        ]
        choice = trials.best(pd.DataFrame(rows)).iloc[0]
        rate = float(choice["learning_rate"])
        return Baseline(rate, bool(choice["inside"]), fit([rate], seeds, test)[:, 0])

"""Convolved: notebook 07's race with convolutional networks, and the figure of Krizhevsky, Sutskever and Hinton (2012)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

import course_utils.record.race as race
from course_utils import trials
from course_utils.data import Dataset
from course_utils.networks import Design
from course_utils.record.convolution import Stack, Trained, train
from course_utils.record.settings import Setting

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ERROR", "depth_2", "depth_4", "depth_6", "ends", "krizhevsky", "old", "under_adam"]

ERROR = 0.25
Score = Callable[[Stack, Trained], Tensor]


def _contest(
    setting: Setting,
    arms: dict[str, Design],
    depth: int,
    rates: list[float],
    judge: Score,
    report: Score | None = None,
    higher: bool = False,
    images: Dataset | None = None,
    **options: object,
) -> pd.DataFrame:
    """As trials.compare, all arms side by side: one run chooses each arm's rate, the other reports fresh seeds."""
    import pandas as pd

    data = images or setting.sets(10_000)[0]

    def run(rows: list[tuple[str, float, int]], score: Score) -> pd.DataFrame:
        designs = [replace(arms[name], learning_rate=rate, seed=seed) for name, rate, seed in rows]
        stack = Stack(designs, data.size, depth)
        found = train(stack, data, **options)  # type: ignore[arg-type]
        scores = score(stack, found)
        last = trials.smooth(found.losses, min(trials.WINDOW, len(found.losses)))[-1]
        failed = ~scores.isfinite() | ~last.isfinite()
        table = pd.DataFrame([design.describe() for design in designs])
        return table.assign(
            arm=[name for name, *_ in rows],
            depth=depth,
            width=stack.channels,
            order=table["seed"],
            score=scores.masked_fill(failed, 0.0 if higher else math.inf).numpy(),
            loss=last.masked_fill(~last.isfinite(), math.inf).numpy(),
            failed=failed.numpy(),
            steps=len(found.losses),
        )

    tried = run([(name, rate, seed) for name in arms for rate in rates for seed in setting.tuning], judge)
    best = trials.best(tried, higher=higher).set_index("arm")
    chosen = [(name, float(best.learning_rate[name]), seed) for name in arms for seed in setting.seeds]
    found = run(chosen, report or judge)
    return found.assign(inside=found["arm"].map(best["inside"]))


def _soon(setting: Setting, arms: dict[str, Design], depth: int, optimiser: str = "sgd") -> pd.DataFrame:
    def score(stack: Stack, found: Trained) -> Tensor:
        return trials.steps_to(found.losses, race.TARGET)

    rates = race.SGD if optimiser == "sgd" else race.ADAM
    epochs = setting.epochs(race.EPOCHS)
    found = _contest(setting, arms, depth, rates, score, epochs=epochs, optimiser=optimiser)
    return found.assign(measure=f"steps to loss {race.TARGET}")


def depth_2(setting: Setting) -> pd.DataFrame:
    """Steps to the line with two convolutional layers."""
    return _soon(setting, race.ARMS, 2)


def depth_4(setting: Setting) -> pd.DataFrame:
    """Steps to the line with four convolutional layers."""
    return _soon(setting, race.ARMS, 4)


def depth_6(setting: Setting) -> pd.DataFrame:
    """Steps to the line with six convolutional layers."""
    return _soon(setting, race.ARMS, 6)


def old(setting: Setting) -> pd.DataFrame:
    """The same with four layers from the small weights of 2012: gain 0.35."""
    return _soon(setting, race.OLD, 4)


def under_adam(setting: Setting) -> pd.DataFrame:
    """The same with four layers under Adam."""
    return _soon(setting, {name: arm for name, arm in race.ARMS.items() if name != "GELU"}, 4, "adam")


def ends(setting: Setting) -> pd.DataFrame:
    """Test accuracy with four layers after five epochs that cool down."""
    fit, held, test = setting.sets(9000, 1000)
    arms = {name: race.ARMS[name] for name in race.LONG}
    options = {"higher": True, "images": fit, "epochs": setting.epochs(5), "cooldown": 0.5}
    found = _contest(setting, arms, 4, race.SGD, _right(held), _right(test), **options)  # type: ignore[arg-type]
    return found.assign(measure="test accuracy")


def krizhevsky(setting: Setting) -> pd.DataFrame:
    """Steps to 25 % training error, four layers, within 600 steps: ReLU, tanh and the sigmoid, at old and at modern weights.

    The error is the mean of the last 20 batches. Their figure 1 has ReLU and tanh on CIFAR-10.
    """
    arms = {f"{name}, old": arm for name, arm in race.OLD.items()}
    arms |= {f"{name}, modern": race.ARMS[name] for name in race.OLD}

    def score(stack: Stack, found: Trained) -> Tensor:
        return trials.steps_to(found.errors, ERROR)

    found = _contest(setting, arms, 4, race.SGD, score, epochs=setting.epochs(6))
    return found.assign(measure="steps to 25 % training error")


def _right(images: Dataset) -> Score:
    def score(stack: Stack, found: Trained) -> Tensor:
        with torch.inference_mode():
            outputs = stack(images.images)
            right = (outputs.argmax(2) == images.labels).double().mean(1)
            return right.where(outputs.isfinite().flatten(1).all(1), torch.tensor(math.nan).double())

    return score

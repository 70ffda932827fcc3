"""Checks of notebook 06, What batch norm fixes, and what it does not."""

import math
from typing import Any

import torch
from torch import Tensor

from course_utils import activations, theory
from course_utils.exercises import Exercise, Off, function, number
from course_utils.exercises.answers import choice, letter, near, slips

__all__ = ["EXERCISES"]


def _normalise(answer: Any) -> None:
    z = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = 3 * z + torch.tensor([1.0, -2.0, 0.5, 4.0], dtype=torch.float64)
    x = function(answer, z, shape=(6, 4))

    def scaled(mean: Tensor, spread: Tensor) -> Tensor:
        return (z - mean) / spread

    unit_mean = z.mean(0)
    if torch.allclose(x, scaled(unit_mean, z.std(0, correction=0)), atol=2e-4):
        return
    for c in (0, 1):  # torch's own deviation divides by the number less one
        rows, columns = z.mean(1, keepdim=True), z.var(0, correction=c)
        wrong = {
            "That is layer norm: each example over its units. Batch norm takes each unit over the batch.": scaled(
                rows, z.std(1, keepdim=True, correction=c)
            ),
            "One mean and one deviation for the whole table; each unit needs its own.": scaled(
                z.mean(), z.std(correction=c)
            ),
            "One deviation for the whole table; each unit needs its own.": scaled(
                unit_mean, z.std(correction=c)
            ),
            "The mean is gone; now divide by the deviation.": scaled(unit_mean, torch.ones(4)),
            "The deviation is right, and the mean is still there.": scaled(torch.zeros(4), columns.sqrt()),
            "Divided by the variance; its square root is wanted.": scaled(unit_mean, columns),
        }
        for hint, value in wrong.items():
            if torch.allclose(x, value, atol=1e-3):
                raise Off(hint)
    if torch.allclose(x, scaled(unit_mean, z.std(0)), atol=1e-3):
        raise Off("The deviation is divided by B − 1 here; batch norm divides by B (correction=0).")
    if not torch.allclose(x.mean(0), torch.zeros(4, dtype=torch.float64), atol=1e-3):
        raise Off("Every unit should have mean 0 over the batch; yours have not.")
    raise Off("The means are 0, but the mean squares should be 1 for every unit; yours are not.")


def _squared_growth(answer: Any) -> None:
    value, right = number(answer), math.pi / (math.pi - 1)
    slips(
        value,
        (math.sqrt(right), 2e-3, "That is the growth of the norm. Its square is asked for."),
        (1, 2e-3, "You have divided by E[φ²]. Batch norm takes the mean away: divide by the variance."),
        (1 / right, 2e-3, "Upside down: the slopes are above, the variance below."),
        (0.5, 2e-3, "That is E[φ′²]. Now divide by Var φ."),
        (right / 2, 2e-3, "That is 1/2 divided by twice the variance, or half of it: check the halves."),
        (0.5 - 0.5 / math.pi, 2e-3, "That is Var φ. What stands above it?"),
    )
    near(value, right, 6e-3)


def _thousandfold(answer: Any) -> None:
    value = number(answer)
    if 18 <= value <= 19:
        raise Off("You have used the growth of the square, π/(π − 1). The norm grows by its root.")
    if 36 <= value < 37:
        raise Off("Close: 36 steps are a shade too few, and steps come whole.")
    if value == 38:
        raise Off("That many layers it is; the steps from layer to layer are one fewer.")
    if 410 <= value <= 425:
        raise Off("That is the sigmoid's number; ReLU's growth is larger.")
    near(value, 37, 0, 0)


def _mean_part(answer: Any) -> None:
    value = number(answer)
    found = theory.moments("sigmoid")
    right = 0.25 / found.square
    if abs(value / right / 100 - 1) < 0.02:
        raise Off(f"A part of one is at most 1: write {value / 100:g} for {value:g} %.")
    if abs(value - 0.25) < 2e-3:
        raise Off("That is E[φ]². Divide it by E[φ²].")
    if abs(value - (1 - right)) < 4e-3:
        raise Off("That is the part that differs between examples; the other one is asked for.")
    if abs(value - found.square) < 2e-3:
        raise Off("That is E[φ²]. What part of it is the square of the mean?")
    if abs(value / right - 1) > 0.02:
        near(value, right, 0.0, 0.05)


def _shift(answer: Any) -> None:
    beta = number(answer)
    if beta < 0:
        raise Off("A shift below 0 turns more units off, and the growth gets larger.")
    if beta >= 6:
        raise Off("That leaves no unit off: a linear network. Something smaller will do.")
    found = theory.batch_norm_growth(activations.shifted(beta))
    if found > 1.05:
        raise Off(f"At this shift the growth is {found:.3f}; 1.05 or less is asked for.")
    if found < 1.02:
        raise Off(
            f"The growth is {found:.3f}, less than the 1.02 asked for: hardly a unit is ever off. Find a smaller shift."
        )


EXERCISES: dict[str, Exercise] = {
    "6.1": Exercise(
        letter(
            c="Notebook 03: a plain sigmoid network forgets its input after about a dozen layers.",
            b="At He's init its gradient is level on average, yet it does not come first. Read on.",
            d="The usual guess. Batch norm divides by the deviation of what the activation puts out. "
            "Is the typical slope larger than that deviation, or about as large?",
        ),
        "See how it comes about.",
        "Thirty layers multiply thirty factors. Whose factor is nearest to 1, once batch norm divides?",
        "For each: does its gradient shrink, keep its size or grow, per layer? Section 6.3 works it out.",
    ),
    "6.2": Exercise(
        _normalise,
        "Each unit over the batch: mean 0, mean square 1.",
        "Which dimension of z is the batch? Mean and deviation run along it.",
        "Take the mean over dimension 0 away, then divide by the root of the mean square of what is left.",
    ),
    "6.3": Exercise(
        _squared_growth,
        "π/(π − 1) = 1.467 for the square, hence 1.211 for the norm.",
        "Two expectations over a Gaussian z, each an integral over its positive half.",
        "E[φ′²] is the share of units that are on; E[φ²] is ½, and E[φ] = 1/√(2π).",
    ),
    "6.4": Exercise(
        _thousandfold,
        "37 steps. The sigmoid would need more than four hundred.",
        "The growths multiply, step by step.",
        "Solve 1.2112ⁿ ≥ 1000: logarithms on both sides.",
    ),
    "6.5": Exercise(
        _shift,
        "From about one upward the kink is met more rarely, and the growth fades.",
        "The growth comes from the kink: how often must z meet it?",
        "Ask theory.batch_norm_growth for two shifts between 0 and 6, and halve the interval.",
    ),
    "6.6": Exercise(
        _mean_part,
        "About 85 %: what layer norm normalises is mostly the same for all images.",
        "E[σ²] has two parts, the square of the mean and the variance.",
        "E[σ(z)] is ½ by symmetry, and theory.moments('sigmoid').square is E[σ²].",
    ),
}


EXERCISES |= {
    "6.7": Exercise(
        choice(
            {
                "arms": {
                    "relu and sigmoid": "they differ in growth, slope, mean and saturation; steps are one thing among many.",
                    "with and without": "without batch norm the growth is gone, too: it cannot tell the steps from the rest.",
                    "as it is and levelled": "",
                },
                "depth": {
                    "3": "over so few layers the growth has hardly begun.",
                    "30": "",
                },
                "rates": {
                    "one for all": "levelled steps are steps of another size: the old rate is no fair rate for them.",
                    "each on held-out": "",
                    "each on test": "chosen on the test images, the rate has seen what it is judged on.",
                },
                "measure": {
                    "gradient": "that is level by construction in one arm. What is asked is whether it *learns*.",
                    "loss": "",
                    "best seed": "the best seed is the luckiest.",
                },
            }
        ),
        "One arm has the growth and the unequal steps, the other the growth alone: if they learn alike, it is not the steps.",
        "Which pair of arms differs in the size of the layers' steps and in nothing else?",
        "Keep the network and its growth; make the steps of all layers equal; let each arm choose its rate.",
    ),
    "6.8": Exercise(
        letter(
            b="The number of seeds decides how well each spread is known. Here both are known well enough.",
            c="An accuracy is a share of images in either; the data set does not change what a point is.",
            d="Depth may change the difference. It does not make one and the same difference close here and close there.",
        ),
        "Close is a word for a ratio: the difference over what would be there by chance.",
        "Three points, measured with what yardstick?",
        "Divide each difference by the spread of its own seeds, and compare the ratios.",
    ),
}

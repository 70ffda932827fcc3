"""Checks of notebook 03, Gradient products across depth."""

from dataclasses import replace
from typing import Any

import torch

from course_utils import activations, theory
from course_utils.exercises import Exercise, Off, number, option

__all__ = ["EXERCISES", "RELU6"]

RELU6 = replace(
    activations.get("relu"),
    name="relu6",
    label="ReLU6",
    value=lambda z: z.clamp(0, 6),
    slope=lambda z: torch.where(z.isnan(), z, ((z > 0) & (z < 6)).to(z.dtype)),
    formula=r"\min(\max(0, z), 6)",
    slope_formula=r"1\ \text{if}\ 0<z<6,\ \text{else}\ 0",
    marker="p",
    kinks=(0.0, 6.0),
)


def _best_kept(answer: Any) -> None:
    letter = option(answer, "abcd")
    if letter == "a":
        raise Off(
            "At most a quarter per layer, and the weights do not make up for it: this one keeps least of all."
        )
    if letter == "b":
        raise Off(
            "Its slope is 1, but half of the units are off and these weights are small. Work out both factors."
        )
    if letter == "d":
        raise Off("A slope of 1 in the middle, but weights of gain √⅓ ≈ 0.58: that is lost in every layer.")


def _he(answer: Any) -> None:
    value = number(answer)
    if abs(value - 1) < 1e-6:
        raise Off("That keeps a linear network level. A ReLU passes on only half of the mean square.")
    if abs(value - 0.5) < 1e-6:
        raise Off("One half is what ReLU keeps of the mean square; the weights must make up for it.")
    if abs(value - 2**0.5) < 1e-2:
        raise Off("That is the gain. The variance times fan_in, which is asked for, is its square.")
    if abs(value - 2) > 1e-6:
        raise Off("Start from E[ReLU(z)²] for a symmetric z of variance q: what share of q is it?")


def _silu(answer: Any) -> None:
    value = number(answer)
    if abs(value - 1) < 5e-3:
        raise Off("√2 keeps ReLU alive because half of its slopes are 1. What is SiLU's slope at 0?")
    if abs(value - 0.5) < 5e-3:
        raise Off(
            "That is SiLU's slope at 0: the weights, with a gain of √2, multiply, too. Or, with them, the factor's square."
        )
    if abs(value - 0.25) < 5e-3 or abs(value - 0.125) < 5e-3:
        raise Off("The factor is of the norm, not of its square.")
    right = theory.gradient_factor("silu", "he")
    if abs(value / right - 1) > 0.01:
        raise Off(f"The gain is √2 and z has shrunk to nearly 0: gain × slope. You have {value:.4g}.")


def _relu6_alive(answer: Any) -> None:
    gain = number(answer)
    if gain <= 0:
        raise Off("A gain is a standard deviation times √fan_in: it is above 0.")
    factor = theory.gradient_factor(RELU6, gain)
    if abs(factor - 1) > 0.02:
        fate = "vanish" if factor < 1 else "explode"
        raise Off(f"At this gain gradients {fate}: the factor per layer is {factor:.3f}.")


def _offset(answer: Any) -> None:
    value = number(answer)
    if abs(value - 0.25) < 1e-6:
        raise Off("That is the square of the mean. The weights, of gain 4, multiply it.")
    if abs(value - 1) < 1e-6:
        raise Off("4 × ¼: but a variance takes the square of the gain.")
    if abs(value - 2) < 1e-6:
        raise Off("That is the offset's standard deviation, 4 × ½; its variance is asked for.")
    if abs(value - 5.86) < 0.02:
        raise Off("That is the whole variance of z; the offset's part of it is asked for.")
    if abs(value - 4) > 1e-6:
        raise Off("The offset is Σ w · ½ over fan_in weights, each of variance 16 / fan_in.")


def _why_not_slope(answer: Any) -> None:
    letter = option(answer, "abcd")
    if letter == "a":
        raise Off(
            "σ(4z) has slope 1 at z = 0: the bound of its slope is 1, as ReLU's. It is not the bound that bites."
        )
    if letter == "c":
        raise Off("These gradients are computed in float64, where nothing of this size is rounded away.")
    if letter == "d":
        raise Off("The weights are drawn the same way as in a tanh network, and there the gradient survives.")


EXERCISES = {
    "3.1": Exercise(_best_kept, "See how it comes about, and by how much."),
    "3.2": Exercise(_he, "Var(w) · fan_in = 2: He's init, because half of the mean square is lost."),
    "3.3": Exercise(_why_not_slope, "The next figures put it to the test."),
    "3.4": Exercise(
        _offset, "16 · ¼ = 4: more than two thirds of the variance of z is the same for every input."
    ),
    "3.5": Exercise(_silu, "√2 · ½: once the signal has died, a SiLU is a straight line of slope one half."),
    "3.6": Exercise(_relu6_alive, "The cap at 6 is hardly ever reached there: ReLU6 lives where ReLU does."),
}

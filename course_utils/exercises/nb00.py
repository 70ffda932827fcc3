"""Checks of notebook 00, Start here."""

import math
from typing import Any

from course_utils.exercises import Exercise, Off, number, option

__all__ = ["EXERCISES"]


def _chance(answer: Any) -> None:
    value = number(answer)
    if abs(value - 0.1) < 1e-9 or abs(value - 10) < 1e-9:
        raise Off(
            "That is the chance of hitting the class, or the number of classes. The loss is minus a logarithm."
        )
    if abs(value - 1) < 0.01:
        raise Off("That is the logarithm to base 10; the cross-entropy uses the natural one.")
    if abs(value - math.log2(10)) < 0.01:
        raise Off("That is in bits, log2 of 10; the cross-entropy is in nats, with the natural logarithm.")
    if abs(value + math.log(10)) < 0.01:
        raise Off("Right size, wrong sign: the loss is minus the logarithm of the probability.")
    if abs(value - math.log(10)) > 0.005:
        raise Off("Each class gets probability 1/10; the loss of an image is −ln of that.")


def _which_learn(answer: Any) -> None:
    choice = option(answer, "abcd")
    hints = {
        "a": "Something learns, but not this one. The figure will tell.",
        "b": "ReLU does learn. Is it alone? The figure will tell.",
        "d": "One of the three learns nothing. The figure will tell which.",
    }
    if choice in hints:
        raise Off(hints[choice])


def _probability(answer: Any) -> None:
    value = number(answer)
    if abs(value - math.e) < 0.02:
        raise Off("A probability is at most 1: the loss is *minus* the logarithm.")
    if value > 1:
        raise Off(
            f"A probability is at most 1: write {value / 100:g} for {value:g} %."
            if value <= 100
            else f"A probability is at most 1; this is {value:g}."
        )
    if abs(value - 0.1) < 1e-6:
        raise Off("At one tenth the loss is ln 10, about 2.3.")
    if abs(value - 0.5) < 1e-6:
        raise Off("At one half the loss is ln 2, about 0.69.")
    if abs(value - math.exp(-1)) > 0.005:
        raise Off("Solve −ln p = 1 for p.")


EXERCISES = {
    "0.1": Exercise(_chance, "−ln(1/10) = ln 10 ≈ 2.303: the line that a network must get below."),
    "0.2": Exercise(_which_learn, "See how it comes about: the three are trained below."),
    "0.3": Exercise(_probability, "e^(−1) ≈ 0.37: more than three times what guessing gives."),
}

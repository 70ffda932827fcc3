"""Checks of notebook 00, Start here."""

import math
from typing import Any

from course_utils.exercises import Exercise, Off, number
from course_utils.exercises.answers import letter, near, slips

__all__ = ["EXERCISES"]


def _chance(answer: Any) -> None:
    value = number(answer)
    either = (
        "That is the chance of hitting the class, or the number of classes. The loss is minus a logarithm."
    )
    slips(
        value,
        (0.1, 1e-9, either),
        (10, 1e-9, either),
        (1, 0.01, "That is the logarithm to base 10; the cross-entropy uses the natural one."),
        (
            math.log2(10),
            0.01,
            "That is in bits, log2 of 10; the cross-entropy is in nats, with the natural logarithm.",
        ),
        (
            -math.log(10),
            0.01,
            "Right size, wrong sign: the loss is minus the logarithm of the probability.",
        ),
        (-math.log(0.9), 0.001, "That is for a class that was given 0.9. Each of ten gets a tenth here."),
        (0.9, 1e-9, "That is the chance of missing the class. The loss is minus a logarithm."),
    )
    near(value, math.log(10), 0.005)


def _probability(answer: Any) -> None:
    value = number(answer)
    slips(value, (math.e, 0.02, "A probability is at most 1: the loss is *minus* the logarithm."))
    if value > 1:
        raise Off(
            f"A probability is at most 1: write {value / 100:g} for {value:g} %."
            if value <= 100
            else f"A probability is at most 1; this is {value:g}."
        )
    slips(
        value,
        (0.1, 1e-6, "At one tenth the loss is ln 10, about 2.3."),
        (0.5, 1e-6, "At one half the loss is ln 2, about 0.69."),
        (1 - math.exp(-1), 0.005, "That is the probability of all the other classes together."),
    )
    near(value, math.exp(-1), 0.005)


EXERCISES: dict[str, Exercise] = {
    "0.1": Exercise(
        _chance,
        "−ln(1/10) = ln 10 ≈ 2.303: the line that a network must get below.",
        "What loss does an image get whose class was given the probability p?",
        "Each class gets probability 1/10; put that into the loss of one image, and average.",
    ),
    "0.2": Exercise(
        letter(
            a="Something learns, but not this one. The figure will tell.",
            b="ReLU does learn. Is it alone? The figure will tell.",
            d="One of the three learns nothing. The figure will tell which.",
        ),
        "See how it comes about: the three are trained below.",
        "What happens to a gradient that passes through eight slopes of at most a quarter?",
        "The figure below trains all three. Go on and look.",
    ),
    "0.3": Exercise(
        _probability,
        "e^(−1) ≈ 0.37: more than three times what guessing gives.",
        "Read the definition of the loss from right to left: which probability has the loss 1?",
        "Solve −ln p = 1 for p.",
    ),
}


EXERCISES |= {
    "0.4": Exercise(
        letter(
            a="Fails is for a card on which no condition came out true. Here two did.",
            b="Conditions are not counted like votes: each names a case.",
            d="More seeds make a condition's figure firmer. They do not turn three conditions into one.",
        ),
        "A card that depends says on what: that is worth more than a yes or a no.",
        "Each condition on a card is a case in which the claim was tried.",
        "Say in one sentence in which cases it was right, and in which not.",
    ),
}

"""Checks of notebook 07, The race."""

import math
from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import torch

from course_utils import trials
from course_utils.exercises import Exercise, Off, number
from course_utils.exercises.answers import Unread, attempt, choice, kind, letter, near, shown, slips

__all__ = ["CURVES", "EXERCISES"]

# A smooth one, one with a lucky batch at step 4, one that never gets there, and three that catch a slip each.
CURVES = [
    [2.3, 2.0, 1.7, 1.4, 1.1, 0.9, 0.7, 0.5, 0.4, 0.3],
    [2.3, 2.2, 2.1, 0.6, 2.0, 1.8, 1.1, 0.9, 0.8, 0.7],
    [2.3, 2.3, 2.2, 2.3, 2.2, 2.3, 2.3, 2.2, 2.3, 2.2],
    [2.0, 2.0, 2.0, 2.0, 2.0, 1.5, 1.0, 0.5],  # exactly 1, at the last step
    [0.5, 2.0, 2.0, 2.0, 0.9, 0.9, 0.9, 0.9],  # a lucky first batch
    [2.0, 0.9, 0.9, 2.9, 0.9, 0.9, 0.9],  # the median is there early, the mean is not
]
_TARGET, _WINDOW = 1.0, 3


# Once more with other numbers, so that none is hit by luck.
_SECOND = [2.0, 1.6, 0.7, 0.2, 0.4, 0.3, 0.2]
_SECOND_TARGET, _SECOND_WINDOW = 0.32, 2

# And one that tells slips apart.
_THIRD = [0.9, 0.9, 3.0, 2.0, 0.4, 0.3, 0.2, 0.2, 0.2]


# What of the losses until a step is held against the target, or None for a step at which nothing is.
_SLIPS: dict[str, Callable[[list[float]], float | None]] = {
    "That is the sum of the window; its mean is asked for.": lambda past: sum(past[-_WINDOW:]),
    "That is the mean of all losses so far; the mean of the last `window` is asked for.": lambda past: sum(past) / len(past),
    "Your windows stand side by side; the last `window` losses are asked for at each step, so that windows overlap.": lambda past: (
        None if len(past) % _WINDOW else sum(past[-_WINDOW:]) / _WINDOW
    ),
    "All of the window's losses need not be below the target; their mean is asked for.": lambda past: max(past[-_WINDOW:]),
}  # fmt: skip


def _first(rule: Callable[[list[float]], float | None], curve: list[float]) -> float:
    """The first step, from a full window on, at which a rule's number is at or below the target."""
    for step in range(_WINDOW, len(curve) + 1):
        value = rule(curve[:step])
        if value is not None and value <= _TARGET + 1e-12:
            return step
    return math.inf


def _asked(answer: Any, curve: list[float], target: float, window: int) -> float:
    """What the reader's function makes of one curve, as a list, a tensor or an array."""

    def read(given: Any) -> float:
        try:
            value = float(given)
        except Exception:  # whatever a strange object does when it is made a number
            value = math.nan
        if math.isnan(value) or isinstance(given, str):
            raise Unread(
                f"It gives back {shown(given)}. A number of steps is asked for, and math.inf for never."
            )
        return value

    how = f"a list of {len(curve)} losses, {target} and {window}"
    return attempt(
        [
            (how, lambda: answer(list(curve), target, window)),
            (f"{how}, as a tensor", lambda: answer(torch.tensor(curve), target, window)),
            (f"{how}, as an array", lambda: answer(np.array(curve), target, window)),
        ],
        read,
        "It gives back None. A number of steps is asked for, and math.inf for never; does its def end in a return?",
    )


def _steps(answer: Any) -> None:
    if not callable(answer):
        raise Unread(f"A function of (losses, target, window) is asked for; this is {kind(answer)}.")
    try:
        said = [_asked(answer, curve, _TARGET, _WINDOW) for curve in CURVES]
    except Unread as unread:
        for order in list(permutations((list(CURVES[0]), _TARGET, _WINDOW)))[1:]:
            try:
                fits = answer(*order) == 7
            except Exception:
                continue
            if fits is True:
                raise Off(
                    "Right but for the order of its arguments: it is called with (losses, target, window)."
                ) from None
        raise unread from None
    curves = [torch.tensor(curve, dtype=torch.float64)[:, None] for curve in CURVES]
    right, single = (
        [trials.steps_to(curve, _TARGET, window).item() for curve in curves] for window in (_WINDOW, 1)
    )
    if said == right:
        second = torch.tensor(_SECOND, dtype=torch.float64)[:, None]
        wanted = trials.steps_to(second, _SECOND_TARGET, _SECOND_WINDOW).item()
        if _asked(answer, _SECOND, _SECOND_TARGET, _SECOND_WINDOW) != wanted:
            raise Off(
                "Right for target 1 and window 3, and not for others: both must come from the arguments."
            )
        return
    for word, rule in _SLIPS.items():
        if [*said, _asked(answer, _THIRD, _TARGET, _WINDOW)] == [_first(rule, c) for c in (*CURVES, _THIRD)]:
            raise Off(word)
    middle = [curve.unfold(0, _WINDOW, 1).median(-1).values for curve in curves]
    if said == [trials.steps_to(values, _TARGET, 1).item() + _WINDOW - 1 for values in middle]:
        raise Off("That is the median of the window. Its mean is asked for.")
    if said[:2] == single[:2]:
        raise Off("One lucky batch decides here. Average over the last `window` steps before you compare.")
    if said[:2] == [steps - 1 for steps in right[:2]]:
        raise Off("One too few: a window whose last loss has index i is known after i + 1 steps.")
    if said[:2] == [steps - _WINDOW for steps in right[:2]] or said[:2] == [
        steps - _WINDOW + 1 for steps in right[:2]
    ]:
        raise Off("That is where the window begins. Its mean is known only at its end.")
    if said[:3] == right[:3]:
        if said[3] != right[3]:
            raise Off(
                "A mean of exactly the target counts, and so does the window that ends at the last loss."
            )
        if said[4] != right[4]:
            raise Off("Before `window` steps have been taken there is no full window, and so no mean.")
        raise Off("The mean of the last `window` losses is asked for, at each step anew.")
    if said[:2] == right[:2]:
        raise Off(
            f"A network that never gets there needs infinitely many steps (math.inf); this says {said[2]:g}."
        )
    raise Off(f"For the losses {CURVES[0]}, target {_TARGET} and window {_WINDOW}, this says {said[0]:g}.")


def _rate_for_slope(answer: Any) -> None:
    value = number(answer)
    turned = "The other way round: the plain sigmoid has the larger weights and the smaller gradient."
    slips(
        value,
        (4, 1e-9, "One factor of 4 is in the gradient. The step must also be 4 times as long, as the weights are."),
        (1, 1e-9, "With the same rate the heavier weights would move by too little: write both updates down."),
        (1 / 16, 1e-9, turned),
        (1 / 4, 1e-9, turned),
        (8, 1e-9, "The two factors multiply; they do not add up."),
        (64, 1e-9, "One factor too many: the gradient has one, and the step has one."),
    )  # fmt: skip
    near(value, 16, 1e-9)


def _rate_under_norm(answer: Any) -> None:
    value = number(answer)
    slips(
        value,
        (1, 1e-9, "The outputs stay the same, the gradient does not: L(cW) = L(W) at every W. Differentiate."),
        (0.5, 1e-9, "The gradient doubles: true. But half of the weight should also take half of the step."),
        (2, 1e-9, "The other way round: small weights have the larger gradient here."),
        (4, 1e-9, "The other way round: small weights have the larger gradient here."),
        (1 / 8, 1e-9, "One factor too many: the gradient has one, and the step has one."),
    )  # fmt: skip
    near(value, 0.25, 1e-9)


EXERCISES: dict[str, Exercise] = {
    "7.1": Exercise(
        letter(
            a="So says the reputation. It was made at the gains in common use; the map has others, too.",
            c="It is not that good, either. The map will tell: a ring marks a cell that trains.",
        ),
        "See how it comes about.",
        "What does a gain do to a sigmoid whose slope is a quarter?",
        "Look along the axis of the gains: where is a sigmoid's factor per layer near 1 (notebook 03)?",
    ),
    "7.2": Exercise(
        letter(
            c="Six times is what a figure of 2012 shows, at the weights of its time. The race of section 7.3 will tell.",
            b="tanh at Xavier keeps its gradient at this depth, as ReLU does at He's. "
            "What, then, should make it twice as slow?",
        ),
        "See how it comes about.",
        "What would have to be different at init for one to be slower than the other?",
        "Set the factors of tanh at Xavier and of ReLU at He's side by side, at this depth.",
    ),
    "7.3": Exercise(
        _steps,
        "Smoothed, counted from 1, and honest about those that never arrive.",
        "Slide a window over the losses, and ask for each window when its mean is known.",
        "The window that ends at index i is full from i = window − 1 on, and known after i + 1 steps.",
    ),
    "7.4": Exercise(
        _rate_for_slope,
        "A slope of 4 is weights of 4 times the size and a rate of 16 times.",
        "Two things differ: the size of the gradient, and how far the weights have to move.",
        "Put V = 4W. What is dL/dW in terms of dL/dV, and what does V do when W takes a step?",
    ),
    "7.5": Exercise(
        letter(
            a="At any line? See the three lines of counts: at one of them ReLU is not ahead.",
            c="The interval takes cells for coins. How many of the cells now train and now do not, as the weights change?",
            b="Compare the sums over the maps, not one map with one map.",
        ),
        "More, in this box and at this line; several maps tell what one could not.",
        "What varies from map to map, and by how much? That is the yardstick.",
        "Set the difference of the two sums beside the spread of one sum over the maps, line by line.",
    ),
    "7.6": Exercise(
        _rate_under_norm,
        "The rate goes with the square of the weights' size, once z is normalised.",
        "Two things differ: the size of the gradient, and how far the weights have to move.",
        "The step, rate times gradient, must be half as long, and the gradient is twice as large.",
    ),
}


EXERCISES |= {
    "7.7": Exercise(
        letter(
            a="Five paired seeds with their spread would do. What were they given to run at?",
            b="A finer grid helps once each arm has one of its own.",
            c="Each at a gain of its own is fair. What about the other thing that must suit the arm?",
        ),
        "A rate that is tuned for one arm, and on the test images at that, is part of what is compared.",
        "List what each arm got. Which of it was chosen for ReLU alone?",
        "Two faults in one sentence: who chose the rate, and on which images?",
    ),
    "7.8": Exercise(
        choice(
            {
                "rates": {
                    "one for all": "it suits one arm best: the race is then between rates.",
                    "each on held-out": "",
                    "each on test": "chosen on the test images, the rate has seen what it is judged on.",
                },
                "init": {
                    "pytorch": "it suits none of them, and some worse than others.",
                    "he": "that is ReLU's own gain: the others run in its shoes.",
                    "each its own": "",
                },
                "finish": {
                    "arrived": "the mean of those who arrive leaves the failures out, and flatters the arm that has most.",
                    "median": "",
                    "best": "the best seed is the luckiest.",
                },
                "order": {
                    "shared by arms": "",
                    "one for all seeds": "all seeds then know one order of the batches: a part of the chance is left out.",
                    "new for each": "two arms of one seed then differ by their batches, too; no pair is left to compare.",
                },
            }
        ),
        "Each arm at its best, chosen where it does not count, failures counted, chance shared.",
        "For each part: which arm would be glad of it?",
        "An arm may choose what suits it, on images that do not count; all that is left to chance is shared or counted.",
    ),
}

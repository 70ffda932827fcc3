"""Checks of notebook 07, The race."""

from typing import Any

import torch

from course_utils import trials
from course_utils.exercises import Exercise, Off, number, option

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


def _guess_map(answer: Any) -> None:
    letter = option(answer, "abc")
    if letter == "a":
        raise Off("So says the reputation. It was made at the gains in common use; the map has others, too.")
    if letter == "c":
        raise Off("It is not that good, either. The map will tell: a ring marks a cell that trains.")


def _guess_tanh(answer: Any) -> None:
    letter = option(answer, "abc")
    if letter == "a":
        raise Off(
            "Six times is what a figure of 2012 shows, at the weights of its time. The race of section 7.3 will tell."
        )
    if letter == "b":
        raise Off(
            "tanh at Xavier keeps its gradient at this depth, as ReLU does at He's. "
            "What, then, should make it twice as slow?"
        )


def _steps(answer: Any) -> None:
    if not callable(answer):
        raise Off(f"A function of (losses, target, window) is asked for; this is a {type(answer).__name__}.")
    said = []
    for curve in CURVES:
        try:
            given = answer(list(curve), _TARGET, _WINDOW)
        except Exception as error:  # a reader's function may fail in any way
            kind = type(error).__name__
            raise Off(
                f"Called with a list of {len(curve)} losses, {_TARGET} and {_WINDOW}, it fails: {kind}: {error}"
            ) from None
        try:
            said.append(float(given))
        except (TypeError, ValueError):
            raise Off(
                f"It gives back {given!r}. A number of steps is asked for, and math.inf for never."
            ) from None
    curves = [torch.tensor(curve, dtype=torch.float64)[:, None] for curve in CURVES]
    right, single = (
        [trials.steps_to(curve, _TARGET, window).item() for curve in curves] for window in (_WINDOW, 1)
    )
    if said == right:
        return
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
    if abs(value - 4) < 1e-9:
        raise Off(
            "One factor of 4 is in the gradient. The step must also be 4 times as long, as the weights are."
        )
    if abs(value - 1) < 1e-9:
        raise Off("With the same rate the heavier weights would move by too little: write both updates down.")
    if abs(value - 1 / 16) < 1e-9 or abs(value - 1 / 4) < 1e-9:
        raise Off("The other way round: the plain sigmoid has the larger weights and the smaller gradient.")
    if abs(value - 16) > 1e-9:
        raise Off("Put V = 4W. What is dL/dW in terms of dL/dV, and what does V do when W takes a step?")


def _rate_under_norm(answer: Any) -> None:
    value = number(answer)
    if abs(value - 1) < 1e-9:
        raise Off("The outputs stay the same, the gradient does not: L(cW) = L(W) at every W. Differentiate.")
    if abs(value - 0.5) < 1e-9:
        raise Off("The gradient doubles: true. But half of the weight should also take half of the step.")
    if abs(value - 2) < 1e-9 or abs(value - 4) < 1e-9:
        raise Off("The other way round: small weights have the larger gradient here.")
    if abs(value - 0.25) > 1e-9:
        raise Off("The step, rate times gradient, must be half as long, and the gradient is twice as large.")


def _may_we_say(answer: Any) -> None:
    letter = option(answer, "abcd")
    if letter == "a":
        raise Off("At any line? See the three lines of counts: at one of them ReLU is not ahead.")
    if letter == "c":
        raise Off(
            "The interval takes cells for coins. How many of the 90 now train and now do not, as the weights change?"
        )
    if letter == "d":
        raise Off("Compare the sums over the five maps, not one map with one map.")


EXERCISES = {
    "7.1": Exercise(_guess_map, "See how it comes about."),
    "7.2": Exercise(_guess_tanh, "See how it comes about."),
    "7.3": Exercise(_steps, "Smoothed, counted from 1, and honest about those that never arrive."),
    "7.4": Exercise(_rate_for_slope, "A slope of 4 is weights of 4 times the size and a rate of 16 times."),
    "7.5": Exercise(_may_we_say, "More, in this box and at this line; five maps tell what one could not."),
    "7.6": Exercise(
        _rate_under_norm, "The rate goes with the square of the weights' size, once z is normalised."
    ),
}

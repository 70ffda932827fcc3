"""Checks of notebook 08, What it costs."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Off, function, option

__all__ = ["EXERCISES"]


def _whole_step(answer: Any) -> None:
    letter = option(answer, "abc")
    if letter == "a":
        raise Off("That may be so of the activation by itself. What else happens in a step?")
    if letter == "b":
        raise Off("Count: each activation meets 1024 weights forward, and twice as many backward.")


def _close(found: Tensor, wanted: Tensor) -> bool:
    return bool(torch.allclose(found, wanted, rtol=1e-3, atol=1e-9))


def _values(answer: Any, *inputs: Tensor) -> Tensor:
    found = function(answer, *inputs)
    if found.shape != inputs[0].shape:
        raise Off(
            f"One number for each is asked for; {len(inputs[0])} were put in and {len(found)} came out."
        )
    if not bool(found.isfinite().all()):
        raise Off("Some of the results are not finite.")
    return found


def _share(answer: Any) -> None:
    n, a = (
        torch.tensor([64.0, 256.0, 1024.0, 100.0], dtype=torch.float64),
        torch.tensor([50.0, 50.0, 200.0, 600.0], dtype=torch.float64),
    )
    found = _values(answer, n, a)
    half = (
        "Half of the products are missing, or the activation is counted twice: a multiplication and an addition "
        "are two operations, and a is for both passes together."
    )
    hints = {
        "That is the forward pass alone: the backward pass has two more products, for dL/dW and for dL/dh.": a / (2 * n + a),
        "Two products go backward, and one goes forward before them.": a / (4 * n + a),
        half: a / (3 * n + a),
        "Nearly: the whole, below the line, has the activation in it as well.": a / (6 * n),
        "That is the share of all the rest.": 6 * n / (6 * n + a),
        "Per example and *unit* there are n weights, not n².": a / (6 * n**2 + a),
    }  # fmt: skip
    for hint, wrong in hints.items():
        if _close(found, wrong):
            raise Off(hint)
    if not _close(found, a / (6 * n + a)):
        raise Off(
            f"Count per example and unit. At n = 64, a = 50 you have {found[0]:.4g}; three products of n weights."
        )


def _softplus(answer: Any) -> None:
    h = torch.tensor([0.01, 0.1, 0.5, 1.0, 3.0, 10.0], dtype=torch.float64)
    found = _values(answer, h)
    hints = {
        "That is the sigmoid's slope from the sigmoid's output.": h * (1 - h),
        "That is σ(h); the slope is σ(z), and h is not z.": torch.sigmoid(h),
        "That is 1 − σ(z): what is left of 1 to the slope.": torch.exp(-h),
        "Close for small h only.": h,
    }
    for hint, wrong in hints.items():
        if _close(found, wrong):
            raise Off(hint)
    if not _close(found, 1 - torch.exp(-h)):
        raise Off(f"Solve h = ln(1 + e^z) for e^z, and put it into σ(z). At h = 1 you have {found[3]:.4g}.")


def _overwritten(answer: Any) -> None:
    letter = option(answer, "abcd")
    if letter == "a":
        raise Off(
            "z is overwritten, but nobody needs it: ReLU's backward pass reads h, and h is what lies there now."
        )
    if letter == "c":
        raise Off("The sigmoid, too, needs its output alone, and that is what lies there now.")
    if letter == "d":
        raise Off("The second layer keeps h as its input, and h is just what lies there.")


def _pays_from(answer: Any) -> None:
    r = torch.tensor([2.0, 4.0, 6.0, 5.0], dtype=torch.float64)
    c = torch.tensor([0.0, 0.1, 0.4, 0.25], dtype=torch.float64)
    found = _values(answer, r, c)
    hints = {
        "The conversion is missing: it has to be earned back as well.": 1 - 1 / r,
        "That is the share of *nonzero* entries at the break-even.": (1 - c) / r,
        "The conversion makes sparse dearer, so that more zeros are needed, not fewer.": 1 - (1 + c) / r,
        "The conversion costs c at each entry, zero or not, not at each nonzero one.": 1 - 1 / (r + c),
    }
    for hint, wrong in hints.items():
        if _close(found, wrong):
            raise Off(hint)
    if not _close(found, 1 - (1 - c) / r):
        raise Off(f"Set r(1 − p) + c equal to 1. At r = 4, c = 0.1 you have {found[1]:.4g}.")


EXERCISES = {
    "8.1": Exercise(_whole_step, "See how it comes about."),
    "8.2": Exercise(_share, "The share falls as 1/n as soon as 6n is large beside a."),
    "8.3": Exercise(_softplus, "h would do; PyTorch keeps z."),
    "8.4": Exercise(
        _overwritten, "ReLU writes over the sigmoid's output, which the sigmoid needs to go back."
    ),
    "8.5": Exercise(_pays_from, "The dearer a nonzero entry, the more zeros it takes."),
}

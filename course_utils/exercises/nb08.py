"""Checks of notebook 08, What it costs."""

from typing import Any

import torch

from course_utils.exercises import Exercise
from course_utils.exercises.answers import choice, compare, letter

__all__ = ["EXERCISES"]


def _share(answer: Any) -> None:
    n, a = (
        torch.tensor([64.0, 256.0, 1024.0, 100.0], dtype=torch.float64),
        torch.tensor([50.0, 50.0, 200.0, 600.0], dtype=torch.float64),
    )
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
    compare(answer, a / (6 * n + a), {"n": n, "a": a}, hints, 1e-3, share=True)


def _softplus(answer: Any) -> None:
    h = torch.tensor([0.01, 0.1, 0.5, 1.0, 3.0, 10.0], dtype=torch.float64)
    hints = {
        "That is the sigmoid's slope from the sigmoid's output.": h * (1 - h),
        "That is σ(h); the slope is σ(z), and h is not z.": torch.sigmoid(h),
        "That is 1 − σ(z): what is left of 1 to the slope.": torch.exp(-h),
        "Close for small h only.": h,
        "A sign: e^z = e^h − 1.": 1 + torch.exp(-h),
    }
    compare(answer, 1 - torch.exp(-h), {"h": h}, hints, 1e-3)


def _pays_from(answer: Any) -> None:
    r = torch.tensor([2.0, 4.0, 6.0, 5.0], dtype=torch.float64)
    c = torch.tensor([0.0, 0.1, 0.4, 0.25], dtype=torch.float64)
    hints = {
        "The conversion is missing: it has to be earned back as well.": 1 - 1 / r,
        "That is the share of *nonzero* entries at the break-even.": (1 - c) / r,
        "The conversion makes sparse dearer, so that more zeros are needed, not fewer.": 1 - (1 + c) / r,
        "The conversion costs c at each entry, zero or not, not at each nonzero one.": 1 - 1 / (r + c),
    }
    compare(answer, 1 - (1 - c) / r, {"r": r, "c": c}, hints, 1e-3, share=True)


EXERCISES: dict[str, Exercise] = {
    "8.1": Exercise(
        letter(
            a="That may be so of the activation by itself. What else happens in a step?",
            b="Count: each activation meets 1024 weights forward, and twice as many backward.",
        ),
        "See how it comes about.",
        "What else does a training step compute, besides activations?",
        "Count multiplications: how many per activation, forward and backward?",
    ),
    "8.2": Exercise(
        _share,
        "The share falls as 1/n as soon as 6n is large beside a.",
        "Count for one unit and one example: products, and the activation.",
        "Count per example and unit: three products of n weights, each with 2n operations; then a beside them.",
    ),
    "8.3": Exercise(
        _softplus,
        "h would do; PyTorch keeps z.",
        "h tells which z it came from. Take z out of both formulas.",
        "Solve h = ln(1 + e^z) for e^z, and put it into σ(z).",
    ),
    "8.4": Exercise(
        letter(
            a="z is overwritten, but nobody needs it: ReLU's backward pass reads h, and h is what lies there now.",
            c="The sigmoid, too, needs its output alone, and that is what lies there now.",
            d="The second layer keeps h as its input, and h is just what lies there.",
        ),
        "ReLU writes over the sigmoid's output, which the sigmoid needs to go back.",
        "For each line: who keeps what for the way back, and is that what lies there in the end?",
        "List, line by line, what each operation keeps (its input, or its output), and what is written over.",
    ),
    "8.5": Exercise(
        _pays_from,
        "The dearer a nonzero entry, the more zeros it takes.",
        "Write down the time of the sparse way as a function of p.",
        "A share 1 − p is left, each at r; the conversion adds c. Set r(1 − p) + c equal to 1.",
    ),
}


EXERCISES |= {
    "8.6": Exercise(
        letter(
            b="A million elements take long enough for a clock, and small arrays show something else again.",
            c="A GPU would give other numbers, and the same mistake could be made with them.",
            d="Both got the same numbers, and neither routine asks what they are.",
        ),
        "A ratio of parts is no ratio of wholes.",
        "What share of a training step is the activation?",
        "Let the activation be a share p of the step with ReLU, and put three times that in its place.",
    ),
    "8.7": Exercise(
        choice(
            {
                "order": {
                    "one after the other": "a machine drifts, with its heat and its other work: the later one gets the blame.",
                    "by turns": "",
                },
                "clock": {
                    "wall": "on a busy machine the work of others counts as yours.",
                    "processor": "",
                },
                "summary": {
                    "first": "the first round pays for memory and caches that the later ones find ready.",
                    "mean": "a disturbance only ever adds: one bad round moves the mean.",
                    "least": "",
                },
                "threads": {
                    "one": "",
                    "all": "how the work is shared out then depends on who else is running.",
                },
            }
        ),
        "By turns, in processor time, the least of the rounds, on one thread: what disturbs can then only make it too slow for a round.",
        "Ask of each part what another program, started half-way, would do to the ratio.",
        "Disturbances only add, come at any time, and come from others. Choose what is blind to that.",
    ),
}

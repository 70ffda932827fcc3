"""Checks of notebook 04, Sparsity."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Off, number
from course_utils.exercises.answers import choice, compare, letter, near, parts, share, slips

__all__ = ["EXERCISES"]


def _zeros_and_dead(answer: Any) -> None:
    h = torch.tensor(
        [
            [0.0, 1.5, 0.0, 0.0],
            [0.0, 0.0, 2.0, 0.0],
            [0.0, 0.5, 0.0, 1e-9],
            [0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
        ],
        dtype=torch.float64,
    )
    zeros, dead = _two(answer, h)
    if abs(zeros - 0.25) < 1e-6 and abs(dead - 0.75) < 1e-6:
        raise Off("These are the two, but in the other order: the share of zeros first.")
    if abs(zeros - 0.8) < 1e-6:
        raise Off("One of the check's activations is 1e-9, and that is not zero: no threshold.")
    if abs(zeros - 0.75) > 1e-6:
        if abs(zeros - 0.25) < 1e-6:
            raise Off("The first is the share of entries that are *not* zero.")
        raise Off(f"Of the check's 20 entries 15 are zero, a share of 0.75; the function says {zeros:.4g}.")
    if abs(dead - 0.2) < 1e-6:
        raise Off("That is the share of examples for which all units are off. A unit is a column of h.")
    if abs(dead - 0.75) < 1e-6:
        raise Off(
            "The second is the share of zeros once more. A unit is dead if *all* of its column is zero."
        )
    if abs(dead - 1) < 1e-6:
        raise Off("Every unit is off for some example; dead is one that is off for all of them.")
    if abs(dead - 0.5) < 1e-6:
        raise Off("A unit that is on for one example, however weakly, is not dead: no threshold, no mean.")
    if abs(dead - 0.25) > 1e-6:
        raise Off(
            f"One of the check's 4 units is off for all 5 examples, a share of 0.25; the function says {dead:.4g}."
        )
    other = torch.zeros(3, 5, dtype=torch.float64)  # other numbers: 11 of 15 zero, 3 of 5 dead
    other[:2, 0], other[1:, 3] = 0.5, 2.0
    zeros, dead = _two(answer, other)
    if abs(zeros - 11 / 15) > 1e-6 or abs(dead - 0.6) > 1e-6:
        raise Off("Right for one layer and not for another, of 3 examples and 5 units: it must follow h.")


def _two(answer: Any, h: Tensor) -> tuple[float, float]:
    what = "Two numbers are asked for, the share of zeros and the share of dead units, in this order."
    first, second = (number(part) for part in parts(answer, 2, what, h, row=True))
    off = h == 0
    if first == int(off.sum()):
        raise Off("That is how many there are; of each a share is asked for, from 0 to 1.")
    if max(first, second) > 1 and max(first, second) <= 100 and min(first, second) >= 0:
        raise Off("A share lies between 0 and 1; these are per cent.")
    return first, second


def _bias(answer: Any) -> None:
    wanted = torch.tensor([0.5, 0.9, 0.9, 0.3, 0.98], dtype=torch.float64)
    scale = torch.tensor([1.0, 1.0, 2.0, 0.5, 1.5], dtype=torch.float64)
    quantile = torch.special.ndtri(wanted)
    one = "That is right for a scale of 1. What is on the axis of the normal distribution is b divided by s."
    known = {
        "The sign is wrong: a positive bias leaves *fewer* zeros.": scale * quantile,
        one: -quantile,
        one + " ": quantile,
        "Divided by the scale instead of multiplied: z ≤ 0 means (z − b)/s ≤ −b/s.": -quantile / scale,
        "Φ instead of its inverse: the share is given, the place is wanted.": -scale * torch.special.ndtr(wanted),
    }  # fmt: skip
    compare(answer, -scale * quantile, {"share": wanted, "scale": scale}, known, 2e-3)


def _storage(answer: Any) -> None:
    value = share(answer)
    slips(
        value,
        (1 / 3, 5e-3, "That is the share of entries that may be *non*-zero. The share of zeros is asked for."),
        (0.5, 5e-3, "That would be right for column numbers of 4 bytes. torch stores them in 8."),
        (0.75, 5e-3, "Close: an entry that is kept costs its own 4 bytes and the 8 of its column number."),
    )  # fmt: skip
    near(value, 2 / 3, 5e-3)


def _rows(answer: Any) -> None:
    zero = torch.tensor([0.5, 0.9, 0.99, 0.5, 0.999], dtype=torch.float64)
    batch = torch.tensor([1.0, 1.0, 256.0, 8.0, 256.0], dtype=torch.float64)
    product = "Independent events that must all happen: their shares are multiplied with each other."
    known = {
        "That is the share of rows that are *needed*; those that can be left out are asked for.": 1 - zero**batch,
        "True for one image. With more, a row can go only if its unit is off for every one of them.": zero,
        "That is the share of units that are *on* for all images.": (1 - zero) ** batch,
        "That is the share of units that are off for *some* image; off for all of them is asked for.": 1 - (1 - zero) ** batch,
        product: zero * batch,
        product + " ": zero / batch,
    }  # fmt: skip
    compare(answer, zero**batch, {"share": zero, "batch": batch}, known, 1e-4, share=True)


EXERCISES: dict[str, Exercise] = {
    "4.1": Exercise(
        letter(
            a="A zero does not pass itself on: the next layer adds up 64 terms of both signs, and begins anew.",
            c="The mean of h is above 0, but the weights it is multiplied by are as often negative as positive.",
            b="The scale of z shrinks or grows with the weights; which side of 0 it lies on does not.",
        ),
        "See how it comes about.",
        "Which side of 0 does a sum lie on whose terms have random signs?",
        "Change the sign of all weights of one unit: what becomes of its z, and how likely were those weights?",
    ),
    "4.2": Exercise(
        letter(
            a="Those are sparse *weights*: the units behind them may all be on for every image.",
            b="Those units are dead: the code has 36 units instead of 64, and all of them may be on at once.",
            d="Small is not zero: nothing can be skipped, and every unit still says something of every image.",
        ),
        "Few at a time, but not always the same few: that is a sparse code.",
        "A representation is the list of activations of one image. Write such a list down for each option.",
        "Count, for each option, how many of the 64 entries of one image's list are exactly 0, and whether they tell images apart.",
    ),
    "4.3": Exercise(
        _zeros_and_dead,
        "Zeros are counted over entries, deaths over units.",
        "One is a count over the entries of the table, the other over its columns.",
        "Begin with the table `h == 0`. Which entries of it does each share average, and where does `all` come in?",
    ),
    "4.4": Exercise(
        _bias,
        "The bias is minus the scale times the normal quantile of the share wanted.",
        "A zero is a z + b at or below 0: which share of a Gaussian is that?",
        "Set the share of zeros, Φ(−b/s), equal to the share wanted and solve for b. For 0.9 and s = 2: below −2.",
    ),
    "4.5": Exercise(
        _storage,
        "Beyond two thirds of zeros CSR takes less room. To take less time it needs more than that.",
        "Write down what one entry costs in either form.",
        "Dense: 4 bytes for each entry. CSR: 4 + 8 bytes for each entry that is not zero. When are they equal?",
    ),
    "4.6": Exercise(
        _rows,
        "The share to the power of the batch: with many images hardly a row can be left out.",
        "A row can go only if its unit is off for every image of the batch.",
        "It is off for image 1, and for image 2, and ... for image B. For 0.5 and 8: 1/256.",
    ),
}


EXERCISES |= {
    "4.7": Exercise(
        choice(
            {
                "arms": {
                    "penalty": "a penalty makes activations small as well as zero; which of the two did it, it cannot tell.",
                    "penalty and forced": "",
                    "relu and sigmoid": "they differ in slope, mean and range as well as in zeros.",
                },
                "rates": {
                    "one for all": "it suits one arm, and the others pay for it: the rate is confounded with the zeros.",
                    "each on test": "chosen on the test images, the rate has seen what it is judged on.",
                    "each on held-out": "",
                },
                "axis": {
                    "strength": "a penalty's strength is a knob, not a share of zeros: the forced arm has none to set beside it.",
                    "zeros": "",
                    "dead": "a dead unit is off for all images; a zero is off for one.",
                },
                "seeds": {
                    "one": "with one seed the arms differ by luck, too.",
                    "best of five": "the best of five is the luckier arm, not the better one.",
                    "five, paired": "",
                },
            }
        ),
        "At one share of zeros, and each at its own rate, what is left between the two arms is not the zeros.",
        "What else does a penalty change, besides the number of zeros?",
        "You need two ways to the same share of zeros, compared at that share, each with a fair chance.",
    ),
    "4.8": Exercise(
        letter(
            a="Where the zeros lie matters little to CSR: it keeps a column number for each value anyway.",
            c="CSR holds any matrix. What is special about activations is that they change with every image.",
            d="Both products are of the same type; another one for the dense product would only blur the ratio.",
        ),
        "Time what has to be done each time, at the share that the network has.",
        "What would the network have to do for each batch before that product, and how many zeros does it have?",
        "Write the whole time of the sparse way as a sum of two parts, and put a network's own share of zeros in.",
    ),
}

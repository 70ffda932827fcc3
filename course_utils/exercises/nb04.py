"""Checks of notebook 04, Sparsity."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Off, function, number, option

__all__ = ["EXERCISES"]


def _deep_zeros(answer: Any) -> None:
    letter = option(answer, "abcd")
    if letter == "a":
        raise Off(
            "A zero does not pass itself on: the next layer adds up 64 terms of both signs, and begins anew."
        )
    if letter == "c":
        raise Off(
            "The mean of h is above 0, but the weights it is multiplied by are as often negative as positive."
        )
    if letter == "d":
        raise Off("The scale of z shrinks or grows with the weights; which side of 0 it lies on does not.")


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
    if not callable(answer):
        raise Off("A function of h is asked for: def ... or lambda h: ...")
    try:
        result = answer(h.clone())
    except Exception as error:  # a reader's function may fail in any way
        raise Off(
            f"The function fails for an h of 5 examples and 4 units: {type(error).__name__}: {error}"
        ) from None
    if result is None:
        raise Off("The function gives back None; does it end in a return?")
    pair = isinstance(result, Sequence | Tensor) and not isinstance(result, str | bytes)
    if not pair or (isinstance(result, Tensor) and result.ndim == 0) or len(result) != 2:
        raise Off("Two numbers are asked for, the share of zeros and the share of dead units, in this order.")
    zeros, dead = number(result[0]), number(result[1])
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


def _bias(answer: Any) -> None:
    share = torch.tensor([0.5, 0.9, 0.9, 0.3, 0.98], dtype=torch.float64)
    scale = torch.tensor([1.0, 1.0, 2.0, 0.5, 1.5], dtype=torch.float64)
    right = -scale * torch.special.ndtri(share)
    found = function(answer, share, scale)
    if found.shape != right.shape:
        raise Off(
            f"For 5 pairs of share and scale the function should give 5 biases; it gives {list(found.shape)}."
        )
    if not bool(found.isfinite().all()):
        raise Off("The function gives NaN or infinity for a share such as 0.9.")

    def close(other: Tensor) -> bool:
        return bool(torch.allclose(found, other, atol=5e-3))

    if close(right):
        return
    if close(-right):
        raise Off("The sign is wrong: a positive bias leaves *fewer* zeros.")
    if close(-torch.special.ndtri(share)) or close(torch.special.ndtri(share)):
        raise Off(
            "That is right for a scale of 1. What is on the axis of the normal distribution is b divided by s."
        )
    if close(-torch.special.ndtri(share) / scale):
        raise Off("Divided by the scale instead of multiplied: z ≤ 0 means (z − b)/s ≤ −b/s.")
    raise Off(
        "Set the share of zeros, Φ(−b/s), equal to the share wanted and solve for b. For 0.9 and s = 2: below −2."
    )


def _storage(answer: Any) -> None:
    value = number(answer)
    if value > 1:
        raise Off("A share lies between 0 and 1; write 0.5 for 50 %.")
    if abs(value - 1 / 3) < 5e-3:
        raise Off("That is the share of entries that may be *non*-zero. The share of zeros is asked for.")
    if abs(value - 0.5) < 5e-3:
        raise Off("That would be right for column numbers of 4 bytes. torch stores them in 8.")
    if abs(value - 0.75) < 5e-3:
        raise Off("Close: an entry that is kept costs its own 4 bytes and the 8 of its column number.")
    if abs(value - 2 / 3) > 5e-3:
        raise Off(
            "Dense: 4 bytes for each entry. CSR: 4 + 8 bytes for each entry that is not zero. When are they equal?"
        )


def _rows(answer: Any) -> None:
    share = torch.tensor([0.5, 0.9, 0.99, 0.5, 0.999], dtype=torch.float64)
    batch = torch.tensor([1.0, 1.0, 256.0, 8.0, 256.0], dtype=torch.float64)
    right = share**batch
    found = function(answer, share, batch)
    if found.shape != right.shape:
        raise Off(
            f"For 5 pairs of share and batch the function should give 5 numbers; it gives {list(found.shape)}."
        )

    def close(other: Tensor) -> bool:
        return bool(torch.allclose(found, other, atol=1e-4))

    if close(right):
        return
    if close(1 - right):
        raise Off("That is the share of rows that are *needed*; those that can be left out are asked for.")
    if close(share):
        raise Off(
            "True for one image. With more, a row can go only if its unit is off for every one of them."
        )
    if close((1 - share) ** batch):
        raise Off("That is the share of units that are *on* for all images.")
    if close(share * batch) or close(share / batch):
        raise Off("Independent events that must all happen: their shares are multiplied with each other.")
    raise Off(
        "A row can go if its unit is off for image 1, and for image 2, and ... for image B. For 0.5 and 8: 1/256."
    )


def _which_is_sparse(answer: Any) -> None:
    letter = option(answer, "abcd")
    if letter == "a":
        raise Off("Those are sparse *weights*: the units behind them may all be on for every image.")
    if letter == "b":
        raise Off(
            "Those units are dead: the code has 36 units instead of 64, and all of them may be on at once."
        )
    if letter == "d":
        raise Off(
            "Small is not zero: nothing can be skipped, and every unit still says something of every image."
        )


EXERCISES = {
    "4.1": Exercise(_deep_zeros, "See how it comes about."),
    "4.2": Exercise(_which_is_sparse, "Few at a time, but not always the same few: that is a sparse code."),
    "4.3": Exercise(_zeros_and_dead, "Zeros are counted over entries, deaths over units."),
    "4.4": Exercise(_bias, "The bias is minus the scale times the normal quantile of the share wanted."),
    "4.5": Exercise(
        _storage, "Beyond two thirds of zeros CSR takes less room. To take less time it needs more than that."
    ),
    "4.6": Exercise(
        _rows, "The share to the power of the batch: with many images hardly a row can be left out."
    ),
}

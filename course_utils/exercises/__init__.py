"""Exercises: a check for each, which says what is off in a wrong answer.

The answers live in this folder's modules, one per notebook (``nb01``, ``nb02``, ...), out of the way of a reader who
would rather find them alone. ``check("1.2", answer)`` prints one line and never raises: an answer that is still ``...``
is "not answered yet".
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["Exercise", "Off", "check", "exercises", "function", "number", "option", "tensor"]


class Off(Exception):  # noqa: N818
    """Raised inside a check: the answer is off, and the message says how."""


@dataclass(frozen=True)
class Exercise:
    """One exercise: ``verify`` takes the answer and raises :class:`Off` with a hint; ``right`` is said when it does not."""

    verify: Callable[[Any], None]
    right: str


def exercises(notebook: str) -> dict[str, Exercise]:
    """The exercises of notebook "01", "02", ..., by number ("1.1"). ValueError for a notebook that has none."""
    try:
        module = importlib.import_module(f"course_utils.exercises.nb{notebook}")
    except ModuleNotFoundError:
        raise ValueError(f"notebook {notebook!r} has no exercises") from None
    found: dict[str, Exercise] = module.EXERCISES
    return found


def check(number: str, answer: Any) -> None:
    """Print whether the answer to exercise ``number`` ("2.4": the fourth of notebook 02) is right, and if not, what is off.

    Raises:
        ValueError: no exercise of that number; the message lists those the notebook has.
    """
    known = exercises(f"{int(number.split('.')[0]):02d}") if number.split(".")[0].isdigit() else {}
    if number not in known:
        raise ValueError(f"no exercise {number!r}; this notebook has {', '.join(known) or 'none of that name'}")
    print(f"{number}: {_reply(known[number], answer)}")


def _reply(exercise: Exercise, answer: Any) -> str:
    if answer is ... or answer is None:
        return "not answered yet"
    try:
        exercise.verify(answer)
    except Off as off:
        return f"not yet. {off}"
    return f"right. {exercise.right}"


def number(answer: Any) -> float:
    """The answer as a float: from a number, a fraction, a text such as "1/4", or a tensor or array of one entry.

    Raises Off for anything else, and for NaN or infinity.
    """
    try:
        if isinstance(answer, str):
            value = float(Fraction(answer.strip().replace("−", "-")))
        elif isinstance(answer, Tensor | np.ndarray):
            if answer.size != 1 if isinstance(answer, np.ndarray) else answer.numel() != 1:
                raise Off(f"One number is asked for; this has shape {list(answer.shape)}.")
            value = float(answer)
        else:
            value = float(answer)
    except (TypeError, ValueError, ZeroDivisionError):
        raise Off(f"One number is asked for; this is a {type(answer).__name__}.") from None
    if not np.isfinite(value):
        raise Off(f"A finite number is asked for; this is {value}.")
    return value


def tensor(answer: Any, shape: tuple[int, ...]) -> Tensor:
    """The answer as a float64 tensor of that shape: from a tensor, an array or nested lists. Raises Off otherwise."""
    try:
        if isinstance(answer, Tensor):
            value = answer.detach().to("cpu", torch.float64)
        else:
            value = torch.as_tensor(np.asarray(answer, dtype=np.float64))
    except (TypeError, ValueError):
        raise Off(f"A tensor of numbers is asked for; this is a {type(answer).__name__}.") from None
    if tuple(value.shape) != shape:
        raise Off(f"The shape should be {list(shape)}; this has {list(value.shape)}.")
    return value


def function(answer: Any, *inputs: Tensor) -> Tensor:
    """What the answer, a function, makes of the inputs (float64 tensors), as a float64 tensor.

    The function may be made for tensors, for arrays or for single numbers: they are tried in this order.
    Raises Off when it is no function, fails on all three, or gives something that is not numbers.
    """
    if not callable(answer):
        raise Off(f"A function is asked for; this is a {type(answer).__name__}. Write def ... or lambda ...")
    attempts: list[Callable[[], Any]] = [
        lambda: answer(*inputs),
        lambda: answer(*(i.numpy() for i in inputs)),
        lambda: [answer(*row) for row in zip(*(i.flatten().tolist() for i in inputs), strict=True)],
    ]
    complaint = ""
    for attempt in attempts:
        try:
            result = attempt()
            value = torch.stack(list(result)) if _tensors(result) else result
            return tensor(value, tuple(torch.as_tensor(value).shape)).reshape(-1)
        except Off:
            raise
        except Exception as error:  # a reader's function may fail in any way; the first complaint is about tensors
            complaint = complaint or f"{type(error).__name__}: {error}"
    raise Off(f"The function fails when it is called with {list(inputs[0].shape)} numbers: {complaint}")


def _tensors(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(v, Tensor) for v in value)


def option(answer: Any, options: str) -> str:
    """The answer as one of the letters in ``options`` ("abcd"), whatever its case. Raises Off otherwise."""
    letter = answer.strip().strip("().\"'").lower() if isinstance(answer, str) else ""
    if len(letter) != 1 or letter not in options:
        raise Off(f"Answer with one letter: {', '.join(options)}.")
    return letter

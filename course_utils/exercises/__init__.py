"""Exercises: a check for each, which says what is off in a wrong answer.

The answers live in this folder's modules, one per notebook (``nb01``, ``nb02``, ...), out of the way of a reader who
would rather find them alone. ``check("1.2", answer)`` prints one line and never raises: an answer that is still ``...``
is "not answered yet".
"""

import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["Exercise", "Off", "check", "exercises", "function", "number", "option", "solution", "tensor"]


class Off(Exception):
    """Raised inside a check: the answer is off, and the message says how."""


@dataclass(frozen=True)
class Exercise:
    """One exercise: ``verify`` takes the answer and raises :class:`Off` with a hint; ``right`` is said when it does not."""

    verify: Callable[[Any], None]
    right: str


def exercises(notebook: str) -> dict[str, Exercise]:
    """The exercises of notebook "01", "02", ..., by number ("1.1"). ValueError for a notebook that has none."""
    name = f"course_utils.exercises.nb{notebook}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:  # the notebook has exercises, but they lack a package
            raise
        raise ValueError(f"notebook {notebook!r} has no exercises") from None
    found: dict[str, Exercise] = module.EXERCISES
    return found


def check(number: str, answer: Any) -> None:
    """Print whether the answer to exercise ``number`` ("2.4": the fourth of notebook 02) is right, and if not, what is off.

    Raises:
        ValueError: no exercise of that number; the message lists those the notebook has.
    """
    print(f"{number}: {_reply(_find(number), answer)}")


def solution(number: str, answer: Any) -> None:
    """Run a worked solution through its check, and say only that it passed: a reader still at work is told nothing.

    Raises:
        ValueError: no exercise of that number.
        AssertionError: the solution is not right; the message says what the check says.
    """
    reply = _reply(_find(number), answer)
    if not reply.startswith("right."):
        raise AssertionError(f"the worked solution of {number} does not pass its own check: {reply}")
    print(f"{number}: the worked solution passes its check")


def _find(number: str) -> Exercise:
    if not isinstance(number, str):
        raise ValueError(f'the number of an exercise is a text, as in check("1.2", answer); got {number!r}')
    notebook = number.split(".")[0]
    known = exercises(f"{int(notebook):02d}") if notebook.isdecimal() else {}
    if number not in known:
        raise ValueError(
            f"no exercise {number!r}; this notebook has {', '.join(known) or 'none of that name'}"
        )
    return known[number]


def _reply(exercise: Exercise, answer: Any) -> str:
    if answer is ... or answer is None:
        return "not answered yet"
    try:
        exercise.verify(answer)
    except Off as off:
        return f"not yet. {off}"
    except Exception as error:  # an answer that nobody thought of must not stop the notebook
        return f"not yet. The check cannot read this answer ({type(error).__name__})."
    return f"right. {exercise.right}"


def number(answer: Any) -> float:
    """The answer as a float: from a number, a fraction, a text such as "1/4", or a tensor or array of one entry.

    Raises Off for anything else, True and complex numbers among it, and for NaN or infinity.
    """
    try:
        if isinstance(answer, Tensor | np.ndarray):
            if answer.size != 1 if isinstance(answer, np.ndarray) else answer.numel() != 1:
                raise Off(f"One number is asked for; this has shape {list(answer.shape)}.")
            answer = answer.item()
        if isinstance(answer, bool | np.bool_):
            raise Off(f"One number is asked for; this is {answer}.")
        if isinstance(answer, complex | np.complexfloating):
            raise Off("A real number is asked for; this is a complex one.")
        if isinstance(answer, str):
            above, slash, below = answer.replace("−", "-").partition("/")
            value = float(above) / float(below) if slash else float(above)
        else:
            value = float(answer)
    except Off:
        raise
    except OverflowError:
        raise Off("A finite number is asked for; this is too large.") from None
    except Exception:  # whatever a strange object does when it is made a number
        quotes = " Write it without quotation marks." if isinstance(answer, str) else ""
        raise Off(f"One number is asked for; this is a {type(answer).__name__}.{quotes}") from None
    if not np.isfinite(value):
        raise Off(f"A finite number is asked for; this is {value}.")
    return value


def tensor(answer: Any, shape: tuple[int, ...]) -> Tensor:
    """The answer as a float64 tensor of that shape: from a tensor, an array or nested lists. Raises Off otherwise."""
    value = _numbers(answer)
    if tuple(value.shape) != shape:
        raise Off(f"The shape should be {list(shape)}; this has {list(value.shape)}.")
    return value


def _numbers(answer: Any) -> Tensor:
    try:
        if _tensors(answer):
            answer = torch.stack(list(answer))
        array = answer if isinstance(answer, Tensor) else np.asarray(answer)
        if torch.is_complex(array) if isinstance(array, Tensor) else np.iscomplexobj(array):
            raise Off("Real numbers are asked for; these are complex.")
        if isinstance(array, Tensor):
            return array.detach().to_dense().to("cpu", torch.float64)  # a sparse one has no order to flatten
        if array.dtype.kind in "biuf" or (array.dtype == object and None not in array.flat):
            return torch.from_numpy(np.array(array, dtype=np.float64, order="C"))
    except Off:
        raise
    except Exception:  # whatever a strange object does when it is made an array
        pass
    raise Off(f"A tensor of numbers is asked for; this is a {type(answer).__name__}.")


def function(answer: Any, *inputs: Tensor) -> Tensor:
    """What the answer, a function, makes of the inputs (float64 tensors), as a float64 tensor.

    The function may be made for tensors, for arrays or for single numbers: they are tried in this order.
    Raises Off when it is no function, fails on all three, or gives something that is not numbers. It gets copies, so
    that a function which works in place does no harm.
    """
    if not callable(answer):
        raise Off(f"A function is asked for; this is a {type(answer).__name__}. Write def ... or lambda ...")
    attempts: list[Callable[[], Any]] = [
        lambda: answer(*(i.clone() for i in inputs)),
        lambda: answer(*(i.clone().numpy() for i in inputs)),
        lambda: [answer(*row) for row in zip(*(i.flatten().tolist() for i in inputs), strict=True)],
    ]
    complaint = ""  # the first one, which is about tensors
    for attempt in attempts:
        try:
            # A wrong answer may warn, say of an overflow; the check says what is off.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = attempt()
        except Exception as error:  # a reader's function may fail in any way
            failure = f"{type(error).__name__}: {error}"
            called = f"when it is called with {list(inputs[0].shape)} numbers"
            complaint = complaint or f"The function fails {called}: {failure}"
            continue
        if result is None or (isinstance(result, list) and result and all(r is None for r in result)):
            raise Off("The function gives back None; does its def end in a return?")
        try:
            return _numbers(result).reshape(-1)
        except Off as off:
            complaint = complaint or f"What the function gives back is not right. {off}"
    raise Off(complaint)


def _tensors(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(v, Tensor) for v in value)


def option(answer: Any, options: str) -> str:
    """The answer as one of the letters in ``options`` ("abcd"), whatever its case. Raises Off otherwise."""
    letter = answer.strip().strip("().\"'").lower() if isinstance(answer, str) else ""
    if len(letter) != 1 or letter not in options:
        raise Off(f"Answer with one letter: {', '.join(options)}.")
    return letter

"""Exercises: a check for each, which says what is off in a wrong answer, and more of how to go on with each try.

The answers live in this folder's modules, one per notebook (``nb01``, ``nb02``, ...), out of the way of a reader who
would rather find them alone; ``answers`` reads them in any sensible form. ``check("1.2", answer)`` prints one line and
never raises, whatever the answer: one that is still ``...`` is "not answered yet".
"""

import contextlib
import dis
import importlib
import io
import numbers
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from course_utils import checks
from course_utils.exercises.answers import NOTHING, Off, Unread, function, number, option, tensor

__all__ = [
    "Exercise",
    "Off",
    "check",
    "exercises",
    "forget",
    "function",
    "number",
    "option",
    "solution",
    "tensor",
]


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        verify: takes the answer and raises :class:`Off` with what is off.
        right: said when it does not.
        idea: the second hint, which points to the idea.
        setup: the third, which sets up the way there; the recipe is left to the worked solution.
    """

    verify: Callable[[Any], None]
    right: str
    idea: str = ""
    setup: str = ""


# The wrong tries by exercise, each once and in their order. They live as long as the kernel: a restart starts afresh,
# as does an answer put back to `...`; the same answer, given again, gets the same words.
_TRIES: dict[str, list[str]] = {}


def forget() -> None:
    """Forget all tries, as a restart of the kernel does."""
    _TRIES.clear()


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


def check(number: str, answer: Any, hint: int = 1) -> None:
    """Print whether the answer to exercise ``number`` ("2.4": the fourth of notebook 02) is right, and if not, what is off.

    The first wrong try hears what is off, the second one the idea besides, the third the set-up. An answer that is no
    try (0, 1, a constant function) gets no further.

    Args:
        hint: 2 asks for the idea at once, 3 for the set-up (which wants a try).

    Raises:
        ValueError: no exercise of that number; the message lists those the notebook has. Or no such hint.
    """
    exercise, hint = _find(number), checks.whole("hint", hint, 1, 3)
    print(f"{number}: {_reply(number, exercise, answer, hint)}")


def solution(number: str, answer: Any) -> None:
    """Run a worked solution through its check, and say only that it passed: a reader still at work is told nothing.

    Raises:
        ValueError: no exercise of that number.
        AssertionError: the solution is not right; the message says what the check says.
    """
    exercise = _find(number)
    off = _off(exercise, answer)
    if _blank(answer) or off is not None:
        said = "not answered yet" if _blank(answer) else f"not yet. {off}"
        raise AssertionError(f"the worked solution of {number} does not pass its own check: {said}")
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


def _reply(number: str, exercise: Exercise, answer: Any, hint: int) -> str:
    if _blank(answer):
        _TRIES.pop(number, None)
        return "not answered yet" + (_stage(exercise, 2) if hint > 1 else "")
    off = _off(exercise, answer)
    if off is None:
        return f"right. {exercise.right}"
    said = f"not yet. {off}"
    if isinstance(off, Unread) or _thrown(answer):  # no try
        return said + _stage(exercise, min(hint, 2))
    tries = _TRIES.setdefault(number, [])
    mark = f"{_mark(answer)} {off}"
    if mark not in tries:
        tries.append(mark)
    return said + _stage(exercise, max(hint, min(tries.index(mark) + 1, 3)))


def _blank(answer: Any) -> bool:
    """Whether nothing has been put in place of the dots yet, in a design in any of its parts."""
    return answer is ... or (
        type(answer) is dict and bool(answer) and all(part is ... for part in answer.values())
    )


def _stage(exercise: Exercise, stage: int) -> str:
    words = {2: ("Idea", exercise.idea), 3: ("Set-up", exercise.setup)}.get(stage, ("", ""))
    return f" {words[0]}: {words[1]}" if words[1] else ""


def _off(exercise: Exercise, answer: Any) -> Off | None:
    """What is off in an answer, on one line and without addresses in memory; None if nothing is."""
    try:
        # A wrong answer may print, and warn, say of an overflow; the check says what is off.
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            if answer is None:
                raise Unread(NOTHING)
            exercise.verify(answer)
    except Off as off:
        return type(off)(re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(str(off).split())))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # an answer that nobody thought of must not stop the notebook
        return Unread(f"The check cannot read this answer ({type(error).__name__}).")
    return None


def _mark(answer: Any) -> str:
    """Tells one answer from another, and is the same for one that is typed again."""
    code = getattr(answer, "__code__", None) if type(answer).__name__ == "function" else None
    if code is not None:
        return f"{code.co_code!r} {code.co_names} {[const for const in code.co_consts if not hasattr(const, 'co_code')]}"
    return repr(answer) if type(answer) in (int, float, str, bool) else type(answer).__name__


# What the code of a function does that only hands back a constant or what it was given.
_IDLE = re.compile(r"RESUME|LOAD_(CONST|FAST\w*|SMALL_INT)|RETURN_(VALUE|CONST)|BUILD_TUPLE|NOP|CACHE")


def _thrown(answer: Any) -> bool:
    """Whether the answer is thrown away to get at the hints: 0, 1, -1, or a function that computes nothing."""
    try:
        if isinstance(answer, numbers.Real | str):
            return str(answer).strip() in {"0", "1", "-1", "0.0", "1.0", "-1.0"}
        code = answer.__code__ if type(answer).__name__ == "function" else None
        return code is not None and all(_IDLE.fullmatch(step.opname) for step in dis.get_instructions(code))
    except Exception:  # an object may fail at anything
        return False

"""The reader of answers, the same for all exercises: numbers, tensors, functions and letters in any sensible form.

What cannot be read is refused with :class:`Unread`, which says how to write it and counts as no try; what is read
and wrong is refused with :class:`Off` by the exercise itself.
"""

import math
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import permutations
from types import CodeType
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = [
    "Off",
    "Unread",
    "attempt",
    "choice",
    "close",
    "compare",
    "function",
    "kind",
    "letter",
    "near",
    "number",
    "option",
    "ordered",
    "parts",
    "share",
    "shown",
    "slips",
    "tensor",
    "uses",
]

T = TypeVar("T")
Slip = tuple[float, float, str]  # a wrong value, how far from it still counts as it, and what is said


class Off(Exception):
    """Raised inside a check: the answer is off, and the message says how."""


class Unread(Off):
    """Raised by a reader: the form of the answer is off, not its idea."""


NOTHING = "This is None: print(...) shows a value and hands nothing back. Leave print away."


def shown(value: Any, most: int = 60) -> str:
    """What ``value`` looks like, on one line, of at most ``most`` signs, without an address in memory."""
    try:
        text = re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(repr(value).split()))
    except Exception:  # an object may fail at anything
        text = f"{kind(value)}"
    return text if len(text) <= most else text[: most - 3] + "..."


def kind(value: Any) -> str:
    """The kind of a value with its article: "a str", "an int"."""
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _one(value: Any) -> str:
    return f"One number is asked for; this is {kind(value)}."


# Numbers


def number(answer: Any) -> float:
    """The answer as a float: from a number, a fraction, a text such as "1/4", or a tensor or array of one entry.

    Raises Unread for anything else, True and complex numbers among it, and for NaN or infinity; a decimal comma, a per
    cent sign and a formula in quotation marks are named.
    """
    if answer is None:
        raise Unread(NOTHING)
    if answer is ...:
        raise Unread("One number is asked for; there is still a ... in it.")
    try:
        if isinstance(answer, Tensor | np.ndarray):
            if answer.size != 1 if isinstance(answer, np.ndarray) else answer.numel() != 1:
                raise Unread(f"One number is asked for; this has shape {list(answer.shape)}.")
            answer = answer.item()
        if isinstance(answer, bool | np.bool_):
            raise Unread(f"One number is asked for; this is {answer}.")
        if isinstance(answer, complex | np.complexfloating):
            raise Unread("A real number is asked for; this is a complex one.")
        value = _spelt(answer) if isinstance(answer, str) else float(answer)
    except Off:
        raise
    except OverflowError:
        raise Unread("A finite number is asked for; this is too large.") from None
    except Exception:  # whatever a strange object does when it is made a number
        if type(answer) is tuple and [type(part) for part in answer] == [int, int]:
            raise Unread(
                f"Python reads {answer[0]},{answer[1]} as two numbers: write the point, {answer[0]}.{answer[1]}."
            ) from None
        quotes = " Write it without quotation marks." if isinstance(answer, str) else ""
        called = " Call it, or write the number." if callable(answer) else ""
        raise Unread(_one(answer) + quotes + called) from None
    if not math.isfinite(value):
        raise Unread(f"A finite number is asked for; this is {value}.")
    return value


def _spelt(text: str) -> float:
    """The number that a text spells; ValueError for one that spells none."""
    plain = text.strip().replace("−", "-")
    if re.fullmatch(r"[-+]?[0-9]*,[0-9]+", plain):
        raise Unread(f"Write the number with a point, not a comma: {plain.replace(',', '.')}.")
    if percent := re.fullmatch(r"([-+]?[0-9]+(?:[.,][0-9]+)?) *%", plain):
        value = float(percent[1].replace(",", "."))
        raise Unread(f"Write {value / 100:g} for {value:g} %, without quotation marks.")
    if re.search(r"\bln|log|sqrt|exp|√|π|\bpi\b|\^|\*|[0-9] *[+(]", plain) and re.search(r"[0-9π]", plain):
        raise Unread(
            "A formula in quotation marks is not worked out. Write it as Python, without them: math.log(10), 2**0.5."
        )
    above, slash, below = plain.partition("/")
    return float(above) / float(below) if slash else float(above)


def share(answer: Any) -> float:
    """The answer as a share from 0 to 1. Raises Off for one that lies beyond, and names per cent."""
    value = number(answer)
    if 1 < value <= 100:
        raise Off(f"A share lies between 0 and 1; write {value / 100:g} for {value:g} %.")
    if not 0 <= value <= 1:
        raise Off(f"A share lies between 0 and 1; this is {value:g}.")
    return value


def slips(value: float, *known: Slip) -> None:
    """Raise Off with the word for the first of the known slips that ``value`` is (value, tolerance, word)."""
    for wrong, tolerance, word in known:
        if abs(value - wrong) <= tolerance:
            raise Off(word)


def near(value: float, right: float, exact: float, within: float = 0.02) -> None:
    """Raise Off unless |value - right| <= exact; of one within a share ``within`` it says that it comes near."""
    if abs(value - right) <= exact:
        return
    if right and abs(value + right) <= max(exact, within * abs(right)):
        raise Off("The right size, and the wrong sign.")
    if abs(value - right) <= within * abs(right):
        raise Off(
            f"{value:.6g} comes near, as a simulation or a rounded step does; the exact value is asked for."
        )
    raise Off(f"It is not {value:.6g}: that is too {'small' if value < right else 'large'}.")


# Tensors


def tensor(answer: Any, shape: tuple[int, ...]) -> Tensor:
    """The answer as a float64 tensor of that shape: from a tensor, an array or nested lists. Raises Unread otherwise."""
    value = _numbers(answer)
    if tuple(value.shape) != shape:
        raise Unread(f"The shape should be {list(shape)}; this has {list(value.shape)}.")
    return value


def _numbers(answer: Any) -> Tensor:
    try:
        if _tensors(answer):
            answer = torch.stack(list(answer))
        array = answer if isinstance(answer, Tensor) else np.asarray(answer)
        if torch.is_complex(array) if isinstance(array, Tensor) else np.iscomplexobj(array):
            raise Unread("Real numbers are asked for; these are complex.")
        if isinstance(array, Tensor):
            return array.detach().to_dense().to("cpu", torch.float64)  # a sparse one has no order to flatten
        if array.dtype.kind in "biuf" or (array.dtype == object and None not in array.flat):
            return torch.from_numpy(np.array(array, dtype=np.float64, order="C"))
    except Off:
        raise
    except Exception:  # whatever a strange object does when it is made an array
        pass
    if answer is ... or (isinstance(answer, list | tuple) and any(part is ... for part in answer)):
        raise Unread("There is still a ... in it.")
    raise Unread(f"A tensor of numbers is asked for; this is {kind(answer)}.")


def _tensors(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(v, Tensor) for v in value)


def close(found: Tensor, wanted: Tensor, tolerance: float = 1e-5) -> bool:
    """Whether two tensors have one shape and agree, relatively, within ``tolerance`` (or within a millionth)."""
    return found.shape == wanted.shape and torch.allclose(
        found, wanted.to(found.dtype), rtol=tolerance, atol=1e-6
    )


# Functions

# How torch, numpy and Python say that a function is made for another form of numbers than the one it was given.
_OTHER_FORM = re.compile(
    r"only one element tensors|only integer tensors|[Bb]oolean value of Tensor|truth value of an array|only length-1"
    r"|only 0-dimensional|integer scalar arrays|real number|must be Tensor|must be a? ?tensor|elements cannot be converted"
    r"|invalid combination of arguments|loop of ufunc|object cannot be interpreted|object is not (iterable|subscriptable)"
    r"|'(Tensor|numpy\.\w+|float|int|list)' object|can't convert|(un|not )supported (operand|between)|bad operand"
)


NO_RETURN = "The function gives back None; does its def end in a return?"


def attempt(
    ways: Sequence[tuple[str, Callable[[], Any]]], read: Callable[[Any], T], none: str = NO_RETURN
) -> T:
    """What ``read`` makes of the first way that works: each is (how the function is called, the call).

    Raises Unread when none works. It quotes the error that is the reader's own: the first that does not just say that
    the function is made for another form of numbers. ``none`` is what it says of None.
    """
    said: list[tuple[bool, str]] = []
    for how, call in ways:
        try:
            with (
                warnings.catch_warnings()
            ):  # a wrong answer may warn, say of an overflow; the check says what is off
                warnings.simplefilter("ignore")
                result = call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a reader's function may fail in any way, exit() among them
            try:
                words = f"{type(error).__name__}: {error}".strip().splitlines()[0]
            except Exception:
                words = type(error).__name__
            own = _OTHER_FORM.search(words) is None
            said.append((own, f"The function fails when it is called with {how}: {words}"))
            continue
        if result is None or (
            isinstance(result, list | tuple) and len(result) > 0 and all(r is None for r in result)
        ):
            raise Unread(none)
        try:
            return read(result)
        except Unread as off:
            said.append((True, f"What the function gives back is not right. {off}"))
    raise Unread(next((words for own, words in said if own), said[0][1]))


def _callable(answer: Any, what: str = "A function") -> None:
    if answer is None:
        raise Unread(NOTHING)
    if not callable(answer):
        raise Unread(f"{what} is asked for; this is {kind(answer)}. Write def ... or lambda ...")


def function(answer: Any, *inputs: Tensor, shape: tuple[int, ...] | None = None) -> Tensor:
    """What the answer, a function, makes of the inputs (float64 tensors), as a float64 tensor.

    The function may be made for tensors, for arrays or, where the inputs are rows of equal length, for single numbers:
    floats (ints where a whole row is whole, so that they can be counted with) or tensors without dimensions. They are
    tried in this order, each with copies, so that a function that works in place does no harm.

    Args:
        shape: the shape that the result must have; None flattens it.

    Raises:
        Unread: the answer is no function, fails in all forms, or gives something that is not numbers.
        Off: the shape is another.
    """
    _callable(answer)
    how = f"{list(inputs[0].shape)} numbers"
    ways: list[tuple[str, Callable[[], Any]]] = [
        (how, lambda: answer(*(i.clone() for i in inputs))),
        (how, lambda: answer(*(i.clone().numpy() for i in inputs))),
        (
            f"{how} in float32",
            lambda: answer(*(i.float() for i in inputs)),
        ),  # as layers and matrices have them
    ]
    if shape is None and all(i.ndim == 1 for i in inputs) and len({len(i) for i in inputs}) == 1:
        plain = list(zip(*map(_plain, inputs), strict=True))
        alone = [
            tuple(value if isinstance(value, int) else torch.tensor(value, dtype=torch.float64) for value in row)
            for row in plain
        ]  # fmt: skip
        inner = answer.pyfunc if isinstance(answer, np.vectorize) else answer  # it would cut floats to ints
        named = " and ".join(f"{value:g}" for value in plain[0]) if plain else "nothing"
        single = [
            (named, lambda: [inner(*row) for row in plain]),
            (f"{named}, as tensors", lambda: [inner(*(_copy(value) for value in row)) for row in alone]),
        ]
        ways = single if inner is not answer else ways + single

    found = attempt(ways, _numbers)
    if shape is None:
        return found.reshape(-1)
    if tuple(found.shape) != shape:
        raise Off(f"The shape of what comes out should be {list(shape)}; it is {list(found.shape)}.")
    return found


def _plain(row: Tensor) -> list[int] | list[float]:
    values = row.tolist()
    return [int(value) for value in values] if all(value == int(value) for value in values) else values


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def parts(answer: Any, count: int, what: str, *inputs: Tensor, row: bool = False) -> list[Any]:
    """The ``count`` things that the answer, a function of tensors or arrays, gives back, unread.

    They come as a tuple or a list, or with ``row`` (default: no) as a tensor or array of so many entries.

    Raises Unread saying ``what`` is asked for when they are not so many, and what :func:`function` raises.
    """
    _callable(answer)

    def read(result: Any) -> list[Any]:
        fits = isinstance(result, list | tuple) or (
            row and isinstance(result, Tensor | np.ndarray) and result.ndim > 0
        )
        if not fits or len(result) != count:
            raise Unread(what)
        if any(part is None for part in result):
            raise Unread(NOTHING)
        return list(result)

    how = " and ".join(f"a {'matrix' if i.ndim == 2 else 'row'} of shape {list(i.shape)}" for i in inputs)
    return attempt(
        [
            (how, lambda: answer(*(i.clone() for i in inputs))),
            (f"{how}, as arrays", lambda: answer(*(i.clone().numpy() for i in inputs))),
        ],
        read,
    )


def compare(
    answer: Any,
    right: Tensor,
    inputs: Mapping[str, Tensor],
    known: Mapping[str, Tensor] | None = None,
    tolerance: float = 1e-5,
    share: bool = False,
) -> None:
    """Raise Off unless the answer, a function of the ``inputs`` (rows by name, in its order), gives ``right``.

    Args:
        right: one number for each entry of the rows.
        known: what slips give, by the word for each; they come before the general words.
        tolerance: relative.
        share: the result is a share from 0 to 1, so that per cent are named.
    """
    rows = list(inputs.values())
    names = ", ".join(inputs)
    try:
        found = function(answer, *rows)
    except Unread:
        ordered(answer, right, inputs, tolerance)
        raise
    if found.shape != right.shape:
        raise Off(
            f"For {len(right)} values of {names} it should give {len(right)} numbers; it gives {len(found)}."
        )
    if close(found, right, tolerance):
        return
    for word, wrong in (known or {}).items():
        if close(found, wrong, tolerance):
            raise Off(word)
    if share and close(found, 100 * right, tolerance):
        raise Off("These are per cent; a share from 0 to 1 is asked for.")
    if close(found, -right, tolerance):
        raise Off("The right size, and the wrong sign.")
    ordered(answer, right, inputs, tolerance)
    if not bool(found.isfinite().all()):
        raise Off("Some of what it gives is not finite.")
    if bool(((found - right).abs() <= 0.02 * right.abs() + 1e-3).all()):
        raise Off(
            "Near everywhere, as a simulation or a rounded step comes near; the exact numbers are asked for."
        )
    worst = int(((found - right).abs() / (right.abs() + 1e-9)).argmax())
    place = ", ".join(f"{name} = {row[worst]:g}" for name, row in inputs.items())
    size = "less than" if found[worst] > right[worst] else "more than"
    raise Off(f"At {place} it gives {found[worst]:.4g}; it should give {size} that.")


def ordered(answer: Any, right: Tensor, inputs: Mapping[str, Tensor], tolerance: float = 1e-5) -> None:
    """Raise Off when the answer gives ``right`` once its arguments, the ``inputs``, change places."""
    for order in list(permutations(inputs.values()))[1:]:
        try:
            found = function(answer, *order)
        except Off:
            continue
        if close(found, right, tolerance):
            names = ", ".join(inputs)
            raise Off(f"Right but for the order of its arguments: it is called with ({names}).")


class _Seen(TorchFunctionMode):
    """Notes the names of the torch functions that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(getattr(func, "__name__", "").strip("_").removeprefix("special_"))
        return func(*args, **(kwargs or {}))


def uses(answer: Any, *inputs: Tensor) -> set[str]:
    """The names of what the answer, a function, uses on the inputs: of torch's functions, and those in its own code."""
    with _Seen() as seen:
        function(answer, *inputs)
    names = set(seen.names)
    known: set[int] = set()
    todo: list[tuple[Any, dict[str, Any]]] = [(getattr(answer, "pyfunc", answer), {})]
    while todo:
        one, around = todo.pop()
        code = one if isinstance(one, CodeType) else getattr(one, "__code__", None)
        if not isinstance(code, CodeType) or id(code) in known:
            continue
        known.add(id(code))
        around = getattr(one, "__globals__", around)
        names |= set(code.co_names)
        todo += [(part, around) for part in code.co_consts]  # a list within it, say
        todo += [(cell.cell_contents, around) for cell in getattr(one, "__closure__", None) or ()]
        todo += [(around[name], around) for name in code.co_names if name in around]
    return names


# Letters


def option(answer: Any, options: str) -> str:
    """The answer as one of the letters in ``options`` ("abcd"), in any usual form: "B", "(b)", "option b", "b: since ...".

    Raises Unread otherwise.
    """
    if answer is None:
        raise Unread(NOTHING)
    if isinstance(answer, list | tuple) and len(answer) == 1:
        answer = answer[0]
    text = answer.strip().lower() if isinstance(answer, str) else ""
    read = re.fullmatch(
        r"(?:(?:option|answer|letter)[: ]+)?[(\[*\"']*([a-z])(?:[)\].*\"':]*|(?:[).:,]| [-–—]).*)",
        text,
        re.DOTALL,
    )
    found = read[1] if read else ""
    if len(found) != 1 or found not in options:
        raise Unread(f"Answer with one letter: {', '.join(options)}.")
    return found


def letter(**wrong: str) -> Callable[[Any], None]:
    """A check of a question with options: the words for each wrong letter; the one that is left out is right."""
    options = "abcdefgh"[: len(wrong) + 1]

    def verify(answer: Any) -> None:
        found = option(answer, options)
        if found in wrong:
            raise Off(wrong[found])

    return verify


_COUNTS = {
    word: str(n) for n, word in enumerate("zero one two three four five six seven eight nine ten".split())
}
_COUNTS["thirty"] = "30"


def _bare(text: Any) -> str:
    """A part or option without what is a matter of taste: capitals, blanks, hyphens, commas, one for 1."""
    if isinstance(text, float | int) and not isinstance(text, bool):
        text = f"{text:g}"
    if not isinstance(text, str):
        return ""
    text = re.sub(r"\s*/\s*", "/", re.sub(r"[&+]", " and ", text.casefold()))
    words = re.sub(r"[^\w/]|_", " ", text).split()
    if len(words) == 2 and words[1] in ("layers", "seeds", "threads"):
        words = words[:1]
    return " ".join(_COUNTS.get(word, word) for word in words)


def _listed(words: Iterable[str]) -> str:
    """Options as they are written, in quotation marks, since there are commas in some."""
    return ", ".join(f'"{word}"' for word in words)


def _design(answer: Any, options: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A design as what is picked by part, unread; from a row, each option goes to the part that knows it."""
    if isinstance(answer, list | tuple) and len(answer) == len(options):
        rows = [dict(zip(options, row, strict=True)) for row in permutations(answer)]
        fits = [row for row in rows if all(_bare(pick) in options[part] for part, pick in row.items())]
        if fits:
            return fits[0]
    if not isinstance(answer, Mapping):
        raise Unread(
            f"A design is asked for, dict({', '.join(f'{part}=...' for part in options)}); this is {kind(answer)}."
        )
    picked, parts_by = {}, {part.casefold(): part for part in options}
    for name, pick in answer.items():
        part = parts_by.get(name.strip().casefold()) if isinstance(name, str) else None
        if part is None:
            raise Unread(f"The design has no part {shown(name)}; its parts are {', '.join(options)}.")
        picked[part] = pick
    return picked


def choice(parts_of: Mapping[str, Mapping[str, str]]) -> Callable[[Any], None]:
    """A check of a design put together from parts: by part, its options, each with what it spoils ("" spoils nothing).

    The answer is a dict or a row of keyword texts: ``dict(arms="both", knob="slope", ...)``, or a row of options;
    capitals, blanks and commas are no matter, and 1 is as good as "one". The first part that spoils something is named,
    with the option picked; how many more do is said, and not which.
    """
    known = {part: {_bare(option): option for option in options} for part, options in parts_of.items()}

    def verify(answer: Any) -> None:
        design, spoilt = _design(answer, known), []
        for part, options in parts_of.items():
            if part not in design or design[part] is ...:
                raise Unread(f"The design lacks its {part}: one of {_listed(options)}.")
            option = known[part].get(_bare(design[part]))
            if option is None:
                raise Unread(f"{part} is one of {_listed(options)}; not {shown(design[part])}.")
            if options[option]:
                spoilt.append(f'{part}, "{option}": {options[option]}')
        if spoilt:
            more = len(spoilt) - 1
            rest = (
                f" ({more} more part{'s' if more > 1 else ''} spoil{'' if more > 1 else 's'} it, too.)"
                if more
                else ""
            )
            raise Off(spoilt[0] + rest)

    return verify

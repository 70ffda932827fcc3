"""Checks: the one way in which the course refuses an argument, naming it, its value and what would be right.

Every check returns the value it was given, so that it can stand where the value is first used. All raise ValueError.
"""

import itertools
import math
import numbers
import operator
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["among", "flag", "number", "rising", "seed", "seeds", "whole"]

LAST_SEED = 2**63 - 1  # the largest that torch.Generator takes


def whole(name: str, value: object, low: int = 1, high: int | None = None, of: str = "") -> int:
    """A whole number from ``low`` (default 1) to ``high`` (default: no end); ``of`` says what ``high`` counts.

    True and False are no numbers; an integer of numpy is one, and is handed back as an int.
    """
    try:
        truth = type(value).__name__ == "bool"  # numpy's too, for which old versions hand out an index
        found = None if truth else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        found = None
    if found is None or found < low or (high is not None and found > high):
        right = (
            f"of at least {low}" if high is None else f"from {low} to {f'the {high} {of}' if of else high}"
        )
        raise ValueError(f"{name} must be a whole number {right}, got {value!r}")
    return found


def number(
    name: str,
    value: object,
    low: float = -math.inf,
    high: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """A finite number with low <= value <= high and above < value < below; ends that are not given do not bind.

    True and False are no numbers; those of numpy are.
    """
    try:
        found = float(value) if isinstance(value, numbers.Real) and not isinstance(value, bool) else math.nan
    except OverflowError:  # a whole number beyond all floats
        found = math.inf
    if not (math.isfinite(found) and low <= found <= high and above < found < below):
        ends = [f"from {low:g}"] * (low > -math.inf) + [f"above {above:g}"] * (above > -math.inf)
        ends += [f"up to {high:g}"] * (high < math.inf) + [f"below {below:g}"] * (below < math.inf)
        raise ValueError(
            f"{name} must be {' '.join(['a finite number', ' and '.join(ends)]).strip()}, got {value!r}"
        )
    return value  # type: ignore[return-value]


def among(name: str, value: Any, known: Iterable[Any]) -> Any:
    """One of the values that are known."""
    known = list(known)
    if value not in known:
        raise ValueError(f"unknown {name} {value!r}; known are: {', '.join(map(str, known))}")
    return value


def flag(name: str, value: object) -> bool:
    """True or False, and nothing that only counts as such."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return value


def seed(name: str, value: object) -> int:
    """A whole number from 0 to 2^63 - 1, as torch.Generator takes it."""
    return whole(name, value, 0, LAST_SEED)


def seeds(name: str, values: Iterable[int]) -> list[int]:
    """At least one seed, each once."""
    found = [seed(f"each of {name}", value) for value in values]
    if not found or len(set(found)) < len(found):
        raise ValueError(f"{name} must be one or more seeds, each once, got {found}")
    return found


def rising(name: str, values: Sequence[float], above: float = -math.inf, least: int = 1) -> list[float]:
    """Finite numbers above ``above``, each larger than the one before, at least ``least`` of them."""
    found = [number(f"each of {name}", value, above=above) for value in values]
    if len(found) < least or any(b <= a for a, b in itertools.pairwise(found)):
        raise ValueError(f"{name} must be numbers that rise, at least {least} of them, got {found}")
    return found

"""The exercises in which a flaw is found, an experiment designed, a condition stated: right and wrong answers to each."""

import importlib
import itertools
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from course_utils import exercises, saturation
from course_utils.exercises import Exercise, Off

BOOKS = sorted(path.stem[2:] for path in Path(exercises.__file__).parent.glob("nb*.py"))
ALL: dict[str, Exercise] = {}
for book in BOOKS:
    ALL |= importlib.import_module(f"course_utils.exercises.nb{book}").EXERCISES

LETTERS = {
    "0.4": "c",
    "2.8": "d",
    "4.8": "b",
    "5.7": "c",
    "6.8": "a",
    "7.7": "d",
    "8.6": "a",
    "9.2": "c",
    "9.7": "b",
    "10.6": "b",
    "11.4": "b",
    "11.5": "c",
}
DESIGNS: dict[str, dict[str, str]] = {
    "3.7": {"arms": "both", "gain": "he", "measure": "spread", "budget": "networks"},
    "4.7": {"arms": "penalty and forced", "rates": "each on held-out", "axis": "zeros", "seeds": "five, paired"},
    "6.7": {"arms": "as it is and levelled", "depth": "30", "rates": "each on held-out", "measure": "loss"},
    "7.8": {"rates": "each on held-out", "init": "each its own", "finish": "median", "order": "shared by arms"},
    "8.7": {"order": "by turns", "clock": "processor", "summary": "least", "threads": "one"},
    "9.6": {
        "renewed": "dead, and as many living", "counted": "loss of each task",
        "tasks": "each seed its own, shared by its arms", "rate": "the same for the three",
    },
    "10.5": {"gradient": "dL/dz", "weights": "he", "layers": "wide", "when": "at init"},
    "11.6": {
        "arms": "DyT at both gains", "rates": "each its own on held-out images", "seeds": "five and the same for both",
        "depth": "16",
    },
}  # fmt: skip


def relu_loses_more(s: Any, m: Any) -> Any:
    return saturation.gaussian_share("relu", s, m) > saturation.gaussian_share("sigmoid", s, m)


def by_cases(s: float, m: float) -> bool:
    return bool(relu_loses_more(s, m))


RIGHT: list[tuple[str, Any]] = [
    ("3.9", lambda up, down: down / up),
    ("1.7", lambda g: (g >= 0.1) & (g <= 1)), ("1.7", lambda g: 0.1 <= g <= 1),
    ("1.8", lambda gap, reach: reach * math.log(2) / gap), ("1.8", lambda gap, reach: math.ceil(reach * math.log(2) / gap)),
    ("2.9", relu_loses_more), ("2.9", by_cases), ("2.9", lambda s, m: [by_cases(*pair) for pair in zip(s, m, strict=True)]),
    ("3.8", lambda d: 2**0.5 * 0.1 ** (1 / d)), ("3.8", lambda d: 2**0.5 / 10 ** (1 / d)),
    ("11.2", lambda f, n: f ** (n - 1) < 1 / 30), ("11.2", lambda f, n: 30 * f ** (n - 1) < 1),
    ("5.8", lambda k: 0.01 ** (1 / k)), ("5.8", lambda k: torch.exp(torch.log(torch.tensor(0.01)) / k)),
]  # fmt: skip
WRONG: list[tuple[str, Any, str]] = [
    ("3.9", lambda up, down: down, "That is dL/dz"), ("3.9", lambda up, down: up * down, "divided"),
    ("3.9", lambda up, down: up / down, "away"),
    ("3.9", lambda up, down: 1 + 0 * up, "True where both"), ("3.9", lambda down, up: down / up, "away from the input"),
    ("3.9", 1, "function"),
    ("1.7", lambda g: (g >= 0) & (g <= 1), "ReLU's"), ("1.7", lambda g: g == 1, "in between"), ("1.7", lambda g: g < 0.1, "says True"),
    ("1.7", lambda g: g <= 1, "A line of slope -0.5"), ("1.7", lambda g: not 0.1 <= g <= 1, "other way round"), ("1.7", 0.5, "function"),
    ("1.7", lambda g: g, "True or False"), ("1.7", lambda g: True, "it gives 1"),
    ("1.8", lambda gap, reach: reach / gap, "not 1 / k"), ("1.8", lambda gap, reach: math.log(2) / gap, "to the unit"),
    ("1.8", lambda gap, reach: reach * gap / math.log(2), "not fewer"), ("1.8", lambda r, g: r * math.log(2) / g, "order of its"),
    ("1.8", 140, "function"),
    ("2.9", lambda s, m: s < 6.8, "The mean moves both"), ("2.9", lambda s, m: ~relu_loses_more(s, m), "other way round"),
    ("2.9", lambda s, m: m <= 0, "At s = 10, m = 0 ReLU loses 0.5 of its units and the sigmoid 0.65; this says True."),
    ("2.9", lambda s, m: s, "True or False is asked"), ("2.9", lambda s, m: True, "it gives 1"), ("2.9", 6.8, "function"),
    ("2.9", lambda s, m: m < 1, "At s = 10, m = 0"),
    ("3.8", lambda d: 2**0.5 + 0 * d, "keeps all"), ("3.8", lambda d: 0.1 ** (1 / d), "factor per step"),
    ("3.8", lambda d: 2 * 0.1 ** (2 / d), "square"), ("3.8", lambda d: 2 * 0.1 ** (1 / d), "gain / √2"),
    ("3.8", lambda d: 2**0.5 * 10 ** (1 / d), "largest gain"), ("3.8", lambda d: d, "should give"), ("3.8", 1.38, "function"),
    ("11.2", lambda f, n: f**n < 1 / 30, "one step less"), ("11.2", lambda f, n: f < 1 / 30, "one step. The steps"),
    ("11.2", lambda f, n: f < 1, "harms nobody"), ("11.2", lambda f, n: f ** (n - 1) >= 1 / 30, "other way round"),
    ("11.2", lambda f, n: f ** (n - 1), "True or False"), ("11.2", 0.03, "function"),
    ("11.2", lambda f, n: f ** (n - 1) < 0.1, "there is 0.068 left; this says True"),
    ("5.8", lambda k: 0.01 + 0 * k, "enough for one"), ("5.8", lambda k: 0.01 / k, "share the hundredth"),
    ("5.8", lambda k: 0.01 * k, "add up"), ("5.8", lambda k: 0.01**k, "what is left"), ("5.8", 0.1, "function"),
    ("5.8", lambda k: 0.1 ** (1 / k), "should give less"),
]  # fmt: skip


NEW = {number: ALL[number] for number in [*LETTERS, *DESIGNS, *(n for n, _ in RIGHT)]}


def test_each_notebook_from_02_on_has_two_of_the_new_kinds() -> None:
    assert all(sum(n.startswith(f"{int(book)}.") for n in NEW) >= 2 for book in BOOKS[2:])
    assert all(exercise.right and exercise.idea and exercise.setup for exercise in NEW.values())


@pytest.mark.parametrize(("number", "answer"), RIGHT + list(LETTERS.items()) + list(DESIGNS.items()))
def test_right(number: str, answer: Any) -> None:
    NEW[number].verify(answer)


@pytest.mark.parametrize(("number", "answer", "hint"), WRONG)
def test_wrong(number: str, answer: Any, hint: str) -> None:
    with pytest.raises(Off) as off:
        NEW[number].verify(answer)
    assert hint in str(off.value)


@pytest.mark.parametrize(
    ("number", "letter"), [pair for pair in itertools.product(LETTERS, "abcd") if LETTERS[pair[0]] != pair[1]]
)
def test_every_other_letter_hears_why(number: str, letter: str) -> None:
    with pytest.raises(Off) as off:
        NEW[number].verify(letter)
    assert len(str(off.value)) > 40


@pytest.mark.parametrize("number", DESIGNS)
def test_every_part_of_a_design_counts(number: str) -> None:
    """One part changed at a time: each other option spoils the design, and the check says what by."""
    for part in DESIGNS[number]:
        with pytest.raises(Off) as unknown:
            NEW[number].verify(DESIGNS[number] | {part: "?"})
        said = str(unknown.value).removeprefix(f"{part} is one of ").split("; not")[0]
        others = set(re.findall(r'"(.*?)"', said)) - {DESIGNS[number][part]}
        assert others
        for other in others:
            with pytest.raises(Off, match=f'^{part}, "{other}": '):
                NEW[number].verify(DESIGNS[number] | {part: other})

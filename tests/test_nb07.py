"""Notebook 07's exercises and figures."""

import math
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from answers import test_right_answers, test_unanswered, test_wrong_answers_are_told_what_is_off  # noqa: F401

from course_utils import plots
from course_utils.exercises import check
from course_utils.exercises.nb07 import CURVES
from course_utils.figures import nb07


def reply(capsys: pytest.CaptureFixture[str], number: str, answer: object) -> str:
    check(number, answer, hint=1 if answer is ... else 3)
    return capsys.readouterr().out


def good(losses: list[float], target: float, window: int) -> float:
    for step in range(window, len(losses) + 1):
        if sum(losses[step - window : step]) / window <= target:
            return step
    return math.inf


def first(losses: list[float], start: int, below: Callable[[int], bool]) -> float:
    return next((i for i in range(start, len(losses)) if below(i)), math.inf)


def half_open(x: list[float], target: float, w: int) -> float:
    return first(x, w, lambda i: sum(x[i - w : i]) / w <= target)


def partial(x: list[float], target: float, w: int) -> float:
    return first([*x, 0], 1, lambda i: sum(x[max(0, i - w) : i]) / min(i, w) <= target)


def middle(x: list[float], target: float, w: int) -> float:
    return first([*x, 0], w, lambda i: sorted(x[i - w : i])[w // 2] <= target)


def unsmoothed(losses: list[float], target: float, window: int) -> float:
    return good(losses, target, 1)


RIGHT = [
    ("7.1", "b"), ("7.1", " B"),
    ("7.2", "a"), ("7.2", "(a)"),
    ("7.3", good), ("7.3", lambda x, t, w: next((i for i in range(w, len(x) + 1) if np.mean(x[i - w : i]) <= t + 1e-12), math.inf)),
    ("7.4", 16), ("7.4", "16"),
    ("7.5", "d"), ("7.5", "(D)"),
    ("7.6", 0.25), ("7.6", "1/4"), ("7.6", torch.tensor(0.25)),
]  # fmt: skip
WRONG = [
    ("7.1", "a", "reputation"), ("7.1", "c", "a ring marks"), ("7.1", "x", "one letter: a, b, c."),
    ("7.2", "x", "one letter: a, b, c."), ("7.2", "c", "2012"), ("7.2", "b", "Xavier"),
    ("7.3", unsmoothed, "lucky"), ("7.3", lambda x, t, w: good(x, t, w) - 1, "One too few"),
    ("7.3", lambda x, t, w: good(x, t, w) - w, "begins"), ("7.3", 3, "function"), ("7.3", lambda x: 1, "fails"),
    ("7.3", lambda x, t, w: good(x, 1.0, 3), "not for others"), ("7.3", lambda x, w, t: good(x, t, w), "order of its arguments"),
    ("7.3", lambda x, t, w: good(x, t, w) - w + 1, "begins"),
    ("7.3", lambda x, t, w: good(x, t, w) + (x == CURVES[5]), "each step anew"),
    ("7.3", lambda x, t, w: good(x, t, w) + (x in CURVES[3:]), "exactly the target"),
    ("7.3", lambda x, t, w: good(x, t, w) + (x in CURVES[4:]), "no full window"),
    ("7.3", lambda x, t, w: good(x, t, w) + (x == CURVES[1]), f"For the losses {CURVES[0]}, target 1.0 and window 3, this says 7."),
    ("7.3", lambda x, t, w: good(x, t, w) + (x == CURVES[0]), "and window 3, this says 8."),
    ("7.3", lambda x, t, w: "7 steps", "It gives back '7 steps'."),
    ("7.3", lambda x, t, w: 1 / 0, "called with a list of 10 losses, 1.0 and 3: Zero"),
    ("7.3", lambda x, t, w: min(good(x, t, w), 999), "infinitely many steps (math.inf); this says 999."),
    ("7.3", lambda x, t, w: 2, "this says 2"), ("7.3", half_open, "last loss"),
    ("7.3", lambda x, t, w: good(x, t - 1e-9, w), "exactly the target"), ("7.3", partial, "no full window"),
    ("7.3", middle, "median"), ("7.3", lambda x, t, w: None, "math.inf for never"),
    ("7.4", 4, "One factor"), ("7.4", 1, "same rate"), ("7.4", 1 / 16, "other way"), ("7.4", 5, "V = 4W"),
    ("7.4", 1 / 4, "other way"), ("7.4", 4.5, "V = 4W"), ("7.4", 1.5, "V = 4W"), ("7.4", 0.5, "V = 4W"),
    ("7.4", 16.5, "V = 4W"), ("7.4", 0, "Two things differ"), ("7.4", -0.5, "V = 4W"),
    ("7.5", "x", "one letter: a, b, c, d."), ("7.5", "a", "any line"), ("7.5", "c", "coins"), ("7.5", "b", "sums"),
    ("7.6", 2, "other way"), ("7.6", 1.5, "half as long"), ("7.6", 0.75, "half as long"), ("7.6", 2.5, "half as long"),
    ("7.6", 3.5, "half as long"), ("7.6", -0.3, "half as long"), ("7.6", 0.2, "half as long"), ("7.6", 1, "Differentiate"),
    ("7.6", 0.5, "doubles"), ("7.6", 4, "other way"), ("7.6", 9, "half as long"),
]  # fmt: skip


TRIED = [
    [2.3, 2.0, 1.7, 1.4, 1.1, 0.9, 0.7, 0.5, 0.4, 0.3],
    [2.3, 2.2, 2.1, 0.6, 2.0, 1.8, 1.1, 0.9, 0.8, 0.7],
    [2.3, 2.3, 2.2, 2.3, 2.2, 2.3, 2.3, 2.2, 2.3, 2.2],
    [2.0, 2.0, 2.0, 2.0, 2.0, 1.5, 1.0, 0.5],
    [0.5, 2.0, 2.0, 2.0, 0.9, 0.9, 0.9, 0.9],
    [2.0, 0.9, 0.9, 2.9, 0.9, 0.9, 0.9],
]


@pytest.mark.parametrize("curve", TRIED)
def test_wrong_for_a_single_curve_is_wrong(curve: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    def answer(losses: list[float], target: float, window: int) -> float:
        return 5 if losses == curve else good(losses, target, window)

    assert good(curve, 1.0, 3) != 5
    assert "not yet." in reply(capsys, "7.3", answer)


@pytest.mark.parametrize(("number", "answer"), [("7.1", "b"), ("7.2", "a")])
def test_a_right_guess_is_not_told_the_result(
    number: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reply(capsys, number, answer) == f"{number}: right. See how it comes about.\n"


def test_figures_draw() -> None:
    loss = torch.rand(3, 4, generator=torch.Generator().manual_seed(0)) + 0.5
    loss[0, 0] = math.inf
    panel = nb07.Panel("ReLU", [0.5, 1.0, 2.0], [0.01, 0.1, 1.0, 10.0], loss, loss < 1, 1.4)
    arms = {"ReLU": nb07.Arm("relu"), "σ(4z)": nb07.Arm("sigmoid", nb07.DASHED)}
    steps = {
        "ReLU": {2: [40.0, 50.0], 4: [60.0, 70.0]},
        "σ(4z)": {2: [90.0, math.inf], 4: [math.inf, math.inf]},
    }
    curves = {
        "old": {name: torch.ones(30, 2) for name in arms},
        "new": {name: torch.ones(30, 2) for name in arms},
    }
    share = (1, 12, (0.02, 0.4))
    figures = [
        nb07.maps([panel], (0.5, 1.5), "finding", "how"),
        nb07.by_depth(steps, arms, 300, "finding", "how", ("softmax regression", 40.0)),
        nb07.against_theory(
            [("ReLU", "relu", 2, 1.0, 50.0, False), ("σ", "sigmoid", 4, 0.01, math.inf, True)],
            300,
            "finding",
            "how",
        ),
        nb07.curves(curves, arms, 0.7, 5, "finding", "how"),
        nb07.by_gain([0.5, 1.0], {"relu": torch.tensor([40.0, math.inf])}, {"He": 1.4}, "finding", "how"),
        nb07.shares([("ReLU", "relu", True)], {"all": [share], "usual": [share]}, "finding", "how"),
    ]
    assert all(len(plots.picture(figure, quick=True).png) > 3000 for figure in figures)


def test_explorer_figure_is_quick_and_says_diverged() -> None:
    smooth = torch.linspace(2.3, 0.5, 181)
    smooth[100:] = math.nan
    spent = []
    for _ in range(5):
        start = time.process_time()
        figure = nb07.explored(smooth, 20, "relu", "title")
        plots.picture(figure, quick=True)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.15
    assert "diverged" in [text.get_text() for text in figure.axes[0].texts]


def test_numbers_of_neighbouring_marks_stand_on_different_sides() -> None:
    arms = [
        ("sigmoid", "sigmoid", True),
        ("tanh", "tanh", False),
        ("σ(4z)", "sigmoid", False),
        ("ReLU", "relu", False),
    ]
    assert len({nb07._beside(*arm) for arm in arms}) == 4

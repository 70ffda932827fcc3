"""Notebook 02: right answers in every form, wrong ones with a hint that fits, and figures that draw."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm

from course_utils import exercises, plots, saturation
from course_utils.exercises import check
from course_utils.figures import nb02

WIDTH = 2 * math.log(3 + 2 * math.sqrt(2))
EDGE = 2 * math.acosh(5)
NINE = 13 * math.log(2)


def said(capsys: pytest.CaptureFixture[str], number: str, answer: Any) -> str:
    check(number, answer, hint=1 if answer is ... else 3)
    return capsys.readouterr().out.strip()


def in_place(W: Any, b: Any) -> Any:
    W *= 4
    b *= 4
    return W, b


RIGHT: list[tuple[str, Any]] = [
    ("2.1", "a"),
    ("2.1", "(A)"),
    ("2.2", lambda k: 2 * torch.acosh(5 * torch.sqrt(k)) / k),
    ("2.2", lambda k: 2 * np.arccosh(5 * np.sqrt(k)) / k),
    ("2.2", lambda k: 2 * math.acosh(5 * math.sqrt(k)) / k),
    ("2.3", NINE),
    ("2.3", 9.01),
    ("2.3", torch.tensor([9.0])),
    ("2.3", NINE + 0.059),
    ("2.3", NINE - 0.059),
    ("2.4", lambda a: 2 / (1 + a**2)),
    ("2.4", lambda a: 1 / ((1 + math.pow(a, 2)) / 2)),
    ("2.5", 6.8),
    ("2.5", 6.9),
    ("2.5", 6.7),
    ("2.5", 4.585 / norm.ppf(0.75)),
    ("2.6", lambda W, b: (4 * W, 4 * b)),
    ("2.6", lambda W, b: [torch.mul(W, 4), b + b + b + b]),
    ("2.6", in_place),
    ("2.6", lambda W, b: (np.multiply(np.asarray(W), 4), np.asarray(b) * 4)),
    ("2.7", lambda s: torch.special.ndtr(math.log(0.01) / s)),
    ("2.7", lambda s: norm.cdf(np.log(0.01) / np.asarray(s))),
    ("2.7", lambda s: 0.5 * math.erfc(4.605 / s / math.sqrt(2))),
]

WRONG: list[tuple[str, Any, str]] = [
    ("2.1", "b", "flat only far out"),
    ("2.1", "c", "flat on a whole side"),
    ("2.1", 0.25, "Answer with one letter: a, b, c."),
    ("2.2", 4.585, "A function of k is asked for"),
    ("2.2", 4.6, "A function of k is asked for"),
    ("2.2", 5.5, "A function is asked for"),
    ("2.2", lambda k: WIDTH / 2 / k, "half of its maximum"),
    ("2.2", "4.585/k", "A function is asked for"),
    ("2.2", lambda k: 4 * torch.acosh(5 * k**0.5) / k, "between the two edges"),
    ("2.2", lambda k: EDGE / k, "a factor k in front"),
    ("2.2", lambda k: 2 * torch.acosh(5 * k**0.5), "Divide by k"),
    ("2.2", lambda k: EDGE * k, "a steeper curve is a narrower one"),
    ("2.2", lambda k: EDGE + 0 * k, "the edge depends on k"),
    ("2.2", lambda k: WIDTH / k, "half of its maximum"),
    ("2.2", lambda k: EDGE / k**2, "At k = 0.5 it gives 18.34; it should give less"),
    ("2.2", lambda k: 5 / k, "At k = 0.5 it gives 10; it should give less"),
    ("2.2", lambda k: torch.ones(2), "it gives 2"),
    ("2.3", -NINE, "tanh is odd"),
    ("2.3", 8.66, "whole gap"),
    ("2.3", 8.318, "Half of the sigmoid's"),
    ("2.3", 16.64, "That is the sigmoid's"),
    ("2.3", 18.02, "Twice too far"),
    ("2.3", 19.06, "for float64"),
    ("2.3", 44.4, "leaves the range of float32"),
    ("2.3", 5, "At z = 5 autograd gives a number that is not yet 0."),
    ("2.3", 12, "At z = 12 autograd gives 0 already, and so it does a little before."),
    ("2.3", NINE + 0.07, "0 already"),
    ("2.3", NINE - 0.07, "not yet 0"),
    ("2.3", -9.6, "At z = -9.6"),
    ("2.3", 8.5, "At z = 8.5"),
    ("2.3", 16.2, "At z = 16.2"),
    ("2.3", 17.2, "At z = 17.2"),
    ("2.3", 18.4, "At z = 18.4"),
    ("2.3", 19.6, "At z = 19.6"),
    ("2.3", 40, "At z = 40"),
    ("2.3", 40.5, "leaves the range of float32"),
    ("2.4", lambda a: (1 + a**2) / 2, "mean of φ′² itself"),
    ("2.4", lambda a: (2 / (1 + a**2)) ** 0.5, "a standard deviation"),
    ("2.4", lambda a: 2 / (1 + a), "You averaged the slope"),
    ("2.4", lambda a: 1 / (1 + a**2), "weight 1/2"),
    ("2.4", lambda a: 2 + 0 * a, "not at every slope"),
    ("2.4", lambda a: 2 / (1 + a**2) + (a == 0.01), "At a = 0.01 it gives 3; it should give less"),
    ("2.4", lambda a: 3 - 10 * a, "At a = 1 it gives -7; it should give more"),
    ("2.4", lambda a: a[:3], "For 5 values of a it should give 5 numbers; it gives 3."),
    ("2.4", 2, "A function is asked for"),
    ("2.5", 4.585, "32 % are beyond it"),
    ("2.5", 4.61, "32 % are beyond it"),
    ("2.5", 6.95, "needs a smaller scale"),
    ("2.5", 6.65, "needs a larger scale"),
    ("2.5", 2.3, "half the edge"),
    ("2.5", 3.14, "divide, not multiply"),
    ("2.5", 3.2, "needs a larger scale"),
    ("2.5", 2.29, "half the edge"),
    ("2.5", 3.09, "divide, not multiply"),
    ("2.5", 5, "There the sigmoid loses 35.9 % of its units; half needs a larger scale"),
    ("2.5", 9, "There the sigmoid loses 61.0 % of its units; half needs a smaller scale"),
    ("2.5", 0.5, "half needs a larger scale"),
    ("2.5", 0, "above 0"),
    ("2.5", -1, "above 0"),
    ("2.6", lambda W, b: (4 * W, b), "The weights are right"),
    ("2.6", lambda W, b: (W, 4 * b), "The bias is right"),
    ("2.6", lambda W, b: (W, b + 4), "Adding to the bias"),
    ("2.6", lambda W, b: (W / 4, b / 4), "The other way round"),
    ("2.6", lambda W, b: (W, b), "as it was"),
    ("2.6", lambda W, b: (2 * W, 2 * b), "Neither square nor root"),
    ("2.6", lambda W, b: (16 * W, 16 * b), "Neither square nor root"),
    ("2.6", lambda W, b: (4 * W, b + 1), "The bias would not"),
    ("2.6", lambda W, b: (W + 4, 4 * b), "The weights would not"),
    ("2.6", lambda W, b: 4 * W, "Return two things"),
    ("2.6", lambda W, b: 4 * W[:2], "Return two things"),
    ("2.6", lambda W, b: (4 * W, 4 * b, 4), "Return two things"),
    ("2.6", lambda W, b: (4 * W, "b"), "Of the new weights and bias: A tensor of numbers"),
    ("2.6", lambda W, b: (b, W), "the weights first"),
    ("2.6", lambda W: 4 * W, "and a row of shape [3]: TypeError: "),
    ("2.6", "add 4 to every bias", "A function is asked for"),
    ("2.7", lambda s: 2 * torch.special.ndtr(math.log(0.01) / s), "flat on the left only"),
    ("2.7", lambda s: 1 - torch.special.ndtr(math.log(0.01) / s), "share of usable units"),
    ("2.7", lambda s: 0.5 + 0 * s, "That is ReLU"),
    ("2.7", lambda s: torch.special.ndtr(-4.4 / s), "it should give less"),
    ("2.7", lambda s: torch.special.ndtr(-EDGE / s), "you used the sigmoid's edge"),
    ("2.7", lambda s: s, "between 0 and 1"),
    ("2.7", lambda s: s / 8, "between 0 and 1"),
    ("2.7", lambda s: (s - 1) / 16, "between 0 and 1"),
    ("2.7", lambda s: s / 16, "At s = 0.5 it gives 0.03125; it should give less"),
    ("2.7", lambda s: (s - 0.5) / 16, "At s = 1 it gives 0.03125; it should give less"),
    ("2.7", lambda s: 0.4 + 0 * s, "At s = 0.5 it gives 0.4; it should give less"),
    ("2.7", lambda s: torch.exp(-s), "should grow with the scale"),
    ("2.7", lambda s: s / 16 - 0.6 * (s > 10), "should grow with the scale"),
    ("2.7", lambda s: s[:4], "For 6 values of s it should give 6 numbers; it gives 4."),
    ("2.7", 0.5, "A function is asked for"),
]


@pytest.mark.parametrize(("number", "answer"), RIGHT)
def test_right_answers_in_every_form(capsys: pytest.CaptureFixture[str], number: str, answer: Any) -> None:
    assert said(capsys, number, answer).startswith(f"{number}: right. ")


@pytest.mark.parametrize(("number", "answer", "hint"), WRONG)
def test_wrong_answers_are_told_what_is_off(
    capsys: pytest.CaptureFixture[str], number: str, answer: Any, hint: str
) -> None:
    reply = said(capsys, number, answer)
    assert reply.startswith(f"{number}: not yet. ") and hint in reply


TRIED: dict[str, tuple[Any, list[float]]] = {
    "2.2": (lambda k: 2 * torch.acosh(5 * torch.sqrt(k)) / k, [0.5, 1.0, 2.0, 4.0, 10.0]),
    "2.4": (lambda a: 2 / (1 + a**2), [0.0, 0.01, 0.25, 0.5, 1.0]),
    "2.7": (lambda s: torch.special.ndtr(math.log(0.01) / s), [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]),
}


@pytest.mark.parametrize(
    ("number", "point"), [(number, point) for number, (_, points) in TRIED.items() for point in points]
)
def test_wrong_at_a_single_point_is_wrong(
    capsys: pytest.CaptureFixture[str], number: str, point: float
) -> None:
    right = TRIED[number][0]
    assert "not yet." in said(capsys, number, lambda v: right(v) + 0.1 * (v == point))


@pytest.mark.parametrize("number", list(exercises.exercises("02")))
def test_unanswered_and_odd_answers_raise_nothing(capsys: pytest.CaptureFixture[str], number: str) -> None:
    assert said(capsys, number, ...) == f"{number}: not answered yet"
    for odd in (math.nan, [], "x", {}, torch.zeros(3), lambda: 1, lambda *a: None):
        assert said(capsys, number, odd).startswith(f"{number}: not yet. ")


def test_every_exercise_has_two_different_hints_tested() -> None:
    for number in set(exercises.exercises("02")) - {"2.8", "2.9"}:  # those are tried in test_exercise_kinds
        assert len({hint for n, _, hint in WRONG if n == number}) >= 2


@pytest.mark.parametrize(
    ("name", "scale", "mean"), [("sigmoid", 3.0, 0.0), ("identity", 0.25, -8.0), ("gelu", 1.0, 0.0)]
)
def test_the_explorer_picture_draws(name: str, scale: float, mean: float) -> None:
    z = torch.linspace(-20, 20, 401, dtype=torch.float64)
    height = torch.exp(-(((z - mean) / scale) ** 2) / 2)
    figure = nb02.density(name, z, height, saturation.unusable_intervals(name), 0.1, scale, mean)
    assert plots.picture(figure, quick=True).png.startswith(b"\x89PNG")


def test_figures_draw_what_they_are_given() -> None:
    z = torch.linspace(-4, 4, 50)
    shares = torch.linspace(0, 1, 50)
    table = pd.DataFrame(
        {
            "activation": ["relu"] * 4,
            "gain": [1, 1, 2, 2],
            "bias": [0, 0, 1, 1],
            "share": [0.4, 0.5, 0.4, 0.6],
        }
    )
    trial = pd.DataFrame({"k": [1, 2], "share": [0.1, 0.2], "square": [0.1, 0.3]})
    for figure in (
        nb02.hook(z.exp(), {"relu": shares}, "A finding"),
        nb02.slopes(z, {1: shares, 4: shares}, {1: 3.5, 4: 0.9}, 3.5, "A finding"),
        nb02.float32_tail(z, shares, shares, (-3.0, 3.0), "A finding"),
        nb02.gates(torch.rand(2, 30), torch.rand(2, 20), "A finding"),
        nb02.on_images(z.exp(), {"relu": shares}, z, {"relu": shares}, table, table, "A finding"),
        nb02.tails(z, shares.expand(2, -1), shares, shares, 2.0, "A finding"),
        nb02.steeper([1, 2], [0.1, 0.2], [0.1, 0.3], trial, "A finding"),
    ):
        assert plots.picture(figure).png.startswith(b"\x89PNG")

"""Notebook 00's exercises and figures."""

import math

import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

from course_utils import plots
from course_utils.exercises import check
from course_utils.figures import nb00

RIGHT = [
    ("0.1", math.log(10)), ("0.1", 2.3), ("0.1", "2.303"), ("0.1", math.log(10) + 0.0049), ("0.1", math.log(10) - 0.0049),
    ("0.2", "c"), ("0.2", " (C)."),
    ("0.3", math.exp(-1)), ("0.3", 0.368), ("0.3", "0.37"), ("0.3", math.exp(-1) - 0.0049),
]  # fmt: skip
WRONG = [
    ("0.1", 0.1, "number of classes"), ("0.1", 10, "number of classes"), ("0.1", 10.2, "probability 1/10"),
    ("0.1", 0.3, "probability 1/10"), ("0.1", 1, "base 10"), ("0.1", 0.992, "base 10"), ("0.1", 1.5, "probability 1/10"),
    ("0.1", math.log2(10), "bits"), ("0.1", 3.315, "bits"), ("0.1", 3.6, "probability 1/10"), ("0.1", -2.303, "wrong sign"),
    ("0.1", -2.9, "probability 1/10"), ("0.1", 2.31, "probability 1/10"), ("0.1", 2.29, "probability 1/10"),
    ("0.1", 2.6, "probability 1/10"), ("0.1", "x", "number"),
    ("0.2", "a", "Something learns"), ("0.2", "b", "Is it alone"), ("0.2", "d", "learns nothing"),
    ("0.2", "e", "one letter: a, b, c, d."),
    ("0.3", math.e, "minus"), ("0.3", math.e + 0.019, "minus"), ("0.3", 3.2, "write 0.032"), ("0.3", 0.1, "ln 10"),
    ("0.3", 0.5, "ln 2"), ("0.3", 0.2, "Solve"), ("0.3", 0.6, "Solve"), ("0.3", 37, "write 0.37 for 37 %"),
    ("0.3", 100, "write 1 for 100 %"), ("0.3", 101, "at most 1; this is 101"), ("0.3", 1, "which probability has the loss 1?"),
    ("0.3", 0.632, "all the other classes"), ("0.1", 0.9, "missing"),
    ("0.3", math.exp(-1) + 0.006, "Solve"), ("0.3", "x", "number"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "answer"), RIGHT)
def test_right_answers(number: str, answer: object, capsys: pytest.CaptureFixture[str]) -> None:
    check(number, answer, hint=1 if answer is ... else 3)
    assert "right." in capsys.readouterr().out


@pytest.mark.parametrize(("number", "answer", "hint"), WRONG)
def test_wrong_answers_are_told_what_is_off(
    number: str, answer: object, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check(number, answer, hint=1 if answer is ... else 3)
    said = capsys.readouterr().out
    assert "not yet." in said and hint in said


def at(rate: str, *arms: tuple[str, str, list[float]], tried: float = 0.1) -> Figure:
    """The explorer's picture of networks (arm, activation, loss after each of eight steps), all at the rate ``tried``."""
    rows = [(arm, name, "none", tried) for arm, name, _ in arms]
    table = pd.DataFrame(rows, columns=["arm", "activation", "norm", "learning_rate"])
    return nb00.at_rate(table, torch.tensor([losses for *_, losses in arms]).T, rate, math.log(10))


def test_diverged_networks_end_and_get_no_label() -> None:
    figure = at(
        "0.3", ("ReLU", "relu", [0.5] * 4 + [math.nan] * 4), ("sigmoid", "sigmoid", [2.3] * 8), tried=0.3
    )
    assert [text.get_text() for text in figure.axes[0].texts] == ["sigmoid"]
    assert figure.texts[0].get_text().endswith("\n0 of 1 ReLU, 0 of 1 sigmoid")
    assert plots.picture(figure).png


def test_the_explorer_counts_who_ends_below_one() -> None:
    ends = [[0.5] * 4 + [0.9] * 4, [0.5] * 4 + [1.0] * 4, [2.0] * 4 + [0.4] * 4]
    title = at("0.1", *(("ReLU", "relu", losses) for losses in ends)).texts[0].get_text()
    assert title == "Learning rate 0.1: a loss below 1 is reached by\n2 of 3 ReLU"


def test_a_claim_without_a_row_on_the_map_is_told() -> None:
    table = pd.DataFrame({"id": ["C01", "C02"], "notebook": ["01", "77"], "verdict": ["holds", "open"]})
    with pytest.raises(ValueError, match="no row for notebook 77: add it to TITLES"):
        nb00.claims_map(table)


def test_the_map_is_as_wide_as_its_longest_row() -> None:
    table = pd.DataFrame({"id": [f"C{n:02}" for n in range(12)], "notebook": "03", "verdict": "holds"})
    assert nb00.claims_map(table).axes[0].get_xlim()[1] >= 12

"""Notebook 00's exercises and figures."""

import math

import pandas as pd
import pytest

from course_utils import plots
from course_utils.exercises import check
from course_utils.figures import nb00


@pytest.mark.parametrize("answer", [math.exp(-1), 0.368, "0.37"])
def test_probability_right(answer: object, capsys: pytest.CaptureFixture[str]) -> None:
    check("0.3", answer)
    assert "right." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (math.e, "minus"),
        (0.1, "ln 10"),
        (0.5, "ln 2"),
        (0.2, "Solve"),
        (37, "write 0.37 for 37 %"),
        (101, "at most 1; this is 101"),
        (1, "Solve"),
        ("x", "number"),
    ],
)
def test_probability_wrong(answer: object, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    check("0.3", answer)
    said = capsys.readouterr().out
    assert "not yet." in said and hint in said


def test_diverged_networks_end_and_get_no_label() -> None:
    rows = [
        {"arm": arm, "activation": name, "norm": "none", "network": network, "step": step, "loss": loss}
        for arm, name, network, loss in (("ReLU", "relu", 0, math.nan), ("sigmoid", "sigmoid", 1, 2.3))
        for step in (4, 8)
    ]
    figure = nb00.at_rate(pd.DataFrame(rows), "0.3", math.log(10))
    assert [text.get_text() for text in figure.axes[0].texts] == ["sigmoid"]
    assert figure.texts[0].get_text().endswith("\n0 of 1 ReLU, 0 of 1 sigmoid")
    assert plots.picture(figure, quick=True).png


def test_the_explorer_counts_who_ends_below_one() -> None:
    rows = [
        {"arm": "ReLU", "activation": "relu", "norm": "none", "network": network, "step": step, "loss": loss}
        for network, losses in enumerate([(0.5, 0.9), (0.5, 1.0), (2.0, 0.4)])
        for step, loss in zip((4, 8), losses, strict=True)
    ]
    title = nb00.at_rate(pd.DataFrame(rows), "0.1", math.log(10)).texts[0].get_text()
    assert title == "Learning rate 0.1: a loss below 1 is reached by\n2 of 3 ReLU"

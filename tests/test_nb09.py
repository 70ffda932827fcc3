"""Notebook 09's exercises and figures."""

import pandas as pd
import pytest

from course_utils import claims, plots, theory, thread
from course_utils.exercises import check, exercises
from course_utils.figures import nb09


def reply(capsys: pytest.CaptureFixture[str], number: str, answer: object) -> str:
    check(number, answer)
    return capsys.readouterr().out


RIGHT = [
    ("9.1", "c"), ("9.1", "(C)"), ("9.2", theory.gradient_factor("relu", "pytorch") ** 20), ("9.2", (1 / 6) ** 10),
    ("9.3", theory.batch_norm_growth("gelu") ** 29), ("9.3", 55), ("9.3", 1.148**29),
    ("9.2", 1.6e-8), ("9.2", 1.65e-8), ("9.4", lambda d, r, n: "relu" if n == "none" else "sigmoid"),
]  # fmt: skip
WRONG = [
    ("9.1", "a", "Second"), ("9.1", "b", "slopes"), ("9.1", "d", "Half"), ("9.2", 0.408, "one layer"), ("9.2", 8.16, "do not add up"),
    ("9.2", 3, "below 1"), ("9.2", 1e-5, "power of 20"),
    ("9.2", 0.40825**19, "count the steps"), ("9.3", 1.148, "one layer"),
    ("9.3", theory.batch_norm_growth("gelu") ** 30, "29 steps"), ("9.3", theory.batch_norm_growth("gelu") ** 58, "root"),
    ("9.3", 10, "power of 29"), ("9.3", 1 / 55, "it grows"), ("9.3", 258, "ReLU's"),
    ("9.4", "relu", "function is asked for"), ("9.4", lambda d, r, n: "relu", "explodes"),
    ("9.4", lambda d, r, n: "sigmoid", "vanishes"), ("9.4", lambda d, r, n: "identity", "one linear layer"),
    ("9.4", lambda d, r, n: "ReLU", "does not know; it knows"), ("9.4", lambda d: "relu", "TypeError"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "answer"), RIGHT)
def test_right_answers(number: str, answer: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert "right." in reply(capsys, number, answer)


@pytest.mark.parametrize(("number", "answer", "hint"), WRONG)
def test_wrong_answers_are_told_what_is_off(
    number: str, answer: object, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = reply(capsys, number, answer)
    assert "not yet." in said and hint in said


def test_unanswered(capsys: pytest.CaptureFixture[str]) -> None:
    for number in exercises("09"):
        assert reply(capsys, number, ...) == f"{number}: not answered yet\n"


@pytest.mark.parametrize("chosen", ["", "holds"])
def test_wall_has_a_tile_for_every_row(chosen: str) -> None:
    people = thread.by_person(claims.overview())
    figure = nb09.wall(people, "A finding", chosen)
    assert len(figure.axes[0].patches) == len(people)
    faint = sum(patch.get_alpha() != 1 for patch in figure.axes[0].patches)
    assert faint == (int((people["verdict"] != "holds").sum()) if chosen else 0)
    assert plots.picture(figure).png


def test_settings_draw() -> None:
    rows = [(s, a, seed, 0.8) for s in ("x", "y") for a in ("relu", "tanh") for seed in range(3)]
    table = pd.DataFrame(rows, columns=["setting", "activation", "seed", "test_accuracy"])
    best = table.groupby(["setting", "activation"], as_index=False)["test_accuracy"].mean()
    best = best.rename(columns={"test_accuracy": "mean"})
    assert plots.picture(nb09.settings(table, best, ["relu", "tanh"])).png

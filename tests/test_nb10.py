"""Notebook 10's exercises and figures."""

import math
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from answers import test_right_answers, test_unanswered, test_wrong_answers_are_told_what_is_off  # noqa: F401
from nbformat import read

from course_utils import claims, plots, theory, thread
from course_utils.exercises import check
from course_utils.exercises import nb10 as checks
from course_utils.figures import nb10

NOTEBOOK = next((Path(__file__).resolve().parents[1] / "notebooks").glob("10_*.ipynb"))
STEP, GROWTH = theory.gradient_factor("relu", "pytorch"), theory.batch_norm_growth("gelu")


def reply(capsys: pytest.CaptureFixture[str], number: str, answer: object) -> str:
    check(number, answer, hint=1 if answer is ... else 3)
    return capsys.readouterr().out


RIGHT = [
    ("10.1", "b"), ("10.1", "(B)"),
    ("10.2", theory.gradient_factor("relu", "pytorch") ** 20), ("10.2", (1 / 6) ** 10), ("10.2", 1.24 * STEP**20),
    ("10.2", 0.76 * STEP**20), ("10.2", 1.6e-8), ("10.2", 1.65e-8),
    ("10.3", 17), ("10.3", "17"), ("10.3", math.floor(math.log(10) / math.log(GROWTH)) + 1),
    ("10.4", lambda d, r, n: "relu" if n == "none" else "sigmoid"),
]  # fmt: skip
WRONG = [
    ("10.1", "a", "as many claims"), ("10.1", "c", "slopes"), ("10.1", "d", "third"), ("10.1", "e", "one letter: a, b, c, d."),
    ("10.2", 0.408, "Twenty of them multiply"), ("10.2", 8.16, "do not add up"), ("10.2", 3, "below 1"),
    ("10.2", 1e-5, "power of 20"), ("10.2", 1.26 * STEP**20, "power of 20"), ("10.2", 0.74 * STEP**20, "power of 20"),
    ("10.2", 0, "too small"), ("10.2", -1e-8, "power of 20"), ("10.2", STEP**21, "count the steps"),
    ("10.2", 1.24 * STEP**19, "count the steps"), ("10.2", 0.76 * STEP**19, "count the steps"),
    ("10.2", 1.24 * STEP**21, "count the steps"), ("10.2", 0.76 * STEP**21, "count the steps"),
    ("10.2", 1.26 * STEP**19, "power of 20"), ("10.2", 0.74 * STEP**19, "power of 20"), ("10.2", 1.26 * STEP**21, "power of 20"),
    ("10.2", 0.74 * STEP**21, "power of 20"), ("10.2", 0.9, "power of 20"), ("10.2", 1, "below 1"), ("10.2", 1.5, "below 1"),
    ("10.2", 8.9, "below 1"), ("10.2", 7.4, "below 1"), ("10.2", 0.40825**19, "count the steps"),
    ("10.3", 16, "layers are one more"), ("10.3", 13, "ReLU's"), ("10.3", 140, "the sigmoid's"), ("10.3", 9, "square of the gradient"),
    ("10.3", 18, "One layer too many"), ("10.3", 16.64, "come whole"), ("10.3", 30, "count layers"), ("10.3", 5, "too small"),
    ("10.4", "relu", "function is asked for"), ("10.4", lambda d, r, n: "relu", "explodes"),
    ("10.4", lambda d, r, n: "sigmoid", "vanishes"), ("10.4", lambda d, r, n: "identity", "one linear layer"),
    ("10.4", lambda d, r, n: "ReLU7", "does not know; it knows"), ("10.4", lambda d, r, n: object(), "gives <object object>, which"),
    ("10.4", lambda d: "relu", "TypeError"),
]  # fmt: skip


CASES = [
    (5, False, "none"),
    (5, False, "batch"),
    (30, False, "none"),
    (30, False, "batch"),
    (30, True, "layer"),
]


@pytest.mark.parametrize("case", CASES)
def test_advice_is_asked_for_in_every_case(
    case: tuple[int, bool, str], capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(depth: int, residual: bool, norm: str) -> object:
        if (depth, residual, norm) == case:
            return 3
        return "relu" if norm == "none" else "sigmoid"

    call = "depth={}, residual={}, norm={!r}".format(*case)
    assert f"For {call} it gives 3, which the registry does not know" in reply(capsys, "10.4", answer)


@pytest.mark.parametrize(
    ("total", "hint"),
    [(0.051, "right."), (19.9, "right."), (0.05, "the gradient vanishes, by a factor of 0.05."), (0.04, "vanishes"),
     (20, "the gradient explodes, by a factor of 20."), (20.5, "explodes"), (0.049, "vanishes"), (math.nan, "by a factor of nan")],
)  # fmt: skip
def test_advice_is_refused_from_a_factor_of_twenty(
    total: float, hint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def profile(name: str, gain: str, depth: int, norm: str) -> SimpleNamespace:
        assert (name, gain) == ("tanh", "he") and depth in (5, 30) and norm in ("none", "batch")
        return SimpleNamespace(dz=torch.tensor([total, 1.0, 1.0], dtype=torch.float64))

    monkeypatch.setattr(checks.theory, "profile", profile)
    assert hint in reply(capsys, "10.4", lambda depth, residual, norm: "tanh")


@pytest.mark.parametrize("chosen", ["", "holds"])
def test_wall_has_a_tile_for_every_row(chosen: str) -> None:
    people = thread.by_person(claims.overview())
    figure = nb10.wall(people, "A finding", chosen)
    assert len(figure.axes[0].patches) == len(people)
    faint = sum(patch.get_alpha() != 1 for patch in figure.axes[0].patches)
    assert faint == (int((people["verdict"] != "holds").sum()) if chosen else 0)
    assert plots.picture(figure).png


def test_settings_draw() -> None:
    rows = [(s, a, seed, 0.8) for s in ("x", "y") for a in ("relu", "tanh") for seed in range(3)]
    table = pd.DataFrame(rows, columns=["setting", "arm", "seed", "score"])
    flat = {setting: torch.tensor([0.7, 0.8]) for setting in ("x", "y")}
    assert plots.picture(nb10.settings(table, flat, ["relu", "tanh"], "A finding")).png


def test_the_stored_board_quotes_the_stored_cards() -> None:
    """Also behind the signs for "about", which nbval does not compare."""
    outputs = [out for cell in read(NOTEBOOK, 4).cells for out in cell.get("outputs", [])]
    tables = [out["data"]["text/plain"] for out in outputs if "text/html" in out.get("data", {})]
    (board,) = [table for table in tables if {"verdict", "figure"} <= set(table.split("\n")[0].split())]
    missing = [row.id for row in claims.scoreboard().itertuples() if row.figure not in board]
    assert missing == [], f"other figures than in the cards of {missing}: make refresh ARGS=10, once more"

"""Notebook 11's exercises and figures."""

import pytest
import torch
from answers import test_right_answers, test_unanswered, test_wrong_answers_are_told_what_is_off  # noqa: F401
from torch import nn

from course_utils import doctor, plots
from course_utils.exercises import check
from course_utils.figures import nb11


def reply(capsys: pytest.CaptureFixture[str], number: str, answer: object) -> str:
    check(number, answer, hint=1 if answer is ... else 3)
    return capsys.readouterr().out


WARD = {"A": "exploding", "B": "nothing", "C": "vanishing", "D": "dead units"}
DESIGN = {
    "arms": "DyT at both gains",
    "rates": "each its own on held-out images",
    "seeds": "five and the same for both",
    "depth": "16",
}
RIGHT = [
    ("11.1", WARD), ("11.2", lambda f, n: f ** (n - 1) < 1 / 30), ("11.2", lambda f, n: bool(f ** (n - 1) < 1 / 30)),
    ("11.3", 72), ("11.3", 3 * 3 * 8), ("11.3", "72"), ("11.4", "b"), ("11.4", "(B)"), ("11.5", "c"), ("11.6", DESIGN),
]  # fmt: skip
WRONG = [
    ("11.1", WARD | {"A": "vanishing"}, "product below 1"), ("11.1", WARD | {"A": "dead units"}, "symmetric about 0"),
    ("11.1", WARD | {"A": "nothing"}, "over eight layers"), ("11.1", WARD | {"B": "vanishing"}, "nine steps"),
    ("11.1", WARD | {"B": "exploding"}, "adds nothing"), ("11.1", WARD | {"B": "dead units"}, "both sides"),
    ("11.1", WARD | {"C": "exploding"}, "which way"), ("11.1", WARD | {"C": "dead units"}, "near its middle"),
    ("11.1", WARD | {"C": "nothing"}, "eleventh power"), ("11.1", WARD | {"D": "vanishing"}, "where units are on"),
    ("11.1", WARD | {"D": "exploding"}, "What does the bias do"), ("11.1", WARD | {"D": "nothing"}, "get over 4"),
    ("11.1", "C", "A design is asked for"),
    ("11.2", lambda f, n: f**n < 1 / 30, "one step less"), ("11.2", lambda f, n: f < 1 / 30, "one step. The steps"),
    ("11.2", lambda f, n: f < 1, "harms nobody"), ("11.2", lambda f, n: f ** (n - 1) > 1 / 30, "other way round"),
    ("11.2", lambda f, n: f ** (n - 1), "True or False"),
    ("11.2", lambda f, n: f ** (n - 1) < 0.1, "there is 0.068 left; this says True"),
    ("11.3", 9, "one channel's window"), ("11.3", 8, "Those are the channels"), ("11.3", 64, "where is the window"),
    ("11.3", 576, "all weights"), ("11.3", 1568, "whole picture"), ("11.3", 71, "comes near"), ("11.3", 100, "too large"),
    ("11.4", "a", "numbers are right"), ("11.4", "c", "stand in the open"), ("11.4", "d", "as it should be"),
    ("11.5", "a", "carries it without"), ("11.5", "b", "what the paths do"), ("11.5", "d", "smaller still"),
    ("11.6", DESIGN | {"arms": "DyT at twice He's gain"}, "what the gain did"),
    ("11.6", DESIGN | {"arms": "DyT and layer norm at He's gain"}, "from the halving"),
    ("11.6", DESIGN | {"rates": "He's best for both"}, "another rate"),
    ("11.6", DESIGN | {"rates": "each its own on test images"}, "cannot report"),
    ("11.6", DESIGN | {"seeds": "one"}, "lucky"), ("11.6", DESIGN | {"seeds": "the best of five"}, "measure of luck"),
    ("11.6", DESIGN | {"depth": "2"}, "nothing to be mended"),
]  # fmt: skip


def test_fan_in_of_11_3_is_torchs() -> None:
    weight = nn.Conv2d(8, 8, 3, padding=1).weight
    assert nn.init._calculate_fan_in_and_fan_out(weight)[0] == 72 == weight[0].numel()


def test_a_network_without_any_gradient_is_drawn() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    nn.init.constant_(model[2].bias, -100.0)
    table = doctor.examine(model, torch.randn(32, 4), torch.randint(3, (32,))).table
    assert (table["dz"][:2] == 0).all()
    assert plots.picture(nb11.patients({"dead": [table]}, "A finding", "how")).png
    assert plots.picture(nb11.explored(table, "relu", "A finding")).png

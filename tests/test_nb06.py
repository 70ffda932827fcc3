"""Notebook 06's exercises and figures."""

import math
import time

import pytest
import torch
from answers import test_right_answers, test_wrong_answers_are_told_what_is_off  # noqa: F401

from course_utils import activations, plots
from course_utils.exercises import check, exercises
from course_utils.figures import nb06


def reply(capsys: pytest.CaptureFixture[str], number: str, answer: object) -> str:
    check(number, answer, hint=1 if answer is ... else 3)
    return capsys.readouterr().out


def centre(z: torch.Tensor) -> torch.Tensor:
    return z - z.mean(0)


RIGHT = [
    ("6.1", "a"), ("6.1", " (A) "),
    ("6.2", lambda z: centre(z) / z.std(0, correction=0)),
    ("6.2", lambda z: (z - z.mean(0)) / (z.var(0) * 5 / 6 + 1e-5) ** 0.5),
    ("6.3", math.pi / (math.pi - 1)), ("6.3", 1.467), ("6.3", 1.472), ("6.3", 1.462), ("6.3", torch.tensor(1.4669)),
    ("6.4", 37), ("6.4", "37"),
    ("6.5", 1.0987), ("6.5", 1.614), ("6.5", 1.2), ("6.5", 1.1), ("6.5", 1.5),
    ("6.6", 0.84), ("6.6", 0.868), ("6.6", 0.852),
]  # fmt: skip
WRONG = [
    ("6.1", "c", "forgets"), ("6.1", "b", "He"), ("6.1", "d", "usual guess"), ("6.1", "e", "one letter: a, b, c, d."),
    ("6.2", lambda z: (z - z.mean(1, keepdim=True)) / z.std(1, keepdim=True, correction=0), "layer norm"),
    ("6.2", lambda z: (z - z.mean()) / z.std(correction=0), "whole table"),
    ("6.2", lambda z: (z - z.mean(1, keepdim=True)) / z.std(1, keepdim=True), "layer norm"),
    ("6.2", lambda z: (z - z.mean()) / z.std(), "One mean"), ("6.2", lambda z: centre(z) / z.std(), "One deviation"),
    ("6.2", lambda z: centre(z) / z.std(correction=0), "One deviation"), ("6.2", lambda z: centre(z) / z.var(0), "square root"),
    ("6.2", lambda z: z / z.std(0), "still there"), ("6.2", lambda z: z / z.std(0, correction=0), "still there"),
    ("6.2", centre, "divide by the deviation"), ("6.2", lambda z: centre(z) / z.var(0, correction=0), "square root"),
    ("6.2", lambda z: centre(z) / z.std(0), "B − 1"), ("6.2", lambda z: z, "mean 0"),
    ("6.2", lambda z: 7 * centre(z), "mean squares"), ("6.2", lambda z: z.mean(0), "[6, 4]; it is [4]"), ("6.2", 3, "function"),
    ("6.2", lambda z: 1.5 * centre(z) / z.std(0), "mean squares"), ("6.2", lambda z: centre(z) / z.std(0) + 0.5, "mean 0"),
    ("6.3", 1.2112, "norm"), ("6.3", 1, "variance"), ("6.3", 1 - 1 / math.pi, "Upside down"), ("6.3", 0.5, "Var"),
    ("6.3", 9, "share of units"), ("6.3", 1.3, "share of units"), ("6.3", 0.9, "share of units"),
    ("6.3", 1.1, "share of units"), ("6.3", 1.48, "share of units"), ("6.3", 1.45, "share of units"),
    ("6.3", 2, "share of units"), ("6.3", 0.6, "share of units"), ("6.3", 0.4, "share of units"),
    ("6.4", 18, "square"), ("6.4", 17, "logarithms"), ("6.4", 20, "logarithms"), ("6.4", 18.5, "logarithms"),
    ("6.4", 35, "logarithms"), ("6.4", 37.5, "logarithms"), ("6.4", 39, "logarithms"), ("6.4", 36.99, "too few"),
    ("6.4", 19, "square"), ("6.4", 36, "too few"), ("6.4", 38, "one fewer"), ("6.4", 36.05, "too few"),
    ("6.4", 100, "logarithms"), ("6.4", 418, "the sigmoid's number"), ("6.5", 1.71, "less than the 1.02"),
    ("6.2", lambda z: (centre(z) / z.std(0, correction=0))[None], "[6, 4]; it is [1, 6, 4]"),
    ("6.5", 0, "At this shift the growth is 1.211;"), ("6.5", 6, "linear"), ("6.5", 6.5, "linear"),
    ("6.5", 5.9, "hardly a unit"), ("6.5", -6, "more units off"), ("6.5", 1.098, "1.05 or less"),
    ("6.5", 1.615, "hardly a unit"), ("6.5", 2.5, "hardly a unit"), ("6.5", -0.1, "more units off"),
    ("6.5", -1, "more units off"), ("6.5", 0.5, "1.118"), ("6.5", 3, "hardly a unit"), ("6.5", 50, "linear"),
    ("6.6", 0.5, "½"), ("6.6", 0.8, "½"), ("6.6", 0.9, "½"), ("6.6", 0.2, "½"), ("6.6", 1, "two parts"), ("6.6", 100, "½"),
    ("6.6", -0.1, "½"), ("6.6", 84, "write 0.84 for 84 %"), ("6.6", 0.35, "½"), ("6.6", 1.6, "½"), ("6.6", 0.25, "Divide"),
    ("6.6", 0.148, "differs"), ("6.6", 0.2934, "What part"), ("6.6", 0.4, "½"), ("6.6", 85.2, "write 0.852 for 85.2 %"),
    ("6.6", 14.8, "½"),
]  # fmt: skip


TRIED = 3 * torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
TRIED = TRIED + torch.tensor([1.0, -2.0, 0.5, 4.0], dtype=torch.float64)


@pytest.mark.parametrize(("row", "column"), [(row, column) for row in range(6) for column in range(4)])
def test_wrong_at_a_single_entry_is_wrong(row: int, column: int, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = TRIED == TRIED[row, column]
    assert int(wrong.sum()) == 1
    assert "not yet." in reply(
        capsys, "6.2", lambda z: centre(z) / z.std(0, correction=0) + 0.1 * (z == TRIED[row, column])
    )


def test_a_right_guess_is_not_told_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert reply(capsys, "6.1", "a") == "6.1: right. See how it comes about.\n"


def test_unanswered(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = list(exercises("06"))
    assert numbers == [f"6.{i}" for i in range(1, len(numbers) + 1)]
    for number in numbers:
        assert reply(capsys, number, ...) == f"{number}: not answered yet\n"


def seeds(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.05


def curve(name: str, *shape: int, solid: bool = True) -> nb06.Curve:
    return nb06.Curve(activations.get(name).label, name, solid, seeds(*shape))


WORDS = ("What came out", "how it was measured")
FIGURES = {
    "training": lambda: nb06.training([curve("relu", 9, 5), curve("sigmoid", 9, 5, solid=False)], 10, *WORDS),
    "against_depth": lambda: nb06.against_depth(
        [2, 8], [curve("relu", 2, 5), curve("tanh", 2, 5, solid=False)], *WORDS
    ),
    "against_steps": lambda: nb06.against_steps(
        [90, 360], {"SGD": [curve("relu", 2, 5)], "Adam": []}, {"SGD": seeds(2), "Adam": seeds(2)}, *WORDS
    ),
    "growth": lambda: nb06.growth([curve("relu", 12, 5)], {"relu": seeds(12)}, *WORDS),
    "against_growth": lambda: nb06.against_growth([nb06.Point("a", "relu", True, 1.1, seeds(5))], *WORDS),
    "apart": lambda: nb06.apart([curve("relu", 12, 5), curve("tanh", 12, 5)], 0.01, *WORDS),
    "remedies": lambda: nb06.remedies({str(i): ("sigmoid", seeds(5)) for i in range(4)}, *WORDS),
    "dead": lambda: nb06.dead(["a", "b"], seeds(2, 5), torch.full((2, 5), torch.nan), *WORDS),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_draw(name: str) -> None:
    assert len(plots.picture(FIGURES[name]()).png) > 5000


@pytest.mark.parametrize("depth", [5, 30])
@pytest.mark.parametrize("factor", [1e-40, 0.23, 1.25, 0.0])
def test_explorer_draws_every_setting(depth: int, factor: float) -> None:
    sizes = factor ** torch.arange(depth - 1, -1, -1, dtype=torch.float64)
    for line in (sizes, None):
        figure = nb06.explored(sizes.unsqueeze(1).repeat(1, 3), line, "relu", *WORDS)
        assert len(plots.picture(figure, quick=True).png) > 5000


def test_explorer_figure_is_quick() -> None:
    sizes = 1.2 ** torch.arange(29, -1, -1, dtype=torch.float64)
    marks, spent = sizes.unsqueeze(1).repeat(1, 3), []
    for _ in range(6):
        start = time.process_time()
        plots.picture(nb06.explored(marks, sizes, "relu", *WORDS), quick=True)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.15  # 0.05 on an idle machine

"""Notebook 03's exercises and figures."""

import math
import time

import pytest
import torch
from answers import test_right_answers, test_unanswered, test_wrong_answers_are_told_what_is_off  # noqa: F401

from course_utils import activations, measure, networks, plots, theory
from course_utils.exercises import check
from course_utils.exercises.nb03 import RELU6
from course_utils.figures import nb03


def reply(capsys: pytest.CaptureFixture[str], number: str, answer: object) -> str:
    check(number, answer, hint=1 if answer is ... else 3)
    return capsys.readouterr().out


RIGHT = [
    ("3.1", "d"), ("3.1", "D "),
    ("3.2", 2), ("3.2", torch.tensor(2.0)), ("3.2", "2"),
    ("3.3", "(a)"),
    ("3.4", 4), ("3.4", "4"),
    ("3.5", 0.7071), ("3.5", math.sqrt(0.5)),
    ("3.6", math.sqrt(2)), ("3.6", 1.45),
]  # fmt: skip
WRONG = [
    ("3.1", "a", "weights"), ("3.1", "b", "half"), ("3.1", "c", "√⅓"), ("3.1", "z", "one letter: a, b, c, d."),
    ("3.2", 1, "linear"), ("3.2", 1.9989, "a simulation"), ("3.2", "1,99", "1.99"), ("3.4", 16, "fan_in"),
    ("3.4", 8, "square of the mean"), ("3.2", 0.5, "half"), ("3.2", 1.4142, "square"), ("3.2", 7, "share"), ("3.2", 1.5, "share"),
    ("3.2", 2.3, "share"), ("3.2", 2.5, "share"), ("3.2", 0.8, "share"),
    ("3.3", "e", "one letter: a, b, c, d."), ("3.3", "b", "bound"), ("3.3", "c", "nothing of this size"), ("3.3", "d", "same"),
    ("3.4", 0.7, "each of variance"), ("3.4", 1.5, "each of variance"), ("3.4", 2.5, "each of variance"),
    ("3.4", 4.5, "each of variance"), ("3.4", 5, "each of variance"), ("3.4", 0.25, "gain"), ("3.4", 1, "square"),
    ("3.4", 2, "standard deviation"), ("3.4", 9, "each of variance"), ("3.4", 5.86, "whole variance"),
    ("3.5", 1.5, "too large"), ("3.5", 1.2, "gain × slope"), ("3.5", 0.125, "square"), ("3.5", 0.73, "gain × slope"),
    ("3.5", 0.6, "gain × slope"), ("3.5", 0.9, "gain × slope"), ("3.5", 1.0, "√2 keeps ReLU"), ("3.5", 0.5, "weights"),
    ("3.5", 0.25, "square"), ("3.5", 3, "gain × slope"),
    ("3.6", 0, "above 0"), ("3.6", 0.5, "gradients vanish: the factor per layer is 0.354."), ("3.6", 1.5, "explode: the"),
    ("3.6", 2, "explode"), ("3.6", 1.37, "vanish"), ("3.6", 1.0, "vanish"), ("3.6", 4, "explode"), ("3.6", -1, "above 0"),
    ("3.6", "x", "number"),
]  # fmt: skip


def test_relu6_is_what_it_says() -> None:
    z = torch.tensor([-1.0, 2.0, 7.0], dtype=torch.float64)
    assert RELU6(z).tolist() == [0, 2, 6] and RELU6.derivative(z).tolist() == [0, 1, 0]
    assert RELU6.derivative(torch.tensor([math.nan])).isnan().all()
    ends = torch.tensor([0.0, 6.0], dtype=torch.float64)
    assert RELU6.name == "relu6" and RELU6.kinks == (0, 6)
    assert RELU6(ends).tolist() == [0, 6] and RELU6.slope(ends).tolist() == [0, 0]


@pytest.mark.parametrize("name", activations.names())
@pytest.mark.parametrize(
    ("norm", "gain", "depth"), [("none", 0.1, 4), ("none", 16.0, 30), ("batch", 1.0, 30)]
)
def test_explorer_draws_every_setting(name: str, norm: str, gain: float, depth: int) -> None:
    x = torch.randn(8, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    designs = networks.grid(activation=name, gain=gain, norm=norm, seed=range(2))
    found = measure.profile(designs, x, torch.arange(8), depth, 16)
    foretold = theory.profile(name, gain, depth, norm)
    figure = nb03.explored(found.relative(), foretold.dz, name, "title")
    assert len(plots.picture(figure, quick=True).png) > 5000


def test_explorer_figure_is_quick() -> None:
    sizes = 0.5 ** torch.arange(30, 0, -1, dtype=torch.float64)
    marks = sizes.unsqueeze(1).repeat(1, 3)
    spent = []
    for _ in range(6):
        start = time.process_time()
        plots.picture(nb03.explored(marks, sizes, "relu", "title"), quick=True)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.15  # 0.05 on an idle machine


def test_explored_survives_vanished_gradients() -> None:
    figure = nb03.explored(torch.zeros(6, 2), torch.full((6,), 0.5), "tanh", "title")
    assert plots.picture(figure, quick=True).png

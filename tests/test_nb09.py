"""Notebook 09's exercises and figures."""

import math

import pytest
import torch
from answers import test_right_answers, test_unanswered, test_wrong_answers_are_told_what_is_off  # noqa: F401

from course_utils import plots
from course_utils.exercises import check
from course_utils.figures import nb09


def reply(capsys: pytest.CaptureFixture[str], number: str, answer: object) -> str:
    check(number, answer, hint=1 if answer is ... else 3)
    return capsys.readouterr().out


DESIGN = {
    "renewed": "dead, and as many living",
    "counted": "loss of each task",
    "tasks": "each seed its own, shared by its arms",
    "rate": "the same for the three",
}
RIGHT = [
    ("9.1", "c"), ("9.1", "(C)"), ("9.2", "c"), ("9.5", "c"), ("9.7", "b"), ("9.6", DESIGN),
    ("9.3", lambda g, c: math.sqrt(g**2 + c**2)), ("9.3", lambda g, c: (g * g + c * c) ** 0.5), ("9.3", torch.hypot),
    ("9.4", lambda c, m: 2 * (1 + m) / c), ("9.4", lambda c, m: (2 + 2 * m) / c),
]  # fmt: skip
WRONG = [
    ("9.1", "a", "as they were drawn"), ("9.1", "b", "if it is to fall"), ("9.1", "d", "See where those end"), ("9.1", 1, "one letter"),
    ("9.2", "a", "number is right"), ("9.2", "b", "mostly downward"), ("9.2", "d", "no accident"),
    ("9.3", lambda g, c: g**2 + c**2, "the square"), ("9.3", lambda g, c: g + c, "right angles"), ("9.3", lambda g, c: c, "leaves out"),
    ("9.3", lambda g, c: g, "without the change"), ("9.3", lambda g, c: g * c, "added, not multiplied"), ("9.3", 1.12, "function"),
    ("9.3", lambda g, c: (g**2 + c**2) ** 0.5 / 2, "it should give more"),
    ("9.5", "a", "Have ReLU's"), ("9.5", "b", "no bound"), ("9.5", "d", "multiply in ReLU's output"),
    ("9.4", lambda c, m: 2 / c, "without momentum"), ("9.4", lambda c, m: 2 / (c * (1 - m)), "turns round at every step"),
    ("9.4", lambda c, m: 2 * (1 - m) / c, "Mind the sign"), ("9.4", lambda c, m: (1 + m) / c, "Half of it"),
    ("9.4", lambda c, m: c / (2 * (1 + m)), "other way up"), ("9.4", lambda c, m: 2 * (1 + m), "The rate is asked for"),
    ("9.4", lambda m, c: 2 * (1 + m) / c, "order of its arguments"), ("9.4", 0.158, "function"),
    ("9.6", DESIGN | {"renewed": "dead"}, "because they are new"), ("9.6", DESIGN | {"renewed": "all"}, "forgets everything"),
    ("9.6", DESIGN | {"counted": "dead units"}, "not what it costs"),
    ("9.6", DESIGN | {"counted": "loss of the last task"}, "first task beside it"),
    ("9.6", DESIGN | {"tasks": "each network its own"}, "luck of the tasks"),
    ("9.6", DESIGN | {"tasks": "one row for all"}, "spread is too small"),
    ("9.6", DESIGN | {"rate": "each on its first task"}, "the rate decides"),
    ("9.6", DESIGN | {"rate": "as high as it goes"}, "other reasons"),
    ("9.7", "a", "as weak"), ("9.7", "c", "count is right"), ("9.7", "d", "equally hard"),
]  # fmt: skip


def test_the_rank_one_change_of_9_3_is_what_a_wide_layer_does() -> None:
    generator = torch.Generator().manual_seed(0)
    n, g, c = 2000, 1.0, 0.5
    u, v = (torch.nn.functional.normalize(torch.randn(n, generator=generator).double(), dim=0) for _ in "uv")
    weights = g * torch.randn(n, n, generator=generator).double() / n**0.5
    changed = weights + c * torch.outer(u, v)  # δ = v comes back as δ Wᵀ
    assert (v @ changed.t()).norm().item() == pytest.approx(math.hypot(g, c), rel=0.03)
    assert (changed.norm() / weights.norm()).item() < 1.001


def test_a_failed_network_does_not_break_the_row() -> None:
    values = torch.ones(9, 4, dtype=torch.float64)
    values[4:, 0] = math.inf
    line = nb09.Line("relu", "", values)
    figure = nb09.row({"one": {"ReLU": line}, "two": {"ReLU": line}}, ["loss", "loss"], "A finding", "how")
    assert plots.picture(figure).png


def test_means_leave_the_first_task_out() -> None:
    values = torch.tensor([[9.0], [1.0], [2.0], [3.0], [4.0], [5.0], [6.0]], dtype=torch.float64)
    assert nb09._running(values).flatten().tolist() == [9.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0]

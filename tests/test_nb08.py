"""Notebook 08's exercises and figures."""

import itertools
import math
import time

import numpy as np
import pandas as pd
import pytest
import torch
from answers import test_right_answers, test_unanswered, test_wrong_answers_are_told_what_is_off  # noqa: F401

from course_utils import activations, plots
from course_utils.exercises import check
from course_utils.figures import nb08


def reply(capsys: pytest.CaptureFixture[str], number: str, answer: object) -> str:
    check(number, answer, hint=1 if answer is ... else 3)
    return capsys.readouterr().out


RIGHT = [
    ("8.1", "c"), ("8.1", "(C)"),
    ("8.2", lambda n, a: a / (6 * n + a)), ("8.2", lambda n, a: 1 / (1 + 6 * n / a)),
    ("8.3", lambda h: 1 - torch.exp(-h)), ("8.3", lambda h: -np.expm1(-h)), ("8.3", lambda h: 1 - math.exp(-h)),
    ("8.4", "b"), ("8.4", "B."),
    ("8.5", lambda r, c: 1 - (1 - c) / r), ("8.5", lambda r, c: (r + c - 1) / r),
]  # fmt: skip
WRONG = [
    ("8.1", "a", "by itself"), ("8.1", "b", "1024 weights"), ("8.1", 3, "one letter: a, b, c."),
    ("8.2", lambda n, a: a / (2 * n + a), "forward pass alone"), ("8.2", lambda n, a: a / (4 * n + a), "Two products"),
    ("8.2", lambda n, a: a / (3 * n + a), "two operations"), ("8.2", lambda n, a: 2 * a / (6 * n + 2 * a), "counted twice"),
    ("8.2", lambda n, a: a / (6 * n), "below the line"), ("8.2", lambda n, a: 6 * n / (6 * n + a), "rest"),
    ("8.2", lambda n, a: a / (6 * n * n + a), "*unit*"), ("8.2", lambda n, a: a / n, "Count per example"),
    ("8.2", lambda n, a: 0.1, "it should give 4 numbers; it gives 1."), ("8.2", 0.1, "function"),
    ("8.2", lambda n, a: a / (n - n), "not finite"),
    ("8.2", lambda n, a: a / (6 * n + a) / (n != 64), "not finite"),
    ("8.2", lambda n, a: a / n, "At n = 100, a = 600 it gives 6; it should give less"),
    ("8.2", lambda n, a: n[:3], "it should give 4 numbers; it gives 3."),
    ("8.2", lambda n, a: a / (6 * n + a) * 1.002, "Count per example"),
    ("8.3", lambda h: h**2, "At h = 10 it gives 100; it should give less"), ("8.3", lambda h: h**2 + h, "At h = 10 it gives 110;"),
    ("8.3", lambda h: h[:2], "it should give 6 numbers; it gives 2."), ("8.3", lambda h: h * (1 - h), "sigmoid's slope"),
    ("8.3", torch.sigmoid, "not z"), ("8.3", lambda h: torch.exp(-h), "left of 1"), ("8.3", lambda h: h, "small h"),
    ("8.3", lambda h: h**2, "Solve"), ("8.3", lambda h: None, "return"),
    ("8.5", lambda c, r: 1 - (1 - c) / r, "order of its arguments"), ("8.2", lambda n, a: 100 * a / (6 * n + a), "per cent"),
    ("8.4", "a", "h is what lies"), ("8.4", "c", "output alone"), ("8.4", "d", "second layer"),
    ("8.4", "e", "one letter: a, b, c, d."),
    ("8.5", lambda r, c: c / r, "At r = 2, c = 0 it gives 0; it should give more"),
    ("8.5", lambda r, c: 1 - 1 / r, "conversion is missing"),
    ("8.5", lambda r, c: (1 - c) / r, "nonzero"), ("8.5", lambda r, c: 1 - (1 + c) / r, "more zeros"),
    ("8.5", lambda r, c: 1 - 1 / (r + c), "at each nonzero"), ("8.5", lambda r, c: c / r, "Set r"),
]  # fmt: skip


TRIED = {
    "8.2": (lambda n, a: a / (6 * n + a), [(64.0, 50.0), (256.0, 50.0), (1024.0, 200.0), (100.0, 600.0)]),
    "8.3": (lambda h: -torch.expm1(-h), [(0.01,), (0.1,), (0.5,), (1.0,), (3.0,), (10.0,)]),
    "8.5": (lambda r, c: 1 - (1 - c) / r, [(2.0, 0.0), (4.0, 0.1), (6.0, 0.4), (5.0, 0.25)]),
}


@pytest.mark.parametrize(
    ("number", "point"), [(number, point) for number, (_, points) in TRIED.items() for point in points]
)
def test_wrong_at_a_single_point_is_wrong(
    number: str, point: tuple[float, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(*given: torch.Tensor) -> torch.Tensor:
        there = torch.stack([x == p for x, p in zip(given, point, strict=True)]).all(0)
        return TRIED[number][0](*given) + 0.1 * there

    assert "not yet." in reply(capsys, number, answer)


def test_a_right_guess_is_not_told_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert reply(capsys, "8.1", "c") == "8.1: right. See how it comes about.\n"


def element_times() -> pd.DataFrame:
    rows = itertools.product([1000, 100_000, 10_000_000], activations.names(), ["forward", "backward"])
    table = pd.DataFrame(rows, columns=["elements", "activation", "pass"])
    return table.assign(nanoseconds=[0.1 + 0.01 * i for i in range(len(table))])


def step_times(alone: float = 1e-5) -> pd.DataFrame:
    rows = itertools.product([64, 128, 1024], activations.names())
    table = pd.DataFrame(rows, columns=["width", "activation"])
    return table.assign(rest=1e-3, alone=alone, share=alone / (alone + 1e-3), step=math.nan)


def test_hook_draws() -> None:
    figure = nb08.hook({"forward": 4.5, "a step": 0.9}, "finding", "a machine")
    assert [patch.get_width() for patch in figure.axes[0].patches] == [4.5, 0.9]
    assert any("a machine" in text.get_text() for text in figure.texts)
    assert len(plots.picture(figure, quick=True).png) > 3000


@pytest.mark.parametrize("caches", [{}, {"L1": 32 * 1024, "L2": 2**20, "L3": 2**40}])
def test_per_element_marks_the_caches_in_reach(caches: dict[str, int]) -> None:
    figure = nb08.per_element(element_times(), caches, "finding", "how")
    forward = {text.get_text(): text.get_position()[0] for text in figure.axes[0].texts}
    assert forward == ({"L1": 32 * 1024 / 8, "L2": 2**20 / 8} if caches else {})
    labels = [line.get_label() for line in figure.axes[1].lines]
    assert set(labels) >= {entry.label for entry in activations.registered()}
    assert len(plots.picture(figure, quick=True).png) > 3000


def test_shares_draws() -> None:
    figure = nb08.shares(
        step_times(), {"relu": [0.1, 0.05, 0.01], "sigmoid": [0.2, 0.1, 0.02]}, "finding", "how"
    )
    assert figure.axes[0].get_ylim()[0] < 0.99 < figure.axes[0].get_ylim()[1]
    assert len(plots.picture(figure, quick=True).png) > 3000


def test_kept_draws() -> None:
    figure = nb08.kept({"relu": (4, 4), "gelu": (4, 8)}, "finding", "how")
    assert [patch.get_width() for patch in figure.axes[0].patches] == [4, 4, 4]
    assert len(plots.picture(figure, quick=True).png) > 3000


def test_sparse_draws() -> None:
    columns = ["zeros", "dense", "csr", "conversion"]
    table = pd.DataFrame([[0.5, 1, 3, 1], [0.9, 1, 0.5, 0.2]], columns=columns)
    figure = nb08.sparse(table, [0.3, 2.0], 0.5, [0.66, 0.71], "finding", "how")
    lines = {line.get_label(): list(line.get_ydata()) for line in figure.axes[0].lines}
    assert lines["CSR, product alone"] == pytest.approx([1 / 3, 2])
    assert lines["CSR, with conversion"] == pytest.approx([1 / 4, 1 / 0.7])
    worn = {str(entry.colour) for entry in activations.registered()}
    assert not worn & {str(line.get_color()) for line in figure.axes[0].lines}
    assert len(plots.picture(figure, quick=True).png) > 3000


@pytest.mark.parametrize("name", activations.names())
def test_explorer_draws_every_setting(name: str) -> None:
    rows = step_times(alone=5e-4)
    figure = nb08.explored(element_times(), rows[rows["width"] == 128], name, 32_000, "title")
    assert len(figure.axes[1].patches) == (2 if name == "relu" else 4)
    assert len(plots.picture(figure, quick=True).png) > 3000


def test_explorer_figure_is_quick() -> None:
    times, rows, spent = element_times(), step_times(), []
    for _ in range(6):
        start = time.process_time()
        plots.picture(nb08.explored(times, rows[rows["width"] == 64], "gelu", 16_000, "title"), quick=True)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.2  # 0.07 on an idle machine

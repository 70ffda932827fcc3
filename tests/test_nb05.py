"""Notebook 05's exercises and figures."""

import math
import time

import pandas as pd
import pytest
import torch
from answers import test_right_answers, test_unanswered, test_wrong_answers_are_told_what_is_off  # noqa: F401

from course_utils import plots
from course_utils.exercises import check
from course_utils.figures import nb05


def reply(capsys: pytest.CaptureFixture[str], number: str, answer: object) -> str:
    check(number, answer, hint=1 if answer is ... else 3)
    return capsys.readouterr().out


def seem_dead(h: torch.Tensor) -> torch.Tensor:
    return ((h[: len(h) // 2] == 0).all(0) & (h != 0).any(0)).sum()


RIGHT = [
    ("5.1", "d"), ("5.1", "(D)"),
    ("5.2", seem_dead), ("5.2", lambda h: int(seem_dead(h))),
    ("5.2", lambda h: (h[: len(h) // 2] == 0).all(0).sum() - (h == 0).all(0).sum()),
    ("5.3", 14), ("5.3", "14"), ("5.3", torch.tensor(14.0)),
    ("5.4", 0.5), ("5.4", "1/2"), ("5.4", 0.49), ("5.4", 0.451), ("5.4", 0.549),
    ("5.5", "b"), ("5.5", " B."),
    ("5.6", 9), ("5.6", 9.0), ("5.6", 8.99), ("5.6", 9.009), ("5.6", sum(0.9**k for k in range(1, 900))),
]  # fmt: skip
WRONG = [
    ("5.1", "a", "same ten layers"), ("5.1", "b", "Without biases"), ("5.1", "c", "shrinks"),
    ("5.1", "x", "one letter: a, b, c, d."),
    ("5.2", lambda h: (h == 0).all(0).sum(), "counts the dead"), ("5.2", lambda h: (h[:20] == 0).all(0).sum(), "dead indeed"),
    ("5.2", lambda h: (h[20:] == 0).all(0).sum(), "second half"), ("5.2", lambda h: seem_dead(h.flip(0)), "second half"),
    ("5.2", lambda h: seem_dead(h).double() / h.shape[1], "share"), ("5.2", lambda h: (h == 0).all(0), "One number"),
    ("5.2", lambda h: seem_dead(h * (h > 1e-3)), "threshold"), ("5.2", 3, "function"), ("5.2", lambda h: 12, "finds 12"),
    ("5.2", lambda h: 5, "follow h"), ("5.2", lambda h: None, "None"), ("5.2", lambda h: 1, "finds 1."),
    ("5.2", lambda h: 0, "finds 0."), ("5.2", lambda h: -1, "finds -1."),
    ("5.3", 13, "wider"), ("5.3", 15, "narrowest"), ("5.3", 13.29, "whole number"), ("5.3", 10**9, "narrowest"),
    ("5.3", -2, "whole number"), ("5.3", 1, "At this width 100 % of"), ("5.3", 4, "At this width 99.8 % of"),
    ("5.3", 5, "At this width 95.8 % of"), ("5.3", 14.5, "whole number"), ("5.3", 0, "at least 1"), ("5.3", 64, "narrowest"),
    ("5.3", 65, "narrowest"), ("5.3", 15, "Wide enough (0.305 %)"), ("5.3", 2, "wider"),
    ("5.4", 50, "between 0 and 1"), ("5.4", 1, "negative or positive"), ("5.4", 0.05, "decides the sign"),
    ("5.4", 0.6, "How often"), ("5.4", 0.29, "How often"), ("5.4", 50, "0.5 for 50 %"), ("5.4", 0.75, "How often"),
    ("5.4", 0.25, "How often"), ("5.4", 0.76, "negative or positive"), ("5.4", 0.24, "decides the sign"),
    ("5.4", 0.44, "How often"), ("5.4", 0.56, "How often"), ("5.4", 1.01, "between 0 and 1"), ("5.4", 0, "decides the sign"),
    ("5.5", "e", "one letter: a, b, c, d."), ("5.5", "a", "nothing else can move"), ("5.5", "c", "what else"),
    ("5.5", "d", "exactly 0"),
    ("5.6", 0.5, "geometric"), ("5.6", -0.5, "geometric"), ("5.6", 9.5, "geometric"), ("5.6", 8, "geometric"),
    ("5.6", 7.9, "geometric"), ("5.6", 8.01, "no end"), ("5.6", 8.989, "no end"), ("5.6", 9.02, "geometric"),
    ("5.6", 10.5, "geometric"), ("5.6", 1.5, "geometric"), ("5.6", 10, "last live step"), ("5.6", 0.9, "first step"),
    ("5.6", 0, "velocity"), ("5.6", 8.9485, "no end"), ("5.6", 4, "geometric"),
]  # fmt: skip


def test_the_trial_layer_has_every_kind_of_unit(capsys: pytest.CaptureFixture[str]) -> None:
    tried: list[torch.Tensor] = []

    def answer(h: torch.Tensor) -> torch.Tensor:
        tried.append(h.clone())
        return seem_dead(h)

    assert "right." in reply(capsys, "5.2", answer)
    h, on = tried[0], tried[0] != 0
    early, late = on[:20].any(0), on[20:].any(0)
    assert h.shape == (40, 30) and bool((h >= 0).all())
    assert (~early & ~late).nonzero().flatten().tolist() == [3, 7, 21]  # dead
    assert (~early & late).nonzero().flatten().tolist() == [5, 9, 12, 14, 16]  # these only seem so
    assert (early & ~late).nonzero().flatten().tolist() == [1, 2, 4, 6, 8, 10]  # nor these
    assert on[:, 5].nonzero().flatten().tolist() == [37] and h[37, 5] == 1e-9  # rare and faint
    assert on[:, 9].nonzero().flatten().tolist() == [24] and h[24, 9] > 10 * h[:, 10:].max()  # rare and loud
    assert (~on).all(1).nonzero().flatten().tolist() == [11, 15]  # images that find nobody on
    assert bool((on[20:, [12, 14, 16]].sum(0) > 1).all())


def rows(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame(columns)


def draws(figure: object) -> bool:
    return len(plots.picture(figure, quick=True).png) > 5000


def test_figures_of_init_draw() -> None:
    share = torch.rand(5, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert draws(nb05.opening({"a": share, "b": share}, "A finding", "how"))
    assert draws(nb05.gates({"a": share > 0.5, "b": share > 2}, "A finding", "how"))
    assert draws(
        nb05.by_layer(
            dict.fromkeys(["PyTorch's default", "weights × √6", "biases × 0", "batch norm"], share),
            "A finding",
            "how",
        )
    )
    three = torch.rand(3, 5, dtype=torch.float64)
    knob = {"PyTorch's default": three, "biases × 0": three / 4}
    assert draws(nb05.by_images_and_depth([1, 10, 100], knob, [5, 10, 20], knob, "A finding", "how"))


def test_born_dead_draws_with_empty_cells() -> None:
    found = {1: [(0.5, 0.4, 0.6), (0.0, 0.0, 0.01)], 10: [(0.9, 0.8, 1.0), (0.2, 0.1, 0.3)]}
    law = {1: [0.5, 0.25, 0.125], 10: [0.99, 0.94, 0.7]}
    assert draws(nb05.born_dead([1, 3], law, found, [(0.9, 0.8, 1.0), (0.0, 0.0, 0.1)], "A finding", "how"))


@pytest.mark.parametrize("fate", ["alive", "diverged"])
def test_figures_of_training_draw(fate: str) -> None:
    gone = fate == "diverged"
    table = pd.concat(
        rows(
            arm=[arm] * 4, bias=[-1.0, -2.0] * 2, learning_rate=[0.1, 0.1, 0.4, 0.4], momentum=[momentum] * 4,
            off_side=[0.1, 0.2, 0.3, math.nan if gone else 0.5], dead=[0.1, 0.2, 0.3, math.nan if gone else 0.5],
            accuracy=[0.8, 0.7, 0.2, math.nan if gone else 0.1], fate=["alive"] * 3 + [fate],
        )
        for arm in nb05.ARMS
        for momentum in (0.0, 0.9)
    )  # fmt: skip
    assert (
        draws(nb05.by_bias({"a": table, "b": table}, "A finding", "how"))
        and draws(nb05.rates(table, 2.0, "A finding", "how"))
        and draws(nb05.cures(table, "A finding", "how"))
    )
    bars = torch.tensor([3, 0, 12])
    assert draws(
        nb05.turnover({"momentum 0": (bars, bars), "momentum 0.9": (bars, bars)}, "A finding", "how")
    )


def test_dead_units_are_red_and_diverged_ones_are_not() -> None:
    on = torch.tensor([[0.0, 0.5, 1.0]], dtype=torch.float64)
    for values, red in ((on, 1), (torch.full_like(on, math.nan), 0)):
        figure = nb05.opening({"a": values, "b": values}, "A finding", "how")
        picture = figure.axes[0].images[0].get_array()
        assert sum(pixel[0] > 1.5 * pixel[1] for pixel in picture[0]) == red


@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 1)])
def test_explorer_draws_every_cell_quickly(row: int, column: int) -> None:
    dead = torch.tensor([[0.1, 0.6], [0.3, math.nan]], dtype=torch.float64)
    on = torch.rand(4, 64, dtype=torch.float64)
    on = torch.full_like(on, math.nan) if dead[row, column].isnan() else on
    spent = []
    for _ in range(2):
        start = time.process_time()
        figure = nb05.explored([-1.0, 0.0], [0.1, 0.4], dead, 1 - dead, (row, column), on, "A finding", "how")
        assert plots.picture(figure, quick=True).png
        spent.append(time.process_time() - start)
    assert min(spent) < 0.25  # about 0.1 with the layout, half of that in the explorer, which keeps it

"""Notebook 04's exercises and figures."""

import math
import time
from statistics import NormalDist

import pytest
import torch
from answers import test_right_answers, test_unanswered, test_wrong_answers_are_told_what_is_off  # noqa: F401

from course_utils import plots
from course_utils.exercises import check
from course_utils.figures import nb04


def reply(capsys: pytest.CaptureFixture[str], number: str, answer: object) -> str:
    check(number, answer, hint=1 if answer is ... else 3)
    return capsys.readouterr().out


def shares(h):
    return (h == 0).double().mean(), (h == 0).all(0).double().mean()


def bias(share, scale):
    return -scale * torch.special.ndtri(share)


def looped(share, batch):
    product = 1.0
    for _ in range(batch):
        product *= share
    return product


RIGHT = [
    ("4.1", "d"), ("4.1", "(D)"),
    ("4.2", "c"),
    ("4.3", shares), ("4.3", lambda h: [float(s) for s in shares(h)]), ("4.3", lambda h: torch.stack(shares(h))),
    ("4.4", bias), ("4.4", lambda s, k: -k * NormalDist().inv_cdf(s)),
    ("4.5", "2/3"), ("4.5", 0.667),
    ("4.6", lambda s, b: s**b), ("4.6", looped),
]  # fmt: skip
WRONG = [
    ("4.1", "a", "does not pass itself on"), ("4.1", "c", "as often negative"), ("4.1", "b", "side of 0"),
    ("4.1", "e", "one letter: a, b, c, d."),
    ("4.2", "e", "one letter: a, b, c, d."), ("4.2", "a", "weights"), ("4.2", "b", "dead"), ("4.2", "d", "Small is not zero"),
    ("4.3", lambda h: shares(h)[::-1], "other order"), ("4.3", lambda h: (1 - shares(h)[0], 0.25), "*not* zero"),
    ("4.3", lambda h: (0.75, 0.2), "A unit is a column"), ("4.3", lambda h: (0.75, 0.75), "once more"),
    ("4.3", lambda h: (0.75, 1.0), "some example"), ("4.3", lambda h: (0.5, 0.25), "15 are zero"),
    ("4.3", lambda h: (0.75, 0.4), "4 units"), ("4.3", lambda h: shares(h)[0], "Two numbers"),
    ("4.3", lambda h: (shares(h)[0], (h.mean(0) < 1e-3).double().mean()), "however weakly"),
    ("4.3", lambda h: ((h < 1e-6).double().mean(), (h.mean(0) < 1e-3).double().mean()), "1e-9"),
    ("4.3", lambda h: (0.25, 0.25), "*not* zero"), ("4.3", lambda h: (0.9, 0.25), "says 0.9."),
    ("4.3", lambda h: (0.75, 0.3), "says 0.3."), ("4.3", lambda h: (0.75, 0.6), "says 0.6."),
    ("4.3", lambda h: (0.75, 0.9), "says 0.9."), ("4.3", lambda h: (0.3, 0.7), "15 are zero"),
    ("4.3", lambda h: (0.75, 0), "says 0."), ("4.3", lambda h: (0.75, 1.5), "per cent"),
    ("4.3", lambda h: "ab", "Two numbers"), ("4.3", lambda h: b"ab", "Two numbers"),
    ("4.3", lambda h: (0.75, 0.25, 0), "Two numbers"), ("4.3", lambda h: {0.75, 0.25}, "Two numbers"),
    ("4.3", lambda h: torch.tensor(0.75), "Two numbers"), ("4.3", lambda h: (0.25, 0.6), "*not* zero"),
    ("4.3", lambda h: (0.8, 0.25), "1e-9"), ("4.3", lambda h: None, "return"), ("4.3", lambda h: 1, "Two numbers"),
    ("4.3", 3, "A function is asked"), ("4.3", lambda h: (75, 25), "per cent"), ("4.3", lambda h: (0.75, 0.25), "not for another"),
    ("4.3", lambda h: h.nope, "AttributeError"),
    ("4.4", lambda s, k: -bias(s, k), "sign"), ("4.4", lambda s, k: -torch.special.ndtri(s), "scale of 1"),
    ("4.4", lambda s, k: -torch.special.ndtri(s) / k, "Divided"), ("4.4", lambda s, k: s, "which share of a Gaussian"),
    ("4.4", lambda s, k: s[:2], "it should give 5 numbers; it gives 2."),
    ("4.4", lambda s, k: bias(s, k) / (s != 0.3), "not finite"), ("4.4", lambda s, k: bias(s, k) * math.nan, "not finite"),
    ("4.4", lambda s, k: torch.special.ndtri(s), "scale of 1"), ("4.4", lambda s, k: bias(s, k) + 0.02, "below −2"),
    ("4.5", 1.01, "between 0 and 1"), ("4.5", 1, "too large"), ("4.5", 0.9, "Dense: 4 bytes"),
    ("4.5", 0.6, "Dense: 4 bytes"), ("4.5", 0.4, "Dense: 4 bytes"), ("4.5", 0, "too small"), ("4.5", -1, "between 0 and 1"),
    ("4.5", 0.68, "Dense: 4 bytes"), ("4.5", 66, "between 0 and 1"), ("4.5", "1/3", "*non*-zero"),
    ("4.5", 0.5, "column numbers of 4 bytes"), ("4.5", 0.75, "Close"), ("4.5", 0.1, "4 + 8"),
    ("4.6", lambda s, b: s[:3], "it should give 5 numbers; it gives 3."), ("4.6", lambda s, b: s / b, "multiplied"),
    ("4.6", lambda s, b: s**b + 1e-3, "1/256"), ("4.6", lambda s, b: 1 - s**b, "*needed*"),
    ("4.6", lambda s, b: s, "one image"), ("4.6", lambda s, b: (1 - s) ** b, "*on*"), ("4.6", lambda s, b: s * b, "multiplied"),
    ("4.6", lambda s, b: 0 * s, "1/256"), ("4.6", lambda b, s: s**b, "order of its arguments"),
    ("4.6", lambda s, b: 100 * s**b, "per cent"),
    ("4.4", lambda k, s: bias(s, k), "order of its arguments"),
]  # fmt: skip


SHARES = [0.5, 0.9, 0.9, 0.3, 0.98], [0.5, 0.9, 0.99, 0.5, 0.999]
OTHERS = [1.0, 1.0, 2.0, 0.5, 1.5], [1.0, 1.0, 256.0, 8.0, 256.0]


@pytest.mark.parametrize(
    ("number", "share", "other"),
    [("4.4", *pair) for pair in zip(SHARES[0], OTHERS[0], strict=True)]
    + [("4.6", *pair) for pair in zip(SHARES[1], OTHERS[1], strict=True)],
)
def test_wrong_at_a_single_point_is_wrong(
    number: str, share: float, other: float, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(s: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return (bias(s, k) if number == "4.4" else s**k) + 0.1 * ((s == share) & (k == other))

    assert "not yet." in reply(capsys, number, answer)


def test_figures_draw() -> None:
    some = torch.rand(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert plots.picture(nb04.patterns({"a": (some > 0.5).double(), "b": some}, "A finding", "how")).png
    assert plots.picture(
        nb04.at_init(some, torch.full((4,), 0.05, dtype=torch.float64), "A finding", "how")
    ).png
    biases = torch.linspace(-2, 2, 9)
    assert plots.picture(
        nb04.shifted(biases, torch.linspace(1, 0, 9), [-1, 1], some[:2], "A finding", "how")
    ).png
    assert plots.picture(nb04.during_training({"ReLU": some, "ReLU, L1": some}, "A finding", "how")).png
    assert plots.picture(nb04.firing({"a": some[:, 0], "b": some[:, 1] * 0}, "A finding", "how")).png


def test_explorer_draws_quickly() -> None:
    z = torch.linspace(-4, 4, 400, dtype=torch.float64)
    spent = []
    for _ in range(2):
        start = time.process_time()
        assert plots.picture(
            nb04.explored(z, torch.exp(-(z**2) / 2), z <= 0, "relu", "Half are zero", "how"), quick=True
        ).png
        spent.append(time.process_time() - start)
    assert min(spent) < 0.25

"""Answers as a class would give them, three hundred and more, tried on all exercises: in place, in loops, with numpy, swapped, in per cent.

None of them is one that an exercise was written with. RIGHT: exercise, answer. WRONG: exercise, answer, a part of the word
that fits it. UNREAD: the form alone is off, so that no hint is used up.
"""

import math
import statistics
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from test_exercise_kinds import DESIGNS
from torch import Tensor

from course_utils import exercises, saturation, theory
from course_utils.exercises import Off
from course_utils.exercises.answers import Unread

EDGE = 2 * math.acosh(5)


def each(rule: Callable[..., float]) -> Callable[..., list[float]]:
    """A loop over a batch, as a beginner writes it."""

    def loop(*rows: Any) -> list[float]:
        found = []
        for i in range(len(rows[0])):
            found.append(rule(*(float(row[i]) for row in rows)))
        return found

    return loop


def filled(rule: Callable[..., float]) -> Callable[..., Tensor]:
    """A tensor of zeros, filled entry by entry."""

    def fill(*rows: Any) -> Tensor:
        out = torch.zeros(len(rows[0]))
        for i in range(len(out)):
            out[i] = rule(*(float(row[i]) for row in rows))
        return out

    return fill


def alone(rule: Callable[..., float]) -> Callable[..., float]:
    """A rule for one number, which an `if` keeps from taking more."""

    def single(*values: Any) -> float:
        if values[0] < -1e9:
            return 0.0
        return rule(*map(float, values))

    return single


def typed(text: str) -> Any:
    """What a cell makes of a text, misspelt names and all."""
    return eval(text, {"torch": torch, "math": math, "print": lambda *_: None})


def sigma(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def cdf(z: float) -> float:
    return statistics.NormalDist().cdf(z)


def quantile(p: float) -> float:
    return statistics.NormalDist().inv_cdf(p)


# --- answers that want more than a line ---------------------------------------------------------------


def half_tanh(z: Any) -> Any:
    z /= 2
    z = torch.tanh(z)
    z += 1
    z *= 0.5
    return z


def squared_by_cases(z: float) -> float:
    if z > 0:
        return 2 * z
    return 0


def squared_masked(z: Any) -> Any:
    z[z < 0] = 0
    return z + z


def by_backward(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def slope(z: Any) -> Any:
        z.requires_grad_(True)
        function(z).sum().backward()
        return z.grad

    return slope


def fourfold(W: Any, b: Any) -> Any:
    for _ in range(2):
        W += W
        b += b
    return W, b


def fourfold_rows(W: Any, b: Any) -> Any:
    return [[4 * float(w) for w in row] for row in W], [4 * float(v) for v in b]


def zeros_and_dead_loop(h: Any) -> Any:
    zeros = dead = 0
    for unit in range(h.shape[1]):
        off = sum(1 for image in range(h.shape[0]) if h[image, unit] == 0)
        zeros += off
        dead += off == h.shape[0]
    return zeros / (h.shape[0] * h.shape[1]), dead / h.shape[1]


def zeros_and_dead_numpy(h: Any) -> Any:
    off = np.equal(np.asarray(h), 0)
    return np.array([np.mean(off), np.mean(np.all(off, axis=0))])


def seem_dead_loop(h: Any) -> int:
    count = 0
    for column in h.T:
        first, second = column[: len(column) // 2], column[len(column) // 2 :]
        if all(v == 0 for v in first) and any(v != 0 for v in second):
            count += 1
    return count


def seem_dead_chunks(h: Any) -> Any:
    first, second = h.chunk(2)
    return ((first.amax(0) == 0) & (second.amax(0) > 0)).sum()


def normalise_loop(z: Any) -> Any:
    for unit in range(z.shape[1]):
        z[:, unit] -= z[:, unit].mean()
        z[:, unit] /= (z[:, unit] ** 2).mean() ** 0.5
    return z


def normalise_rows(z: Any) -> Any:
    columns = [[float(v) for v in column] for column in z.T]
    done = [[(v - statistics.fmean(c)) / statistics.pstdev(c) for v in c] for c in columns]
    return [list(row) for row in zip(*done, strict=True)]


def steps_running(losses: Any, target: float, window: int) -> float:
    last: list[float] = []
    for step, loss in enumerate(losses, 1):
        last = [*last, float(loss)][-window:]
        if len(last) == window and statistics.fmean(last) <= target + 1e-12:
            return step
    return math.inf


def steps_unfold(losses: Any, target: float, window: int) -> float:
    hit = losses.unfold(0, window, 1).mean(1) <= target
    return int(hit.int().argmax()) + window if hit.any() else float("inf")


def steps_from_zero(losses: Any, target: float, window: int) -> float:
    for i in range(window, len(losses) + 1):
        if sum(losses[i - window : i]) / window <= target + 1e-12:
            return i - 1
    return math.inf


def steps_none(losses: Any, target: float, window: int) -> Any:
    found = steps_running(losses, target, window)
    return found if found < math.inf else None


def steps_minus(losses: Any, target: float, window: int) -> Any:
    found = steps_running(losses, target, window)
    return found if found < math.inf else -1


def steps_all(losses: Any, target: float, window: int) -> Any:
    found = steps_running(losses, target, window)
    return found if found < math.inf else len(losses)


def steps_chunks(losses: Any, target: float, window: int) -> float:
    for i in range(window, len(losses) + 1, window):
        if sum(losses[i - window : i]) / window <= target:
            return i
    return math.inf


def steps_cumulative(losses: Any, target: float, window: int) -> float:
    for i in range(window, len(losses) + 1):
        if sum(losses[:i]) / i <= target:
            return i
    return math.inf


def steps_sum(losses: Any, target: float, window: int) -> float:
    for i in range(window, len(losses) + 1):
        if sum(losses[i - window : i]) <= target:
            return i
    return math.inf


def advise(depth: int, residual: bool, norm: str) -> str:
    if norm == "none":
        return "relu"
    return "sigmoid" if depth > 10 else "tanh"


def loses(s: float, m: float) -> bool:
    return cdf(-m / s) > cdf((-EDGE - m) / s) + 1 - cdf((EDGE - m) / s)


def but(number: str, **parts: Any) -> dict[str, Any]:
    return DESIGNS[number] | parts


RIGHT: list[tuple[str, Any]] = [
    ("0.1", -math.log(0.1)), ("0.1", np.log(10)), ("0.1", torch.tensor(10.0).log()), ("0.1", "2.303"),
    ("0.1", Decimal("2.3026")), ("0.1", torch.nn.functional.cross_entropy(torch.zeros(1, 10), torch.tensor([3]))),
    ("0.1", np.float32(2.3)), ("0.2", "C"), ("0.2", " c "), ("0.2", "c)"), ("0.2", "(c)"), ("0.2", "**c**"),
    ("0.2", "option c"), ("0.2", ["c"]), ("0.3", math.exp(-1)), ("0.3", "0.368"), ("0.3", 1 / math.e),
    ("0.3", torch.exp(-torch.ones(1))), ("0.3", np.exp(-1.0)), ("0.4", "c."), ("0.4", "Answer C"),
    ("0.4", "c: right where two were tried"), ("1.1", 1 / 2**-2), ("1.1", Fraction(8, 2)),
    ("1.1", torch.tensor([[4]])), ("1.1", 4 + 1e-12), ("1.2", half_tanh),
    ("1.2", each(lambda z: 0.5 + math.tanh(z / 2) / 2)), ("1.2", filled(lambda z: (math.tanh(z / 2) + 1) / 2)),
    ("1.2", lambda z: torch.lerp(torch.zeros_like(z), torch.ones_like(z), (torch.tanh(z * 0.5) + 1) * 0.5)),
    ("1.2", np.vectorize(lambda z: (1 + np.tanh(z / 2)) / 2)), ("1.3", np.int8(0)), ("1.3", Fraction(0)),
    ("1.3", "0.0"), ("1.3", [0.0][0]), ("1.4", lambda h: h.square().div_(-4).add_(1)),
    ("1.4", each(lambda h: 1 - (h / 2) ** 2)), ("1.4", np.vectorize(lambda h: (4 - h * h) / 4)),
    ("1.4", alone(lambda h: 1 - h**2 / 4)), ("1.4", by_backward(lambda h: h - h**3 / 12)),
    ("1.5", by_backward(lambda z: z * torch.sigmoid(2 * z))),
    ("1.5", each(lambda z: sigma(2 * z) * (1 + 2 * z * sigma(-2 * z)))),
    ("1.5", alone(lambda z: sigma(2 * z) + 2 * z * sigma(2 * z) - 2 * z * sigma(2 * z) ** 2)),
    ("1.6", squared_by_cases), ("1.6", squared_masked), ("1.6", lambda z: np.where(z > 0, 2 * z, 0)),
    ("1.6", lambda z: torch.where(z > 0, 2 * z, 0.0)), ("1.6", lambda z: z + abs(z)),
    ("1.6", filled(lambda z: max(2 * z, 0))), ("1.7", lambda g: g >= 0.1 and g <= 1),
    ("1.7", lambda g: np.logical_and(g >= 0.1, g <= 1)), ("1.7", lambda g: not (g < 0.1 or g > 1)),
    ("1.7", each(lambda g: 0.1 <= g <= 1)), ("1.7", lambda g: ((g >= 0.1) * (g <= 1)).float()),
    ("1.7", lambda g: abs(g - 0.55) <= 0.45 + 1e-12),
    ("1.8", lambda gap, reach: torch.ceil(reach * math.log(2) / gap)),
    ("1.8", each(lambda gap, reach: reach * math.log(2) / gap)), ("1.8", lambda gap, reach: 0.693 * reach / gap),
    ("1.8", lambda gap, reach: int(reach * math.log(2) / gap) + 1), ("2.1", "A"), ("2.1", "a)"), ("2.1", "'a'"),
    ("2.2", lambda k: each(lambda v: 2 * math.acosh(5 * v**0.5) / v)(k)),
    ("2.2", lambda k: 2 / k * np.log(5 * np.sqrt(k) + np.sqrt(25 * k - 1))),
    ("2.2", alone(lambda k: 2 * math.acosh(5 * math.sqrt(k)) / k)),
    ("2.2", lambda k: -torch.log((1 - torch.sqrt(1 - 0.04 / k)) / (1 + torch.sqrt(1 - 0.04 / k))) / k),
    ("2.3", 13 * math.log(2)), ("2.3", "9.01"), ("2.3", saturation.zero_from("tanh")), ("2.3", torch.tensor(9.01)),
    ("2.3", Fraction(901, 100)), ("2.4", lambda a: a.square_().add_(1).reciprocal_().mul_(2)),
    ("2.4", each(lambda a: 2 / (1 + a * a))), ("2.4", np.vectorize(lambda a: 1 / ((1 + a**2) / 2))),
    ("2.4", alone(lambda a: 1 / (0.5 + 0.5 * a**2))), ("2.5", EDGE / quantile(0.75)), ("2.5", "6.8"),
    ("2.5", np.array(6.798)), ("2.6", fourfold), ("2.6", fourfold_rows), ("2.6", lambda W, b: (W.mul_(4), b.mul_(4))),
    ("2.6", lambda W, b: (W * torch.tensor(4), b / 0.25)), ("2.6", lambda *both: tuple(4 * part for part in both)),
    ("2.7", each(lambda s: cdf(math.log(0.01) / s))),
    ("2.7", lambda s: torch.distributions.Normal(0, s).cdf(torch.tensor(0.01).log())),
    ("2.7", alone(lambda s: cdf(-4.60517 / s))), ("2.7", lambda s: (1 + torch.erf(math.log(0.01) / s / 2**0.5)) / 2),
    ("2.7", lambda s: saturation.gaussian_share("elu", s)), ("2.8", "D)"), ("2.8", "d - the line"), ("2.9", loses),
    ("2.9", each(loses)), ("2.9", filled(loses)),
    ("2.9",
     lambda s, m: torch.special.ndtr(-m / s) > torch.special.ndtr((-EDGE - m) / s) + torch.special.ndtr((m - EDGE) / s)),
    ("3.1", "D"), ("3.2", Fraction(2)), ("3.2", 1 / 0.5), ("3.2", 2**0.5 * 2**0.5), ("3.2", "2"),
    ("3.2", torch.tensor([2])), ("3.3", "A"), ("3.4", 4**2 * 0.5**2), ("3.4", "4"), ("3.4", np.float64(4)),
    ("3.5", 2**0.5 / 2), ("3.5", "0.707"), ("3.5", math.sqrt(0.5)), ("3.5", 0.71), ("3.6", 2**0.5), ("3.6", "1.41"),
    ("3.6", 1.4), ("3.6", torch.tensor(2.0).sqrt()), ("3.7", but("3.7", arms="Both", gain="He")),
    ("3.7", dict(reversed(but("3.7").items()))), ("3.7", but("3.7", budget=" networks ")),
    ("3.7", ("both", "he", "spread", "networks")),
    ("3.7", {"ARMS": "both", "Gain": "HE", "measure": "SPREAD", "budget": "Networks"}),
    ("3.8", each(lambda d: 2**0.5 * 0.1 ** (1 / d))), ("3.8", lambda d: math.sqrt(2) * math.exp(-math.log(10) / d)),
    ("3.8", lambda d: (2 * 0.01 ** (1 / d)) ** 0.5), ("3.9", lambda up, down: down.div_(up)),
    ("3.9", each(lambda up, down: down / up)), ("3.9", np.vectorize(lambda up, down: down / up)), ("4.1", "D"),
    ("4.2", "(C)"), ("4.3", zeros_and_dead_loop), ("4.3", zeros_and_dead_numpy),
    ("4.3", lambda h: ((h == 0).double().mean(), (h.abs().sum(0) == 0).double().mean())),
    ("4.3", lambda h: [1 - np.count_nonzero(h) / h.size, np.mean(~h.any(0))]),
    ("4.4", each(lambda share, scale: -scale * quantile(share))),
    ("4.4", lambda share, scale: scale * torch.special.ndtri(1 - share)),
    ("4.4", lambda share, scale: statistics.NormalDist(0, scale).inv_cdf(1 - share)),
    ("4.4", lambda s0, s: torch.distributions.Normal(0, s).icdf(1 - s0)), ("4.5", "2/3"), ("4.5", Fraction(2, 3)),
    ("4.5", 0.667), ("4.5", 1 - 4 / 12), ("4.5", torch.tensor(0.6667)),
    ("4.6", lambda share, batch: math.prod(share for _ in range(batch))),
    ("4.6", lambda share, batch: torch.exp(batch * torch.log(share))),
    ("4.6", lambda share, batch: share.pow_(batch)), ("4.6", each(lambda share, batch: share**batch)),
    ("4.6", lambda share, batch: float(share) ** int(batch)), ("4.7", but("4.7", seeds="5, paired")),
    ("4.7", but("4.7", rates="each on held out")), ("4.7", but("4.7", arms="Penalty and Forced", axis="ZEROS")),
    ("4.7", but("4.7", seeds="five,paired")), ("4.7", but("4.7", rates="Each on held-out ")),
    ("4.7", but("4.7", seeds="Five paired")), ("4.8", " B"), ("5.1", "D"), ("5.2", seem_dead_loop),
    ("5.2", seem_dead_chunks), ("5.2", lambda h: int((np.all(h[: len(h) // 2] == 0, 0) & np.any(h, 0)).sum())),
    ("5.2", lambda h: (h[: h.shape[0] // 2] == 0).all(0).sum() - (h == 0).all(0).sum()),
    ("5.2", lambda h: len([u for u in range(h.shape[1]) if not h[: len(h) // 2, u].any() and h[:, u].any()])),
    ("5.3", "14"), ("5.3", 14.0), ("5.3", np.int64(14)), ("5.3", math.ceil(-math.log2(1 - 0.99 ** (1 / 100)))),
    ("5.4", "1/2"), ("5.4", 0.5), ("5.4", 0.48), ("5.4", torch.tensor(0.5)), ("5.5", "B"), ("5.6", 0.9 / (1 - 0.9)),
    ("5.6", "9"), ("5.6", 9.0), ("5.6", sum(0.9**i for i in range(1, 300))), ("5.7", "(C)"),
    ("5.8", each(lambda k: 0.01 ** (1 / k))), ("5.8", lambda k: 10 ** (-2 / k)),
    ("5.8", lambda k: np.power(0.01, 1 / k)), ("5.8", lambda k: 0.1 ** (2 / k)), ("6.1", "A."),
    ("6.2", normalise_loop), ("6.2", normalise_rows),
    ("6.2", lambda z: torch.nn.functional.batch_norm(z, None, None, training=True)),
    ("6.2", lambda z: (z - z.mean(0)) / z.std(0, unbiased=False)),
    ("6.2", lambda z: (z - np.mean(z, axis=0)) / np.std(z, axis=0)), ("6.2", torch.nn.BatchNorm1d(4)),
    ("6.3", math.pi / (math.pi - 1)), ("6.3", "1.467"), ("6.3", 1.47), ("6.3", 0.5 / (0.5 - 0.5 / math.pi)),
    ("6.3", theory.batch_norm_growth("relu") ** 2), ("6.4", "37"),
    ("6.4", math.ceil(2 * math.log(1000) / math.log(math.pi / (math.pi - 1)))), ("6.4", 37.0), ("6.5", 1.2),
    ("6.5", "1.3"), ("6.5", np.float32(1.25)), ("6.6", 0.25 / theory.moments("sigmoid").square), ("6.6", "0.852"),
    ("6.6", 0.85), ("6.6", np.float64(0.852)), ("6.7", but("6.7", depth=30)), ("6.7", but("6.7", depth=" 30 layers")),
    ("6.7", but("6.7", depth="thirty")), ("6.7", but("6.7", arms="As It Is And Levelled", measure="Loss")),
    ("6.7", but("6.7", rates="each_on_held_out")), ("6.7", but("6.7", depth=30.0)), ("6.8", "A"), ("7.1", "B)"),
    ("7.2", "A "), ("7.3", steps_running), ("7.3", steps_unfold), ("7.4", 4**2), ("7.4", "16"),
    ("7.4", torch.tensor(16)), ("7.4", Fraction(16)), ("7.5", "D."), ("7.6", 2**-2), ("7.6", 0.5**2),
    ("7.6", Fraction(1, 4)), ("7.7", "d"), ("7.8", but("7.8", init="each  its own", order="Shared by arms")),
    ("7.8", ["each on held-out", "each its own", "median", "shared by arms"]), ("8.1", "C"),
    ("8.2", each(lambda n, a: a / (6 * n + a))), ("8.2", lambda n, a: 1 - 6 * n / (6 * n + a)),
    ("8.2", lambda n, a: 1 / (1 + 6 * n / a)), ("8.2", alone(lambda n, a: a / (3 * 2 * n + a))),
    ("8.3", lambda h: -torch.expm1(-h)), ("8.3", each(lambda h: sigma(math.log(math.exp(h) - 1)))),
    ("8.3", lambda h: torch.sigmoid(torch.log(torch.exp(h) - 1))), ("8.3", lambda h: (np.exp(h) - 1) / np.exp(h)),
    ("8.3", alone(lambda h: -math.expm1(-h))), ("8.4", "B"), ("8.5", lambda r, c: (r - 1 + c) / r),
    ("8.5", each(lambda r, c: 1 - (1 - c) / r)), ("8.5", alone(lambda r, c: 1 - 1 / r + c / r)), ("8.6", "A"),
    ("8.7", but("8.7", threads="1")), ("8.7", but("8.7", threads=1)), ("8.7", but("8.7", order="By turns")),
    ("9.1", "C"), ("9.2", "c)"), ("9.3", lambda g, c: torch.hypot(g, c)), ("9.3", each(math.hypot)),
    ("9.3", lambda g, c: (g * g + c * c) ** 0.5), ("9.3", lambda g, c: np.linalg.norm([g, c], axis=0)),
    ("9.3", lambda g, c: g * (1 + (c / g) ** 2) ** 0.5), ("9.4", lambda c, m: (2 + 2 * m) / c),
    ("9.4", each(lambda c, m: 2 * (1 + m) / c)), ("9.4", lambda c, m: m.add_(1).mul_(2).div_(c)), ("9.5", "C"),
    ("9.6", but("9.6", renewed="dead and as many living")), ("9.6", but("9.6", rate="The same for the 3")),
    ("9.6", but("9.6", tasks="each seed its own; shared by its arms")), ("9.7", "b"), ("10.1", "B"),
    ("10.2", (1 / 6) ** 10), ("10.2", theory.gradient_factor("relu", "pytorch") ** 20), ("10.2", "1.65e-8"),
    ("10.2", 0.408**20), ("10.2", 6**-10), ("10.3", 17), ("10.3", "17"), ("10.3", torch.tensor(17.0)),
    ("10.4", advise), ("10.4", lambda depth, residual, norm: {"none": "relu", "batch": "sigmoid"}.get(norm, "gelu")),
    ("10.4", lambda depth, residual, norm: " ReLU" if norm == "none" else "Sigmoid"),
    ("10.5", but("10.5", gradient="dl/dz", weights="He")), ("10.5", but("10.5", gradient="dL / dz", when="At init.")),
    ("10.5", ("dL/dz", "he", "wide", "at init")), ("10.6", "B"),
]  # fmt: skip

WRONG: list[tuple[str, Any, str]] = [
    ("0.1", math.log10(10), "base 10"), ("0.1", -2.3026, "wrong sign"), ("0.1", 3.32, "in bits"),
    ("0.1", 0.9, "missing"), ("0.1", 2.2, ""), ("0.1", 23, ""), ("0.1", -math.log(0.9), ""),
    ("0.2", "A", "not this one"), ("0.2", "d)", "learns nothing"), ("0.3", 36.8, "0.368 for 36.8 %"),
    ("0.3", 0.63, "all the other"), ("0.3", 2.718, "at most 1"), ("0.3", 0.25, ""), ("0.3", 0, ""),
    ("0.4", "B", "votes"), ("1.1", 1 / (1 + 1) ** 2, "right slope"), ("1.1", 3.9, ""), ("1.1", 16, ""),
    ("1.2", lambda z: 2 * torch.tanh(z / 2), "at"), ("1.2", lambda z: torch.tanh(z) / 2 + 0.5, "too steep"),
    ("1.2", lambda z: 1 - (1 + torch.tanh(z / 2)) / 2, "σ(−z)"), ("1.2", each(sigma), "not allowed"),
    ("1.2", lambda z: torch.special.expit(z), "not allowed"),
    ("1.2", lambda z: 1 / (1 + 2.718281828459045**-z), "not allowed"),
    ("1.2", lambda z: torch.nn.Sigmoid()(z), "not allowed"), ("1.3", 0.25, "0 and 1"), ("1.3", -1, "0 and 1"),
    ("1.4", lambda h: 1 - h**2 / 2, "half is squared"), ("1.4", lambda h: 1 / torch.cosh(h / 2) ** 2, "for z"),
    ("1.4", lambda h: h**2 / 4 - 1, "wrong sign"), ("1.4", lambda h: (1 - h**2 / 4) / 2, "Half too flat"),
    ("1.5", lambda z: torch.sigmoid(2 * z) + 2 * torch.sigmoid(2 * z) * (1 - torch.sigmoid(2 * z)), "At z"),
    ("1.5", each(lambda z: z * sigma(2 * z)), "That is the function"),
    ("1.5", by_backward(lambda z: z * torch.sigmoid(z)), "SiLU"),
    ("1.6", each(lambda z: max(z, 0) ** 2), "That is the function"),
    ("1.6", lambda z: torch.where(z > 0, 2.0, 0.0), "grows with z"), ("1.6", lambda z: -2 * torch.relu(-z), ""),
    ("1.6", lambda z: 2 * torch.relu(z) ** 2, ""), ("1.7", lambda g: (g > 0.1) & (g < 1), "ends"),
    ("1.7", lambda g: (g > 0.1) & (g <= 1), "ends"), ("1.7", lambda g: (g == 0.1) | (g == 1), "two of them"),
    ("1.7", lambda g: g >= 0.1, "1.5"), ("1.7", lambda g: (g >= 0) & (g <= 0.1), ""),
    ("1.7", lambda g: (g >= -0.1) & (g <= 1), "-0.1"), ("1.7", lambda g: (g >= 0.01) & (g <= 1), "0.01"),
    ("1.7", lambda g: 0 <= g <= 1, "ReLU"), ("1.7", lambda g: g < 1, ""),
    ("1.8", lambda gap, reach: gap * math.log(2) / reach, ""),
    ("1.8", lambda reach, gap: reach * math.log(2) / gap, "order of its"),
    ("1.8", lambda gap, reach: reach * 2 * math.log(2) / gap, ""),
    ("1.8", lambda gap, reach: reach * math.log10(2) / gap, ""), ("2.1", "B", "far out"),
    ("2.2", lambda k: EDGE / k, "factor k in front"), ("2.2", each(lambda k: EDGE), "depends on k"),
    ("2.2", lambda k: 2 * torch.acosh(5 * k) / k, ""), ("2.2", lambda k: torch.acosh(5 * k.sqrt()) / k, "Half of it"),
    ("2.3", 12 * math.log(2), "Half of the sigmoid"), ("2.3", "16.64", "sigmoid's"), ("2.3", 9.5, "0 already"),
    ("2.3", 88, "range of float32"), ("2.4", lambda a: (2 / (1 + a**2)).sqrt(), "standard deviation"),
    ("2.4", each(lambda a: (1 + a**2) / 2), "mean of φ′²"), ("2.4", lambda a: 2 / (1 - a**2 + 1e-12), ""),
    ("2.4", lambda a: 2 / (1 + a) ** 2, ""), ("2.4", each(lambda a: 2.0), "not at every"), ("2.5", 3.4, ""),
    ("2.5", 4.585 * 2, ""), ("2.5", EDGE, "one standard deviation"),
    ("2.6", lambda W, b: (W.add_(4), b.add_(4)), "would not give"), ("2.6", lambda W, b: (b * 4, W * 4), ""),
    ("2.6", lambda W, b: (W / 4, b / 4), "other way round"),
    ("2.6", lambda W, b: (W * 4, b), "The weights are right"),
    ("2.7", lambda s: torch.special.ndtr(-EDGE / s), "sigmoid's edge"),
    ("2.7", each(lambda s: 100 * cdf(math.log(0.01) / s)), "per cent"),
    ("2.7", lambda s: 2 * torch.special.ndtr(-4.60517 / s), "Twice"),
    ("2.7", each(lambda s: cdf(-math.log(0.01) / s)), "usable"), ("2.8", "A", "million"),
    ("2.8", "C", "half of a Gaussian"), ("2.9", lambda m, s: loses(s, m), "order"),
    ("2.9", each(lambda s, m: not loses(s, m)), "other way round"), ("2.9", lambda s, m: s < 6.8, "2.5"),
    ("2.9", lambda s, m: m < 0, ""), ("3.1", "A", "quarter"), ("3.2", 1.9989, "comes near"),
    ("3.2", math.sqrt(2), "gain"), ("3.2", 1.0, "linear"), ("3.2", 6, ""), ("3.3", "B", "bound"),
    ("3.4", 2.0, "standard deviation"), ("3.4", 16, "multiplies"), ("3.4", 8, "square of the mean"),
    ("3.4", 5.86, "whole"), ("3.4", 4.01, "comes near"), ("3.5", 0.5, "slope at 0"),
    ("3.5", math.sqrt(2), "That is the gain"), ("3.5", 1, "slope at 0"), ("3.5", 0.25, "norm"), ("3.6", 2, "explode"),
    ("3.6", 1, "vanish"), ("3.6", -1.414, "above 0"), ("3.7", but("3.7", arms="DEPTH"), "depth over width"),
    ("3.7", but("3.7", budget="one", gain="tuned"), "1 more part"),
    ("3.7", but("3.7", measure="Accuracy"), "training mixes"),
    ("3.7", ("depth", "he", "spread", "networks"), '"depth"'), ("3.8", lambda d: 0.1 ** (1 / d), "factor per step"),
    ("3.8", each(lambda d: 2**0.5 * 0.1 ** (1 / (d - 0.5))), ""), ("3.8", lambda d: 0.5**0.5 * 0.1 ** (1 / d), ""),
    ("3.8", lambda d: 2**0.5 * 0.9 ** (1 / d), ""), ("3.9", lambda up, down: down - up, ""),
    ("3.9", each(lambda up, down: up * down), "divided"), ("3.9", lambda up, down: up, ""),
    ("4.1", "A", "begins anew"), ("4.2", "B", "dead"),
    ("4.3", lambda h: ((h == 0).float().mean(), (h == 0).all(1).float().mean()), "column"),
    ("4.3", lambda h: ((h == 0).sum(), (h == 0).all(0).sum()), "how many"),
    ("4.3", lambda h: (75.0, 25.0), "per cent"), ("4.3", lambda h: (0.75, 0.25), "follow h"),
    ("4.3", lambda h: ((h != 0).float().mean(), (h == 0).all(0).float().mean()), "not* zero"),
    ("4.3", lambda h: ((h < 1e-3).float().mean(), (h < 1e-3).all(0).float().mean()), "1e-9"),
    ("4.4", lambda scale, share: -scale * torch.special.ndtri(share), "order"),
    ("4.4", each(lambda share, scale: scale * quantile(share)), "sign"),
    ("4.4", lambda share, scale: -torch.special.ndtri(share), "scale of 1"),
    ("4.4", each(lambda share, scale: -quantile(share) / scale), "Divided"), ("4.5", 66.7, "0.667 for 66.7 %"),
    ("4.5", 1 / 3, "non"), ("4.5", 0.75, "8 of its column"), ("4.5", 0.5, "4 bytes"),
    ("4.5", -0.67, "between 0 and 1"), ("4.6", lambda batch, share: share**batch, "order"),
    ("4.6", each(lambda share, batch: 1 - share**batch), "needed"), ("4.6", lambda share, batch: share, "one image"),
    ("4.6", each(lambda share, batch: 100 * share**batch), "per cent"),
    ("4.6", lambda share, batch: share / batch, "multiplied"), ("4.6", lambda share, batch: batch**share, ""),
    ("4.7", but("4.7", seeds="Best of 5"), "luckier"), ("4.7", but("4.7", rates="1 for all"), "confounded"),
    ("4.7", but("4.7", axis="Dead"), "off for one"), ("4.8", "C", "any matrix"), ("5.1", "A", "ten layers"),
    ("5.2", lambda h: (h[::2] == 0).all(0).sum() - (h == 0).all(0).sum(), "every other"),
    ("5.2", lambda h: ((h[: len(h) // 2] == 0).all(0) ^ (h[len(h) // 2 :] == 0).all(0)).sum(), "whichever"),
    ("5.2", lambda h: (h[:20] == 0).all(0).sum() - (h == 0).all(0).sum(), "layer"),
    ("5.2", lambda h: (h == 0).all(1).sum(), "images"),
    ("5.2", lambda h: (h == 0).all(0).sum() - (h[: len(h) // 2] == 0).all(0).sum(), "sign"),
    ("5.2", lambda h: (h[: len(h) // 2].mean(0) < 0.01).sum() - (h.mean(0) < 0.01).sum(), ""),
    ("5.2", lambda h: ((h[: len(h) // 2] == 0).all(0) & (h != 0).any(0)).float().mean(), "count is asked"),
    ("5.2", lambda h: 4, ""), ("5.2", lambda h: [], "One number"),
    ("5.2", lambda h: ((h[: len(h) // 2] == 0).all(0) & (h != 0).any(0)), "One number"), ("5.3", 7, "wider"),
    ("5.3", 64, "not the narrowest"), ("5.3", 13.3, "whole"), ("5.3", 13, "wider"), ("5.3", 15, "not the narrowest"),
    ("5.4", 50, "0.5 for 50 %"), ("5.4", 1, "Which of the two"), ("5.4", 0.05, "died out"), ("5.5", "A", ""),
    ("5.6", 10, "last live step"), ("5.6", 0.9, "first step"), ("5.6", 8.9, "no end"), ("5.6", 0.1, ""),
    ("5.6", 1 / 9, "Upside down"), ("5.6", -9, "sign"), ("5.7", "B", "second"),
    ("5.8", lambda k: 0.01 / k, "share the hundredth"), ("5.8", each(lambda k: 0.01**k), "what is left"),
    ("5.8", lambda k: 0.01 ** (1 / (k + 1)), ""), ("5.8", lambda k: 100 ** (1 / k), ""), ("6.1", "D", "usual guess"),
    ("6.2", lambda z: (z - z.mean(1, keepdim=True)) / z.std(1, keepdim=True), "layer norm"),
    ("6.2", lambda z: (z - z.mean(0)) / z.std(0), "B − 1"), ("6.2", lambda z: (z - z.mean(0)) / z.var(0), "variance"),
    ("6.2", lambda z: z / z.std(0), "mean is still"), ("6.2", lambda z: (z - z.mean()) / z.std(), "whole table"),
    ("6.2", lambda z: ((z - z.mean(0)) / z.std(0, correction=0)).T, "shape"),
    ("6.2", lambda z: (z - z.min(0).values) / (z.max(0).values - z.min(0).values), "mean 0"), ("6.3", 1.211, "norm"),
    ("6.3", math.pi, ""), ("6.3", 0.68, "Upside"), ("6.3", 1.48, "comes near"), ("6.4", 36, "too few"),
    ("6.4", 36.06, "whole"), ("6.4", 38, "layers"), ("6.4", 18.03, "square"), ("6.4", 3, ""),
    ("6.5", 0.5, "growth is"), ("6.5", 4, "less than the 1.02"), ("6.5", -1, "below 0"), ("6.5", 100, "linear"),
    ("6.6", 85.2, "0.852 for 85.2 %"), ("6.6", 0.148, "differs"), ("6.6", 0.25, "Divide"), ("6.6", 0.293, "E[φ²]"),
    ("6.7", but("6.7", depth=3), "hardly begun"), ("6.7", but("6.7", depth="3 layers"), "hardly begun"),
    ("6.7", but("6.7", measure="Best seed"), "luckiest"), ("6.8", "B", "spread"), ("7.1", "A", "reputation"),
    ("7.2", "B", "Xavier"), ("7.3", steps_from_zero, "One too few"), ("7.3", steps_minus, "math.inf"),
    ("7.3", steps_all, "math.inf"), ("7.3", steps_chunks, "side by side"), ("7.3", steps_cumulative, "so far"),
    ("7.3", steps_sum, "sum"),
    ("7.3", lambda x, t, w: next((i + 1 for i, v in enumerate(x) if v <= t), math.inf), "lucky"),
    ("7.4", 0.0625, "other way"), ("7.4", 2, ""), ("7.4", -16, "sign"), ("7.4", 8, "multiply"),
    ("7.5", "A", "any line"), ("7.6", 25, ""), ("7.6", 0.125, "too many"), ("7.6", -0.25, "sign"),
    ("7.7", "A", "Five"), ("7.8", but("7.8", finish="Arrived"), "failures"),
    ("7.8", but("7.8", order="1 for all seeds"), "one order"), ("7.8", but("7.8", init="He"), "own gain"),
    ("8.1", "A", "What else"), ("8.2", lambda a, n: a / (6 * n + a), "order"),
    ("8.2", each(lambda n, a: 100 * a / (6 * n + a)), "per cent"),
    ("8.2", lambda n, a: a / (2 * n + a), "forward pass alone"),
    ("8.2", lambda n, a: 6 * n / (6 * n + a), "all the rest"), ("8.2", lambda n, a: 3 * a / (6 * n + 3 * a), ""),
    ("8.3", each(lambda h: sigma(h)), "σ(h)"), ("8.3", lambda h: torch.exp(-h), "left of 1"),
    ("8.3", lambda h: 1 + torch.exp(-h), ""), ("8.3", lambda h: h * (1 - h), "sigmoid's output"),
    ("8.4", "A", "reads h"), ("8.5", lambda c, r: 1 - (1 - c) / r, "order"),
    ("8.5", each(lambda r, c: (1 - c) / r), "nonzero"), ("8.5", lambda r, c: 1 - 1 / r, "conversion is missing"),
    ("8.5", lambda r, c: 1 - (1 + c) / r, "not fewer"),
    ("8.5", each(lambda r, c: 100 - 100 * (1 - c) / r), "per cent"), ("8.6", "C", "GPU"),
    ("8.7", but("8.7", clock="Wall"), "others"), ("8.7", but("8.7", threads="ALL"), "shared out"),
    ("9.1", "A", "notice"), ("9.2", "B", "slopes"), ("9.3", lambda g, c: g + c, "squares add"),
    ("9.3", each(lambda g, c: g * g + c * c), "square"), ("9.3", lambda g, c: (g * c) ** 0.5, ""),
    ("9.3", lambda g, c: max(g, c), ""), ("9.4", lambda m, c: 2 * (1 + m) / c, "order"),
    ("9.4", lambda c, m: 2 / c, "without momentum"), ("9.4", each(lambda c, m: 2 * (1 - m) / c), "sign"),
    ("9.4", lambda c, m: 4 * (1 + m) / c, ""), ("9.5", "A", "bounds"),
    ("9.6", but("9.6", renewed="Dead"), "because they are new"),
    ("9.6", but("9.6", tasks="1 row for all"), "spread is too small"), ("9.7", "A", "spread"), ("10.1", "A", "votes"),
    ("10.2", 0.408, "one layer"), ("10.2", (1 / 3) ** 10, ""), ("10.2", 1.65e8, "shrinks"),
    ("10.2", 20 * 0.408, "multiply"), ("10.2", -1.65e-8, "sign"), ("10.3", 16, "one more"), ("10.3", 13, "ReLU"),
    ("10.3", 18, "too many"), ("10.3", 16.5, "whole"), ("10.4", lambda depth, residual, norm: "relu", "explodes"),
    ("10.4", lambda depth, residual, norm: "sigmoid", "vanishes"),
    ("10.4", lambda depth, residual, norm: "identity", "linear"),
    ("10.4", lambda depth, residual, norm: "swish", "registry"), ("10.5", but("10.5", weights="Any"), "0.41"),
    ("10.5", but("10.5", when="Always"), "start"), ("10.6", "A", "program"),
]  # fmt: skip

UNREAD: list[tuple[str, Any, str]] = [
    ("0.1", typed('print()'), "print"), ("0.1", "2,303", "2.303"), ("0.1", (2, 303), "2.303"),
    ("0.1", "ln(10)", "math.log"), ("0.1", [2.303], "One number"), ("0.1", math.log, "Call it"),
    ("0.2", 3, "one letter"), ("0.2", "sigmoid", "one letter"), ("0.2", "a and c", "one letter"),
    ("0.3", "37 %", "0.37"), ("0.3", "0,37", "0.37"), ("0.3", "e^-1", "formula"),
    ("0.4", torch.tensor(2), "one letter"), ("1.1", "2^2", "formula"), ("1.2", "(1 + tanh(z/2))/2", "function"),
    ("1.2", typed('lambda z: print(z)'), "None"), ("1.2", lambda: 1, "fails"),
    ("1.2", typed('lambda z: tanh(z)'), "NameError: name 'tanh'"), ("1.3", {0}, "One number"),
    ("1.4", lambda h: h.nope(), "nope"), ("1.5", typed('lambda z: torch.sigmoid(z) + "z"'), "TypeError"),
    ("1.6", 2, "function"), ("1.7", [0.1, 1], "function"), ("1.8", lambda gap: gap, "fails"),
    ("2.2", "2 arcosh", "function"), ("2.3", "9,01", "9.01"), ("2.4", None, "print"), ("2.5", "6,8", "6.8"),
    ("2.6", lambda W, b: 4 * (W @ W.T), "Return two things"), ("2.6", 4, "function"),
    ("2.7", typed('lambda s: torch.special.ndtr(math.log(0.01) / S)'), "NameError: name 'S'"),
    ("2.8", "e", "one letter"), ("3.2", "two", "One number"), ("3.4", None, "print"), ("3.7", "both", "design"),
    ("3.7", {}, "lacks"), ("3.7", but("3.7", gain="xavier"), '"he"'), ("3.7", but("3.7", seeds="five"), "no part"),
    ("4.3", lambda h: 0.75, "Two numbers"), ("4.5", "66.7 %", "0.667"),
    ("4.7", but("4.7", seeds=5), '"five, paired"'), ("5.3", "fourteen", "One number"),
    ("6.2", typed('lambda z: (z - mean) / std'), "NameError: name 'mean'"), ("6.4", "37 steps", "One number"),
    ("6.7", but("6.7", depth=20), '"30"'), ("7.3", lambda losses: 7, "fails"), ("7.3", "inf", "function"),
    ("7.3", steps_none, "math.inf for never"), ("7.4", "4**2", "formula"), ("8.2", 0.1, "function"),
    ("8.3", typed('lambda h: math.sigmoid(h)'), "sigmoid"), ("9.3", lambda g: g, "fails"), ("9.6", "dead", "design"),
    ("10.2", "(1/6)^10", "formula"), ("10.3", "17 layers", "One number"), ("10.4", "relu", "function"),
    ("10.4", lambda depth, residual, norm: None, "None"), ("10.5", but("10.5", gradient="dL/dW"), '"dL/dz"'),
    ("10.6", 2, "one letter"),
]  # fmt: skip


def off(number: str, answer: Any) -> Off | None:
    return exercises._off(exercises._find(number), answer)


def test_how_many() -> None:
    assert len(RIGHT) + len(WRONG) + len(UNREAD) >= 300
    every = {number for book in range(11) for number in exercises.exercises(f"{book:02d}")}
    for table in (RIGHT, WRONG):
        assert {number for number, *_ in table} == every


@pytest.mark.parametrize(("number", "answer"), RIGHT)
def test_right(number: str, answer: Any) -> None:
    assert off(number, answer) is None


@pytest.mark.parametrize(("number", "answer", "word"), WRONG)
def test_wrong(number: str, answer: Any, word: str) -> None:
    said = off(number, answer)
    assert said is not None and not isinstance(said, Unread) and word in str(said)


@pytest.mark.parametrize(("number", "answer", "word"), UNREAD)
def test_unread(number: str, answer: Any, word: str) -> None:
    said = off(number, answer)
    assert isinstance(said, Unread) and word in str(said)

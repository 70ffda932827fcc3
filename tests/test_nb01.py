"""Notebook 01: right answers in every form, wrong ones with a hint that fits, and figures that draw."""

import dataclasses
import io
import math
from fractions import Fraction
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from course_utils import activations, exercises, plots
from course_utils.exercises import check
from course_utils.figures import nb01

NUMBERS = list(exercises.exercises("01"))


def said(capsys: pytest.CaptureFixture[str], number: str, answer: Any) -> str:
    check(number, answer, hint=1 if answer is ... else 3)
    return capsys.readouterr().out.strip()


def sigma(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def autograd_at_zero() -> torch.Tensor:
    corner = torch.zeros(1, requires_grad=True)
    return torch.autograd.grad(torch.relu(corner).sum(), corner)[0]


def by_cases(z: float) -> float:
    if z > 0:
        return 2 * z
    return 0


def by_autograd(z: torch.Tensor) -> torch.Tensor:
    z = z.requires_grad_()
    return torch.autograd.grad((z * torch.sigmoid(2 * z)).sum(), z)[0]


class HalfTanh(torch.nn.Module):
    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.tanh(z / 2) / 2 + 0.5


RIGHT: list[tuple[str, Any]] = [
    ("1.7", lambda g: (g >= 0.1) & (g <= 1)), ("1.7", lambda g: 0.1 <= g <= 1),
    ("1.8", lambda gap, reach: reach * math.log(2) / gap), ("1.8", lambda gap, reach: np.log(2) / gap * reach),
    ("1.1", 4), ("1.1", 4.0), ("1.1", "4"), ("1.1", "8/2"), ("1.1", Fraction(4)), ("1.1", 1 / (1 + 1) ** (-2)),
    ("1.1", torch.exp(-torch.tensor(0.0)) / (1 + torch.exp(-torch.tensor(0.0))) ** -2),
    ("1.1", np.array([4])), ("1.1", np.exp(-0.0) / (1 + np.exp(-0.0)) ** -2),
    ("1.2", lambda z: (1 + torch.tanh(z / 2)) / 2),
    ("1.2", lambda z: (1 + np.tanh(z / 2)) / 2),
    ("1.2", lambda z: (1 + math.tanh(z / 2)) / 2),
    ("1.2", lambda z: [0.5 + 0.5 * math.tanh(v / 2) for v in z]),
    ("1.2", HalfTanh()),
    ("1.2", lambda z: torch.div(torch.add(torch.tanh(torch.div(z, 2)), 1), 2)),
    ("1.2", lambda z: (torch.tanh(z / 2) + 1) / 2 if z > 0 else 1 - (torch.tanh(-z / 2) + 1) / 2),
    ("1.3", 0), ("1.3", 0.0), ("1.3", -0.0), ("1.3", "0"), ("1.3", autograd_at_zero()), ("1.3", autograd_at_zero().item()),
    ("1.3", np.float32(0)),
    ("1.4", lambda h: 1 - h**2 / 4),
    ("1.4", lambda h: (1 - h / 2) * (1 + h / 2)),
    ("1.4", lambda h: np.subtract(1, np.square(h / 2))),
    ("1.4", lambda h: 1 - math.pow(h, 2) / 4),
    ("1.5", lambda z: torch.sigmoid(2 * z) * (1 + 2 * z * (1 - torch.sigmoid(2 * z)))),
    ("1.5", lambda z: sigma(2 * z) + 2 * z * sigma(2 * z) * sigma(-2 * z)),
    ("1.5", lambda z: (1 + np.exp(-2 * z) * (1 + 2 * z)) / (1 + np.exp(-2 * z)) ** 2),
    ("1.5", lambda z: activations.get("silu").derivative(2 * z)),
    ("1.5", by_autograd),
    ("1.6", lambda z: 2 * torch.relu(z)),
    ("1.6", lambda z: 2 * z * (z > 0)),
    ("1.6", lambda z: 2 * max(0, z)),
    ("1.6", lambda z: np.maximum(0, 2 * np.asarray(z))),
    ("1.6", lambda z: z.clamp_(min=0).mul_(2)),
    ("1.6", by_cases),
]  # fmt: skip

WRONG: list[tuple[str, Any, str]] = [
    ("1.7", lambda g: (g >= 0) & (g <= 1), "Those are ReLU's"),
    ("1.7", lambda g: g == 1, "two of them"),
    ("1.7", lambda g: (g < 0.1) | (g > 1), "The other way round"),
    ("1.7", lambda g: g <= 1, "above the curve"),
    ("1.8", lambda gap, reach: reach / gap, "not 1 / k"),
    ("1.8", lambda gap, reach: math.log(2) / gap, "to the unit"),
    ("1.8", lambda gap, reach: reach * gap / math.log(2), "more of them"),
    ("1.1", 0.25, "That is the right slope. Take the formula as it is printed"),
    ("1.1", "1/4", "That is the right slope. Take the formula as it is printed"),
    ("1.1", 1, "e⁰ = 1 is the numerator"),
    ("1.1", 2, "to the power −2, not −1"),
    ("1.1", 0.5, "to the power −2, not −1"),
    ("1.1", -4, "what is 1 divided by 2 to the power −2?"),
    ("1.1", "four", "One number is asked for; this is a str"),
    ("1.1", lambda a: 4, "One number is asked for; this is a function"),
    ("1.2", torch.tanh, "That is tanh itself"),
    ("1.2", lambda z: (1 + torch.tanh(z)) / 2, "too steep: this is σ(2z)"),
    ("1.2", lambda z: np.tanh(z / 2), "Right steepness, but it runs from -1 to 1"),
    ("1.2", lambda z: (1 - torch.tanh(z / 2)) / 2, "this is σ(−z)"),
    ("1.2", lambda z: 0.5, "For 8 values of z it should give 8 numbers; it gives 1."),
    ("1.2", torch.sigmoid(torch.tensor(1.0)), "A function is asked for; this is a Tensor"),
    ("1.2", lambda z: None, "gives back None"),
    ("1.2", lambda z: torch.tanh(z / 0), "At z = -6 it gives -1"),
    ("1.3", 1, "the slope from the right"),
    ("1.3", 0.5, "a fair choice; PyTorch did not take it"),
    ("1.3", 0.01, "from the left and from the right are 0 and 1"),
    ("1.3", math.nan, "A finite number is asked for; this is nan"),
    ("1.3", False, "One number is asked for; this is False"),
    ("1.2", torch.sigmoid, "sigmoid is not allowed"),
    ("1.2", activations.get("sigmoid"), "sigmoid is not allowed"),
    ("1.2", lambda z: 1 / (1 + math.exp(-z)), "exp is not allowed"),
    ("1.2", lambda z: [sigma(v) for v in z.tolist()], "exp is not allowed"),
    ("1.2", lambda z: torch.sigmoid(z) + 0 * torch.tanh(z), "sigmoid is not allowed"),
    ("1.2", lambda z: 1 / (1 + math.e**-z), "a power is not allowed"),
    ("1.4", lambda h: 1 - torch.tanh(h / 2) ** 2, "The input is h itself, the output"),
    ("1.4", lambda h: 1 - math.tanh(h / 2) ** 2, "The input is h itself, the output"),
    ("1.4", lambda h: 1 - h**2, "the rule for tanh itself"),
    ("1.4", lambda h: 2 - h**2 / 2, "the z/2 inside"),
    ("1.4", lambda h: h * (1 - h), "That is the sigmoid's rule"),
    ("1.4", lambda h: 1 + h**2, "At h = 1.98 it gives 4.92; it should give less than that."),
    ("1.4", lambda h: (1 - h**2).mean(), "For 5 values of h it should give 5 numbers; it gives 1."),
    ("1.5", lambda z: torch.sigmoid(2 * z), "this is the one from the factor z"),
    ("1.5", lambda z: 2 * z * sigma(2 * z) * sigma(-2 * z), "this is the one from the factor σ(2z)"),
    ("1.5", lambda z: sigma(2 * z) + z * sigma(2 * z) * sigma(-2 * z), "The chain rule brings a 2"),
    ("1.5", lambda z: 2 * sigma(2 * z) * sigma(-2 * z), "That is the slope of σ(2z)"),
    ("1.5", activations.get("silu").derivative, "That is the slope of SiLU"),
    ("1.5", lambda z: math.exp(-z) * sgima(z), "NameError: name 'sgima' is not defined"),  # type: ignore[name-defined]  # noqa: F821
    ("1.6", lambda z: 2 * z, "Below zero the function is flat"),
    ("1.6", torch.relu, "The 2 that comes down from the power is missing"),
    ("1.6", lambda z: torch.relu(z) ** 2, "That is the function; its slope is asked for"),
    ("1.6", lambda z: 2 * abs(z), "the slope of z |z|"),
    ("1.6", lambda z: torch.log(z), "not finite"),
]


@pytest.mark.parametrize("number, answer", RIGHT)
def test_right_in_every_form(capsys: pytest.CaptureFixture[str], number: str, answer: Any) -> None:
    assert said(capsys, number, answer) == f"{number}: right. {exercises.exercises('01')[number].right}"


@pytest.mark.parametrize("number, answer, hint", WRONG)
def test_wrong_with_the_hint_that_fits(
    capsys: pytest.CaptureFixture[str], number: str, answer: Any, hint: str
) -> None:
    reply = said(capsys, number, answer)
    assert reply.startswith(f"{number}: not yet. ")
    assert hint in reply
    assert "\n" not in reply


Z_TRIED = [-6.0, -2.5, -1.0, -0.3, 0.2, 0.9, 2.0, 5.5]
TRIED: dict[str, tuple[Any, list[float]]] = {
    "1.2": (torch.sigmoid, Z_TRIED),
    "1.4": (lambda h: 1 - h**2 / 4, [-1.8, -0.6, 0.5, 1.0, 1.98]),
    "1.5": (lambda z: activations.get("silu").derivative(2 * z), Z_TRIED),
    "1.6": (lambda z: 2 * torch.relu(z), Z_TRIED),
}


@pytest.mark.parametrize("number", list(TRIED))
def test_wrong_at_a_single_point_is_wrong(capsys: pytest.CaptureFixture[str], number: str) -> None:
    right, points = TRIED[number]
    for point in points:
        reply = said(capsys, number, lambda z, at=point: right(z) + (z == at))
        assert f"not yet. At {'h' if number == '1.4' else 'z'} = {point:g} it gives " in reply


@pytest.mark.parametrize("number", NUMBERS)
def test_different_mistakes_get_different_hints(capsys: pytest.CaptureFixture[str], number: str) -> None:
    replies = {said(capsys, number, answer) for name, answer, _ in WRONG if name == number}
    assert len(replies) >= 3


@pytest.mark.parametrize("number", NUMBERS)
def test_not_answered_yet(capsys: pytest.CaptureFixture[str], number: str) -> None:
    assert said(capsys, number, ...) == f"{number}: not answered yet"


def test_every_exercise_is_tried() -> None:
    assert NUMBERS == [f"1.{n}" for n in range(1, len(NUMBERS) + 1)]
    assert {name for name, _ in RIGHT} == {name for name, _, _ in WRONG} == set(NUMBERS)


def test_a_check_leaves_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert "right." in said(capsys, "1.6", lambda z: z.clamp_(min=0).mul_(2))
        assert "right." in said(capsys, "1.2", HalfTanh())


# Figures

Z = torch.linspace(-6, 6, 121, dtype=torch.float64)


def stack(count: int, k: float) -> Figure:
    z = torch.linspace(-3, 6, 91, dtype=torch.float64)
    steps = torch.sigmoid(k * z - torch.arange(1, count + 1)[:, None] + 0.5) / k
    return nb01.sigmoid_stack(z, steps, steps.sum(0), torch.nn.functional.softplus(k * z) / k, count, k)


def misprints() -> Figure:
    right = torch.sigmoid(Z) * torch.sigmoid(-Z)
    return nb01.misprints(Z, right, torch.exp(-Z) * (1 + torch.exp(-Z)) ** 2, "A finding")


def half_lines() -> Figure:
    return nb01.half_lines(Z, lambda a, b: torch.relu(a * Z + b), 1.0, "A finding")


ROWS = -(-len(activations.names()) // 3)  # of the gallery, three panels each
FIGURES: dict[str, tuple[Any, tuple[int, int]]] = {
    "gallery": (lambda: nb01.gallery(activations.registered(), Z, "A finding"), (720, 60 + 150 * ROWS)),
    "gallery of one": (lambda: nb01.gallery([activations.get("relu")], Z, "A finding"), (720, 210)),
    "misprints": (misprints, (720, 400)),
    "half_lines": (half_lines, (720, 310)),
    "stack of 1": (lambda: stack(1, 1), (720, 360)),
    "stack of 4": (lambda: stack(4, 1), (720, 360)),
    "stack of 40, steep": (lambda: stack(40, 7.5), (720, 360)),
}


@pytest.fixture(params=list(FIGURES))
def figure(request: pytest.FixtureRequest) -> tuple[Figure, tuple[int, int]]:
    draw, size = FIGURES[request.param]
    with mpl.rc_context():
        plots.use_style()
        return draw(), size


def test_every_figure_is_drawn() -> None:
    assert {name.split(" ")[0] for name in FIGURES} == {*nb01.__all__} - {"sigmoid_stack"} | {"stack"}


def test_size_and_pixels(figure: tuple[Figure, tuple[int, int]]) -> None:
    picture = plots.picture(figure[0])
    assert (picture.width, picture.height) == figure[1]
    image = Image.open(io.BytesIO(picture.png))
    assert image.size == tuple(int(round(side * 1.44, 6)) for side in figure[1])
    assert len(np.unique(np.asarray(image.convert("L")))) > 8
    assert len(picture.png) < 150_000


def test_words_stay_inside_the_figure_and_below_the_title(figure: tuple[Figure, tuple[int, int]]) -> None:
    drawn = figure[0]
    drawn.draw_without_rendering()
    renderer = FigureCanvasAgg(drawn).get_renderer()
    title, how = (text.get_window_extent(renderer) for text in drawn.texts)
    axes = mpl.transforms.Bbox.union([ax.get_tightbbox(renderer) for ax in drawn.axes])
    assert title.y0 >= how.y1
    assert how.y0 >= axes.y1
    for box in (title, how, axes):
        assert box.x0 >= 0
        assert box.x1 <= drawn.bbox.x1 + 0.5
        assert box.y1 <= drawn.bbox.y1


def test_the_gallery_shows_value_and_slope_of_each() -> None:
    figure = nb01.gallery(activations.registered(), Z, "A finding")
    entries = list(activations.registered())
    for ax, entry in zip([ax for ax in figure.axes if ax.axison], entries, strict=True):
        value, slope = ax.lines
        np.testing.assert_array_equal(value.get_ydata(), entry(Z))
        np.testing.assert_array_equal(slope.get_ydata(), entry.derivative(Z))
        assert value.get_color() == entry.colour
        assert [text.get_text() for text in ax.texts] == [entry.label]


def test_the_gallery_includes_the_readers_own() -> None:
    entry = dataclasses.replace(activations.get("relu"), name="mine", label="my own", marker="p", dash=":")
    activations.register(entry)
    try:
        figure = nb01.gallery(activations.registered(), Z, "A finding")
    finally:
        activations.unregister("mine")
    labels = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert labels[-1] == "my own"
    count = len(activations.names()) + 1
    rows = -(-count // 3)
    assert [ax.axison for ax in figure.axes] == [i < count for i in range(3 * rows)]
    named = [ax.get_xlabel() == "z" and ax.xaxis.get_tick_params()["labelbottom"] for ax in figure.axes]
    assert named == [count - 3 <= i < count for i in range(3 * rows)]  # the lowest of each column
    picture = plots.picture(figure)
    assert (picture.width, picture.height) == (720, 60 + 150 * rows)


def test_the_stack_draws_what_it_is_given() -> None:
    figure = stack(4, 2)
    (ax,) = figure.axes
    total = torch.stack([torch.as_tensor(line.get_ydata()) for line in ax.lines[:4]]).sum(0)
    np.testing.assert_allclose(ax.lines[5].get_ydata(), total)
    assert figure.texts[0].get_text().startswith("4 shifted sigmoids ")
    assert "σ(2z − i + ½)/2" in figure.texts[1].get_text()
    assert stack(1, 1).texts[0].get_text().startswith("1 sigmoid ")


def test_half_lines_marks_the_stretch_in_both_panels() -> None:
    figure = half_lines()
    for ax, a in zip(figure.axes, (2.0, -2.0), strict=True):
        left, right = ax.patches[0].get_extents().transformed(ax.transData.inverted()).intervalx
        assert (round(left, 6), round(right, 6)) == (-6, -1 / a)
        inside = (Z < -1 / a).numpy()
        assert bool((np.asarray(ax.lines[0].get_ydata())[inside] == 0).all()) is (a > 0)

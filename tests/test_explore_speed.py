"""Explorers are quick because they remember: what they draw must be what a figure drawn from nothing shows."""

import importlib
import io
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from PIL import Image

from course_utils import activations, plots
from course_utils.figures import nb00, nb01, nb02, nb03, nb04, nb05, nb06, nb07, nb08, nb09, nb10, nb11
from course_utils.sketch import Sketcher, _Canvas

NAMES = ["sigmoid", "relu", "tanh", "gelu"]
VERDICTS = ["holds", "fails", "depends", "unproven"]
NEAR = 3  # of 255: words are blended onto the page in two steps instead of one


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    with mpl.rc_context():
        plots.use_style()
        yield


def rng(place: int) -> np.random.Generator:
    return np.random.default_rng(place)


def tensor(place: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(rng(place).random(shape))


def rate(place: int) -> Figure:
    arms = [("sigmoid", "sigmoid", "none"), ("ReLU", "relu", "batch")] * 3
    table = pd.DataFrame(arms, columns=["arm", "activation", "norm"]).assign(learning_rate=0.01 * place)
    losses = 2.3 - place * 0.01 * torch.arange(80.0).unsqueeze(1).expand(80, 6)
    return nb00.at_rate(table, losses, f"{0.01 * place}", 2.3)


def stack(place: int) -> Figure:
    z = torch.linspace(-4, 12, 80, dtype=torch.float64)
    steps = torch.sigmoid(z - torch.arange(place)[:, None])
    return nb01.sigmoid_stack(z, steps, steps.sum(0), torch.nn.functional.softplus(z), place, 1.0 + place % 2)


def density(place: int) -> Figure:
    z = torch.linspace(-20, 20, 200, dtype=torch.float64)
    lost = [[(-np.inf, 0.0)], [(-np.inf, -3.0), (3.0, np.inf)], []][place % 3]
    return nb02.density(NAMES[place % 4], z, torch.exp(-z.square() / 2 / place), lost, 0.1 * place, place, 0)


def profile(place: int) -> Figure:
    depth, name = 4 + 7 * place, NAMES[place % 4]
    line = torch.linspace(place - 3.0, 0, depth, dtype=torch.float64).mul(2.3).exp()
    return nb03.explored(line[:, None] * (0.5 + tensor(place, depth, 3)), line, name, f"{name} at {place}")


def shaded(place: int) -> Figure:
    z = torch.linspace(-12, 12, 300, dtype=torch.float64)
    return nb04.explored(
        z, torch.exp(-z.square() / place), z < place - 2, NAMES[place % 4], f"{place} %", "how"
    )


def cells(place: int) -> Figure:
    dead = tensor(7, 6, 4)
    dead[0, 3] = torch.nan
    row, column = place % 6, place % 4
    at, rates = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0], [0.05, 0.1, 0.2, 0.4]
    return nb05.explored(
        at,
        rates,
        dead,
        1 - dead,
        (row, column),
        tensor(place, 4, 64).sub(0.2).clamp(min=0),
        f"{place} %",
        "how",
    )


def normed(place: int) -> Figure:
    depth, name = 5 * place, NAMES[place % 4]
    line = torch.linspace(place - 2.0, 0, depth, dtype=torch.float64).exp()
    marks = line[:, None] * (0.5 + tensor(place, depth, 3))
    return nb06.explored(marks, line if place % 2 else None, name, f"{name}, {place}", "how")


def curve(place: int) -> Figure:
    losses = torch.linspace(2.3, 0.3 * place, 60, dtype=torch.float64)
    losses = torch.full_like(losses, torch.inf) if place == 4 else losses
    return nb07.explored(losses, 5, NAMES[place % 4], f"gain {place}")


def costs(place: int) -> Figure:
    sizes = [1000, 10_000, 100_000, 1_000_000, 10_000_000]
    arms = itertools.product(enumerate(NAMES), ("forward", "backward"), sizes)
    times = [(name, way, size, 1 + rng(i).random() * (1 + 3 * i)) for (i, name), way, size in arms]
    times = pd.DataFrame(times, columns=["activation", "pass", "elements", "nanoseconds"])
    rows = [(name, 0.01 * place, 0.001 * i + 0.001, 0.05 * i + 0.01) for i, name in enumerate(NAMES)]
    rows = pd.DataFrame(rows, columns=["activation", "rest", "alone", "share"])
    return nb08.explored(times, rows, NAMES[(place * 2) % 4], 1000 * 4**place, f"width {place}")


def pulled(place: int) -> Figure:
    name, line = NAMES[place % 4], torch.linspace(place - 4.0, 0, 10, dtype=torch.float64).exp()
    kind = ("", "other", "norm")[place % 3]
    return nb09.explored(line[:, None] * (0.5 + tensor(place, 10, 3)), line, name, kind, f"{name}, {place}")


def wall(place: int) -> Figure:
    rows = [
        {"person": f"person {n}", "id": f"C{10 * n + c}", "verdict": VERDICTS[(n + c) % 4], "claimed": c > 0}
        for n in range(4)
        for c in range(1 + 4 * n)
    ]
    return nb10.wall(pd.DataFrame(rows), "Who said what", "" if place == 4 else VERDICTS[place % 4])


def examined(place: int) -> Figure:
    size = 4 * place
    sizes = np.exp(np.linspace(2.0 - place, 0, size + 1))
    columns = {"dz": sizes, "predicted": np.full(size + 1, 0.5 + 0.1 * place), "z scale": sizes[::-1]}
    table = pd.DataFrame(columns).assign(dead=0.1 * place, lost=0.5)
    return nb11.explored(table, NAMES[place % 4], f"{place} layers")


EXPLORERS = [rate, stack, density, profile, shaded, cells, normed, curve, costs, pulled, wall, examined]
every = pytest.mark.parametrize("draw", EXPLORERS, ids=[f"nb{i:02d}" for i in range(len(EXPLORERS))])
WALK = [1, 2, 4, 3, 1, 5]


def fresh(figure: Figure) -> np.ndarray:
    """The pixels that matplotlib itself saves."""
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=plots.PAGE)
    return pixels(png.getvalue())


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), int)


def off(one: np.ndarray, other: np.ndarray) -> int:
    """The largest difference of two pictures, of 255."""
    assert one.shape == other.shape
    return int(np.abs(one - other).max())


def as_laid_out(first: Figure, figure: Figure) -> Figure:
    """That figure, its axes where those of the first come to lie."""
    first.set_dpi(plots.PAGE)
    first.draw_without_rendering()
    figure.set_layout_engine("none")
    for ax, lies in zip(figure.axes, first.axes, strict=True):
        ax.set_position(lies.get_position())
    return figure


@every
def test_a_walk_leaves_no_trace_in_the_pictures(draw: Callable[[int], Figure]) -> None:
    sketcher = Sketcher()
    seen = [pixels(sketcher(lambda place=place: draw(place)).png) for place in WALK]
    for place, picture in zip(WALK, seen, strict=True):
        apart = np.abs(picture - fresh(as_laid_out(draw(WALK[0]), draw(place)))).max(-1) > NEAR
        # Before matplotlib 3.11 a letter of a formula may come to lie a pixel aside.
        assert apart.mean() <= (0 if mpl.__version_info__ >= (3, 11) else 0.0005), place
    assert off(seen[0], seen[1]) > 100  # the pictures do differ


def test_the_figure_is_used_again_only_while_it_fits() -> None:
    sketcher, handed = Sketcher(), []

    def one(size: tuple[float, float] = (4.0, 2.5), **options: Any) -> Figure:
        figure, _ = plots.axes("One", size=size, **options)
        handed.append(figure)
        return figure

    two = {"columns": 2}
    for options in ({}, {}, two, two, {**two, "sharey": True}, {"size": (5.0, 2.5)}):
        sketcher(lambda options=options: one(**options))
    assert [a is b for a, b in itertools.pairwise(handed)] == [True, False, True, False, False]
    other = Sketcher()
    other(lambda: one(size=(5.0, 2.5)))
    assert handed[-1] is not handed[-2]  # each explorer has its own
    assert plots.axes("Outside", size=(5.0, 2.5))[0] not in handed

    def barred() -> Figure:
        figure, ax = plots.axes("With a bar", size=(4.0, 2.5))
        figure.colorbar(ax.imshow(np.eye(3)), ax=ax)
        handed.append(figure)
        return figure

    def two_at_once() -> Figure:
        handed.append(one())
        return one()

    for _ in range(2):
        other(barred)
    assert handed[-1] is not handed[-2] and len(handed[-1].axes) == 2  # one that grew axes is not used again
    other(two_at_once)
    assert handed[-1] is not handed[-2]  # two in one picture are two


def test_colours_and_limits_start_anew_on_the_used_figure() -> None:
    sketcher = Sketcher()

    def lines(place: int) -> Figure:
        figure, ax = plots.axes("Lines", size=(4.0, 2.5))
        ax.set_ylabel("size")
        for slope in (1, -1):
            ax.plot([0, place], [0, slope * place], lw=5)  # in the colours of the cycle
        if place == 1:
            ax.set_xlim(-9, 9)
            ax.set_ylim(-3, 7)
        return figure

    for place in (1, 2, 40):
        seen = pixels(sketcher(lambda place=place: lines(place)).png)
        figure = as_laid_out(lines(1), lines(place))
        assert off(seen, fresh(figure)) <= NEAR, place
        assert figure.axes[0].get_xlim() == (-9, 9) or place > 1


def test_a_picture_is_small_and_its_figure_keeps_its_dots_to_the_inch() -> None:
    figure = Figure(figsize=(4.0, 2.5), dpi=77)
    figure.text(0.5, 0.5, "word")
    picture = Sketcher()(lambda: figure)
    assert (picture.width, picture.height) == (400, 250) and figure.dpi == 77
    assert len(picture.png) < 0.1 * 400 * 250 * 3


def test_after_an_error_in_the_drawing_all_is_as_it_was() -> None:
    sketcher = Sketcher()

    def fail() -> Figure:
        _, ax = plots.axes("Half", size=(4.0, 2.5))
        ax.plot([0, 1], [0, 1])
        raise KeyError("half-way")

    def whole() -> Figure:
        figure, ax = plots.axes("Whole", size=(4.0, 2.5))
        ax.plot([0, 1], [3, 5])
        return figure

    with pytest.raises(KeyError, match="half-way"):
        sketcher(fail)
    assert plots.BLANK.get() is None
    assert off(pixels(sketcher(whole).png), fresh(whole())) <= NEAR


@pytest.mark.parametrize(
    "words",
    [
        {"s": "plain gjpq"},
        {"s": "turned", "rotation": 90},
        {"s": "askew", "rotation": 37, "color": "red"},
        {"s": "faint", "alpha": 0.4, "color": "blue"},
        {"s": r"$\sigma'(z) = \frac{1}{4}$"},
        {"s": "two\nlines, one longer than the other", "ha": "right"},
        {"s": "italic fff", "style": "italic", "fontsize": 17},
        {"s": "beyond the right edge of the page, where it is cut", "x": 0.7},
        {"s": "boxed", "bbox": {"facecolor": "yellow"}},
        {"s": "jagged", "antialiased": False, "rotation": 20},
    ],
    ids=lambda words: str(words["s"])[:6],
)
def test_words_drawn_again_look_the_same(words: dict[str, Any]) -> None:
    figure = Figure(figsize=(4.0, 2.5), dpi=plots.PAGE)
    for shift in (0, 0.13):  # the second time from memory, at other fractions of a pixel
        figure.text(**{"x": 0.5, "y": 0.4, **words}).set_y(0.4 + shift)
    sketcher = Sketcher()
    first, second = (pixels(sketcher(lambda: figure).png) for _ in range(2))
    assert off(first, second) == 0
    assert off(first, fresh(figure)) <= NEAR
    assert first.min() < 200


def test_words_and_sizes_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    sketcher, figure = Sketcher(), Figure(figsize=(3.0, 2.0))
    label = figure.text(0.1, 0.5, "")
    sketcher(lambda: figure)
    canvas: Any = sketcher._canvas
    monkeypatch.setattr(type(canvas), "LIMIT", 5)
    for number in range(12):
        label.set_text(f"number {number}")
        assert off(pixels(sketcher(lambda: figure).png), fresh(figure)) <= NEAR
        assert 1 <= len(canvas._words) <= 5
        assert 1 <= len(canvas._sizes) <= 6  # a word is measured before it is drawn


def test_a_word_is_drawn_once_for_all_places_that_are_whole_pixels_apart() -> None:
    figure = Figure(figsize=(4.0, 2.5))
    for x, y in ((0.25, 0.2), (0.5, 0.4), (0.75, 0.6)):
        figure.text(x, y, "word")
    figure.text(0.25, 0.8, "other")
    figure.text(0.251, 0.803, "other")  # 0.4 pixels to the right, 0.75 higher up
    sketcher = Sketcher()
    assert off(pixels(sketcher(lambda: figure).png), fresh(figure)) <= NEAR
    canvas: Any = sketcher._canvas
    assert [key[0] for key in canvas._words] == ["word", "other", "other"]
    assert all(0 <= part < 1 for key in canvas._words for part in key[-2:])  # of a pixel, right and down


@pytest.mark.parametrize("angle", [0, 37, 90, 200])
def test_the_paper_of_a_word_is_a_margin_wider_than_the_word(angle: float) -> None:
    canvas, prop, words = _Canvas(400, 250), FontProperties(size=17, style="italic"), "fjord, gjpq"
    width, height, descent = canvas.get_text_width_height_descent(words, prop, False)
    assert descent > 0 and height > descent
    left, top, paper = canvas._word(canvas.new_gc(), 0.3, 0.6, words, prop, angle, False, None)
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    ends = [(along, down) for along in (0, width) for down in (descent - height, descent)]
    across = [along * cos + down * sin for along, down in ends]
    downward = [down * cos - along * sin for along, down in ends]
    margin = canvas.MARGIN
    assert left == math.floor(min(across)) - margin and top == math.floor(min(downward)) - margin
    assert paper.shape == (
        math.ceil(max(downward)) + margin - top,
        math.ceil(max(across)) + margin - left,
        4,
    )
    ink = paper[..., 3]
    assert ink.max() > 200
    assert not any(edge.any() for edge in (ink[0], ink[-1], ink[:, 0], ink[:, -1])), "no letter is cut"


def test_words_are_plain_unless_said_to_be_a_formula() -> None:
    for ismath in ({}, {"ismath": False}, {"ismath": True}):
        papers = []
        for kind in (_Canvas, RendererAgg):
            paper = kind(60, 40) if kind is _Canvas else kind(60, 40, plots.PAGE)
            paper.draw_text(paper.new_gc(), 5, 30, "$x^2$", FontProperties(size=12), 0, **ismath)
            papers.append(np.asarray(paper.buffer_rgba(), int)[..., 3])
        assert off(*papers) <= NEAR and papers[0].max() > 200


def test_the_registrys_activations_are_those_drawn_here() -> None:
    assert set(NAMES) <= set(activations.names())
    assert importlib.import_module("course_utils.sketch").__all__ == ["Sketcher"]

"""Explorers: one bundle, live sliders, and clear errors for bad controls."""

import base64
import importlib
import io
from typing import Any

import IPython.display
import ipywidgets
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from course_utils import plots
from course_utils.explore import explorer

VIEW = "application/vnd.jupyter.widget-view+json"
CONTROLS: dict[str, Any] = {"k": ("steepness", (1, 8, 0.5, 2)), "kind": ("kind", ["line", "square"])}


def draw(k: float, kind: str) -> Figure:
    figure, ax = plots.axes("A line", size=(4.0, 2.5))
    x = np.linspace(0, 1, 5)
    ax.plot(x, k * x ** (1 if kind == "line" else 2))
    ax.set_ylim(0, 8)
    return figure


def words(k: float, kind: str) -> str:
    return f"A {kind} that ends at {k:g} on the right side of the figure."


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """What is displayed: (data, metadata) of each output."""
    found: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def display(*objects: Any, raw: bool = False, metadata: Any = None) -> None:
        assert raw
        found.extend((data, metadata) for data in objects)

    monkeypatch.setattr(IPython.display, "display", display)
    return found


def live(data: dict[str, Any]) -> tuple[list[Any], Any]:
    """The controls and the picture behind the bundle's widget view."""
    module = importlib.import_module("ipywidgets.widgets.widget")
    widgets = module._instances if hasattr(module, "_instances") else ipywidgets.Widget.widgets
    parts = list(widgets[data[VIEW]["model_id"]].children)
    pictures = [part for part in parts if isinstance(part, ipywidgets.Image)]
    assert len(pictures) == 1
    return [part for part in parts if hasattr(part, "description") and part.description], pictures[0]


def size(png: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(png)).size


def test_one_bundle_with_widget_picture_and_words(shown: list) -> None:
    redraw = explorer(draw, words, CONTROLS)
    ((data, metadata),) = shown
    assert set(data) == {VIEW, "image/png", "text/plain"}
    assert {k: v for k, v in data[VIEW].items() if k != "model_id"} == {
        "version_major": 2,
        "version_minor": 0,
    }
    assert data["text/plain"] == "A line that ends at 2 on the right side of the figure."
    assert metadata == {"image/png": {"alt": data["text/plain"], "width": 400, "height": 250}}
    png = base64.b64decode(data["image/png"], validate=True)
    assert size(png) == (400, 250)
    assert size(redraw(k=2, kind="line").png) == (400, 250)
    _, image = live(data)
    assert image.value == png
    assert (image.layout.width, image.layout.max_width) == ("400px", "100%")


def test_the_controls_are_as_asked(shown: list) -> None:
    explorer(draw, words, CONTROLS)
    (slider, choice), _ = live(shown[0][0])
    assert (slider.description, slider.min, slider.max, slider.step, slider.value) == (
        "steepness",
        1,
        8,
        0.5,
        2,
    )
    assert (choice.description, choice.options, choice.value) == ("kind", ("line", "square"), "line")
    assert type(choice).__name__ == "SelectionSlider"  # JupyterLab keeps a menu's arrow keys for itself


def test_a_slider_redraws_the_picture_in_place(shown: list) -> None:
    redraw = explorer(draw, words, CONTROLS)
    (slider, choice), image = live(shown[0][0])
    first = image.value
    slider.value = 6.5
    second = image.value
    assert second != first
    assert second == redraw(k=6.5, kind="line").png
    choice.value = "square"
    assert image.value == redraw(k=6.5, kind="square").png
    assert image.value not in (first, second)
    slider.value, choice.value = 2, "line"
    again, before = (
        np.asarray(Image.open(io.BytesIO(png)).convert("L"), float) for png in (image.value, first)
    )
    assert np.abs(again - before).mean() < 1  # the same picture, to a pixel's edge
    assert size(image.value) == (400, 250)
    assert len(shown) == 1  # nothing but the first bundle is ever displayed


def test_the_words_follow(shown: list) -> None:
    explorer(draw, words, CONTROLS)
    (slider, _), image = live(shown[0][0])
    module = importlib.import_module("ipywidgets.widgets.widget")
    widgets = module._instances if hasattr(module, "_instances") else ipywidgets.Widget.widgets
    captions = [
        part
        for part in widgets[shown[0][0][VIEW]["model_id"]].children
        if part is not image and not getattr(part, "description", "")
    ]
    assert [caption.value for caption in captions] == [words(2, "line")]
    slider.value = 3
    assert [caption.value for caption in captions] == [words(3, "line")]


def test_values_arrive_by_name_and_in_range(shown: list) -> None:
    seen: list[dict[str, Any]] = []

    def watch(**values: Any) -> Figure:
        seen.append(values)
        return draw(**values)

    explorer(watch, words, CONTROLS)
    (slider, _), _ = live(shown[0][0])
    slider.value = 99
    assert seen == [{"k": 2, "kind": "line"}, {"k": 8, "kind": "line"}]


def test_two_explorers_do_not_hear_each_other(shown: list) -> None:
    explorer(draw, words, CONTROLS)
    explorer(draw, words, CONTROLS)
    (slider, _), one = live(shown[0][0])
    _, other = live(shown[1][0])
    before = other.value
    slider.value = 7
    assert other.value == before != one.value


def test_no_control(shown: list) -> None:
    with pytest.raises(ValueError, match="at least one control, got none"):
        explorer(draw, words, {})
    assert shown == []


@pytest.mark.parametrize(
    "control",
    [
        (1, 8, 0.5, 9),
        (1, 8, 0.5, 0.99),
        (8, 1, 0.5, 2),
        (1, 8, 0, 2),
        (1, 8, -1, 2),
        (1, 8, float("nan"), 2),
        (1, 8, 1, float("nan")),
        (1, float("inf"), 1, 2),
        (1, 8, 1),
        (1, 8, 1, 2, 3),
        (1, 8, None, 2),
        (1, 8, "half", 2),
    ],
)
def test_a_slider_that_cannot_be(shown: list, control: Any) -> None:
    with pytest.raises(
        ValueError, match="the slider 'steepness' needs lowest <= start <= highest and a step above 0"
    ):
        explorer(draw, words, {**CONTROLS, "k": ("steepness", control)})
    assert shown == []


@pytest.mark.parametrize("control", [[], ()])
def test_an_empty_list_of_words(shown: list, control: Any) -> None:
    with pytest.raises(ValueError, match="the list of words for 'kind' is empty"):
        explorer(draw, words, {**CONTROLS, "kind": ("kind", control)})
    assert shown == []

"""Explorers: one bundle, live sliders, and clear errors for bad controls."""

import base64
import importlib
import io
import json
from pathlib import Path
from typing import Any

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


def parts(data: dict[str, Any]) -> list[Any]:
    """All that stands behind the bundle's widget view."""
    module = importlib.import_module("ipywidgets.widgets.widget")
    widgets = module._instances if hasattr(module, "_instances") else ipywidgets.Widget.widgets
    return list(widgets[data[VIEW]["model_id"]].children)


def live(data: dict[str, Any]) -> tuple[list[Any], Any]:
    """The controls and the picture."""
    (picture,) = [part for part in parts(data) if isinstance(part, ipywidgets.Image)]
    return [part for part in parts(data) if getattr(part, "description", "")], picture


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
    assert [Image.open(io.BytesIO(one)).size for one in (png, redraw(k=2, kind="line").png)] == [
        (400, 250)
    ] * 2
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
    (caption,) = [
        part for part in parts(shown[0][0]) if part is not image and not getattr(part, "description", "")
    ]
    first = image.value
    assert caption.value == words(2, "line")
    slider.value = 99
    assert slider.value == 8
    slider.value = 6.5
    second = image.value
    assert caption.value == words(6.5, "line")
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
    assert len(shown) == 1  # nothing but the first bundle is ever displayed


def test_two_explorers_do_not_hear_each_other(shown: list) -> None:
    explorer(draw, words, CONTROLS)
    explorer(draw, words, CONTROLS)
    (slider, _), one = live(shown[0][0])
    _, other = live(shown[1][0])
    before = other.value
    slider.value = 7
    assert other.value == before != one.value


STEEP = "the slider 'steepness' needs lowest <= start <= highest and a step above 0"


@pytest.mark.parametrize(
    ("controls", "says"),
    [
        ({}, "at least one control, got none"),
        *((CONTROLS | {"kind": ("kind", empty)}, "the list of words for 'kind' is empty") for empty in ([], ())),
        *(
            (CONTROLS | {"k": ("steepness", slider)}, STEEP)
            for slider in (
                (1, 8, 0.5, 9), (1, 8, 0.5, 0.99), (8, 1, 0.5, 2), (1, 8, 0, 2), (1, 8, -1, 2), (1, 8, float("nan"), 2),
                (1, 8, 1, float("nan")), (1, float("inf"), 1, 2), (1, 8, 1), (1, 8, 1, 2, 3), (1, 8, None, 2), (1, 8, "half", 2),
                (-1e308, 1e308, 1, 0), (0, 1.7e308, 1.7e308, 0),  # farther apart than a number can say
            )
        ),
    ],
)  # fmt: skip
def test_controls_that_cannot_be(shown: list, controls: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        explorer(draw, words, controls)
    assert shown == []


class Counted:
    """In place of the sketcher: what is drawn is a place's number, and each drawing is counted."""

    png = b""  # set: what every picture is instead

    def __init__(self, drawn: list[int]) -> None:
        self.drawn = drawn

    def __call__(self, draw: Any) -> plots.Picture:
        self.drawn.append(draw())
        return plots.Picture(self.png or b"picture %d of place %d" % (len(self.drawn), self.drawn[-1]), 4, 3)


class Shell:
    """In place of IPython's: how many cells have been run."""

    def __init__(self) -> None:
        self.execution_count = 1


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    found = Shell()
    monkeypatch.setattr("IPython.get_ipython", lambda: found)
    return found


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The places drawn so far, in their order."""
    places: list[int] = []
    monkeypatch.setattr("course_utils.sketch.Sketcher", lambda: Counted(places))
    return places


def counting() -> Any:
    return explorer(lambda k: k, lambda k: f"Place {k}.", {"k": ("place", (1, 500, 1, 1))})


def test_a_place_seen_before_comes_from_memory(shown: list, shell: Shell, drawn: list[int]) -> None:
    redraw = counting()
    first, second = redraw(k=1), redraw(k=2)
    assert (redraw(k=1), redraw(k=2)) == (first, second) and drawn == [1, 2]
    assert live(shown[0][0])[1].value == first.png == b"picture 1 of place 1"


def test_a_cell_run_since_may_have_changed_the_picture(shown: list, shell: Shell, drawn: list[int]) -> None:
    redraw = counting()
    before = redraw(k=1)
    shell.execution_count += 1
    assert redraw(k=1).png != before.png and drawn == [1, 1]


def test_without_a_shell_pictures_are_remembered_too(shown, drawn, monkeypatch):
    monkeypatch.setattr("IPython.get_ipython", lambda: None)
    redraw = counting()
    assert redraw(k=3) == redraw(k=3) and drawn == [1, 3]


def test_the_64_latest_pictures_are_kept(shown: list, shell: Shell, drawn: list[int]) -> None:
    redraw = counting()
    for k in range(1, 65):
        redraw(k=k)
    redraw(k=1)  # looked at again: now 2 is the oldest
    assert drawn == list(range(1, 65))
    redraw(k=65)
    for k in (1, *range(3, 66)):
        redraw(k=k)
    assert drawn == list(range(1, 66))
    redraw(k=2)
    assert drawn[65:] == [2]


def test_whole_numbers_make_a_slider_of_whole_numbers(shown: list, drawn: list[int]) -> None:
    explorer(lambda k: k, lambda k: f"Place {k}.", {"k": ("place", (1, 9, 2, 3))})
    (slider,), image = live(shown[0][0])
    assert type(slider).__name__ == "IntSlider" and type(slider.value) is int
    assert (slider.description, slider.min, slider.max, slider.step, slider.value) == ("place", 1, 9, 2, 3)
    assert (image.format, image.width, image.height) == ("png", "4", "3")


@pytest.mark.parametrize(
    "control",
    [(1, 8, 2, 1), (1, 8, 2, 8), (3, 3, 1, 3), (1.0, 8.0, 0.5, 1.0), (-1e308, 0.5e308, 1e300, -1e308)],
)
def test_a_slider_may_start_at_either_end(shown: list, drawn: list[int], control: Any) -> None:
    explorer(lambda k: 0, lambda k: f"Place {k}.", {"k": ("place", control)})
    (slider,), _ = live(shown[0][0])
    assert (slider.min, slider.max, slider.step, slider.value) == control


@pytest.fixture
def blank(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every picture is a real one, of nothing."""
    target = io.BytesIO()
    Image.new("RGB", (4, 3)).save(target, format="png")
    monkeypatch.setattr(Counted, "png", target.getvalue())


def written(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "explorer.json").read_text(encoding="utf-8"))


def test_an_export_has_a_picture_and_words_for_every_place(shown: list, tmp_path: Path) -> None:
    one = explorer(draw, words, {"k": ("steepness", (-1, 1, 0.5, 0.5)), "kind": ("kind", ["line", "square"])})
    one.export(tmp_path / "new" / "folder")
    told = written(tmp_path / "new" / "folder")
    assert told["controls"] == [
        {"label": "steepness", "places": ["−1", "−0.5", "0", "0.5", "1"], "start": 3},
        {"label": "kind", "places": ["line", "square"], "start": 0},
    ]
    assert told["words"] == [words(k, kind) for k in (-1, -0.5, 0, 0.5, 1) for kind in ("line", "square")]
    assert told["sheet"] == 16 and not (tmp_path / "new" / "folder" / "1.webp").exists()
    stack = Image.open(tmp_path / "new" / "folder" / "0.webp")
    assert stack.size == (400, 2500)
    pictures = [stack.crop((0, 250 * number, 400, 250 * number + 250)) for number in range(10)]
    live_one = Image.open(io.BytesIO(one(k=-0.5, kind="square").png)).convert("RGB")
    apart = np.asarray(pictures[3].convert("RGB"), float) - np.asarray(live_one, float)
    assert np.abs(apart).max() < 40 and np.abs(apart).mean() < 1  # 64 colours for all of them


@pytest.mark.parametrize(
    ("control", "most", "places", "start"),
    [
        ((0, 100, 1, 50), 5, [0, 25, 50, 75, 100], 2),
        ((0, 100, 1, 7), 5, [0, 7, 50, 75, 100], 1),
        ((0, 100, 1, 98), 4, [0, 33, 98, 100], 2),
        ((0, 100, 1, 0), 1, [0, 100], 0),
        ((0, 100, 1, 7), 1, [0, 7, 100], 1),
        ((0, 10, 4, 8), 9, [0, 4, 8], 2),
        ((3, 3, 1, 3), 1, [3], 0),
        ((0.1, 0.7, 0.1, 0.3), 9, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], 2),
        ((0, 1, 0.4, 0.5), 9, [0.0, 0.4, 0.5, 0.8], 2),
        (["a", "b", "c"], 1, ["a", "b", "c"], 0),
    ],
)
def test_an_export_keeps_ends_and_start(shown, drawn, tmp_path, blank, control, most, places, start):
    explorer(lambda k: k, lambda k: f"{k}", {"k": ("place", control)}).export(tmp_path, most)
    (told,) = written(tmp_path)["controls"]
    assert written(tmp_path)["words"] == [str(place) for place in places]
    assert (told["places"], told["start"]) == (
        [place if isinstance(place, str) else f"{place:g}" for place in places],
        start,
    )


def test_the_longest_slider_is_thinned_first(shown: list, drawn: list, tmp_path: Path, blank: None) -> None:
    controls = {"a": ("a", (1, 9, 1, 1)), "b": ("b", (1, 4, 1, 1)), "c": ("c", ["x", "y", "z"])}
    explorer(lambda a, b, c: a, lambda a, b, c: c, controls).export(tmp_path, 50)
    assert [len(one["places"]) for one in written(tmp_path)["controls"]] == [4, 4, 3]


@pytest.mark.parametrize(("height", "sheet", "last"), [(3, 16, 2), (2000, 8, 2), (9000, 1, 1)])
def test_a_file_holds_16_pictures_or_as_many_as_a_webp_is_high(
    shown: list,
    drawn: list,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    height: int,
    sheet: int,
    last: int,
) -> None:
    target = io.BytesIO()
    Image.new("RGB", (4, height)).save(target, format="png")
    monkeypatch.setattr(Counted, "png", target.getvalue())
    explorer(lambda k: k, lambda k: f"{k}", {"k": ("place", (1, 18, 1, 1))}).export(tmp_path)
    heights = {}
    for file in tmp_path.glob("*.webp"):
        with Image.open(file) as stack:
            heights[int(file.stem)] = stack.height
    assert written(tmp_path)["sheet"] == sheet
    assert heights[0] == sheet * height and heights[17 // sheet] == last * height
    assert len(heights) == 17 // sheet + 1


@pytest.mark.parametrize("most", [0, -1, 2.5, True])
def test_an_export_of_no_pictures(shown: list, drawn: list, tmp_path: Path, most: Any) -> None:
    with pytest.raises(ValueError, match="most must be a whole number of at least 1"):
        counting().export(tmp_path, most)

"""Explore: a picture with controls, live where a kernel runs, a still picture with words everywhere else.

The picture is drawn into an image widget, never into an output widget: so a cell stores one bundle, with the live
widget, a PNG for readers without a kernel, and the words for those who cannot see it. For a page without a kernel an
explorer writes its pictures on a coarse grid: :meth:`Explorer.export`.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils import checks
from course_utils.plots import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

__all__ = ["Explorer", "explorer"]

KEPT = 64  # pictures, some 30 KB each
MOST = 400  # pictures of an export, some 3 KB each
SHEET = 16  # of them in one file, where they share what they have in common
TALLEST = 16_383  # pixels, of a WebP
Control = tuple[float, float, float, float] | Sequence[str]


@dataclass(frozen=True, eq=False)
class Explorer:
    """What :func:`explorer` returns; call it with a value for each control, and it returns the picture there."""

    redraw: Callable[..., Picture]
    words: Callable[..., str]
    controls: Mapping[str, tuple[str, Control]]

    def __call__(self, **values: Any) -> Picture:
        """The picture at these values of the controls."""
        return self.redraw(**values)

    def export(self, folder: Path, most: int = MOST) -> None:
        """Write what a page needs to move the controls without a kernel: 0.webp, 1.webp, ... and explorer.json.

        The pictures are numbered as digits are counted, the last control fastest, and stand one under the other, some
        to a file. explorer.json holds "controls" (each a label, the names of its "places" and the number of the one it
        starts at), "words", one for each picture, and "sheet", how many pictures a file holds (the last may hold fewer).

        Args:
            folder: made where it is missing.
            most: how many pictures at most, as far as thinning sliders to their ends and start allows; lists stay whole.

        Raises:
            ValueError: ``most`` is no whole number of at least 1.
        """
        checks.whole("most", most)
        grid = _thinned([_places(control) for _, control in self.controls.values()], most)
        folder.mkdir(parents=True, exist_ok=True)
        said, drawn = [], []
        for spot in itertools.product(*(places for places, _ in grid)):
            values = dict(zip(self.controls, spot, strict=True))
            said.append(self.words(**values))
            drawn.append(self.redraw(**values).png)
        sheet = max(1, min(SHEET, TALLEST // max(map(_height, drawn))))
        for number in range(0, len(drawn), sheet):
            stack = _stacked(drawn[number : number + sheet])
            stack.save(folder / f"{number // sheet}.webp", lossless=True, quality=90, method=4)
        told = [
            {"label": label, "places": [_name(place) for place in places], "start": places.index(start)}
            for (label, _), (places, start) in zip(self.controls.values(), grid, strict=True)
        ]
        (folder / "explorer.json").write_text(
            json.dumps({"controls": told, "words": said, "sheet": sheet}, ensure_ascii=False),
            encoding="utf-8",
        )


def explorer(
    draw: Callable[..., Figure], words: Callable[..., str], controls: Mapping[str, tuple[str, Control]]
) -> Explorer:
    """Show a picture that the reader can change by dragging, and return what redraws and exports it.

    Args:
        draw: takes the values of all controls by name, returns a figure; should take well under 100 ms. A figure of
            :func:`course_utils.plots.axes` is emptied and used again for the next picture, so it is not to be kept.
            Pictures are remembered until a cell is run.
        words: takes the same, returns a sentence that says what the picture shows: the stored words and the alt text.
            Numbers that may move between machines stand behind the sign for "about".
        controls: name -> (label, control). A control is (lowest, highest, step, start), a slider (of whole
            numbers where all four are), or a list of strings, a slider from word to word that starts with the
            first. (Not a menu: JupyterLab takes its arrow keys for moving from cell to cell.)

    Raises:
        ValueError: no control; a slider whose start is outside its range or whose step is not above 0; an empty list.
    """
    import ipywidgets
    from IPython import get_ipython
    from IPython.display import display

    from course_utils.sketch import Sketcher

    if not controls:
        raise ValueError("an explorer needs at least one control, got none")
    widgets = {name: _widget(ipywidgets, label, control) for name, (label, control) in controls.items()}

    sketcher = Sketcher()
    kept: dict[tuple[Any, ...], Picture] = {}  # the latest pictures, oldest first

    def redraw(**values: Any) -> Picture:
        # A cell run since may have changed what is drawn.
        place = (getattr(get_ipython(), "execution_count", 0), *sorted(values.items()))
        found = kept.pop(place, None) or sketcher(lambda: draw(**values))
        kept[place] = found
        if len(kept) > KEPT:
            del kept[next(iter(kept))]
        return found

    def current() -> dict[str, Any]:
        return {name: widget.value for name, widget in widgets.items()}

    first, alt = redraw(**current()), words(**current())
    image = ipywidgets.Image(value=first.png, format="png", width=first.width, height=first.height)
    image.layout.width, image.layout.max_width = f"{first.width}px", "100%"
    caption = ipywidgets.Label(alt)

    def follow(_change: object) -> None:
        image.value, caption.value = redraw(**current()).png, words(**current())

    for widget in widgets.values():
        widget.observe(follow, names="value")
    box = ipywidgets.VBox([*widgets.values(), image, caption])
    bundle = {
        "application/vnd.jupyter.widget-view+json": {
            "version_major": 2,
            "version_minor": 0,
            "model_id": box.model_id,
        },
        "image/png": base64.b64encode(first.png).decode(),
        "text/plain": alt,
    }
    metadata = {"image/png": {"alt": alt, "width": first.width, "height": first.height}}
    display(bundle, raw=True, metadata=metadata)  # type: ignore[no-untyped-call]
    return Explorer(redraw, words, controls)


def _height(png: bytes) -> int:
    return int.from_bytes(png[20:24], "big")  # where a PNG says it


def _stacked(pngs: Sequence[bytes]) -> Image.Image:
    """Pictures one under the other, each in a place as high and wide as the largest, in 64 colours for all of them.

    So few make a file half as heavy. Of Pillow's ways to choose them this one keeps small marks best.
    """
    from PIL import Image

    pictures = [Image.open(io.BytesIO(png)).convert("RGB") for png in pngs]
    width, height = (max(picture.size[side] for picture in pictures) for side in (0, 1))
    stack = Image.new("RGB", (width, height * len(pictures)), "white")
    for number, picture in enumerate(pictures):
        stack.paste(picture, (0, number * height))
    few = stack.quantize(64, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    return few.convert("RGB")


def _places(control: Control) -> tuple[list[Any], Any]:
    """All places of a control, in order, and the one it starts at."""
    if all(isinstance(option, str) for option in control):
        return list(control), control[0]
    lowest, highest, step, start = (float(number) for number in control)
    whole = all(isinstance(number, int) for number in control)
    count = math.floor((highest - lowest) / step + 1e-9) + 1
    places = sorted({start, *(round(lowest + k * step, 10) for k in range(count))})
    return ([int(place) for place in places], int(start)) if whole else (places, start)


def _thinned(grid: list[tuple[list[Any], Any]], most: int) -> list[tuple[list[Any], Any]]:
    """The grid with places taken from its longest sliders until ``most`` pictures do; ends and start stay."""
    counts = [len(places) for places, _ in grid]
    least = [len({places[0], start, places[-1]}) for places, start in grid]
    while math.prod(counts) > most:
        spare = [
            i for i, (_, start) in enumerate(grid) if counts[i] > least[i] and not isinstance(start, str)
        ]
        if not spare:
            break
        counts[max(spare, key=lambda i: counts[i])] -= 1
    thin = []
    for (places, start), count in zip(grid, counts, strict=True):
        at = [round(k * (len(places) - 1) / max(count - 1, 1)) for k in range(count)]
        begin = places.index(start)
        if begin not in at:
            nearest = min(range(1, count - 1), key=lambda k: abs(at[k] - begin))
            at[nearest] = begin
        thin.append(([places[k] for k in at], start))
    return thin


def _name(place: Any) -> str:
    return place if isinstance(place, str) else f"{place:.10g}".replace("-", "−")


def _widget(ipywidgets: Any, label: str, control: Control) -> Any:
    if not control:
        raise ValueError(f"the list of words for {label!r} is empty")
    style: dict[str, Any] = {
        "description": label,
        "style": {"description_width": "12em"},
        "layout": {"width": "36em"},
    }
    if all(isinstance(option, str) for option in control):
        return ipywidgets.SelectionSlider(options=list(control), value=control[0], **style)
    try:
        lowest, highest, step, start = (float(number) for number in control)
        sound = lowest <= start <= highest and step > 0 and math.isfinite(highest - lowest + step)
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise ValueError(
            f"the slider {label!r} needs lowest <= start <= highest and a step above 0, got {control!r}"
        )
    if all(isinstance(number, int) for number in control):
        return ipywidgets.IntSlider(
            min=control[0], max=control[1], step=control[2], value=control[3], **style
        )
    return ipywidgets.FloatSlider(
        min=lowest, max=highest, step=step, value=start, readout_format=".2f", **style
    )

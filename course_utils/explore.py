"""Explore: a picture with controls, live where a kernel runs, a still picture with words everywhere else.

The picture is drawn into an image widget, never into an output widget: so a cell stores one bundle, with the live
widget, a PNG for readers without a kernel, and the words for those who cannot see it.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.plots import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["explorer"]

KEPT = 64  # pictures, some 30 KB each
Control = tuple[float, float, float, float] | Sequence[str]


def explorer(
    draw: Callable[..., Figure], words: Callable[..., str], controls: Mapping[str, tuple[str, Control]]
) -> Callable[..., Picture]:
    """Show a picture that the reader can change by dragging, and return the function that redraws it.

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
    return redraw


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

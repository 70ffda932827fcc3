"""Explore: a picture with controls, live where a kernel runs, a still picture with words everywhere else.

The picture is drawn into an image widget, never into an output widget: so a cell stores one bundle, with the live
widget, a PNG for readers without a kernel, and the words for those who cannot see it.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from course_utils.plots import Picture, picture

__all__ = ["explorer"]

Control = tuple[float, float, float, float] | Sequence[str]


def explorer(
    draw: Callable[..., Figure], words: Callable[..., str], controls: Mapping[str, tuple[str, Control]]
) -> Callable[..., Picture]:
    """Show a picture that the reader can change by dragging, and return the function that redraws it.

    Args:
        draw: takes the values of all controls by name, returns a figure; should take well under 100 ms.
        words: takes the same, returns a sentence that says what the picture shows: the stored words and the alt text.
            Numbers that may move between machines stand behind the sign for "about".
        controls: name -> (label, control). A control is (lowest, highest, step, start), a slider, or a list of strings,
            a menu that starts with the first.

    Raises:
        ValueError: no control; a slider whose start is outside its range or whose step is not above 0; an empty menu.
    """
    import ipywidgets
    from IPython.display import display

    if not controls:
        raise ValueError("an explorer needs at least one control, got none")
    widgets = {name: _widget(ipywidgets, label, control) for name, (label, control) in controls.items()}

    def redraw(**values: Any) -> Picture:
        return picture(draw(**values), quick=True)

    def current() -> dict[str, Any]:
        return {name: widget.value for name, widget in widgets.items()}

    first, alt = redraw(**current()), words(**current())
    image = ipywidgets.Image(value=first.png, format="png", alt=alt, width=first.width, height=first.height)
    image.layout.width, image.layout.max_width = f"{first.width}px", "100%"

    def follow(_change: object) -> None:
        image.value = redraw(**current()).png

    for widget in widgets.values():
        widget.observe(follow, names="value")
    box = ipywidgets.VBox([*widgets.values(), image])
    bundle = {
        "application/vnd.jupyter.widget-view+json": {"version_major": 2, "version_minor": 0, "model_id": box.model_id},
        "image/png": base64.b64encode(first.png).decode(),
        "text/plain": alt,
    }
    metadata = {"image/png": {"alt": alt, "width": first.width, "height": first.height}}
    display(bundle, raw=True, metadata=metadata)  # type: ignore[no-untyped-call]
    return redraw


def _widget(ipywidgets: Any, label: str, control: Control) -> Any:
    if not control:
        raise ValueError(f"the menu {label!r} is empty")
    style: dict[str, Any] = {"description": label, "style": {"description_width": "12em"}, "layout": {"width": "36em"}}
    if all(isinstance(option, str) for option in control):
        return ipywidgets.Dropdown(options=list(control), value=control[0], **style)
    lowest, highest, step, start = (float(number) for number in control)
    if not lowest <= start <= highest or step <= 0:
        raise ValueError(f"the slider {label!r} needs lowest <= start <= highest and a step above 0, got {control!r}")
    return ipywidgets.FloatSlider(min=lowest, max=highest, step=step, value=start, readout_format=".2f", **style)

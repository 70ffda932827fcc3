"""Plots: the course's style in one place, figures of a fixed size, and pictures that carry their words.

A figure's title is its finding. Theory is a line, measurement is marks, seeds are dots or bands. An activation is drawn
with :func:`dress`: its own colour, dash and marker.
"""

from __future__ import annotations

import base64
import inspect
import io
import itertools
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
from matplotlib.rcsetup import cycler

from course_utils import activations
from course_utils.activations import Activation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "INK",
    "PALE",
    "Picture",
    "apart",
    "axes",
    "dress",
    "label_line",
    "look",
    "picture",
    "show",
    "style",
    "use_style",
]

INK, MUTED, PALE = "0.1", "0.4", "0.92"
DPI, COLOURS = 144, 256  # sharp on a high-resolution screen; a palette keeps the stored picture small
UNSEEN = {"backend", "backend_fallback", "interactive"}
PAGE = 100  # CSS pixels to the inch
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "figure.dpi": DPI,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": PALE,
    "axes.axisbelow": True,
    "axes.edgecolor": "0.6",
    "axes.labelcolor": "0.2",
    "axes.titlelocation": "left",
    "xtick.color": "0.35",
    "ytick.color": "0.35",
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "lines.markeredgewidth": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.handlelength": 3.2,
    "svg.hashsalt": "why-relu",
    "axes.prop_cycle": cycler(color=[
        "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#949494", "#56b4e9",
    ]),  # seaborn's colour-blind palette
}  # fmt: skip

# While a picture follows a slider: what hands out the figure of before, emptied, in place of a new one. It takes the
# maker of a new figure with its axes, and what tells the figures of one kind.
BLANK: ContextVar[Callable[[Callable[[], tuple[Any, Any]], object], tuple[Any, Any]] | None] = ContextVar(
    "BLANK", default=None
)


# Whether the course's settings are matplotlib's at the moment.
_STYLED: ContextVar[bool] = ContextVar("_STYLED", default=False)


def use_style() -> None:
    """Put the course's style into matplotlib's settings, for plots of the reader's own; its other settings stay.

    Figures of :func:`axes` need no help: they are the same under any settings. In a notebook cells then show their last
    value alone, as the stored outputs do, whatever IPython is set to.
    """
    mpl.rcParams.update(STYLE)
    if "IPython" in sys.modules and (shell := sys.modules["IPython"].get_ipython()):
        shell.ast_node_interactivity = "last_expr"


@contextmanager
def style(changes: dict[Any, Any] | None = None) -> Iterator[None]:
    """Matplotlib's defaults and the course's style, whatever the reader has set, for a block; then all as before.

    matplotlib reads its settings when a thing is made, and some when it is drawn. Every method of a figure from
    :func:`axes` and of its axes runs in such a block; what is made by itself, as a patch or a line, needs one.
    ``changes``: settings that differ in this block.
    """
    context = _context()
    if _STYLED.get():
        with mpl.rc_context(changes) if changes else nullcontext():
            yield
        return
    foreign = changes or any(mpl.rcParams[name] != wanted for name, wanted in _settings().items())
    former = _STYLED.set(True)
    try:
        with context([STYLE, changes or {}], after_reset=True) if foreign else nullcontext():
            yield
    finally:
        _STYLED.reset(former)


@cache
def _context() -> Callable[..., Any]:
    """matplotlib.style.context. Its import reads style sheets, at which old versions warn of libraries below them."""
    with _deaf():
        from matplotlib.style import context
    return context


@contextmanager
def _deaf() -> Iterator[None]:
    """What one library thinks of another's age is no word to a reader, who may have made errors of warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@cache
def _settings() -> dict[Any, Any]:
    """All that the style asks of matplotlib; what has no part in a picture is left to the reader."""
    with _context()(STYLE, after_reset=True):
        return {name: mpl.rcParams[name] for name in mpl.rcParams if name not in UNSEEN}


@cache
def _sheet() -> tuple[type[Figure], type[Axes]]:
    """The kinds of figure and axes that :func:`axes` gives: matplotlib's, with each public method in the style."""
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    def styled(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def run(*args: Any, **options: Any) -> Any:
            if _STYLED.get():
                return method(*args, **options)
            with style():
                return method(*args, **options)

        return run

    # Axes with a cla or a get_data_ratio of their own are treated otherwise by matplotlib.
    def methods(kind: type) -> dict[str, Any]:
        public = [name for name in dir(kind) if name[0] != "_" and name not in ("cla", "get_data_ratio")]
        found = {name: inspect.getattr_static(kind, name) for name in public}
        return {name: styled(method) for name, method in found.items() if inspect.isfunction(method)}

    def adding(owner: type, name: str) -> Any:
        method = getattr(owner, name)
        return styled(lambda self, *place, **options: method(self, *place, **{"axes_class": kind, **options}))

    kind = type("StyledAxes", (Axes,), methods(Axes) | {"inset_axes": adding(Axes, "inset_axes")})
    new = {name: adding(Figure, name) for name in ("add_axes", "add_subplot")}
    return type("StyledFigure", (Figure,), methods(Figure) | new), kind


def axes(
    finding: str,
    how: str = "",
    columns: int = 1,
    rows: int = 1,
    size: tuple[float, float] = (7.2, 4.0),
    **subplots: Any,
) -> tuple[Figure, Any]:
    """A figure of fixed size whose title is the finding.

    Args:
        finding: one sentence, what the reader should see.
        how: a second, quieter line: what lines, marks and numbers mean.
        columns, rows: panels; with more than one the second result is an array of axes.
        size: width and height in inches; default 7.2 x 4.0, the width of a notebook page.
        subplots: passed on to ``Figure.subplots`` (sharex, sharey, ...).

    Returns:
        The figure, and its axes as ``Figure.subplots`` gives them. The figure is not known to pyplot: it is shown by
        :func:`show` alone, once.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    def new() -> tuple[Figure, Any]:
        figure = _sheet()[0](figsize=size, dpi=DPI, layout="constrained")
        return figure, figure.subplots(rows, columns, **subplots)

    with style():
        used = BLANK.get()
        figure, grid = used(new, (size, rows, columns, repr(subplots))) if used else new()
        top = 1 - 0.12 / size[1]
        figure.text(0.008, top, finding, fontsize=12.5, fontweight="bold", color=INK, ha="left", va="top")
        lines = finding.count("\n") + 1
        if how:
            figure.text(
                0.008, top - 0.225 * lines / size[1], how, fontsize=9.5, color=MUTED, ha="left", va="top"
            )
        head = 0.2 + 0.225 * lines + (0.19 * (how.count("\n") + 1) if how else 0)
        layout = figure.get_layout_engine()
        if isinstance(layout, ConstrainedLayoutEngine):
            layout.set(rect=(0, 0, 1, 1 - head / size[1]))
    return figure, grid


def look(activation: str | Activation) -> dict[str, Any]:
    """Colour and dash of an activation's line, as keyword arguments for ``Axes.plot``."""
    entry = activations.get(activation)
    return {"color": entry.colour, "linestyle": entry.dash}


def dress(activation: str | Activation) -> dict[str, Any]:
    """Colour, dash, marker and label of an activation, as keyword arguments for ``Axes.plot``."""
    entry = activations.get(activation)
    return {"color": entry.colour, "linestyle": entry.dash, "marker": entry.marker, "label": entry.label}


def label_line(ax: Axes, x: float, y: float, text: str, colour: str, **text_options: Any) -> None:
    """Write a line's name beside it, at data coordinates (x, y), in its colour, on a thin white ground."""
    ground = {"boxstyle": "square,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    options = {
        "fontsize": 9,
        "fontweight": "bold",
        "ha": "left",
        "va": "center",
        "bbox": ground,
        **text_options,
    }
    ax.text(x, y, text, color=colour, **options)


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """The heights, pushed apart until neighbours are at least ``gap`` from each other; their order is kept."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = list(heights)
    for _ in range(200):
        for below, above in itertools.pairwise(order):
            short = gap - (placed[above] - placed[below])
            if short > 1e-9:
                placed[below] -= short / 2
                placed[above] += short / 2
    return placed


class Picture(NamedTuple):
    """A drawn figure: PNG bytes, and its width and height on the page in CSS pixels."""

    png: bytes
    width: int
    height: int


def picture(figure: Figure, quick: bool = False) -> Picture:
    """Draw a figure to a PNG of fixed size: 100 CSS pixels to the inch, drawn at 144.

    The pixels get a palette of 256 colours, a fraction of the usual bytes. ``quick`` draws one pixel to a CSS pixel and
    leaves the squeezing out.
    """
    from PIL import Image

    canvas = io.BytesIO()
    width, height = (round(inches * PAGE) for inches in figure.get_size_inches())
    with style(), _deaf():
        figure.savefig(canvas, format="png", dpi=PAGE if quick else DPI)
    if quick:
        return Picture(canvas.getvalue(), width, height)
    whole = Image.open(canvas).convert("RGB")
    # Of Pillow's ways this one keeps both the few pixels of a small mark and the many greys of a map near their colour.
    image = whole.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
    small = io.BytesIO()
    image.save(small, format="png", optimize=True)
    return Picture(small.getvalue(), width, height)


def show(figure: Figure, alt: str) -> None:
    """Show a figure with its words: one output that holds the PNG and, as plain text and as alt text, ``alt``.

    A number in ``alt`` that may differ between machines stands behind the sign for "about".

    Raises:
        ValueError: ``alt`` is empty or shorter than 20 characters: a reader who cannot see the picture needs a sentence.
    """
    from IPython.display import display

    if len(alt.strip()) < 20:
        raise ValueError(f"alt must be a sentence that says what the figure shows, got {alt!r}")
    drawn = picture(figure)
    bundle = {"image/png": base64.b64encode(drawn.png).decode(), "text/plain": alt}
    metadata = {"image/png": {"alt": alt, "width": drawn.width, "height": drawn.height}}
    display(bundle, raw=True, metadata=metadata)  # type: ignore[no-untyped-call]

"""Sketch: figure after figure drawn fast, for a picture that follows a slider.

Most of the time of a small figure goes into its words (matplotlib sets every letter anew) and into its layout. A
:class:`Sketcher` remembers both, so one picture takes about half the time of ``Figure.savefig``, and looks the same.
"""

import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from PIL import Image

from course_utils import plots

__all__ = ["Sketcher"]


class Sketcher:
    """Draws the figures of one explorer, one after the other; call it with what makes the next."""

    def __init__(self) -> None:
        self._canvas: _Canvas | None = None
        self._kind: object = None
        self._sheet: tuple[Figure, Any] | None = (
            None  # for the next picture; only one that was drawn to the end
        )
        self._in_use: tuple[Figure, Any] | None = None

    def __call__(self, draw: Callable[[], Figure]) -> plots.Picture:
        """The figure that ``draw`` returns as a PNG, one pixel to a CSS pixel.

        Where it comes from :func:`course_utils.plots.axes`, it is that of the call before, emptied and drawn anew: do
        not keep it.
        """
        self._in_use = None
        former = plots.BLANK.set(self._hand_out)
        try:
            with plots.style():
                return self._drawn(draw())
        finally:
            plots.BLANK.reset(former)

    def _drawn(self, figure: Figure) -> plots.Picture:
        width, height = (round(inches * plots.PAGE) for inches in figure.get_size_inches())
        if self._canvas is None or (self._canvas.width, self._canvas.height) != (width, height):
            self._canvas = _Canvas(width, height)
        self._canvas.clear()  # type: ignore[no-untyped-call]
        usual = figure.dpi
        figure.set_dpi(plots.PAGE)
        figure.draw(self._canvas)
        figure.set_dpi(usual)
        self._sheet = self._in_use or self._sheet
        pixels = self._canvas.buffer_rgba()  # type: ignore[no-untyped-call]
        png = io.BytesIO()
        Image.frombuffer("RGBA", (width, height), pixels, "raw", "RGBA", 0, 1).convert("RGB").save(
            png, format="png", compress_level=1
        )
        return plots.Picture(png.getvalue(), width, height)

    def _hand_out(self, new: Callable[[], tuple[Figure, Any]], kind: object) -> tuple[Figure, Any]:
        """The figure of before if it is of that kind, a new one otherwise or if it is in use."""
        if self._in_use:
            return new()
        sheet, self._sheet = self._sheet, None
        if sheet is None or self._kind != kind or len(sheet[0].axes) != np.size(sheet[1]):
            self._kind, sheet = kind, new()
        else:
            _empty(sheet[0])
        self._in_use = sheet
        return sheet


def _empty(figure: Figure) -> None:
    """Take everything off a figure but its axes, which keep their places, scales and ticks."""
    figure.set_layout_engine("none")
    drawn: list[Artist] = [*figure.texts, *figure.legends, *figure.images, *figure.lines, *figure.patches]
    for ax in figure.axes:
        drawn += [*ax.lines, *ax.patches, *ax.collections, *ax.images, *ax.texts, *ax.artists, *ax.tables]
        drawn += [legend for legend in [ax.get_legend()] if legend]
        ax.set_prop_cycle(None)
    for artist in drawn:
        artist.remove()
    for ax in figure.axes:
        ax.relim()
        ax.autoscale(True)


class _Canvas(RendererAgg):
    """Matplotlib's own, but for words: they are kept as little pictures and pasted when they come again."""

    LIMIT = 1000  # words kept
    MARGIN = 4  # pixels; a letter may reach beyond the width that it takes

    def __init__(self, width: int, height: int) -> None:
        super().__init__(width, height, plots.PAGE)  # type: ignore[no-untyped-call]
        self._sizes: dict[Any, tuple[float, float, float]] = {}
        self._words: dict[Any, tuple[int, int, np.ndarray]] = {}

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> tuple[float, float, float]:
        """As matplotlib's, in pixels."""
        key = (s, hash(prop), ismath)
        if key not in self._sizes:
            self._sizes[key] = super().get_text_width_height_descent(s, prop, ismath)  # type: ignore[no-untyped-call]
        return self._sizes[key]

    def draw_text(
        self,
        gc: Any,
        x: float,
        y: float,
        s: str,
        prop: Any,
        angle: float,
        ismath: Any = False,
        mtext: Any = None,
    ) -> None:
        """Draw the words ``s`` with their left end at (x, y), in pixels from the upper left corner."""
        if gc.get_alpha() != 1:
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)  # type: ignore[no-untyped-call]
            return
        left, top = math.floor(x), math.floor(y)
        key = (s, hash(prop), ismath, angle, gc.get_rgb(), x - left, y - top)
        if key not in self._words:
            if len(self._words) >= self.LIMIT:
                self._words.clear()
                self._sizes.clear()
            self._words[key] = self._word(gc, x - left, y - top, s, prop, angle, ismath, mtext)
        right, down, pixels = self._words[key]
        self.draw_image(gc, left + right, self.height - top - down - len(pixels), pixels)

    def _word(self, gc: Any, x: float, y: float, *text: Any) -> tuple[int, int, np.ndarray]:
        """A picture of the words that begin at (x, y), and where its upper left corner lies."""
        s, prop, angle, ismath, _ = text
        width, height, descent = self.get_text_width_height_descent(s, prop, ismath)
        turn = np.exp(-1j * math.radians(angle))  # y points down
        ends = [side + 1j * end for side in (0, width) for end in (descent - height, descent)]
        corners = turn * np.array(ends)
        left, top = (math.floor(part.min()) - self.MARGIN for part in (corners.real, corners.imag))
        right, bottom = (math.ceil(part.max()) + self.MARGIN for part in (corners.real, corners.imag))
        paper = RendererAgg(right - left, bottom - top, plots.PAGE)  # type: ignore[no-untyped-call]
        ink = paper.new_gc()
        ink.set_foreground(gc.get_rgb())
        ink.set_antialiased(gc.get_antialiased())
        paper.draw_text(ink, x - left, y - top, *text)  # type: ignore[no-untyped-call]
        pixels = np.asarray(paper.buffer_rgba())  # type: ignore[no-untyped-call]
        return left, top, pixels[::-1].copy()  # draw_image wants the lowest row first

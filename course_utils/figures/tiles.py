"""The tile of a claim: its id, the colour and the sign of its verdict; one look in every map of claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from course_utils import plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLOURS", "KEY", "MARKS", "draw"]

COLOURS = {
    "holds": "#0173b2",
    "fails": "#d55e00",
    "depends": "#ece133",
    "unproven": "#949494",
    "open": "white",
}
MARKS = {"holds": "✓", "fails": "✗", "depends": "◐", "unproven": "?", "open": ""}
KEY = "blue ✓ holds · orange ✗ fails · yellow ◐ depends · grey ? unproven · white: not tried yet"


def draw(ax: Axes, x: float, y: float, name: str, verdict: str, faint: bool = False) -> None:
    """A tile of 0.86 x 0.76 data units whose left edge is at x and whose middle is at height y."""
    from matplotlib.patches import FancyBboxPatch

    ink = "white" if verdict in ("holds", "fails") else plots.INK
    with plots.style():
        tile = FancyBboxPatch(
            (x, y - 0.38), 0.86, 0.76, boxstyle="round,pad=0,rounding_size=0.08",
            fc=COLOURS[verdict], ec="0.55", lw=0.8, alpha=0.25 if faint else 1,
        )  # fmt: skip
    ax.add_artist(tile)  # add_patch would reckon with the data limits, which nobody asks for here
    text = f"{name} {MARKS[verdict]}".strip()
    ax.text(x + 0.43, y, text, ha="center", va="center", fontsize=8, color="0.55" if faint else ink)

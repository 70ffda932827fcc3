"""Figures of notebook 01, Definitions."""

from collections.abc import Callable, Iterable

import torch
from matplotlib.figure import Figure
from torch import Tensor

from course_utils import activations, plots
from course_utils.activations import Activation

__all__ = ["gallery", "half_lines", "misprints", "sigmoid_stack"]


def gallery(entries: Iterable[Activation], z: Tensor, finding: str) -> Figure:
    """Value (in its dress) and slope (thin, grey, dashed) of each activation over z [points], on equal axes, three in a row."""
    entries = list(entries)
    rows = -(-len(entries) // 3)
    figure, grid = plots.axes(
        finding,
        "solid, coloured: the activation h · thin, dashed, grey: its slope dh/dz · same axes in every panel",
        columns=3, rows=rows, size=(7.2, 1.5 * rows + 0.6), sharex=True, sharey=True, squeeze=False,
    )  # fmt: skip
    for ax, entry in zip(grid.flat, entries, strict=False):
        ax.plot(z, entry(z), color=entry.colour, lw=2.4)
        ax.plot(z, entry.derivative(z), color="0.35", lw=1.1, linestyle=(0, (4, 1.5)))
        ax.text(
            0.04, 0.9, entry.label, transform=ax.transAxes, color=entry.colour, fontweight="bold", va="top"
        )
        ax.set_ylim(-1.3, 3)
    for ax in grid.flat[len(entries) :]:
        ax.set_axis_off()
    for ax in grid.flat[max(0, len(entries) - 3) : len(entries)]:  # the lowest of each column
        ax.set_xlabel("z")
        ax.tick_params(labelbottom=True)
    return figure


def misprints(z: Tensor, right: Tensor, printed: Tensor, finding: str) -> Figure:
    """The right slope of the sigmoid and the printed formula over z [points], on a logarithmic axis."""
    figure, ax = plots.axes(
        finding,
        "vertical axis logarithmic · the right slope never exceeds a quarter",
    )
    ax.plot(z, printed, color="0.2", linestyle=(0, (4, 1.5)))
    ax.plot(z, right, **plots.look("sigmoid"))
    ax.set_yscale("log")
    plots.label_line(ax, -5.6, 3e4, "as printed (E2)", "0.2", ha="left")
    plots.label_line(ax, 2.4, 0.25, "right: σ(z)(1 − σ(z))", activations.get("sigmoid").colour)
    ax.plot([0, 0], [0.25, 4], "o", color=plots.INK, ms=5)
    plots.label_line(ax, 0.25, 6.5, "4", plots.INK)
    plots.label_line(ax, -0.25, 0.11, "¼", plots.INK, ha="right")
    ax.set_xlabel("pre-activation z")
    ax.set_ylabel("value of the formula")
    return figure


def half_lines(x: Tensor, layer: Callable[[float, float], Tensor], b: float, finding: str) -> Figure:
    """ReLU(a x + b) over x [points] for a = 2 and a = -2, with the stretch x < -b/a marked in both panels."""
    figure, panels = plots.axes(
        finding,
        f"grey: the stretch x < −b/a · b = {b:g}",
        columns=2, size=(7.2, 3.1), sharey=True,
    )  # fmt: skip
    for ax, a in zip(panels, (2.0, -2.0), strict=True):
        ax.axvspan(float(x[0]), -b / a, color="0.88", lw=0)
        ax.plot(x, layer(a, b), color=activations.get("relu").colour, lw=2.4)
        ax.set_xlabel(f"x, with a = {a:g}")
        ax.set_xlim(float(x[0]), float(x[-1]))
        ax.set_xticks([-2, 0, 2])
    panels[0].set_ylabel("ReLU(ax + b)")
    return figure


def sigmoid_stack(z: Tensor, steps: Tensor, total: Tensor, softplus: Tensor, count: int, k: float) -> Figure:
    """Each sigmoid of a stack (steps [count, points]), their sum (total [points]), softplus and ReLU, over z [points]."""
    noun = "sigmoid climbs" if count == 1 else "shifted sigmoids climb"
    each = "σ(z − i + ½)" if k == 1 else f"σ({k:g}z − i + ½)/{k:g}"
    figure, ax = plots.axes(
        f"{count} {noun} along the softplus",
        f"thin: {each}, i = 1 … {count} · thick: their sum · dashed: softplus · thin blue: ReLU",
        size=(7.2, 3.6),
    )
    sigmoid, soft, relu = (activations.get(name) for name in ("sigmoid", "softplus", "relu"))
    ax.plot(z, steps.T, color=sigmoid.colour, lw=0.9, alpha=0.8)
    ax.plot(z, torch.relu(z), color=relu.colour, lw=1.2)
    ax.plot(z, total, color=sigmoid.colour, lw=3)
    ax.plot(z, softplus, color=soft.colour, linestyle=soft.dash, lw=1.8)
    ax.set_ylim(-0.3, 7)
    ax.set_xlabel("pre-activation z")
    ax.set_ylabel("activation h")
    return figure

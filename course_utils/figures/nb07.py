"""Figures of notebook 07, The race."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from course_utils import activations, plots
from course_utils.activations import Dash

__all__ = [
    "Arm",
    "Panel",
    "against_theory",
    "by_depth",
    "by_gain",
    "curves",
    "ends",
    "explored",
    "maps",
    "shares",
]

DASHED: Dash = (0, (5, 1.6))
CHANCE = math.log(10)
RATE_TICKS = {1e-3: "0.001", 1e-1: "0.1", 10.0: "10"}
GAIN_TICKS = {0.125: "⅛", 0.5: "½", 2.0: "2", 8.0: "8", 32.0: "32"}


class Panel(NamedTuple):
    """One map: its name, its gains [G] and rates [R], final losses and trained cells [G, R], critical gain or None."""

    name: str
    gains: Sequence[float]
    rates: Sequence[float]
    final: Tensor
    trained: Tensor
    critical: float | None


class Arm(NamedTuple):
    """How an arm is drawn: the activation whose colour and marker it wears, and its dash (None: the activation's)."""

    activation: str
    dash: Dash | None = None


def maps(panels: Sequence[Panel], usual: tuple[float, float], finding: str, how: str) -> Figure:
    """Maps side by side: dark is a low loss, a ring a cell that trains; the usual gains lie between two lines."""
    figure, grid = plots.axes(finding, how, columns=len(panels), size=(7.2, 4.6), sharey=True, squeeze=False)
    axes = grid[0]
    mesh = None
    for ax, panel in zip(axes, panels, strict=True):
        edges = [_edges(values) for values in (panel.rates, panel.gains)]
        loss = panel.final.clamp(0.5, 2.4).numpy()
        mesh = ax.pcolormesh(*edges, loss, cmap="cividis", vmin=0.5, vmax=2.4)
        row, column = torch.where(panel.trained)
        x, y = np.array(panel.rates)[column.numpy()], np.array(panel.gains)[row.numpy()]
        ax.plot(x, y, "o", ms=4.2, mfc="none", mec="white", mew=1.1)
        for edge in _around(panel.gains, usual):
            ax.axhline(edge, color="white", lw=1, linestyle=(0, (2, 2)))
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.minorticks_off()
        ax.set_xticks(list(RATE_TICKS), list(RATE_TICKS.values()))
        ax.set_yticks(list(GAIN_TICKS), list(GAIN_TICKS.values()))
        ax.set_xlim(edges[0][0], edges[0][-1])
        ax.set_ylim(edges[1][0], edges[1][-1])
        ax.grid(visible=False)
        if panel.critical is not None:
            ax.plot(
                [1.0], [panel.critical], marker="<", ms=7, color=plots.INK, clip_on=False,
                transform=ax.get_yaxis_transform(),
            )  # fmt: skip
        ax.set_title(panel.name, fontsize=10, fontweight="bold", color="0.2")
        ax.set_xlabel("learning rate")
    axes[0].set_ylabel("gain (std of the weights × √fan_in)")
    if mesh is not None:
        bar = figure.colorbar(mesh, ax=axes.tolist(), aspect=40, shrink=0.95, pad=0.02)
        bar.set_ticks([0.5, 1.0, 1.5, 2.0, CHANCE], labels=["0.5", "1", "1.5", "2", "ln 10"])
        bar.set_label("loss at the end (nats)")
        bar.outline.set_visible(False)
    return figure


def _edges(values: Sequence[float]) -> list[float]:
    """Borders of the cells around evenly spaced logarithms: one more than the values."""
    logs = torch.tensor(list(values), dtype=torch.float64).log()
    half = (logs[1] - logs[0]) / 2 if len(logs) > 1 else torch.tensor(0.5)
    edges: list[float] = torch.cat([logs[:1] - half, logs + half]).exp().tolist()
    return edges


def _around(gains: Sequence[float], usual: tuple[float, float]) -> tuple[float, float]:
    """Borders below and above the rows of cells whose gains lie within ``usual``."""
    inside = [i for i, gain in enumerate(gains) if usual[0] <= gain <= usual[1]]
    edges = _edges(gains)
    return edges[inside[0]], edges[inside[-1] + 1]


def by_depth(
    steps: Mapping[str, Mapping[int, Sequence[float]]],
    arms: Mapping[str, Arm],
    limit: int,
    finding: str,
    how: str,
    beside: tuple[str, float],
) -> Figure:
    """Steps of every network, arm -> depth -> [seeds], at its depth; infinity stands in the row "not in limit".

    ``beside``: name and steps of a classifier that has no depth, drawn as a level line.
    """
    figure, ax = plots.axes(finding, how)
    never = limit * 1.35
    ends, names = [], []
    depths = sorted({depth for row in steps.values() for depth in row})
    for i, (name, row) in enumerate(steps.items()):
        entry = activations.get(arms[name].activation)
        shift = (i - (len(steps) - 1) / 2) * 0.09
        dash = entry.dash if arms[name].dash is None else arms[name].dash
        for depth, values in row.items():
            shown = [value if math.isfinite(value) else never for value in values]
            ax.plot([depth + shift] * len(shown), shown, entry.marker, color=entry.colour, ms=4, alpha=0.55)
        middle = [_median(row[depth]) for depth in depths]
        shown = [value if math.isfinite(value) else never for value in middle]
        ax.plot([depth + shift for depth in depths], shown, color=entry.colour, linestyle=dash, lw=1.6)
        ends.append(math.log10(shown[-1]))
        names.append((name, entry.colour))
    for height, (name, colour) in zip(plots.apart(ends, 0.085), names, strict=True):
        plots.label_line(ax, depths[-1] + 0.4, 10**height, name, colour)
    ax.axhspan(limit * 1.12, limit * 1.6, color=plots.PALE, lw=0)
    ax.axhline(beside[1], color="0.35", lw=1, linestyle=(0, (2, 2)))
    ax.text(depths[0] - 0.45, beside[1] * 0.97, beside[0], fontsize=8.5, color="0.35", va="top")
    ax.set_yscale("log")
    ax.minorticks_off()
    ax.set_yticks([25, 50, 100, 200, never], ["25", "50", "100", "200", f"not in {limit}"])
    ax.set_ylim(0.8 * min(30, beside[1]), limit * 1.6)
    ax.set_xticks(depths)
    ax.set_xlim(depths[0] - 0.5, depths[-1] + 1.4)
    ax.set_xlabel("depth (hidden layers)")
    ax.set_ylabel("steps")
    return figure


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def against_theory(
    rows: Sequence[tuple[str, str, int, float, float, bool]], limit: int, finding: str, how: str
) -> Figure:
    """Rows (name, activation, depth, predicted share of the gradient left, median steps, hollow), one mark each."""
    figure, ax = plots.axes(finding, how)
    never = limit * 1.35
    for name, activation, depth, left, steps, hollow in rows:
        entry = activations.get(activation)
        y = steps if math.isfinite(steps) else never
        face = "none" if hollow else entry.colour
        ax.plot(left, y, entry.marker, mfc=face, mec=entry.colour, mew=1.2, ms=10 if hollow else 6)
        ax.annotate(
            str(depth),
            (left, y),
            _beside(name, activation, hollow),
            textcoords="offset points",
            fontsize=7.5,
            color=entry.colour,
        )
    ax.axhspan(limit * 1.12, limit * 1.6, color=plots.PALE, lw=0)
    seen: dict[str, activations.Activation] = {a: activations.get(a) for _, a, *_ in rows}
    for i, entry in enumerate(seen.values()):
        ax.plot(0.04, 0.5 - 0.075 * i, entry.marker, color=entry.colour, transform=ax.transAxes, ms=6)
        ax.text(
            0.06,
            0.5 - 0.075 * i,
            entry.label,
            color=entry.colour,
            transform=ax.transAxes,
            va="center",
            fontsize=9,
        )
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.minorticks_off()
    ax.set_yticks([50, 100, 200, never], ["50", "100", "200", f"not in {limit}"])
    ax.set_ylim(30, limit * 1.6)
    ax.set_xlabel("predicted: dL/dz at layer 1 over dL/dz at the last layer, at init")
    ax.set_ylabel("measured: median steps")
    return figure


def _beside(name: str, activation: str, hollow: bool) -> tuple[int, int]:
    """Where a mark's number stands, in points from the mark: out of the way of its neighbours' numbers."""
    if hollow:
        return -13, 4
    if activation == "tanh":
        return -2, 7
    if name == "σ(4z)":
        return -3, -13
    return (-10, 4) if activation == "gelu" else (6, 4)


def curves(
    panels: Mapping[str, Mapping[str, Tensor]],
    arms: Mapping[str, Arm],
    target: float,
    window: int,
    finding: str,
    how: str,
) -> Figure:
    """Panels of smoothed loss curves: title -> arm -> [steps, seeds]; thin lines are seeds."""
    figure, grid = plots.axes(finding, how, columns=len(panels), size=(7.2, 3.9), sharey=True)
    for ax, (title, rows) in zip(grid, panels.items(), strict=True):
        for name, losses in rows.items():
            entry = activations.get(arms[name].activation)
            dash = entry.dash if arms[name].dash is None else arms[name].dash
            smooth = losses.double().unfold(0, window, 1).mean(-1)
            at = np.arange(window, window + len(smooth))
            ax.plot(at, smooth, color=entry.colour, lw=0.6, alpha=0.45)
            ax.plot(at, smooth.median(1).values, color=entry.colour, linestyle=dash, lw=1.9, label=name)
        ax.axhline(target, color="0.35", lw=1, linestyle=(0, (2, 2)))
        ax.set_title(title, fontsize=10, fontweight="bold", color="0.2")
        ax.set_xlabel("step")
        ax.set_ylim(0.35, 2.5)
    grid[0].set_ylabel("training loss (nats)")
    grid[0].text(22, target - 0.03, f"finish: {target:g}", fontsize=8.5, color="0.35", va="top")
    grid[0].legend(loc="center right", bbox_to_anchor=(1.0, 0.62))
    return figure


def ends(
    rows: Sequence[tuple[str, str, Sequence[float], Sequence[float]]], finding: str, how: str, soon: str
) -> Figure:
    """How soon and how high: rows (name, activation, steps per seed, accuracies per seed, 0..1), one line each.

    ``soon``: what the steps lead to, for the axis. Infinite steps have no mark.
    """
    figure, (left, right) = plots.axes(finding, how, columns=2, size=(7.2, 3.4), sharey=True)
    for i, (_, activation, steps, accuracies) in enumerate(rows):
        entry = activations.get(activation)
        for ax, values in ((left, list(steps)), (right, [100 * value for value in accuracies])):
            shown = [value for value in values if math.isfinite(value)]
            ax.plot(shown, [-i] * len(shown), entry.marker, color=entry.colour, ms=5, alpha=0.6)
            if shown:
                ax.plot([sum(shown) / len(shown)] * 2, [-i - 0.3, -i + 0.3], color=entry.colour, lw=1.8)
    left.set_xscale("log")
    left.minorticks_off()
    left.set_xticks([25, 50, 100, 200, 400, 800], ["25", "50", "100", "200", "400", "800"])
    left.set_yticks([-i for i in range(len(rows))], [name for name, *_ in rows])
    left.set_ylim(-len(rows) + 0.4, 0.6)
    left.set_xlabel(soon)
    right.set_xlabel("test accuracy at the end (%)")
    return figure


def by_gain(
    gains: Sequence[float], steps: Mapping[str, Tensor], marks: Mapping[str, float], finding: str, how: str
) -> Figure:
    """Steps to the target against the gain, activation -> [G], infinity left out; marks: name -> gain."""
    figure, ax = plots.axes(finding, how)
    for name, row in steps.items():
        shown = torch.where(row.isfinite(), row, torch.full_like(row, math.nan))
        ax.plot(gains, shown, **plots.dress(name))
    ax.set_yscale("log")
    ax.set_xscale("log")
    ax.minorticks_off()
    ax.set_ylim(17, 260)
    for text, gain in marks.items():
        ax.axvline(gain, color="0.6", lw=0.9, linestyle=(0, (2, 2)))
        ax.text(gain * 1.04, 255, text, fontsize=8.5, color="0.35", rotation=90, va="top", ha="left")
    ax.set_xticks(list(GAIN_TICKS), list(GAIN_TICKS.values()))
    ax.set_yticks([20, 50, 100, 200], ["20", "50", "100", "200"])
    ax.set_xlabel("gain (std of the weights × √fan_in)")
    ax.set_ylabel("steps")
    ax.legend(loc="lower right")
    return figure


def shares(
    rows: Sequence[tuple[str, str, bool]],
    values: Mapping[str, Sequence[tuple[int, int, tuple[float, float]]]],
    finding: str,
    how: str,
) -> Figure:
    """Shares with intervals: rows (name, activation, hollow); values: panel title -> one share for each row."""
    figure, grid = plots.axes(finding, how, columns=len(values), size=(7.2, 3.4), sharey=True, sharex=True)
    for ax, (title, row) in zip(grid, values.items(), strict=True):
        for i, ((_, activation, hollow), (hits, count, (low, high))) in enumerate(
            zip(rows, row, strict=True)
        ):
            entry = activations.get(activation)
            face = "white" if hollow else entry.colour
            ax.plot([low, high], [-i, -i], color=entry.colour, lw=2.2, alpha=0.6)
            ax.plot(
                hits / count, -i, entry.marker, color=entry.colour, mfc=face, mec=entry.colour, mew=1.4, ms=7
            )
        ax.set_title(title, fontsize=10, fontweight="bold", color="0.2")
        ax.set_xlim(0, 1)
        ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
        ax.set_xlabel("share that trains")
    grid[0].set_yticks([-i for i in range(len(rows))], [name for name, *_ in rows])
    grid[0].set_ylim(-len(rows) + 0.4, 0.6)
    return figure


def explored(smooth: Tensor, window: int, activation: str, finding: str) -> Figure:
    """The explorer's picture: one cell's training curve [steps - window + 1]; drawn fast, on plain axes."""
    figure, ax = plots.axes(
        finding, f"training loss, mean of {window} steps · dashed: chance, ln 10 · dotted: 1", size=(7.2, 3.3)
    )
    figure.set_layout_engine("none")
    ax.set_position((0.09, 0.15, 0.89, 0.64))
    entry = activations.get(activation)
    at = np.arange(window, window + len(smooth))
    top = 4.0
    shown = torch.where(smooth.isfinite(), smooth.clamp(max=top), torch.full_like(smooth, math.nan))
    ax.plot(at, shown, color=entry.colour, linestyle=entry.dash)
    ax.axhline(CHANCE, color="0.5", lw=0.9, linestyle=DASHED)
    ax.axhline(1.0, color="0.35", lw=0.9, linestyle=(0, (1, 2)))
    if not bool(smooth.isfinite().all()):
        ax.text(0.5, 0.85, "diverged", transform=ax.transAxes, color=entry.colour, ha="center", fontsize=11)
    ax.set_xlim(0, window + len(smooth))
    ax.set_ylim(0, top)
    ax.set_xlabel("step")
    ax.set_ylabel("training loss (nats)")
    return figure

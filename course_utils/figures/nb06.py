"""Figures of notebook 06, What batch norm fixes, and what it does not."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course_utils import activations, plots
from course_utils.activations import Activation, Dash

__all__ = [
    "Curve",
    "Point",
    "against_depth",
    "against_growth",
    "against_steps",
    "apart",
    "dead",
    "explored",
    "growth",
    "remedies",
    "training",
]

DASHED: Dash = (0, (5, 1.6))
CHANCE = 0.1


class Curve(NamedTuple):
    """One line of a figure: its name, the activation whose colour it wears, solid or dashed, and its values."""

    name: str
    activation: str
    solid: bool
    values: Tensor


class Point(NamedTuple):
    """One arm of :func:`against_growth`: accuracies [seeds] at a measured growth; ``changed``: drawn hollow."""

    name: str
    activation: str | Activation
    changed: bool
    growth: float
    accuracy: Tensor


def training(curves: Sequence[Curve], every: int, finding: str, how: str) -> Figure:
    """Training loss over the steps: values [points, seeds], mean of ``every`` steps each; lines: mean, bands: range."""
    figure, ax = plots.axes(finding, how, size=(7.2, 4.2))
    ax.axhline(math.log(10), color="0.4", lw=1, linestyle=(0, (2, 2)))
    ends = []
    for curve in curves:
        colour = activations.get(curve.activation).colour
        steps = every * (np.arange(len(curve.values)) + 1)
        mean = curve.values.mean(1)
        ax.plot(steps, mean, color=colour, linestyle="-" if curve.solid else DASHED)
        ax.fill_between(steps, curve.values.amin(1), curve.values.amax(1), color=colour, alpha=0.15, lw=0)
        ends.append(float(mean[-1]))
    heights = plots.apart(ends, 0.13)
    last = every * len(curves[0].values)
    for curve, height in zip(curves, heights, strict=True):
        plots.label_line(ax, last * 1.015, height, curve.name, activations.get(curve.activation).colour)
    ax.text(last * 0.99, math.log(10) - 0.03, "chance: ln 10", color="0.35", fontsize=9, va="top", ha="right")
    ax.set_xlim(0, last * 1.36)
    ax.set_xticks([x for x in ax.get_xticks() if x <= last])
    ax.set_ylim(1.0, 2.65)
    ax.set_xlabel("training steps")
    ax.set_ylabel("cross-entropy in nats")
    return figure


def against_depth(depths: Sequence[int], curves: Sequence[Curve], finding: str, how: str) -> Figure:
    """Test accuracy against depth: values [depths, seeds]; marks: each seed, lines: mean."""
    figure, ax = plots.axes(finding, how, size=(7.2, 4.3))
    ax.axhline(CHANCE, color="0.4", lw=1, linestyle=(0, (2, 2)))
    places = list(range(len(depths)))
    heights = plots.apart([float(c.values[-1].mean()) for c in curves], 0.055)
    for i, (curve, height) in enumerate(zip(curves, heights, strict=True)):
        entry = activations.get(curve.activation)
        ax.plot(places, curve.values.mean(1), color=entry.colour, linestyle="-" if curve.solid else DASHED)
        fill = entry.colour if curve.solid else "white"
        for place, seeds in zip(places, curve.values, strict=True):
            x = np.full(len(seeds), place + 0.03 * (i - len(curves) / 2))
            ax.plot(x, seeds, entry.marker, mfc=fill, mec=entry.colour, mew=1, ms=4.5, alpha=0.75)
        plots.label_line(ax, places[-1] + 0.13, height, curve.name, entry.colour)
    ax.text(-0.2, CHANCE - 0.035, "chance", color="0.35", fontsize=9, va="center")
    ax.set_xlim(-0.25, places[-1] + 0.95)
    ax.set_ylim(0, 0.9)
    ax.set_xticks(places, [str(d) for d in depths])
    ax.set_xlabel("hidden layers")
    ax.set_ylabel("test accuracy")
    return figure


def against_steps(
    steps: Sequence[int],
    panels: Mapping[str, Sequence[Curve]],
    baseline: Mapping[str, Tensor],
    finding: str,
    how: str,
) -> Figure:
    """Test accuracy on the way, a panel for each optimiser; lines: mean, bands: range, crosses: a linear classifier.

    Args:
        steps: where it was measured, rising.
        panels: title -> curves of values [steps, seeds].
        baseline: title -> accuracies [steps] of a linear classifier after as many steps.
    """
    figure, grid = plots.axes(finding, how, columns=len(panels), size=(7.2, 4.0), sharey=True, squeeze=False)
    last = steps[-1]
    for ax, (title, curves) in zip(grid[0], panels.items(), strict=True):
        ends = [float(curve.values[-1].mean()) for curve in curves]
        for curve, height in zip(curves, plots.apart(ends, 0.07), strict=True):
            colour = activations.get(curve.activation).colour
            low, high = curve.values.amin(1), curve.values.amax(1)
            ax.plot(steps, curve.values.mean(1), color=colour, linestyle="-" if curve.solid else DASHED)
            ax.fill_between(steps, low, high, color=colour, alpha=0.15, lw=0)
            plots.label_line(ax, last * 1.03, height, curve.name, colour, fontsize=8.5)
        ax.plot(steps, baseline[title], "x", color="0.35", ms=6, mew=1.6)
        ax.set_title(title, loc="left", fontsize=10)
        ax.set_xlim(0, last * 1.62)
        ax.set_xticks([0, *steps])
        ax.set_xlabel("training steps")
    grid[0][0].set_ylim(0, 0.9)
    grid[0][0].set_ylabel("test accuracy")
    return figure


def growth(curves: Sequence[Curve], predicted: Mapping[str, Tensor], finding: str, how: str) -> Figure:
    """The size of dL/dz over the layers with batch norm, relative to the last: values [depth, N]; lines: predicted."""
    figure, ax = plots.axes(finding, how)
    depth = len(curves[0].values)
    layers = np.arange(1, depth + 1)
    ends = [math.log10(float(c.values[0].log().mean().exp())) for c in curves]
    for curve, height in zip(curves, plots.apart(ends, 0.12), strict=True):
        entry = activations.get(curve.activation)
        ax.plot(layers, predicted[curve.activation], color=entry.colour, linestyle=entry.dash, lw=1.6)
        ax.plot(layers, curve.values, entry.marker, color=entry.colour, ms=3.4, alpha=0.45)
        plots.label_line(ax, 0.3, 10**height, curve.name, entry.colour, ha="right", fontsize=8.5)
    ax.set_yscale("log")
    ax.set_xlim(-5.5, depth + 0.7)
    ax.set_xticks([1, *range(5, depth + 1, 5)])
    ax.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    ax.minorticks_off()
    ax.set_xlabel("layer (1 = next to the input)")
    ax.set_ylabel("size of dL/dz, relative to the last layer")
    return figure


def against_growth(points: Sequence[Point], finding: str, how: str) -> Figure:
    """Test accuracy against the growth of gradients measured at init; marks: each seed, bar: mean."""
    figure, ax = plots.axes(finding, how, size=(7.2, 4.3))
    ax.axhline(CHANCE, color="0.4", lw=1, linestyle=(0, (2, 2)))
    heights = plots.apart([float(point.accuracy.mean()) for point in points], 0.062)
    for point, height in zip(points, heights, strict=True):
        entry = activations.get(point.activation)
        x = np.full(len(point.accuracy), point.growth)
        fill = "white" if point.changed else entry.colour
        ax.plot(x, point.accuracy, entry.marker, mfc=fill, mec=entry.colour, mew=1.2, ms=5.5, alpha=0.8)
        mean = float(point.accuracy.mean())
        ax.plot([point.growth - 0.004, point.growth + 0.004], [mean, mean], color=entry.colour, lw=2)
        near = [p.growth for p in points if abs(p.growth - point.growth) < 0.04 and _near(p, point)]
        plots.label_line(ax, max(near) + 0.0095, height, point.name, entry.colour)
    ax.text(1.012, CHANCE - 0.035, "chance", color="0.35", fontsize=9, va="center")
    ax.set_xlim(1.01, 1.325)
    ax.set_ylim(0, 0.9)
    ax.set_xticks([1.05, 1.1, 1.15, 1.2, 1.25])
    ax.set_xlabel("growth of dL/dz per layer, toward the input, measured at init")
    ax.set_ylabel("test accuracy")
    return figure


def apart(curves: Sequence[Curve], start: float, finding: str, how: str) -> Figure:
    """The distance of an image and its noisy twin over the layers: values [depth, N]; lines: mean, marks: each."""
    figure, ax = plots.axes(finding, how)
    depth = len(curves[0].values)
    layers = np.arange(1, depth + 1)
    ends = [math.log10(float(c.values[-1].log().mean().exp())) for c in curves]
    low = math.log10(start)
    for curve, height in zip(curves, plots.apart(ends, -low / 14), strict=True):
        entry = activations.get(curve.activation)
        mean = curve.values.log().mean(1).exp()
        ax.plot(layers, mean, color=entry.colour, linestyle="-" if curve.solid else DASHED)
        ax.plot(layers[::3], curve.values[::3], entry.marker, color=entry.colour, ms=3, alpha=0.4)
        plots.label_line(ax, depth + 0.6, 10**height, curve.name, entry.colour)
    ax.set_yscale("log")
    ax.set_xlim(0, depth + 9.5)
    ax.set_xticks([1, *range(5, depth + 1, 5)])
    ax.set_xlabel("layer (1 = next to the input)")
    ax.set_ylabel("distance, over the root mean square of z")
    return figure


def remedies(rows: Mapping[str, tuple[str, Tensor]], finding: str, how: str) -> Figure:
    """Test accuracy [seeds] of each remedy: name -> (activation, accuracies), top to bottom."""
    figure, ax = plots.axes(finding, how, size=(7.2, 4.1))
    ax.axvline(CHANCE, color="0.4", lw=1, linestyle=(0, (2, 2)))
    for i, (activation, seeds) in enumerate(rows.values()):
        entry = activations.get(activation)
        ax.plot(seeds, np.full(len(seeds), i), entry.marker, color=entry.colour, ms=5.5, alpha=0.7)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set_xlim(0, 0.9)
    ax.text(CHANCE + 0.008, 3, "chance", color="0.35", fontsize=9, va="center")
    ax.set_xlabel("test accuracy")
    return figure


def dead(names: Sequence[str], plain: Tensor, normed: Tensor, finding: str, how: str) -> Figure:
    """Share of dead units [settings, seeds] in ReLU networks without and with batch norm; marks: each seed."""
    figure, ax = plots.axes(finding, how, size=(7.2, 3.4))
    entry = activations.get("relu")
    for values, fill, offset, name in (
        (plain, "white", -0.1, "without"),
        (normed, entry.colour, 0.1, "with"),
    ):
        for i, seeds in enumerate(values):
            x = np.full(len(seeds), i + offset)
            ax.plot(x, 100 * seeds, entry.marker, mfc=fill, mec=entry.colour, mew=1.2, ms=5.5, alpha=0.8)
        ax.text(0 + offset, 103, name, ha="right" if offset < 0 else "left", fontsize=9, color=entry.colour)
    ax.set_xticks(range(len(names)), list(names))
    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set_ylim(-4, 112)
    ax.set_yticks([0, 25, 50, 75, 100])
    ax.set_ylabel("dead units, %")
    return figure


def explored(measured: Tensor, predicted: Tensor | None, activation: str, finding: str, how: str) -> Figure:
    """The explorer's picture: dL/dz over the layers, measured [depth, N] and, where there is one, predicted [depth].

    Drawn fast: powers of ten on a plain axis, and a place for the axes that need not be worked out.
    """
    figure, ax = plots.axes(finding, how, size=(7.2, 3.4))
    figure.set_layout_engine("none")
    ax.set_position((0.11, 0.15, 0.87, 0.64))
    entry = activations.get(activation)
    layers = np.arange(1, len(measured) + 1)
    marks = measured.log10().numpy()
    seen = [marks.ravel()]
    if predicted is not None:
        line = predicted.log10().numpy()
        ax.plot(layers, line, color=entry.colour, linestyle=entry.dash)
        seen.append(line)
    ax.plot(layers, marks, entry.marker, color=entry.colour, ms=4, alpha=0.5)
    ax.axhline(0, color="0.6", lw=0.8)
    _powers_of_ten(ax, np.concatenate(seen))
    ax.set_xticks([1, *range(5, len(measured) + 1, 5)])
    ax.set_xlabel("layer (1 = next to the input)")
    ax.set_ylabel("size of dL/dz")
    return figure


def _near(one: Point, other: Point) -> bool:
    return abs(float(one.accuracy.mean() - other.accuracy.mean())) < 0.1


def _powers_of_ten(ax: Axes, powers: np.ndarray) -> None:
    seen = powers[np.isfinite(powers)]
    low, high = min([-2.0, *seen]), max([3.0, *seen])
    ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    step = max(1, math.ceil((high - low) / 6))
    ticks = [t for t in range(math.ceil(low), math.floor(high) + 1) if t % step == 0]
    ax.set_yticks(ticks, ["1" if t == 0 else f"1e{t}" for t in ticks])

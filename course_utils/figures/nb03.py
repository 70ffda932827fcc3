"""Figures of notebook 03, Gradient products across depth."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course_utils import activations, plots
from course_utils.activations import Dash

__all__ = [
    "Curve",
    "blow_up",
    "by_init",
    "explored",
    "factor_against_gain",
    "log_norms",
    "merging",
    "opening",
    "slope_and_mean",
    "spectra",
    "z_and_w",
]

INIT_LOOK: dict[str, tuple[Dash, str]] = {
    "pytorch": ((0, (1.2, 1.2)), "v"),
    "xavier": ((0, (5, 1.6)), "o"),
    "he": ("-", "s"),
    "gain 4": ((0, (6, 1.5, 1.2, 1.5)), "^"),
}
INIT_NAMES = {"pytorch": "PyTorch", "xavier": "Xavier", "he": "He", "gain 4": "gain 4"}


class Curve(NamedTuple):
    """One arm of a figure over the layers.

    name: written beside the line. activation: its colour and marker are worn. dash: of the line; None: the
    activation's own. measured: [depth, N], marks. predicted: [depth], the line. note: behind the name.
    """

    name: str
    activation: str
    measured: Tensor
    predicted: Tensor
    dash: Dash | None = None
    note: str = ""


def opening(curves: Sequence[Curve], finding: str) -> Figure:
    """The size of dL/dz over the layers, relative to the last, of a few networks on one pair of axes."""
    figure, ax = plots.axes(
        finding,
        f"lines: theory · marks: {_networks(curves)} networks · ×: predicted change per layer",
    )
    _draw(ax, curves)
    _label_left(ax, curves, room=9.5)
    _over_layers(ax, len(curves[0].predicted), "size of dL/dz, relative to the last layer")
    return figure


def by_init(panels: Mapping[str, Mapping[str, tuple[Tensor, Tensor, float]]], finding: str) -> Figure:
    """A panel for each activation, in it a line for each init: (measured [depth, N], predicted [depth],
    factor).
    """
    count = next(iter(next(iter(panels.values())).values()))[0].shape[1]
    figure, grid = plots.axes(
        finding,
        f"dL/dz, relative to the last layer · lines: theory · marks: {count} networks · ×: per layer, predicted",
        columns=len(panels), size=(7.2, 4.2), sharey=True,
    )  # fmt: skip
    for ax, (name, inits) in zip(grid, panels.items(), strict=True):
        entry = activations.get(name)
        rows = []
        for init, (measured, predicted, factor) in inits.items():
            dash, marker = INIT_LOOK[init]
            layers = np.arange(1, len(predicted) + 1)
            ax.plot(layers, predicted, color=entry.colour, linestyle=dash, lw=1.5)
            ax.plot(layers[::2], measured[::2], marker, color=entry.colour, ms=3, alpha=0.45)
            rows.append((math.log10(float(predicted[0])), f"{INIT_NAMES[init]} ×{factor:.2f}"))
        for height, (_, text) in zip(plots.apart([row[0] for row in rows], 1.5), rows, strict=True):
            ax.text(0, 10**height, text, color=entry.colour, fontsize=8, ha="right", va="center")
        ax.set_yscale("log")
        ax.set_xlim(-17, len(predicted) + 1)
        ax.set_xticks([1, 12, 24])
        ax.set_title(entry.label, fontsize=10.5, color=entry.colour, fontweight="bold")
        ax.set_xlabel("layer")
    return figure


def z_and_w(left: Sequence[Curve], right: Sequence[Curve], finding: str) -> Figure:
    """The size of dL/dz (left) and of dL/dW (right) in the same networks, each with its
    predicted lines.
    """
    figure, grid = plots.axes(
        finding,
        f"relative to the last layer · lines: theory · marks: {_networks(left)} networks · ×: per layer, measured",
        columns=2, size=(7.2, 4.0), sharey=True,
    )  # fmt: skip
    for ax, curves, title in zip(grid, (left, right), ("dL/dz", "dL/dW"), strict=True):
        _draw(ax, curves)
        _label_left(ax, curves, room=22)
        _over_layers(ax, len(curves[0].predicted), "")
        ax.set_title(title, fontsize=10.5, fontweight="bold", color="0.2")
    return figure


def merging(curves: Sequence[Curve], resolution: float, finding: str) -> Figure:
    """The distance of two inputs over the layers, with float32's resolution marked."""
    figure, ax = plots.axes(
        finding,
        f"lines: theory · marks: {_networks(curves)} networks, pairs of images",
    )
    _draw(ax, curves)
    ax.axhline(resolution, color="0.35", lw=1, linestyle=(0, (2, 2)))
    ax.text(
        1,
        resolution / 1.6,
        "float32's resolution",
        color="0.35",
        fontsize=9,
        va="top",
    )
    depth = len(curves[0].predicted)
    heights = plots.apart([math.log10(float(c.measured[-1].mean())) for c in curves], 0.75)
    for curve, height in zip(curves, heights, strict=True):
        entry = activations.get(curve.activation)
        plots.label_line(ax, depth + 0.4, 10**height, curve.name, entry.colour)
    _over_layers(ax, depth, "distance of z, over its root mean square")
    ax.set_xlim(0.2, depth + 8)
    return figure


def slope_and_mean(curves: Sequence[Curve], finding: str) -> Figure:
    """The 2 x 2 of slope and mean: the size of dL/dz over the layers."""
    figure, ax = plots.axes(
        finding,
        f"lines: theory · marks: {_networks(curves)} networks · dashed: one half subtracted",
    )
    _draw(ax, curves)
    _label_left(ax, curves, room=11.5)
    _over_layers(ax, len(curves[0].predicted), "size of dL/dz, relative to the last layer")
    return figure


def factor_against_gain(
    gains: Tensor,
    predicted: Mapping[str, Tensor],
    measured: Mapping[str, tuple[Tensor, Tensor]],
    critical: Mapping[str, float],
    finding: str,
) -> Figure:
    """The factor per layer against the gain, [gains]; measured: gains and factors [count, seeds]; critical
    gains ringed.
    """
    count = next(iter(measured.values()))[1].shape[1]
    figure, ax = plots.axes(
        finding,
        f"lines: theory at the fixed point · marks: {count} networks at each gain · rings: critical gain",
        size=(7.2, 4.3),
    )
    ax.axhline(1, color="0.3", lw=1)
    for name, line in predicted.items():
        look = plots.look(name)
        ax.plot(gains, line, lw=1.8, **look)
        entry = activations.get(name)
        if name in measured:
            at, found = measured[name]
            ax.plot(at, found, entry.marker, color=entry.colour, ms=4, alpha=0.5)
        ax.plot(critical[name], 1, "o", ms=11, mfc="none", mec=entry.colour, mew=1.8)
    names = {"sigmoid": (6.0, 0.5, "left"), "tanh": (0.42, 0.62, "right"), "relu": (3.6, 3.2, "right")}
    for name, (x, y, side) in names.items():
        entry = activations.get(name)
        text = f"{entry.label}: {critical[name]:.4g}"
        plots.label_line(ax, x, y, text, entry.colour, ha=side)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(0.15, 22)
    ax.set_ylim(0.07, 4.5)
    ax.set_xticks([0.25, 0.5, 1, 2, 4, 8, 16], ["¼", "½", "1", "2", "4", "8", "16"])
    ax.set_yticks([0.1, 0.25, 0.5, 1, 2, 4], ["0.1", "0.25", "0.5", "1", "2", "4"])
    ax.minorticks_off()
    ax.set_xlabel("gain: standard deviation of the weights × √fan_in")
    ax.set_ylabel("change of dL/dz per layer")
    return figure


def blow_up(sizes: Mapping[str, tuple[str, Dash, Tensor, Tensor]], limit: float, finding: str) -> Figure:
    """Root mean square of h over the layers: name -> (activation, dash, measured [depth, N], predicted
    [depth]).
    """
    count = next(iter(sizes.values()))[2].shape[1]
    figure, ax = plots.axes(
        finding,
        f"root mean square of h · lines: theory · marks: {count} networks, in float64",
    )
    ax.axhline(limit, color="0.35", lw=1, linestyle=(0, (2, 2)))
    heights = plots.apart([math.log10(float(row[3][-1])) for row in sizes.values()], 3.2)
    depth = 1
    for i, (name, (activation, dash, measured, predicted)) in enumerate(sizes.items()):
        entry = activations.get(activation)
        depth = len(predicted)
        layers = np.arange(1, depth + 1)
        ax.plot(layers, predicted, color=entry.colour, linestyle=dash, lw=1.8)
        ax.plot(layers[i % 2 :: 2], measured[i % 2 :: 2], entry.marker, color=entry.colour, ms=3, alpha=0.5)
        plots.label_line(ax, depth + 0.8, 10 ** heights[i], name, entry.colour)
    ax.text(1, limit / 30, "the largest number float32 can hold", color="0.35", fontsize=9, va="top")
    ax.set_yscale("log")
    ax.set_xlim(0, depth + 16)
    ax.set_xticks([1, 10, 20, 30, 40])
    ax.set_xlabel("layer (1 = next to the input)")
    ax.set_ylabel("root mean square of h")
    return figure


def log_norms(logs: Mapping[int, Tensor], layers: int, finding: str) -> Figure:
    """Histograms of ln abs(h)^2 for each width [count], with the normal curve of mean -5L/2n and variance
    5L/n.
    """
    count = len(next(iter(logs.values())))
    figure, grid = plots.axes(
        finding,
        f"ln of the squared signal's change over the layers · bars: {count} networks · line: N(−5L/2n, 5L/n)",
        columns=len(logs), size=(7.2, 3.1), sharex=True, sharey=True,
    )  # fmt: skip
    entry = activations.get("relu")
    for ax, (width, values) in zip(grid, logs.items(), strict=True):
        variance = 5 * layers / width
        x = torch.linspace(-15, 6, 200)
        curve = torch.exp(-((x + variance / 2) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
        ax.hist(
            values.numpy(),
            bins=np.linspace(-15, 6, 31).tolist(),
            density=True,
            color=entry.colour,
            alpha=0.35,
        )
        ax.plot(x, curve, color=plots.INK, lw=1.6)
        ax.axvline(0, color="0.5", lw=1, linestyle=(0, (2, 2)))
        ax.set_title(f"width {width}", fontsize=10)
        ax.set_xlabel("ln(|h|² out / in)")
    grid[0].set_ylabel("share per unit")
    return figure


def spectra(values: Mapping[str, tuple[str, Dash, Tensor]], finding: str) -> Figure:
    """Singular values of Jacobians [width], over their root mean square, by rank."""
    width = len(next(iter(values.values()))[2])
    figure, ax = plots.axes(
        finding,
        f"singular values of a Jacobian of ten layers, width {width}, over their root mean square\n"
        "solid: orthogonal weights · dashed: Gaussian weights",
    )
    places = {"ReLU": (0.46, 1e-2), "sigmoid": (0.03, 3e-3), "tanh": (0.5, 2.6)}
    for name, (activation, dash, found) in values.items():
        entry = activations.get(activation)
        relative = (found / found.square().mean().sqrt()).clamp(min=1e-6)
        ax.plot(np.linspace(0, 1, len(relative)), relative, color=entry.colour, linestyle=dash)
        del name
    for name, (x, y) in places.items():
        entry = next(e for e in activations.registered() if e.label == name)
        plots.label_line(ax, x, y, name, entry.colour)
    ax.set_yscale("log")
    ax.set_ylim(1e-4, 10)
    ax.set_xlabel("rank of the singular value, from the largest (0) to the smallest (1)")
    ax.set_ylabel("singular value, relative")
    return figure


def explored(measured: Tensor, predicted: Tensor, activation: str, title: str) -> Figure:
    """The explorer's picture: dL/dz over the layers, measured [depth, N] and predicted [depth].

    Drawn fast: powers of ten on a plain axis, and a place for the axes that need not be worked out.
    """
    how = "line: theory · marks: three networks of width 64 · relative to the last layer"
    figure, ax = plots.axes(title, how, size=(7.2, 3.4))
    figure.set_layout_engine("none")
    ax.set_position((0.11, 0.15, 0.87, 0.64))
    entry = activations.get(activation)
    layers = np.arange(1, len(predicted) + 1)
    powers, marks = predicted.log10(), measured.log10()
    ax.plot(layers, powers, color=entry.colour, linestyle=entry.dash)
    ax.plot(layers, marks, entry.marker, color=entry.colour, ms=4, alpha=0.5)
    ax.axhline(0, color="0.6", lw=0.8)
    seen = torch.cat([powers, marks.flatten()])
    seen = seen[seen.isfinite()]
    low, high = min(-2.0, float(seen.min())), max(2.0, float(seen.max()))
    ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    step = max(1, math.ceil((high - low) / 6))
    ticks = [t for t in range(math.ceil(low), math.floor(high) + 1) if t % step == 0]
    ax.set_yticks(ticks, ["1" if t == 0 else f"1e{t}" for t in ticks])
    ax.set_xticks([1, *range(5, len(predicted) + 1, 5)])
    ax.set_xlabel("layer (1 = next to the input)")
    ax.set_ylabel("size of dL/dz")
    return figure


def _networks(curves: Sequence[Curve]) -> int:
    return curves[0].measured.shape[1]


def _draw(ax: Axes, curves: Sequence[Curve]) -> None:
    for curve in curves:
        entry = activations.get(curve.activation)
        layers = np.arange(1, len(curve.predicted) + 1)
        dash = entry.dash if curve.dash is None else curve.dash
        ax.plot(layers, curve.predicted, color=entry.colour, linestyle=dash, lw=1.6)
        ax.plot(layers, curve.measured, entry.marker, color=entry.colour, ms=3.4, alpha=0.45)
    ax.set_yscale("log")


def _label_left(ax: Axes, curves: Sequence[Curve], room: float) -> None:
    """Write each curve's name before layer 1, at its height, and make room for it."""
    low, high = (math.log10(v) for v in ax.get_ylim())
    heights = plots.apart(
        [math.log10(float(c.measured[0].log().mean().exp())) for c in curves], (high - low) / 17
    )
    for curve, height in zip(curves, heights, strict=True):
        colour = activations.get(curve.activation).colour
        plots.label_line(ax, 0.2, 10**height, f"{curve.name}{curve.note}", colour, ha="right", fontsize=8.5)
    ax.set_xlim(-room, len(curves[0].predicted) + 0.7)


def _over_layers(ax: Axes, depth: int, ylabel: str) -> None:
    ax.set_xticks([1, *range(5, depth + 1, 5)])
    ax.set_xlabel("layer (1 = next to the input)")
    ax.set_ylabel(ylabel)

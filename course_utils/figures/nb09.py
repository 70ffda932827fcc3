"""Figures of notebook 09, After the first step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils import activations, plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Line", "edges", "explored", "pull", "row", "updates", "ways"]

DASHED, DOTTED = (0, (5, 1.6)), (0, (1.2, 1.2))


class Line(NamedTuple):
    """An arm's values at each look: ``values`` [looks, seeds], ``theory`` at init; ``kind``: "", "other" or "norm"."""

    activation: str
    kind: str
    values: Tensor
    theory: float = float("nan")


def _style(activation: str, kind: str) -> dict[str, Any]:
    """An activation's colour; "other" weights are dashed, batch norm is a wide dotted line."""
    dash, width = {"": ("-", 1.8), "other": (DASHED, 1.8), "norm": (DOTTED, 2.8)}[kind]
    return {"color": activations.get(activation).colour, "linestyle": dash, "lw": width}


def ways(
    panels: Mapping[str, Mapping[str, Line]],
    steps: Sequence[int],
    finding: str,
    how: str,
    skip: Sequence[str] = (),
) -> Figure:
    """The factor at each look, a panel per optimiser: line the mean, band lowest to highest, a bar at the left edge: theory.

    skip: arms that are drawn without a name.
    """
    figure, grid = plots.axes(finding, how, columns=len(panels), size=(7.2, 4.4), sharey=True)
    at = np.log1p(np.array(steps, dtype=float))
    for ax, (title, lines) in zip(np.atleast_1d(grid), panels.items(), strict=True):
        ends = plots.apart([line.values[-1].mean().log().item() for line in lines.values()], 0.085)
        for (name, line), end in zip(lines.items(), ends, strict=True):
            look = _style(line.activation, line.kind)
            ax.fill_between(
                at, line.values.amin(1), line.values.amax(1), color=look["color"], alpha=0.12, lw=0
            )
            ax.plot(at, line.values.mean(1), **look)
            ax.plot([-0.75, -0.25], [line.theory] * 2, color=look["color"], lw=3.2, solid_capstyle="butt")
            if name not in skip:
                plots.label_line(ax, at[-1] + 0.12, float(np.exp(end)), name, look["color"], fontsize=7.5)
        ax.axhline(1, color="0.4", lw=0.9)
        ax.set_yscale("log")
        ax.set_yticks([0.25, 0.5, 0.7, 1.0, 1.4], ["0.25", "0.5", "0.7", "1", "1.4"])
        ax.set_ylim(0.19, 1.62)
        ax.minorticks_off()
        shown = [step for step in (0, 3, 10, 30, 100, 300) if step <= steps[-1]]
        ax.set_xticks(np.log1p(shown), [str(step) for step in shown])
        ax.set_xlim(-0.9, at[-1] + 2.9)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("step of training")
    np.atleast_1d(grid)[0].set_ylabel("factor of dL/dz per layer")
    return figure


def pull(rows: Mapping[str, tuple[str, Mapping[str, float]]], finding: str, how: str) -> Figure:
    """By how much each part, and the factor, has changed since init: arm -> (activation, name of the part -> ratio)."""
    figure, ax = plots.axes(finding, how, size=(7.2, 0.9 + 0.5 * len(rows)))
    marks = {"gain": "s", "slope": "^", "alignment": "D", "factor": "|", "factor, changes shuffled": "x"}
    for place, (activation, parts) in enumerate(rows.values()):
        colour = activations.get(activation).colour
        for name, ratio in parts.items():
            wide = name.startswith("factor")
            ax.plot(
                ratio,
                place,
                marks[name],
                color=colour,
                ms=13 if name == "factor" else 6.5,
                mew=2.4 if wide else 0,
            )
    for name, mark in marks.items():
        ax.plot([], [], mark, color="0.3", mew=2 if name.startswith("factor") else 0, ms=7, label=name)
    ax.axvline(1, color="0.4", lw=0.9)
    ax.set_xscale("log")
    ax.set_xticks([0.5, 0.7, 1, 1.4, 2], ["÷ 2", "÷ 1.4", "as at init", "× 1.4", "× 2"])
    ax.minorticks_off()
    ax.set_yticks(range(len(rows)), list(rows), fontsize=9)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel("after the last step, over before the first")
    figure.legend(loc="outside lower center", ncols=len(marks), fontsize=8, handletextpad=0.2)
    return figure


def updates(panels: Mapping[str, Mapping[str, Line]], finding: str, how: str) -> Figure:
    """Update over weight by layer, a panel per optimiser; values [depth, seeds]."""
    figure, grid = plots.axes(finding, how, columns=len(panels), size=(7.2, 3.9), sharey=True)
    for ax, (title, lines) in zip(np.atleast_1d(grid), panels.items(), strict=True):
        ends = plots.apart([line.values[0].mean().log10().item() for line in lines.values()], 0.42)
        for (name, line), end in zip(lines.items(), ends, strict=True):
            layers, look = np.arange(1, len(line.values) + 1), _style(line.activation, line.kind)
            ax.fill_between(
                layers, line.values.amin(1), line.values.amax(1), color=look["color"], alpha=0.14, lw=0
            )
            ax.plot(layers, line.values.mean(1), **look)
            plots.label_line(ax, 0.55, 10**end, name, look["color"], fontsize=7.5, ha="right")
        ax.axhline(1e-3, color="0.4", lw=0.9, linestyle=DASHED)
        ax.set_yscale("log")
        ax.set_ylim(top=0.3)
        ax.set_xlim(-5.6, len(layers) + 0.5)
        ax.set_xticks([1, len(layers) // 2, len(layers)])
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("layer (1 = next to the input)")
    np.atleast_1d(grid)[0].set_ylabel("step's change over weights")
    return figure


def edges(
    gains: Sequence[float],
    rates: Sequence[float],
    arms: Mapping[str, Mapping[str, Tensor]],
    finding: str,
    how: str,
) -> Figure:
    """The highest rate over the gain, a panel per activation.

    arms: activation -> "init" and "way", the rates that curvature gives, and "trains", the highest of ``rates`` that does
    (0: none); [gains, seeds] each.
    """
    figure, grid = plots.axes(finding, how, columns=len(arms), size=(7.2, 3.9), sharey=True)
    floor = min(rates) / 4
    for ax, (name, found) in zip(np.atleast_1d(grid), arms.items(), strict=True):
        entry = activations.get(name)
        for which, dash in (("init", "-"), ("way", DASHED)):
            middle = found[which].log().nanmean(1).exp()
            ax.plot(gains, middle, color=entry.colour, linestyle=dash)
        seeds = found["trains"].shape[1]
        for column in range(seeds):
            spread = np.array(gains) * 1.035 ** (column - (seeds - 1) / 2)
            trains = found["trains"][:, column].numpy()
            some = trains > 0
            ax.plot(spread[some], trains[some], entry.marker, color=entry.colour, ms=4.6, alpha=0.75)
            ax.plot(spread[~some], [floor] * int((~some).sum()), "x", color=entry.colour, ms=4, mew=1.1)
        ax.axhspan(floor / 2, floor * 2, color=plots.PALE, zorder=0)
        ax.text(
            gains[-1] * 1.05, floor * 2.3, "none of the grid trains", fontsize=7.5, color="0.35", ha="right"
        )
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_ylim(floor / 2, 20)
        ax.set_xticks(gains, [f"{gain:.2g}" for gain in gains])
        ax.minorticks_off()
        ax.set_title(entry.label, fontsize=10)
        ax.set_xlabel("gain")
    np.atleast_1d(grid)[0].set_ylabel("learning rate")
    return figure


def row(panels: Mapping[str, Mapping[str, Line]], labels: Sequence[str], finding: str, how: str) -> Figure:
    """Over a row of tasks, a panel per mapping: arm -> values [tasks, seeds], infinite where failed; labels of the axes up.

    A line is the median over the seeds, of the first task as it is and then of the mean over the last five tasks without
    the first; the band is the middle half.
    """
    figure, grid = plots.axes(finding, how, columns=len(panels), size=(7.2, 4.2))
    for ax, (title, lines), label in zip(np.atleast_1d(grid), panels.items(), labels, strict=True):
        smooth = {name: _running(line.values.double()) for name, line in lines.items()}
        middles = {name: _quantile(values, 0.5) for name, values in smooth.items()}
        every = torch.cat([middle[middle.isfinite()] for middle in middles.values()])
        ends = [float(middle[-1].clamp(max=every.max())) for middle in middles.values()]
        heights = plots.apart(ends, 0.062 * float(every.max() - every.min()))
        for (name, line), height in zip(lines.items(), heights, strict=True):
            look, tasks = _style(line.activation, line.kind), np.arange(1, len(line.values) + 1)
            low, high = (_quantile(smooth[name], share) for share in (0.25, 0.75))
            ax.fill_between(tasks, low, high, color=look["color"], alpha=0.13, lw=0)
            ax.plot(tasks, middles[name], **look)
            plots.label_line(ax, tasks[-1] + 0.8, height, name, look["color"], fontsize=7.5)
        ax.set_xlim(0.5, tasks[-1] * 1.66)
        ax.set_xticks([task for task in (1, 5, 10, 15, 20, 25, 30) if task <= tasks[-1]])
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("task")
        ax.set_ylabel(label)
    return figure


def _running(values: Tensor, window: int = 5) -> Tensor:
    """The first task as it is, after it means of the last tasks, up to ``window`` of them without the first."""
    means = [values[max(1, end - window) : end].mean(0) for end in range(2, len(values) + 1)]
    return torch.stack([values[0], *means])


def _quantile(values: Tensor, share: float) -> Tensor:
    """Of each row; no value in between two is made up, so that infinities stay what they are."""
    return values.quantile(share, dim=1, interpolation="lower")


def explored(dz: Tensor, theory: Tensor, activation: str, kind: str, finding: str) -> Figure:
    """The explorer's picture: dL/dz by layer over that of the last, [depth, seeds], and theory's line for init, [depth]."""
    how = "dL/dz by layer, over that of the last · marks: five networks now · line: what theory says of init"
    figure, ax = plots.axes(finding, how, size=(7.2, 3.6))
    layers, colour = np.arange(1, len(dz) + 1), activations.get(activation).colour
    ax.plot(layers, theory, **_style(activation, kind))
    ax.plot(layers, dz, activations.get(activation).marker, color=colour, ms=4.5, alpha=0.65)
    ax.axhline(1, color="0.4", lw=0.9)
    ax.set_yscale("log")
    ax.set_ylim(1e-7, 2e2)
    ax.set_xticks(layers)
    ax.set_xlabel("layer (1 = next to the input)")
    ax.set_ylabel("dL/dz, last layer = 1")
    ax.minorticks_off()
    return figure

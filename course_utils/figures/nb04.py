"""Figures of notebook 04, Sparsity."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from torch import Tensor

from course_utils import activations, plots

__all__ = [
    "accuracy",
    "after_training",
    "at_init",
    "brain",
    "during_training",
    "explored",
    "firing",
    "patterns",
    "race",
    "shifted",
]

RELU = activations.get("relu").colour
GREY, RED = "0.35", "#a11d33"
LOWEST = 0.002  # where the log axis of shares begins
SHADES = ("#7fb7dc", "#0173b2", "#00324f")  # ReLU's blue, lighter and darker: three arms of one activation
MARKERS = ("o", "s", "D", "^", "v")


def patterns(panels: Mapping[str, Tensor], finding: str, how: str) -> Figure:
    """Which entries of h are exactly 0: a panel for each name, from h [units, images]; zeros white, all else dark."""
    figure, grid = plots.axes(finding, how,
        columns=len(panels), size=(7.2, 3.3),
    )  # fmt: skip
    for ax, (name, h) in zip(grid, panels.items(), strict=True):
        ax.imshow((h != 0).numpy(), cmap="Greys", vmin=0, vmax=1.35, interpolation="nearest", aspect="equal")
        ax.set_title(f"{name}\n{float((h == 0).double().mean()):.0%} zeros", fontsize=9.5, loc="center")
        ax.grid(False)
        ax.set_xticks([])
        ax.set_yticks([])
        for spine in ax.spines.values():
            spine.set(visible=True, color="0.6")
    return figure


def at_init(zeros: Tensor, spread: Tensor, finding: str, how: str) -> Figure:
    """Share of zeros by layer at init: every network [N, depth] a dot, their mean, and the predicted mean and spread.

    spread: [depth], standard deviation of one network's share.
    """
    figure, ax = plots.axes(
        finding,
        how,
    )
    layers = np.arange(1, zeros.shape[1] + 1)
    jitter = torch.linspace(-0.28, 0.28, len(zeros)).numpy()
    for layer, column in zip(layers, zeros.T, strict=True):
        ax.plot(layer + jitter, column, "o", color=SHADES[0], ms=1.8, alpha=0.5)
    for sign in (-2, 2):
        ax.plot(layers, 0.5 + sign * spread, color=plots.INK, lw=1.3, linestyle=(0, (5, 1.6)))
    ax.axhline(0.5, color=plots.INK, lw=1.3)
    ax.plot(layers, zeros.mean(0), "s", color=SHADES[2], ms=5)
    ax.set_xticks(layers)
    ax.set_xlabel("layer (1 = next to the input)")
    ax.set_ylabel("share of exact zeros")
    _percent(ax)
    return figure


def shifted(
    biases: Tensor, predicted: Tensor, tried: Sequence[float], measured: Tensor, finding: str, how: str
) -> Figure:
    """Share of zeros against the initial bias: predicted [biases], a line; measured [tried, seeds], marks."""
    figure, ax = plots.axes(
        finding,
        how,
        size=(7.2, 3.2),
    )
    ax.plot(biases, predicted, color=RELU)
    ax.plot(list(tried), measured, "o", color=SHADES[2], ms=4.5, alpha=0.6)
    ax.axhline(0.5, color="0.6", lw=0.8)
    ax.axvline(0, color="0.6", lw=0.8)
    ax.set_xlabel("bias of all units, which is the mean of z")
    ax.set_ylabel("share of exact zeros")
    _percent(ax)
    return figure


def after_training(
    rates: Sequence[float], zeros: Mapping[int, Tensor], dead: Mapping[int, Tensor], finding: str, how: str
) -> Figure:
    """Share of zeros and of dead units after training against the learning rate; depth -> [rates, seeds]."""
    figure, grid = plots.axes(finding, how,
        columns=2, size=(7.2, 3.7), sharex=True, sharey=True,
    )  # fmt: skip
    for ax, shares, title in zip(grid, (zeros, dead), ("exact zeros", "dead units"), strict=True):
        for (depth, found), colour, marker in zip(shares.items(), SHADES, MARKERS, strict=False):
            ax.plot(rates, found, marker, color=colour, ms=4, alpha=0.6)
            label = f"{depth} hidden layer" + "s" * (depth > 1)
            ax.plot(rates, found.nanmean(1), color=colour, marker=marker, ms=0.1, lw=1.8, label=label)
        ax.set_title(title, fontsize=10.5, fontweight="bold", color="0.2")
        ax.set_xscale("log")
        ax.set_xticks(list(rates), [f"{rate:g}" for rate in rates], fontsize=8.5)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xlabel("learning rate")
        ax.set_ylim(-0.03, 1.03)
    grid[0].axhline(0.5, color="0.6", lw=0.8)
    _percent(grid[0])
    grid[0].set_ylabel("share")
    handles = [
        grid[1].plot([], [], m, linestyle="-", color=c, ms=5, lw=1.8)[0]
        for c, m, _ in zip(SHADES, MARKERS, zeros, strict=False)
    ]
    names = [f"{depth} hidden layer" + "s" * (depth > 1) for depth in zeros]
    grid[1].legend(handles, names, loc="upper left")
    return figure


def during_training(zeros: Mapping[str, Tensor], finding: str, how: str) -> Figure:
    """Share of zeros over the epochs, name of the arm -> [epochs + 1, seeds]; band: lowest to highest seed."""
    figure, ax = plots.axes(
        finding,
        how,
        size=(7.2, 3.6),
    )
    shades = _blues(len(zeros))
    heights = plots.apart([float(found[-1].mean()) for found in zeros.values()], 0.055)
    epochs = 0
    for (name, found), colour, marker, height in zip(zeros.items(), shades, MARKERS, heights, strict=False):
        epochs = len(found) - 1
        x = np.arange(len(found))
        ax.fill_between(x, found.amin(1), found.amax(1), color=colour, alpha=0.18, lw=0)
        ax.plot(x, found.mean(1), color=colour, marker=marker)
        plots.label_line(ax, epochs + 0.07, height, name, colour)
    ax.axhline(0.5, color="0.6", lw=0.8)
    ax.set_xlim(-0.1, epochs + 0.9)
    ax.set_xticks(range(epochs + 1))
    ax.set_xlabel("epochs")
    ax.set_ylabel("share of exact zeros")
    _percent(ax)
    return figure


def firing(panels: Mapping[str, Tensor], finding: str, how: str) -> Figure:
    """Histograms over units of the share of images a unit is on for; name -> [units]. Dead units get a red bar."""
    figure, grid = plots.axes(finding, how,
        columns=len(panels), size=(7.2, 3.2), sharey=True,
    )  # fmt: skip
    edges = np.linspace(0, 1, 21)
    for ax, (name, on) in zip(grid, panels.items(), strict=True):
        living = on[on > 0].numpy()
        dead = float((on == 0).double().mean())
        ax.hist(living, bins=edges.tolist(), weights=np.full(len(living), 1 / len(on)), color=SHADES[0])
        ax.bar(-0.06, dead, width=0.06, color=RED)
        ax.axvline(float(on.mean()), color=plots.INK, lw=1.2, linestyle=(0, (2, 2)))
        ax.set_title(f"{name}\n{100 * dead:.1f} % on for none", fontsize=9.5)
        ax.set_xlim(-0.12, 1.02)
        ax.set_xlabel("share of images")
        ax.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    grid[0].set_ylabel("share of units")
    return figure


def accuracy(
    sparse: Mapping[str, tuple[Tensor, Tensor]], dense: Mapping[str, Tensor], finding: str, how: str
) -> Figure:
    """Test accuracy against the share of zeros.

    sparse: arm -> (zeros, accuracies) of its networks; arms of ReLU alone in blues, the others in grey. dense: the label of an
    activation without zeros -> accuracies; in its colours where it is registered.
    """
    figure, ax = plots.axes(finding, how, size=(7.2, 4.4))
    shades = iter(_blues(sum("ReLU" in arm for arm in sparse)))
    for (arm, (zeros, found)), marker in zip(sparse.items(), itertools.cycle(MARKERS)):
        colour = next(shades) if "ReLU" in arm else GREY
        ax.plot(zeros, found, marker, color=colour, ms=6, mec="white", mew=0.5, label=arm)
    looks = {entry.label: (entry.colour, entry.marker) for entry in map(activations.get, activations.names())}
    for i, (label, found) in enumerate(dense.items()):
        colour, marker = looks.get(label, ("0.5", "P"))
        x = -0.05 + 0.075 * i
        ax.plot([x] * len(found), found, marker, color=colour, ms=5, alpha=0.75)
        ax.text(x, float(found.min()) - 0.008, label, color=colour, rotation=90, fontsize=9, fontweight="bold",
                ha="center", va="top")  # fmt: skip
    ax.axvline(-0.05 + 0.075 * len(dense), color="0.6", lw=0.8, linestyle=(0, (2, 2)))
    lowest = min(float(found.min()) for found in [*dense.values(), *(pair[1] for pair in sparse.values())])
    ax.set_xlim(-0.1, 1.0)
    ax.set_ylim(lowest - 0.1, None)
    ax.set_xticks([0.1, 0.5, 0.6, 0.7, 0.8, 0.9, 1], ["no zeros", "50", "60", "70", "80", "90", "100 %"])
    ax.set_xlabel("share of exact zeros after training")
    ax.set_ylabel("test accuracy")
    ax.legend(loc="lower left", bbox_to_anchor=(0.42, 0.0))
    return figure


# Colours that no activation wears.
WAYS = {"CSR": ("0.1", "-", "o"), "CSR + conversion": ("#6b7a1e", (0, (5, 1.6)), "s"),
        "gather": ("#8b2252", (0, (1.2, 1.2)), "^")}  # fmt: skip


def race(
    panels: Mapping[str, pd.DataFrame],
    even: Mapping[str, Mapping[str, float]],
    real: tuple[float, float],
    finding: str,
    how: str,
    own: Sequence[tuple[float, float]] = (),
) -> Figure:
    """Speed-up over the dense product against the share of zeros, a panel for each batch.

    panels: title -> table with zeros, way, speed_up. even: title -> way -> its break-even, ringed where it lies inside
    the panel. real: lowest and highest share of zeros of the trained networks, a band. own: (zeros, speed-up by CSR)
    of a real layer with its real activations, stars in the first panel.
    """
    figure, grid = plots.axes(finding, how,
        columns=len(panels), size=(7.2, 4.2), sharey=True,
    )  # fmt: skip
    for i, (ax, (title, table)) in enumerate(zip(grid, panels.items(), strict=True)):
        low, high = float(table.zeros.min()), float(table.zeros.max())
        ax.axvspan(*real, color="0.85", lw=0)
        ax.text(sum(real) / 2, 0.14, "our networks", fontsize=8.5, color="0.3", ha="center", va="bottom")
        ax.axhline(1, color=plots.INK, lw=1)
        s = np.linspace(low, high, 200)
        ax.plot(s, 1 / (1 - s), color="0.5", lw=0.9)
        for way, (colour, dash, marker) in WAYS.items():
            rows = table[table.way == way]
            ax.plot(rows.zeros, rows.speed_up, color=colour, linestyle=dash, marker=marker, ms=4)
            if low < even[title][way] < high:
                ax.plot(even[title][way], 1, "o", ms=10, mfc="none", mec=colour, mew=1.8)
        if i == 0:
            for zeros, speed_up in own:
                ax.plot(zeros, speed_up, "*", ms=13, color="#cc3366", mec="white", mew=0.7)
        ax.set_title(title, fontsize=10.5, fontweight="bold", color="0.2")
        ax.set_yscale("log")
        ax.set_ylim(0.12, 30)
        ax.set_xlabel("share of exact zeros")
        ax.yaxis.set_minor_locator(NullLocator())
        ax.set_yticks([0.25, 0.5, 1, 2, 4, 8, 16], ["¼", "½", "1", "2", "4", "8", "16"])
        ticks = [t for t in (0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99) if low - 0.01 <= t <= high + 0.01]
        ticks = [t for t in ticks if low > 0.4 or t not in (0.5, 0.7, 0.9)]
        ax.set_xticks(ticks, [f"{t:.0%}" for t in ticks])
    grid[0].set_ylabel("dense time / time")
    handles = [grid[1].plot([], [], marker=m, color=c, linestyle=d, ms=4)[0] for c, d, m in WAYS.values()]
    grid[1].legend(handles, list(WAYS), loc="upper left")
    return figure


def brain(rows: Mapping[str, tuple[float, float, str]], finding: str, how: str) -> Figure:
    """Shares of active units: name -> (low, high, kind); kind "cortex", "network" (ours) or "paper" sets the look.

    A low of 0 means that no lower end is known: the bar is open to the left.
    """
    figure, ax = plots.axes(
        finding,
        how,
        size=(7.2, 3.6),
    )
    looks = {"cortex": (RED, "D"), "paper": (GREY, "s"), "network": (RELU, "o")}
    for i, (low, high, kind) in enumerate(reversed(list(rows.values()))):
        colour, marker = looks[kind]
        low = max(low, LOWEST)
        if kind == "network":
            ax.plot([low, high], [i, i], color=colour, lw=2)
            ax.plot([(low * high) ** 0.5], [i], marker, color=colour, ms=7)
        else:
            ax.barh(i, high - low, left=low, height=0.5, color=colour, alpha=0.75)
            if low <= LOWEST:
                ax.plot(LOWEST * 1.09, i, "<", color="white", ms=6)
    ax.set_yticks(range(len(rows)), list(reversed(list(rows))))
    ax.tick_params(axis="y", length=0, labelsize=9)
    ax.set_xscale("log")
    ax.set_xlim(LOWEST, 1.3)
    ax.set_xticks([0.003, 0.01, 0.03, 0.1, 0.3, 1], ["0.3 %", "1 %", "3 %", "10 %", "30 %", "100 %"])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("share active")
    return figure


def explored(z: Tensor, density: Tensor, zero: Tensor, activation: str, finding: str, how: str) -> Figure:
    """The explorer's picture: the density of z [points], and where the activation counts as zero, bool [points]."""
    figure, ax = plots.axes(finding, how, size=(7.2, 3.2))
    figure.set_layout_engine("none")
    ax.set_position((0.1, 0.16, 0.88, 0.62))
    entry = activations.get(activation)
    ax.plot(z, density, color=entry.colour)
    ax.fill_between(z, 0, density, where=zero.tolist(), color=entry.colour, alpha=0.35, lw=0)
    bottom = torch.where(zero, -0.02 * float(density.max()), torch.nan)
    ax.plot(z, bottom, color=plots.INK, lw=3)
    ax.set_xlim(float(z[0]), float(z[-1]))
    ax.set_xlabel("z")
    ax.set_ylabel("density")
    return figure


def _blues(count: int) -> list[str]:
    """``count`` blues from light to dark, as hexadecimal colours."""
    light, dark = np.array([0x7F, 0xB7, 0xDC]), np.array([0x00, 0x28, 0x40])
    steps = np.linspace(0, 1, count) if count > 1 else np.array([0.5])
    return ["#" + "".join(f"{round(v):02x}" for v in light + s * (dark - light)) for s in steps]


def _percent(ax: Axes) -> None:
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")

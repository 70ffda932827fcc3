"""Figures of notebook 05, Dead units."""

import itertools
import math
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course_utils import activations, plots

__all__ = [
    "born_dead",
    "by_bias",
    "by_images_and_depth",
    "by_layer",
    "cures",
    "explored",
    "gates",
    "opening",
    "rates",
    "turnover",
]

DEAD = "#c0392b"
OTHERS = ("#3d3a7a", "#6b7a1e")  # colours that no activation wears
ARMS = {
    "ReLU": ("relu", "-", "o", True),
    "leaky ReLU": ("leaky_relu", (0, (6, 1.5, 1.2, 1.5)), "v", True),
    "ELU": ("elu", (0, (1.2, 1.2)), "D", True),
    "ReLU + batch norm": ("relu", (0, (5, 1.6)), "s", False),
}


def opening(panels: Mapping[str, Tensor], finding: str, how: str) -> Figure:
    """For each network [depth, width]: the share of images for which a unit is on, sorted in every layer."""
    figure, grid = plots.axes(finding, how,
        columns=len(panels), size=(7.2, 2.9), sharey=True,
    )  # fmt: skip
    for ax, (name, on) in zip(grid, panels.items(), strict=True):
        _units(ax, on)
        ax.set_title(name, fontsize=10)
        ax.set_xticks([])
        ax.set_xlabel(f"{on.shape[1]} units")
    grid[0].set_yticks(range(0, len(on), 3), [str(i + 1) for i in range(0, len(on), 3)])
    grid[0].set_ylabel("layer (1 = next to the input)")
    return figure


def gates(panels: Mapping[str, Tensor], finding: str, how: str) -> Figure:
    """For each network a bool [images, units] of one layer: who is on for whom."""
    figure, grid = plots.axes(finding, how,
        columns=len(panels), size=(7.2, 3.0), sharey=True,
    )  # fmt: skip
    for ax, (name, on) in zip(grid, panels.items(), strict=True):
        ax.imshow(_paint(on), aspect="auto", interpolation="nearest")
        ax.grid(visible=False)
        ax.set_title(name, fontsize=10)
        ax.set_xlabel(f"{on.shape[1]} units")
        ax.set_xticks([])
        ax.set_yticks([])
        for side in ax.spines.values():
            side.set_visible(True)
    grid[0].set_ylabel(f"{len(on)} images")
    return figure


def _paint(on: Tensor) -> np.ndarray:
    """Blue where on, white where off; a column without any blue is tinted pink."""
    picture = np.ones((*on.shape, 3))
    picture[:, (~on.any(0)).numpy()] = (0.96, 0.80, 0.78)
    picture[on.numpy()] = (0.004, 0.45, 0.70)
    return picture


def born_dead(
    widths: Sequence[int],
    law: Mapping[int, Sequence[float]],
    found: Mapping[int, Sequence[tuple[float, float, float]]],
    constant: Sequence[tuple[float, float, float]],
    finding: str,
    how: str,
) -> Figure:
    """The share of networks born dead against the width.

    law: depth -> probability at each width 1, 2, ... found: depth -> at each of ``widths`` share, low, high.
    constant: at each of ``widths``, the share constant for all inputs at 10 layers.
    """
    figure, ax = plots.axes(
        finding,
        how,
        size=(7.2, 4.4),
    )
    colours = ["0.55", *OTHERS, "0.1"]
    shapes = ["o", "s", "^", "D"]
    for (depth, line), colour, shape in zip(law.items(), colours, shapes, strict=False):
        at = np.arange(1, len(line) + 1)
        ax.plot(at, line, color=colour, lw=1.4)
        plots.label_line(ax, at[-1] * 1.05, line[-1], f"{depth} layer{'s' * (depth > 1)}", colour)
        share = np.array(found[depth])
        seen = share[:, 0] > 0
        low, high = share[:, 0] - share[:, 1], share[:, 2] - share[:, 0]
        x, bars = np.array(widths)[seen], np.stack([low, high])[:, seen]
        ax.errorbar(x, share[seen, 0], yerr=bars, fmt=shape, color=colour, ms=4, lw=1, capsize=2)
    rest = np.array(constant)
    kept = rest[:, 0] > 0
    ax.plot(
        np.array(widths)[kept],
        rest[kept, 0],
        "o",
        ms=6.5,
        mfc="none",
        mec=colours[1 + (len(law) > 3)],
        mew=1.4,
    )
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_ylim(4e-7, 1.8)
    ax.set_xlim(0.9, 42)
    ax.set_xticks([1, 2, 3, 5, 8, 12, 16, 20], ["1", "2", "3", "5", "8", "12", "16", "20"])
    ax.minorticks_off()
    ax.set_xlabel("width N: units in every layer")
    ax.set_ylabel("share of networks born dead")
    return figure


def by_layer(shares: Mapping[str, Tensor], finding: str, how: str) -> Figure:
    """The share of dead units over the layers, name -> [seeds, depth], of networks not yet trained."""
    figure, ax = plots.axes(
        finding,
        how,
    )
    looks = {
        "PyTorch's default": (DEAD, "-", "o"),
        "weights × √6": (OTHERS[1], (0, (5, 1.6)), "s"),
        "biases × 0": (OTHERS[0], "-", "^"),
        "batch norm": ("0.35", (0, (1.2, 1.2)), "D"),
    }
    ax.axhline(0.5, color="0.5", lw=1, linestyle=(0, (2, 2)))
    ax.text(1, 0.505, "one half: z without a trace of the image", fontsize=9, color="0.35", va="bottom")
    heights = plots.apart([float(share[:, -1].mean()) for share in shares.values()], 0.045)
    for (name, share), height in zip(shares.items(), heights, strict=True):
        colour, dash, shape = looks[name]
        layers = np.arange(1, share.shape[1] + 1)
        ax.plot(layers, share.mean(0), color=colour, linestyle=dash)
        ax.plot(layers, share.T, shape, color=colour, ms=3.4, alpha=0.5)
        plots.label_line(ax, layers[-1] + 0.25, height, name, colour)
    ax.set_xlim(0.7, layers[-1] + 3.2)
    ax.set_xticks(layers)
    ax.set_xlabel("layer (1 = next to the input)")
    ax.set_ylabel("share of units dead")
    return figure


def by_images_and_depth(
    counts: Sequence[int],
    by_count: Mapping[str, Tensor],
    depths: Sequence[int],
    by_depth: Mapping[str, Tensor],
    finding: str,
    how: str,
) -> Figure:
    """The share of dead units, untrained, against images and depth: name -> [knob values, seeds]."""
    figure, grid = plots.axes(finding, how,
        columns=2, size=(7.2, 3.2), sharey=True,
    )  # fmt: skip
    knobs = [(counts, by_count, "images that count as all"), (depths, by_depth, "hidden layers")]
    for ax, (values, shares, label) in zip(grid, knobs, strict=True):
        looks = ((DEAD, "o", "-"), (OTHERS[0], "^", (0, (5, 1.6))))
        for share, (colour, shape, dash) in zip(shares.values(), looks, strict=True):
            ax.plot(values, share.mean(1), color=colour, linestyle=dash)
            ax.plot(values, share, shape, color=colour, ms=3.4, alpha=0.5)
        ax.set_xscale("log")
        ax.set_xticks(values, [f"{v:,}" for v in values], fontsize=8.5)
        ax.minorticks_off()
        ax.set_xlabel(label)
    grid[0].set_ylabel("share of units dead")
    grid[0].set_ylim(0, None)
    return figure


def by_bias(panels: Mapping[str, pd.DataFrame], finding: str, how: str) -> Figure:
    """Test accuracy for each arm and bias; panel -> a table with arm, bias and accuracy, a row per network.

    The first panel's arms are the rows of all; an arm that another panel has not tried stays empty there. The higher of the
    two biases is drawn filled, the lower hollow.
    """
    first = next(iter(panels.values()))
    arms, biases = list(dict.fromkeys(first.arm)), sorted(first.bias.unique(), reverse=True)
    figure, grid = plots.axes(finding, how, columns=len(panels), size=(7.2, 3.3), sharey=True)
    for ax, (title, table) in zip(grid, panels.items(), strict=True):
        for (row, arm), (bias, lift) in itertools.product(
            enumerate(arms), zip(biases, (-0.14, 0.14), strict=True)
        ):
            found = table[(table.arm == arm) & (table.bias == bias)].accuracy
            name = "elu" if arm == "ELU" else "leaky_relu" if "leak" in arm else "relu"
            colour = activations.get(name).colour
            face = colour if bias == biases[0] else "none"
            ax.plot(found, [row + lift] * len(found), "o", ms=5, mfc=face, mec=colour, mew=1.2, alpha=0.75)
        ax.set_title(title, fontsize=10)
        ax.set_xlim(0, 0.9)
        ax.axvline(0.1, color="0.5", lw=1, linestyle=(0, (2, 2)))
        ax.set_xlabel("test accuracy")
    grid[0].set_yticks(range(len(arms)), arms)
    grid[0].invert_yaxis()
    return figure


def rates(table: pd.DataFrame, stride: float, finding: str, how: str) -> Figure:
    """The share of dead units as a map over learning rate and momentum, and as lines over rate / (1 - momentum).

    stride: of the dashed lines in both.
    """
    figure, (left, right) = plots.axes(finding, how,
        columns=2, size=(7.2, 4.0), width_ratios=(1.35, 1),
    )  # fmt: skip
    _map(left, table, stride)
    looks = _momenta(table)
    for (momentum, (colour, dash, shape)), (_, rows) in zip(
        looks.items(), table.groupby("momentum"), strict=True
    ):
        mean = rows.groupby("learning_rate").dead.mean()
        right.plot(
            mean.index.to_numpy(dtype=float) / (1 - momentum),
            mean,
            color=colour,
            linestyle=dash,
            label=f"momentum {momentum:g}",
        )
        right.plot(rows.learning_rate / (1 - momentum), rows.dead, shape, color=colour, ms=3.4, alpha=0.6)
    right.axvline(stride, color="0.25", lw=1.2, linestyle=(0, (4, 2)))
    _log_axis(right, [0.0125, 0.1, 0.8, 6.4])
    right.set_xlabel("stride: rate / (1 − momentum)")
    right.set_yticks([0, 0.2, 0.4, 0.6])
    right.set_ylabel("share of units dead")
    right.legend(loc="upper left", fontsize=8)
    return figure


def _momenta(table: pd.DataFrame) -> dict[float, tuple[str, object, str]]:
    """Colour, dash and marker of each momentum: the larger, the darker."""
    momenta = sorted(table.momentum.unique())
    blues = mpl.colormaps["Blues"](np.linspace(0.45, 1.0, len(momenta)))
    dashes = [(0, (1.2, 1.2)), (0, (5, 1.6)), (0, (6, 1.5, 1.2, 1.5)), "-", (0, (2.5, 1.2))]
    shapes = "osD^v"
    return {
        float(m): (mpl.colors.to_hex(blues[i]), dashes[i % 5], shapes[i % 5]) for i, m in enumerate(momenta)
    }


def _map(ax: Axes, table: pd.DataFrame, stride: float) -> None:
    """Cells of momentum by rate: the dead share as colour and number, the fates as signs; a line of equal stride."""
    dead = table.pivot_table(
        index="momentum", columns="learning_rate", values="dead", aggfunc="mean", dropna=False
    )
    picture = ax.imshow(
        dead.to_numpy(),
        cmap=mpl.colormaps["YlOrRd"].with_extremes(bad="0.75"),
        vmin=0,
        vmax=0.8,
        aspect="auto",
        origin="lower",
    )
    ax.grid(visible=False)
    fates = table.groupby(["momentum", "learning_rate"]).fate
    for row, momentum in enumerate(dead.index):
        for column, rate in enumerate(dead.columns):
            share = dead.loc[momentum, rate]
            counts = fates.get_group((momentum, rate)).value_counts()
            signs = [
                f"{sign}{counts[fate]}"
                for fate, sign in (("layer off", "∅"), ("diverged", "×"))
                if fate in counts
            ]
            number = "" if math.isnan(share) else f"{100 * share:.0f}"
            words = "\n".join(part for part in (number, " ".join(signs)) if part)
            ink = "white" if share > 0.5 else "0.15"
            # The line of equal stride passes under the words: a patch in the colour of the cell keeps it off them.
            under = "0.75" if math.isnan(share) else picture.cmap(picture.norm(share))
            box = {"facecolor": under, "edgecolor": "none", "pad": 1.5} if words else None
            ax.text(column, row, words, ha="center", va="center", fontsize=8, color=ink, zorder=4, bbox=box)
    first, rows = math.log2(min(table.learning_rate)), np.arange(len(dead))
    ax.plot(
        np.log2(stride * (1 - dead.index.to_numpy())) - first,
        rows,
        color="0.1",
        lw=1.6,
        linestyle=(0, (4, 2)),
    )
    ax.set_xlim(-0.5, len(dead.columns) - 0.5)
    ax.set_ylim(-0.5, len(dead) - 0.5)
    ax.set_xticks(range(len(dead.columns)), [f"{rate:g}" for rate in dead.columns], fontsize=8)
    ax.set_yticks(rows, [f"{momentum:g}" for momentum in dead.index])
    ax.set_xlabel("learning rate")
    ax.set_ylabel("momentum")


def cures(table: pd.DataFrame, finding: str, how: str) -> Figure:
    """Off-side share and accuracy against the learning rate, a line an arm; the diverged on a strip of their own."""
    figure, grid = plots.axes(finding, how,
        columns=2, size=(7.2, 4.0),
    )  # fmt: skip
    for row, (arm, (name, dash, shape, fill)) in enumerate(ARMS.items()):
        rows, colour = table[table.arm == arm], activations.get(name).colour
        face = colour if fill else "none"
        for ax, column in zip(grid, ("off_side", "accuracy"), strict=True):
            mean = rows.groupby("learning_rate")[column].mean()
            ax.plot(mean.index.to_numpy(dtype=float), mean, color=colour, linestyle=dash, label=arm)
            shift = 1 + 0.05 * (row - 1.5)
            ax.plot(
                rows.learning_rate * shift,
                rows[column],
                shape,
                mfc=face,
                mec=colour,
                mew=0.9,
                ms=3.8,
                alpha=0.7,
            )
        gone = rows[rows.fate == "diverged"].groupby("learning_rate").size()
        for rate, count in gone.items():
            y = -0.04 - 0.055 * row
            at = float(str(rate))
            grid[1].plot(at, y, "x", color=colour, ms=5, mew=1.5)
            grid[1].text(at * 1.1, y, str(count), fontsize=7.5, color=colour, va="center")
    for ax in grid:
        _log_axis(ax, [0.0125, 0.05, 0.2, 0.8])
        ax.set_xlabel("learning rate")
    grid[0].set_ylabel("units off for every image (z ≤ 0)")
    grid[0].legend(loc="upper left", fontsize=8.5)
    grid[1].set_ylabel("test accuracy")
    grid[1].set_yticks([0.1, 0.4, 0.6, 0.8])
    grid[1].axhline(0.1, color="0.5", lw=1, linestyle=(0, (2, 2)))
    return figure


def turnover(panels: Mapping[str, tuple[Tensor, Tensor]], finding: str, how: str) -> Figure:
    """Units that died and that came back, by layer: name -> (died [depth], revived [depth])."""
    figure, grid = plots.axes(finding, how,
        columns=len(panels), size=(7.2, 3.2), sharey=True,
    )  # fmt: skip
    for ax, (name, counts) in zip(grid, panels.items(), strict=True):
        died, back = (count.numpy() for count in counts)
        layers = np.arange(1, len(died) + 1)
        bars = [
            ax.bar(layers - 0.2, died, 0.38, color=DEAD, label="died"),
            ax.bar(layers + 0.2, back, 0.38, color="#7fb7dc", label="came back"),
        ]
        for group in bars:
            ax.bar_label(group, fontsize=8, color="0.25")
        ax.set_title(name, fontsize=10)
        ax.set_xticks(layers)
        ax.set_xlabel("layer (1 = next to the input)")
    grid[0].set_ylabel("units")
    grid[0].legend(loc="upper left")
    return figure


def explored(
    biases: Sequence[float],
    rates: Sequence[float],
    dead: Tensor,
    accuracy: Tensor,
    chosen: tuple[int, int],
    on: Tensor,
    finding: str,
    how: str,
) -> Figure:
    """The explorer's picture. dead, accuracy: [biases, rates], NaN where all diverged. chosen: the cell.

    on: [depth, width] of one network there, NaN where it diverged.
    """
    figure, grid = plots.axes(finding, how,
        columns=2, size=(7.2, 3.3), width_ratios=(1, 1.15),
    )  # fmt: skip
    left, right = grid
    colours = mpl.colormaps["YlOrRd"].with_extremes(bad="0.75")
    left.imshow(dead.numpy(), cmap=colours, vmin=0, vmax=0.8, aspect="auto", origin="lower")
    left.grid(visible=False)
    for row in range(len(biases)):
        for column in range(len(rates)):
            share = float(dead[row, column])
            ink = "white" if share > 0.5 else "0.15"
            left.text(column, row, _percent(share), ha="center", va="center", fontsize=8, color=ink)
    left.plot(chosen[1], chosen[0], "s", ms=27, mfc="none", mec="#0173b2", mew=2.4)
    left.set_xticks(range(len(rates)), [f"{r:g}" for r in rates])
    left.set_yticks(range(len(biases)), [_signed(b) for b in biases])
    left.set_xlabel("learning rate")
    left.set_ylabel("bias at the start")
    _units(right, on)
    right.set_yticks(range(len(on)), [str(i + 1) for i in range(len(on))])
    right.set_xticks([])
    right.set_xlabel("units of each layer, sorted")
    right.set_ylabel("layer")
    return figure


def _log_axis(ax: Axes, ticks: Sequence[float]) -> None:
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()


def _signed(number: float) -> str:
    return f"{number:g}".replace("-", "−")


def _percent(share: Tensor | float) -> str:
    share = float(share)
    return "–" if math.isnan(share) else f"{100 * share:.0f} %"


def _units(ax: Axes, on: Tensor) -> None:
    """A picture of all units: layers from below, units sorted; grey by the share of images, red where it is 0."""
    rows = on.sort(dim=1).values
    grey = 0.97 - 0.8 * rows.double().nan_to_num(0.3)
    picture = torch.stack([grey] * 3, dim=-1)
    picture[rows == 0] = torch.tensor([0.75, 0.22, 0.17], dtype=torch.float64)
    ax.imshow(picture.numpy(), aspect="auto", interpolation="nearest", origin="lower")
    if (rows == 0).any():  # hatched, so that red is not taken for a grey of its lightness
        hatched = np.repeat((rows == 0).numpy(), 2, axis=0)
        edges = np.repeat(np.arange(len(on) + 1) - 0.5, 2)[1:-1]
        edges = edges + np.tile([1e-3, -1e-3], len(on))
        across = np.arange(on.shape[1])
        with plots.style({"hatch.color": "white", "hatch.linewidth": 0.5}):
            ax.contourf(across, edges, hatched, levels=[0.5, 1.5], colors="none", hatches=["////"])
    ax.grid(visible=False)

"""Figures of notebook 02: they draw what is handed to them and compute nothing else."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course_utils import activations, plots

__all__ = ["density", "float32_tail", "gates", "hook", "on_images", "slopes", "steeper", "tails"]

LINE = {"color": plots.MUTED, "linewidth": 1.2}  # theory that belongs to no activation


def hook(scales: Tensor, shares: Mapping[str, Tensor], finding: str) -> Figure:
    """Share of unusable units against the scale of z, a line for each activation.

    scales: [points], standard deviations of z. shares: activation -> [points], 0 to 1.
    """
    figure, ax = plots.axes(
        finding,
        "share of units whose slope is below 0.01, for Gaussian z with mean 0 (theory)",
        size=(7.2, 4.2),
    )
    for name, share in shares.items():
        ax.plot(scales, share, **plots.look(name), linewidth=2.4 if name in ("relu", "sigmoid") else 1.6)
    places = {"relu": (0.11, 0.555), "sigmoid": (16.5, 0.705), "tanh": (1.45, 0.24), "gelu": (21, 0.395)}
    for name, (x, y) in places.items():
        if name in shares:
            entry = activations.get(name)
            plots.label_line(ax, x, y, entry.label, entry.colour)
    ax.set(
        xscale="log",
        ylim=(-0.02, 1.0),
        xlabel="scale of z (standard deviation)",
        ylabel="share of units lost",
    )
    _plain_log(ax, [0.1, 0.3, 1, 3, 10, 30])
    return figure


def slopes(
    z: Tensor, curves: Mapping[int, Tensor], widths: Mapping[int, float], law: float, finding: str
) -> Figure:
    """Slopes of the sigmoid of kz (left); largest slope and width at half of it, against k (right).

    z: [points]. curves: k -> slope at z, [points]. widths: k -> measured width in units of z. law: width at
    k = 1.
    """
    figure, (left, right) = plots.axes(
        finding,
        "left: slope of σ(kz); bars: where it is above half its maximum. right: lines theory, "
        "marks found by search",
        columns=2,
        size=(7.2, 3.7),
        width_ratios=[1.5, 1],
    )
    shades = ["#de8f05", "#a86c04", "#6f4703", "#3a2502"]
    dashes = ["-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5))]
    for (k, slope), shade, dash in zip(curves.items(), shades, dashes, strict=False):
        left.plot(z, slope, color=shade, linestyle=dash)
        left.plot([-widths[k] / 2, widths[k] / 2], [k / 8, k / 8], color=shade, linewidth=4, alpha=0.35)
        x, y = {1: (1.2, 0.33), 2: (0.66, 0.6), 4: (0.4, 0.98), 10: (0.22, 2.45)}.get(k, (0.1, k / 4))
        plots.label_line(left, x, y, f"k = {k}", shade)
    left.set(xlim=(-4, 4), ylim=(0, 2.85), xlabel="z", ylabel="slope of σ(kz)")
    ks = sorted(curves)
    span = [ks[0], ks[-1]]
    right.plot(span, [k / 4 for k in span], color="#de8f05")
    right.plot(ks, [float(curves[k].max()) for k in ks], "s", color="#de8f05", markersize=6)
    right.plot(span, [law / k for k in span], **LINE)
    right.plot(ks, [widths[k] for k in ks], "o", color="0.25", markersize=6)
    plots.label_line(right, 1.1, 0.185, "largest slope k/4", "#a86c04")
    plots.label_line(right, 1.9, 2.7, "width 3.53/k", "0.25")
    right.set(xscale="log", yscale="log", xlim=(0.85, 14), ylim=(0.13, 5), xlabel="steepness k")
    _plain_log(right, ks)
    right.set_yticks([0.25, 0.5, 1, 2, 4], ["0.25", "0.5", "1", "2", "4"])
    return figure


def float32_tail(
    z: Tensor, autograd: Tensor, closed: Tensor, zeros: tuple[float, float], finding: str
) -> Figure:
    """The sigmoid's slope in float32 on a log axis, by autograd and by the closed form.

    z, autograd, closed: [points]. zeros: the z below and above 0 from which autograd gives exactly 0.
    """
    figure, ax = plots.axes(
        finding,
        "σ′ in float32. line: σ(z)·σ(−z); marks: autograd, σ(z)·(1 − σ(z)); shaded: autograd gives 0",
        size=(7.2, 3.8),
    )
    low, high = zeros
    ax.axvspan(high, 110, color="0.9", linewidth=0)
    ax.axvspan(-110, low, color="0.9", linewidth=0)
    ax.plot(z, closed.where(closed > 0, math.nan), **LINE)
    kept = autograd > 0
    ax.plot(z[kept], autograd[kept], "s", color="#de8f05", markersize=4)
    ax.axvline(high, color="#a86c04", linewidth=1, linestyle=":")
    ax.axvline(low, color="#a86c04", linewidth=1, linestyle=":")
    ax.text(62, 1e-8, "exactly 0 from 16.6 on:\n1 − σ rounds to 0", ha="center", color=plots.INK)
    ax.text(-61, 1e-7, "alive down to −88.7:\nhere σ itself is small", ha="center", color=plots.INK)
    ax.set(yscale="log", xlim=(-110, 110), ylim=(1e-42, 3), xlabel="z", ylabel="σ′(z)")
    ax.set_yticks([1e-40, 1e-30, 1e-20, 1e-10, 1])
    return figure


def gates(per_image: Tensor, per_unit: Tensor, finding: str) -> Figure:
    """How many units are on for an image (left), and for how many images a unit is on (right).

    per_image: [seeds, images], share of units that are on. per_unit: [seeds, units], share of images.
    """
    figure, (left, right) = plots.axes(
        finding,
        f"ReLU layer at init, {per_unit.shape[1]} units, {per_image.shape[1]} Fashion-MNIST images; "
        f"one line for each of {len(per_unit)} seeds",
        columns=2,
        size=(7.2, 3.5),
    )
    bins = [i / 40 for i in range(41)]
    for image, unit in zip(per_image, per_unit, strict=True):
        options = {"bins": bins, "histtype": "step", "color": activations.get("relu").colour, "alpha": 0.55}
        for ax, values in ((left, image), (right, unit)):
            ax.hist(values.numpy(), weights=[1 / len(values)] * len(values), linewidth=1.2, **options)
    for ax, what, of in (
        (left, "share of units on, for an image", "images"),
        (right, "share of images a unit is on for", "units"),
    ):
        ax.axvline(0.5, **LINE)
        ax.set(xlim=(0, 1), xlabel=what, ylabel=f"share of {of}")
    return figure


def on_images(
    scales: Tensor,
    by_scale: Mapping[str, Tensor],
    means: Tensor,
    by_mean: Mapping[str, Tensor],
    table: pd.DataFrame,
    shifted: pd.DataFrame,
    finding: str,
) -> Figure:
    """Share of unusable units on real images (marks) beside the Gaussian prediction (lines).

    scales, by_scale: [points] and activation -> [points], for mean 0. means, by_mean: the same against the
    mean, at scale 1. table, shifted: measured, as :func:`course_utils.saturation.layer_shares` gives them.
    """
    figure, (left, right) = plots.axes(
        finding,
        "share of units with slope below 0.01. lines: one Gaussian;\n"
        "marks: Fashion-MNIST, mean of the seeds; bars: least and greatest seed",
        columns=2,
        size=(7.2, 4.0),
        sharey=True,
    )
    for ax, x, curves, found, knob in (
        (left, scales, by_scale, table, "gain"),
        (right, means, by_mean, shifted, "bias"),
    ):
        for name, share in curves.items():
            ax.plot(x, share, **plots.look(name), linewidth=1.4)
            rows = found[found["activation"] == name].groupby(knob)["share"]
            middle = rows.mean()
            spread = [(middle - rows.min()).to_numpy(), (rows.max() - middle).to_numpy()]
            entry = activations.get(name)
            ax.errorbar(
                middle.index.to_numpy(float), middle.to_numpy(), yerr=spread, linestyle="none", capsize=2.5,
                elinewidth=1, marker=entry.marker, color=entry.colour, label=entry.label, markersize=5.5,
            )  # fmt: skip
    left.set(
        xscale="log",
        ylim=(-0.03, 1.05),
        xlabel="scale of z, set by the gain (mean 0)",
        ylabel="share of units lost",
    )
    _plain_log(left, [0.5, 1, 2, 4, 8, 16, 32])
    right.set(xlabel="mean of z, set by the bias (scale 1)")
    left.legend(loc="upper left", handlelength=1.2)
    return figure


def tails(
    z: Tensor, measured: Tensor, gaussian: Tensor, mixture: Tensor, edge: float, finding: str
) -> Figure:
    """Density of real z on a log axis beside one Gaussian and a mixture of one Gaussian per image.

    z: [bins], centres, in standard deviations. measured: [seeds, bins]. gaussian, mixture: [bins]. edge: |z|
    beyond which a sigmoid unit is lost.
    """
    figure, ax = plots.axes(
        finding,
        "density of z at scale 1. dashed: one Gaussian; line: one Gaussian per image;\n"
        "marks: measured, one for each seed",
        size=(7.2, 3.5),
    )
    for row in measured:
        seen = row > 0
        ax.plot(z[seen], row[seen], "o", color="0.35", markersize=2.8, alpha=0.6)
    ax.plot(z, gaussian, color="0.15", linestyle=(0, (5, 1.6)))
    ax.plot(z, mixture, color="#3d3a7a")  # no activation: it wears the colour of none
    for x in (-edge, edge):
        ax.axvline(x, color="0.5", linewidth=1, linestyle=":")
    ax.text(edge + 0.1, 0.12, "sigmoid\nlost", color=plots.MUTED, fontsize=9)
    ax.text(-edge - 0.1, 0.12, "sigmoid\nlost", color=plots.MUTED, fontsize=9, ha="right")
    ax.set(yscale="log", xlim=(-6, 6), ylim=(1e-6, 1), xlabel="z", ylabel="density")
    return figure


def steeper(
    ks: Sequence[float], shares: Sequence[float], squares: Sequence[float], table: pd.DataFrame, finding: str
) -> Figure:
    """What steepness k costs and buys at scale 1: share of units lost (left), mean squared slope (right).

    ks: [points]. shares, squares: predicted, [points]. table: columns k, seed, share, square, measured.
    """
    figure, (left, right) = plots.axes(
        finding,
        "σ(kz) on a layer with scale 1. line: Gaussian prediction; marks: Fashion-MNIST, one for each seed",
        columns=2,
        size=(7.2, 3.4),
    )
    colour = activations.get("sigmoid").colour
    for ax, law, column in ((left, shares, "share"), (right, squares, "square")):
        ax.plot(ks, law, color=colour)
        ax.plot(table["k"], table[column], "s", color="0.25", markersize=3.5, alpha=0.7)
        ax.axhline(0.5, color=activations.get("relu").colour, linewidth=1.6)
        ax.set(xscale="log", xlabel="steepness k")
        _plain_log(ax, [1, 2, 4, 8, 16])
    plots.label_line(left, 1, 0.545, "ReLU: a half", activations.get("relu").colour)
    plots.label_line(right, 1, 0.565, "ReLU: a half", activations.get("relu").colour)
    left.set(ylabel="share of units lost", ylim=(-0.03, 1))
    right.set(ylabel="mean of squared slope", ylim=(0, 1.2))
    return figure


def density(
    activation: str,
    z: Tensor,
    height: Tensor,
    lost: Sequence[tuple[float, float]],
    share: float,
    scale: float,
    mean: float,
) -> Figure:
    """Density of z, the part shaded in which the slope is too small to use; quick to draw.

    z, height: [points], z rising. lost: intervals (low, high) of z, which may reach to infinity; each is also
    marked by a thick line under the axis, so that a narrow one shows. share: of units lost. scale, mean: of
    z, for the words.
    """
    entry = activations.get(activation)
    figure, ax = plots.axes(
        f"{entry.label} loses {100 * share:.1f} % of its units",
        f"z Gaussian with scale {scale:.2f} and mean {mean:.2f}; shaded and underlined: slope below 0.01",
        size=(7.2, 3.4),
    )
    figure.set_layout_engine("none")
    ax.set_position((0.08, 0.15, 0.89, 0.64))
    x, y = z.numpy(), height.numpy()
    for low, high in lost:
        low, high = max(low, float(x[0])), min(high, float(x[-1]))
        if low >= high:
            continue
        inside = [low, *x[(x > low) & (x < high)].tolist(), high]
        ax.fill_between(inside, np.interp(inside, x, y), color=entry.colour, alpha=0.45, linewidth=0)
        spare = max(0.0, 0.3 - (high - low)) / 2  # a mark of a hair's width would not be drawn
        ax.plot(
            [low - spare, high + spare], [-0.025, -0.025], transform=ax.get_xaxis_transform(), color=entry.colour,
            linewidth=5, solid_capstyle="butt", clip_on=False,
        )  # fmt: skip
    ax.plot(z, height, color="0.3", linewidth=1.4)
    ax.set(xlim=(-20, 20), ylim=(0, 1.08 * float(height.max())), xlabel="z", yticks=[])
    ax.tick_params(axis="x", pad=7)
    ax.spines[["left", "top", "right"]].set_visible(False)
    ax.grid(False)
    return figure


def _plain_log(ax: Axes, ticks: Sequence[float]) -> None:
    """Plain numbers on a logarithmic x axis."""
    ax.set_xticks(list(ticks), [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()

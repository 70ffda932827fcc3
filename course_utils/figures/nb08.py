"""Figures of notebook 08, What it costs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from course_utils import activations, plots

__all__ = ["explored", "hook", "kept", "per_element", "shares", "sparse"]

_NUMBER = 4  # bytes of a float32


def hook(ratios: Mapping[str, float], finding: str, how: str) -> Figure:
    """Bars: what the sigmoid takes, over what ReLU takes."""
    figure, ax = plots.axes(finding, how, size=(7.2, 2.7))
    entry = activations.get("sigmoid")
    places = np.arange(len(ratios))[::-1]
    ax.barh(places, list(ratios.values()), color=entry.colour, height=0.6)
    ax.axvline(1, color=plots.INK, lw=1.2)
    for place, ratio in zip(places, ratios.values(), strict=True):
        ax.text(
            ratio + 0.06, place, f"×{ratio:.2f}", va="center", fontsize=10, fontweight="bold", color=plots.INK
        )
    ax.set_yticks(places, list(ratios))
    ax.grid(False, axis="y")
    ax.set_xlim(0, 1.12 * max([*ratios.values(), 1.2]))
    ax.set_xlabel("time with the sigmoid, over the time with ReLU (line: the same)")
    return figure


def per_element(times: pd.DataFrame, caches: Mapping[str, int], finding: str, how: str) -> Figure:
    """Time per element against the size of the array, forward and backward; caches: bytes, marked where known.

    times: as :func:`course_utils.cost.element_times` gives it.
    """
    figure, grid = plots.axes(finding, how, columns=2, size=(7.2, 4.6), sharey=True)
    for ax, (way, arrays) in zip(grid, {"forward": 2, "backward": 3}.items(), strict=True):
        part = times[times["pass"] == way]
        for name, rows in part.groupby("activation", sort=False):
            heavy = name in ("relu", "sigmoid")
            ax.plot(
                rows["elements"], rows["nanoseconds"], **plots.dress(str(name)),
                lw=2.4 if heavy else 1.1, alpha=1 if heavy else 0.75, zorder=3 if heavy else 2,
            )  # fmt: skip
        ax.set_xscale("log")
        ax.set_yscale("log")
        reach = (part["elements"].min() / 1.5, part["elements"].max() * 1.5)
        for level, size in caches.items():
            at = size / (arrays * _NUMBER)
            if reach[0] < at < reach[1]:
                ax.axvline(at, color="0.45", lw=1, linestyle=(0, (1, 2)))
                ax.text(
                    at, 1.01, level, transform=ax.get_xaxis_transform(), fontsize=8, ha="center", color="0.3"
                )
        ax.set_xlim(*reach)
        ax.set_xlabel("elements of the array")
        ax.set_title(f"{way} pass", fontsize=10.5, fontweight="bold", color="0.2", pad=14)
    grid[0].set_ylabel("nanoseconds per element")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8.5)
    return figure


def shares(table: pd.DataFrame, predicted: Mapping[str, Sequence[float]], finding: str, how: str) -> Figure:
    """The activations' share of a training step against the width: marks measured, lines predicted.

    table: as :func:`course_utils.cost.step_times` gives it; predicted: activation -> share at each of its widths.
    """
    figure, ax = plots.axes(finding, how)
    widths = sorted(table["width"].unique())
    for name, line in predicted.items():
        entry, rows = activations.get(name), table[table["activation"] == name]
        ax.plot(widths, 100 * np.asarray(line), color=entry.colour, linestyle=entry.dash, lw=1.6)
        ax.plot(rows["width"], 100 * rows["share"], entry.marker, color=entry.colour, ms=7)
        plots.label_line(ax, widths[-1] * 1.08, 100 * line[-1], entry.label, entry.colour)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(widths, [str(width) for width in widths])
    ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]
    ax.set_yticks(ticks, [f"{tick:g} %" for tick in ticks])
    ax.yaxis.set_minor_locator(NullLocator())
    seen = [
        *(100 * table[table["activation"].isin(list(predicted))]["share"]),
        *(100 * v for row in predicted.values() for v in row),
    ]
    ax.set_ylim(min(seen) / 1.6, max(seen) * 1.6)
    ax.set_xlim(widths[0] / 1.2, widths[-1] * 1.6)
    ax.set_xlabel("width: units of a hidden layer")
    ax.set_ylabel("share of a training step")
    return figure


def kept(rows: Mapping[str, tuple[float, float]], finding: str, how: str) -> Figure:
    """Bars: activation -> (bytes kept alone, bytes kept in a network), per example and hidden unit."""
    figure, ax = plots.axes(finding, how, size=(7.2, 3.4))
    places = np.arange(len(rows))[::-1]
    for place, (name, (_, network)) in zip(places, rows.items(), strict=True):
        entry = activations.get(name)
        ax.barh(place, _NUMBER, color="0.8", height=0.62)
        if network > _NUMBER:
            ax.barh(
                place,
                network - _NUMBER,
                left=_NUMBER,
                color=entry.colour,
                height=0.62,
                hatch="//",
                edgecolor="white",
            )
        ax.text(network + 0.12, place, f"{network:g} bytes", va="center", fontsize=9.5, color=plots.INK)
    ax.set_yticks(places, [activations.get(name).label for name in rows])
    ax.text(
        2,
        places[0] + 0.62,
        "h: kept by the next layer, its input",
        ha="center",
        va="bottom",
        fontsize=8.5,
        color="0.3",
    )
    ax.text(
        6, places[0] + 0.62, "z: kept by the activation", ha="center", va="bottom", fontsize=8.5, color="0.3"
    )
    ax.set_ylim(-0.6, len(rows) + 0.1)
    most = max(2 * _NUMBER, *(network for _, network in rows.values()))
    ax.set_xlim(0, 1.2 * most)
    ax.set_xticks(range(0, int(most) + 1, _NUMBER))
    ax.grid(False, axis="y")
    ax.set_xlabel("bytes per example and hidden unit")
    return figure


def sparse(
    table: pd.DataFrame,
    model: Sequence[float],
    half: float,
    trained: Sequence[float],
    finding: str,
    how: str,
) -> Figure:
    """Speed-up of the sparse products against the share of zeros.

    table: as :func:`course_utils.cost.sparse_times` gives it; model: predicted speed-up of the product alone, at the
    same shares; half: share of zeros at init; trained: shares of trained networks, one per seed.
    """
    figure, ax = plots.axes(finding, how, size=(7.2, 4.2))
    x = 100 * table["zeros"]
    arms = {
        "CSR, product alone": (table["dense"] / table["csr"], "0.1", "-", "o"),
        "CSR, with conversion": (
            table["dense"] / (table["csr"] + table["conversion"]),
            "#6b7a1e",
            (0, (5, 1.6)),
            "s",
        ),
    }
    for name, (speed_up, colour, dash, marker) in arms.items():
        ax.plot(x, speed_up, color=colour, linestyle=dash, marker=marker, label=name)
    ax.plot(x, model, color="#a11d33", lw=0.9)
    ax.axhline(1, color=plots.INK, lw=1.2)
    low, high = 100 * min(trained), 100 * max(trained)
    ax.axvspan(low, high, color="0.85", zorder=0)
    ax.axvline(100 * half, color="0.5", lw=3, alpha=0.5, zorder=0)
    top = ax.get_xaxis_transform()
    ax.text(
        (low + high) / 2,
        0.98,
        "trained",
        transform=top,
        ha="center",
        va="top",
        fontsize=9,
        color="0.25",
    )
    ax.text(100 * half + 0.7, 0.98, "at init", transform=top, ha="left", va="top", fontsize=9, color="0.25")
    ax.set_yscale("log", base=2)
    ticks = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16]
    ax.set_yticks(ticks, ["⅛", "¼", "½", "1", "2", "4", "8", "16"])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.legend(loc="lower right")
    ax.set_xlabel("share of zeros in %")
    ax.set_ylabel("speed-up over the dense product")
    return figure


def explored(times: pd.DataFrame, rows: pd.DataFrame, activation: str, elements: int, finding: str) -> Figure:
    """The explorer's picture: left, time per element over ReLU's; right, two training steps as bars.

    Args:
        times: as :func:`course_utils.cost.element_times` gives it.
        rows: those of :func:`course_utils.cost.step_times` for one width.
        activation: its name.
        elements: size of the array in that network, marked on the left.
        finding: the title.
    """
    how = "left: time per element, over ReLU's · right: one training step, in milliseconds"
    figure, (left, right) = plots.axes(finding, how, columns=2, size=(7.2, 3.2))
    figure.set_layout_engine("none")
    left.set_position((0.08, 0.16, 0.42, 0.6))
    right.set_position((0.66, 0.16, 0.32, 0.6))
    entry = activations.get(activation)
    for way, dash in {"forward": "-", "backward": (0, (3, 1.5))}.items():
        part = times[times["pass"] == way]
        mine, relu = (part[part["activation"] == name] for name in (activation, "relu"))
        powers = np.log10(mine["elements"].to_numpy(dtype=float))
        ratio = np.log2(mine["nanoseconds"].to_numpy() / relu["nanoseconds"].to_numpy())
        left.plot(powers, ratio, linestyle=dash, marker=entry.marker, color=entry.colour, label=way)
    left.axvline(np.log10(elements), color="0.5", lw=1)
    left.axhline(0, color=plots.INK, lw=1)
    low, high = (round(bound) for bound in left.get_ylim())
    ticks = range(min(low, -1), max(high, 1) + 1)
    left.set_yticks(list(ticks), [f"{2.0**tick:g}" for tick in ticks])
    left.set_xticks([3, 4, 5, 6, 7], ["1e3", "1e4", "1e5", "1e6", "1e7"])
    left.set_xlabel("elements (line: a layer of this width)")
    left.legend(loc="best")
    _bars(right, rows, activation)
    return figure


def _bars(ax: Axes, rows: pd.DataFrame, activation: str) -> None:
    names = ["relu"] if activation == "relu" else ["relu", activation]
    for place, name in enumerate(reversed(names)):
        row = rows[rows["activation"] == name].iloc[0]
        rest, alone = 1e3 * row["rest"], 1e3 * row["alone"]
        ax.barh(place, rest, color="0.82", height=0.55)
        ax.barh(place, alone, left=rest, color=activations.get(name).colour, height=0.55)
        ax.text(
            0, place + 0.3, f"activations {100 * row['share']:.2g} %", fontsize=9, va="bottom", color="0.2"
        )
    ax.set_yticks(range(len(names)), [activations.get(name).label for name in reversed(names)])
    ax.set_ylim(-0.5, len(names) - 0.2)
    ax.grid(False, axis="y")
    ax.set_xlabel("ms (grey: all the rest)")

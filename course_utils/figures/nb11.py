"""Figures of notebook 11, Your own network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from course_utils import activations, plots

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from course_utils.doctor import Watch

__all__ = ["beside", "explored", "patients", "swap", "watched"]

DEAD, LOST = "#0173b2", "#ca9161"


def patients(wards: Mapping[str, Sequence[pd.DataFrame]], finding: str, how: str) -> Figure:
    """A column for each network: above dL/dz by layer, last hidden layer = 1, below the shares dead and lost.

    wards: name -> doctor's tables, one a draw of the weights; lines are draws, bars their means.
    """
    figure, grid = plots.axes(
        finding, how, columns=len(wards), rows=2, size=(7.2, 4.4), sharex="col", sharey="row", squeeze=False
    )
    for (above, below), (name, tables) in zip(grid.T, wards.items(), strict=True):
        layers = np.arange(1, len(tables[0]))
        for table in tables:
            sizes = table["dz"].to_numpy()[:-1]
            shown = np.where(sizes > 0, sizes / sizes[-1] if sizes[-1] > 0 else np.nan, np.nan)
            above.plot(layers, shown, "o-", color=plots.INK, ms=3, lw=1, alpha=0.6)
        above.axhline(1, color="0.6", lw=0.9, zorder=0)
        if not any((table["dz"].to_numpy()[:-1] > 0).any() for table in tables):
            place = {"transform": above.transAxes, "ha": "center", "va": "center"}
            above.text(0.5, 0.5, "exactly 0", color="0.35", fontsize=9, **place)
        above.set_yscale("log")
        above.minorticks_off()
        above.set_title(name, fontsize=11)
        for column, colour, shift in (("dead", DEAD, -0.2), ("lost", LOST, 0.2)):
            share = np.mean([table[column].fillna(0).to_numpy()[:-1] for table in tables], axis=0)
            below.bar(layers + shift, share, width=0.4, color=colour)
        below.set_ylim(0, 1)
        below.set_xticks([1, len(layers)])
        below.set_xlabel("layer")
    grid[0, 0].set_ylabel("dL/dz, last hidden = 1")
    grid[1, 0].set_ylabel("share")
    for height, word, colour in ((0.9, "dead units", DEAD), (0.75, "slope lost", LOST)):
        plots.label_line(grid[1, 0], 1, height, word, colour, fontsize=8)
    return figure


def beside(arms: Mapping[str, Sequence[pd.DataFrame]], finding: str, how: str) -> Figure:
    """dL/dz by layer, a panel per init: dots are draws, the line theory's factors from the last hidden layer down."""
    figure, grid = plots.axes(finding, how, columns=len(arms), size=(7.2, 3.4), sharey=True, squeeze=False)
    for ax, (name, tables) in zip(grid[0], arms.items(), strict=True):
        layers = np.arange(1, len(tables[0]))
        sizes = np.array([table["dz"].to_numpy()[:-1] for table in tables])
        factors = np.array([table["predicted"].to_numpy()[:-2] for table in tables]).mean(0)
        line = np.append(np.cumprod(factors[::-1])[::-1], 1.0)
        ax.plot(layers, line, color=activations.get("relu").colour, lw=1.8)
        ax.plot(layers, (sizes / sizes[:, -1:]).T, "o", color=plots.INK, ms=4, alpha=0.5)
        ax.set_yscale("log")
        ax.minorticks_off()
        ax.set_xticks(layers)
        ax.set_title(name, fontsize=10)
        ax.set_xlabel("convolution (1 = next to the image)")
    grid[0, 0].set_ylabel("dL/dz, last = 1")
    return figure


def watched(look: Watch, finding: str) -> Figure:
    """The doctor's own maps of a training run, layer by step, under a finding."""
    return look.draw(finding)


def swap(table: pd.DataFrame, flat: Tensor, finding: str, how: str) -> Figure:
    """Test accuracy (columns activation, norm, path, score), a panel per path; dots are seeds, a bar their mean.

    flat: accuracies [seeds] of softmax regression; their mean is the dotted line.
    """
    paths, norms = (list(dict.fromkeys(table[column])) for column in ("path", "norm"))
    names = list(dict.fromkeys(table["activation"]))
    figure, grid = plots.axes(finding, how, columns=len(paths), size=(7.2, 3.9), sharey=True, squeeze=False)
    for ax, path in zip(grid[0], paths, strict=True):
        ax.axhline(float(flat.mean()), color="0.2", lw=1.2, linestyle=(0, (1, 2)))
        ax.axhline(0.1, color="0.6", lw=0.9)
        for i, name in enumerate(names):
            entry, shift = activations.get(name), 0.44 * (i - (len(names) - 1) / 2)
            for place, norm in enumerate(norms):
                chosen = (table["path"] == path) & (table["norm"] == norm) & (table["activation"] == name)
                scores, at = table.loc[chosen, "score"], place + shift
                ax.plot([at] * len(scores), scores, entry.marker, color=entry.colour, ms=4.5, alpha=0.6)
                ax.plot([at - 0.17, at + 0.17], [scores.mean()] * 2, color=entry.colour, lw=2)
        ax.set_xticks(range(len(norms)), norms)
        ax.set_ylim(0, 0.95)
        ax.grid(visible=False, axis="x")
        ax.set_title(path, fontsize=10)
    grid[0, 0].set_ylabel("test accuracy")
    for i, name in enumerate(names):
        entry = activations.get(name)
        plots.label_line(
            grid[0, -1], len(norms) - 0.55, 0.9 - 0.07 * i, entry.label, entry.colour, ha="right"
        )
    return figure


def explored(table: pd.DataFrame, activation: str, finding: str) -> Figure:
    """The explorer's picture of a doctor's table: dL/dz beside theory, scale of z, shares dead and lost, by layer."""
    how = "left: marks measured, line theory from each layer to the one before"
    figure, (left, middle, right) = plots.axes(finding, how, columns=3, size=(7.2, 3.4))
    look: dict[str, Any] = plots.look(activation)
    layers, marker = np.arange(1, len(table)), activations.get(activation).marker
    sizes, predicted = table["dz"].to_numpy()[:-1], table["predicted"].to_numpy()[:-1]
    for i in np.flatnonzero(np.isfinite(predicted[:-1]) & (sizes[1:] > 0)):
        left.plot(layers[i : i + 2], [sizes[i + 1] * predicted[i], sizes[i + 1]], **look)
    for ax, values, label in (
        (left, sizes, "norm of dL/dz"),
        (middle, table["z scale"].to_numpy()[:-1], "root mean square of z"),
    ):
        ax.plot(layers, np.where(values > 0, values, np.nan), marker, color=look["color"], ms=4.5)
        ax.set_yscale("log")
        ax.minorticks_off()
        ax.set_title(label, fontsize=9.5)
    left.set_ylim(1e-14, 1e6)
    middle.set_ylim(1e-5, 1e8)
    for column, colour, shift in (("dead", DEAD, -0.2), ("lost", LOST, 0.2)):
        right.bar(layers + shift, table[column].fillna(0).to_numpy()[:-1], width=0.4, color=colour)
    right.set_ylim(0, 1)
    right.set_title("share dead (dark), lost (light)", fontsize=9.5)
    for ax in (left, middle, right):
        ax.set_xlabel("layer")
        ax.set_xticks([1, len(layers) // 2, len(layers)])
    return figure

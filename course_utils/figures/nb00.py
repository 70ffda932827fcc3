"""Figures of notebook 00, Start here."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import Tensor

from course_utils import activations, plots
from course_utils.data import Dataset
from course_utils.figures import tiles

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["at_rate", "claims_map", "hook", "one_of_each"]

TITLES = {
    "01": "Definitions",
    "02": "Derivative bounds",
    "03": "Gradient products",
    "04": "Sparsity",
    "05": "Dead units",
    "06": "Batch norm",
    "07": "The race",
    "08": "Cost",
    "09": "Verdict",
}


def hook(curves: pd.DataFrame, chance: float, finding: str) -> Figure:
    """Training loss against step for the arms in ``curves`` (columns arm, step, loss, seed, activation, norm), chance level drawn.

    A line is the mean over the seeds, the band reaches from the lowest to the highest.
    """
    import seaborn as sns

    figure, ax = plots.axes(
        finding,
        "training loss on Fashion-MNIST · line: mean of five networks · band: lowest to highest",
    )
    last = int(curves["step"].max())
    for arm, rows in curves.groupby("arm", sort=False):
        entry = activations.get(rows["activation"].iloc[0])
        normed = rows["norm"].iloc[0] == "batch"
        look = {"color": entry.colour, "linestyle": entry.dash, "lw": 3.2 if normed else 1.6}
        sns.lineplot(rows, x="step", y="loss", errorbar=("pi", 100), ax=ax, **look)
        end = rows[rows["step"] == last]["loss"].mean() + (-0.16 if normed else 0.06)
        ax.text(last + 1.5, end, str(arm), color=entry.colour, fontweight="bold", fontsize=9.5, va="center")
    ax.axhline(chance, xmax=0.73, color="0.35", lw=1, linestyle=(0, (1, 2)))
    ax.text(
        28,
        chance + 0.05,
        f"dotted: chance, ln 10 = {math.log(10):.3f}",
        color="0.35",
        fontsize=9,
        va="bottom",
    )
    ax.set_xlabel("step (250 images each)")
    ax.set_ylabel("cross-entropy (nats)")
    ax.set_ylim(0, 2.75)
    ax.set_xlim(0, last * 1.36)
    ax.set_xticks(range(0, last + 1, 20))
    return figure


def at_rate(curves: pd.DataFrame, rate: str, chance: float) -> Figure:
    """Every network's training loss at one learning rate (columns arm, network, step, loss, activation, norm)."""
    ends = curves[curves["step"] == curves["step"].max()].groupby("arm", sort=False)["loss"]
    below = ", ".join(f"{int((loss < 1).sum())} of {len(loss)} {arm}" for arm, loss in ends)
    figure, ax = plots.axes(
        f"Learning rate {rate}: a loss below 1 is reached by\n{below}",
        "training loss · a line: one network · a line that ends: the network diverged",
    )
    last = int(curves["step"].max())
    for (arm, name, norm), rows in curves.groupby(["arm", "activation", "norm"], sort=False):
        entry = activations.get(str(name))
        table = rows.pivot(index="step", columns="network", values="loss")
        ax.plot(table.index, table, color=entry.colour, ls=entry.dash, lw=2.2 if norm == "batch" else 1.1)
        end = table.iloc[-1].mean()
        if math.isfinite(end):
            height = min(end, 2.65) + (-0.12 if norm == "batch" else 0.06)
            ax.text(last + 1.5, height, arm, color=entry.colour, fontweight="bold", fontsize=9.5, va="center")
    ax.axhline(chance, xmax=0.73, color="0.35", lw=1, linestyle=(0, (1, 2)))
    ax.set_xlabel("step (250 images each)")
    ax.set_ylabel("cross-entropy (nats)")
    ax.set_ylim(0, 2.75)
    ax.set_xlim(0, last * 1.36)
    ax.set_xticks(range(0, last + 1, 20))
    return figure


def one_of_each(images: Dataset, finding: str) -> Figure:
    """The first image of each class, in one row, with its name."""
    figure, row = plots.axes(
        finding,
        columns=10,
        size=(7.2, 1.45),
        gridspec_kw={"wspace": 0.05},
    )
    pictures: Tensor = images.pictures()
    for label, (ax, name) in enumerate(zip(row, images.classes, strict=True)):
        first = int((images.labels == label).nonzero()[0])
        ax.imshow(pictures[first].numpy(), cmap="gray_r", vmin=0, vmax=1)
        ax.set_title(name.replace(" ", "\n").replace("/", "/\n"), fontsize=7, loc="center", color="0.3")
        ax.set_axis_off()
    return figure


def claims_map(overview: pd.DataFrame) -> Figure:
    """A tile per claim (columns id, notebook, verdict of ``overview``), a row per notebook in TITLES, marked with its verdict."""
    judged = int((overview["verdict"] != "open").sum())
    held = int((overview["verdict"] == "holds").sum())
    figure, ax = plots.axes(
        f"{len(overview)} lines of the thread: {held} hold as they stand"
        if judged == len(overview)
        else f"{len(overview)} lines of the thread, each with a home: {judged} judged so far",
        tiles.KEY,
        size=(7.2, 3.9),
    )
    if homeless := sorted(set(overview["notebook"]) - set(TITLES)):
        raise ValueError(f"the map has no row for notebook {', '.join(homeless)}: add it to TITLES")
    for y, (notebook, title) in enumerate(TITLES.items()):
        ax.text(-0.3, y, f"{notebook} {title}", ha="right", va="center", fontsize=9.5, color=plots.INK)
        for x, (_, claim) in enumerate(overview[overview["notebook"] == notebook].iterrows()):
            tiles.draw(ax, x, y, claim["id"], claim["verdict"])
    ax.set_xlim(-3.2, max(10, overview["notebook"].value_counts().max()) + 0.2)
    ax.set_ylim(len(TITLES) - 0.5, -0.5)
    ax.set_axis_off()
    return figure

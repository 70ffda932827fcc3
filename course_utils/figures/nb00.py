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
    from matplotlib.axes import Axes
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
    "09": "After the first step",
    "10": "Verdict",
}


def hook(table: pd.DataFrame, losses: Tensor, chance: float, finding: str, every: int = 4) -> Figure:
    """Training loss against step, a line for each arm, chance level drawn.

    table: a row per network (columns arm, activation, norm), as trials.Run.table. losses: [S, N], in the order of its
    rows; means of ``every`` steps are drawn. A line is the mean over an arm's networks, the band reaches from the
    lowest to the highest.
    """
    seeds = len(table) // table["arm"].nunique()
    how = f"training loss on Fashion-MNIST · line: mean of {seeds} networks · band: lowest to highest"
    figure, ax = plots.axes(finding, how)
    steps, means = _groups(losses, every)
    for arm, rows in table.groupby("arm", sort=False):
        own, normed = means[:, rows.index.tolist()], rows["norm"].iloc[0] == "batch"
        entry = activations.get(rows["activation"].iloc[0])
        ax.fill_between(steps, own.amin(1), own.amax(1), color=entry.colour, alpha=0.2, lw=0)
        ax.plot(steps, own.mean(1), color=entry.colour, linestyle=entry.dash, lw=3.2 if normed else 1.6)
        _name(ax, steps[-1], own[-1].mean().item() + (-0.16 if normed else 0.06), str(arm), entry.colour)
    _frame(ax, steps[-1], chance)
    ax.text(28, chance + 0.05, f"dotted: chance, ln 10 = {chance:.3f}", color="0.35", fontsize=9, va="bottom")
    return figure


def at_rate(table: pd.DataFrame, losses: Tensor, rate: str, chance: float, every: int = 4) -> Figure:
    """Every network's training loss at one learning rate; arguments as :func:`hook`, for networks of every rate."""
    table = table[table["learning_rate"] == float(rate)]
    steps, means = _groups(losses, every)
    ends = {str(arm): means[-1, rows.index.tolist()] for arm, rows in table.groupby("arm", sort=False)}
    below = ", ".join(f"{int((end < 1).sum())} of {len(end)} {arm}" for arm, end in ends.items())
    figure, ax = plots.axes(
        f"Learning rate {rate}: a loss below 1 is reached by\n{below}",
        "training loss · a line: one network · a line that ends: the network diverged",
    )
    for arm, rows in table.groupby("arm", sort=False):
        own, normed = means[:, rows.index.tolist()], rows["norm"].iloc[0] == "batch"
        entry = activations.get(rows["activation"].iloc[0])
        ax.plot(steps, own, color=entry.colour, ls=entry.dash, lw=2.2 if normed else 1.1)
        end = own[-1].mean().item()
        if math.isfinite(end):
            _name(ax, steps[-1], min(end, 2.65) + (-0.12 if normed else 0.06), str(arm), entry.colour)
    _frame(ax, steps[-1], chance)
    return figure


def _groups(losses: Tensor, every: int) -> tuple[list[int], Tensor]:
    """The mean loss of each ``every`` steps in a row, and the last step of each, counted from 1."""
    whole = losses[: len(losses) - len(losses) % every]
    means = whole.view(-1, every, losses.shape[1]).mean(1)
    return [every * (i + 1) for i in range(len(means))], means


def _name(ax: Axes, x: float, y: float, arm: str, colour: str) -> None:
    ax.text(x * 1.02, y, arm, color=colour, fontweight="bold", fontsize=9.5, va="center")


def _frame(ax: Axes, last: int, chance: float) -> None:
    ax.axhline(chance, xmax=0.7, color="0.35", lw=1, linestyle=(0, (1, 2)))
    ax.set_xlabel("step")
    ax.set_ylabel("cross-entropy (nats)")
    ax.set_ylim(0, 2.75)
    ax.set_xlim(0, last * 1.42)
    ax.set_xticks(range(0, last + 1, 20))


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

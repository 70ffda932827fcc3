"""Figures of notebook 10, Verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from course_utils import activations, plots
from course_utils.figures import tiles

__all__ = ["settings", "wall"]

ROW = 12  # tiles that fit beside a name


def wall(people: pd.DataFrame, finding: str, chosen: str = "") -> Figure:
    """A tile for each claim of each person (columns person, id, verdict, claimed), the person with most claims on top.

    ``chosen``: a verdict that stands out while the others turn faint; default: none.
    """
    claims: dict[str, list[dict[Any, Any]]] = {}
    for claim in people.to_dict("records"):  # a table for each person takes many times as long
        claims.setdefault(claim["person"], []).append(claim)
    by_size = sorted(claims.items(), key=lambda item: -sum(_is_card(claim) for claim in item[1]))
    rows = sum(-(-len(own) // ROW) for _, own in by_size)
    figure, ax = plots.axes(finding, tiles.KEY.rsplit(" · ", 1)[0], size=(7.2, 0.95 + 0.31 * rows))
    y = 0
    for name, own in by_size:
        kept = [claim for claim in own if _is_card(claim) and claim["claimed"]]
        right = sum(claim["verdict"] == "holds" for claim in kept)
        count = f"{right} of {len(kept)}" if len(kept) else "asked"
        ax.text(-0.3, y, f"{name}  {count}", ha="right", va="center", fontsize=9, color=plots.INK)
        for place, claim in enumerate(own):
            faint = bool(chosen) and claim["verdict"] != chosen
            tiles.draw(ax, place % ROW, y + place // ROW, claim["id"], claim["verdict"], faint)
        y += -(-len(own) // ROW)
    ax.set_xlim(-4.2, ROW)
    ax.set_ylim(rows - 0.5, -0.5)
    ax.set_axis_off()
    return figure


def _is_card(claim: dict[Any, Any]) -> bool:
    return str(claim["id"]).startswith("C")


def settings(table: pd.DataFrame, flat: Mapping[str, Tensor], order: Sequence[str], finding: str) -> Figure:
    """Test accuracy of each activation (columns setting, arm, score), a panel per setting, two in a row.

    Dots are seeds, the bar is their mean, the grey line ReLU's. flat: setting -> accuracies [seeds] of softmax
    regression; their mean is the dotted line.
    """
    names = list(dict.fromkeys(table["setting"]))
    rows = -(-len(names) // 2)
    figure, grid = plots.axes(
        finding,
        "test accuracy · dots: seeds · bar: their mean · grey line: ReLU's mean · dotted: softmax regression",
        columns=2, rows=rows, size=(7.2, 0.9 + 2.35 * rows), sharey=True, squeeze=False,
    )  # fmt: skip
    for ax in grid.flat[len(names) :]:
        ax.set_axis_off()
    for ax, setting in zip(grid.flat, names, strict=False):
        own = table[table["setting"] == setting]
        ax.axhline(own.loc[own["arm"] == "relu", "score"].mean(), color="0.6", lw=1)
        ax.axhline(flat[setting].mean(), color="0.2", lw=1.2, linestyle=(0, (1, 2)))
        for x, name in enumerate(order):
            entry = activations.get(name)
            scores = own.loc[own["arm"] == name, "score"]
            ax.plot([x] * len(scores), scores, entry.marker, color=entry.colour, ms=4.5, alpha=0.6)
            ax.plot([x - 0.3, x + 0.3], [scores.mean()] * 2, color=entry.colour, lw=2)
        ax.set_xticks(range(len(order)), [activations.get(name).label for name in order], fontsize=8)
        ax.grid(visible=False, axis="x")
        ax.set_title(setting, fontsize=10, color="0.2")
    for ax in grid[:, 0]:
        ax.set_ylabel("test accuracy")
    return figure

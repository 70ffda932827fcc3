"""Figures of notebook 09, Verdict."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

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


def settings(table: pd.DataFrame, best: pd.DataFrame, order: Sequence[str], finding: str) -> Figure:
    """Test accuracy of each activation (columns setting, activation, seed, test_accuracy), a panel per setting.

    Dots are seeds, each at the rate that ``best`` (columns setting, activation, mean) found; the bar is their mean;
    the grey line is ReLU's mean.
    """
    names = list(dict.fromkeys(table["setting"]))
    figure, row = plots.axes(
        finding,
        "test accuracy after tuning · dots: seeds · bar: their mean · grey line: ReLU's mean",
        columns=len(names), size=(7.2, 3.6), sharey=True,
    )  # fmt: skip
    for ax, setting in zip(np.atleast_1d(row), names, strict=True):
        means = best[best["setting"] == setting].set_index("activation")["mean"]
        ax.axhline(means["relu"], color="0.6", lw=1)
        for x, name in enumerate(order):
            entry = activations.get(name)
            scores = table[(table["setting"] == setting) & (table["activation"] == name)]["test_accuracy"]
            ax.plot([x] * len(scores), scores, entry.marker, color=entry.colour, ms=4.5, alpha=0.6)
            ax.plot([x - 0.3, x + 0.3], [means[name]] * 2, color=entry.colour, lw=2)
        ax.set_xticks(
            range(len(order)), [activations.get(name).label for name in order], fontsize=8, rotation=35
        )
        ax.grid(visible=False, axis="x")
        ax.set_title(setting, fontsize=10, color="0.2")
    np.atleast_1d(row)[0].set_ylabel("test accuracy (share right)")
    return figure

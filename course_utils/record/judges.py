"""Judges: each claim's verdict under a change, by the conditions of its own card, from the rows of the record.

The conditions are those of the notebooks' cards, word for word in substance: lengths are told relative to the setting's own, and
where a card says SGD the setting's optimiser stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import course_utils.record.sparse as sparse
from course_utils import trials

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["JUDGES", "Rows", "lead"]

Verdict = tuple[dict[str, bool], str]
TWO = 0.02
LINE = 0.6  # a network of 05 has learnt above this accuracy


@dataclass(frozen=True)
class Rows:
    """The tables of a family under one change, by part."""

    parts: Mapping[str, pd.DataFrame]

    def of(self, part: str, **choice: object) -> pd.DataFrame:
        """Rows of a part, those whose columns have these values."""
        rows = self.parts[part]
        for column, value in choice.items():
            rows = rows[rows[column] == value]
        return rows

    def scores(self, part: str, arm: str, column: str = "score") -> pd.Series[float]:
        """One column of an arm, a number for each seed; a missing one counts as 0."""
        found: pd.Series[float] = self.of(part, arm=arm)[column].fillna(0.0)
        return found


def lead(rows: pd.DataFrame, arm: str, rival: str = "ReLU") -> tuple[float, float, float]:
    """Steps of an arm over its rival's, seed by seed: mean ratio and 95 % interval.

    Infinite where most of the arm are out of time and most of the rival are not; NaN where most of the rival are, too.
    """
    late = {name: bool(rows.loc[rows["arm"] == name, "failed"].mean() > 0.5) for name in (arm, rival)}
    if late[rival]:
        return (math.nan,) * 3
    if late[arm]:
        return (math.inf,) * 3
    sound = rows[rows["arm"].isin([arm, rival])]
    sound = sound.assign(
        log=sound["score"].astype(float).map(lambda s: math.log(s) if s < math.inf else math.inf)
    )
    pair = trials.paired(sound, arm, rival, "log")
    return math.exp(pair.mean), math.exp(pair.interval[0]), math.exp(min(pair.interval[1], 99.0))


def _ratio(found: tuple[float, float, float]) -> str:
    if math.isnan(found[0]):
        return "ReLU out of time"
    return "out of time" if math.isinf(found[0]) else f"{found[0]:.2f} ({found[1]:.2f} to {found[2]:.2f})"


def _leads(
    rows: Rows, arm: str, depths: tuple[int, ...] = (2, 4, 6)
) -> dict[int, tuple[float, float, float]]:
    return {depth: lead(rows.parts[f"depth_{depth}"], arm) for depth in depths}


def c02(rows: Rows) -> Verdict:
    """Slopes below one slow the sigmoid and tanh down."""
    sigmoid, five, tanh = (_leads(rows, arm) for arm in ("sigmoid", "sigmoid, gain 5", "tanh"))
    old, adam = (
        lead(rows.parts["old"], "tanh"),
        {a: lead(rows.parts["under_adam"], a) for a in ("sigmoid", "tanh")},
    )
    return (
        {
            "the sigmoid at Xavier's init is clearly later than ReLU at depths 2, 4 and 6": _all_late(
                sigmoid
            ),
            "the sigmoid at gain 5 is clearly later at depth 6": five[6][1] > 1,
            "the sigmoid at gain 5 needs half as many steps again at depth 2": five[2][0] >= 1.5,
            "tanh at Xavier's init needs half as many again at some depth": _half(tanh),
            "tanh at the old weights, depth 4, needs half as many again": old[0] >= 1.5,
            "Adam, depth 4: the sigmoid at Xavier's init is clearly later": adam["sigmoid"][1] > 1,
            "Adam, depth 4: tanh at Xavier's init needs half as many again": adam["tanh"][0] >= 1.5,
        },
        f"steps over ReLU's, depth 4: sigmoid {_ratio(sigmoid[4])}, tanh {_ratio(tanh[4])}; Adam: tanh {_ratio(adam['tanh'])}",
    )


def c08(rows: Rows) -> Verdict:
    """It is the constant slope."""
    sigmoid, tanh, gelu = (_leads(rows, arm) for arm in ("sigmoid", "tanh", "GELU"))
    return (
        {
            "the sigmoid at Xavier's init is clearly later at depths 2, 4 and 6": _all_late(sigmoid),
            "tanh, whose slope varies, needs half as many steps again at some depth": _half(tanh),
            "GELU, whose slope varies, needs half as many again at some depth": _half(gelu),
            "tanh at the old weights, depth 4, needs half as many again": lead(rows.parts["old"], "tanh")[0]
            >= 1.5,
            "Adam, depth 4: tanh needs half as many again": lead(rows.parts["under_adam"], "tanh")[0] >= 1.5,
        },
        f"steps over ReLU's, depth 6: tanh {_ratio(tanh[6])}, GELU {_ratio(gelu[6])}, sigmoid {_ratio(sigmoid[6])}",
    )


def c20(rows: Rows) -> Verdict:
    """ReLU networks converge better."""
    sigmoid, tanh = (_leads(rows, arm) for arm in ("sigmoid", "tanh"))
    old = rows.parts["old"]
    late = {arm: bool(own["failed"].mean() > 0.5) for arm, own in old.groupby("arm")}
    over = {arm: trials.paired(rows.parts["ends"], "ReLU", arm) for arm in ("sigmoid", "tanh")}
    old_tanh = lead(old, "tanh")
    errors = rows.parts.get("krizhevsky")  # with convolutions alone
    theirs = (
        [] if errors is None else [lead(errors, f"tanh, {way}", f"ReLU, {way}") for way in ("old", "modern")]
    )
    told = (
        "; to 25 % training error: old weights {}, modern {}".format(*map(_ratio, theirs)) if theirs else ""
    )
    return {
        "ReLU is clearly sooner than the sigmoid at Xavier's init at depths 2, 4 and 6": _all_late(sigmoid),
        "at the old weights, depth 4, ReLU is in time and the sigmoid is not": late["sigmoid"]
        and not late["ReLU"],
        "at the end, depth 4, ReLU is clearly above the sigmoid at Xavier's init": over["sigmoid"].interval[0]
        > 0,
        "at the end, depth 4, ReLU is two points above tanh": over["tanh"].mean >= TWO,
        "against tanh ReLU is twice as soon at the old weights, depth 4": old_tanh[0] >= 2,
        "against tanh ReLU is twice as soon at modern weights, depth 4": tanh[4][0] >= 2,
    }, (
        f"tanh's steps over ReLU's, depth 4: old weights {_ratio(old_tanh)}, modern {_ratio(tanh[4])}; "
        f"ReLU's end above the sigmoid's {over['sigmoid'].mean:+.3f}, above tanh's {over['tanh'].mean:+.3f}{told}"
    )


def c28(rows: Rows) -> Verdict:
    """A sigmoid four times as steep does much worse."""
    steep, adam = _leads(rows, "σ(4z)", (4, 6)), lead(rows.parts["under_adam"], "σ(4z)")
    medians = {d: rows.parts[f"depth_{d}"].groupby("arm")["score"].median() for d in (4, 6)}
    return (
        {
            "it is clearly later than ReLU at depths 4 and 6": steep[4][1] > 1 and steep[6][1] > 1,
            "Adam, depth 4: it is clearly later than ReLU": adam[1] > 1,
            "the same weights: it is later than the plain sigmoid at depths 4 and 6": all(
                m["σ(4z)"] > m["sigmoid"] for m in medians.values()
            ),
        },
        f"steps over ReLU's: depth 4 {_ratio(steep[4])}, depth 6 {_ratio(steep[6])}; Adam, depth 4 {_ratio(adam)}",
    )


def c37(rows: Rows) -> Verdict:
    """Each step teaches a sigmoid or tanh network less, the more so the deeper."""
    sigmoid, tanh = (_leads(rows, arm) for arm in ("sigmoid", "tanh"))
    adam = {a: lead(rows.parts["under_adam"], a) for a in ("sigmoid", "tanh")}
    return (
        {
            "the sigmoid at Xavier's init is clearly later than ReLU at depths 2, 4 and 6": _all_late(
                sigmoid
            ),
            "its handicap grows from depth 2 to depth 6": sigmoid[2][0] < sigmoid[6][0],
            "tanh needs half as many steps again as ReLU at some depth": _half(tanh),
            "tanh is clearly later than ReLU at depth 6": tanh[6][1] > 1,
            "Adam, depth 4: the sigmoid at Xavier's init is clearly later": adam["sigmoid"][1] > 1,
            "Adam, depth 4: tanh is clearly later": adam["tanh"][1] > 1,
        },
        (
            f"steps over ReLU's, depths 2 and 6: sigmoid {_ratio(sigmoid[2])} and {_ratio(sigmoid[6])}; "
            f"tanh {_ratio(tanh[2])} and {_ratio(tanh[6])}"
        ),
    )


def c14(rows: Rows) -> Verdict:
    """Batch norm does away with most dead units."""
    dead = rows.parts["deaths"].groupby("arm")["score"].mean().fillna(1.0)  # all diverged: worse than dead
    plain = {way: dead[f"{way}, none"] for way in ("high rate", "bias -1")}
    normed = {way: dead[f"{way}, batch"] for way in plain}
    smallest = rows.parts["depth_30"]["ratio"].min()
    return {
        "a high rate kills: more than 20 % dead without batch norm": plain["high rate"] > 0.2,
        "biases of -1 kill: more than 20 % dead without batch norm": plain["bias -1"] > 0.2,
        "with batch norm less than a tenth as many, at the high rate and at biases of -1": all(
            normed[way] < 0.1 * plain[way] for way in plain
        ),
        "with batch norm, 30 layers, trained: the first layer's gradient at least a tenth of the last's": smallest
        > 0.1,
    }, (
        f"dead at bias -1: {100 * plain['bias -1']:.0f} % without, {100 * normed['bias -1']:.1f} % with; at a high rate "
        f"{100 * plain['high rate']:.0f} % and {100 * normed['high rate']:.1f} %; first layer's gradient {smallest:.1f} times the last's"
    )


def c26(rows: Rows) -> Verdict:
    """Deep learning with the sigmoid is impossible."""
    stuck = {
        "30 layers with batch norm": rows.scores("depth_30", "sigmoid + batch norm"),
        "8 layers with residual paths": rows.scores("remedies", "residual paths"),
        "8 layers, centred at gain 4": rows.scores("remedies", "centred, gain 4"),
        "8 layers, plain, at gain 4, Adam": rows.scores("under_adam", "plain, gain 4"),
    }
    return {
        f"{name}: no sigmoid network gets above 0.5": bool((a <= 0.5).all()) for name, a in stuck.items()
    }, ("mean accuracy " + ", ".join(f"{a.mean():.2f} ({name})" for name, a in stuck.items()))


def c30(rows: Rows) -> Verdict:
    """With batch norm sigmoid networks train, and come close to ReLU networks."""
    arm, depths = "sigmoid + batch norm", (2, 8, 30)
    leads, lowest = {}, math.inf
    for depth in depths:
        table = rows.parts[f"depth_{depth}"]
        best = max(("ReLU", "ReLU + batch norm"), key=lambda one: rows.scores(f"depth_{depth}", one).mean())
        leads[depth] = trials.paired(table, arm, best)
        lowest = min(lowest, rows.scores(f"depth_{depth}", arm).min())
    both = trials.paired(rows.parts["depth_30"], arm, "ReLU + batch norm", "later")
    adam = trials.paired(rows.parts["long"], arm, "ReLU + batch norm")
    ends, alone = rows.parts["paths"], rows.parts["depth_30"]
    import pandas as pd

    paths = trials.paired(ends, "sigmoid, residual", "ReLU, residual").mean
    one = trials.paired(pd.concat([alone, ends]), arm, "ReLU, residual").mean
    return {
        "2, 8 and 30 layers: every sigmoid network with batch norm above 0.5": lowest > 0.5,
        "2 and 8 layers: on average within 0.05 of the better ReLU arm": min(leads[2].mean, leads[8].mean)
        > -0.05,
        "30 layers: surely not behind ReLU, plain or with batch norm": leads[30].interval[0] > 0,
        "30 layers, twice as long: surely not behind ReLU with batch norm, as it is and under Adam": min(
            both.interval[0], adam.interval[0]
        )
        > 0,
        "30 layers, both with residual paths: on average within 0.05": paths > -0.05,
        "30 layers, ReLU alone with residual paths: on average within 0.05": one > -0.05,
    }, (
        f"ahead of the better ReLU arm by {leads[2].mean:+.2f} (2 layers), {leads[8].mean:+.2f} (8), {leads[30].mean:+.2f} (30), "
        f"twice as long {both.mean:+.2f} (Adam {adam.mean:+.2f}); with residual paths {paths:+.2f}, with ReLU's alone {one:+.2f}"
    )


def c32(rows: Rows) -> Verdict:
    """In the early years ReLU trained, the sigmoid did not."""
    highest = max(rows.of(f"depth_{d}", arm="sigmoid")["highest"].max() for d in (8, 30))
    found = {"He": rows.scores("depth_8", "ReLU")}
    found |= {arm: rows.scores("inits", arm) for arm in ("PyTorch's default", "N(0, 0.01²)", "N(0, 0.1²)")}
    held = {
        "8 and 30 layers: no plain sigmoid network at Xavier's init above 0.15, at any rate": bool(
            highest < 0.15
        )
    }
    held |= {
        f"8 layers, {name}: every ReLU network above 0.5": bool(a.min() > 0.5) for name, a in found.items()
    }
    means = ", ".join(f"{a.mean():.2f} ({name})" for name, a in found.items())
    return held, f"8 layers of ReLU: {means}; the best plain sigmoid {highest:.2f}"


def c38(rows: Rows) -> Verdict:
    """Normalising inputs, by whichever means, is all that the sigmoid needs."""
    ways = {
        "the network's inputs, pixel by pixel": rows.scores("remedies", "each pixel normalised"),
        "the network's inputs, pixel by pixel, Adam, three times as long": rows.scores(
            "under_adam", "each pixel normalised"
        ),
        "each layer's inputs over the units (layer norm)": rows.scores("remedies", "layer norm"),
        "layer norm, Adam, three times as long": rows.scores("under_adam", "layer norm"),
        "each unit's input over the batch (batch norm)": rows.scores("depth_8", "sigmoid + batch norm"),
    }
    means = ", ".join(f"{a.mean():.2f}" for a in ways.values())
    return {
        f"{name}: it trains": bool((a > 0.5).all()) for name, a in ways.items()
    }, f"accuracy, in this order: {means}"


def c22(rows: Rows) -> Verdict:
    """Too many units below zero: they die, and take learning with them."""
    stuck, hot, usual = rows.parts["stuck"], rows.parts["hot"], rows.of("usual", arm="ReLU")
    dead, learnt = stuck.groupby("bias")["dead"].mean().fillna(0).min(), int((stuck["score"] > LINE).sum())
    top = {
        b: max(rows.of(p, arm="ReLU", bias=b)["score"].max() for p in ("low_long", "under_adam"))
        for b in (-1.0, -2.0)
    }
    hot_dead, costs = _hot(hot)
    end = rows.parts["default"].groupby("arm")["score"].mean()
    return {
        "all biases at -1 or -2: over 20 % dead, and at most 4 of 40 networks learn": bool(
            dead > 0.2 and learnt <= 4
        ),
        "at -2 none of five learns, ten times as long or under Adam": top[-2.0] < LINE,
        "at -1 none of five learns, ten times as long or under Adam": top[-1.0] < LINE,
        "rate 0.2: over 5 % dead, and clearly behind leaky ReLU, by over ten points": hot_dead > 0.05
        and costs,
        "rate 0.05, biases 0: over 5 % dead": bool(usual["dead"].mean() > 0.05),
        "PyTorch's ten layers: over ten points behind leaky ReLU, which has no dead unit": bool(
            end["leaky ReLU"] > end["ReLU"] + 0.1
        ),
    }, (
        f"{learnt} of {len(stuck)} learn at low biases, dead {stuck['dead'].mean():.2f}; dead {hot_dead:.2f} at rate 0.2, "
        f"{usual['dead'].mean():.3f} at 0.05; ten layers: {end['ReLU']:.2f}, leaky {end['leaky ReLU']:.2f}"
    )


def c23(rows: Rows) -> Verdict:
    """Leaky ReLU and ELU cure it, in part."""
    lowest = rows.parts["low"].groupby("arm")["score"].min()
    long = {
        (arm, bias): int((own["score"] > LINE).sum())
        for (arm, bias), own in rows.parts["low_long"].groupby(["arm", "bias"])
    }
    adam = rows.parts["under_adam"]
    leaky = adam[adam["arm"] == "leaky ReLU"]["score"].min()
    plain = adam[adam["arm"] == "ReLU"].groupby("bias")["score"].min().max()
    _, costs = _hot(rows.parts["hot"])
    held = {
        f"biases at -1 and -2: all ten {name} learn": bool(lowest[arm] > LINE)
        for name, arm in {
            "ELU networks": "ELU",
            "with a leak of 0.3": "leaky ReLU, leak 0.3",
            "with the usual leak of 0.01": "leaky ReLU",
        }.items()
    }
    held |= {
        f"at {bias:g}, ten times as long, more networks with the usual leak learn than of ReLU's": long[
            "leaky ReLU", bias
        ]
        > long["ReLU", bias]
        for bias in (-1.0, -2.0)
    }
    held["under Adam all ten with the usual leak learn, and not all of ReLU's at either bias"] = bool(
        leaky > LINE > plain
    )
    held["at a rate of 0.2 leaky ReLU is clearly ahead of ReLU, by over ten points"] = costs
    return held, (
        f"lowest accuracy at low biases {lowest['ELU']:.2f} (ELU), {lowest['leaky ReLU, leak 0.3']:.2f} (leak 0.3), "
        f"{lowest['leaky ReLU']:.2f} (leak 0.01); under Adam leaky {leaky:.2f}"
    )


def c11(rows: Rows) -> Verdict:
    """A sparse code serves better than a dense one."""
    short, late, noisy = (rows.parts[name] for name in ("short", "late", "noisy"))
    judged = short.groupby("arm")["judged"].first()
    picked = max(sparse.PENALISED, key=lambda arm: judged[arm])
    fair = trials.paired(short, picked, "ReLU").mean
    dense = max(trials.paired(short, arm, "ReLU").mean for arm in sparse.DENSE)
    forced = max(trials.paired(table, sparse.FORCED, "ReLU").mean for table in (short, late))
    pressed = trials.paired(short, sparse.PENALISED[-1], f"leaky {sparse.PENALISED[-1]}").mean
    dirty = max(
        trials.paired(noisy, arm, "leaky ReLU").mean for arm in ("ReLU", "ReLU, penalty", sparse.FORCED)
    )
    return (
        {
            "the penalty that held-back images choose lifts ReLU's accuracy by over two points": fair > TWO,
            "ReLU is over two points ahead of each of four dense activations": dense < -TWO,
            "five times as long it is over two points ahead of leaky ReLU": trials.paired(
                late, "leaky ReLU", "ReLU"
            ).mean
            < -TWO,
            "one in seven kept, short or long: over two points ahead of plain ReLU": forced > TWO,
            "under the strongest penalty ReLU, with its zeros, is over two points ahead of leaky ReLU": pressed
            > TWO,
            "with wrong labels ReLU (plain, penalised or forced) is over two points ahead of leaky ReLU": dirty
            > TWO,
        },
        f"lead over ReLU: penalty {fair:+.3f}, best dense {dense:+.3f}, forced {forced:+.3f}; wrong labels, over leaky ReLU {dirty:+.3f}",
    )


def c35(rows: Rows) -> Verdict:
    """ReLU forgives a poor choice of settings."""

    def cells(part: str, arm: str, below: float, column: str = "score") -> float:
        table = rows.of(part, arm=arm)
        return float((table[column] < below).sum()) / table["seed"].nunique()

    near = {c: (cells("near", "sigmoid", 1.0, c), cells("near", "ReLU", 1.0, c)) for c in ("early", "score")}
    whole = {t: (cells("whole", "sigmoid", t), cells("whole", "ReLU", t)) for t in (0.7, 1.0)}

    def twice(pair: tuple[float, float]) -> bool:
        return pair[1] >= max(1.0, 2 * pair[0])

    return {
        "usual gains, loss below 1 by a fifth of the steps: ReLU trains in at least twice as many cells": twice(
            near["early"]
        ),
        "usual gains, loss below 1 at the end: ReLU trains in at least twice as many cells": twice(
            near["score"]
        ),
        "gains from 1/8 to 32, loss below 0.7: ReLU trains in at least twice as many cells": twice(
            whole[0.7]
        ),
        "gains from 1/8 to 32, loss below 1: ReLU trains in at least twice as many cells": twice(whole[1.0]),
    }, (
        f"cells that train, sigmoid and ReLU: usual gains, early {near['early'][0]:.1f} and {near['early'][1]:.1f}, at the end "
        f"{near['score'][0]:.1f} and {near['score'][1]:.1f} of 16; all gains, loss 0.7 {whole[0.7][0]:.1f} and {whole[0.7][1]:.1f} of 45"
    )


def c36(rows: Rows) -> Verdict:
    """Given the right techniques either trains, and others beat ReLU by a hair or not at all."""
    lowest: dict[str, float] = {}
    gap, behind = -math.inf, math.inf
    for table in rows.parts.values():
        for optimiser in {arm.split(", ")[1] for arm in table["arm"]}:
            for name in ("relu", "gelu", "tanh", "sigmoid"):
                own = table[table["arm"] == f"{name}, {optimiser}"]["score"].min()
                lowest[name] = min(lowest.get(name, 1.0), own)
                if name != "relu":
                    over = trials.paired(table, f"{name}, {optimiser}", f"relu, {optimiser}").mean
                    gap, behind = max(gap, over), min(behind, over if name == "sigmoid" else behind)
    return {
        "with either technique the sigmoid trains in eight layers: every seed above 0.65": lowest["sigmoid"]
        > 0.65,
        "with either technique ReLU trains: every seed above 0.65": lowest["relu"] > 0.65,
        "no other activation is ahead of ReLU by more than 0.02 of test accuracy": gap <= TWO,
    }, f"largest lead over ReLU {gap:+.3f} of test accuracy, largest lag of the sigmoid {-behind:.3f}"


def _all_late(leads: Mapping[int, tuple[float, float, float]]) -> bool:
    return all(found[1] > 1 for found in leads.values())


def _half(leads: Mapping[int, tuple[float, float, float]]) -> bool:
    return any(found[0] >= 1.5 for found in leads.values())


def _hot(table: pd.DataFrame) -> tuple[float, bool]:
    """Dead ReLUs at the high rate, and whether leaky ReLU is clearly ahead, by ten points; who diverged guesses."""
    gap = trials.paired(table.assign(failed=False), "leaky ReLU", "ReLU")
    return float(table[table["arm"] == "ReLU"]["dead"].mean()), gap.clear and gap.mean > 0.1


JUDGES: dict[str, Callable[[Rows], Verdict]] = {
    "C02": c02, "C08": c08, "C11": c11, "C14": c14, "C20": c20, "C22": c22, "C23": c23, "C26": c26, "C28": c28,
    "C30": c30, "C32": c32, "C35": c35, "C36": c36, "C37": c37, "C38": c38,
}  # fmt: skip
"""Claim -> its judge: from a family's rows to the card's conditions and the deciding figure."""

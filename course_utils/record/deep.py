"""Deep: networks of 2, 8 and 30 layers, with batch norm and other remedies, notebook 06's."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from course_utils import activations, data, training, trials, units
from course_utils.networks import Design, Networks
from course_utils.record.settings import Setting

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FOUR",
    "deaths",
    "depth_2",
    "depth_8",
    "depth_30",
    "inits",
    "long",
    "paths",
    "remedies",
    "under_adam",
]

RATES, ADAM = [0.0004, 0.002, 0.01, 0.05, 0.25, 1.25, 6.25], [0.0001, 0.0005, 0.0025, 0.0125, 0.0625]
EPOCHS, LONG, LONGER, BATCH = 2, 4, 6, 80
FOUR = {
    "sigmoid": Design("sigmoid"),
    "ReLU": Design("relu", gain="he"),
    "sigmoid + batch norm": Design("sigmoid", norm="batch"),
    "ReLU + batch norm": Design("relu", gain="he", norm="batch"),
    "linear + batch norm": Design("identity", norm="batch"),
}
HARD = ("sigmoid + batch norm", "ReLU + batch norm", "ReLU")
CENTRED = replace(activations.get("sigmoid"), name="sigmoid - 1/2", value=lambda z: torch.sigmoid(z) - 0.5)


def _race(
    setting: Setting,
    arms: dict[str, Design],
    depth: int,
    sgd: list[float] = RATES,
    epochs: int = EPOCHS,
    by_pixel: bool = False,
    **options: Any,
) -> trials.Comparison:
    sets = setting.sets(3600, 1000)
    if by_pixel:
        train, held, test = data.standardise_pixels(sets[0], *sets)
        sets = train, held, test
    rates = ADAM if options.get("optimiser", setting.optimiser) == "adam" else sgd
    options = {"epochs": setting.epochs(epochs), "batch_size": BATCH} | options
    return setting.compare(arms, rates, sets, depth=depth, width=setting.wide(32), **options)


def _rows(found: trials.Comparison) -> pd.DataFrame:
    """Rows of a comparison, and in the column ``highest`` the best accuracy of the arm at any rate, tuning included."""
    top = found.tuning.groupby("arm")["score"].max()
    own = found.table.groupby("arm")["score"].max()
    table = found.table.assign(steps=len(found.losses), measure="test accuracy")
    return table.assign(highest=table["arm"].map(top.combine(own, max)))


def depth_2(setting: Setting) -> pd.DataFrame:
    """Plain and with batch norm, two layers; softmax regression beside them."""
    import pandas as pd

    found = _rows(_race(setting, FOUR, 2))
    options = {"epochs": setting.epochs(EPOCHS), "batch_size": BATCH}
    line = setting.linear(
        [0.0004, *RATES[1:5]], setting.sets(3600, 1000), int(found["steps"].iloc[0]), **options
    )
    return pd.concat([found, line.assign(measure="test accuracy")])


def depth_8(setting: Setting) -> pd.DataFrame:
    """The same, eight layers."""
    return _rows(_race(setting, FOUR, 8))


def depth_30(setting: Setting) -> pd.DataFrame:
    """The same, thirty layers.

    Column ``later``: the accuracy after as many steps again, at the same rate. ``ratio``: the size of dL/dz in layer 1 over
    that in the last, after both, the smaller one; with batch norm alone.
    """
    found = _race(setting, FOUR, 30, RATES[:5])
    train, _, test = setting.sets(3600, 1000)
    later, ratio = [], []
    for name, team in found.networks.items():
        if name not in HARD[:2]:
            later += [math.nan] * len(team)
            ratio += [math.nan] * len(team)
            continue
        first = _first_over_last(team, train)
        orders = [design.seed for design in team.designs]
        options: dict[str, Any] = {"epochs": setting.epochs(LONG - EPOCHS), "batch_size": BATCH}
        training.train(team, train, order_seed=orders, optimiser=setting.optimiser, more=True, **options)
        later += training.evaluate(team, test)[1].nan_to_num(0.0).tolist()
        ratio += torch.minimum(first, _first_over_last(team, train)).tolist()
    return _rows(found).assign(later=later, ratio=ratio)


def long(setting: Setting) -> pd.DataFrame:
    """Thirty layers under Adam, twice as long, whatever the setting's optimiser."""
    arms = {name: FOUR[name] for name in HARD}
    return _rows(_race(setting, arms, 30, epochs=LONG, optimiser="adam"))


def paths(setting: Setting) -> pd.DataFrame:
    """Thirty layers with batch norm and residual paths."""
    arms = {
        f"{name}, residual": replace(FOUR[f"{name} + batch norm"], residual=True)
        for name in ("ReLU", "sigmoid")
    }
    return _rows(_race(setting, arms, 30, RATES[1:6]))


def inits(setting: Setting) -> pd.DataFrame:
    """Eight layers of ReLU from older weights: PyTorch's default, N(0, 0.01^2) and N(0, 0.1^2)."""
    import pandas as pd

    found = [_rows(_race(setting, {"PyTorch's default": Design("relu", gain="pytorch")}, 8))]
    for std in (0.01, 0.1):
        found.append(_rows(_race(setting, {f"N(0, {std}²)": Design("relu")}, 8, prepare=_constant(std))))
    return pd.concat(found)


def remedies(setting: Setting) -> pd.DataFrame:
    """Eight layers of sigmoid: layer norm, centred at gain 4, residual paths; and with every pixel normalised."""
    import pandas as pd

    arms = {
        "layer norm": Design("sigmoid", norm="layer"),
        "centred, gain 4": Design(CENTRED, gain=4.0),
        "residual paths": Design("sigmoid", residual=True),
    }
    pixels = _race(setting, {"each pixel normalised": Design("sigmoid")}, 8, by_pixel=True)
    return pd.concat([_rows(_race(setting, arms, 8)), _rows(pixels)])


def under_adam(setting: Setting) -> pd.DataFrame:
    """Eight layers of sigmoid under Adam, three times as long: layer norm, plain at gain 4, every pixel normalised."""
    import pandas as pd

    arms = {"layer norm": Design("sigmoid", norm="layer"), "plain, gain 4": Design("sigmoid", gain=4.0)}
    options: dict[str, Any] = {"epochs": LONGER, "optimiser": "adam"}
    pixels = _race(setting, {"each pixel normalised": Design("sigmoid")}, 8, by_pixel=True, **options)
    return pd.concat([_rows(_race(setting, arms, 8, **options)), _rows(pixels)])


def deaths(setting: Setting) -> pd.DataFrame:
    """Eight layers of ReLU with and without batch norm, as usual, at a high rate and at low biases: who is dead.

    The score is the share of dead units over all layers and training images; NaN where a network diverged.
    """
    import pandas as pd

    train, found = setting.sets(3600, 1000)[0], []
    ways = {"usual": (0.0, 0.01), "high rate": (0.0, 0.25), "bias -1": (-1.0, 0.01)}
    for norm in ("none", "batch"):
        rows = [(f"{way}, {norm}", *choice, seed) for way, choice in ways.items() for seed in setting.seeds]
        designs = [Design("relu", s, "he", b, norm, setting.rate(rate)) for _, b, rate, s in rows]
        shape = {"depth": 8, "width": setting.wide(32), "epochs": setting.epochs(EPOCHS), "batch_size": BATCH}
        run = setting.run(designs, train, trials.loss(), **shape, names=[name for name, *_ in rows])
        dead = units.firing(run.networks, train.images).dead_share.mean(1).double()
        dead = dead.masked_fill(torch.tensor(run.table["failed"].to_numpy()), math.nan)
        found.append(run.table.assign(score=dead.numpy(), steps=len(run.losses)))
    return pd.concat(found).assign(measure="share of dead units")


def _constant(std: float) -> Callable[[Networks], None]:
    """All weights with one deviation, whatever the fan-in; for networks drawn at Xavier's init."""

    def prepare(nets: Networks) -> None:
        with torch.no_grad():
            for layer in range(nets.depth + 1):
                nets.weight(layer).mul_(std * math.sqrt(nets.weight(layer).shape[-2]))

    return prepare


def _first_over_last(team: Networks, train: data.Dataset) -> torch.Tensor:
    """Size of dL/dz in layer 1 over that in the last, on one batch: [networks]."""
    found, wanted = team.trace(train.images[:BATCH], training=True), train.labels[:BATCH]
    every = wanted.expand(len(team), -1)
    loss = torch.nn.functional.cross_entropy(found.outputs.transpose(1, 2), every, reduction="sum")
    first, last = torch.autograd.grad(loss, [found.z[0], found.z[-1]])
    return (first.square().mean((1, 2)) / last.square().mean((1, 2))).sqrt()

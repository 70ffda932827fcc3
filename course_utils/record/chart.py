"""Chart: which pairs of a gain and a learning rate train, notebook 07's maps, a network for each pair and seed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from course_utils import trials
from course_utils.networks import Design
from course_utils.record.settings import Setting

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["near", "whole"]

GAINS = [2.0**k for k in range(-3, 6)]
NEAR = [2.0 ** (k / 2) for k in range(-2, 2)]
SGD = [10.0 ** (i - 3.0) for i in range(5)]  # every other one of the notebook's
ADAM = [rate / 10 for rate in SGD]


def _survey(setting: Setting, gains: list[float], rates: slice, epochs: int) -> pd.DataFrame:
    """A network for each pair and seed.

    ``score`` is the last loss, ``early`` that by a fifth of the steps; infinite where it diverged.
    """
    import pandas as pd

    train = setting.sets(10_000)[0]
    found = []
    for name in ("sigmoid", "relu"):
        designs = [
            replace(Design(name), gain=gain, learning_rate=rate, seed=seed)
            for gain in gains
            for rate in setting.rates(SGD, ADAM)[rates]
            for seed in setting.seeds[:5]
        ]
        run = setting.run(
            designs, train, trials.loss(), depth=4, width=setting.wide(32), epochs=setting.epochs(epochs)
        )
        smooth = trials.smooth(run.losses, min(trials.WINDOW, len(run.losses)))
        early = smooth[max(0, len(run.losses) // 5 - trials.WINDOW)]
        early = early.masked_fill(~early.isfinite(), math.inf)
        found.append(run.table.assign(steps=len(run.losses), early=early.numpy()))
    return pd.concat(found).assign(measure="training loss")


def whole(setting: Setting) -> pd.DataFrame:
    """All gains from 1/8 to 32 and five rates, 0.001 to 10 (Adam: a tenth)."""
    return _survey(setting, GAINS, slice(None), 2)


def near(setting: Setting) -> pd.DataFrame:
    """The usual gains, 0.5 to root 2, and four rates, five times as long."""
    return _survey(setting, NEAR, slice(0, 4), 10)

"""Race: who is soon there, notebook 07's: steps to a training loss, and where an arm ends, by depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from course_utils import activations, trials
from course_utils.networks import Design
from course_utils.record.settings import Setting

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ARMS", "TARGET", "depth_2", "depth_4", "depth_6", "ends", "old", "under_adam"]

TARGET, EPOCHS, LONG_EPOCHS = 0.7, 3, 11
SGD, ADAM = [0.01, 0.03, 0.1, 0.3, 1.0], [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1]
ARMS = {
    "sigmoid": Design("sigmoid"),
    "sigmoid, gain 5": Design("sigmoid", gain=5.0),
    "σ(4z)": Design(activations.get("sigmoid").steeper(4)),
    "tanh": Design("tanh"),
    "ReLU": Design("relu", gain="he"),
    "GELU": Design("gelu", gain="he"),
    "linear": Design("identity"),
}
OLD = {
    "sigmoid": Design("sigmoid", gain=0.35),
    "tanh": Design("tanh", gain=0.35),
    "ReLU": Design("relu", gain=0.35),
}
LONG = ("sigmoid", "tanh", "ReLU", "linear")


def _soon(
    setting: Setting, arms: dict[str, Design], depth: int, optimiser: str | None = None
) -> pd.DataFrame:
    train = setting.sets(10_000)[0]
    optimiser = optimiser or setting.optimiser
    found = trials.compare(
        arms,
        SGD if optimiser == "sgd" else ADAM,
        train,
        trials.steps(TARGET),
        depth=depth,
        width=setting.wide(32),
        seeds=setting.seeds,
        tuning_seeds=setting.tuning,
        epochs=setting.epochs(EPOCHS),
        optimiser=optimiser,
    )
    return found.table.assign(steps=len(found.losses), measure=f"steps to loss {TARGET}")


def depth_2(setting: Setting) -> pd.DataFrame:
    """Steps to the line with two hidden layers."""
    return _soon(setting, ARMS, 2)


def depth_4(setting: Setting) -> pd.DataFrame:
    """Steps to the line with four hidden layers."""
    return _soon(setting, ARMS, 4)


def depth_6(setting: Setting) -> pd.DataFrame:
    """Steps to the line with six hidden layers."""
    return _soon(setting, ARMS, 6)


def old(setting: Setting) -> pd.DataFrame:
    """The same at depth 4 from the small weights of 2012: gain 0.35."""
    return _soon(setting, OLD, 4)


def under_adam(setting: Setting) -> pd.DataFrame:
    """The same at depth 4 under Adam, whatever the setting's optimiser."""
    return _soon(setting, {name: arm for name, arm in ARMS.items() if name != "GELU"}, 4, "adam")


def ends(setting: Setting) -> pd.DataFrame:
    """Test accuracy at depth 4 after about ten epochs (eleven of nine tenths of the images) that cool down."""
    import pandas as pd

    sets = setting.sets(9000, 1000)
    rates = setting.rates([0.003, 0.01, 0.03, 0.1, 0.3, 1.0], [0.0003, 0.001, 0.003, 0.01, 0.03])
    shape = {"epochs": setting.epochs(LONG_EPOCHS), "cooldown": 0.5}
    arms = {name: ARMS[name] for name in LONG}
    found = setting.compare(arms, rates, sets, depth=4, width=setting.wide(32), **shape)
    steps = len(found.losses)
    line = setting.linear([0.0003, 0.001, 0.003, 0.01, 0.03, 0.1], sets, steps, **shape)
    return pd.concat([found.table.assign(steps=steps), line]).assign(measure="test accuracy")

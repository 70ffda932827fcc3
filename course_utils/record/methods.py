"""Methods: which activation ends where, given the right techniques, notebook 10's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from course_utils.networks import Design
from course_utils.record.settings import Setting

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NAMES", "batch_norm", "layer_norm"]

NAMES = ("relu", "gelu", "tanh", "sigmoid", "identity")
RATES = {"sgd": [0.01, 0.03, 0.1, 0.3, 1.0], "adam": [0.0003, 0.001, 0.003, 0.01, 0.03]}


def _contest(setting: Setting, **technique: Any) -> pd.DataFrame:
    """Eight layers with a technique under either optimiser (the setting's own alone, where it is Adam)."""
    import pandas as pd

    sets, found = setting.sets(8000, 2000), []
    shape: dict[str, Any] = {"epochs": setting.epochs(3), "batch_size": 200, "cooldown": 0.5}
    for optimiser in ("sgd", "adam"):
        if setting.optimiser == "adam" and optimiser == "sgd":
            continue
        arms = {f"{name}, {optimiser}": Design(name, **technique) for name in NAMES}
        options = shape | {"optimiser": optimiser, "depth": 8, "width": setting.wide(64)}
        run = setting.compare(arms, RATES[optimiser], sets, **options)
        steps = len(run.losses)
        rates = [0.003, 0.01, 0.03, 0.1, 0.3] if optimiser == "sgd" else [0.0003, 0.001, 0.003, 0.01, 0.03]
        line = setting.linear(rates, sets, steps, **shape, optimiser=optimiser)
        found += [run.table.assign(steps=steps), line.assign(arm=f"softmax regression, {optimiser}")]
    return pd.concat(found).assign(measure="test accuracy")


def batch_norm(setting: Setting) -> pd.DataFrame:
    """With batch norm."""
    return _contest(setting, norm="batch")


def layer_norm(setting: Setting) -> pd.DataFrame:
    """With layer norm and residual paths."""
    return _contest(setting, norm="layer", residual=True)

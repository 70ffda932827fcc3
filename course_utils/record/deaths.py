"""Deaths: units that die, and the activations that should cure them, notebook 05's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from course_utils import activations, dying, networks, trials
from course_utils.networks import Design
from course_utils.record.settings import Setting

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["default", "hot", "low", "low_long", "stuck", "under_adam", "usual"]

EPOCHS = 4
BIASES = (-1.0, -2.0)
LEAK = activations.leaky(0.3)


def _follow(setting: Setting, designs: list[Design], epochs: int = EPOCHS, **options: Any) -> pd.DataFrame:
    """Rows of dying.follow; a network that diverged guesses: accuracy 0.1."""
    train, _, test = setting.sets(2000, 1000)
    options = {"optimiser": setting.optimiser} | options
    found = dying.follow(designs, train, test, 4, setting.wide(64), setting.epochs(epochs), **options).table
    steps = setting.epochs(epochs) * (len(train) // 100)
    return found.assign(
        score=found["accuracy"].fillna(0.1), failed=found["fate"] == "diverged", steps=steps
    ).assign(measure="test accuracy")


def _low(arms: list[Any], rate: float, seeds: tuple[int, ...]) -> list[Design]:
    return networks.grid(activation=arms, gain="he", bias=list(BIASES), learning_rate=rate, seed=seeds)


def low(setting: Setting) -> pd.DataFrame:
    """All biases at -1 or -2: ReLU and its relatives, at a rate of 0.05."""
    return _follow(setting, _low(["relu", "leaky_relu", LEAK, "elu"], setting.rate(0.05), setting.seeds))


def stuck(setting: Setting) -> pd.DataFrame:
    """The same for ReLU alone, twenty networks each."""
    return _follow(setting, _low(["relu"], setting.rate(0.05), setting.many))


def low_long(setting: Setting) -> pd.DataFrame:
    """ReLU and leaky ReLU from low biases, ten times as long."""
    return _follow(setting, _low(["relu", "leaky_relu"], setting.rate(0.05), setting.seeds), 40)


def under_adam(setting: Setting) -> pd.DataFrame:
    """The same under Adam, twice as long, at the rate that suits each arm best, whatever the setting's optimiser."""
    train, held, _ = setting.sets(2000, 1000)
    options: dict[str, Any] = {
        "optimiser": "adam",
        "depth": 4,
        "width": setting.wide(64),
        "epochs": setting.epochs(8),
    }
    designs = [
        replace(design, learning_rate=rate)
        for design in _low(["relu", "leaky_relu"], 0.1, setting.tuning)
        for rate in (0.001, 0.003, 0.01, 0.03)
    ]
    rates = trials.best(trials.run(designs, train, trials.accuracy(held), **options).table).set_index("arm")
    starts = _low(["relu", "leaky_relu"], 0.1, setting.seeds)
    chosen = [replace(start, learning_rate=float(rates.learning_rate[start.arm])) for start in starts]
    found = _follow(setting, chosen, 8, optimiser="adam")
    return found.assign(inside=found["arm"].map(rates["inside"]))


def hot(setting: Setting) -> pd.DataFrame:
    """Biases 0, a rate of 0.2, several times the best: ReLU and leaky ReLU, twenty networks each."""
    arms = ["relu", "leaky_relu"]
    return _follow(
        setting, networks.grid(activation=arms, gain="he", learning_rate=setting.rate(0.2), seed=setting.many)
    )


def usual(setting: Setting) -> pd.DataFrame:
    """Biases 0, a rate of 0.05: ReLU, and softmax regression beside it."""
    import pandas as pd

    found = _follow(
        setting,
        networks.grid(activation="relu", gain="he", learning_rate=setting.rate(0.05), seed=setting.seeds),
    )
    sets, rates = setting.sets(2000, 1000), [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1]
    line = setting.linear(rates, sets, int(found["steps"].iloc[0]), epochs=setting.epochs(EPOCHS))
    return pd.concat([found, line.assign(measure="test accuracy")])


def default(setting: Setting) -> pd.DataFrame:
    """Ten layers at PyTorch's default, ReLU and leaky ReLU, at a rate of 0.05."""
    train, _, test = setting.sets(2000, 1000)
    designs = networks.grid(
        activation=["relu", "leaky_relu"],
        gain="pytorch",
        learning_rate=setting.rate(0.05),
        seed=setting.seeds,
    )
    shape = {"depth": 10, "width": setting.wide(64), "epochs": setting.epochs(30)}
    run = setting.run(designs, train, trials.accuracy(test), **shape)
    return run.table.assign(steps=len(run.losses), measure="test accuracy")

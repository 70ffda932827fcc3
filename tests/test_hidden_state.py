"""What a reader has set as torch's defaults changes no weight, no training and no count."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from course_utils import baseline, data, dying, kernels, landscape, trials, units
from course_utils.networks import Design, grid


def figures() -> dict[str, Any]:
    """One small run of every room that draws or trains."""
    fit, held_back = data.split(data.load("train", count=600, size=14), 500)
    test = data.load("test", count=200, size=14)
    designs = grid(activation=["relu", "sigmoid"], gain=["he", "pytorch"]) + grid(
        activation="relu", norm="batch"
    )
    shape: dict[str, Any] = {"depth": 2, "width": 8, "epochs": 1}
    trained = trials.run(designs, fit, trials.accuracy(test), **shape)
    judges = trials.accuracy(held_back), trials.accuracy(test)
    tuned = trials.compare(
        {"relu": Design("relu")}, [0.01, 0.03, 0.1], fit, *judges, optimiser="adam", **shape
    )
    lived = dying.follow([Design("relu")], fit, test, depth=2, width=8, epochs=1)
    flat = baseline.softmax_regression([0.01, 0.03, 0.1], fit, held_back, test, epochs=1)
    return {
        "losses": trained.losses.tolist(),
        "tuned": tuned.table["score"].tolist(),
        "lived": lived.table["accuracy"].tolist(),
        "flat": flat.scores.tolist(),
        "map": landscape.survey("relu", fit, [0.5, 1.0], [0.01, 0.1], 2, 8, epochs=1).losses.tolist(),
        "born dead": dying.born_dead(4, 5, count=100).tolist(),
        "on": units.firing(trained.networks, fit.images).on.tolist(),
        "sparse": kernels.sparse_activations(4, 8, 0.5).tolist(),
    }


@pytest.fixture
def defaults() -> Iterator[None]:
    yield
    torch.set_default_device(None)
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("defaults")
@pytest.mark.parametrize(
    "change",
    [
        lambda: torch.set_default_dtype(torch.float64),
        lambda: torch.set_default_device("meta"),
        lambda: torch.manual_seed(7),
    ],
    ids=["dtype", "device", "seed"],
)
def test_defaults_change_nothing(change: Callable[[], object]) -> None:
    before = figures()
    change()
    assert figures() == before

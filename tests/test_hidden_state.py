"""What a reader has set in torch (type, device, seed, threads) changes no number of these rooms."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from course_utils import (
    activations,
    baseline,
    data,
    dying,
    kernels,
    landscape,
    measure,
    saturation,
    theory,
    trials,
    units,
)
from course_utils.networks import Design, grid


def trained() -> dict[str, Any]:
    """One small run of every other room that draws or trains."""
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


PIXELS = torch.linspace(-1, 2, 60, dtype=torch.float32).view(10, 6)
CALLS: dict[str, Callable[[], object]] = {
    "trained": trained,
    "moments": lambda: theory.moments(activations.leaky(0.3), 1.3),
    "theory.profile": lambda: vars(theory.profile(activations.leaky(0.2), 1.2, 6)),
    "theory.profile, normalised": lambda: vars(theory.profile(activations.shifted(0.2), 1.2, 6, "batch")),
    "theory.merging": lambda: theory.merging(activations.leaky(0.1), 1.3, 4)._asdict(),
    "gaussian_mean": lambda: theory.gaussian_mean(lambda z: z**2, 0),
    "middle_factor": lambda: theory.middle_factor(torch.tensor([1.0, 2, 4, 8], device="cpu"), 0),
    "layer_norm_growth": lambda: measure.layer_norm_growth("tanh", 8, 6, range(2), 4),
    "log_norm": lambda: measure.log_norm(6, 3, 20),
    "jacobian": lambda: measure.jacobian("relu", 1.4, 3, 6, orthogonal=True, seeds=range(2)),
    "autograd": lambda: saturation.autograd_derivative("elu", PIXELS),
    "zero_from": lambda: saturation.zero_from("sigmoid"),
    "intervals": lambda: saturation.unusable_intervals(activations.get("gelu").steeper(2.5)),
    "shares": lambda: saturation.gaussian_share("tanh", [1.0, 2.0], 0.3),
    "mean_square_slope": lambda: saturation.mean_square_slope("relu", 2.0),
    "densities": lambda: [saturation.mixture_density(PIXELS[0], PIXELS), *saturation.observed_density(PIXELS)],
    "data": lambda: [data.load("test", 20, 14).images, data.load("test", 20).labels],
    "activations": lambda: [f(PIXELS) for e in activations.registered() for f in (e, e.derivative)],
}  # fmt: skip


@pytest.fixture(params=["float64", "meta device", "seed and threads"])
def foreign(request: pytest.FixtureRequest) -> Iterator[Callable[[], None]]:
    """Sets it, when called; afterwards all is as before."""
    kind, threads, state = torch.get_default_dtype(), torch.get_num_threads(), torch.get_rng_state()

    def change() -> None:
        if request.param == "float64":
            torch.set_default_dtype(torch.float64)
        elif request.param == "meta device":
            torch.set_default_device("meta")
        else:
            torch.manual_seed(11)
            torch.set_num_threads(2)
            torch.set_printoptions(precision=1)

    yield change
    torch.set_default_dtype(kind)
    torch.set_default_device(None)
    torch.set_num_threads(threads)
    torch.set_rng_state(state)
    torch.set_printoptions(profile="default")


def plain(found: object) -> object:
    """Tensors as their type and numbers."""
    if isinstance(found, torch.Tensor):
        return str(found.dtype), str(found.device), found.tolist()
    if isinstance(found, dict):
        return {name: plain(value) for name, value in found.items()}
    return [plain(part) for part in found] if isinstance(found, list | tuple) else found


@pytest.mark.parametrize("call", CALLS)
def test_what_the_reader_has_set_changes_no_number(call: str, foreign: Callable[[], None]) -> None:
    for cache in (theory._moments, theory._settle, theory._critical, saturation._intervals):
        cache.cache_clear()
    before = plain(CALLS[call]())
    for cache in (theory._moments, theory._settle, theory._critical, saturation._intervals):
        cache.cache_clear()
    foreign()
    assert str(plain(CALLS[call]())) == str(before)
